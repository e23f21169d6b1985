/* sheet: pictures on one sprite sheet; and the contact sheet of draw. See sheet.h. */
#include "app/sheet.h"
#include "app/make.h"
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
#define SEED_LABEL "seed %llu"

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
    if (prompt == NULL) prompt = "";
    snprintf(c->label[c->n][0], sizeof c->label[0][0], "%.*s", (int)utf8_cut(prompt, sizeof c->label[0][0] - 1), prompt);
    snprintf(c->label[c->n][1], sizeof c->label[0][1], SEED_LABEL, (unsigned long long)seed);
    c->n++;
    return true;
}

void contact_free(struct contact *c)
{
    for (int i = 0; i < c->n; i++) sprite_free(&c->pictures[i]);
    mem_free(c->pictures), mem_free(c->label);
    *c = (struct contact){0};
}

/* Sizes of a cell: of the picture's place, the letters, the whole; the longest line about the seed has room. */
struct cell { int side, size, width, height; };

static struct cell cell_of(const struct arguments *a, int longest)
{
    struct cell c = {.side = SPRITE_SIDE * (int)a->option[OPTION_SCALE].number};
    c.size = c.side >= CELL_MOST ? 2 : 1;
    int label = longest * FONT_WIDTH * c.size;
    c.width = (c.side > label ? c.side : label) + MARGIN, c.height = c.side + MARGIN + 2 * c.size * FONT_HEIGHT + MARGIN / 2;
    return c;
}

/* One cell: the picture, and below it the prompt (as much as fits) and the seed. */
static bool make_cell(const struct contact *c, int i, const struct cell *size, struct sprite *cell, struct error *error)
{
    static const uint8_t paper[3] = {40, 40, 48}, ink[3] = {225, 225, 225}, faint[3] = {150, 150, 160};
    struct sprite big = {0};
    int most = (size->width - MARGIN) / (FONT_WIDTH * size->size), left = (size->width - size->side) / 2;
    if (!sprite_init(cell, size->width, size->height, error) || !sprite_scale(&c->pictures[i], size->side / c->pictures[i].width, &big, error)) return false;
    for (int k = 0; k < cell->width * cell->height; k++) memcpy(cell->rgba + 4 * (size_t)k, paper, 3), cell->rgba[4 * (size_t)k + 3] = 255;
    for (int k = 0; k < big.width * big.height; k++) {
        const uint8_t *p = big.rgba + 4 * (size_t)k;
        if (p[3] > 0) memcpy(sprite_pixel(cell, left + k % big.width, MARGIN / 2 + k / big.width), p, 4);
    }
    font_draw(cell, MARGIN / 2, MARGIN + size->side, size->size, c->label[i][0], most, ink);
    font_draw(cell, MARGIN / 2, MARGIN + size->side + size->size * FONT_HEIGHT, size->size, c->label[i][1], most, faint);
    sprite_free(&big);
    return true;
}

bool contact_check(const struct arguments *a, int n, uint64_t last_seed, struct error *error)
{
    const char *path = a->option[OPTION_SHEET].text;
    char label[40];
    struct cell cell = cell_of(a, snprintf(label, sizeof label, SEED_LABEL, (unsigned long long)last_seed));
    struct sheet sheet;
    if (!file_has_extension(path, ".png")) return error_set(error, ERROR_USAGE, "--sheet %.200s: unknown kind of file; .png is wanted", path);
    return engine_may_write(a, path, error) && sheet_measure(n, 0, cell.width, cell.height, &sheet, error);
}

bool contact_write(const struct contact *c, const struct arguments *a, const char *path, struct error *error)
{
    int longest = 0;
    for (int i = 0; i < c->n; i++)
        if ((int)strlen(c->label[i][1]) > longest) longest = (int)strlen(c->label[i][1]);
    struct cell size = cell_of(a, longest);
    struct sprite *cells = mem_alloc((size_t)c->n, sizeof *cells, error);
    struct sheet_frame *frames = mem_alloc((size_t)c->n, sizeof *frames, error);
    struct sheet sheet = {0};
    struct bytes out = {0};
    bool ok = cells != NULL && frames != NULL;
    for (int i = 0; ok && i < c->n; i++) {
        ok = make_cell(c, i, &size, &cells[i], error);
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

/* Read the files and write their sheet. */
static bool make_sheet(const struct arguments *a, struct sprite *pictures, struct sheet_frame *frames, const char *path, struct error *error)
{
    bool ok = true;
    for (int i = 0; ok && i < a->words; i++) {
        struct bytes data = {0};
        ok = file_read(a->word[i], FILE_LIMIT_PNG, &data, error) && (png_read_sprite(data.data, data.n, &pictures[i], NULL, error) || error_prefix(error, "%s", a->word[i]));
        frames[i] = (struct sheet_frame){&pictures[i], file_base(a->word[i]), (int)a->option[OPTION_DURATION].number};
        bytes_free(&data);
    }
    return ok && sheet_write(a, frames, a->words, 0, a->option[OPTION_SCALE].given ? (int)a->option[OPTION_SCALE].number : 1, path, NULL, error);
}

bool verb_sheet(const struct arguments *a, struct error *error)
{
    char path[PATH_MAX];
    if (a->words < 1) return error_set(error, ERROR_USAGE, "the files are missing; some .png are wanted");
    if (a->option[OPTION_OUTPUT].text == NULL) return error_set(error, ERROR_USAGE, "-o is missing; the name of the sheet, a .png, is wanted");
    if (!make_output(a, MODALITY_IMAGE, "sheet.png", path, error)) return false;
    struct sprite *pictures = mem_alloc((size_t)a->words, sizeof *pictures, error);
    struct sheet_frame *frames = mem_alloc((size_t)a->words, sizeof *frames, error);
    bool ok = picture_options_check(a, error) && pictures != NULL && frames != NULL && make_sheet(a, pictures, frames, path, error);
    for (int i = 0; pictures != NULL && i < a->words; i++) sprite_free(&pictures[i]);
    mem_free(pictures), mem_free(frames);
    return ok;
}
