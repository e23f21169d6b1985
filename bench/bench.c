/* The frame of make bench: sections, figures, peers, limits; see bench.h. */
#include "bench/bench.h"
#include "core/blas.h"
#include "core/kernels.h"
#include "core/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const struct { const char *name; void (*run)(void); } SECTIONS[] = {
    {"limits", bench_limits}, {"training", bench_training}, {"characters", bench_characters}, {"decoding", bench_decoding},
    {"shipped", bench_shipped}, {"tokens", bench_tokens}, {"codes", bench_codes}, {"retrieval", bench_retrieval}, {"fill", bench_fill}, {"program", bench_program},
};

double bench_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- limits ---- */

enum { SIDE = 1024, READ_BYTES = 1 << 28, THREADS_MOST = 64 };

struct limit { float *block[THREADS_MOST]; volatile float sink[THREADS_MOST]; };

static void multiply(void *context, int item, int worker)
{
    struct limit *l = context;
    float *a = l->block[item];
    (void)worker;
    for (int i = 0; i < 4; i++) blas_gemm(false, false, SIDE, SIDE, SIDE, 1, a, SIDE, a + SIDE * SIDE, SIDE, 0, a + 2 * SIDE * SIDE, SIDE);
}

/* A product with one token streams a matrix once, from memory: the fastest reader that there is here. */
static void read_memory(void *context, int item, int worker)
{
    struct limit *l = context;
    enum { K = 1024, ROWS = READ_BYTES / 4 / K };
    static const float x[K];
    static float y[THREADS_MOST][ROWS];
    struct kernel_job job = {.panels = l->block[item], .rows = ROWS, .k = K, .from = 0, .to = ROWS / PANEL, .n = 1, .x = x, .y = y[item]};
    (void)worker;
    kernels_best()->f32(&job);
    l->sink[item] = y[item][0];
}

static double limit(int threads, size_t floats, threads_work *work)
{
    struct error error = {0};
    static struct limit l;
    struct threads *pool = threads_start(threads, &error);
    for (int i = 0; i < threads; i++) {
        l.block[i] = mem_alloc(floats, sizeof(float), &error);
        for (size_t k = 0; l.block[i] != NULL && k < floats; k++) l.block[i][k] = 1e-3f;
    }
    double best = (double)INFINITY;
    for (int r = 0; r < 8; r++) {
        double t = bench_now();
        threads_run(pool, threads, work, &l);
        best = fmin(best, bench_now() - t);
    }
    for (int i = 0; i < threads; i++) mem_free(l.block[i]);
    threads_stop(pool);
    return best;
}

double bench_peak(int threads)
{
    static double known[THREADS_MOST + 1];
    if (known[threads] == 0) known[threads] = 4 * 2.0 * SIDE * SIDE * SIDE * threads / limit(threads, 3 * SIDE * SIDE, multiply) / 1e9;
    return known[threads];
}

double bench_bandwidth(int threads)
{
    static double known[THREADS_MOST + 1];
    if (known[threads] == 0) known[threads] = (double)READ_BYTES * threads / limit(threads, READ_BYTES / 4, read_memory) / 1e9;
    return known[threads];
}

void bench_limits(void)
{
    printf("  %s\n  kernels of our own: %s\n", blas_name(), kernels_best()->name);
    for (int threads = 1; threads <= 2; threads++)
        printf("  %d thread%s: sgemm peak %.0f GFLOP/s, read bandwidth %.1f GB/s\n", threads, threads > 1 ? "s" : "", bench_peak(threads), bench_bandwidth(threads));
}

/* ---- figures ---- */

/* The value that a peer's script prints for a key; NAN when it prints none. */
static double ask_peer(const char *script, const char *key)
{
    char command[600], line[400];
    const char *python = getenv("PEERS");
    double value = (double)NAN;
    if (python == NULL || *python == '\0' || script == NULL) return (double)NAN;
    snprintf(command, sizeof command, "%s bench/peers/%s 2>/dev/null", python, script);
    FILE *pipe = popen(command, "r");
    if (pipe == NULL) return (double)NAN;
    while (fgets(line, sizeof line, pipe) != NULL) {
        size_t n = strlen(key);
        if (strncmp(line, key, n) == 0 && line[n] == ' ') value = strtod(line + n, NULL);
    }
    pclose(pipe);
    return value;
}

static double better(double a, double b, bool less) { return isnan(b) ? a : isnan(a) ? b : less ? fmin(a, b) : fmax(a, b); }

void bench_figure(const struct figure *f)
{
    double ours = (double)NAN, peer = (double)NAN;
    bool peers = getenv("PEERS") != NULL && f->peer != NULL;
    for (int r = 0; r < (peers ? 2 : 1); r++) {
        for (int i = 0; i < ROUNDS; i++) ours = better(ours, f->ours(f->context), f->less);
        peer = better(peer, ask_peer(f->peer, f->key), f->less);
    }
    printf("  %-44s %10.*f %-9s", f->name, ours < 10 ? 3 : ours < 100 ? 1 : 0, ours, f->unit);
    if (f->limit > 0) printf(" %3.0f %% of the %s", 100 * ours * (f->limit_per_unit > 0 ? f->limit_per_unit : 1) / f->limit, f->limit_name);
    if (peers && !isnan(peer)) printf("%s %.2fx %s (%.4g)", f->limit > 0 ? ";" : "", f->less ? peer / ours : ours / peer, f->peer_name, peer);
    else if (peers) printf("  (%s: not measured)", f->peer_name);
    putchar('\n');
    fflush(stdout);
}

double bench_child_memory(const char *argument)
{
    int status;
    struct rusage usage;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        execl("/proc/self/exe", "bench", argument, (char *)NULL);
        _exit(127);
    }
    if (child < 0 || wait4(child, &status, 0, &usage) < 0 || status != 0) return (double)NAN;
    return (double)usage.ru_maxrss / 1024;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strncmp(argv[1], "--step=", 7) == 0) {
        bench_training_step(argv[1] + 7);
        return 0;
    }
    for (size_t i = 0; i < sizeof SECTIONS / sizeof *SECTIONS; i++) {
        bool wanted = argc < 2;
        for (int k = 1; k < argc; k++) wanted = wanted || strcmp(argv[k], SECTIONS[i].name) == 0;
        if (!wanted) continue;
        printf("%s\n", SECTIONS[i].name);
        SECTIONS[i].run();
    }
    return 0;
}
