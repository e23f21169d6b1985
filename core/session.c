/* Inference with a KV cache; see session.h. Rows go through the layers at most ROWS at a time. */
#include "core/session.h"
#include "core/layers.h"
#include "core/mem.h"
#include "core/rope.h"

#include <math.h>
#include <string.h>

enum { ROWS = 32 };

struct session {
    const struct model *model;
    int sequences, length;
    int *at;                 /* (sequences): positions held */
    float *keys, *values;    /* (L, sequences, length, G*D), keys rotated */
    float *rope;             /* (length, D/2, 2) */
    float *x, *normed;       /* (ROWS, C) */
    float *qkv;              /* (ROWS, (H + 2G) D) */
    float *att;              /* (ROWS, H D) */
    float *up, *h;           /* (ROWS, 2F; F with GELU), (ROWS, F) */
    float *delta;            /* (ROWS, C) */
    float *scores;           /* (length) */
    float *picked;           /* (ROWS, C): rows whose logits are wanted */
};

struct row { int sequence, position; int32_t id; };

struct session *session_start(const struct model *model, int sequences, int length, struct error *error)
{
    const struct config *c = &model->config;
    if (length > c->T || length < 1) {
        error_set(error, ERROR_INPUT, "session: %d positions; 1 to %d, the model's context, are wanted", length, c->T);
        return NULL;
    }
    struct session *s = mem_alloc(1, sizeof *s, error);
    if (s == NULL) return NULL;
    *s = (struct session){.model = model, .sequences = sequences, .length = length};
    size_t n = (size_t)sequences, T = (size_t)length, C = (size_t)c->C, F = (size_t)c->F, D = (size_t)c->D, H = (size_t)c->H, G = (size_t)c->G;
    s->at = mem_alloc(n, sizeof *s->at, error);
    struct { float **to; size_t n; } all[] = {
        {&s->keys, (size_t)c->L * n * T * G * D}, {&s->values, (size_t)c->L * n * T * G * D}, {&s->rope, T * D}, {&s->x, ROWS * C}, {&s->normed, ROWS * C},
        {&s->qkv, ROWS * (H + 2 * G) * D}, {&s->att, ROWS * H * D}, {&s->up, ROWS * 2 * F}, {&s->h, ROWS * F}, {&s->delta, ROWS * C},
        {&s->scores, T}, {&s->picked, ROWS * C}};
    bool ok = s->at != NULL;
    for (size_t i = 0; ok && i < sizeof all / sizeof *all; i++) ok = (*all[i].to = mem_alloc(all[i].n, sizeof(float), error)) != NULL;
    if (!ok) {
        session_stop(s);
        return NULL;
    }
    rope_table(c, length, s->rope);
    return s;
}

void session_stop(struct session *s)
{
    if (s == NULL) return;
    float *all[] = {s->keys, s->values, s->rope, s->x, s->normed, s->qkv, s->att, s->up, s->h, s->delta, s->scores, s->picked};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) mem_free(all[i]);
    mem_free(s->at);
    mem_free(s);
}

int session_length(const struct session *session, int s) { return session->at[s]; }
void session_cut(struct session *session, int s, int length) { if (length < session->at[s]) session->at[s] = length; }

static long cache_at(const struct session *s, int layer, int sequence, int position)
{
    return (((long)layer * s->sequences + sequence) * s->length + position) * s->model->config.G * s->model->config.D;
}

void session_copy(struct session *s, int from, int to)
{
    size_t n = (size_t)s->at[from] * (size_t)s->model->config.G * (size_t)s->model->config.D * sizeof(float);
    for (int l = 0; l < s->model->config.L && from != to; l++) {
        memcpy(s->keys + cache_at(s, l, to, 0), s->keys + cache_at(s, l, from, 0), n);
        memcpy(s->values + cache_at(s, l, to, 0), s->values + cache_at(s, l, from, 0), n);
    }
    s->at[to] = s->at[from];
}

/* One head of one row against its sequence's cache. */
static void attend(struct session *s, const float *q, const float *keys, const float *values, int n, int stride, float *out)
{
    int D = s->model->config.D;
    float scale = 1.0f / sqrtf((float)D);
    for (int t = 0; t < n; t++) s->scores[t] = layers_dot(q, keys + (long)t * stride, D) * scale;
    layers_softmax(s->scores, n, n);
    memset(out, 0, (size_t)D * sizeof *out);
    for (int t = 0; t < n; t++) layers_scaled_add(out, values + (long)t * stride, s->scores[t], D);
}

static void attention(struct session *s, int layer, const struct layer *w, const struct row *rows, int n)
{
    const struct config *c = &s->model->config;
    int wide = (c->H + 2 * c->G) * c->D, stride = c->G * c->D;
    struct norm q_norm = {w->q_norm, NULL, c->norm_eps}, k_norm = {w->k_norm, NULL, c->norm_eps};
    for (int i = 0; i < n; i++) {                             /* norm, rotate, put keys and values in the cache */
        float *q = s->qkv + (long)i * wide, *k = q + c->H * c->D;
        const float *turn = s->rope + (long)rows[i].position * c->D;
        if (w->q_norm != NULL) {
            layers_norm_forward(q, c->D, &q_norm, c->H, c->D, q, c->D, NULL);
            layers_norm_forward(k, c->D, &k_norm, c->G, c->D, k, c->D, NULL);
        }
        for (int h = 0; h < c->H + c->G && !c->learned_positions; h++) rope_forward(q + h * c->D, turn, c->D);
        long to = cache_at(s, layer, rows[i].sequence, rows[i].position);
        memcpy(s->keys + to, k, (size_t)stride * sizeof *k);
        memcpy(s->values + to, k + stride, (size_t)stride * sizeof *k);
    }
    for (int i = 0; i < n; i++)
        for (int h = 0; h < c->H; h++) {
            long from = cache_at(s, layer, rows[i].sequence, 0) + h / (c->H / c->G) * c->D;
            attend(s, s->qkv + (long)i * wide + h * c->D, s->keys + from, s->values + from, rows[i].position + 1, stride,
                   s->att + ((long)i * c->H + h) * c->D);
        }
}

/* y (n, rows) = x (n, k) w' + bias */
static void linear(const float *x, int n, const float *w, const float *bias, int rows, int k, float *y)
{
    layers_linear(x, n, w, rows, k, y);
    layers_add_rows(y, bias, n, rows);
}

static void run_layer(struct session *s, int layer, const struct row *rows, int n)
{
    const struct config *c = &s->model->config;
    struct layer w = model_layer(s->model, s->model->weights, layer);
    struct norm norm1 = {w.norm1, w.norm1_bias, c->norm_eps}, norm2 = {w.norm2, w.norm2_bias, c->norm_eps};
    layers_norm_forward(s->x, c->C, &norm1, n, c->C, s->normed, c->C, NULL);
    linear(s->normed, n, w.qkv, w.qkv_bias, (c->H + 2 * c->G) * c->D, c->C, s->qkv);
    attention(s, layer, &w, rows, n);
    linear(s->att, n, w.o, w.o_bias, c->C, c->H * c->D, s->delta);
    layers_add(s->x, s->delta, n * c->C);
    layers_norm_forward(s->x, c->C, &norm2, n, c->C, s->normed, c->C, NULL);
    linear(s->normed, n, w.up, w.up_bias, config_up(c), c->C, s->up);
    if (c->gelu) layers_gelu_forward(s->up, (long)n * c->F, s->h);
    else layers_swiglu_forward(s->up, n, c->F, s->h);
    linear(s->h, n, w.down, w.down_bias, c->C, c->F, s->delta);
    layers_add(s->x, s->delta, n * c->C);
}

static bool check(const struct session *s, int sequence, int32_t id, size_t more, struct error *error)
{
    const struct config *c = &s->model->config;
    if (id < 0 || id >= c->V) return error_set(error, ERROR_INPUT, "session: id %d; 0 to %d is wanted", (int)id, c->V - 1);
    if ((size_t)s->at[sequence] + more > (size_t)s->length)
        return error_set(error, ERROR_INPUT, "session: %zu positions; there is room for %d", (size_t)s->at[sequence] + more, s->length);
    return true;
}

/* Run n <= ROWS rows. Logits of row i are written when want(i): the rows from `first_wanted` on, in order. */
static void run(struct session *s, const struct row *rows, int n, int first_wanted, float *logits)
{
    const struct config *c = &s->model->config;
    const float *weights = s->model->weights, *embed = model_embed(s->model, weights), *positions = model_positions(s->model, weights);
    struct norm norm = {model_norm(s->model, weights), model_norm_bias(s->model, weights), c->norm_eps};
    for (int i = 0; i < n; i++) {
        memcpy(s->x + (long)i * c->C, embed + (long)rows[i].id * c->C, (size_t)c->C * sizeof *s->x);
        if (positions != NULL) layers_add(s->x + (long)i * c->C, positions + (long)rows[i].position * c->C, c->C);
    }
    for (int l = 0; l < c->L; l++) run_layer(s, l, rows, n);
    for (int i = 0; i < n; i++) s->at[rows[i].sequence] = rows[i].position + 1;
    int wanted = n - first_wanted;
    if (logits == NULL || wanted <= 0) return;
    layers_norm_forward(s->x + (long)first_wanted * c->C, c->C, &norm, wanted, c->C, s->picked, c->C, NULL);
    layers_linear(s->picked, wanted, model_head(s->model, s->model->weights), c->V, c->C, logits);
}

bool session_feed(struct session *s, int sequence, const int32_t *ids, size_t n, bool all, float *logits, struct error *error)
{
    struct row rows[ROWS];
    for (size_t i = 0; i < n; i++)
        if (!check(s, sequence, ids[i], n, error)) return false;
    for (size_t done = 0; done < n;) {
        int m = n - done < ROWS ? (int)(n - done) : ROWS;
        for (int i = 0; i < m; i++) rows[i] = (struct row){sequence, s->at[sequence] + i, ids[done + (size_t)i]};
        bool last = done + (size_t)m == n;
        if (all) run(s, rows, m, 0, logits == NULL ? NULL : logits + done * (size_t)s->model->config.V);
        else run(s, rows, m, last ? m - 1 : m, logits);
        done += (size_t)m;
    }
    return true;
}

bool session_step(struct session *s, int n, const int *sequences, const int32_t *ids, float *logits, struct error *error)
{
    struct row rows[ROWS];
    for (int i = 0; i < n; i++)
        if (!check(s, sequences[i], ids[i], 1, error)) return false;
    for (int done = 0; done < n; done += ROWS) {
        int m = n - done < ROWS ? n - done : ROWS;
        for (int i = 0; i < m; i++) rows[i] = (struct row){sequences[done + i], s->at[sequences[done + i]], ids[done + i]};
        run(s, rows, m, 0, logits + (long)done * s->model->config.V);
    }
    return true;
}
