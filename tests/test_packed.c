/* The products of inference: each variant against sums in double precision, and against the plain variant to the last bit. */
#include "core/layers.h"
#include "core/mem.h"
#include "core/packed.h"
#include "core/random.h"
#include "core/threads.h"
#include "tests/suite.h"

#include <check.h>
#include <math.h>
#include <string.h>

enum { TOKENS = 29 };
static const struct { int rows, k; } SHAPES[] = {{1, 1}, {13, 53}, {32, 64}, {70, 48}, {100, 1030}, {257, 96}};
enum { SHAPES_N = sizeof SHAPES / sizeof *SHAPES };

struct product { int rows, k, padded; float *x, *w, *start; struct matrix matrix; struct rounded rounded; };

static float *numbers(uint64_t stream, size_t n, float scale)
{
    struct error error = {0};
    float *out = mem_alloc(n, sizeof *out, &error);
    for (size_t i = 0; i < n; i++) out[i] = scale * (float)random_normal(1, stream, i);
    return out;
}

static struct product product_make(int shape, enum precision precision)
{
    struct error error = {0};
    struct product p = {.rows = SHAPES[shape].rows, .k = SHAPES[shape].k};
    p.x = numbers(1, (size_t)TOKENS * (size_t)p.k, 2);
    p.w = numbers(2, (size_t)p.rows * (size_t)p.k, 0.1f);
    p.start = numbers(3, (size_t)TOKENS * (size_t)p.rows, 1);
    ck_assert(matrix_pack(&p.matrix, precision, p.w, p.rows, p.k, &error));
    size_t n = (size_t)TOKENS * (size_t)((p.k + BLOCK - 1) / BLOCK * BLOCK);
    p.rounded = (struct rounded){mem_alloc(n, 1, &error), mem_alloc(n / BLOCK, 4, &error), mem_alloc(n / BLOCK, 4, &error)};
    if (precision == PRECISION_INT8) matrix_round(&p.rounded, p.x, p.k, 0, TOKENS);
    return p;
}

static void product_free(struct product *p)
{
    void *all[] = {p->x, p->w, p->start, p->rounded.q, p->rounded.scales, p->rounded.sums};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) mem_free(all[i]);
    matrix_free(&p->matrix);
}

/* y of all tokens at once. */
static float *multiply(const struct product *p, const struct kernels *kernels, bool add)
{
    float *y = numbers(3, (size_t)TOKENS * (size_t)p->rows, 1);
    matrix_multiply(kernels, &p->matrix, p->x, &p->rounded, TOKENS, y, add, 0, 1);
    return y;
}

/* Loop index: shape, precision. */
START_TEST(close_to_sums_in_double)
{
    enum precision precision = _i % 2 ? PRECISION_INT8 : PRECISION_F32;
    struct product p = product_make(_i / 2, precision);
    float *y = multiply(&p, kernels_best(), true);
    for (int t = 0; t < TOKENS; t++)
        for (int r = 0; r < p.rows; r++) {
            double sum = (double)p.start[t * p.rows + r], size = 0;
            for (int i = 0; i < p.k; i++) {
                double part = (double)p.x[t * p.k + i] * (double)p.w[r * p.k + i];
                sum += part, size += part * part;
            }
            /* rounding errors of single terms: a 2^-24 part in float32; in int8 half a step of a block's largest, twice */
            double most = precision == PRECISION_F32 ? 1e-6 * (sqrt(size) * 4 + fabs(sum) + 1) : 0.04 * sqrt(size) + 0.01;
            ck_assert_msg(fabs((double)y[t * p.rows + r] - sum) <= most, "token %d row %d: %g, %g is wanted", t, r, (double)y[t * p.rows + r], sum);
        }
    mem_free(y);
    product_free(&p);
}
END_TEST

START_TEST(all_variants_give_the_same_bits)
{
    struct product p = product_make(_i / 4, _i % 2 ? PRECISION_INT8 : PRECISION_F32);
    size_t n = (size_t)TOKENS * (size_t)p.rows * sizeof(float);
    float *wanted = multiply(&p, &KERNELS_PLAIN, _i / 2 % 2);
    for (int i = 0; kernels_all(i) != NULL; i++) {
        float *y = multiply(&p, kernels_all(i), _i / 2 % 2);
        ck_assert_msg(memcmp(y, wanted, n) == 0, "%s differs from plain", kernels_all(i)->name);
        mem_free(y);
    }
    mem_free(wanted);
    product_free(&p);
}
END_TEST

START_TEST(batches_and_parts_give_the_same_bits)
{
    struct product p = product_make(_i / 2, _i % 2 ? PRECISION_INT8 : PRECISION_F32);
    struct error error = {0};
    int padded = p.matrix.padded;
    for (int i = 0; kernels_all(i) != NULL; i++) {
        float *wanted = multiply(&p, kernels_all(i), false), *y = mem_alloc((size_t)TOKENS * (size_t)p.rows, sizeof *y, &error);
        for (int t = 0; t < TOKENS; t++)
            for (int part = 0; part < 3; part++) {
                struct rounded one = {p.rounded.q + t * padded, p.rounded.scales + t * (padded / BLOCK), p.rounded.sums + t * (padded / BLOCK)};
                matrix_multiply(kernels_all(i), &p.matrix, p.x + t * p.k, &one, 1, y + t * p.rows, false, part, 3);
            }
        ck_assert_mem_eq(y, wanted, (size_t)TOKENS * (size_t)p.rows * sizeof *y);
        mem_free(y), mem_free(wanted);
    }
    product_free(&p);
}
END_TEST

/* What int8 keeps of a number: within half a step of its block's largest. */
START_TEST(rounding_keeps_each_number_within_half_a_step)
{
    enum { K = 70, PADDED = 96 };
    float *x = numbers(7, K, 3);
    int8_t q[PADDED];
    float scales[3];
    int32_t sums[3];
    for (int i = 32; i < 64; i++) x[i] = 0;                    /* a block of zeros */
    x[3] = -40;
    matrix_round(&(struct rounded){q, scales, sums}, x, K, 0, 1);
    for (int i = 0; i < PADDED; i++) ck_assert(fabsf((i < K ? x[i] : 0) - (float)q[i] * scales[i / 32]) <= 0.5001f * scales[i / 32]);
    for (int b = 0; b < 3; b++) {
        int sum = 0;
        for (int i = 0; i < 32; i++) sum += q[b * 32 + i];
        ck_assert_int_eq(sums[b], -128 * sum);
    }
    ck_assert_int_eq(q[3], -127);
    mem_free(x);
}
END_TEST

START_TEST(attention_equals_plain_sums)
{
    enum { N = 75, D = 72, ROOM = 128 };
    static float keys[ROOM * D], scores[ROOM], out[D];
    float *q = numbers(4, D, 1), *k = numbers(5, N * D, 1), *v = numbers(6, N * D, 1);
    for (int t = 0; t < N; t++)
        for (int i = 0; i < D; i++) keys[(t / KEY_BLOCK * D + i) * KEY_BLOCK + t % KEY_BLOCK] = k[t * D + i];
    layers_scores(q, keys, N, D, 0.25f, scores);
    layers_mix(scores, v, N, D, out);
    double mixed[D] = {0};
    for (int t = 0; t < N; t++) {
        double sum = 0;
        for (int i = 0; i < D; i++) sum += (double)q[i] * (double)k[t * D + i];
        ck_assert_double_eq_tol((double)scores[t], sum / 4, 1e-4);
        for (int i = 0; i < D; i++) mixed[i] += sum / 4 * (double)v[t * D + i];
    }
    for (int i = 0; i < D; i++) ck_assert_double_eq_tol((double)out[i], mixed[i], 1e-3);
    mem_free(q), mem_free(k), mem_free(v);
}
END_TEST

struct counting { _Atomic int seen[64]; bool fixed; };
static void count(void *context, int item, int worker)
{
    struct counting *c = context;
    c->seen[item]++;
    if (c->fixed) ck_assert_int_eq(worker, item % 3);
}

/* Many short rounds of both kinds in a row, some with pauses long enough for the workers to fall asleep. */
START_TEST(threads_do_every_item_of_every_round)
{
    enum { ROUNDS = 30000 };
    struct error error = {0};
    struct threads *pool = threads_start(3, &error);
    struct counting c = {0};
    for (int round = 0; round < ROUNDS; round++) {
        c.fixed = round % 3 == 0;
        (c.fixed ? threads_run : threads_share)(pool, 1 + round % 64, count, &c);
        if (round % 5000 == 0) for (volatile int wait = 0; wait < 20000000; wait++) { }
    }
    for (int i = 0; i < 64; i++) {
        int wanted = 0;
        for (int round = 0; round < ROUNDS; round++) wanted += i < 1 + round % 64;
        ck_assert_int_eq(c.seen[i], wanted);
    }
    threads_stop(pool);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("packed");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 60);
    tcase_add_loop_test(all, close_to_sums_in_double, 0, 2 * SHAPES_N);
    tcase_add_loop_test(all, all_variants_give_the_same_bits, 0, 4 * SHAPES_N);
    tcase_add_loop_test(all, batches_and_parts_give_the_same_bits, 0, 2 * SHAPES_N);
    tcase_add_test(all, rounding_keeps_each_number_within_half_a_step);
    tcase_add_test(all, attention_equals_plain_sums);
    tcase_add_test(all, threads_do_every_item_of_every_round);
    suite_add_tcase(suite, all);
    return suite_run(suite);
}
