/* harmonise: parts more, made by the model with the tune's own parts in view; see tune.h.
 *
 * The new parts are holes of a piece in the form that training taught (docs/music-tokens.md): the tune in the first pass, each bar with its chord,
 * then the new parts in the second. Long tunes go in windows; a window goes on from the last bars of the one before. Chords are those of --chords,
 * else found by rule; they are told and obeyed at strong positions, where instruments that play chords play all their tones. A part
 * that nobody named keeps to the range of accompaniments. */
#include "app/tune.h"
#include "core/mem.h"
#include "modalities/music_chords.h"
#include "modalities/music_words.h"
#include "tokenizers/music_chord.h"


enum { CANDIDATES = 4, WINDOW_BARS = 32, CONTEXT_BARS = 8, BAR_ROOM = 36, HEAD_IDS = 16, MARK = 48, GUITAR = 24 };      /* BAR_ROOM: ids of a bar of a new part */
enum { LOW = 36, HIGH = 67 };                                  /* the usual range of an accompaniment */

struct harmony {
    struct tune *t;
    unsigned added;                    /* the new parts (bits) */
    int n;                             /* their number */
    uint16_t *pitches;                 /* (bars) pitch classes of the chords */
};

/* The tune with the new parts in it: one note a bar of each that marks its place. */
static bool add_marks(struct harmony *h, const int16_t *program, int n, struct error *error)
{
    struct tune *t = h->t;
    struct ids ids = {0};
    bool ok = t->score.parts + (size_t)n <= MUSIC_PARTS_MOST ||
              error_set(error, ERROR_INPUT, "%s: has %zu parts; at most %d with the new ones are wanted", t->path, t->score.parts, MUSIC_PARTS_MOST);
    for (int i = 0; ok && i < n; i++) {
        bool drums = program[i] == MUSIC_DRUMS;
        uint16_t part = (uint16_t)t->score.parts;
        ok = score_add_part(&t->score, drums ? 0 : program[i], drums, NULL, error);
        for (int b = 0; ok && b < t->bars; b++)
            ok = score_add_note(&t->score, (struct score_note){.onset = t->start[b], .length = 40, .part = part, .pitch = MARK, .velocity = 80}, error);
        h->added |= 1u << part, h->n++;
    }
    score_sort(&t->score);
    ok = ok && music_encode(&t->score, &ids, NULL, error) && tune_take(t, ids.id, ids.n, error);
    ids_free(&ids);
    return ok;
}

/* Bars first - before … first + bars - 1 up to where bar `first` of the second pass starts; each bar tells its chord. */
static bool open_some(const struct harmony *h, int first, int before, int bars, struct ids *out, struct error *error)
{
    const struct tune *t = h->t;
    unsigned plays = 0;
    int parts = 0, bar = first - before;
    for (size_t i = 0; i < t->score.notes; i++)
        if (t->score.note[i].onset >= t->start[bar] && t->score.note[i].onset < t->start[first + bars]) plays |= 1u << t->score.note[i].part;
    for (; plays != 0; plays &= plays - 1) parts++;
    struct music_encode_options how = {.chords = true, .hidden = (uint16_t)(((1u << h->n) - 1) << (parts - h->n))};
    if (parts == h->n || !tune_open(t, bar, before + bars, &how, before, out, error)) return false;
    for (size_t i = 0; i < out->n; i++)
        if (out->id[i] >= music_id(MUSIC_CHORD, 0) && out->id[i] <= music_id(MUSIC_CHORD, MUSIC_CHORD_NONE))
            out->id[i] = music_id(MUSIC_CHORD, music_chord_value(h->pitches[bar++]));
    return true;
}

static bool harmonise_some(const struct harmony *h, int first, int before, int bars, const struct ids *open, struct error *error)
{
    struct tune *t = h->t;
    struct piece piece = {0};
    struct music_wishes w = t->wishes;
    w.first = before, w.bars = before + bars, w.full = true;
    for (w.chords = 0; w.chords < bars; w.chords++) w.chord[w.chords] = h->pitches[first + w.chords];
    if (t->wishes.parts == 0 && w.low == 0 && w.high == 127) w.low = LOW, w.high = HIGH;
    bool ok = tune_complete(t, open, CANDIDATES, &w, &piece, error);
    if (ok) {
        struct tune_place place = {first - before, before + bars, h->added, true};
        ok = tune_put(t, &piece.score, &place, first, first + bars, error);
    }
    piece_free(&piece);
    return ok;
}

/* Has the tune no note that starts in this bar? */
static bool silent(const struct harmony *h, int bar)
{
    const struct tune *t = h->t;
    for (size_t i = 0; i < t->score.notes; i++)
        if (!(h->added >> t->score.note[i].part & 1) && t->score.note[i].onset >= t->start[bar] && t->score.note[i].onset < t->start[bar + 1]) return false;
    return true;
}

/* The next bars from `first` on, as many as fit behind some that are done; *bars: how many. */
static bool next_window(const struct harmony *h, int first, int *bars, struct error *error)
{
    const struct tune *t = h->t;
    struct ids open = {0};
    int before = first < CONTEXT_BARS ? first : CONTEXT_BARS, n = t->bars - first < WINDOW_BARS ? t->bars - first : WINDOW_BARS;
    for (;;) {
        struct error told = {0};
        open.n = 0;
        bool ok = open_some(h, first, before, n, &open, &told);
        if (ok && open.n + (size_t)(n * h->n * BAR_ROOM) + HEAD_IDS <= (size_t)t->e->model.config.T) break;
        if (told.kind == ERROR_MEMORY) *error = told;
        if (told.kind == ERROR_MEMORY || (n == 1 && before == 0)) break;
        if (n > 4 || before == 0) n -= (n + 3) / 4;
        else before /= 2;
    }
    *bars = n;
    struct tune_place marks = {first, n, h->added, false};
    if (error->kind == ERROR_NONE && open.n == 0 && silent(h, first))      /* with nothing around it: only the marks go */
        return tune_put(h->t, &(struct score){0}, &marks, first, first + n, error);
    bool fits = error->kind == ERROR_NONE && (open.n > 0 || error_set(error, ERROR_INPUT, "%s: bar %d is too full", t->path, first + 1));
    bool ok = fits && harmonise_some(h, first, before, n, &open, error);
    ids_free(&open);
    return ok;
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

/* Chords for the model: the wished ones, or those of the rule. */
static bool find_chords(struct harmony *h, struct error *error)
{
    struct tune *t = h->t;
    struct music_chord *chords = mem_alloc((size_t)t->bars, sizeof *chords, error);
    h->pitches = mem_alloc((size_t)t->bars, sizeof *h->pitches, error);
    bool ok = chords != NULL && h->pitches != NULL &&
              music_chords_fit(&t->score, t->start, t->bars, chords, error);
    for (int b = 0; ok && b < t->bars; b++)
        h->pitches[b] = t->wishes.chords > 0 ? t->wishes.chord[b % t->wishes.chords] : (uint16_t)music_words_chord_pitches(chords[b].root, chords[b].kind);
    if (ok && t->wishes.chords == 0) tell_chords(t, chords);
    mem_free(chords);
    return ok;
}

bool tune_harmonise(struct tune *t, struct error *error)
{
    struct harmony h = {.t = t};
    int16_t usual = t->score.part[0].program == 0 ? GUITAR : 0;
    int bars = t->bars, asked = t->wishes.parts;
    bool ok = find_chords(&h, error) && add_marks(&h, asked > 0 ? t->wishes.program : &usual, asked > 0 ? asked : 1, error);
    for (int first = 0, n; ok && first < bars; first += n) ok = next_window(&h, first, &n, error);
    mem_free(h.pitches);
    return ok;
}
