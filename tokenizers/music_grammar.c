/* The grammar of music ids; see music.h.
 *
 * The state is the last thing read (the header's metre, key and tempo apart from those in bars). `follow` tells which
 * kinds may come next; value_fits which values of a kind. Both together are the whole grammar: `allowed` lists what
 * they let through, `advance` checks one id and takes note of it.
 *
 * The second pass goes through bars that lie behind: their places, metres, keys and lengths are kept as runs of adjacent
 * bars that are alike. Where there
 * is no room for one more run or bar, a hole, a bar or a change that would need it is not let through.
 *
 * No dead ends: at the header and inside a note some value always fits (a `pos` is only reached below the bar's length, behind one that belongs
 * to no part another tempo fits, a
 * `velocity` only while a higher pitch is left, a last part is not hidden when all others are), and from a bar or a complete note on the
 * piece may end, a note can start, or a promised bar or `fill` is still let through.
 */
#include "tokenizers/music.h"

#include <string.h>

#define BIT(kind) (1u << MUSIC_##kind)
#define LINE (BIT(BAR) | BIT(PART) | BIT(POS) | BIT(FILL))

static const uint16_t follow[] = {
    [MUSIC_AT_START] = BIT(METRE),
    [MUSIC_AT_HEAD_METRE] = BIT(KEY),
    [MUSIC_AT_HEAD_KEY] = BIT(TEMPO),
    [MUSIC_AT_HEAD_TEMPO] = BIT(LENGTH) | BIT(DENSITY) | BIT(PROGRAM),
    [MUSIC_AT_LENGTH] = BIT(DENSITY) | BIT(PROGRAM),
    [MUSIC_AT_DENSITY] = BIT(PROGRAM),
    [MUSIC_AT_PROGRAM] = BIT(PROGRAM) | BIT(HOLE) | BIT(BAR),
    [MUSIC_AT_HIDDEN] = BIT(PROGRAM) | BIT(BAR),
    [MUSIC_AT_BAR] = BIT(METRE) | BIT(KEY) | BIT(TEMPO) | BIT(CHORD) | BIT(HOLE) | LINE,
    [MUSIC_AT_METRE] = BIT(KEY) | BIT(TEMPO) | BIT(CHORD) | BIT(HOLE) | LINE,
    [MUSIC_AT_KEY] = BIT(TEMPO) | BIT(CHORD) | BIT(HOLE) | LINE,
    [MUSIC_AT_TEMPO] = BIT(CHORD) | BIT(HOLE) | LINE,
    [MUSIC_AT_LATE_KEY] = BIT(TEMPO) | BIT(CHORD) | BIT(HOLE) | LINE,
    [MUSIC_AT_LATE_TEMPO] = BIT(CHORD) | BIT(HOLE) | LINE,
    [MUSIC_AT_CUT] = BIT(CHORD) | BIT(HOLE) | LINE,
    [MUSIC_AT_CHORD] = LINE,
    [MUSIC_AT_HOLE] = BIT(BAR) | BIT(FILL),
    [MUSIC_AT_FILL] = BIT(BAR),
    [MUSIC_AT_PART] = BIT(POS),
    [MUSIC_AT_POS] = BIT(VELOCITY) | BIT(PITCH) | BIT(METRE) | BIT(KEY) | BIT(TEMPO),
    [MUSIC_AT_VELOCITY] = BIT(PITCH),
    [MUSIC_AT_PITCH] = BIT(DURATION),
    [MUSIC_AT_NOTE] = BIT(VELOCITY) | BIT(PITCH) | LINE,
};

void music_grammar_start(struct music_grammar *grammar)
{
    memset(grammar, 0, sizeof *grammar);
    grammar->state = MUSIC_AT_START;
    grammar->metre = grammar->key = grammar->tempo = grammar->part = grammar->pos = grammar->pitch = grammar->lowest = -1;
    memset(grammar->velocity, MUSIC_VELOCITY_START, sizeof grammar->velocity);
    memset(grammar->last_pitch, 60, sizeof grammar->last_pitch);
}

int music_grammar_bar_steps(const struct music_grammar *g)
{
    return g->cut > 0 ? g->cut : g->metre < 0 ? MUSIC_BAR_STEPS_MOST : music_metre_steps(g->metre);
}

/* Does bar `at` go on with the last run? */
static bool run_goes_on(const struct music_grammar *g, int32_t at, int metre, int key, int steps)
{
    if (g->runs == 0) return false;
    int last = g->runs - 1;
    return g->run[last].metre == metre && g->run[last].key == key && g->run[last].steps == steps && g->run[last].first + g->run[last].bars == at;
}

/* Can bar `at` of this metre, key and length be one more of the second pass? */
static bool run_fits(const struct music_grammar *g, int32_t at, int metre, int key, int steps)
{
    return g->holes < MUSIC_HOLES_MOST && at <= UINT16_MAX && (g->runs < MUSIC_RUNS_MOST || run_goes_on(g, at, metre, key, steps));
}

/* The bar that is written is one more. */
static void run_add(struct music_grammar *g)
{
    int steps = music_grammar_bar_steps(g);
    g->holes++;
    if (run_goes_on(g, g->at, g->metre, g->key, steps)) {
        g->run[g->runs - 1].bars++;
        return;
    }
    g->run[g->runs].first = (uint16_t)g->at, g->run[g->runs].bars = 1, g->run[g->runs].metre = (uint8_t)g->metre, g->run[g->runs].key = (uint8_t)g->key;
    g->run[g->runs++].steps = (uint8_t)steps;
}

/* Take the bar that was just added back. */
static void run_undo(struct music_grammar *g)
{
    g->holes--;
    if (--g->run[g->runs - 1].bars == 0) g->runs--;
}

/* Can the bar that was just added get another metre, key or length? */
static bool run_may_change(const struct music_grammar *g, int metre, int key, int steps)
{
    struct music_grammar there = *g;
    if (g->hidden == 0 || g->bars == 0) return true;
    run_undo(&there);
    return run_fits(&there, g->at, metre, key, steps);
}

static void run_change(struct music_grammar *g)
{
    if (g->hidden == 0 || g->bars == 0) return;
    run_undo(g);
    run_add(g);
}

/* The place, metre, key and length of bar number g->filled of the second pass. */
static void run_find(struct music_grammar *g)
{
    int r = 0, bar = g->filled;
    while (bar >= g->run[r].bars) bar -= g->run[r++].bars;
    g->at = g->run[r].first + bar, g->metre = g->run[r].metre, g->key = g->run[r].key;
    g->cut = g->run[r].steps < music_metre_steps(g->metre) ? g->run[r].steps : 0;
}

static unsigned all_parts(const struct music_grammar *g) { return (1u << g->parts) - 1; }

static bool bar_fits(const struct music_grammar *g)
{
    if (g->second) return g->filled < g->holes;
    int metre = g->cut > 0 ? g->then : g->metre;
    if (g->hidden != 0 && (g->hidden == all_parts(g) || !run_fits(g, g->bars, metre, g->key, music_metre_steps(metre)))) return false;
    return g->bars < (g->length > 0 ? g->length : MUSIC_BARS_MOST);
}

/* In the header: a part's hole, but one part must be left to play. In a bar: its hole. */
static bool hole_fits(const struct music_grammar *g)
{
    if (g->bars > 0) return !g->second && g->hidden == 0 && run_fits(g, g->at, g->metre, g->key, music_grammar_bar_steps(g));
    return g->parts < MUSIC_PARTS_MOST || g->hidden != all_parts(g) >> 1;
}

/* Is the first pass all there: may it be followed by the second, or by the end where there are no holes? */
static bool passed(const struct music_grammar *g)
{
    bool whole = (g->state >= MUSIC_AT_BAR && g->state <= MUSIC_AT_HOLE) || g->state == MUSIC_AT_NOTE;
    return whole && (g->length == 0 || g->bars == g->length);
}

/* May metre, key and tempo change here: at the bar line, or late, behind a `pos`? */
static bool may_turn(const struct music_grammar *g)
{
    if (g->second) return false;
    if (g->state == MUSIC_AT_POS) return g->open && g->pos > g->late;
    return g->bars != 1 || g->state == MUSIC_AT_LATE_KEY;
}

/* A metre for the whole bar, or for what comes behind the `pos`. */
static bool metre_fits(const struct music_grammar *g, int value)
{
    bool late = g->state == MUSIC_AT_POS;
    if (late ? g->hidden != 0 && g->runs + 1 >= MUSIC_RUNS_MOST : g->turned) return false;      /* the next bar is of another kind again */
    return value != g->metre && may_turn(g) && run_may_change(g, late ? g->metre : value, g->key, late ? g->pos : music_metre_steps(value));
}

/* A place in a line, or for a late change. */
static bool pos_fits(const struct music_grammar *g, int value)
{
    if (value >= music_grammar_bar_steps(g)) return false;
    return g->part >= 0 ? value > g->pos : g->open && !g->second && value > g->late;
}

/* May this value of a kind that `follow` lets through come here? In the header metre, key and tempo are
 * still -1; the first bar cannot change what the header has just said, nor a bar of the second pass what the first has said. */
static bool value_fits(const struct music_grammar *g, enum music_kind kind, int value)
{
    switch (kind) {
    case MUSIC_BAR: return bar_fits(g);
    case MUSIC_METRE: return metre_fits(g, value);
    case MUSIC_KEY: return value != g->key && may_turn(g) && (g->key < 0 || value != MUSIC_KEY_NONE) && run_may_change(g, g->metre, value, music_grammar_bar_steps(g));
    case MUSIC_TEMPO: return value != g->tempo && may_turn(g);
    case MUSIC_PROGRAM: return g->parts < MUSIC_PARTS_MOST;
    case MUSIC_CHORD: return !g->second || g->hidden == 0;
    case MUSIC_HOLE: return hole_fits(g);
    case MUSIC_FILL: return !g->second && g->holes > 0 && passed(g);
    case MUSIC_PART: return g->parts > 1 && value > g->part && value < g->parts && (g->hidden >> value & 1) == (g->second && g->hidden != 0);
    case MUSIC_POS: return pos_fits(g, value);
    case MUSIC_VELOCITY: return g->part >= 0 && g->pitch < 127 && value != g->velocity[g->part];
    case MUSIC_PITCH: return g->part >= 0 && value > g->pitch;
    default: return true;
    }
}

bool music_grammar_may_end(const struct music_grammar *g)
{
    bool whole = g->state == MUSIC_AT_NOTE || (g->state >= MUSIC_AT_BAR && g->state <= MUSIC_AT_CHORD);
    return g->noted && whole && (g->second ? g->filled == g->holes : g->holes == 0 && passed(g));
}

void music_grammar_allowed(const struct music_grammar *g, uint8_t *allowed, bool *may_end)
{
    if (may_end != NULL) *may_end = music_grammar_may_end(g);
    if (allowed == NULL) return;
    for (unsigned kind = 0, id = 0; kind < MUSIC_KINDS; kind++) {
        int count = music_kind_count((enum music_kind)kind);
        bool here = follow[g->state] >> kind & 1;
        for (int value = 0; value < count; value++) allowed[id++] = here && value_fits(g, (enum music_kind)kind, value);
    }
}

static void start_bar(struct music_grammar *g)
{
    if (g->second) {
        run_find(g);
        g->filled++;
    } else {
        g->at = g->bars++;
        if ((g->turned = g->cut > 0)) g->metre = g->then;
        g->cut = 0;
        if (g->hidden != 0) run_add(g);
    }
    g->part = g->parts == 1 ? 0 : -1;
    g->pos = g->pitch = g->lowest = -1;
    g->late = 0;
    g->open = !g->second;
    g->here = 0;
}

/* What changed behind a `pos`. */
static void turn_late(struct music_grammar *g, enum music_state state)
{
    if (g->pos >= 0) g->late = g->pos;
    g->pos = -1;
    g->state = (uint8_t)state;
}

/* Take note of an allowed id. */
static void apply(struct music_grammar *g, enum music_kind kind, int value)
{
    static const uint8_t head[] = {[MUSIC_METRE] = MUSIC_AT_HEAD_METRE, [MUSIC_KEY] = MUSIC_AT_HEAD_KEY, [MUSIC_TEMPO] = MUSIC_AT_HEAD_TEMPO};
    static const uint8_t body[MUSIC_KINDS] = {MUSIC_AT_BAR, MUSIC_AT_METRE, MUSIC_AT_KEY, MUSIC_AT_TEMPO, MUSIC_AT_PROGRAM, MUSIC_AT_PART, MUSIC_AT_POS, MUSIC_AT_VELOCITY,
                                              MUSIC_AT_PITCH, MUSIC_AT_NOTE, MUSIC_AT_CHORD, MUSIC_AT_LENGTH, MUSIC_AT_DENSITY, MUSIC_AT_HOLE, MUSIC_AT_FILL};
    bool late = g->state == MUSIC_AT_POS || g->state == MUSIC_AT_LATE_KEY;
    g->state = g->parts == 0 && kind <= MUSIC_TEMPO ? head[kind] : body[kind];
    g->open = g->open && (kind <= MUSIC_TEMPO || kind == MUSIC_POS);
    switch (kind) {
    case MUSIC_BAR: start_bar(g); break;
    case MUSIC_METRE:
        if (late) {
            g->cut = g->pos, g->then = (int16_t)value;
            turn_late(g, MUSIC_AT_CUT);
            g->open = false;
        } else g->metre = (int16_t)value;
        run_change(g);
        break;
    case MUSIC_CHORD: case MUSIC_DENSITY: break;
    case MUSIC_LENGTH: g->length = (int16_t)(value + 1); break;
    case MUSIC_HOLE:
        if (g->bars > 0) run_add(g);
        else {
            g->hidden |= (uint16_t)(1u << (g->parts - 1));
            g->state = MUSIC_AT_HIDDEN;
        }
        break;
    case MUSIC_FILL: g->second = true; break;
    case MUSIC_KEY:
        g->key = (int16_t)value;
        run_change(g);
        if (late) turn_late(g, MUSIC_AT_LATE_KEY);
        break;
    case MUSIC_TEMPO:
        g->tempo = (int16_t)value;
        if (late) turn_late(g, MUSIC_AT_LATE_TEMPO);
        break;
    case MUSIC_PROGRAM:
        g->last_pitch[g->parts] = value == MUSIC_DRUMS ? 38 : 60;
        g->program[g->parts++] = (int16_t)value;
        break;
    case MUSIC_PART:
        g->part = (int16_t)value;
        g->pos = g->pitch = g->lowest = -1;
        break;
    case MUSIC_POS:
        g->pos = (int16_t)value;
        g->pitch = g->lowest = -1;
        g->tones = 0;
        break;
    case MUSIC_VELOCITY: g->velocity[g->part] = (uint8_t)value; break;
    case MUSIC_PITCH:
        if (g->pitch < 0) g->lowest = (int16_t)value;
        g->pitch = (int16_t)value;
        g->tones |= (uint16_t)(1u << value % 12);
        g->last_pitch[g->part] = (uint8_t)value;
        break;
    default:
        g->noted = true;
        g->played |= (uint16_t)(1u << g->part);
        g->here |= (uint16_t)(1u << g->part);
        break;
    }
}

bool music_grammar_advance(struct music_grammar *g, int32_t id)
{
    enum music_kind kind;
    int value;
    if (!music_kind_of(id, &kind, &value)) return false;
    if (!(follow[g->state] >> kind & 1) || !value_fits(g, kind, value)) return false;
    apply(g, kind, value);
    return true;
}

/* The next id of the shortest way to the end, where the piece may not end yet. */
static int32_t closing_id(const struct music_grammar *g)
{
    int part = 0, pitch;
    switch ((enum music_state)g->state) {
    case MUSIC_AT_START: return music_id(MUSIC_METRE, music_metre_value(4, 4));
    case MUSIC_AT_HEAD_METRE: return music_id(MUSIC_KEY, MUSIC_KEY_NONE);
    case MUSIC_AT_HEAD_KEY: return music_id(MUSIC_TEMPO, music_tempo_value(120));
    case MUSIC_AT_HEAD_TEMPO: case MUSIC_AT_LENGTH: case MUSIC_AT_DENSITY: return music_id(MUSIC_PROGRAM, 0);
    case MUSIC_AT_PROGRAM: case MUSIC_AT_HIDDEN: return g->hidden == all_parts(g) ? music_id(MUSIC_PROGRAM, 0) : music_id(MUSIC_BAR, 0);
    case MUSIC_AT_POS: case MUSIC_AT_VELOCITY:
        if (g->part < 0) return music_id(MUSIC_TEMPO, g->tempo == 0);
        pitch = g->last_pitch[g->part];
        return music_id(MUSIC_PITCH, pitch > g->pitch ? pitch : g->pitch + 1);
    case MUSIC_AT_PITCH: return music_id(MUSIC_DURATION, music_duration_value(MUSIC_STEPS_PER_QUARTER));
    case MUSIC_AT_PART: return music_id(MUSIC_POS, 0);
    case MUSIC_AT_FILL: return music_id(MUSIC_BAR, 0);
    default: break;
    }
    if (!g->second && g->length > g->bars) return music_id(MUSIC_BAR, 0);
    if (!g->second && g->holes > 0) return music_id(MUSIC_FILL, 0);
    if (g->second && g->filled < g->holes) return music_id(MUSIC_BAR, 0);
    while (part < g->parts && (g->hidden >> part & 1) != (g->second && g->hidden != 0)) part++;
    return g->part < 0 ? music_id(MUSIC_PART, part) : music_id(MUSIC_POS, 0);
}

size_t music_grammar_closing(const struct music_grammar *grammar, int32_t ids[MUSIC_CLOSING_MOST])
{
    struct music_grammar g = *grammar;
    size_t n = 0;
    while (!music_grammar_may_end(&g) && n < MUSIC_CLOSING_MOST) {
        int32_t id = closing_id(&g);
        if (!music_grammar_advance(&g, id)) break;
        ids[n++] = id;
    }
    return n;
}
