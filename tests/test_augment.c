/* Augmentation keeps captions true; pictures that are nearly alike stay in one split. */
#include "core/file.h"
#include "core/random.h"
#include "modalities/augment.h"
#include "modalities/colours.h"
#include "modalities/dataset.h"
#include "outputs/png.h"
#include "tests/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Names by the same rules, from another implementation. */
static const struct { uint8_t rgb[3]; const char *name; } COLOURS[] = {
    {{130, 183, 14}, "green"}, {{238, 127, 26}, "orange"}, {{80, 57, 190}, "purple"}, {{240, 126, 194}, "pink"}, {{52, 127, 6}, "green"}, {{110, 208, 143}, "green"}, 
    {{93, 199, 81}, "green"}, {{36, 71, 227}, "blue"}, {{64, 67, 0}, "olive"}, {{2, 107, 110}, "teal"}, {{84, 85, 148}, "blue"}, {{160, 101, 104}, "red"}, 
    {{93, 100, 196}, "blue"}, {{152, 11, 184}, "purple"}, {{212, 84, 74}, "red"}, {{135, 33, 169}, "purple"}, {{154, 1, 173}, "magenta"}, {{33, 158, 181}, "teal"}, 
    {{94, 246, 241}, "cyan"}, {{90, 29, 131}, "purple"}, {{11, 183, 206}, "cyan"}, {{9, 214, 187}, "cyan"}, {{23, 92, 100}, "teal"}, {{60, 125, 236}, "blue"}, 
    {{176, 181, 128}, "grey"}, {{236, 55, 188}, "pink"}, {{185, 75, 174}, "pink"}, {{162, 156, 90}, "yellow"}, {{247, 82, 24}, "orange"}, {{233, 215, 74}, "yellow"}, 
    {{171, 106, 66}, "brown"}, {{86, 222, 190}, "cyan"}, {{182, 17, 156}, "magenta"}, {{237, 147, 182}, "pink"}, {{209, 179, 88}, "yellow"}, 
    {{230, 186, 171}, "tan"}, {{14, 100, 81}, "teal"}, {{225, 92, 112}, "red"}, {{115, 84, 27}, "brown"}, {{179, 194, 36}, "yellow"}, {{191, 18, 154}, "magenta"}, 
    {{214, 209, 189}, "grey"}, {{239, 72, 80}, "red"}, {{192, 219, 221}, "white"}, {{251, 146, 73}, "orange"}, {{184, 67, 18}, "orange"}, {{219, 218, 246}, "white"}, 
    {{43, 32, 13}, "black"}, {{250, 250, 180}, "cream"}, {{165, 55, 15}, "brown"}, {{178, 197, 193}, "grey"}, {{79, 81, 36}, "olive"}, {{186, 159, 94}, "tan"}, 
    {{239, 185, 144}, "tan"}, {{251, 47, 241}, "magenta"}, {{146, 67, 14}, "brown"}, {{17, 32, 14}, "black"}, {{150, 156, 137}, "grey"}, {{225, 165, 93}, "tan"}, 
    {{30, 45, 59}, "black"}
};

/* The rules for whole pictures, and words in texts. */
START_TEST(pictures_and_texts_have_colours)
{
    static const uint8_t BLACK[3] = {5, 5, 5}, RED[3] = {200, 20, 20}, GREEN[3] = {20, 180, 40}, BLUE[3] = {30, 40, 220};
    static const struct { int black, red, green, blue; const char *names; } CASES[] = {      /* pixels of 100 */
        {0, 0, 0, 0, ""}, {0, 30, 0, 0, "red "}, {30, 40, 30, 0, "red green "}, {80, 15, 5, 0, "black red "}, {60, 40, 0, 0, "red black "}, {0, 85, 15, 0, "red "}, {75, 7, 9, 9, "black "},
        {0, 20, 30, 50, "blue green red "}, {60, 9, 9, 22, "blue black "}};
    struct sprite s;
    struct error error = {0};
    ck_assert(sprite_init(&s, 10, 10, &error));
    for (size_t c = 0; c < sizeof CASES / sizeof *CASES; c++) {
        const int counts[4] = {CASES[c].black, CASES[c].red, CASES[c].green, CASES[c].blue};
        const uint8_t *const rgb[4] = {BLACK, RED, GREEN, BLUE};
        char names[80] = "";
        int number[3], at = 0;
        memset(s.rgba, 0, 400);
        for (int k = 0; k < 4; k++)
            for (int i = 0; i < counts[k]; i++, at++) memcpy(s.rgba + 4 * at, rgb[k], 3), s.rgba[4 * at + 3] = 255;
        int n = colours_of_sprite(&s, NULL, number);
        for (int k = 0; k < n; k++) strcat(names, colours_name(number[k])), strcat(names, " ");
        ck_assert_msg(strcmp(names, CASES[c].names) == 0, "case %zu: '%s', '%s' is wanted", c, names, CASES[c].names);
    }
    sprite_free(&s);
    static const struct { const char *text, *name; } TEXTS[] = {{"a Gray wolf and a red hat", "grey"}, {"a scared, tired knight", NULL}, {"", NULL}, {"the tan-and-blue flag", "tan"}, {"credit: red", "red"}};
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
        int number = colours_first_named(TEXTS[i].text);
        if (TEXTS[i].name == NULL) ck_assert_int_eq(number, -1);
        else ck_assert_str_eq(colours_name(number), TEXTS[i].name);
    }
}
END_TEST

START_TEST(colours_have_their_names)
{
    for (size_t i = 0; i < sizeof COLOURS / sizeof *COLOURS; i++) ck_assert_str_eq(colours_name(colours_of_pixel(COLOURS[i].rgb)), COLOURS[i].name);
}
END_TEST

static const struct { const char *caption, *mirrored; bool may; } MIRRORS[] = {
    {"a mouse facing left", "a mouse facing right", true}, {"a Right arm, raised", "a left arm, raised", true}, {"a leftover", "a leftover", true}, {"a door to the east; bright", "a door to the west; bright", true},
    {"the letter B", "the letter B", false}, {"a red flag", "a red flag", false}, {"", "", true}, {"ein M\xc3\xa4uslein links", "ein M\xc3\xa4uslein links", true}};

START_TEST(sides_change_places)
{
    for (size_t i = 0; i < sizeof MIRRORS / sizeof *MIRRORS; i++) {
        struct bytes out = {0};
        struct error error = {0};
        bool may;
        ck_assert(augment_mirror(MIRRORS[i].caption, &out, &may, &error));
        ck_assert_str_eq(bytes_text(&out), MIRRORS[i].mirrored);
        ck_assert_int_eq(may, MIRRORS[i].may);
        bytes_free(&out);
    }
}
END_TEST

/* Two halves of these colours. */
static void halves(struct sprite *s, const uint8_t a[3], const uint8_t b[3])
{
    struct error error = {0};
    ck_assert(sprite_init(s, 32, 32, &error));
    for (int i = 0; i < SPRITE_PIXELS; i++) {
        if (i / 32 < 4) continue;
        memcpy(s->rgba + 4 * i, i % 32 < 16 ? a : b, 3);
        s->rgba[4 * i + 3] = 255;
    }
}

static const struct { const char *caption; int degrees; const char *turned; } TURNS[] = {
    {"a red dragon", 120, "a green dragon"}, {"a Red and white dragon", 240, "a blue and white dragon"}, {"a red dragon", 60, "a yellow dragon"}, {"an old red hat", 30, "an old orange hat"},
    {"a red hat", 30, "an orange hat"}, {"a green hat", 120, NULL}, {"a dragon", 120, NULL}, {"a red dragon on grass", 120, NULL}, {"a tired hunter, redder than red", 120, "a tired hunter, redder than green"}};

START_TEST(colour_words_follow_the_hue)
{
    static const uint8_t red[3] = {230, 20, 20}, white[3] = {250, 250, 250};
    struct sprite s, turned;
    halves(&s, red, white);
    for (size_t i = 0; i < sizeof TURNS / sizeof *TURNS; i++) {
        struct bytes out = {0};
        struct error error = {0};
        bool may;
        char text[80];
        snprintf(text, sizeof text, "%s", TURNS[i].caption);
        ck_assert(augment_hue(&s, TURNS[i].degrees, (char *const[]){text}, 1, &turned, &out, &may, &error));
        ck_assert_msg(may == (TURNS[i].turned != NULL), "%s", TURNS[i].caption);
        if (may) {
            ck_assert_str_eq(bytes_text(&out), TURNS[i].turned);
            ck_assert_mem_eq(turned.rgba + 4 * (32 * 8 + 20), ((uint8_t[4]){250, 250, 250, 255}), 4);      /* white stays white */
            ck_assert_int_eq(turned.rgba[3], 0);
            sprite_free(&turned);
        }
        bytes_free(&out);
    }
    sprite_free(&s);
}
END_TEST

/* Whatever the colours and the angle: a word that is left in a caption names a colour that is in the turned picture. */
START_TEST(turned_captions_are_true)
{
    int made = 0;
    for (uint64_t k = 0; k < 3000; k++) {
        uint8_t a[3], b[3];
        struct sprite s, turned;
        struct bytes out[2] = {{0}};
        struct error error = {0};
        char text[2][80];
        bool may;
        for (int d = 0; d < 3; d++) a[d] = (uint8_t)random_below(k, 1, (uint64_t)d, 256), b[d] = (uint8_t)random_below(k, 2, (uint64_t)d, 256);
        halves(&s, a, b);
        snprintf(text[0], sizeof text[0], "a %s thing", colours_name(colours_of_pixel(a))), snprintf(text[1], sizeof text[1], "%s and %s", colours_name(colours_of_pixel(b)), colours_name(colours_of_pixel(a)));
        ck_assert(augment_hue(&s, (int)(k % 359) + 1, (char *const[]){text[0], text[1]}, 2, &turned, out, &may, &error));
        if (may) {
            char wanted[80];
            const uint8_t *p = turned.rgba + 4 * (32 * 8 + 3), *q = turned.rgba + 4 * (32 * 8 + 20);
            const char *name = colours_name(colours_of_pixel(p));
            if (strcmp(colours_name(colours_of_pixel(a)), colours_name(colours_of_pixel(b))) != 0) {
                snprintf(wanted, sizeof wanted, "%s and %s", colours_name(colours_of_pixel(q)), name);
                ck_assert_str_eq(bytes_text(&out[1]), wanted);
                snprintf(wanted, sizeof wanted, "%s %s thing", strchr("aeiou", name[0]) && strcmp(name, colours_name(colours_of_pixel(a))) != 0 ? "an" : "a", name);
                ck_assert_str_eq(bytes_text(&out[0]), wanted);
            }
            int light_before = a[0] > a[1] ? (a[0] > a[2] ? a[0] : a[2]) : (a[1] > a[2] ? a[1] : a[2]), light = p[0] > p[1] ? (p[0] > p[2] ? p[0] : p[2]) : (p[1] > p[2] ? p[1] : p[2]);
            ck_assert_int_le(abs(light - light_before), 1);
            made++;
            sprite_free(&turned);
        }
        sprite_free(&s);
        bytes_free(&out[0]), bytes_free(&out[1]);
    }
    ck_assert_int_gt(made, 1500);
}
END_TEST

/* ---- splits ---- */

/* Picture number k, a random shape; its twins are mirrored, recoloured or have some pixels changed. */
static void put_twin(const char *folder, int k, int twin)
{
    struct sprite s;
    struct bytes png = {0};
    struct error error = {0};
    char path[300];
    ck_assert(sprite_init(&s, 32, 32, &error));
    for (int i = 0; i < SPRITE_PIXELS; i++) {
        int field = i / 32 / 4 * 8 + i % 32 / 4;
        if (random_below((uint64_t)k, 3, (uint64_t)field, 3) == 0) continue;
        uint8_t light = (uint8_t)(random_below((uint64_t)k, 4, (uint64_t)field, 200) + 20), *p = s.rgba + 4 * i;
        p[0] = light, p[1] = (uint8_t)(twin == 2 ? light / 2 : light), p[2] = (uint8_t)(twin == 2 ? 10 : light), p[3] = 255;
        if (twin == 3 && i % 53 == 0) p[1] ^= 64;
    }
    if (twin == 1) sprite_flip(&s);
    ck_assert(png_write_sprite(&s, NULL, NULL, &png, &error));
    snprintf(path, sizeof path, "%s/%c%c%d-%d.png", folder, 'a' + (k * 7 + twin * 11) % 26, 'a' + (k * 3 + twin * 5) % 26, k, twin);
    ck_assert(file_write(path, png.data, png.n, &error));
    sprite_free(&s);
    bytes_free(&png);
}

START_TEST(twins_stay_in_one_split)
{
    char folder[] = "/tmp/triptych-twins-XXXXXX", command[100];
    struct dataset d;
    struct error error = {0};
    int split[120], count[SPLITS] = {0}, plain = 0;
    ck_assert_ptr_nonnull(mkdtemp(folder));
    for (int k = 0; k < 120; k++)
        for (int twin = 0; twin < 4; twin++) put_twin(folder, k, twin);
    ck_assert_msg(dataset_scan(folder, &d, &error), "%s", error.text);
    ck_assert_uint_eq(d.n, 480);
    for (int k = 0; k < 120; k++) split[k] = -1;
    for (size_t i = 0; i < d.n; i++) {
        int k = atoi(file_base(d.items[i].path) + 2);
        if (split[k] < 0) split[k] = (int)d.items[i].split, count[split[k]]++;
        ck_assert_msg(split[k] == (int)d.items[i].split, "twins of picture %d are apart", k);
        plain += d.items[i].hashed;
    }
    ck_assert_int_eq(plain, 480);
    ck_assert_msg(count[SPLIT_TRAIN] > 90 && count[SPLIT_VALID] + count[SPLIT_TEST] >= 4, "%d, %d, %d", count[0], count[1], count[2]);   /* groups do not run together */
    dataset_free(&d);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}
END_TEST

/* Draws of one captioned picture: each is one of three payloads, each with a caption that is true of it. */
START_TEST(draws_pair_pictures_with_their_captions)
{
    char folder[] = "/tmp/triptych-draws-XXXXXX", path[300], command[100];
    struct dataset d;
    struct vocabulary v;
    struct error error = {0};
    struct sprite s;
    struct bytes png = {0};
    const bool wanted[SPLITS] = {true, true, true};
    int seen[3] = {0}, holes = 0;
    struct threads *pool = threads_start(1, &error);
    ck_assert_ptr_nonnull(pool);
    ck_assert(vocabulary_load("models/default", &v, &error) && mkdtemp(folder) != NULL);
    halves(&s, (uint8_t[3]){230, 20, 20}, (uint8_t[3]){250, 250, 250});
    ck_assert(png_write_sprite(&s, NULL, NULL, &png, &error) && snprintf(path, sizeof path, "%s/a red cloak, left.png", folder) > 0 && file_write(path, png.data, png.n, &error));
    ck_assert(dataset_scan(folder, &d, &error));
    d.items[0].split = SPLIT_TRAIN;
    ck_assert_msg(dataset_encode(&d, &v, 512, wanted, pool, &error), "%s", error.text);
    struct stream_source source = dataset_source(&d);
    const struct dataset_piece *p = d.pieces[SPLIT_TRAIN];
    ck_assert(p->turned.n > 0 && p->may_mirror);
    const struct ids *payloads[3] = {&p->payload, &p->mirrored, &p->turned}, *captions[3] = {p->caption, p->mirrored_caption, p->turned_caption};
    for (uint64_t draw = 0; draw < 300; draw++) {
        struct ids out = {0};
        struct bytes text = {0};
        ck_assert(source.piece(source.context, false, 0, draw, &out, &error));
        int which = -1;
        for (int k = 0; k < 3; k++)
            if (memmem(out.id, out.n * sizeof *out.id, payloads[k]->id, payloads[k]->n * sizeof *out.id) != NULL) which = k;
        const int32_t hole = v.image_first + codes_vocabulary(v.codes) - 2;
        if (which < 0) {                                         /* some are left out and come second: the same picture as one of the three */
            size_t from = 0;
            int alike = 0;
            while (out.id[from] != SPECIAL_IMAGE) from++;
            struct ids a = {0};
            struct sprite whole, other;
            ck_assert(vocabulary_local(out.id + from + 1, out.n - from - 2, v.image_first, codes_vocabulary(v.codes), &a, &error) && codes_decode(v.codes, a.id, a.n, &whole, NULL, &error));
            for (int k = 0; k < 3; k++) {
                a.n = 0;
                ck_assert(vocabulary_local(payloads[k]->id, payloads[k]->n, v.image_first, codes_vocabulary(v.codes), &a, &error) && codes_decode(v.codes, a.id, a.n, &other, NULL, &error));
                alike += memcmp(whole.rgba, other.rgba, 4 * SPRITE_PIXELS) == 0;
                sprite_free(&other);
            }
            ck_assert_int_eq(alike, 1);
            ck_assert(memmem(out.id, out.n * sizeof *out.id, &hole, sizeof hole) != NULL && out.id[out.n - 1] == SPECIAL_EOS);
            sprite_free(&whole);
            ids_free(&a), ids_free(&out);
            holes++;
            continue;
        }
        if (ids_have(&out, SPECIAL_CAPTION)) {
            ck_assert_ptr_nonnull(memmem(out.id, out.n * sizeof *out.id, captions[which]->id, captions[which]->n * sizeof *out.id));
            seen[which]++;
        }
        ids_free(&out);
        bytes_free(&text);
    }
    ck_assert(seen[0] > 50 && seen[1] > 50 && seen[2] > 30);
    ck_assert(holes > 25 && holes < 65);
    d.as_is = true;                                              /* --no-augment */
    for (uint64_t draw = 0; draw < 100; draw++) {
        struct ids out = {0};
        ck_assert(source.piece(source.context, false, 0, draw, &out, &error));
        ck_assert_ptr_nonnull(memmem(out.id, out.n * sizeof *out.id, p->payload.id, p->payload.n * sizeof *out.id));
        ids_free(&out);
    }
    struct bytes words = {0};
    ck_assert(bpe_decode(v.bpe, p->mirrored_caption->id, p->mirrored_caption->n, true, &words, &error));
    ck_assert_str_eq(bytes_text(&words), "a red cloak, right");
    threads_stop(pool);
    dataset_free(&d);
    vocabulary_free(&v);
    sprite_free(&s);
    bytes_free(&png), bytes_free(&words);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("augment");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 60);
    tcase_add_test(all, pictures_and_texts_have_colours);
    tcase_add_test(all, colours_have_their_names);
    tcase_add_test(all, sides_change_places);
    tcase_add_test(all, colour_words_follow_the_hue);
    tcase_add_test(all, turned_captions_are_true);
    tcase_add_test(all, twins_stay_in_one_split);
    tcase_add_test(all, draws_pair_pictures_with_their_captions);
    suite_add_tcase(suite, all);
    return suite_run(suite);
}
