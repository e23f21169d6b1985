/* Between the searches: the beams of one search, each a sequence of ids with its place in a session. */
#ifndef CORE_SEARCH_INSIDE_H
#define CORE_SEARCH_INSIDE_H

#include "core/search.h"

struct beams {
    const struct generate_request *q;
    const struct generation *g;
    struct session *session;
    struct sampling_scratch scratch;
    struct stopping stopping;
    int n, V;
    size_t length;            /* ids of every beam so far */
    int32_t *ids, *spare;     /* (n, last) */
    int *slot;                /* (n): the session sequence that holds a beam; several beams may share one at the start */
    int *order, *claimed;     /* (2n), (n): scratch */
    float *logits;            /* (n, V); with guidance (2n, V): then the unguided twins */
    int32_t *tokens;          /* (2n): scratch */
    uint8_t *allowed;         /* (V), with a constraint */
    bool guided;
};

/* A continuation of a beam by an id. */
struct candidate { float score; int beam; int32_t id; };

/* Set up n beams that all hold the prompt, and the logits behind it. */
bool beams_start(struct beams *beams, const struct runner *runner, const struct generate_request *request, int n, struct error *error);
void beams_stop(struct beams *beams);

const int32_t *beams_ids(const struct beams *beams, int beam);      /* (length), lent */

/* Turn the logits of a beam into processed log-probabilities, in place; lent (V). `others` (n): for the diversity penalty. */
float *beams_scores(struct beams *beams, int beam, const int32_t *others, size_t others_n);

/* The k best of rows first … first + n - 1 of log-probabilities, each plus its beam's `running` score; best first, ties by place. */
void beams_top(const struct beams *beams, int first, int n, const float *running, int k, struct candidate *out);

/* Beam i becomes beam parent[i] and tokens[i]. */
void beams_extend(struct beams *beams, const int *parent, const int32_t *tokens);

/* Run the model on the last id of every beam. */
bool beams_run(struct beams *beams, struct error *error);

/* ---- finished sequences as version 4 keeps them ---- */

struct hypothesis { double score; int32_t *ids; size_t n; };
struct hypotheses { struct hypothesis *at; int n, most; double worst; };

bool hypotheses_start(struct hypotheses *h, int most, struct error *error);
void hypotheses_free(struct hypotheses *h);
/* Keep the ids if they are among the best; the score is sum / generated^length_penalty. */
bool hypotheses_add(struct hypotheses *h, const struct generation *g, const int32_t *ids, size_t n, double sum, size_t generated, struct error *error);
/* True when no running beam, the best of which has this sum at `generated` ids, can become better than the worst kept. */
bool hypotheses_done(const struct hypotheses *h, const struct generation *g, double best_sum, size_t generated, size_t generated_most);
/* The `wanted` best of several collections into the result, with an end id where it fits, filled up to one length. */
bool hypotheses_finish(struct hypotheses *collections, int n, const struct beams *beams, int wanted, struct search_result *result, struct error *error);

/* Append a sequence to the result, filled up with `fill`. */
bool search_result_add(struct search_result *result, const int32_t *ids, size_t n, size_t filled, int32_t fill, double score, struct error *error);

/* The searches, each in its file. */
bool search_beam(struct beams *beams, struct search_result *result, struct error *error);
bool search_group_beam(struct beams *beams, struct search_result *result, struct error *error);
bool search_constrained_beam(struct beams *beams, struct search_result *result, struct error *error);
bool search_contrastive(const struct runner *runner, const struct generate_request *request, struct search_result *result, struct error *error);

#endif
