/* One source, several instruction sets: a function marked VARIANTS is compiled for AVX-512, AVX2 and the baseline, and
 * the loader picks the one that this CPU runs. Sums are written with a fixed number of lanes (LANES partial sums, added
 * up in a fixed order) and the build forbids fused multiply-add contraction, so all variants give the same bits. */
#ifndef CORE_SIMD_H
#define CORE_SIMD_H

#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) && defined(__linux__) && !defined(__SANITIZE_ADDRESS__) && !defined(__clang__)
#define VARIANTS __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define VARIANTS
#endif
#define INLINE static inline __attribute__((always_inline))

enum { LANES = 16 };
typedef float lanes __attribute__((vector_size(64), aligned(4), may_alias));   /* 16 floats, any address */

/* The 16 partial sums added as a balanced tree. */
#define LANES_SUM(v) \
    ((((v)[0] + (v)[8]) + ((v)[4] + (v)[12])) + (((v)[2] + (v)[10]) + ((v)[6] + (v)[14])) + \
     ((((v)[1] + (v)[9]) + ((v)[5] + (v)[13])) + (((v)[3] + (v)[11]) + ((v)[7] + (v)[15]))))

/* e^x for |x| < 87, below that 0: Cephes' polynomial, relative error under 2e-7; plain arithmetic, so loops over it vectorise. */
INLINE float fast_exp(float x)
{
    x = x > 88.0f ? 88.0f : x;
    float keep = x < -87.0f ? 0.0f : 1.0f;
    x = x < -87.0f ? -87.0f : x;
    float n = (x * 1.44269504088896341f + 12582912.0f) - 12582912.0f;   /* round to nearest */
    float r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = (p * r) * r + r + 1.0f;
    union { int32_t i; float f; } power = {.i = ((int32_t)n + 127) << 23};
    return p * power.f * keep;
}

#endif
