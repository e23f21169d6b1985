/* make bench: what this machine can do and what the program makes of it, in one run.
 *
 * A section measures and prints one line a figure: name, value, unit; the share of its limit (sgemm peak, read bandwidth), where it has
 * one; and, where PEERS names a Python with the peers installed, the peer's value and the ratio to it, both measured in turns within
 * the same run, the best of each counting (other work on a machine only ever slows).
 *
 *     make bench                                     everything
 *     make bench SECTIONS="training decoding"        some of it
 *     make bench PEERS=venv/bin/python               with ratios; the venv has torch, transformers, llama-cpp-python, tiktoken, tokenizers
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include "core/error.h"
#include "core/threads.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ROUNDS = 3 };

double bench_now(void);       /* seconds */

/* The machine's limits, measured when first asked for. */
double bench_peak(int threads);        /* GFLOP/s of a large sgemm, one a thread */
double bench_bandwidth(int threads);   /* GB/s of reading memory */

/* One figure. ours() is called in turns with the peer: its script under bench/peers prints "name value" lines; `peer` is the script with
 * its arguments, `key` the name of the line. Larger is better unless `less`. */
struct figure {
    const char *name, *unit;
    double (*ours)(void *context);
    void *context;
    double limit;              /* 0: none */
    double limit_per_unit;     /* value * limit_per_unit is compared with the limit (GFLOP a token, GB a token); 0: 1 */
    const char *limit_name;
    const char *peer, *key, *peer_name;
    bool less;
};
void bench_figure(const struct figure *figure);

/* Memory of a process of its own: runs this program with `argument` and returns its peak in MB. */
double bench_child_memory(const char *argument);

/* The sections. */
void bench_limits(void);
void bench_training(void);
void bench_characters(void);
void bench_decoding(void);
void bench_shipped(void);
void bench_tokens(void);
void bench_codes(void);
void bench_retrieval(void);
void bench_fill(void);
void bench_program(void);
void bench_training_step(const char *shape);   /* one step, for bench_child_memory */

#endif
