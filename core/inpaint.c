/* Filling holes; see inpaint.h. */
#include "core/inpaint.h"
#include "core/layers.h"
#include "core/mem.h"
#include "core/random.h"

#include <math.h>
#include <string.h>

enum { SEED_STEP = 1000003, FOR_RESAMPLING = 91 };

struct painting {
    const struct inpaint_request *q;
    struct session *session;
    struct sampling_scratch *scratch;
    size_t V;
    bool guided, holed;
    int views;                       /* of a particle: plain [plain twin] [holed [holed twin]], neighbours in the session */
    float *logits;                   /* (particles, views, V): behind what each sequence holds */
    float *mixed[2];                 /* (V) each */
    float *stepped;                  /* (particles * views, V): what a step of the session leaves */
    uint8_t *mask;                   /* (V) */
    struct ids seen[INPAINT_PARTICLES_MOST], drawn[INPAINT_PARTICLES_MOST];      /* the plain sequence; the holes' ids */
    double weight[INPAINT_PARTICLES_MOST];
    bool uneven;                     /* weights have changed since the last choice */
};

static float *logits_of(const struct painting *p, int particle, int view) { return p->logits + (size_t)(particle * p->views + view) * p->V; }

/* ---- the start ---- */

static const struct infill_prompt *prompt_of(const struct painting *p, int view)
{
    int twin = p->guided ? view % 2 : 0;
    return view < (p->guided ? 2 : 1) ? &p->q->plain[twin] : &p->q->holed[twin];
}

static bool is_plain(const struct painting *p, int view) { return view < (p->guided ? 2 : 1); }

/* Feed the prompts, and to the plain ones what stays before the first hole, to the first particle; the others get copies. */
static bool feed(struct painting *p, size_t first_hole, struct error *error)
{
    for (int v = 0; v < p->views; v++) {
        const struct infill_prompt *prompt = prompt_of(p, v);
        size_t more = is_plain(p, v) ? first_hole : 0;
        if (!session_feed(p->session, v, prompt->id, prompt->n, false, logits_of(p, 0, v), error)) return false;
        if (more > 0 && !session_feed(p->session, v, p->q->place, more, false, logits_of(p, 0, v), error)) return false;
    }
    for (int k = 0; k < p->q->particles; k++) {
        if (!ids_append_many(&p->seen[k], p->q->plain[0].id, p->q->plain[0].n, error) || !ids_append_many(&p->seen[k], p->q->place, first_hole, error)) return false;
        for (int v = 0; k > 0 && v < p->views; v++) {
            session_copy(p->session, v, k * p->views + v);
            memcpy(logits_of(p, k, v), logits_of(p, 0, v), p->V * sizeof *p->logits);
        }
    }
    return true;
}

static size_t longest(const struct painting *p)
{
    size_t most = 0;
    for (int v = 0; v < p->views; v++) most = prompt_of(p, v)->n > most ? prompt_of(p, v)->n : most;
    return most + p->q->places;
}

static bool start(struct painting *p, const struct runner *runner, struct error *error)
{
    size_t V = p->V, sequences = (size_t)(p->q->particles * p->views);
    if (longest(p) > (size_t)runner->model->config.T) return error_set(error, ERROR_INPUT, "inpaint: %zu ids; at most %d, the model's context, are wanted", longest(p), runner->model->config.T);
    p->session = session_start_on(runner->model, runner->packed, (int)sequences, (int)longest(p), runner->pool, error);
    p->logits = mem_alloc(sequences * V, sizeof *p->logits, error);
    p->stepped = mem_alloc(sequences * V, sizeof *p->stepped, error);
    p->mixed[0] = mem_alloc(V, sizeof **p->mixed, error);
    p->mixed[1] = mem_alloc(V, sizeof **p->mixed, error);
    p->mask = mem_alloc(V, 1, error);
    return p->session != NULL && p->logits != NULL && p->stepped != NULL && p->mixed[0] != NULL && p->mixed[1] != NULL && p->mask != NULL;
}

static void stop(struct painting *p)
{
    session_stop(p->session);
    mem_free(p->logits), mem_free(p->stepped), mem_free(p->mixed[0]), mem_free(p->mixed[1]), mem_free(p->mask);
    for (int k = 0; k < INPAINT_PARTICLES_MOST; k++) ids_free(&p->seen[k]), ids_free(&p->drawn[k]);
}

/* ---- choosing particles ---- */

/* How many children each particle gets: systematic resampling by exp(weight). False when the weights are even enough. */
static bool children_of(const struct painting *p, size_t place, int children[INPAINT_PARTICLES_MOST])
{
    int n = p->q->particles, at = 0;
    double most = -(double)INFINITY, sum = 0, squares = 0, share[INPAINT_PARTICLES_MOST], passed;
    for (int k = 0; k < n; k++) most = fmax(most, p->weight[k]);
    for (int k = 0; k < n; k++) share[k] = exp(p->weight[k] - most), sum += share[k], squares += share[k] * share[k];
    if (sum * sum >= squares * n / 2) return false;
    double u = random_unit(p->q->options->sampling.seed, FOR_RESAMPLING, place);
    memset(children, 0, (size_t)n * sizeof *children);
    passed = share[0];
    for (int i = 0; i < n; i++) {
        while (at < n - 1 && (u + i) * sum / n >= passed) passed += share[++at];
        children[at]++;
    }
    return true;
}

static bool replace(struct painting *p, int from, int to, struct error *error)
{
    for (int v = 0; v < p->views; v++) {
        session_copy(p->session, from * p->views + v, to * p->views + v);
        memcpy(logits_of(p, to, v), logits_of(p, from, v), p->V * sizeof *p->logits);
    }
    p->seen[to].n = p->drawn[to].n = 0;
    return ids_append_many(&p->seen[to], p->seen[from].id, p->seen[from].n, error) && ids_append_many(&p->drawn[to], p->drawn[from].id, p->drawn[from].n, error);
}

static bool choose_particles(struct painting *p, size_t place, struct error *error)
{
    int children[INPAINT_PARTICLES_MOST], to = 0;
    if (!p->uneven) return true;
    p->uneven = false;
    if (!children_of(p, place, children)) return true;
    for (int from = 0; from < p->q->particles; from++)
        for (; children[from] > 1; children[from]--) {
            while (children[to] != 0) to++;
            children[to] = 1;
            if (!replace(p, from, to, error)) return false;
        }
    memset(p->weight, 0, sizeof p->weight);
    return true;
}

/* ---- places ---- */

/* What a view says about the next id: log-probabilities into out (V). */
static void look(const struct painting *p, int particle, int view, float *out)
{
    memcpy(out, logits_of(p, particle, view), p->V * sizeof *out);
    if (p->guided) sampling_guide(out, logits_of(p, particle, view + 1), (int)p->V, p->q->options->guidance_scale, p->scratch);
    sampling_log_softmax(out, (int)p->V);
}

static int32_t draw(struct painting *p, int particle)
{
    struct sampling sampling = p->q->options->sampling;        /* a view */
    float *out = p->mixed[0];
    struct sampling_context context = {.ids = p->seen[particle].id, .n = p->seen[particle].n, .prompt = p->q->plain[0].n, .last = p->q->plain[0].n + p->q->places + 1, .piece = p->q->piece, .allowed = p->mask};
    look(p, particle, 0, out);
    if (p->holed) {
        look(p, particle, p->guided ? 2 : 1, p->mixed[1]);
        for (size_t i = 0; i < p->V; i++) out[i] += (float)p->q->share * (p->mixed[1][i] - out[i]);
    }
    memset(p->mask, 0, p->V);
    p->q->allowed(p->q->context, p->drawn[particle].id, p->drawn[particle].n, p->mask);
    sampling.seed += (uint64_t)particle * SEED_STEP;
    return sampling_choose(&sampling, &context, p->scratch, out);
}

/* Pass one place: an id for every particle, then a step of those views that see it. */
static bool pass(struct painting *p, size_t place, struct error *error)
{
    int32_t stays = p->q->place[place], ids[4 * INPAINT_PARTICLES_MOST], id;
    int sequences[4 * INPAINT_PARTICLES_MOST], n = 0;
    if (stays < 0 && !choose_particles(p, place, error)) return false;
    for (int k = 0; k < p->q->particles; k++) {
        if (stays >= 0) id = stays, p->weight[k] += (double)(logits_of(p, k, 0)[id] - layers_log_sum(logits_of(p, k, 0), (int)p->V)), p->uneven = true;
        else if (!ids_append(&p->drawn[k], id = draw(p, k), error)) return false;
        if (!ids_append(&p->seen[k], id, error)) return false;
        for (int v = 0; v < p->views; v++)
            if (stays < 0 || is_plain(p, v)) sequences[n] = k * p->views + v, ids[n++] = id;
    }
    if (!session_step(p->session, n, sequences, ids, p->stepped, error)) return false;
    for (int i = 0; i < n; i++) memcpy(p->logits + (size_t)sequences[i] * p->V, p->stepped + (size_t)i * p->V, p->V * sizeof *p->logits);
    return true;
}

bool inpaint(const struct runner *runner, const struct inpaint_request *q, struct sampling_scratch *scratch, struct ids *out, struct error *error)
{
    struct painting p = {.q = q, .scratch = scratch, .V = (size_t)scratch->V, .guided = q->options->guidance_scale != 1, .holed = q->share > 0};
    size_t first = 0;
    int best = 0;
    p.views = (p.guided ? 2 : 1) * (p.holed ? 2 : 1);
    while (first < q->places && q->place[first] >= 0) first++;
    if (first == q->places) return true;
    if (q->particles < 1 || q->particles > INPAINT_PARTICLES_MOST) return error_set(error, ERROR_INPUT, "inpaint: %d candidates; 1 to %d are wanted", q->particles, INPAINT_PARTICLES_MOST);
    bool ok = start(&p, runner, error) && feed(&p, first, error);
    for (size_t i = first; ok && i < q->places; i++) ok = pass(&p, i, error);
    for (int k = 1; k < q->particles; k++) best = p.weight[k] > p.weight[best] ? k : best;
    ok = ok && ids_append_many(out, p.drawn[best].id, p.drawn[best].n, error);
    stop(&p);
    return ok;
}
