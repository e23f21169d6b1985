/* Parallel loops; see threads.h.
 *
 * One number says all: the round in its high half, and in its low half the next item to take. The caller closes the old round, writes down
 * the work, and opens the next round with item 0. A worker that read the work and then moves the number on by one (compare and
 * swap) knows that nothing changed in between, and owns the item. In a round of threads_run items are fixed, and the number stays.
 *
 * Between rounds workers look at the number for a moment (waking a thread takes longer than many a round), then sleep on a condition; so
 * does the caller at a round's end.
 */
#include "core/threads.h"
#include "core/mem.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <unistd.h>

enum { SIZE_MOST = 64, LOOKS = 4000 };

struct worker { struct threads *pool; int number; pthread_t thread; };

struct threads {
    int size, started;
    struct worker workers[SIZE_MOST];
    pthread_mutex_t lock;
    pthread_cond_t begin, end;
    _Atomic uint64_t state;   /* round << 32 | next item, CLOSED between rounds */
    atomic_int left;          /* items (threads_share) or workers (threads_run) not yet done */
    atomic_int asleep;        /* workers on the condition */
    atomic_bool stop;
    threads_work *_Atomic work;
    void *_Atomic context;
    atomic_int n;
    atomic_bool fixed;        /* threads_run */
};
static const uint64_t CLOSED = UINT32_MAX;

static uint32_t round_of(uint64_t state) { return (uint32_t)(state >> 32); }

static inline void pause_a_little(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Wait for an open round other than `seen`; false when the pool stops. */
static bool is_news(struct threads *pool, uint32_t seen)
{
    uint64_t state = atomic_load(&pool->state);
    return atomic_load(&pool->stop) || (round_of(state) != seen && (state & CLOSED) != CLOSED);
}

static bool next_round(struct threads *pool, uint32_t seen)
{
    for (int i = 0; i < LOOKS && !is_news(pool, seen); i++) pause_a_little();
    if (!is_news(pool, seen)) {
        pthread_mutex_lock(&pool->lock);
        atomic_fetch_add(&pool->asleep, 1);
        while (!is_news(pool, seen)) pthread_cond_wait(&pool->begin, &pool->lock);
        atomic_fetch_sub(&pool->asleep, 1);
        pthread_mutex_unlock(&pool->lock);
    }
    return !atomic_load(&pool->stop);
}

static void done(struct threads *pool)
{
    if (atomic_fetch_sub(&pool->left, 1) > 1) return;
    pthread_mutex_lock(&pool->lock);
    pthread_cond_signal(&pool->end);
    pthread_mutex_unlock(&pool->lock);
}

/* Take items of this round until there is none. */
static void take_items(struct threads *pool, int number, uint32_t round)
{
    for (;;) {
        uint64_t state = atomic_load(&pool->state);
        uint32_t item = (uint32_t)state;
        threads_work *work = atomic_load(&pool->work);
        void *context = atomic_load(&pool->context);
        if (round_of(state) != round || item == CLOSED || item >= (uint32_t)atomic_load(&pool->n)) return;
        if (!atomic_compare_exchange_weak(&pool->state, &state, state + 1)) continue;
        work(context, (int)item, number);
        done(pool);
    }
}

static void take_own(struct threads *pool, int number)
{
    threads_work *work = atomic_load(&pool->work);
    void *context = atomic_load(&pool->context);
    for (int i = number, n = atomic_load(&pool->n); i < n; i += pool->size) work(context, i, number);
}

static void *live(void *argument)
{
    struct worker *worker = argument;
    struct threads *pool = worker->pool;
    for (uint32_t seen = 0; next_round(pool, seen);) {
        uint32_t round = round_of(atomic_load(&pool->state));
        bool fixed = atomic_load(&pool->fixed);
        uint64_t state = atomic_load(&pool->state);
        if (round_of(state) != round || (state & CLOSED) == CLOSED) continue;      /* `fixed` may belong to another round */
        seen = round;
        if (fixed) {                                           /* such a round does not end without us */
            take_own(pool, worker->number);
            done(pool);
        } else take_items(pool, worker->number, round);
    }
    return NULL;
}

static int processors(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : (int)n;
}

struct threads *threads_start(int size, struct error *error)
{
    struct threads *pool = mem_alloc(1, sizeof *pool, error);
    if (pool == NULL) return NULL;
    if (size == 0) size = processors();
    pool->size = size < 1 ? 1 : size > SIZE_MOST ? SIZE_MOST : size;
    atomic_store(&pool->state, CLOSED);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->begin, NULL);
    pthread_cond_init(&pool->end, NULL);
    for (int i = 1; i < pool->size; i++) {
        pool->workers[i] = (struct worker){.pool = pool, .number = i};
        if (pthread_create(&pool->workers[i].thread, NULL, live, &pool->workers[i]) != 0) {
            error_set(error, ERROR_MEMORY, "threads: only %d of %d could be started", i, pool->size);
            threads_stop(pool);
            return NULL;
        }
        pool->started = i;
    }
    return pool;
}

void threads_stop(struct threads *pool)
{
    if (pool == NULL) return;
    pthread_mutex_lock(&pool->lock);
    atomic_store(&pool->stop, true);
    pthread_cond_broadcast(&pool->begin);
    pthread_mutex_unlock(&pool->lock);
    for (int i = 1; i <= pool->started; i++) pthread_join(pool->workers[i].thread, NULL);
    pthread_cond_destroy(&pool->begin);
    pthread_cond_destroy(&pool->end);
    pthread_mutex_destroy(&pool->lock);
    mem_free(pool);
}

int threads_size(const struct threads *pool) { return pool->size; }

static void open_round(struct threads *pool, int n, threads_work *work, void *context, bool fixed)
{
    uint64_t next = ((uint64_t)round_of(atomic_load(&pool->state)) + 1) << 32;
    atomic_fetch_or(&pool->state, CLOSED);
    atomic_store(&pool->work, work);
    atomic_store(&pool->context, context);
    atomic_store(&pool->n, n);
    atomic_store(&pool->fixed, fixed);
    atomic_store(&pool->left, fixed ? pool->size - 1 : n);
    atomic_store(&pool->state, next);
    if (atomic_load(&pool->asleep) == 0) return;
    pthread_mutex_lock(&pool->lock);
    pthread_cond_broadcast(&pool->begin);
    pthread_mutex_unlock(&pool->lock);
}

static void wait_for_end(struct threads *pool)
{
    for (int i = 0; i < LOOKS && atomic_load(&pool->left) > 0; i++) pause_a_little();
    if (atomic_load(&pool->left) == 0) return;
    pthread_mutex_lock(&pool->lock);
    while (atomic_load(&pool->left) > 0) pthread_cond_wait(&pool->end, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
}

void threads_run(struct threads *pool, int n, threads_work *work, void *context)
{
    open_round(pool, n, work, context, true);
    take_own(pool, 0);
    wait_for_end(pool);
}

void threads_share(struct threads *pool, int n, threads_work *work, void *context)
{
    if (n < 1) return;
    open_round(pool, n, work, context, false);
    take_items(pool, 0, round_of(atomic_load(&pool->state)));
    wait_for_end(pool);
}
