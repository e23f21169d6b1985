/* A picture of RGBA pixels: what PNG files, image codes and the terminal preview have in common.
 *
 * Pixel art is at most 32 x 32, with hard alpha (0 or 255) where the model sees it, see-through pixels being 0,0,0,0; 16 x 16 art is
 * 32 x 32 with every pixel doubled. sprite_reduce brings any picture to art and says what it did, sprite_place puts art on 32 x 32.
 */
#ifndef OUTPUTS_SPRITE_H
#define OUTPUTS_SPRITE_H

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SPRITE_SIDE = 32, SPRITE_PIXELS = SPRITE_SIDE * SPRITE_SIDE, SPRITE_SIDE_MOST = 8192 };      /* the last: of files and sheets */

struct sprite {
    int width, height;
    uint8_t *rgba;      /* (height, width, 4), owned */
};

/* A transparent picture of this size. */
bool sprite_init(struct sprite *sprite, int width, int height, struct error *error);
void sprite_free(struct sprite *sprite);

/* The pixel x, y of a sprite, four bytes. */
static inline uint8_t *sprite_pixel(const struct sprite *s, int x, int y) { return s->rgba + 4 * ((size_t)y * (size_t)s->width + (size_t)x); }

/* Lightness from 0 to 255,000: what the eye makes of red, green and blue (ITU-R BT.601). */
static inline int sprite_light(const uint8_t rgb[3]) { return 299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2]; }

/* How a picture became art: each pixel of the art stands for factor x factor of the picture from left, top on. `word` tells what was done, "" when
 * nothing was. Averaged pictures have factor 1. */
struct sprite_fitting { int factor, left, top; char word[100]; };

/* Any picture as art of at most 32 x 32: art that was scaled up by a whole number at its own size, pixel for pixel, a border of one colour beside its grid cut off;
 * pictures of at most 32 x 32 as they are, alpha too; others averaged down to the largest size of their shape, with hard alpha. Doubled art of 32 x 32
 * becomes 16 x 16. A picture of one colour is reduced no more than it must be. */
bool sprite_reduce(const struct sprite *in, struct sprite *out, struct sprite_fitting *how, struct error *error);

/* Art on 32 x 32 with hard alpha (from 128 up is opaque): 16 x 16 doubled, else centred. And both in one. */
bool sprite_place(const struct sprite *art, struct sprite *out, struct error *error);
bool sprite_fit(const struct sprite *in, struct sprite *out, struct error *error);

/* True when a 32 x 32 picture is 16 x 16 art with every pixel doubled. */
bool sprite_is_doubled(const struct sprite *sprite);

/* Every pixel becomes scale x scale (scale >= 1), at most SPRITE_SIDE_MOST in all; and back: every factor-th pixel of every factor-th row. */
bool sprite_scale(const struct sprite *in, int scale, struct sprite *out, struct error *error);
bool sprite_thin(const struct sprite *in, int factor, struct sprite *out, struct error *error);

/* True when no pixel shows. */
bool sprite_is_blank(const struct sprite *sprite);

/* Colours as indices, in the order of their first coming; {0} is an empty list. */
struct colour_list { uint8_t rgba[256][4]; int n; };

/* The index of a colour, which is added when it is new; -1 when the list is full. */
int colour_list_index(struct colour_list *list, const uint8_t rgba[4]);

/* Mirror left and right in place. */
void sprite_flip(struct sprite *sprite);

#endif
