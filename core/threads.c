/* Parallel loops; see threads.h. `round` numbers the runs. Between runs workers look at it for a moment (a layer of a model takes
 * several short runs, and waking a thread takes longer than some of them), then sleep on a condition; so does the caller at a run's end. */
#include "core/threads.h"
#include "core/mem.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

enum { SIZE_MOST = 64, LOOKS = 4000 };

struct worker { struct threads *pool; int number; pthread_t thread; };

struct threads {
    int size, started;
    struct worker workers[SIZE_MOST];
    pthread_mutex_t lock;
    pthread_cond_t begin, end;
    atomic_ulong round;
    atomic_int busy;          /* workers still in this round */
    atomic_bool stop;
    threads_work *work;
    void *context;
    int n;
};

static void share(struct threads *pool, int number)
{
    for (int i = number; i < pool->n; i += pool->size) pool->work(pool->context, i, number);
}

static inline void pause_a_little(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Wait for a round after `seen`; false when the pool stops. */
static bool next_round(struct threads *pool, unsigned long seen)
{
    for (int i = 0; i < LOOKS && atomic_load(&pool->round) == seen && !atomic_load(&pool->stop); i++) pause_a_little();
    if (atomic_load(&pool->round) == seen) {
        pthread_mutex_lock(&pool->lock);
        while (atomic_load(&pool->round) == seen && !atomic_load(&pool->stop)) pthread_cond_wait(&pool->begin, &pool->lock);
        pthread_mutex_unlock(&pool->lock);
    }
    return !atomic_load(&pool->stop);
}

static void *live(void *argument)
{
    struct worker *worker = argument;
    struct threads *pool = worker->pool;
    for (unsigned long seen = 0; next_round(pool, seen); seen++) {
        share(pool, worker->number);
        if (atomic_fetch_sub(&pool->busy, 1) > 1) continue;
        pthread_mutex_lock(&pool->lock);
        pthread_cond_signal(&pool->end);
        pthread_mutex_unlock(&pool->lock);
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

void threads_run(struct threads *pool, int n, threads_work *work, void *context)
{
    pool->work = work, pool->context = context, pool->n = n;
    atomic_store(&pool->busy, pool->size - 1);
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_add(&pool->round, 1);
    pthread_cond_broadcast(&pool->begin);
    pthread_mutex_unlock(&pool->lock);
    share(pool, 0);
    for (int i = 0; i < LOOKS && atomic_load(&pool->busy) > 0; i++) pause_a_little();
    pthread_mutex_lock(&pool->lock);
    while (atomic_load(&pool->busy) > 0) pthread_cond_wait(&pool->end, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
}
