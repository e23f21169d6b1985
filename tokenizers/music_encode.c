/* Scores to music ids; see music.h for the form of a piece.
 *
 *     score -> parts chosen -> bars laid out -> notes on the grid -> sorted by (bar, part, step, pitch) -> ids
 *
 * What does not fit, and what becomes of it (each counted in struct music_loss):
 *
 *     more than 16 parts       those of equal programs are merged, the least busy first; then the least busy are dropped
 *     onset off the grid       to the nearest step (halves up)
 *     velocity                 to its class
 *     length                   to the nearest step and coded duration; not over the next onset of the same part and pitch
 *                              that it did not reach; at least 1 step, at most 384
 *     equal notes              of the same part, step and pitch: the longest length and the loudest velocity stay
 *     tempo, key               to the nearest step; the last one at a step stays
 *     metre in a bar           to the nearest step, where the bar is cut short
 *     unknown metre            one of the same length (6/32 as 3/16), else of bars a whole number of times as short (36/4 as 18/4), else 4/4
 *     events after the last note's bar are dropped
 */
#include "core/mem.h"
#include "tokenizers/music_chord.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct bar { int64_t step; int16_t metre, cut, then; uint8_t chord; size_t item, turn; };   /* cut: see struct music_grammar; item: its first note, turn: the first change of tempo or key from its start on */
struct item { int64_t step, tick, length; int32_t bar, steps; uint8_t part, pitch, velocity; };
struct change { int64_t step; int value; };               /* a metre change on the grid */
struct turn { int64_t step; size_t order; int16_t key, tempo; };    /* a change of key or tempo (-1: not of that), the order-th of the score */

struct encoder {
    const struct score *score;
    struct music_encode_options how;
    struct music_loss loss;
    int16_t *part;         /* (score->parts) token part, -1: left out */
    int program[MUSIC_PARTS_MOST];
    int parts;
    struct item *item;
    size_t items;
    struct bar *bar;
    size_t bars, bar_room;
    struct turn *turn;     /* ascending, each step once; the first is at step 0 or before and has both */
    size_t turns;
};

int64_t music_step(const struct score *score, int64_t tick)
{
    int64_t per = score->ticks_per_quarter;
    return (tick * MUSIC_STEPS_PER_QUARTER * 2 + per) / (per * 2);
}

static bool check_score(const struct score *score, struct error *error)
{
    if (score->ticks_per_quarter < 1 || score->ticks_per_quarter > 32767)
        return error_set(error, ERROR_INPUT, "music: %d ticks a quarter note; 1 to 32767 is wanted", score->ticks_per_quarter);
    if (score->notes == 0) return error_set(error, ERROR_INPUT, "music: a piece without notes; at least one is wanted");
    for (size_t i = 0; i < score->notes; i++) {
        const struct score_note *note = &score->note[i];
        if (note->onset < 0 || note->onset > INT32_MAX || note->length < 0 || note->length > INT32_MAX ||
            note->pitch > 127 || note->velocity > 127 || note->part >= score->parts)
            return error_set(error, ERROR_INPUT, "music: note %zu is out of range; pitch, velocity 0 to 127 are wanted", i + 1);
    }
    for (size_t i = 0; i < score->parts; i++)
        if (score->part[i].program < 0 || score->part[i].program > 127)
            return error_set(error, ERROR_INPUT, "music: program %d; 0 to 127 is wanted", score->part[i].program);
    return true;
}

/* ---- Parts ---- */

static int program_of(const struct score_part *part)
{
    return part->drums ? MUSIC_DRUMS : part->program;
}

/* The living part with the fewest notes (ties: the later), among those of a program (-1: of a program that has several). */
static int least_busy(const struct encoder *e, const size_t *busy, const int16_t *into, const int *with, int program, int but)
{
    int best = -1;
    for (int p = 0; p < (int)e->score->parts; p++) {
        int own = program_of(&e->score->part[p]);
        if (into[p] != p || p == but || (program >= 0 ? own != program : with != NULL && with[own] < 2)) continue;
        if (best < 0 || busy[p] <= busy[best]) best = p;
    }
    return best;
}

/* Fill part[], program[] and parts. into[p]: the part that p became, itself at first, -1 when dropped. */
static bool choose_parts(struct encoder *e, struct error *error)
{
    size_t n = e->score->parts, *busy = mem_alloc(n, sizeof *busy, error);
    int16_t *into = mem_alloc(n, sizeof *into, error);
    int with[129] = {0}, living = (int)n;
    e->part = mem_alloc(n, sizeof *e->part, error);
    if (busy == NULL || into == NULL || e->part == NULL || n > SCORE_PARTS_MOST) {
        mem_free(busy);
        mem_free(into);
        return error_set(error, ERROR_INPUT, "music: %zu parts; at most %d are wanted", n, SCORE_PARTS_MOST);
    }
    for (size_t i = 0; i < e->score->notes; i++) busy[e->score->note[i].part]++;
    for (size_t p = 0; p < n; p++) {
        into[p] = (int16_t)p;
        if (n > MUSIC_PARTS_MOST && busy[p] == 0) into[p] = -1, living--;
        else with[program_of(&e->score->part[p])]++;
    }
    for (int from; living > MUSIC_PARTS_MOST && (from = least_busy(e, busy, into, with, -1, -1)) >= 0; living--) {
        int program = program_of(&e->score->part[from]), to = least_busy(e, busy, into, NULL, program, from);
        if (to > from) { /* the earlier of both stays */
            int swap = to;
            to = from;
            from = swap;
        }
        busy[to] += busy[from];
        for (size_t p = 0; p < n; p++) if (into[p] == from) into[p] = (int16_t)to;
        with[program]--;
        e->loss.parts_merged++;
    }
    for (; living > MUSIC_PARTS_MOST; living--) {
        int from = least_busy(e, busy, into, NULL, -1, -1);
        for (size_t p = 0; p < n; p++) if (into[p] == from) into[p] = -1;
        e->loss.parts_dropped++;
    }
    for (size_t p = 0; p < n; p++)
        if (into[p] == (int16_t)p) {
            e->program[e->parts] = program_of(&e->score->part[p]);
            e->part[p] = (int16_t)e->parts++;
        }
    for (size_t p = 0; p < n; p++) e->part[p] = into[p] < 0 ? (int16_t)-1 : e->part[into[p]];
    mem_free(busy);
    mem_free(into);
    return true;
}

bool music_parts(const struct score *score, int16_t *part, struct error *error)
{
    struct encoder e = {.score = score};
    bool ok = check_score(score, error) && choose_parts(&e, error);
    if (ok) memcpy(part, e.part, score->parts * sizeof *part);
    mem_free(e.part);
    return ok;
}

/* ---- Bars ---- */

/* The coded metre for a metre of a score; *exact: it is the same. */
static int fit_metre(int numerator, int denominator, bool *exact)
{
    int value = music_metre_value(numerator, denominator);
    *exact = value >= 0;
    while (value < 0 && denominator > 16 && numerator % 2 == 0) {
        numerator /= 2;
        denominator /= 2;
        value = music_metre_value(numerator, denominator);
    }
    for (int k = 2; value < 0 && k < numerator; k++)
        if (numerator % k == 0) value = music_metre_value(numerator / k, denominator);
    return value >= 0 ? value : music_metre_value(4, 4);
}

static bool add_bar(struct encoder *e, const struct bar *bar, struct error *error)
{
    if (e->bars >= MUSIC_BARS_MOST)
        return error_set(error, ERROR_INPUT, "music: more than %d bars; fewer are wanted", MUSIC_BARS_MOST);
    if (e->bars == e->bar_room) {
        size_t room = e->bar_room == 0 ? 64 : e->bar_room * 2;
        struct bar *more = mem_resize(e->bar, room, sizeof *more, error);
        if (more == NULL) return false;
        e->bar = more;
        e->bar_room = room;
    }
    e->bar[e->bars++] = *bar;
    return true;
}

static int64_t bar_end(const struct bar *bar) { return bar->step + (bar->cut > 0 ? bar->cut : music_metre_steps(bar->metre)); }

/* Lay out the bars from step 0 to the one that holds step `last`, and as many as are asked for. */
static bool plan_bars(struct encoder *e, const struct change *change, size_t changes, int64_t last, struct error *error)
{
    int metre = music_metre_value(4, 4);
    size_t i = 0;
    for (int64_t step = 0; step <= last || (int64_t)e->bars < e->how.bars; step = bar_end(&e->bar[e->bars - 1])) {
        while (i < changes && change[i].step <= step) metre = change[i++].value;
        while (i < changes && change[i].value == metre) i++; /* says nothing new */
        struct bar bar = {.step = step, .metre = (int16_t)metre};
        if (i < changes && change[i].step < bar_end(&bar)) bar.cut = (int16_t)(change[i].step - step), bar.then = (int16_t)change[i].value;
        if (!add_bar(e, &bar, error)) return false;
    }
    while (i < changes && change[i].step < bar_end(&e->bar[e->bars - 1])) i++;
    e->loss.metres_dropped += (double)(changes - i);
    return true;
}

static bool lay_out(struct encoder *e, int64_t last, struct error *error)
{
    const struct score *score = e->score;
    struct change *change = mem_alloc(score->metres, sizeof *change, error);
    if (change == NULL) return false;
    for (size_t i = 0; i < score->metres; i++) {
        bool exact;
        change[i].step = music_step(score, score->metre[i].tick);
        change[i].value = fit_metre(score->metre[i].numerator, score->metre[i].denominator, &exact);
        e->loss.metres_changed += !exact;
        e->loss.metres_moved += change[i].step * score->ticks_per_quarter != score->metre[i].tick * MUSIC_STEPS_PER_QUARTER;
    }
    bool ok = plan_bars(e, change, score->metres, last, error);
    mem_free(change);
    return ok;
}

/* The last bar that starts at or before a step. */
static size_t bar_at(const struct encoder *e, int64_t step)
{
    size_t low = 0, high = e->bars;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (e->bar[middle].step <= step) low = middle;
        else high = middle;
    }
    return low;
}

/* ---- Changes of key and tempo ---- */

static int compare_turns(const void *left, const void *right)
{
    const struct turn *a = left, *b = right;
    if (a->step != b->step) return a->step < b->step ? -1 : 1;
    return (a->order > b->order) - (a->order < b->order);
}

/* Take a change of key (tempo: -1) or of tempo (key: -1). */
static void add_turn(struct encoder *e, int64_t tick, int key, int tempo)
{
    int64_t per = e->score->ticks_per_quarter, step = music_step(e->score, tick);
    *(key >= 0 ? &e->loss.keys_moved : &e->loss.tempos_moved) += step * per != tick * MUSIC_STEPS_PER_QUARTER;
    e->turn[e->turns] = (struct turn){.step = step, .order = e->turns, .key = (int16_t)key, .tempo = (int16_t)tempo};
    e->turns++;
}

/* In order, those of one step put together, without those behind the last bar. */
static void tidy_turns(struct encoder *e)
{
    int64_t end = bar_end(&e->bar[e->bars - 1]);
    size_t kept = 0;
    qsort(e->turn, e->turns, sizeof *e->turn, compare_turns);
    for (size_t i = 0; i < e->turns; i++) {
        struct turn *turn = &e->turn[i], *before = kept > 0 && e->turn[kept - 1].step == turn->step ? &e->turn[kept - 1] : NULL;
        if (turn->step >= end || (before != NULL && before->key >= 0)) e->loss.keys_dropped += turn->key >= 0;
        if (turn->step >= end || (before != NULL && before->tempo >= 0)) e->loss.tempos_dropped += turn->tempo >= 0;
        if (turn->step >= end) continue;
        if (before == NULL) e->turn[kept++] = *turn;
        else if (turn->key >= 0) before->key = turn->key;
        else before->tempo = turn->tempo;
    }
    e->turns = kept;
}

/* All changes, behind one at step 0 that tells key and tempo in any case. */
static bool place_turns(struct encoder *e, struct error *error)
{
    const struct score *score = e->score;
    size_t at = 0;
    e->turn = mem_alloc(score->tempos + score->keys + 2, sizeof *e->turn, error);
    if (e->turn == NULL) return false;
    for (size_t i = 0; i < score->tempos; i++) {
        double bpm = 60e6 / score->tempo[i].us_per_quarter;
        int value = music_tempo_value(bpm);
        e->loss.tempos_rounded += fabs(bpm - music_tempo_of(value)) > 0.01;
        add_turn(e, score->tempo[i].tick, -1, value);
    }
    for (size_t i = 0; i < score->keys; i++) {
        int value = music_key_value(score->key[i].sharps, score->key[i].minor);
        if (value < 0) e->loss.keys_dropped++;
        else add_turn(e, score->key[i].tick, value, -1);
    }
    tidy_turns(e);
    if (e->turns == 0 || e->turn[0].step > 0) {
        memmove(e->turn + 1, e->turn, e->turns++ * sizeof *e->turn);
        e->turn[0] = (struct turn){.key = -1, .tempo = -1};
    }
    if (e->turn[0].key < 0) e->turn[0].key = MUSIC_KEY_NONE;
    if (e->turn[0].tempo < 0) e->turn[0].tempo = (int16_t)music_tempo_value(120);
    for (size_t b = 0; b < e->bars; b++) {
        while (at < e->turns && e->turn[at].step < e->bar[b].step) at++;
        e->bar[b].turn = at;
    }
    return true;
}

/* ---- Notes ---- */

static bool gather_notes(struct encoder *e, int64_t *last, struct error *error)
{
    const struct score *score = e->score;
    e->item = mem_alloc(score->notes, sizeof *e->item, error);
    if (e->item == NULL) return false;
    *last = 0;
    for (size_t i = 0; i < score->notes; i++) {
        const struct score_note *note = &score->note[i];
        int part = e->part[note->part];
        e->loss.notes_in++;
        if (part < 0) {
            e->loss.notes_dropped++;
            continue;
        }
        int64_t step = music_step(score, note->onset);
        e->loss.velocities_rounded += music_velocity_of(music_velocity_value(note->velocity)) != note->velocity;
        if (step > *last) *last = step;
        e->item[e->items++] = (struct item){.step = step, .tick = note->onset, .length = note->length, .part = (uint8_t)part,
                                            .pitch = note->pitch, .velocity = (uint8_t)music_velocity_value(note->velocity)};
    }
    return true;
}

static int compare_items(const void *left, const void *right)
{
    const struct item *a = left, *b = right;
    if (a->bar != b->bar) return a->bar < b->bar ? -1 : 1;
    if (a->part != b->part) return a->part < b->part ? -1 : 1;
    if (a->step != b->step) return a->step < b->step ? -1 : 1;
    if (a->pitch != b->pitch) return a->pitch < b->pitch ? -1 : 1;
    if (a->length != b->length) return a->length > b->length ? -1 : 1; /* the longest first: it stays in a merge */
    return a->velocity != b->velocity ? (a->velocity > b->velocity ? -1 : 1) : (a->tick > b->tick) - (a->tick < b->tick);
}

static void merge_equal(struct encoder *e)
{
    size_t kept = 0;
    for (size_t i = 0; i < e->items; i++) {
        struct item *item = &e->item[i], *before = kept > 0 ? &e->item[kept - 1] : NULL;
        if (before != NULL && before->step == item->step && before->part == item->part && before->pitch == item->pitch) {
            if (item->velocity > before->velocity) before->velocity = item->velocity;
            e->loss.notes_merged++;
        } else
            e->item[kept++] = *item;
    }
    e->items = kept;
    e->loss.notes_kept = (double)kept;
}

/* Lengths in steps. A note that ended before the next of its part and pitch still does. */
static bool round_notes(struct encoder *e, struct error *error)
{
    int64_t per = e->score->ticks_per_quarter;
    const struct item **next = mem_alloc((size_t)MUSIC_PARTS_MOST * 128, sizeof *next, error); /* (parts, 128) */
    if (next == NULL) return false;
    for (size_t i = e->items; i-- > 0;) {
        struct item *item = &e->item[i];
        const struct item **behind = &next[(size_t)item->part * 128 + item->pitch];
        int64_t steps = music_step(e->score, item->length);
        if (*behind != NULL && item->tick + item->length <= (*behind)->tick && item->step + steps > (*behind)->step)
            steps = (*behind)->step - item->step;
        item->steps = music_duration_of(music_duration_value(steps));
        e->loss.lengths_changed += item->steps * per != item->length * MUSIC_STEPS_PER_QUARTER;
        double shift = fabs((double)(item->tick * MUSIC_STEPS_PER_QUARTER - item->step * per)) / (double)per;
        e->loss.onsets_moved += shift > 0;
        if (shift > e->loss.largest_shift) e->loss.largest_shift = shift;
        *behind = item;
    }
    mem_free(next);
    return true;
}

/* ---- Chords ---- */

/* What each bar sounds like: notes count by the share of the bar that they sound in, drums not at all. */
static bool hear_chords(struct encoder *e, struct error *error)
{
    double (*weight)[12] = mem_alloc(e->bars, sizeof *weight, error);
    uint8_t *bass = mem_alloc(e->bars, sizeof *bass, error);
    bool ok = weight != NULL && bass != NULL;
    for (size_t i = 0; ok && i < e->items; i++) {
        const struct item *item = &e->item[i];
        if (e->program[item->part] == MUSIC_DRUMS) continue;
        for (size_t b = (size_t)item->bar; b < e->bars && e->bar[b].step < item->step + item->steps; b++) {
            int steps = (int)(bar_end(&e->bar[b]) - e->bar[b].step), pos = item->step < e->bar[b].step ? -1 : (int)(item->step - e->bar[b].step);
            int64_t from = pos < 0 ? 0 : pos, to = item->step + item->steps - e->bar[b].step;
            weight[b][item->pitch % 12] += music_chord_heavy(pos, steps) * (double)((to < steps ? to : steps) - from) / steps;
            if (bass[b] == 0 || item->pitch + 1 < bass[b]) bass[b] = (uint8_t)(item->pitch + 1);      /* 0: none yet */
        }
    }
    for (size_t b = 0; ok && b < e->bars; b++) e->bar[b].chord = (uint8_t)music_chord_hear(weight[b], bass[b] == 0 ? -1 : (bass[b] - 1) % 12);
    mem_free(weight);
    mem_free(bass);
    return ok;
}

/* ---- Ids ---- */

static bool put(struct ids *out, enum music_kind kind, int value, struct error *error)
{
    return ids_append(out, music_id(kind, value), error);
}

static bool put_header(const struct encoder *e, struct ids *out, struct error *error)
{
    bool length = e->how.length && e->bars <= MUSIC_LENGTH_MOST;
    bool ok = put(out, MUSIC_METRE, e->bar[0].metre, error) && put(out, MUSIC_KEY, e->turn[0].key, error) &&
              put(out, MUSIC_TEMPO, e->turn[0].tempo, error) && (!length || put(out, MUSIC_LENGTH, (int)e->bars - 1, error)) &&
              (!e->how.density || put(out, MUSIC_DENSITY, music_density_value((double)e->items / (double)e->bars), error));
    for (int p = 0; ok && p < e->parts; p++)
        ok = put(out, MUSIC_PROGRAM, e->program[p], error) && (!(e->how.hidden >> p & 1) || put(out, MUSIC_HOLE, 0, error));
    return ok;
}

/* What is in force while the bars are put. */
struct force { int metre, key, tempo; uint8_t velocity[MUSIC_PARTS_MOST]; };

/* The bar line with what changes there, and what changes inside the bar. */
static bool put_bar(const struct encoder *e, size_t index, struct force *now, struct ids *out, struct error *error)
{
    const struct bar *bar = &e->bar[index];
    bool ok = put(out, MUSIC_BAR, 0, error) && (bar->metre == now->metre || put(out, MUSIC_METRE, bar->metre, error));
    for (size_t t = bar->turn; ok && t < e->turns && e->turn[t].step < bar_end(bar); t++) {
        const struct turn *turn = &e->turn[t];
        bool key = turn->key >= 0 && turn->key != now->key, tempo = turn->tempo >= 0 && turn->tempo != now->tempo;
        if ((key || tempo) && turn->step > bar->step) ok = put(out, MUSIC_POS, (int)(turn->step - bar->step), error);
        if (key) ok = ok && put(out, MUSIC_KEY, now->key = turn->key, error);
        if (tempo) ok = ok && put(out, MUSIC_TEMPO, now->tempo = turn->tempo, error);
    }
    if (bar->cut > 0) ok = ok && put(out, MUSIC_POS, bar->cut, error) && put(out, MUSIC_METRE, bar->then, error);
    now->metre = bar->cut > 0 ? bar->then : bar->metre;
    return ok;
}

/* The notes of a bar of the marked parts; velocity: classes in force. */
static bool put_lines(const struct encoder *e, size_t bar, unsigned parts, uint8_t velocity[MUSIC_PARTS_MOST], struct ids *out, struct error *error)
{
    int part = -1;
    int64_t step = -1;
    for (size_t i = e->bar[bar].item; i < e->items && e->item[i].bar == (int32_t)bar; i++) {
        const struct item *item = &e->item[i];
        if (!(parts >> item->part & 1)) continue;
        if (item->part != part) step = -1;
        bool ok = item->part == part || e->parts == 1 || put(out, MUSIC_PART, item->part, error);
        ok = ok && (item->step == step || put(out, MUSIC_POS, (int)(item->step - e->bar[bar].step), error));
        ok = ok && (item->velocity == velocity[item->part] || put(out, MUSIC_VELOCITY, item->velocity, error));
        ok = ok && put(out, MUSIC_PITCH, item->pitch, error) && put(out, MUSIC_DURATION, music_duration_value(item->steps), error);
        if (!ok) return false;
        part = item->part;
        step = item->step;
        velocity[part] = item->velocity;
    }
    return true;
}

static bool is_hole(const struct encoder *e, size_t bar)
{
    return e->how.holes > 0 && (int)bar >= e->how.hole_first && (int)bar < e->how.hole_first + e->how.holes;
}

static bool put_chord(const struct encoder *e, size_t bar, struct ids *out, struct error *error)
{
    return !e->how.chords || put(out, MUSIC_CHORD, e->bar[bar].chord, error);
}

/* What the first pass left open. */
static bool put_second(const struct encoder *e, uint8_t velocity[MUSIC_PARTS_MOST], struct ids *out, struct error *error)
{
    bool ok = put(out, MUSIC_FILL, 0, error);
    for (size_t b = 0; ok && b < e->bars; b++) {
        if (e->how.hidden == 0 && !is_hole(e, b)) continue;
        ok = put(out, MUSIC_BAR, 0, error) && (e->how.hidden != 0 || put_chord(e, b, out, error)) &&
             put_lines(e, b, e->how.hidden != 0 ? e->how.hidden : ~0u, velocity, out, error);
    }
    return ok;
}

static bool put_piece(const struct encoder *e, struct ids *out, struct error *error)
{
    struct force now = {.metre = e->bar[0].metre, .key = e->turn[0].key, .tempo = e->turn[0].tempo};
    memset(now.velocity, MUSIC_VELOCITY_START, sizeof now.velocity);
    bool ok = put_header(e, out, error);
    for (size_t b = 0; ok && b < e->bars; b++) {
        ok = put_bar(e, b, &now, out, error);
        if (is_hole(e, b)) ok = ok && put(out, MUSIC_HOLE, 0, error);
        else ok = ok && put_chord(e, b, out, error) && put_lines(e, b, ~(unsigned)e->how.hidden, now.velocity, out, error);
    }
    return ok && ((e->how.holes == 0 && e->how.hidden == 0) || put_second(e, now.velocity, out, error));
}

/* The key at the end of a bar. */
static int key_of_bar(const struct encoder *e, int bar)
{
    size_t t = bar + 1 < (int)e->bars ? e->bar[bar + 1].turn : e->turns;
    while (e->turn[--t].key < 0) {}                            /* the first has one */
    return e->turn[t].key;
}

/* Is there a piece with these holes? */
static bool check_holes(const struct encoder *e, struct error *error)
{
    const struct music_encode_options *h = &e->how;
    unsigned parts = (1u << e->parts) - 1;
    int stretches = 1, cut = 0, most = MUSIC_RUNS_MOST, bars = h->hidden != 0 ? (int)e->bars : h->holes, first = h->hidden != 0 ? 0 : h->hole_first;
    if (h->holes == 0 && h->hidden == 0) return true;
    if (h->holes < 0 || h->hole_first < 0 || h->hole_first > (int)e->bars || h->holes > (int)e->bars - h->hole_first)
        return error_set(error, ERROR_INPUT, "music: holes for bars %d to %d of a piece of %zu bars; bars that it has are wanted", h->hole_first + 1, h->hole_first + h->holes, e->bars);
    if (h->hidden != 0 && (h->holes > 0 || (h->hidden & ~parts) != 0 || h->hidden == parts))
        return error_set(error, ERROR_INPUT, "music: holes for parts %#x of %d; some of its parts but not all, or bars, are wanted", (unsigned)h->hidden, e->parts);
    for (int b = first; h->hidden != 0 && b < first + bars; b++) cut |= e->bar[b].cut > 0;
    for (int b = first + 1; b < first + bars; b++) stretches += e->bar[b].metre != e->bar[b - 1].metre || e->bar[b].cut != e->bar[b - 1].cut || key_of_bar(e, b) != key_of_bar(e, b - 1);
    if (cut) most -= 2;                                        /* the grammar keeps room for what comes behind a cut */
    if (bars > MUSIC_HOLES_MOST || stretches > most || first + bars > UINT16_MAX)
        return error_set(error, ERROR_INPUT, "music: holes in %d bars with %d changes of metre and key; at most %d bars with %d are wanted", bars, stretches - 1, MUSIC_HOLES_MOST,
                         most - 1);
    return true;
}

bool music_encode_as(const struct score *score, const struct music_encode_options *options, struct ids *out, struct music_loss *loss, struct error *error)
{
    struct encoder e = {.score = score, .how = *options};
    int64_t last = 0;
    size_t start = out->n;
    bool ok = check_score(score, error) && choose_parts(&e, error) && gather_notes(&e, &last, error) &&
              lay_out(&e, last, error) && place_turns(&e, error);
    if (ok && (ok = check_holes(&e, error))) {
        for (size_t i = 0; i < e.items; i++) e.item[i].bar = (int32_t)bar_at(&e, e.item[i].step);
        qsort(e.item, e.items, sizeof *e.item, compare_items);
        merge_equal(&e);
        for (size_t i = e.items; i-- > 0;) e.bar[e.item[i].bar].item = i;
        ok = round_notes(&e, error) && (!options->chords || hear_chords(&e, error)) && put_piece(&e, out, error);
    }
    if (loss != NULL) *loss = e.loss;
    mem_free(e.part);
    mem_free(e.item);
    mem_free(e.bar);
    mem_free(e.turn);
    if (!ok) out->n = start;
    return ok;
}

bool music_encode(const struct score *score, struct ids *out, struct music_loss *loss, struct error *error)
{
    return music_encode_as(score, &(struct music_encode_options){0}, out, loss, error);
}
