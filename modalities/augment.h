/* Other pictures from one, with captions that stay true.
 *
 * Mirrored: words of sides change places ("left" and "right", "east" and "west"); what reads one way (letters, flags) is not mirrored.
 *
 * Hue turned: every colour's hue by the same angle, saturation and value kept. Only pictures whose captions all name a colour that is in
 * the picture, and nothing that has a colour by nature ("grass", "gold"); each colour word becomes the name that the pixels
 * which it named have now, and must have nearly all of them. Names are those of colours.h. */
#ifndef MODALITIES_AUGMENT_H
#define MODALITIES_AUGMENT_H

#include "core/bytes.h"
#include "outputs/sprite.h"

/* Append the caption of the mirrored picture; *may is false when it is better not mirrored. */
bool augment_mirror(const char *caption, struct bytes *out, bool *may, struct error *error);

/* A picture with all hues turned by `degrees` into *out (sprite_free), and its caption for each of n into captions (n, each appended
 * to). *may is false, and nothing is made, where a caption could not be kept true. */
bool augment_hue(const struct sprite *sprite, int degrees, char *const *caption, int n, struct sprite *out, struct bytes *captions, bool *may, struct error *error);

#endif
