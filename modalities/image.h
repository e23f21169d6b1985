/* What happens to a picture behind its codes: exact colours, pixels that stay as they were, an outline, a ground.
 *
 * These steps are data that a recipe carries, so that the same file comes from the same ids on any machine:
 *
 *     "finish": {"palette": ["#203040", …], "outline": true, "background": "#ffffff",
 *                "kept": {"x": 0, "y": 0, "width": 24, "height": 20, "pixels": ["..", "ff8000ff", …]}}
 *
 * `palette` holds the exact colours for those that the ids send, in their order. `kept` is the picture that was edited, as the window
 * of the codes' 32 x 32 (16 x 16 for doubled art) that it took up: a row of text for each row of pixels, eight hexadecimal digits
 * (red, green, blue, alpha) for a pixel that stays ('-' where all are 0) and a dot for one that the codes paint.
 */
#ifndef MODALITIES_IMAGE_H
#define MODALITIES_IMAGE_H

#include "core/json.h"
#include "modalities/modality.h"

struct image_finish {
    int colours;                              /* exact colours; 0: the master palette's own */
    uint8_t colour[CODES_COLOURS_MOST][3];
    bool outline;                             /* of the darkest colour sent */
    bool background;                          /* see-through pixels get `ground` */
    uint8_t ground[3];
    int x, y;                                 /* of the window */
    struct sprite base;                       /* the picture before; rgba NULL: none. Owned */
    uint8_t *keep;                            /* (base.height, base.width): 1 where its pixel stays. Owned */
};
void image_finish_free(struct image_finish *finish);

/* The picture that a payload of joint ids stands for, finished, at its own size. */
bool image_decode(const struct vocabulary *v, const int32_t *ids, size_t n, const struct image_finish *finish, struct sprite *out, struct error *error);

/* True when nothing is done; append the JSON object. */
bool image_finish_none(const struct image_finish *finish);
bool image_finish_print(const struct image_finish *finish, struct bytes *out, struct error *error);

/* Read it back (NULL: nothing is done); whatever the object holds, *out is sound or there is an error. */
bool image_finish_read(const cJSON *object, struct image_finish *out, struct error *error);

/* "#rrggbb" (the # may be missing) into rgb. */
bool image_colour(const char *text, uint8_t rgb[3]);

#endif
