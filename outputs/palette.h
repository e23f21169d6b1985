/* Palettes of artists: a list of colours, from the files in which they are traded.
 *
 *     .gpl   GIMP Palette: "GIMP Palette", then "red green blue name" a line, header lines "Name: …", comments from '#' on; behind "Channels: RGBA"
 *            (Aseprite) the alpha before the name
 *     .hex   six hexadecimal digits a line, a '#' before them allowed (Lospec), or eight with the alpha first (Paint.NET); lines from ';' or "//" on are
 *            comments
 *     .pal   JASC-PAL: "JASC-PAL", "0100", the number of colours, then "red green blue" a line, an alpha behind them allowed
 *     .png   the opaque colours of a picture, in the order of its rows
 *
 * A byte order mark before the text is skipped. Repeated colours and those with an alpha below 128 are dropped; 1 to 256 are wanted. */
#ifndef OUTPUTS_PALETTE_H
#define OUTPUTS_PALETTE_H

#include "core/bytes.h"

enum { PALETTE_MOST = 256 };

struct palette { int n; uint8_t rgb[PALETTE_MOST][3]; };

/* Read the bytes of a file whose extension tells its kind (case does not matter). */
bool palette_parse(const char *extension, const void *data, size_t n, struct palette *out, struct error *error);

/* The same for a path; messages start with it. */
bool palette_read(const char *path, struct palette *out, struct error *error);

bool palette_has(const struct palette *palette, const uint8_t rgb[3]);

/* Put the palette's colours in place of a picture's (rgba, n pixels), see-through pixels untouched. With enough colours the order
 * of lightness is kept and no two colours become one; else each takes the nearest. */
bool palette_recolour(const struct palette *palette, uint8_t *rgba, size_t n, struct error *error);

/* How many colours the pixels that show have; -1 when memory ran out. */
int palette_count(const uint8_t *rgba, size_t n, struct error *error);

/* Leave a picture (rgba, n pixels) its `most` (1 to 256) commonest colours; each other becomes the nearest of them. *colours: how many it had. */
bool palette_limit(uint8_t *rgba, size_t n, int most, int *colours, struct error *error);

#endif
