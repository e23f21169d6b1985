/* Music as tokens: bars, positions on a grid of 12 steps a quarter note, instruments, pitches, durations.
 *
 * One table of event kinds (music.c: music_kinds) numbers the vocabulary 0 … music_vocabulary() - 1, gives the names, and
 * together with the table of what may follow what (music_grammar.c) is the grammar. A piece:
 *
 *     piece   = metre key tempo [length] [density]  (program [hole])+  bar-line+  [fill second+]       at most 16 parts
 *     bar-line= bar [metre] [key] [tempo] late*  ([chord] line* | hole)  only what changes, so none in the first; no key "none"
 *     late    = pos ([key] tempo | key | metre)                          what changes inside the bar; positions ascending, from 1 on
 *     second  = bar [chord] line*                                        what a hole stands for
 *     line    = [part]  (pos note+)+                                     parts ascending; no `part` in a piece of one part
 *     note    = [velocity] pitch duration                                positions and, at one position, pitches ascending
 *
 * A late metre cuts the bar short: the next one starts there, so nothing late comes behind it. In a metre of very long bars (28/4) `bar`
 * is one of its equal parts (7/4).
 *
 * A note's velocity class is its part's current one (MUSIC_VELOCITY_START at the piece's start) unless a `velocity`
 * before it changes that, in the order of ids. Empty bars are just `bar`. The end of a piece is not in this vocabulary: the caller has an
 * <eos> of its own and asks the grammar when it may come.
 *
 * `length` says how many bars there are, `density` how many notes a bar (music_density_value), `chord` what the bar sounds like
 * (music_chord.h). A `hole` is left open in the first pass and filled behind `fill`: of a bar, its chord and lines, one `second` for each
 * such bar in order; behind a `program`, what that part plays, one `second` (without chord) for every bar, with those parts only. A piece
 * has holes of one of these sorts, at least one part without a hole, and at most MUSIC_HOLES_MOST bars in its second pass.
 *
 * Costs: a note is 2 to 4 ids, a bar 1, a change of part 1. All functions here are linear in their input (encoding sorts).
 * Lists of ids that come in are borrowed; lists that go out are appended to and belong to the caller.
 */
#ifndef TOKENIZERS_MUSIC_H
#define TOKENIZERS_MUSIC_H

#include "core/bytes.h"
#include "core/error.h"
#include "core/ids.h"
#include "outputs/score.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUSIC_STEPS_PER_QUARTER 12
#define MUSIC_BAR_STEPS_MOST 144   /* twelve quarter notes */
#define MUSIC_PARTS_MOST 16
#define MUSIC_BARS_MOST 65536
#define MUSIC_KEY_NONE 30          /* value of `key` */
#define MUSIC_DRUMS 128            /* value of `program` */
#define MUSIC_VELOCITY_START 4     /* value of `velocity`: mf, MIDI velocity 80 */
#define MUSIC_CHORD_NONE 96        /* value of `chord`; the others are quality * 12 + root, see music_chord.h */
#define MUSIC_LENGTH_MOST 64       /* bars that `length` can tell; its value is bars - 1 */
#define MUSIC_HOLES_MOST 256       /* bars of a second pass */
#define MUSIC_RUNS_MOST 16         /* stretches of adjacent bars of one metre and key in a second pass */

enum music_kind {
    MUSIC_BAR, MUSIC_METRE, MUSIC_KEY, MUSIC_TEMPO, MUSIC_PROGRAM, MUSIC_PART, MUSIC_POS, MUSIC_VELOCITY, MUSIC_PITCH,
    MUSIC_DURATION, MUSIC_CHORD, MUSIC_LENGTH, MUSIC_DENSITY, MUSIC_HOLE, MUSIC_FILL, MUSIC_KINDS
};

/* ---- The vocabulary ---- */

int music_vocabulary(void);                                  /* how many ids there are */
const char *music_kind_name(enum music_kind kind);           /* "pitch" */
int music_kind_count(enum music_kind kind);                  /* 128: its values are 0 … 127 */
int32_t music_id(enum music_kind kind, int value);           /* -1 when the value is out of range */
bool music_kind_of(int32_t id, enum music_kind *kind, int *value); /* false when the id is out of range */
const char *music_name(int32_t id, char text[32]);           /* "pitch 60", "metre 6/8", "key G major"; returns text */

/* What values mean. The *_value functions give the nearest value, metre and key -1 when there is none. */
int music_metre_value(int numerator, int denominator);
void music_metre_of(int value, int *numerator, int *denominator);
int music_metre_segments(int value);                         /* 1; of a bar longer than MUSIC_BAR_STEPS_MOST, as how many bars it is told */
int music_metre_steps(int value);                            /* length of a bar, or of such a segment */
int music_key_value(int sharps, bool minor);
bool music_key_of(int value, int *sharps, bool *minor);      /* false for MUSIC_KEY_NONE */
int music_tempo_value(double quarters_per_minute);           /* nearest by ratio */
int music_tempo_of(int value);                               /* quarter notes a minute */
int music_duration_value(int64_t steps);
int music_duration_of(int value);                            /* steps, 1 … 384 */
int music_velocity_value(int velocity);
int music_velocity_of(int value);                            /* 16, 32, … 112, 127: ppp … fff */
int music_density_value(double notes_a_bar);                 /* low below 8, mid, high from 18 on: thirds of the training pieces */

/* ---- Scores to ids and back ---- */

/* What encoding lost. Counts, except largest_shift. notes_in = notes_kept + notes_merged + notes_dropped. */
struct music_loss {
    double notes_in, notes_kept, notes_merged, notes_dropped;
    double onsets_moved, largest_shift;  /* onsets off the grid; the largest move in steps (1/12 of a quarter note) */
    double lengths_changed;              /* notes whose length is not exactly the coded one */
    double velocities_rounded;           /* notes whose velocity is not exactly their class's */
    double parts_merged, parts_dropped;
    double tempos_moved, tempos_rounded, tempos_dropped;
    double metres_moved, metres_changed, metres_dropped;
    double keys_moved, keys_dropped;
};

/* The figures by name ("notes_in"), for JSON: 0 <= i < music_loss_count(). */
int music_loss_count(void);
const char *music_loss_name(int i);
double music_loss_value(const struct music_loss *loss, int i);

/* Append one line without a line end: "214 of 214 notes kept; nothing lost" or what was. */
bool music_loss_text(const struct music_loss *loss, struct bytes *out, struct error *error);

/* The grid step nearest to a tick of the score, halves up. */
int64_t music_step(const struct score *score, int64_t tick);

/* part (score->parts): the part that each of the score's becomes in its ids, -1 when it is left out. */
bool music_parts(const struct score *score, int16_t *part, struct error *error);

/* Append the ids of a score. Times go to the nearest grid step; the rules for what does not fit are in music_encode.c.
 * loss may be NULL. Fails on a score without notes, one that is malformed, or one of more than MUSIC_BARS_MOST bars. */
bool music_encode(const struct score *score, struct ids *out, struct music_loss *loss, struct error *error);

/* What the ids tell beside the notes, and what they leave for a second pass; {0}: the plain spelling. */
struct music_encode_options {
    bool chords, length, density;       /* a piece of more than MUSIC_LENGTH_MOST bars gets no length */
    int hole_first, holes;              /* these bars (from 0) are holes */
    uint16_t hidden;                    /* bit p: part p is a hole */
    int bars;                           /* at least so many; silent ones at the end otherwise have no ids */
};

/* The same with options. It is an error when the grammar has no such piece: bars or parts that are not there, both sorts of holes, all
 * parts hidden, a second pass of too many bars or changes of metre and key. */
bool music_encode_as(const struct score *score, const struct music_encode_options *options, struct ids *out, struct music_loss *loss, struct error *error);

/* The score that ids stand for, into *out (overwritten; score_free), sorted, 480 ticks a quarter note; what the second
 * pass holds is in its place. Fails on ids that break the grammar or stop where a piece may not end. */
bool music_decode(const int32_t *ids, size_t n, struct score *out, struct error *error);

/* ---- The grammar, one id at a time ---- */

/* What was read last; `HEAD` are those of the header. */
enum music_state {
    MUSIC_AT_START, MUSIC_AT_HEAD_METRE, MUSIC_AT_HEAD_KEY, MUSIC_AT_HEAD_TEMPO, MUSIC_AT_LENGTH, MUSIC_AT_DENSITY, MUSIC_AT_PROGRAM,
    MUSIC_AT_HIDDEN, MUSIC_AT_BAR, MUSIC_AT_METRE, MUSIC_AT_KEY, MUSIC_AT_TEMPO, MUSIC_AT_LATE_KEY, MUSIC_AT_LATE_TEMPO, MUSIC_AT_CUT, MUSIC_AT_CHORD, MUSIC_AT_HOLE, MUSIC_AT_FILL, MUSIC_AT_PART, MUSIC_AT_POS, MUSIC_AT_VELOCITY, MUSIC_AT_PITCH, MUSIC_AT_NOTE
};

/* Plain data, copied freely; the members are for reading only. */
struct music_grammar {
    uint8_t state;                      /* enum music_state */
    bool noted;                         /* a note is complete */
    bool open;                          /* the bar may still tell late changes */
    bool turned;                        /* the bar before was cut short and has told the metre */
    uint8_t parts;
    int16_t metre, key, tempo;          /* values in force; in the second pass metre and key of the bar that is filled */
    int16_t part, pos, pitch, lowest;   /* in this bar, -1: none yet; lowest: the first pitch at this position */
    int16_t late;                       /* position of the bar's last change of key or tempo, 0: at the bar line */
    int16_t cut, then;                  /* the bar ends at this position, 0: whole; the metre from there on */
    int32_t bars;                       /* so far, of the first pass */
    int32_t at;                         /* the bar that is written, from 0: bars - 1, in the second pass the one that is filled */
    int16_t length;                     /* bars that the header tells, 0: none */
    uint16_t hidden;                    /* bit p: part p is a hole */
    int16_t holes, filled;              /* bars of the second pass: how many there are to be, how many were begun */
    bool second;                        /* behind `fill` */
    uint8_t runs;
    struct { uint16_t first, bars; uint8_t metre, key, steps; } run[MUSIC_RUNS_MOST];   /* (runs) where they are, how long each is */
    uint16_t played, here;              /* bit p: part p has a note; has one in this bar */
    uint16_t tones;                     /* pitch classes so far at this position, bit 0 = C */
    int16_t program[MUSIC_PARTS_MOST];
    uint8_t velocity[MUSIC_PARTS_MOST];   /* class in force */
    uint8_t last_pitch[MUSIC_PARTS_MOST]; /* for closing */
};

#define MUSIC_CLOSING_MOST 512

void music_grammar_start(struct music_grammar *grammar);

/* Steps of the bar that is written; of a bar of the metre before there is one, of the longest before there is that. */
int music_grammar_bar_steps(const struct music_grammar *grammar);

/* allowed[id] = 1 or 0 for each of the music_vocabulary() ids (allowed may be NULL); *may_end: the piece may end here.
 * There is always an allowed id, or the piece may end. */
void music_grammar_allowed(const struct music_grammar *grammar, uint8_t *allowed, bool *may_end);

bool music_grammar_may_end(const struct music_grammar *grammar);

/* Go on by one id; false (and nothing changes) when it is not allowed. */
bool music_grammar_advance(struct music_grammar *grammar, int32_t id);

/* The shortest list of ids to where the piece may end. Returns its length: 0 to 3 once a piece has a note, else up to 8; more by a `bar` for
 * each bar that a length promises, and by `fill` and a `bar` for each bar of a second pass that is still to come. */
size_t music_grammar_closing(const struct music_grammar *grammar, int32_t ids[MUSIC_CLOSING_MOST]);

/* ---- Pieces cut and moved ---- */

/* How many bars a piece has, those of its second pass not counted again; -1 and an error when it breaks the grammar. */
int music_bars(const int32_t *ids, size_t n, struct error *error);

/* Append bars first … first + bars - 1 (from 0) as a piece of its own: its header tells the metre, key and tempo in
 * force (no length and density), only the parts that play there are kept, velocities are told anew. Bars without any note give no piece: nothing
 * is appended and true returned. A piece with holes is refused; so it is by music_split and music_transpose. */
bool music_excerpt(const int32_t *ids, size_t n, int first, int bars, struct ids *out, struct error *error);

/* One piece of music_split; the ids are lent for the call. Return false (with the error set) to stop. */
typedef bool (*music_piece)(void *user, const int32_t *ids, size_t n, int first_bar, int bars, struct error *error);

/* Cut a piece at bar lines into pieces of at most `most` ids, in order. A piece that is short enough comes whole and
 * unchanged. Bars that alone take more are left out and counted in *left_out (may be NULL), silent stretches too small
 * to matter are left out uncounted. */
bool music_split(const int32_t *ids, size_t n, size_t most, music_piece piece, void *user, int *left_out,
                 struct error *error);

/* Move all pitches but those of drums by semitones, and the keys and chords with them (spelt with at most six sharps or flats when
 * they move). *n may shrink, when two neighbouring keys become one. False, and nothing changed, when a pitch would leave
 * 0 … 127 or the ids break the grammar. */
bool music_transpose(int32_t *ids, size_t *n, int semitones);

#endif
