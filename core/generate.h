/* Making a sequence: feed the prompt, choose an id, feed it, until the end.
 *
 * A constraint is a pair of callbacks that say which ids may come next and learn which was taken: the core knows no
 * modality. When the room runs out, a constraint that can close the piece is asked for the ids that do so.
 */
#ifndef CORE_GENERATE_H
#define CORE_GENERATE_H

#include "core/sampling.h"
#include "core/session.h"

struct generate_constraint {
    void *context;
    void (*allowed)(void *context, uint8_t *allowed /* (V), all 0 on entry */);  /* may allow the end id */
    void (*taken)(void *context, int32_t id);
    /* Ids that bring the piece to a proper end from here (at most `most`); returns how many, 0 if it may end now. */
    int (*closing)(void *context, int32_t *ids, int most);
};

struct generate_request {
    const int32_t *prompt;        /* (prompt_n) */
    size_t prompt_n;
    const int32_t *negative;      /* (negative_n): the prompt that guidance steers away from; used when guidance_scale != 1 */
    size_t negative_n;
    double guidance_scale;        /* 1: off */
    size_t max_new_tokens;        /* the end id included */
    const struct sampling *sampling;
    const struct generate_constraint *constraint;    /* or NULL */
    uint64_t piece;               /* number of the piece: its stream of random numbers */
    bool (*on_token)(void *context, int32_t id);     /* or NULL; false stops */
    void *on_token_context;
};

/* Append prompt and new ids to *out, the end id included when it was chosen. The session's sequences `first` and, with guidance,
 * `first + 1` are used. *log_probability, when not NULL, gets the sum of the new ids' log-probabilities under the model's own
 * distribution, before any step of the chain (natural log; 0 with guidance). */
bool generate(struct session *session, int first, const struct generate_request *request, struct sampling_scratch *scratch,
              struct ids *out, double *log_probability, struct error *error);

#endif
