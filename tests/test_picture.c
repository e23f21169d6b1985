/* The verbs of pictures as their user meets them, on the shipped model: wishes of draw, edits that leave the rest alone, sheets, frames. */
#include "core/file.h"
#include "core/random.h"
#include "modalities/colours.h"
#include "outputs/palette.h"
#include "outputs/png.h"
#include "tests/program.h"
#include "tests/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct sprite picture(const char *name)
{
    char path[300];
    struct bytes data = {0};
    struct sprite out;
    struct error error = {0};
    snprintf(path, sizeof path, "%s/%s", home, name);
    ck_assert_msg(file_read(path, 1 << 24, &data, &error) && png_read_sprite(data.data, data.n, &out, NULL, &error), "%s: %s", name, error.text);
    bytes_free(&data);
    return out;
}

static void put_picture(const char *name, const struct sprite *s)
{
    struct bytes data = {0};
    struct error error = {0};
    ck_assert(png_write_sprite(s, NULL, NULL, &data, &error));
    put_file(name, data.data, data.n);
    bytes_free(&data);
}

static uint8_t *at(const struct sprite *s, int x, int y) { return s->rgba + 4 * (y * s->width + x); }

static int colours_of(const struct sprite *s)
{
    int n = 0;
    for (int i = 0; i < s->width * s->height; i++) {
        bool first = s->rgba[4 * i + 3] != 0;
        for (int k = 0; first && k < i; k++) first = memcmp(s->rgba + 4 * k, s->rgba + 4 * i, 4) != 0;
        n += first;
    }
    return n;
}

/* A ball of odd colours, more than the model's palette holds, with one half-transparent pixel; width x height. */
static void make_ball(const char *name, int width, int height, int scale)
{
    struct sprite s, big;
    struct error error = {0};
    ck_assert(sprite_init(&s, width, height, &error));
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            int dx = 2 * x - width + 1, dy = 2 * y - height + 1;
            if (dx * dx + dy * dy > (width - 4) * (width - 4)) continue;
            uint8_t *p = at(&s, x, y);
            p[0] = (uint8_t)(61 + 3 * (x & ~3)), p[1] = (uint8_t)(203 - 5 * (y & ~3)), p[2] = (uint8_t)(17 + ((x + y) & ~7)), p[3] = 255;
        }
    at(&s, width / 2, height / 2)[3] = 77;
    ck_assert(sprite_scale(&s, scale, &big, &error));
    put_picture(name, &big);
    sprite_free(&s), sprite_free(&big);
}

static const char PICO[] = "GIMP Palette\n#\n29 43 83 a\n126 37 83 b\n0 135 81 c\n171 82 54 d\n95 87 79 e\n194 195 199 f\n255 0 77 g\n";

static void start(void)
{
    static char path[4096];
    const char *build = getenv("BUILD");
    ck_assert_ptr_nonnull(realpath(build == NULL ? "triptych" : build, path));
    if (build != NULL) strncat(path, "/triptych", sizeof path - strlen(path) - 1);
    program = path;
    char models[4096];
    ck_assert_ptr_nonnull(realpath("models/default", models));
    ck_assert_int_eq(setenv("TRIPTYCH_MODEL", models, 1), 0);
    ck_assert_ptr_nonnull(mkdtemp(home));
    put_file("p.gpl", PICO, sizeof PICO - 1);
    put_file("bad.hex", "12345\n", 6);
    put_file("list.txt", "\xef\xbb\xbf" "a red dragon\n \t\na blue potion\r\na green tree", 46), put_file("blank.txt", "\n \n", 3);
    put_picture("void.png", &(struct sprite){4, 4, (uint8_t[64]){0}});
    make_ball("ball.png", 32, 32, 1), make_ball("ball16.png", 16, 16, 4), make_ball("odd.png", 24, 20, 3), make_ball("large.png", 100, 60, 1);
}

static void stop(void)
{
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", home);
    ck_assert_int_eq(system(command), 0);
}

/* ---- wrong uses ---- */

static const struct { const char *command; int code; const char *message; } WRONG[] = {
    {"$T draw x -s 1 --size 24", 2, "--size: '24' is unknown; 16 or 32"},
    {"$T draw x -s 1 --colours 17", 2, "--colours: 17 is out of range; 1 to 16"},
    {"$T draw x -s 1 --palette nowhere.gpl", 1, "nowhere.gpl: cannot be opened"},
    {"$T draw x -s 1 --palette bad.hex", 1, "bad.hex: palette: line 1: '12345'; six hexadecimal digits"},
    {"$T draw x -s 1 --tile z", 2, "--tile: 'z' is unknown; x, y or xy"},
    {"$T draw x -s 1 --symmetry y", 2, "--symmetry: 'y' is unknown"},
    {"$T draw x -s 1 --tile x --outline", 2, "--tile and --outline exclude"},
    {"$T draw x -s 1 --background red", 2, "--background: 'red' is no colour"},
    {"$T draw x -s 1 --background '#ffffff' --palette p.gpl", 2, "#ffffff is not in p.gpl"},
    {"$T draw x -s 1 --background '#ffffff' --colours 1", 2, "--colours: 1, and --background takes one"},
    {"$T draw -s 1 --best-of 3", 2, "--best-of: ranks by the prompt"},
    {"$T draw x -s 1 --prompts list.txt", 2, "a prompt and --prompts; one of the two"},
    {"$T draw -s 1 --prompts blank.txt", 1, "blank.txt: no line; a prompt a line"},
    {"$T draw -s 1 --prompts nowhere.txt", 1, "nowhere.txt: cannot be opened"},
    {"$T draw x -s 1 --sheet s.gif", 2, "--sheet s.gif: unknown kind of file"},
    {"$T draw x -s 1 -o new.png --sheet ./new.png", 2, "--sheet new.png: is a picture's name; another one"},
    {"$T draw x -s 1 --sheet nowhere/s.png", 1, "nowhere/s.png: cannot be created"},
    {"$T draw x -s 1 -n 900 --scale 32 --sheet s.png", 1, "sheet: 30 x 30 cells of 1032 x 1060 pixels; a sheet of at most 8192 x 8192"},
    {"$T sheet $(yes ball.png | head -4097) -o s.png", 2, "too many files; at most 4096 are wanted"},
    {"$T draw x -s 1 --sheet ball.png", 1, "ball.png: is there already"},
    {"$T draw x -s 1 --preview ascii", 2, "--preview: 'ascii' is unknown"},
    {"$T fill ball.png -s 1", 2, "one of --box and --mask is wanted"},
    {"$T fill ball.png -s 1 --box 4294967297,0,1,1", 1, "--box: 4294967297,0,1,1 does not lie in the art"},
    {"$T fill ball.png -s 1 --box 9223372036854775807,0,32,1", 1, "does not lie in the art"},
    {"$T fill ball.png -s 1 --box 0,0,0,1", 2, "--box: '0,0,0,1'; W and H of at least 1 are wanted"},
    {"$T vary ball.png -s 1 -o $(yes abcdefgh | head -600 | tr -d '\\n').png", 2, "the path is too long"},
    {"$T redo ball.png -o r.jpg", 1, "ball.png: has no recipe"},
    {"$T fill ball.png -s 1 --box 1,2,3", 2, "--box: '1,2,3'; X,Y,W,H"},
    {"$T fill ball.png -s 1 --box 30,0,3,3", 1, "30,0,3,3 does not lie in the art of 32 x 32"},
    {"$T fill ball16.png -q -s 1 --box 0,0,17,3", 1, "in the art of 16 x 16"},
    {"$T fill ball.png -s 1 --mask ball16.png", 1, "ball16.png: 64 x 64 pixels; those of the picture, 32 x 32"},
    {"$T fill bad.png -s 1 --box 0,0,1,1", 1, "bad.png: cannot be opened"},
    {"$T continue p.gpl -s 1", 2, "a .mid, .abc or .png is wanted"},
    {"$T continue ball16.png -q -s 1 --rows 16", 1, "--rows: 16, but the picture has 16"},
    {"$T continue", 2, "0 files; one is wanted"},
    {"$T vary ball.png a b -s 1", 2, "2 prompts"},
    {"$T vary ball.png -s 1 --strength 2", 2, "--strength: 2 is out of range; 0 to 1"},
    {"$T vary ball.png -s 1 -o x.mid", 2, "unknown kind of file; .png is wanted"},
    {"$T recolour ball.png", 2, "--palette is missing"},
    {"$T recolour ball.png --palette p.gpl -o ball16.png", 1, "ball16.png: is there already"},
    {"$T describe void.png", 1, "void.png: shows nothing"},
    {"$T frames void.png -s 1", 1, "void.png: shows nothing"},
    {"$T sheet ball.png", 2, "-o is missing"},
    {"$T sheet -o s.png", 2, "the files are missing"},
    {"$T sheet ball.png p.gpl -o s.png", 1, "p.gpl: PNG"},
    {"$T frames ball.png -s 1 --frames 5", 2, "--frames: 5 is out of range; 2 to 4"},
    {"$T frames ball.png -s 1 -o x.gif", 2, "unknown kind of file; .png is wanted"},
};

START_TEST(wrong_uses_get_one_clear_line)
{
    char text[8000], before[8000], after[8000];
    run(before, sizeof before, "ls");
    int code = run(text, sizeof text, WRONG[_i].command);
    ck_assert_msg(strstr(text, WRONG[_i].message) != NULL, "%s\n -> %s", WRONG[_i].command, text);
    ck_assert_msg(code == WRONG[_i].code, "%s: exit code %d: %s", WRONG[_i].command, code, text);
    ck_assert_msg(strchr(text, '\n') == text + strlen(text) - 1, "%s: more than one line: %s", WRONG[_i].command, text);
    run(after, sizeof after, "ls");
    ck_assert_str_eq(before, after);
}
END_TEST

/* ---- draw ---- */

START_TEST(wishes_shape_the_written_file)
{
    struct palette p;
    struct error error = {0};
    ck_assert(palette_parse(".gpl", PICO, sizeof PICO - 1, &p, &error));
    must("$T draw 'a red dragon' -s 1 -n 3 -t 1.6 --size 16 --colours 4 --palette p.gpl --symmetry x --best-of 2 --scale 1 -o a/ --sheet a.png");
    for (int seed = 1; seed <= 3; seed++) {
        char name[60];
        snprintf(name, sizeof name, "a/draw-%d.png", seed);
        struct sprite s = picture(name);
        ck_assert(s.width == 16 && s.height == 16);
        ck_assert_int_le(colours_of(&s), 4);
        for (int i = 0; i < 256; i++) {
            const uint8_t *q = s.rgba + 4 * i;
            ck_assert(q[3] == 255 ? palette_has(&p, q) : q[3] == 0);
            ck_assert_mem_eq(q, at(&s, 15 - i % 16, i / 16), 4);
        }
        sprite_free(&s);
    }
    struct sprite sheet = picture("a.png");
    ck_assert(sheet.width == 2 * (32 + 8) && sheet.height % 2 == 0);      /* three cells in two columns */
    sprite_free(&sheet);
    must("$T draw 'a red dragon' -s 1 -n 3 -t 1.6 --size 16 --colours 4 --palette p.gpl --symmetry x --best-of 2 --scale 1 -o b/ && cmp a/draw-2.png b/draw-2.png && "
         "$T redo a/draw-3.png -o c.png && cmp a/draw-3.png c.png && $T recipe c.png | grep -q 'palette\":\"p.gpl\".*best-of\":\"2\"'");
}
END_TEST

/* Side of a picture, that must be square. */
static int side(const char *name)
{
    struct sprite s = picture(name);
    int n = s.width;
    ck_assert_int_eq(s.height, n);
    sprite_free(&s);
    return n;
}

START_TEST(each_pixel_becomes_as_large_as_asked)
{
    must("$T draw 'a cat' --size 16 -s 1 -o s0.png && $T draw 'a cat' --size 16 -s 1 --scale 3 -o s1.png && $T redo s1.png -o s2.png && cmp s1.png s2.png && $T redo s1.png --scale 5 -o s3.png");
    must("$T vary s1.png -s 2 --candidates 1 -o s4.png && $T vary s1.png --scale 4 -s 2 --candidates 1 -o s5.png && $T redo s5.png -o s6.png && cmp s5.png s6.png && $T redo s5.png --scale 4 -o s7.png && cmp s5.png s7.png");
    must("$T draw 'a cat' --size 32 -s 3 --scale 1 -o s8.png && $T recolour s8.png --palette p.gpl --scale 32 -o s9.png && $T recolour s9.png --palette p.gpl --scale 3 -o s10.png && $T vary s10.png -s 1 --candidates 1 -o s11.png");
    ck_assert_int_eq(side("s11.png"), 32 * 96);
    ck_assert(side("s0.png") == 256 && side("s1.png") == 48 && side("s3.png") == 80 && side("s4.png") == 48 && side("s5.png") == 64);
}
END_TEST

START_TEST(pieces_are_the_same_alone_and_together)
{
    must("$T draw 'a blue ghost' -s 11 -n 4 --outline --colours 5 --best-of 3 -o many/ && $T draw 'a blue ghost' -s 13 --outline --colours 5 --best-of 3 -o one.png && cmp many/draw-13.png one.png");
    must("$T draw 'a blue ghost' -s 13 --outline --colours 5 --background '#102030' -o two.png && $T redo two.png -o two2.png && cmp two.png two2.png");
    struct sprite s = picture("two.png");
    ck_assert_int_le(colours_of(&s), 5);
    for (int i = 0; i < s.width * s.height; i++) ck_assert_int_eq(s.rgba[4 * i + 3], 255);
    sprite_free(&s);
    s = picture("one.png");                                      /* every shape pixel has a neighbour in the picture that is not see-through */
    const uint8_t *dark = NULL;
    for (int y = 8; y < s.height - 8; y += 8)
        for (int x = 8; x < s.width - 8; x += 8) {
            if (at(&s, x, y)[3] == 0 || (at(&s, x - 8, y)[3] && at(&s, x + 8, y)[3] && at(&s, x, y - 8)[3] && at(&s, x, y + 8)[3])) continue;
            if (dark == NULL) dark = at(&s, x, y);
            ck_assert_mem_eq(at(&s, x, y), dark, 4);             /* what stands at the edge of the shape is the line, of one dark colour */
        }
    ck_assert(dark != NULL && 299 * dark[0] + 587 * dark[1] + 114 * dark[2] <= 80000);
    sprite_free(&s);
}
END_TEST

START_TEST(tiles_have_no_seam)
{
    must("$T draw 'a stone wall' -s 3 -n 8 --tile xy --scale 1 -t 1.2 -o tiles/");
    for (int seed = 3; seed < 11; seed++) {
        char name[60];
        double inside = 0, seam = 0;
        snprintf(name, sizeof name, "tiles/draw-%d.png", seed);
        struct sprite s = picture(name);
        for (int i = 0; i < s.width * s.width; i++)
            for (int axis = 0; axis < 2; axis++)
                for (int d = 0; d < 4; d++) {
                    int x = i % s.width, y = i / s.width, along = axis ? y : x;
                    double step = at(&s, x, y)[d] - at(&s, axis ? x : (x + 1) % s.width, axis ? (y + 1) % s.width : y)[d];
                    *(along == s.width - 1 ? &seam : &inside) += step < 0 ? -step : step;
                }
        ck_assert_msg(seam <= inside / (s.width - 1), "%s: seam %g, inside %g", name, seam, inside / (s.width - 1));
        sprite_free(&s);
    }
}
END_TEST

/* Of eight pictures in a folder, from seed 5 on, how many have this colour as their commonest. */
static int coloured(const char *folder, const char *colour)
{
    int n = 0;
    for (int seed = 5; seed < 13; seed++) {
        char name[60];
        int number[3];
        snprintf(name, sizeof name, "%s/draw-%d.png", folder, seed);
        struct sprite s = picture(name);
        n += colours_of_sprite(&s, NULL, number) > 0 && strcmp(colours_name(number[0]), colour) == 0;
        sprite_free(&s);
    }
    return n;
}

START_TEST(colour_words_of_the_prompt_are_met)
{
    must("$T draw 'a purple monster' -s 5 -n 8 --scale 1 -o words/ && $T draw 'a purple monster' -s 5 -n 8 --scale 1 --no-words -o none/ && $T draw 'a purple monster' -s 7 --scale 1 -o alone.png && cmp words/draw-7.png alone.png");
    int with = coloured("words", "purple"), without = coloured("none", "purple");
    ck_assert_msg(with >= 5 && with > without, "purple: %d of 8, %d when words do not count", with, without);
    must("$T redo words/draw-12.png -o again.png --scale 1 && cmp words/draw-12.png again.png && $T recipe none/draw-5.png | grep -q '\"no-words\":\"true\"' && "
         "$T draw tree -s 1 --negative-prompt 'a house' -o tree.png && $T recipe tree.png | grep -q '\"negative-prompt\":\"a house\"' && $T redo tree.png -o tree2.png && cmp tree.png tree2.png");
}
END_TEST

START_TEST(the_ground_is_no_colour_of_the_picture)
{
    must("$T draw 'a purple sword' -s 4 -n 2 --scale 1 -o bare/ && $T draw 'a purple sword' -s 4 -n 2 --scale 1 --background '#a040c0' -o ground/");
    for (int seed = 4; seed < 6; seed++) {
        char name[60];
        snprintf(name, sizeof name, "bare/draw-%d.png", seed);
        struct sprite bare = picture(name);
        snprintf(name, sizeof name, "ground/draw-%d.png", seed);
        struct sprite ground = picture(name);
        for (int i = 0; i < bare.width * bare.height; i++) ck_assert_mem_eq(ground.rgba + 4 * i, bare.rgba[4 * i + 3] != 0 ? bare.rgba + 4 * i : (const uint8_t *)"\xa0\x40\xc0\xff", 4);
        sprite_free(&bare), sprite_free(&ground);
    }
}
END_TEST

START_TEST(prompts_come_from_a_file)
{
    must("$T draw --prompts list.txt -s 3 -n 2 --no-words --scale 1 -o list/ --sheet list.png && test $(ls list | wc -l) = 6 && $T recipe list/draw-4.png | grep -q '^prompt  *a red dragon$' && $T recipe list/draw-6.png | grep -q '^prompt  *a blue potion$' && "
         "$T draw 'a blue potion' -s 6 --no-words --scale 1 -o same.png && cmp same.png list/draw-6.png && $T recipe list/draw-8.png | grep -q '^prompt  *a green tree$'");
    struct sprite sheet = picture("list.png");
    ck_assert_int_eq(sheet.width, 3 * (32 + 8));
    sprite_free(&sheet);
    must("$T draw x$(yes é | head -200 | tr -d '\\n') -s 1234567 --scale 1 -o long.png --sheet long-sheet.png && grep -qa '^Sampler' long.png && LC_ALL=C grep -qa 'x\\(é\\)*$' long.png");      /* cut behind a whole letter */
    sheet = picture("long-sheet.png");
    ck_assert_int_eq(sheet.width, 4 * 12 + 8);                   /* room for "seed 1234567" */
    sprite_free(&sheet);
}
END_TEST

/* ---- edits ---- */

/* Pixels of the files that differ, and whether all of them lie in a box of the file's pixels. */
static int changed(const char *before, const char *after, int x, int y, int w, int h)
{
    struct sprite a = picture(before), b = picture(after);
    int n = 0;
    ck_assert_msg(a.width == b.width && a.height == b.height, "%s: %d x %d", after, b.width, b.height);
    for (int i = 0; i < a.width * a.height; i++) {
        int px = i % a.width, py = i / a.width;
        if (memcmp(a.rgba + 4 * i, b.rgba + 4 * i, 4) == 0) continue;
        ck_assert_msg(px >= x && py >= y && px < x + w && py < y + h, "%s: pixel %d, %d changed", after, px, py);
        n++;
    }
    sprite_free(&a), sprite_free(&b);
    return n;
}

START_TEST(fill_changes_nothing_outside)
{
    must("$T fill ball.png 'a red face' --box 9,7,11,13 -s 1 --candidates 3 -t 1.5 -k 0 -o f1.png && $T fill ball16.png --box 3,5,7,7 -s 1 --candidates 2 -t 1.5 -k 0 -o f2.png && "
         "$T fill odd.png --box 5,3,9,9 -s 1 --candidates 2 -t 1.5 -k 0 -o f3.png");
    ck_assert_int_gt(changed("ball.png", "f1.png", 9, 7, 11, 13), 10);
    ck_assert_int_gt(changed("ball16.png", "f2.png", 12, 20, 28, 28), 10);
    ck_assert_int_gt(changed("odd.png", "f3.png", 15, 9, 27, 27), 10);
    must("for i in 1 2 3; do $T redo f$i.png -o g$i.png && cmp f$i.png g$i.png || exit 1; done");
    must("$T fill ball.png 'a red face' --box 9,7,11,13 -s 1 --candidates 3 -t 1.5 -k 0 -o f4.png && cmp f1.png f4.png");
}
END_TEST

START_TEST(masks_mark_what_changes)
{
    struct sprite mask;
    struct error error = {0};
    ck_assert(sprite_init(&mask, 32, 32, &error));
    for (int i = 0; i < SPRITE_PIXELS; i++) memset(mask.rgba + 4 * i, i % 32 > 12 && i / 32 > 14 ? 255 : 0, 3), mask.rgba[4 * i + 3] = 255;
    put_picture("mask.png", &mask);
    must("$T fill ball.png --mask mask.png -s 2 --candidates 1 -t 1.5 -k 0 -o m.png");
    ck_assert_int_gt(changed("ball.png", "m.png", 13, 15, 19, 17), 10);
    memset(mask.rgba, 0, 4 * SPRITE_PIXELS);
    put_picture("mask.png", &mask);
    sprite_free(&mask);
    ck_assert(sprite_init(&mask, 100, 60, &error));              /* a picture that was averaged: the rows that the mask marks, of 32 x 19 */
    for (int i = 0; i < 100 * 60; i++) memset(mask.rgba + 4 * i, i / 100 < 30 ? 255 : 0, 3), mask.rgba[4 * i + 3] = 255;
    put_picture("upper.png", &mask);
    must("$T vary large.png --strength 0 -s 1 --candidates 1 -q -o l0.png && $T fill large.png --mask upper.png -s 2 --candidates 1 -t 1.5 -k 0 -o l1.png");
    ck_assert_int_gt(changed("l0.png", "l1.png", 0, 0, 32, 10), 10);
    char text[1000];
    ck_assert_int_eq(run(text, sizeof text, "$T fill ball.png --mask mask.png -s 2 -o m2.png"), 1);
    ck_assert_ptr_nonnull(strstr(text, "marks no pixel"));
    sprite_free(&mask);
}
END_TEST

START_TEST(continue_keeps_the_top_and_vary_what_its_strength_says)
{
    must("$T continue odd.png --rows 8 -s 1 -n 2 --candidates 2 -t 1.3 -o c.png");
    ck_assert_int_gt(changed("odd.png", "c-1.png", 0, 24, 72, 36), 10);
    ck_assert_int_gt(changed("odd.png", "c-2.png", 0, 24, 72, 36), 10);
    must("! cmp -s c-1.png c-2.png && $T redo c-2.png -o c-3.png && cmp c-2.png c-3.png");
    must("$T vary ball.png --strength 0 -s 1 --candidates 1 -o v0.png && $T vary ball.png --strength 0.2 -s 1 --candidates 1 -t 1.5 -k 0 -o v1.png && $T vary ball.png --strength 1 -s 1 --candidates 1 -t 1.5 -k 0 -o v2.png");
    int none = changed("ball.png", "v0.png", 0, 0, 32, 32), some = changed("ball.png", "v1.png", 0, 0, 32, 32), all = changed("ball.png", "v2.png", 0, 0, 32, 32);
    ck_assert_msg(none == 0 && some > 0 && some <= 208 && all > 2 * some, "%d, %d, %d pixels changed", none, some, all);
}
END_TEST

START_TEST(large_pictures_are_fitted_with_a_word)
{
    char text[1000];
    ck_assert_int_eq(run(text, sizeof text, "$T vary large.png -s 1 --candidates 1 -o l.png"), 0);
    ck_assert_ptr_nonnull(strstr(text, "large.png: 100 x 60 pixels averaged down to 32 x 19"));
    struct sprite s = picture("l.png");
    ck_assert(s.width == 32 && s.height == 19);
    sprite_free(&s);
    must("test -n \"$($T describe large.png)\" && test \"$($T vary odd.png -s 1 --candidates 1 -o l2.png 2>&1 | head -1)\" = 'odd.png: reduced by 3 to 24 x 20 pixels'");
    must("test \"$($T vary odd.png -s 1 --candidates 1 -q -o l3.png 2>&1)\" = l3.png");
}
END_TEST

/* A picture of one colour, or of none, is as large as it is; what is drawn anew shows something. */
START_TEST(plain_pictures_are_edited)
{
    struct sprite s;
    struct error error = {0};
    ck_assert(sprite_init(&s, 32, 32, &error));
    put_picture("empty.png", &s);
    must("$T fill empty.png --box 0,0,32,32 -s 1 --candidates 2 -o e1.png && $T redo e1.png -o e2.png && cmp e1.png e2.png");
    ck_assert_int_gt(changed("empty.png", "e1.png", 0, 0, 32, 32), 0);
    sprite_free(&s);
    ck_assert(sprite_init(&s, 16, 16, &error));
    for (int i = 0; i < 256; i++) memcpy(s.rgba + 4 * i, "\310\12\12\377", 4);
    put_picture("plain.png", &s);
    must("$T fill plain.png 'a blue eye' --box 2,2,5,4 -s 1 --candidates 2 -t 1.5 -k 0 -o e3.png");
    ck_assert_int_gt(changed("plain.png", "e3.png", 2, 2, 5, 4), 0);
    sprite_free(&s);
    for (int seed = 1; seed <= 3; seed++) {
        char command[200];
        snprintf(command, sizeof command, "$T vary plain.png --strength 1 -s %d --candidates 2 --overwrite -o e4.png", seed);
        must(command);
        s = picture("e4.png");
        ck_assert(s.width == 16 && !sprite_is_blank(&s));
        sprite_free(&s);
    }
}
END_TEST

/* The caption names no colour that is not among those measured, and no key. */
START_TEST(captions_fit_what_is_measured)
{
    static const char *const files[] = {"ball.png", "ball16.png", "odd.png", "large.png"};
    static const char *const sizes[] = {"\"width\":32,\"height\":32,\"palette\":", "\"width\":16,\"height\":16,", "\"width\":24,\"height\":20,", "\"width\":100,\"height\":60,"};
    for (int i = 0; i < 4; i++) {
        char command[100], text[2000], caption[400];
        snprintf(command, sizeof command, "$T describe %s --json -q", files[i]);
        ck_assert_int_eq(run(text, sizeof text, command), 0);
        ck_assert_int_eq(sscanf(text, "{\"file\":\"%*[^\"]\",\"caption\":\"%399[^\"]\"", caption), 1);
        const char *facts = strstr(text, sizes[i]);
        int named = colours_first_named(caption);
        ck_assert_msg(facts != NULL && (named < 0 || strstr(strstr(facts, "\"colours\":["), colours_name(named)) != NULL) && strstr(caption, " major") == NULL, "%s", text);
    }
    struct sprite large = picture("large.png");
    char command[200];
    snprintf(command, sizeof command, "$T describe large.png 2>&1 | grep -q 'averaged down' && $T describe large.png -q | grep -q '^100 x 60, %d colours,'", palette_count(large.rgba, 6000, &(struct error){0}));
    must(command);
    sprite_free(&large);
}
END_TEST

/* ---- recolour, sheet, frames, previews ---- */

START_TEST(recoloured_pictures_have_the_palette_only)
{
    struct palette p;
    struct error error = {0};
    ck_assert(palette_parse(".gpl", PICO, sizeof PICO - 1, &p, &error));
    must("$T recolour large.png --palette p.gpl -o r.png && $T recolour large.png --palette r.png -o r2.png");
    struct sprite before = picture("large.png"), s = picture("r.png");
    for (int i = 0; i < s.width * s.height; i++) {
        ck_assert_int_eq(s.rgba[4 * i + 3], before.rgba[4 * i + 3]);
        ck_assert(s.rgba[4 * i + 3] == 0 || palette_has(&p, s.rgba + 4 * i));
    }
    sprite_free(&before), sprite_free(&s);
}
END_TEST

START_TEST(sheets_and_frames_are_written_with_their_json)
{
    must("$T sheet ball.png ball16.png odd.png -o s.png && grep -q '\"filename\":\"odd.png\",\"frame\":{\"x\":0,\"y\":64,\"w\":72,\"h\":60}' s.json || cat s.json");
    struct sprite sheet = picture("s.png"), ball = picture("ball.png");
    ck_assert(sheet.width == 144 && sheet.height == 128);
    for (int i = 0; i < SPRITE_PIXELS; i++) ck_assert_mem_eq(at(&sheet, i % 32, i / 32), ball.rgba + 4 * i, 4);
    sprite_free(&sheet);
    must("$T sheet $(yes ball16.png | head -100) -o s100.png && test $(grep -c duration s100.json) = 100");
    sheet = picture("s100.png");
    ck_assert(sheet.width == 640 && sheet.height == 640);
    must("$T frames ball.png -s 1 --candidates 2 -o fr.png && test $(grep -c duration fr.json) = 4 && file fr.gif | grep -q 'GIF image data, version 89a, 32 x 32'");
    sprite_free(&sheet);
    sheet = picture("fr.png");
    ck_assert(sheet.width == 128 && sheet.height == 32);
    for (int i = 0; i < SPRITE_PIXELS; i++) {
        ck_assert_mem_eq(at(&sheet, i % 32, i / 32), ball.rgba + 4 * i, 4);
        ck_assert((at(&sheet, 64 + i % 32, i / 32)[3] != 0) == (ball.rgba[4 * i + 3] != 0));        /* the blink keeps the shape */
    }
    for (int i = 0; i < 128 * 32; i++) {                         /* no frame brings in a colour */
        bool known = sheet.rgba[4 * i + 3] == 0;
        for (int k = 0; k < SPRITE_PIXELS && !known; k++) known = memcmp(ball.rgba + 4 * k, sheet.rgba + 4 * i, 4) == 0;
        ck_assert(known);
    }
    int rows[4] = {0};                                           /* the first row that holds something: at rest, lower, at rest, higher */
    for (int f = 0; f < 4; f++)
        for (bool found = false; !found; rows[f]++)
            for (int x = 0; x < 32; x++) found = found || at(&sheet, 32 * f + x, rows[f])[3] != 0;
    ck_assert(rows[1] == rows[0] + 1 && rows[2] == rows[0] && rows[3] == rows[0] - 1);
    must("$T recipe fr.png --json | grep -q '\"verb\":\"frames\".*\"seed\":1,.*\"candidates\":\"2\"'");
    char text[1000];
    ck_assert(run(text, sizeof text, "$T redo fr.png -o fr2.png") == 1 && strstr(text, "recipe: of frames") != NULL);
    must("$T frames odd.png --frames 2 && test -e odd-frames.png -a -e odd-frames.gif -a -e odd-frames.json");
    struct sprite many = ball;                                   /* a colour a pixel: the GIF has fewer, the sheet all */
    for (int i = 0; i < SPRITE_PIXELS; i++) memcpy(many.rgba + 4 * i, ((uint8_t[4]){(uint8_t)(i % 32 * 8), (uint8_t)(i / 32 * 8), 0, 255}), 4);
    put_picture("many.png", &many);
    must("$T frames many.png --frames 2 2>&1 | grep -q 'many.png: 1024 colours; the .gif has the 255 commonest, the sheet has all' && file many-frames.gif | grep -q 'GIF image data, version 89a, 32 x 32'");
    sprite_free(&sheet);
    sheet = picture("many-frames.png");
    for (int i = 0; i < SPRITE_PIXELS; i++) ck_assert_mem_eq(at(&sheet, i % 32, i / 32), many.rgba + 4 * i, 4);
    sprite_free(&sheet), sprite_free(&ball);
}
END_TEST

START_TEST(written_files_go_where_they_are_sent)
{
    must("mkdir out && $T vary ball.png -s 7 -q --candidates 1 -o out/ && $T vary odd.png -s 7 -q --candidates 1 -o out && ls out/ball-vary-7.png out/odd-vary-7.png");
    must("$T recolour ball.png --palette p.gpl -o out && $T frames ball.png --frames 2 -o out/ && $T sheet ball.png -o out/ && ls out/ball-recoloured.png out/ball-frames.gif out/ball-frames.json out/sheet.json");
    must("$T redo out/ball-vary-7.png -o out/again/ && cmp out/again/ball-vary-7-redo.png out/ball-vary-7.png && $T redo out/ball-vary-7.png && test -e out/ball-vary-7-redo.png");
    must("$T redo out/ball-vary-7.png --json -o j.png | grep -q '^{\"file\":\"j.png\",\"recipe\":{\"triptych\"' && test \"$($T recolour ball.png --palette p.gpl --json -o j2.png)\" = '{\"file\":\"j2.png\"}'");
    char text[1000];
    ck_assert(run(text, sizeof text, "$T redo out/ball-vary-7.png -o j.jpg") == 2 && strstr(text, "-o j.jpg: unknown kind of file; .png is wanted") != NULL);
    must("n=$(yes a | head -64 | tr -d '\\n') && cp ball.png $n.png && $T frames $n.png --frames 2 --duration 33 -q && grep -q \"\\\"filename\\\":\\\"$n 1.png\\\".*duration\\\":30}\" $n-frames.json && "
         "od -An -tx1 $n-frames.gif | tr -d ' \\n' | grep -q '21f904090300'");
    ck_assert_int_eq(run(text, sizeof text, "$T vary ball.png -s 1 -n 50 -o stop/ & p=$!; sleep 2; kill -INT $p; wait $p"), 1);
    ck_assert_msg(strstr(text, "triptych vary: stopped") != NULL, "%s", text);
}
END_TEST

START_TEST(previews_are_shown_when_asked_for)
{
    must("$T recolour ball.png --palette p.gpl -o p1.png --preview sixel | head -c 3 | od -An -c | grep -q '033   P   q'");
    must("$T recolour ball.png --palette p.gpl -o p1.png --overwrite --preview kitty | head -c 3 | od -An -c | grep -q '033   _   G'");
    must("$T recolour ball.png --palette p.gpl -o p2.png --preview half | head -c 7 | od -An -c | grep -q '033   \\[   .   8   ;'");
    must("COLUMNS=80; export COLUMNS; $T recolour large.png --palette p.gpl -o p3.png --preview half > p3.txt && test $(wc -l < p3.txt) = 16 && test $(head -1 p3.txt | grep -o ▀ | wc -l) = 50");
    must("test \"$($T draw 'a red ball' -s 1 -o p1.png --overwrite --preview none)\" = p1.png && test \"$($T draw 'a red ball' -s 1 -o p1.png --overwrite)\" = p1.png");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("picture");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 120);
    tcase_add_unchecked_fixture(all, start, stop);
    tcase_add_loop_test(all, wrong_uses_get_one_clear_line, 0, (int)(sizeof WRONG / sizeof *WRONG));
    tcase_add_test(all, wishes_shape_the_written_file);
    tcase_add_test(all, each_pixel_becomes_as_large_as_asked);
    tcase_add_test(all, pieces_are_the_same_alone_and_together);
    tcase_add_test(all, tiles_have_no_seam);
    tcase_add_test(all, colour_words_of_the_prompt_are_met);
    tcase_add_test(all, the_ground_is_no_colour_of_the_picture);
    tcase_add_test(all, prompts_come_from_a_file);
    tcase_add_test(all, fill_changes_nothing_outside);
    tcase_add_test(all, masks_mark_what_changes);
    tcase_add_test(all, continue_keeps_the_top_and_vary_what_its_strength_says);
    tcase_add_test(all, large_pictures_are_fitted_with_a_word);
    tcase_add_test(all, plain_pictures_are_edited);
    tcase_add_test(all, captions_fit_what_is_measured);
    tcase_add_test(all, recoloured_pictures_have_the_palette_only);
    tcase_add_test(all, sheets_and_frames_are_written_with_their_json);
    tcase_add_test(all, written_files_go_where_they_are_sent);
    tcase_add_test(all, previews_are_shown_when_asked_for);
    suite_add_tcase(suite, all);
    return suite_run(suite);
}
