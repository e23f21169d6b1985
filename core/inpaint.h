/* Filling the holes of a sequence of known length, which the model may see in two ways:
 *
 *     plain    head  place place …                          it sees what stands before a place, and knows exactly which place that is
 *     holed    head' place hole … place  mark  id …         it has seen all that stays, and fills the holes one by one behind it
 *
 * An id for a hole is drawn from p(id | plain)^(1 - share) p(id | holed)^share. Several sequences, the particles, are drawn side by side. Every id that stays
 * is a witness: log p(id | plain so far) is added to its particle's weight, which so tells how well what stays goes on from what was drawn.
 * Before a draw, when the weights have become uneven (effective number below half), particles are chosen anew in proportion to them
 * (systematic resampling; Gordon, Salmond & Smith 1993; Doucet & Johansen 2009). The result is the particle with the largest weight: not the likeliest
 * filling, which would be a flat one, but that to which the surroundings fit best.
 */
#ifndef CORE_INPAINT_H
#define CORE_INPAINT_H

#include "core/infill.h"

enum { INPAINT_PARTICLES_MOST = 64 };

struct inpaint_request {
    struct infill_prompt plain[2], holed[2];       /* as prompted, and what guidance steers away from (unused when guidance_scale is 1) */
    double share;                                   /* of the holed view, 0 to 1; 0: it is not run */
    const int32_t *place;                           /* (places): the id that stays, or -1 for a hole */
    size_t places;
    const struct generation *options;
    int particles;
    uint64_t piece;                                 /* number of the piece: its stream of random numbers */
    void (*allowed)(void *context, const int32_t *drawn, size_t n, uint8_t *mask /* (V), all 0 on entry */);  /* behind the n ids drawn so far */
    void *context;
};

/* Append the ids for the holes, in the order of places. The same for any number of threads. */
bool inpaint(const struct runner *runner, const struct inpaint_request *request, struct sampling_scratch *scratch, struct ids *out, struct error *error);

#endif
