/* Hard wishes as masks over the grammar; see music_wishes.h.
 *
 * `fits` is the law: may an id that the grammar allows come here under the wishes? `next` knows the way home. Two things make the mask
 * narrower than the law: a piece with a number of bars gives each its share of the room (a bar that has used up its share and
 * those saved before it is left as soon as it may be), and when the room is nearly used up only the way home is left.
 *
 * A second pass obeys as the first does: the parts that may play in a pass are its parts, the first of them that is not drums leads.
 */
#include "tokenizers/music_chord.h"
#include "tokenizers/music_wishes.h"

#include <string.h>

static const struct { int closest, widest; } densities[MUSIC_DENSITIES] = {
    [MUSIC_DENSITY_FREE] = {0, 0},
    [MUSIC_DENSITY_LOW] = {12, 0},       /* at most one onset a quarter note */
    [MUSIC_DENSITY_MID] = {6, 24},       /* at most two, and one every half note */
    [MUSIC_DENSITY_HIGH] = {0, 6},       /* at least two */
};

enum { MARGIN = 24 };                    /* ids more than the way home needs, below which nothing else is let through */

bool music_wishes_none(const struct music_wishes *w)
{
    return w->key < 0 && w->metre < 0 && w->tempo < 0 && w->parts == 0 && !w->drums && !w->scale_lock && w->bars == 0 && w->low == 0 &&
           w->high == 127 && w->density == MUSIC_DENSITY_FREE && w->chords == 0 && w->fastest == 0 && w->voices == 0 && !w->cadence;
}

unsigned music_scale(int key)
{
    int sharps;
    bool minor;
    if (!music_key_of(key, &sharps, &minor)) return 0xfff;
    unsigned degrees = minor ? 0xfad : 0xab5;                  /* 0 2 3 5 7 8 9 10 11; 0 2 4 5 7 9 11 */
    int tonic = (sharps * 7 + 84 + (minor ? 9 : 0)) % 12;
    return (degrees << tonic | degrees >> (12 - tonic)) & 0xfff;
}

bool music_strong(int metre, int pos)
{
    int numerator, denominator;
    music_metre_of(metre, &numerator, &denominator);
    numerator /= music_metre_segments(metre);
    return pos == 0 || (numerator % 2 == 0 && 2 * pos == music_metre_steps(metre));
}

void music_density_steps(enum music_density density, int *closest, int *widest)
{
    *closest = densities[density].closest;
    *widest = densities[density].widest;
}

/* ---- parts ---- */

/* The parts (bits) that play in this pass. */
static unsigned playing(const struct music_grammar *g)
{
    unsigned all = (1u << g->parts) - 1;
    return g->hidden == 0 ? all : g->second ? g->hidden : all & ~(unsigned)g->hidden;
}

static int lead(const struct music_grammar *g)
{
    int first = 0;
    for (int p = g->parts - 1; p >= 0; p--)
        if (playing(g) >> p & 1) first = p;
    for (int p = 0; p < g->parts; p++)
        if ((playing(g) >> p & 1) && g->program[p] != MUSIC_DRUMS) return p;
    return first;
}

/* The last part of this pass with pitches; the lead where there is none. */
static int bass(const struct music_grammar *g)
{
    for (int p = g->parts - 1; p >= 0; p--)
        if ((playing(g) >> p & 1) && g->program[p] != MUSIC_DRUMS) return p;
    return lead(g);
}

/* ---- pitches ---- */

static bool pitch_in(const struct music_wishes *w, int key, unsigned chord, int pitch)
{
    return pitch >= w->low && pitch <= w->high && (chord >> (pitch % 12) & 1) && (!w->scale_lock || (music_scale(key) >> (pitch % 12) & 1));
}

/* Bars that were wished, or that the header tells; 0: free. */
static int bars_to_be(const struct music_wishes *w, const struct music_grammar *g) { return w->bars > 0 ? w->bars : g->length; }

/* The pitch class of a key's tonic. */
static int tonic_of(int key)
{
    int sharps = 0;
    bool minor = false;
    (void)music_key_of(key, &sharps, &minor);
    return (sharps * 7 + 84 + (minor ? 9 : 0)) % 12;
}

/* The pitch classes of the tonic's triad, or of the dominant's. */
static unsigned triad(int key, bool dominant)
{
    int sharps, root = (tonic_of(key) + (dominant ? 7 : 0)) % 12;
    bool minor = false;
    (void)music_key_of(key, &sharps, &minor);
    unsigned p = minor && !dominant ? 0x089 : 0x091;
    return (p << root | p >> (12 - root)) & 0xfff;
}

/* The chord of the bar that is written; all pitch classes where none is wished. */
static unsigned chord_of_bar(const struct music_wishes *w, const struct music_grammar *g)
{
    int behind = w->cadence && g->key != MUSIC_KEY_NONE ? bars_to_be(w, g) - 1 - g->at : -1;      /* bars to the end */
    if (behind == 0) return triad(g->key, false);
    if (behind == 1 && g->at >= w->first && w->chords == 0) return triad(g->key, true);
    return w->chords > 0 && g->at >= w->first ? w->chord[(g->at - w->first) % w->chords] : 0xfff;
}

static unsigned chord_at(const struct music_wishes *w, const struct music_grammar *g)
{
    return music_strong(g->metre, g->pos) ? chord_of_bar(w, g) : 0xfff;
}

/* Does what plays now have to end on the tonic here? */
static bool closes(const struct music_wishes *w, const struct music_grammar *g)
{
    return w->cadence && g->at + 1 == bars_to_be(w, g) && g->part >= 0 && g->program[g->part] != MUSIC_DRUMS && (g->part == lead(g) || g->part == bass(g));
}

/* And does it, as it stands? */
static bool closed(const struct music_grammar *g)
{
    return (g->part != lead(g) || g->pitch % 12 == tonic_of(g->key)) && (g->part != bass(g) || g->lowest % 12 == tonic_of(g->key));
}

/* The last position at which a part that closes may play: its end is heard for a quarter note, or as long as the bar and the density let it. */
static int close_place(const struct music_wishes *w, const struct music_grammar *g)
{
    int widest = densities[w->density].widest, room = widest > 0 && widest < MUSIC_STEPS_PER_QUARTER ? widest : MUSIC_STEPS_PER_QUARTER, length = music_grammar_bar_steps(g);
    return length > room ? length - room : 0;
}

/* No other position of the last bar can come behind this one. */
static bool last_place(const struct music_wishes *w, const struct music_grammar *g)
{
    int closest = densities[w->density].closest;
    return g->pos + (closest > 0 ? closest : 1) > close_place(w, g);
}

/* ---- full chords ---- */

/* Instruments that play chords, by General MIDI program. */
static bool plays_chords(int program)
{
    static const struct { int first, last; } families[] = {{0, 7}, {16, 31}, {46, 46}, {48, 51}};     /* pianos; organs, guitars; harp; string ensembles */
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        if (program >= families[i].first && program <= families[i].last) return true;
    return false;
}

/* Pitch classes of the chord that there is room for from a pitch on. */
static unsigned tones_from(const struct music_wishes *w, const struct music_grammar *g, int pitch)
{
    unsigned set = 0;
    for (int p = pitch; p <= w->high && p < pitch + 12; p++)
        if (pitch_in(w, g->key, chord_at(w, g), p)) set |= 1u << p % 12;
    return set;
}

/* Tones that this position must have and has not yet. */
static unsigned tones_owed(const struct music_wishes *w, const struct music_grammar *g)
{
    bool told = w->full && w->chords > 0 && g->part >= 0 && g->pos >= 0 && plays_chords(g->program[g->part]) && music_strong(g->metre, g->pos) && chord_of_bar(w, g) != 0xfff;
    return told && !closes(w, g) ? tones_from(w, g, w->low) & ~(unsigned)g->tones : 0;
}

/* Is there room for the others of these tones above this pitch? */
static bool leaves_room(const struct music_wishes *w, const struct music_grammar *g, unsigned owed, int pitch)
{
    return (owed & ~(1u << pitch % 12) & ~tones_from(w, g, pitch + 1)) == 0;
}

static bool pitch_fits(const struct music_wishes *w, const struct music_grammar *g, int pitch)
{
    if (g->program[g->part] == MUSIC_DRUMS) return true;
    unsigned owed = tones_owed(w, g);
    if (owed != 0 && !leaves_room(w, g, owed, pitch)) return false;
    bool tonic = closes(w, g) && last_place(w, g) && (g->pitch < 0 || g->part == lead(g));        /* nothing else could be the last tone */
    return pitch_in(w, g->key, chord_at(w, g), pitch) && (!tonic || pitch % 12 == tonic_of(g->key));
}

static bool higher_pitch_fits(const struct music_wishes *w, const struct music_grammar *g)
{
    for (int pitch = g->pitch + 1; pitch < 128; pitch++)
        if (pitch_fits(w, g, pitch)) return true;
    return false;
}

static bool has_pitch(const struct music_wishes *w, int key, unsigned chord)
{
    for (int pitch = w->low; pitch <= w->high; pitch++)
        if (pitch_in(w, key, chord, pitch)) return true;
    return false;
}

/* Does every chord have a pitch in this key, and a close its tones? */
static bool key_fits(const struct music_wishes *w, int key)
{
    if ((w->scale_lock || w->cadence) && key == MUSIC_KEY_NONE) return false;
    if (w->cadence && !(has_pitch(w, key, 1u << tonic_of(key)) && (w->chords > 0 || has_pitch(w, key, triad(key, true))))) return false;
    for (int c = 0; c < (w->chords > 0 ? w->chords : 1); c++)
        if (!has_pitch(w, key, w->chords > 0 ? w->chord[c] : 0xfff)) return false;
    return true;
}

static bool some_key_fits(const struct music_wishes *w)
{
    for (int key = 0; key <= MUSIC_KEY_NONE; key++)
        if ((w->key < 0 || key == w->key) && key_fits(w, key)) return true;
    return false;
}

bool music_wishes_check(const struct music_wishes *w, struct error *error)
{
    struct music_wishes wide = *w;
    wide.low = 0, wide.high = 127;
    if (w->low > w->high) return error_set(error, ERROR_USAGE, "range: from pitch %d down to %d; the lower one first is wanted", w->low, w->high);
    if (w->bars < 0 || w->bars > MUSIC_BARS_MOST) return error_set(error, ERROR_USAGE, "bars: %d; 1 to %d are wanted", w->bars, MUSIC_BARS_MOST);
    if (w->cadence && w->key == MUSIC_KEY_NONE) return error_set(error, ERROR_USAGE, "cadence: there is no key to close in; one is wanted");
    if (w->scale_lock && w->key == MUSIC_KEY_NONE) return error_set(error, ERROR_USAGE, "scale-lock: there is no key whose scale could be kept; one is wanted");
    if (some_key_fits(w)) return true;
    if (!some_key_fits(&wide)) return error_set(error, ERROR_USAGE, "chords: one has no tone in %s scale; chords of the key, or no --scale-lock, are wanted", w->key < 0 ? "any" : "the key's");
    return error_set(error, ERROR_USAGE, "range: pitches %d to %d have no tone%s%s; a wider range is wanted", w->low, w->high,
                     w->chords > 0 ? " of each chord" : w->cadence ? " that a close wants" : "", w->scale_lock ? (w->key < 0 ? " of any scale" : " of the key's scale") : "");
}

/* ---- lines, bars ---- */

static bool has_drums(const struct music_grammar *g)
{
    for (int p = 0; p < g->parts; p++)
        if (g->program[p] == MUSIC_DRUMS) return true;
    return false;
}

/* Parts (bits) of this pass that were wished and have not played yet. */
static unsigned owed(const struct music_wishes *w, const struct music_grammar *g)
{
    unsigned set = w->parts > 0 ? (1u << w->parts) - 1 : (1u << w->voices) - 1;
    for (int p = 0; w->drums && p < g->parts; p++)
        if (g->program[p] == MUSIC_DRUMS) set |= 1u << p;
    return set & playing(g) & ~(unsigned)g->played;
}

/* The last bar of this pass, as far as that is known. */
static bool in_last_bar(const struct music_wishes *w, const struct music_grammar *g)
{
    return g->second ? g->filled == g->holes : bars_to_be(w, g) > 0 && g->bars >= bars_to_be(w, g);
}

/* Nothing can play here. */
static bool at_hole(const struct music_grammar *g) { return g->state == MUSIC_AT_HOLE || g->state == MUSIC_AT_FILL; }

/* Parts that have to play in this bar and have not yet. */
static unsigned due(const struct music_wishes *w, const struct music_grammar *g)
{
    unsigned set = in_last_bar(w, g) ? owed(w, g) : 0;
    if (at_hole(g)) return 0;
    if (densities[w->density].widest > 0) set |= 1u << lead(g);
    if (w->cadence && g->at + 1 == bars_to_be(w, g)) set |= 1u << lead(g) | 1u << bass(g);
    return set & ~(unsigned)g->here;
}

/* The bar has not told its chord yet. */
static bool owes_chord(const struct music_wishes *w, const struct music_grammar *g)
{
    return w->chords > 0 && g->at >= w->first && g->state >= MUSIC_AT_BAR && g->state <= MUSIC_AT_CUT && !(g->second && g->hidden != 0);
}

/* The header has not told these yet, which are wished. */
static bool owes_length(const struct music_wishes *w, const struct music_grammar *g)
{
    return g->state == MUSIC_AT_HEAD_TEMPO && (w->bars > 0 ? w->bars <= MUSIC_LENGTH_MOST : w->cadence);
}

static bool owes_density(const struct music_wishes *w, const struct music_grammar *g)
{
    return (g->state == MUSIC_AT_HEAD_TEMPO || g->state == MUSIC_AT_LENGTH) && w->density != MUSIC_DENSITY_FREE;
}

/* May the music leave what plays now, for part `to` (g->parts: for the next bar or the end)? */
static bool may_leave(const struct music_wishes *w, const struct music_grammar *g, int to)
{
    int widest = densities[w->density].widest, from = g->part < 0 ? 0 : g->part;
    if (at_hole(g)) return true;
    if (owes_chord(w, g)) return false;
    if (widest > 0 && g->part == lead(g) && g->pos + widest < music_grammar_bar_steps(g)) return false;
    if (closes(w, g) && g->pos >= 0 && !closed(g)) return false;
    if (g->state == MUSIC_AT_NOTE && tones_owed(w, g) != 0) return false;
    for (int p = from; p < to; p++)
        if (due(w, g) >> p & 1) return false;
    return true;
}

/* Steps from here to the end of the bars, one beside the other, that are filled. */
static int hole_room(const struct music_grammar *g)
{
    int room = -g->pos, next = -1;
    for (int r = 0; r < g->runs; r++) {
        int from = g->run[r].first, to = from + g->run[r].bars;
        if (to <= g->at || (next >= 0 && from != next)) continue;
        room += (to - (from > g->at ? from : g->at)) * g->run[r].steps;
        next = to;
    }
    return room;
}

static int duration_room(const struct music_wishes *w, const struct music_grammar *g)
{
    int bars = w->cadence ? bars_to_be(w, g) : w->bars, room = bars > 0 ? (bars - g->at) * music_metre_steps(g->metre) - g->pos : 1 << 30;
    int hole = g->second && g->hidden == 0 ? hole_room(g) : 1 << 30;
    return room < hole ? room : hole;
}

static bool may_end(const struct music_wishes *w, const struct music_grammar *g)
{
    if (!music_grammar_may_end(g) || !may_leave(w, g, g->parts) || owed(w, g) != 0) return false;
    bool last = !g->second || (g->hidden == 0 && g->at == w->bars - 1);        /* this is the last bar: it has a note */
    return w->bars == 0 || (g->bars == w->bars && (g->here != 0 || !last));
}

/* May the first pass be over here? */
static bool fill_fits(const struct music_wishes *w, const struct music_grammar *g)
{
    if (g->second || g->holes == 0 || g->bars < bars_to_be(w, g) || !may_leave(w, g, g->parts)) return false;
    return (g->hidden == 0 || owed(w, g) == 0) && (w->bars == 0 || g->here != 0 || g->state == MUSIC_AT_HOLE);
}

/* ---- the law ---- */

static bool program_fits(const struct music_wishes *w, const struct music_grammar *g, int value)
{
    if (owes_length(w, g) || owes_density(w, g)) return false;
    if (w->parts > 0) return g->parts < w->parts && value == w->program[g->parts];
    if (w->voices > 0) return g->parts < w->voices && (!w->drums || g->parts + 1 < w->voices || has_drums(g) || value == MUSIC_DRUMS);
    return !w->drums || g->parts + 1 < MUSIC_PARTS_MOST || has_drums(g) || value == MUSIC_DRUMS;
}

static bool bar_fits(const struct music_wishes *w, const struct music_grammar *g)
{
    if (g->state == MUSIC_AT_PROGRAM || g->state == MUSIC_AT_HIDDEN) return w->parts + w->voices > 0 ? g->parts == (w->parts > 0 ? w->parts : w->voices) : !w->drums || has_drums(g);
    return (g->state == MUSIC_AT_FILL || !in_last_bar(w, g)) && may_leave(w, g, g->parts);
}

static bool pos_fits(const struct music_wishes *w, const struct music_grammar *g, int value)
{
    int closest = densities[w->density].closest, widest = densities[w->density].widest;
    struct music_grammar there = *g;
    there.pos = (int16_t)value, there.pitch = -1, there.tones = 0;
    if (owes_chord(w, g) || g->part < 0 || (g->state == MUSIC_AT_NOTE && tones_owed(w, g) != 0)) return false;
    if (g->program[g->part] == MUSIC_DRUMS && lead(g) != g->part) return true;
    if (g->pos >= 0 && value < g->pos + closest) return false;
    if (widest > 0 && g->part == lead(g) && value > (g->pos < 0 ? 0 : g->pos) + widest) return false;
    if (closes(w, g) && value > close_place(w, g)) return false;
    return !(w->scale_lock || w->chords > 0 || w->cadence) || higher_pitch_fits(w, &there);
}

/* One of the wished parts is left to play. */
static bool hole_fits(const struct music_wishes *w, const struct music_grammar *g)
{
    bool last = g->bars == 0 && g->parts == (w->parts > 0 ? w->parts : w->voices);
    return w->holes && !(last && (g->hidden | 1u << (g->parts - 1)) == (1u << g->parts) - 1);
}

static bool metre_may_change(const struct music_wishes *w) { return w->metre < 0 && w->bars == 0 && !w->cadence && w->chords == 0 && w->density == MUSIC_DENSITY_FREE; }

static bool fits(const struct music_wishes *w, const struct music_grammar *g, enum music_kind kind, int value)
{
    bool head = g->parts == 0;
    if (kind >= MUSIC_METRE && kind <= MUSIC_TEMPO && (g->state == MUSIC_AT_POS || g->state == MUSIC_AT_LATE_KEY)) return false;      /* files have late changes; wishes never */
    switch (kind) {
    case MUSIC_METRE: return head && w->metre >= 0 ? value == w->metre : music_metre_segments(value) == 1 && (head || metre_may_change(w));
    case MUSIC_KEY:
        if (!head && w->cadence && g->at + 1 == bars_to_be(w, g)) return false;      /* it closes in the key of the bar before */
        return head && w->key >= 0 ? value == w->key : w->key < 0 && key_fits(w, value);
    case MUSIC_TEMPO: return w->tempo < 0 ? value >= w->slowest && (w->fastest == 0 || value <= w->fastest) : head && value == w->tempo;
    case MUSIC_PROGRAM: return program_fits(w, g, value);
    case MUSIC_BAR: return bar_fits(w, g);
    case MUSIC_PART: return may_leave(w, g, value);
    case MUSIC_POS: return pos_fits(w, g, value);
    case MUSIC_VELOCITY: return higher_pitch_fits(w, g);
    case MUSIC_PITCH: return pitch_fits(w, g, value);
    case MUSIC_DURATION: return music_duration_of(value) <= duration_room(w, g);
    case MUSIC_CHORD: return chord_of_bar(w, g) == 0xfff || value == music_chord_value(chord_of_bar(w, g));
    case MUSIC_LENGTH: return w->bars == 0 || value == w->bars - 1;
    case MUSIC_DENSITY: return !owes_length(w, g) && (w->density == MUSIC_DENSITY_FREE || value == w->density - 1);
    case MUSIC_HOLE: return hole_fits(w, g);
    case MUSIC_FILL: return fill_fits(w, g);
    default: return false;
    }
}

/* ---- the way home ---- */

static int32_t next_pitch(const struct music_wishes *w, const struct music_grammar *g)
{
    int best = -1, last = g->last_pitch[g->part];
    bool tonic = closes(w, g) && g->pitch < 0;                 /* the way home closes at once */
    unsigned owed = tones_owed(w, g);
    for (int pitch = g->pitch + 1; pitch < 128; pitch++) {
        if (!pitch_fits(w, g, pitch) || (tonic && pitch % 12 != tonic_of(g->key)) || (owed != 0 && !(owed >> pitch % 12 & 1))) continue;
        int far = pitch > last ? pitch - last : last - pitch, was = best > last ? best - last : last - best;
        if (best < 0 || far < was) best = pitch;
    }
    return music_id(MUSIC_PITCH, best);
}

static int32_t next_head(const struct music_wishes *w, const struct music_grammar *g)
{
    int key = 0, tempo = music_tempo_value(120);
    switch ((enum music_state)g->state) {
    case MUSIC_AT_START: return music_id(MUSIC_METRE, w->metre >= 0 ? w->metre : music_metre_value(4, 4));
    case MUSIC_AT_HEAD_METRE:
        if (w->key >= 0) return music_id(MUSIC_KEY, w->key);
        if (key_fits(w, MUSIC_KEY_NONE)) return music_id(MUSIC_KEY, MUSIC_KEY_NONE);
        while (key < MUSIC_KEY_NONE && !key_fits(w, key)) key++;
        return music_id(MUSIC_KEY, key);
    case MUSIC_AT_HEAD_KEY:
        if (w->tempo >= 0) return music_id(MUSIC_TEMPO, w->tempo);
        tempo = tempo < w->slowest ? w->slowest : w->fastest > 0 && tempo > w->fastest ? w->fastest : tempo;
        return music_id(MUSIC_TEMPO, tempo);
    case MUSIC_AT_HEAD_TEMPO: case MUSIC_AT_LENGTH: case MUSIC_AT_DENSITY:
        if (owes_length(w, g)) return music_id(MUSIC_LENGTH, w->bars > 0 ? w->bars - 1 : 0);
        if (owes_density(w, g)) return music_id(MUSIC_DENSITY, w->density - 1);
        return music_id(MUSIC_PROGRAM, w->parts > 0 ? w->program[0] : w->drums && w->voices < 2 ? MUSIC_DRUMS : 0);
    default:
        if (w->parts > g->parts) return music_id(MUSIC_PROGRAM, w->program[g->parts]);
        if (w->parts == 0 && w->voices > g->parts) return music_id(MUSIC_PROGRAM, w->drums && !has_drums(g) && g->parts + 1 == w->voices ? MUSIC_DRUMS : 0);
        if (playing(g) == 0) return music_id(MUSIC_PROGRAM, w->drums && !has_drums(g) ? MUSIC_DRUMS : 0);       /* all hidden so far */
        return w->parts == 0 && w->drums && !has_drums(g) ? music_id(MUSIC_PROGRAM, MUSIC_DRUMS) : music_id(MUSIC_BAR, 0);
    }
}

/* Between notes: go on with the line, let a part play, end, or start a bar. */
static int32_t next_line(const struct music_wishes *w, const struct music_grammar *g)
{
    int widest = densities[w->density].widest, closest = densities[w->density].closest, from = g->part < 0 ? 0 : g->part;
    if (owes_chord(w, g)) return music_id(MUSIC_CHORD, music_chord_value(chord_of_bar(w, g)));
    if (g->state == MUSIC_AT_NOTE && tones_owed(w, g) != 0) return next_pitch(w, g);
    if (at_hole(g)) return fill_fits(w, g) ? music_id(MUSIC_FILL, 0) : music_id(MUSIC_BAR, 0);
    if (widest > 0 && g->part == lead(g) && g->pos >= 0 && g->pos + widest < music_grammar_bar_steps(g)) return music_id(MUSIC_POS, closes(w, g) && g->pos + widest > close_place(w, g) ? close_place(w, g) : g->pos + widest);
    if (closes(w, g) && g->pos >= 0 && !closed(g)) return music_id(MUSIC_POS, g->pos + (closest > 0 ? closest : 1));
    unsigned set = due(w, g);
    if (bars_to_be(w, g) == 0) set |= owed(w, g);
    while (!(playing(g) >> from & 1)) from++;
    if (g->here == 0 && (w->bars > 0 || !g->noted)) set |= 1u << from;
    for (int p = from; p < g->parts; p++)
        if ((set & ~(unsigned)g->here) >> p & 1) return p == g->part ? music_id(MUSIC_POS, 0) : music_id(MUSIC_PART, p);
    if (may_end(w, g)) return -1;
    return fill_fits(w, g) ? music_id(MUSIC_FILL, 0) : music_id(MUSIC_BAR, 0);
}

int32_t music_wishes_next(const struct music_wishes *w, const struct music_grammar *g)
{
    int room;
    switch ((enum music_state)g->state) {
    case MUSIC_AT_START: case MUSIC_AT_HEAD_METRE: case MUSIC_AT_HEAD_KEY: case MUSIC_AT_HEAD_TEMPO: case MUSIC_AT_LENGTH: case MUSIC_AT_DENSITY:
    case MUSIC_AT_PROGRAM: case MUSIC_AT_HIDDEN: return next_head(w, g);
    case MUSIC_AT_PART: return music_id(MUSIC_POS, 0);
    case MUSIC_AT_POS: case MUSIC_AT_VELOCITY: return next_pitch(w, g);
    case MUSIC_AT_PITCH:
        room = duration_room(w, g);
        return music_id(MUSIC_DURATION, music_duration_value(room < MUSIC_STEPS_PER_QUARTER ? room : MUSIC_STEPS_PER_QUARTER));
    default: return next_line(w, g);
    }
}

size_t music_wishes_need(const struct music_wishes *w, const struct music_grammar *grammar)
{
    struct music_grammar g = *grammar;
    size_t n = 0;
    for (int32_t id; (id = music_wishes_next(w, &g)) >= 0 && music_grammar_advance(&g, id);) n++;
    return n;
}

/* ---- the mask ---- */

/* Has the piece, or its second pass where the first was there before, used up the share of the room of its bars so far? Told between notes only. */
static bool late(const struct music_wishes *w, const struct music_grammar *g, size_t taken, size_t room)
{
    int bars = bars_to_be(w, g);
    bool between = g->state >= MUSIC_AT_BAR && (g->state <= MUSIC_AT_HOLE || g->state == MUSIC_AT_NOTE);
    if (!between || (g->second ? w->holes : bars <= w->first)) return false;
    int before = g->second && g->hidden == 0 ? 0 : w->first;
    size_t all = (size_t)((g->second ? g->holes : bars) - before), now = (size_t)((g->second ? g->filled : g->bars) - before);
    return now < all && taken * all > (taken + room) * now;
}

/* How many ids more than it is now the way home may be behind any next id. */
static size_t margin(const struct music_wishes *w, const struct music_grammar *g)
{
    int widest = densities[w->density].widest;
    return MARGIN + (widest > 0 ? 3 * (size_t)(music_grammar_bar_steps(g) / widest) : 0);
}

/* Does the way home, with the margin, surely or really fit into the room? */
static bool way_fits(const struct music_wishes *w, const struct music_grammar *g, size_t room)
{
    int widest = densities[w->density].widest, length = music_grammar_bar_steps(g);
    size_t bars = (size_t)(bars_to_be(w, g) > g->bars ? bars_to_be(w, g) - g->bars : 1) + 1, line = widest > 0 ? 3 * (size_t)(length / widest + 1) : 0;
    if (g->hidden != 0 || g->holes > 0) bars += (size_t)(g->holes - g->filled) + (g->hidden != 0 ? bars : 0);
    size_t surely = 24 + 8 * MUSIC_PARTS_MOST + bars * (7 + line);      /* fast path: more than the way home ever takes */
    return room > surely + margin(w, g) || room >= music_wishes_need(w, g) + margin(w, g);
}

/* Header ids that make bars longer or more, or parts more: is there room for the way home behind them? */
static bool has_room(const struct music_wishes *w, const struct music_grammar *g, int32_t id, size_t room)
{
    struct music_grammar there = *g;
    return music_grammar_advance(&there, id) && way_fits(w, &there, room - 1);
}

static bool costly(enum music_kind kind) { return kind == MUSIC_METRE || kind == MUSIC_PROGRAM || kind == MUSIC_LENGTH || kind == MUSIC_HOLE; }

void music_wishes_allowed(const struct music_wishes *w, const struct music_grammar *g, size_t taken, size_t room, uint8_t *allowed, bool *end)
{
    int vocabulary = music_vocabulary();
    if (late(w, g, taken, room) || !way_fits(w, g, room)) {
        int32_t id = music_wishes_next(w, g);
        memset(allowed, 0, (size_t)vocabulary);
        *end = id < 0;
        if (id >= 0) allowed[id] = 1;
        return;
    }
    bool any = false;
    music_grammar_allowed(g, allowed, end);
    for (int32_t id = 0; id < vocabulary; id++) {
        enum music_kind kind;
        int value;
        if (!allowed[id] || !music_kind_of(id, &kind, &value)) continue;
        allowed[id] = fits(w, g, kind, value) && (g->bars > 0 || !costly(kind) || has_room(w, g, id, room));
        any = any || allowed[id];
    }
    *end = may_end(w, g);
    if (!any && !*end) allowed[music_wishes_next(w, g)] = 1;
}
