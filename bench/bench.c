/* make bench: what this machine can do and what the program makes of it, in one run.
 *
 *   limits      sgemm peak (a square product, all threads), read bandwidth (one thread)
 *   training    tokens/s and share of the sgemm peak, for the shapes of the presets
 *   inference   tokens/s one by one and for a prompt, as share of the read bandwidth
 *   tokenizer   MB/s of text
 *
 * Figures depend on the machine and on what else it does; compare ratios within one run. */
#include "core/blas.h"
#include "core/gradient.h"
#include "core/layers.h"
#include "core/mem.h"
#include "core/optimizer.h"
#include "core/random.h"
#include "core/session.h"
#include "core/threads.h"
#include "modalities/modality.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { SIDE = 1024, MICRO = 2048, VOCABULARY = 7394, STEPS = 5 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- limits ---- */

static float *matrices[64];

static void multiply(void *context, int item, int worker)
{
    float *a = matrices[worker];
    (void)context, (void)item;
    blas_gemm(false, false, SIDE, SIDE, SIDE, 1, a, SIDE, a + SIDE * SIDE, SIDE, 0, a + 2 * SIDE * SIDE, SIDE);
}

static double peak(struct threads *pool, struct error *error)
{
    int n = threads_size(pool), rounds = 12;
    for (int i = 0; i < n; i++) matrices[i] = mem_alloc(3 * SIDE * SIDE, sizeof(float), error);
    threads_run(pool, n, multiply, NULL);
    double t = now();
    for (int r = 0; r < rounds; r++) threads_run(pool, n, multiply, NULL);
    t = now() - t;
    for (int i = 0; i < n; i++) mem_free(matrices[i]);
    return 2.0 * SIDE * SIDE * SIDE * n * rounds / t / 1e9;
}

static double bandwidth(struct error *error)
{
    enum { MEGABYTES = 256 };
    int n = MEGABYTES << 18;
    float *block = mem_alloc((size_t)n, sizeof *block, error), one[1024] = {0};
    volatile float sink = 0;
    double t = now();
    for (int i = 0; i < n; i += 1024) sink = sink + layers_dot(block + i, one, 1024);
    t = now() - t;
    mem_free(block);
    return MEGABYTES / 1024.0 / t;
}

/* ---- training ---- */

struct training { struct model model; struct slab *slabs[64]; float *gradients[64]; struct batch batches[64]; };

static void pass(void *context, int item, int worker)
{
    struct training *t = context;
    gradient_pass(&t->model, t->slabs[worker], &t->batches[item], 1e-4f, t->gradients[worker]);
}

static void train(const char *preset, struct threads *pool, double top, struct error *error)
{
    static struct training t;
    struct config c;
    struct optimizer optimizer;
    struct optimizer_options options = OPTIMIZER_OPTIONS_DEFAULT;
    int n = threads_size(pool), length = 512;
    config_preset(preset, VOCABULARY, &c);
    if (!model_init(&t.model, &c, error) || !optimizer_init(&optimizer, &t.model, &options, n, error)) return;
    model_randomize(&t.model, 1);
    for (int i = 0; i < n; i++) {
        t.slabs[i] = slab_start(&t.model, MICRO, error);
        t.gradients[i] = mem_alloc(t.model.numbers, sizeof(float), error);
        t.batches[i] = (struct batch){.n = MICRO, .sequences = MICRO / length, .ids = mem_alloc(MICRO, 4, error), .targets = mem_alloc(MICRO, 4, error), .starts = mem_alloc(MICRO, 4, error)};
        for (int k = 0; k < MICRO; k++) t.batches[i].ids[k] = t.batches[i].targets[k] = (int32_t)random_below(1, (uint64_t)i, (uint64_t)k, VOCABULARY);
        for (int k = 0; k <= MICRO / length; k++) t.batches[i].starts[k] = k * length;
    }
    threads_run(pool, n, pass, &t);
    double start = now();
    for (int s = 0; s < STEPS; s++) {
        threads_run(pool, n, pass, &t);
        threads_run(pool, n, pass, &t);
        optimizer_step(&optimizer, &t.model, t.gradients[0], 1e-4, pool);
    }
    double tokens = 2.0 * MICRO * n * STEPS / (now() - start), work = (6.0 * (double)t.model.numbers + 12.0 * c.L * c.H * c.D * length / 2) * tokens / 1e9;
    printf("  %-8s %5.2f M parameters  %7.0f tokens/s  %5.0f GFLOP/s  %3.0f %% of the sgemm peak\n", preset, (double)t.model.numbers / 1e6, tokens, work, 100 * work / top);
    for (int i = 0; i < n; i++) {
        slab_stop(t.slabs[i]);
        mem_free(t.gradients[i]), mem_free(t.batches[i].ids), mem_free(t.batches[i].targets), mem_free(t.batches[i].starts);
    }
    optimizer_free(&optimizer);
    model_free(&t.model);
}

/* ---- inference ---- */

static void infer(const char *preset, double gigabytes, struct error *error)
{
    enum { PROMPT = 256, NEW = 128 };
    struct config c;
    struct model model;
    int32_t ids[PROMPT];
    config_preset(preset, VOCABULARY, &c);
    if (!model_init(&model, &c, error)) return;
    model_randomize(&model, 1);
    struct session *session = session_start(&model, 8, 1024, error);
    float *logits = mem_alloc(8 * VOCABULARY, sizeof *logits, error);
    for (int i = 0; i < PROMPT; i++) ids[i] = (int32_t)random_below(2, 0, (uint64_t)i, VOCABULARY);
    double t = now();
    (void)session_feed(session, 0, ids, PROMPT, false, logits, error);
    double prompt = PROMPT / (now() - t);
    const int sequences[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    for (int batch = 1; batch <= 8; batch *= 8) {
        t = now();
        for (int i = 0; i < NEW; i++) (void)session_step(session, batch, sequences, ids, logits, error);
        double rate = NEW / (now() - t), read = rate * (double)model.numbers * 4 / 1e9;
        printf("  %-8s batch %d: %6.0f tokens/s, weights read at %4.1f GB/s, %3.0f %% of the read bandwidth", preset, batch, rate * batch, read, 100 * read / gigabytes);
        if (batch == 1) printf("; prompt of %d: %.0f tokens/s", PROMPT, prompt);
        putchar('\n');
    }
    mem_free(logits);
    session_stop(session);
    model_free(&model);
}

static void tokenize(struct error *error)
{
    struct vocabulary v = {0};
    struct bytes text = {0};
    struct ids ids = {0};
    if (!vocabulary_load("models/default", &v, error)) { error_clear(error); return; }
    while (text.n < 4 << 20) {
        size_t before = text.n;
        for (int i = 0; i < 40; i++)
            (void)bytes_printf(&text, error, "The %s that the %llu brave mice saw over the %s was not the moon, they said. ", i % 3 ? "light" : "lantern", (unsigned long long)random_below(3, before, (uint64_t)i, 900), i % 7 ? "hills" : "sea");
        (void)bytes_append_text(&text, "\n\n", error);
    }
    double t = now();
    (void)bpe_encode(v.bpe, text.data, text.n, false, &ids, error);
    t = now() - t;
    printf("tokenizer (one thread, repetitive text)\n  encode %.1f MB/s, %.2f bytes a token\n", (double)text.n / t / 1e6, (double)text.n / (double)ids.n);
    ids_free(&ids);
    bytes_free(&text);
    vocabulary_free(&v);
}

int main(void)
{
    struct error error = {0};
    struct threads *pool = threads_start(0, &error);
    if (pool == NULL) return 1;
    double top = peak(pool, &error), read = bandwidth(&error);
    printf("limits\n  %s\n  sgemm peak %.0f GFLOP/s with %d threads; read bandwidth %.1f GB/s with one\n", blas_name(), top, threads_size(pool), read);
    printf("training (sequences of 512, Muon)\n");
    train("small", pool, top, &error);
    train("default", pool, top, &error);
    printf("inference (float32, one thread)\n");
    infer("default", read, &error);
    tokenize(&error);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("peak memory %.0f MB\n", (double)usage.ru_maxrss / 1024);
    threads_stop(pool);
    if (error.kind != ERROR_NONE) fprintf(stderr, "bench: %s\n", error.text);
    return error.kind != ERROR_NONE;
}
