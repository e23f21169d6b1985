/* The plain kernels, and the choice among all; see kernels.h. */
#include "core/kernels.h"
#include "core/safetensors.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

/* ---- float32: up to TOKENS tokens against a panel ---- */

enum { TOKENS = 2 };

static void plain_tile(const struct kernel_job *j, int panel, int first, int n)
{
    const float *w = (const float *)j->panels + (long)panel * PANEL * j->k;
    float sum[TOKENS][PANEL];
    int rows = j->rows - panel * PANEL < PANEL ? j->rows - panel * PANEL : PANEL;
    for (int t = 0; t < n; t++)
        for (int r = 0; r < PANEL; r++) sum[t][r] = j->add && r < rows ? j->y[(long)(first + t) * j->rows + panel * PANEL + r] : 0.0f;
    for (int i = 0; i < j->k; i++)
        for (int t = 0; t < n; t++) {
            float x = j->x[(long)(first + t) * j->k + i];
            for (int r = 0; r < PANEL; r++) sum[t][r] = __builtin_fmaf(x, w[(long)i * PANEL + r], sum[t][r]);
        }
    for (int t = 0; t < n; t++) memcpy(j->y + (long)(first + t) * j->rows + panel * PANEL, sum[t], (size_t)rows * sizeof **sum);
}

static void plain_f32(const struct kernel_job *j)
{
    for (int panel = j->from; panel < j->to; panel++) {
        int t = 0;
        for (; t + TOKENS <= j->n; t += TOKENS) plain_tile(j, panel, t, TOKENS);
        for (; t < j->n; t++) plain_tile(j, panel, t, 1);
    }
}

/* ---- int8 ---- */

/* sums[r] = the sum over a block's 32 products of row r. */
static void block_sums(const uint8_t *w, const int8_t *q, int32_t sums[PANEL])
{
    for (int r = 0; r < PANEL; r++) sums[r] = 0;
    for (int quad = 0; quad < BLOCK / 4; quad++)
        for (int r = 0; r < PANEL; r++)
            for (int i = 0; i < 4; i++) sums[r] += ((int)w[(quad * PANEL + r) * 4 + i] - 128) * q[4 * quad + i];
}

static void plain_i8(const struct kernel_job *j)
{
    int blocks = j->k / BLOCK;
    for (int panel = j->from; panel < j->to; panel++) {
        int rows = j->rows - panel * PANEL < PANEL ? j->rows - panel * PANEL : PANEL;
        for (int t = 0; t < j->n; t++) {
            const uint8_t *at = (const uint8_t *)j->panels + (long)panel * blocks * BLOCK_BYTES;
            float y[PANEL] = {0}, *out = j->y + (long)t * j->rows + panel * PANEL;
            if (j->add) memcpy(y, out, (size_t)rows * sizeof *y);
            for (int b = 0; b < blocks; b++, at += BLOCK_BYTES) {
                int32_t sums[PANEL];
                uint16_t scales[PANEL];
                memcpy(scales, at, sizeof scales);
                block_sums(at + sizeof scales, j->q + (long)t * j->k + b * BLOCK, sums);
                for (int r = 0; r < PANEL; r++) y[r] = __builtin_fmaf((float)sums[r], float_from_half(scales[r]) * j->scales[(long)t * blocks + b], y[r]);
            }
            memcpy(out, y, (size_t)rows * sizeof *y);
        }
    }
}

const struct kernels KERNELS_PLAIN = {"plain", plain_f32, plain_i8};

/* ---- the choice ---- */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const struct kernels *all[5];

static bool runs(const struct kernels *k)
{
#if defined(__x86_64__)
    if (k == &KERNELS_AVX512) return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vnni");
    if (k == &KERNELS_AVX2) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#elif defined(__aarch64__) && defined(__linux__)
    enum { DOT_PRODUCTS = 1 << 20 };                           /* HWCAP_ASIMDDP */
    if (k == &KERNELS_NEON) return (getauxval(AT_HWCAP) & DOT_PRODUCTS) != 0;
#endif
    return k == &KERNELS_PLAIN;
}

static void choose(void)
{
    static const struct kernels *const known[] = {&KERNELS_AVX512, &KERNELS_AVX2, &KERNELS_NEON, &KERNELS_PLAIN};
    const char *forced = getenv("TRIPTYCH_KERNELS");
    int n = 0;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i]->name != NULL && runs(known[i]) && (forced == NULL || strcmp(forced, known[i]->name) == 0)) all[n++] = known[i];
    if (n == 0) all[n++] = &KERNELS_PLAIN;
}

const struct kernels *kernels_all(int i)
{
    pthread_once(&once, choose);
    return all[i];
}

const struct kernels *kernels_best(void) { return kernels_all(0); }
