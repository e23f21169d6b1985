/* Names of colours; see colours.h. */
#include "modalities/colours.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* Those without hue first: where the numbers matter. */
enum { BLACK, WHITE, GREY };
static const char *const NAMES[COLOURS_N] = {"black", "white", "grey", "brown", "cream", "cyan", "blue", "green", "magenta", "olive", "orange", "pink", "purple", "red", "tan", "teal", "yellow"};

const char *colours_name(int number) { return NAMES[number]; }

int colours_number(const char *word, size_t n)
{
    if (n == 4 && strncasecmp(word, "gray", n) == 0) return GREY;
    for (int i = 0; i < COLOURS_N; i++)
        if (strlen(NAMES[i]) == n && strncasecmp(word, NAMES[i], n) == 0) return i;
    return -1;
}

void colours_hsv(const uint8_t rgb[3], double *h, double *s, double *v)
{
    int most = rgb[0] > rgb[1] ? rgb[0] : rgb[1], least = rgb[0] < rgb[1] ? rgb[0] : rgb[1];
    if (rgb[2] > most) most = rgb[2];
    if (rgb[2] < least) least = rgb[2];
    double span = most - least;
    *v = most / 255.0, *s = most > 0 ? span / most : 0, *h = 0;
    if (span <= 0) return;
    if (most == rgb[0]) *h = 60 * (rgb[1] - rgb[2]) / span;
    else if (most == rgb[1]) *h = 120 + 60 * (rgb[2] - rgb[0]) / span;
    else *h = 240 + 60 * (rgb[0] - rgb[1]) / span;
    if (*h < 0) *h += 360;
}

/* Names by hue from each bound on; the exceptions for dark, pale and dull ones are below. */
static const char *name_of_hue(double h, double s, double v)
{
    if (h < 14 || h >= 345) return v > 0.8 && s < 0.5 ? "pink" : v < 0.5 && s < 0.55 ? "brown" : "red";
    if (h < 44) return s < 0.45 && v > 0.6 ? "tan" : v < 0.72 ? "brown" : s < 0.6 ? "tan" : h < 38 ? "orange" : "yellow";
    if (h < 68) return v < 0.55 ? (h < 50 ? "brown" : "olive") : s < 0.3 ? (v > 0.8 ? "cream" : "grey") : "yellow";
    if (h < 160) return "green";
    if (h < 192) return v < 0.75 ? "teal" : "cyan";
    if (h < 250) return "blue";
    if (h < 292) return "purple";
    return v < 0.45 ? "purple" : s < 0.6 || h > 315 ? "pink" : "magenta";
}

int colours_of_pixel(const uint8_t rgb[3])
{
    double h, s, v;
    colours_hsv(rgb, &h, &s, &v);
    if (v < 0.17 || (v < 0.3 && s < 0.5)) return BLACK;
    if (s < 0.14 || (s < 0.22 && v < 0.35)) return v > 0.86 ? WHITE : GREY;
    const char *name = name_of_hue(h, s, v);
    return colours_number(name, strlen(name));
}

int colours_first_named(const char *text)
{
    for (const char *p = text; *p != '\0';) {
        size_t n = 0;
        while (isalpha((unsigned char)p[n])) n++;
        int number = colours_number(p, n);
        if (number >= 0) return number;
        p += n > 0 ? n : 1;
    }
    return -1;
}

int colours_of_sprite(const struct sprite *s, const uint8_t *ground, int number[3])
{
    static const double MOST_BLACK = 0.75, HALF_BLACK = 0.5, OF_COLOURED = 0.2, OF_ALL = 0.1;
    int count[COLOURS_N] = {0}, all = 0, found = 0, first = -1;
    for (int i = 0; i < s->width * s->height; i++) {
        const uint8_t *p = s->rgba + 4 * i;
        if (p[3] > 127 && (ground == NULL || memcmp(p, ground, 3) != 0)) count[colours_of_pixel(p)]++, all++;
    }
    int coloured = all > count[BLACK] ? all - count[BLACK] : 1, black = count[BLACK];
    bool has_black = false;
    for (int rank = 0; rank < COLOURS_N; rank++) {
        int best = 0;
        for (int i = 1; i < COLOURS_N; i++)
            if (count[i] > count[best]) best = i;
        if (count[best] == 0) break;
        if (rank == 0) first = best;
        bool good = best == BLACK ? black >= MOST_BLACK * all : count[best] >= OF_COLOURED * coloured && count[best] >= OF_ALL * all;
        if (good && found < 3) number[found++] = best;
        has_black = has_black || (good && best == BLACK);
        count[best] = 0;
    }
    if (!has_black && found == 1 && black >= HALF_BLACK * all) number[found++] = BLACK;
    if (found == 0 && first >= 0) number[found++] = first;
    return found;
}
