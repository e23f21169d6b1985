/* Drawing training pieces of pictures: which captions, as it is, mirrored or with other hues, forward, in reverse, or with holes.
 *
 * A picture with holes teaches to draw what is missing when all the rest is seen: a box, patches where smooth noise is high (as `vary`
 * leaves out), or the lower part (as `continue`). The holes come second in the payload (codes.h), the form is forward, with or without
 * caption. Everything is a function of (seed, draw). */
#include "modalities/draw_image.h"
#include "core/random.h"
#include "modalities/patches.h"

#include <string.h>

static const double SHARE_REVERSE = 0.15, SHARE_FREE = 0.15, SHARE_MIRROR = 0.5, SHARE_TURN = 0.25, SHARE_HOLES = 0.15, SHARE_REGULAR = 0.15;
static const double SHARE_PATCHES = 1.0 / 3, SHARE_LOWER = 1.0 / 5;            /* of those with holes; the others have a box */

/* Sides in squares of 2 x 2 pixels, whatever the places are. */
enum { SIDE = SPRITE_SIDE / 2, BOX_LEAST = 4, BOX_MOST = SIDE * 2 / 3, LOWER_LEAST = 4 };

/* What a draw's random numbers are for. */
enum { FOR_FORM, FOR_CAPTION, FOR_MIRROR, FOR_TURN = 7, FOR_REGULAR, FOR_HOLES, FOR_KIND, FOR_WIDTH, FOR_HEIGHT, FOR_X, FOR_Y };

struct drawing { uint64_t seed, draw; };

static double unit(const struct drawing *w, uint64_t what) { return random_unit(w->seed, w->draw, what); }
static int below(const struct drawing *w, uint64_t what, int n) { return (int)random_below(w->seed, w->draw, what, (uint64_t)n); }

/* ---- holes ---- */

static void leave_box(const struct drawing *w, bool square[SIDE * SIDE])
{
    int width = BOX_LEAST + below(w, FOR_WIDTH, BOX_MOST - BOX_LEAST + 1), height = BOX_LEAST + below(w, FOR_HEIGHT, BOX_MOST - BOX_LEAST + 1);
    int left = below(w, FOR_X, SIDE - width + 1), top = below(w, FOR_Y, SIDE - height + 1);
    for (int y = top; y < top + height; y++)
        for (int x = left; x < left + width; x++) square[y * SIDE + x] = true;
}

static void leave_lower(const struct drawing *w, bool square[SIDE * SIDE])
{
    int rows = LOWER_LEAST + below(w, FOR_HEIGHT, SIDE * 2 / 3 - LOWER_LEAST + 1);
    for (int i = (SIDE - rows) * SIDE; i < SIDE * SIDE; i++) square[i] = true;
}

static void leave_patches(const struct drawing *w, bool square[SIDE * SIDE])
{
    patches_choose(w->seed, w->draw, SIDE, SIDE, SIDE * SIDE / 10 + below(w, FOR_WIDTH, SIDE * SIDE / 2 - SIDE * SIDE / 10), square);
}

/* Append the payload (joint ids) with holes: the places that a square touches. */
static bool with_holes(const struct dataset *d, const struct drawing *w, const struct ids *payload, struct ids *out, struct error *error)
{
    const struct vocabulary *v = d->vocabulary;
    bool square[SIDE * SIDE] = {false}, hole[CODES_PATTERNS], doubled = payload->id[0] == v->image_first + 1;
    double kind = unit(w, FOR_KIND);
    if (kind < SHARE_PATCHES) leave_patches(w, square);
    else if (kind < SHARE_PATCHES + SHARE_LOWER) leave_lower(w, square);
    else leave_box(w, square);
    for (int i = 0; i < codes_places(doubled); i++) hole[i] = doubled ? square[2 * i] || square[2 * i + 1] : square[i];
    struct ids local = {0};
    size_t start = out->n;
    bool ok = vocabulary_local(payload->id, payload->n, v->image_first, codes_vocabulary(v->codes), &local, error) &&
              codes_leave_out(v->codes, local.id, local.n, hole, out, error);
    for (size_t i = start; ok && i < out->n; i++) out->id[i] += v->image_first;
    ids_free(&local);
    return ok;
}

/* ---- forms ---- */

/* Behind its regular caption, if there is one, in its share; behind the others alike. */
static int choose_caption(const struct drawing *w, const struct dataset_piece *p)
{
    if (!p->regular || p->captions < 2) return p->captions > 0 ? below(w, FOR_CAPTION, p->captions) : -1;
    return unit(w, FOR_REGULAR) < SHARE_REGULAR ? p->captions - 1 : below(w, FOR_CAPTION, p->captions - 1);
}

bool draw_image(const struct dataset *d, const struct dataset_piece *p, uint64_t draw, struct ids *out, struct error *error)
{
    const struct drawing w = {d->seed, draw};
    const struct ids *payload = &p->payload, *captions = p->caption;
    int which = choose_caption(&w, p);
    double form = unit(&w, FOR_FORM);
    if (!d->as_is && p->turned.n > 0 && unit(&w, FOR_TURN) < SHARE_TURN) payload = &p->turned, captions = p->turned_caption;
    else if (!d->as_is && p->may_mirror && p->mirrored.n > 0 && unit(&w, FOR_MIRROR) < SHARE_MIRROR) payload = &p->mirrored, captions = p->mirrored_caption;
    const struct ids *caption = which < 0 ? NULL : &captions[which];
    bool holes = !d->as_is && codes_has_palettes(d->vocabulary->codes) && unit(&w, FOR_HOLES) < SHARE_HOLES;
    if (caption != NULL && !holes && form < SHARE_REVERSE)
        return form_describe(d->vocabulary, MODALITY_IMAGE, payload->id, payload->n, out, error) && ids_append_many(out, caption->id, caption->n, error) && ids_append(out, SPECIAL_EOS, error);
    if (form < SHARE_REVERSE + SHARE_FREE) caption = NULL;
    return ids_append(out, SPECIAL_BOS, error) && (caption == NULL || (ids_append(out, SPECIAL_CAPTION, error) && ids_append_many(out, caption->id, caption->n, error))) &&
           ids_append(out, SPECIAL_IMAGE, error) && (holes ? with_holes(d, &w, payload, out, error) : ids_append_many(out, payload->id, payload->n, error)) && ids_append(out, SPECIAL_EOS, error);
}
