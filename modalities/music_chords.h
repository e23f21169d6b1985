/* Chords that fit a melody, a chord a bar: what `harmonise` builds on.
 *
 * Candidates are the triads of the key's scale (minor: with the major dominant). A chord is worth the time that its tones sound in the bar,
 * strong positions counting more, and how well it follows the one before (falls by a fifth, ends on the tonic); the best
 * sequence is found by dynamic programming (Viterbi 1967). Where no key is written one is estimated (Krumhansl & Kessler 1982). */
#ifndef MODALITIES_MUSIC_CHORDS_H
#define MODALITIES_MUSIC_CHORDS_H

#include "outputs/score.h"

struct music_chord { uint8_t root, kind; };    /* kind: of music_words_chord_name; 0 major, 1 minor, 5 diminished */

/* start (bars + 1): ticks of the bar lines. Each bar has the triads of the key in force where it starts. Fills out (bars). */
bool music_chords_fit(const struct score *score, const int64_t *start, int bars, struct music_chord *out, struct error *error);

/* The key whose profile the sounding pitch classes fit best; a value of the music token, MUSIC_KEY_NONE when only drums sound. */
int music_chords_key(const struct score *score);

#endif
