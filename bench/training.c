/* Training throughput at three shapes against PyTorch, at the shipped model's shape, and the memory of a step. */
#include "bench/bench.h"
#include "core/gradient.h"
#include "core/layers.h"
#include "core/mem.h"
#include "core/optimizer.h"
#include "core/random.h"

#include <stdio.h>
#include <string.h>

enum { THREADS = 2, MICRO_MOST = 1024 };

/* B sequences of T a step; the plain model of bench/peers/train.py is our gpt2 family (with its biases). */
static const struct shape { const char *name; int V, T, L, H, C, B; bool own; const char *eager, *compiled; } SHAPES[] = {
    {"char", 65, 64, 4, 4, 128, 12, false, "train.py char", "train.py char --compile"},
    {"small", 4096, 512, 6, 8, 256, 8, false, "train.py small", "train.py small --compile"},
    {"medium", 4096, 256, 6, 6, 384, 16, false, "train.py medium", "train.py medium --compile"},
    {"shipped", 7394, 512, 6, 4, 256, 16, true, NULL, NULL},
};
enum { SHAPES_N = sizeof SHAPES / sizeof *SHAPES };

struct training {
    const struct shape *shape;
    int micros;              /* passes a thread and step, of MICRO_MOST positions at most: less memory, no less speed */
    struct model model;
    struct threads *pool;
    struct optimizer optimizer;
    struct slab *slabs[THREADS];
    float *gradients[THREADS];
    struct batch batches[THREADS];
};

static void pass(void *context, int item, int worker)
{
    struct training *t = context;
    gradient_pass(&t->model, t->slabs[worker], &t->batches[item], 1.0f / (float)(t->shape->B * t->shape->T), t->gradients[worker]);
}

static bool start(struct training *t, const struct shape *s, struct error *error)
{
    struct config c = {.V = s->V, .T = s->T, .C = s->C, .L = s->L, .H = s->H, .G = s->H, .D = s->C / s->H, .F = 4 * s->C, .tied = true, .norm_eps = 1e-5f,
                       .init_std = 0.02, .bos = -1, .eos = -1, .pad = -1};
    struct optimizer_options options = OPTIMIZER_OPTIONS_DEFAULT;
    *t = (struct training){.shape = s};
    if (s->own) config_preset("default", s->V, &c);
    else config_set_family(&c, FAMILY_GPT2);
    options.muon = s->own;
    t->pool = threads_start(THREADS, error);
    if (t->pool == NULL || !model_init(&t->model, &c, error) || !optimizer_init(&t->optimizer, &t->model, &options, THREADS, error)) return false;
    model_randomize(&t->model, 1);
    int n = s->B * s->T / THREADS;
    t->micros = (n + MICRO_MOST - 1) / MICRO_MOST;
    n /= t->micros;
    for (int i = 0; i < THREADS; i++) {
        t->slabs[i] = slab_start(&t->model, n, error);
        t->gradients[i] = mem_alloc(t->model.numbers, sizeof(float), error);
        t->batches[i] = (struct batch){.n = n, .sequences = n / s->T, .ids = mem_alloc((size_t)n, 4, error), .targets = mem_alloc((size_t)n, 4, error), .starts = mem_alloc((size_t)n, 4, error)};
        if (t->slabs[i] == NULL || t->batches[i].starts == NULL) return false;
        for (int k = 0; k < n; k++) t->batches[i].ids[k] = t->batches[i].targets[k] = (int32_t)random_below(1, (uint64_t)i, (uint64_t)k, (uint64_t)s->V);
        for (int k = 0; k <= n / s->T; k++) t->batches[i].starts[k] = k * s->T;
    }
    return true;
}

static void stop(struct training *t)
{
    for (int i = 0; i < THREADS; i++) {
        slab_stop(t->slabs[i]);
        mem_free(t->gradients[i]), mem_free(t->batches[i].ids), mem_free(t->batches[i].targets), mem_free(t->batches[i].starts);
    }
    optimizer_free(&t->optimizer);
    model_free(&t->model);
    threads_stop(t->pool);
}

static void step(struct training *t)
{
    for (int i = 0; i < THREADS; i++) memset(t->gradients[i], 0, t->model.numbers * sizeof(float));
    for (int i = 0; i < t->micros; i++) threads_run(t->pool, THREADS, pass, t);
    layers_add(t->gradients[0], t->gradients[1], (int)t->model.numbers);
    optimizer_step(&t->optimizer, &t->model, t->gradients[0], 1e-4, t->pool);
}

/* Tokens a second over a second of steps. */
static double rate(void *context)
{
    struct training *t = context;
    step(t);
    double begin = bench_now();
    int n = 0;
    do step(t), n++; while (bench_now() - begin < 1.5);
    return (double)n * t->shape->B * t->shape->T / (bench_now() - begin);
}

/* 6 a matrix parameter and token, and causal attention: 6 products of T/2 by C a layer, forward and twice backward. */
static double gigaflops(const struct training *t)
{
    double numbers = 0;
    for (size_t i = 0; i < t->model.n; i++)
        if (t->model.parameters[i].cols > 0) numbers += (double)parameter_count(&t->model.parameters[i]);
    if (t->model.config.learned_positions) numbers -= (double)t->shape->T * t->shape->C;
    return (6 * numbers + 6.0 * t->shape->L * t->model.config.H * t->model.config.D * t->shape->T) / 1e9;
}

static double memory(void *context) { return bench_child_memory(context); }

void bench_training(void)
{
    static char argument[] = "--step=medium";
    struct error error = {0};
    char name[80];
    for (int i = 0; i < SHAPES_N; i++) {
        struct training t;
        if (!start(&t, &SHAPES[i], &error)) return (void)fprintf(stderr, "bench: %s\n", error.text);
        const char *peers[] = {SHAPES[i].eager, SHAPES[i].compiled};
        for (int k = 0; k < (SHAPES[i].own ? 1 : 2); k++) {
            snprintf(name, sizeof name, "%s, %.2f M parameters, %d threads", SHAPES[i].name, (double)t.model.numbers / 1e6, THREADS);
            bench_figure(&(struct figure){.name = name, .unit = "tokens/s", .ours = rate, .context = &t, .limit = bench_peak(THREADS), .limit_per_unit = gigaflops(&t),
                .limit_name = "sgemm peak", .peer = peers[k], .key = "tokens/s", .peer_name = k == 0 ? "PyTorch eager" : "PyTorch compiled"});
        }
        stop(&t);
    }
    bench_figure(&(struct figure){.name = "peak memory of a medium step", .unit = "MB", .ours = memory, .context = argument, .peer = "train.py medium", .key = "MB",
                                  .peer_name = "PyTorch eager", .less = true});
}

void bench_training_step(const char *shape)
{
    struct error error = {0};
    struct training t;
    for (int i = 0; i < SHAPES_N; i++)
        if (strcmp(SHAPES[i].name, shape) == 0 && start(&t, &SHAPES[i], &error)) {
            step(&t), step(&t);
            stop(&t);
        }
}
