/* Filling a hole; see infill.h. */
#include "core/infill.h"
#include "core/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 16, CUTS = 4 };        /* paths drawn side by side; beginnings of a path that are scored in full */

void infill_result_free(struct infill_result *r)
{
    for (size_t i = 0; i < r->n; i++) ids_free(&r->middle[i].ids);
    mem_free(r->middle);
    *r = (struct infill_result){0};
}

static double log_probability(const float *logits, int V, int32_t id)
{
    float most = logits[0];
    double sum = 0;
    for (int i = 1; i < V; i++) most = logits[i] > most ? logits[i] : most;
    for (int i = 0; i < V; i++) sum += exp((double)(logits[i] - most));
    return (double)(logits[id] - most) - log(sum);
}

struct scoring {
    const struct infill_request *q;
    struct session *session;         /* sequence 0 holds the left context, 1 is at work */
    float *before, *logits;          /* (V) behind the left context; (max(most, right_n), V) */
    int V;
    struct ids starts;               /* the likeliest ids behind the left context, best first */
    struct infill_result *result;
};

/* ---- paths ---- */

/* Every second path from the left context is given its first id: the likeliest, the second likeliest, … Draws alone would find the
 * same few over and over. */
static bool find_starts(struct scoring *s, int most, struct error *error)
{
    const struct infill_request *q = s->q;
    uint8_t *allowed = mem_alloc((size_t)s->V, 1, error);
    if (allowed == NULL) return false;
    if (q->constraint != NULL) q->constraint->restart(q->constraint->context), q->constraint->allowed(q->constraint->context, allowed);
    for (int32_t id = 0; id < s->V; id++) {                    /* the constraint begins behind the start, so that must be whole */
        size_t at = s->starts.n;
        bool fits = !ids_have(&q->options->sampling.eos, id) && (q->constraint == NULL || (SAMPLING_IS_ALLOWED(allowed[id]) && (q->whole == NULL || q->whole(q->whole_context, &id, 1))));
        if (!fits || (at == (size_t)most && !(s->before[id] > s->before[s->starts.id[at - 1]]))) continue;
        if (at < (size_t)most && !ids_append(&s->starts, id, error)) break;
        if (at == (size_t)most) at--;
        for (; at > 0 && s->before[id] > s->before[s->starts.id[at - 1]]; at--) s->starts.id[at] = s->starts.id[at - 1];
        s->starts.id[at] = id;
    }
    mem_free(allowed);
    return error->kind == ERROR_NONE;
}

static bool draw_path_start(const struct scoring *s, int number, struct ids *prompt, size_t *given, struct error *error)
{
    const struct infill_prompt *p = &s->q->prompts[number % s->q->prompts_n];
    size_t place = (size_t)(number / (2 * s->q->prompts_n));
    bool start = number % s->q->prompts_n == 0 && number / s->q->prompts_n % 2 == 1 && place < s->starts.n && s->q->most > 1;
    *given = p->n;
    return ids_append_many(prompt, p->id, p->n, error) && (!start || ids_append(prompt, s->starts.id[place], error));
}

static bool draw_batch(const struct scoring *s, struct session *session, int first, int rows, struct sampling_scratch *scratch, struct ids *paths, struct error *error)
{
    const struct infill_request *q = s->q;
    struct generate_request requests[ROWS];
    struct ids *out[ROWS], prompts[ROWS] = {{0}};
    size_t given[ROWS];
    bool ok = true;
    for (int i = 0; ok && i < rows; i++) {
        ok = draw_path_start(s, first + i, &prompts[i], &given[i], error);
        requests[i] = (struct generate_request){.prompt = prompts[i].id, .prompt_n = prompts[i].n, .options = q->options, .last = given[i] + (size_t)q->most,
            .constraint = q->constraint, .piece = (uint64_t)(first + i)};
        out[i] = &paths[i];
    }
    /* a constraint follows one sequence: with one, the paths are drawn one after the other */
    if (ok && q->constraint == NULL) ok = generate(session, requests, rows, scratch, out, error);
    for (int i = 0; ok && q->constraint != NULL && i < rows; i++) ok = generate(session, &requests[i], 1, scratch, &out[i], error);
    for (int i = 0; i < rows; i++) ids_free(&prompts[i]);
    for (int i = 0; ok && i < rows; i++) {                     /* keep what is new, without the end id */
        size_t n = paths[i].n - given[i];
        memmove(paths[i].id, paths[i].id + given[i], n * sizeof *paths[i].id);
        paths[i].n = n > 0 && ids_have(&q->options->sampling.eos, paths[i].id[n - 1]) ? n - 1 : n;
    }
    return ok;
}

/* ---- scores ---- */

static bool is_known(const struct infill_result *r, const int32_t *ids, size_t n)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->middle[i].ids.n == n && (n == 0 || memcmp(r->middle[i].ids.id, ids, n * sizeof *ids) == 0)) return true;
    return false;
}

static bool keep(struct scoring *s, const int32_t *ids, size_t n, double own, double right, struct error *error)
{
    struct infill_middle *more = mem_resize(s->result->middle, s->result->n + 1, sizeof *more, error);
    if (more == NULL) return false;
    s->result->middle = more;
    struct infill_middle *m = &more[s->result->n++];
    size_t all = n + s->q->right_n;
    *m = (struct infill_middle){.own = own, .right = right, .score = (own + right) / pow((double)(all > 0 ? all : 1), s->q->options->length_penalty)};
    return ids_append_many(&m->ids, ids, n, error);
}

/* log p(right | left, the first n ids of the path, which sequence 1 holds). `first`: log-probability of its first id. */
static bool score_right(struct scoring *s, size_t n, double first, double *out, struct error *error)
{
    size_t more = s->q->right_n > 0 ? s->q->right_n - 1 : 0;
    *out = first;
    session_cut(s->session, 1, (int)(s->q->left_n + n));
    if (more == 0) return true;
    if (!session_feed(s->session, 1, s->q->right, more, true, s->logits, error)) return false;
    for (size_t i = 0; i < more; i++) *out += log_probability(s->logits + i * (size_t)s->V, s->V, s->q->right[i + 1]);
    return true;
}

struct cut { size_t n; double own, first, promise; };

static int by_promise(const void *a, const void *b)
{
    double x = ((const struct cut *)a)->promise, y = ((const struct cut *)b)->promise;
    return x > y ? -1 : x < y;
}

static int by_length(const void *a, const void *b)
{
    size_t x = ((const struct cut *)a)->n, y = ((const struct cut *)b)->n;
    return x > y ? -1 : x < y;
}

static bool may_end(const struct infill_request *q, const int32_t *ids, size_t n)
{
    return n >= (size_t)q->options->sampling.min_new_tokens && (q->whole == NULL || q->whole(q->whole_context, ids, n));
}

static bool score_path(struct scoring *s, const struct ids *path, struct error *error)
{
    const struct infill_request *q = s->q;
    struct cut *cuts = mem_alloc(path->n + 1, sizeof *cuts, error);
    size_t found = 0;
    double own = 0;
    if (cuts == NULL) return false;
    session_cut(s->session, 1, 0);
    session_copy(s->session, 0, 1);
    bool ok = path->n == 0 || session_feed(s->session, 1, path->id, path->n, true, s->logits, error);
    for (size_t n = 0; ok && n <= path->n; n++) {
        const float *behind = n == 0 ? s->before : s->logits + (n - 1) * (size_t)s->V;
        double first = q->right_n > 0 ? log_probability(behind, s->V, q->right[0]) : 0;
        if (may_end(q, path->id, n) && !is_known(s->result, path->id, n))
            cuts[found++] = (struct cut){n, own, first, (own + first) / pow((double)(n + 1), q->options->length_penalty)};
        if (n < path->n) own += log_probability(behind, s->V, path->id[n]);
    }
    qsort(cuts, found, sizeof *cuts, by_promise);
    if (found > CUTS) found = CUTS;
    qsort(cuts, found, sizeof *cuts, by_length);               /* longest first: each cuts the sequence further */
    for (size_t i = 0; ok && i < found; i++) {
        double right;
        ok = score_right(s, cuts[i].n, cuts[i].first, &right, error) && keep(s, path->id, cuts[i].n, cuts[i].own, right, error);
    }
    mem_free(cuts);
    return ok;
}

static int by_score(const void *a, const void *b)
{
    const struct infill_middle *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    if (x->ids.n != y->ids.n) return x->ids.n < y->ids.n ? -1 : 1;
    return x->ids.n == 0 ? 0 : memcmp(x->ids.id, y->ids.id, x->ids.n * sizeof *x->ids.id);
}

static bool run(struct scoring *s, struct session *drawing, struct sampling_scratch *scratch, struct error *error)
{
    const struct infill_request *q = s->q;
    bool ok = session_feed(s->session, 0, q->left, q->left_n, false, s->before, error) && find_starts(s, (q->candidates + 1) / 2, error);
    for (int done = 0; ok && done < q->candidates; done += ROWS) {
        int rows = q->candidates - done < ROWS ? q->candidates - done : ROWS;
        struct ids paths[ROWS] = {{0}};
        ok = draw_batch(s, drawing, done, rows, scratch, paths, error);
        for (int i = 0; i < rows; i++) {
            ok = ok && score_path(s, &paths[i], error);
            ids_free(&paths[i]);
        }
    }
    if (s->result->n > 1) qsort(s->result->middle, s->result->n, sizeof *s->result->middle, by_score);
    return ok;
}

bool infill(const struct runner *runner, const struct infill_request *q, struct infill_result *result, struct error *error)
{
    const struct model *model = runner->model;
    size_t V = (size_t)model->config.V, rows = (size_t)q->most > q->right_n ? (size_t)q->most : q->right_n, longest = q->left_n;
    struct sampling_scratch scratch = {0};
    for (int i = 0; i < q->prompts_n; i++) longest = q->prompts[i].n > longest ? q->prompts[i].n : longest;
    size_t length = longest + (size_t)q->most + q->right_n;
    if (q->left_n == 0) return error_set(error, ERROR_INPUT, "infill: nothing stands before the hole; at least one id is wanted");
    if (length > (size_t)model->config.T) return error_set(error, ERROR_INPUT, "infill: %zu tokens; at most %d, the model's context, are wanted", length, model->config.T);
    struct scoring s = {.q = q, .V = model->config.V, .result = result};
    struct session *drawing = session_start_on(model, runner->packed, q->constraint == NULL ? ROWS : 1, (int)length, runner->pool, error);
    bool ok = drawing != NULL && (s.session = session_start_on(model, runner->packed, 2, (int)length, runner->pool, error)) != NULL && (s.before = mem_alloc(V, sizeof *s.before, error)) != NULL &&
              (s.logits = mem_alloc((rows + 1) * V, sizeof *s.logits, error)) != NULL && sampling_scratch_init(&scratch, model->config.V, error) &&
              run(&s, drawing, &scratch, error);
    session_stop(drawing), session_stop(s.session);
    mem_free(s.before), mem_free(s.logits), ids_free(&s.starts);
    sampling_scratch_free(&scratch);
    return ok;
}

bool infill_scores(const struct runner *runner, const int32_t *left, size_t left_n, const struct infill_prompt *right, int n, double *out, struct error *error)
{
    size_t V = (size_t)runner->model->config.V, most = 1;
    for (int k = 0; k < n; k++) most = right[k].n > most ? right[k].n : most;
    struct session *session = session_start_on(runner->model, runner->packed, 1, (int)(left_n + most), runner->pool, error);
    float *logits = mem_alloc((most + 1) * V, sizeof *logits, error);
    bool ok = session != NULL && logits != NULL && session_feed(session, 0, left, left_n, false, logits, error);
    for (int k = 0; ok && k < n; k++) {
        session_cut(session, 0, (int)left_n);
        ok = right[k].n < 2 || session_feed(session, 0, right[k].id, right[k].n - 1, true, logits + V, error);
        out[k] = 0;
        for (size_t i = 0; ok && i < right[k].n; i++) out[k] += log_probability(logits + i * V, (int)V, right[k].id[i]);
    }
    session_stop(session);
    mem_free(logits);
    return ok;
}

bool infill_score(const struct runner *runner, const int32_t *left, size_t left_n, const int32_t *ids, size_t n, double *out, struct error *error)
{
    *out = 0;
    return infill_scores(runner, left, left_n, &(struct infill_prompt){ids, n}, 1, out, error);
}
