/* Orders of music as masks; see music_order.h. */
#include "modalities/music_order.h"
#include "core/sampling.h"

#include <string.h>

static bool kind_is(int32_t id, enum music_kind wanted, int *value)
{
    enum music_kind kind;
    return id >= 0 && music_kind_of(id, &kind, value) && kind == wanted;
}

/* The highest pitch that item `at` may take and leave room for those above it at the same position. */
static int pitch_limit(const struct music_order *o, size_t at)
{
    int above = 0, value;
    for (size_t i = at + 1; i < o->script_n; i++) {
        int32_t id = o->script[i] <= -2 ? o->made[-2 - o->script[i]] : o->script[i];
        if (id == MUSIC_SCRIPT_PITCH) above++;
        else if (kind_is(id, MUSIC_PITCH, &value)) return value - 1 - above;
        else if (!kind_is(id, MUSIC_DURATION, &value) && !kind_is(id, MUSIC_VELOCITY, &value)) break;
    }
    return 127 - above;
}

static void free_pitch(const struct music_order *o, const struct music_grammar *g, size_t at, uint8_t *allowed)
{
    const struct music_wishes *w = &o->wishes;
    int limit = pitch_limit(o, at), n = 0;
    unsigned scale = w->scale_lock && g->program[g->part] != MUSIC_DRUMS ? music_scale(g->key) : 0xfff;
    for (int pass = 0; pass < 2 && n == 0; pass++)             /* the second time without the scale */
        for (int pitch = g->pitch + 1; pitch <= limit; pitch++) {
            bool in = pass == 1 || ((scale >> (pitch % 12) & 1) && pitch >= w->low && pitch <= w->high);
            if (in) allowed[music_id(MUSIC_PITCH, pitch)] = 1, n++;
        }
}

void music_order_allowed(const struct music_order *o, const struct music_grammar *g, const struct music_place *place, size_t taken,
                         uint8_t *allowed, bool *may_end)
{
    if (o->script == NULL) {
        size_t room = taken + 1 < o->most ? o->most - taken - 1 : 0;
        music_wishes_allowed(&o->wishes, g, taken, room, allowed, may_end);
        return;
    }
    *may_end = place->item >= o->script_n;
    memset(allowed, 0, (size_t)music_vocabulary());
    if (*may_end) return;
    int32_t item = o->script[place->item];
    if (item == MUSIC_SCRIPT_PITCH) free_pitch(o, g, place->item, allowed);
    else allowed[item >= 0 ? item : o->made[-2 - item]] = 1;
}

enum group { NONE, PILE, MOVE, LEAVE, GROUPS };

static enum group group_of(enum music_kind kind)
{
    switch (kind) {
    case MUSIC_PITCH: case MUSIC_VELOCITY: return PILE;
    case MUSIC_POS: case MUSIC_PART: return MOVE;
    case MUSIC_BAR: return LEAVE;
    default: return NONE;
    }
}

static uint8_t mark(bool allowed, bool law, enum group group)
{
    return allowed ? SAMPLING_MARK(SAMPLING_ALLOWED, group) : law && group != NONE ? SAMPLING_MARK(SAMPLING_PASSES, group) : SAMPLING_FORBIDDEN;
}

void music_order_pass(const struct music_grammar *g, uint8_t *allowed, uint8_t *end)
{
    uint8_t law[1024];
    bool may_end, left[GROUPS] = {false};
    if (g->state < MUSIC_AT_BAR) return;                       /* the header */
    music_grammar_allowed(g, law, &may_end);
    for (int32_t id = 0, kind = 0; kind < MUSIC_KINDS; kind++)
        for (int i = music_kind_count((enum music_kind)kind); i > 0; i--, id++) left[group_of((enum music_kind)kind)] |= allowed[id] != 0;
    left[LEAVE] |= *end != 0;
    for (int32_t id = 0, kind = 0; kind < MUSIC_KINDS; kind++) {
        enum group group = group_of((enum music_kind)kind);
        if (group == MOVE && !left[MOVE]) group = LEAVE;
        else if (group == LEAVE && !left[LEAVE]) group = MOVE;
        for (int i = music_kind_count((enum music_kind)kind); i > 0; i--, id++) allowed[id] = mark(allowed[id], law[id] || kind == MUSIC_BAR, group);      /* behind the told length, too */
    }
    *end = mark(*end, true, left[LEAVE] ? LEAVE : MOVE);
}

void music_order_taken(const struct music_order *o, struct music_place *place, int32_t id)
{
    if (o->script == NULL || place->item >= o->script_n) return;
    o->made[place->item++] = id;
}
