/* sheet: pictures on one sprite sheet; and the contact sheet of draw. See sheet.h. */
#include "app/sheet.h"
#include "app/picture.h"
#include "core/file.h"
#include "core/mem.h"
#include "outputs/font.h"
#include "outputs/png.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

/* ---- contact sheets ---- */

enum { MARGIN = 8, CELL_MOST = 256 };

bool contact_add(struct contact *c, const struct sprite *picture, const char *prompt, uint64_t seed, struct error *error)
{
    if (c->n == c->room) {
        int room = c->room == 0 ? 16 : 2 * c->room;
        struct sprite *pictures = mem_resize(c->pictures, (size_t)room, sizeof *pictures, error);
        if (pictures == NULL) return false;
        c->pictures = pictures;
        char (*label)[2][80] = mem_resize(c->label, (size_t)room, sizeof *label, error);
        if (label == NULL) return false;
        c->label = label, c->room = room;
    }
    if (!sprite_scale(picture, 1, &c->pictures[c->n], error)) return false;
    snprintf(c->label[c->n][0], sizeof c->label[0][0], "%.79s", prompt == NULL ? "" : prompt);
    snprintf(c->label[c->n][1], sizeof c->label[0][1], "seed %llu", (unsigned long long)seed);
    c->n++;
    return true;
}

void contact_free(struct contact *c)
{
    for (int i = 0; i < c->n; i++) sprite_free(&c->pictures[i]);
    mem_free(c->pictures), mem_free(c->label);
    *c = (struct contact){0};
}

/* One cell: the picture, and below it the prompt (as much as fits) and the seed. */
static bool make_cell(const struct contact *c, int i, int side, int size, struct sprite *cell, struct error *error)
{
    static const uint8_t paper[3] = {40, 40, 48}, ink[3] = {225, 225, 225}, faint[3] = {150, 150, 160};
    struct sprite big = {0};
    int most = side / (FONT_WIDTH * size);
    if (!sprite_init(cell, side + MARGIN, side + MARGIN + 2 * size * FONT_HEIGHT + MARGIN / 2, error) || !sprite_scale(&c->pictures[i], side / c->pictures[i].width, &big, error)) return false;
    for (int k = 0; k < cell->width * cell->height; k++) memcpy(cell->rgba + 4 * (size_t)k, paper, 3), cell->rgba[4 * (size_t)k + 3] = 255;
    for (int k = 0; k < big.width * big.height; k++) {
        const uint8_t *p = big.rgba + 4 * (size_t)k;
        if (p[3] > 0) memcpy(cell->rgba + 4 * ((size_t)(MARGIN / 2 + k / big.width) * (size_t)cell->width + (size_t)(MARGIN / 2 + k % big.width)), p, 4);
    }
    font_draw(cell, MARGIN / 2, MARGIN + side, size, c->label[i][0], most, ink);
    font_draw(cell, MARGIN / 2, MARGIN + side + size * FONT_HEIGHT, size, c->label[i][1], most, faint);
    sprite_free(&big);
    return true;
}

bool contact_write(const struct contact *c, const struct arguments *a, const char *path, struct error *error)
{
    int side = SPRITE_SIDE * (int)a->option[OPTION_SCALE].number, size = side >= CELL_MOST ? 2 : 1;
    struct sprite *cells = mem_alloc((size_t)c->n, sizeof *cells, error);
    struct sheet_frame *frames = mem_alloc((size_t)c->n, sizeof *frames, error);
    struct sheet sheet = {0};
    struct bytes out = {0};
    bool ok = cells != NULL && frames != NULL;
    for (int i = 0; ok && i < c->n; i++) {
        ok = make_cell(c, i, side, size, &cells[i], error);
        frames[i] = (struct sheet_frame){&cells[i], "", 0};
    }
    ok = ok && sheet_make(frames, c->n, 0, &sheet, error) && png_write_sprite(&sheet.picture, NULL, NULL, &out, error) && engine_may_write(a, path, error) && file_write(path, out.data, out.n, error);
    if (ok && !a->option[OPTION_JSON].given) printf("%s\n", path);
    for (int i = 0; cells != NULL && i < c->n; i++) sprite_free(&cells[i]);
    sprite_free(&sheet.picture);
    mem_free(cells), mem_free(frames);
    bytes_free(&out);
    return ok;
}

/* ---- sprite sheets ---- */

bool sheet_beside(const char *path, const char *extension, char *out, size_t size, struct error *error)
{
    int n = snprintf(out, size, "%.*s%s", (int)(strlen(path) - strlen(file_extension(path))), path, extension);
    return (n > 0 && (size_t)n < size) || error_set(error, ERROR_USAGE, "%.80s…: the path is too long", path);
}

bool sheet_write(const struct arguments *a, const struct sheet_frame *frames, int n, int columns, int scale, const char *path, const char *recipe, struct error *error)
{
    struct sheet sheet = {0};
    struct sprite scaled = {0};
    struct bytes png = {0}, json = {0};
    char beside[PATH_MAX];
    bool ok = sheet_beside(path, ".json", beside, sizeof beside, error) && engine_may_write(a, path, error) && engine_may_write(a, beside, error) && sheet_make(frames, n, columns, &sheet, error) &&
              (sheet.picture.width * scale <= SPRITE_SIDE_MOST && sheet.picture.height * scale <= SPRITE_SIDE_MOST ? true
                   : error_set(error, ERROR_INPUT, "%s: %d x %d pixels; at most %d x %d are wanted", path, sheet.picture.width * scale, sheet.picture.height * scale, SPRITE_SIDE_MOST, SPRITE_SIDE_MOST)) &&
              sprite_scale(&sheet.picture, scale, &scaled, error) && png_write_sprite(&scaled, recipe, NULL, &png, error) &&
              sheet_json(&sheet, frames, n, scale, file_base(path), TRIPTYCH_VERSION, &json, error) && file_write(path, png.data, png.n, error) && file_write(beside, json.data, json.n, error);
    if (ok && a->option[OPTION_JSON].given) printf("%s", bytes_text(&json));
    else if (ok) engine_preview(a, &sheet.picture), printf("%s\n%s\n", path, beside);
    sprite_free(&sheet.picture), sprite_free(&scaled);
    bytes_free(&png), bytes_free(&json);
    return ok;
}

bool verb_sheet(const struct arguments *a, struct error *error)
{
    struct sprite pictures[VALUES_MOST] = {{0}};
    struct sheet_frame frames[VALUES_MOST];
    const char *path = a->option[OPTION_OUTPUT].text;
    if (a->words < 1) return error_set(error, ERROR_USAGE, "the files are missing; some .png are wanted");
    if (path == NULL) return error_set(error, ERROR_USAGE, "-o is missing; the name of the sheet, a .png, is wanted");
    if (!file_has_extension(path, ".png")) return error_set(error, ERROR_USAGE, "-o %.200s: unknown kind of file; .png is wanted", path);
    bool ok = picture_options_check(a, error);
    for (int i = 0; ok && i < a->words; i++) {
        struct bytes data = {0};
        ok = file_read(a->word[i], FILE_LIMIT_PNG, &data, error) && (png_read_sprite(data.data, data.n, &pictures[i], NULL, error) || error_prefix(error, "%s", a->word[i]));
        frames[i] = (struct sheet_frame){&pictures[i], file_base(a->word[i]), (int)a->option[OPTION_DURATION].number};
        bytes_free(&data);
    }
    ok = ok && sheet_write(a, frames, a->words, 0, a->option[OPTION_SCALE].given ? (int)a->option[OPTION_SCALE].number : 1, path, NULL, error);
    for (int i = 0; i < a->words; i++) sprite_free(&pictures[i]);
    return ok;
}
