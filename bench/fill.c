/* Fill: bits a note of held-out bars of the test tunes of MUSIC (else ../shared/data/music), three ways with one model (MODEL, else models/default):
 * as a hole that is filled behind both sides, as `triptych fill` asks for it; going on from all bars before; going on from the 12 last of them. What comes
 * behind `bar` up to the end of the last bar counts, so all three predict the same notes. HOLES is how many are measured (300), a tune each. */
#include "bench/bench.h"
#include "core/infill.h"
#include "core/mem.h"
#include "core/random.h"
#include "modalities/dataset.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { LEFT_BARS = 12, BARS_LEAST = 8, HOLE_MOST = 4, FORMS = 3, IDS_MOST = 900 };

struct measured { double bits[FORMS], notes; int holes, better; };

struct hole { int first, bars; };

/* The first piece of a tune that fits. */
static bool keep_first(void *user, const int32_t *ids, size_t n, int first, int bars, struct error *error)
{
    struct ids *out = user;
    (void)first;
    return out->n > 0 || bars < BARS_LEAST || ids_append_many(out, ids, n, error);
}

static size_t bar_index(const struct ids *ids, size_t from, int bar)
{
    size_t i = from;
    while (i < ids->n && !(ids->id[i] == music_id(MUSIC_BAR, 0) && bar-- == 0)) i++;
    return i;
}

/* -log2 p(ids from `from` to `to`, and the end of the last bar | ids before). */
static bool bits_of(const struct runner *runner, const struct vocabulary *v, const struct ids *ids, size_t from, size_t to, double *bits, struct error *error)
{
    struct ids left = {0}, right = {0};
    bool ok = form_prompt(v, MODALITY_MUSIC, NULL, &left, error);
    for (size_t i = 0; ok && i < to; i++) ok = ids_append(i < from ? &left : &right, ids->id[i] + v->music_first, error);
    ok = ok && ids_append(&right, to < ids->n ? ids->id[to] + v->music_first : SPECIAL_EOS, error) && infill_score(runner, left.id, left.n, right.id, right.n, bits, error);
    *bits /= -log(2);
    ids_free(&left), ids_free(&right);
    return ok;
}

static bool measure(const struct runner *runner, const struct vocabulary *v, const struct ids *plain, struct hole h, struct measured *m, struct error *error)
{
    struct ids ids[FORMS] = {{0}};
    struct score s = {0};
    double bits[FORMS], notes = 0;
    int before[FORMS] = {0, h.first, h.first < LEFT_BARS ? h.first : LEFT_BARS};
    struct music_encode_options how = {.hole_first = h.first, .holes = h.bars};
    bool ok = music_decode(plain->id, plain->n, &s, error) && music_encode_as(&s, &how, &ids[0], NULL, error) && ids_append_many(&ids[1], plain->id, plain->n, error) &&
              music_excerpt(plain->id, plain->n, h.first - before[2], music_bars(plain->id, plain->n, error) - h.first + before[2], &ids[2], error);
    for (size_t i = bar_index(plain, 0, h.first); ok && i < bar_index(plain, 0, h.first + h.bars); i++)
        notes += plain->id[i] >= music_id(MUSIC_PITCH, 0) && plain->id[i] < music_id(MUSIC_PITCH, 0) + 128;
    for (int f = 0; ok && f < FORMS; f++) {
        size_t start = 0;
        while (f == 0 && ids[f].id[start] != music_id(MUSIC_FILL, 0)) start++;
        ok = bits_of(runner, v, &ids[f], bar_index(&ids[f], start, before[f]) + 1, bar_index(&ids[f], start, before[f] + h.bars), &bits[f], error);
    }
    if (ok && notes > 0) {
        for (int f = 0; f < FORMS; f++) m->bits[f] += bits[f];
        m->notes += notes, m->holes++, m->better += bits[0] < bits[1];
    }
    for (int f = 0; f < FORMS; f++) ids_free(&ids[f]);
    score_free(&s);
    return ok;
}

static bool measure_all(const struct runner *runner, const struct vocabulary *v, const struct dataset *d, int most, struct measured m[HOLE_MOST + 1], struct error *error)
{
    bool ok = true;
    struct ids plain = {0}, first = {0};
    for (size_t i = 0; ok && i < d->n && m[0].holes < most; i++) {
        struct piece piece = {0};
        plain.n = first.n = 0;
        if (d->items[i].kind != ITEM_MUSIC || d->items[i].split != SPLIT_TEST || !modality_read_file(d->items[i].path, &piece, error)) continue;
        ok = music_encode(&piece.score, &plain, NULL, error) && music_split(plain.id, plain.n, IDS_MOST, keep_first, &first, NULL, error);
        int bars = first.n > 0 ? music_bars(first.id, first.n, error) : 0;
        if (ok && bars >= BARS_LEAST) {
            struct measured one = {0};
            int n = 1 + (int)random_below(1, i, 0, HOLE_MOST < bars / 3 ? HOLE_MOST : (uint64_t)(bars / 3));
            ok = measure(runner, v, &first, (struct hole){1 + (int)random_below(1, i, 1, (uint64_t)(bars - n)), n}, &one, error);
            for (int k = 0; k < 2; k++) {
                struct measured *to = &m[k * n];
                for (int f = 0; f < FORMS; f++) to->bits[f] += one.bits[f];
                to->notes += one.notes, to->holes += one.holes, to->better += one.better;
            }
        }
        piece_free(&piece);
    }
    ids_free(&plain), ids_free(&first);
    return ok;
}

void bench_fill(void)
{
    const char *path = getenv("MUSIC"), *folder = getenv("MODEL"), *most = getenv("HOLES");
    struct measured m[HOLE_MOST + 1] = {{.holes = 0}};
    struct error error = {0};
    struct dataset d = {0};
    struct vocabulary v = {0};
    struct model model = {0};
    struct threads *pool = threads_start(0, &error);
    struct packed *packed = NULL;
    if (folder == NULL) folder = "models/default";
    bool ok = pool != NULL && dataset_scan(path == NULL ? "../shared/data/music" : path, &d, &error) && vocabulary_load(folder, &v, &error) && model_load(folder, &model, &error) &&
              (packed = packed_start(&model, PRECISION_F32, pool, &error)) != NULL && measure_all(&(struct runner){&model, packed, pool}, &v, &d, most == NULL ? 300 : atoi(most), m, &error);
    if (!ok) fprintf(stderr, "bench: %s\n", error.text);
    for (int n = 0; n <= HOLE_MOST; n++)
        if (m[n].notes > 0)
            printf("  %s%.0d%s %4d holes, %5.0f notes: bits a note: as a hole %.3f, going on from all before %.3f, from the %d bars before %.3f; the hole is better in %.0f %%\n", n ? "of " : "all",
                   n, n ? " bars" : "      ", m[n].holes, m[n].notes, m[n].bits[0] / m[n].notes, m[n].bits[1] / m[n].notes, LEFT_BARS, m[n].bits[2] / m[n].notes, 100.0 * m[n].better / m[n].holes);
    packed_stop(packed);
    model_free(&model);
    vocabulary_free(&v);
    dataset_free(&d);
    threads_stop(pool);
}
