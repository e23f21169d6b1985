/* Finished sequences as Hugging Face's version 4 keeps them: a short list, the worst of which gives way; see search_inside.h. */
#include "core/mem.h"
#include "core/search_inside.h"

#include <math.h>

bool hypotheses_start(struct hypotheses *h, int most, struct error *error)
{
    *h = (struct hypotheses){.most = most, .worst = 1e9, .at = mem_alloc((size_t)most + 1, sizeof *h->at, error)};
    return h->at != NULL;
}

void hypotheses_free(struct hypotheses *h)
{
    for (int i = 0; i < h->n; i++) mem_free(h->at[i].ids);
    mem_free(h->at);
    *h = (struct hypotheses){0};
}

/* Take out the worst (the first of equals); the worst of the rest is the new mark. */
static void drop_worst(struct hypotheses *h)
{
    int worst = 0;
    for (int i = 1; i < h->n; i++)
        if (h->at[i].score < h->at[worst].score) worst = i;
    mem_free(h->at[worst].ids);
    h->n--;
    for (int i = worst; i < h->n; i++) h->at[i] = h->at[i + 1];
    h->worst = h->at[0].score;
    for (int i = 1; i < h->n; i++) h->worst = h->at[i].score < h->worst ? h->at[i].score : h->worst;
}

bool hypotheses_add(struct hypotheses *h, const struct generation *g, const int32_t *ids, size_t n, double sum, size_t generated, struct error *error)
{
    double score = sum / pow((double)generated, g->length_penalty);
    if (h->n >= h->most && !(score > h->worst)) return true;
    struct ids copy = {0};
    if (!ids_append_many(&copy, ids, n, error)) return false;
    h->at[h->n++] = (struct hypothesis){score, copy.id, n};
    if (h->n > h->most) drop_worst(h);
    else h->worst = score < h->worst ? score : h->worst;
    return true;
}

bool hypotheses_done(const struct hypotheses *h, const struct generation *g, double best_sum, size_t generated, size_t generated_most)
{
    if (h->n < h->most) return false;
    if (g->early_stopping == EARLY_STOPPING_TRUE) return true;
    bool far = g->early_stopping == EARLY_STOPPING_NEVER && g->length_penalty > 0;
    return h->worst >= best_sum / pow((double)(far ? generated_most : generated), g->length_penalty);
}

bool hypotheses_finish(struct hypotheses *all, int n, const struct beams *b, int wanted, struct search_result *result, struct error *error)
{
    const struct hypothesis *best[1024];                       /* num_return_sequences is at most 1024 */
    size_t longest = 0;
    int found = 0;
    for (; found < wanted; found++) {
        const struct hypothesis *most = NULL;
        for (int c = 0; c < n; c++)
            for (int i = 0; i < all[c].n; i++) {
                bool used = false;
                for (int k = 0; k < found; k++) used = used || best[k] == &all[c].at[i];
                if (!used && (most == NULL || all[c].at[i].score >= most->score)) most = &all[c].at[i];   /* the last of equals */
            }
        if (most == NULL) return error_set(error, ERROR_INPUT, "search: %d sequences were found; %d are wanted", found, wanted);
        best[found] = most;
        longest = most->n > longest ? most->n : longest;
    }
    const struct ids *eos = &b->g->sampling.eos;
    size_t filled = longest + (eos->n > 0) < b->q->last ? longest + (eos->n > 0) : b->q->last;
    int32_t pad = generation_pad(b->g);
    for (int i = 0; i < wanted; i++) {
        if (!search_result_add(result, best[i]->ids, best[i]->n, filled, pad, (double)(float)best[i]->score, error)) return false;
        struct ids *last = &result->sequences.list[result->sequences.n - 1];
        if (eos->n > 0 && best[i]->n < filled) last->id[best[i]->n] = eos->id[0];
    }
    return true;
}
