/* Learning the convolutional codes; see vq.h.
 *
 * 1. k-means over the patches gives the codes a start (van den Oord's codebook, started as by Zeghidour et al. 2021, "SoundStream").
 * 2. Adam on both networks and the codes, the encoder from DELAY of the steps on, when the decoder has learned to use the codes around a place.
 *    Codes that nothing chooses any more restart on patches with large errors, so none is dead for long.
 * 3. The last steps, a share of POLISH, learn from refined codes (vq_refine.c): those that will be sent. Adam starts anew and the rate goes down once more.
 * 4. The colours for native 16 come from k-means over those sprites' pixels.
 *
 * The work of a step is shared out by groups of pictures; each worker has a gradient of its own, and they are added up in order. */
#include "core/mem.h"
#include "core/random.h"
#include "core/simd.h"
#include "tokenizers/codes_inside.h"
#include "tokenizers/vq_inside.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { GROUP = 4, KMEANS_SPRITES = 3000, KMEANS_ROUNDS = 20, COLOUR_ROUNDS = 15, RESTART_EVERY = 200, SLICE = 1024, REFINE_ROUNDS = 2 };
static const double DELAY = 0.15, DECAY = 0.4, COMMIT = 250, FLOOR = 10, CODE_RATE = 0.3, CLIP = 1, DEAD = 0.3;
static const double POLISH = 700.0 / 9700, POLISH_RATE = 0.3, POLISH_DECAY = 0.7;

/* One worker's memory. */
struct worker { float *x, *z, *e, *y, *dy, *dz, *kept[2], *scratch, *score, *gradient; struct vq_desk desk; double loss; };

struct trainer {
    const struct vq_options *options;
    struct vq *vq;
    struct threads *pool;
    const float *patches;          /* (n, 256, 16) */
    size_t n, numbers;             /* of all that is learned: encoder, decoder, codes */
    struct worker *workers;
    int workers_n;
    float *gradient, *first, *second, *usage, *z, *far;      /* (numbers) three times, (K), (batch, 256, 16), (batch, 256) */
    int32_t *chosen;               /* (batch, 256) */
    long step, before_polish;      /* polishing begins there */
    bool encode, polish;           /* the encoder learns already; codes are refined */
    vq_progress *progress;
    void *context;
    struct error *error;
};

/* ---- k-means ---- */

static int by_bytes(const void *a, const void *b) { return memcmp(a, b, VQ_PATCH); }

/* Distinct patches of a sample of the sprites with their counts; returns how many. */
static size_t distinct(const struct trainer *t, uint8_t (*key)[VQ_PATCH], float *count)
{
    size_t sample = t->n < KMEANS_SPRITES ? t->n : KMEANS_SPRITES, rows = sample * VQ_CODES, n = 0;
    for (size_t r = 0; r < rows; r++) {
        const float *x = t->patches + (r / VQ_CODES * t->n / sample * VQ_CODES + r % VQ_CODES) * VQ_PATCH;
        for (int i = 0; i < VQ_PATCH; i++) key[r][i] = (uint8_t)lrintf(255 * x[i]);
    }
    qsort(key, rows, VQ_PATCH, by_bytes);
    for (size_t r = 0; r < rows; r++) {
        if (n > 0 && memcmp(key[n - 1], key[r], VQ_PATCH) == 0) count[n - 1]++;
        else memmove(key[n], key[r], VQ_PATCH), count[n++] = 1;
    }
    return n;
}

/* Start on patches drawn by the square root of their counts. */
static void draw_codes(const struct trainer *t, const float *point, const float *count, size_t n)
{
    double total = 0;
    for (size_t i = 0; i < n; i++) total += sqrt((double)count[i]);
    for (int k = 0; k < t->vq->K; k++) {
        double mark = total * random_unit(t->options->seed, 11, (uint64_t)k);
        size_t i = 0;
        while (i + 1 < n && (mark -= sqrt((double)count[i])) > 0) i++;
        memcpy(t->vq->code + k * VQ_PATCH, point + i * VQ_PATCH, VQ_PATCH * sizeof(float));
    }
}

static void lloyd(struct trainer *t, const float *point, const float *count, size_t n, int32_t *owner, float *score, double *sum)
{
    int K = t->vq->K;
    for (size_t i = 0; i < n; i += SLICE) vq_nearest(t->vq->code, K, point + i * VQ_PATCH, (int)(n - i < SLICE ? n - i : SLICE), owner + i, score);
    memset(sum, 0, (size_t)K * (VQ_PATCH + 1) * sizeof *sum);
    for (size_t i = 0; i < n; i++) {
        double *s = sum + (size_t)owner[i] * (VQ_PATCH + 1);
        for (int d = 0; d < VQ_PATCH; d++) s[d] += (double)count[i] * (double)point[i * VQ_PATCH + (size_t)d];
        s[VQ_PATCH] += (double)count[i];
    }
    for (int k = 0; k < K; k++) {
        const double *s = sum + (size_t)k * (VQ_PATCH + 1);
        size_t anywhere = (size_t)random_below(t->options->seed, 12, (uint64_t)k + (uint64_t)owner[0], n);
        for (int d = 0; d < VQ_PATCH; d++) t->vq->code[k * VQ_PATCH + d] = s[VQ_PATCH] > 0 ? (float)(s[d] / s[VQ_PATCH]) : point[anywhere * VQ_PATCH + (size_t)d];
    }
}

static bool start_codes(struct trainer *t)
{
    size_t rows = (t->n < KMEANS_SPRITES ? t->n : KMEANS_SPRITES) * VQ_CODES;
    uint8_t (*key)[VQ_PATCH] = mem_alloc(rows, VQ_PATCH, t->error);
    float *count = mem_alloc(rows, sizeof *count, t->error), *point = mem_alloc(rows * VQ_PATCH, sizeof *point, t->error);
    float *score = mem_alloc((size_t)SLICE * (size_t)t->vq->K, sizeof *score, t->error);
    int32_t *owner = mem_alloc(rows, sizeof *owner, t->error);
    double *sum = mem_alloc((size_t)t->vq->K * (VQ_PATCH + 1), sizeof *sum, t->error);
    bool ok = key != NULL && count != NULL && point != NULL && owner != NULL && score != NULL && sum != NULL;
    if (ok) {
        size_t n = distinct(t, key, count);
        for (size_t i = 0; i < n * VQ_PATCH; i++) point[i] = (float)key[i / VQ_PATCH][i % VQ_PATCH] / 255;
        draw_codes(t, point, count, n);
        for (int round = 0; round < KMEANS_ROUNDS; round++) lloyd(t, point, count, n, owner, score, sum);
    }
    mem_free(key), mem_free(count), mem_free(point), mem_free(owner), mem_free(score), mem_free(sum);
    return ok;
}

/* ---- one step ---- */

/* Pictures of this step: drawn with replacement, half of them mirrored. */
static void draw_picture(const struct trainer *t, int at, float *x)
{
    uint64_t draw = (uint64_t)(t->step * t->options->batch + at);
    const float *from = t->patches + (size_t)random_below(t->options->seed, 13, draw, t->n) * VQ_NUMBERS;
    memcpy(x, from, VQ_NUMBERS * sizeof *x);
    if (random_bits(t->options->seed, 14, draw) & 1) return;
    for (int place = 0; place < VQ_CODES; place++)
        for (int k = 0; k < 4; k++)
            memcpy(x + (place * 4 + k) * 4, from + ((place - place % CONV_SIDE + CONV_SIDE - 1 - place % CONV_SIDE) * 4 + (k ^ 1)) * 4, 4 * sizeof *x);
}

/* Forward, loss and backward of a group of pictures. */
static void work_group(void *context, int item, int index)
{
    struct trainer *t = context;
    const struct vq *vq = t->vq;
    struct worker *w = &t->workers[index];
    size_t total = (size_t)GROUP * VQ_NUMBERS, numbers = conv_numbers(&vq->net);
    int32_t *chosen = t->chosen + item * GROUP * VQ_CODES;
    for (int i = 0; i < GROUP; i++) draw_picture(t, item * GROUP + i, w->x + i * VQ_NUMBERS);
    if (t->encode) conv_forward(&vq->net, vq->encoder, GROUP, w->x, w->z, w->kept[0], w->scratch);
    for (size_t i = 0; i < total; i++) w->z[i] = w->x[i] + (t->encode ? w->z[i] : 0);
    vq_nearest(vq->code, vq->K, w->z, GROUP * VQ_CODES, chosen, w->score);
    for (int i = 0; t->polish && i < GROUP; i++) vq_refine(vq, w->x + i * VQ_NUMBERS, REFINE_ROUNDS, chosen + i * VQ_CODES, &w->desk);
    for (int i = 0; i < GROUP * VQ_CODES; i++) memcpy(w->e + i * VQ_PATCH, vq->code + (size_t)chosen[i] * VQ_PATCH, VQ_PATCH * sizeof(float));
    conv_forward(&vq->net, vq->decoder, GROUP, w->e, w->y, w->kept[1], w->scratch);
    for (size_t i = 0; i < total; i++) w->y[i] += w->e[i];
    for (int i = 0; i < GROUP; i++) {
        float *dy = w->dy + i * VQ_NUMBERS;
        double error = vq_error(w->y + i * VQ_NUMBERS, w->x + i * VQ_NUMBERS, VQ_ALPHA, dy) + FLOOR;
        w->loss += log(error) / t->options->batch;
        for (int k = 0; k < VQ_NUMBERS; k++) dy[k] = (float)((double)dy[k] / (error * t->options->batch));
    }
    conv_backward(&vq->net, vq->decoder, GROUP, w->e, w->kept[1], w->dy, w->gradient + numbers, w->dz, w->scratch);
    const float pull = (float)(2 * COMMIT / ((double)t->options->batch * VQ_NUMBERS));
    for (size_t i = 0; i < total; i++) {
        w->dz[i] += w->dy[i];                                 /* by e: through the network and past it */
        w->gradient[2 * numbers + (size_t)chosen[i / VQ_PATCH] * VQ_PATCH + i % VQ_PATCH] += w->dz[i];
        w->dz[i] += pull * (w->z[i] - w->e[i]);
        w->loss += COMMIT * (double)((w->z[i] - w->e[i]) * (w->z[i] - w->e[i])) / ((double)t->options->batch * VQ_NUMBERS);
    }
    if (t->encode) conv_backward(&vq->net, vq->encoder, GROUP, w->x, w->kept[0], w->dz, w->gradient, NULL, w->scratch);
    memcpy(t->z + (size_t)item * total, w->z, total * sizeof *w->z);
    for (int i = 0; i < GROUP * VQ_CODES; i++) {
        float far = 0;
        for (int d = 0; d < VQ_PATCH; d++) far += (w->z[i * VQ_PATCH + d] - w->e[i * VQ_PATCH + d]) * (w->z[i * VQ_PATCH + d] - w->e[i * VQ_PATCH + d]);
        t->far[item * GROUP * VQ_CODES + i] = far;
    }
}

/* Add up the workers' gradients; clip those of the networks together. */
static void sum_gradients(struct trainer *t)
{
    size_t nets = 2 * conv_numbers(&t->vq->net);
    double norm = 0;
    memset(t->gradient, 0, t->numbers * sizeof *t->gradient);
    for (int w = 0; w < t->workers_n; w++)
        for (size_t i = 0; i < t->numbers; i++) t->gradient[i] += t->workers[w].gradient[i], t->workers[w].gradient[i] = 0;
    for (size_t i = 0; i < nets; i++) norm += (double)t->gradient[i] * (double)t->gradient[i];
    norm = sqrt(norm);
    for (size_t i = 0; norm > CLIP && i < nets; i++) t->gradient[i] = (float)((double)t->gradient[i] * CLIP / norm);
}

VARIANTS static void adam_update(float *restrict weights, const float *gradient, float *first, float *second, size_t n, float b1, float b2, float by, float correct)
{
    for (size_t i = 0; i < n; i++) {
        first[i] = b1 * first[i] + (1 - b1) * gradient[i];
        second[i] = b2 * second[i] + (1 - b2) * gradient[i] * gradient[i];
        weights[i] -= by * first[i] / (sqrtf(second[i]) * correct + 1e-8f);
    }
}

static void adam(float *weights, const float *gradient, float *first, float *second, size_t n, double rate, long step)
{
    const double b1 = 0.9, b2 = 0.99;
    adam_update(weights, gradient, first, second, n, (float)b1, (float)b2, (float)(rate / (1 - pow(b1, (double)step))), (float)(1 / sqrt(1 - pow(b2, (double)step))));
}

static void restart_dead(struct trainer *t)
{
    size_t rows = (size_t)t->options->batch * VQ_CODES;
    double total = 0;
    for (size_t i = 0; i < rows; i++) total += (double)t->far[i];
    for (int k = 0; k < t->vq->K; k++) {
        if ((double)t->usage[k] >= DEAD) continue;
        double mark = total * random_unit(t->options->seed, 15, (uint64_t)(t->step * t->vq->K + k));
        size_t i = 0;
        while (i + 1 < rows && (mark -= (double)t->far[i]) > 0) i++;
        memcpy(t->vq->code + k * VQ_PATCH, t->z + i * VQ_PATCH, VQ_PATCH * sizeof(float));
        t->usage[k] = 1;
    }
}

/* A warm-up, then a plateau, then down to (nearly) nothing; the same, lower, when polishing. `begun`: at which step. */
static double rate_of(const struct trainer *t, long begun, double done)
{
    double decay = t->polish ? POLISH_DECAY : DECAY, warm = t->polish ? 30 : 200, top = t->options->rate * (t->polish ? POLISH_RATE : 1);
    return top * fmin(1, (double)(t->step - begun + 1) / warm) * (done < 1 - decay ? 1 : fmax(0.02, (1 - done) / decay));
}

static double step_once(struct trainer *t)
{
    struct vq *vq = t->vq;
    const struct vq_options *o = t->options;
    t->polish = t->step >= t->before_polish;
    long begun = t->polish ? t->before_polish : 0, end = t->polish ? o->steps : t->before_polish;
    size_t nets = conv_numbers(&vq->net), at = 0;
    double done = (double)(t->step - begun) / (double)(end - begun), rate = rate_of(t, begun, done), loss = 0;
    t->encode = t->polish || done >= DELAY;
    if (t->polish && t->step == begun) memset(t->first, 0, 2 * t->numbers * sizeof *t->first);
    threads_run(t->pool, o->batch / GROUP, work_group, t);
    sum_gradients(t);
    t->step++;
    const struct { float *weights; size_t n; double rate; } parts[] = {{vq->encoder, nets, rate}, {vq->decoder, nets, rate}, {vq->code, (size_t)vq->K * VQ_PATCH, rate * CODE_RATE}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; at += parts[i++].n)
        if (i != 0 || t->encode) adam(parts[i].weights, t->gradient + at, t->first + at, t->second + at, parts[i].n, parts[i].rate, t->step - begun);
    for (int k = 0; k < vq->K; k++) t->usage[k] *= 0.995f;
    for (int i = 0; i < o->batch * VQ_CODES; i++) t->usage[t->chosen[i]] += 1;
    if (t->step % RESTART_EVERY == 0 && !t->polish && done < 1 - DECAY) restart_dead(t);
    for (int w = 0; w < t->workers_n; w++) loss += t->workers[w].loss, t->workers[w].loss = 0;
    return loss;
}

/* ---- the colours of native 16 ---- */

static int by_light(const void *a, const void *b)
{
    int x = sprite_light(a), y = sprite_light(b);
    return x != y ? (x < y ? -1 : 1) : memcmp(a, b, 3);
}

/* Colours of the doubled sprites with how often they occur: at most `most` distinct ones, in the order of their first coming. */
static int count_colours(const struct sprite *sprites, size_t n, uint8_t (*colour)[3], float *weight, int most, int32_t *place_of)
{
    int count = 0;
    for (size_t s = 0; s < n; s++) {
        if (!sprite_is_doubled(&sprites[s])) continue;
        for (int i = 0; i < SPRITE_PIXELS; i++) {
            const uint8_t *p = sprites[s].rgba + 4 * i;
            int32_t *at = &place_of[p[0] << 16 | p[1] << 8 | p[2]];
            if (p[3] == 0 || (*at == 0 && count == most)) continue;
            if (*at == 0) memcpy(colour[count], p, 3), *at = ++count;
            weight[*at - 1] += 1;
        }
    }
    return count;
}

static bool learn_colours(const struct trainer *t, const struct sprite *sprites, size_t n)
{
    enum { MOST = 1 << 17 };
    int K = t->vq->K;
    uint8_t (*colour)[3] = mem_alloc(MOST, 3, t->error), (*sorted)[3] = mem_alloc((size_t)K, 3, t->error);
    float *weight = mem_alloc(MOST, sizeof *weight, t->error), (*centre)[3] = mem_alloc((size_t)K, sizeof *centre, t->error);
    int32_t *place_of = mem_alloc(1 << 24, sizeof *place_of, t->error);
    int *owner = mem_alloc(MOST, sizeof *owner, t->error);
    bool ok = colour != NULL && sorted != NULL && weight != NULL && centre != NULL && place_of != NULL && owner != NULL;
    int distinct_n = ok ? count_colours(sprites, n, colour, weight, MOST, place_of) : 0;
    for (int k = 0; ok && distinct_n > 0 && k < K - 1; k++) {
        double total = 0;
        for (int i = 0; i < distinct_n; i++) total += sqrt((double)weight[i]);
        double mark = total * random_unit(t->options->seed, 16, (uint64_t)k);
        int i = 0;
        while (i + 1 < distinct_n && (mark -= sqrt((double)weight[i])) > 0) i++;
        for (int d = 0; d < 3; d++) centre[k][d] = colour[i][d];
    }
    if (ok && distinct_n > 0) codes_kmeans((const uint8_t (*)[3])colour, weight, owner, distinct_n, centre, 0, K - 1, COLOUR_ROUNDS);
    for (int k = 0; ok && k < K - 1; k++)
        for (int d = 0; d < 3; d++) sorted[k][d] = distinct_n > 0 ? (uint8_t)lrintf(centre[k][d]) : (uint8_t)k;
    if (ok) qsort(sorted, (size_t)K - 1, 3, by_light);
    for (int k = 1; ok && k < K; k++) memcpy(t->vq->colour[k], sorted[k - 1], 3), t->vq->colour[k][3] = 255;
    mem_free(colour), mem_free(sorted), mem_free(weight), mem_free(centre), mem_free(place_of), mem_free(owner);
    return ok;
}

/* ---- all of it ---- */

static bool worker_init(struct trainer *t, struct worker *w)
{
    const struct conv *net = &t->vq->net;
    size_t total = (size_t)GROUP * VQ_NUMBERS;
    w->x = mem_alloc(6 * total, sizeof(float), t->error);
    w->kept[0] = mem_alloc(2 * GROUP * conv_kept(net), sizeof(float), t->error);
    w->scratch = mem_alloc(GROUP * conv_scratch(net), sizeof(float), t->error);
    w->score = mem_alloc((size_t)GROUP * VQ_CODES * (size_t)t->vq->K, sizeof(float), t->error);
    w->gradient = mem_alloc(t->numbers, sizeof(float), t->error);
    if (w->x == NULL || w->kept[0] == NULL || w->scratch == NULL || w->score == NULL || w->gradient == NULL) return false;
    if (!vq_desk_init(&w->desk, t->vq, VQ_TRIALS, t->error)) return false;
    w->z = w->x + total, w->e = w->z + total, w->y = w->e + total, w->dy = w->y + total, w->dz = w->dy + total, w->kept[1] = w->kept[0] + GROUP * conv_kept(net);
    return true;
}

static bool trainer_init(struct trainer *t)
{
    size_t batch = (size_t)t->options->batch;
    t->numbers = 2 * conv_numbers(&t->vq->net) + (size_t)t->vq->K * VQ_PATCH;
    t->workers_n = threads_size(t->pool);
    t->gradient = mem_alloc(3 * t->numbers, sizeof(float), t->error);
    t->usage = mem_alloc((size_t)t->vq->K, sizeof(float), t->error);
    t->z = mem_alloc(batch * VQ_NUMBERS, sizeof(float), t->error);
    t->far = mem_alloc(batch * VQ_CODES, sizeof(float), t->error);
    t->chosen = mem_alloc(batch * VQ_CODES, sizeof(int32_t), t->error);
    t->workers = mem_alloc((size_t)t->workers_n, sizeof *t->workers, t->error);
    bool ok = t->gradient != NULL && t->usage != NULL && t->z != NULL && t->far != NULL && t->chosen != NULL && t->workers != NULL;
    for (int w = 0; ok && w < t->workers_n; w++) ok = worker_init(t, &t->workers[w]);
    if (!ok) return false;
    t->first = t->gradient + t->numbers, t->second = t->first + t->numbers;
    for (int k = 0; k < t->vq->K; k++) t->usage[k] = 10;
    return true;
}

static void trainer_free(struct trainer *t)
{
    for (int w = 0; t->workers != NULL && w < t->workers_n; w++)
        mem_free(t->workers[w].x), mem_free(t->workers[w].kept[0]), mem_free(t->workers[w].scratch), mem_free(t->workers[w].score), mem_free(t->workers[w].gradient), vq_desk_free(&t->workers[w].desk);
    mem_free(t->workers), mem_free(t->gradient), mem_free(t->usage), mem_free(t->z), mem_free(t->far), mem_free(t->chosen);
}

static bool run(struct trainer *t)
{
    double loss = 0;
    conv_start(&t->vq->net, t->options->seed, t->vq->encoder), conv_start(&t->vq->net, t->options->seed + 1, t->vq->decoder);
    if (!start_codes(t)) return false;
    t->before_polish = t->options->steps - lround(POLISH * (double)t->options->steps);
    while (t->step < t->options->steps) {
        loss += step_once(t) / 100;
        if (t->step % 100 != 0) continue;
        if (t->progress != NULL && !t->progress(t->context, t->step, t->options->steps, loss)) return error_set(t->error, ERROR_STOPPED, "image codes: stopped");
        loss = 0;
    }
    return true;
}

bool vq_train(const struct sprite *sprites, size_t n, const struct vq_options *o, struct threads *pool, vq_progress *progress, void *context, struct vq *out, struct error *error)
{
    struct trainer t = {.options = o, .vq = out, .pool = pool, .progress = progress, .context = context, .error = error};
    if (o->codes < 16 || o->codes > 4096 || o->batch < GROUP || o->batch % GROUP != 0 || o->channels < 1 || o->blocks < 0 || o->blocks > 16)
        return error_set(error, ERROR_INPUT, "image codes: %d codes in batches of %d; 16 to 4096 and multiples of %d are wanted", o->codes, o->batch, GROUP);
    float *patches = mem_alloc(n * VQ_NUMBERS, sizeof *patches, error);
    if (patches == NULL || !vq_init(out, o->codes, (struct conv){VQ_PATCH, o->channels, o->blocks, VQ_PATCH}, error)) {
        mem_free(patches);
        return false;
    }
    for (size_t i = 0; i < n; i++)
        if (!sprite_is_doubled(&sprites[i])) vq_patches(&sprites[i], patches + VQ_NUMBERS * t.n++);
    if (t.n == 0 && n > 0) vq_patches(&sprites[0], patches), t.n = 1;
    t.patches = patches;
    bool ok = (t.n > 0 || error_set(error, ERROR_INPUT, "image codes: no sprite to learn from; at least one is wanted")) && trainer_init(&t) && run(&t) && learn_colours(&t, sprites, n);
    trainer_free(&t);
    mem_free(patches);
    if (!ok) vq_free(out);
    return ok;
}

struct telling { codes_progress *progress; void *context; };

static bool tell(void *context, long step, long steps, double loss)
{
    const struct telling *t = context;
    (void)loss;
    return t->progress == NULL || t->progress(t->context, "steps", (int)step, (int)steps);
}

bool codes_train_vq(const struct sprite *sprites, size_t n, const struct vq_options *options, struct threads *pool, codes_progress *progress, void *context,
                    struct codes **out, struct error *error)
{
    struct vq vq = {0};
    *out = NULL;
    return vq_train(sprites, n, options, pool, tell, &(struct telling){progress, context}, &vq, error) && codes_vq_wrap(&vq, out, error);
}
