/* Matrix products for training: OpenBLAS, loaded when it is first needed.
 *
 * The library is opened at run time, so that commands that never multiply large matrices start at once, and so that its
 * environment can be set first: one thread (we run our own), and, on CPUs with AVX-512 that are newer than it, its
 * Skylake kernels instead of its fallback (twice as fast). Where there is no OpenBLAS a plain product of our own steps in.
 */
#ifndef CORE_BLAS_H
#define CORE_BLAS_H

#include "core/error.h"

/* Load the library (once; later calls do nothing). False when there is none: blas_gemm then uses the plain product. */
bool blas_start(void);

/* "OpenBLAS 0.3.21 … SKYLAKEX" or "built-in": what multiplies. */
const char *blas_name(void);

/* c (m, n; row stride ldc) = alpha * op(a) op(b) + beta * c, with op(a) (m, k) and op(b) (k, n); a is stored transposed
 * when ta, b when tb. Row-major. May be called from several threads at once. */
void blas_gemm(bool ta, bool tb, int m, int n, int k, float alpha, const float *a, int lda, const float *b, int ldb,
               float beta, float *c, int ldc);

#endif
