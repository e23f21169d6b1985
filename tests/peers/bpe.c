/* How fast the text tokenizer is, by itself: for tests/peers/bpe_speed.py.
 *
 *   bpe encode TOKENIZER.json ROUNDS FILE...    each round: ids, seconds      (the first with an empty word cache)
 *   bpe train SIZE ROUNDS FILE...               each round: tokens, seconds */
#include "core/file.h"
#include "core/mem.h"
#include "tokenizers/bpe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static bool encode(const char *tokenizer, int rounds, const struct bpe_text *texts, size_t n, struct error *error)
{
    struct bpe *bpe;
    struct ids ids = {0};
    if (!bpe_load(tokenizer, &bpe, error)) return false;
    bool ok = true;
    for (int round = 0; ok && round < rounds; round++) {
        size_t all = 0;
        double start = now();
        for (size_t i = 0; ok && i < n; i++) {
            ids.n = 0;
            ok = bpe_encode(bpe, texts[i].text, texts[i].n, false, &ids, error);
            all += ids.n;
        }
        printf("%zu %.6f\n", all, now() - start);
    }
    ids_free(&ids);
    bpe_free(bpe);
    return ok;
}

static bool train(int size, int rounds, const struct bpe_text *texts, size_t n, struct error *error)
{
    static const char *const specials[] = {"<|endoftext|>"};
    bool ok = true;
    for (int round = 0; ok && round < rounds; round++) {
        struct bpe *bpe;
        double start = now();
        ok = bpe_train(texts, n, size, specials, 1, NULL, NULL, &bpe, error);
        if (ok) printf("%d %.6f\n", (int)bpe_size(bpe), now() - start);
        bpe_free(bpe);
    }
    return ok;
}

int main(int argc, char **argv)
{
    struct error error = {0};
    if (argc < 5) return fprintf(stderr, "usage: bpe encode TOKENIZER.json ROUNDS FILE... | bpe train SIZE ROUNDS FILE...\n"), 2;
    size_t n = (size_t)argc - 4;
    struct bytes *files = mem_alloc(n, sizeof *files, &error);
    struct bpe_text *texts = mem_alloc(n, sizeof *texts, &error);
    bool ok = files != NULL && texts != NULL;
    for (size_t i = 0; ok && i < n; i++) {
        ok = file_read(argv[4 + i], FILE_LIMIT_TEXT, &files[i], &error);
        if (ok) texts[i] = (struct bpe_text){files[i].data, files[i].n};
    }
    int rounds = atoi(argv[3]);
    ok = ok && (strcmp(argv[1], "train") == 0 ? train(atoi(argv[2]), rounds, texts, n, &error) : encode(argv[2], rounds, texts, n, &error));
    if (!ok) fprintf(stderr, "%s\n", error.text);
    return !ok;
}
