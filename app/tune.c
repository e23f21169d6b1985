/* A tune from a file that a verb works on; see tune.h. */
#include "app/tune.h"
#include "app/make.h"
#include "core/file.h"
#include "core/mem.h"

#include <stdio.h>
#include <string.h>

enum { TICKS_PER_STEP = SCORE_TICKS_PER_QUARTER / MUSIC_STEPS_PER_QUARTER };

struct music_grammar tune_state(const int32_t *ids, size_t n)
{
    struct music_grammar g;
    music_grammar_start(&g);
    for (size_t i = 0; i < n; i++) (void)music_grammar_advance(&g, ids[i]);
    return g;
}

size_t tune_bar_index(const int32_t *ids, size_t n, int bar)
{
    int32_t mark = music_id(MUSIC_BAR, 0);
    for (size_t i = 0; i < n; i++)
        if (ids[i] == mark && bar-- == 0) return i;
    return n;
}

bool tune_take(struct tune *t, const int32_t *ids, size_t n, struct error *error)
{
    struct music_grammar g;
    struct ids copy = {0};
    if (!ids_append_many(&copy, ids, n, error)) return false;
    ids_free(&t->ids);
    t->ids = copy;
    score_free(&t->score);
    mem_free(t->start);
    t->start = NULL;
    if (!music_decode(copy.id, copy.n, &t->score, error) || (t->bars = music_bars(copy.id, copy.n, error)) < 0) return false;
    if ((t->start = mem_alloc((size_t)t->bars + 1, sizeof *t->start, error)) == NULL) return false;
    int64_t steps = 0;
    music_grammar_start(&g);
    for (size_t i = 0; i < n; i++) {
        if (copy.id[i] == music_id(MUSIC_BAR, 0)) {
            if (g.bars > 0) steps += music_grammar_bar_steps(&g);
            t->start[g.bars] = steps * TICKS_PER_STEP;
        }
        (void)music_grammar_advance(&g, copy.id[i]);
    }
    t->start[t->bars] = (steps + music_grammar_bar_steps(&g)) * TICKS_PER_STEP;
    return true;
}

bool tune_make(struct tune *t, const struct music_order *order, const struct music_wishes *wishes, int n, struct piece *out, struct error *error)
{
    struct engine_order *orders = mem_alloc((size_t)n, sizeof *orders, error);
    if (orders == NULL) return false;
    for (int i = 0; i < n; i++)
        orders[i] = (struct engine_order){.kind = MODALITY_MUSIC, .verb = t->verb, .seed = t->seed + 7919 * (uint64_t)i, .options = &t->options, .wishes = wishes, .music = order};
    bool ok = engine_make(t->e, orders, n, out, error);
    mem_free(orders);
    return ok;
}

/* The tune's part for each part of a piece made from these bars: those that play there, in order. */
static void playing_parts(const struct tune *t, int first, int bars, int map[MUSIC_PARTS_MOST])
{
    bool plays[MUSIC_PARTS_MOST] = {false};
    int n = 0;
    for (size_t i = 0; i < t->score.notes; i++)
        if (t->score.note[i].onset >= t->start[first] && t->score.note[i].onset < t->start[first + bars]) plays[t->score.note[i].part] = true;
    for (int p = 0; p < MUSIC_PARTS_MOST; p++)
        if (plays[p]) map[n++] = p;
    for (; n < MUSIC_PARTS_MOST; n++) map[n] = -1;
}

bool tune_put(struct tune *t, const struct score *made, int first, int bars, int64_t at, int64_t from, int64_t to, unsigned parts, struct error *error)
{
    struct score *s = &t->score;
    struct ids ids = {0};
    int map[MUSIC_PARTS_MOST];
    size_t kept = 0;
    playing_parts(t, first, bars, map);
    for (size_t i = 0; i < s->notes; i++) {
        int64_t onset = s->note[i].onset - at;
        bool replaced = onset >= from && onset < to && parts >> s->note[i].part & 1;
        if (!replaced) s->note[kept++] = s->note[i];
    }
    s->notes = kept;
    for (size_t i = 0; i < made->notes; i++) {
        struct score_note note = made->note[i];
        int part = note.part < MUSIC_PARTS_MOST ? map[note.part] : -1;
        if (note.onset < from || note.onset >= to || part < 0 || !(parts >> part & 1)) continue;
        note.onset += at, note.part = (uint16_t)part;
        if (!score_add_note(s, note, error)) return false;
    }
    score_sort(s);
    bool ok = music_encode(s, &ids, NULL, error) && tune_take(t, ids.id, ids.n, error);
    ids_free(&ids);
    return ok;
}

/* ---- the verbs' common course ---- */

/* A bar too long for the grid's tokens counts as several: say so where the user counts bars. */
static void say_long_bars(const struct tune *t)
{
    if (!t->e->a->option[OPTION_BARS].given || t->e->a->option[OPTION_QUIET].given) return;
    for (size_t i = 0; i < t->original.n; i++) {
        enum music_kind kind;
        int value, numerator, denominator;
        if (!music_kind_of(t->original.id[i], &kind, &value) || kind != MUSIC_METRE || music_metre_segments(value) == 1) continue;
        music_metre_of(value, &numerator, &denominator);
        app_say("%s: a bar of %d/%d counts as %d in --bars", t->path, numerator, denominator, music_metre_segments(value));
        return;
    }
}

static bool tune_read(struct tune *t, struct error *error)
{
    struct music_loss loss;
    struct bytes text = {0};
    if (!modality_read_file(t->path, &t->file, error)) return false;
    if (t->file.kind != MODALITY_MUSIC) return error_set(error, ERROR_USAGE, "%s: no music; a .mid or .abc is wanted", t->path);
    bool ok = (music_encode(&t->file.score, &t->original, &loss, error) && music_loss_text(&loss, &text, error)) || error_prefix(error, "%s", t->path);
    if (ok && strstr(bytes_text(&text), "nothing lost") == NULL && !t->e->a->option[OPTION_QUIET].given) app_say("%s on the grid: %s", t->path, bytes_text(&text));
    if (ok) say_long_bars(t);
    if (t->file.score.tempos == 1) t->wishes.quarters = 60e6 / t->file.score.tempo[0].us_per_quarter;
    bytes_free(&text);
    return ok;
}

/* The finished variation: title and tempo of the file, a recipe, and out. */
static bool tune_write(struct tune *t, const char *path, struct error *error)
{
    struct piece piece = {.kind = MODALITY_MUSIC};
    struct ids joint = {0};
    char title[256];
    snprintf(title, sizeof title, "%.250s", t->file.score.title != NULL ? t->file.score.title : file_base(t->path));
    struct engine_order o = {.kind = MODALITY_MUSIC, .verb = t->verb, .prompt = title, .seed = t->seed, .options = &t->options, .wishes = &t->wishes};
    bool ok = ids_append_many(&joint, t->ids.id, t->ids.n, error) && music_decode(t->ids.id, t->ids.n, &piece.score, error) && score_set_title(&piece.score, title, error);
    for (size_t i = 0; i < joint.n; i++) joint.id[i] += t->e->vocabulary.music_first;
    if (ok) controls_set_tempo(&piece.score, t->wishes.quarters);
    ok = ok && engine_recipe(t->e, &o, joint.id, joint.n, &piece.recipe, error) && engine_write(t->e->a, &piece, path, NULL, error) && make_tell(t->e->a, &o, &piece, path, error);
    ids_free(&joint);
    piece_free(&piece);
    return ok;
}

static void tune_free(struct tune *t)
{
    piece_free(&t->file);
    ids_free(&t->original), ids_free(&t->ids);
    score_free(&t->score);
    mem_free(t->start);
    generation_free(&t->options);
}

bool tune_verb(const struct arguments *a, const char *verb, bool (*work)(struct tune *t, struct error *error), struct error *error)
{
    static const struct decoding_defaults defaults = {.temperature = 0.9, .top_p = 0.97, .guidance = 1, .do_sample = true};
    struct engine e = {0};
    struct tune t = {.e = &e, .path = a->word[0], .verb = verb};
    char path[4096];
    int count = (int)a->option[OPTION_COUNT].number;
    bool ok = decoding_options(a, &defaults, NULL, &t.options, error) && controls_read(a, NULL, work != tune_fill, &t.wishes, error);
    if (ok) t.seed = engine_seed(a);
    for (int i = 0; ok && i < count; i++) ok = make_path_named(a, MODALITY_MUSIC, verb, t.seed + (uint64_t)i, count, path, error) && engine_may_write(a, path, error);
    ok = ok && engine_start(&e, a, true, error) && tune_read(&t, error);
    for (int i = 0; ok && i < count && !app_stop; i++, t.seed++)
        ok = tune_take(&t, t.original.id, t.original.n, error) && work(&t, error) && make_path_named(a, MODALITY_MUSIC, verb, t.seed, count, path, error) && tune_write(&t, path, error);
    tune_free(&t);
    engine_stop(&e);
    return ok;
}
