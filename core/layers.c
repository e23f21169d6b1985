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

VARIANTS void layers_norm_forward(const float *x, int stride, const float *gain, int n, int C, float eps, float *y, int y_stride, float *rstd)
{
    for (int i = 0; i < n; i++) {
        const float *row = x + (long)i * stride;
        float *out = y + (long)i * y_stride;
        float scale = 1.0f / sqrtf(dot(row, row, C) / (float)C + eps);
        for (int c = 0; c < C; c++) out[c] = row[c] * scale * gain[c];
        if (rstd != NULL) rstd[i] = scale;
    }
}

/* With r = rstd and g = dy * gain:  dx = r g - x r^3 mean(g x),  dgain = sum over rows of dy x r. */
VARIANTS void layers_norm_backward(const float *x, int stride, const float *gain, const float *rstd, const float *dy, int dy_stride,
                                   int n, int C, float *dx, int dx_stride, float *dgain)
{
    for (int i = 0; i < n; i++) {
        const float *row = x + (long)i * stride, *g = dy + (long)i * dy_stride;
        float *out = dx + (long)i * dx_stride, r = rstd[i];
        lanes sum = {0};
        int c = 0;
        for (; c + LANES <= C; c += LANES)
            sum += *(const lanes *)(const void *)(g + c) * *(const lanes *)(const void *)(gain + c) * *(const lanes *)(const void *)(row + c);
        float mean = LANES_SUM(sum);
        for (; c < C; c++) mean += g[c] * gain[c] * row[c];
        mean *= r * r * r / (float)C;
        for (c = 0; c < C; c++) {
            out[c] += r * g[c] * gain[c] - mean * row[c];
            dgain[c] += g[c] * row[c] * r;
        }
    }
}

void layers_rope_table(float *table, int T, int D, double theta)
{
    for (int t = 0; t < T; t++)
        for (int i = 0; i < D / 2; i++) {
            /* Hugging Face computes the frequency and the angle in float32 */
            float frequency = (float)(1.0 / pow(theta, (double)(2 * i) / D));
            float angle = (float)t * frequency;
            table[(long)t * D + 2 * i] = (float)cos((double)angle);
            table[(long)t * D + 2 * i + 1] = (float)sin((double)angle);
        }
}

void layers_rope_forward(float *x, const float *row, int D)
{
    for (int i = 0; i < D / 2; i++) {
        float a = x[i], b = x[i + D / 2], c = row[2 * i], s = row[2 * i + 1];
        x[i] = a * c - b * s;
        x[i + D / 2] = b * c + a * s;
    }
}

void layers_rope_backward(float *x, const float *row, int D)
{
    for (int i = 0; i < D / 2; i++) {
        float a = x[i], b = x[i + D / 2], c = row[2 * i], s = row[2 * i + 1];
        x[i] = a * c + b * s;
        x[i + D / 2] = b * c - a * s;
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

VARIANTS float layers_softmax(float *x, int n_valid, int n)
{
    float top[LANES], most;
    int i = 0;
    for (int j = 0; j < LANES; j++) top[j] = x[0];
    for (; i + LANES <= n_valid; i += LANES)
        for (int j = 0; j < LANES; j++) top[j] = x[i + j] > top[j] ? x[i + j] : top[j];
    most = top[0];
    for (int j = 1; j < LANES; j++) most = top[j] > most ? top[j] : most;
    for (; i < n_valid; i++) most = x[i] > most ? x[i] : most;
    for (i = 0; i < n_valid; i++) x[i] = fast_exp(x[i] - most);
    lanes sum = {0};
    i = 0;
    for (; i + LANES <= n_valid; i += LANES) sum += *(lanes *)(void *)(x + i);
    float total = LANES_SUM(sum);
    for (; i < n_valid; i++) total += x[i];
    float scale = 1.0f / total;
    for (i = 0; i < n_valid; i++) x[i] *= scale;
    for (; i < n; i++) x[i] = 0.0f;
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

/* A tile of 4 weight rows against N tokens: 4 N sums of LANES lanes stay in registers. */
#define LINEAR_TILE(N)                                                                                          \
    do {                                                                                                        \
        lanes sum[4][N];                                                                                        \
        for (int r = 0; r < 4; r++) for (int j = 0; j < (N); j++) sum[r][j] = (lanes){0};                       \
        int i = 0;                                                                                              \
        for (; i + LANES <= k; i += LANES)                                                                      \
            for (int r = 0; r < 4; r++) {                                                                       \
                lanes weight = *(const lanes *)(const void *)(w + (long)(row + r) * k + i);                     \
                for (int j = 0; j < (N); j++) sum[r][j] += weight * *(const lanes *)(const void *)(x + (long)(t + j) * k + i); \
            }                                                                                                   \
        for (int r = 0; r < 4; r++) for (int j = 0; j < (N); j++) {                                             \
            float total = LANES_SUM(sum[r][j]);                                                                 \
            for (int p = i; p < k; p++) total += w[(long)(row + r) * k + p] * x[(long)(t + j) * k + p];         \
            y[(long)(t + j) * rows + row + r] = total;                                                          \
        }                                                                                                       \
    } while (0)

VARIANTS void layers_linear(const float *x, int n, const float *w, int rows, int k, float *y)
{
    int row = 0;
    for (; row + 4 <= rows; row += 4) {                       /* fast path: same sums as the loop below */
        int t = 0;
        for (; t + 4 <= n; t += 4) LINEAR_TILE(4);
        for (; t + 2 <= n; t += 2) LINEAR_TILE(2);
        for (; t < n; t++) LINEAR_TILE(1);
    }
    for (; row < rows; row++)
        for (int t = 0; t < n; t++) y[(long)t * rows + row] = dot(x + (long)t * k, w + (long)row * k, k);
}
