/* Causal attention in blocks of queries; see attention.h. */
#include "core/attention.h"
#include "core/blas.h"
#include "core/layers.h"

#include <math.h>
#include <stdbool.h>

/* One tile: `rows` queries from `first` of the sequence at `start`, against keys 0 … first + rows - 1. */
struct tile { long q, k, v, o; int rows, keys, first; };

static struct tile tile_at(const struct attention *a, int start, int first, int end, int h)
{
    int rows = end - first < ATTENTION_BLOCK ? end - first : ATTENTION_BLOCK, g = h / (a->H / a->G);
    return (struct tile){.rows = rows, .first = first - start, .keys = first - start + rows,
        .q = (long)first * a->q_stride + h * a->D, .k = (long)start * a->k_stride + g * a->D,
        .v = (long)start * a->v_stride + g * a->D, .o = ((long)first * a->H + h) * a->D};
}

static void scores(const struct attention *a, const struct tile *t)
{
    blas_gemm(false, true, t->rows, t->keys, a->D, 1.0f / sqrtf((float)a->D), a->q + t->q, a->q_stride, a->k + t->k, a->k_stride,
              0.0f, a->tile[0], t->keys);
}

static void forward_tile(const struct attention *a, const struct tile *t, long row, int h)
{
    scores(a, t);
    for (int i = 0; i < t->rows; i++)
        a->lse[(row + i) * a->H + h] = layers_softmax(a->tile[0] + (long)i * t->keys, t->first + i + 1, t->keys);
    blas_gemm(false, false, t->rows, a->D, t->keys, 1.0f, a->tile[0], t->keys, a->v + t->v, a->v_stride, 0.0f, a->out + t->o, a->H * a->D);
}

void attention_forward(const struct attention *a)
{
    for (int s = 0; s < a->sequences; s++)
        for (int h = 0; h < a->H; h++)
            for (int first = a->starts[s]; first < a->starts[s + 1]; first += ATTENTION_BLOCK) {
                struct tile t = tile_at(a, a->starts[s], first, a->starts[s + 1], h);
                forward_tile(a, &t, first, h);
            }
}

/* With P the softmax and O = P V:  dV = P' dO,  dP = dO V',  dS = P (dP - sum(P dP)) / sqrt(D),  dQ = dS K,  dK = dS' Q. */
static void backward_tile(const struct attention *a, const struct tile *t, long row, int h, const float *dout, float *dq, float *dk, float *dv)
{
    float *p = a->tile[0], *dp = a->tile[1];
    int HD = a->H * a->D;
    scores(a, t);
    for (int i = 0; i < t->rows; i++)
        layers_softmax_again(p + (long)i * t->keys, t->first + i + 1, t->keys, a->lse[(row + i) * a->H + h]);
    blas_gemm(true, false, t->keys, a->D, t->rows, 1.0f, p, t->keys, dout + t->o, HD, 1.0f, dv + t->v, a->v_stride);
    blas_gemm(false, true, t->rows, t->keys, a->D, 1.0f, dout + t->o, HD, a->v + t->v, a->v_stride, 0.0f, dp, t->keys);
    for (int i = 0; i < t->rows; i++) {
        float *p_row = p + (long)i * t->keys, *dp_row = dp + (long)i * t->keys;
        layers_softmax_backward(p_row, dp_row, t->keys, layers_dot(p_row, dp_row, t->keys), 1.0f / sqrtf((float)a->D));
    }
    blas_gemm(false, false, t->rows, a->D, t->keys, 1.0f, dp, t->keys, a->k + t->k, a->k_stride, 1.0f, dq + t->q, a->q_stride);
    blas_gemm(true, false, t->keys, a->D, t->rows, 1.0f, dp, t->keys, a->q + t->q, a->q_stride, 1.0f, dk + t->k, a->k_stride);
}

void attention_backward(const struct attention *a, const float *dout, float *dq, float *dk, float *dv)
{
    for (int s = 0; s < a->sequences; s++)
        for (int h = 0; h < a->H; h++)
            for (int first = a->starts[s]; first < a->starts[s + 1]; first += ATTENTION_BLOCK) {
                struct tile t = tile_at(a, a->starts[s], first, a->starts[s + 1], h);
                backward_tile(a, &t, first, h, dout, dq, dk, dv);
            }
}
