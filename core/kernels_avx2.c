/* The kernels with AVX2 and FMA; see kernels.h. A panel is taken in two halves, each two registers wide. */
#include "core/kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <stddef.h>
#include <string.h>

#define TARGET __attribute__((target("avx2,fma,f16c")))
#define PART static inline __attribute__((always_inline)) TARGET

enum { LANES = 8, HALF = 16, STEP = 512, TILE = 6 };

PART __m256i mask_of(int left)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(left), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/* n tokens from `first` against columns from … to of half a panel; n is a constant where this is inlined. */
PART void f32_tile(const struct kernel_job *j, int row, int first, const int n, int from, int to, bool add)
{
    const float *w = (const float *)j->panels + ((long)(row / PANEL) * j->k + from) * PANEL + row % PANEL, *x = j->x + (long)first * j->k;
    float *y = j->y + (long)first * j->rows + row;
    __m256i mask[2] = {mask_of(j->rows - row), mask_of(j->rows - row - LANES)};
    __m256 sum[TILE][2];
    #pragma GCC unroll 6
    for (int t = 0; t < n; t++)
        for (int h = 0; h < 2; h++) sum[t][h] = add ? _mm256_maskload_ps(y + (long)t * j->rows + h * LANES, mask[h]) : _mm256_setzero_ps();
    for (int i = from; i < to; i++, w += PANEL) {
        __m256 w0 = _mm256_loadu_ps(w), w1 = _mm256_loadu_ps(w + LANES);
        #pragma GCC unroll 6
        for (int t = 0; t < n; t++) {
            __m256 v = _mm256_broadcast_ss(x + (long)t * j->k + i);
            sum[t][0] = _mm256_fmadd_ps(v, w0, sum[t][0]);
            sum[t][1] = _mm256_fmadd_ps(v, w1, sum[t][1]);
        }
    }
    #pragma GCC unroll 6
    for (int t = 0; t < n; t++)
        for (int h = 0; h < 2; h++) _mm256_maskstore_ps(y + (long)t * j->rows + h * LANES, mask[h], sum[t][h]);
}

/* One token: the whole panel at once, so that memory is read in order. */
TARGET static void f32_one(const struct kernel_job *j, int panel, int t)
{
    const float *w = (const float *)j->panels + (long)panel * j->k * PANEL, *x = j->x + (long)t * j->k;
    float *y = j->y + (long)t * j->rows + panel * PANEL;
    __m256i mask[4];
    __m256 sum[4];
    for (int h = 0; h < 4; h++) {
        mask[h] = mask_of(j->rows - panel * PANEL - h * LANES);
        sum[h] = j->add ? _mm256_maskload_ps(y + h * LANES, mask[h]) : _mm256_setzero_ps();
    }
    for (int i = 0; i < j->k; i++, w += PANEL) {
        __m256 v = _mm256_broadcast_ss(x + i);
        #pragma GCC unroll 4
        for (int h = 0; h < 4; h++) sum[h] = _mm256_fmadd_ps(v, _mm256_loadu_ps(w + h * LANES), sum[h]);
    }
    for (int h = 0; h < 4; h++) _mm256_maskstore_ps(y + h * LANES, mask[h], sum[h]);
}

TARGET static void f32_half(const struct kernel_job *j, int row, int from, int to, bool add)
{
    int t = 0;
    for (; t + 6 <= j->n; t += 6) f32_tile(j, row, t, 6, from, to, add);
    for (; t + 3 <= j->n; t += 3) f32_tile(j, row, t, 3, from, to, add);
    for (; t < j->n; t++) f32_tile(j, row, t, 1, from, to, add);
}

static void avx2_f32(const struct kernel_job *j)
{
    if (j->n == 1) {
        for (int panel = j->from; panel < j->to; panel++) f32_one(j, panel, 0);
        return;
    }
    for (int from = 0; from < j->k; from += STEP)
        for (int row = j->from * PANEL; row < j->to * PANEL && row < j->rows; row += HALF)
            f32_half(j, row, from, from + STEP < j->k ? from + STEP : j->k, j->add || from > 0);
}

/* The sum over a block for 8 rows: |x| * (w with x's sign) in pairs (below 2^15), then pairs of pairs. */
PART __m256i block_sum(const uint8_t *w, const int8_t *q)
{
    __m256i sum = _mm256_setzero_si256(), flip = _mm256_set1_epi8((char)0x80), ones = _mm256_set1_epi16(1);
    #pragma GCC unroll 8
    for (int quad = 0; quad < BLOCK / 4; quad++) {
        int32_t four;
        memcpy(&four, q + 4 * quad, 4);
        __m256i x = _mm256_set1_epi32(four), y = _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)(const void *)(w + quad * 4 * PANEL)), flip);
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_abs_epi8(x), _mm256_sign_epi8(y, x)), ones));
    }
    return sum;
}

TARGET static void i8_one(const struct kernel_job *j, int panel, int t)
{
    int blocks = j->k / BLOCK;
    const uint8_t *at = (const uint8_t *)j->panels + (long)panel * blocks * BLOCK_BYTES;
    float *y = j->y + (long)t * j->rows + panel * PANEL;
    __m256i mask[4];
    __m256 out[4];
    for (int h = 0; h < 4; h++) {
        mask[h] = mask_of(j->rows - panel * PANEL - h * LANES);
        out[h] = j->add ? _mm256_maskload_ps(y + h * LANES, mask[h]) : _mm256_setzero_ps();
    }
    for (int b = 0; b < blocks; b++, at += BLOCK_BYTES) {
        __m256 x = _mm256_set1_ps(j->scales[(long)t * blocks + b]);
        #pragma GCC unroll 4
        for (int h = 0; h < 4; h++) {
            __m256i sum = block_sum(at + 2 * PANEL + h * 4 * LANES, j->q + (long)t * j->k + b * BLOCK);
            __m256 scale = _mm256_mul_ps(_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)(at + h * 2 * LANES))), x);
            out[h] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sum), scale, out[h]);
        }
    }
    for (int h = 0; h < 4; h++) _mm256_maskstore_ps(y + h * LANES, mask[h], out[h]);
}

static void avx2_i8(const struct kernel_job *j)
{
    for (int panel = j->from; panel < j->to; panel++)
        for (int t = 0; t < j->n; t++) i8_one(j, panel, t);
}

const struct kernels KERNELS_AVX2 = {"avx2", avx2_f32, avx2_i8};

#else

const struct kernels KERNELS_AVX2 = {0};

#endif
