/* When a sequence has ended: at its last place, at an end id, at a stop string, when the time is up.
 *
 * A stop string ends a sequence as soon as a token completes it: it must end within the bytes of the last token, and may begin
 * in any token before, the prompt's included, as in Hugging Face.
 */
#ifndef CORE_STOPPING_H
#define CORE_STOPPING_H

#include "core/generation.h"

/* The bytes of a token (lent; *n long), NULL when there is no such id. */
typedef const uint8_t *stopping_token(void *context, int32_t id, size_t *n);

struct stopping {
    const struct generation *options;
    size_t last;               /* length at which every sequence ends */
    double deadline;           /* seconds of the monotonic clock; 0 = none */
    stopping_token *token;     /* NULL: no stop strings */
    void *token_context;
};

/* Starts the clock of max_time. */
struct stopping stopping_start(const struct generation *options, size_t last, stopping_token *token, void *token_context);

/* True when the n ids have ended with the last of them. */
bool stopping_hit(const struct stopping *stopping, const int32_t *ids, size_t n);

#endif
