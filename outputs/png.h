/* PNG files (ISO/IEC 15948) from and to sprites, over libpng's row interface with tight limits.
 *
 * Reading turns every colour type, bit depth and interlacing into 8-bit RGBA. Writing gives a palette PNG with alpha in
 * tRNS when there are at most 256 colours, else RGBA; no time stamps, so equal pictures give equal files. A recipe is
 * carried as iTXt `triptych`, and a second text, in the form that image viewers show, as `parameters`.
 *
 * Limits: 8192 x 8192 pixels, as far as so many can come out of a file of its size, 8 MB of file, 16 ancillary chunks kept, 256 kB each.
 */
#ifndef OUTPUTS_PNG_H
#define OUTPUTS_PNG_H

#include "core/bytes.h"
#include "outputs/sprite.h"

/* Read n bytes of a PNG; recipe (may be NULL) gets the text of the `triptych` chunk if there is one. */
bool png_read_sprite(const void *data, size_t n, struct sprite *out, struct bytes *recipe, struct error *error);

/* Append the file of a sprite; recipe and parameters may be NULL. */
bool png_write_sprite(const struct sprite *sprite, const char *recipe, const char *parameters, struct bytes *out, struct error *error);

#endif
