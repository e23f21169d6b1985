/* Tunes as training draws them: a piece of a data set in one of its forms, changed in ways that keep its caption true.
 *
 *     moved             to another key (-5 … +6 semitones), the keys in its caption with it
 *     tempo             a little slower or faster, unless the caption tells it
 *     instruments       others of the same General MIDI family, unless the caption names one of them
 *     told              chords, length (of whole tunes), density: each by itself
 *     holes             some bars, or some parts (all but the melody, or any), filled at the end; never in the reverse form
 *
 * What would be too long for the context loses its holes, then what is told. All draws are functions of (seed, draw). */
#ifndef MODALITIES_DRAW_MUSIC_H
#define MODALITIES_DRAW_MUSIC_H

#include "modalities/dataset.h"

/* Append the sequence of draw number `draw` of a tune. */
bool draw_music(const struct dataset *dataset, const struct dataset_piece *piece, uint64_t draw, struct ids *out, struct error *error);

#endif
