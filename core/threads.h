/* Parallel loops on a few threads that are made once.
 *
 * threads_run(pool, n, work, context) calls work(context, i, worker) for i = 0 … n-1; item i always goes to worker
 * i mod size, so that sums kept a worker are the same in every run with the same number of threads.
 *
 * threads_share does the same with items that any worker may take: whoever is free takes the next, the caller included, and nobody
 * waits for a worker that has not begun. It suits many short loops, such as a layer's matrix products, also on a busy machine.
 */
#ifndef CORE_THREADS_H
#define CORE_THREADS_H

#include "core/error.h"

struct threads;
typedef void threads_work(void *context, int item, int worker);

/* A pool of `size` workers (1 … 64; the caller's thread is one of them); 0 takes the number of processors at hand. */
struct threads *threads_start(int size, struct error *error);
void threads_stop(struct threads *pool);                     /* NULL is allowed */
int threads_size(const struct threads *pool);
void threads_run(struct threads *pool, int n, threads_work *work, void *context);
void threads_share(struct threads *pool, int n, threads_work *work, void *context);

#endif
