/* llama.cpp's steps: penalties, DRY, top-n-sigma, XTC and mirostat 2, with its names and defaults; see sampling.h. */
#include "core/random.h"
#include "core/sampling_inside.h"

#include <math.h>
#include <string.h>

/* Ids that a step looks back on. */
static size_t window(const struct work *w, int last_n)
{
    return last_n < 0 || (size_t)last_n > w->c->n ? w->c->n : (size_t)last_n;
}

bool step_penalties_on(const struct work *w)
{
    return (w->s->penalty_repeat != 1 || w->s->penalty_freq != 0 || w->s->penalty_present != 0) && w->s->penalty_last_n != 0;
}
void step_penalties(struct work *w)
{
    size_t n = window(w, w->s->penalty_last_n);
    int32_t *count = w->scratch->order;
    float repeat = (float)w->s->penalty_repeat;
    memset(count, 0, (size_t)w->V * sizeof *count);
    for (size_t i = w->c->n - n; i < w->c->n; i++)
        if (w->c->ids[i] >= 0 && w->c->ids[i] < w->V) count[w->c->ids[i]]++;
    for (int i = 0; i < w->V; i++) {
        if (count[i] == 0) continue;
        w->logits[i] = w->logits[i] <= 0 ? w->logits[i] * repeat : w->logits[i] / repeat;
        w->logits[i] -= (float)count[i] * (float)w->s->penalty_freq + (float)w->s->penalty_present;
    }
}

/* ---- DRY: a penalty that grows with the length of the repetition that an id would go on with ---- */

/* How far back from the end a repetition may reach: up to the last sequence breaker. */
static size_t breaker_limit(const struct work *w, size_t n)
{
    const int32_t *end = w->c->ids + w->c->n;
    for (size_t i = 0; i < n; i++) {                          /* i ids behind the breaker's first */
        size_t longest = 0;
        for (size_t b = 0; b < w->s->dry_breakers.n; b++) {
            const struct ids *breaker = &w->s->dry_breakers.list[b];
            if (breaker->n == 0 || breaker->n - 1 > i || breaker->n <= longest) continue;
            if (memcmp(end - 1 - i, breaker->id, breaker->n * sizeof *breaker->id) == 0) longest = breaker->n;
        }
        if (longest > 0) return i - (longest - 1);
    }
    return n;
}

static bool is_breaker(const struct work *w, int32_t id)
{
    for (size_t b = 0; b < w->s->dry_breakers.n; b++)
        if (w->s->dry_breakers.list[b].n == 1 && w->s->dry_breakers.list[b].id[0] == id) return true;
    return false;
}

bool step_dry_on(const struct work *w) { return w->s->dry_multiplier != 0 && w->s->dry_base >= 1 && w->s->dry_penalty_last_n != 0; }
void step_dry(struct work *w)
{
    size_t n = window(w, w->s->dry_penalty_last_n), allowed = (size_t)w->s->dry_allowed_length, limit = n;
    const int32_t *end = w->c->ids + w->c->n;
    int32_t *longest = w->scratch->order;                     /* (V): the longest repetition that the id would prolong */
    if (n <= allowed || (limit = breaker_limit(w, n)) < allowed) return;
    memset(longest, 0, (size_t)w->V * sizeof *longest);
    for (size_t back = 1; back < n; back++) {                 /* the end of the sequence against what ends `back` ids earlier */
        size_t same = 0;
        while (same + back < n && same < limit && end[-1 - (long)same] == end[-1 - (long)(same + back)]) same++;
        int32_t next = end[-(long)back];
        if (same >= allowed && next >= 0 && next < w->V && (int32_t)same > longest[next]) longest[next] = (int32_t)same;
    }
    double most = w->s->dry_base > 1.000001 ? floor(88.7228391 / log(w->s->dry_base)) : 0;      /* before a float overflows */
    for (int i = 0; i < w->V; i++) {
        if (longest[i] == 0 || is_breaker(w, i)) continue;
        double exponent = (double)longest[i] - (double)allowed;
        w->logits[i] -= (float)(w->s->dry_multiplier * pow(w->s->dry_base, most > 0 && exponent > most ? most : exponent));
    }
}

/* ---- cuts ---- */

bool step_top_n_sigma_on(const struct work *w) { return w->s->top_n_sigma > 0 && w->s->mirostat != 2; }
void step_top_n_sigma(struct work *w)                        /* Tang et al. 2024 */
{
    float most = -INFINITY;
    double sum = 0, squares = 0;
    int n = 0;
    for (int i = 0; i < w->V; i++)
        if (w->logits[i] > -INFINITY) most = w->logits[i] > most ? w->logits[i] : most, sum += (double)w->logits[i], n++;
    for (int i = 0; i < w->V && n > 0; i++)
        if (w->logits[i] > -INFINITY) squares += ((double)w->logits[i] - sum / n) * ((double)w->logits[i] - sum / n);
    float least = n == 0 ? -INFINITY : most - (float)(w->s->top_n_sigma * sqrt(squares / n));
    for (int i = 0; i < w->V; i++)
        if (w->logits[i] < least) w->logits[i] = -INFINITY;
}

/* A random number of the step's own, beside the one that chooses. */
static double chance(const struct work *w) { return random_unit(w->s->seed ^ 0x787463u, w->c->piece, w->c->n); }

bool step_xtc_on(const struct work *w)
{
    return w->s->xtc_probability > 0 && w->s->xtc_threshold <= 0.5 && w->s->mirostat != 2 && chance(w) <= w->s->xtc_probability;
}
void step_xtc(struct work *w)                                /* the likeliest are left out, but for the least of them */
{
    step_probabilities(w);
    int n = step_order_by(w, w->logits), above = 0;
    while (above < n && w->scratch->values[w->scratch->order[n - 1 - above]] >= (float)w->s->xtc_threshold) above++;
    if (above < 2 || n - (above - 1) < w->s->min_keep) return;
    for (int i = 0; i < above - 1; i++) w->logits[w->scratch->order[n - 1 - i]] = -INFINITY;
}

/* The state is held less its start, 2 tau, so that a fresh one is 0. */
static float surprise_most(const struct work *w) { return (float)(2 * w->s->mirostat_tau + *w->c->mirostat); }

bool step_mirostat_on(const struct work *w) { return w->s->mirostat == 2 && w->c->mirostat != NULL; }
void step_mirostat(struct work *w)                           /* Basu et al. 2021: keep the surprise near tau bits */
{
    float mu = surprise_most(w), kept = step_kth_largest(w, 1);
    step_probabilities(w);
    for (int i = 0; i < w->V; i++)
        if (w->logits[i] < kept && -log2f(w->scratch->values[i]) > mu) w->logits[i] = -INFINITY;
}

void step_mirostat_learn(const struct work *w, int32_t id)
{
    if (!step_mirostat_on(w)) return;
    double surprise = -log2((double)w->scratch->values[id]);
    *w->c->mirostat -= w->s->mirostat_eta * (surprise - w->s->mirostat_tau);
}
