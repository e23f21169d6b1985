/* Tunes as training draws them; see draw_music.h. */
#include "modalities/draw_music.h"
#include "core/random.h"
#include "modalities/augment_music.h"
#include "tokenizers/music.h"

#include <math.h>
#include <string.h>

static const double SHARE_REVERSE = 0.15, SHARE_FREE = 0.15, SHARE_MOVE = 0.5, SHARE_TEMPO = 0.3, SHARE_SWAP = 0.15, SHARE_CHORDS = 0.35, SHARE_LENGTH = 0.35,
                    SHARE_DENSITY = 0.35, SHARE_BARS = 0.3, SHARE_PARTS = 0.15, TEMPO_RATIO = 1.1;
enum { LOWEST_MOVE = -5, MOVES = 12, PLAYED = 10, HOLE_BARS_LEAST = 6 };

/* What is drawn from; each draw of one tune has its number. */
enum number { FORM, CAPTION, MOVE, MOVE_BY, TEMPO, TEMPO_BY, SWAP, CHORDS, LENGTH, DENSITY, HOLES, HOLE_BARS, HOLE_FIRST, MELODY, SUBSET, SWAP_TO };
struct drawing { const struct dataset *d; const struct dataset_piece *p; uint64_t draw; };

static double unit(const struct drawing *w, enum number number) { return random_unit(w->d->seed, w->draw, 32 + number); }
static uint64_t below(const struct drawing *w, unsigned number, uint64_t n) { return random_below(w->d->seed, w->draw, 32 + number, n); }

/* ---- other keys, tempos, instruments ---- */

/* Move ids and caption, where both can be. caption may be NULL; `words` holds its text. */
static bool move(const struct drawing *w, struct ids *local, bool captioned, struct bytes *words, struct error *error)
{
    int by = LOWEST_MOVE + (int)below(w, MOVE_BY, MOVES);
    struct bytes moved = {0};
    struct ids length = {0};
    bool may = true, ok = true;
    size_t n = local->n;
    if (captioned) ok = augment_music_key(bytes_text(words), by, &moved, &may, error) && form_words(w->d->vocabulary, bytes_text(&moved), &length, error);
    if (ok && may && length.n <= DATASET_CAPTION_IDS && music_transpose(local->id, &n, by)) {
        local->n = n;
        if (captioned) {
            struct bytes old = *words;
            *words = moved, moved = old;
        }
    }
    bytes_free(&moved);
    ids_free(&length);
    return ok;
}

static void change_tempo(const struct drawing *w, struct score *s)
{
    double ratio = exp((2 * unit(w, TEMPO_BY) - 1) * log(TEMPO_RATIO));
    for (size_t i = 0; i < s->tempos; i++) s->tempo[i].us_per_quarter = (uint32_t)lround(s->tempo[i].us_per_quarter * ratio);
}

static void swap_instruments(const struct drawing *w, const char *caption, struct score *s)
{
    for (size_t p = 0; p < s->parts; p++) {
        int program = s->part[p].program, family = program / 8;
        if (s->part[p].drums || family >= PLAYED || (caption != NULL && augment_music_names_family(caption, family))) continue;
        s->part[p].program = family * 8 + (int)below(w, SWAP_TO + (unsigned)program, 8);      /* the same for the same */
    }
}

/* ---- holes ---- */

/* The part that is highest on the whole; drums only where there is nothing else. */
static int melody_of(const struct score *s)
{
    double sum[MUSIC_PARTS_MOST] = {0}, best = -1;
    int n[MUSIC_PARTS_MOST] = {0}, melody = 0;
    for (size_t i = 0; i < s->notes; i++) sum[s->note[i].part] += s->note[i].pitch, n[s->note[i].part]++;
    for (int p = 0; p < (int)s->parts; p++)
        if (n[p] > 0 && !s->part[p].drums && sum[p] / n[p] > best) melody = p, best = sum[p] / n[p];
    return melody;
}

static void choose_holes(const struct drawing *w, const struct score *s, int bars, struct music_encode_options *how)
{
    double which = unit(w, HOLES);
    unsigned all = (1u << s->parts) - 1;
    if (which < SHARE_BARS && bars >= HOLE_BARS_LEAST) {
        double u = unit(w, HOLE_BARS);
        how->holes = 1 + (int)(u * u * (bars / 3));             /* one bar most often */
        how->hole_first = 1 + (int)below(w, HOLE_FIRST, (uint64_t)(bars - how->holes));
    } else if (which >= SHARE_BARS && which < SHARE_BARS + SHARE_PARTS && s->parts >= 2)
        how->hidden = (uint16_t)(unit(w, MELODY) < 0.5 ? all & ~(1u << melody_of(s)) : 1 + below(w, SUBSET, all - 1));
}

/* ---- ids ---- */

static int bars_of(const struct ids *ids)
{
    int n = 0;
    for (size_t i = 0; i < ids->n; i++) n += ids->id[i] == music_id(MUSIC_BAR, 0);
    return n;
}

/* The ids of a score with options; *fits is false when there are none, or too many. */
static bool encode(const struct drawing *w, const struct score *s, const struct music_encode_options *how, struct ids *out, bool *fits, struct error *error)
{
    struct error told = {0};
    out->n = 0;
    *fits = music_encode_as(s, how, out, NULL, &told) && out->n <= (size_t)w->d->payload_most;
    if (told.kind == ERROR_MEMORY) *error = told;
    return told.kind != ERROR_MEMORY;
}

/* The tune in the richest spelling that was drawn and fits; *holes: it has some. */
static bool spell(const struct drawing *w, const struct score *s, struct ids *out, bool *holes, struct error *error)
{
    struct music_encode_options how = {0};
    bool fits, ok = encode(w, s, &how, out, &fits, error);
    how.chords = unit(w, CHORDS) < SHARE_CHORDS, how.length = w->p->whole && unit(w, LENGTH) < SHARE_LENGTH, how.density = unit(w, DENSITY) < SHARE_DENSITY;
    choose_holes(w, s, bars_of(out), &how);
    *holes = how.holes > 0 || how.hidden != 0;
    ok = ok && encode(w, s, &how, out, &fits, error);
    if (ok && !fits && *holes) {
        how.holes = how.hidden = 0, *holes = false;
        ok = encode(w, s, &how, out, &fits, error);
    }
    return ok && (fits || encode(w, s, &(struct music_encode_options){0}, out, &fits, error));
}

/* The changed tune as joint ids; words: its caption, changed with it. */
static bool payload(const struct drawing *w, bool captioned, struct bytes *words, struct ids *out, bool *holes, struct error *error)
{
    const struct ids *own = &w->p->payload;
    struct score s = {0};
    int32_t first = w->d->vocabulary->music_first;
    if (w->d->as_is) return ids_append_many(out, own->id, own->n, error);
    bool ok = vocabulary_local(own->id, own->n, first, music_vocabulary(), out, error);
    if (ok && unit(w, MOVE) < SHARE_MOVE) ok = move(w, out, captioned, words, error);
    ok = ok && music_decode(out->id, out->n, &s, error);
    if (ok && unit(w, TEMPO) < SHARE_TEMPO && !(captioned && augment_music_tells_tempo(bytes_text(words)))) change_tempo(w, &s);
    if (ok && unit(w, SWAP) < SHARE_SWAP) swap_instruments(w, captioned ? bytes_text(words) : NULL, &s);
    ok = ok && spell(w, &s, out, holes, error);
    for (size_t i = 0; ok && i < out->n; i++) out->id[i] += first;
    score_free(&s);
    return ok;
}

bool draw_music(const struct dataset *d, const struct dataset_piece *p, uint64_t draw, struct ids *out, struct error *error)
{
    const struct drawing w = {d, p, draw};
    double form = unit(&w, FORM);
    bool captioned = p->captions > 0 && (form < SHARE_REVERSE || form >= SHARE_REVERSE + SHARE_FREE), holes = false;
    struct bytes words = {0};
    struct ids ids = {0};
    bool ok = (!captioned || bytes_append_text(&words, p->words[below(&w, CAPTION, (uint64_t)p->captions)], error)) && payload(&w, captioned, &words, &ids, &holes, error);
    if (ok && captioned && form < SHARE_REVERSE && !holes)
        ok = form_describe(d->vocabulary, MODALITY_MUSIC, ids.id, ids.n, out, error) && form_words(d->vocabulary, bytes_text(&words), out, error);
    else
        ok = ok && form_prompt(d->vocabulary, MODALITY_MUSIC, captioned ? bytes_text(&words) : NULL, out, error) && ids_append_many(out, ids.id, ids.n, error);
    ok = ok && ids_append(out, SPECIAL_EOS, error);
    bytes_free(&words);
    ids_free(&ids);
    return ok;
}
