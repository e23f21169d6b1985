/* From logits to the next id: a chain of named steps in Hugging Face's order, with its names and defaults.
 *
 *   repetition_penalty, no_repeat_ngram_size, bad_words_ids, min_new_tokens, [constraint], suppress_tokens, forced_eos,
 *   then, when sampling: temperature, top_k, top_p, min_p, typical_p, epsilon_cutoff, eta_cutoff
 *
 * A step sets the logits of ids it forbids to -infinity. One table drives the chain; a step whose option has its neutral value is
 * passed over. What is left is drawn with a random number that depends on (seed, piece, step) only.
 */
#ifndef CORE_SAMPLING_H
#define CORE_SAMPLING_H

#include "core/error.h"
#include "core/ids.h"

#include <stddef.h>
#include <stdint.h>

struct sampling {
    bool do_sample;              /* false: greedy */
    double temperature;          /* 1 */
    int top_k;                   /* 50 as in Hugging Face; 0 = off */
    double top_p, min_p, typical_p, epsilon_cutoff, eta_cutoff;   /* 1, 0, 1, 0, 0: off */
    double repetition_penalty;   /* 1: off */
    int no_repeat_ngram_size;    /* 0: off */
    int min_new_tokens;          /* 0 */
    int forced_eos;              /* id forced at the last step, or -1 */
    int eos;                     /* id that ends a sequence, or -1 */
    struct ids suppress;         /* ids never taken */
    struct ids *bad_words;       /* (bad_words_n) sequences never completed */
    size_t bad_words_n;
    uint64_t seed;
};
#define SAMPLING_DEFAULT ((struct sampling){.temperature = 1, .top_k = 50, .top_p = 1, .typical_p = 1, .repetition_penalty = 1, \
    .forced_eos = -1, .eos = -1})
void sampling_free(struct sampling *sampling);

/* What the steps may look at besides the logits. */
struct sampling_context {
    const int32_t *ids;          /* (n): the sequence so far, prompt included */
    size_t n, prompt;            /* how much of it is the prompt */
    size_t last;                 /* length at which the sequence must end (for forced_eos) */
    uint64_t piece;              /* number of the piece: its stream of random numbers */
    const uint8_t *allowed;      /* (V): 0 = forbidden by the constraint; NULL = no constraint */
};

/* Room for the chain's sorting; one a thread. */
struct sampling_scratch { float *values; int32_t *order; float *sorted; int V; };
bool sampling_scratch_init(struct sampling_scratch *scratch, int V, struct error *error);
void sampling_scratch_free(struct sampling_scratch *scratch);

/* Run the chain over logits (V) in place: forbidden ids become -infinity, the rest are the (scaled) scores. */
void sampling_process(const struct sampling *sampling, const struct sampling_context *context, struct sampling_scratch *scratch, float *logits);

/* Process and choose. At least one id must be allowed by the constraint; when the chain forbids them all, the best allowed is taken. */
int32_t sampling_choose(const struct sampling *sampling, const struct sampling_context *context, struct sampling_scratch *scratch, float *logits);

/* cond = uncond + scale * (cond - uncond) over log-probabilities (Ho & Salimans 2022, as Hugging Face computes it). */
void sampling_guide(float *cond, const float *uncond, int V, double scale, struct sampling_scratch *scratch);

#endif
