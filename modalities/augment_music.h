/* Captions of tunes that stay true when the tune is moved, played a little faster or on other instruments.
 *
 * Keys: every tone with a mode behind it ("D major", "E flat minor", "F# dorian") moves, spelt as the key token is (at most six sharps or five
 * flats). A caption is left alone (*may false) where that is not safe: tones without a mode, words as "flat", "dur", "sharp" elsewhere, keys
 * inside of quoted titles, and a key behind "a" or "an". "in a major key" stays true. */
#ifndef MODALITIES_AUGMENT_MUSIC_H
#define MODALITIES_AUGMENT_MUSIC_H

#include "core/bytes.h"

#include <stdbool.h>

/* Append the caption of the tune moved by semitones; *may is false when it could not be kept true. */
bool augment_music_key(const char *caption, int semitones, struct bytes *out, bool *may, struct error *error);

/* Does a caption tell beats a minute? */
bool augment_music_tells_tempo(const char *caption);

/* Does it name an instrument of a General MIDI family (0 … 15: program / 8), or the family? */
bool augment_music_names_family(const char *caption, int family);

#endif
