/* Between the two halves of the ABC reader: abc_read.c sorts a tune's lines into the text of its voices, abc_play.c plays a voice.
 *
 *     struct abc_play { metre "6/8", unit "1/8", tempo "1/4=120", key "D minor" }     the header's fields as text; "": not given
 *     shift[]                                                                         what moves a voice's sound, in semitones */
#ifndef OUTPUTS_ABC_PLAY_H
#define OUTPUTS_ABC_PLAY_H

#include "core/bytes.h"
#include "outputs/score.h"

/* "clef=treble-8", "octave=-1", "transpose=2" */
enum { ABC_PLAY_CLEF, ABC_PLAY_OCTAVE, ABC_PLAY_TRANSPOSE, ABC_PLAY_SHIFTS, ABC_PLAY_UNSAID = 1000 };

struct abc_play {
    struct score *score;
    int part;                            /* of the score: the voice's notes go there */
    const char *metre, *unit, *tempo, *key;
    bool no_bars;                        /* %%MIDI nobarlines: old music without bar lines, accidentals hold for their note alone */
    int shift[ABC_PLAY_SHIFTS];          /* the voice's own, before the key's: ABC_PLAY_UNSAID where nothing is said */
};

/* Set what a field K: or V: says of shifts; leave the others. */
void abc_play_shifts(const char *field, int *shift);

/* Play the text of a voice. *first_bar: where its first bar line stands, -1 without, 0 where the metre changes there; *bar: how long the
 * metre makes a bar, 0 when free. */
bool abc_play(const struct abc_play *play, const struct bytes *text, int64_t *first_bar, int64_t *bar, struct error *error);

#endif
