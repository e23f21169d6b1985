/* OpenBLAS at run time; see blas.h. */
#include "core/blas.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The C interface of BLAS: row-major order and the two transposition values are fixed by the standard header. */
enum { ROW_MAJOR = 101, NO_TRANS = 111, TRANS = 112 };
typedef void gemm_function(int order, int ta, int tb, int m, int n, int k, float alpha, const float *a, int lda,
                           const float *b, int ldb, float beta, float *c, int ldc);
typedef char *text_function(void);

static pthread_once_t once = PTHREAD_ONCE_INIT;
static gemm_function *gemm;
static char name[200] = "built-in";

/* OpenBLAS picks its kernels by CPU model; one that it does not know gets old ones unless told otherwise. What the CPU can do decides
 * here, also against an OPENBLAS_CORETYPE that was set for other programs; TRIPTYCH_CORETYPE=name forces one, for comparisons. */
static void choose_kernels(void)
{
    const char *forced = getenv("TRIPTYCH_CORETYPE");
    if (forced != NULL) setenv("OPENBLAS_CORETYPE", forced, 1);
#if defined(__x86_64__)
    __builtin_cpu_init();
    bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    if (forced == NULL && avx512) setenv("OPENBLAS_CORETYPE", "SKYLAKEX", 1);
#endif
    setenv("OPENBLAS_NUM_THREADS", "1", 1);
    setenv("OMP_NUM_THREADS", "1", 0);
}

static void load(void)
{
    static const char *const files[] = {"libopenblas.so.0", "libopenblas.so", "libblas.so.3"};
    if (getenv("TRIPTYCH_NO_BLAS") != NULL) return;
    choose_kernels();
    void *library = NULL;
    for (size_t i = 0; i < sizeof files / sizeof *files && library == NULL; i++) library = dlopen(files[i], RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) return;
    void *symbol = dlsym(library, "cblas_sgemm");
    if (symbol == NULL) return;
    memcpy(&gemm, &symbol, sizeof gemm);
    text_function *describe[2] = {NULL, NULL};
    void *symbols[2] = {dlsym(library, "openblas_get_config"), dlsym(library, "openblas_get_corename")};
    memcpy(describe, symbols, sizeof describe);
    snprintf(name, sizeof name, "%s", describe[0] != NULL ? describe[0]() : "BLAS");
    if (describe[1] != NULL) snprintf(name + strlen(name), sizeof name - strlen(name), " (kernels: %s)", describe[1]());
}

bool blas_start(void)
{
    pthread_once(&once, load);
    return gemm != NULL;
}

const char *blas_name(void)
{
    blas_start();
    return name;
}

/* The plain product, for machines without the library and as the tests' second opinion. */
static void plain_gemm(bool ta, bool tb, int m, int n, int k, float alpha, const float *a, int lda, const float *b, int ldb, float beta, float *c, int ldc)
{
    for (int i = 0; i < m; i++) {
        float *row = c + (long)i * ldc;
        for (int j = 0; j < n; j++) row[j] = beta == 0.0f ? 0.0f : beta * row[j];
        for (int p = 0; p < k; p++) {
            float x = alpha * (ta ? a[(long)p * lda + i] : a[(long)i * lda + p]);
            if (tb) for (int j = 0; j < n; j++) row[j] += x * b[(long)j * ldb + p];
            else for (int j = 0; j < n; j++) row[j] += x * b[(long)p * ldb + j];
        }
    }
}

void blas_gemm(bool ta, bool tb, int m, int n, int k, float alpha, const float *a, int lda, const float *b, int ldb,
               float beta, float *c, int ldc)
{
    if (m <= 0 || n <= 0) return;
    if (blas_start()) gemm(ROW_MAJOR, ta ? TRANS : NO_TRANS, tb ? TRANS : NO_TRANS, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
    else plain_gemm(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}
