/* Rendering with FluidSynth (LGPL) and a General MIDI soundfont.
 *
 * The library brings 62 others with it, so it is not linked: it is opened with dlopen when sound is rendered, and its few
 * functions are declared in fluid.c from its documented interface (version 2). No audio driver is made and no player: the
 * notes are sent one by one between calls that render the frames of each gap, which keeps every onset exact to the frame
 * and the samples equal on every run. Only soundfonts that the user or the system has installed are loaded.
 */
#ifndef OUTPUTS_FLUID_H
#define OUTPUTS_FLUID_H

#include "core/error.h"
#include "outputs/score.h"
#include "outputs/timeline.h"

/* The soundfont to use: `wanted`, else $TRIPTYCH_SOUNDFONT, else the first of the usual places that is there; NULL when
 * none is. Lends. */
const char *fluid_soundfont(const char *wanted);

/* Whether FluidSynth can be opened. */
bool fluid_available(void);

/* Render into samples (frames, 2), overwritten. Messages start with "FluidSynth:". */
bool fluid_render(const struct score *score, const struct timeline *timeline, const char *soundfont, float *samples,
                  size_t frames, struct error *error);

#endif
