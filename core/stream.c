/* The stream of training batches; see stream.h. */
#include "core/stream.h"
#include "core/mem.h"
#include "core/random.h"

#include <string.h>

bool batch_init(struct batch *batch, int n_most, struct error *error)
{
    size_t n = (size_t)n_most;
    *batch = (struct batch){.ids = mem_alloc(n, sizeof *batch->ids, error), .targets = mem_alloc(n, sizeof *batch->targets, error),
                            .starts = mem_alloc(n + 1, sizeof *batch->starts, error)};
    if (batch->ids != NULL && batch->targets != NULL && batch->starts != NULL) return true;
    batch_free(batch);
    return false;
}

void batch_free(struct batch *batch)
{
    mem_free(batch->ids);
    mem_free(batch->targets);
    mem_free(batch->starts);
    *batch = (struct batch){0};
}

bool batch_add(struct batch *batch, int n_most, const int32_t *ids, size_t n)
{
    if (n < 2) return true;                                   /* nothing to predict */
    if (n - 1 > (size_t)(n_most - batch->n)) return false;
    memcpy(batch->ids + batch->n, ids, (n - 1) * sizeof *ids);
    memcpy(batch->targets + batch->n, ids + 1, (n - 1) * sizeof *ids);
    batch->starts[batch->sequences++] = batch->n;
    batch->n += (int)n - 1;
    batch->starts[batch->sequences] = batch->n;
    return true;
}

size_t stream_permute(uint64_t seed, uint64_t epoch, size_t n, size_t k)
{
    unsigned half = 1;
    while (half < 31 && (uint64_t)1 << (2 * half) < n) half++;
    uint64_t mask = ((uint64_t)1 << half) - 1, x = k;
    do {
        uint64_t left = x >> half, right = x & mask;
        for (uint64_t round = 0; round < 4; round++) {
            uint64_t next = left ^ (random_bits(seed ^ 0x7065726du, epoch, right << 2 | round) & mask);
            left = right;
            right = next;
        }
        x = left << half | right;
    } while (x >= n);
    return (size_t)x;
}

static struct stream_source *lagging(struct stream *stream)
{
    struct stream_source *best = NULL;
    for (size_t i = 0; i < stream->n; i++) {
        struct stream_source *s = &stream->sources[i];
        if (!(s->weight > 0) || s->n_train == 0) continue;
        if (best == NULL || (double)s->tokens / s->weight < (double)best->tokens / best->weight) best = s;
    }
    return best;
}

static size_t cut(const struct stream *stream)
{
    size_t most = (size_t)stream->T + 1;
    return stream->scratch.n < most ? stream->scratch.n : most;
}

bool stream_next(struct stream *stream, struct batch *batch, int n_most, struct error *error)
{
    batch->n = batch->sequences = 0;
    for (;;) {
        struct stream_source *s = lagging(stream);
        if (s == NULL) return error_set(error, ERROR_INPUT, "training: no source has a piece; at least one is wanted");
        size_t k = (size_t)(s->drawn % s->n_train), index = stream_permute(stream->seed, s->drawn / s->n_train, s->n_train, k);
        stream->scratch.n = 0;
        if (!s->piece(s->context, false, index, s->drawn, &stream->scratch, error)) return false;
        size_t n = cut(stream);
        if (batch->n == 0 && n > (size_t)n_most + 1) n = (size_t)n_most + 1;
        if (!batch_add(batch, n_most, stream->scratch.id, n)) return true;   /* it starts the next batch */
        s->drawn++;
        s->tokens += n;
    }
}

bool stream_valid(struct stream *stream, size_t source, size_t *at, struct batch *batch, int n_most, struct error *error)
{
    struct stream_source *s = &stream->sources[source];
    batch->n = batch->sequences = 0;
    for (; *at < s->n_valid; ++*at) {
        stream->scratch.n = 0;
        size_t index = stream_permute(0, 0, s->n_valid, *at);    /* a spread sample: neighbours in a folder are alike */
        if (!s->piece(s->context, true, index, 0, &stream->scratch, error)) return false;
        size_t n = cut(stream);
        if (batch->n == 0 && n > (size_t)n_most + 1) n = (size_t)n_most + 1;
        if (!batch_add(batch, n_most, stream->scratch.id, n)) break;
    }
    return true;
}
