/* From logits to the next id: a chain of named steps in Hugging Face's order, with its names and defaults.
 *
 *   always         sequence_bias, diversity_penalty, encoder_repetition_penalty, repetition_penalty, no_repeat_ngram_size,
 *                  encoder_no_repeat_ngram_size, bad_words_ids, min_length, min_new_tokens, [constraint], forced_bos_token_id,
 *                  forced_eos_token_id, remove_invalid_values, exponential_decay_length_penalty, suppress_tokens,
 *                  begin_suppress_tokens, penalties, dry
 *   when sampling  top_n_sigma, temperature, top_h, top_k, top_p, min_p, typical_p, epsilon_cutoff, eta_cutoff, xtc, mirostat
 *   always         renormalize_logits
 *
 * Guidance comes before the chain (sampling_guide). penalties, dry, top_n_sigma, xtc and mirostat are llama.cpp's, with its
 * names and defaults; the steps from penalties to mirostat can be given another order by name (sampling_order), for example
 * llama.cpp's own: "penalties;dry;top_n_sigma;top_k;typ_p;top_p;min_p;xtc;temperature".
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

enum { SAMPLING_ORDER_MOST = 16 };

/* sequence_bias: `value` is added to the logit of the last id of `ids` where the others stand before it. */
struct sampling_bias { struct ids ids; double value; };

struct sampling {
    bool do_sample;                      /* false: greedy */
    double temperature;                  /* 1 */
    int top_k;                           /* 50; 0 = off */
    double top_p, min_p, typical_p, top_h, epsilon_cutoff, eta_cutoff;   /* 1, 0, 1, 0, 0, 0: off */
    double repetition_penalty, encoder_repetition_penalty;              /* 1: off; of all ids so far, of the prompt's */
    int no_repeat_ngram_size, encoder_no_repeat_ngram_size;             /* 0: off */
    int min_length, min_new_tokens;      /* 0: no end before that many ids, before that many new ones; the latter wins */
    int forced_bos;                      /* id forced behind a prompt of one id, or -1 */
    struct ids forced_eos;               /* ids forced at the last place */
    struct ids eos;                      /* ids that end a sequence */
    struct ids suppress, begin_suppress; /* ids never taken; never taken as the first new one */
    struct ids_list bad_words;           /* sequences never completed */
    struct sampling_bias *bias;          /* (bias_n) */
    size_t bias_n;
    int decay_start;                     /* exponential_decay_length_penalty: new ids before the end becomes likelier … */
    double decay_factor;                 /* … by this factor an id; 1 = off */
    bool remove_invalid_values, renormalize_logits;
    double diversity_penalty;            /* 0; of group beam search: for ids that earlier groups took in this step */
    int min_keep;                        /* 0; ids that the steps leave at least */
    /* llama.cpp's */
    int penalty_last_n;                  /* 64; ids that the next three look back on; -1 = all */
    double penalty_repeat, penalty_freq, penalty_present;               /* 1, 0, 0: off */
    double dry_multiplier, dry_base;     /* 0 (off), 1.75 */
    int dry_allowed_length, dry_penalty_last_n;                         /* 2, 64; -1 = all */
    struct ids_list dry_breakers;        /* a repetition does not reach across these */
    double top_n_sigma;                  /* -1: off */
    double xtc_probability, xtc_threshold;                              /* 0 (off), 0.1 */
    int mirostat;                        /* 0; 2 = version 2, in place of the other cuts */
    double mirostat_tau, mirostat_eta;   /* 5, 0.1 */
    uint8_t order[SAMPLING_ORDER_MOST];  /* (order_n) steps of the chain; none: the order above */
    int order_n;
    uint64_t seed;
};
#define SAMPLING_DEFAULT ((struct sampling){.temperature = 1, .top_k = 50, .top_p = 1, .typical_p = 1, .repetition_penalty = 1, \
    .encoder_repetition_penalty = 1, .forced_bos = -1, .decay_factor = 1, .penalty_last_n = 64, .penalty_repeat = 1, .dry_base = 1.75, \
    .dry_allowed_length = 2, .dry_penalty_last_n = 64, .top_n_sigma = -1, .xtc_threshold = 0.1, .mirostat_tau = 5, .mirostat_eta = 0.1})
void sampling_free(struct sampling *sampling);

/* Set the order of the movable steps from names with ';' or ',' between them; names not given do not run. */
bool sampling_order(struct sampling *sampling, const char *names, struct error *error);

/* The name of step i of the chain; NULL behind the last. */
const char *sampling_step(int i);

/* What a constraint says of an id: a mark, or one with a group. The probability of ids that pass it on goes to the allowed ids of their group, to each
 * in proportion; where none is, and of forbidden ids, to all that are allowed. */
enum sampling_mark { SAMPLING_FORBIDDEN, SAMPLING_ALLOWED, SAMPLING_PASSES };
#define SAMPLING_GROUPS 16
#define SAMPLING_MARK(mark, group) ((uint8_t)((mark) | (group) << 2))      /* group: 0 … SAMPLING_GROUPS - 1 */
#define SAMPLING_IS_ALLOWED(byte) (((byte) & 3) == SAMPLING_ALLOWED)

/* What the steps may look at besides the logits. */
struct sampling_context {
    const int32_t *ids;          /* (n): the sequence so far, prompt included */
    size_t n, prompt;            /* how much of it is the prompt */
    size_t last;                 /* length at which the sequence must end (for forced_eos) */
    uint64_t piece;              /* number of the piece: its stream of random numbers */
    int keep;                    /* ids that the cuts leave at least: 0 and 1 are the same, more in beam search */
    const uint8_t *allowed;      /* (V): SAMPLING_MARKs of the constraint; NULL = no constraint */
    const int32_t *others;       /* (others_n): what earlier groups took in this step */
    size_t others_n;
    double *mirostat;            /* state of mirostat, 0 at the start of a sequence; NULL = off */
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

/* x = log(softmax(x)) in place. */
void sampling_log_softmax(float *x, int V);

#endif
