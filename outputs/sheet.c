/* Sprite sheets; see sheet.h. */
#include "outputs/sheet.h"
#include "core/json.h"

#include <string.h>

bool sheet_measure(int n, int columns, int cell_width, int cell_height, struct sheet *out, struct error *error)
{
    *out = (struct sheet){.columns = columns, .cell_width = cell_width, .cell_height = cell_height};
    if (n < 1) return error_set(error, ERROR_INPUT, "sheet: no frame; at least one is wanted");
    while (columns == 0 && out->columns * out->columns < n) out->columns++;
    out->rows = (n + out->columns - 1) / out->columns;
    if (out->cell_width > SPRITE_SIDE_MOST / out->columns || out->cell_height > SPRITE_SIDE_MOST / out->rows)
        return error_set(error, ERROR_INPUT, "sheet: %d x %d cells of %d x %d pixels; a sheet of at most %d x %d is wanted", out->columns, out->rows, out->cell_width, out->cell_height, SPRITE_SIDE_MOST, SPRITE_SIDE_MOST);
    return true;
}

bool sheet_make(const struct sheet_frame *frames, int n, int columns, struct sheet *out, struct error *error)
{
    int width = 0, height = 0;
    for (int i = 0; i < n; i++) {
        if (frames[i].sprite->width > width) width = frames[i].sprite->width;
        if (frames[i].sprite->height > height) height = frames[i].sprite->height;
    }
    if (!sheet_measure(n, columns, width, height, out, error)) return false;
    if (!sprite_init(&out->picture, out->columns * out->cell_width, out->rows * out->cell_height, error)) return false;
    for (int i = 0; i < n; i++) {
        const struct sprite *s = frames[i].sprite;
        int x = i % out->columns * out->cell_width, y = i / out->columns * out->cell_height;
        for (int row = 0; row < s->height; row++)
            memcpy(out->picture.rgba + 4 * ((size_t)(y + row) * (size_t)out->picture.width + (size_t)x), s->rgba + 4 * (size_t)row * (size_t)s->width, 4 * (size_t)s->width);
    }
    return true;
}

bool sheet_json(const struct sheet *t, const struct sheet_frame *frames, int n, int scale, const char *image, const char *version, struct bytes *out, struct error *error)
{
    bool ok = bytes_append_text(out, "{\"frames\":[", error);
    for (int i = 0; ok && i < n; i++) {
        int w = frames[i].sprite->width * scale, h = frames[i].sprite->height * scale, x = i % t->columns * t->cell_width * scale, y = i / t->columns * t->cell_height * scale;
        ok = bytes_append_text(out, i ? ",\n{\"filename\":" : "\n{\"filename\":", error) && json_quote(out, frames[i].name, strlen(frames[i].name), error) &&
             bytes_printf(out, error, ",\"frame\":{\"x\":%d,\"y\":%d,\"w\":%d,\"h\":%d},\"rotated\":false,\"trimmed\":false,\"spriteSourceSize\":{\"x\":0,\"y\":0,\"w\":%d,\"h\":%d},"
                          "\"sourceSize\":{\"w\":%d,\"h\":%d},\"duration\":%d}", x, y, w, h, w, h, w, h, frames[i].duration);
    }
    return ok && bytes_append_text(out, "\n],\n\"meta\":{\"app\":\"triptych\",\"version\":", error) && json_quote(out, version, strlen(version), error) && bytes_append_text(out, ",\"image\":", error) &&
           json_quote(out, image, strlen(image), error) &&
           bytes_printf(out, error, ",\"format\":\"RGBA8888\",\"size\":{\"w\":%d,\"h\":%d},\"scale\":\"1\"}}\n", t->picture.width * scale, t->picture.height * scale);
}
