/* The arithmetic of the layers, each as a forward and, where training needs it, a backward function side by side.
 *
 * n is the number of positions (of all sequences packed one behind the other). Sums run in a fixed order whatever n is.
 * Matrix products are not here: training takes them from blas.h, inference from packed.h.
 */
#ifndef CORE_LAYERS_H
#define CORE_LAYERS_H

#include <stdbool.h>

/* A norm's parameters. Without a bias: y = x / sqrt(mean(x^2) + eps) * gain (RMSNorm, Zhang & Sennrich 2019). With one:
 * y = (x - mean(x)) / sqrt(variance(x) + eps) * gain + bias (LayerNorm, Ba et al. 2016). */
struct norm {
    const float *gain, *bias;   /* (C); bias may be NULL */
    float eps;
};

/* Each row of x normed into y; rows may be strided: row i starts at i * stride. rstd (n), when not NULL, keeps 1 / sqrt(…) for the
 * backward pass. y may be x. */
void layers_norm_forward(const float *x /* (n, C) */, int stride, const struct norm *norm, int n, int C, float *y /* (n, C) */, int y_stride, float *rstd);
/* dx += the gradient with respect to x, dgain and dbias += those with respect to gain and bias. dx must not overlap dy. */
void layers_norm_backward(const float *x, int stride, const struct norm *norm, const float *rstd, const float *dy, int dy_stride,
                          int n, int C, float *dx, int dx_stride, float *dgain, float *dbias);

/* h = silu(g) * u (Shazeer 2020); gu holds a row's g (F) and u (F) side by side. */
void layers_swiglu_forward(const float *gu /* (n, 2F) */, int n, int F, float *h /* (n, F) */);
/* gu is overwritten by its own gradient; h receives the forward result again. */
void layers_swiglu_backward(float *gu /* (n, 2F) */, const float *dh /* (n, F) */, int n, int F, float *h /* (n, F) */);

/* h = gelu(u), the tanh form (Hendrycks & Gimpel 2016), of n numbers; backward: u is overwritten by its own gradient, h receives the
 * forward result again. */
void layers_gelu_forward(const float *u, long n, float *h);
void layers_gelu_backward(float *u, const float *dh, long n, float *h);

/* Row-wise softmax in place over the first n_valid numbers; the rest of the row becomes 0. Returns log(sum(exp(x))). */
float layers_softmax(float *x, int n_valid, int n);
float layers_log_sum(const float *x, int n);   /* the same sum alone */
/* x = exp(x - lse) over the first n_valid numbers, 0 behind them: the softmax again from its stored log-sum. */
void layers_softmax_again(float *x, int n_valid, int n, float lse);
/* ds = p * (dp - delta) in dp's place: the gradient of the softmax, with delta = sum(p * dp). */
void layers_softmax_backward(const float *p, float *dp, int n, float delta, float scale);

float layers_dot(const float *a, const float *b, int n);
void layers_add(float *y, const float *x, int n);                 /* y += x */
void layers_scaled_add(float *y, const float *x, float a, int n); /* y += a x */
void layers_add_rows(float *y /* (n, C) */, const float *bias /* (C) or NULL: nothing */, int n, int C);   /* y += bias, each row */
void layers_sum_rows(const float *dy /* (n, C) */, int n, int C, float *dbias /* (C) or NULL: nothing */); /* dbias += the sum of the rows */
double layers_square_sum(const float *x, long n);

/* Attention of one query over n cached positions. Keys lie in blocks of LANES positions, (ceil(n / LANES), D, LANES), so that LANES scores are
 * made at a time: scores[t] = scale * q . key[t]; the scores' room is rounded up to a multiple of 4 LANES, as is the keys'. */
enum { KEY_BLOCK = 16, KEY_ROOM = 64 };
void layers_scores(const float *q /* (D) */, const float *keys, int n, int D, float scale, float *scores);
/* out (D) = sum over t of p[t] * values[t], values (n, D). */
void layers_mix(const float *p, const float *values, int n, int D, float *out);

#endif
