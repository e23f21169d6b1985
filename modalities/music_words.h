/* Wishes for music in words: the values of options ("D minor", "6/8", "C4-C6", "Am F C G", "flute"), and what a prompt names. */
#ifndef MODALITIES_MUSIC_WORDS_H
#define MODALITIES_MUSIC_WORDS_H

#include "core/bytes.h"
#include "tokenizers/music_wishes.h"

/* Each reads the whole text into the wishes. Messages say what was found and what is wanted; they are usage errors. */
bool music_words_key(const char *text, struct music_wishes *wishes, struct error *error);         /* "D minor", "Bb major", "f# minor", "Am" */
bool music_words_metre(const char *text, struct music_wishes *wishes, struct error *error);       /* "6/8" */
bool music_words_range(const char *text, struct music_wishes *wishes, struct error *error);       /* "C4-C6", "60-84"; C4 is 60 */
bool music_words_chords(const char *text, struct music_wishes *wishes, struct error *error);      /* "Am F C G7": one a bar, from the first again at the end */
bool music_words_density(const char *text, struct music_wishes *wishes, struct error *error);     /* "low", "mid", "high" */
bool music_words_instrument(const char *text, struct music_wishes *wishes, struct error *error);  /* one more part: "flute", "73", "drums" */

/* Set what a prompt names and the wishes leave free, and append a line a wish ("key A minor") to *said. */
bool music_words_find(const char *prompt, struct music_wishes *wishes, struct bytes *said, struct error *error);

/* Add the instruments that a text tells of behind "for", "on" or "with", joined by "and" and commas ("for voice and piano", "for two violins") as
 * parts. *more: the list goes on with "and four more". */
bool music_words_instruments(const char *text, struct music_wishes *wishes, bool *more, struct error *error);

/* "F#", "Bb", "c sharp", "E flat" at the start of a text: the pitch class and how many fifths it is from C; the bytes read, 0 for none. */
size_t music_words_tone(const char *text, int *tone, int *fifths);

/* Does a text name an instrument whose program is from low to high? */
bool music_words_names(const char *text, int low, int high);

/* A chord's name, "Am", for pitch classes as music_words_chords reads them; text of at least 8 bytes. Its root by *root. */
enum { MUSIC_CHORD_KINDS = 11 };
const char *music_words_chord_name(int root, int kind, char text[8]);
unsigned music_words_chord_pitches(int root, int kind);

#endif
