/* Orders of music as masks; see music_order.h. */
#include "modalities/music_order.h"

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

void music_order_taken(const struct music_order *o, struct music_place *place, int32_t id)
{
    if (o->script == NULL || place->item >= o->script_n) return;
    o->made[place->item++] = id;
}
