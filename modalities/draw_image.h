/* Training pieces of pictures; see draw_image.c. */
#ifndef MODALITIES_DRAW_IMAGE_H
#define MODALITIES_DRAW_IMAGE_H

#include "modalities/dataset.h"

/* Append a training piece of a picture: draw number `draw` decides its caption, form, changes and holes. */
bool draw_image(const struct dataset *dataset, const struct dataset_piece *piece, uint64_t draw, struct ids *out, struct error *error);

#endif
