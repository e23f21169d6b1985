/* Finishing pictures; see image.h. */
#include "core/mem.h"
#include "modalities/image.h"

#include <stdio.h>
#include <string.h>

void image_finish_free(struct image_finish *f)
{
    sprite_free(&f->base);
    mem_free(f->keep);
    *f = (struct image_finish){0};
}

/* ---- pixels ---- */

/* Cut the window out and put back what stays. */
static bool keep_pixels(const struct image_finish *f, struct sprite *s, struct error *error)
{
    struct sprite out;
    if (f->x + f->base.width > s->width || f->y + f->base.height > s->height)
        return error_set(error, ERROR_INPUT, "picture: %d x %d pixels at %d, %d do not lie in %d x %d", f->base.width, f->base.height, f->x, f->y, s->width, s->height);
    if (!sprite_init(&out, f->base.width, f->base.height, error)) return false;
    for (int y = 0; y < out.height; y++)
        for (int x = 0; x < out.width; x++)
            memcpy(sprite_pixel(&out, x, y), f->keep[y * out.width + x] ? sprite_pixel(&f->base, x, y) : sprite_pixel(s, f->x + x, f->y + y), 4);
    sprite_free(s);
    *s = out;
    return true;
}

static bool is_opaque(const struct sprite *s, int x, int y) { return x >= 0 && y >= 0 && x < s->width && y < s->height && sprite_pixel(s, x, y)[3] != 0; }

/* See-through pixels beside the shape become dark; where the shape meets the frame, its own last pixels do. */
static bool draw_outline(struct sprite *s, const uint8_t rgb[3], struct error *error)
{
    struct sprite before;
    if (!sprite_init(&before, s->width, s->height, error)) return false;
    memcpy(before.rgba, s->rgba, 4 * (size_t)s->width * (size_t)s->height);
    bool shape = false;
    for (int i = 0; i < s->width * s->height; i++) shape = shape || s->rgba[4 * i + 3] == 0;
    for (int y = 0; shape && y < s->height; y++)
        for (int x = 0; x < s->width; x++) {
            bool here = is_opaque(&before, x, y), edge = x == 0 || y == 0 || x == s->width - 1 || y == s->height - 1;
            bool beside = is_opaque(&before, x - 1, y) || is_opaque(&before, x + 1, y) || is_opaque(&before, x, y - 1) || is_opaque(&before, x, y + 1);
            if (here ? edge : beside) memcpy(sprite_pixel(s, x, y), rgb, 3), sprite_pixel(s, x, y)[3] = 255;
        }
    sprite_free(&before);
    return true;
}

static void fill_ground(struct sprite *s, const uint8_t rgb[3])
{
    for (int i = 0; i < s->width * s->height; i++)
        if (s->rgba[4 * i + 3] == 0) memcpy(s->rgba + 4 * i, rgb, 3), s->rgba[4 * i + 3] = 255;
}

/* The darkest colour sent, as it is shown. */
static void darkest(const struct vocabulary *v, const struct image_finish *f, const int32_t *local, size_t n, uint8_t rgb[3])
{
    uint8_t all[CODES_COLOURS_MOST][3];
    int sent = codes_wishes_exact(v->codes, &(struct codes_wishes){0}, local, n, all);
    for (int i = 0; i < sent && i < f->colours; i++) memcpy(all[i], f->colour[i], 3);
    memcpy(rgb, all[0], 3);
    for (int i = 1; i < sent; i++)
        if (sprite_light(all[i]) < sprite_light(rgb)) memcpy(rgb, all[i], 3);
}

bool image_decode(const struct vocabulary *v, const int32_t *ids, size_t n, const struct image_finish *f, struct sprite *out, struct error *error)
{
    struct ids local = {0};
    struct sprite full = {0};
    int native;
    bool ok = vocabulary_local(ids, n, v->image_first, codes_vocabulary(v->codes), &local, error) &&
              codes_decode_exact(v->codes, local.id, local.n, f->colour, f->colours, &full, &native, error);
    if (ok && native == 16) {
        ok = sprite_thin(&full, 2, out, error);
        sprite_free(&full);
    } else if (ok) *out = full;
    if (ok && f->base.rgba != NULL) ok = keep_pixels(f, out, error);
    if (ok && f->outline) {
        uint8_t rgb[3];
        darkest(v, f, local.id, local.n, rgb);
        ok = draw_outline(out, rgb, error);
    }
    if (ok && f->background) fill_ground(out, f->ground);
    if (!ok) sprite_free(out);
    ids_free(&local);
    return ok;
}

/* ---- recipes ---- */

bool image_finish_none(const struct image_finish *f) { return f->colours == 0 && !f->outline && !f->background && f->base.rgba == NULL; }

static bool print_kept(const struct image_finish *f, struct bytes *out, struct error *error)
{
    bool ok = bytes_printf(out, error, "\"kept\":{\"x\":%d,\"y\":%d,\"width\":%d,\"height\":%d,\"pixels\":[", f->x, f->y, f->base.width, f->base.height);
    for (int y = 0; ok && y < f->base.height; y++) {
        ok = bytes_append_text(out, y ? ",\"" : "\"", error);
        for (int x = 0; ok && x < f->base.width; x++) {
            const uint8_t *p = sprite_pixel(&f->base, x, y);
            if (f->keep[y * f->base.width + x] && memcmp(p, "\0\0\0\0", 4) == 0) ok = bytes_append_byte(out, '-', error);
            else ok = f->keep[y * f->base.width + x] ? bytes_printf(out, error, "%02x%02x%02x%02x", p[0], p[1], p[2], p[3]) : bytes_append_byte(out, '.', error);
        }
        ok = ok && bytes_append_byte(out, '"', error);
    }
    return ok && bytes_append_text(out, "]},", error);
}

bool image_finish_print(const struct image_finish *f, struct bytes *out, struct error *error)
{
    bool ok = bytes_append_byte(out, '{', error) && (f->colours == 0 || bytes_append_text(out, "\"palette\":", error));
    for (int i = 0; ok && i < f->colours; i++) ok = bytes_printf(out, error, "%s\"#%02x%02x%02x\"", i ? "," : "[", f->colour[i][0], f->colour[i][1], f->colour[i][2]);
    ok = ok && (f->colours == 0 || bytes_append_text(out, "],", error));
    if (ok && f->outline) ok = bytes_append_text(out, "\"outline\":true,", error);
    if (ok && f->background) ok = bytes_printf(out, error, "\"background\":\"#%02x%02x%02x\",", f->ground[0], f->ground[1], f->ground[2]);
    if (ok && f->base.rgba != NULL) ok = print_kept(f, out, error);
    if (ok && out->data[out->n - 1] == ',') out->n--;
    return ok && bytes_append_byte(out, '}', error);
}

static int digit(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1; }

/* n bytes from 2 n digits. */
static bool read_hex(const char *text, uint8_t *out, int n)
{
    for (int i = 0; i < n; i++) {
        int high = digit(text[2 * i]), low = high < 0 ? -1 : digit(text[2 * i + 1]);
        if (low < 0) return false;
        out[i] = (uint8_t)(high * 16 + low);
    }
    return true;
}

bool image_colour(const char *text, uint8_t rgb[3])
{
    if (text[0] == '#') text++;
    return strlen(text) == 6 && read_hex(text, rgb, 3);
}

static bool read_row(const char *text, int width, uint8_t *rgba, uint8_t *keep)
{
    for (int x = 0; x < width; x++) {
        if (*text == '.') text++;
        else if (*text == '-') keep[x] = 1, text++;
        else if (read_hex(text, rgba + 4 * x, 4)) keep[x] = 1, text += 8;
        else return false;
    }
    return *text == '\0';
}

static bool read_kept(const cJSON *kept, struct image_finish *f, struct error *error)
{
    int64_t x, y, width, height;
    const cJSON *rows = json_member(kept, "pixels"), *row;
    if (!json_integer(kept, "x", 0, SPRITE_SIDE, &x, error) || !json_integer(kept, "y", 0, SPRITE_SIDE, &y, error) ||
        !json_integer(kept, "width", 1, SPRITE_SIDE, &width, error) || !json_integer(kept, "height", 1, SPRITE_SIDE, &height, error)) return false;
    f->x = (int)x, f->y = (int)y;
    if (!cJSON_IsArray(rows) || cJSON_GetArraySize(rows) != height) return error_set(error, ERROR_INPUT, "recipe: \"pixels\" wants %d rows", (int)height);
    if (!sprite_init(&f->base, (int)width, (int)height, error) || (f->keep = mem_alloc((size_t)(width * height), 1, error)) == NULL) return false;
    int at = 0;
    cJSON_ArrayForEach(row, rows) {
        if (!cJSON_IsString(row) || !read_row(row->valuestring, (int)width, sprite_pixel(&f->base, 0, at), f->keep + at * width))
            return error_set(error, ERROR_INPUT, "recipe: row %d of \"pixels\" is no row of %d pixels", at, (int)width);
        at++;
    }
    return true;
}

bool image_finish_read(const cJSON *object, struct image_finish *f, struct error *error)
{
    const cJSON *palette = json_member(object, "palette"), *ground = json_member(object, "background"), *kept = json_member(object, "kept"), *item;
    *f = (struct image_finish){.outline = cJSON_IsTrue(json_member(object, "outline")), .background = ground != NULL};
    bool ok = true;
    cJSON_ArrayForEach(item, palette) {
        ok = ok && f->colours < CODES_COLOURS_MOST && cJSON_IsString(item) && image_colour(item->valuestring, f->colour[f->colours]);
        if (ok) f->colours++;
    }
    if (!ok) error_set(error, ERROR_INPUT, "recipe: \"palette\" holds something that is no colour; at most %d such as \"#102030\" are wanted", CODES_COLOURS_MOST);
    if (ok && ground != NULL && !(cJSON_IsString(ground) && image_colour(ground->valuestring, f->ground)))
        ok = error_set(error, ERROR_INPUT, "recipe: \"background\" is no colour; one such as \"#102030\" is wanted");
    ok = ok && (kept == NULL || read_kept(kept, f, error));
    if (!ok) image_finish_free(f);
    return ok;
}
