/* A sprite as text for a terminal: each character U+2580 (upper half block) shows two pixels, one above the other, by its
 * colour and its ground. See-through pixels show a chequered grey. */
#ifndef OUTPUTS_PREVIEW_H
#define OUTPUTS_PREVIEW_H

#include "core/bytes.h"
#include "outputs/sprite.h"

enum preview_colours { PREVIEW_TRUE_COLOUR, PREVIEW_256_COLOURS };

/* Append height / 2 lines (rounded up), each ended by a reset and a newline. */
bool preview_print(const struct sprite *sprite, enum preview_colours colours, struct bytes *out, struct error *error);

#endif
