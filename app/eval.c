/* eval: how well a model predicts held-out pieces, in bits a token, and a byte, note or pixel. Each piece stands by itself in its
 * plain form (caption first); <bos> is given, every id behind it is predicted and counted. Of a text model's pieces the first id is
 * given. */
#include "app/engine.h"
#include "core/gradient.h"
#include "core/layers.h"
#include "core/mem.h"
#include "modalities/dataset.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MICRO = 2048, CHUNK = 64 };

struct tally { double all, payload; uint64_t all_n, payload_n; };

struct work {
    const struct model *model;
    struct slab **slabs;       /* (workers) */
    struct batch *batches;     /* (n) */
    float *losses;             /* (n, MICRO) */
    struct session **sessions; /* (workers), with int8 matrices; else NULL */
    float *logits;             /* (workers, CHUNK, V), with sessions */
};

/* The losses as inference with int8 matrices has them: each sequence fed to a session. */
static void pass_session(struct work *w, const struct batch *b, int worker, float *losses)
{
    struct error ignored = {0};
    size_t V = (size_t)w->model->config.V;
    float *logits = w->logits + (size_t)worker * CHUNK * V;
    for (int s = 0; s < b->sequences; s++) {
        session_cut(w->sessions[worker], 0, 0);
        for (int at = b->starts[s], n; at < b->starts[s + 1]; at += n) {
            n = b->starts[s + 1] - at < CHUNK ? b->starts[s + 1] - at : CHUNK;
            (void)session_feed(w->sessions[worker], 0, b->ids + at, (size_t)n, true, logits, &ignored);     /* lengths and ids were checked */
            for (int i = 0; i < n; i++) losses[at + i] = layers_log_sum(logits + (size_t)i * V, (int)V) - logits[(size_t)i * V + (size_t)b->targets[at + i]];
        }
    }
}

static void pass(void *context, int item, int worker)
{
    struct work *w = context;
    if (w->sessions != NULL) pass_session(w, &w->batches[item], worker, w->losses + (size_t)item * MICRO);
    else if (w->batches[item].n > 0) gradient_losses(w->model, w->slabs[worker], &w->batches[item], w->losses + (size_t)item * MICRO);
}

/* Ids behind the start of the payload (the token of the modality, or an idea's first) count as payload too. */
static void count(const struct batch *b, const float *losses, bool joint, struct tally *t)
{
    for (int s = 0; s < b->sequences; s++) {
        bool payload = !joint;
        for (int i = b->starts[s]; i < b->starts[s + 1]; i++) {
            int32_t id = b->ids[i];
            if (joint && (id == SPECIAL_TEXT || id == SPECIAL_MUSIC || id == SPECIAL_IMAGE || id == SPECIAL_IDEA)) payload = true;
            t->all += (double)losses[i], t->all_n++;
            if (payload) t->payload += (double)losses[i], t->payload_n++;
        }
    }
}

static bool start_sessions(struct work *w, const struct packed *packed, int workers, struct error *error)
{
    const struct config *c = &w->model->config;
    w->sessions = mem_alloc((size_t)workers, sizeof *w->sessions, error);
    w->logits = mem_alloc((size_t)workers * CHUNK * (size_t)c->V, sizeof *w->logits, error);
    bool ok = w->sessions != NULL && w->logits != NULL;
    for (int i = 0; ok && i < workers; i++) ok = (w->sessions[i] = session_start_on(w->model, packed, 1, c->T < MICRO ? c->T : MICRO, NULL, error)) != NULL;
    return ok;
}

static bool start(struct work *w, const struct model *model, const struct packed *packed, int workers, struct error *error)
{
    *w = (struct work){.model = model, .slabs = mem_alloc((size_t)workers, sizeof *w->slabs, error), .batches = mem_alloc((size_t)workers, sizeof *w->batches, error),
                       .losses = mem_alloc((size_t)workers * MICRO, sizeof *w->losses, error)};
    bool ok = w->slabs != NULL && w->batches != NULL && w->losses != NULL;
    for (int i = 0; ok && i < workers; i++) ok = batch_init(&w->batches[i], MICRO, error);
    if (ok && packed->precision == PRECISION_INT8) return start_sessions(w, packed, workers, error);
    for (int i = 0; ok && i < workers; i++) ok = (w->slabs[i] = slab_start(model, MICRO, error)) != NULL;
    return ok;
}

static void finish(struct work *w, int workers)
{
    for (int i = 0; i < workers; i++) {
        if (w->slabs != NULL) slab_stop(w->slabs[i]);
        if (w->batches != NULL) batch_free(&w->batches[i]);
        if (w->sessions != NULL) session_stop(w->sessions[i]);
    }
    mem_free(w->sessions);
    mem_free(w->logits);
    mem_free(w->slabs);
    mem_free(w->batches);
    mem_free(w->losses);
}

static bool measure(const struct engine *e, struct threads *pool, const struct dataset *d, enum split split, struct tally *t, struct error *error)
{
    struct work w;
    struct ids ids = {0};
    const struct model *model = &e->model;
    int workers = threads_size(pool);
    bool ok = start(&w, model, e->packed, workers, error);
    for (size_t at = 0; ok && at < d->pieces_n[split] && !app_stop;) {
        for (int i = 0; ok && i < workers; i++) {
            w.batches[i].n = w.batches[i].sequences = 0;
            for (; ok && at < d->pieces_n[split]; at++) {
                ids.n = 0;
                ok = dataset_plain(d, split, at, &ids, error);
                if (ok && !batch_add(&w.batches[i], MICRO, ids.id, ids.n < (size_t)model->config.T + 1 ? ids.n : (size_t)model->config.T + 1)) break;
            }
        }
        threads_run(pool, workers, pass, &w);
        for (int i = 0; ok && i < workers; i++) count(&w.batches[i], w.losses + (size_t)i * MICRO, d->vocabulary->joint, t);
    }
    finish(&w, workers);
    ids_free(&ids);
    return ok;
}

static void print(const struct arguments *a, const struct dataset *d, enum split split, const struct tally *t, bool first)
{
    const double bit = log(2);
    const struct { const char *name; double n; } units[] = {{"byte", (double)d->bytes[split]}, {"note", (double)d->notes[split]}, {"pixel", (double)d->pixels[split]}};
    double all = t->all / bit / fmax(1, (double)t->all_n), payload = t->payload / bit / fmax(1, (double)t->payload_n);
    if (a->option[OPTION_JSON].given)
        printf("%s{\"data\":\"%s\",\"split\":\"%s\",\"pieces\":%zu,\"tokens\":%llu,\"bits_per_token\":%.5f,\"payload_tokens\":%llu,\"bits_per_payload_token\":%.5f", first ? "" : ",", d->name, split_name(split),
               d->pieces_n[split], (unsigned long long)t->all_n, all, (unsigned long long)t->payload_n, payload);
    else printf("%s (%s): %zu pieces, %llu tokens, %.4f bits a token; payload %llu tokens, %.4f bits a token", d->name, split_name(split), d->pieces_n[split], (unsigned long long)t->all_n, all,
                (unsigned long long)t->payload_n, payload);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (!(units[i].n > 0)) continue;
        printf(a->option[OPTION_JSON].given ? ",\"bits_per_%s\":%.5f" : ", %2$.4f bits a %1$s", units[i].name, t->payload / bit / units[i].n);
    }
    fputs(a->option[OPTION_JSON].given ? "}" : "\n", stdout);
}

bool verb_eval(const struct arguments *a, struct error *error)
{
    struct engine e = {0};
    struct dataset *data = NULL;
    size_t n = 0;
    enum split split = SPLIT_TEST;
    const char *name = a->option[OPTION_SPLIT].text;
    if (name != NULL && !split_of(name, &split)) return error_set(error, ERROR_USAGE, "--split: '%.40s' is unknown; train, valid or test is wanted", name);
    struct threads *pool = threads_start((int)a->option[OPTION_THREADS].number, error);
    bool ok = pool != NULL && app_datasets(a, &data, &n, error) && engine_start(&e, a, false, error);
    bool wanted[SPLITS] = {false};
    wanted[split] = true;
    if (ok && a->option[OPTION_JSON].given) putchar('[');
    for (size_t i = 0; ok && i < n; i++) {
        struct tally t = {0};
        ok = dataset_encode(&data[i], &e.vocabulary, e.model.config.T < MICRO ? e.model.config.T : MICRO, wanted, pool, error) && measure(&e, pool, &data[i], split, &t, error);
        if (ok && data[i].refused > 0) app_say("%s: %zu files left out; the first: %s", data[i].name, data[i].refused, data[i].first_refusal);
        if (ok) print(a, &data[i], split, &t, i == 0);
    }
    if (ok && a->option[OPTION_JSON].given) puts("]");
    for (size_t i = 0; i < n; i++) dataset_free(&data[i]);
    mem_free(data);
    engine_stop(&e);
    threads_stop(pool);
    return ok;
}
