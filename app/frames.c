/* frames: a short idle animation of a picture, made by rules and a little sampling, all frames in its palette and with its outline:
 *
 *     1  the picture         2  squashed: an inner row is left out, what stands above sinks by a pixel
 *     3  a blink: a small box in the upper part, inside the outline, is drawn anew by the model, same colours, same shape
 *     4  stretched: an inner row twice, what stands above rises (squashed by another row where there is no room above)
 *
 * The row that is left out or doubled is the one in the middle third that differs least from the row above it, so that no line of the
 * drawing is broken. Written are a sheet (.png) with its JSON and an animation (.gif). */
#include "app/make.h"
#include "app/picture.h"
#include "app/sheet.h"
#include "core/file.h"
#include "core/mem.h"
#include "outputs/gif.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FRAMES_MOST = 4, BLINK_WIDTH = 8, BLINK_HEIGHT = 4, CANDIDATES = 8 };

struct box { int left, top, right, bottom; };       /* the last ones lie inside */

/* The rows and columns that hold something; false when none does. */
static bool extent(const struct sprite *s, struct box *b)
{
    *b = (struct box){s->width, s->height, -1, -1};
    for (int y = 0; y < s->height; y++)
        for (int x = 0; x < s->width; x++) {
            if (sprite_pixel(s, x, y)[3] == 0) continue;
            if (x < b->left) b->left = x;
            if (x > b->right) b->right = x;
            if (y < b->top) b->top = y;
            b->bottom = y;
        }
    return b->bottom >= 0;
}

/* The row in the middle third of the box that is most like the row above it; not `except`. */
static int calm_row(const struct sprite *s, const struct box *b, int except)
{
    int best = -1, tall = b->bottom - b->top + 1;
    long least = LONG_MAX;
    for (int y = b->top + 1 + tall / 3; y <= b->bottom - tall / 3; y++) {
        long sum = 0;
        for (int x = 0; x < s->width; x++)
            for (int d = 0; d < 4; d++) sum += labs((long)sprite_pixel(s, x, y)[d] - sprite_pixel(s, x, y - 1)[d]);
        if (y != except && sum < least) least = sum, best = y;
    }
    return best;
}

/* Rows from the top of the picture down to `row` move by one pixel: down over it, or up with the row doubled. */
static void shift(struct sprite *s, int row, bool down)
{
    size_t n = 4 * (size_t)s->width;
    if (row < 0) return;
    if (down) {
        memmove(sprite_pixel(s, 0, 1), sprite_pixel(s, 0, 0), n * (size_t)row);
        memset(sprite_pixel(s, 0, 0), 0, n);
    } else memmove(sprite_pixel(s, 0, 0), sprite_pixel(s, 0, 1), n * (size_t)row);
}

static bool inside(const struct sprite *s, int x, int y)
{
    static const int beside[4][2] = {{-1, 0}, {1, 0}, {0, -1}, {0, 1}};
    bool is = sprite_pixel(s, x, y)[3] != 0;
    for (int k = 0; is && k < 4; k++) {
        int nx = x + beside[k][0], ny = y + beside[k][1];
        is = nx >= 0 && ny >= 0 && nx < s->width && ny < s->height && sprite_pixel(s, nx, ny)[3] != 0;
    }
    return is;
}

/* What a blink may change: inner pixels of a small box in the upper part of the shape. */
static int choose_blink(const struct sprite *s, const struct box *b, uint8_t *keep)
{
    int tall = b->bottom - b->top + 1, wide = b->right - b->left + 1, w = (wide + 1) / 2, h = (tall + 5) / 6;
    if (w > BLINK_WIDTH) w = BLINK_WIDTH;
    if (h > BLINK_HEIGHT) h = BLINK_HEIGHT;
    if (h < 2 && tall > 1) h = 2;
    int x0 = (b->left + b->right + 1 - w) / 2, y0 = b->top + tall / 4, n = 0;
    if (y0 + h > s->height) y0 = s->height - h;
    memset(keep, 1, (size_t)s->width * (size_t)s->height);
    for (int y = y0; y < y0 + h; y++)
        for (int x = x0; x < x0 + w; x++)
            if (inside(s, x, y)) keep[y * s->width + x] = 0, n++;
    return n;
}

/* The likeliest of some redrawings that differ from the picture. */
static bool blink(struct engine *e, const struct canvas *c, const struct box *b, const struct engine_order *ask, struct sprite *out, struct error *error)
{
    struct picture_order picture = {0};
    struct piece piece = {0};
    int16_t want[SPRITE_PIXELS];
    uint8_t keep[SPRITE_PIXELS];
    int candidates = e->a->option[OPTION_CANDIDATES].given ? (int)e->a->option[OPTION_CANDIDATES].number : CANDIDATES, unit = c->doubled ? 2 : 1;
    if (choose_blink(&c->art, b, keep) == 0) return sprite_scale(&c->art, 1, out, error);
    struct engine_order o = *ask;
    o.picture = &picture;
    bool ok = canvas_order(e, c, &o, keep, want, &picture, error);
    for (int i = 0; ok && i < SPRITE_PIXELS; i++)
        if (want[i] == CODES_ANY && sprite_pixel(&c->art, i % SPRITE_SIDE / unit - c->x, i / SPRITE_SIDE / unit - c->y)[3] != 0) want[i] = CODES_OPAQUE;
    ok = ok && picture_redraw(e, &o, candidates, &piece, error) && sprite_scale(&piece.sprite, 1, out, error);
    for (int i = 0; ok && i < c->art.width * c->art.height; i++)    /* where the codebook had no opaque pattern */
        if (out->rgba[4 * i + 3] == 0) memcpy(out->rgba + 4 * i, c->art.rgba + 4 * i, 4);
    picture_order_free(&picture);
    piece_free(&piece);
    return ok;
}

static bool make_frames(struct engine *e, const struct canvas *c, const struct engine_order *o, int n, struct sprite *frames, struct error *error)
{
    struct box b;
    if (!extent(&c->art, &b)) return error_set(error, ERROR_INPUT, "%s: shows nothing", e->a->word[0]);
    for (int i = 0; i < n; i++)
        if (i == 2 ? !blink(e, c, &b, o, &frames[i], error) : !sprite_scale(&c->art, 1, &frames[i], error)) return false;
    int row = calm_row(&c->art, &b, -1);
    shift(&frames[1], row, true);
    if (n < 4) return true;
    if (b.top > 0) shift(&frames[3], row, false);
    else shift(&frames[3], calm_row(&c->art, &b, row), true);
    return true;
}

/* The animation, in as many colours as a GIF takes. */
static bool animate(const struct arguments *a, const struct sprite *frames, int n, int duration, int scale, struct bytes *gif, struct error *error)
{
    struct sprite strip, big[FRAMES_MOST] = {{0}};                /* the frames one below the other */
    int colours = 0, size = frames[0].width * frames[0].height;
    if (!sprite_init(&strip, frames[0].width, frames[0].height * n, error)) return false;
    for (int i = 0; i < n * size; i++) {
        const uint8_t *p = frames[i / size].rgba + 4 * (i % size);
        if (p[3] >= 128) memcpy(strip.rgba + 4 * i, p, 4);
    }
    bool ok = palette_limit(strip.rgba, (size_t)(n * size), GIF_COLOURS_MOST, &colours, error);
    for (int i = 0; ok && i < n; i++) ok = sprite_scale(&(struct sprite){frames[0].width, frames[0].height, strip.rgba + 4 * i * size}, scale, &big[i], error);
    ok = ok && gif_write(big, n, duration, gif, error);
    if (ok && colours > GIF_COLOURS_MOST && !a->option[OPTION_QUIET].given)
        app_say("%s: %d colours; the .gif has the %d commonest, the sheet has all", a->word[0], colours, GIF_COLOURS_MOST);
    for (int i = 0; i < n; i++) sprite_free(&big[i]);
    sprite_free(&strip);
    return ok;
}

static bool write_all(const struct engine *e, const struct canvas *c, const struct engine_order *o, struct sprite *frames, int n, const char *path, const char *animation, struct error *error)
{
    const struct arguments *a = e->a;
    struct sheet_frame list[FRAMES_MOST];
    char names[FRAMES_MOST][80];
    struct bytes gif = {0}, recipe = {0};
    int duration = ((int)a->option[OPTION_DURATION].number + 5) / 10 * 10, scale = a->option[OPTION_SCALE].given ? (int)a->option[OPTION_SCALE].number : c->how.factor;
    const char *base = file_base(a->word[0]);
    size_t stem = strlen(base) - strlen(file_extension(base));
    int length = (int)utf8_cut(base, stem < 64 ? stem : 64);
    for (int i = 0; i < n; i++) {
        snprintf(names[i], sizeof names[i], "%.*s %d.png", length, base, i);
        list[i] = (struct sheet_frame){&frames[i], names[i], duration};
    }
    bool ok = animate(a, frames, n, duration, scale, &gif, error) && engine_recipe(e, o, NULL, 0, &recipe, error) && sheet_write(a, list, n, n, scale, path, bytes_text(&recipe), error) && file_write(animation, gif.data, gif.n, error);
    if (ok && !a->option[OPTION_JSON].given) printf("%s\n", animation);
    bytes_free(&gif), bytes_free(&recipe);
    return ok;
}

bool verb_frames(const struct arguments *a, struct error *error)
{
    struct engine e = {0};
    struct generation options = {0};
    struct canvas canvas = {0};
    struct sprite frames[FRAMES_MOST] = {{0}};
    char name[PATH_MAX], path[PATH_MAX], animation[PATH_MAX], json[PATH_MAX];
    int n = (int)a->option[OPTION_FRAMES].number;
    if (a->words != 1 || modality_of_path(a->word[0]) != &modality_image) return error_set(error, ERROR_USAGE, "%d files; one .png is wanted", a->words);
    bool ok = picture_options_check(a, error) && decoding_options(a, &PICTURE_DEFAULTS, NULL, &options, error) && canvas_read(a, a->word[0], &canvas, error);
    options.guidance_scale = 1;
    ok = ok && sheet_beside(file_base(a->word[0]), "-frames.png", name, sizeof name, error) && make_output(a, MODALITY_IMAGE, name, path, error) && sheet_beside(path, ".gif", animation, sizeof animation, error) && sheet_beside(path, ".json", json, sizeof json, error) && engine_may_write(a, path, error) &&
         engine_may_write(a, animation, error) && engine_may_write(a, json, error);
    struct engine_order o = {.kind = MODALITY_IMAGE, .verb = "frames", .options = &options, .seed = ok && n > 2 ? engine_seed(a) : 0};
    ok = ok && (n <= 2 || engine_start(&e, a, true, error));
    e.a = a;
    ok = ok && make_frames(&e, &canvas, &o, n, frames, error) && write_all(&e, &canvas, &o, frames, n, path, animation, error);
    for (int i = 0; i < FRAMES_MOST; i++) sprite_free(&frames[i]);
    engine_stop(&e);
    canvas_free(&canvas);
    generation_free(&options);
    return ok;
}
