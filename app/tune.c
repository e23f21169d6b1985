/* A tune from a file that a verb works on; see tune.h. */
#include "app/tune.h"
#include "app/kept.h"
#include "app/make.h"
#include "app/tune_show.h"
#include "core/file.h"
#include "core/mem.h"
#include "modalities/music_chords.h"

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
    for (int i = 0; ok && i < n && order->script == NULL; i++) score_separate(&out[i].score);
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

/* Cut a new note where one of the tune's n strikes its pitch; false when its pitch sounds already. */
static bool fits_in(const struct score *s, size_t n, struct score_note *note)
{
    for (size_t i = 0; i < n; i++) {
        const struct score_note *other = &s->note[i];
        if (other->part != note->part || other->pitch != note->pitch) continue;
        if (other->onset <= note->onset && other->onset + other->length > note->onset) return false;
        if (other->onset > note->onset && other->onset < note->onset + note->length) note->length = other->onset - note->onset;
    }
    return true;
}

bool tune_put(struct tune *t, const struct score *made, const struct tune_place *place, int from_bar, int to_bar, struct error *error)
{
    struct score *s = &t->score;
    struct ids ids = {0};
    int map[MUSIC_PARTS_MOST];
    int64_t at = t->start[place->first], from = t->start[from_bar], to = to_bar <= t->bars ? t->start[to_bar] : INT64_MAX;
    size_t kept = 0;
    playing_parts(t, place->first, place->bars, map);
    for (size_t i = 0; i < s->notes; i++) {
        bool replaced = s->note[i].onset >= from && s->note[i].onset < to && place->parts >> s->note[i].part & 1;
        if (!replaced) s->note[kept++] = s->note[i];
    }
    s->notes = kept;
    for (size_t i = 0; i < made->notes; i++) {
        struct score_note note = made->note[i];
        int part = note.part < MUSIC_PARTS_MOST ? map[note.part] : -1;
        note.onset += at, note.part = (uint16_t)part;
        if (note.onset < from || note.onset >= to || part < 0 || !(place->parts >> part & 1)) continue;
        if ((!place->fresh || fits_in(s, kept, &note)) && !score_add_note(s, note, error)) return false;
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

/* Scales and closes want a key: where the file has none it gets the one that its pitches fit best. */
static bool find_key(struct tune *t, struct error *error)
{
    struct score *s = &t->file.score;
    char name[32];
    int sharps = 0, key;
    bool minor = false;
    if (s->keys > 0 || (!t->wishes.scale_lock && !t->wishes.cadence) || (key = music_chords_key(s)) == MUSIC_KEY_NONE) return true;
    (void)music_key_of(key, &sharps, &minor);
    if (!t->e->a->option[OPTION_QUIET].given) app_say("%s: tells no key; %s fits its notes and is taken", t->path, music_name(music_id(MUSIC_KEY, key), name) + 4);
    return score_add_key(s, 0, sharps, minor, error);
}

static bool tune_read(struct tune *t, struct error *error)
{
    struct music_loss loss;
    struct bytes text = {0};
    if (!modality_read_file(t->path, &t->file, error)) return false;
    if (t->file.kind != MODALITY_MUSIC) return error_set(error, ERROR_USAGE, "%s: no music; a .mid or .abc is wanted", t->path);
    bool ok = find_key(t, error) && music_encode(&t->file.score, &t->original, &loss, error);
    if (ok) loss.tempos_moved = loss.tempos_rounded = loss.tempos_dropped = loss.velocities_rounded = 0;      /* kept_restore has them */
    ok = (ok && music_loss_text(&loss, &text, error)) || error_prefix(error, "%s", t->path);
    if (ok && strstr(bytes_text(&text), "nothing lost") == NULL && !t->e->a->option[OPTION_QUIET].given) app_say("%s on the grid: %s", t->path, bytes_text(&text));
    if (ok) say_long_bars(t);
    bytes_free(&text);
    return ok;
}

/* The finished variation: title and what else the file has, a recipe, and out. */
static bool tune_write(struct tune *t, const char *path, struct error *error)
{
    struct piece piece = {.kind = MODALITY_MUSIC};
    struct ids joint = {0};
    char title[256];
    snprintf(title, sizeof title, "%.250s", t->file.score.title != NULL ? t->file.score.title : file_base(t->path));
    struct engine_order o = {.kind = MODALITY_MUSIC, .verb = t->verb, .prompt = title, .seed = t->seed, .options = &t->options, .wishes = &t->wishes, .kept = &piece.score};
    bool ok = ids_append_many(&joint, t->ids.id, t->ids.n, error) && music_decode(t->ids.id, t->ids.n, &piece.score, error) && score_set_title(&piece.score, title, error) &&
              kept_restore(&t->file.score, &piece.score, error);
    for (size_t i = 0; i < joint.n; i++) joint.id[i] += t->e->vocabulary.music_first;
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
    for (int i = 0; ok && i < count; i++) ok = make_path_named(a, MODALITY_MUSIC, verb, t.seed + (uint64_t)i, count, path, error) && engine_may_write(a, path, error) && show_roll_check(a, count > 1 ? t.seed + (uint64_t)i : 0, error);
    ok = ok && engine_start(&e, a, true, error) && tune_read(&t, error);
    for (int i = 0; ok && i < count && !app_stop; i++, t.seed++)
        ok = tune_take(&t, t.original.id, t.original.n, error) && work(&t, error) && make_path_named(a, MODALITY_MUSIC, verb, t.seed, count, path, error) && tune_write(&t, path, error);
    tune_free(&t);
    engine_stop(&e);
    return ok;
}
