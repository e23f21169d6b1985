/* The stream of training batches: pieces of several sources mixed by weight.
 *
 * A source is a number of pieces and a function that gives piece i as ids. It may give a piece another form each time it
 * is drawn (another caption, a mirrored picture): `draw` counts its draws, and all randomness must come from it. The next
 * piece comes from the source that lags most behind its weight (tokens drawn / weight is least); within a source each
 * epoch is a fresh permutation, computed from the seed and not stored. So the state of the stream is two counters a
 * source, and a resumed run continues with exactly the batch that would have come.
 */
#ifndef CORE_STREAM_H
#define CORE_STREAM_H

#include "core/gradient.h"
#include "core/ids.h"

#include <stddef.h>
#include <stdint.h>

/* Append the ids of piece `index` (of the training pieces, or of the validation ones) to *out. */
typedef bool stream_piece(void *context, bool valid, size_t index, uint64_t draw, struct ids *out, struct error *error);

struct stream_source {
    const char *name;
    double weight;            /* share of the tokens, relative to the other sources'; 0 = never trained on */
    size_t n_train, n_valid;  /* pieces */
    stream_piece *piece;
    void *context;
    uint64_t drawn, tokens;   /* state: pieces and tokens drawn so far */
};

struct stream {
    struct stream_source *sources; /* (n), borrowed */
    size_t n;
    uint64_t seed;
    int T;                    /* pieces are cut to T + 1 ids */
    struct ids scratch;
};

/* An empty batch with room for n_most positions; free with batch_free. */
bool batch_init(struct batch *batch, int n_most, struct error *error);
void batch_free(struct batch *batch);

/* Add a piece (n >= 2 ids: n - 1 positions) to a batch of room n_most; false when it does not fit. */
bool batch_add(struct batch *batch, int n_most, const int32_t *ids, size_t n);

/* Fill a batch with the next pieces until one does not fit; at least one piece is placed. */
bool stream_next(struct stream *stream, struct batch *batch, int n_most, struct error *error);

/* Validation pieces `*at` and on of one source, in a fixed shuffled order, until the batch is full; *at moves on. The batch is empty at the end. */
bool stream_valid(struct stream *stream, size_t source, size_t *at, struct batch *batch, int n_most, struct error *error);

/* Place k of epoch `epoch` in a permutation of 0 … n-1 (a four-round Feistel network, walked until inside). */
size_t stream_permute(uint64_t seed, uint64_t epoch, size_t n, size_t k);

#endif
