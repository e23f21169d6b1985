/* PNG files: a set of every colour type, bit depth, transparency and interlacing, written here with libpng itself and read against values
 * computed from the specification; broken files, each with its name; what we write. Also palettes, GIF, sheets, previews, the font. */
#include "core/json.h"
#include "core/mem.h"
#include "core/random.h"
#include "outputs/font.h"
#include "outputs/gif.h"
#include "outputs/palette.h"
#include "outputs/png.h"
#include "outputs/preview.h"
#include "outputs/sheet.h"
#include "tests/suite.h"

#include <check.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { WIDTH = 19, HEIGHT = 11 };

/* ---- the set ---- */

static const struct { int type, depth; } TYPES[] = {
    {PNG_COLOR_TYPE_GRAY, 1}, {PNG_COLOR_TYPE_GRAY, 2}, {PNG_COLOR_TYPE_GRAY, 4}, {PNG_COLOR_TYPE_GRAY, 8}, {PNG_COLOR_TYPE_GRAY, 16},
    {PNG_COLOR_TYPE_RGB, 8}, {PNG_COLOR_TYPE_RGB, 16}, {PNG_COLOR_TYPE_PALETTE, 1}, {PNG_COLOR_TYPE_PALETTE, 2}, {PNG_COLOR_TYPE_PALETTE, 4}, {PNG_COLOR_TYPE_PALETTE, 8},
    {PNG_COLOR_TYPE_GRAY_ALPHA, 8}, {PNG_COLOR_TYPE_GRAY_ALPHA, 16}, {PNG_COLOR_TYPE_RGB_ALPHA, 8}, {PNG_COLOR_TYPE_RGB_ALPHA, 16}};
enum { TYPES_N = sizeof TYPES / sizeof *TYPES };

static void to_bytes(png_structp png, png_bytep from, size_t n)
{
    struct error error = {0};
    ck_assert(bytes_append(png_get_io_ptr(png), from, n, &error));
}

static void nothing(png_structp png) { (void)png; }

static int channels_of(int type) { return type == PNG_COLOR_TYPE_GRAY || type == PNG_COLOR_TYPE_PALETTE ? 1 : type == PNG_COLOR_TYPE_GRAY_ALPHA ? 2 : type == PNG_COLOR_TYPE_RGB ? 3 : 4; }

/* The sample of a channel; few values, so that keyed transparency occurs. */
static unsigned sample(int k, int x, int y, int channel, int depth)
{
    unsigned most = depth == 16 ? 65535 : (1u << depth) - 1, draw = (unsigned)random_below(1, (uint64_t)(k * 8 + channel), (uint64_t)(y * WIDTH + x), 7);
    return x % 3 == 0 ? most * draw / 6 : (draw * 10007u + (unsigned)(x * 131)) % (most + 1);
}

static void palette_entry(int i, uint8_t rgba[4]) { rgba[0] = (uint8_t)(i * 37 + 5), rgba[1] = (uint8_t)(i * 91), rgba[2] = (uint8_t)(255 - i), rgba[3] = (uint8_t)(i % 5 == 2 ? 0 : i % 5 == 3 ? 100 : 255); }

struct wanted { int k; bool keyed, interlaced, gamma; };

static void write_row(const struct wanted *w, int y, uint8_t *row)
{
    int depth = TYPES[w->k].depth, channels = channels_of(TYPES[w->k].type), bit = 0;
    memset(row, 0, WIDTH * 8);
    for (int x = 0; x < WIDTH; x++)
        for (int c = 0; c < channels; c++, bit += depth) {
            unsigned v = sample(w->k, x, y, c, depth);
            if (depth == 16) row[bit / 8] = (uint8_t)(v >> 8), row[bit / 8 + 1] = (uint8_t)v;
            else row[bit / 8] = (uint8_t)(row[bit / 8] | v << (8 - depth - bit % 8));
        }
}

/* The keyed colour is that of the pixel 3, 2. */
static void set_extras(const struct wanted *w, png_structp png, png_infop info)
{
    int type = TYPES[w->k].type, depth = TYPES[w->k].depth;
    if (type == PNG_COLOR_TYPE_PALETTE) {
        png_color colours[256];
        png_byte alphas[256];
        for (int i = 0; i < 1 << depth; i++) {
            uint8_t p[4];
            palette_entry(i, p);
            colours[i] = (png_color){p[0], p[1], p[2]}, alphas[i] = p[3];
        }
        png_set_PLTE(png, info, colours, 1 << depth);
        if (w->keyed) png_set_tRNS(png, info, alphas, (1 << depth) - 1, NULL);
    } else if (w->keyed && !(type & PNG_COLOR_MASK_ALPHA)) {
        png_color_16 key = {.gray = (png_uint_16)sample(w->k, 3, 2, 0, depth), .red = (png_uint_16)sample(w->k, 3, 2, 0, depth), .green = (png_uint_16)sample(w->k, 3, 2, 1, depth), .blue = (png_uint_16)sample(w->k, 3, 2, 2, depth)};
        png_set_tRNS(png, info, NULL, 0, &key);
    }
    if (w->gamma) png_set_gAMA(png, info, 0.25);
}

static void write_png(const struct wanted *w, struct bytes *out)
{
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    uint8_t row[WIDTH * 8];
    png_set_write_fn(png, out, to_bytes, nothing);
    png_set_IHDR(png, info, WIDTH, HEIGHT, TYPES[w->k].depth, TYPES[w->k].type, w->interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    set_extras(w, png, info);
    png_write_info(png, info);
    int passes = png_set_interlace_handling(png);
    for (int pass = 0; pass < passes; pass++)
        for (int y = 0; y < HEIGHT; y++) write_row(w, y, row), png_write_row(png, row);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
}

/* 8-bit value of a sample: scaled to the full range, rounded. */
static uint8_t eight(unsigned v, int depth)
{
    unsigned most = depth == 16 ? 65535 : (1u << depth) - 1;
    return (uint8_t)((v * 255 + most / 2) / most & 255);
}

static void expected(const struct wanted *w, int x, int y, uint8_t out[4])
{
    int type = TYPES[w->k].type, depth = TYPES[w->k].depth, channels = channels_of(type);
    unsigned v[4] = {0};
    bool key = w->keyed && !(type & PNG_COLOR_MASK_ALPHA);
    for (int c = 0; c < channels; c++) {
        v[c] = sample(w->k, x, y, c, depth);
        key = key && v[c] == sample(w->k, 3, 2, c, depth);
    }
    if (type == PNG_COLOR_TYPE_PALETTE) {
        palette_entry((int)v[0], out);
        if (!w->keyed || (int)v[0] == (1 << depth) - 1) out[3] = 255;
        return;
    }
    for (int d = 0; d < 3; d++) out[d] = eight(v[type & PNG_COLOR_MASK_COLOR ? d : 0], depth);
    out[3] = type & PNG_COLOR_MASK_ALPHA ? eight(v[channels - 1], depth) : key ? 0 : 255;
}

START_TEST(every_kind_is_read_right)
{
    struct wanted w = {.k = _i % TYPES_N, .keyed = _i / TYPES_N & 1, .interlaced = _i / TYPES_N & 2, .gamma = _i / TYPES_N & 4};
    struct bytes file = {0};
    struct sprite s;
    struct error error = {0};
    write_png(&w, &file);
    ck_assert_msg(png_read_sprite(file.data, file.n, &s, NULL, &error), "%s", error.text);
    ck_assert(s.width == WIDTH && s.height == HEIGHT);
    for (int i = 0; i < WIDTH * HEIGHT; i++) {
        uint8_t want[4];
        expected(&w, i % WIDTH, i / WIDTH, want);
        for (int d = 0; d < 4; d++) ck_assert_msg(s.rgba[4 * i + d] == want[d], "type %d, depth %d, pixel %d, channel %d: %d, not %d", TYPES[w.k].type, TYPES[w.k].depth, i, d, s.rgba[4 * i + d], want[d]);
    }
    sprite_free(&s);
    bytes_free(&file);
}
END_TEST

/* ---- broken files ---- */

static void chunk(struct bytes *out, const char *name, const void *data, size_t n)
{
    struct error error = {0};
    uLong crc = crc32(crc32(0, (const Bytef *)name, 4), data, (uInt)n);
    if (n == 0) crc = crc32(0, (const Bytef *)name, 4);
    ck_assert(bytes_append_be32(out, (uint32_t)n, &error) && bytes_append(out, name, 4, &error) && bytes_append(out, data, n, &error) && bytes_append_be32(out, (uint32_t)crc, &error));
}

static void head(struct bytes *out, uint32_t width, uint32_t height, int depth, int type)
{
    struct bytes data = {0};
    struct error error = {0};
    ck_assert(bytes_append(out, "\x89PNG\r\n\x1a\n", 8, &error) && bytes_append_be32(&data, width, &error) && bytes_append_be32(&data, height, &error) &&
              bytes_append(&data, (uint8_t[5]){(uint8_t)depth, (uint8_t)type, 0, 0, 0}, 5, &error));
    chunk(out, "IHDR", data.data, data.n);
    bytes_free(&data);
}

/* n zero bytes, compressed. */
static void pixels(struct bytes *out, size_t n)
{
    Bytef packed[4096], plain[20000] = {0};
    uLongf length = sizeof packed;
    ck_assert(n <= sizeof plain && compress(packed, &length, plain, n) == Z_OK);
    chunk(out, "IDAT", packed, length);
}

static void end(struct bytes *out) { chunk(out, "IEND", "", 0); }
static void gray(struct bytes *out) { head(out, 4, 4, 8, 0), pixels(out, 20), end(out); }

static void cut_signature(struct bytes *out) { gray(out), out->n = 5; }
static void wrong_signature(struct bytes *out) { gray(out), out->data[1] = 'Q'; }
static void cut_header(struct bytes *out) { gray(out), out->n = 20; }
static void header_check_sum(struct bytes *out) { gray(out), out->data[30] ^= 1; }
static void no_header(struct bytes *out) { gray(out), memmove(out->data + 8, out->data + 33, out->n - 33), out->n -= 25; }
static void two_headers(struct bytes *out) { struct error e = {0}; gray(out), out->n = 33, ck_assert(bytes_append(out, (uint8_t[25]){0}, 25, &e)), memcpy(out->data + 33, out->data + 8, 25), pixels(out, 20), end(out); }
static void no_width(struct bytes *out) { head(out, 0, 4, 8, 0), pixels(out, 20), end(out); }
static void too_wide(struct bytes *out) { head(out, 8193, 1, 8, 0), pixels(out, 8194), end(out); }
static void too_short(struct bytes *out) { head(out, 8192, 8192, 1, 0), pixels(out, 20000), end(out); }
static void huge(struct bytes *out) { head(out, 0x7fffffff, 0x7fffffff, 8, 6), pixels(out, 20), end(out); }
static void negative(struct bytes *out) { head(out, 0x80000001, 4, 8, 0), pixels(out, 20), end(out); }
static void bad_depth(struct bytes *out) { head(out, 4, 4, 3, 0), pixels(out, 20), end(out); }
static void bad_pair(struct bytes *out) { head(out, 4, 4, 4, 2), pixels(out, 20), end(out); }
static void bad_type(struct bytes *out) { head(out, 4, 4, 8, 5), pixels(out, 20), end(out); }
static void no_palette(struct bytes *out) { head(out, 4, 4, 8, 3), pixels(out, 20), end(out); }
static void odd_palette(struct bytes *out) { head(out, 4, 4, 8, 3), chunk(out, "PLTE", "abcd", 4), pixels(out, 20), end(out); }
static void empty_palette(struct bytes *out) { head(out, 4, 4, 8, 3), chunk(out, "PLTE", "", 0), pixels(out, 20), end(out); }
static void no_pixels(struct bytes *out) { head(out, 4, 4, 8, 0), end(out); }
static void few_pixels(struct bytes *out) { head(out, 4, 4, 8, 0), pixels(out, 13), end(out); }
static void cut_pixels(struct bytes *out) { gray(out), out->n = 44; }
static void broken_stream(struct bytes *out) { head(out, 4, 4, 8, 0), chunk(out, "IDAT", "not a stream", 12), end(out); }
static void pixels_check_sum(struct bytes *out) { gray(out), out->data[out->n - 14] ^= 1; }
static void bad_filter(struct bytes *out) { Bytef packed[100], plain[20] = {9}; uLongf n = sizeof packed; head(out, 4, 4, 8, 0), ck_assert(compress(packed, &n, plain, 20) == Z_OK), chunk(out, "IDAT", packed, n), end(out); }
static void unknown_critical(struct bytes *out) { head(out, 4, 4, 8, 0), chunk(out, "ABCD", "x", 1), pixels(out, 20), end(out); }
static void bad_name(struct bytes *out) { head(out, 4, 4, 8, 0), chunk(out, "a\1bc", "x", 1), pixels(out, 20), end(out); }
static void long_chunk(struct bytes *out) { struct error e = {0}; head(out, 4, 4, 8, 0), ck_assert(bytes_append(out, "\x7f\xff\xff\xffIDAT", 8, &e)); }
static void midi(struct bytes *out) { struct error e = {0}; ck_assert(bytes_append(out, "MThd\0\0\0\6\0\1\0\1\1\340", 14, &e)); }

static const struct { const char *name; void (*make)(struct bytes *); } BROKEN[] = {
    {"a cut signature", cut_signature}, {"a wrong signature", wrong_signature}, {"a cut header", cut_header}, {"the header's check sum", header_check_sum}, {"no header", no_header},
    {"two headers", two_headers}, {"no width", no_width}, {"too wide", too_wide}, {"more pixels than it can hold", too_short}, {"huge", huge}, {"a negative width", negative}, {"a bad depth", bad_depth}, {"depth 4 in colour", bad_pair},
    {"a bad colour type", bad_type}, {"no palette", no_palette}, {"a palette of 4 bytes", odd_palette}, {"an empty palette", empty_palette}, {"no pixels", no_pixels}, {"too few pixels", few_pixels},
    {"cut pixels", cut_pixels}, {"a broken stream", broken_stream}, {"the pixels' check sum", pixels_check_sum}, {"a bad filter", bad_filter}, {"an unknown critical chunk", unknown_critical},
    {"a chunk with a bad name", bad_name}, {"a chunk longer than the file", long_chunk}, {"a MIDI file", midi}};
enum { BROKEN_N = sizeof BROKEN / sizeof *BROKEN };

START_TEST(broken_files_are_refused)
{
    struct bytes file = {0};
    struct sprite s = {0};
    struct error error = {0};
    BROKEN[_i].make(&file);
    ck_assert_msg(!png_read_sprite(file.data, file.n, &s, NULL, &error), "%s was read", BROKEN[_i].name);
    ck_assert_msg(strncmp(error.text, "PNG: ", 5) == 0 && s.rgba == NULL, "%s: %s", BROKEN[_i].name, error.text);
    bytes_free(&file);
}
END_TEST

/* What may be odd in a file that can be read all the same; texts that would unpack to more than the limit are left out. */
START_TEST(odd_files_are_read)
{
    struct bytes file = {0}, text = {0}, recipe = {0};
    struct sprite s;
    struct error error = {0};
    static Bytef plain[1 << 20], packed[1 << 14];
    uLongf n = sizeof packed;
    memset(plain, 'a', sizeof plain);
    ck_assert(compress(packed, &n, plain, sizeof plain) == Z_OK && bytes_append(&text, "triptych\0\1\0\0", 12, &error) && bytes_append_byte(&text, 0, &error) && bytes_append(&text, packed, n, &error));
    head(&file, 4, 4, 8, 0), chunk(&file, "iTXt", text.data, text.n), chunk(&file, "vpAg", "whatever", 8), chunk(&file, "gAMA", "\0\0\0\0", 4), chunk(&file, "tIME", "x", 1);
    pixels(&file, 20), end(&file);
    ck_assert(bytes_append(&file, "behind the end", 14, &error));
    ck_assert_msg(png_read_sprite(file.data, file.n, &s, &recipe, &error), "%s", error.text);
    ck_assert(recipe.n < 300000 && s.rgba[3] == 255 && s.rgba[0] == 0);
    sprite_free(&s);
    bytes_free(&file), bytes_free(&text), bytes_free(&recipe);
}
END_TEST

/* Sheets are larger than what edits take; what is too large is told with its size. */
START_TEST(sizes_are_limited)
{
    struct bytes file = {0};
    struct sprite s = {0}, back;
    struct error error = {0};
    head(&file, 8192, 2, 8, 0), pixels(&file, 16386), end(&file);
    ck_assert(png_read_sprite(file.data, file.n, &s, NULL, &error) && s.width == 8192 && s.height == 2);
    ck_assert(!sprite_scale(&s, 2, &back, &error) && strstr(error.text, "8192 x 2 pixels, each 2 x 2; at most 8192 x 8192") != NULL);
    sprite_free(&s), error_clear(&error);
    file.n = 0, too_wide(&file);
    ck_assert(!png_read_sprite(file.data, file.n, &s, NULL, &error) && strcmp(error.text, "PNG: 8193 x 1 pixels; at most 8192 x 8192 are wanted") == 0);
    error_clear(&error), file.n = 0, too_short(&file);
    size_t before = mem_fail_at(1);                              /* refused before anything is allocated */
    ck_assert(!png_read_sprite(file.data, file.n, &s, NULL, &error) && strcmp(error.text, "PNG: the file ends too early") == 0);
    (void)before, (void)mem_fail_at(0);
    bytes_free(&file);
}
END_TEST

/* ---- what we write ---- */

START_TEST(written_files_are_small_and_plain)
{
    static const struct { int colours, type; } wanted[] = {{2, 3}, {16, 3}, {17, 3}, {256, 3}, {257, 6}};
    for (size_t k = 0; k < sizeof wanted / sizeof *wanted; k++) {
        struct sprite s, back;
        struct bytes file = {0}, recipe = {0};
        struct error error = {0};
        ck_assert(sprite_init(&s, 20, 20, &error));
        for (int i = 0; i < 400; i++) {
            int c = i % wanted[k].colours;
            s.rgba[4 * i] = (uint8_t)c, s.rgba[4 * i + 1] = (uint8_t)(c / 200), s.rgba[4 * i + 3] = (uint8_t)(c == 1 ? 0 : 255);
        }
        ck_assert(png_write_sprite(&s, "{\"ä\":1}", "words", &file, &error));
        ck_assert_int_eq(file.data[24], 8);
        ck_assert_int_eq(file.data[25], wanted[k].type);
        ck_assert(memmem(file.data, file.n, "iTXttriptych", 12) != NULL && (memmem(file.data, file.n, "tRNS", 4) != NULL) == (wanted[k].type == 3) && memmem(file.data, file.n, "tIME", 4) == NULL);
        ck_assert(png_read_sprite(file.data, file.n, &back, &recipe, &error));
        ck_assert_mem_eq(back.rgba, s.rgba, 1600);
        ck_assert_str_eq(bytes_text(&recipe), "{\"ä\":1}");
        sprite_free(&s), sprite_free(&back);
        bytes_free(&file), bytes_free(&recipe);
    }
}
END_TEST

/* ---- palettes ---- */

static const struct { const char *extension, *text; int n; const char *message; } PALETTES[] = {
    {".gpl", "GIMP Palette\nName: Two\nColumns: 4\n# words\n255   0   0\tRed\n  1 2 3\n\n255 0 0 again\n", 2, NULL},
    {".GPL", "GIMP Palette\r\n0 0 0 Black\r\n", 1, NULL},
    {".gpl", "GIMP\n1 2 3\n", 0, "does not start with"},
    {".gpl", "GIMP Palette\n1 2 300 x\n", 0, "line 2: '1 2 300 x'"},
    {".gpl", "GIMP Palette\n1 2\n", 0, "line 2"},
    {".gpl", "GIMP Palette\n", 0, "holds no colour"},
    {".hex", "ff0000\n#00FF7f\n\n000000", 3, NULL},
    {".hex", "ff000\n", 0, "line 1: 'ff000'"},
    {".hex", "ff0000\n-f0000\n", 0, "line 2"},
    {".hex", "0x0000\n", 0, "line 1"},
    {".hex", "", 0, "holds no colour"},
    {".pal", "JASC-PAL\r\n0100\r\n2\r\n1 2 3\r\n4 5 6\r\n", 2, NULL},
    {".pal", "JASC-PAL\n0200\n1\n1 2 3\n", 0, "version '0200'"},
    {".pal", "JASC-PAL\n0100\n3\n1 2 3\n", 0, "1 of its 3 colours"},
    {".pal", "JASC-PAL\n0100\n999\n1 2 3\n", 0, "'999'"},
    {".pal", "JASC-PAL\n0100\n1\n1 2 3 4 5\n", 0, "line 4"},
    {".pal", "JASC-PAL\n0100\n3\n0 0 0 0\n255 0 0 255\n0 255 0 255\n", 2, NULL},
    {".pal", "\xef\xbb\xbfJASC-PAL\r\n0100\r\n1\r\n1 2 3\r\n", 1, NULL},
    {".gpl", "\xef\xbb\xbfGIMP Palette\n1 2 3 x\nName: behind a colour\n", 1, NULL},
    {".gpl", "GIMP Palette\nChannels: RGBA\n#\n  0   0   0   0 Untitled\n255   0   0 255 Untitled\n  0 255   0 255 Untitled\n", 2, NULL},
    {".gpl", "GIMP Palette\n1 2 3 4 seasons\n", 1, NULL},
    {".hex", "\xef\xbb\xbf" "ff0000\n00ff00\n", 2, NULL},
    {".hex", "; words\n// words\nff0000\n", 1, NULL},
    {".hex", "; Paint.NET\nFFFF0000\nFF00FF00\n00000000\n", 2, NULL},
    {".hex", "FFFF000\n", 0, "line 1: 'FFFF000'; six hexadecimal digits, or eight"},
    {".pal", "JASC-PAL\n0100\n", 0, "is missing"},
    {".pal", "RIFF", 0, "does not start with"},
    {".png", "no picture", 0, "PNG: the file does not start"},
    {".ase", "x", 0, "unknown kind of file"}};

START_TEST(palettes_are_read_or_refused)
{
    struct palette p;
    struct error error = {0};
    bool ok = palette_parse(PALETTES[_i].extension, PALETTES[_i].text, strlen(PALETTES[_i].text), &p, &error);
    if (PALETTES[_i].message == NULL) ck_assert_msg(ok && p.n == PALETTES[_i].n, "%d colours; %s", p.n, error.text);
    else ck_assert_msg(!ok && strstr(error.text, PALETTES[_i].message) != NULL, "%s", error.text);
}
END_TEST

START_TEST(recolouring_keeps_shapes)
{
    struct error error = {0};
    struct palette p = {.n = 5, .rgb = {{250, 240, 200}, {20, 10, 60}, {90, 60, 120}, {200, 120, 150}, {150, 90, 140}}};
    uint8_t grey[4 * 4] = {10, 10, 10, 255, 100, 100, 100, 255, 240, 240, 240, 255, 1, 2, 3, 0}, many[4 * 8];
    ck_assert(palette_recolour(&p, grey, 4, &error));
    ck_assert_mem_eq(grey, p.rgb[1], 3);                         /* darkest to dark, lightest to light, each its own */
    ck_assert_mem_eq(grey + 8, p.rgb[0], 3);
    ck_assert(palette_has(&p, grey + 4) && memcmp(grey + 4, grey, 3) != 0 && memcmp(grey + 4, grey + 8, 3) != 0);
    ck_assert_mem_eq(grey + 12, ((uint8_t[4]){1, 2, 3, 0}), 4);
    for (int i = 0; i < 32; i++) many[i] = (uint8_t)(i % 4 == 3 ? 255 : i * 8);
    ck_assert(palette_recolour(&p, many, 8, &error));
    for (int i = 0; i < 8; i++) ck_assert(palette_has(&p, many + 4 * i));
}
END_TEST

START_TEST(commonest_colours_stay)
{
    struct error error = {0};
    uint8_t p[4 * 6] = {10, 0, 0, 255, 200, 0, 0, 255, 200, 0, 0, 255, 13, 0, 0, 255, 10, 0, 0, 255, 1, 2, 3, 0};
    int colours;
    ck_assert(palette_limit(p, 6, 3, &colours, &error) && colours == 3 && p[12] == 13);
    ck_assert(palette_limit(p, 6, 2, &colours, &error) && colours == 3);
    ck_assert_mem_eq(p, ((uint8_t[]){10, 0, 0, 255, 200, 0, 0, 255, 200, 0, 0, 255, 10, 0, 0, 255, 10, 0, 0, 255, 1, 2, 3, 0}), 24);
}
END_TEST

/* ---- GIF: our own reader of LZW, straight from the specification ---- */

static size_t unpack(const uint8_t *data, size_t n, int depth, uint8_t *out, size_t room)
{
    static uint16_t before[4096];
    static uint8_t last[4096], stack[4097];
    int clear = 1 << depth, top = clear + 2, width = depth + 1, old = -1;
    size_t at = 0, made = 0;
    for (;;) {
        int code = 0;
        for (int b = 0; b < width; b++, at++) {
            ck_assert(at / 8 < n);
            code |= (data[at / 8] >> at % 8 & 1) << b;
        }
        if (code == clear) { top = clear + 2, width = depth + 1, old = -1; continue; }
        if (code == clear + 1) return made;
        ck_assert_int_le(code, old < 0 ? clear - 1 : top);
        int n_stack = 0, walk = code == top ? old : code;         /* a code that is just being made: the string before and its first index */
        for (; walk >= clear; walk = before[walk]) stack[n_stack++] = last[walk];
        stack[n_stack++] = (uint8_t)walk;
        for (int k = n_stack - 1; k >= 0; k--) {
            ck_assert(made < room);
            out[made++] = stack[k];
        }
        if (code == top) {
            ck_assert(made < room);
            out[made++] = (uint8_t)walk;
        }
        if (old >= 0 && top < 4096) before[top] = (uint16_t)old, last[top] = (uint8_t)walk, top++;
        if (top == 1 << width && width < 12) width++;
        old = code;
    }
}

START_TEST(gif_frames_come_back)
{
    static const struct { int side, colours; } sizes[] = {{1, 1}, {5, 3}, {32, 16}, {256, 2}, {200, 250}};
    int side = sizes[_i].side, colours = sizes[_i].colours;
    struct sprite frames[2];
    struct bytes file = {0}, data = {0};
    struct error error = {0};
    uint8_t *out = mem_alloc((size_t)(side * side), 1, &error);
    for (int f = 0; f < 2; f++) {
        ck_assert(sprite_init(&frames[f], side, side, &error));
        for (int i = 0; i < side * side; i++) {
            int c = (int)random_below(9, (uint64_t)f, (uint64_t)(_i == 3 ? i / 40 : i), (uint64_t)colours + 1);
            if (c > 0) frames[f].rgba[4 * i] = (uint8_t)c, frames[f].rgba[4 * i + 1] = (uint8_t)(255 - c), frames[f].rgba[4 * i + 3] = 255;
        }
    }
    ck_assert_msg(gif_write(frames, 2, 120, &file, &error), "%s", error.text);
    ck_assert(memcmp(file.data, "GIF89a", 6) == 0 && file.data[file.n - 1] == 0x3b);
    int bits = (file.data[10] & 7) + 1;
    const uint8_t *table = file.data + 13, *at = table + 3 * (1 << bits) + 19;
    for (int f = 0; f < 2; f++) {
        ck_assert(at[0] == 0x21 && at[1] == 0xf9 && at[3] == 9 && at[4] == 12 && at[8] == 0x2c);
        at += 8 + 10;
        int depth = *at++;
        data.n = 0;
        for (; *at != 0; at += 1 + *at) ck_assert(bytes_append(&data, at + 1, *at, &error));
        at++;
        ck_assert_uint_eq(unpack(data.data, data.n, depth, out, (size_t)(side * side)), (size_t)(side * side));
        for (int i = 0; i < side * side; i++) {
            const uint8_t *p = frames[f].rgba + 4 * i;
            ck_assert(out[i] == 0 ? p[3] == 0 : p[3] == 255 && memcmp(table + 3 * out[i], p, 3) == 0);
        }
    }
    ck_assert(at == file.data + file.n - 1);
    sprite_free(&frames[0]), sprite_free(&frames[1]);
    mem_free(out);
    bytes_free(&file), bytes_free(&data);
}
END_TEST

START_TEST(gif_refuses_what_it_cannot_hold)
{
    struct sprite s, t;
    struct bytes out = {0};
    struct error error = {0};
    ck_assert(sprite_init(&s, 20, 20, &error) && sprite_init(&t, 20, 21, &error));
    for (int i = 0; i < 400; i++) s.rgba[4 * i] = (uint8_t)i, s.rgba[4 * i + 1] = (uint8_t)(i / 256), s.rgba[4 * i + 3] = 255;
    ck_assert(!gif_write(&s, 1, 100, &out, &error) && strstr(error.text, "more than 255 colours") != NULL);
    error_clear(&error);
    ck_assert(!gif_write((struct sprite[]){t, s}, 2, 100, &out, &error) && strstr(error.text, "one size is wanted") != NULL);
    sprite_free(&s), sprite_free(&t);
    bytes_free(&out);
}
END_TEST

/* ---- sheets, previews, the font ---- */

START_TEST(sheets_place_frames_as_their_json_says)
{
    struct sprite s[5];
    struct sheet_frame frames[5];
    struct sheet sheet;
    struct bytes json = {0};
    struct error error = {0};
    for (int i = 0; i < 5; i++) {
        ck_assert(sprite_init(&s[i], 8 + i, 10 - i, &error));
        for (int k = 0; k < s[i].width * s[i].height; k++) s[i].rgba[4 * k] = (uint8_t)(i + 1), s[i].rgba[4 * k + 3] = 255;
        frames[i] = (struct sheet_frame){&s[i], "a \"b\".png", 100 + i};
    }
    ck_assert(sheet_make(frames, 5, 0, &sheet, &error) && sheet.columns == 3 && sheet.rows == 2 && sheet.picture.width == 36 && sheet.picture.height == 20);
    ck_assert(sheet_json(&sheet, frames, 5, 2, "sheet.png", "1", &json, &error));
    cJSON *root = json_parse(json.data, json.n, &error);
    ck_assert_msg(root != NULL, "%s", error.text);
    const cJSON *list = json_member(root, "frames");
    ck_assert_int_eq(cJSON_GetArraySize(list), 5);
    for (int i = 0; i < 5; i++) {
        const cJSON *f = cJSON_GetArrayItem(list, i), *box = json_member(f, "frame");
        int x = json_member(box, "x")->valueint / 2, y = json_member(box, "y")->valueint / 2, w = json_member(box, "w")->valueint / 2, h = json_member(box, "h")->valueint / 2;
        ck_assert(w == s[i].width && h == s[i].height && json_member(f, "duration")->valueint == 100 + i);
        ck_assert_str_eq(json_member(f, "filename")->valuestring, "a \"b\".png");
        for (int k = 0; k < w * h; k++) ck_assert_int_eq(sheet.picture.rgba[4 * ((y + k / w) * 36 + x + k % w)], i + 1);
    }
    ck_assert(json_member(json_member(json_member(root, "meta"), "size"), "w")->valueint == 72);
    cJSON_Delete(root);
    sprite_free(&sheet.picture);
    for (int i = 0; i < 5; i++) sprite_free(&s[i]);
    struct sprite big = {.width = 5000, .height = 1};
    ck_assert(!sheet_make((struct sheet_frame[]){{&big, "", 1}, {&big, "", 1}}, 2, 0, &sheet, &error) && strstr(error.text, "at most 8192") != NULL);
    bytes_free(&json);
}
END_TEST

/* The sixel picture, read back. */
static void read_sixel(const char *text, int width, int height, uint8_t *rgb)
{
    int palette[256][3] = {{0}}, colour = 0, x = 0, top = 0, run = 1;
    const char *p = strstr(text, "\"1;1;");
    ck_assert(strncmp(text, "\x1bPq", 3) == 0 && p != NULL);
    int w = (int)strtol(p + 5, (char **)(uintptr_t)&p, 10), h = (int)strtol(p + 1, (char **)(uintptr_t)&p, 10);
    ck_assert(w == width && h == height);
    while (*p != '\x1b') {
        if (*p == '#') {
            colour = (int)strtol(p + 1, (char **)(uintptr_t)&p, 10);
            if (*p != ';') continue;
            p += 2;
            for (int d = 0; d < 3; d++) palette[colour][d] = (int)strtol(p + 1, (char **)(uintptr_t)&p, 10);
        } else if (*p == '!') run = (int)strtol(p + 1, (char **)(uintptr_t)&p, 10);
        else if (*p == '$') x = 0, p++;
        else if (*p == '-') x = 0, top += 6, p++;
        else {
            for (; run > 0; run--, x++)
                for (int k = 0; k < 6; k++)
                    if ((*p - 63) >> k & 1) for (int d = 0; d < 3; d++) rgb[3 * ((top + k) * width + x) + d] = (uint8_t)palette[colour][d];
            run = 1, p++;
        }
    }
    ck_assert_str_eq(p, "\x1b\\\n");
}

START_TEST(previews_show_the_picture)
{
    struct sprite s;
    struct bytes out = {0};
    struct error error = {0};
    ck_assert(sprite_init(&s, 32, 32, &error));
    for (int i = 0; i < SPRITE_PIXELS; i++)
        if (i % 3) s.rgba[4 * i] = (uint8_t)(_i ? i / 4 : 255 * (i % 2)), s.rgba[4 * i + 1] = (uint8_t)(_i ? i % 32 * 8 : 0), s.rgba[4 * i + 3] = 255;
    ck_assert(preview_print(&s, PREVIEW_SIXEL, &out, &error));
    uint8_t *rgb = mem_alloc(256 * 256, 3, &error);
    read_sixel(bytes_text(&out), 256, 256, rgb);
    for (int y = 0; y < 256; y++)
        for (int x = 0; x < 256; x++) {
            const uint8_t *p = s.rgba + 4 * (y / 8 * 32 + x / 8);
            int ground = (x / 16 + y / 16) % 2 == 0 ? 102 : 153;
            for (int d = 0; d < 3; d++) {
                double want = (p[3] ? p[d] : ground) / 2.55, close = _i ? 11 : 0.51;      /* many colours: six steps a channel */
                ck_assert_double_eq_tol(rgb[3 * (y * 256 + x) + d], want, close);
            }
        }
    mem_free(rgb);
    out.n = 0;
    ck_assert(preview_print(&s, PREVIEW_KITTY, &out, &error));
    ck_assert(strncmp(bytes_text(&out), "\x1b_Gf=100,a=T,m=", 15) == 0 && strstr(bytes_text(&out), "m=0;") != NULL && strcmp(bytes_text(&out) + out.n - 3, "\x1b\\\n") == 0);
    ck_assert_ptr_nonnull(strstr(bytes_text(&out), ";iVBORw0KGgo"));       /* a PNG's signature in base64 */
    out.n = 0;
    ck_assert(preview_print(&s, PREVIEW_256_COLOURS, &out, &error) && strstr(bytes_text(&out), "\x1b[38;5;") != NULL);
    sprite_free(&s);
    bytes_free(&out);
}
END_TEST

START_TEST(letters_are_distinct_and_stay_inside)
{
    struct error error = {0};
    struct sprite seen[96];
    int n = 0;
    for (int c = '!'; c <= '_'; c++, n++) {
        char text[3] = {(char)c, (char)c, 0};
        ck_assert(sprite_init(&seen[n], FONT_WIDTH, FONT_HEIGHT, &error));
        font_draw(&seen[n], 0, 0, 1, text, 2, (uint8_t[3]){255, 255, 255});
        for (int i = 0; i < n; i++) ck_assert_msg(memcmp(seen[i].rgba, seen[n].rgba, 4 * FONT_WIDTH * FONT_HEIGHT) != 0, "'%c' and '%c' look alike", '!' + i, c);
        for (int y = 0; y < FONT_HEIGHT; y++) ck_assert_int_eq(seen[n].rgba[4 * (y * FONT_WIDTH + FONT_WIDTH - 1) + 3], 0);
        for (int x = 0; x < FONT_WIDTH; x++) ck_assert_int_eq(seen[n].rgba[4 * ((FONT_HEIGHT - 1) * FONT_WIDTH + x) + 3], 0);
    }
    for (int i = 0; i < n; i++) sprite_free(&seen[i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("png");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 60);
    tcase_add_loop_test(all, every_kind_is_read_right, 0, TYPES_N * 8);
    tcase_add_loop_test(all, broken_files_are_refused, 0, BROKEN_N);
    tcase_add_test(all, odd_files_are_read);
    tcase_add_test(all, sizes_are_limited);
    tcase_add_test(all, written_files_are_small_and_plain);
    tcase_add_loop_test(all, palettes_are_read_or_refused, 0, (int)(sizeof PALETTES / sizeof *PALETTES));
    tcase_add_test(all, recolouring_keeps_shapes);
    tcase_add_test(all, commonest_colours_stay);
    tcase_add_loop_test(all, gif_frames_come_back, 0, 5);
    tcase_add_test(all, gif_refuses_what_it_cannot_hold);
    tcase_add_test(all, sheets_place_frames_as_their_json_says);
    tcase_add_loop_test(all, previews_show_the_picture, 0, 2);
    tcase_add_test(all, letters_are_distinct_and_stay_inside);
    suite_add_tcase(suite, all);
    return suite_run(suite);
}
