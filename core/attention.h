/* Causal attention over packed sequences, forward and backward, for training.
 *
 * Sequences lie one behind the other; position t of a sequence sees positions 0 … t of the same one. For each sequence and
 * head, ATTENTION_BLOCK queries at a time make one (block, t) tile of scores; no T x T matrix is ever kept. The forward
 * pass stores only the log-sum-exp of each row, from which the backward pass makes the tile again (Dao et al. 2022).
 */
#ifndef CORE_ATTENTION_H
#define CORE_ATTENTION_H

enum { ATTENTION_BLOCK = 64 };

struct attention {
    int H, G, D;                 /* query heads, key/value heads, size of a head */
    int sequences;
    const int *starts;           /* (sequences + 1): first position of each, then the end */
    const float *q;              /* position t, head h at q + t * q_stride + h * D; rotated already */
    const float *k, *v;          /* position t, head g at k + t * k_stride + g * D */
    int q_stride, k_stride, v_stride;
    float *out;                  /* (n, H*D) */
    float *lse;                  /* (n, H): log of the sum of exp of each row's scores */
    float *tile[2];              /* each (ATTENTION_BLOCK, longest sequence): scratch */
};

void attention_forward(const struct attention *a);

/* dout (n, H*D) -> dq, dk, dv with the strides of q, k, v; they are added to (clear them first). */
void attention_backward(const struct attention *a, const float *dout, float *dq, float *dk, float *dv);

#endif
