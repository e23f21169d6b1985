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

static uint8_t *pixel(const struct sprite *s, int x, int y) { return s->rgba + 4 * ((size_t)y * (size_t)s->width + (size_t)x); }

static void harden(struct sprite *s)
{
    for (int i = 0; i < s->width * s->height; i++) {
        uint8_t *p = s->rgba + 4 * (size_t)i;
        if (p[3] >= OPAQUE_FROM) p[3] = 255;
        else memset(p, 0, 4);
    }
}

/* True when the picture is made of factor x factor blocks of one colour each. */
static bool is_blocks(const struct sprite *s, int factor)
{
    for (int y = 0; y < s->height; y++)
        for (int x = 0; x < s->width; x++)
            if (memcmp(pixel(s, x, y), pixel(s, x / factor * factor, y / factor * factor), 4) != 0) return false;
    return true;
}

bool sprite_is_doubled(const struct sprite *s) { return s->width % 2 == 0 && s->height % 2 == 0 && is_blocks(s, 2); }

bool sprite_scale(const struct sprite *in, int scale, struct sprite *out, struct error *error)
{
    if (!sprite_init(out, in->width * scale, in->height * scale, error)) return false;
    for (int y = 0; y < out->height; y++)
        for (int x = 0; x < out->width; x++) memcpy(pixel(out, x, y), pixel(in, x / scale, y / scale), 4);
    return true;
}

/* Every factor-th pixel of every factor-th row. */
static bool thin(const struct sprite *in, int factor, struct sprite *out, struct error *error)
{
    if (!sprite_init(out, in->width / factor, in->height / factor, error)) return false;
    for (int y = 0; y < out->height; y++)
        for (int x = 0; x < out->width; x++) memcpy(pixel(out, x, y), pixel(in, x * factor, y * factor), 4);
    return true;
}

bool sprite_halve(const struct sprite *in, struct sprite *out, struct error *error) { return thin(in, 2, out, error); }

void sprite_flip(struct sprite *s)
{
    for (int y = 0; y < s->height; y++)
        for (int x = 0; x < s->width / 2; x++) {
            uint8_t keep[4], *a = pixel(s, x, y), *b = pixel(s, s->width - 1 - x, y);
            memcpy(keep, a, 4);
            memcpy(a, b, 4);
            memcpy(b, keep, 4);
        }
}

static bool centre(const struct sprite *in, struct sprite *out, struct error *error)
{
    if (!sprite_init(out, SPRITE_SIDE, SPRITE_SIDE, error)) return false;
    int left = (SPRITE_SIDE - in->width) / 2, top = (SPRITE_SIDE - in->height) / 2;
    for (int y = 0; y < in->height; y++) memcpy(pixel(out, left, top + y), pixel(in, 0, y), (size_t)in->width * 4);
    return true;
}

/* One pixel of the smaller picture: the mean of the box it stands for, colours weighted by alpha. */
static void average(const struct sprite *in, int x0, int y0, int x1, int y1, uint8_t out[4])
{
    uint64_t sum[4] = {0}, n = 0;
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++, n++) {
            const uint8_t *p = pixel(in, x, y);
            for (int d = 0; d < 3; d++) sum[d] += (uint64_t)p[d] * p[3];
            sum[3] += p[3];
        }
    for (int d = 0; d < 3; d++) out[d] = (uint8_t)(sum[3] == 0 ? 0 : (sum[d] + sum[3] / 2) / sum[3]);
    out[3] = (uint8_t)((sum[3] + n / 2) / n);
}

/* Averaged into the largest size of the same shape that fits, and centred. */
static bool shrink(const struct sprite *in, struct sprite *out, struct error *error)
{
    struct sprite small;
    int side = in->width > in->height ? in->width : in->height;
    int w = in->width * SPRITE_SIDE / side, h = in->height * SPRITE_SIDE / side;
    if (!sprite_init(&small, w < 1 ? 1 : w, h < 1 ? 1 : h, error)) return false;
    for (int y = 0; y < small.height; y++)
        for (int x = 0; x < small.width; x++)
            average(in, x * in->width / small.width, y * in->height / small.height, (x + 1) * in->width / small.width, (y + 1) * in->height / small.height, pixel(&small, x, y));
    bool ok = centre(&small, out, error);
    sprite_free(&small);
    return ok;
}

/* The largest whole factor by which the picture is scaled-up pixel art of at most 32 x 32; 1 when there is none. */
static int scaled_by(const struct sprite *in)
{
    for (int factor = in->width < in->height ? in->width : in->height; factor > 1; factor--) {
        if (in->width % factor != 0 || in->height % factor != 0) continue;
        if (in->width / factor <= SPRITE_SIDE && in->height / factor <= SPRITE_SIDE && in->width / factor >= 8 && is_blocks(in, factor)) return factor;
    }
    return 1;
}

static bool fit_small(const struct sprite *in, struct sprite *out, char word[80], struct error *error)
{
    if (in->width == SPRITE_SIDE / 2 && in->height == SPRITE_SIDE / 2) return sprite_scale(in, 2, out, error);
    if (in->width != SPRITE_SIDE || in->height != SPRITE_SIDE) snprintf(word, 80, "%d x %d pixels centred on 32 x 32", in->width, in->height);
    return centre(in, out, error);
}

bool sprite_fit(const struct sprite *in, struct sprite *out, char word[80], struct error *error)
{
    struct sprite thinned = {0};
    int factor = in->width == SPRITE_SIDE && in->height == SPRITE_SIDE ? 1 : scaled_by(in);
    bool ok;
    word[0] = '\0';
    if (factor > 1) {
        ok = thin(in, factor, &thinned, error) && fit_small(&thinned, out, word, error);
        snprintf(word, 80, "reduced by %d to %d x %d pixels", factor, thinned.width, thinned.height);
    } else if (in->width <= SPRITE_SIDE && in->height <= SPRITE_SIDE) ok = fit_small(in, out, word, error);
    else {
        ok = shrink(in, out, error);
        snprintf(word, 80, "%d x %d pixels averaged down to 32 x 32", in->width, in->height);
    }
    sprite_free(&thinned);
    if (ok) harden(out);
    return ok;
}

bool sprite_reduce(const struct sprite *in, struct sprite *out, int *factor, struct error *error)
{
    *factor = in->width == SPRITE_SIDE && in->height == SPRITE_SIDE ? (sprite_is_doubled(in) ? 2 : 1) : scaled_by(in);
    return thin(in, *factor, out, error);
}
