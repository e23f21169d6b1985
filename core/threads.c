/* Parallel loops; see threads.h. Workers sleep on a condition between runs; `round` numbers the runs. */
#include "core/threads.h"
#include "core/mem.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

enum { SIZE_MOST = 64 };

struct worker { struct threads *pool; int number; pthread_t thread; };

struct threads {
    int size, started;
    struct worker workers[SIZE_MOST];
    pthread_mutex_t lock;
    pthread_cond_t begin, end;
    unsigned long round;
    int busy;                 /* workers still in this round */
    bool stop;
    threads_work *work;
    void *context;
    int n;
};

static void share(struct threads *pool, int number)
{
    for (int i = number; i < pool->n; i += pool->size) pool->work(pool->context, i, number);
}

static void *live(void *argument)
{
    struct worker *worker = argument;
    struct threads *pool = worker->pool;
    unsigned long seen = 0;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (pool->round == seen && !pool->stop) pthread_cond_wait(&pool->begin, &pool->lock);
        if (pool->stop) break;
        seen = pool->round;
        pthread_mutex_unlock(&pool->lock);
        share(pool, worker->number);
        pthread_mutex_lock(&pool->lock);
        if (--pool->busy == 0) pthread_cond_signal(&pool->end);
    }
    pthread_mutex_unlock(&pool->lock);
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
    pool->stop = true;
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
    pthread_mutex_lock(&pool->lock);
    pool->work = work, pool->context = context, pool->n = n;
    pool->busy = pool->size - 1;
    pool->round++;
    pthread_cond_broadcast(&pool->begin);
    pthread_mutex_unlock(&pool->lock);
    share(pool, 0);
    pthread_mutex_lock(&pool->lock);
    while (pool->busy > 0) pthread_cond_wait(&pool->end, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
}
