/* Making sequences one id after the other, greedily or by drawing: feed the prompts, choose an id for each, feed them, until the
 * end. Searches over several candidates are in search.h.
 *
 * A constraint is a set of callbacks that say which ids may come next and learn which was taken: the core knows no
 * modality. When the room runs out, a constraint that can close the piece is asked for the ids that do so.
 */
#ifndef CORE_GENERATE_H
#define CORE_GENERATE_H

#include "core/session.h"
#include "core/stopping.h"

/* A model ready to run; what it borrows may be shared by any number of sessions. */
struct runner {
    const struct model *model;
    const struct packed *packed;  /* its matrices for inference; NULL: every session makes a copy of its own */
    struct threads *pool;         /* workers, or NULL */
};

struct generate_constraint {
    void *context;
    void (*restart)(void *context);                                              /* back behind the prompt */
    void (*allowed)(void *context, uint8_t *allowed /* (V), all 0 on entry; gets SAMPLING_MARKs */);  /* may allow the end id */
    void (*taken)(void *context, int32_t id);
    /* Ids that bring the piece to a proper end from here (at most `most`); returns how many, 0 if it may end now. NULL: none. */
    int (*closing)(void *context, int32_t *ids, int most);
};

struct generate_request {
    const int32_t *prompt;        /* (prompt_n), at least one */
    size_t prompt_n;
    const struct generation *options;
    size_t last;                  /* length at which the sequence ends, prompt included */
    const int32_t *negative;      /* (negative_n): the prompt that guidance steers away from; none = the prompt's last id */
    size_t negative_n;
    const struct generate_constraint *constraint;    /* or NULL */
    uint64_t piece;               /* number of the piece: its stream of random numbers */
    stopping_token *token;        /* bytes of tokens for stop strings, or NULL */
    void *token_context;
    bool (*on_token)(void *context, int32_t id);     /* or NULL; false stops */
    void *on_token_context;
    bool (*on_scores)(void *context, const float *scores /* (V) */, struct error *error);    /* or NULL: the processed scores of each step */
    void *on_scores_context;
    size_t *runs;                 /* or NULL: gets how often the model ran behind the prompt */
};

/* Session sequences that n requests with these options take. */
int generate_sequences(const struct generation *options, int n);
/* Positions that each of them takes. */
int generate_length(const struct generate_request *request);

/* Append prompt and new ids of each of n requests to its out[i], the end id included when it was chosen. The requests share their
 * options but for the pieces; they run side by side on the session's first sequences, and each gives what it would give alone. */
bool generate(struct session *session, const struct generate_request *requests, int n, struct sampling_scratch *scratch,
              struct ids *const *out, struct error *error);

#endif
