/* The products of inference, a few times written: for AVX-512, for AVX2, for NEON, and plainly.
 *
 * A weight matrix (rows, k) is kept in panels of PANEL rows, so that a product streams through memory once and in order:
 *
 *   float32   panel p:  k columns of PANEL numbers:                 w[32p … 32p+31][0], w[32p … 32p+31][1], …
 *   int8      panel p:  k/32 blocks of PANEL scales (half precision) and 8 x PANEL quads:
 *                       scale[32p … 32p+31], w[32p][0 … 3], w[32p+1][0 … 3], … w[32p+31][0 … 3], w[32p][4 … 7], …
 *                       each weight stored as an unsigned byte, 128 more than it is
 *
 * Every output is one chain of fused multiply-adds in the order of k: y = fma(x[k-1], w[k-1], … fma(x[0], w[0], 0)). In int8 the sum
 * over a block of 32 is an integer and so exact, and the chain goes over blocks: y = fma(sum, scale_w * scale_x, y). So all
 * variants give the same bits, for any number of tokens at a time, and for any division of the panels among threads.
 */
#ifndef CORE_KERNELS_H
#define CORE_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

enum { PANEL = 32, BLOCK = 32, BLOCK_BYTES = PANEL * BLOCK + PANEL * 2 };

struct kernel_job {
    const void *panels;      /* the whole matrix */
    int rows, k;             /* k is a multiple of BLOCK in int8 */
    int from, to;            /* panels of this call */
    int n;                   /* tokens */
    const float *x;          /* (n, k): float32 */
    const int8_t *q;         /* (n, k): int8, with */
    const float *scales;     /* (n, k / BLOCK): x is about q * scale */
    const int32_t *sums;     /* (n, k / BLOCK): -128 * the sum of a block's q */
    float *y;                /* (n, rows) */
    bool add;                /* y += instead of y = */
};

struct kernels {
    const char *name;
    void (*f32)(const struct kernel_job *job);
    void (*i8)(const struct kernel_job *job);
};

/* The variants that this CPU runs, best first, ending with the plain one; TRIPTYCH_KERNELS=avx512|avx2|neon|plain forces one. */
const struct kernels *kernels_best(void);
const struct kernels *kernels_all(int i);          /* NULL behind the last */

/* The variants' tables; a table is empty (name NULL) where it could not be compiled. */
extern const struct kernels KERNELS_AVX512, KERNELS_AVX2, KERNELS_NEON, KERNELS_PLAIN;

#endif
