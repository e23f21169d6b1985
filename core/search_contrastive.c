/* Contrastive search (Su et al. 2022) as in Hugging Face 4.51; see search.h.
 *
 *     next = argmax over the top_k ids v of (1 - alpha) p(v) - alpha * max over earlier places t of cos(h_v, h_t)
 *
 * h is the hidden state behind the last norm. The top_k ids run side by side, each in a session sequence; the chosen one's sequence
 * is then copied to the others. */
#include "core/mem.h"
#include "core/search_inside.h"

#include <math.h>
#include <string.h>

enum { FEED = 32 };                  /* positions of the prompt whose logits are held at a time */

struct contrastive {
    const struct generate_request *q;
    const struct generation *g;
    struct session *session;
    struct sampling_scratch scratch;
    struct stopping stopping;
    int k, C, V;
    struct ids *out;
    float *hidden;                   /* (last, C): unit vectors of the places so far */
    float *next_hidden;              /* (k, C) */
    float *logits;                   /* (max(k, FEED), V) */
    float *row;                      /* (V) */
    uint8_t *allowed;                /* (V), with a constraint */
    int *sequences;                  /* (k) */
    int32_t *top;                    /* (k) */
    float *probability;              /* (k) */
};

static void make_unit(float *x, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) sum += (double)x[i] * (double)x[i];
    float norm = (float)sqrt(sum);
    for (int i = 0; i < n; i++) x[i] /= norm;
}

static bool feed_prompt(struct contrastive *s, struct error *error)
{
    size_t n = s->q->prompt_n, V = (size_t)s->V, C = (size_t)s->C;
    for (size_t at = 0; at < n; at += FEED) {
        size_t m = n - at < FEED ? n - at : FEED;
        session_keep_hidden(s->session, s->hidden + at * C);
        if (!session_feed(s->session, 0, s->q->prompt + at, m, true, s->logits, error)) return false;
        memcpy(s->row, s->logits + (m - 1) * V, V * sizeof *s->row);
    }
    for (size_t i = 0; i < n; i++) make_unit(s->hidden + i * C, s->C);
    for (int i = 1; i < s->k; i++) session_copy(s->session, 0, i);
    return ids_append_many(s->out, s->q->prompt, n, error);
}

/* The k likeliest ids of the processed logits and their probabilities. */
static void find_top(struct contrastive *s)
{
    const struct generate_constraint *c = s->q->constraint;
    struct sampling_context context = {.ids = s->out->id, .n = s->out->n, .prompt = s->q->prompt_n, .last = s->q->last, .piece = s->q->piece};
    if (c != NULL) {
        memset(s->allowed, 0, (size_t)s->V);
        c->allowed(c->context, s->allowed);
        context.allowed = s->allowed;
    }
    sampling_process(&s->g->sampling, &context, &s->scratch, s->row);
    sampling_log_softmax(s->row, s->V);
    int have = 0;
    for (int32_t id = 0; id < s->V; id++) {
        float p = expf(s->row[id]);
        if (have == s->k && !(p > s->probability[s->k - 1])) continue;
        int at = have < s->k ? have++ : s->k - 1;
        for (; at > 0 && p > s->probability[at - 1]; at--) s->probability[at] = s->probability[at - 1], s->top[at] = s->top[at - 1];
        s->probability[at] = p, s->top[at] = id;
    }
}

static int choose(struct contrastive *s)
{
    int best = 0;
    float most = -INFINITY, alpha = (float)s->g->penalty_alpha;
    for (int i = 0; i < s->k; i++) {
        float *h = s->next_hidden + (size_t)i * (size_t)s->C, like = -INFINITY;
        make_unit(h, s->C);
        for (size_t t = 0; t < s->out->n; t++) {
            double sum = 0;
            for (int c = 0; c < s->C; c++) sum += (double)s->hidden[t * (size_t)s->C + (size_t)c] * (double)h[c];
            like = (float)sum > like ? (float)sum : like;
        }
        float score = (float)(1 - s->g->penalty_alpha) * s->probability[i] - alpha * like;
        if (score > most) most = score, best = i;
    }
    return best;
}

static bool loop(struct contrastive *s, struct error *error)
{
    size_t V = (size_t)s->V, C = (size_t)s->C;
    const struct generate_constraint *c = s->q->constraint;
    for (bool ended = false; !ended;) {
        find_top(s);
        session_keep_hidden(s->session, s->next_hidden);
        if (s->q->runs != NULL) ++*s->q->runs;
        if (!session_step(s->session, s->k, s->sequences, s->top, s->logits, error)) return false;
        int best = choose(s);
        memcpy(s->hidden + s->out->n * C, s->next_hidden + (size_t)best * C, C * sizeof *s->hidden);
        memcpy(s->row, s->logits + (size_t)best * V, V * sizeof *s->row);
        for (int i = 0; i < s->k; i++) session_copy(s->session, best, i);
        if (!ids_append(s->out, s->top[best], error)) return false;
        if (c != NULL && !ids_have(&s->g->sampling.eos, s->top[best])) c->taken(c->context, s->top[best]);
        ended = stopping_hit(&s->stopping, s->out->id, s->out->n);
        if (s->q->on_token != NULL && !s->q->on_token(s->q->on_token_context, s->top[best])) ended = true;
    }
    return true;
}

static bool start(struct contrastive *s, const struct runner *runner, const struct generate_request *q, struct error *error)
{
    const struct model *model = runner->model;
    int V = model->config.V, k = q->options->sampling.top_k < V ? q->options->sampling.top_k : V;
    size_t rows = (size_t)(k > FEED ? k : FEED), C = (size_t)model->config.C;
    *s = (struct contrastive){.q = q, .g = q->options, .k = k, .C = model->config.C, .V = V, .stopping = stopping_start(q->options, q->last, q->token, q->token_context)};
    bool ok = sampling_scratch_init(&s->scratch, V, error) && (s->session = session_start_on(model, runner->packed, k, (int)q->last, runner->pool, error)) != NULL &&
              (s->hidden = mem_alloc(q->last * C, sizeof *s->hidden, error)) != NULL && (s->next_hidden = mem_alloc((size_t)k * C, sizeof *s->next_hidden, error)) != NULL &&
              (s->logits = mem_alloc(rows * (size_t)V, sizeof *s->logits, error)) != NULL && (s->row = mem_alloc((size_t)V, sizeof *s->row, error)) != NULL &&
              (s->allowed = mem_alloc((size_t)V, 1, error)) != NULL && (s->sequences = mem_alloc((size_t)k, sizeof *s->sequences, error)) != NULL &&
              (s->top = mem_alloc((size_t)k, sizeof *s->top, error)) != NULL && (s->probability = mem_alloc((size_t)k, sizeof *s->probability, error)) != NULL;
    for (int i = 0; ok && i < k; i++) s->sequences[i] = i;
    if (ok && q->constraint != NULL) q->constraint->restart(q->constraint->context);
    return ok;
}

bool search_contrastive(const struct runner *runner, const struct generate_request *q, struct search_result *result, struct error *error)
{
    struct contrastive s;
    bool ok = start(&s, runner, q, error) && (s.out = ids_list_add(&result->sequences, error)) != NULL && feed_prompt(&s, error) && loop(&s, error);
    session_stop(s.session);
    sampling_scratch_free(&s.scratch);
    mem_free(s.hidden), mem_free(s.next_hidden), mem_free(s.logits), mem_free(s.row), mem_free(s.allowed), mem_free(s.sequences), mem_free(s.top), mem_free(s.probability);
    return ok;
}
