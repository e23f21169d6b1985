/* fill for tunes, and what it shares with harmonise; see tune.h.
 *
 * The bars are a hole of a piece in the form that training taught (docs/music-tokens.md): header, the bars before and behind with the hole between
 * them, `fill`; the model then writes the second pass under the wishes. It has read both sides, so the likeliest candidate is the one that fits both. */
#include "app/tune.h"
#include "core/infill.h"

#include <math.h>
#include <string.h>

enum { HEAD_IDS = 16, BAR_ROOM = 48, SILENT = 1000 };      /* ids that stand before a tune; room for a bar that is filled; what silence costs */

bool tune_open(const struct tune *t, int first, int bars, const struct music_encode_options *how, int second, struct ids *out, struct error *error)
{
    struct ids plain = {0}, open = {0};
    struct score score = {0};
    struct music_encode_options all = *how;
    int32_t fill = music_id(MUSIC_FILL, 0), bar = music_id(MUSIC_BAR, 0);
    size_t n = 0;
    all.bars = bars;
    bool ok = music_excerpt(t->ids.id, t->ids.n, first, bars, &plain, error) &&
              (plain.n > 0 || error_set(error, ERROR_INPUT, "%s: there is no note around the bars", t->path)) &&
              music_decode(plain.id, plain.n, &score, error) && music_encode_as(&score, &all, &open, NULL, error);
    while (ok && open.id[n] != fill) n++;
    for (n++; ok && n < open.n && (open.id[n] != bar || second-- > 0);) n++;
    ok = ok && ids_append_many(out, open.id, n, error);
    score_free(&score);
    ids_free(&plain), ids_free(&open);
    return ok;
}

/* Mean log-probability of what a piece has behind its `n` first ids; a silent one is no answer. */
static bool judge(const struct tune *t, size_t n, const struct piece *piece, double *out, struct error *error)
{
    struct ids left = {0}, made = {0};
    int32_t pitches = t->e->vocabulary.music_first + music_id(MUSIC_PITCH, 0);
    bool silent = true;
    for (size_t i = n; i < piece->ids.n; i++) silent = silent && !(piece->ids.id[i] >= pitches && piece->ids.id[i] < pitches + 128);
    bool ok = form_prompt(&t->e->vocabulary, MODALITY_MUSIC, NULL, &left, error) && ids_append_many(&left, piece->ids.id, n, error) &&
              ids_append_many(&made, piece->ids.id + n, piece->ids.n - n, error) && ids_append(&made, SPECIAL_EOS, error) &&
              infill_score(&t->e->runner, left.id, left.n, made.id, made.n, out, error);
    if (ok) *out = *out / (double)made.n - (silent ? SILENT : 0);
    ids_free(&left), ids_free(&made);
    return ok;
}

/* Can the wishes be fulfilled in the key of each bar of the second pass? */
static bool check_keys(const struct music_wishes *wishes, const struct music_grammar *g, struct error *error)
{
    struct music_wishes w = *wishes;
    for (int r = 0; r < g->runs; r++) {
        w.key = g->run[r].key;
        if (!music_wishes_check(&w, error)) return false;
    }
    return true;
}

bool tune_complete(struct tune *t, const struct ids *open, int candidates, struct music_wishes *w, struct piece *out, struct error *error)
{
    struct piece pieces[TUNE_CANDIDATES] = {0};
    struct music_order order = {.before = open->id, .before_n = open->n};
    struct music_grammar g = tune_state(open->id, open->n);
    double score, best = -(double)INFINITY;
    int chosen = 0, n = t->e->a->option[OPTION_CANDIDATES].given ? (int)t->e->a->option[OPTION_CANDIDATES].number : candidates;
    if (n > TUNE_CANDIDATES) n = TUNE_CANDIDATES;
    if (g.hidden != 0) {                                       /* each part plays */
        w->parts = g.parts;
        memcpy(w->program, g.program, sizeof w->program);
    }
    bool ok = check_keys(w, &g, error) && tune_make(t, &order, w, n, pieces, error);
    for (int i = 0; ok && n > 1 && i < n; i++) {
        ok = judge(t, open->n, &pieces[i], &score, error);
        if (score > best) best = score, chosen = i;
    }
    if (ok) *out = pieces[chosen], pieces[chosen] = (struct piece){0};
    for (int i = 0; i < TUNE_CANDIDATES; i++) piece_free(&pieces[i]);
    return ok;
}

struct hole { int first, bars, from, all; struct ids open; };      /* the bars; where the window that shows them starts, how many it has */

/* The hole with as many bars around it as fit, on both sides alike. */
static bool look(const struct tune *t, struct hole *h, struct error *error)
{
    size_t room = (size_t)t->e->model.config.T, most = room - HEAD_IDS - (size_t)h->bars * BAR_ROOM;
    bool left = true, ok = true;
    if ((size_t)h->bars * BAR_ROOM * 2 > room)
        return error_set(error, ERROR_INPUT, "fill: %d bars at a time are too many; at most %zu are wanted", h->bars, room / BAR_ROOM / 2);
    struct music_encode_options how = {.chords = t->wishes.chords > 0, .holes = h->bars};
    for (int before = 0, behind = 0, full = 0; ok && full < 2; left = !left) {
        int b = before + left, e = behind + !left, from = h->first - b, to = h->first + h->bars + e;
        struct ids open = {0};
        struct error told = {0};
        how.hole_first = b;
        bool there = from >= 0 && to <= t->bars, fits = there && tune_open(t, from, to - from, &how, 0, &open, &told) && open.n <= most;
        if (told.kind == ERROR_MEMORY) *error = told, ok = false;
        full = there && (fits || open.n == 0) ? 0 : full + 1;      /* silent bars alone are no piece: look further */
        if (full == 0) before = b, behind = e;
        if (fits) {
            ids_free(&h->open);
            h->open = open, h->from = from, h->all = to - from;
        } else ids_free(&open);
    }
    return ok && (h->open.n > 0 || error_set(error, ERROR_INPUT, "%s: there is no note around the bars, or too many", t->path));
}

bool tune_fill(struct tune *t, struct error *error)
{
    struct hole h = {0};
    struct piece piece = {0};
    if (!controls_bars(t->e->a->option[OPTION_BARS].text, &h.first, &h.bars, error)) return false;
    if (h.first + h.bars > t->bars) return error_set(error, ERROR_INPUT, "%s: has %d bars; bars that it has are wanted", t->path, t->bars);
    bool ok = look(t, &h, error);
    struct music_wishes w = t->wishes;
    w.first = h.first - h.from, w.bars = h.first + h.bars == t->bars ? h.all : 0;      /* a last bar has a note */
    ok = ok && tune_complete(t, &h.open, TUNE_CANDIDATES, &w, &piece, error);
    if (ok) {
        struct tune_place place = {h.from, h.all, ~0u, true};
        ok = tune_put(t, &piece.score, &place, h.first, h.first + h.bars, error);
    }
    piece_free(&piece);
    ids_free(&h.open);
    return ok;
}
