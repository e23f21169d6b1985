/* Between generate.c and generate_lookup.c: one sequence that is being made. */
#ifndef CORE_GENERATE_INSIDE_H
#define CORE_GENERATE_INSIDE_H

#include "core/generate.h"

struct generate_row {
    const struct generate_request *q;
    struct stopping stopping;
    struct ids *out;
    size_t start;             /* where this sequence starts in *out */
    uint8_t *allowed;         /* (V), with a constraint */
    double mirostat;
    int32_t next;             /* the id just chosen, not yet fed */
    bool ended;
};

/* Append an id and see whether the sequence has ended. */
bool generate_take(struct generate_row *row, int32_t id, struct error *error);

/* Choose the next id from logits (V), which the chain overwrites, and take it; or close the piece. */
bool generate_choose(struct generate_row *row, float *logits, struct sampling_scratch *scratch, struct error *error);

/* The whole sequence with guesses from the ids so far, the prompt being fed and `logits` (V) behind it. */
bool generate_by_lookup(struct session *session, struct generate_row *row, float *logits, struct sampling_scratch *scratch, struct error *error);

#endif
