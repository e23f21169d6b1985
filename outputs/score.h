/* A piece of music as notes on a time line: what the MIDI file, the WAV renderer and the music tokens have in common.
 *
 *     struct score
 *       ticks_per_quarter   480: every time below counts ticks, from 0
 *       note[]    {onset, length, part, pitch, velocity}     part = index into part[]
 *       part[]    {program, drums, name}                      one player with one General MIDI instrument
 *       tempo[]   {tick, us_per_quarter}                      before the first: 120 quarter notes a minute
 *       metre[]   {tick, numerator, denominator}              before the first: 4/4
 *       key[]     {tick, sharps, minor}                       before the first: no key is known
 *
 * The lists are plain arrays that grow; they belong to the score. {0} with ticks_per_quarter set is a valid empty score.
 * score_sort gives the canonical order: notes by (onset, part, pitch, length, velocity), events by tick, where of
 * several events of one kind at one tick only the last one given stays. Sorting costs O(n log n), adding O(1).
 */
#ifndef OUTPUTS_SCORE_H
#define OUTPUTS_SCORE_H

#include "core/error.h"

#include <stddef.h>
#include <stdint.h>

#define SCORE_PARTS_MOST 4096
#define SCORE_TICKS_PER_QUARTER 480    /* of the scores and files that we make */
#define SCORE_US_PER_QUARTER 500000u   /* the tempo where nothing is said: 120 a minute */

struct score_note {
    int64_t onset, length; /* ticks; length >= 1 */
    uint16_t part;
    uint8_t pitch;         /* 0 … 127, 60 = middle C; of drums: the General MIDI drum key */
    uint8_t velocity;      /* 1 … 127 */
};

struct score_part {
    int program;   /* 0 … 127, General MIDI counted from 0; of drums: the kit */
    bool drums;
    char name[64]; /* UTF-8, "" when unknown */
};

struct score_tempo { int64_t tick; uint32_t us_per_quarter; };            /* 1 … 2^24 - 1 */
struct score_metre { int64_t tick; int numerator, denominator; };         /* 1 … 255; a power of two up to 64 */
struct score_key { int64_t tick; int sharps; bool minor; };               /* -7 … 7, negative: flats */

struct score {
    int ticks_per_quarter; /* 1 … 32767 */
    char *title;           /* UTF-8, owned; NULL when there is none */
    char *recipe;          /* the JSON text that says how the piece was made, owned; NULL when there is none */
    struct score_note *note;
    struct score_part *part;
    struct score_tempo *tempo;
    struct score_metre *metre;
    struct score_key *key;
    size_t notes, parts, tempos, metres, keys;
    size_t note_room, part_room, tempo_room, metre_room, key_room;
};

void score_free(struct score *score);

/* Add one item at the end of its list. Values must be in range (the callers check what comes from files). */
bool score_add_note(struct score *score, struct score_note note, struct error *error);
bool score_add_part(struct score *score, int program, bool drums, const char *name, struct error *error);
bool score_add_tempo(struct score *score, int64_t tick, uint32_t us_per_quarter, struct error *error);
bool score_add_metre(struct score *score, int64_t tick, int numerator, int denominator, struct error *error);
bool score_add_key(struct score *score, int64_t tick, int sharps, bool minor, struct error *error);

/* Replace the title or the recipe by a copy of text (NULL: none). */
bool score_set_title(struct score *score, const char *text, struct error *error);
bool score_set_recipe(struct score *score, const char *text, struct error *error);

/* Bring notes and events into the canonical order told above. */
void score_sort(struct score *score);

/* Name a part; what its field has no room for is left out, whole characters at a time. */
void score_name_part(struct score_part *part, const char *name);

/* End each note where its part strikes the same pitch again: players have one such note at a time. The score must be sorted. */
void score_separate(struct score *score);

/* The tick where the last note ends; 0 without notes. */
int64_t score_end(const struct score *score);

/* The time of a tick in seconds; the score must be sorted. O(tempo events). */
double score_seconds(const struct score *score, int64_t tick);

/* The General MIDI name of a program 0 … 127 ("Acoustic Grand Piano"), or "Drums". Static text. */
const char *score_program_name(int program, bool drums);

#endif
