/* Making sequences; see generate.h. Requests that have ended leave the batch; the others go on in their session sequences. */
#include "core/generate.h"
#include "core/generate_inside.h"
#include "core/mem.h"

#include <string.h>

enum { CLOSING_MOST = 8 };

int generate_sequences(const struct generation *options, int n) { return options->guidance_scale != 1 ? 2 * n : n; }

int generate_length(const struct generate_request *q)
{
    size_t longer = q->options->guidance_scale != 1 && q->negative_n > q->prompt_n ? q->negative_n - q->prompt_n : 0;
    return (int)(q->last + longer);
}

bool generate_take(struct generate_row *r, int32_t id, struct error *error)
{
    const struct generate_request *q = r->q;
    if (!ids_append(r->out, id, error)) return false;
    if (q->constraint != NULL && !ids_have(&q->options->sampling.eos, id)) q->constraint->taken(q->constraint->context, id);
    r->ended = stopping_hit(&r->stopping, r->out->id + r->start, r->out->n - r->start);
    if (q->on_token != NULL && !q->on_token(q->on_token_context, id)) r->ended = true;
    return true;
}

/* Close a constrained piece when only just enough room for it is left; it has ended then. The ids that close it count even where the last
 * choice left too little room for them: a whole piece is worth a few ids more. */
static bool close_piece(struct generate_row *r, struct error *error)
{
    int32_t ids[CLOSING_MOST];
    const struct generate_constraint *c = r->q->constraint;
    size_t left = r->q->last - (r->out->n - r->start);
    if (c == NULL || c->closing == NULL || left > CLOSING_MOST + 1) return true;
    int n = c->closing(c->context, ids, CLOSING_MOST);
    if ((size_t)n + 1 < left) return true;
    for (int i = 0; i < n; i++)
        if (!generate_take(r, ids[i], error)) return false;
    const struct ids *eos = &r->q->options->sampling.eos;
    if (eos->n > 0 && !generate_take(r, eos->id[0], error)) return false;
    r->ended = true;
    return true;
}

bool generate_choose(struct generate_row *r, float *logits, struct sampling_scratch *scratch, struct error *error)
{
    const struct generate_request *q = r->q;
    if (!close_piece(r, error)) return false;
    if (r->ended) return true;
    struct sampling_context context = {.ids = r->out->id + r->start, .n = r->out->n - r->start, .prompt = q->prompt_n, .last = q->last,
        .piece = q->piece, .mirostat = &r->mirostat};
    if (q->constraint != NULL) {
        memset(r->allowed, 0, (size_t)scratch->V);
        q->constraint->allowed(q->constraint->context, r->allowed);
        context.allowed = r->allowed;
    }
    r->next = sampling_choose(&q->options->sampling, &context, scratch, logits);
    if (q->on_scores != NULL && !q->on_scores(q->on_scores_context, logits, error)) return false;
    return generate_take(r, r->next, error);
}

enum { SHARED_ROWS = 4 };

struct batch_run {
    struct session *session;
    struct generate_row *rows;   /* (n) */
    int n;
    bool guided;
    int *sequences;              /* (2n) of one step: the rows', then their unguided twins' */
    int32_t *ids;                /* (2n) */
    float *logits;               /* (2n, V) */
    struct sampling_scratch *scratch;
    /* choosing for many rows on the session's workers */
    struct threads *pool;        /* or NULL */
    struct sampling_scratch *scratches;   /* (workers), the caller's own first */
    struct error *errors;        /* (workers) */
    int *live;                   /* (n): rows that go on, in the order of the logits */
    int live_n;
};

/* Feed one prompt to a sequence, or copy the sequence before it, which was fed the same. */
static bool feed_prompt(struct batch_run *b, int s, const int32_t *prompt, size_t n, const int32_t *before, size_t before_n, struct error *error)
{
    size_t V = (size_t)b->scratch->V;
    float *logits = b->logits + (size_t)s * V;
    session_cut(b->session, s, 0);
    if (before == NULL || n != before_n || memcmp(prompt, before, n * sizeof *prompt) != 0) return session_feed(b->session, s, prompt, n, false, logits, error);
    session_copy(b->session, s - 1, s);
    memcpy(logits, logits - V, V * sizeof *logits);
    return true;
}

/* Feed the prompts and those that guidance steers away from; of equal ones in a row only the first is run through the model. */
static bool feed_prompts(struct batch_run *b, struct error *error)
{
    const struct generate_request *last = NULL;
    const int32_t *away = NULL;
    size_t away_n = 0;
    for (int i = 0; i < b->n; i++) {
        const struct generate_request *q = b->rows[i].q;
        const int32_t *negative = q->negative_n > 0 ? q->negative : q->prompt + q->prompt_n - 1;
        size_t n = q->negative_n > 0 ? q->negative_n : 1;
        if (!feed_prompt(b, i, q->prompt, q->prompt_n, last == NULL ? NULL : last->prompt, last == NULL ? 0 : last->prompt_n, error)) return false;
        if (b->guided && !feed_prompt(b, b->n + i, negative, n, away, away_n, error)) return false;
        last = q, away = negative, away_n = n;
    }
    return true;
}

/* Guide and choose for the k-th live row, whose logits are the k-th. */
static void choose(void *context, int k, int worker)
{
    struct batch_run *b = context;
    size_t V = (size_t)b->scratch->V;
    struct generate_row *r = &b->rows[b->live[k]];
    struct sampling_scratch *scratch = worker == 0 ? b->scratch : &b->scratches[worker];
    float *logits = b->logits + (size_t)k * V;
    if (b->guided) sampling_guide(logits, b->logits + (size_t)(b->live_n + k) * V, (int)V, r->q->options->guidance_scale, scratch);
    (void)generate_choose(r, logits, scratch, &b->errors[worker]);
}

static bool choose_all(struct batch_run *b, struct error *error)
{
    int workers = b->pool == NULL ? 1 : threads_size(b->pool);
    if (b->pool != NULL && b->live_n >= SHARED_ROWS) threads_share(b->pool, b->live_n, choose, b);
    else for (int k = 0; k < b->live_n; k++) choose(b, k, 0);
    for (int w = 0; w < workers; w++) {
        if (b->errors[w].kind == ERROR_NONE) continue;
        *error = b->errors[w];
        return false;
    }
    return true;
}

/* Choose for every row that goes on, and run the model on what was chosen. */
static bool step(struct batch_run *b, struct error *error)
{
    int now = 0;
    if (!choose_all(b, error)) return false;
    for (int k = 0; k < b->live_n; k++) {
        struct generate_row *r = &b->rows[b->live[k]];
        if (r->ended) continue;
        if (r->q->runs != NULL) ++*r->q->runs;
        b->live[now] = b->sequences[now] = b->live[k], b->ids[now++] = r->next;
    }
    b->live_n = now;
    for (int k = 0; k < now && b->guided; k++) b->sequences[now + k] = b->n + b->sequences[k], b->ids[now + k] = b->ids[k];
    int rows = b->guided ? 2 * now : now;
    return rows == 0 || session_step(b->session, rows, b->sequences, b->ids, b->logits, error);
}

static bool run(struct batch_run *b, struct error *error)
{
    bool lookup = b->n == 1 && b->rows[0].q->options->prompt_lookup_num_tokens > 0;
    if (!feed_prompts(b, error)) return false;
    if (lookup) return generate_by_lookup(b->session, &b->rows[0], b->logits, b->scratch, error);
    for (b->live_n = 0; b->live_n < b->n; b->live_n++) b->live[b->live_n] = b->live_n;
    while (b->live_n > 0)
        if (!step(b, error)) return false;
    return true;
}

/* Room for every worker to choose; callbacks of the caller are not called from workers. */
static bool start_workers(struct batch_run *b, const struct generate_request *requests, struct error *error)
{
    int workers = 1;
    b->pool = session_pool(b->session);
    for (int i = 0; i < b->n; i++)
        if (requests[i].on_token != NULL || requests[i].on_scores != NULL) b->pool = NULL;
    if (b->n < SHARED_ROWS) b->pool = NULL;
    if (b->pool != NULL) workers = threads_size(b->pool);
    b->scratches = mem_alloc((size_t)workers, sizeof *b->scratches, error);
    b->errors = mem_alloc((size_t)workers, sizeof *b->errors, error);
    bool ok = b->scratches != NULL && b->errors != NULL;
    for (int w = 1; ok && w < workers; w++) ok = sampling_scratch_init(&b->scratches[w], b->scratch->V, error);
    return ok;
}

static void stop_workers(struct batch_run *b)
{
    for (int w = 1; b->scratches != NULL && b->pool != NULL && w < threads_size(b->pool); w++) sampling_scratch_free(&b->scratches[w]);
    mem_free(b->scratches), mem_free(b->errors);
}

static bool start_row(struct generate_row *r, const struct generate_request *q, struct ids *out, int V, struct error *error)
{
    *r = (struct generate_row){.q = q, .out = out, .start = out->n, .stopping = stopping_start(q->options, q->last, q->token, q->token_context)};
    if (q->prompt_n == 0) return error_set(error, ERROR_INPUT, "generate: the prompt is empty; at least one id is wanted");
    if (q->last <= q->prompt_n) return error_set(error, ERROR_INPUT, "generate: %zu ids with a prompt of %zu; more are wanted", q->last, q->prompt_n);
    if (q->constraint != NULL && (r->allowed = mem_alloc((size_t)V, 1, error)) == NULL) return false;
    if (q->constraint != NULL) q->constraint->restart(q->constraint->context);
    return ids_append_many(out, q->prompt, q->prompt_n, error);
}

bool generate(struct session *session, const struct generate_request *requests, int n, struct sampling_scratch *scratch, struct ids *const *out, struct error *error)
{
    size_t rows = (size_t)(n < 1 ? 1 : n);
    struct batch_run b = {.session = session, .n = n, .scratch = scratch, .guided = n > 0 && requests[0].options->guidance_scale != 1};
    b.rows = mem_alloc(rows, sizeof *b.rows, error);
    b.sequences = mem_alloc(2 * rows, sizeof *b.sequences, error);
    b.ids = mem_alloc(2 * rows, sizeof *b.ids, error);
    b.live = mem_alloc(rows, sizeof *b.live, error);
    b.logits = mem_alloc((b.guided ? 2 : 1) * rows * (size_t)scratch->V, sizeof *b.logits, error);
    bool ok = b.rows != NULL && b.sequences != NULL && b.ids != NULL && b.live != NULL && b.logits != NULL && start_workers(&b, requests, error);
    for (int i = 0; ok && i < n; i++) ok = start_row(&b.rows[i], &requests[i], out[i], scratch->V, error);
    ok = ok && run(&b, error);
    for (int i = 0; b.rows != NULL && i < n; i++) mem_free(b.rows[i].allowed);
    stop_workers(&b);
    mem_free(b.rows), mem_free(b.sequences), mem_free(b.ids), mem_free(b.live), mem_free(b.logits);
    return ok;
}
