/* continue and vary for tunes; see tune.h. */
#include "app/tune.h"
#include "core/mem.h"
#include "core/random.h"

#include <string.h>

enum { ROUND_BARS = 16, CONTEXT_BARS = 8, HEAD_IDS = 8 };

/* How many of the bars before `end` make an excerpt of at most `most` ids, at most `bars`; the excerpt into *out. */
static bool left_excerpt(const struct tune *t, int end, int bars, int behind, size_t most, int *taken, struct ids *out, struct error *error)
{
    for (int k = bars < end ? bars : end; k >= 0; k--) {
        out->n = 0;
        if (k + behind > 0 && !music_excerpt(t->ids.id, t->ids.n, end - k, k + behind, out, error)) return false;
        *taken = k;
        if (out->n <= most && (out->n > 0 || k == 0)) break;
    }
    return true;
}

/* Wishes of bars behind a beginning: its key, metre and tempo stay. */
static struct music_wishes going_on(const struct tune *t, const struct music_grammar *g, int bars)
{
    struct music_wishes w = t->wishes;
    w.key = g->key, w.metre = g->metre, w.tempo = g->tempo;
    w.first = g->bars, w.bars = g->bars + bars, w.parts = 0;
    return w;
}

/* `done` bars of `all` were made before: chords go on where they were, a close comes at the end. */
static bool continue_some(struct tune *t, int done, int bars, int all, struct error *error)
{
    struct ids before = {0};
    struct piece piece = {0};
    int k = 0;
    bool ok = left_excerpt(t, t->bars, t->bars, 0, (size_t)t->e->model.config.T / 2, &k, &before, error);
    if (ok && k == 0) ok = error_set(error, ERROR_INPUT, "%s: its last bar is empty or too full to go on from", t->path);
    struct music_grammar g = tune_state(before.id, before.n);
    struct music_wishes w = going_on(t, &g, bars);
    w.cadence = w.cadence && done + bars == all;
    for (int c = 0; c < w.chords; c++) w.chord[c] = t->wishes.chord[(done + c) % w.chords];
    ok = ok && ids_append(&before, music_id(MUSIC_BAR, 0), error) && music_wishes_check(&w, error);
    struct music_order order = {.before = before.id, .before_n = before.n};
    ok = ok && tune_make(t, &order, &w, 1, &piece, error);
    if (ok) {
        struct tune_place place = {t->bars - k, k, ~0u, true};
        ok = tune_put(t, &piece.score, &place, t->bars, t->bars + bars, error);
    }
    piece_free(&piece);
    ids_free(&before);
    return ok;
}

bool tune_continue(struct tune *t, struct error *error)
{
    uint64_t seed = t->seed;
    int bars = t->wishes.bars > 0 ? t->wishes.bars : 8;
    bool ok = true;
    for (int done = 0, n; ok && done < bars; done += n, t->seed += 1000003) {
        n = bars - done < ROUND_BARS ? bars - done : ROUND_BARS;
        ok = continue_some(t, done, n, bars, error);
    }
    t->seed = seed;
    t->wishes.bars = bars;
    return ok;
}

/* ---- vary ---- */

static size_t bar_length(const int32_t *ids, size_t n, size_t at)
{
    size_t end = at + 1;
    while (end < n && ids[end] != music_id(MUSIC_BAR, 0)) end++;
    return end - at;
}

/* A script of ids whose pitches are free with the chance `strength` from bar `from` on; a bar like an earlier one copies it. */
static bool vary_script(const struct ids *ids, int from, double strength, uint64_t seed, struct ids *script, struct error *error)
{
    struct music_grammar g;
    int32_t mark = music_id(MUSIC_BAR, 0);
    music_grammar_start(&g);
    size_t like = SIZE_MAX, bar = 0;                         /* where the bar that this one copies starts */
    for (size_t i = 0; i < ids->n; i++) {
        enum music_kind kind;
        int value;
        if (ids->id[i] == mark) {
            size_t length = bar_length(ids->id, ids->n, i);
            bar = i, like = SIZE_MAX;
            for (size_t k = 0; k < i && g.bars >= from && like == SIZE_MAX; k++)
                if (ids->id[k] == mark && bar_length(ids->id, ids->n, k) == length && memcmp(ids->id + k, ids->id + i, length * sizeof *ids->id) == 0) like = k;
        }
        (void)music_grammar_advance(&g, ids->id[i]);
        music_kind_of(ids->id[i], &kind, &value);
        bool open = kind == MUSIC_PITCH && g.bars > from && g.program[g.part] != MUSIC_DRUMS && random_unit(seed, 77, i) < strength;
        int32_t item = like != SIZE_MAX ? MUSIC_SCRIPT_COPY(like + i - bar) : open ? MUSIC_SCRIPT_PITCH : ids->id[i];
        if (!ids_append(script, item, error)) return false;
    }
    return true;
}

/* Do two notes of a part sound the same pitch at a time? Players would cut one of them off. */
static bool clash(const struct score_note *a, const struct score_note *b)
{
    return a->part == b->part && a->pitch == b->pitch && a->onset < b->onset + b->length && b->onset < a->onset + a->length;
}

/* Give the notes of part and onset of note i their old pitches; the order of both scores is the same. */
static void put_back(struct score *made, const struct score *was, size_t i)
{
    for (size_t k = 0; k < made->notes; k++)
        if (made->note[k].part == made->note[i].part && made->note[k].onset == made->note[i].onset) made->note[k].pitch = was->note[k].pitch;
}

/* Changed notes that clash with others go back to what they were, until none does. */
static void settle_clashes(struct score *made, const struct score *was)
{
    bool again = made->notes == was->notes;
    while (again) {
        again = false;
        for (size_t i = 0; i < made->notes; i++)
            for (size_t k = i + 1; k < made->notes && made->note[k].onset < made->note[i].onset + made->note[i].length; k++) {
                if (!clash(&made->note[i], &made->note[k]) || clash(&was->note[i], &was->note[k])) continue;
                size_t changed = made->note[k].pitch != was->note[k].pitch ? k : i;
                put_back(made, was, changed);
                again = true;
            }
    }
}

/* Bars first … first + bars - 1, with some bars before them in view. */
static bool vary_some(struct tune *t, int first, int bars, struct error *error)
{
    struct ids window = {0}, script = {0};
    struct piece piece = {0};
    struct score was = {0};
    int k = 0;
    bool ok = left_excerpt(t, first, CONTEXT_BARS, bars, (size_t)t->e->model.config.T - HEAD_IDS, &k, &window, error);
    ok = ok && vary_script(&window, k, t->e->a->option[OPTION_STRENGTH].number, t->seed + (uint64_t)first, &script, error);
    struct music_order order = {.wishes = t->wishes, .script = script.id, .script_n = script.n};
    if (ok && window.n > 0) ok = tune_make(t, &order, NULL, 1, &piece, error);
    if (ok && window.n > 0 && (ok = music_decode(window.id, window.n, &was, error))) {
        struct tune_place place = {first - k, k + bars, ~0u, false};
        settle_clashes(&piece.score, &was);
        ok = tune_put(t, &piece.score, &place, first, first + bars, error);
    }
    piece_free(&piece);
    score_free(&was);
    ids_free(&window), ids_free(&script);
    return ok;
}

bool tune_vary(struct tune *t, struct error *error)
{
    size_t most = (size_t)t->e->model.config.T - HEAD_IDS;
    bool pitched = false;
    for (size_t p = 0; p < t->score.parts; p++) pitched = pitched || !t->score.part[p].drums;
    if (!pitched) return error_set(error, ERROR_INPUT, "%s: has only drums, whose notes `vary` keeps; a part with pitches is wanted", t->path);
    for (int first = 0, n; first < t->bars; first += n) {
        struct ids window = {0};
        bool ok = true;
        for (n = t->bars - first; n >= 1; n = n > 1 ? n - (n + 3) / 4 : 0) {        /* as many as fit */
            window.n = 0;
            if (!(ok = music_excerpt(t->ids.id, t->ids.n, first, n, &window, error)) || window.n <= most) break;
        }
        ids_free(&window);
        if (ok && n == 0) ok = error_set(error, ERROR_INPUT, "%s: bar %d is too full", t->path, first + 1);
        if (!ok || !vary_some(t, first, n, error)) return false;
    }
    return true;
}
