/* Which search runs, and what all beam searches share; see search.h. */
#include "core/search.h"
#include "core/mem.h"
#include "core/search_inside.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void search_result_free(struct search_result *r)
{
    ids_list_free(&r->sequences);
    mem_free(r->scores);
    *r = (struct search_result){0};
}

bool search_result_add(struct search_result *r, const int32_t *ids, size_t n, size_t filled, int32_t fill, double score, struct error *error)
{
    double *scores = mem_resize(r->scores, r->sequences.n + 1, sizeof *scores, error);
    if (scores == NULL) return false;
    r->scores = scores;
    scores[r->sequences.n] = score;
    struct ids *to = ids_list_add(&r->sequences, error);
    bool ok = to != NULL && ids_append_many(to, ids, n, error);
    for (size_t i = n; ok && i < filled; i++) ok = ids_append(to, fill, error);
    return ok;
}

/* ---- beams ---- */

bool beams_start(struct beams *b, const struct runner *runner, const struct generate_request *q, int n, struct error *error)
{
    size_t N = (size_t)n, V = (size_t)runner->model->config.V;
    *b = (struct beams){.q = q, .g = q->options, .n = n, .V = (int)V, .length = q->prompt_n, .guided = q->options->guidance_scale != 1,
        .stopping = stopping_start(q->options, q->last, q->token, q->token_context)};
    int rows = b->guided ? 2 * n : n;
    bool ok = sampling_scratch_init(&b->scratch, b->V, error) && (b->ids = mem_alloc(N * q->last, sizeof *b->ids, error)) != NULL &&
              (b->spare = mem_alloc(N * q->last, sizeof *b->spare, error)) != NULL && (b->slot = mem_alloc(N, sizeof *b->slot, error)) != NULL &&
              (b->order = mem_alloc(2 * N, sizeof *b->order, error)) != NULL && (b->claimed = mem_alloc(N, sizeof *b->claimed, error)) != NULL &&
              (b->logits = mem_alloc((size_t)rows * V, sizeof *b->logits, error)) != NULL && (b->tokens = mem_alloc(2 * N, sizeof *b->tokens, error)) != NULL &&
              (b->allowed = mem_alloc(V, 1, error)) != NULL && (b->session = session_start_on(runner->model, runner->packed, rows, generate_length(q), runner->pool, error)) != NULL &&
              session_feed(b->session, 0, q->prompt, q->prompt_n, false, b->logits, error);
    const int32_t *negative = q->negative_n > 0 ? q->negative : q->prompt + q->prompt_n - 1;
    float *twins = b->logits + N * V;
    if (ok && b->guided) ok = session_feed(b->session, n, negative, q->negative_n > 0 ? q->negative_n : 1, false, twins, error);
    for (int i = 0; ok && i < n; i++) {
        memcpy(b->ids + (size_t)i * q->last, q->prompt, q->prompt_n * sizeof *b->ids);
        if (i > 0) memcpy(b->logits + (size_t)i * V, b->logits, V * sizeof *b->logits);
        if (i > 0 && b->guided) session_copy(b->session, n, n + i), memcpy(twins + (size_t)i * V, twins, V * sizeof *twins);
    }
    return ok;
}

void beams_stop(struct beams *b)
{
    session_stop(b->session);
    sampling_scratch_free(&b->scratch);
    mem_free(b->ids), mem_free(b->spare), mem_free(b->slot), mem_free(b->order), mem_free(b->claimed), mem_free(b->logits), mem_free(b->tokens), mem_free(b->allowed);
    *b = (struct beams){0};
}

const int32_t *beams_ids(const struct beams *b, int beam) { return b->ids + (size_t)beam * b->q->last; }

float *beams_scores(struct beams *b, int beam, const int32_t *others, size_t others_n)
{
    float *x = b->logits + (size_t)beam * (size_t)b->V;
    const struct generate_constraint *c = b->q->constraint;
    int keep = (int)b->g->sampling.eos.n + 1;                  /* one more than may end */
    struct sampling_context context = {.ids = beams_ids(b, beam), .n = b->length, .prompt = b->q->prompt_n, .last = b->q->last, .piece = b->q->piece,
        .keep = keep < 2 ? 2 : keep, .others = others, .others_n = others_n};
    sampling_log_softmax(x, b->V);
    if (b->guided) sampling_guide(x, b->logits + (size_t)(b->n + beam) * (size_t)b->V, b->V, b->g->guidance_scale, &b->scratch);
    if (c != NULL) {                                           /* the constraint follows this beam from its start */
        c->restart(c->context);
        for (size_t i = b->q->prompt_n; i < b->length; i++) c->taken(c->context, context.ids[i]);
        memset(b->allowed, 0, (size_t)b->V);
        c->allowed(c->context, b->allowed);
        context.allowed = b->allowed;
    }
    sampling_process(&b->g->sampling, &context, &b->scratch, x);
    return x;
}

void beams_top(const struct beams *b, int first, int n, const float *running, int k, struct candidate *out)
{
    int have = 0;
    for (int i = 0; i < n; i++) {
        const float *x = b->logits + (size_t)(first + i) * (size_t)b->V;
        for (int32_t id = 0; id < b->V; id++) {
            float score = x[id] + running[i];
            if (have == k && !(score > out[k - 1].score)) continue;
            int at = have < k ? have++ : k - 1;
            for (; at > 0 && score > out[at - 1].score; at--) out[at] = out[at - 1];
            out[at] = (struct candidate){score, first + i, id};
        }
    }
}

/* Give every beam a session sequence: the first child of a sequence keeps it, further ones get copies in those that nobody goes
 * on with. The unguided twins stay as they are, row by row, as in Hugging Face. */
static void move_slots(struct beams *b, const int *parent)
{
    int *now = b->order, *needed = b->order + b->n, free = 0;
    memset(b->claimed, 0, (size_t)b->n * sizeof *b->claimed);
    memset(needed, 0, (size_t)b->n * sizeof *needed);
    for (int i = 0; i < b->n; i++) needed[b->slot[parent[i]]] = 1;
    for (int i = 0; i < b->n; i++) {
        int from = b->slot[parent[i]];
        now[i] = from;
        if (!b->claimed[from]) {
            b->claimed[from] = 1;
            continue;
        }
        while (needed[free]) free++;
        needed[free] = 1;
        session_copy(b->session, from, free);
        now[i] = free;
    }
    memcpy(b->slot, now, (size_t)b->n * sizeof *now);
}

void beams_extend(struct beams *b, const int *parent, const int32_t *tokens)
{
    for (int i = 0; i < b->n; i++) {
        int32_t *to = b->spare + (size_t)i * b->q->last;
        memcpy(to, beams_ids(b, parent[i]), b->length * sizeof *to);
        to[b->length] = tokens[i];
    }
    int32_t *old = b->ids;
    b->ids = b->spare, b->spare = old;
    b->length++;
    move_slots(b, parent);
}

bool beams_run(struct beams *b, struct error *error)
{
    for (int i = 0; i < b->n; i++) {
        b->order[i] = b->slot[i], b->order[b->n + i] = b->n + i;
        b->tokens[i] = b->tokens[b->n + i] = beams_ids(b, i)[b->length - 1];
    }
    if (b->q->runs != NULL) ++*b->q->runs;
    return session_step(b->session, b->guided ? 2 * b->n : b->n, b->order, b->tokens, b->logits, error);
}

/* ---- the searches without beams ---- */

static bool search_plain(const struct runner *runner, const struct generate_request *q, struct search_result *result, struct error *error)
{
    int n = q->options->num_return_sequences;
    struct sampling_scratch scratch = {0};
    struct generate_request *requests = mem_alloc((size_t)n, sizeof *requests, error);
    struct ids **out = mem_alloc((size_t)n, sizeof *out, error);
    struct session *session = session_start_on(runner->model, runner->packed, generate_sequences(q->options, n), generate_length(q), runner->pool, error);
    bool ok = requests != NULL && out != NULL && session != NULL && sampling_scratch_init(&scratch, runner->model->config.V, error);
    for (int i = 0; ok && i < n; i++) ok = ids_list_add(&result->sequences, error) != NULL;
    for (int i = 0; ok && i < n; i++) {
        requests[i] = *q, requests[i].piece = q->piece + (uint64_t)i;
        out[i] = &result->sequences.list[result->sequences.n - (size_t)(n - i)];
    }
    ok = ok && generate(session, requests, n, &scratch, out, error);
    mem_free(requests), mem_free(out);
    session_stop(session);
    sampling_scratch_free(&scratch);
    return ok;
}

bool search(const struct runner *runner, const struct generate_request *q, struct search_result *result, struct error *error)
{
    enum generation_mode mode = generation_mode(q->options);
    if (q->prompt_n == 0 || q->last <= q->prompt_n) return error_set(error, ERROR_INPUT, "search: %zu ids with a prompt of %zu; a prompt and room behind it are wanted", q->last, q->prompt_n);
    if (mode == GENERATION_GREEDY || mode == GENERATION_SAMPLE) return search_plain(runner, q, result, error);
    if (mode == GENERATION_CONTRASTIVE) return search_contrastive(runner, q, result, error);
    struct beams beams = {0};
    bool ok = beams_start(&beams, runner, q, q->options->num_beams, error);
    if (ok) ok = mode == GENERATION_BEAM ? search_beam(&beams, result, error) : mode == GENERATION_GROUP_BEAM ? search_group_beam(&beams, result, error)
                                                                                                            : search_constrained_beam(&beams, result, error);
    beams_stop(&beams);
    return ok;
}
