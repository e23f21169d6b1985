/* Scores as sound: 44,100 Hz, stereo, in a RIFF WAVE (16 bits), FLAC (16 bits, exactly the same samples) or Ogg Vorbis file.
 *
 * Either FluidSynth with a General MIDI soundfont plays (fluid.h), or the small synthesizer of our own (synth.h). Two
 * seconds ring out behind the last note. A peak above -1 dB is brought down to it; a very quiet piece is raised to at most
 * twice its level. The file has the title and the recipe as comment (WAVE: LIST INFO chunk; the others: Vorbis comments), and no time
 * stamps: the same score, synthesizer and soundfont give the same bytes (not so Ogg, whose streams are numbered at random).
 */
#ifndef OUTPUTS_WAV_H
#define OUTPUTS_WAV_H

#include "core/bytes.h"
#include "core/error.h"
#include "outputs/score.h"

#define WAV_MINUTES_MOST 20
#define WAV_COMMENT_MOST 32768 /* a longer recipe is left out of the file */

enum wav_format { WAV_RIFF, WAV_FLAC, WAV_OGG };    /* RIFF WAVE, FLAC, Ogg Vorbis */

enum wav_synth {
    WAV_SYNTH_BEST,    /* FluidSynth where it and a soundfont are installed, else our own */
    WAV_SYNTH_FLUID,   /* FluidSynth, or an error */
    WAV_SYNTH_BUILTIN, /* our own */
};

/* Append the sound file of a score to *out. soundfont: NULL for the environment's (TRIPTYCH_SOUNDFONT) or the system's.
 * Fails on a score without notes, one longer than WAV_MINUTES_MOST, and when WAV_SYNTH_FLUID or a named soundfont cannot
 * be had. Messages start with "WAV:" or "FluidSynth:". */
bool wav_render(const struct score *score, enum wav_format format, enum wav_synth synth, const char *soundfont,
                struct bytes *out, struct error *error);

/* Append samples (frames, 2) as a sound file; title and comment may be NULL. Values beyond -1 … 1 are clipped. */
bool wav_write(const float *samples, size_t frames, enum wav_format format, const char *title, const char *comment, struct bytes *out,
               struct error *error);

#endif
