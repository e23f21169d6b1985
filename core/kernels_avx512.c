/* The kernels with AVX-512 and its int8 dot products (VNNI); see kernels.h. A panel is two registers wide. */
#include "core/kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <stddef.h>
#include <string.h>

#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma,f16c")))
#define PART static inline __attribute__((always_inline)) TARGET

enum { LANES = 16, STEP = 512, TILE = 12 };

/* Which of the panel's two registers hold rows of the matrix, for loads and stores of y. */
PART void masks(const struct kernel_job *j, int panel, __mmask16 mask[2])
{
    int rows = j->rows - panel * PANEL;
    for (int h = 0; h < 2; h++) {
        int left = rows - h * LANES;
        unsigned bits = left >= LANES ? 0xffffu : left <= 0 ? 0 : (1u << left) - 1;
        mask[h] = (__mmask16)bits;
    }
}

/* n tokens from `first` against columns from … to of a panel; n is a constant where this is inlined. */
PART void f32_tile(const struct kernel_job *j, int panel, int first, const int n, int from, int to, bool add)
{
    const float *w = (const float *)j->panels + ((long)panel * j->k + from) * PANEL, *x = j->x + (long)first * j->k;
    float *y = j->y + (long)first * j->rows + panel * PANEL;
    __mmask16 mask[2];
    masks(j, panel, mask);
    __m512 sum[TILE][2];
    #pragma GCC unroll 12
    for (int t = 0; t < n; t++)
        for (int h = 0; h < 2; h++) sum[t][h] = add ? _mm512_maskz_loadu_ps(mask[h], y + (long)t * j->rows + h * LANES) : _mm512_setzero_ps();
    for (int i = from; i < to; i++, w += PANEL) {
        __m512 w0 = _mm512_loadu_ps(w), w1 = _mm512_loadu_ps(w + LANES);
        #pragma GCC unroll 12
        for (int t = 0; t < n; t++) {
            __m512 v = _mm512_set1_ps(x[(long)t * j->k + i]);
            sum[t][0] = _mm512_fmadd_ps(v, w0, sum[t][0]);
            sum[t][1] = _mm512_fmadd_ps(v, w1, sum[t][1]);
        }
    }
    #pragma GCC unroll 12
    for (int t = 0; t < n; t++)
        for (int h = 0; h < 2; h++) _mm512_mask_storeu_ps(y + (long)t * j->rows + h * LANES, mask[h], sum[t][h]);
}

TARGET static void f32_panel(const struct kernel_job *j, int panel, int from, int to, bool add)
{
    int t = 0;
    for (; t + 12 <= j->n; t += 12) f32_tile(j, panel, t, 12, from, to, add);
    for (; t + 6 <= j->n; t += 6) f32_tile(j, panel, t, 6, from, to, add);
    for (; t + 2 <= j->n; t += 2) f32_tile(j, panel, t, 2, from, to, add);
    for (; t < j->n; t++) f32_tile(j, panel, t, 1, from, to, add);
}

/* Many tokens: STEP columns at a time, so that the panel's part stays in the cache for all of them. Storing the sums and going on
 * from there changes no bit. */
static void avx512_f32(const struct kernel_job *j)
{
    int step = j->n > 2 ? STEP : j->k;
    for (int from = 0; from < j->k; from += step)
        for (int panel = j->from; panel < j->to; panel++)
            f32_panel(j, panel, from, from + step < j->k ? from + step : j->k, j->add || from > 0);
}

PART void i8_tile(const struct kernel_job *j, int panel, int first, const int n)
{
    int blocks = j->k / BLOCK;
    const uint8_t *at = (const uint8_t *)j->panels + (long)panel * blocks * BLOCK_BYTES;
    float *y = j->y + (long)first * j->rows + panel * PANEL;
    __mmask16 mask[2];
    masks(j, panel, mask);
    __m512 out[4][2];
    #pragma GCC unroll 4
    for (int t = 0; t < n; t++)
        for (int h = 0; h < 2; h++) out[t][h] = j->add ? _mm512_maskz_loadu_ps(mask[h], y + (long)t * j->rows + h * LANES) : _mm512_setzero_ps();
    for (int b = 0; b < blocks; b++, at += BLOCK_BYTES) {
        __m512i sum[4][2];
        #pragma GCC unroll 4
        for (int t = 0; t < n; t++) sum[t][0] = sum[t][1] = _mm512_set1_epi32(j->sums[(long)(first + t) * blocks + b]);
        #pragma GCC unroll 8
        for (int quad = 0; quad < BLOCK / 4; quad++) {
            const uint8_t *w = at + 2 * PANEL + quad * 4 * PANEL;
            __m512i w0 = _mm512_loadu_si512(w), w1 = _mm512_loadu_si512(w + 64);
            #pragma GCC unroll 4
            for (int t = 0; t < n; t++) {
                int32_t four;
                memcpy(&four, j->q + (long)(first + t) * j->k + b * BLOCK + 4 * quad, 4);
                __m512i x = _mm512_set1_epi32(four);
                sum[t][0] = _mm512_dpbusd_epi32(sum[t][0], w0, x);
                sum[t][1] = _mm512_dpbusd_epi32(sum[t][1], w1, x);
            }
        }
        #pragma GCC unroll 2
        for (int h = 0; h < 2; h++) {
            __m512 scale = _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)(at + h * 2 * LANES)));
            #pragma GCC unroll 4
            for (int t = 0; t < n; t++) {
                __m512 both = _mm512_mul_ps(scale, _mm512_set1_ps(j->scales[(long)(first + t) * blocks + b]));
                out[t][h] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum[t][h]), both, out[t][h]);
            }
        }
    }
    #pragma GCC unroll 4
    for (int t = 0; t < n; t++)
        for (int h = 0; h < 2; h++) _mm512_mask_storeu_ps(y + (long)t * j->rows + h * LANES, mask[h], out[t][h]);
}

TARGET static void avx512_i8(const struct kernel_job *j)
{
    for (int panel = j->from; panel < j->to; panel++) {
        int t = 0;
        for (; t + 4 <= j->n; t += 4) i8_tile(j, panel, t, 4);
        for (; t + 2 <= j->n; t += 2) i8_tile(j, panel, t, 2);
        for (; t < j->n; t++) i8_tile(j, panel, t, 1);
    }
}

const struct kernels KERNELS_AVX512 = {"avx512", avx512_f32, avx512_i8};

#else

const struct kernels KERNELS_AVX512 = {0};

#endif
