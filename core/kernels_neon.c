/* The kernels for ARM64 with NEON and its int8 dot products (ARMv8.2 and later); see kernels.h. A panel is eight registers wide; many tokens
 * take it in two halves. */
#include "core/kernels.h"

#if defined(__aarch64__)

#include <arm_neon.h>
#include <stddef.h>
#include <string.h>

#define TARGET __attribute__((target("arch=armv8.2-a+dotprod")))
#define PART static inline __attribute__((always_inline)) TARGET

enum { LANES = 4, HALF = 16, STEP = 512, TILE = 6, WIDE = PANEL / LANES };

/* `left` numbers (at most 4 count) from y, zeros behind them; and back. */
PART float32x4_t load_some(const float *y, int left)
{
    float some[LANES] = {0};
    if (left >= LANES) return vld1q_f32(y);
    for (int i = 0; i < left; i++) some[i] = y[i];
    return vld1q_f32(some);
}

PART void store_some(float *y, float32x4_t x, int left)
{
    float some[LANES];
    if (left >= LANES) return vst1q_f32(y, x);
    vst1q_f32(some, x);
    for (int i = 0; i < left; i++) y[i] = some[i];
}

/* n tokens from `first` against columns from … to of `width` registers of rows from `row`; n and width are constants where this is inlined. */
PART void f32_tile(const struct kernel_job *j, int row, const int width, int first, const int n, int from, int to, bool add)
{
    const float *w = (const float *)j->panels + ((long)(row / PANEL) * j->k + from) * PANEL + row % PANEL, *x = j->x + (long)first * j->k;
    float *y = j->y + (long)first * j->rows + row;
    float32x4_t sum[TILE][WIDE];
    #pragma GCC unroll 6
    for (int t = 0; t < n; t++)
        #pragma GCC unroll 8
        for (int h = 0; h < width; h++) sum[t][h] = add ? load_some(y + (long)t * j->rows + h * LANES, j->rows - row - h * LANES) : vdupq_n_f32(0);
    for (int i = from; i < to; i++, w += PANEL) {
        float32x4_t columns[WIDE];
        #pragma GCC unroll 8
        for (int h = 0; h < width; h++) columns[h] = vld1q_f32(w + h * LANES);
        #pragma GCC unroll 6
        for (int t = 0; t < n; t++) {
            float32x4_t v = vdupq_n_f32(x[(long)t * j->k + i]);
            #pragma GCC unroll 8
            for (int h = 0; h < width; h++) sum[t][h] = vfmaq_f32(sum[t][h], v, columns[h]);
        }
    }
    #pragma GCC unroll 6
    for (int t = 0; t < n; t++)
        #pragma GCC unroll 8
        for (int h = 0; h < width; h++) store_some(y + (long)t * j->rows + h * LANES, sum[t][h], j->rows - row - h * LANES);
}

TARGET static void f32_half(const struct kernel_job *j, int row, int from, int to, bool add)
{
    int t = 0;
    for (; t + 6 <= j->n; t += 6) f32_tile(j, row, HALF / LANES, t, 6, from, to, add);
    for (; t + 2 <= j->n; t += 2) f32_tile(j, row, HALF / LANES, t, 2, from, to, add);
    for (; t < j->n; t++) f32_tile(j, row, HALF / LANES, t, 1, from, to, add);
}

TARGET static void neon_f32(const struct kernel_job *j)
{
    if (j->n == 1) {
        for (int panel = j->from; panel < j->to; panel++) f32_tile(j, panel * PANEL, WIDE, 0, 1, 0, j->k, j->add);
        return;
    }
    for (int from = 0; from < j->k; from += STEP)
        for (int row = j->from * PANEL; row < j->to * PANEL && row < j->rows; row += HALF)
            f32_half(j, row, from, from + STEP < j->k ? from + STEP : j->k, j->add || from > 0);
}

/* The sum over a block's products for 4 rows. */
PART int32x4_t block_sum(const uint8_t *w, const int8_t *q)
{
    int32x4_t sum = vdupq_n_s32(0);
    #pragma GCC unroll 8
    for (int quad = 0; quad < BLOCK / 4; quad++) {
        int32_t four;
        memcpy(&four, q + 4 * quad, 4);
        int8x16_t y = vreinterpretq_s8_u8(veorq_u8(vld1q_u8(w + quad * 4 * PANEL), vdupq_n_u8(0x80)));
        sum = vdotq_s32(sum, y, vreinterpretq_s8_s32(vdupq_n_s32(four)));
    }
    return sum;
}

TARGET static void i8_one(const struct kernel_job *j, int panel, int t)
{
    int blocks = j->k / BLOCK, rows = j->rows - panel * PANEL;
    const uint8_t *at = (const uint8_t *)j->panels + (long)panel * blocks * BLOCK_BYTES;
    float *y = j->y + (long)t * j->rows + panel * PANEL;
    float32x4_t out[WIDE];
    for (int h = 0; h < WIDE; h++) out[h] = j->add ? load_some(y + h * LANES, rows - h * LANES) : vdupq_n_f32(0);
    for (int b = 0; b < blocks; b++, at += BLOCK_BYTES) {
        float32x4_t x = vdupq_n_f32(j->scales[(long)t * blocks + b]);
        #pragma GCC unroll 8
        for (int h = 0; h < WIDE; h++) {
            float16x4_t half;
            memcpy(&half, at + h * 2 * LANES, sizeof half);
            int32x4_t sum = block_sum(at + 2 * PANEL + h * 4 * LANES, j->q + (long)t * j->k + b * BLOCK);
            out[h] = vfmaq_f32(out[h], vcvtq_f32_s32(sum), vmulq_f32(vcvt_f32_f16(half), x));
        }
    }
    for (int h = 0; h < WIDE; h++) store_some(y + h * LANES, out[h], rows - h * LANES);
}

TARGET static void neon_i8(const struct kernel_job *j)
{
    for (int panel = j->from; panel < j->to; panel++)
        for (int t = 0; t < j->n; t++) i8_one(j, panel, t);
}

const struct kernels KERNELS_NEON = {"neon", neon_f32, neon_i8};

#else

const struct kernels KERNELS_NEON = {0};

#endif
