/* The sampling chain; see sampling.h. */
#include "core/sampling.h"
#include "core/mem.h"
#include "core/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct work {
    const struct sampling *s;
    const struct sampling_context *c;
    struct sampling_scratch *scratch;
    float *logits;   /* (V) */
    int V;
};

void sampling_free(struct sampling *s)
{
    ids_free(&s->suppress);
    for (size_t i = 0; i < s->bad_words_n; i++) ids_free(&s->bad_words[i]);
    mem_free(s->bad_words);
    s->bad_words = NULL;
    s->bad_words_n = 0;
}

bool sampling_scratch_init(struct sampling_scratch *x, int V, struct error *error)
{
    *x = (struct sampling_scratch){.V = V, .values = mem_alloc((size_t)V, sizeof *x->values, error),
        .order = mem_alloc((size_t)V, sizeof *x->order, error), .sorted = mem_alloc((size_t)V, sizeof *x->sorted, error)};
    if (x->values != NULL && x->order != NULL && x->sorted != NULL) return true;
    sampling_scratch_free(x);
    return false;
}

void sampling_scratch_free(struct sampling_scratch *x)
{
    mem_free(x->values);
    mem_free(x->order);
    mem_free(x->sorted);
    *x = (struct sampling_scratch){0};
}

static void forbid(struct work *w, int32_t id)
{
    if (id >= 0 && id < w->V) w->logits[id] = -INFINITY;
}

/* ---- processors: what may come next ---- */

static bool repetition_on(const struct work *w) { return w->s->repetition_penalty != 1; }
static void repetition(struct work *w)
{
    float penalty = (float)w->s->repetition_penalty;
    memset(w->scratch->order, 0, (size_t)w->V * sizeof *w->scratch->order);
    for (size_t i = 0; i < w->c->n; i++) {
        int32_t id = w->c->ids[i];
        if (id < 0 || id >= w->V || w->scratch->order[id]) continue;     /* once an id, however often it occurred */
        w->scratch->order[id] = 1;
        w->logits[id] = w->logits[id] < 0 ? w->logits[id] * penalty : w->logits[id] / penalty;
    }
}

static bool ngram_on(const struct work *w) { return w->s->no_repeat_ngram_size > 0; }
static void ngram(struct work *w)
{
    size_t k = (size_t)w->s->no_repeat_ngram_size, n = w->c->n;
    if (n + 1 < k) return;
    const int32_t *tail = w->c->ids + n - (k - 1);
    for (size_t i = 0; i + k <= n; i++)
        if (memcmp(w->c->ids + i, tail, (k - 1) * sizeof *tail) == 0) forbid(w, w->c->ids[i + k - 1]);
}

static bool bad_words_on(const struct work *w) { return w->s->bad_words_n > 0; }
static void bad_words(struct work *w)
{
    for (size_t i = 0; i < w->s->bad_words_n; i++) {
        const struct ids *word = &w->s->bad_words[i];
        if (word->n == 0 || word->n - 1 > w->c->n) continue;
        if (word->n == 1 || memcmp(w->c->ids + w->c->n - (word->n - 1), word->id, (word->n - 1) * sizeof *word->id) == 0)
            forbid(w, word->id[word->n - 1]);
    }
}

static bool min_new_on(const struct work *w) { return w->c->n - w->c->prompt < (size_t)w->s->min_new_tokens; }
static void min_new(struct work *w) { forbid(w, w->s->eos); }

static bool constraint_on(const struct work *w) { return w->c->allowed != NULL; }
static void constraint(struct work *w)
{
    for (int i = 0; i < w->V; i++)
        if (!w->c->allowed[i]) w->logits[i] = -INFINITY;
}

static bool forced_eos_on(const struct work *w) { return w->s->forced_eos >= 0 && w->s->forced_eos < w->V && w->c->n + 1 == w->c->last; }
static void forced_eos(struct work *w)
{
    for (int i = 0; i < w->V; i++) w->logits[i] = i == w->s->forced_eos ? 0.0f : -INFINITY;
}

static bool suppress_on(const struct work *w) { return w->s->suppress.n > 0; }
static void suppress(struct work *w)
{
    for (size_t i = 0; i < w->s->suppress.n; i++) forbid(w, w->s->suppress.id[i]);
}

/* ---- warpers: how likely ---- */

static bool temperature_on(const struct work *w) { return w->s->do_sample && w->s->temperature != 1; }
static void temperature(struct work *w)
{
    float t = (float)w->s->temperature;
    for (int i = 0; i < w->V; i++) w->logits[i] /= t;
}

static int descending(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* The logits that are not -infinity, largest first, in scratch->sorted; returns how many. */
static int sort_finite(struct work *w)
{
    int n = 0;
    for (int i = 0; i < w->V; i++)
        if (w->logits[i] > -INFINITY) w->scratch->sorted[n++] = w->logits[i];
    qsort(w->scratch->sorted, (size_t)n, sizeof *w->scratch->sorted, descending);
    return n;
}

/* exp(logits - max) / sum in scratch->values. */
static void probabilities(struct work *w)
{
    float most = -INFINITY;
    double sum = 0;
    for (int i = 0; i < w->V; i++) most = w->logits[i] > most ? w->logits[i] : most;
    for (int i = 0; i < w->V; i++) {
        w->scratch->values[i] = w->logits[i] > -INFINITY ? expf(w->logits[i] - most) : 0.0f;
        sum += (double)w->scratch->values[i];
    }
    for (int i = 0; i < w->V; i++) w->scratch->values[i] = (float)((double)w->scratch->values[i] / sum);
}

static bool top_k_on(const struct work *w) { return w->s->do_sample && w->s->top_k > 0; }
static void top_k(struct work *w)
{
    int n = sort_finite(w), k = w->s->top_k;
    if (k >= n) return;
    float least = w->scratch->sorted[k - 1];
    for (int i = 0; i < w->V; i++)
        if (w->logits[i] < least) w->logits[i] = -INFINITY;
}

static _Thread_local const float *key;
static int ascending_by_key(const void *a, const void *b)
{
    float x = key[*(const int32_t *)a], y = key[*(const int32_t *)b];
    if (x != y) return x < y ? -1 : 1;
    return *(const int32_t *)a < *(const int32_t *)b ? -1 : 1;
}

/* Ids that are not forbidden, by ascending key (a float an id); returns how many. */
static int order_by(struct work *w, const float *by)
{
    int n = 0;
    for (int i = 0; i < w->V; i++)
        if (w->logits[i] > -INFINITY) w->scratch->order[n++] = i;
    key = by;
    qsort(w->scratch->order, (size_t)n, sizeof *w->scratch->order, ascending_by_key);
    return n;
}

static bool top_p_on(const struct work *w) { return w->s->do_sample && w->s->top_p < 1; }
static void top_p(struct work *w)
{
    probabilities(w);
    int n = order_by(w, w->logits);
    double sum = 0, most = 1 - w->s->top_p;
    for (int i = 0; i < n - 1; i++) {                        /* ascending; the likeliest is always kept */
        sum += (double)w->scratch->values[w->scratch->order[i]];
        if (sum > most) break;
        w->logits[w->scratch->order[i]] = -INFINITY;
    }
}

static bool min_p_on(const struct work *w) { return w->s->do_sample && w->s->min_p > 0; }
static void min_p(struct work *w)
{
    probabilities(w);
    float most = 0;
    for (int i = 0; i < w->V; i++) most = w->scratch->values[i] > most ? w->scratch->values[i] : most;
    for (int i = 0; i < w->V; i++)
        if (w->scratch->values[i] < (float)w->s->min_p * most) w->logits[i] = -INFINITY;
}

static double entropy(const struct work *w)
{
    double h = 0;
    for (int i = 0; i < w->V; i++) {
        double p = (double)w->scratch->values[i];
        if (p > 0) h -= p * log(p);
    }
    return h;
}

static bool typical_on(const struct work *w) { return w->s->do_sample && w->s->typical_p < 1; }
static void typical(struct work *w)                          /* Meister et al. 2022 */
{
    probabilities(w);
    double h = entropy(w), sum = 0;
    for (int i = 0; i < w->V; i++) {
        float p = w->scratch->values[i];
        w->scratch->sorted[i] = p > 0 ? fabsf((float)(-log((double)p) - h)) : INFINITY;
    }
    int n = order_by(w, w->scratch->sorted), keep = 0;
    while (keep < n) {
        sum += (double)w->scratch->values[w->scratch->order[keep++]];
        if (sum >= w->s->typical_p) break;
    }
    for (int i = keep; i < n; i++) w->logits[w->scratch->order[i]] = -INFINITY;
}

/* Forbid what is less likely than `least`, but never the likeliest. */
static void cut_below(struct work *w, double least)
{
    int best = 0;
    for (int i = 1; i < w->V; i++)
        if (w->scratch->values[i] > w->scratch->values[best]) best = i;
    for (int i = 0; i < w->V; i++)
        if ((double)w->scratch->values[i] < least && i != best) w->logits[i] = -INFINITY;
}

static bool epsilon_on(const struct work *w) { return w->s->do_sample && w->s->epsilon_cutoff > 0; }
static void epsilon(struct work *w)                          /* Hewitt et al. 2022 */
{
    probabilities(w);
    cut_below(w, w->s->epsilon_cutoff);
}

static bool eta_on(const struct work *w) { return w->s->do_sample && w->s->eta_cutoff > 0; }
static void eta(struct work *w)                              /* Hewitt et al. 2022 */
{
    probabilities(w);
    double adaptive = sqrt(w->s->eta_cutoff) * exp(-entropy(w));
    cut_below(w, w->s->eta_cutoff < adaptive ? w->s->eta_cutoff : adaptive);
}

/* The chain. */
static const struct { const char *name; bool (*on)(const struct work *); void (*apply)(struct work *); } CHAIN[] = {
    {"repetition_penalty", repetition_on, repetition}, {"no_repeat_ngram_size", ngram_on, ngram}, {"bad_words_ids", bad_words_on, bad_words},
    {"min_new_tokens", min_new_on, min_new}, {"constraint", constraint_on, constraint}, {"forced_eos", forced_eos_on, forced_eos},
    {"suppress_tokens", suppress_on, suppress}, {"temperature", temperature_on, temperature}, {"top_k", top_k_on, top_k},
    {"top_p", top_p_on, top_p}, {"min_p", min_p_on, min_p}, {"typical_p", typical_on, typical}, {"epsilon_cutoff", epsilon_on, epsilon},
    {"eta_cutoff", eta_on, eta},
};

void sampling_process(const struct sampling *s, const struct sampling_context *c, struct sampling_scratch *scratch, float *logits)
{
    struct work w = {s, c, scratch, logits, scratch->V};
    for (size_t i = 0; i < sizeof CHAIN / sizeof *CHAIN; i++)
        if (CHAIN[i].on(&w)) CHAIN[i].apply(&w);
}

static int32_t best_of(const float *x, int V)
{
    int best = 0;
    for (int i = 1; i < V; i++)
        if (x[i] > x[best]) best = i;
    return best;
}

/* The likeliest id that the constraint allows, when the other steps have forbidden everything. */
static int32_t fallback(const struct sampling_context *c, int V)
{
    for (int i = 0; c->allowed != NULL && i < V; i++)
        if (c->allowed[i]) return i;
    return 0;
}

int32_t sampling_choose(const struct sampling *s, const struct sampling_context *c, struct sampling_scratch *scratch, float *logits)
{
    sampling_process(s, c, scratch, logits);
    struct work w = {s, c, scratch, logits, scratch->V};
    int32_t best = best_of(logits, scratch->V);
    if (!(logits[best] > -INFINITY)) return fallback(c, scratch->V);
    if (!s->do_sample) return best;
    probabilities(&w);
    double sum = 0, mark = 0, u = random_unit(s->seed, c->piece, c->n);
    for (int i = 0; i < scratch->V; i++) mark += (double)scratch->values[i];
    mark *= u;
    for (int i = 0; i < scratch->V; i++) {
        sum += (double)scratch->values[i];
        if (sum > mark && scratch->values[i] > 0) return i;
    }
    return best;
}

static void log_softmax(float *x, int V)
{
    float most = x[best_of(x, V)], sum = 0;
    for (int i = 0; i < V; i++) sum += expf(x[i] - most);
    float lse = most + logf(sum);
    for (int i = 0; i < V; i++) x[i] -= lse;
}

void sampling_guide(float *cond, const float *uncond, int V, double scale, struct sampling_scratch *scratch)
{
    memcpy(scratch->values, uncond, (size_t)V * sizeof *uncond);
    log_softmax(scratch->values, V);
    log_softmax(cond, V);
    for (int i = 0; i < V; i++) cond[i] = scratch->values[i] + (float)scale * (cond[i] - scratch->values[i]);
}
