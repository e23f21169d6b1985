/* ABC notation ("The abc music standard 2.1", 2011) from and to scores: text that players of folk music write by hand.
 *
 *     X:1            T:title   M:6/8   L:1/8   Q:1/4=120   K:D minor        the header ends with K:
 *     V:1 name="Flute"   %%MIDI program 73                                  voices; abc2midi's directives for their instruments
 *     A2 B | c>d [ceg]2 (3abc z2 ^f/ =f- | f4 |: … :|2 … |]                 the body
 *
 * Reading takes the first tune of a file, from its line X: (or the first line, where no X: is) to the blank line behind its music: notes
 * with accidentals (they hold for their letter in all octaves to the bar's end), rests, chords, ties, broken rhythms, tuplets, repeats
 * with endings (played out), parts in the order of P:, overlays (&), voices, inline fields, modes, dynamics; clef=treble-8, octave=,
 * transpose= and %%MIDI transpose move what is heard (the key too). An up-beat is preceded by a rest, so that bar lines fall where the
 * metre puts them. Left out: grace notes, slurs, decorations, chord symbols, lyrics. Time is kept to 1/10080 of a quarter note.
 *
 * Writing gives a voice a part, lengths as fractions of an eighth note (thirds as tuplets), overlays where notes of a part overlap,
 * dynamics where the velocity changes, and the recipe in a comment. What was written reads back with the same notes, lengths, programs, metres, keys and
 * tempos (whole numbers a minute are exact); velocities to the eight classes ppp to fff. */
#ifndef OUTPUTS_ABC_H
#define OUTPUTS_ABC_H

#include "core/bytes.h"
#include "outputs/score.h"

/* Does this look like ABC: text with a line K:? */
bool abc_is(const void *data, size_t n);

/* Read the first tune into *out (overwritten; score_free), sorted. Messages start with "ABC:" and name the line. */
bool abc_read(const void *data, size_t n, struct score *out, struct error *error);

/* Append a sorted score as text. */
bool abc_write(const struct score *score, struct bytes *out, struct error *error);

#define ABC_QUARTER 10080

#endif
