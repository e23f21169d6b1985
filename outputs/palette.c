/* Palettes; see palette.h. */
#include "outputs/palette.h"
#include "core/file.h"
#include "core/mem.h"
#include "outputs/png.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool palette_has(const struct palette *p, const uint8_t rgb[3])
{
    for (int i = 0; i < p->n; i++)
        if (memcmp(p->rgb[i], rgb, 3) == 0) return true;
    return false;
}

static bool add(struct palette *p, const uint8_t rgb[3], struct error *error)
{
    if (palette_has(p, rgb)) return true;
    if (p->n == PALETTE_MOST) return error_set(error, ERROR_INPUT, "palette: more than %d colours", PALETTE_MOST);
    memcpy(p->rgb[p->n++], rgb, 3);
    return true;
}

/* ---- lines of text ---- */

struct lines { const char *at, *end; int number; char text[200]; };

/* The next line without its end and without blanks around it; false behind the last one. Longer lines are cut. */
static bool next_line(struct lines *l)
{
    if (l->at >= l->end) return false;
    const char *stop = memchr(l->at, '\n', (size_t)(l->end - l->at));
    const char *to = stop == NULL ? l->end : stop, *from = l->at;
    l->at = stop == NULL ? l->end : stop + 1;
    l->number++;
    while (from < to && isspace((unsigned char)*from)) from++;
    while (to > from && isspace((unsigned char)to[-1])) to--;
    size_t n = (size_t)(to - from) < sizeof l->text - 1 ? (size_t)(to - from) : sizeof l->text - 1;
    memcpy(l->text, from, n);
    l->text[n] = '\0';
    return true;
}

/* Up to `most` numbers from 0 to 255 at the start of a text, blanks between them; *rest is what stands behind. Returns how many. */
static int numbers(const char *text, int most, uint8_t value[4], const char **rest)
{
    int n = 0;
    for (char *end; n < most; n++, text = end) {
        long number = strtol(text, &end, 10);
        if (end == text || number < 0 || number > 255 || !(isspace((unsigned char)*end) || *end == '\0')) break;
        value[n] = (uint8_t)number;
    }
    while (isspace((unsigned char)*text)) text++;
    *rest = text;
    return n;
}

/* A colour, unless it is see-through. */
static bool add_visible(struct palette *p, const uint8_t rgba[4], struct error *error) { return rgba[3] < 128 || add(p, rgba, error); }

static bool no_colour(const struct lines *l, const char *wanted, struct error *error)
{
    return error_set(error, ERROR_INPUT, "palette: line %d: '%.30s'; %s is wanted", l->number, l->text, wanted);
}

/* Aseprite writes "Channels: RGBA" and a fourth number, the alpha; elsewhere a number may begin a name. */
static bool parse_gpl(const void *data, size_t n, struct palette *out, struct error *error)
{
    static const char *const headers[] = {"Name:", "Columns:", "Channels:"};
    struct lines l = {.at = data, .end = (const char *)data + n};
    const char *rest;
    int channels = 3;
    if (!next_line(&l) || strcmp(l.text, "GIMP Palette") != 0) return error_set(error, ERROR_INPUT, "palette: does not start with \"GIMP Palette\"");
    while (next_line(&l)) {
        uint8_t rgba[4] = {0, 0, 0, 255};
        bool header = l.text[0] == '\0' || l.text[0] == '#';
        for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) header = header || strncasecmp(l.text, headers[i], strlen(headers[i])) == 0;
        if (header && strncasecmp(l.text, "Channels:", 9) == 0) channels = strcasestr(l.text, "RGBA") != NULL ? 4 : 3;
        if (header) continue;
        if (numbers(l.text, channels, rgba, &rest) < 3) return no_colour(&l, "\"red green blue name\", 0 to 255 each,", error);
        if (!add_visible(out, rgba, error)) return false;
    }
    return true;
}

/* Six digits, or eight with the alpha first, as Paint.NET writes them. */
static bool parse_hex(const void *data, size_t n, struct palette *out, struct error *error)
{
    struct lines l = {.at = data, .end = (const char *)data + n};
    while (next_line(&l)) {
        const char *text = l.text[0] == '#' ? l.text + 1 : l.text;
        size_t digits = strspn(text, "0123456789abcdefABCDEF");
        if (l.text[0] == '\0' || l.text[0] == ';' || strncmp(l.text, "//", 2) == 0) continue;
        if (text[digits] != '\0' || (digits != 6 && digits != 8)) return no_colour(&l, "six hexadecimal digits, or eight with the alpha first,", error);
        unsigned long value = strtoul(text, NULL, 16) | (digits == 6 ? 0xff000000ul : 0);
        if (!add_visible(out, (uint8_t[4]){(uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value, (uint8_t)(value >> 24)}, error)) return false;
    }
    return true;
}

static bool parse_pal(const void *data, size_t n, struct palette *out, struct error *error)
{
    struct lines l = {.at = data, .end = (const char *)data + n};
    const char *rest;
    char *end;
    if (!next_line(&l) || strcmp(l.text, "JASC-PAL") != 0) return error_set(error, ERROR_INPUT, "palette: does not start with \"JASC-PAL\"");
    if (!next_line(&l) || strcmp(l.text, "0100") != 0) return error_set(error, ERROR_INPUT, "palette: version '%.20s'; 0100 is wanted", l.text);
    if (!next_line(&l)) return error_set(error, ERROR_INPUT, "palette: the number of colours is missing");
    long count = strtol(l.text, &end, 10), read = 0;
    if (*end != '\0' || count < 1 || count > PALETTE_MOST) return no_colour(&l, "a number of colours, 1 to 256,", error);
    while (read < count && next_line(&l)) {
        uint8_t rgba[4] = {0, 0, 0, 255};
        if (l.text[0] == '\0') continue;
        if (numbers(l.text, 4, rgba, &rest) < 3 || *rest != '\0') return no_colour(&l, "\"red green blue\", 0 to 255 each,", error);
        if (!add_visible(out, rgba, error)) return false;
        read++;
    }
    return read == count || error_set(error, ERROR_INPUT, "palette: %ld of its %ld colours", read, count);
}

static bool parse_png(const void *data, size_t n, struct palette *out, struct error *error)
{
    struct sprite s = {0};
    bool ok = png_read_sprite(data, n, &s, NULL, error);
    for (int i = 0; ok && i < s.width * s.height; i++)
        if (s.rgba[4 * (size_t)i + 3] >= 128) ok = add(out, s.rgba + 4 * (size_t)i, error);
    sprite_free(&s);
    return ok;
}

static const struct { const char *extension; bool (*parse)(const void *, size_t, struct palette *, struct error *); } KINDS[] = {
    {".gpl", parse_gpl}, {".hex", parse_hex}, {".pal", parse_pal}, {".png", parse_png}};

bool palette_parse(const char *extension, const void *data, size_t n, struct palette *out, struct error *error)
{
    *out = (struct palette){0};
    for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++) {
        if (strcasecmp(extension, KINDS[i].extension) != 0) continue;
        size_t mark = utf8_mark(data, n);
        if (!KINDS[i].parse((const char *)data + mark, n - mark, out, error)) return false;
        return out->n > 0 || error_set(error, ERROR_INPUT, "palette: holds no colour");
    }
    return error_set(error, ERROR_INPUT, "palette: unknown kind of file; .gpl, .hex, .pal or .png is wanted");
}

bool palette_read(const char *path, struct palette *out, struct error *error)
{
    struct bytes data = {0};
    bool ok = file_read(path, FILE_LIMIT_PNG, &data, error) && (palette_parse(file_extension(path), data.data, data.n, out, error) || error_prefix(error, "%s", path));
    bytes_free(&data);
    return ok;
}

/* ---- recolouring ---- */

struct tone { uint8_t rgb[3]; int light, count, to; };

static int by_light(const void *a, const void *b)
{
    const struct tone *x = a, *y = b;
    return x->light != y->light ? x->light - y->light : memcmp(x->rgb, y->rgb, 3);
}

static int by_count(const void *a, const void *b)
{
    const struct tone *x = a, *y = b;
    return x->count != y->count ? y->count - x->count : memcmp(x->rgb, y->rgb, 3);
}

static struct tone tone_of(const uint8_t rgb[3]) { return (struct tone){.rgb = {rgb[0], rgb[1], rgb[2]}, .light = sprite_light(rgb)}; }

/* Squared distance, lightness counting most: it carries the shapes. */
static double apart(const struct tone *a, const struct tone *b)
{
    double sum = 4 * ((a->light - b->light) / 1000.0) * ((a->light - b->light) / 1000.0);
    for (int d = 0; d < 3; d++) sum += (a->rgb[d] - b->rgb[d]) * (a->rgb[d] - b->rgb[d]);
    return sum;
}

/* Both sorted by lightness, n <= m: the cheapest way to give each of n tones its own of m without changing the order.
 * best[i][j] = min(best[i][j-1], best[i-1][j-1] + cost(i, j)). */
static bool match_in_order(struct tone *from, int n, const struct tone *to, int m, struct error *error)
{
    double *best = mem_alloc((size_t)(n + 1) * (size_t)(m + 1), sizeof *best, error);
    if (best == NULL) return false;
    for (int i = 1; i <= n; i++) {
        for (int j = 0; j < i; j++) best[i * (m + 1) + j] = 1e30;
        for (int j = i; j <= m; j++) {
            double skip = best[i * (m + 1) + j - 1], take = best[(i - 1) * (m + 1) + j - 1] + from[i - 1].count * apart(&from[i - 1], &to[j - 1]);
            best[i * (m + 1) + j] = skip < take ? skip : take;
        }
    }
    for (int i = n, j = m; i > 0; j--)
        if (j == i || best[i * (m + 1) + j] < best[i * (m + 1) + j - 1]) from[--i].to = j - 1;
    mem_free(best);
    return true;
}

static void match_nearest(struct tone *from, int n, const struct tone *to, int m)
{
    for (int i = 0; i < n; i++)
        for (int j = 1; j < m; j++)
            if (apart(&from[i], &to[j]) < apart(&from[i], &to[from[i].to])) from[i].to = j;
}

static uint32_t number_of(const uint8_t *p) { return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2]; }

/* The distinct colours with their pixels. map (a number a colour, 0 on entry) is 0 again afterwards. */
static struct tone *count_tones(const uint8_t *rgba, size_t n, uint32_t *map, int *count, struct error *error)
{
    *count = 0;
    for (size_t i = 0; i < n; i++)
        if (rgba[4 * i + 3] != 0) *count += map[number_of(rgba + 4 * i)]++ == 0;
    struct tone *tones = mem_alloc((size_t)*count, sizeof *tones, error);
    for (size_t i = 0, at = 0; tones != NULL && i < n; i++) {
        uint32_t *pixels = &map[number_of(rgba + 4 * i)];
        if (rgba[4 * i + 3] == 0 || *pixels == 0) continue;
        tones[at] = tone_of(rgba + 4 * i);
        tones[at++].count = (int)*pixels;
        *pixels = 0;
    }
    return tones;
}

/* Each pixel gets the colour that its own was matched with; map as count_tones left it. */
static void repaint(uint8_t *rgba, size_t n, const struct tone *from, int count, const struct tone *to, uint32_t *map)
{
    for (int i = 0; i < count; i++) map[number_of(from[i].rgb)] = (uint32_t)from[i].to;
    for (size_t i = 0; i < n; i++)
        if (rgba[4 * i + 3] != 0) memcpy(rgba + 4 * i, to[map[number_of(rgba + 4 * i)]].rgb, 3);
}

bool palette_recolour(const struct palette *p, uint8_t *rgba, size_t n, struct error *error)
{
    uint32_t *map = mem_alloc((size_t)1 << 24, sizeof *map, error);
    int count = 0;
    struct tone *from = map == NULL ? NULL : count_tones(rgba, n, map, &count, error), to[PALETTE_MOST];
    bool ok = from != NULL;
    for (int i = 0; i < p->n; i++) to[i] = tone_of(p->rgb[i]);
    qsort(to, (size_t)p->n, sizeof *to, by_light);
    if (ok) qsort(from, (size_t)count, sizeof *from, by_light);
    if (ok && count <= p->n) ok = match_in_order(from, count, to, p->n, error);
    else if (ok) match_nearest(from, count, to, p->n);
    if (ok) repaint(rgba, n, from, count, to, map);
    mem_free(from), mem_free(map);
    return ok;
}

bool palette_limit(uint8_t *rgba, size_t n, int most, int *colours, struct error *error)
{
    uint32_t *map = mem_alloc((size_t)1 << 24, sizeof *map, error);
    struct tone *from = map == NULL ? NULL : count_tones(rgba, n, map, colours, error), to[PALETTE_MOST];
    bool ok = from != NULL;
    if (ok && *colours > most) {
        qsort(from, (size_t)*colours, sizeof *from, by_count);
        memcpy(to, from, (size_t)most * sizeof *to);
        match_nearest(from, *colours, to, most);
        repaint(rgba, n, from, *colours, to, map);
    }
    mem_free(from), mem_free(map);
    return ok;
}

int palette_count(const uint8_t *rgba, size_t n, struct error *error)
{
    uint32_t *map = mem_alloc((size_t)1 << 24, sizeof *map, error);
    int count = map == NULL ? -1 : 0;
    for (size_t i = 0; map != NULL && i < n; i++)
        if (rgba[4 * i + 3] != 0) count += map[number_of(rgba + 4 * i)]++ == 0;
    mem_free(map);
    return count;
}
