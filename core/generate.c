/* Making a sequence; see generate.h. */
#include "core/generate.h"
#include "core/mem.h"

#include <math.h>
#include <string.h>

enum { CLOSING_MOST = 8 };

struct run {
    struct session *session;
    int first;
    const struct generate_request *q;
    struct sampling_scratch *scratch;
    float *logits, *uncond;   /* (V) each, side by side */
    uint8_t *allowed;         /* (V) */
    struct ids *out;
    size_t start;             /* where this sequence starts in *out */
    double log_probability;
    bool scored;              /* log_probability is wanted */
    bool ended;
};

static double log_probability_of(const float *logits, int V, int32_t id)
{
    float most = logits[0];
    double sum = 0;
    for (int i = 1; i < V; i++) most = logits[i] > most ? logits[i] : most;
    for (int i = 0; i < V; i++) sum += exp((double)(logits[i] - most));
    return (double)(logits[id] - most) - log(sum);
}

/* Feed one id to the sequence (and its unguided twin) and get the logits behind it. */
static bool feed(struct run *r, int32_t id, bool guided, struct error *error)
{
    const int sequences[2] = {r->first, r->first + 1};
    const int32_t ids[2] = {id, id};
    return session_step(r->session, guided ? 2 : 1, sequences, ids, r->logits, error);
}

static bool take(struct run *r, int32_t id, struct error *error)
{
    if (!ids_append(r->out, id, error)) return false;
    if (id == r->q->sampling->eos) r->ended = true;
    else if (r->q->constraint != NULL) r->q->constraint->taken(r->q->constraint->context, id);
    if (r->q->on_token != NULL && !r->q->on_token(r->q->on_token_context, id)) r->ended = true;
    return true;
}

/* Close a constrained piece when only just enough room for it is left; true when it was closed. */
static bool close_piece(struct run *r, size_t left, bool *closed, struct error *error)
{
    int32_t ids[CLOSING_MOST];
    const struct generate_constraint *c = r->q->constraint;
    *closed = false;
    if (c == NULL || c->closing == NULL || left > CLOSING_MOST + 1) return true;
    int n = c->closing(c->context, ids, CLOSING_MOST);
    if ((size_t)n + 1 < left) return true;
    for (int i = 0; i < n && !r->ended; i++)
        if (!take(r, ids[i], error)) return false;
    if (!r->ended && r->q->sampling->eos >= 0 && !take(r, r->q->sampling->eos, error)) return false;
    *closed = true;
    return true;
}

static bool loop(struct run *r, struct error *error)
{
    const struct generate_request *q = r->q;
    int V = r->scratch->V;
    bool guided = q->guidance_scale != 1, closed = false;
    for (size_t made = 0; made < q->max_new_tokens && !r->ended; made++) {
        if (!close_piece(r, q->max_new_tokens - made, &closed, error)) return false;
        if (closed) break;
        if (guided) sampling_guide(r->logits, r->uncond, V, q->guidance_scale, r->scratch);
        struct sampling_context context = {.ids = r->out->id + r->start, .n = r->out->n - r->start, .prompt = q->prompt_n,
            .last = q->prompt_n + q->max_new_tokens, .piece = q->piece};
        if (q->constraint != NULL) {
            memset(r->allowed, 0, (size_t)V);
            q->constraint->allowed(q->constraint->context, r->allowed);
            context.allowed = r->allowed;
        }
        if (r->scored) memcpy(r->uncond, r->logits, (size_t)V * sizeof *r->logits);        /* the chain works in place */
        int32_t id = sampling_choose(q->sampling, &context, r->scratch, r->logits);
        if (r->scored) r->log_probability += log_probability_of(r->uncond, V, id);
        if (!take(r, id, error)) return false;
        if (!r->ended && made + 1 < q->max_new_tokens && !feed(r, id, guided, error)) return false;
    }
    return true;
}

bool generate(struct session *session, int first, const struct generate_request *q, struct sampling_scratch *scratch,
              struct ids *out, double *log_probability, struct error *error)
{
    struct run r = {.session = session, .first = first, .q = q, .scratch = scratch, .out = out, .start = out->n};
    bool guided = q->guidance_scale != 1;
    r.scored = log_probability != NULL && !guided;
    r.logits = mem_alloc(2 * (size_t)scratch->V, sizeof *r.logits, error);
    r.uncond = r.logits + scratch->V;
    r.allowed = mem_alloc((size_t)scratch->V, 1, error);
    bool ok = r.logits != NULL && r.allowed != NULL;
    if (ok && q->prompt_n == 0) ok = error_set(error, ERROR_INPUT, "generate: the prompt is empty; at least one id is wanted");
    session_cut(session, first, 0);
    if (guided) session_cut(session, first + 1, 0);
    ok = ok && ids_append_many(out, q->prompt, q->prompt_n, error) && session_feed(session, first, q->prompt, q->prompt_n, false, r.logits, error);
    if (ok && guided) ok = session_feed(session, first + 1, q->negative, q->negative_n, false, r.uncond, error);
    ok = ok && loop(&r, error);
    if (log_probability != NULL) *log_probability = r.log_probability;
    mem_free(r.logits);
    mem_free(r.allowed);
    return ok;
}
