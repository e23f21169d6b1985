/* A pixel font for labels: letters of 3 x 5 pixels, a pixel between them; small letters look like capitals. Characters (of UTF-8) that are no
 * printable ASCII show a box. */
#ifndef OUTPUTS_FONT_H
#define OUTPUTS_FONT_H

#include "outputs/sprite.h"

enum { FONT_WIDTH = 4, FONT_HEIGHT = 6 };     /* of a letter with the space behind and below it */

/* Draw up to `most` characters of text with their top left corner at x, y, each font pixel size x size; what leaves the picture is cut. */
void font_draw(struct sprite *sprite, int x, int y, int size, const char *text, int most, const uint8_t rgb[3]);

#endif
