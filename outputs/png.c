/* PNG over libpng; see png.h. libpng reports by longjmp: both jumps land in this file, and nothing that must be freed
 * is changed between setjmp and a call that may jump, except through the struct that is passed. */
#include "outputs/png.h"
#include "core/mem.h"

#include <png.h>
#include <setjmp.h>
#include <string.h>

enum { CHUNKS_MOST = 16, CHUNK_BYTES_MOST = 256 << 10 };
static const char RECIPE[] = "triptych", PARAMETERS[] = "parameters";

static void on_error(png_structp png, png_const_charp message)
{
    struct error *error = png_get_error_ptr(png);
    error_set(error, ERROR_INPUT, "PNG: %.120s", message);
    longjmp(png_jmpbuf(png), 1);
}

static void on_warning(png_structp png, png_const_charp message) { (void)png, (void)message; }

/* ---- reading ---- */

struct input { struct reader reader; png_structp png; png_infop info; struct sprite *out; struct error *error; };

static void read_bytes(png_structp png, png_bytep to, size_t n)
{
    struct input *in = png_get_io_ptr(png);
    const uint8_t *from = reader_take(&in->reader, n);
    if (from == NULL) png_error(png, "the file ends too early");
    memcpy(to, from, n);
}

/* Ask libpng for 8-bit RGBA whatever is in the file; sets how many passes the rows take. */
static int set_transforms(png_structp png, png_infop info)
{
    int type = png_get_color_type(png, info);
    if (type == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
    if (type == PNG_COLOR_TYPE_GRAY && png_get_bit_depth(png, info) < 8) png_set_expand_gray_1_2_4_to_8(png);
    if (png_get_valid(png, info, PNG_INFO_tRNS)) png_set_tRNS_to_alpha(png);
    if (png_get_bit_depth(png, info) == 16) png_set_scale_16(png);
    if (!(type & PNG_COLOR_MASK_COLOR)) png_set_gray_to_rgb(png);
    png_set_filler(png, 255, PNG_FILLER_AFTER);
    int passes = png_set_interlace_handling(png);
    png_read_update_info(png, info);
    return passes;
}

static bool read_all(struct input *in)
{
    if (setjmp(png_jmpbuf(in->png))) return false;
    png_set_user_limits(in->png, SPRITE_SIDE_MOST, SPRITE_SIDE_MOST);
    png_set_chunk_cache_max(in->png, CHUNKS_MOST);
    png_set_chunk_malloc_max(in->png, CHUNK_BYTES_MOST);
    png_set_read_fn(in->png, in, read_bytes);
    png_read_info(in->png, in->info);
    int width = (int)png_get_image_width(in->png, in->info), height = (int)png_get_image_height(in->png, in->info);
    int passes = set_transforms(in->png, in->info);
    if (png_get_rowbytes(in->png, in->info) != (size_t)width * 4) png_error(in->png, "rows of an unexpected width");
    if (!sprite_init(in->out, width, height, in->error)) return false;
    for (int pass = 0; pass < passes; pass++)
        for (int y = 0; y < height; y++) png_read_row(in->png, in->out->rgba + (size_t)y * (size_t)width * 4, NULL);
    png_read_end(in->png, in->info);
    return true;
}

/* The sizes that the header tells, before anything is unpacked: libpng would only call them invalid, and believe in pixels that a file so short cannot
 * hold (deflate packs 1032 bytes into one at best; a pixel has a bit at least). Other faults of the header are left to libpng. */
static bool check_sizes(const uint8_t *data, size_t n, struct error *error)
{
    enum { PACKED_MOST = 1032 };
    struct reader r = reader_on(data, n);
    if (n < 24 || memcmp(data + 12, "IHDR", 4) != 0) return true;
    (void)reader_take(&r, 16);
    uint32_t width = reader_be32(&r), height = reader_be32(&r);
    if (width > SPRITE_SIDE_MOST || height > SPRITE_SIDE_MOST)
        return error_set(error, ERROR_INPUT, "PNG: %u x %u pixels; at most %d x %d are wanted", (unsigned)width, (unsigned)height, SPRITE_SIDE_MOST, SPRITE_SIDE_MOST);
    return (size_t)height * (width / 8 + 1) / PACKED_MOST <= n || error_set(error, ERROR_INPUT, "PNG: the file ends too early");
}

static bool keep_recipe(const struct input *in, struct bytes *recipe, struct error *error)
{
    png_textp texts;
    int n = png_get_text(in->png, in->info, &texts, NULL);
    for (int i = 0; recipe != NULL && i < n; i++)
        if (strcmp(texts[i].key, RECIPE) == 0 && recipe->n == 0 && texts[i].text != NULL && !bytes_append_text(recipe, texts[i].text, error)) return false;
    return true;
}

bool png_read_sprite(const void *data, size_t n, struct sprite *out, struct bytes *recipe, struct error *error)
{
    *out = (struct sprite){0};
    if (n == 0) return error_set(error, ERROR_INPUT, "PNG: the file is empty");
    if (n < 8 || png_sig_cmp(data, 0, 8) != 0) return error_set(error, ERROR_INPUT, "PNG: the file does not start like a PNG");
    if (!check_sizes(data, n, error)) return false;
    struct input in = {.reader = reader_on(data, n), .out = out, .error = error};
    in.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, error, on_error, on_warning);
    in.info = in.png == NULL ? NULL : png_create_info_struct(in.png);
    bool ok = in.info != NULL ? read_all(&in) : error_set(error, ERROR_MEMORY, "PNG: libpng could not start");
    ok = ok && keep_recipe(&in, recipe, error);
    png_destroy_read_struct(&in.png, &in.info, NULL);
    if (!ok) {
        error_set(error, ERROR_INPUT, "PNG: cannot be read");
        sprite_free(out);
    }
    return ok;
}

/* ---- writing ---- */

struct output { struct bytes *out; struct error *error; png_structp png; png_infop info; const struct sprite *sprite; struct colour_list palette; uint8_t *indices; bool indexed; };

static void write_bytes(png_structp png, png_bytep from, size_t n)
{
    struct output *o = png_get_io_ptr(png);
    if (!bytes_append(o->out, from, n, o->error)) png_error(png, "no memory");
}

static void flush_bytes(png_structp png) { (void)png; }

/* Palette entries that are not opaque come first, so that tRNS is short. */
static void order_palette(struct colour_list *p)
{
    int at = 0;
    for (int i = 0; i < p->n; i++) {
        if (p->rgba[i][3] == 255) continue;
        uint8_t keep[4];
        memcpy(keep, p->rgba[i], 4);
        memcpy(p->rgba[i], p->rgba[at], 4);
        memcpy(p->rgba[at++], keep, 4);
    }
}

static void set_palette(struct output *o, int depth)
{
    png_color colours[256];
    png_byte alphas[256];
    int translucent = 0;
    for (int i = 0; i < o->palette.n; i++) {
        const uint8_t *p = o->palette.rgba[i];
        colours[i] = (png_color){p[0], p[1], p[2]};
        alphas[i] = p[3];
        if (p[3] != 255) translucent = i + 1;
    }
    png_set_IHDR(o->png, o->info, (png_uint_32)o->sprite->width, (png_uint_32)o->sprite->height, depth, PNG_COLOR_TYPE_PALETTE, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_set_PLTE(o->png, o->info, colours, o->palette.n);
    if (translucent > 0) png_set_tRNS(o->png, o->info, alphas, translucent, NULL);
}

static void set_text(struct output *o, const char *key, const char *text)
{
    png_text chunk = {.compression = PNG_ITXT_COMPRESSION_NONE, .key = (png_charp)(uintptr_t)key, .text = (png_charp)(uintptr_t)text};
    if (text != NULL && text[0] != '\0') png_set_text(o->png, o->info, &chunk, 1);
}

static bool write_all(struct output *o, const char *recipe, const char *parameters)
{
    if (setjmp(png_jmpbuf(o->png))) return false;
    size_t width = (size_t)o->sprite->width;
    png_set_write_fn(o->png, o, write_bytes, flush_bytes);
    if (o->indexed) set_palette(o, 8);
    else png_set_IHDR(o->png, o->info, (png_uint_32)o->sprite->width, (png_uint_32)o->sprite->height, 8, PNG_COLOR_TYPE_RGBA, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    set_text(o, PARAMETERS, parameters);
    set_text(o, RECIPE, recipe);
    png_write_info(o->png, o->info);
    for (int y = 0; y < o->sprite->height; y++)
        png_write_row(o->png, o->indexed ? o->indices + (size_t)y * width : o->sprite->rgba + (size_t)y * width * 4);
    png_write_end(o->png, NULL);
    return true;
}

/* Map the pixels to palette entries when 256 are enough. */
static bool index_pixels(struct output *o)
{
    size_t n = (size_t)o->sprite->width * (size_t)o->sprite->height;
    o->indices = mem_alloc(n, 1, o->error);
    if (o->indices == NULL) return false;
    o->indexed = true;
    for (size_t i = 0; o->indexed && i < n; i++) o->indexed = colour_list_index(&o->palette, o->sprite->rgba + 4 * i) >= 0;
    order_palette(&o->palette);
    for (size_t i = 0; o->indexed && i < n; i++) o->indices[i] = (uint8_t)colour_list_index(&o->palette, o->sprite->rgba + 4 * i);
    return true;
}

bool png_write_sprite(const struct sprite *sprite, const char *recipe, const char *parameters, struct bytes *out, struct error *error)
{
    struct output o = {.out = out, .error = error, .sprite = sprite};
    if (sprite->width < 1 || sprite->height < 1) return error_set(error, ERROR_INPUT, "PNG: a picture of %d x %d pixels", sprite->width, sprite->height);
    if (!index_pixels(&o)) return false;
    o.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, error, on_error, on_warning);
    o.info = o.png == NULL ? NULL : png_create_info_struct(o.png);
    bool ok = o.info != NULL ? write_all(&o, recipe, parameters) : error_set(error, ERROR_MEMORY, "PNG: libpng could not start");
    png_destroy_write_struct(&o.png, &o.info);
    mem_free(o.indices);
    return ok || error_set(error, ERROR_INPUT, "PNG: cannot be written");
}
