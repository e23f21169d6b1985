/* Image codes: what a codebook learned from the train split of PIXELART (else ../shared/data/pixelart) loses on its test split. The measure is that of
 * codes.h: PSNR of each picture on mid-grey, at most 60 dB; "aggregate" is the PSNR of the mean squared error. CODES names a vq.safetensors that is
 * measured instead of a new one; VQ_STEPS=N learns the convolutional codes in N steps (VQ_CHANNELS: of another width) and writes them to CODES_OUT, if
 * that is set. "ms each" is one thread's processor time of encoding (and of decoding once, to measure). */
#include "bench/bench.h"
#include "core/mem.h"
#include "modalities/dataset.h"
#include "tokenizers/vq.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { USED_MOST = 2000 };

struct sums { double psnr, mse, seconds; int n, exact, wrong_alpha; size_t ids, longest; };

static void add(struct sums *s, const struct codes_loss *loss, size_t ids, double seconds)
{
    s->seconds += seconds, s->psnr += loss->psnr, s->mse += loss->mse, s->exact += loss->exact, s->wrong_alpha += loss->wrong_alpha, s->ids += ids, s->n++;
    if (ids > s->longest) s->longest = ids;
}

static void tell(const char *name, const struct sums *s)
{
    if (s->n == 0) return;
    double n = s->n;
    printf("%-10s %5d sprites: PSNR mean %.2f dB, aggregate %.2f dB; exact %.1f %%, alpha %.3f %%; ids mean %.1f, most %zu; %.1f ms each\n", name, s->n, s->psnr / n,
           10 * log10(255.0 * 255.0 / fmax(s->mse / n, 1e-9)), 100 * s->exact / n, 100 - 100 * s->wrong_alpha / (n * SPRITE_PIXELS), (double)s->ids / n, s->longest, 1000 * s->seconds / n);
}

/* Sprites of a split; the caller frees each and the list. */
static size_t read_split(const struct dataset *d, enum split split, struct sprite **out, struct error *error)
{
    size_t n = 0;
    if ((*out = mem_alloc(d->n, sizeof **out, error)) == NULL) return 0;
    for (size_t i = 0; i < d->n; i++) {
        struct piece piece = {0};
        if (d->items[i].kind == ITEM_IMAGE && d->items[i].split == split && modality_read_file(d->items[i].path, &piece, error)) (*out)[n++] = piece.sprite;
    }
    return n;
}

static double processor_time(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static bool measure(const struct codes *c, const struct sprite *sprites, size_t n, struct error *error)
{
    struct sums all = {0}, native[2] = {{0}};
    struct ids ids = {0};
    struct codes_loss loss;
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++) {
        double begin = processor_time();
        ids.n = 0;
        ok = codes_encode(c, &sprites[i], &ids, &loss, error);
        double seconds = processor_time() - begin;
        if (ok) add(&all, &loss, ids.n, seconds), add(&native[ids.id[0]], &loss, ids.n, seconds);
    }
    if (ok) tell("all", &all), tell("native 32", &native[0]), tell("native 16", &native[1]);
    ids_free(&ids);
    return ok;
}

/* The share of the ids that encoding these sprites, at most USED_MOST evenly spread, uses (holes are not for encoding). */
static bool used(const struct codes *c, const struct sprite *sprites, size_t n, struct error *error)
{
    int size = codes_vocabulary(c), count = 0;
    size_t sample = n < USED_MOST ? n : USED_MOST;
    struct ids ids = {0};
    uint8_t *seen = mem_alloc((size_t)size, 1, error);
    bool ok = seen != NULL;
    for (size_t i = 0; ok && i < sample; i++) {
        ids.n = 0;
        ok = codes_encode(c, &sprites[i * n / sample], &ids, NULL, error);
        for (size_t k = 0; ok && k < ids.n; k++) seen[ids.id[k]] = 1;
    }
    for (int i = 0; ok && i < size; i++) count += seen[i];
    if (ok) printf("%-10s %d of %d ids are used by %zu sprites of the train split (%.1f %%)\n", "codes", count, size, sample, 100.0 * count / size);
    mem_free(seen);
    ids_free(&ids);
    return ok;
}

static double started;

static bool say(void *context, const char *what, int done, int total)
{
    (void)context, (void)what;
    if (done % 1000 == 0) fprintf(stderr, "step %d of %d, %.0f s\n", done, total, bench_now() - started);
    return true;
}

static bool learn_vq(const struct sprite *train, size_t n, struct codes **c, struct error *error)
{
    struct vq_options o = VQ_OPTIONS_DEFAULT;
    struct threads *pool = threads_start(0, error);
    const char *out = getenv("CODES_OUT");
    started = bench_now();
    o.steps = strtol(getenv("VQ_STEPS"), NULL, 10);
    if (getenv("VQ_CHANNELS") != NULL) o.channels = (int)strtol(getenv("VQ_CHANNELS"), NULL, 10);
    bool ok = pool != NULL && codes_train_vq(train, n, &o, pool, say, NULL, c, error);
    if (ok) printf("%-10s %.1f s for %ld steps, %d channels\n", "learning", bench_now() - started, o.steps, o.channels);
    threads_stop(pool);
    return ok && (out == NULL || codes_save(*c, out, error));
}

void bench_codes(void)
{
    const char *path = getenv("PIXELART"), *named = getenv("CODES");
    struct dataset d = {0};
    struct sprite *train = NULL, *test = NULL;
    struct codes *c = NULL;
    const struct codes_options options = CODES_OPTIONS_DEFAULT;
    struct error error = {0};
    size_t trains = 0, tests = 0;
    bool ok = dataset_scan(path == NULL ? "../shared/data/pixelart" : path, &d, &error);
    if (ok) trains = read_split(&d, SPLIT_TRAIN, &train, &error), tests = read_split(&d, SPLIT_TEST, &test, &error);
    double begin = bench_now();
    if (ok && named != NULL) ok = codes_load(named, &c, &error);
    else if (ok && getenv("VQ_STEPS") != NULL) ok = learn_vq(train, trains, &c, &error);
    else if (ok) ok = codes_train(train, trains, &options, NULL, NULL, &c, &error);
    if (ok && codes_has_palettes(c) && named == NULL) printf("%-10s %.1f s for %zu sprites, %d colours, %d patterns\n", "learning", bench_now() - begin, trains, options.colours, options.patterns);
    ok = ok && measure(c, test, tests, &error) && used(c, train, trains, &error);
    if (!ok) fprintf(stderr, "bench: %s\n", error.text);
    for (size_t i = 0; i < trains; i++) sprite_free(&train[i]);
    for (size_t i = 0; i < tests; i++) sprite_free(&test[i]);
    mem_free(train), mem_free(test);
    codes_free(c);
    dataset_free(&d);
}
