/* Plain names of colours, by the rules by which the captions of sprites name them: of a pixel, of a picture, and in a text. */
#ifndef MODALITIES_COLOURS_H
#define MODALITIES_COLOURS_H

#include "outputs/sprite.h"

#include <stddef.h>

enum { COLOURS_N = 17 };

/* The name with this number, 0 to COLOURS_N - 1: "red", "brown", "teal", … Static. */
const char *colours_name(int number);

/* The number of a name of n letters, -1 for none; "gray" is "grey". */
int colours_number(const char *word, size_t n);

/* Hue 0 to 360, saturation and value 0 to 1. */
void colours_hsv(const uint8_t rgb[3], double *h, double *s, double *v);

/* The number of the name for a pixel's colour. */
int colours_of_pixel(const uint8_t rgb[3]);

/* The number of the first colour that a text names, -1 for none. */
int colours_first_named(const char *text);

/* Numbers of the names that cover a good share of a picture's opaque pixels, the commonest first; black, the usual outline, only where it is most of
 * all. Pixels of the colour `ground` (NULL: none) do not count. Returns how many, at most 3; 0 for an empty picture. */
int colours_of_sprite(const struct sprite *sprite, const uint8_t *ground, int number[3]);

#endif
