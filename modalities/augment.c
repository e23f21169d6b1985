/* Augmentation; see augment.h. */
#include "modalities/augment.h"
#include "modalities/colours.h"

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

static void turn(const uint8_t rgb[3], int degrees, uint8_t out[3])
{
    double h, s, v;
    colours_hsv(rgb, &h, &s, &v);
    h = fmod(h + degrees + 720, 360);
    for (int d = 0; d < 3; d++) {                             /* channel = v - v s max(0, min(k, 4 - k, 1)), k = (n + h / 60) mod 6 with n = 5, 3, 1 */
        double k = fmod(5 - 2 * d + h / 60, 6), part = fmax(0, fmin(fmin(k, 4 - k), 1));
        out[d] = (uint8_t)lrint(255 * (v - v * s * part));
    }
}

static const double NEARLY_ALL = 0.8;

/* becomes[i]: the name that nearly all pixels of colour i have after the turn, or -1. */
static void trace(const struct sprite *before, const struct sprite *after, int becomes[COLOURS_N])
{
    int count[COLOURS_N][COLOURS_N] = {{0}};
    for (int i = 0; i < before->width * before->height; i++) {
        const uint8_t *p = before->rgba + 4 * i, *q = after->rgba + 4 * i;
        if (p[3] == 0) continue;
        count[colours_of_pixel(p)][colours_of_pixel(q)]++;
    }
    for (int i = 0; i < COLOURS_N; i++) {
        int all = 0, best = 0;
        for (int j = 0; j < COLOURS_N; j++) {
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

static bool recolour_caption(const char *caption, const int becomes[COLOURS_N], struct bytes *out, bool *may, struct error *error)
{
    /* words for what has a colour of its own, and colour words that are no plain names */
    static const char *const by_nature[] = {"gold", "golden", "silver", "bronze", "copper", "iron", "steel", "brass", "wood", "wooden", "stone", "grass", "leaf", "leaves", "tree", "forest", "plant", "bush", "flower",
        "rose", "blood", "bloody", "fire", "fiery", "flame", "flaming", "lava", "ice", "icy", "snow", "snowy", "water", "sea", "ocean", "sky", "sun", "moon", "sand", "sandy", "skin", "bone", "skull", "skeleton",
        "ruby", "emerald", "sapphire", "amethyst", "amber", "jade", "ivory", "lemon", "cherry", "apple", "banana", "carrot", "tomato", "bread", "meat", "cheese", "dark", "light", "pale", "bright", "rainbow",
        "crimson", "scarlet", "violet", "turquoise", "maroon", "navy", "lime", "beige", "coloured", "colored", "colorful", "colourful", "blonde", "blond", "ginger", NULL};
    int named = 0;
    for (const char *p = caption; *p != '\0' && *may;) {
        size_t n = word_at(caption, p);
        int name = n > 0 ? colours_number(p, n) : -1;
        if (n > 0 && listed(p, n, by_nature)) *may = false;
        if (name >= 0 && becomes[name] < 0) *may = false;
        if (name >= 0) named++;
        if (n == 0) n = 1;
        bool changes = name >= 0 && *may && becomes[name] != name;
        if (changes && !fix_article(out, colours_name(becomes[name]), error)) return false;
        if (!(changes ? bytes_append_text(out, colours_name(becomes[name]), error) : bytes_append(out, p, n, error))) return false;
        p += n;
    }
    *may = *may && named > 0;
    return true;
}

bool augment_hue(const struct sprite *s, int degrees, char *const *caption, int n, struct sprite *out, struct bytes *captions, bool *may, struct error *error)
{
    int becomes[COLOURS_N];
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
