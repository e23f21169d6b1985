/* Animated GIF files (GIF89a) of pixel art: one palette for all frames, hard alpha, looping for ever. Written only.
 *
 *     header, screen, global palette, NETSCAPE2.0 loop, then for each frame: control (delay, "clear before the next"), image, LZW data
 *
 * LZW codes begin one bit wider than the palette's indices, grow with the table and are packed from the low bit on; at 4096 entries the
 * table starts anew. */
#ifndef OUTPUTS_GIF_H
#define OUTPUTS_GIF_H

#include "core/bytes.h"
#include "outputs/sprite.h"

enum { GIF_COLOURS_MOST = 255 };      /* beside the see-through one */

/* Append the file of n frames of one size, each shown for `duration` milliseconds. Alpha from 128 on is opaque; at most 255 colours in all. */
bool gif_write(const struct sprite *frames, int n, int duration, struct bytes *out, struct error *error);

#endif
