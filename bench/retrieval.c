/* Retrieval: which of ten captions belongs to a real sprite? Every picture of the test split of PIXELART (else ../shared/data/pixelart), its first caption
 * and those of nine others, chosen by a fixed seed, no two alike. MODEL names the model (else models/default). The caption with the largest score is
 * the answer; chance is 10 %. Scores, c a caption and x a picture:
 *
 *     words        log p(c | x), the reverse form's
 *     mean         the same, a mean over the tokens
 *     information  log p(c | x) - log p(c): pointwise mutual information
 *     picture      log p(x | c), the forward form's (log p(x) is the same for all ten)
 *     both         information + the picture's
 */
#include "bench/bench.h"
#include "core/infill.h"
#include "core/mem.h"
#include "core/random.h"
#include "modalities/dataset.h"
#include "modalities/forms.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEN = 10, SCORES = 5, SEED = 10 };
static const char *const SCORE_NAMES[SCORES] = {"words", "mean", "information", "picture", "both"};

struct retrieval { struct model model; struct vocabulary v; struct packed *packed; struct threads *pool; struct runner runner; struct dataset d; };

static bool load(struct retrieval *r, struct error *error)
{
    const char *folder = getenv("MODEL"), *data = getenv("PIXELART");
    bool wanted[SPLITS] = {false};
    wanted[SPLIT_TEST] = true;
    if (folder == NULL) folder = "models/default";
    if (!model_load(folder, &r->model, error) || !vocabulary_load(folder, &r->v, error) || (r->pool = threads_start(0, error)) == NULL ||
        (r->packed = packed_start(&r->model, PRECISION_F32, r->pool, error)) == NULL) return false;
    r->runner = (struct runner){&r->model, r->packed, r->pool};
    return dataset_scan(data == NULL ? "../shared/data/pixelart" : data, &r->d, error) && dataset_encode(&r->d, &r->v, r->model.config.T, wanted, r->pool, error);
}

/* The pieces whose first captions stand beside piece i's; which[0] is i. */
static void choose_ten(const struct dataset *d, size_t i, size_t which[TEN])
{
    const struct dataset_piece *pieces = d->pieces[SPLIT_TEST];
    which[0] = i;
    for (uint64_t k = 1, turn = 0; k < TEN; turn++) {
        size_t other = (size_t)random_below(SEED, i, turn, d->pieces_n[SPLIT_TEST]);
        bool alike = pieces[other].captions == 0;
        for (size_t m = 0; m < k && !alike; m++) alike = strcmp(pieces[other].words[0], pieces[which[m]].words[0]) == 0;
        for (int c = 0; c < pieces[i].captions && !alike; c++) alike = strcmp(pieces[other].words[0], pieces[i].words[c]) == 0;
        if (!alike) which[k++] = other;
    }
}

/* Log-probabilities of ten captions: behind the picture, alone, and of the picture behind each. */
static bool score(const struct retrieval *r, const struct dataset_piece *const piece[TEN], double behind[TEN], double alone[TEN], double picture[TEN], struct error *error)
{
    struct ids left = {0}, right[TEN] = {{0}};
    struct infill_prompt prompt[TEN];
    const struct ids *payload = &piece[0]->payload;
    bool ok = form_describe(&r->v, MODALITY_IMAGE, payload->id, payload->n, &left, error);
    for (int k = 0; ok && k < TEN; k++) {
        ok = ids_append_many(&right[k], piece[k]->caption[0].id, piece[k]->caption[0].n, error) && ids_append(&right[k], SPECIAL_EOS, error);
        prompt[k] = (struct infill_prompt){right[k].id, right[k].n};
    }
    ok = ok && infill_scores(&r->runner, left.id, left.n, prompt, TEN, behind, error);
    for (int k = 0; ok && k < TEN; k++) right[k].id[right[k].n - 1] = SPECIAL_IMAGE;
    ok = ok && infill_scores(&r->runner, (int32_t[]){SPECIAL_BOS, SPECIAL_CAPTION}, 2, prompt, TEN, alone, error);
    for (int k = 0; ok && k < TEN; k++) {
        left.n = 0;
        ok = ids_append(&left, SPECIAL_BOS, error) && ids_append(&left, SPECIAL_CAPTION, error) && ids_append_many(&left, right[k].id, right[k].n, error) &&
             infill_score(&r->runner, left.id, left.n, payload->id, payload->n, &picture[k], error);
    }
    ids_free(&left);
    for (int k = 0; k < TEN; k++) ids_free(&right[k]);
    return ok;
}

static bool measure(const struct retrieval *r, struct error *error)
{
    const struct dataset *d = &r->d;
    int right[SCORES] = {0}, n = 0;
    bool ok = true;
    for (size_t i = 0; ok && i < d->pieces_n[SPLIT_TEST]; i++) {
        size_t which[TEN];
        const struct dataset_piece *piece[TEN];
        double behind[TEN], alone[TEN], picture[TEN];
        if (d->pieces[SPLIT_TEST][i].captions == 0) continue;
        choose_ten(d, i, which);
        for (int k = 0; k < TEN; k++) piece[k] = &d->pieces[SPLIT_TEST][which[k]];
        ok = score(r, piece, behind, alone, picture, error);
        int best[SCORES] = {0};
        for (int k = 1; k < TEN; k++)
            for (int s = 0; s < SCORES; s++) {
                double value[2];
                for (int side = 0; side < 2; side++) {
                    int c = side == 0 ? k : best[s];
                    const double values[SCORES] = {behind[c], behind[c] / (double)(piece[c]->caption[0].n + 1), behind[c] - alone[c], picture[c], behind[c] - alone[c] + picture[c]};
                    value[side] = values[s];
                }
                if (value[0] > value[1]) best[s] = k;
            }
        for (int s = 0; s < SCORES; s++) right[s] += best[s] == 0;
        n++;
    }
    for (int s = 0; ok && s < SCORES; s++) printf("%-12s %5.1f %% of %d sprites\n", SCORE_NAMES[s], 100.0 * right[s] / n, n);
    return ok;
}

void bench_retrieval(void)
{
    struct retrieval r = {0};
    struct error error = {0};
    if (!load(&r, &error) || !measure(&r, &error)) fprintf(stderr, "bench: %s\n", error.text);
    dataset_free(&r.d);
    packed_stop(r.packed);
    threads_stop(r.pool);
    model_free(&r.model);
    vocabulary_free(&r.v);
}
