/* Speculative decoding without a second model: what followed the last few ids when they stood in the sequence before is guessed
 * to follow again (Saxena 2023, "prompt lookup decoding"). The model runs on the new id and all guesses at once; as every row of
 * a run has the same bits as a run of its own, each id is the one that would have been chosen without guesses, be it greedily or
 * drawn. The first guess that is not what was chosen ends the round, and the session forgets what it was fed too much. Guesses cost
 * time: after a wrong one as few are made as would have been right, after a round without one twice as many again. */
#include "core/generate_inside.h"
#include "core/mem.h"

#include <string.h>

/* Up to `most` guesses behind n ids (lent from them): what follows the first earlier place of the longest n-gram that ends the ids. */
static const int32_t *guess(const int32_t *ids, size_t n, int ngram_most, size_t most, size_t *guesses)
{
    *guesses = 0;
    for (size_t k = (size_t)ngram_most < n - 1 ? (size_t)ngram_most : n - 1; k > 0; k--)
        for (size_t i = 0; i + k < n; i++)
            if (memcmp(ids + i, ids + n - k, k * sizeof *ids) == 0) {
                size_t left = n - (i + k);
                *guesses = left < most ? left : most;
                return ids + i + k;
            }
    return NULL;
}

/* One run of the model; *most guesses at most, which adapts. */
static bool round_of(struct session *session, struct generate_row *r, int32_t *fed, size_t *adapted, float *logits, struct sampling_scratch *scratch, struct error *error)
{
    const struct generation *g = r->q->options;
    size_t n = r->out->n - r->start, limit = (size_t)g->prompt_lookup_num_tokens, most = *adapted, guesses, at = 0;
    if (most > r->q->last - n - 1) most = r->q->last - n - 1;
    const int32_t *follow = guess(r->out->id + r->start, n, g->max_matching_ngram_size, most, &guesses);
    fed[0] = r->next;
    if (guesses > 0) memcpy(fed + 1, follow, guesses * sizeof *fed);
    int before = session_length(session, 0);
    if (!session_feed(session, 0, fed, guesses + 1, true, logits, error)) return false;
    if (r->q->runs != NULL) ++*r->q->runs;
    do {
        if (!generate_choose(r, logits + at * (size_t)scratch->V, scratch, error)) return false;
        at++;
    } while (!r->ended && at <= guesses && r->next == fed[at]);
    session_cut(session, 0, before + (int)at);
    if (guesses > 0) *adapted = at <= guesses ? at : 2 * *adapted < limit ? 2 * *adapted : limit;
    return true;
}

bool generate_by_lookup(struct session *session, struct generate_row *r, float *logits, struct sampling_scratch *scratch, struct error *error)
{
    size_t rows = (size_t)r->q->options->prompt_lookup_num_tokens + 1, adapted = rows - 1;
    float *all = mem_alloc(rows * (size_t)scratch->V, sizeof *all, error);
    int32_t *fed = mem_alloc(rows, sizeof *fed, error);
    bool ok = all != NULL && fed != NULL && generate_choose(r, logits, scratch, error);
    while (ok && !r->ended) ok = round_of(session, r, fed, &adapted, all, scratch, error);
    mem_free(all);
    mem_free(fed);
    return ok;
}
