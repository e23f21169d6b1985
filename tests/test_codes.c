/* Image codes and PNG: pictures survive the file, every grammatical list of codes is a picture, native 16 comes back exactly, holes hold what was
 * left out, wishes are obeyed. The codes are learned here, from random blobs; only the last test looks at the shipped ones. */
#include "core/file.h"
#include "core/mem.h"
#include "core/random.h"
#include "core/safetensors.h"
#include "modalities/dataset.h"
#include "outputs/png.h"
#include "tests/suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct codes *codes;

enum { BLOBS = 120, POOL = 400 };

/* A blob of a few colours on nothing, mirrored when its number says so; every other one doubled. Colours come from a pool, or with `odd` from anywhere. */
static void blob(uint64_t seed, int colours, bool odd, bool doubled, struct sprite *s)
{
    struct error error = {0};
    ck_assert(sprite_init(s, SPRITE_SIDE, SPRITE_SIDE, &error));
    for (int i = 0; i < SPRITE_PIXELS; i++) {
        int x = i % SPRITE_SIDE, y = i / SPRITE_SIDE, grain = doubled ? 2 : 1, u = x / grain, v = y / grain, side = SPRITE_SIDE / grain;
        uint64_t where = (uint64_t)(v * side + u), which = random_below(seed, 1, where / 3, (uint64_t)colours);
        uint64_t colour = odd ? 1000000 + seed * 1000 + which : random_below(seed, 2, which, POOL);
        if ((2 * u - side) * (2 * u - side) + (2 * v - side) * (2 * v - side) > side * side * (int)(60 + seed % 60) / 100) continue;
        for (uint64_t d = 0; d < 3; d++) s->rgba[4 * i + (int)d] = (uint8_t)random_below(77, colour, d, 256);
        s->rgba[4 * i + 3] = 255;
    }
}

static void load(void)
{
    struct error error = {0};
    struct sprite s[BLOBS];
    struct codes_options options = {.colours = 400, .patterns = 1036, .seed = 1};
    for (uint64_t i = 0; i < BLOBS; i++) blob(i, 3 + (int)(i % 9), false, i % 2, &s[i]);
    ck_assert_msg(codes_train(s, BLOBS, &options, NULL, NULL, &codes, &error), "%s", error.text);
    for (int i = 0; i < BLOBS; i++) sprite_free(&s[i]);
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
    struct sprite_fitting how;
    ck_assert(sprite_init(&s, 32, 32, &error));
    for (int i = 0; i < SPRITE_PIXELS; i++) {
        uint8_t *p = s.rgba + 4 * i;
        if (random_below(4, 0, (uint64_t)i, 3)) p[0] = (uint8_t)(i % 251), p[1] = (uint8_t)(i / 7 % 251), p[3] = 255;
    }
    ck_assert(sprite_scale(&s, 5, &big, &error) && sprite_reduce(&big, &fit, &how, &error));
    ck_assert_mem_eq(fit.rgba, s.rgba, 4 * SPRITE_PIXELS);       /* scaled-up art is reduced exactly */
    ck_assert_str_eq(how.word, "reduced by 5 to 32 x 32 pixels");
    sprite_free(&fit), sprite_free(&big);
    ck_assert(sprite_init(&big, 100, 50, &error));
    for (int i = 0; i < 4 * 100 * 50; i++) big.rgba[i] = (uint8_t)random_below(6, 0, (uint64_t)i, 256);
    ck_assert(sprite_reduce(&big, &fit, &how, &error));
    ck_assert_str_eq(how.word, "100 x 50 pixels averaged down to 32 x 16");
    ck_assert(fit.width == 32 && fit.height == 16);
    sprite_free(&fit), sprite_free(&big), sprite_free(&s);
}
END_TEST

/* Reduce a picture of width x height, art of cells of this many pixels from left, top on: what is found. */
static struct sprite_fitting found(int width, int height, int cell, int left, int top, bool plain, struct sprite *art)
{
    struct error error = {0};
    struct sprite s;
    struct sprite_fitting how;
    ck_assert(sprite_init(&s, width, height, &error));
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            int i = (x - left + cell) / cell, k = (y - top + cell) / cell;
            bool frame = x < left || y < top || x >= left + (width - left) / cell * cell || y >= top + (height - top) / cell * cell, clear = !plain && (i + 3 * k) % 5 == 0;
            uint8_t *p = sprite_pixel(&s, x, y);
            p[0] = (uint8_t)(plain || frame ? 9 : clear ? x * y : i * 7), p[1] = (uint8_t)(plain || frame ? 9 : k * 7), p[3] = frame || !clear ? 255 : 0;
        }
    ck_assert(sprite_reduce(&s, art, &how, &error));
    sprite_free(&s);
    return how;
}

START_TEST(grids_are_found)
{
    static const struct { int width, height, cell, left, top; bool plain; int factor, to_width, to_height; const char *word; } cases[] = {
        {49, 49, 7, 0, 0, false, 7, 7, 7, "reduced by 7 to 7 x 7 pixels"},
        {64, 64, 2, 0, 0, false, 2, 32, 32, "reduced by 2 to 32 x 32 pixels"},           /* whatever hides behind alpha 0 */
        {66, 66, 2, 1, 1, false, 2, 32, 32, "reduced by 2 to 32 x 32 pixels, the border cut off"},
        {70, 45, 4, 3, 2, false, 4, 16, 10, "reduced by 4 to 16 x 10 pixels, the border cut off"},
        {512, 512, 64, 0, 0, false, 64, 8, 8, "reduced by 64 to 8 x 8 pixels"},
        {32, 32, 4, 0, 0, false, 2, 16, 16, "reduced by 2 to 16 x 16 pixels"},
        {12, 12, 2, 0, 0, false, 1, 12, 12, ""}, {24, 20, 2, 0, 0, false, 2, 12, 10, "reduced by 2 to 12 x 10 pixels"},
        {32, 32, 1, 0, 0, true, 1, 32, 32, ""}, {16, 16, 1, 0, 0, true, 1, 16, 16, ""}, {30, 30, 1, 0, 0, true, 1, 30, 30, ""},
        {64, 64, 1, 0, 0, true, 2, 32, 32, "reduced by 2 to 32 x 32 pixels"}, {100, 50, 1, 0, 0, true, 5, 20, 10, "reduced by 5 to 20 x 10 pixels"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sprite art;
        struct sprite_fitting how = found(cases[i].width, cases[i].height, cases[i].cell, cases[i].left, cases[i].top, cases[i].plain, &art);
        ck_assert_msg(how.factor == cases[i].factor && how.left == cases[i].left && how.top == cases[i].top && art.width == cases[i].to_width && art.height == cases[i].to_height &&
                      strcmp(how.word, cases[i].word) == 0, "case %zu: %d from %d, %d: %d x %d: %s", i, how.factor, how.left, how.top, art.width, art.height, how.word);
        sprite_free(&art);
    }
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
        for (int i = 0; i < SPRITE_PIXELS; i++) {                /* hard alpha, at most 16 or 24 colours */
            const uint8_t *p = s.rgba + 4 * i;
            ck_assert(p[3] == 255 || (p[3] == 0 && p[0] == 0));
            bool first = p[3] == 255;
            for (int k = 0; first && k < i; k++) first = memcmp(s.rgba + 4 * k, p, 4) != 0;
            colours += first;
        }
        ck_assert_int_le(colours, native == 16 ? 24 : 16);
        if (native == 16) ck_assert(sprite_is_doubled(&s));
        ck_assert(!codes_decode(codes, ids.id, ids.n - 1, &(struct sprite){0}, NULL, &(struct error){0}));
        sprite_free(&s);
    }
    mem_free(allowed);
    ids_free(&ids);
}
END_TEST

/* ---- native 16 ---- */

/* Colours that are nowhere in the master palette come back exactly, as long as there are at most 24 and masters in reach. */
START_TEST(native_16_is_exact)
{
    struct error error = {0};
    struct ids ids = {0};
    int exact = 0, steps = 0, most = 0;
    for (uint64_t i = 0; i < 200; i++) {
        struct sprite s;
        struct codes_loss loss;
        blob(i % BLOBS, 3 + (int)(i % 22), false, true, &s);
        for (int k = 0; k < SPRITE_PIXELS; k++)                  /* a little off the pool */
            for (int d = 0; d < 3 && s.rgba[4 * k + 3]; d++) s.rgba[4 * k + d] = (uint8_t)(s.rgba[4 * k + d] ^ (i % 8));
        ids.n = 0;
        ck_assert(codes_encode(codes, &s, &ids, &loss, &error));
        ck_assert_int_eq(ids.id[0], 1);
        ck_assert_int_eq(loss.wrong_alpha, 0);
        ck_assert_int_eq(loss.colours_kept, loss.colours_in > 0 ? loss.colours_in : 1);
        ck_assert_int_le((int)ids.n, 226);
        ck_assert_int_ge((int)ids.n, 1 + loss.colours_kept + 1 + 128);
        ck_assert_msg(loss.psnr > 24, "sprite %d: %.1f dB", (int)i, loss.psnr);
        if (loss.exact && loss.colours_in > most) most = loss.colours_in;
        exact += loss.exact, steps += ids.n > (size_t)(1 + loss.colours_kept + 1 + 128);
        sprite_free(&s);
    }
    ck_assert_msg(exact > 160, "%d of 200 are exact", exact);    /* the others have colours that no master of this small palette reaches */
    ck_assert_int_gt(steps, 150);
    ck_assert_int_ge(most, 22);
    ids_free(&ids);
}
END_TEST

START_TEST(many_colours_become_twenty_four)
{
    struct error error = {0};
    struct ids ids = {0};
    for (uint64_t i = 0; i < 30; i++) {
        struct sprite s;
        struct codes_loss loss;
        blob(i, 80 + (int)(i % 60), true, true, &s);
        ids.n = 0;
        ck_assert(codes_encode(codes, &s, &ids, &loss, &error));
        ck_assert(!loss.exact && loss.colours_in > 24 && loss.colours_kept == 24);
        ck_assert_int_eq(loss.wrong_alpha, 0);
        ck_assert_double_gt(loss.psnr, 15);                      /* random colours: 24 for many */
        sprite_free(&s);
    }
    ids_free(&ids);
}
END_TEST

/* ---- native 32 ---- */

/* The encoder's own choice leaves room for two colours of the sixteen that may be sent. */
START_TEST(native_32_takes_at_most_272_ids)
{
    struct error error = {0};
    struct ids ids = {0};
    int full = 0;
    for (uint64_t i = 0; i < 60; i++) {
        struct sprite s;
        struct codes_loss loss;
        blob(i, 8 + (int)(i % 60), i % 2, false, &s);
        ids.n = 0;
        ck_assert(codes_encode(codes, &s, &ids, &loss, &error));
        ck_assert_int_eq(ids.id[0], 0);
        ck_assert_int_eq(loss.wrong_alpha, 0);
        ck_assert_int_le(loss.colours_kept, 14);
        ck_assert_uint_eq(ids.n, 1 + (size_t)loss.colours_kept + 1 + 256);
        full += ids.n == 272;
        sprite_free(&s);
    }
    ck_assert_int_gt(full, 30);
    ids_free(&ids);
}
END_TEST

/* ---- holes ---- */

START_TEST(holes_hold_what_was_left_out)
{
    struct error error = {0};
    struct ids plain = {0}, ids = {0};
    int n = codes_vocabulary(codes);
    uint8_t *allowed = mem_alloc((size_t)n, 1, &error);
    for (uint64_t i = 0; i < 100; i++) {
        struct sprite s, a, b;
        bool hole[CODES_PATTERNS] = {false}, doubled = i % 2, may_end;
        int places = codes_places(doubled), holes = 0;
        struct codes_grammar g;
        blob(i, 5, false, doubled, &s);
        plain.n = ids.n = 0;
        ck_assert(codes_encode(codes, &s, &plain, NULL, &error));
        for (int k = 0; k < places; k++) holes += hole[k] = i == 4 || i == 5 || random_below(8, i, (uint64_t)k, 10) < i % 10;     /* none to all */
        ck_assert_msg(codes_leave_out(codes, plain.id, plain.n, hole, &ids, &error), "%s", error.text);
        ck_assert_uint_eq(ids.n, plain.n + (holes > 0 ? (size_t)holes + 1 : 0));
        ck_assert(codes_decode(codes, plain.id, plain.n, &a, NULL, &error) && codes_decode(codes, ids.id, ids.n, &b, NULL, &error));
        ck_assert_mem_eq(a.rgba, b.rgba, 4 * SPRITE_PIXELS);
        codes_grammar_start(&g, NULL);
        for (size_t k = 0; k < ids.n; k++) {                     /* the mask has all but the holes, and behind the places `fill` alone */
            int count = 0;
            codes_grammar_allowed(codes, &g, allowed, &may_end);
            ck_assert(!may_end && !allowed[n - 2]);
            for (int id = 0; id < n; id++) count += allowed[id];
            if (ids.id[k] != n - 2) ck_assert(allowed[ids.id[k]]);
            if (ids.id[k] == n - 1) ck_assert_int_eq(count, 1);
            else ck_assert(!allowed[n - 1]);
            ck_assert(codes_grammar_advance(codes, &g, ids.id[k]));
        }
        codes_grammar_allowed(codes, &g, allowed, &may_end);
        ck_assert(may_end);
        for (int id = 0; id < n; id++) ck_assert(!allowed[id] && !codes_grammar_advance(codes, &g, id));
        sprite_free(&a), sprite_free(&b), sprite_free(&s);
        for (size_t k = 1; holes > 0 && k < ids.n; k += 37) ck_assert(!codes_decode(codes, ids.id, k, &a, NULL, &(struct error){0}));
        if (holes > 0) ck_assert(!codes_leave_out(codes, ids.id, ids.n, hole, &plain, &(struct error){0}));
    }
    mem_free(allowed);
    ids_free(&plain), ids_free(&ids);
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
    int size = (int)random_below(seed, 1, 1, 3) * 16, most = size == 16 ? 24 : 16;
    *w = (struct codes_wishes){.size = size, .limit = (int)random_below(seed, 1, 2, (uint64_t)most + 1), .dark = random_below(seed, 1, 3, 2),
        .symmetric = random_below(seed, 1, 4, 2), .tile_x = random_below(seed, 1, 5, 2), .tile_y = random_below(seed, 1, 6, 2), .only = random_below(seed, 1, 7, 2), .grounded = random_below(seed, 1, 9, 2)};
    for (uint64_t d = 0; d < 3; d++) w->ground[d] = (uint8_t)random_below(seed, 1, 10 + d, 256);
    for (int i = 0; i < 3 * n; i++) rgb[i / 3][i % 3] = (uint8_t)random_below(seed, 2, (uint64_t)i, 256);
    if (w->only) ck_assert_msg(codes_wishes_palette(codes, w, (const uint8_t (*)[3])rgb, n, &error), "%s", error.text);
    if (w->only && random_below(seed, 1, 8, 2)) w->least = w->limit > 0 && w->limit < w->colours ? w->limit : w->colours < most ? w->colours : most;
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
        for (int i = 0; w.grounded && i < SPRITE_PIXELS; i++) {      /* as it will be shown */
            uint8_t *p = s.rgba + 4 * i;
            if (p[3] == 0) memcpy(p, w.ground, 3), p[3] = 255;
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

static int light(const uint8_t rgb[3]) { return 299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2]; }

/* Pixels that are wanted come out as wanted wherever the codebook has the patterns for them; the others are free. */
START_TEST(wanted_pixels_stay)
{
    struct error error = {0};
    struct ids ids = {0};
    uint8_t *allowed = mem_alloc((size_t)codes_vocabulary(codes), 1, &error), keep[SPRITE_PIXELS], exact[CODES_COLOURS_MOST][3];
    int16_t want[SPRITE_PIXELS];
    int wrong = 0, pairs = 0, kept = 0, changed = 0;
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct sprite s, t;
        struct codes_wishes w = {0}, none = {.size = seed % 2 ? 16 : 32, .limit = seed % 2 ? 24 : 12};
        uint8_t colours[CODES_COLOURS_MOST][3];
        ck_assert(walk(&none, 100 + seed, &ids, allowed));       /* a picture, in colours that are not those of the master palette */
        for (int i = 0; i < CODES_COLOURS_MOST; i++) {
            for (uint64_t d = 0; d < 3; d++) colours[i][d] = (uint8_t)(random_below(77, seed * 8 + (uint64_t)i, d, 256) ^ 3);
            for (int k = i; k > 0 && light(colours[k]) < light(colours[k - 1]); k--)     /* in the order of palettes, so that the patterns fit again */
                for (int d = 0; d < 3; d++) colours[k][d] ^= colours[k - 1][d], colours[k - 1][d] ^= colours[k][d], colours[k][d] ^= colours[k - 1][d];
        }
        ck_assert(codes_decode_exact(codes, ids.id, ids.n, (const uint8_t (*)[3])colours, CODES_COLOURS_MOST, &s, NULL, &error));
        for (int i = 0; i < SPRITE_PIXELS; i++) keep[i] = !(i % 32 >= 8 && i % 32 < 20 && i / 32 >= 6 && i / 32 < 22);
        w.only = seed % 3 != 0;
        ck_assert(codes_wishes_sprite(codes, &w, &s, keep, CODES_COLOURS_MOST, want, &error));
        w.want = want;
        ck_assert(codes_wishes_check(codes, &w, &error));
        ck_assert(walk(&w, seed, &ids, allowed));
        int sent = codes_wishes_exact(codes, &w, ids.id, ids.n, exact);
        ck_assert(codes_decode_exact(codes, ids.id, ids.n, (const uint8_t (*)[3])exact, sent, &t, NULL, &error));
        for (int i = 0; i < SPRITE_PIXELS; i++) {
            bool same = memcmp(s.rgba + 4 * i, t.rgba + 4 * i, 4) == 0;
            kept += keep[i], wrong += keep[i] && !same, changed += !keep[i] && !same, pairs += w.size == 16 && keep[i] && !same;
        }
        sprite_free(&s), sprite_free(&t);
    }
    ck_assert_int_eq(pairs, 0);                                  /* native 16 has every pattern */
    ck_assert_msg(wrong * 16 < kept, "%d of %d wanted pixels are wrong", wrong, kept);
    ck_assert_int_gt(changed, 2000);
    mem_free(allowed);
    ids_free(&ids);
}
END_TEST

/* A sprite of vertical stripes in n colours, 32 x 32. */
static struct sprite stripes(const uint8_t (*rgb)[3], int n)
{
    struct sprite s;
    struct error error = {0};
    ck_assert(sprite_init(&s, SPRITE_SIDE, SPRITE_SIDE, &error));
    for (int i = 0; i < SPRITE_PIXELS; i++) memcpy(s.rgba + 4 * i, rgb[i % SPRITE_SIDE % n], 3), s.rgba[4 * i + 3] = 255;
    return s;
}

/* Colours that most palettes share come in, those that a picture has already or that one palette has alone do not. */
START_TEST(shared_colours_of_palettes_come_in)
{
    static const uint8_t shown[4][3][3] = {{{200, 20, 20}, {10, 10, 10}, {30, 200, 40}}, {{210, 30, 10}, {12, 8, 10}, {40, 60, 220}}, {{190, 25, 30}, {10, 10, 14}, {220, 220, 40}}, {{205, 15, 25}, {8, 12, 10}, {200, 30, 200}}},
                         own[2][3] = {{0, 0, 0}, {240, 240, 240}};
    struct error error = {0};
    struct ids palettes[4] = {{0}}, ids = {0};
    struct codes_wishes w = {0}, thinned = {0};
    int16_t want[SPRITE_PIXELS];
    uint8_t keep[SPRITE_PIXELS], exact[CODES_COLOURS_MOST][3];
    memset(keep, 1, sizeof keep);
    for (int i = 0; i < 4; i++) {
        struct sprite s = stripes(shown[i], 3);
        ck_assert(codes_encode(codes, &s, &palettes[i], NULL, &error));
        sprite_free(&s);
    }
    struct sprite mine = stripes(own, 2), back, many = stripes(shown[0], 3);
    ck_assert(codes_wishes_sprite(codes, &w, &mine, keep, 16, want, &error));
    ck_assert_int_eq(w.colours, 2);
    codes_wishes_extend(codes, &w, palettes, 4, 3);
    ck_assert_int_eq(w.colours, 3);                              /* red, but no second black, and no colour of one palette alone */
    bool red = false;
    for (int i = 0; i < w.colours; i++) red = red || (w.colour[i].must && w.colour[i].rgb[0] > 150 && w.colour[i].rgb[1] < 80);
    ck_assert(red);
    w.size = 32;
    ck_assert_msg(codes_encode_in(codes, &mine, &w, &ids, &error), "%s", error.text);
    ck_assert_int_eq(codes_wishes_exact(codes, &w, ids.id, ids.n, exact), 3);
    ck_assert(codes_decode_exact(codes, ids.id, ids.n, (const uint8_t (*)[3])exact, 3, &back, NULL, &error));
    ck_assert_mem_eq(back.rgba, mine.rgba, 4 * SPRITE_PIXELS);
    ck_assert(!codes_encode_in(codes, &mine, &(struct codes_wishes){0}, &ids, &error));
    ck_assert(codes_wishes_sprite(codes, &thinned, &many, keep, 2, want, &error));
    ck_assert_int_eq(thinned.colours, 2);
    for (int i = 0; i < SPRITE_PIXELS; i++) ck_assert(want[i] == thinned.colour[0].master || want[i] == thinned.colour[1].master);
    sprite_free(&mine), sprite_free(&back), sprite_free(&many);
    for (int i = 0; i < 4; i++) ids_free(&palettes[i]);
    ids_free(&ids);
}
END_TEST

/* Wishes hold in the second pass: holes anywhere in a picture that obeys are filled so that it is mirrored, as wanted, and without seam. */
START_TEST(wishes_go_through_holes)
{
    struct error error = {0};
    struct ids plain = {0}, ids = {0};
    int n = codes_vocabulary(codes);
    uint8_t *allowed = mem_alloc((size_t)n, 1, &error);
    int tiled = 0;
    for (uint64_t i = 0; i < 200; i++) {
        struct codes_wishes w = {.size = i % 2 ? 16 : 32, .symmetric = i % 4 < 2, .tile_x = i % 5 == 1 || i % 5 == 2, .tile_y = i % 5 == 2 || i % 5 == 3};
        struct codes_grammar g;
        struct sprite s;
        int16_t want[SPRITE_PIXELS];
        bool hole[CODES_PATTERNS], may_end;
        for (int k = 0; k < SPRITE_PIXELS; k++) want[k] = k / 32 < 8 ? CODES_CLEAR : CODES_ANY;
        if (i % 3 == 0) w.want = want;
        ck_assert(walk(&w, i, &plain, allowed));
        for (int k = 0; k < CODES_PATTERNS; k++) hole[k] = random_below(i, 11, (uint64_t)k, 3) == 0;
        ids.n = 0;
        ck_assert(codes_leave_out(codes, plain.id, plain.n, hole, &ids, &error));
        size_t fill = 0;
        while (ids.id[fill] != n - 1) fill++;
        ids.n = fill + 1;
        codes_grammar_start(&g, &w);
        for (size_t k = 0; k < ids.n; k++) ck_assert(codes_grammar_advance(codes, &g, ids.id[k]));
        for (uint64_t step = 0;; step++) {
            int count = 0, id = -1;
            codes_grammar_allowed(codes, &g, allowed, &may_end);
            for (int k = 0; k < n; k++) count += allowed[k];
            if (may_end) break;
            ck_assert_int_gt(count, 0);
            for (int pick = (int)random_below(i, 12, step, (uint64_t)count); pick >= 0;) pick -= allowed[++id];
            ck_assert(codes_grammar_advance(codes, &g, id) && ids_append(&ids, id, &error));
        }
        ck_assert_msg(codes_decode(codes, ids.id, ids.n, &s, NULL, &error), "%s", error.text);
        for (int k = 0; k < SPRITE_PIXELS; k++) {
            if (w.symmetric) ck_assert_mem_eq(s.rgba + 4 * k, s.rgba + 4 * (k / 32 * 32 + 31 - k % 32), 4);
            if (w.want != NULL && want[k] == CODES_CLEAR) ck_assert_int_eq(s.rgba[4 * k + 3], 0);
        }
        for (int axis = 0; axis < 2; axis++) {
            double inside, seam;
            if (!(axis == 0 ? w.tile_x : w.tile_y)) continue;
            steps(&s, axis, &inside, &seam);
            ck_assert_msg(seam <= inside / 31, "wishes %d, axis %d: seam %g, inside %g", (int)i, axis, seam, inside / 31);
            tiled++;
        }
        sprite_free(&s);
    }
    ck_assert_int_eq(tiled, 160);
    mem_free(allowed);
    ids_free(&plain), ids_free(&ids);
}
END_TEST

static int sent_by(const struct codes_wishes *w, uint64_t seed, struct ids *ids, uint8_t *allowed)
{
    uint8_t exact[CODES_COLOURS_MOST][3];
    ck_assert(walk(w, seed, ids, allowed));
    return codes_wishes_exact(codes, w, ids->id, ids->n, exact);
}

/* A palette of sixteen goes into native 32 as a whole, one of twenty-four into native 16 alone; without wishes for a size sixteen are the most. */
START_TEST(palettes_are_as_large_as_the_size_allows)
{
    struct error error = {0};
    struct ids ids = {0};
    uint8_t *allowed = mem_alloc((size_t)codes_vocabulary(codes), 1, &error), rgb[24][3], keep[SPRITE_PIXELS] = {0}, exact[CODES_COLOURS_MOST][3];
    int16_t want[SPRITE_PIXELS];
    for (int i = 0; i < 24; i++)
        for (int d = 0; d < 3; d++) rgb[i][d] = (uint8_t)random_below(4, (uint64_t)i, (uint64_t)d, 256);
    struct codes_wishes w = {.size = 32, .only = true, .least = 16}, large = {.size = 16, .only = true, .least = 24}, musts = {0};
    ck_assert(codes_wishes_palette(codes, &w, (const uint8_t (*)[3])rgb, 16, &error) && codes_wishes_palette(codes, &large, (const uint8_t (*)[3])rgb, 24, &error));
    ck_assert(codes_wishes_check(codes, &w, &error) && codes_wishes_check(codes, &large, &error));
    ck_assert_int_eq(sent_by(&w, 1, &ids, allowed), 16);
    ck_assert_uint_eq(ids.n, CODES_IDS_MOST);
    ck_assert_int_eq(sent_by(&large, 1, &ids, allowed), 24);
    for (int i = 0; i < 24; i++) large.colour[i].must = true;
    large.least = 0;
    ck_assert(codes_wishes_check(codes, &large, &error));
    for (large.size = 0; large.size <= 32; large.size += 32) {
        ck_assert(!codes_wishes_check(codes, &large, &error));
        ck_assert_msg(strstr(error.text, "24 colours must stay, but at most 16 are allowed") != NULL, "%s", error.text);
        error_clear(&error);
    }
    struct sprite s = stripes((const uint8_t (*)[3])rgb, 16), back;      /* in its own colours: all sixteen, which its encoding alone would not take */
    ids.n = 0;
    ck_assert(codes_wishes_sprite(codes, &musts, &s, keep, CODES_COLOURS_32, want, &error) && codes_encode_in(codes, &s, &musts, &ids, &error));
    ck_assert_int_eq(musts.colours, 16);
    ck_assert_uint_eq(ids.n, 274);
    ck_assert_int_eq(codes_wishes_exact(codes, &musts, ids.id, ids.n, exact), 16);
    ck_assert(codes_decode_exact(codes, ids.id, ids.n, (const uint8_t (*)[3])exact, 16, &back, NULL, &error));
    ck_assert_mem_eq(back.rgba, s.rgba, 4 * SPRITE_PIXELS);
    sprite_free(&s), sprite_free(&back);
    mem_free(allowed);
    ids_free(&ids);
}
END_TEST

/* A codebook of some colours, all pairs of indices below `indices`, and one more pattern. */
static void write_codebook(const char *path, int indices, const uint8_t more[4])
{
    uint8_t colours[20][3], patterns[25 * 25 + 1][4];
    int n = 0;
    struct error error = {0};
    for (int i = 0; i < 20; i++) memset(colours[i], 10 * i, 3);
    for (int i = 0; i < indices * indices; i++, n++) patterns[n][0] = patterns[n][2] = (uint8_t)(i / indices), patterns[n][1] = patterns[n][3] = (uint8_t)(i % indices);
    memcpy(patterns[n++], more, 4);
    const struct tensor tensors[] = {{.name = "colours", .type = TENSOR_U8, .rank = 2, .shape = {20, 3}, .data = colours, .bytes = sizeof colours},
        {.name = "patterns", .type = TENSOR_U8, .rank = 2, .shape = {n, 4}, .data = patterns, .bytes = 4 * (size_t)n}};
    static const char *const metadata[] = {"codec", "palette-first 2x2", "version", "2", NULL};
    ck_assert_msg(safetensors_write(path, tensors, 2, metadata, &error), "%s", error.text);
}

/* What does not suit is refused with a message that tells why; files from before native 16 had 24 colours lack pairs. */
static void books_are_checked(const char *path)
{
    static const struct { int indices; uint8_t more[4]; const char *message; } books[] = {
        {25, {1, 2, 2, 1}, NULL}, {25, {16, 16, 1, 1}, NULL},
        {17, {1, 2, 2, 1}, "the pattern 0 17/0 17 is missing; all 625 pairs are wanted (models of older versions are to be trained anew)"},
        {24, {1, 2, 2, 1}, "the pattern 0 24/0 24 is missing"}, {25, {1, 2, 17, 1}, "pattern 625 has index 17; 0 to 16 is wanted"},
        {25, {25, 1, 25, 1}, "pattern 625 has index 25; 0 to 24 is wanted"}, {17, {255, 255, 255, 255}, "pattern 289 has index 255"}};
    for (size_t i = 0; i < sizeof books / sizeof *books; i++) {
        struct codes *book = NULL;
        struct error error = {0};
        write_codebook(path, books[i].indices, books[i].more);
        bool ok = codes_load(path, &book, &error);
        ck_assert_msg(ok == (books[i].message == NULL) && (ok || strstr(error.text, books[i].message) != NULL), "book %d: %s", (int)i, error.text);
        codes_free(book);
    }
}

START_TEST(files_come_back_and_old_ones_are_refused)
{
    struct error error = {0};
    struct codes *back;
    struct ids a = {0}, b = {0};
    struct sprite s;
    char path[] = "/tmp/triptych-codes-XXXXXX";
    int file = mkstemp(path);
    ck_assert(file >= 0 && close(file) == 0);
    blob(3, 9, true, true, &s);
    ck_assert(codes_save(codes, path, &error) && codes_load(path, &back, &error));
    ck_assert(codes_encode(codes, &s, &a, NULL, &error) && codes_encode(back, &s, &b, NULL, &error));
    ck_assert(a.n == b.n && memcmp(a.id, b.id, a.n * sizeof *a.id) == 0);
    codes_free(back);
    struct bytes data = {0};
    ck_assert(file_read(path, 1 << 20, &data, &error));
    uint8_t *version = memmem(data.data, data.n, "\"version\":\"2\"", 13);
    ck_assert_ptr_nonnull(version);
    version[11] = '1';
    ck_assert(file_write(path, data.data, data.n, &error) && !codes_load(path, &back, &error));
    ck_assert_msg(strstr(error.text, "version 1; 2 is wanted") != NULL, "%s", error.text);
    books_are_checked(path);
    ck_assert_int_eq(unlink(path), 0);
    bytes_free(&data);
    ids_free(&a), ids_free(&b);
    sprite_free(&s);
}
END_TEST

START_TEST(names_are_all_different)
{
    int n = codes_vocabulary(codes);
    char name[CODES_NAME_MOST], other[CODES_NAME_MOST];
    ck_assert_int_eq(n, 2 + 400 + 1 + 1036 + 3 * 41 + 2);
    for (int i = 0; i < n; i++)
        for (int k = i + 1; k < n; k++) ck_assert_str_ne(codes_name(codes, i, name), codes_name(codes, k, other));
    ck_assert_str_eq(codes_name(codes, n - 125, name), "red -20");
    ck_assert_str_eq(codes_name(codes, n - 3, name), "blue +20");
    ck_assert_str_eq(codes_name(codes, n - 2, name), "pattern hole");
    ck_assert_str_eq(codes_name(codes, n - 1, name), "pattern fill");
}
END_TEST

/* The measure and the bars of the project, on the shipped codes: mean PSNR of the test split, alpha exact, native 16 mostly exact. */
START_TEST(test_sprites_come_back)
{
    struct dataset d;
    struct error error = {0};
    struct ids ids = {0};
    struct codes *shipped;
    double sum[2] = {0};
    int n[2] = {0}, exact = 0;
    if (!dataset_scan("../shared/data/pixelart", &d, &error)) return;    /* only where the data are at hand */
    ck_assert_msg(codes_load("models/default/vq.safetensors", &shipped, &error), "%s", error.text);
    for (size_t i = 0; i < d.n; i++) {
        struct piece piece;
        struct codes_loss loss;
        if (d.items[i].split != SPLIT_TEST) continue;
        ids.n = 0;
        ck_assert(modality_read_file(d.items[i].path, &piece, &error) && codes_encode(shipped, &piece.sprite, &ids, &loss, &error));
        ck_assert_int_eq(loss.wrong_alpha, 0);
        sum[ids.id[0]] += loss.psnr, n[ids.id[0]]++;
        ck_assert_int_le((int)ids.n, ids.id[0] == 1 ? 226 : 272);
        exact += ids.id[0] == 1 && loss.exact;
        piece_free(&piece);
    }
    ck_assert_int_gt(n[0] + n[1], 400);
    ck_assert_msg(sum[0] / n[0] >= 29.7 && sum[1] / n[1] >= 55.3, "mean PSNR %.2f dB of native 32 and %.2f dB of 16; 29.7 and 55.3 are wanted", sum[0] / n[0], sum[1] / n[1]);
    ck_assert_msg(100 * exact >= 77 * n[1], "%d of %d sprites of native 16 are exact; 77 %% are wanted", exact, n[1]);
    codes_free(shipped);
    ids_free(&ids);
    dataset_free(&d);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("codes");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 120);
    tcase_add_unchecked_fixture(all, load, unload);
    tcase_add_loop_test(all, png_round_trip, 1, 12);
    tcase_add_test(all, pictures_are_fitted);
    tcase_add_test(all, grids_are_found);
    tcase_add_test(all, every_allowed_list_is_a_picture);
    tcase_add_test(all, native_16_is_exact);
    tcase_add_test(all, many_colours_become_twenty_four);
    tcase_add_test(all, native_32_takes_at_most_272_ids);
    tcase_add_test(all, holes_hold_what_was_left_out);
    tcase_add_test(all, wishes_go_through_holes);
    tcase_add_test(all, palettes_are_as_large_as_the_size_allows);
    tcase_add_test(all, files_come_back_and_old_ones_are_refused);
    tcase_add_test(all, names_are_all_different);
    tcase_add_test(all, wishes_are_obeyed_whatever_is_drawn);
    tcase_add_test(all, wanted_pixels_stay);
    tcase_add_test(all, shared_colours_of_palettes_come_in);
    tcase_add_test(all, test_sprites_come_back);
    suite_add_tcase(suite, all);
    return suite_run(suite);
}
