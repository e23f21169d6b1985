/* Patches of a picture at random: those squares of a grid where smooth noise is highest. So they hang together, as what a person would
 * change does. `vary` redraws such patches, and training leaves them out. */
#ifndef MODALITIES_PATCHES_H
#define MODALITIES_PATCHES_H

#include <stdbool.h>
#include <stdint.h>

enum { PATCHES_MOST = 1024 };

/* chosen (height, width), width * height <= PATCHES_MOST, is set for n squares; the others are left as they are. A function of seed and stream. */
void patches_choose(uint64_t seed, uint64_t stream, int width, int height, int n, bool *chosen);

#endif
