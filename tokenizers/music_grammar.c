/* The grammar of music ids; see music.h.
 *
 * The state is the last thing read (the header's metre, key and tempo apart from those in bars). `follow` tells which
 * kinds may come next; value_fits which values of a kind. Both together are the whole grammar: `allowed` lists what
 * they let through, `advance` checks one id and takes note of it.
 *
 * No dead ends: at the header and inside a note some value always fits (a `pos` is only reached below the bar's length, a
 * `velocity` only while a higher pitch is left), and from a bar or a complete note on, the piece may end or a note can start.
 */
#include "tokenizers/music.h"

#include <string.h>

#define BIT(kind) (1u << MUSIC_##kind)
#define LINE (BIT(BAR) | BIT(PART) | BIT(POS))

static const uint16_t follow[] = {
    [MUSIC_AT_START] = BIT(METRE),
    [MUSIC_AT_HEAD_METRE] = BIT(KEY),
    [MUSIC_AT_HEAD_KEY] = BIT(TEMPO),
    [MUSIC_AT_HEAD_TEMPO] = BIT(PROGRAM),
    [MUSIC_AT_PROGRAM] = BIT(PROGRAM) | BIT(BAR),
    [MUSIC_AT_BAR] = BIT(METRE) | BIT(KEY) | BIT(TEMPO) | LINE,
    [MUSIC_AT_METRE] = BIT(KEY) | BIT(TEMPO) | LINE,
    [MUSIC_AT_KEY] = BIT(TEMPO) | LINE,
    [MUSIC_AT_TEMPO] = LINE,
    [MUSIC_AT_PART] = BIT(POS),
    [MUSIC_AT_POS] = BIT(VELOCITY) | BIT(PITCH),
    [MUSIC_AT_VELOCITY] = BIT(PITCH),
    [MUSIC_AT_PITCH] = BIT(DURATION),
    [MUSIC_AT_NOTE] = BIT(VELOCITY) | BIT(PITCH) | LINE,
};

void music_grammar_start(struct music_grammar *grammar)
{
    memset(grammar, 0, sizeof *grammar);
    grammar->state = MUSIC_AT_START;
    grammar->metre = grammar->key = grammar->tempo = grammar->part = grammar->pos = grammar->pitch = -1;
    memset(grammar->velocity, MUSIC_VELOCITY_START, sizeof grammar->velocity);
    memset(grammar->last_pitch, 60, sizeof grammar->last_pitch);
}

/* May this value of a kind that `follow` lets through come here? In the header metre, key and tempo are
 * still -1; the first bar cannot change what the header has just said. */
static bool value_fits(const struct music_grammar *g, enum music_kind kind, int value)
{
    switch (kind) {
    case MUSIC_BAR: return g->bars < MUSIC_BARS_MOST;
    case MUSIC_METRE: return value != g->metre && g->bars != 1;
    case MUSIC_KEY: return value != g->key && g->bars != 1 && (g->key < 0 || value != MUSIC_KEY_NONE);
    case MUSIC_TEMPO: return value != g->tempo && g->bars != 1;
    case MUSIC_PROGRAM: return g->parts < MUSIC_PARTS_MOST;
    case MUSIC_PART: return g->parts > 1 && value > g->part && value < g->parts;
    case MUSIC_POS: return g->part >= 0 && value > g->pos && value < music_metre_steps(g->metre);
    case MUSIC_VELOCITY: return g->pitch < 127 && value != g->velocity[g->part];
    case MUSIC_PITCH: return value > g->pitch;
    case MUSIC_DURATION: return true;
    default: return false;
    }
}

bool music_grammar_may_end(const struct music_grammar *g)
{
    return g->noted && (g->state == MUSIC_AT_NOTE || (g->state >= MUSIC_AT_BAR && g->state <= MUSIC_AT_TEMPO));
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

/* Take note of an allowed id. */
static void apply(struct music_grammar *g, enum music_kind kind, int value)
{
    static const uint8_t head[] = {[MUSIC_METRE] = MUSIC_AT_HEAD_METRE, [MUSIC_KEY] = MUSIC_AT_HEAD_KEY, [MUSIC_TEMPO] = MUSIC_AT_HEAD_TEMPO};
    static const uint8_t body[MUSIC_KINDS] = {MUSIC_AT_BAR, MUSIC_AT_METRE, MUSIC_AT_KEY, MUSIC_AT_TEMPO, MUSIC_AT_PROGRAM, MUSIC_AT_PART, MUSIC_AT_POS, MUSIC_AT_VELOCITY,
                                              MUSIC_AT_PITCH, MUSIC_AT_NOTE};
    g->state = g->parts == 0 && kind <= MUSIC_TEMPO ? head[kind] : body[kind];
    switch (kind) {
    case MUSIC_BAR:
        g->bars++;
        g->part = g->parts == 1 ? 0 : -1;
        g->pos = g->pitch = -1;
        g->here = 0;
        break;
    case MUSIC_METRE: g->metre = (int16_t)value; break;
    case MUSIC_KEY: g->key = (int16_t)value; break;
    case MUSIC_TEMPO: g->tempo = (int16_t)value; break;
    case MUSIC_PROGRAM:
        g->last_pitch[g->parts] = value == MUSIC_DRUMS ? 38 : 60;
        g->program[g->parts++] = (int16_t)value;
        break;
    case MUSIC_PART:
        g->part = (int16_t)value;
        g->pos = g->pitch = -1;
        break;
    case MUSIC_POS:
        g->pos = (int16_t)value;
        g->pitch = -1;
        break;
    case MUSIC_VELOCITY: g->velocity[g->part] = (uint8_t)value; break;
    case MUSIC_PITCH:
        g->pitch = (int16_t)value;
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

size_t music_grammar_closing(const struct music_grammar *grammar, int32_t ids[MUSIC_CLOSING_MOST])
{
    struct music_grammar g = *grammar;
    size_t n = 0;
    while (!music_grammar_may_end(&g) && n < MUSIC_CLOSING_MOST) {
        int32_t id;
        switch ((enum music_state)g.state) {
        case MUSIC_AT_START: id = music_id(MUSIC_METRE, music_metre_value(4, 4)); break;
        case MUSIC_AT_HEAD_METRE: id = music_id(MUSIC_KEY, MUSIC_KEY_NONE); break;
        case MUSIC_AT_HEAD_KEY: id = music_id(MUSIC_TEMPO, music_tempo_value(120)); break;
        case MUSIC_AT_HEAD_TEMPO: id = music_id(MUSIC_PROGRAM, 0); break;
        case MUSIC_AT_PROGRAM: id = music_id(MUSIC_BAR, 0); break;
        case MUSIC_AT_POS: case MUSIC_AT_VELOCITY: {
            int pitch = g.last_pitch[g.part];
            id = music_id(MUSIC_PITCH, pitch > g.pitch ? pitch : g.pitch + 1);
            break;
        }
        case MUSIC_AT_PITCH: id = music_id(MUSIC_DURATION, music_duration_value(MUSIC_STEPS_PER_QUARTER)); break;
        default: id = g.part < 0 ? music_id(MUSIC_PART, 0) : music_id(MUSIC_POS, 0); break;
        }
        if (!music_grammar_advance(&g, id)) break;
        ids[n++] = id;
    }
    return n;
}
