/* A score as a list of note starts and ends in sample frames: what both renderers play.
 *
 * Sorted by frame; of one frame ends come before starts. Times follow the score's tempos exactly (in double), each
 * rounded to the nearest frame; a note lasts at least one frame.
 */
#ifndef OUTPUTS_TIMELINE_H
#define OUTPUTS_TIMELINE_H

#include "core/error.h"
#include "outputs/score.h"

#define TIMELINE_RATE 44100 /* frames a second */

struct timeline_event {
    int64_t frame, length; /* length: of the note, in frames, at its start; 0 at its end */
    uint32_t order;
    uint16_t part;
    uint8_t pitch, velocity; /* velocity 0: the end */
};

struct timeline {
    struct timeline_event *event; /* (n) */
    size_t n;
    int64_t end;                  /* the frame where the last note ends */
};

/* Fill *out (timeline_free). The score must be in range; it need not be sorted. */
bool timeline_make(const struct score *score, struct timeline *out, struct error *error);
void timeline_free(struct timeline *timeline);

#endif
