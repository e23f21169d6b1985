/* Hard wishes for a piece of music: what the user has fixed, as plain data that the grammar obeys at every step.
 *
 * A wish is a forced id of the header (key, metre, tempo, instruments) or a mask over the ids that the grammar lets through:
 *
 *     key, metre, tempo   this value in the header, and no change later on
 *     slowest, fastest    the tempo in the header and all later ones lie between
 *     program             exactly these parts in this order, and each of them plays
 *     voices              exactly so many parts, drums counted, and each of them plays
 *     drums               one of the parts is drums, and it plays
 *     bars                exactly so many, told as `length` up to 64; the last has a note, and no note sounds beyond its end
 *     low, high           pitches of all parts but drums
 *     scale_lock          their pitches belong to the scale of the key in force (minor: with raised sixth and seventh)
 *     chord               in bar b, at strong positions (music_strong), they belong to chord[b % chords]; the bar tells its `chord`
 *     full                there a part of keyboards, guitars, harp or strings plays all of the chord's tones that its range has room for
 *     cadence             a full close: the last bar but one has the dominant's tones at strong positions (unless chords are wished), the last
 *                         one the tonic's; there the first and the last part with pitches play, the first one's last and highest and the
 *                         last one's last and lowest tone is the tonic, a quarter note before the end at the latest (in high density an eighth; in a
 *                         shorter bar at its start), and no note sounds beyond the end. Without bars the header tells a `length`
 *     density             how far apart onsets are, by the table in music_wishes.c; the header tells the `density`
 *     holes               bars and parts may be holes; else none is. What fills a hole of bars does not sound beyond it
 *
 * There are no dead ends: music_wishes_check refuses wishes that no piece fulfils, and music_wishes_next is at every step the first id
 * of a short way to an end that fulfils them all. When the room for ids runs short, that way is the only one that is let through.
 */
#ifndef TOKENIZERS_MUSIC_WISHES_H
#define TOKENIZERS_MUSIC_WISHES_H

#include "tokenizers/music.h"

enum music_density { MUSIC_DENSITY_FREE, MUSIC_DENSITY_LOW, MUSIC_DENSITY_MID, MUSIC_DENSITY_HIGH, MUSIC_DENSITIES };

#define MUSIC_CHORDS_MOST 64

struct music_wishes {
    int16_t key, metre, tempo;           /* values of those kinds; -1: free */
    int16_t slowest, fastest;            /* values of tempo; fastest 0: free */
    double quarters;                     /* a minute, as asked for: the tempo that tokens only come near to; 0: free */
    int16_t program[MUSIC_PARTS_MOST];   /* (parts); MUSIC_DRUMS for drums */
    int parts, voices;                   /* 0: free; only one of them is used, parts first */
    bool drums, scale_lock, holes, cadence, full;
    int bars;                            /* of the whole piece; 0: free */
    int first;                           /* bars that were there before, which wishes do not bind; chords start behind them */
    uint8_t low, high;
    uint8_t density;                     /* enum music_density */
    int chords;
    uint16_t chord[MUSIC_CHORDS_MOST];   /* pitch classes as bits, bit 0 = C */
};

#define MUSIC_WISHES_NONE ((struct music_wishes){.key = -1, .metre = -1, .tempo = -1, .high = 127})

/* True when nothing is wished. */
bool music_wishes_none(const struct music_wishes *wishes);

/* Pitch classes (bits) of a key's scale; all of them for MUSIC_KEY_NONE. */
unsigned music_scale(int key);

/* The strong positions of a bar: its first step, and its middle when the metre's numerator is even. */
bool music_strong(int metre, int pos);

/* The closest that two onsets of a part in a bar may be, and the widest gap between onsets of the leading part (the first that is not
 * drums) and from its last to the bar's end; steps, 0: unbound. */
void music_density_steps(enum music_density density, int *closest, int *widest);

/* Is there a piece that fulfils them? The message says what excludes what. */
bool music_wishes_check(const struct music_wishes *wishes, struct error *error);

/* The next id of the way to the end, -1 where the piece may end; and how many ids it takes from here. */
int32_t music_wishes_next(const struct music_wishes *wishes, const struct music_grammar *grammar);
size_t music_wishes_need(const struct music_wishes *wishes, const struct music_grammar *grammar);

/* music_grammar_allowed under wishes. taken: ids so far (behind the bars that were there); room: how many may still come. */
void music_wishes_allowed(const struct music_wishes *wishes, const struct music_grammar *grammar, size_t taken, size_t room,
                          uint8_t *allowed, bool *may_end);

#endif
