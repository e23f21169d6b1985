/* Prompts and decoding at the shape of SmolLM2-135M (random weights; what they are does not change the speed), float32 and int8. The peers
 * run the real model of that shape: llama.cpp on the GGUF that SMOLLM2 names, transformers with random weights. */
#include "bench/bench.h"
#include "core/mem.h"
#include "core/session.h"

#include <stdio.h>
#include <stdlib.h>

enum { PROMPT = 256, BATCH_MOST = 64 };

struct decoding { struct model model; struct packed *packed; struct session *session; struct threads *pool; float *logits; int32_t ids[PROMPT]; int batch; };

static double prompt_rate(void *context)
{
    struct decoding *d = context;
    struct error error = {0};
    session_cut(d->session, 0, 0);
    double t = bench_now();
    (void)session_feed(d->session, 0, d->ids, PROMPT, false, d->logits, &error);
    t = bench_now() - t;
    session_cut(d->session, 0, 0);
    return PROMPT / t;
}

static double decode_rate(void *context)
{
    struct decoding *d = context;
    struct error error = {0};
    int sequences[BATCH_MOST], steps = d->batch == 1 ? 96 : 12;
    for (int i = 0; i < d->batch; i++) sequences[i] = i, session_cut(d->session, i, 0);
    double t = bench_now();
    for (int i = 0; i < steps; i++) (void)session_step(d->session, d->batch, sequences, d->ids + i, d->logits, &error);
    return steps * d->batch / (bench_now() - t);
}

static const char *peer_of(enum precision precision, int threads, char text[200])
{
    const char *gguf = getenv("SMOLLM2");
    if (gguf == NULL) return NULL;
    snprintf(text, 200, "llama.py %.140s %s %d", gguf, precision == PRECISION_INT8 ? "q8_0" : "f32", threads);
    return text;
}

static void measure(struct decoding *d, enum precision precision, int threads)
{
    static const char *const names[] = {"float32", "int8"};
    char name[80], text[200];
    const char *llama = precision == PRECISION_INT8 ? "llama.cpp Q8_0" : "llama.cpp F32", *peer = peer_of(precision, threads, text);
    double gigabytes = (double)d->packed->bytes / 1e9;
    for (d->batch = 1; d->batch <= BATCH_MOST; d->batch *= 8) {
        bool one = d->batch == 1;
        snprintf(name, sizeof name, "%s, %d thread%s, batch %d", names[precision], threads, threads > 1 ? "s" : "", d->batch);
        bench_figure(&(struct figure){.name = name, .unit = "tokens/s", .ours = decode_rate, .context = d, .limit = one ? bench_bandwidth(threads) : 0, .limit_per_unit = gigabytes,
            .limit_name = "read bandwidth", .peer = one ? peer : NULL, .key = "decode", .peer_name = llama});
    }
    snprintf(name, sizeof name, "%s, %d thread%s, prompt of %d", names[precision], threads, threads > 1 ? "s" : "", PROMPT);
    bench_figure(&(struct figure){.name = name, .unit = "tokens/s", .ours = prompt_rate, .context = d, .limit = precision == PRECISION_F32 ? bench_peak(threads) : 0,
        .limit_per_unit = 2 * ((double)d->model.numbers - (double)d->model.config.V * d->model.config.C) / 1e9, .limit_name = "sgemm peak", .peer = peer, .key = "prompt", .peer_name = llama});
    d->batch = 1;
    if (threads != 2) return;
    snprintf(name, sizeof name, "%s, 2 threads, batch 1", names[precision]);
    bench_figure(&(struct figure){.name = name, .unit = "tokens/s", .ours = decode_rate, .context = d, .peer = "transformers_decode.py", .key = "decode", .peer_name = "transformers F32"});
}

void bench_decoding(void)
{
    struct error error = {0};
    struct decoding d = {0};
    struct config c = {.V = 49152, .T = 8192, .C = 576, .L = 30, .H = 9, .G = 3, .D = 64, .F = 1536, .tied = true, .norm_eps = 1e-5f, .rope_theta = 100000,
                       .init_std = 0.02, .bos = -1, .eos = -1, .pad = -1};
    config_set_family(&c, FAMILY_LLAMA);
    if (!model_init(&d.model, &c, &error)) return;
    for (size_t i = 0; i < d.model.numbers; i++) d.model.weights[i] = (float)((i * 2654435761u) % 1000) * 1e-4f - 0.05f;
    for (int i = 0; i < PROMPT; i++) d.ids[i] = i * 191 % c.V;
    d.logits = mem_alloc((size_t)BATCH_MOST * (size_t)c.V, sizeof *d.logits, &error);
    for (int precision = PRECISION_F32; precision <= PRECISION_INT8; precision++)
        for (int threads = 1; threads <= 2 && error.kind == ERROR_NONE; threads++) {
            d.pool = threads_start(threads, &error);
            d.packed = packed_start(&d.model, (enum precision)precision, d.pool, &error);
            d.session = session_start_on(&d.model, d.packed, BATCH_MOST, 300, d.pool, &error);
            if (d.session != NULL) measure(&d, (enum precision)precision, threads);
            session_stop(d.session);
            packed_stop(d.packed);
            threads_stop(d.pool);
        }
    if (error.kind != ERROR_NONE) fprintf(stderr, "bench: %s\n", error.text);
    mem_free(d.logits);
    model_free(&d.model);
}
