/* Learning the image codes from sprites; see codes.h.
 *
 * Colours: each sprite votes for its own colours with the square root of their pixels. The heaviest real colours become
 * entries as they are (common palettes are then exact); k-means places the rest, and each of those centres moves onto the
 * heaviest real colour of its cell.
 *
 * Patterns are learned from native 32 as it is encoded, so from indices up to 14 (docs/image-codes.md tells why not 16); native 16 needs the
 * 625 pairs alone. All pairs, then the most frequent others; then rounds of exchange. In a round every patch adds its error to
 * the ideal pattern that is missing, and to the pattern it uses what the next best would cost more. Where a missing
 * pattern would save more than a present one is worth, they change places. A sprite's errors weigh 1 / (its own mean
 * error + SOFT), which is about the slope of PSNR: nearly exact sprites are made exact, hard ones do not eat the codebook. */
#include "core/mem.h"
#include "core/random.h"
#include "tokenizers/codes_inside.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLE_MOST = 4000, EXCHANGE_ROUNDS = 10, KMEANS_ROUNDS = 20, CUBE = 1 << 24, INDICES = CODES_COLOURS_32 + 1, SHAPES = INDICES * INDICES * INDICES * INDICES };
static const double SOFT = 30;          /* squared error a channel */
static const double KEPT_SHARE = 0.6;   /* of the palette: heaviest real colours */

struct trainer {
    const struct sprite *sprites;
    size_t n;
    const struct codes_options *options;
    codes_progress *progress;
    void *context;
    struct codes *codes;
    struct error *error;
};

static bool tell(const struct trainer *t, const char *what, int done, int total)
{
    return t->progress == NULL || t->progress(t->context, what, done, total) || error_set(t->error, ERROR_STOPPED, "image codes: stopped");
}

/* ---- colours ---- */

struct votes { uint8_t (*colour)[3]; float *weight; int *owner; int n; };

static int heavier(const void *a, const void *b)
{
    const float *x = a, *y = b;                               /* {weight, colour as a whole number} */
    if (x[0] != y[0]) return x[0] > y[0] ? -1 : 1;
    return x[1] < y[1] ? -1 : x[1] > y[1];
}

/* All colours of all sprites with their votes, heaviest first. */
static bool collect(const struct trainer *t, struct votes *v)
{
    float *cube = mem_alloc(CUBE, sizeof *cube, t->error);
    uint16_t *seen = mem_alloc(CUBE, sizeof *seen, t->error);
    bool ok = cube != NULL && seen != NULL;
    for (size_t s = 0; ok && s < t->n; s++) {
        const uint8_t *p = t->sprites[s].rgba;
        for (int i = 0; i < SPRITE_PIXELS; i++)
            if (p[4 * i + 3]) seen[p[4 * i] << 16 | p[4 * i + 1] << 8 | p[4 * i + 2]]++;
        for (int i = 0; i < SPRITE_PIXELS; i++) {
            int at = p[4 * i] << 16 | p[4 * i + 1] << 8 | p[4 * i + 2];
            if (p[4 * i + 3] && seen[at]) cube[at] += sqrtf((float)seen[at]), seen[at] = 0;
        }
    }
    for (int i = 0; ok && i < CUBE; i++) v->n += cube[i] > 0;
    float (*list)[2] = ok ? mem_alloc((size_t)v->n, sizeof *list, t->error) : NULL;
    v->colour = mem_alloc((size_t)v->n, 3, t->error);
    v->weight = mem_alloc((size_t)v->n, sizeof *v->weight, t->error);
    v->owner = mem_alloc((size_t)v->n, sizeof *v->owner, t->error);
    ok = ok && list != NULL && v->colour != NULL && v->weight != NULL && v->owner != NULL;
    for (int i = 0, k = 0; ok && i < CUBE; i++)
        if (cube[i] > 0) list[k][0] = cube[i], list[k++][1] = (float)i;          /* below 2^24: exact in a float */
    if (ok) qsort(list, (size_t)v->n, sizeof *list, heavier);
    for (int k = 0; ok && k < v->n; k++) {
        int i = (int)list[k][1];
        v->weight[k] = list[k][0];
        v->colour[k][0] = (uint8_t)(i >> 16), v->colour[k][1] = (uint8_t)(i >> 8 & 255), v->colour[k][2] = (uint8_t)(i & 255);
    }
    mem_free(list);
    mem_free(cube);
    mem_free(seen);
    return ok;
}

/* Start the free centres on colours drawn by weight times distance to what is there (k-means++ over the kept ones). */
static bool seed_centres(const struct trainer *t, const struct votes *v, float (*centre)[3], int kept, int k)
{
    float *distance = mem_alloc((size_t)v->n, sizeof *distance, t->error);
    if (distance == NULL) return false;
    for (int i = 0; i < v->n; i++) distance[i] = INFINITY;
    for (int j = 0; j < k; j++) {
        if (j >= kept) {
            double total = 0, mark;
            for (int i = 0; i < v->n; i++) total += (double)(v->weight[i] * distance[i]);
            mark = total * random_unit(t->options->seed, 1, (uint64_t)j);
            int pick = 0;
            for (; pick < v->n - 1 && (mark -= (double)(v->weight[pick] * distance[pick])) > 0; pick++) {}
            for (int d = 0; d < 3; d++) centre[j][d] = v->colour[pick][d];
        }
        for (int i = 0; i < v->n; i++) {
            float r = (float)v->colour[i][0] - centre[j][0], g = (float)v->colour[i][1] - centre[j][1], b = (float)v->colour[i][2] - centre[j][2];
            distance[i] = fminf(distance[i], r * r + g * g + b * b);
        }
    }
    mem_free(distance);
    return true;
}

static int by_light(const void *a, const void *b)
{
    int x = sprite_light(a), y = sprite_light(b);
    return x != y ? (x < y ? -1 : 1) : memcmp(a, b, 3);
}

static bool learn_colours(const struct trainer *t)
{
    struct votes v = {0};
    int K = t->codes->colours;
    float (*centre)[3] = mem_alloc((size_t)K, sizeof *centre, t->error);
    bool ok = centre != NULL && tell(t, "colours", 0, 2) && collect(t, &v);
    int kept = v.n <= K ? v.n : (int)(KEPT_SHARE * K);
    for (int j = 0; ok && j < kept; j++)
        for (int d = 0; d < 3; d++) centre[j][d] = v.colour[j][d];
    if (ok && v.n > K) {
        ok = seed_centres(t, &v, centre, kept, K);
        if (ok) codes_kmeans((const uint8_t (*)[3])v.colour, v.weight, v.owner, v.n, centre, kept, K, KMEANS_ROUNDS);
        bool placed[4096] = {false};
        for (int i = 0; ok && i < v.n; i++) {                 /* heaviest first: the first of a cell is its heaviest */
            int j = v.owner[i];
            if (j < kept || placed[j]) continue;
            placed[j] = true;
            for (int d = 0; d < 3; d++) centre[j][d] = v.colour[i][d];
        }
    }
    for (int j = 0; ok && j < K; j++)
        for (int d = 0; d < 3; d++) t->codes->colour[j][d] = j < v.n ? (uint8_t)lrintf(centre[j][d]) : (uint8_t)((j - v.n) & 255);
    if (ok) qsort(t->codes->colour, (size_t)K, 3, by_light);
    mem_free(centre);
    mem_free(v.colour);
    mem_free(v.weight);
    mem_free(v.owner);
    return ok;
}

/* ---- patterns ---- */

/* Shapes are counted as far as native 32 can have them, by numbers of their own: a fifth of CODES_SHAPES. */
struct exchange { float *gain; float *worth; struct codes_picture *pictures; size_t sample; };   /* (SHAPES), (patterns) */

static int shape_of(const uint8_t s[4]) { return ((s[0] * INDICES + s[1]) * INDICES + s[2]) * INDICES + s[3]; }

static void indices_of(int shape, uint8_t s[4])
{
    for (int k = 3; k >= 0; k--, shape /= INDICES) s[k] = (uint8_t)(shape % INDICES);
}

static const struct sprite *sampled(const struct trainer *t, const struct exchange *e, size_t i) { return &t->sprites[i * t->n / e->sample]; }

static void ideal_of(int32_t cost[4][CODES_INDICES], int n, uint8_t ideal[4])
{
    for (int k = 0; k < 4; k++) {
        ideal[k] = 0;
        for (uint8_t i = 1; i <= n; i++)
            if (cost[k][i] < cost[k][ideal[k]]) ideal[k] = i;
    }
}

/* Add a value to a shape and to its mirror image, so that the codebook is as good for mirrored sprites. */
static void add_both(float *table, const uint8_t s[4], float value)
{
    table[shape_of(s)] += value;
    table[shape_of((uint8_t[4]){s[1], s[0], s[3], s[2]})] += value;
}

static void count_shapes(const struct trainer *t, struct exchange *e)
{
    int32_t cost[4][CODES_INDICES];
    uint8_t ideal[4];
    for (size_t s = 0; s < e->sample; s++) {
        e->pictures[s] = (struct codes_picture){.doubled = sprite_is_doubled(sampled(t, e, s))};
        if (e->pictures[s].doubled) continue;                 /* pairs are all there */
        codes_choose_palette(t->codes, sampled(t, e, s), false, CODES_ENCODED_MOST, &e->pictures[s]);
        for (int place = 0; place < CODES_PATTERNS; place++) {
            codes_patch_costs(&e->pictures[s], sampled(t, e, s), place, cost);
            ideal_of(cost, e->pictures[s].n, ideal);
            add_both(e->gain, ideal, 1);
        }
    }
}

static int largest(const float *x, int n)
{
    int best = 0;
    for (int i = 1; i < n; i++)
        if (x[i] > x[best]) best = i;
    return best;
}

/* The pairs, then the most frequent others. */
static void start_patterns(struct codes *c, float *count)
{
    for (int i = 0; i < CODES_PAIRS; i++) {
        uint8_t a = (uint8_t)(i / CODES_INDICES), b = (uint8_t)(i % CODES_INDICES);
        memcpy(c->pattern[i], (uint8_t[4]){a, b, a, b}, 4);
        if (a < INDICES && b < INDICES) count[shape_of(c->pattern[i])] = -1;
    }
    for (int at = CODES_PAIRS; at < c->patterns; at++) {
        int shape = largest(count, SHAPES);
        indices_of(shape, c->pattern[at]);
        count[shape] = -1;
    }
    codes_index(c);
}

/* One sprite's part in a round: what missing patterns would save and present ones are worth. */
static void weigh(const struct trainer *t, struct exchange *e, size_t s)
{
    int32_t cost[4][CODES_INDICES], best[CODES_PATTERNS], second[CODES_PATTERNS], least[CODES_PATTERNS];
    int choice[CODES_PATTERNS], shape[CODES_PATTERNS];
    uint8_t ideal[4];
    double sum = 0;
    const struct codes_picture *p = &e->pictures[s];
    if (p->doubled) return;
    for (int place = 0; place < CODES_PATTERNS; place++) {
        codes_patch_costs(p, sampled(t, e, s), place, cost);
        ideal_of(cost, p->n, ideal);
        shape[place] = shape_of(ideal);
        least[place] = cost[0][ideal[0]] + cost[1][ideal[1]] + cost[2][ideal[2]] + cost[3][ideal[3]];
        choice[place] = codes_best_pattern(t->codes, p, cost, &best[place], &second[place]);
        sum += (double)(best[place] < 1 << 20 ? best[place] : 1 << 20);
    }
    double weight = 1 / (sum / (3.0 * SPRITE_PIXELS) + SOFT);
    for (int place = 0; place < CODES_PATTERNS; place++) {
        float more = (float)(weight * fmin((double)second[place] - best[place], 1 << 20)), save = (float)(weight * ((double)best[place] - least[place]));
        e->worth[choice[place]] += more;
        if (save <= 0) continue;
        uint8_t q[4];
        indices_of(shape[place], q);
        add_both(e->gain, q, save / 2);
    }
}

/* Change places as long as a missing pattern saves more than the least worthy present one is worth; returns how many. */
static int swap(struct codes *c, struct exchange *e, int most)
{
    int swaps = 0;
    for (int i = 0; i < CODES_PAIRS; i++) e->worth[i] = INFINITY;
    for (int i = 0; i < c->patterns; i++)                     /* a missing one's mirror image may be there */
        if (c->top[i] < INDICES) e->gain[shape_of(c->pattern[i])] = 0;
    for (; swaps < most; swaps++) {
        int in = largest(e->gain, SHAPES), out = 0;
        for (int i = 1; i < c->patterns; i++)
            if (e->worth[i] < e->worth[out]) out = i;
        if (!(e->gain[in] > 1.2f * e->worth[out])) break;
        indices_of(in, c->pattern[out]);
        e->worth[out] = INFINITY;                             /* stays for this round */
        e->gain[in] = 0;
    }
    codes_index(c);
    return swaps;
}

static bool learn_patterns(const struct trainer *t)
{
    struct exchange e = {.sample = t->n < SAMPLE_MOST ? t->n : SAMPLE_MOST};
    struct codes *c = t->codes;
    e.gain = mem_alloc(SHAPES, sizeof *e.gain, t->error);
    e.worth = mem_alloc((size_t)c->patterns, sizeof *e.worth, t->error);
    e.pictures = mem_alloc(e.sample, sizeof *e.pictures, t->error);
    bool ok = e.gain != NULL && e.worth != NULL && e.pictures != NULL;
    if (ok) {
        count_shapes(t, &e);
        start_patterns(c, e.gain);
    }
    for (int round = 0; ok && round < EXCHANGE_ROUNDS; round++) {
        ok = tell(t, "patterns", round, EXCHANGE_ROUNDS);
        memset(e.gain, 0, SHAPES * sizeof *e.gain);
        memset(e.worth, 0, (size_t)c->patterns * sizeof *e.worth);
        for (size_t s = 0; ok && s < e.sample; s++) weigh(t, &e, s);
        if (ok && swap(c, &e, c->patterns / (8 + 2 * round)) == 0) break;
    }
    mem_free(e.gain);
    mem_free(e.worth);
    mem_free(e.pictures);
    return ok;
}

static bool check_sprites(const struct sprite *sprites, size_t n, const struct codes_options *o, struct error *error)
{
    if (n == 0) return error_set(error, ERROR_INPUT, "image codes: no sprite to learn from; at least one is wanted");
    if (o->colours < CODES_COLOURS_32 || o->colours > 4096 || o->patterns < CODES_PAIRS || o->patterns > 8192)
        return error_set(error, ERROR_INPUT, "image codes: %d colours, %d patterns; 16 to 4096 and %d to 8192 are wanted", o->colours, o->patterns, CODES_PAIRS);
    for (size_t i = 0; i < n; i++)
        if (sprites[i].width != SPRITE_SIDE || sprites[i].height != SPRITE_SIDE)
            return error_set(error, ERROR_INPUT, "image codes: sprite %zu is %d x %d; 32 x 32 is wanted", i, sprites[i].width, sprites[i].height);
    return true;
}

bool codes_train(const struct sprite *sprites, size_t n, const struct codes_options *options, codes_progress *progress, void *context,
                 struct codes **out, struct error *error)
{
    *out = NULL;
    if (!check_sprites(sprites, n, options, error) || !codes_init(out, options->colours, options->patterns, error)) return false;
    struct trainer t = {sprites, n, options, progress, context, *out, error};
    if (learn_colours(&t) && learn_patterns(&t)) return true;
    codes_free(*out);
    *out = NULL;
    return false;
}
