/* A small synthesizer, for machines without FluidSynth or a soundfont.
 *
 * Every General MIDI family of eight programs has a timbre: up to eight harmonics read from a wavetable, an envelope of
 * attack, decay, sustain and release, and vibrato. Drums are swept sines and filtered noise. Parts are spread a little
 * between left and right, and a Schroeder reverberator (four combs, two all-passes a side) is mixed in. It sounds like a
 * toy, on purpose a tidy one. No state is kept and no random device is read: the same score gives the same samples.
 */
#ifndef OUTPUTS_SYNTH_H
#define OUTPUTS_SYNTH_H

#include "core/error.h"
#include "outputs/score.h"
#include "outputs/timeline.h"

/* Render into samples (frames, 2), which must be zero. Fails only for want of memory. */
bool synth_render(const struct score *score, const struct timeline *timeline, float *samples, size_t frames,
                  struct error *error);

#endif
