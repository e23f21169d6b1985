/* The batched forward and backward pass; see gradient.h. */
#include "core/gradient.h"
#include "core/attention.h"
#include "core/blas.h"
#include "core/layers.h"
#include "core/mem.h"

#include <math.h>
#include <string.h>

enum { LOSS_ROWS = 128 };

struct slab {
    int n_most;
    float *memory;           /* the one block that all pointers below point into */
    float *rope;             /* (T, D/2, 2) */
    float *x;                /* (L+1, n, C): what enters each layer, and what leaves the last */
    float *m;                /* (L, n, C): behind attention */
    float *rstd1, *rstd2;    /* (L, n) */
    float *rstd_q, *rstd_k;  /* (L, n, H), (L, n, G) */
    float *rstd;             /* (n): of the final norm */
    float *qkv;              /* (L, n, (H + 2G) D): as projected, before norm and rotation */
    float *att, *lse;        /* (L, n, H D), (L, n, H) */
    float *gu;               /* (L, n, 2F) */
    float *normed;           /* (n, C): a norm's output */
    float *qk;               /* (n, (H + G) D): normed and rotated queries and keys */
    float *h;                /* (n, F) */
    float *dx, *dnormed;     /* (n, C) */
    float *dh;               /* (n, F) */
    float *dqkv, *dqk;       /* (n, (H + 2G) D), (n, (H + G) D) */
    float *datt;             /* (n, H D) */
    float *logits;           /* (LOSS_ROWS, V) */
    float *tile[2];          /* (ATTENTION_BLOCK, longest) */
};

/* What one layer's functions work with: its weights, and its rows in the slab. */
struct view { struct layer w; float *x, *m, *next, *rstd1, *rstd2, *rstd_q, *rstd_k, *qkv, *att, *lse, *gu; };

struct request { float **to; size_t n; };

static int width_qkv(const struct config *c) { return (c->H + 2 * c->G) * c->D; }
static int width_qk(const struct config *c) { return (c->H + c->G) * c->D; }

struct slab *slab_start(const struct model *model, int n_most, struct error *error)
{
    const struct config *c = &model->config;
    struct slab *s = mem_alloc(1, sizeof *s, error);
    if (s == NULL) return NULL;
    s->n_most = n_most;
    size_t n = (size_t)n_most, L = (size_t)c->L, C = (size_t)c->C, F = (size_t)c->F, H = (size_t)c->H, G = (size_t)c->G;
    size_t HD = H * (size_t)c->D, longest = n < (size_t)c->T ? n : (size_t)c->T;
    struct request all[] = {
        {&s->rope, longest * (size_t)c->D}, {&s->x, (L + 1) * n * C}, {&s->m, L * n * C}, {&s->rstd1, L * n}, {&s->rstd2, L * n},
        {&s->rstd_q, L * n * H}, {&s->rstd_k, L * n * G}, {&s->rstd, n}, {&s->qkv, L * n * (size_t)width_qkv(c)},
        {&s->att, L * n * HD}, {&s->lse, L * n * H}, {&s->gu, L * n * 2 * F}, {&s->normed, n * C}, {&s->qk, n * (size_t)width_qk(c)},
        {&s->h, n * F}, {&s->dx, n * C}, {&s->dnormed, n * C}, {&s->dh, n * F}, {&s->dqkv, n * (size_t)width_qkv(c)},
        {&s->dqk, n * (size_t)width_qk(c)}, {&s->datt, n * HD}, {&s->logits, (size_t)LOSS_ROWS * (size_t)c->V},
        {&s->tile[0], ATTENTION_BLOCK * longest}, {&s->tile[1], ATTENTION_BLOCK * longest},
    };
    size_t total = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) total += (all[i].n + 15) / 16 * 16;
    s->memory = mem_alloc(total, sizeof *s->memory, error);
    if (s->memory == NULL) { mem_free(s); return NULL; }
    float *at = s->memory;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) *all[i].to = at, at += (all[i].n + 15) / 16 * 16;
    layers_rope_table(s->rope, (int)longest, c->D, c->rope_theta);
    return s;
}

void slab_stop(struct slab *slab)
{
    if (slab == NULL) return;
    mem_free(slab->memory);
    mem_free(slab);
}

static struct view view_of(const struct model *model, const struct slab *s, int l, const float *block)
{
    const struct config *c = &model->config;
    long n = s->n_most, i = l;
    return (struct view){.w = model_layer(model, block, l), .x = s->x + i * n * c->C, .next = s->x + (i + 1) * n * c->C,
        .m = s->m + i * n * c->C, .rstd1 = s->rstd1 + i * n, .rstd2 = s->rstd2 + i * n, .rstd_q = s->rstd_q + i * n * c->H,
        .rstd_k = s->rstd_k + i * n * c->G, .qkv = s->qkv + i * n * width_qkv(c), .att = s->att + i * n * c->H * c->D,
        .lse = s->lse + i * n * c->H, .gu = s->gu + i * n * 2 * c->F};
}

/* Queries and keys normed a head and rotated: slab's qk from the raw qkv. Positions count from each sequence's start. */
static void rotate(const struct config *c, const struct slab *s, const struct view *v, const struct batch *b)
{
    int wide = width_qkv(c), narrow = width_qk(c), heads = c->H + c->G, sequence = 0;
    for (int t = 0; t < b->n; t++) {
        while (t >= b->starts[sequence + 1]) sequence++;
        const float *row = s->rope + (long)(t - b->starts[sequence]) * c->D;
        const float *raw = v->qkv + (long)t * wide;
        float *out = s->qk + (long)t * narrow;
        if (v->w.q_norm != NULL) {
            layers_norm_forward(raw, c->D, v->w.q_norm, c->H, c->D, c->norm_eps, out, c->D, v->rstd_q + (long)t * c->H);
            layers_norm_forward(raw + c->H * c->D, c->D, v->w.k_norm, c->G, c->D, c->norm_eps, out + c->H * c->D, c->D, v->rstd_k + (long)t * c->G);
        } else memcpy(out, raw, (size_t)narrow * sizeof *out);
        for (int h = 0; h < heads; h++) layers_rope_forward(out + h * c->D, row, c->D);
    }
}

/* The way back through rotate: dqk becomes the first (H + G) D columns of dqkv. */
static void rotate_backward(const struct config *c, const struct slab *s, const struct view *v, const struct layer *g, const struct batch *b)
{
    int wide = width_qkv(c), narrow = width_qk(c), heads = c->H + c->G, sequence = 0;
    for (int t = 0; t < b->n; t++) {
        while (t >= b->starts[sequence + 1]) sequence++;
        const float *row = s->rope + (long)(t - b->starts[sequence]) * c->D, *raw = v->qkv + (long)t * wide;
        float *d = s->dqk + (long)t * narrow, *out = s->dqkv + (long)t * wide;
        for (int h = 0; h < heads; h++) layers_rope_backward(d + h * c->D, row, c->D);
        if (v->w.q_norm == NULL) { memcpy(out, d, (size_t)narrow * sizeof *out); continue; }
        memset(out, 0, (size_t)narrow * sizeof *out);
        layers_norm_backward(raw, c->D, v->w.q_norm, v->rstd_q + (long)t * c->H, d, c->D, c->H, c->D, out, c->D, g->q_norm);
        layers_norm_backward(raw + c->H * c->D, c->D, v->w.k_norm, v->rstd_k + (long)t * c->G, d + c->H * c->D, c->D, c->G, c->D,
                             out + c->H * c->D, c->D, g->k_norm);
    }
}

static struct attention attention_of(const struct config *c, const struct slab *s, const struct view *v, const struct batch *b)
{
    return (struct attention){.H = c->H, .G = c->G, .D = c->D, .sequences = b->sequences, .starts = b->starts, .q = s->qk,
        .k = s->qk + c->H * c->D, .v = v->qkv + width_qk(c), .q_stride = width_qk(c), .k_stride = width_qk(c),
        .v_stride = width_qkv(c), .out = v->att, .lse = v->lse, .tile = {s->tile[0], s->tile[1]}};
}

/* y (n, rows) (+)= x (n, k) w', w (rows, k);  its backward: dx (n, k) = dy w,  dw (rows, k) += dy' x. */
static void linear(const float *x, const float *w, float *y, int n, int rows, int k, float beta)
{
    blas_gemm(false, true, n, rows, k, 1.0f, x, k, w, k, beta, y, rows);
}

static void linear_backward(const float *x, const float *w, const float *dy, float *dx, float *dw, int n, int rows, int k)
{
    blas_gemm(false, false, n, k, rows, 1.0f, dy, rows, w, k, 0.0f, dx, k);
    blas_gemm(true, false, rows, k, n, 1.0f, dy, rows, x, k, 1.0f, dw, k);
}

static void layer_forward(const struct config *c, const struct slab *s, const struct view *v, const struct batch *b)
{
    int n = b->n, HD = c->H * c->D;
    size_t stream = (size_t)n * (size_t)c->C * sizeof *v->x;
    layers_norm_forward(v->x, c->C, v->w.norm1, n, c->C, c->norm_eps, s->normed, c->C, v->rstd1);
    linear(s->normed, v->w.qkv, v->qkv, n, width_qkv(c), c->C, 0.0f);
    rotate(c, s, v, b);
    struct attention a = attention_of(c, s, v, b);
    attention_forward(&a);
    memcpy(v->m, v->x, stream);
    linear(v->att, v->w.o, v->m, n, c->C, HD, 1.0f);
    layers_norm_forward(v->m, c->C, v->w.norm2, n, c->C, c->norm_eps, s->normed, c->C, v->rstd2);
    linear(s->normed, v->w.gate_up, v->gu, n, 2 * c->F, c->C, 0.0f);
    layers_swiglu_forward(v->gu, n, c->F, s->h);
    memcpy(v->next, v->m, stream);
    linear(s->h, v->w.down, v->next, n, c->C, c->F, 1.0f);
}

/* On entry dx is the gradient at the layer's exit, on return at its entry. */
static void layer_backward(const struct config *c, const struct slab *s, const struct view *v, const struct layer *g, const struct batch *b)
{
    int n = b->n, HD = c->H * c->D;
    blas_gemm(false, false, n, c->F, c->C, 1.0f, s->dx, c->C, v->w.down, c->F, 0.0f, s->dh, c->F);
    layers_swiglu_backward(v->gu, s->dh, n, c->F, s->h);                    /* gu is its gradient from here on */
    blas_gemm(true, false, c->C, c->F, n, 1.0f, s->dx, c->C, s->h, c->F, 1.0f, g->down, c->F);
    layers_norm_forward(v->m, c->C, v->w.norm2, n, c->C, c->norm_eps, s->normed, c->C, NULL);
    linear_backward(s->normed, v->w.gate_up, v->gu, s->dnormed, g->gate_up, n, 2 * c->F, c->C);
    layers_norm_backward(v->m, c->C, v->w.norm2, v->rstd2, s->dnormed, c->C, n, c->C, s->dx, c->C, g->norm2);

    linear_backward(v->att, v->w.o, s->dx, s->datt, g->o, n, c->C, HD);
    rotate(c, s, v, b);
    struct attention a = attention_of(c, s, v, b);
    memset(s->dqk, 0, (size_t)n * (size_t)width_qk(c) * sizeof *s->dqk);
    memset(s->dqkv, 0, (size_t)n * (size_t)width_qkv(c) * sizeof *s->dqkv);
    attention_backward(&a, s->datt, s->dqk, s->dqk + HD, s->dqkv + width_qk(c));
    rotate_backward(c, s, v, g, b);
    layers_norm_forward(v->x, c->C, v->w.norm1, n, c->C, c->norm_eps, s->normed, c->C, NULL);
    linear_backward(s->normed, v->w.qkv, s->dqkv, s->dnormed, g->qkv, n, width_qkv(c), c->C);
    layers_norm_backward(v->x, c->C, v->w.norm1, v->rstd1, s->dnormed, c->C, n, c->C, s->dx, c->C, g->norm1);
}

/* Everything up to the final norm, whose output is left in slab's normed. */
static void forward(const struct model *model, struct slab *s, const struct batch *b)
{
    const struct config *c = &model->config;
    const float *embed = model_embed(model, model->weights);
    for (int t = 0; t < b->n; t++)
        memcpy(s->x + (long)t * c->C, embed + (long)b->ids[t] * c->C, (size_t)c->C * sizeof *s->x);
    for (int l = 0; l < c->L; l++) {
        struct view v = view_of(model, s, l, model->weights);
        layer_forward(c, s, &v, b);
    }
    layers_norm_forward(s->x + (long)c->L * s->n_most * c->C, c->C, model_norm(model, model->weights), b->n, c->C, c->norm_eps,
                        s->normed, c->C, s->rstd);
}

/* Cross-entropy of `rows` positions whose logits are in the slab; with gradients, the logits become
 * scale * (softmax - one-hot). losses, when not NULL, gets each row's own. */
static double entropy(const struct slab *s, int V, const int32_t *targets, int rows, bool gradients, float scale, float *losses)
{
    double sum = 0;
    for (int i = 0; i < rows; i++) {
        float *row = s->logits + (long)i * V;
        int32_t target = targets[i];
        if (losses != NULL) losses[i] = 0.0f;
        if (target == TARGET_IGNORED) {
            if (gradients) memset(row, 0, (size_t)V * sizeof *row);
            continue;
        }
        float own = row[target], loss = layers_softmax(row, V, V) - own;
        sum += (double)loss;
        if (losses != NULL) losses[i] = loss;
        if (!gradients) continue;
        row[target] -= 1.0f;
        for (int j = 0; j < V; j++) row[j] *= scale;
    }
    return sum;
}

/* Head and loss, LOSS_ROWS positions at a time; with gradients also dnormed and the head's gradient. */
static double head(const struct model *model, struct slab *s, const struct batch *b, float scale, float *gradients, float *losses)
{
    const struct config *c = &model->config;
    const float *w = model_head(model, model->weights);
    double loss = 0;
    for (int at = 0; at < b->n; at += LOSS_ROWS) {
        int rows = b->n - at < LOSS_ROWS ? b->n - at : LOSS_ROWS;
        const float *x = s->normed + (long)at * c->C;
        linear(x, w, s->logits, rows, c->V, c->C, 0.0f);
        loss += entropy(s, c->V, b->targets + at, rows, gradients != NULL, scale, losses == NULL ? NULL : losses + at);
        if (gradients != NULL)
            linear_backward(x, w, s->logits, s->dnormed + (long)at * c->C, model_head(model, gradients), rows, c->V, c->C);
    }
    return loss;
}

double gradient_loss(const struct model *model, struct slab *slab, const struct batch *batch)
{
    forward(model, slab, batch);
    return head(model, slab, batch, 0.0f, NULL, NULL);
}

void gradient_losses(const struct model *model, struct slab *slab, const struct batch *batch, float *losses)
{
    forward(model, slab, batch);
    (void)head(model, slab, batch, 0.0f, NULL, losses);
}

void gradient_logits(const struct model *model, struct slab *slab, const struct batch *batch, float *out)
{
    forward(model, slab, batch);
    linear(slab->normed, model_head(model, model->weights), out, batch->n, model->config.V, model->config.C, 0.0f);
}

double gradient_pass(const struct model *model, struct slab *s, const struct batch *b, float scale, float *gradients)
{
    const struct config *c = &model->config;
    forward(model, s, b);
    double loss = head(model, s, b, scale, gradients, NULL);
    memset(s->dx, 0, (size_t)b->n * (size_t)c->C * sizeof *s->dx);
    layers_norm_backward(s->x + (long)c->L * s->n_most * c->C, c->C, model_norm(model, model->weights), s->rstd, s->dnormed, c->C,
                         b->n, c->C, s->dx, c->C, model_norm(model, gradients));
    for (int l = c->L - 1; l >= 0; l--) {
        struct view v = view_of(model, s, l, model->weights);
        struct layer g = model_layer(model, gradients, l);
        layer_backward(c, s, &v, &g, b);
    }
    float *embed = model_embed(model, gradients);
    for (int t = 0; t < b->n; t++) layers_add(embed + (long)b->ids[t] * c->C, s->dx + (long)t * c->C, c->C);
    return loss;
}
