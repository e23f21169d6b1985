/* Image codes and PNG: pictures survive the file, every grammatical list of codes is a picture, test sprites come back. */
#include "core/mem.h"
#include "core/random.h"
#include "modalities/dataset.h"
#include "outputs/png.h"
#include "tests/suite.h"

#include <check.h>
#include <string.h>

static struct codes *codes;

static void load(void)
{
    struct error error = {0};
    ck_assert_msg(codes_load("models/default/vq.safetensors", &codes, &error), "%s", error.text);
}

static void unload(void) { codes_free(codes); }

START_TEST(png_round_trip)
{
    struct error error = {0};
    struct sprite s, back;
    struct bytes file = {0}, again = {0}, recipe = {0};
    int width = 1 + _i * 7 % 50, height = 1 + _i * 3 % 40;
    ck_assert(sprite_init(&s, width, height, &error));
    for (int i = 0; i < 4 * width * height; i++)                /* few colours, then more than 256 */
        s.rgba[i] = (uint8_t)(_i % 2 ? random_below(1, (uint64_t)_i, (uint64_t)i, 256) : 255 * random_below(1, (uint64_t)_i, (uint64_t)i, 2));
    ck_assert(png_write_sprite(&s, "{\"a\":\"é\"}", "words", &file, &error));
    ck_assert(png_write_sprite(&s, "{\"a\":\"é\"}", "words", &again, &error));
    ck_assert(file.n == again.n && memcmp(file.data, again.data, file.n) == 0);
    ck_assert_msg(png_read_sprite(file.data, file.n, &back, &recipe, &error), "%s", error.text);
    ck_assert(back.width == width && back.height == height);
    ck_assert_mem_eq(back.rgba, s.rgba, 4 * (size_t)width * (size_t)height);
    ck_assert_str_eq(bytes_text(&recipe), "{\"a\":\"é\"}");
    for (size_t cut = 0; cut < file.n; cut += 1 + file.n / 60) {
        struct sprite none = {0};
        error_clear(&error);
        bool ok = png_read_sprite(file.data, cut, &none, NULL, &error);
        ck_assert(!ok || cut + 24 > file.n);                     /* only the end mark may be missed */
        sprite_free(&none);
    }
    for (uint64_t round = 0; round < 100; round++) {             /* damaged files: an error or a picture, never a crash */
        struct sprite none = {0};
        error_clear(&error);
        again.data[random_below(2, round, (uint64_t)_i, again.n)] ^= (uint8_t)(1 + random_below(3, round, (uint64_t)_i, 255));
        (void)png_read_sprite(again.data, again.n, &none, NULL, &error);
        sprite_free(&none);
    }
    sprite_free(&s), sprite_free(&back);
    bytes_free(&file), bytes_free(&again), bytes_free(&recipe);
}
END_TEST

START_TEST(pictures_are_fitted)
{
    struct error error = {0};
    struct sprite s, big, fit;
    char word[80];
    ck_assert(sprite_init(&s, 32, 32, &error));
    for (int i = 0; i < SPRITE_PIXELS; i++) {
        uint8_t *p = s.rgba + 4 * i;
        if (random_below(4, 0, (uint64_t)i, 3)) p[0] = (uint8_t)(i % 251), p[1] = (uint8_t)(i / 7 % 251), p[3] = 255;
    }
    ck_assert(sprite_scale(&s, 5, &big, &error) && sprite_fit(&big, &fit, word, &error));
    ck_assert_mem_eq(fit.rgba, s.rgba, 4 * SPRITE_PIXELS);       /* scaled-up art is reduced exactly */
    ck_assert_str_eq(word, "reduced by 5 to 32 x 32 pixels");
    sprite_free(&fit), sprite_free(&big);
    ck_assert(sprite_init(&big, 100, 50, &error));
    for (int i = 0; i < 4 * 100 * 50; i++) big.rgba[i] = (uint8_t)random_below(6, 0, (uint64_t)i, 256);
    ck_assert(sprite_fit(&big, &fit, word, &error));
    ck_assert(fit.width == 32 && fit.height == 32 && strstr(word, "averaged") != NULL);
    sprite_free(&fit), sprite_free(&big), sprite_free(&s);
}
END_TEST

START_TEST(every_allowed_list_is_a_picture)
{
    struct error error = {0};
    struct ids ids = {0};
    int n = codes_vocabulary(codes);
    uint8_t *allowed = mem_alloc((size_t)n, 1, &error);
    for (uint64_t walk = 0; walk < 300; walk++) {
        struct codes_grammar g;
        struct sprite s;
        bool may_end;
        int native, colours = 0;
        ids.n = 0;
        codes_grammar_start(&g, NULL);
        for (uint64_t step = 0;; step++) {
            int count = 0;
            codes_grammar_allowed(codes, &g, allowed, &may_end);
            for (int i = 0; i < n; i++) count += allowed[i];
            if (may_end) { ck_assert_int_eq(count, 0); break; }
            ck_assert_int_gt(count, 0);
            int pick = (int)random_below(5, walk, step, (uint64_t)count), id = -1;
            while (pick >= 0) pick -= allowed[++id];
            for (int bad = 0; bad < n; bad += 97) {
                struct codes_grammar copy = g;
                if (!allowed[bad]) ck_assert(!codes_grammar_advance(codes, &copy, bad));
            }
            ck_assert(codes_grammar_advance(codes, &g, id) && ids_append(&ids, id, &error));
        }
        ck_assert_msg(codes_decode(codes, ids.id, ids.n, &s, &native, &error), "%s", error.text);
        for (int i = 0; i < SPRITE_PIXELS; i++) {                /* hard alpha, at most 16 colours */
            const uint8_t *p = s.rgba + 4 * i;
            ck_assert(p[3] == 255 || (p[3] == 0 && p[0] == 0));
            bool first = p[3] == 255;
            for (int k = 0; first && k < i; k++) first = memcmp(s.rgba + 4 * k, p, 4) != 0;
            colours += first;
        }
        ck_assert_int_le(colours, CODES_COLOURS_MOST);
        if (native == 16) ck_assert(sprite_is_doubled(&s));
        ck_assert(!codes_decode(codes, ids.id, ids.n - 1, &(struct sprite){0}, NULL, &(struct error){0}));
        sprite_free(&s);
    }
    mem_free(allowed);
    ids_free(&ids);
}
END_TEST

/* ---- wishes ---- */

/* A sprite of random ids that the grammar allows under wishes; false when a mask was empty. */
static bool walk(const struct codes_wishes *w, uint64_t seed, struct ids *ids, uint8_t *allowed)
{
    struct codes_grammar g;
    struct error error = {0};
    bool may_end;
    int n = codes_vocabulary(codes);
    ids->n = 0;
    codes_grammar_start(&g, w);
    for (uint64_t step = 0;; step++) {
        int count = 0, id = -1;
        codes_grammar_allowed(codes, &g, allowed, &may_end);
        for (int i = 0; i < n; i++) count += allowed[i];
        if (may_end) return count == 0;
        if (count == 0) return false;
        int pick = (int)random_below(seed, 7, step, (uint64_t)count);
        while (pick >= 0) pick -= allowed[++id];
        if (!codes_grammar_advance(codes, &g, id) || !ids_append(ids, id, &error)) return false;
    }
}

static void random_wishes(uint64_t seed, struct codes_wishes *w)
{
    struct error error = {0};
    uint8_t rgb[40][3];
    int n = 1 + (int)random_below(seed, 1, 0, 40);
    *w = (struct codes_wishes){.size = (int)random_below(seed, 1, 1, 3) * 16, .limit = (int)random_below(seed, 1, 2, 17), .dark = random_below(seed, 1, 3, 2),
        .symmetric = random_below(seed, 1, 4, 2), .tile_x = random_below(seed, 1, 5, 2), .tile_y = random_below(seed, 1, 6, 2), .only = random_below(seed, 1, 7, 2)};
    for (int i = 0; i < 3 * n; i++) rgb[i / 3][i % 3] = (uint8_t)random_below(seed, 2, (uint64_t)i, 256);
    if (w->only) ck_assert_msg(codes_wishes_palette(codes, w, (const uint8_t (*)[3])rgb, n, &error), "%s", error.text);
    if (w->only && random_below(seed, 1, 8, 2)) w->least = w->limit > 0 && w->limit < w->colours ? w->limit : w->colours < 16 ? w->colours : 16;
    ck_assert_msg(codes_wishes_check(codes, w, &error), "%s", error.text);
}

/* Colour steps summed: inside, then over the seam, along an axis. */
static void steps(const struct sprite *s, int axis, double *inside, double *seam)
{
    *inside = *seam = 0;
    for (int line = 0; line < s->width; line++)
        for (int at = 0; at < s->width; at++)
            for (int d = 0; d < 4; d++) {
                int next = (at + 1) % s->width, a = axis == 0 ? line * s->width + at : at * s->width + line, b = axis == 0 ? line * s->width + next : next * s->width + line;
                double step = s->rgba[4 * a + d] - s->rgba[4 * b + d];
                *(next == 0 ? seam : inside) += step < 0 ? -step : step;
            }
}

START_TEST(wishes_are_obeyed_whatever_is_drawn)
{
    struct error error = {0};
    struct ids ids = {0};
    uint8_t *allowed = mem_alloc((size_t)codes_vocabulary(codes), 1, &error);
    int tiled = 0;
    for (uint64_t seed = 0; seed < 2000; seed++) {
        struct codes_wishes w;
        struct sprite s;
        uint8_t exact[CODES_COLOURS_MOST][3], seen[CODES_COLOURS_MOST + 1][3];
        int native, sent, used = 0;
        random_wishes(seed, &w);
        ck_assert_msg(walk(&w, seed, &ids, allowed), "wishes %d: an empty mask", (int)seed);
        sent = codes_wishes_exact(codes, &w, ids.id, ids.n, exact);
        ck_assert_msg(codes_decode_exact(codes, ids.id, ids.n, (const uint8_t (*)[3])exact, sent, &s, &native, &error), "%s", error.text);
        ck_assert(w.size == 0 || native == w.size);
        ck_assert((w.limit == 0 || sent <= w.limit) && sent >= w.least);
        if (w.dark && !w.only) ck_assert_int_le(299 * exact[0][0] + 587 * exact[0][1] + 114 * exact[0][2], 80000);
        for (int i = 0; i < SPRITE_PIXELS; i++) {
            const uint8_t *p = s.rgba + 4 * i;
            int k = 0, listed = !w.only;
            while (p[3] && k < used && memcmp(seen[k], p, 3) != 0) k++;
            if (p[3] && k == used) memcpy(seen[used++], p, 3);
            ck_assert_int_le(used, sent);
            for (int j = 0; p[3] && !listed && j < w.colours; j++) listed = memcmp(w.colour[j].rgb, p, 3) == 0;
            ck_assert(p[3] == 0 || listed);
            if (w.symmetric) ck_assert_mem_eq(p, s.rgba + 4 * (i / 32 * 32 + 31 - i % 32), 4);
        }
        for (int axis = 0; axis < 2; axis++) {
            double inside, seam;
            if (!(axis == 0 ? w.tile_x : w.tile_y)) continue;
            steps(&s, axis, &inside, &seam);
            ck_assert_msg(seam <= inside / 31, "wishes %d, axis %d: seam %g, inside %g", (int)seed, axis, seam, inside / 31);
            tiled++;
        }
        sprite_free(&s);
    }
    ck_assert_int_gt(tiled, 1500);
    mem_free(allowed);
    ids_free(&ids);
}
END_TEST

/* Pixels that are wanted come out as wanted wherever the codebook has the patterns for them; the others are free. */
START_TEST(wanted_pixels_stay)
{
    struct error error = {0};
    struct ids ids = {0};
    uint8_t *allowed = mem_alloc((size_t)codes_vocabulary(codes), 1, &error), keep[SPRITE_PIXELS], exact[CODES_COLOURS_MOST][3];
    int16_t want[SPRITE_PIXELS];
    int wrong = 0, kept = 0, changed = 0;
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct sprite s, t;
        struct codes_wishes w = {0}, none = {.size = seed % 2 ? 16 : 32, .limit = 12};
        uint8_t colours[CODES_COLOURS_MOST][3];
        ck_assert(walk(&none, 100 + seed, &ids, allowed));       /* a picture, in colours that are not those of the master palette */
        for (int i = 0; i < 3 * CODES_COLOURS_MOST; i++) colours[i / 3][i % 3] = (uint8_t)(i * 5 + (i % 3) * 3);
        ck_assert(codes_decode_exact(codes, ids.id, ids.n, (const uint8_t (*)[3])colours, CODES_COLOURS_MOST, &s, NULL, &error));
        for (int i = 0; i < SPRITE_PIXELS; i++) keep[i] = !(i % 32 >= 8 && i % 32 < 20 && i / 32 >= 6 && i / 32 < 22);
        w.only = seed % 3 != 0;
        ck_assert(codes_wishes_sprite(codes, &w, &s, keep, seed % 5 != 0, want, &error));
        w.want = want;
        ck_assert(codes_wishes_check(codes, &w, &error));
        ck_assert(walk(&w, seed, &ids, allowed));
        int sent = codes_wishes_exact(codes, &w, ids.id, ids.n, exact);
        ck_assert(codes_decode_exact(codes, ids.id, ids.n, (const uint8_t (*)[3])exact, sent, &t, NULL, &error));
        for (int i = 0; i < SPRITE_PIXELS; i++) {
            bool same = memcmp(s.rgba + 4 * i, t.rgba + 4 * i, 4) == 0;
            kept += keep[i], wrong += keep[i] && !same, changed += !keep[i] && !same;
        }
        sprite_free(&s), sprite_free(&t);
    }
    ck_assert_msg(wrong * 20 < kept, "%d of %d wanted pixels are wrong", wrong, kept);
    ck_assert_int_gt(changed, 2000);
    mem_free(allowed);
    ids_free(&ids);
}
END_TEST

/* The measure and the bar of the project: mean PSNR of the test split of at least 35 dB, alpha exact. */
START_TEST(test_sprites_come_back)
{
    struct dataset d;
    struct error error = {0};
    struct ids ids = {0};
    double sum = 0, tokens = 0;
    int n = 0;
    if (!dataset_scan("../shared/data/pixelart", &d, &error)) return;    /* only where the data are at hand */
    for (size_t i = 0; i < d.n; i++) {
        struct piece piece;
        struct codes_loss loss;
        if (d.items[i].split != SPLIT_TEST) continue;
        ids.n = 0;
        ck_assert(modality_read_file(d.items[i].path, &piece, &error) && codes_encode(codes, &piece.sprite, &ids, &loss, &error));
        ck_assert_int_eq(loss.wrong_alpha, 0);
        sum += loss.psnr, tokens += (double)ids.n, n++;
        piece_free(&piece);
    }
    ck_assert_int_gt(n, 400);
    ck_assert_msg(sum / n >= 35, "mean PSNR %.2f dB; 35 is wanted", sum / n);
    ck_assert_double_le(tokens / n, 272);
    ids_free(&ids);
    dataset_free(&d);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("codes");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 120);
    tcase_add_checked_fixture(all, load, unload);
    tcase_add_loop_test(all, png_round_trip, 1, 12);
    tcase_add_test(all, pictures_are_fitted);
    tcase_add_test(all, every_allowed_list_is_a_picture);
    tcase_add_test(all, wishes_are_obeyed_whatever_is_drawn);
    tcase_add_test(all, wanted_pixels_stay);
    tcase_add_test(all, test_sprites_come_back);
    suite_add_tcase(suite, all);
    return suite_run(suite);
}
