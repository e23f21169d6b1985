/* The convolutional image codes: the network's gradient against finite differences, learning beats the k-means it starts from, the file
 * brings back the same codes, refined codes are never worse than those they start from, every grammatical list is a picture, and what needs palettes is refused. */
#include "core/file.h"
#include "core/mem.h"
#include "core/random.h"
#include "tests/suite.h"
#include "tokenizers/codes_inside.h"
#include "tokenizers/vq_inside.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct conv SMALL = {3, 5, 2, 4};

static float *numbers(size_t n, uint64_t seed)
{
    struct error error = {0};
    float *x = mem_alloc(n, sizeof *x, &error);
    for (size_t i = 0; i < n; i++) x[i] = (float)(2 * random_unit(seed, 1, i) - 1);
    return x;
}

/* A loss of the network's output: its product with fixed numbers. */
static double loss_of(const float *weights, const float *x, const float *by, float *y, float *kept, float *scratch)
{
    double sum = 0;
    conv_forward(&SMALL, weights, 2, x, y, kept, scratch);
    for (size_t i = 0; i < 2 * CONV_PLACES * 4; i++) sum += (double)y[i] * (double)by[i];
    return sum;
}

START_TEST(the_gradient_is_that_of_finite_differences)
{
    struct error error = {0};
    size_t n = conv_numbers(&SMALL), xs = 2 * CONV_PLACES * 3, ys = 2 * CONV_PLACES * 4;
    float *w = numbers(n, 1), *x = numbers(xs, 2), *by = numbers(ys, 3), *y = numbers(ys, 4), *kept = numbers(2 * conv_kept(&SMALL), 5), *scratch = numbers(2 * conv_scratch(&SMALL), 6);
    float *gradient = mem_alloc(n, sizeof *gradient, &error), *dx = numbers(xs, 7);
    for (int i = 0; i < conv_tensors(&SMALL); i++) {          /* biases keep some channels on and the others off, far from the kinks of relu */
        struct conv_tensor t = conv_tensor(&SMALL, i);
        size_t count = (size_t)t.rows * (size_t)(t.cols > 0 ? t.cols : 1);
        for (size_t k = 0; k < count; k++) w[t.at + k] = t.cols > 0 ? 0.05f * w[t.at + k] : k % 3 == 0 ? -2 : 2;
    }
    (void)loss_of(w, x, by, y, kept, scratch);
    conv_backward(&SMALL, w, 2, x, kept, by, gradient, dx, scratch);
    for (uint64_t k = 0; k < 90; k++) {
        bool weight = k % 3 != 0;
        size_t at = (size_t)random_below(8, 1, k, weight ? n : xs);
        float *p = weight ? &w[at] : &x[at], old = *p, step = 5e-3f;
        double slope = (double)(weight ? gradient[at] : dx[at]);
        *p = old + step;
        double above = loss_of(w, x, by, y, kept, scratch);
        *p = old - step;
        double below = loss_of(w, x, by, y, kept, scratch);
        *p = old;
        double found = (above - below) / (2 * (double)step);
        ck_assert_msg(fabs(found - slope) <= 0.02 * fabs(slope) + 0.02, "%s %zu: %g by differences, %g", weight ? "weight" : "input", at, found, slope);
    }
    mem_free(w), mem_free(x), mem_free(by), mem_free(y), mem_free(kept), mem_free(scratch), mem_free(gradient), mem_free(dx);
}
END_TEST

START_TEST(the_tensors_cover_the_weights)
{
    size_t at = 0;
    for (int i = 0; i < conv_tensors(&SMALL); i++) {
        struct conv_tensor t = conv_tensor(&SMALL, i);
        ck_assert_uint_eq(t.at, at);
        at += (size_t)t.rows * (size_t)(t.cols > 0 ? t.cols : 1);
    }
    ck_assert_uint_eq(at, conv_numbers(&SMALL));
    ck_assert_str_eq(conv_tensor(&SMALL, 4).name, "block0.b.weight");
}
END_TEST

/* A shaded disc with an outline: neighbouring patches tell much about each other. Every fourth one is doubled. */
static void disc(uint64_t seed, struct sprite *s)
{
    struct error error = {0};
    int grain = seed % 4 == 3 ? 2 : 1, side = SPRITE_SIDE / grain, r = side / 4 + (int)random_below(seed, 1, 0, (uint64_t)side / 4);
    ck_assert(sprite_init(s, SPRITE_SIDE, SPRITE_SIDE, &error));
    for (int i = 0; i < SPRITE_PIXELS; i++) {
        int u = i % SPRITE_SIDE / grain - side / 2, v = i / SPRITE_SIDE / grain - side / 2, d = u * u + v * v;
        if (d > r * r) continue;
        for (uint64_t k = 0; k < 3; k++) s->rgba[4 * i + (int)k] = (uint8_t)(d > (r - 1) * (r - 1) ? 20 : (int)random_below(seed, 2, k, 160) + 3 * (side - u - v) / grain);
        s->rgba[4 * i + 3] = 255;
    }
}

enum { DISCS = 64 };
static struct sprite sprites[DISCS];
static struct codes *codes;

static void learn(long steps, struct codes **out)
{
    struct error error = {0};
    struct vq_options o = VQ_OPTIONS_DEFAULT;
    struct threads *pool = threads_start(2, &error);
    o.codes = 64, o.channels = 16, o.blocks = 1, o.steps = steps, o.batch = 8, o.rate = 2e-3;
    ck_assert_msg(codes_train_vq(sprites, DISCS, &o, pool, NULL, NULL, out, &error), "%s", error.text);
    threads_stop(pool);
}

static void load(void)
{
    for (uint64_t i = 0; i < DISCS; i++) disc(i, &sprites[i]);
    learn(300, &codes);
}

static void unload(void)
{
    codes_free(codes);
    for (int i = 0; i < DISCS; i++) sprite_free(&sprites[i]);
}

static double mean_error(const struct codes *c)
{
    struct error error = {0};
    struct ids ids = {0};
    struct codes_loss loss;
    double sum = 0;
    for (int i = 0; i < DISCS; i++) {
        ids.n = 0;
        ck_assert_msg(codes_encode(c, &sprites[i], &ids, &loss, &error), "%s", error.text);
        ck_assert_uint_eq(ids.n, 257);
        sum += loss.mse / DISCS;
    }
    ids_free(&ids);
    return sum;
}

START_TEST(learning_beats_its_start)
{
    struct codes *start;
    learn(1, &start);
    double before = mean_error(start), after = mean_error(codes);
    ck_assert_msg(after < 0.8 * before, "mean squared error %.1f after k-means, %.1f after 300 steps", before, after);
    codes_free(start);
}
END_TEST

/* The summed squared error of what codes are painted as, bytes of RGB on mid-grey; *alpha: pixels of wrong alpha. */
static double painted(const struct vq *vq, const struct sprite *wanted, const int32_t *list, int *alpha)
{
    struct error error = {0};
    struct sprite is = {0};
    double sum = 0;
    *alpha = 0;
    ck_assert_msg(vq_decode(vq, list, false, &is, &error), "%s", error.text);
    for (int i = 0; i < SPRITE_PIXELS; i++) *alpha += is.rgba[4 * i + 3] != wanted->rgba[4 * i + 3];
    for (int i = 0; i < SPRITE_PIXELS; i++)
        for (int d = 0; d < 3; d++) {
            int e = (is.rgba[4 * i + 3] ? is.rgba[4 * i + d] : 128) - (wanted->rgba[4 * i + 3] ? wanted->rgba[4 * i + d] : 128);
            sum += e * e;
        }
    sprite_free(&is);
    return sum;
}

/* Refine the nearest codes, or random ones, round by round: the error never grows. Adds up both ends' errors. */
static void refine(const struct vq *vq, int which, bool random, struct vq_desk *desk, double *before, double *after)
{
    float x[VQ_NUMBERS];
    int32_t start[VQ_CODES], list[VQ_CODES], again[VQ_CODES];
    double least;
    int fewest, wrong;
    vq_patches(&sprites[which], x);
    memcpy(desk->x, x, sizeof x);
    vq_correct(vq, vq->encoder, 1, desk);
    vq_nearest(vq->code, vq->K, desk->y, VQ_CODES, start, desk->score);
    for (uint64_t i = 0; random && i < VQ_CODES; i++) start[i] = (int32_t)random_below((uint64_t)which, 1, i, (uint64_t)vq->K);
    *before += least = painted(vq, &sprites[which], start, &fewest);
    for (int rounds = 0; rounds <= VQ_ROUNDS; rounds++) {
        memcpy(list, start, sizeof list), memcpy(again, start, sizeof again);
        vq_refine(vq, x, rounds, list, desk), vq_refine(vq, x, rounds, again, desk);
        ck_assert_mem_eq(list, again, sizeof list);
        if (rounds == 0) ck_assert_mem_eq(list, start, sizeof list);
        double now = painted(vq, &sprites[which], list, &wrong);
        ck_assert_int_le(wrong, fewest);
        ck_assert_msg(now <= least, "sprite %d: error %.0f after %d rounds, %.0f before", which, now, rounds, least);
        least = now, fewest = wrong;
    }
    if (!random) {
        struct error error = {0};
        ck_assert_msg(vq_encode(vq, &sprites[which], again, &error), "%s", error.text);
        ck_assert_mem_eq(list, again, sizeof list);
    }
    *after += least;
}

START_TEST(refined_codes_are_better)
{
    struct error error = {0};
    struct vq_desk desk;
    double before[2] = {0}, after[2] = {0};
    ck_assert_msg(vq_desk_init(&desk, codes->vq, VQ_TRIALS, &error), "%s", error.text);
    for (int i = 0; i < 12; i++)
        for (int random = 0; random < 2; random++)
            if (!sprite_is_doubled(&sprites[i])) refine(codes->vq, i, random, &desk, &before[random], &after[random]);
    ck_assert_msg(after[0] < 0.97 * before[0], "from the nearest codes: error %.0f, refined %.0f", before[0], after[0]);
    ck_assert_msg(after[1] < 0.8 * before[1], "from random codes: error %.0f, refined %.0f", before[1], after[1]);
    vq_desk_free(&desk);
}
END_TEST

/* A decoder that adds nothing, sixteen greys: exact codes stay, wrong neighbours come back. */
START_TEST(what_is_exact_stays)
{
    struct error error = {0};
    struct vq_desk desk;
    float x[VQ_NUMBERS] = {0};
    int32_t list[VQ_CODES], start[VQ_CODES];
    struct vq vq = {0};
    ck_assert(vq_init(&vq, 16, (struct conv){VQ_PATCH, 3, 1, VQ_PATCH}, &error) && vq_desk_init(&desk, &vq, VQ_TRIALS, &error));
    for (int i = 0; i < 16 * VQ_PATCH; i++) vq.code[i] = i % 4 == 3 ? 1 : (float)(i / VQ_PATCH * 17) / 255;
    for (int i = 0; i < VQ_CODES; i++) start[i] = i % 16;
    vq_look_up(&vq, start, x);
    memcpy(list, start, sizeof list);
    vq_refine(&vq, x, VQ_ROUNDS, list, &desk);
    ck_assert_mem_eq(list, start, sizeof list);
    list[100] = start[100] + 1, list[101] = start[101] - 1;
    vq_refine(&vq, x, VQ_ROUNDS, list, &desk);
    ck_assert_mem_eq(list, start, sizeof list);
    vq_desk_free(&desk), vq_free(&vq);
}
END_TEST

START_TEST(native_16_keeps_its_pixels)
{
    struct error error = {0};
    struct ids ids = {0};
    struct sprite back = {0};
    int native;
    ck_assert(codes_encode(codes, &sprites[3], &ids, NULL, &error));
    ck_assert_int_eq(ids.id[0], 1);
    ck_assert(codes_decode(codes, ids.id, ids.n, &back, &native, &error));
    ck_assert_int_eq(native, 16);
    ck_assert(sprite_is_doubled(&back));
    for (int i = 0; i < SPRITE_PIXELS; i++) ck_assert_int_eq(back.rgba[4 * i + 3], sprites[3].rgba[4 * i + 3]);
    sprite_free(&back);
    ids_free(&ids);
}
END_TEST

START_TEST(the_file_brings_the_same_codes_back)
{
    struct error error = {0};
    struct codes *again;
    struct ids a = {0}, b = {0};
    char path[] = "/tmp/triptych-vq-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    ck_assert_msg(codes_save(codes, path, &error), "%s", error.text);
    ck_assert_msg(codes_load(path, &again, &error), "%s", error.text);
    ck_assert(!codes_has_palettes(again));
    ck_assert_int_eq(codes_vocabulary(again), codes_vocabulary(codes));
    for (int i = 0; i < 8; i++) ck_assert(codes_encode(codes, &sprites[i], &a, NULL, &error) && codes_encode(again, &sprites[i], &b, NULL, &error));
    ck_assert_uint_eq(a.n, b.n);
    ck_assert_mem_eq(a.id, b.id, a.n * sizeof *a.id);
    codes_free(again);
    struct bytes data = {0};
    ck_assert(file_read(path, 1 << 24, &data, &error) && file_write(path, data.data, data.n - 1, &error));
    ck_assert(!codes_load(path, &again, &error));
    ck_assert_ptr_null(again);
    bytes_free(&data), ids_free(&a), ids_free(&b);
    unlink(path);
}
END_TEST

START_TEST(what_the_grammar_allows_is_a_picture)
{
    struct error error = {0};
    int size = codes_vocabulary(codes);
    uint8_t *allowed = mem_alloc((size_t)size, 1, &error);
    for (uint64_t walk = 0; walk < 20; walk++) {
        struct codes_wishes wishes = {.size = walk % 2 ? 16 : 32};
        struct codes_grammar g;
        struct ids ids = {0};
        struct sprite s = {0};
        bool may_end = false;
        int native;
        codes_grammar_start(&g, &wishes);
        while (codes_grammar_allowed(codes, &g, allowed, &may_end), !may_end) {
            int32_t id = (int32_t)random_below(walk, 1, ids.n, (uint64_t)size);
            while (!allowed[id]) id = (id + 1) % size;
            ck_assert(codes_grammar_advance(codes, &g, id) && ids_append(&ids, id, &error));
        }
        ck_assert_msg(codes_decode(codes, ids.id, ids.n, &s, &native, &error), "%s", error.text);
        ck_assert_int_eq(native, wishes.size);
        for (int i = 0; i < SPRITE_PIXELS; i++) ck_assert(s.rgba[4 * i + 3] == 0 || s.rgba[4 * i + 3] == 255);
        ck_assert(!codes_decode(codes, ids.id, ids.n - 1, &(struct sprite){0}, NULL, &error));
        sprite_free(&s);
        ids_free(&ids);
    }
    mem_free(allowed);
}
END_TEST

START_TEST(wishes_for_palettes_are_refused)
{
    struct error error = {0};
    ck_assert(codes_wishes_check(codes, &(struct codes_wishes){.size = 16}, &error));
    ck_assert(!codes_wishes_check(codes, &(struct codes_wishes){.limit = 4}, &error));
    ck_assert_ptr_nonnull(strstr(error.text, "convolutional"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("vq");
    TCase *net = tcase_create("network"), *all = tcase_create("codes");
    tcase_add_test(net, the_gradient_is_that_of_finite_differences);
    tcase_add_test(net, the_tensors_cover_the_weights);
    tcase_set_timeout(all, 120);
    tcase_add_unchecked_fixture(all, load, unload);
    tcase_add_test(all, learning_beats_its_start);
    tcase_add_test(all, refined_codes_are_better);
    tcase_add_test(all, what_is_exact_stays);
    tcase_add_test(all, native_16_keeps_its_pixels);
    tcase_add_test(all, the_file_brings_the_same_codes_back);
    tcase_add_test(all, what_the_grammar_allows_is_a_picture);
    tcase_add_test(all, wishes_for_palettes_are_refused);
    suite_add_tcase(suite, net), suite_add_tcase(suite, all);
    return suite_run(suite);
}
