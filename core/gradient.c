/* The batched forward and backward pass; see gradient.h. */
#include "core/gradient.h"
#include "core/attention.h"
#include "core/blas.h"
#include "core/layers.h"
#include "core/mem.h"
#include "core/rope.h"

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
    float *up;               /* (L, n, 2F): gate and up; (L, n, F) with GELU */
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
struct view { struct layer w; float *x, *m, *next, *rstd1, *rstd2, *rstd_q, *rstd_k, *qkv, *att, *lse, *up; };

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
        {&s->att, L * n * HD}, {&s->lse, L * n * H}, {&s->up, L * n * (size_t)config_up(c)}, {&s->normed, n * C}, {&s->qk, n * (size_t)width_qk(c)},
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
    rope_table(c, (int)longest, s->rope);
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
        .lse = s->lse + i * n * c->H, .up = s->up + i * n * config_up(c)};
}

/* The layer's norms, and those of queries and keys, as layers.h wants them. */
static struct norm norm_of(const struct config *c, const float *gain, const float *bias) { return (struct norm){gain, bias, c->norm_eps}; }

/* Queries and keys normed a head and rotated: slab's qk from the raw qkv. Positions count from each sequence's start. */
static void rotate(const struct config *c, const struct slab *s, const struct view *v, const struct batch *b)
{
    int wide = width_qkv(c), narrow = width_qk(c), heads = c->H + c->G, sequence = 0;
    struct norm q_norm = norm_of(c, v->w.q_norm, NULL), k_norm = norm_of(c, v->w.k_norm, NULL);
    for (int t = 0; t < b->n; t++) {
        while (t >= b->starts[sequence + 1]) sequence++;
        const float *row = s->rope + (long)(t - b->starts[sequence]) * c->D;
        const float *raw = v->qkv + (long)t * wide;
        float *out = s->qk + (long)t * narrow;
        if (v->w.q_norm != NULL) {
            layers_norm_forward(raw, c->D, &q_norm, c->H, c->D, out, c->D, v->rstd_q + (long)t * c->H);
            layers_norm_forward(raw + c->H * c->D, c->D, &k_norm, c->G, c->D, out + c->H * c->D, c->D, v->rstd_k + (long)t * c->G);
        } else memcpy(out, raw, (size_t)narrow * sizeof *out);
        for (int h = 0; h < heads && !c->learned_positions; h++) rope_forward(out + h * c->D, row, c->D);
    }
}

/* The way back through rotate: dqk becomes the first (H + G) D columns of dqkv. */
static void rotate_backward(const struct config *c, const struct slab *s, const struct view *v, const struct layer *g, const struct batch *b)
{
    int wide = width_qkv(c), narrow = width_qk(c), heads = c->H + c->G, sequence = 0;
    struct norm q_norm = norm_of(c, v->w.q_norm, NULL), k_norm = norm_of(c, v->w.k_norm, NULL);
    for (int t = 0; t < b->n; t++) {
        while (t >= b->starts[sequence + 1]) sequence++;
        const float *row = s->rope + (long)(t - b->starts[sequence]) * c->D, *raw = v->qkv + (long)t * wide;
        float *d = s->dqk + (long)t * narrow, *out = s->dqkv + (long)t * wide;
        for (int h = 0; h < heads && !c->learned_positions; h++) rope_backward(d + h * c->D, row, c->D);
        if (v->w.q_norm == NULL) { memcpy(out, d, (size_t)narrow * sizeof *out); continue; }
        memset(out, 0, (size_t)narrow * sizeof *out);
        layers_norm_backward(raw, c->D, &q_norm, v->rstd_q + (long)t * c->H, d, c->D, c->H, c->D, out, c->D, g->q_norm, NULL);
        layers_norm_backward(raw + c->H * c->D, c->D, &k_norm, v->rstd_k + (long)t * c->G, d + c->H * c->D, c->D, c->G, c->D,
                             out + c->H * c->D, c->D, g->k_norm, NULL);
    }
}

static struct attention attention_of(const struct config *c, const struct slab *s, const struct view *v, const struct batch *b)
{
    return (struct attention){.H = c->H, .G = c->G, .D = c->D, .sequences = b->sequences, .starts = b->starts, .q = s->qk,
        .k = s->qk + c->H * c->D, .v = v->qkv + width_qk(c), .q_stride = width_qk(c), .k_stride = width_qk(c),
        .v_stride = width_qkv(c), .out = v->att, .lse = v->lse, .tile = {s->tile[0], s->tile[1]}};
}

/* y (n, rows) (+)= x (n, k) w' + bias, w (rows, k);  its backward: dx (n, k) = dy w,  dw (rows, k) += dy' x,  dbias += sum of dy. */
static void linear(const float *x, const float *w, const float *bias, float *y, int n, int rows, int k, float beta)
{
    blas_gemm(false, true, n, rows, k, 1.0f, x, k, w, k, beta, y, rows);
    layers_add_rows(y, bias, n, rows);
}

static void linear_backward(const float *x, const float *w, const float *dy, float *dx, float *dw, float *dbias, int n, int rows, int k)
{
    blas_gemm(false, false, n, k, rows, 1.0f, dy, rows, w, k, 0.0f, dx, k);
    blas_gemm(true, false, rows, k, n, 1.0f, dy, rows, x, k, 1.0f, dw, k);
    layers_sum_rows(dy, n, rows, dbias);
}

static void activation_forward(const struct config *c, const float *up, int n, float *h)
{
    if (c->gelu) layers_gelu_forward(up, (long)n * c->F, h);
    else layers_swiglu_forward(up, n, c->F, h);
}

static void activation_backward(const struct config *c, float *up, const float *dh, int n, float *h)
{
    if (c->gelu) layers_gelu_backward(up, dh, (long)n * c->F, h);
    else layers_swiglu_backward(up, dh, n, c->F, h);
}

static void layer_forward(const struct config *c, const struct slab *s, const struct view *v, const struct batch *b)
{
    int n = b->n, HD = c->H * c->D;
    size_t stream = (size_t)n * (size_t)c->C * sizeof *v->x;
    struct norm norm1 = norm_of(c, v->w.norm1, v->w.norm1_bias), norm2 = norm_of(c, v->w.norm2, v->w.norm2_bias);
    layers_norm_forward(v->x, c->C, &norm1, n, c->C, s->normed, c->C, v->rstd1);
    linear(s->normed, v->w.qkv, v->w.qkv_bias, v->qkv, n, width_qkv(c), c->C, 0.0f);
    rotate(c, s, v, b);
    struct attention a = attention_of(c, s, v, b);
    attention_forward(&a);
    memcpy(v->m, v->x, stream);
    linear(v->att, v->w.o, v->w.o_bias, v->m, n, c->C, HD, 1.0f);
    layers_norm_forward(v->m, c->C, &norm2, n, c->C, s->normed, c->C, v->rstd2);
    linear(s->normed, v->w.up, v->w.up_bias, v->up, n, config_up(c), c->C, 0.0f);
    activation_forward(c, v->up, n, s->h);
    memcpy(v->next, v->m, stream);
    linear(s->h, v->w.down, v->w.down_bias, v->next, n, c->C, c->F, 1.0f);
}

/* On entry dx is the gradient at the layer's exit, on return at its entry. */
static void layer_backward(const struct config *c, const struct slab *s, const struct view *v, const struct layer *g, const struct batch *b)
{
    int n = b->n, HD = c->H * c->D;
    struct norm norm1 = norm_of(c, v->w.norm1, v->w.norm1_bias), norm2 = norm_of(c, v->w.norm2, v->w.norm2_bias);
    blas_gemm(false, false, n, c->F, c->C, 1.0f, s->dx, c->C, v->w.down, c->F, 0.0f, s->dh, c->F);
    activation_backward(c, v->up, s->dh, n, s->h);                          /* up is its gradient from here on */
    blas_gemm(true, false, c->C, c->F, n, 1.0f, s->dx, c->C, s->h, c->F, 1.0f, g->down, c->F);
    layers_sum_rows(s->dx, n, c->C, g->down_bias);
    layers_norm_forward(v->m, c->C, &norm2, n, c->C, s->normed, c->C, NULL);
    linear_backward(s->normed, v->w.up, v->up, s->dnormed, g->up, g->up_bias, n, config_up(c), c->C);
    layers_norm_backward(v->m, c->C, &norm2, v->rstd2, s->dnormed, c->C, n, c->C, s->dx, c->C, g->norm2, g->norm2_bias);

    linear_backward(v->att, v->w.o, s->dx, s->datt, g->o, g->o_bias, n, c->C, HD);
    rotate(c, s, v, b);
    struct attention a = attention_of(c, s, v, b);
    memset(s->dqk, 0, (size_t)n * (size_t)width_qk(c) * sizeof *s->dqk);
    memset(s->dqkv, 0, (size_t)n * (size_t)width_qkv(c) * sizeof *s->dqkv);
    attention_backward(&a, s->datt, s->dqk, s->dqk + HD, s->dqkv + width_qk(c));
    rotate_backward(c, s, v, g, b);
    layers_norm_forward(v->x, c->C, &norm1, n, c->C, s->normed, c->C, NULL);
    linear_backward(s->normed, v->w.qkv, s->dqkv, s->dnormed, g->qkv, g->qkv_bias, n, width_qkv(c), c->C);
    layers_norm_backward(v->x, c->C, &norm1, v->rstd1, s->dnormed, c->C, n, c->C, s->dx, c->C, g->norm1, g->norm1_bias);
}

/* Token and, where learned, position embeddings into the stream's start. */
static void embed_forward(const struct model *model, const struct slab *s, const struct batch *b)
{
    int C = model->config.C, sequence = 0;
    const float *embed = model_embed(model, model->weights), *positions = model_positions(model, model->weights);
    for (int t = 0; t < b->n; t++) {
        memcpy(s->x + (long)t * C, embed + (long)b->ids[t] * C, (size_t)C * sizeof *s->x);
        while (t >= b->starts[sequence + 1]) sequence++;
        if (positions != NULL) layers_add(s->x + (long)t * C, positions + (long)(t - b->starts[sequence]) * C, C);
    }
}

static void embed_backward(const struct model *model, const struct slab *s, const struct batch *b, float *gradients)
{
    int C = model->config.C, sequence = 0;
    float *embed = model_embed(model, gradients), *positions = model_positions(model, gradients);
    for (int t = 0; t < b->n; t++) {
        layers_add(embed + (long)b->ids[t] * C, s->dx + (long)t * C, C);
        while (t >= b->starts[sequence + 1]) sequence++;
        if (positions != NULL) layers_add(positions + (long)(t - b->starts[sequence]) * C, s->dx + (long)t * C, C);
    }
}

static struct norm last_norm(const struct model *model)
{
    return norm_of(&model->config, model_norm(model, model->weights), model_norm_bias(model, model->weights));
}

/* Everything up to the final norm, whose output is left in slab's normed. */
static void forward(const struct model *model, struct slab *s, const struct batch *b)
{
    const struct config *c = &model->config;
    struct norm norm = last_norm(model);
    embed_forward(model, s, b);
    for (int l = 0; l < c->L; l++) {
        struct view v = view_of(model, s, l, model->weights);
        layer_forward(c, s, &v, b);
    }
    layers_norm_forward(s->x + (long)c->L * s->n_most * c->C, c->C, &norm, b->n, c->C, s->normed, c->C, s->rstd);
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
        linear(x, w, NULL, s->logits, rows, c->V, c->C, 0.0f);
        loss += entropy(s, c->V, b->targets + at, rows, gradients != NULL, scale, losses == NULL ? NULL : losses + at);
        if (gradients != NULL)
            linear_backward(x, w, s->logits, s->dnormed + (long)at * c->C, model_head(model, gradients), NULL, rows, c->V, c->C);
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
    linear(slab->normed, model_head(model, model->weights), NULL, out, batch->n, model->config.V, model->config.C, 0.0f);
}

double gradient_pass(const struct model *model, struct slab *s, const struct batch *b, float scale, float *gradients)
{
    const struct config *c = &model->config;
    struct norm norm = last_norm(model);
    forward(model, s, b);
    double loss = head(model, s, b, scale, gradients, NULL);
    memset(s->dx, 0, (size_t)b->n * (size_t)c->C * sizeof *s->dx);
    layers_norm_backward(s->x + (long)c->L * s->n_most * c->C, c->C, &norm, s->rstd, s->dnormed, c->C, b->n, c->C, s->dx, c->C,
                         model_norm(model, gradients), model_norm_bias(model, gradients));
    for (int l = c->L - 1; l >= 0; l--) {
        struct view v = view_of(model, s, l, model->weights);
        struct layer g = model_layer(model, gradients, l);
        layer_backward(c, s, &v, &g, b);
    }
    embed_backward(model, s, b, gradients);
    return loss;
}
