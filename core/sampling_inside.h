/* Between the files of the sampling chain: what a step gets, and the steps themselves. Each pair says whether the step has
 * anything to do, and does it. */
#ifndef CORE_SAMPLING_INSIDE_H
#define CORE_SAMPLING_INSIDE_H

#include "core/sampling.h"

struct work {
    const struct sampling *s;
    const struct sampling_context *c;
    struct sampling_scratch *scratch;
    float *logits;   /* (V) */
    int V;
};

#define STEP(name) bool name##_on(const struct work *w); void name(struct work *w)
STEP(step_bias); STEP(step_diversity); STEP(step_encoder_repetition); STEP(step_repetition); STEP(step_ngram); STEP(step_encoder_ngram);
STEP(step_bad_words); STEP(step_min_length); STEP(step_min_new); STEP(step_constraint); STEP(step_forced_bos); STEP(step_forced_eos);
STEP(step_invalid); STEP(step_decay); STEP(step_suppress); STEP(step_begin_suppress);
STEP(step_penalties); STEP(step_dry); STEP(step_top_n_sigma); STEP(step_xtc); STEP(step_mirostat);
STEP(step_temperature); STEP(step_top_h); STEP(step_top_k); STEP(step_top_p); STEP(step_min_p); STEP(step_typical); STEP(step_epsilon); STEP(step_eta);
STEP(step_renormalize);
#undef STEP

static inline void forbid(struct work *w, int32_t id)
{
    if (id >= 0 && id < w->V) w->logits[id] = -__builtin_inff();
}

/* exp(logits - max) / sum in scratch->values. */
void step_probabilities(struct work *w);

/* Ids that are not forbidden into scratch->order, by ascending key (a float an id), equal ones by id; returns how many. */
int step_order_by(struct work *w, const float *by);

/* The k-th largest logit (the least when there are fewer); uses scratch->sorted. */
float step_kth_largest(struct work *w, int k);

/* How many ids the cuts must leave: at least 1. */
int step_least_kept(const struct work *w);

/* After a choice: what mirostat learns from it. */
void step_mirostat_learn(const struct work *w, int32_t id);

#endif
