/* The arithmetic of the layers; see layers.h. Reductions keep LANES partial sums (simd.h). */
#include "core/layers.h"
#include "core/simd.h"

#include <math.h>

INLINE float dot(const float *a, const float *b, int n)
{
    lanes sum = {0};
    int i = 0;
    for (; i + LANES <= n; i += LANES) sum += *(const lanes *)(const void *)(a + i) * *(const lanes *)(const void *)(b + i);
    float total = LANES_SUM(sum);
    for (; i < n; i++) total += a[i] * b[i];
    return total;
}

VARIANTS float layers_dot(const float *a, const float *b, int n) { return dot(a, b, n); }

VARIANTS void layers_add(float *y, const float *x, int n)
{
    for (int i = 0; i < n; i++) y[i] += x[i];
}

VARIANTS void layers_scaled_add(float *y, const float *x, float a, int n)
{
    for (int i = 0; i < n; i++) y[i] += a * x[i];
}

VARIANTS void layers_add_rows(float *y, const float *bias, int n, int C)
{
    for (int i = 0; bias != NULL && i < n; i++)
        for (int c = 0; c < C; c++) y[(long)i * C + c] += bias[c];
}

VARIANTS void layers_sum_rows(const float *dy, int n, int C, float *dbias)
{
    for (int i = 0; dbias != NULL && i < n; i++)
        for (int c = 0; c < C; c++) dbias[c] += dy[(long)i * C + c];
}

VARIANTS double layers_square_sum(const float *x, long n)
{
    double total = 0;
    for (long i = 0; i < n;) {                                /* float lanes within a block, doubles between blocks */
        int m = n - i < 4096 ? (int)(n - i) : 4096;
        total += (double)dot(x + i, x + i, m);
        i += m;
    }
    return total;
}

INLINE float sum_of(const float *x, int n)
{
    lanes sum = {0};
    int i = 0;
    for (; i + LANES <= n; i += LANES) sum += *(const lanes *)(const void *)(x + i);
    float total = LANES_SUM(sum);
    for (; i < n; i++) total += x[i];
    return total;
}

INLINE float variance_of(const float *x, float mean, int n)
{
    lanes sum = {0};
    int i = 0;
    for (; i + LANES <= n; i += LANES) {
        lanes d = *(const lanes *)(const void *)(x + i) - mean;
        sum += d * d;
    }
    float total = LANES_SUM(sum);
    for (; i < n; i++) total += (x[i] - mean) * (x[i] - mean);
    return total / (float)n;
}

VARIANTS void layers_norm_forward(const float *x, int stride, const struct norm *norm, int n, int C, float *y, int y_stride, float *rstd)
{
    const float *gain = norm->gain, *bias = norm->bias;
    for (int i = 0; i < n; i++) {
        const float *row = x + (long)i * stride;
        float *out = y + (long)i * y_stride, scale;
        if (bias != NULL) {
            float mean = sum_of(row, C) / (float)C;
            scale = 1.0f / sqrtf(variance_of(row, mean, C) + norm->eps);
            for (int c = 0; c < C; c++) out[c] = (row[c] - mean) * scale * gain[c] + bias[c];
        } else {
            scale = 1.0f / sqrtf(dot(row, row, C) / (float)C + norm->eps);
            for (int c = 0; c < C; c++) out[c] = row[c] * scale * gain[c];
        }
        if (rstd != NULL) rstd[i] = scale;
    }
}

/* With r = rstd, g = dy * gain and z = x - mean (LayerNorm) or x (RMSNorm):
 *     dx = r g - z r^3 mean(g z) [- r mean(g), LayerNorm],   dgain = sum over rows of dy z r,   dbias = sum over rows of dy. */
VARIANTS void layers_norm_backward(const float *x, int stride, const struct norm *norm, const float *rstd, const float *dy, int dy_stride,
                                   int n, int C, float *dx, int dx_stride, float *dgain, float *dbias)
{
    const float *gain = norm->gain;
    for (int i = 0; i < n; i++) {
        const float *row = x + (long)i * stride, *g = dy + (long)i * dy_stride;
        float *out = dx + (long)i * dx_stride, r = rstd[i], mean = norm->bias == NULL ? 0.0f : sum_of(row, C) / (float)C;
        lanes sum = {0}, flat = {0};
        int c = 0;
        for (; c + LANES <= C; c += LANES) {
            lanes d = *(const lanes *)(const void *)(g + c) * *(const lanes *)(const void *)(gain + c);
            sum += d * (*(const lanes *)(const void *)(row + c) - mean);
            flat += d;
        }
        float along = LANES_SUM(sum), shift = LANES_SUM(flat);
        for (; c < C; c++) along += g[c] * gain[c] * (row[c] - mean), shift += g[c] * gain[c];
        along *= r * r * r / (float)C;
        shift = norm->bias == NULL ? 0.0f : r * shift / (float)C;
        for (c = 0; c < C; c++) {
            out[c] += r * g[c] * gain[c] - along * (row[c] - mean) - shift;
            dgain[c] += g[c] * (row[c] - mean) * r;
        }
        if (norm->bias != NULL) for (c = 0; c < C; c++) dbias[c] += g[c];
    }
}

VARIANTS void layers_swiglu_forward(const float *gu, int n, int F, float *h)
{
    for (int i = 0; i < n; i++) {
        const float *g = gu + (long)i * 2 * F, *u = g + F;
        float *out = h + (long)i * F;
        for (int f = 0; f < F; f++) out[f] = g[f] / (1.0f + fast_exp(-g[f])) * u[f];
    }
}

/* With s = sigmoid(g):  dg = dh u s (1 + g (1 - s)),  du = dh g s. */
VARIANTS void layers_swiglu_backward(float *gu, const float *dh, int n, int F, float *h)
{
    for (int i = 0; i < n; i++) {
        float *restrict g = gu + (long)i * 2 * F, *restrict u = g + F, *restrict out = h + (long)i * F;
        const float *restrict d = dh + (long)i * F;
        for (int f = 0; f < F; f++) {
            float s = 1.0f / (1.0f + fast_exp(-g[f])), gf = g[f], uf = u[f];
            out[f] = gf * s * uf;
            u[f] = d[f] * gf * s;
            g[f] = d[f] * uf * s * (1.0f + gf * (1.0f - s));
        }
    }
}

/* gelu(u) = u/2 (1 + tanh v) = u s with v = sqrt(2/pi) (u + 0.044715 u^3) and s = sigmoid(2v);
 * its derivative is s + u s (1 - s) 2 v'. */
VARIANTS void layers_gelu_forward(const float *u, long n, float *h)
{
    for (long i = 0; i < n; i++) {
        float v = 1.5957691216057308f * (u[i] + 0.044715f * u[i] * u[i] * u[i]);
        h[i] = u[i] / (1.0f + fast_exp(-v));
    }
}

VARIANTS void layers_gelu_backward(float *restrict u, const float *restrict dh, long n, float *restrict h)
{
    for (long i = 0; i < n; i++) {
        float x = u[i], v = 1.5957691216057308f * (x + 0.044715f * x * x * x), slope = 1.5957691216057308f * (1.0f + 0.134145f * x * x);
        float s = 1.0f / (1.0f + fast_exp(-v));
        h[i] = x * s;
        u[i] = dh[i] * (s + x * s * (1.0f - s) * slope);
    }
}

INLINE float most_of(const float *x, int n)
{
    float top[LANES], most;
    int i = 0;
    for (int j = 0; j < LANES; j++) top[j] = x[0];
    for (; i + LANES <= n; i += LANES)
        for (int j = 0; j < LANES; j++) top[j] = x[i + j] > top[j] ? x[i + j] : top[j];
    most = top[0];
    for (int j = 1; j < LANES; j++) most = top[j] > most ? top[j] : most;
    for (; i < n; i++) most = x[i] > most ? x[i] : most;
    return most;
}

VARIANTS float layers_softmax(float *x, int n_valid, int n)
{
    float most = most_of(x, n_valid);
    for (int i = 0; i < n_valid; i++) x[i] = fast_exp(x[i] - most);
    float total = sum_of(x, n_valid), scale = 1.0f / total;
    for (int i = 0; i < n_valid; i++) x[i] *= scale;
    for (int i = n_valid; i < n; i++) x[i] = 0.0f;
    return most + logf(total);
}

VARIANTS float layers_log_sum(const float *x, int n)
{
    float most = most_of(x, n);
    lanes sum = {0};
    int i = 0;
    for (; i + LANES <= n; i += LANES) {
        float e[LANES];
        for (int j = 0; j < LANES; j++) e[j] = fast_exp(x[i + j] - most);
        sum += *(lanes *)(void *)e;
    }
    float total = LANES_SUM(sum);
    for (; i < n; i++) total += fast_exp(x[i] - most);
    return most + logf(total);
}

VARIANTS void layers_softmax_again(float *x, int n_valid, int n, float lse)
{
    int i = 0;
    for (; i < n_valid; i++) x[i] = fast_exp(x[i] - lse);
    for (; i < n; i++) x[i] = 0.0f;
}

VARIANTS void layers_softmax_backward(const float *p, float *dp, int n, float delta, float scale)
{
    for (int i = 0; i < n; i++) dp[i] = p[i] * (dp[i] - delta) * scale;
}

VARIANTS void layers_scores(const float *q, const float *keys, int n, int D, float scale, float *scores)
{
    for (int t = 0; t < n; t += KEY_ROOM) {                    /* four chains at a time hide the latency of an addition */
        const float *k = keys + (long)t * D;
        long block = (long)KEY_BLOCK * D;
        lanes a = {0}, b = {0}, c = {0}, d = {0};
        for (int i = 0; i < D; i++) {
            const float *column = k + (long)i * KEY_BLOCK;
            a += q[i] * *(const lanes *)(const void *)column;
            b += q[i] * *(const lanes *)(const void *)(column + block);
            c += q[i] * *(const lanes *)(const void *)(column + 2 * block);
            d += q[i] * *(const lanes *)(const void *)(column + 3 * block);
        }
        lanes *out = (lanes *)(void *)(scores + t);
        out[0] = a * scale, out[1] = b * scale, out[2] = c * scale, out[3] = d * scale;
    }
}

VARIANTS void layers_mix(const float *p, const float *values, int n, int D, float *out)
{
    int at = 0;
    for (; at + 4 * LANES <= D; at += 4 * LANES) {
        lanes a = {0}, b = {0}, c = {0}, d = {0};
        const float *v = values + at;
        for (int t = 0; t < n; t++, v += D) {
            a += p[t] * *(const lanes *)(const void *)v;
            b += p[t] * *(const lanes *)(const void *)(v + LANES);
            c += p[t] * *(const lanes *)(const void *)(v + 2 * LANES);
            d += p[t] * *(const lanes *)(const void *)(v + 3 * LANES);
        }
        lanes *to = (lanes *)(void *)(out + at);
        to[0] = a, to[1] = b, to[2] = c, to[3] = d;
    }
    for (int i = at; i < D; i++) out[i] = 0.0f;
    for (int t = 0; t < n; t++)
        for (int i = at; i < D; i++) out[i] += p[t] * values[(long)t * D + i];
}
