/* Chords of bars: the values of the `chord` token, and which of them the notes of a bar sound like.
 *
 * A value is quality * 12 + root; qualities are major, minor, dominant 7, minor 7, major 7, diminished, augmented and suspended fourth.
 * Other chords that --chords knows have one of these with the same tones (C6 is Am7, Dsus2 is Asus4) or with most of them (dim7: dim). */
#ifndef TOKENIZERS_MUSIC_CHORD_H
#define TOKENIZERS_MUSIC_CHORD_H

#include "tokenizers/music.h"

/* "Am", "none"; returns text. */
const char *music_chord_name(int value, char text[8]);

/* Its pitch classes as bits, bit 0 = C; 0 for none. */
unsigned music_chord_pitches(int value);

/* The chord of these pitch classes, else the one that shares most with them; of equally good ones the first. MUSIC_CHORD_NONE for none. */
int music_chord_value(unsigned pitches);

/* The value moved by semitones. */
int music_chord_move(int value, int semitones);

/* What a bar sounds like. weight (12): how much of each pitch class sounds in it (time, heavier where it starts on a strong position);
 * bass: the lowest pitch class, -1 when nothing sounds. MUSIC_CHORD_NONE where nothing fits well. */
int music_chord_hear(const double weight[12], int bass);

/* How heavy the time of a note counts in a bar of so many steps that it enters at `pos` (negative: it sounds from before). */
double music_chord_heavy(int pos, int steps);

#endif
