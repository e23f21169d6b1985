/* Augmentation; see augment.h. */
#include "modalities/augment.h"

#include <ctype.h>
#include <math.h>
#include <string.h>
#include <strings.h>

/* ---- words ---- */

/* The word at p: its length; 0 when p is not at the start of one. Words are letters only. */
static size_t word_at(const char *text, const char *p)
{
    size_t n = 0;
    if (p > text && isalpha((unsigned char)p[-1])) return 0;
    while (isalpha((unsigned char)p[n])) n++;
    return n;
}

static bool same(const char *p, size_t n, const char *word) { return strlen(word) == n && strncasecmp(p, word, n) == 0; }

static bool listed(const char *p, size_t n, const char *const *words)
{
    for (; *words != NULL; words++)
        if (same(p, n, *words)) return true;
    return false;
}

/* ---- mirrors ---- */

bool augment_mirror(const char *caption, struct bytes *out, bool *may, struct error *error)
{
    static const char *const sides[][2] = {{"left", "right"}, {"right", "left"}, {"east", "west"}, {"west", "east"}, {"northeast", "northwest"}, {"northwest", "northeast"},
                                           {"southeast", "southwest"}, {"southwest", "southeast"}, {"leftmost", "rightmost"}, {"rightmost", "leftmost"}};
    static const char *const one_way[] = {"flag", "flags", "letter", "letters", "text", "word", "words", "number", "numbers", "digit", "sign", "clock", "handed", NULL};
    *may = true;
    for (const char *p = caption; *p != '\0';) {
        size_t n = word_at(caption, p);
        const char *instead = NULL;
        for (size_t i = 0; n > 0 && i < sizeof sides / sizeof *sides; i++)
            if (same(p, n, sides[i][0])) instead = sides[i][1];
        if (n > 0 && listed(p, n, one_way)) *may = false;
        if (n == 0) n = 1;
        if (!(instead != NULL ? bytes_append_text(out, instead, error) : bytes_append(out, p, n, error))) return false;
        p += n;
    }
    return true;
}

/* ---- colours ---- */

static void to_hsv(const uint8_t rgb[3], double *h, double *s, double *v)
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

static void turn(const uint8_t rgb[3], int degrees, uint8_t out[3])
{
    double h, s, v;
    to_hsv(rgb, &h, &s, &v);
    h = fmod(h + degrees + 720, 360);
    for (int d = 0; d < 3; d++) {                             /* channel = v - v s max(0, min(k, 4 - k, 1)), k = (n + h / 60) mod 6 with n = 5, 3, 1 */
        double k = fmod(5 - 2 * d + h / 60, 6), part = fmax(0, fmin(fmin(k, 4 - k), 1));
        out[d] = (uint8_t)lrint(255 * (v - v * s * part));
    }
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

const char *augment_colour(const uint8_t rgb[3])
{
    double h, s, v;
    to_hsv(rgb, &h, &s, &v);
    if (v < 0.17 || (v < 0.3 && s < 0.5)) return "black";
    if (s < 0.14 || (s < 0.22 && v < 0.35)) return v > 0.86 ? "white" : "grey";
    return name_of_hue(h, s, v);
}

static const char *const NAMES[] = {"red", "orange", "yellow", "green", "teal", "cyan", "blue", "purple", "pink", "magenta", "brown", "tan", "olive", "cream", "black", "white", "grey", NULL};
enum { NAMES_N = sizeof NAMES / sizeof *NAMES - 1 };
static const double NEARLY_ALL = 0.8;

static int name_index(const char *name, size_t n)
{
    if (same(name, n, "gray")) return NAMES_N - 1;
    for (int i = 0; i < NAMES_N; i++)
        if (same(name, n, NAMES[i])) return i;
    return -1;
}

/* becomes[i]: the name that nearly all pixels of colour i have after the turn, or -1. */
static void trace(const struct sprite *before, const struct sprite *after, int becomes[NAMES_N])
{
    int count[NAMES_N][NAMES_N] = {{0}};
    for (int i = 0; i < before->width * before->height; i++) {
        const uint8_t *p = before->rgba + 4 * i, *q = after->rgba + 4 * i;
        if (p[3] == 0) continue;
        const char *a = augment_colour(p), *b = augment_colour(q);
        count[name_index(a, strlen(a))][name_index(b, strlen(b))]++;
    }
    for (int i = 0; i < NAMES_N; i++) {
        int all = 0, best = 0;
        for (int j = 0; j < NAMES_N; j++) {
            all += count[i][j];
            if (count[i][j] > count[i][best]) best = j;
        }
        becomes[i] = all > 0 && count[i][best] >= NEARLY_ALL * all ? best : -1;
    }
}

/* "a" or "an" at the end of what is written so far, as the word that follows wants it. */
static bool fix_article(struct bytes *out, const char *next, struct error *error)
{
    bool vowel = strchr("aeiou", next[0]) != NULL;
    size_t n = out->n;
    const uint8_t *p = out->data;
    if (n >= 2 && p[n - 1] == ' ' && tolower(p[n - 2]) == 'a' && (n == 2 || !isalpha(p[n - 3])) && vowel) return out->n--, bytes_append_text(out, "n ", error);
    if (n >= 3 && p[n - 1] == ' ' && p[n - 2] == 'n' && tolower(p[n - 3]) == 'a' && (n == 3 || !isalpha(p[n - 4])) && !vowel) return out->n -= 2, bytes_append_byte(out, ' ', error);
    return true;
}

static bool recolour_caption(const char *caption, const int becomes[NAMES_N], struct bytes *out, bool *may, struct error *error)
{
    /* words for what has a colour of its own, and colour words that are no plain names */
    static const char *const by_nature[] = {"gold", "golden", "silver", "bronze", "copper", "iron", "steel", "brass", "wood", "wooden", "stone", "grass", "leaf", "leaves", "tree", "forest", "plant", "bush", "flower",
        "rose", "blood", "bloody", "fire", "fiery", "flame", "flaming", "lava", "ice", "icy", "snow", "snowy", "water", "sea", "ocean", "sky", "sun", "moon", "sand", "sandy", "skin", "bone", "skull", "skeleton",
        "ruby", "emerald", "sapphire", "amethyst", "amber", "jade", "ivory", "lemon", "cherry", "apple", "banana", "carrot", "tomato", "bread", "meat", "cheese", "dark", "light", "pale", "bright", "rainbow",
        "crimson", "scarlet", "violet", "turquoise", "maroon", "navy", "lime", "beige", "coloured", "colored", "colorful", "colourful", "blonde", "blond", "ginger", NULL};
    int named = 0;
    for (const char *p = caption; *p != '\0' && *may;) {
        size_t n = word_at(caption, p);
        int name = n > 0 ? name_index(p, n) : -1;
        if (n > 0 && listed(p, n, by_nature)) *may = false;
        if (name >= 0 && becomes[name] < 0) *may = false;
        if (name >= 0) named++;
        if (n == 0) n = 1;
        bool changes = name >= 0 && *may && becomes[name] != name;
        if (changes && !fix_article(out, NAMES[becomes[name]], error)) return false;
        if (!(changes ? bytes_append_text(out, NAMES[becomes[name]], error) : bytes_append(out, p, n, error))) return false;
        p += n;
    }
    *may = *may && named > 0;
    return true;
}

bool augment_hue(const struct sprite *s, int degrees, char *const *caption, int n, struct sprite *out, struct bytes *captions, bool *may, struct error *error)
{
    int becomes[NAMES_N];
    *may = n > 0;
    if (!sprite_init(out, s->width, s->height, error)) return false;
    for (int i = 0; i < s->width * s->height; i++) {
        turn(s->rgba + 4 * i, degrees, out->rgba + 4 * i);
        out->rgba[4 * i + 3] = s->rgba[4 * i + 3];
        if (s->rgba[4 * i + 3] == 0) memset(out->rgba + 4 * i, 0, 4);
    }
    trace(s, out, becomes);
    bool ok = true;
    for (int i = 0; ok && i < n && *may; i++) ok = recolour_caption(caption[i], becomes, &captions[i], may, error);
    if (!ok || !*may) sprite_free(out);
    return ok;
}
