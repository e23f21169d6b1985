/* The convolutional network: forward and backward; see conv.h. */
#include "tokenizers/conv.h"
#include "core/blas.h"
#include "core/random.h"
#include "core/simd.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { TAPS = 9 };

/* ---- the tensors, in the order of the weights ---- */

int conv_tensors(const struct conv *net) { return 2 * (2 + 2 * net->blocks); }

struct conv_tensor conv_tensor(const struct conv *net, int i)
{
    struct conv_tensor t = {.at = 0};
    for (int k = 0;; k++) {
        int last = 1 + 2 * net->blocks, layer = k / 2, in = layer == 0 ? TAPS * net->in : layer < last && layer % 2 == 1 ? TAPS * net->channels : net->channels;
        int out = layer == last ? net->out : net->channels, bias = k % 2;
        t.rows = bias ? out : in, t.cols = bias ? 0 : out;
        if (k == i) {
            const char *kind = bias ? "bias" : "weight";
            if (layer == 0) snprintf(t.name, sizeof t.name, "first.%s", kind);
            else if (layer == last) snprintf(t.name, sizeof t.name, "last.%s", kind);
            else snprintf(t.name, sizeof t.name, "block%d.%c.%s", (layer - 1) / 2, layer % 2 ? 'a' : 'b', kind);
            return t;
        }
        t.at += (size_t)t.rows * (size_t)(bias ? 1 : t.cols);
    }
}

size_t conv_numbers(const struct conv *net)
{
    struct conv_tensor last = conv_tensor(net, conv_tensors(net) - 1);
    return last.at + (size_t)last.rows;
}

/* Where a layer's matrix begins: 0 the first, 1 + 2 b and 2 + 2 b those of block b, then the last. Its bias follows it. */
static size_t layer_at(const struct conv *net, int layer) { return conv_tensor(net, 2 * layer).at; }

void conv_start(const struct conv *net, uint64_t seed, float *weights)
{
    memset(weights, 0, conv_numbers(net) * sizeof *weights);
    for (int i = 0; i < conv_tensors(net); i += 2) {
        struct conv_tensor t = conv_tensor(net, i);
        int layer = i / 2, last = 1 + 2 * net->blocks;
        double bound = layer == last ? 1e-3 : layer > 0 && layer % 2 == 0 ? 0 : 1 / sqrt(t.rows);
        for (size_t k = 0; k < (size_t)t.rows * (size_t)t.cols; k++) weights[t.at + k] = (float)(bound * (2 * random_unit(seed, (uint64_t)i, k) - 1));
    }
}

/* ---- what is kept: h before each block and at the end, and each block's inner layer ---- */

static size_t layer_size(const struct conv *net, int n) { return (size_t)n * CONV_PLACES * (size_t)net->channels; }
size_t conv_kept(const struct conv *net) { return (size_t)(2 * net->blocks + 1) * layer_size(net, 1); }
size_t conv_scratch(const struct conv *net)
{
    int widest = net->in > net->channels ? net->in : net->channels;
    return (size_t)CONV_PLACES * (size_t)(2 * TAPS * widest + 3 * net->channels);
}

/* Neighbourhoods (n places, 9 width) of x (n places, width); relu: of its positive part. */
VARIANTS static void gather(int n, int width, const float *x, int relu, float *col)
{
    size_t w = (size_t)width;
    for (int place = 0; place < n * CONV_PLACES; place++) {
        int row = place / CONV_SIDE % CONV_SIDE, column = place % CONV_SIDE;
        for (int tap = 0; tap < TAPS; tap++, col += w) {
            int dy = tap / 3 - 1, dx = tap % 3 - 1;
            if (row + dy < 0 || row + dy >= CONV_SIDE || column + dx < 0 || column + dx >= CONV_SIDE) {
                memset(col, 0, w * sizeof *col);
                continue;
            }
            const float *from = x + (size_t)(place + dy * CONV_SIDE + dx) * w;
            if (!relu) memcpy(col, from, w * sizeof *col);
            else
                for (size_t i = 0; i < w; i++) col[i] = from[i] > 0 ? from[i] : 0;
        }
    }
}

/* The way back: dx (n places, width) gets the sums of the neighbourhoods' gradients. */
VARIANTS static void scatter(int n, int width, const float *dcol, float *dx)
{
    size_t w = (size_t)width;
    memset(dx, 0, (size_t)n * CONV_PLACES * w * sizeof *dx);
    for (int place = 0; place < n * CONV_PLACES; place++) {
        int row = place / CONV_SIDE % CONV_SIDE, column = place % CONV_SIDE;
        for (int tap = 0; tap < TAPS; tap++, dcol += w) {
            int dy = tap / 3 - 1, dx_ = tap % 3 - 1;
            if (row + dy < 0 || row + dy >= CONV_SIDE || column + dx_ < 0 || column + dx_ >= CONV_SIDE) continue;
            float *to = dx + (size_t)(place + dy * CONV_SIDE + dx_) * w;
            for (size_t i = 0; i < w; i++) to[i] += dcol[i];
        }
    }
}

VARIANTS static void add_bias(int rows, int out, const float *bias, int add, float *y)
{
    for (int r = 0; r < rows; r++, y += out)
        for (int i = 0; i < out; i++) y[i] = (add ? y[i] : 0) + bias[i];
}

VARIANTS static void sum_rows(int rows, int out, const float *y, float *sum)
{
    for (int r = 0; r < rows; r++, y += out)
        for (int i = 0; i < out; i++) sum[i] += y[i];
}

/* Where x is not positive, the gradient y of its positive part is 0. */
VARIANTS static void relu_back(size_t n, const float *x, float *y)
{
    for (size_t i = 0; i < n; i++) y[i] = x[i] > 0 ? y[i] : 0;
}

/* y (rows, out) = x (rows, in) w (in, out) + bias, added to y when `add`. */
static void affine(int rows, int in, int out, const float *x, const float *w, int add, float *y)
{
    const float *bias = w + (size_t)in * (size_t)out;
    add_bias(rows, out, bias, add, y);
    blas_gemm(false, false, rows, out, in, 1, x, in, w, out, 1, y, out);
}

/* dw and dbias are added to; dx (rows, in) is overwritten unless NULL. */
static void affine_back(int rows, int in, int out, const float *x, const float *w, const float *dy, float *dw, float *dx)
{
    if (dw != NULL) {
        float *dbias = dw + (size_t)in * (size_t)out;
        blas_gemm(true, false, in, out, rows, 1, x, in, dy, out, 1, dw, out);
        sum_rows(rows, out, dy, dbias);
    }
    if (dx != NULL) blas_gemm(false, true, rows, in, out, 1, dy, out, w, out, 0, dx, in);
}

VARIANTS static void relu_of(size_t n, const float *x, float *y)
{
    for (size_t i = 0; i < n; i++) y[i] = x[i] > 0 ? x[i] : 0;
}

void conv_forward(const struct conv *net, const float *weights, int n, const float *x, float *y, float *kept, float *scratch)
{
    int C = net->channels, rows = n * CONV_PLACES;
    size_t size = layer_size(net, n);
    float *h = kept;
    gather(n, net->in, x, 0, scratch);
    affine(rows, TAPS * net->in, C, scratch, weights, 0, h);
    for (int b = 0; b < net->blocks; b++) {
        float *a = h + size, *next = a + size;
        gather(n, C, h, 1, scratch);
        affine(rows, TAPS * C, C, scratch, weights + layer_at(net, 1 + 2 * b), 0, a);
        relu_of(size, a, a);
        memcpy(next, h, size * sizeof *h);
        affine(rows, C, C, a, weights + layer_at(net, 2 + 2 * b), 1, next);
        h = next;
    }
    relu_of(size, h, scratch);
    affine(rows, C, net->out, scratch, weights + layer_at(net, 1 + 2 * net->blocks), 0, y);
}

void conv_backward(const struct conv *net, const float *weights, int n, const float *x, const float *kept, const float *dy, float *gradient, float *dx, float *scratch)
{
    int C = net->channels, rows = n * CONV_PLACES, widest = net->in > C ? net->in : C;
    size_t size = layer_size(net, n), last = layer_at(net, 1 + 2 * net->blocks);
    float *col = scratch, *dcol = col + (size_t)rows * TAPS * (size_t)widest, *dh = dcol + (size_t)rows * TAPS * (size_t)widest, *da = dh + size, *sum = da + size;
    const float *h = kept + 2 * (size_t)net->blocks * size;
    relu_of(size, h, col);
    affine_back(rows, C, net->out, col, weights + last, dy, gradient == NULL ? NULL : gradient + last, dh);
    relu_back(size, h, dh);
    for (int b = net->blocks - 1; b >= 0; b--) {
        const float *a = kept + (2 * (size_t)b + 1) * size;
        size_t wa = layer_at(net, 1 + 2 * b), wb = layer_at(net, 2 + 2 * b);
        h = kept + 2 * (size_t)b * size;
        affine_back(rows, C, C, a, weights + wb, dh, gradient == NULL ? NULL : gradient + wb, da);
        relu_back(size, a, da);
        if (gradient != NULL) gather(n, C, h, 1, col);
        affine_back(rows, TAPS * C, C, col, weights + wa, da, gradient == NULL ? NULL : gradient + wa, dcol);
        scatter(n, C, dcol, sum);
        for (size_t i = 0; i < size; i++) dh[i] += h[i] > 0 ? sum[i] : 0;
    }
    if (gradient != NULL) gather(n, net->in, x, 0, col);
    affine_back(rows, TAPS * net->in, C, col, weights, dh, gradient, dx == NULL ? NULL : dcol);
    if (dx != NULL) scatter(n, net->in, dcol, dx);
}
