/* Sprite sheets: pictures in a grid of equal cells, and the JSON that Aseprite writes beside one (format "JSON (Array)"), which game
 * engines read: where each frame lies, its size, its duration. */
#ifndef OUTPUTS_SHEET_H
#define OUTPUTS_SHEET_H

#include "core/bytes.h"
#include "outputs/sprite.h"

struct sheet_frame { const struct sprite *sprite; const char *name; int duration; };   /* milliseconds; borrowed */

struct sheet {
    struct sprite picture;
    int columns, rows, cell_width, cell_height;
};

/* The grid of n cells of this size, in `columns` columns (0: as many as make it about square); an error when it is too large. */
bool sheet_measure(int n, int columns, int cell_width, int cell_height, struct sheet *out, struct error *error);

/* Put n frames into `columns` columns, as sheet_measure; cells have the size of the largest frame. sprite_free(&out->picture). */
bool sheet_make(const struct sheet_frame *frames, int n, int columns, struct sheet *out, struct error *error);

/* Append the JSON for it; `image` is the name of its file, scale how often each pixel is repeated there, version that of the program. */
bool sheet_json(const struct sheet *sheet, const struct sheet_frame *frames, int n, int scale, const char *image, const char *version, struct bytes *out, struct error *error);

#endif
