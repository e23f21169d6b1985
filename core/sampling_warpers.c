/* Steps that say how likely, as Hugging Face's logits warpers, and what they share; see sampling.h. */
#include "core/layers.h"
#include "core/sampling_inside.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void step_probabilities(struct work *w)
{
    memcpy(w->scratch->values, w->logits, (size_t)w->V * sizeof *w->logits);
    layers_softmax(w->scratch->values, w->V, w->V);
}

static _Thread_local const float *key;
static int ascending_by_key(const void *a, const void *b)
{
    float x = key[*(const int32_t *)a], y = key[*(const int32_t *)b];
    if (x != y) return x < y ? -1 : 1;
    return *(const int32_t *)a < *(const int32_t *)b ? -1 : 1;
}

static void sort_by(int32_t *ids, int n, const float *by)
{
    key = by;
    qsort(ids, (size_t)n, sizeof *ids, ascending_by_key);
}

int step_order_by(struct work *w, const float *by)
{
    int n = 0;
    for (int i = 0; i < w->V; i++)
        if (w->logits[i] > -INFINITY) w->scratch->order[n++] = i;
    sort_by(w->scratch->order, n, by);
    return n;
}

/* Quickselect (Hoare 1961): linear in the vocabulary, where sorting is not. */
float step_kth_largest(struct work *w, int k)
{
    float *x = w->scratch->sorted;
    int n = 0;
    for (int i = 0; i < w->V; i++)
        if (w->logits[i] > -INFINITY) x[n++] = w->logits[i];
    if (n == 0) return -INFINITY;
    int low = 0, high = n - 1, at = k < n ? k - 1 : n - 1;
    while (low < high) {
        float pivot = x[low + (high - low) / 2];
        int i = low, j = high;
        while (i <= j) {
            while (x[i] > pivot) i++;
            while (x[j] < pivot) j--;
            if (i > j) break;
            float t = x[i];
            x[i++] = x[j], x[j--] = t;
        }
        if (at <= j) high = j;
        else if (at >= i) low = i;
        else break;
    }
    return x[at];
}

int step_least_kept(const struct work *w)
{
    int keep = w->c->keep > w->s->min_keep ? w->c->keep : w->s->min_keep;
    return keep < 1 ? 1 : keep;
}

/* Forbid ids whose probability (scratch->values) lies below `least`, but none of the likeliest. */
static void cut_below(struct work *w, float least)
{
    float kept = step_kth_largest(w, step_least_kept(w));
    for (int i = 0; i < w->V; i++)
        if (w->scratch->values[i] < least && w->logits[i] < kept) w->logits[i] = -INFINITY;
}

/* With mirostat the other cuts rest, as in llama.cpp. */
static bool cutting(const struct work *w) { return w->s->mirostat != 2; }

bool step_temperature_on(const struct work *w) { return w->s->temperature != 1; }
void step_temperature(struct work *w)
{
    float t = (float)w->s->temperature;
    for (int i = 0; i < w->V; i++) w->logits[i] /= t;
}

bool step_top_h_on(const struct work *w) { return cutting(w) && w->s->top_h > 0; }
void step_top_h(struct work *w)                              /* of the 100 likeliest, those that carry the share top_h of the entropy */
{
    enum { MOST = 100 };
    float least = step_kth_largest(w, MOST);
    for (int i = 0; i < w->V; i++)
        if (w->logits[i] < least) w->logits[i] = -INFINITY;
    step_probabilities(w);
    int n = step_order_by(w, w->logits);
    double entropy = 0, sum = 0;
    for (int i = 0; i < n; i++) {
        double p = (double)w->scratch->values[w->scratch->order[i]];
        if (p > 0) entropy -= p * log(p);
    }
    for (int i = n - 1; i >= 0; i--) {
        double p = (double)w->scratch->values[w->scratch->order[i]];
        sum += p > 0 ? -p * log(p) : 0;
        if (i < n - 1 && (float)sum > (float)(entropy * w->s->top_h)) w->logits[w->scratch->order[i]] = -INFINITY;
    }
}

bool step_top_k_on(const struct work *w) { return cutting(w) && w->s->top_k > 0; }
void step_top_k(struct work *w)
{
    int k = w->s->top_k > step_least_kept(w) ? w->s->top_k : step_least_kept(w);
    if (k >= w->V) return;
    float least = step_kth_largest(w, k);
    for (int i = 0; i < w->V; i++)
        if (w->logits[i] < least) w->logits[i] = -INFINITY;
}

/* Ids worth sorting into scratch->order: an id below 1 / V of the mass that is cut away is cut whatever the order. Adds the
 * probabilities of the others to *sum and forbids them. */
static int order_of_likely(struct work *w, double cut, double *sum)
{
    int n = 0;
    float floor = (float)(cut / w->V);
    for (int i = 0; i < w->V; i++) n += w->logits[i] > -INFINITY && w->scratch->values[i] >= floor;
    if (n < step_least_kept(w)) return step_order_by(w, w->logits);
    n = 0;
    for (int i = 0; i < w->V; i++) {
        if (!(w->logits[i] > -INFINITY)) continue;
        if (w->scratch->values[i] >= floor) w->scratch->order[n++] = i;
        else *sum += (double)w->scratch->values[i], w->logits[i] = -INFINITY;
    }
    sort_by(w->scratch->order, n, w->logits);
    return n;
}

bool step_top_p_on(const struct work *w) { return cutting(w) && w->s->top_p < 1; }
void step_top_p(struct work *w)                              /* Holtzman et al. 2020 */
{
    double sum = 0, cut = 1 - w->s->top_p;
    step_probabilities(w);
    int n = order_of_likely(w, cut, &sum), keep = step_least_kept(w);
    for (int i = 0; i < n - keep; i++) {                     /* ascending; the likeliest are always kept */
        sum += (double)w->scratch->values[w->scratch->order[i]];
        if ((float)sum > (float)cut) break;
        w->logits[w->scratch->order[i]] = -INFINITY;
    }
}

bool step_min_p_on(const struct work *w) { return cutting(w) && w->s->min_p > 0; }
void step_min_p(struct work *w)
{
    step_probabilities(w);
    float most = 0;
    for (int i = 0; i < w->V; i++) most = w->scratch->values[i] > most ? w->scratch->values[i] : most;
    cut_below(w, (float)w->s->min_p * most);
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

bool step_typical_on(const struct work *w) { return cutting(w) && w->s->typical_p < 1; }
void step_typical(struct work *w)                            /* Meister et al. 2022 */
{
    step_probabilities(w);
    double h = entropy(w), sum = 0;
    for (int i = 0; i < w->V; i++) {
        float p = w->scratch->values[i];
        w->scratch->sorted[i] = p > 0 ? fabsf((float)(-log((double)p) - h)) : INFINITY;
    }
    int n = step_order_by(w, w->scratch->sorted), at = 0;
    if (n == 0) return;
    while (at < n - 1) {
        sum += (double)w->scratch->values[w->scratch->order[at]];
        if ((float)sum >= (float)w->s->typical_p) break;
        at++;
    }
    float most = w->scratch->sorted[w->scratch->order[at]];
    for (int i = step_least_kept(w); i < n; i++)
        if (w->scratch->sorted[w->scratch->order[i]] > most) w->logits[w->scratch->order[i]] = -INFINITY;
}

bool step_epsilon_on(const struct work *w) { return cutting(w) && w->s->epsilon_cutoff > 0; }
void step_epsilon(struct work *w)                            /* Hewitt et al. 2022 */
{
    step_probabilities(w);
    cut_below(w, (float)w->s->epsilon_cutoff);
}

bool step_eta_on(const struct work *w) { return cutting(w) && w->s->eta_cutoff > 0; }
void step_eta(struct work *w)                                /* Hewitt et al. 2022 */
{
    step_probabilities(w);
    double adaptive = sqrt(w->s->eta_cutoff) * exp(-entropy(w));
    cut_below(w, (float)(w->s->eta_cutoff < adaptive ? w->s->eta_cutoff : adaptive));
}
