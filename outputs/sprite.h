/* A picture of RGBA pixels: what PNG files, image codes and the terminal preview have in common.
 *
 * Pixel art is 32 x 32 with hard alpha (0 or 255), transparent pixels being 0,0,0,0; 16 x 16 art is the same with every
 * pixel doubled. sprite_fit brings any picture to that form and says what it did.
 */
#ifndef OUTPUTS_SPRITE_H
#define OUTPUTS_SPRITE_H

#include "core/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SPRITE_SIDE = 32, SPRITE_PIXELS = SPRITE_SIDE * SPRITE_SIDE };

struct sprite {
    int width, height;
    uint8_t *rgba;      /* (height, width, 4), owned */
};

/* A transparent picture of this size. */
bool sprite_init(struct sprite *sprite, int width, int height, struct error *error);
void sprite_free(struct sprite *sprite);

/* Bring any picture to 32 x 32 with hard alpha: 32 x 32 as it is (alpha from 128 up is opaque), 16 x 16 doubled, pixel
 * art that was scaled up by a whole number reduced exactly, smaller pictures centred, others averaged down. `word`
 * gets what was done, "" when nothing was. */
bool sprite_fit(const struct sprite *in, struct sprite *out, char word[80], struct error *error);

/* Scaled-up pixel art at its own size, pixel for pixel, alpha as it is; *factor by which it was scaled. Pictures that are none come back as they
 * are with factor 1. Doubled art of 32 x 32 becomes 16 x 16. */
bool sprite_reduce(const struct sprite *in, struct sprite *out, int *factor, struct error *error);

/* True when a 32 x 32 picture is 16 x 16 art with every pixel doubled. */
bool sprite_is_doubled(const struct sprite *sprite);

/* Every pixel becomes scale x scale (scale >= 1); and a doubled picture back to 16 x 16. */
bool sprite_scale(const struct sprite *in, int scale, struct sprite *out, struct error *error);
bool sprite_halve(const struct sprite *in, struct sprite *out, struct error *error);

/* Mirror left and right in place. */
void sprite_flip(struct sprite *sprite);

#endif
