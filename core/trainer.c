/* The training loop; see trainer.h. */
#include "core/trainer.h"
#include "core/checkpoint.h"
#include "core/file.h"
#include "core/layers.h"
#include "core/mem.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct trainer {
    const struct trainer_options *options;
    const struct trainer_hooks *hooks;
    struct model *model;
    struct stream *stream;
    struct threads *pool;
    int workers, micros;       /* micro-batches of a step */
    struct slab **slabs;       /* (workers) */
    float **gradients;         /* (workers): each (numbers) */
    struct batch *batches;     /* (micros) */
    double *losses;            /* (micros) */
    float scale;
    struct optimizer optimizer;
    struct checkpoint_state state;
    struct bytes log;          /* loss.tsv, whole */
    double *valid_of;          /* (sources) */
    double started, saved_at;  /* seconds of the clock */
    uint64_t tokens_before;    /* of earlier sessions */
    char note[200];
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static bool start(struct trainer *t, struct error *error)
{
    const struct trainer_options *o = t->options;
    t->pool = threads_start(o->threads, error);
    if (t->pool == NULL) return false;
    t->workers = threads_size(t->pool);
    t->micros = (o->batch + o->micro - 1) / o->micro;
    t->micros = (t->micros + t->workers - 1) / t->workers * t->workers;
    t->slabs = mem_alloc((size_t)t->workers, sizeof *t->slabs, error);
    t->gradients = mem_alloc((size_t)t->workers, sizeof *t->gradients, error);
    t->batches = mem_alloc((size_t)t->micros, sizeof *t->batches, error);
    t->losses = mem_alloc((size_t)t->micros, sizeof *t->losses, error);
    t->valid_of = mem_alloc(t->stream->n, sizeof *t->valid_of, error);
    bool ok = t->slabs != NULL && t->gradients != NULL && t->batches != NULL && t->losses != NULL && t->valid_of != NULL;
    for (int i = 0; ok && i < t->workers; i++) {
        t->slabs[i] = slab_start(t->model, o->micro, error);
        t->gradients[i] = mem_alloc(t->model->numbers, sizeof **t->gradients, error);
        ok = t->slabs[i] != NULL && t->gradients[i] != NULL;
    }
    for (int i = 0; ok && i < t->micros; i++) ok = batch_init(&t->batches[i], o->micro, error);
    t->state.best = (double)INFINITY;
    return ok && optimizer_init(&t->optimizer, t->model, &o->optimizer, t->workers, error);
}

static void finish(struct trainer *t)
{
    for (int i = 0; i < t->workers; i++) {
        if (t->slabs != NULL) slab_stop(t->slabs[i]);
        if (t->gradients != NULL) mem_free(t->gradients[i]);
    }
    for (int i = 0; t->batches != NULL && i < t->micros; i++) batch_free(&t->batches[i]);
    mem_free(t->slabs);
    mem_free(t->gradients);
    mem_free(t->batches);
    mem_free(t->losses);
    mem_free(t->valid_of);
    optimizer_free(&t->optimizer);
    bytes_free(&t->log);
    threads_stop(t->pool);
}

/* ---- the log: a table of tabs, rewritten whole with every checkpoint ---- */

static bool log_path(const struct trainer *t, char *path, size_t size, struct error *error)
{
    return file_join(path, size, t->options->folder, "loss.tsv", error);
}

static bool log_start(struct trainer *t, struct error *error)
{
    bool ok = bytes_append_text(&t->log, "step\ttokens\tloss\tnorm\trate\ttokens_per_second\tvalid", error);
    for (size_t i = 0; ok && i < t->stream->n; i++) ok = bytes_printf(&t->log, error, "\tvalid_%s", t->stream->sources[i].name);
    return ok && bytes_append_byte(&t->log, '\n', error);
}

/* On resuming: the lines of the file up to the checkpoint's step. */
static bool log_resume(struct trainer *t, struct error *error)
{
    char path[PATH_MAX];
    struct bytes old = {0};
    if (!log_path(t, path, sizeof path, error)) return false;
    bool ok = !file_exists(path) || file_read(path, FILE_LIMIT_TEXT, &old, error);
    char *line = ok && old.n > 0 ? strchr((char *)old.data, '\n') : NULL;
    while (ok && line != NULL && line[1] != '\0') {
        char *next = strchr(line + 1, '\n');
        if (next == NULL || strtol(line + 1, NULL, 10) > t->state.step) break;
        ok = bytes_append(&t->log, line + 1, (size_t)(next - line), error);
        line = next;
    }
    bytes_free(&old);
    return ok;
}

static bool log_line(struct trainer *t, const struct trainer_report *r, struct error *error)
{
    bool ok = bytes_printf(&t->log, error, "%ld\t%llu\t%.6f\t%.4f\t%.6g\t%.0f", r->step, (unsigned long long)r->tokens, r->loss, r->norm, r->rate, r->tokens_per_second);
    if (ok && r->has_valid) {
        ok = bytes_printf(&t->log, error, "\t%.6f", r->valid);
        for (size_t i = 0; ok && i < t->stream->n; i++) ok = bytes_printf(&t->log, error, "\t%.6f", r->valid_of[i]);
    }
    return ok && bytes_append_byte(&t->log, '\n', error);
}

/* ---- one step ---- */

static void pass(void *context, int item, int worker)
{
    struct trainer *t = context;
    t->losses[item] = gradient_pass(t->model, t->slabs[worker], &t->batches[item], t->scale, t->gradients[worker]);
}

static bool step(struct trainer *t, struct trainer_report *report, struct error *error)
{
    long positions = 0;
    double loss = 0;
    for (int i = 0; i < t->micros; i++) {
        if (!stream_next(t->stream, &t->batches[i], t->options->micro, error)) return false;
        positions += t->batches[i].n;
    }
    t->scale = 1.0f / (float)positions;
    for (int i = 0; i < t->workers; i++) memset(t->gradients[i], 0, t->model->numbers * sizeof **t->gradients);
    threads_run(t->pool, t->micros, pass, t);
    for (int i = 0; i < t->micros; i++) loss += t->losses[i];
    for (int i = 1; i < t->workers; i++)
        for (size_t k = 0; k < t->model->numbers; k += 1 << 20) {
            size_t n = t->model->numbers - k;
            layers_add(t->gradients[0] + k, t->gradients[i] + k, (int)(n < 1 << 20 ? n : 1 << 20));
        }
    const struct trainer_options *o = t->options;
    report->rate = optimizer_schedule(t->state.step, o->steps, o->warmup, o->decay, o->rate, o->rate_least);
    report->norm = optimizer_step(&t->optimizer, t->model, t->gradients[0], report->rate, t->pool);
    report->loss = loss / (double)positions;
    t->state.step++;
    t->state.tokens += (uint64_t)positions;
    if (!isfinite(report->loss) || !isfinite(report->norm))
        return error_set(error, ERROR_INPUT, "training: the loss is not finite at step %ld; a lower learning rate than %g is wanted", t->state.step, o->rate);
    return true;
}

/* ---- validation ---- */

static void valid_pass(void *context, int item, int worker)
{
    struct trainer *t = context;
    t->losses[item] = t->batches[item].n == 0 ? 0 : gradient_loss(t->model, t->slabs[worker], &t->batches[item]);
}

static bool validate_source(struct trainer *t, size_t source, struct error *error)
{
    size_t at = 0;
    long positions = 0, before;
    double loss = 0;
    do {
        before = positions;
        for (int i = 0; i < t->micros; i++) {
            t->batches[i].n = t->batches[i].sequences = 0;
            if (positions < t->options->valid_tokens && !stream_valid(t->stream, source, &at, &t->batches[i], t->options->micro, error)) return false;
            positions += t->batches[i].n;
        }
        threads_run(t->pool, t->micros, valid_pass, t);
        for (int i = 0; i < t->micros; i++) loss += t->losses[i];
    } while (positions > before && positions < t->options->valid_tokens);
    t->valid_of[source] = positions == 0 ? (double)NAN : loss / (double)positions;
    return true;
}

static bool validate(struct trainer *t, struct trainer_report *report, struct error *error)
{
    double sum = 0, weight = 0;
    for (size_t i = 0; i < t->stream->n; i++) {
        if (!validate_source(t, i, error)) return false;
        if (isnan(t->valid_of[i])) continue;
        sum += t->stream->sources[i].weight * t->valid_of[i];
        weight += t->stream->sources[i].weight;
    }
    report->has_valid = weight > 0;
    report->valid_of = t->valid_of;
    report->valid = weight > 0 ? sum / weight : 0;
    report->best = report->has_valid && report->valid < t->state.best;
    if (report->best) t->state.best = report->valid;
    return !report->best || t->hooks->keep == NULL || t->hooks->keep(t->hooks->context, t->model, error);
}

/* ---- the loop ---- */

static bool save(struct trainer *t, struct error *error)
{
    char path[PATH_MAX];
    t->saved_at = now();
    /* the log first: lines beyond the checkpoint are cut off on resuming, missing ones could not be made again */
    return log_path(t, path, sizeof path, error) && file_write(path, t->log.data, t->log.n, error) &&
           file_join(path, sizeof path, t->options->folder, "checkpoints", error) &&
           checkpoint_write(path, t->model, &t->optimizer, t->stream, &t->state, error);
}

/* A full disk must not end a long run: say so, keep the last checkpoint, try again at the next turn. */
static bool save_or_note(struct trainer *t, struct trainer_report *report, struct error *error)
{
    struct error fault = {0};
    report->saved = save(t, &fault);
    if (report->saved) return true;
    if (fault.kind != ERROR_IO) { *error = fault; return false; }
    snprintf(t->note, sizeof t->note, "checkpoint failed, will try again: %.150s", fault.text);
    report->note = t->note;
    return true;
}

static bool resume(struct trainer *t, struct error *error)
{
    char path[PATH_MAX];
    bool found = false;
    if (!log_start(t, error)) return false;
    if (!t->options->resume) return true;
    if (!file_join(path, sizeof path, t->options->folder, "checkpoints", error) ||
        !checkpoint_read(path, t->model, &t->optimizer, t->stream, &t->state, &found, t->note, error)) return false;
    t->tokens_before = t->state.tokens;
    return !found || log_resume(t, error);
}

static void measure(const struct trainer *t, struct trainer_report *report)
{
    double elapsed = now() - t->started;
    uint64_t tokens = t->state.tokens - t->tokens_before;
    report->step = t->state.step, report->steps = t->options->steps, report->tokens = t->state.tokens;
    report->tokens_per_second = elapsed > 0 ? (double)tokens / elapsed : 0;
    double rate = tokens > 0 ? (double)t->state.tokens / (double)t->state.step : 0;
    report->seconds_left = report->tokens_per_second > 0 ? (double)(t->options->steps - t->state.step) * rate / report->tokens_per_second : 0;
}

static bool due(long step_number, long every, long last) { return (every > 0 && step_number % every == 0) || step_number == last; }

static bool loop(struct trainer *t, struct error *error)
{
    const struct trainer_options *o = t->options;
    double seconds_before = t->state.seconds;
    t->started = t->saved_at = now();
    while (t->state.step < o->steps) {
        struct trainer_report report = {.note = t->note[0] != '\0' ? t->note : NULL};
        if (!step(t, &report, error)) return false;
        t->note[0] = '\0';
        measure(t, &report);
        t->state.seconds = seconds_before + now() - t->started;
        if (due(t->state.step, o->valid_every, o->steps) && !validate(t, &report, error)) return false;
        if (!log_line(t, &report, error)) return false;
        bool stopped = t->hooks->stop != NULL && *t->hooks->stop != 0;
        bool timed = o->save_seconds > 0 && now() - t->saved_at > o->save_seconds;
        if ((due(t->state.step, o->save_every, o->steps) || timed || stopped) && !save_or_note(t, &report, error)) return false;
        if (t->hooks->report != NULL) t->hooks->report(t->hooks->context, &report);
        if (stopped && t->state.step < o->steps)
            return error_set(error, ERROR_STOPPED, "training: stopped at step %ld of %ld; --resume goes on from there", t->state.step, o->steps);
    }
    return isfinite(t->state.best) || t->hooks->keep == NULL || t->hooks->keep(t->hooks->context, t->model, error);
}

bool trainer_run(struct model *model, struct stream *stream, const struct trainer_options *options, const struct trainer_hooks *hooks, struct error *error)
{
    struct trainer t = {.options = options, .hooks = hooks, .model = model, .stream = stream};
    bool ok = start(&t, error) && resume(&t, error) && loop(&t, error);
    finish(&t);
    return ok;
}
