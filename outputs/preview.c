/* Sprites in the terminal; see preview.h. */
#include "outputs/preview.h"

#include <stdlib.h>
#include <string.h>

/* The pixel's colour over the chequered ground (squares of two pixels). */
static void shown(const struct sprite *s, int x, int y, int rgb[3])
{
    int ground = (x / 2 + y / 2) % 2 == 0 ? 102 : 153;
    static const uint8_t nothing[4];
    const uint8_t *p = y < s->height ? s->rgba + ((size_t)y * (size_t)s->width + (size_t)x) * 4 : nothing;
    for (int c = 0; c < 3; c++) rgb[c] = (p[c] * p[3] + ground * (255 - p[3]) + 127) / 255;
}

/* xterm's palette from 16 on: a cube with these levels, then 24 greys from 8 in steps of 10. */
static int nearest_256(const int rgb[3])
{
    static const int level[6] = {0, 95, 135, 175, 215, 255};
    int index = 16, error = 0, weight[3] = {36, 6, 1};
    for (int c = 0; c < 3; c++) {
        int best = 0;
        for (int i = 1; i < 6; i++)
            if (abs(level[i] - rgb[c]) < abs(level[best] - rgb[c])) best = i;
        index += best * weight[c];
        error += (level[best] - rgb[c]) * (level[best] - rgb[c]);
    }
    int grey = ((rgb[0] + rgb[1] + rgb[2]) / 3 - 3) / 10, grey_error = 0;
    if (grey < 0) grey = 0;
    if (grey > 23) grey = 23;
    for (int c = 0; c < 3; c++) grey_error += (8 + 10 * grey - rgb[c]) * (8 + 10 * grey - rgb[c]);
    return grey_error < error ? 232 + grey : index;
}

bool preview_print(const struct sprite *sprite, enum preview_colours colours, struct bytes *out, struct error *error)
{
    for (int y = 0; y < sprite->height; y += 2) {
        for (int x = 0; x < sprite->width; x++) {
            int top[3], low[3];
            shown(sprite, x, y, top);
            shown(sprite, x, y + 1, low);
            bool ok = colours == PREVIEW_256_COLOURS
                ? bytes_printf(out, error, "\x1b[38;5;%d;48;5;%dm\xe2\x96\x80", nearest_256(top), nearest_256(low))
                : bytes_printf(out, error, "\x1b[38;2;%d;%d;%d;48;2;%d;%d;%dm\xe2\x96\x80", top[0], top[1], top[2], low[0], low[1], low[2]);
            if (!ok) return false;
        }
        if (!bytes_append_text(out, "\x1b[0m\n", error)) return false;
    }
    return true;
}
