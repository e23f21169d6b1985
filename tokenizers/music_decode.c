/* Music ids to scores; see music.h. The grammar reads every id first, so that only pieces of the right form get here. It also knows
 * which bar a note of the second pass belongs to. */
#include "core/mem.h"
#include "tokenizers/music.h"

#include <string.h>

#define TICKS_PER_STEP (SCORE_TICKS_PER_QUARTER / MUSIC_STEPS_PER_QUARTER)

/* "music: token 5 is `pitch 60`; bar or part is wanted" with the kinds that fit. */
static bool refuse(const struct music_grammar *g, size_t place, int32_t id, struct error *error)
{
    uint8_t allowed[1024];
    char found[32], wanted[200] = "";
    bool may_end;
    size_t at = 0;
    music_grammar_allowed(g, allowed, &may_end);
    for (unsigned kind = 0, from = 0; kind < MUSIC_KINDS; kind++) {
        unsigned count = (unsigned)music_kind_count((enum music_kind)kind);
        const char *name = music_kind_name((enum music_kind)kind);
        if (memchr(allowed + from, 1, count) != NULL && at + strlen(name) + 4 < sizeof wanted) {
            if (at > 0) {
                memcpy(wanted + at, ", ", 2);
                at += 2;
            }
            memcpy(wanted + at, name, strlen(name) + 1);
            at += strlen(name);
        }
        from += count;
    }
    return error_set(error, ERROR_INPUT, "music: token %zu is `%s`; a fitting %s%s is wanted", place + 1,
                     music_name(id, found), wanted, may_end ? " or the end" : "");
}

/* Where the decoder is, beside the grammar's state. */
struct decoder {
    struct score *score;
    int64_t *start;        /* (bars so far + 1) steps of the bar lines; the last one follows its bar's metre */
    int64_t bar_step;      /* where the first pass's bar starts */
};

/* late: steps behind the bar line, here and below */
static bool add_metre(struct decoder *d, int late, int value, struct error *error)
{
    int numerator, denominator;
    music_metre_of(value, &numerator, &denominator);
    return score_add_metre(d->score, (d->bar_step + late) * TICKS_PER_STEP, numerator, denominator, error);
}

static bool add_key(struct decoder *d, int late, int value, struct error *error)
{
    int sharps;
    bool minor;
    return !music_key_of(value, &sharps, &minor) ||
           score_add_key(d->score, (d->bar_step + late) * TICKS_PER_STEP, sharps, minor, error);
}

static bool add_tempo(struct decoder *d, int late, int value, struct error *error)
{
    unsigned bpm = (unsigned)music_tempo_of(value);
    return score_add_tempo(d->score, (d->bar_step + late) * TICKS_PER_STEP, (60000000u + bpm / 2) / bpm, error);
}

/* One id that the grammar took; g is the state behind it. */
static bool read_id(struct decoder *d, const struct music_grammar *g, enum music_kind kind, int value, struct error *error)
{
    bool drums = kind == MUSIC_PROGRAM && value == MUSIC_DRUMS;
    switch (kind) {
    case MUSIC_BAR:
        if (g->second) return true;
        d->bar_step = d->start[g->at];
        d->start[g->at + 1] = d->bar_step + music_grammar_bar_steps(g);
        return true;
    case MUSIC_METRE:
        if (g->parts > 0) d->start[g->at + 1] = d->bar_step + music_grammar_bar_steps(g);
        return add_metre(d, g->cut, value, error);
    case MUSIC_KEY: return add_key(d, g->late, value, error);
    case MUSIC_TEMPO: return add_tempo(d, g->late, value, error);
    case MUSIC_PROGRAM:
        return score_add_part(d->score, drums ? 0 : value, drums, score_program_name(value, drums), error);
    case MUSIC_DURATION:
        return score_add_note(d->score, (struct score_note){
            .onset = (d->start[g->at] + g->pos) * TICKS_PER_STEP, .length = (int64_t)music_duration_of(value) * TICKS_PER_STEP,
            .part = (uint16_t)g->part, .pitch = (uint8_t)g->pitch,
            .velocity = (uint8_t)music_velocity_of(g->velocity[g->part])}, error);
    default: return true; /* part, pos, velocity, pitch: the grammar keeps them; chord, length, density say what the notes say */
    }
}

bool music_decode(const int32_t *ids, size_t n, struct score *out, struct error *error)
{
    *out = (struct score){.ticks_per_quarter = SCORE_TICKS_PER_QUARTER};
    struct decoder d = {.score = out};
    struct music_grammar g;
    size_t bars = 0;
    for (size_t i = 0; i < n; i++) bars += ids[i] == music_id(MUSIC_BAR, 0);
    d.start = mem_alloc(bars + 1, sizeof *d.start, error);
    music_grammar_start(&g);
    bool ok = d.start != NULL;
    for (size_t i = 0; ok && i < n; i++) {
        enum music_kind kind;
        int value;
        if (!music_grammar_advance(&g, ids[i]) || !music_kind_of(ids[i], &kind, &value)) ok = refuse(&g, i, ids[i], error);
        else ok = read_id(&d, &g, kind, value, error);
    }
    if (ok && !music_grammar_may_end(&g))
        ok = error_set(error, ERROR_INPUT, g.holes > 0 || g.bars < g.length ? "music: the piece ends with holes left open or bars missing; a whole one is wanted" :
                                           "music: the piece ends inside of its header, a note or before any; a whole one is wanted");
    mem_free(d.start);
    if (ok) score_sort(out);
    else score_free(out);
    return ok;
}
