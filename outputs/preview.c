/* Sprites in the terminal; see preview.h. */
#include "outputs/preview.h"
#include "core/mem.h"
#include "outputs/png.h"

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

static bool half_blocks(const struct sprite *sprite, enum preview_kind kind, struct bytes *out, struct error *error)
{
    for (int y = 0; y < sprite->height; y += 2) {
        for (int x = 0; x < sprite->width; x++) {
            int top[3], low[3];
            shown(sprite, x, y, top);
            shown(sprite, x, y + 1, low);
            bool ok = kind == PREVIEW_256_COLOURS
                ? bytes_printf(out, error, "\x1b[38;5;%d;48;5;%dm\xe2\x96\x80", nearest_256(top), nearest_256(low))
                : bytes_printf(out, error, "\x1b[38;2;%d;%d;%d;48;2;%d;%d;%dm\xe2\x96\x80", top[0], top[1], top[2], low[0], low[1], low[2]);
            if (!ok) return false;
        }
        if (!bytes_append_text(out, "\x1b[0m\n", error)) return false;
    }
    return true;
}

/* The picture over its ground, opaque, about WIDE pixels wide. */
static bool flatten(const struct sprite *sprite, struct sprite *out, struct error *error)
{
    enum { WIDE = 256 };
    struct sprite flat;
    int side = sprite->width > sprite->height ? sprite->width : sprite->height;
    if (!sprite_init(&flat, sprite->width, sprite->height, error)) return false;
    for (int i = 0; i < flat.width * flat.height; i++) {
        int rgb[3];
        shown(sprite, i % flat.width, i / flat.width, rgb);
        for (int c = 0; c < 3; c++) flat.rgba[4 * i + c] = (uint8_t)rgb[c];
        flat.rgba[4 * i + 3] = 255;
    }
    bool ok = sprite_scale(&flat, side < WIDE ? WIDE / side : 1, out, error);
    sprite_free(&flat);
    return ok;
}

/* ---- sixel ---- */

/* Channels to six steps, so that 216 colours are enough. */
static void coarsen(struct sprite *s)
{
    for (int i = 0; i < 4 * s->width * s->height; i++)
        if (i % 4 != 3) s->rgba[i] = (uint8_t)((s->rgba[i] + 25) / 51 * 51);
}

/* False when there are too many colours. */
static bool list_colours(const struct sprite *s, struct colour_list *list, uint8_t *index)
{
    list->n = 0;
    for (int i = 0; i < s->width * s->height; i++) {
        int colour = colour_list_index(list, s->rgba + 4 * i);
        if (colour < 0) return false;
        index[i] = (uint8_t)colour;
    }
    return true;
}

static bool sixel_run(struct bytes *out, int bits, int length, struct error *error)
{
    if (length > 3) return bytes_printf(out, error, "!%d%c", length, 63 + bits);
    for (int i = 0; i < length; i++)
        if (!bytes_append_byte(out, (unsigned)(63 + bits), error)) return false;
    return true;
}

/* One colour of one band of six rows; nothing when the colour is not there. */
static bool sixel_pass(const struct sprite *s, const uint8_t *index, int top, int colour, bool first, bool *any, struct bytes *out, struct error *error)
{
    int run = 0, last = -1;
    *any = false;
    for (int i = top * s->width; i < (top + 6) * s->width && i < s->height * s->width && !*any; i++) *any = index[i] == colour;
    if (!*any) return true;
    if (!bytes_printf(out, error, "%s#%d", first ? "" : "$", colour)) return false;
    for (int x = 0; x < s->width; x++) {
        int bits = 0;
        for (int k = 0; k < 6 && top + k < s->height; k++) bits |= (index[(top + k) * s->width + x] == colour) << k;
        if (bits != last && run > 0 && !sixel_run(out, last, run, error)) return false;
        run = bits == last ? run + 1 : 1;
        last = bits;
    }
    return sixel_run(out, last, run, error);
}

static bool sixel(struct sprite *s, struct bytes *out, struct error *error)
{
    struct colour_list t = {0};
    size_t n = (size_t)s->width * (size_t)s->height;
    uint8_t *index = mem_alloc(n, 1, error);
    bool ok = index != NULL;
    if (ok && !list_colours(s, &t, index)) coarsen(s), (void)list_colours(s, &t, index);
    ok = ok && bytes_printf(out, error, "\x1bPq\"1;1;%d;%d", s->width, s->height);
    for (int i = 0; ok && i < t.n; i++) ok = bytes_printf(out, error, "#%d;2;%d;%d;%d", i, (t.rgba[i][0] * 100 + 127) / 255, (t.rgba[i][1] * 100 + 127) / 255, (t.rgba[i][2] * 100 + 127) / 255);
    for (int top = 0; ok && top < s->height; top += 6) {
        bool first = true, any;
        for (int c = 0; ok && c < t.n; c++) {
            ok = sixel_pass(s, index, top, c, first, &any, out, error);
            first = first && !any;
        }
        ok = ok && bytes_append_byte(out, '-', error);
    }
    mem_free(index);
    return ok && bytes_append_text(out, "\x1b\\\n", error);
}

/* ---- kitty ---- */

static bool base64(const uint8_t *p, size_t n, struct bytes *out, struct error *error)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        unsigned bits = (unsigned)p[i] << 16 | (i + 1 < n ? (unsigned)p[i + 1] << 8 : 0) | (i + 2 < n ? p[i + 2] : 0);
        char four[4] = {digits[bits >> 18], digits[bits >> 12 & 63], i + 1 < n ? digits[bits >> 6 & 63] : '=', i + 2 < n ? digits[bits & 63] : '='};
        if (!bytes_append(out, four, 4, error)) return false;
    }
    return true;
}

static bool kitty(const struct sprite *s, struct bytes *out, struct error *error)
{
    enum { PART = 4096 };
    struct bytes png = {0}, text = {0};
    bool ok = png_write_sprite(s, NULL, NULL, &png, error) && base64(png.data, png.n, &text, error);
    for (size_t at = 0; ok && at < text.n; at += PART) {
        size_t n = text.n - at < PART ? text.n - at : PART;
        ok = bytes_printf(out, error, "\x1b_G%sm=%d;", at == 0 ? "f=100,a=T," : "", at + n < text.n) && bytes_append(out, text.data + at, n, error) && bytes_append_text(out, "\x1b\\", error);
    }
    bytes_free(&png), bytes_free(&text);
    return ok && bytes_append_byte(out, '\n', error);
}

bool preview_print(const struct sprite *sprite, enum preview_kind kind, struct bytes *out, struct error *error)
{
    struct sprite flat;
    if (kind == PREVIEW_TRUE_COLOUR || kind == PREVIEW_256_COLOURS) return half_blocks(sprite, kind, out, error);
    if (!flatten(sprite, &flat, error)) return false;
    bool ok = kind == PREVIEW_SIXEL ? sixel(&flat, out, error) : kitty(&flat, out, error);
    sprite_free(&flat);
    return ok;
}
