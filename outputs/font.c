/* The pixel font; see font.h. */
#include "outputs/font.h"

#include <ctype.h>
#include <string.h>

/* For each character from ' ' to '_' five rows from top to bottom, a digit each: 4 left, 2 middle, 1 right. */
static const char ROWS[64][6] = {
    "00000", "22202", "55000", "57575", "36236", "51245", "25253", "22000", "12221", "42224", "52725", "02720", "00024", "00700", "00002", "11244",
    "75557", "26227", "61247", "61216", "55711", "74616", "34652", "71222", "25252", "25316", "02020", "02024", "12421", "07070", "42124", "61202",
    "25743", "25755", "65656", "34443", "65556", "74647", "74644", "34553", "55755", "72227", "11152", "55655", "44447", "57755", "65555", "25552",
    "65644", "25563", "65655", "34216", "72222", "55553", "55522", "55775", "55255", "55222", "71247", "64446", "44211", "31113", "25000", "00007"};
static const char BAR[6] = "22222", LEFT[6] = "32623", RIGHT[6] = "62326", WAVE[6] = "03600", BOX[6] = "77777";

static const char *rows_of(unsigned char c)
{
    if (c >= ' ' && c <= '_') return ROWS[c - ' '];
    if (islower(c)) return ROWS[toupper(c) - ' '];
    return c == '|' ? BAR : c == '{' ? LEFT : c == '}' ? RIGHT : c == '~' ? WAVE : c == '`' ? ROWS['\'' - ' '] : BOX;
}

static void dot(struct sprite *s, int x, int y, int size, const uint8_t rgb[3])
{
    for (int i = 0; i < size * size; i++) {
        int px = x + i % size, py = y + i / size;
        if (px < 0 || py < 0 || px >= s->width || py >= s->height) continue;
        uint8_t *p = s->rgba + 4 * ((size_t)py * (size_t)s->width + (size_t)px);
        memcpy(p, rgb, 3);
        p[3] = 255;
    }
}

void font_draw(struct sprite *s, int x, int y, int size, const char *text, int most, const uint8_t rgb[3])
{
    for (int i = 0; i < most && *text != '\0'; i++) {
        const char *rows = rows_of((unsigned char)*text++);
        while (((unsigned char)*text & 0xc0) == 0x80) text++;  /* a box a character, not a byte */
        for (int k = 0; k < 15; k++)
            if ((rows[k / 3] - '0') & (4 >> k % 3)) dot(s, x + (i * FONT_WIDTH + k % 3) * size, y + k / 3 * size, size, rgb);
    }
}
