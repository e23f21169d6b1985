/* Checkpoints of a training run: everything that makes the resumed run equal to one that was never stopped.
 *
 *   FOLDER/step-000500/model.safetensors      weights, float32, and config.json
 *                      optimizer.safetensors  first.<parameter>, second.<parameter>
 *                      state.json             step, tokens, the stream's counters, best validation loss
 *                      COMPLETE               sizes and checksums of the files above, written last
 *   FOLDER/latest                             the name of the newest
 *
 * A checkpoint is written under a temporary name and renamed when it is whole; the last two are kept. Reading takes the
 * newest whose COMPLETE holds, falling back to the one before (and saying so).
 */
#ifndef CORE_CHECKPOINT_H
#define CORE_CHECKPOINT_H

#include "core/model.h"
#include "core/optimizer.h"
#include "core/stream.h"

struct checkpoint_state {
    long step;
    uint64_t tokens;
    double seconds;         /* of training so far */
    double best;            /* lowest validation loss so far; infinity before the first */
};

bool checkpoint_write(const char *folder, const struct model *model, const struct optimizer *optimizer, const struct stream *stream,
                      const struct checkpoint_state *state, struct error *error);

/* Fill model, optimizer and the stream's counters (sources matched by name). *found is false, and nothing changed, when
 * there is no checkpoint. `note` (may be NULL) gets a line when an incomplete one was passed over. */
bool checkpoint_read(const char *folder, struct model *model, struct optimizer *optimizer, struct stream *stream,
                     struct checkpoint_state *state, bool *found, char note[200], struct error *error);

#endif
