/* continue, vary and fill for pictures: some pixels of a user's picture are drawn anew under the grammar, all others stay as they are,
 * pixel for pixel. The model draws in two views at once, in the order of places and with holes (codes.h), so it sees what stays on every side; of
 * several candidates the one is kept from which what stays follows best (core/inpaint.h). */
#include "app/make.h"
#include "app/picture.h"
#include "core/file.h"
#include "core/mem.h"
#include "modalities/patches.h"
#include "outputs/png.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CANDIDATES = 48, RETRIES = 5 };

/* Which pixels of the art stay (keep: 1), for the piece with this seed. */
typedef bool choose(const struct arguments *a, const struct canvas *c, uint64_t seed, uint8_t *keep, struct error *error);

struct edit { const char *verb; choose *choose; };

/* ---- what stays ---- */

static bool keep_rows(const struct arguments *a, const struct canvas *c, uint64_t seed, uint8_t *keep, struct error *error)
{
    int rows = a->option[OPTION_ROWS].given ? (int)a->option[OPTION_ROWS].number : c->art.height / 2;
    (void)seed;
    if (rows >= c->art.height) return error_set(error, ERROR_INPUT, "--rows: %d, but the picture has %d; at most %d are wanted", rows, c->art.height, c->art.height - 1);
    memset(keep, 1, (size_t)rows * (size_t)c->art.width);
    return true;
}

/* Patches where the noise is highest change, as many as the strength says. */
static bool keep_patches(const struct arguments *a, const struct canvas *c, uint64_t seed, uint8_t *keep, struct error *error)
{
    bool chosen[SPRITE_PIXELS] = {false};
    int wide = (c->art.width + 1) / 2, n = wide * ((c->art.height + 1) / 2);
    (void)error;
    patches_choose(seed, 77, wide, n / wide, (int)(a->option[OPTION_STRENGTH].number * n + 0.5), chosen);
    memset(keep, 1, (size_t)c->art.width * (size_t)c->art.height);
    for (int i = 0; i < n; i++)
        for (int k = 0; chosen[i] && k < 4; k++) {
            int x = i % wide * 2 + k % 2, y = i / wide * 2 + k / 2;
            if (x < c->art.width && y < c->art.height) keep[y * c->art.width + x] = 0;
        }
    return true;
}

static bool keep_around_box(const char *text, const struct canvas *c, uint8_t *keep, struct error *error)
{
    long number[4], x, y, w, h;
    const char *at = text;
    for (int i = 0; i < 4; i++) {
        char *end;
        number[i] = strtol(at, &end, 10);
        if (end == at || *end != (i < 3 ? ',' : '\0')) return error_set(error, ERROR_USAGE, "--box: '%.40s'; X,Y,W,H are wanted", text);
        at = end + 1;
    }
    x = number[0], y = number[1], w = number[2], h = number[3];
    if (w < 1 || h < 1) return error_set(error, ERROR_USAGE, "--box: '%.40s'; W and H of at least 1 are wanted", text);
    if (x < 0 || y < 0 || w > c->art.width || h > c->art.height || x > c->art.width - w || y > c->art.height - h)      /* strtol stays in its range */
        return error_set(error, ERROR_INPUT, "--box: %.40s does not lie in the art of %d x %d pixels", text, c->art.width, c->art.height);
    for (long j = 0; j < h; j++) memset(keep + (y + j) * c->art.width + x, 0, (size_t)w);
    return true;
}

/* Where the middle of pixel i of n of the art lies in the file, counted from where the grid begins; an averaged picture is spread over the whole length. */
static int middle(int i, int factor, int length, int n) { return (2 * i + 1) * (factor > 1 ? factor * n : length) / (2 * n); }

/* The mask has the size of the art or of the file; a pixel is drawn anew where its mask is opaque and not black. */
static bool keep_by_mask(const char *path, const struct canvas *c, uint8_t *keep, struct error *error)
{
    struct bytes data = {0};
    struct sprite mask = {0};
    bool ok = file_read(path, FILE_LIMIT_PNG, &data, error) && (png_read_sprite(data.data, data.n, &mask, NULL, error) || error_prefix(error, "%s", path));
    bool small = ok && mask.width == c->art.width && mask.height == c->art.height;
    if (ok && !small && (mask.width != c->file.width || mask.height != c->file.height))
        ok = error_set(error, ERROR_INPUT, "%s: %d x %d pixels; those of the picture, %d x %d, are wanted", path, mask.width, mask.height, c->file.width, c->file.height);
    int changing = 0;
    for (int i = 0; ok && i < c->art.width * c->art.height; i++) {
        int x = i % c->art.width, y = i / c->art.width;
        if (!small) x = c->how.left + middle(x, c->how.factor, c->file.width, c->art.width), y = c->how.top + middle(y, c->how.factor, c->file.height, c->art.height);
        const uint8_t *p = sprite_pixel(&mask, x, y);
        if (p[3] >= 128 && (p[0] | p[1] | p[2]) != 0) keep[i] = 0, changing++;
    }
    if (ok && changing == 0) ok = error_set(error, ERROR_INPUT, "%s: marks no pixel; white where the picture is to change is wanted", path);
    sprite_free(&mask);
    bytes_free(&data);
    return ok;
}

static bool keep_outside(const struct arguments *a, const struct canvas *c, uint64_t seed, uint8_t *keep, struct error *error)
{
    (void)seed;
    memset(keep, 1, (size_t)c->art.width * (size_t)c->art.height);
    return a->option[OPTION_BOX].given ? keep_around_box(a->option[OPTION_BOX].text, c, keep, error) : keep_by_mask(a->option[OPTION_MASK].text, c, keep, error);
}

/* ---- one edit ---- */

/* The picture's own name, the verb and the seed, unless -o says otherwise. */
static bool edit_path(const struct arguments *a, const char *verb, uint64_t seed, char path[PATH_MAX], struct error *error)
{
    const char *base = file_base(a->word[0]);
    char name[PATH_MAX];
    snprintf(name, sizeof name, "%.*s-%s", (int)(strlen(base) - strlen(file_extension(base))), base, verb);
    return make_path_named(a, MODALITY_IMAGE, name, seed, (int)a->option[OPTION_COUNT].number, path, error);
}

/* Redrawn; once more, a few times at most, while nothing shows. */
static bool redraw(struct engine *e, struct engine_order *o, struct piece *out, struct error *error)
{
    int candidates = e->a->option[OPTION_CANDIDATES].given ? (int)e->a->option[OPTION_CANDIDATES].number : CANDIDATES;
    for (o->candidate = 0; picture_redraw(e, o, candidates, out, error); o->candidate++) {
        if (o->candidate == RETRIES || !sprite_is_blank(&out->sprite)) return true;
        piece_free(out);
    }
    return false;
}

static bool edit_one(struct engine *e, const struct edit *edit, const struct canvas *c, struct engine_order *o, const char *path, struct error *error)
{
    struct picture_order picture = {0};
    struct piece piece = {0};
    int16_t want[SPRITE_PIXELS];
    uint8_t keep[SPRITE_PIXELS] = {0};
    char parameters[MAKE_PARAMETERS];
    bool ok = edit->choose(e->a, c, o->seed, keep, error) && canvas_order(e, c, o, keep, want, &picture, error);
    o->picture = &picture;
    ok = ok && redraw(e, o, &piece, error) && make_parameters(&piece, parameters, error) &&
         engine_write_picture(e->a, &piece, path, parameters, o->scale, error) && make_tell(e->a, o, &piece, path, error);
    picture_order_free(&picture);
    piece_free(&piece);
    return ok;
}

static bool edit_picture(const struct arguments *a, const struct edit *edit, struct error *error)
{
    struct engine e = {0};
    struct generation options = {0};
    struct canvas canvas = {0};
    int count = (int)a->option[OPTION_COUNT].number;
    char path[PATH_MAX];
    uint8_t keep[SPRITE_PIXELS] = {0};
    if (a->words < 1 || modality_of_path(a->word[0]) != &modality_image) return error_set(error, ERROR_USAGE, "the file is missing; a .png is wanted");
    if (a->words > 2) return error_set(error, ERROR_USAGE, "%d prompts; one, in quotes, is wanted", a->words - 1);
    struct engine_order o = {.kind = MODALITY_IMAGE, .verb = edit->verb, .prompt = a->words > 1 ? a->word[1] : NULL, .options = &options};
    bool ok = picture_options_check(a, error) && decoding_options(a, &PICTURE_DEFAULTS, NULL, &options, error) && canvas_read(a, a->word[0], &canvas, error) &&
              edit->choose(a, &canvas, 0, keep, error);
    if (o.prompt == NULL) options.guidance_scale = 1;
    if (ok) o.scale = a->option[OPTION_SCALE].given ? (int)a->option[OPTION_SCALE].number : canvas.how.factor;
    o.seed = ok ? engine_seed(a) : 0;
    for (int i = 0; ok && i < count; i++) ok = edit_path(a, edit->verb, o.seed + (uint64_t)i, path, error) && engine_may_write(a, path, error);
    ok = ok && engine_start(&e, a, true, error);
    for (int i = 0; ok && i < count; i++, o.seed++) ok = (!app_stop || error_set(error, ERROR_STOPPED, "stopped")) && edit_path(a, edit->verb, o.seed, path, error) && edit_one(&e, edit, &canvas, &o, path, error);
    engine_stop(&e);
    canvas_free(&canvas);
    generation_free(&options);
    return ok;
}

bool picture_continue(const struct arguments *a, struct error *error) { return edit_picture(a, &(struct edit){"continue", keep_rows}, error); }
bool picture_vary(const struct arguments *a, struct error *error) { return edit_picture(a, &(struct edit){"vary", keep_patches}, error); }

bool picture_fill(const struct arguments *a, struct error *error)
{
    if (a->option[OPTION_BOX].given == a->option[OPTION_MASK].given) return error_set(error, ERROR_USAGE, "what to fill? one of --box and --mask is wanted");
    return edit_picture(a, &(struct edit){"fill", keep_outside}, error);
}
