/* The batched forward and the hand-written backward pass.
 *
 * A batch is n positions: whole sequences packed one behind the other, no padding. A slab holds every activation of one
 * pass; each thread owns one, so that passes run side by side on one model, each adding into its own gradient block.
 *
 *   x0 = embed[ids] (+ positions)
 *   each layer:  m = x + Wo attention(rope(qk_norm(Wqkv norm1(x))));   x' = m + Wdown act(Wup norm2(m))
 *   logits = head norm(xL);  loss = -log softmax(logits)[target], summed over the targets that are not ignored
 *
 * Kept for the backward pass: x and m of each layer, the raw q k v, attention's output and row sums, gate and up. Norms,
 * rotations and the activation are computed again. Logits exist for LOSS_ROWS positions at a time only.
 */
#ifndef CORE_GRADIENT_H
#define CORE_GRADIENT_H

#include "core/model.h"

#include <stdint.h>

enum { TARGET_IGNORED = -100 };

struct batch {
    int n;                   /* positions */
    int sequences;
    int32_t *ids;            /* (n) */
    int32_t *targets;        /* (n): the id that follows, or TARGET_IGNORED */
    int *starts;             /* (sequences + 1) */
};

struct slab;

/* Room for batches of up to n_most positions in sequences of up to T of the model's configuration. */
struct slab *slab_start(const struct model *model, int n_most, struct error *error);
void slab_stop(struct slab *slab);

/* Forward pass; the summed loss over all targets (nats). */
double gradient_loss(const struct model *model, struct slab *slab, const struct batch *batch);

/* Forward and backward: adds scale * d(summed loss)/d(parameter) to gradients (the model's layout); returns the summed loss. */
double gradient_pass(const struct model *model, struct slab *slab, const struct batch *batch, float scale, float *gradients);

/* As gradient_loss, but each position's own loss into losses (n); 0 where the target is ignored. */
void gradient_losses(const struct model *model, struct slab *slab, const struct batch *batch, float *losses);

/* Forward pass; all logits into out (n, V). For tests and `triptych logits --batched`. */
void gradient_logits(const struct model *model, struct slab *slab, const struct batch *batch, float *out);

#endif
