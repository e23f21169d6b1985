/* What the verbs of pictures share; see picture.h. */
#include "app/picture.h"
#include "core/file.h"
#include "core/mem.h"
#include "modalities/colours.h"
#include "outputs/png.h"

#include <stdio.h>
#include <string.h>

const struct decoding_defaults PICTURE_DEFAULTS = {.temperature = 0.9, .top_k = 60, .top_p = 1, .guidance = 3, .do_sample = true};

enum { PALETTES = 8, MORE = 3 };                               /* palettes that are asked for the colours of a prompt, and how many of these may come in */

void picture_order_free(struct picture_order *order)
{
    image_finish_free(&order->finish);
    ids_free(&order->before);
}

/* ---- wishes ---- */

static const char *text_of(const struct arguments *a, enum option_id id) { return a->option[id].text == NULL ? "" : a->option[id].text; }

static bool one_of(const struct arguments *a, enum option_id id, const char *const *words, const char *wanted, struct error *error)
{
    if (!a->option[id].given) return true;
    for (; *words != NULL; words++)
        if (strcmp(a->option[id].text, *words) == 0) return true;
    return error_set(error, ERROR_USAGE, "--%s: '%.40s' is unknown; %s is wanted", option_name(id), a->option[id].text, wanted);
}

bool picture_options_check(const struct arguments *a, struct error *error)
{
    static const char *const sizes[] = {"16", "32", NULL}, *const tiles[] = {"x", "y", "xy", NULL}, *const symmetries[] = {"x", NULL};
    uint8_t rgb[3];
    if (!one_of(a, OPTION_SIZE, sizes, "16 or 32", error) || !one_of(a, OPTION_TILE, tiles, "x, y or xy", error) || !one_of(a, OPTION_SYMMETRY, symmetries, "x", error) ||
        !engine_preview_check(a, error)) return false;
    const char *ground = text_of(a, OPTION_BACKGROUND);
    bool coloured = ground[0] != '\0' && strcmp(ground, "transparent") != 0;
    if (coloured && !image_colour(ground, rgb)) return error_set(error, ERROR_USAGE, "--background: '%.40s' is no colour; transparent or #rrggbb is wanted", ground);
    if (a->option[OPTION_TILE].given && a->option[OPTION_OUTLINE].given) return error_set(error, ERROR_USAGE, "--tile and --outline exclude each other");
    if (coloured && a->option[OPTION_LIMIT].given && a->option[OPTION_LIMIT].number < 2) return error_set(error, ERROR_USAGE, "--colours: 1, and --background takes one; 2 to 16 are wanted");
    return true;
}

bool picture_wishes(const struct arguments *a, const struct codes *codes, struct picture_order *order, struct error *error)
{
    struct codes_wishes *w = &order->wishes;
    struct image_finish *f = &order->finish;
    struct palette palette;
    const char *tile = text_of(a, OPTION_TILE), *ground = text_of(a, OPTION_BACKGROUND);
    *order = (struct picture_order){0};
    w->size = a->option[OPTION_SIZE].given ? (int)a->option[OPTION_SIZE].number : 0;
    w->tile_x = strchr(tile, 'x') != NULL, w->tile_y = strchr(tile, 'y') != NULL;
    w->symmetric = a->option[OPTION_SYMMETRY].given;
    w->dark = f->outline = a->option[OPTION_OUTLINE].given;
    f->background = w->grounded = ground[0] != '\0' && image_colour(ground, f->ground);
    memcpy(w->ground, f->ground, 3);
    if (a->option[OPTION_LIMIT].given) w->limit = (int)a->option[OPTION_LIMIT].number - f->background;
    if (!a->option[OPTION_PALETTE].given) return true;
    w->only = true;
    if (!palette_read(a->option[OPTION_PALETTE].text, &palette, error)) return false;
    if (f->background && !palette_has(&palette, f->ground))
        return error_set(error, ERROR_USAGE, "--background: %.20s is not in %.200s; a colour of the palette is wanted", ground, a->option[OPTION_PALETTE].text);
    if (!codes_wishes_palette(codes, w, (const uint8_t (*)[3])palette.rgb, palette.n, error)) return false;
    if (w->limit == 0 && w->colours > CODES_COLOURS_32) w->limit = CODES_COLOURS_32;      /* in native 16 too */
    int limit = w->limit > 0 ? w->limit : CODES_COLOURS_32;
    w->least = w->colours < limit ? w->colours : limit;        /* else a single colour would often be the likeliest choice */
    return codes_wishes_check(codes, w, error);
}

/* ---- a user's picture ---- */

void canvas_free(struct canvas *c)
{
    sprite_free(&c->art), sprite_free(&c->full), sprite_free(&c->file);
    *c = (struct canvas){0};
}

bool canvas_read(const struct arguments *a, const char *path, struct canvas *c, struct error *error)
{
    struct bytes data = {0};
    *c = (struct canvas){0};
    bool ok = file_read(path, FILE_LIMIT_PNG, &data, error) && (png_read_sprite(data.data, data.n, &c->file, NULL, error) || error_prefix(error, "%s", path)) &&
              sprite_reduce(&c->file, &c->art, &c->how, error) && sprite_place(&c->art, &c->full, error);
    if (ok && c->how.word[0] != '\0' && !a->option[OPTION_QUIET].given) app_say("%s: %s", path, c->how.word);
    c->doubled = c->art.width == SPRITE_SIDE / 2 && c->art.height == SPRITE_SIDE / 2;
    if (!c->doubled) c->x = (SPRITE_SIDE - c->art.width) / 2, c->y = (SPRITE_SIDE - c->art.height) / 2;
    bytes_free(&data);
    if (!ok) canvas_free(c);
    return ok;
}

/* What stays of the codes' 32 x 32 pixels. */
static void stays_of(const struct canvas *c, const uint8_t *keep, uint8_t stays[SPRITE_PIXELS])
{
    for (int i = 0; i < SPRITE_PIXELS; i++) {
        int unit = c->doubled ? 2 : 1, x = i % SPRITE_SIDE / unit - c->x, y = i / SPRITE_SIDE / unit - c->y;
        bool inside = x >= 0 && y >= 0 && x < c->art.width && y < c->art.height;
        stays[i] = !inside || keep[y * c->art.width + x];
    }
}

/* Colours for the prompt: those that most of the palettes have which the model would begin such a picture with. */
static bool add_colours(struct engine *e, const struct engine_order *ask, struct codes_wishes *w, struct error *error)
{
    struct ids palette[PALETTES] = {{0}};
    const struct picture_order free_of = {.wishes.size = w->size};
    struct engine_order o = *ask;
    int n = engine_batch(e, MODALITY_IMAGE) < PALETTES ? engine_batch(e, MODALITY_IMAGE) : PALETTES;
    o.picture = &free_of;
    bool ok = engine_palettes(e, &o, n, palette, error);
    if (ok) codes_wishes_extend(e->vocabulary.codes, w, palette, n, MORE);
    for (int i = 0; i < n; i++) ids_free(&palette[i]);
    return ok;
}

/* What the payload begins with: the colours, then the places, where any pixel is to be redrawn a hole. */
static bool begin_payload(const struct codes *codes, const struct canvas *c, const uint8_t *stays, const struct codes_wishes *w, struct ids *out, size_t *head, struct error *error)
{
    struct ids whole = {0};
    bool hole[CODES_PATTERNS] = {false};
    size_t holes = 0;
    for (int place = 0; place < codes_places(c->doubled); place++) {
        hole[place] = !codes_place_kept(c->doubled, place, stays);
        holes += hole[place];
    }
    bool ok = codes_encode_in(codes, &c->full, w, &whole, error) && codes_leave_out(codes, whole.id, whole.n, hole, out, error);
    if (ok) out->n -= holes;                                   /* what is to be drawn */
    *head = whole.n - (size_t)codes_places(c->doubled);
    ids_free(&whole);
    return ok;
}

bool canvas_order(struct engine *e, const struct canvas *c, const struct engine_order *ask, const uint8_t *keep, int16_t *want, struct picture_order *order, struct error *error)
{
    const struct codes *codes = e->vocabulary.codes;
    uint8_t stays[SPRITE_PIXELS];
    struct image_finish *f = &order->finish;
    struct codes_wishes *w = &order->wishes;
    bool prompt = ask->prompt != NULL && ask->prompt[0] != '\0';
    int most = (c->doubled ? CODES_COLOURS_16 : CODES_ENCODED_MOST) - (prompt ? MORE : 0);     /* as the model has seen them */
    *order = (struct picture_order){0};
    if (!codes_has_palettes(codes))
        return error_set(error, ERROR_INPUT, "%s: the image codes of this model are convolutional and leave no pixel alone; a model with palette-first codes is wanted", ask->verb);
    stays_of(c, keep, stays);
    w->size = c->doubled ? 16 : 32;
    if (!codes_wishes_sprite(codes, w, &c->full, stays, most, want, error)) return false;
    if (prompt && !add_colours(e, ask, w, error)) return false;
    w->only = w->colours > 0;
    w->want = want;
    f->x = c->x, f->y = c->y;
    size_t n = (size_t)c->art.width * (size_t)c->art.height;
    if (!sprite_init(&f->base, c->art.width, c->art.height, error) || (f->keep = mem_alloc(n, 1, error)) == NULL) return false;
    memcpy(f->base.rgba, c->art.rgba, 4 * n);
    memcpy(f->keep, keep, n);
    return codes_wishes_check(codes, w, error) && (w->colours == 0 || begin_payload(codes, c, stays, w, &order->before, &order->head, error));
}

bool picture_redraw(struct engine *e, const struct engine_order *o, int candidates, struct piece *out, struct error *error)
{
    return o->picture->before.n > 0 ? engine_fill(e, o, candidates, out, error) : engine_make(e, o, 1, out, error);
}

/* ---- the best of several ---- */

/* By what the prompt tells of the picture: that finds the true caption of a sprite far better than log p(prompt | picture) does (bench/retrieval.c). */
static bool rank_by_prompt(const struct engine *e, const struct engine_order *o, const struct ids *payload, double *out, struct error *error)
{
    *out = 0;
    return o->prompt == NULL || o->prompt[0] == '\0' || engine_information(e, o->prompt, payload, out, error);
}

/* How well a picture is what was asked for, before any likelihood: it shows something, and has the colour that the prompt names first among its
 * own, or as the commonest. */
enum fit { FIT_NOTHING, FIT_SOMETHING, FIT_AMONG, FIT_WHOLLY };
enum { RETRIES = 5 };

/* What has the colour of the ground behind the shape is not seen. */
static enum fit fit_of(const struct sprite *s, const struct picture_order *order, int named)
{
    bool ground = order != NULL && order->finish.background;
    int number[3], n = colours_of_sprite(s, ground ? order->finish.ground : NULL, number);
    if (n == 0) return FIT_NOTHING;
    if (named < 0 || number[0] == named) return FIT_WHOLLY;
    for (int i = 1; i < n; i++)
        if (number[i] == named) return FIT_AMONG;
    return FIT_SOMETHING;
}

/* Colour words of the prompt count unless --no-words or --palette say which colours there are. */
static int named_by(const struct engine *e, const struct engine_order *o)
{
    return o->prompt == NULL || e->a->option[OPTION_NO_WORDS].given || e->a->option[OPTION_PALETTE].given ? -1 : colours_first_named(o->prompt);
}

/* The best pieces so far for n orders. */
struct best { struct engine *e; const struct engine_order *order; struct piece *out; enum fit *fit; double *score; bool rank; };

/* Keep a made piece if it is better than the one for its order so far; what is not kept is freed. */
static bool keep_better(struct best *b, int i, struct piece *made, struct error *error)
{
    double own = 0;
    enum fit fit = fit_of(&made->sprite, b->order[i].picture, named_by(b->e, &b->order[i]));
    bool first = b->out[i].ids.n == 0, may = first || fit > b->fit[i] || (fit == b->fit[i] && b->rank);
    if (may && b->rank && !rank_by_prompt(b->e, &b->order[i], &made->ids, &own, error)) return false;
    if (!may || (!first && fit == b->fit[i] && own <= b->score[i])) { piece_free(made); return true; }
    piece_free(&b->out[i]);
    b->out[i] = *made, b->fit[i] = fit, b->score[i] = own;
    *made = (struct piece){0};
    return true;
}

/* Make the candidates of some orders side by side: which[k] is the order's number, candidate[k] the candidate's. */
static bool make_candidates(struct best *b, const int *which, const int *candidate, int n, struct error *error)
{
    int most = engine_batch(b->e, MODALITY_IMAGE);
    struct piece *made = mem_alloc((size_t)most, sizeof *made, error);
    struct engine_order *orders = mem_alloc((size_t)most, sizeof *orders, error);
    bool ok = made != NULL && orders != NULL;
    for (int done = 0, some; ok && done < n && !app_stop; done += some) {
        some = n - done < most ? n - done : most;
        for (int k = 0; k < some; k++) orders[k] = b->order[which[done + k]], orders[k].candidate = candidate[done + k];
        ok = engine_make(b->e, orders, some, made, error);
        for (int k = 0; ok && k < some; k++) ok = keep_better(b, which[done + k], &made[k], error);
        for (int k = 0; k < some; k++) piece_free(&made[k]);
    }
    mem_free(made), mem_free(orders);
    return ok;
}

bool picture_best(struct engine *e, const struct engine_order *order, int n, int candidates, struct piece *out, struct error *error)
{
    struct best b = {e, order, out, mem_alloc((size_t)n, sizeof *b.fit, error), mem_alloc((size_t)n, sizeof *b.score, error), candidates > 1};
    int *which = mem_alloc((size_t)(n * candidates), sizeof *which, error), *candidate = mem_alloc((size_t)(n * candidates), sizeof *candidate, error), again = n;
    bool ok = b.fit != NULL && b.score != NULL && which != NULL && candidate != NULL;
    for (int i = 0; i < n; i++) out[i] = (struct piece){0};
    for (int i = 0; ok && i < n * candidates; i++) which[i] = i / candidates, candidate[i] = i % candidates;
    ok = ok && make_candidates(&b, which, candidate, n * candidates, error);
    for (int turn = 0; ok && turn < RETRIES && again > 0 && !app_stop; turn++) {
        again = 0;
        for (int i = 0; i < n; i++)
            if (b.fit[i] < FIT_WHOLLY) which[again] = i, candidate[again++] = candidates + turn;
        ok = make_candidates(&b, which, candidate, again, error);
    }
    if (ok && app_stop) ok = error_set(error, ERROR_STOPPED, "stopped");
    mem_free(b.fit), mem_free(b.score), mem_free(which), mem_free(candidate);
    for (int i = 0; !ok && i < n; i++) piece_free(&out[i]);
    return ok;
}
