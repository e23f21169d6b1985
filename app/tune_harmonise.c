/* harmonise: a part more, made by the model with the tune's own notes forced, over chords found by rule; see tune.h.
 *
 * Every bar of the script is the tune's own ids, then the new part from its first step on, free for the model under masks: chord tones at
 * strong positions, eighths at most, its range. */
#include "app/tune.h"
#include "core/mem.h"
#include "modalities/music_chords.h"
#include "modalities/music_words.h"

#include <stdio.h>
#include <string.h>

enum { WINDOW_BARS = 16, LINE_IDS = 18, LOW = 36, HIGH = 67, GUITAR = 24 };

/* The tune with the new part in it: one note a bar that marks its place. */
static bool add_marks(struct tune *t, int program, struct error *error)
{
    struct ids ids = {0};
    uint16_t part = (uint16_t)t->score.parts;
    if (part >= MUSIC_PARTS_MOST) return error_set(error, ERROR_INPUT, "%s: has %d parts already; fewer are wanted", t->path, MUSIC_PARTS_MOST);
    bool ok = score_add_part(&t->score, program, false, NULL, error);
    for (int b = 0; ok && b < t->bars; b++)
        ok = score_add_note(&t->score, (struct score_note){.onset = t->start[b], .length = 40, .part = part, .pitch = 48, .velocity = 80}, error);
    score_sort(&t->score);
    ok = ok && music_encode(&t->score, &ids, NULL, error) && tune_take(t, ids.id, ids.n, error);
    ids_free(&ids);
    return ok;
}

/* Ids of a window with the marks of the last part turned into lines. */
static bool line_script(const struct ids *window, struct ids *script, struct error *error)
{
    struct music_grammar g;
    music_grammar_start(&g);
    for (size_t i = 0; i < window->n; i++) {
        (void)music_grammar_advance(&g, window->id[i]);
        bool mark = g.bars > 0 && g.part == g.parts - 1 && g.state >= MUSIC_AT_VELOCITY;
        if (!mark && !ids_append(script, window->id[i], error)) return false;
        if (mark && g.state == MUSIC_AT_NOTE && !ids_append(script, MUSIC_SCRIPT_LINE, error)) return false;
    }
    return true;
}

static bool harmonise_some(struct tune *t, int first, int bars, const struct music_chord *chords, struct error *error)
{
    struct ids window = {0}, script = {0};
    struct piece piece = {0};
    struct music_wishes w = t->wishes;
    w.parts = 0, w.bars = bars, w.density = w.density == MUSIC_DENSITY_FREE ? MUSIC_DENSITY_MID : w.density;
    if (w.low == 0 && w.high == 127) w.low = LOW, w.high = HIGH;
    if (w.chords == 0)
        for (w.chords = 0; w.chords < bars; w.chords++) w.chord[w.chords] = (uint16_t)music_words_chord_pitches(chords[first + w.chords].root, chords[first + w.chords].kind);
    bool ok = music_wishes_check(&w, error) && music_excerpt(t->ids.id, t->ids.n, first, bars, &window, error) && line_script(&window, &script, error);
    struct music_order order = {.wishes = w, .script = script.id, .script_n = script.n, .line_most = LINE_IDS};
    ok = ok && tune_make(t, &order, NULL, 1, &piece, error);
    if (ok) {
        int64_t at = t->start[first];
        ok = tune_put(t, &piece.score, first, bars, at, 0, t->start[first + bars] - at, (int)t->score.parts - 1, error);
    }
    piece_free(&piece);
    ids_free(&window), ids_free(&script);
    return ok;
}

/* As many bars from `first` on as fit with their lines. */
static int window_bars(const struct tune *t, int first)
{
    size_t a = tune_bar_index(t->ids.id, t->ids.n, first), room = (size_t)t->e->model.config.T - 64;
    int n = 0;
    while (n < WINDOW_BARS && first + n < t->bars && tune_bar_index(t->ids.id, t->ids.n, first + n + 1) - a + (size_t)(n + 1) * (LINE_IDS + 6) <= room) n++;
    return n;
}

static void tell_chords(const struct tune *t, const struct music_chord *chords)
{
    struct bytes text = {0};
    struct error ignored = {0};
    char name[8];
    for (int b = 0; b < t->bars && b < 64; b++) (void)bytes_printf(&text, &ignored, " %s", music_words_chord_name(chords[b].root, chords[b].kind, name));
    if (!t->e->a->option[OPTION_QUIET].given) app_say("chords by rule, a bar each:%s%s; the part over them is the model's", bytes_text(&text), t->bars > 64 ? " …" : "");
    bytes_free(&text);
}

bool tune_harmonise(struct tune *t, struct error *error)
{
    int program = t->wishes.parts > 0 ? t->wishes.program[0] : t->score.part[0].program == 0 ? GUITAR : 0;
    if (program == MUSIC_DRUMS || t->wishes.parts > 1) return error_set(error, ERROR_USAGE, "--instrument: one instrument with pitches is wanted");
    struct music_chord *chords = mem_alloc((size_t)t->bars, sizeof *chords, error);
    int bars = t->bars;
    bool ok = chords != NULL && music_chords_fit(&t->score, t->start, bars, tune_state(t->ids.id, t->ids.n).key, chords, error);
    if (ok && t->wishes.chords == 0) tell_chords(t, chords);
    ok = ok && add_marks(t, program, error);
    for (int first = 0, n; ok && first < bars; first += n) {
        n = window_bars(t, first);
        ok = (n > 0 || error_set(error, ERROR_INPUT, "%s: bar %d is too full", t->path, first + 1)) && harmonise_some(t, first, n, chords, error);
    }
    mem_free(chords);
    return ok;
}
