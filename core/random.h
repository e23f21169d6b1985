/* Counter-based random numbers: Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).
 *
 * A draw is a function of (seed, stream, counter) and of nothing else: no state, so the same piece gets the same draws
 * whatever the batch size, the number of threads or the order of work. `stream` is the piece's number, `counter` the step.
 */
#ifndef CORE_RANDOM_H
#define CORE_RANDOM_H

#include <stdint.h>

/* One Philox block: key (2), counter (4) -> four 32-bit numbers. */
void random_philox(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4]);

uint64_t random_bits(uint64_t seed, uint64_t stream, uint64_t counter);
double random_unit(uint64_t seed, uint64_t stream, uint64_t counter);    /* uniform in [0, 1), 53 bits */
double random_normal(uint64_t seed, uint64_t stream, uint64_t counter);  /* mean 0, variance 1 (Box-Muller) */
uint64_t random_below(uint64_t seed, uint64_t stream, uint64_t counter, uint64_t n); /* uniform in 0 … n-1, n > 0 */

/* A seed from the operating system, below 2^31 so that it is easy to type. */
uint64_t random_seed(void);

#endif
