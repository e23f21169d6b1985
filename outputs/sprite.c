/* Pictures of RGBA pixels; see sprite.h. */
#include "outputs/sprite.h"
#include "core/mem.h"

#include <stdio.h>
#include <string.h>

enum { OPAQUE_FROM = 128 };

bool sprite_init(struct sprite *s, int width, int height, struct error *error)
{
    *s = (struct sprite){.width = width, .height = height};
    s->rgba = mem_alloc((size_t)width * (size_t)height, 4, error);
    return s->rgba != NULL;
}

void sprite_free(struct sprite *s)
{
    mem_free(s->rgba);
    *s = (struct sprite){0};
}

bool sprite_is_blank(const struct sprite *s)
{
    for (int i = 0; i < s->width * s->height; i++)
        if (s->rgba[4 * (size_t)i + 3] != 0) return false;
    return true;
}

static void harden(struct sprite *s)
{
    for (int i = 0; i < s->width * s->height; i++) {
        uint8_t *p = s->rgba + 4 * (size_t)i;
        if (p[3] >= OPAQUE_FROM) p[3] = 255;
        else memset(p, 0, 4);
    }
}

static int divisor(int a, int b)
{
    while (b != 0) {
        int rest = a % b;
        a = b, b = rest;
    }
    return a;
}

/* See-through pixels are alike, whatever colour hides in them. */
static bool alike(const uint8_t *p, const uint8_t *q) { return p[3] == 0 ? q[3] == 0 : memcmp(p, q, 4) == 0; }

/* Where the colours of neighbouring columns (or rows) differ: the first place, 0 when nowhere, and the greatest common divisor of the ways from
 * it to the others. Art that was scaled up has edges at multiples of its factor only. */
struct edges { int first, step; };

static struct edges find_edges(const struct sprite *s, bool rows)
{
    struct edges e = {0};
    int n = rows ? s->height : s->width, m = rows ? s->width : s->height;
    for (int i = 1; i < n && e.step != 1; i++) {
        bool differ = false;
        for (int k = 0; k < m && !differ; k++) differ = rows ? !alike(sprite_pixel(s, k, i), sprite_pixel(s, k, i - 1)) : !alike(sprite_pixel(s, i, k), sprite_pixel(s, i - 1, k));
        if (differ && e.first == 0) e.first = i;
        else if (differ) e.step = divisor(e.step, i - e.first);
    }
    return e;
}

/* The greatest factor whose grid begins at the picture's corner. */
static int whole_factor(const struct sprite *s, struct edges x, struct edges y)
{
    return divisor(divisor(s->width, s->height), divisor(divisor(x.first, x.step), divisor(y.first, y.step)));
}

bool sprite_is_doubled(const struct sprite *s) { return whole_factor(s, find_edges(s, false), find_edges(s, true)) % 2 == 0; }

bool sprite_scale(const struct sprite *in, int scale, struct sprite *out, struct error *error)
{
    if (scale > SPRITE_SIDE_MOST / in->width || scale > SPRITE_SIDE_MOST / in->height)
        return error_set(error, ERROR_INPUT, "picture: %d x %d pixels, each %d x %d; at most %d x %d in all are wanted", in->width, in->height, scale, scale, SPRITE_SIDE_MOST, SPRITE_SIDE_MOST);
    if (!sprite_init(out, in->width * scale, in->height * scale, error)) return false;
    for (int y = 0; y < out->height; y++)
        for (int x = 0; x < out->width; x++) memcpy(sprite_pixel(out, x, y), sprite_pixel(in, x / scale, y / scale), 4);
    return true;
}

/* One pixel of each of width x height cells of the grid. */
static bool thin(const struct sprite *in, const struct sprite_fitting *how, int width, int height, struct sprite *out, struct error *error)
{
    if (!sprite_init(out, width, height, error)) return false;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) memcpy(sprite_pixel(out, x, y), sprite_pixel(in, how->left + x * how->factor, how->top + y * how->factor), 4);
    return true;
}

bool sprite_thin(const struct sprite *in, int factor, struct sprite *out, struct error *error)
{
    return thin(in, &(struct sprite_fitting){.factor = factor}, (in->width + factor - 1) / factor, (in->height + factor - 1) / factor, out, error);
}

void sprite_flip(struct sprite *s)
{
    for (int y = 0; y < s->height; y++)
        for (int x = 0; x < s->width / 2; x++) {
            uint8_t keep[4], *a = sprite_pixel(s, x, y), *b = sprite_pixel(s, s->width - 1 - x, y);
            memcpy(keep, a, 4);
            memcpy(a, b, 4);
            memcpy(b, keep, 4);
        }
}

static bool centre(const struct sprite *in, struct sprite *out, struct error *error)
{
    if (!sprite_init(out, SPRITE_SIDE, SPRITE_SIDE, error)) return false;
    int left = (SPRITE_SIDE - in->width) / 2, top = (SPRITE_SIDE - in->height) / 2;
    for (int y = 0; y < in->height; y++) memcpy(sprite_pixel(out, left, top + y), sprite_pixel(in, 0, y), (size_t)in->width * 4);
    return true;
}

/* One pixel of the smaller picture: the mean of the box it stands for, colours weighted by alpha. */
static void average(const struct sprite *in, int x0, int y0, int x1, int y1, uint8_t out[4])
{
    uint64_t sum[4] = {0}, n = 0;
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++, n++) {
            const uint8_t *p = sprite_pixel(in, x, y);
            for (int d = 0; d < 3; d++) sum[d] += (uint64_t)p[d] * p[3];
            sum[3] += p[3];
        }
    for (int d = 0; d < 3; d++) out[d] = (uint8_t)(sum[3] == 0 ? 0 : (sum[d] + sum[3] / 2) / sum[3]);
    out[3] = (uint8_t)((sum[3] + n / 2) / n);
}

/* Averaged into the largest size of the same shape that fits. */
static bool shrink(const struct sprite *in, struct sprite *out, struct error *error)
{
    int side = in->width > in->height ? in->width : in->height;
    int w = in->width * SPRITE_SIDE / side, h = in->height * SPRITE_SIDE / side;
    if (!sprite_init(out, w < 1 ? 1 : w, h < 1 ? 1 : h, error)) return false;
    for (int y = 0; y < out->height; y++)
        for (int x = 0; x < out->width; x++)
            average(in, x * in->width / out->width, y * in->height / out->height, (x + 1) * in->width / out->width, (y + 1) * in->height / out->height, sprite_pixel(out, x, y));
    harden(out);
    return true;
}

/* Is what the grid leaves over at the edges of one colour? */
static bool is_framed(const struct sprite *s, const struct sprite_fitting *how)
{
    int right = s->width - (s->width - how->left) % how->factor, bottom = s->height - (s->height - how->top) % how->factor;
    const uint8_t *first = how->left > 0 || how->top > 0 ? sprite_pixel(s, 0, 0) : sprite_pixel(s, s->width - 1, s->height - 1);
    for (int y = 0; y < s->height; y++)
        for (int x = 0; x < s->width; x++)
            if ((x < how->left || x >= right || y < how->top || y >= bottom) && !alike(first, sprite_pixel(s, x, y))) return false;
    return true;
}

/* May art have this size? Below LEAST squares are as likely drawn as scaled up; a picture that does not fit must be reduced all the same. */
static bool is_art(int width, int height, bool fitted)
{
    enum { LEAST = 8, LEAST_OF_LARGE = 4 };
    return width <= SPRITE_SIDE && height <= SPRITE_SIDE && (width > height ? width : height) >= (fitted ? LEAST : LEAST_OF_LARGE);
}

/* The largest factor by which the picture is scaled-up art, and where its grid begins; 1 when it is none. */
static void find_grid(const struct sprite *s, struct sprite_fitting *how)
{
    struct edges x = find_edges(s, false), y = find_edges(s, true);
    int whole = whole_factor(s, x, y), loose = divisor(x.step, y.step);
    bool fitted = s->width <= SPRITE_SIDE && s->height <= SPRITE_SIDE, plain = x.first == 0 && y.first == 0;
    *how = (struct sprite_fitting){.factor = 1};
    if (s->width == SPRITE_SIDE && s->height == SPRITE_SIDE && whole > 2) whole = whole % 2 == 0 ? 2 : 1;        /* the model's own two sizes */
    if (plain && fitted) return;
    for (int f = whole; f > 1; f--)
        if (whole % f == 0 && is_art(s->width / f, s->height / f, fitted)) {
            how->factor = f;
            if (!plain) return;
        }
    for (int f = fitted || plain ? 1 : loose; f > 1; f--) {
        struct sprite_fitting grid = {.factor = f, .left = x.first % f, .top = y.first % f};
        if (loose % f != 0 || !is_art((s->width - grid.left) / f, (s->height - grid.top) / f, false) || !is_framed(s, &grid)) continue;
        *how = grid;
        return;
    }
}

bool sprite_reduce(const struct sprite *in, struct sprite *out, struct sprite_fitting *how, struct error *error)
{
    find_grid(in, how);
    if (how->factor > 1 || (in->width <= SPRITE_SIDE && in->height <= SPRITE_SIDE)) {
        if (!thin(in, how, (in->width - how->left) / how->factor, (in->height - how->top) / how->factor, out, error)) return false;
        bool cut = out->width * how->factor != in->width || out->height * how->factor != in->height;
        if (how->factor > 1) snprintf(how->word, sizeof how->word, "reduced by %d to %d x %d pixels%s", how->factor, out->width, out->height, cut ? ", the border cut off" : "");
        return true;
    }
    if (!shrink(in, out, error)) return false;
    snprintf(how->word, sizeof how->word, "%d x %d pixels averaged down to %d x %d", in->width, in->height, out->width, out->height);
    return true;
}

bool sprite_place(const struct sprite *art, struct sprite *out, struct error *error)
{
    bool half = art->width == SPRITE_SIDE / 2 && art->height == SPRITE_SIDE / 2;
    if (!(half ? sprite_scale(art, 2, out, error) : centre(art, out, error))) return false;
    harden(out);
    return true;
}

bool sprite_fit(const struct sprite *in, struct sprite *out, struct error *error)
{
    struct sprite_fitting how;
    struct sprite art;
    if (!sprite_reduce(in, &art, &how, error)) return false;
    bool ok = sprite_place(&art, out, error);
    sprite_free(&art);
    return ok;
}

int colour_list_index(struct colour_list *list, const uint8_t rgba[4])
{
    for (int i = 0; i < list->n; i++)
        if (memcmp(list->rgba[i], rgba, 4) == 0) return i;
    if (list->n == sizeof list->rgba / sizeof *list->rgba) return -1;
    memcpy(list->rgba[list->n], rgba, 4);
    return list->n++;
}
