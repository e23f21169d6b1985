/* A score as a picture: time to the right, pitch upwards, a colour a part, bar lines; in systems one below the other.
 *
 * Rows of the black keys are darker, lines divide octaves at C. Drums stand at the pitches of their keys. The picture is at most 1024 x 1024, so
 * that png.h reads it back: long pieces are drawn smaller. */
#ifndef OUTPUTS_ROLL_H
#define OUTPUTS_ROLL_H

#include "outputs/score.h"
#include "outputs/sprite.h"

/* Draw a sorted score. Fails without notes, and when even the smallest drawing is too large (hours of music). */
bool roll_draw(const struct score *score, struct sprite *out, struct error *error);

/* The whole piece in one system of at most `width` columns and one row a pitch: for a terminal. */
bool roll_draw_small(const struct score *score, int width, struct sprite *out, struct error *error);

#endif
