/* A sprite as text for a terminal. See-through pixels show a chequered grey.
 *
 *     half blocks   each character U+2580 shows two pixels, one above the other, by its colour and its ground, in 24-bit colours or
 *                   in those of xterm's palette of 256
 *     sixel         DEC's graphics (VT340): bands of six pixel rows, a pass for each colour, runs told by their length
 *     kitty         kitty's graphics protocol: the PNG in base64, in parts of 4096 characters */
#ifndef OUTPUTS_PREVIEW_H
#define OUTPUTS_PREVIEW_H

#include "core/bytes.h"
#include "outputs/sprite.h"

enum preview_kind { PREVIEW_TRUE_COLOUR, PREVIEW_256_COLOURS, PREVIEW_SIXEL, PREVIEW_KITTY };

/* Append the picture: half blocks as height / 2 lines (rounded up), each ended by a reset and a newline; the graphics about 256 pixels wide,
 * with a newline behind them. */
bool preview_print(const struct sprite *sprite, enum preview_kind kind, struct bytes *out, struct error *error);

#endif
