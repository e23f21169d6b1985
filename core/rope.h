/* Rotary positions (Su et al. 2021): a head's vector is turned, pair by pair, by angles that grow with its position.
 *
 * Pair i of a head of size D turns by position * frequency(i), frequency(i) = theta^(-2i/D). Models trained on short contexts
 * are stretched to longer ones by lower frequencies, as Hugging Face's "rope_type" names them:
 *
 *   linear   all frequencies divided by `factor`
 *   llama3   those whose wave is longer than original / low divided by factor, those shorter than original / high kept,
 *            between them a blend
 *   yarn     the same idea with a ramp over the pairs between two wave counts, and cosine and sine scaled by `attention`
 *            (Peng et al. 2023)
 */
#ifndef CORE_ROPE_H
#define CORE_ROPE_H

#include "core/config.h"

/* How far pair i (below D/2) turns from one position to the next. */
float rope_frequency(const struct config *config, int i);

/* Cosine and sine of every pair's angle at positions 0 … T-1, in float32 as Hugging Face computes them. Does nothing for a model with
 * learned positions. */
void rope_table(const struct config *config, int T, float *table /* (T, D/2, 2) */);

/* Turn one head's vector x (D) in place, halves (i, i + D/2) as Hugging Face pairs them; backward turns back. */
void rope_forward(float *x, const float *table_row /* (D/2, 2) */, int D);
void rope_backward(float *x, const float *table_row, int D);

#endif
