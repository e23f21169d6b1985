/* Filling a hole in a text with any causal model: middles are drawn, scored with what stands behind the hole, and ranked.
 *
 *     left [hole] right:  draw paths from p(. | prompt)  ->  every beginning of a path is a middle  ->
 *                         score(m) = (log p(m | left) + log p(right | left, m)) / (ids of m and right)^length_penalty
 *
 * The exponent is the option length_penalty: 0 gives the plain sum, by which the best middle is the likeliest given both sides; 1
 * the mean over ids, which favours long middles. Every path is run once; of its beginnings the few are scored in full whose own
 * ids together with the first id of `right` are likeliest. Every second path is given its first id, the likeliest ones in turn. Prompts may be several: the left
 * context, and for models that learned it, a form that shows both sides (forms.h). All are judged by the same score, so a
 * prompt that the model does not understand only wastes its draws.
 */
#ifndef CORE_INFILL_H
#define CORE_INFILL_H

#include "core/generate.h"

struct infill_prompt { const int32_t *id; size_t n; };

struct infill_request {
    const int32_t *left, *right;            /* (left_n), at least one; (right_n), may be none */
    size_t left_n, right_n;
    struct infill_prompt prompts[2];        /* (prompts_n): what middles are drawn from, in turns */
    int prompts_n;
    const struct generation *options;       /* how they are drawn; min_new_tokens is the least length of a middle */
    int candidates;                         /* paths */
    int most;                               /* ids of a middle at most */
    const struct generate_constraint *constraint;                                   /* or NULL */
    bool (*whole)(void *context, const int32_t *ids, size_t n);                     /* may a middle end here? NULL: always */
    void *whole_context;
};

struct infill_middle {
    struct ids ids;
    double own, right;                      /* log p(m | left), log p(right | left, m) */
    double score;
};
struct infill_result { struct infill_middle *middle; size_t n; };     /* best first, no two alike */
void infill_result_free(struct infill_result *result);

bool infill(const struct runner *runner, const struct infill_request *request, struct infill_result *result, struct error *error);

/* log p(right | left) for each of n, behind the same left; and for one. */
bool infill_scores(const struct runner *runner, const int32_t *left, size_t left_n, const struct infill_prompt *right, int n, double *out, struct error *error);
bool infill_score(const struct runner *runner, const int32_t *left, size_t left_n, const int32_t *ids, size_t n, double *out, struct error *error);

#endif
