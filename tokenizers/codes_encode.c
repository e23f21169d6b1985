/* Sprites to image codes: first a palette, then for each place the cheapest pattern.
 *
 * Native 32: at most 14 colours, so that a sprite has no more than 272 ids. One that has no more takes the master colour nearest to each. Another gets k-means centres of its own,
 * weighted by pixels, then their nearest master colours; a few rounds move each choice to the master colour nearest to the
 * mean of the pixels that it serves.
 *
 * Native 16: at most 24 colours. They are the sprite's own, or the best of several k-means of them; each gets a master colour for itself that its
 * differences can reach, those with the fewest to choose from first. */
#include "core/random.h"
#include "core/simd.h"
#include "tokenizers/codes_inside.h"

#include <limits.h>
#include <math.h>
#include <string.h>

enum { PROHIBITIVE = 1 << 24, GREY = 128, REFINE_ROUNDS = 4, KMEANS_ROUNDS = 12, OWN_ROUNDS = 30, OWN_STARTS = 32 };

/* min over k of distance * 4096 + k: one integer minimum finds both; distances are below 2^18. */
VARIANTS static int32_t nearest_key(const int16_t *r, const int16_t *g, const int16_t *b, int n, int R, int G, int B)
{
    int32_t best = INT32_MAX;
    for (int k = 0; k < n; k++) {
        int32_t dr = r[k] - R, dg = g[k] - G, db = b[k] - B, key = (dr * dr + dg * dg + db * db) * 4096 + k;
        best = key < best ? key : best;
    }
    return best;
}

int codes_nearest(const struct codes *c, const uint8_t rgb[3])
{
    int best = 0, least = INT_MAX;
    for (int k = 0; k < c->colours; k++) {
        int dr = c->colour[k][0] - rgb[0], dg = c->colour[k][1] - rgb[1], db = c->colour[k][2] - rgb[2], d = dr * dr + dg * dg + db * db;
        if (d < least) least = d, best = k;
    }
    return best;
}

/* Assign each colour to its nearest centre (rounded to whole numbers); returns nothing moved as false. */
static bool assign(const uint8_t (*colour)[3], int *owner, int n, const float (*centre)[3], int k)
{
    int16_t r[4096], g[4096], b[4096];
    bool moved = false;
    for (int i = 0; i < k; i++) r[i] = (int16_t)lrintf(centre[i][0]), g[i] = (int16_t)lrintf(centre[i][1]), b[i] = (int16_t)lrintf(centre[i][2]);
    for (int i = 0; i < n; i++) {
        int best = (int)(nearest_key(r, g, b, k, colour[i][0], colour[i][1], colour[i][2]) & 4095);
        moved = moved || best != owner[i];
        owner[i] = best;
    }
    return moved;
}

void codes_kmeans(const uint8_t (*colour)[3], const float *weight, int *owner, int n, float (*centre)[3], int fixed, int k, int rounds)
{
    double sum[4096][4];
    for (int i = 0; i < n; i++) owner[i] = -1;
    for (int round = 0; round < rounds && assign(colour, owner, n, (const float (*)[3])centre, k); round++) {
        memset(sum, 0, sizeof *sum * (size_t)k);
        for (int i = 0; i < n; i++) {
            for (int d = 0; d < 3; d++) sum[owner[i]][d] += (double)weight[i] * colour[i][d];
            sum[owner[i]][3] += (double)weight[i];
        }
        for (int j = fixed; j < k; j++)
            for (int d = 0; d < 3 && sum[j][3] > 0; d++) centre[j][d] = (float)(sum[j][d] / sum[j][3]);
    }
    (void)assign(colour, owner, n, (const float (*)[3])centre, k);
}

/* The distinct opaque colours of a sprite and their pixels. */
static int histogram(const struct sprite *sprite, uint8_t colour[SPRITE_PIXELS][3], float weight[SPRITE_PIXELS])
{
    int n = 0;
    for (int i = 0; i < SPRITE_PIXELS; i++) {
        const uint8_t *p = sprite->rgba + 4 * i;
        int k = 0;
        if (p[3] == 0) continue;
        while (k < n && memcmp(colour[k], p, 3) != 0) k++;
        if (k == n) memcpy(colour[n], p, 3), weight[n++] = 0;
        weight[k] += 1;
    }
    return n;
}

/* Start of a sprite's own k-means: the heaviest colour, then always the one with the most weighted distance to those taken. */
static void spread(const uint8_t (*colour)[3], const float *weight, int n, float (*centre)[3], int k)
{
    float distance[SPRITE_PIXELS];
    int pick = 0;
    for (int i = 0; i < n; i++) distance[i] = INFINITY, pick = weight[i] > weight[pick] ? i : pick;
    for (int j = 0; j < k; j++) {
        for (int d = 0; d < 3; d++) centre[j][d] = colour[pick][d];
        float most = -1;
        int next = pick;
        for (int i = 0; i < n; i++) {
            float dr = (float)colour[i][0] - centre[j][0], dg = (float)colour[i][1] - centre[j][1], db = (float)colour[i][2] - centre[j][2];
            distance[i] = fminf(distance[i], dr * dr + dg * dg + db * db);
            if (distance[i] * sqrtf(weight[i]) > most) most = distance[i] * sqrtf(weight[i]), next = i;
        }
        pick = next;
    }
}

/* Sorted, without repetitions. */
static int tidy(int *master, int n)
{
    int kept = 0;
    for (int i = 1; i < n; i++)
        for (int j = i; j > 0 && master[j - 1] > master[j]; j--) {
            int swap = master[j];
            master[j] = master[j - 1], master[j - 1] = swap;
        }
    for (int i = 0; i < n; i++)
        if (kept == 0 || master[kept - 1] != master[i]) master[kept++] = master[i];
    return kept;
}

/* Move each chosen master colour to the one nearest to the mean of the colours it serves. */
static void refine(const struct codes *c, struct codes_picture *p, const uint8_t (*colour)[3], const float *weight, int n)
{
    for (int round = 0; round < REFINE_ROUNDS; round++) {
        double sum[CODES_COLOURS_MOST][4] = {{0}};
        int chosen[CODES_COLOURS_MOST], m = 0;
        for (int i = 0; i < n; i++) {
            int best = 0, least = INT_MAX;
            for (int k = 0; k < p->n; k++) {
                const uint8_t *q = c->colour[p->master[k]];
                int dr = q[0] - colour[i][0], dg = q[1] - colour[i][1], db = q[2] - colour[i][2], d = dr * dr + dg * dg + db * db;
                if (d < least) least = d, best = k;
            }
            for (int d = 0; d < 3; d++) sum[best][d] += (double)weight[i] * colour[i][d];
            sum[best][3] += (double)weight[i];
        }
        for (int k = 0; k < p->n; k++) {
            if (!(sum[k][3] > 0)) continue;
            uint8_t mean[3];
            for (int d = 0; d < 3; d++) mean[d] = (uint8_t)lrint(sum[k][d] / sum[k][3]);
            chosen[m++] = codes_nearest(c, mean);
        }
        p->n = tidy(chosen, m);
        memcpy(p->master, chosen, (size_t)p->n * sizeof *chosen);
    }
}

/* ---- native 16: colours of its own ---- */

/* Start by drawing colours by weight times squared distance to those taken (k-means++). */
static void scatter(uint64_t start, const uint8_t (*colour)[3], const float *weight, int n, float (*centre)[3], int k)
{
    float distance[SPRITE_PIXELS];
    for (int i = 0; i < n; i++) distance[i] = 1;
    for (int j = 0; j < k; j++) {
        double total = 0;
        int pick = 0;
        for (int i = 0; i < n; i++) total += (double)(weight[i] * distance[i]);
        total *= random_unit(start, 16, (uint64_t)j);
        while (pick < n - 1 && (total -= (double)(weight[pick] * distance[pick])) > 0) pick++;
        for (int d = 0; d < 3; d++) centre[j][d] = colour[pick][d];
        for (int i = 0; i < n; i++) {
            float r = (float)colour[i][0] - centre[j][0], g = (float)colour[i][1] - centre[j][1], b = (float)colour[i][2] - centre[j][2], far = r * r + g * g + b * b;
            distance[i] = j == 0 ? far : fminf(distance[i], far);
        }
    }
}

static double error_of(const uint8_t (*colour)[3], const float *weight, const int *owner, int n, float (*centre)[3])
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        for (int d = 0; d < 3; d++) {
            double e = colour[i][d] - (double)lrintf(centre[owner[i]][d]);
            sum += (double)weight[i] * e * e;
        }
    return sum;
}

/* At most 24 colours for the n of a sprite; returns how many. */
static int own_colours(const uint8_t (*colour)[3], const float *weight, int n, uint8_t own[CODES_COLOURS_16][3])
{
    float centre[CODES_COLOURS_16][3];
    int owner[SPRITE_PIXELS];
    double least = (double)INFINITY;
    if (n <= CODES_COLOURS_16) {
        memcpy(own, colour, (size_t)n * sizeof *own);
        return n;
    }
    for (int start = 0; start < OWN_STARTS; start++) {
        if (start == 0) spread(colour, weight, n, centre, CODES_COLOURS_16);
        else scatter((uint64_t)start, colour, weight, n, centre, CODES_COLOURS_16);
        codes_kmeans(colour, weight, owner, n, centre, 0, CODES_COLOURS_16, OWN_ROUNDS);
        double sum = error_of(colour, weight, owner, n, centre);
        if (sum >= least) continue;
        least = sum;
        for (int k = 0; k < CODES_COLOURS_16; k++)
            for (int d = 0; d < 3; d++) own[k][d] = (uint8_t)lrintf(centre[k][d]);
    }
    return CODES_COLOURS_16;
}

static int clamp(int x) { return x < -CODES_REACH ? -CODES_REACH : x > CODES_REACH ? CODES_REACH : x; }

/* What is out of reach of a master colour, squared, and to break ties the distance itself. */
static int64_t reach_cost(const uint8_t master[3], const uint8_t rgb[3])
{
    int64_t over = 0, all = 0;
    for (int d = 0; d < 3; d++) {
        int e = rgb[d] - master[d], left = e - clamp(e);
        over += left * left, all += e * e;
    }
    return over << 20 | all;
}

/* Masters for n <= 24 colours, each its own: always the colour with the fewest free ones in reach takes the nearest; an exact one is taken first. */
static void assign_masters(const struct codes *c, const uint8_t (*own)[3], int n, struct codes_picture *p)
{
    bool taken[4096] = {false}, done[CODES_COLOURS_MOST] = {false};
    for (int turn = 0; turn < n; turn++) {
        int pick = -1, fewest = INT_MAX, best = 0;
        for (int i = 0; i < n; i++) {
            int64_t least = INT64_MAX;
            int near = 0, in_reach = 0;
            for (int k = 0; !done[i] && k < c->colours; k++) {
                int64_t cost = taken[k] ? INT64_MAX : reach_cost(c->colour[k], own[i]);
                in_reach += cost < 1 << 20;
                if (cost < least) least = cost, near = k;
            }
            if (least == 0) in_reach = -1;
            if (!done[i] && in_reach < fewest) fewest = in_reach, pick = i, best = near;
        }
        if (pick < 0) break;                                   /* a master palette of fewer */
        done[pick] = taken[best] = true;
        int at = p->n++;
        for (; at > 0 && p->master[at - 1] > best; at--) p->master[at] = p->master[at - 1], memcpy(p->rgb[at], p->rgb[at - 1], 3);
        p->master[at] = best;
        for (int d = 0; d < 3; d++) p->rgb[at][d] = (uint8_t)(c->colour[best][d] + clamp(own[pick][d] - c->colour[best][d]));
    }
}

/* ---- palettes ---- */

static void choose_masters(const struct codes *c, const uint8_t (*colour)[3], const float *weight, int n, int most, struct codes_picture *p)
{
    float centre[CODES_COLOURS_MOST][3];
    int owner[SPRITE_PIXELS];
    p->n = n < most ? n : most;
    if (n <= most) {
        for (int i = 0; i < n; i++) p->master[i] = codes_nearest(c, colour[i]);
        p->n = tidy(p->master, p->n);
        return;
    }
    spread(colour, weight, n, centre, p->n);
    codes_kmeans(colour, weight, owner, n, centre, 0, p->n, KMEANS_ROUNDS);
    for (int i = 0; i < p->n; i++)
        p->master[i] = codes_nearest(c, (uint8_t[3]){(uint8_t)lrintf(centre[i][0]), (uint8_t)lrintf(centre[i][1]), (uint8_t)lrintf(centre[i][2])});
    p->n = tidy(p->master, p->n);
    refine(c, p, colour, weight, n);
}

void codes_choose_palette(const struct codes *c, const struct sprite *sprite, bool doubled, int most, struct codes_picture *p)
{
    uint8_t colour[SPRITE_PIXELS][3], own[CODES_COLOURS_MOST][3];
    float weight[SPRITE_PIXELS];
    int n = histogram(sprite, colour, weight);
    *p = (struct codes_picture){.doubled = doubled};
    if (n == 0) p->n = 1;
    else if (p->doubled) {
        int owns = own_colours((const uint8_t (*)[3])colour, weight, n, own);
        assign_masters(c, (const uint8_t (*)[3])own, owns, p);
        return;
    } else choose_masters(c, (const uint8_t (*)[3])colour, weight, n, most, p);
    for (int i = 0; i < p->n; i++) memcpy(p->rgb[i], c->colour[p->master[i]], 3);
}

/* ---- patterns ---- */

void codes_patch_costs(const struct codes_picture *p, const struct sprite *sprite, int place, int32_t cost[4][CODES_INDICES])
{
    for (int k = 0; k < 4; k++) {
        const uint8_t *pixel = sprite->rgba + 4 * codes_pixel(p->doubled, place, k);
        bool opaque = pixel[3] != 0;
        cost[k][0] = opaque ? PROHIBITIVE : 0;
        for (int i = 0; i < p->n; i++) {
            const uint8_t *q = p->rgb[i];
            int r = q[0] - (opaque ? pixel[0] : GREY), g = q[1] - (opaque ? pixel[1] : GREY), b = q[2] - (opaque ? pixel[2] : GREY);
            cost[k][i + 1] = r * r + g * g + b * b + (opaque ? 0 : PROHIBITIVE);
        }
        for (int i = p->n + 1; i < CODES_INDICES; i++) cost[k][i] = INT32_MAX / 8;
    }
}

int codes_best_pattern(const struct codes *c, const struct codes_picture *p, int32_t cost[4][CODES_INDICES], int32_t *best, int32_t *second)
{
    uint8_t ideal[4];
    int choice = -1;
    *best = INT32_MAX;
    if (second == NULL) {                                      /* fast path: every pixel's own best, if that pattern exists */
        for (int k = 0; k < 4; k++) {
            ideal[k] = 0;
            for (uint8_t i = 1; i <= p->n; i++)
                if (cost[k][i] < cost[k][ideal[k]]) ideal[k] = i;
        }
        choice = c->code_of_shape[codes_shape(ideal)];
        *best = cost[0][ideal[0]] + cost[1][ideal[1]] + cost[2][ideal[2]] + cost[3][ideal[3]];
        if (choice >= 0) return choice;
        *best = INT32_MAX;
    } else *second = INT32_MAX;
    for (int i = 0; i < c->patterns; i++) {
        const uint8_t *q = c->pattern[i];
        int32_t sum = cost[0][q[0]] + cost[1][q[1]] + cost[2][q[2]] + cost[3][q[3]];
        if (sum < *best) {
            if (second != NULL) *second = *best;
            *best = sum, choice = i;
        } else if (second != NULL && sum < *second) *second = sum;
    }
    return choice;
}

static void measure(const struct sprite *a, const struct sprite *b, struct codes_loss *loss)
{
    double sum = 0;
    loss->wrong_alpha = 0;
    for (int i = 0; i < SPRITE_PIXELS; i++) {
        const uint8_t *p = a->rgba + 4 * i, *q = b->rgba + 4 * i;
        loss->wrong_alpha += p[3] != q[3];
        for (int d = 0; d < 3; d++) {
            int e = (p[3] ? p[d] : GREY) - (q[3] ? q[d] : GREY);
            sum += e * e;
        }
    }
    loss->mse = sum / (3.0 * SPRITE_PIXELS);
    loss->exact = memcmp(a->rgba, b->rgba, (size_t)SPRITE_PIXELS * 4) == 0;
    loss->psnr = loss->mse > 0 ? fmin(60, 10 * log10(255.0 * 255.0 / loss->mse)) : 60;
}

static bool measure_ids(const struct codes *c, const struct sprite *sprite, const struct ids *ids, size_t start, int colours, struct codes_loss *loss, struct error *error)
{
    struct sprite back = {0};
    uint8_t colour[SPRITE_PIXELS][3];
    float weight[SPRITE_PIXELS];
    if (!codes_decode(c, ids->id + start, ids->n - start, &back, NULL, error)) return false;
    measure(sprite, &back, loss);
    loss->colours_in = histogram(sprite, colour, weight);
    loss->colours_kept = colours;
    sprite_free(&back);
    return true;
}

/* Append the ids of a sprite in these colours. */
static bool encode_in(const struct codes *c, const struct sprite *sprite, const struct codes_picture *p, struct ids *out, struct error *error)
{
    int32_t end = CODES_SIZES + c->colours, first_step = end + 1 + c->patterns;
    bool ok = ids_append(out, p->doubled ? 1 : 0, error);
    for (int i = 0; ok && i < p->n; i++) {
        const uint8_t *master = c->colour[p->master[i]];
        ok = ids_append(out, CODES_SIZES + p->master[i], error);
        bool differs = memcmp(master, p->rgb[i], 3) != 0;
        for (int d = 0; ok && differs && d < 3; d++) ok = ids_append(out, first_step + d * CODES_STEPS + p->rgb[i][d] - master[d] + CODES_REACH, error);
    }
    ok = ok && ids_append(out, end, error);
    for (int place = 0; ok && place < codes_places(p->doubled); place++) {
        int32_t cost[4][CODES_INDICES], best;
        codes_patch_costs(p, sprite, place, cost);
        ok = ids_append(out, end + 1 + codes_best_pattern(c, p, cost, &best, NULL), error);
    }
    return ok;
}

static bool check_size(const struct sprite *s, struct error *error)
{
    return (s->width == SPRITE_SIDE && s->height == SPRITE_SIDE) || error_set(error, ERROR_INPUT, "image codes: a picture of %d x %d; 32 x 32 is wanted", s->width, s->height);
}

bool codes_encode(const struct codes *c, const struct sprite *sprite, struct ids *out, struct codes_loss *loss, struct error *error)
{
    struct codes_picture p;
    size_t start = out->n;
    if (!check_size(sprite, error)) return false;
    if (c->vq != NULL) return codes_vq_encode(c->vq, sprite, out, error) && (loss == NULL || measure_ids(c, sprite, out, start, 0, loss, error));
    codes_choose_palette(c, sprite, sprite_is_doubled(sprite), CODES_ENCODED_MOST, &p);
    return encode_in(c, sprite, &p, out, error) && (loss == NULL || measure_ids(c, sprite, out, start, p.n, loss, error));
}

bool codes_encode_in(const struct codes *c, const struct sprite *sprite, const struct codes_wishes *w, struct ids *out, struct error *error)
{
    struct codes_picture p = {.doubled = w->size == 16};
    if (!check_size(sprite, error)) return false;
    if (c->vq != NULL) return error_set(error, ERROR_INPUT, "image codes: these are convolutional; a wished palette wants palette-first ones");
    for (int i = 0; i < w->colours && p.n < codes_colours_most(p.doubled); i++) {
        const uint8_t *master = c->colour[w->colour[i].master];
        if (!w->colour[i].must) continue;
        for (int d = 0; d < 3; d++) p.rgb[p.n][d] = (uint8_t)(master[d] + (p.doubled ? clamp(w->colour[i].rgb[d] - master[d]) : 0));
        p.master[p.n++] = w->colour[i].master;
    }
    return p.n > 0 ? encode_in(c, sprite, &p, out, error) : error_set(error, ERROR_INPUT, "image codes: no colour must be sent; at least one is wanted");
}
