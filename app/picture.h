/* What the verbs of pictures share: wishes from the command line, a user's picture as the codes see it, the best of several. */
#ifndef APP_PICTURE_H
#define APP_PICTURE_H

#include "app/engine.h"
#include "outputs/palette.h"

/* Verbs on a user's picture; each takes a .png and an optional prompt. */
bool picture_continue(const struct arguments *a, struct error *error);
bool picture_vary(const struct arguments *a, struct error *error);
bool picture_fill(const struct arguments *a, struct error *error);

extern const struct decoding_defaults PICTURE_DEFAULTS;

/* Check what needs no model; then read --size … --background into an order. *order is to be freed with picture_order_free. */
bool picture_wishes(const struct arguments *a, const struct codes *codes, struct picture_order *order, struct error *error);
bool picture_options_check(const struct arguments *a, struct error *error);
void picture_order_free(struct picture_order *order);

/* A picture of a user: its art at its own size, and that on the 32 x 32 pixels of the codes. */
struct canvas {
    struct sprite art;      /* as sprite_reduce makes it, and how */
    struct sprite_fitting how;
    struct sprite full;     /* 32 x 32 with hard alpha, what is encoded */
    bool doubled;           /* art of 16 x 16 */
    int x, y;               /* of the art's first pixel on the codes' grid of 32 x 32 (0 when doubled) */
    struct sprite file;     /* the whole picture, as it came */
};
bool canvas_read(const struct arguments *a, const char *path, struct canvas *canvas, struct error *error);     /* what was done to fit it is told on stderr */
void canvas_free(struct canvas *canvas);

/* The order that redraws the art's pixels whose keep (art.height, art.width) is 0 and leaves the others exactly as they are. It is made for what is
 * asked by `ask` (its prompt, seed, options): its payload begins with the picture's colours and its places, those to be redrawn as holes. With a
 * prompt some colours that the model would draw it in come beside the picture's own. `want` (SPRITE_PIXELS) is filled and lent to the order, which is
 * to be freed with picture_order_free. */
bool canvas_order(struct engine *engine, const struct canvas *canvas, const struct engine_order *ask, const uint8_t *keep, int16_t *want, struct picture_order *order, struct error *error);

/* The best of some redrawings of an order's picture (inpaint.h); a picture without any colour of its own is drawn as from nothing. */
bool picture_redraw(struct engine *engine, const struct engine_order *order, int candidates, struct piece *out, struct error *error);

/* Make `candidates` for each of n orders, side by side, and keep of each the best: first, that it shows something; then that it has the colour that the
 * prompt names first, as its commonest (colours.h); then, that the prompt tells most of it (engine_information). While the first two are not met, a
 * few more are made. */
bool picture_best(struct engine *engine, const struct engine_order *orders, int n, int candidates, struct piece *out, struct error *error);

#endif
