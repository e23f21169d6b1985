/* recolour: a picture of any size in the colours of a palette, shapes and alpha as they are (palette.h tells how colours are matched). */
#include "app/make.h"
#include "app/picture.h"
#include "app/sheet.h"
#include "core/file.h"
#include "outputs/png.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

bool verb_recolour(const struct arguments *a, struct error *error)
{
    struct bytes data = {0};
    struct piece piece = {.kind = MODALITY_IMAGE};
    struct palette palette;
    char name[PATH_MAX], path[PATH_MAX];
    if (a->words != 1 || modality_of_path(a->word[0]) != &modality_image) return error_set(error, ERROR_USAGE, "%d files; one .png is wanted", a->words);
    if (!a->option[OPTION_PALETTE].given) return error_set(error, ERROR_USAGE, "--palette is missing; a .gpl, .hex, .pal or .png is wanted");
    bool ok = picture_options_check(a, error) && sheet_beside(file_base(a->word[0]), "-recoloured.png", name, sizeof name, error) &&
              make_output(a, MODALITY_IMAGE, name, path, error) && engine_may_write(a, path, error) && palette_read(a->option[OPTION_PALETTE].text, &palette, error) && file_read(a->word[0], FILE_LIMIT_PNG, &data, error) &&
              (png_read_sprite(data.data, data.n, &piece.sprite, NULL, error) || error_prefix(error, "%s", a->word[0])) &&
              palette_recolour(&palette, piece.sprite.rgba, (size_t)piece.sprite.width * (size_t)piece.sprite.height, error) &&
              engine_write_picture(a, &piece, path, NULL, a->option[OPTION_SCALE].given ? (int)a->option[OPTION_SCALE].number : 1, error);
    if (ok && a->option[OPTION_JSON].given) ok = make_tell_file(path, &piece.recipe, error);
    else if (ok) engine_preview(a, &piece.sprite), printf("%s\n", path);
    bytes_free(&data);
    piece_free(&piece);
    return ok;
}
