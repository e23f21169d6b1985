/* Readers and tokenizers: text to ids and back, pictures to codes and back, MIDI files to scores. Texts are tinyshakespeare (SHAKESPEARE, else
 * ../shared/data/text) or, without it, this program's own source; tokens are GPT-2's where ../shared has its tokenizer, else the shipped
 * model's. */
#include "bench/bench.h"
#include "core/file.h"
#include "core/mem.h"
#include "outputs/midi.h"
#include "modalities/modality.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char GPT2[] = "../shared/fixtures/tokenizers/gpt2/tokenizer.json";

struct tokens { struct bpe *bpe; struct bytes text; struct ids ids; struct vocabulary vocabulary; struct sprite sprite; struct score score; struct bytes midi; size_t notes; };

static double encode_rate(void *context)
{
    struct tokens *t = context;
    struct error error = {0};
    t->ids.n = 0;
    double begin = bench_now();
    if (!bpe_encode(t->bpe, t->text.data, t->text.n, false, &t->ids, &error)) return (double)NAN;
    return (double)t->text.n / (bench_now() - begin) / 1e6;
}

static double decode_rate(void *context)
{
    struct tokens *t = context;
    struct error error = {0};
    struct bytes out = {0};
    double begin = bench_now();
    (void)bpe_decode(t->bpe, t->ids.id, t->ids.n, false, &out, &error);
    double rate = (double)out.n / (bench_now() - begin) / 1e6;
    bytes_free(&out);
    return rate;
}

static double train_seconds(void *context)
{
    struct tokens *t = context;
    struct error error = {0};
    struct bpe *made = NULL;
    const char *specials[] = {"<|endoftext|>"};
    struct bpe_text text = {t->text.data, t->text.n};
    double begin = bench_now();
    (void)bpe_train(&text, 1, 2048, specials, 1, NULL, NULL, &made, &error);
    begin = bench_now() - begin;
    bpe_free(made);
    return begin;
}

enum { TIMES = 50 };

static double picture_encode_rate(void *context)
{
    struct tokens *t = context;
    struct error error = {0};
    double begin = bench_now();
    for (int i = 0; i < TIMES; i++) {
        t->ids.n = 0;
        if (!codes_encode(t->vocabulary.codes, &t->sprite, &t->ids, NULL, &error)) return (double)NAN;
    }
    return TIMES / (bench_now() - begin);
}

static double picture_decode_rate(void *context)
{
    struct tokens *t = context;
    struct error error = {0};
    double begin = bench_now();
    for (int i = 0; i < TIMES; i++) {
        struct sprite out = {0};
        if (!codes_decode(t->vocabulary.codes, t->ids.id, t->ids.n, &out, NULL, &error)) return (double)NAN;
        sprite_free(&out);
    }
    return TIMES / (bench_now() - begin);
}

static double midi_rate(void *context)
{
    struct tokens *t = context;
    struct error error = {0};
    double begin = bench_now();
    for (int i = 0; i < TIMES; i++) {
        struct score score = {0};
        if (!midi_read(t->midi.data, t->midi.n, &score, &error)) return (double)NAN;
        t->notes = score.notes;
        score_free(&score);
    }
    return TIMES * (double)t->notes / (bench_now() - begin) / 1e6;
}

static bool read_text(struct tokens *t, struct error *error)
{
    const char *named = getenv("SHAKESPEARE"), *shared = "../shared/data/text/shakespeare/input.txt";
    if (named == NULL && file_exists(shared)) named = shared;
    if (named != NULL) return file_read(named, FILE_LIMIT_TEXT, &t->text, error);
    for (int i = 0; i < 60; i++)
        if (!file_read("tokenizers/bpe_train.c", FILE_LIMIT_TEXT, &t->text, error)) return false;
    return true;
}

static void text_figures(struct tokens *t)
{
    const char *fast = "tokens.py encode", *train = "tokens.py train";
    bench_figure(&(struct figure){.name = "text to ids, one thread", .unit = "MB/s", .ours = encode_rate, .context = t, .peer = fast, .key = "tiktoken", .peer_name = "tiktoken"});
    bench_figure(&(struct figure){.name = "text to ids, one thread", .unit = "MB/s", .ours = encode_rate, .context = t, .peer = fast, .key = "tokenizers", .peer_name = "HF tokenizers"});
    bench_figure(&(struct figure){.name = "ids to text", .unit = "MB/s", .ours = decode_rate, .context = t});
    bench_figure(&(struct figure){.name = "training 2,048 tokens", .unit = "seconds", .ours = train_seconds, .context = t, .peer = train, .key = "train", .peer_name = "HF tokenizers", .less = true});
}

static bool media(struct tokens *t, struct error *error)
{
    struct bytes png = {0};
    struct piece piece = {0};
    bool ok = vocabulary_load("models/default", &t->vocabulary, error) && modality_read_file("docs/sprites/1.png", &piece, error) && file_read("docs/tune.mid", FILE_LIMIT_MIDI, &t->midi, error);
    t->sprite = piece.sprite;
    bytes_free(&png);
    return ok;
}

void bench_tokens(void)
{
    struct error error = {0};
    struct tokens t = {0};
    bool ok = media(&t, &error) && read_text(&t, &error);
    if (ok && file_exists(GPT2)) ok = bpe_load(GPT2, &t.bpe, &error);
    struct bpe *own = t.bpe;
    if (ok && own == NULL) t.bpe = t.vocabulary.bpe;
    if (ok) {
        text_figures(&t);
        bench_figure(&(struct figure){.name = "pictures to codes", .unit = "a second", .ours = picture_encode_rate, .context = &t});
        bench_figure(&(struct figure){.name = "codes to pictures", .unit = "a second", .ours = picture_decode_rate, .context = &t});
        bench_figure(&(struct figure){.name = "MIDI file to score", .unit = "M notes/s", .ours = midi_rate, .context = &t});
    } else fprintf(stderr, "bench: %s\n", error.text);
    bpe_free(own);
    bytes_free(&t.text), bytes_free(&t.midi);
    ids_free(&t.ids);
    sprite_free(&t.sprite);
    vocabulary_free(&t.vocabulary);
}
