/* Time to a loss: the characters of tinyshakespeare, split and judged as nanoGPT does (first 90 % to train on, context 64, loss over
 * random windows of the rest), until the validation loss is 1.88; nanoGPT's recipe for CPUs (4 layers, 128 wide) takes 2,000 steps to 1.886.
 * Ours has as many parameters; its seconds include the validations on the way. Reads SHAKESPEARE, else ../shared/data/text. */
#include "bench/bench.h"
#include "core/bytes.h"
#include "core/file.h"
#include "core/mem.h"
#include "core/random.h"
#include "core/trainer.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CONTEXT = 64 };
static const double GOAL = 1.88;

struct text { int32_t *ids; size_t n, n_train; int V; };

static bool text_read(struct text *t, struct error *error)
{
    const char *path = getenv("SHAKESPEARE") != NULL ? getenv("SHAKESPEARE") : "../shared/data/text/shakespeare/input.txt";
    struct bytes raw = {0};
    int number[256], V = 0;
    if (!file_exists(path)) return false;
    if (!file_read(path, FILE_LIMIT_TEXT, &raw, error)) return false;
    bool seen[256] = {false};
    for (size_t i = 0; i < raw.n; i++) seen[raw.data[i]] = true;
    for (int b = 0; b < 256; b++) number[b] = seen[b] ? V++ : 0;
    *t = (struct text){.ids = mem_alloc(raw.n, sizeof *t->ids, error), .n = raw.n, .n_train = raw.n * 9 / 10, .V = V};
    for (size_t i = 0; t->ids != NULL && i < raw.n; i++) t->ids[i] = number[raw.data[i]];
    bytes_free(&raw);
    return t->ids != NULL;
}

/* A random window of the training part; for validation, window `index` of the rest. */
static bool window(void *context, bool valid, size_t index, uint64_t draw, struct ids *out, struct error *error)
{
    const struct text *t = context;
    size_t at = valid ? t->n_train + index * CONTEXT : random_below(2, 0, draw, t->n_train - CONTEXT - 1);
    return ids_append_many(out, t->ids + at, CONTEXT + 1, error);
}

struct watch { volatile sig_atomic_t stop; double began, reached, loss; long step; };

static void report(void *context, const struct trainer_report *r)
{
    struct watch *w = context;
    if (!r->has_valid || w->stop || r->valid > GOAL) return;
    w->stop = 1, w->reached = bench_now() - w->began, w->loss = r->valid, w->step = r->step;
}

static double number(const char *name, double otherwise) { return getenv(name) == NULL ? otherwise : strtod(getenv(name), NULL); }

static double seconds_to_goal(void *context)
{
    struct text *t = context;
    struct error error = {0};
    struct model model;
    struct config c;
    char folder[] = "/tmp/triptych-bench-XXXXXX", command[100];
    config_preset("default", t->V, &c);
    c.T = CONTEXT, c.C = 128, c.L = 4, c.H = 4, c.G = 4, c.D = 32, c.F = 340;
    if (!model_init(&model, &c, &error) || mkdtemp(folder) == NULL) return (double)NAN;
    model_randomize(&model, 1);
    struct stream_source source = {.name = "characters", .weight = 1, .n_train = t->n_train, .n_valid = (t->n - t->n_train - 1) / CONTEXT, .piece = window, .context = t};
    struct stream stream = {.sources = &source, .n = 1, .seed = 1, .T = CONTEXT};
    long steps = (long)number("STEPS", 560);
    struct trainer_options o = {.steps = steps, .batch = (int)number("BATCH", 1536), .micro = (int)number("BATCH", 1536) / 2, .threads = 2, .rate = number("RATE", 0.012), .rate_least = 0.05,
        .warmup = 20, .decay = (long)number("DECAY", 400), .valid_every = 40, .valid_tokens = 240 * CONTEXT, .save_every = 0, .optimizer = OPTIMIZER_OPTIONS_DEFAULT, .folder = folder};
    struct watch w = {.began = bench_now(), .reached = (double)NAN};
    struct trainer_hooks hooks = {.context = &w, .report = report, .stop = &w.stop};
    if (!trainer_run(&model, &stream, &o, &hooks, &error) && error.kind != ERROR_STOPPED) fprintf(stderr, "bench: %s\n", error.text);
    if (getenv("VERBOSE") != NULL) fprintf(stderr, "step %ld: %.4f in %.1f s\n", w.step, w.loss, w.reached);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    (void)!system(command);
    model_free(&model);
    return w.reached;
}

void bench_characters(void)
{
    struct error error = {0};
    struct text t;
    if (!text_read(&t, &error)) {
        printf("  no tinyshakespeare: SHAKESPEARE=input.txt names it\n");
        return;
    }
    bench_figure(&(struct figure){.name = "tinyshakespeare to validation loss 1.88", .unit = "seconds", .ours = seconds_to_goal, .context = &t,
                                  .peer = "characters.py", .key = "seconds", .peer_name = "nanoGPT's CPU recipe", .less = true});
    mem_free(t.ids);
}
