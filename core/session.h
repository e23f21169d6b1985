/* Inference with a KV cache: a session holds the mutable state of some sequences on one shared, read-only model.
 *
 * The unit of work is a row: one token of one sequence at its next position. Rows of several sequences and several rows of one
 * sequence run through the layers together. Every sum has a fixed order that does not depend on how rows are grouped,
 * on the CPU or on threads, so a batch gives the same bits as one sequence alone, and a long prompt the same as its tokens
 * one by one. Matrices come from packed.h, in float32 or int8.
 */
#ifndef CORE_SESSION_H
#define CORE_SESSION_H

#include "core/model.h"
#include "core/packed.h"

#include <stddef.h>
#include <stdint.h>

struct session;

/* Room for `sequences` sequences of up to `length` positions each (at most the model's T). */
struct session *session_start(const struct model *model, int sequences, int length, struct error *error);
/* The same with the matrices of `packed` (NULL: a float32 copy of the model's own) and the workers of `pool` (NULL: none but the caller); both
 * are borrowed. session_start makes its own copy and uses no workers. */
struct session *session_start_on(const struct model *model, const struct packed *packed, int sequences, int length, struct threads *pool, struct error *error);
void session_stop(struct session *session);

/* The workers it was started with, or NULL. */
struct threads *session_pool(const struct session *session);

/* Positions that sequence s holds; session_cut forgets those from `length` on; session_copy makes `to` equal to `from`. */
int session_length(const struct session *session, int s);
void session_cut(struct session *session, int s, int length);
void session_copy(struct session *session, int from, int to);

/* Append n ids to one sequence. logits, when not NULL, gets the last row's (V) or, with `all`, every row's (n, V).
 * Refuses ids outside the vocabulary and sequences that grow beyond their room. */
bool session_feed(struct session *session, int s, const int32_t *ids, size_t n, bool all, float *logits, struct error *error);

/* Append one id to each of n different sequences; logits (n, V). */
bool session_step(struct session *session, int n, const int *sequences, const int32_t *ids, float *logits, struct error *error);

/* From now on every row whose logits are asked for also leaves its state behind the last norm in `rows` (C numbers each, one row
 * behind the other); NULL switches it off. */
void session_keep_hidden(struct session *session, float *rows);

#endif
