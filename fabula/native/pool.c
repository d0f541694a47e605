#define _GNU_SOURCE
#include "pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#define WATCHES 300       /* looks before a waiting thread yields its core: about 5 microseconds */
#define IDLE_WATCHES 20000 /* looks before a thread without a job sleeps: some 300 microseconds */
#define LINE 64           /* bytes of a cache line: numbers that several threads write stand apart */

struct pool {
    _Alignas(LINE) atomic_int next; /* item of this phase */
    _Alignas(LINE) atomic_int arrived;
    _Alignas(LINE) atomic_uint phase;
    _Alignas(LINE) atomic_uint jobs; /* begun so far */
    _Alignas(LINE) atomic_int sleepers;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    void (*job)(void *, int32_t);
    void *argument;
    int32_t threads;
    int stop;
    struct worker {
        struct pool *pool;
        pthread_t thread;
        int32_t number;
    } *workers;
};

static inline void look_again(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

int32_t pool_next(struct pool *pool) { return atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed); }

int32_t pool_threads(const struct pool *pool) { return pool->threads; }

void pool_meet(struct pool *pool) {
    const unsigned phase = atomic_load_explicit(&pool->phase, memory_order_relaxed);
    if (atomic_fetch_add_explicit(&pool->arrived, 1, memory_order_acq_rel) + 1 == pool->threads) {
        atomic_store_explicit(&pool->arrived, 0, memory_order_relaxed);
        atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
        atomic_store_explicit(&pool->phase, phase + 1, memory_order_release);
        return;
    }
    for (int looks = 0; atomic_load_explicit(&pool->phase, memory_order_acquire) == phase; looks++)
        if (looks < WATCHES) look_again();
        else sched_yield();
}

/* Wait for a job other than the last one: watch a while, then sleep. */
static unsigned next_job(struct pool *pool, unsigned last) {
    for (int looks = 0; looks < IDLE_WATCHES; looks++) {
        const unsigned jobs = atomic_load_explicit(&pool->jobs, memory_order_acquire);
        if (jobs != last) return jobs;
        if (looks % WATCHES == WATCHES - 1) sched_yield();
        else look_again();
    }
    pthread_mutex_lock(&pool->mutex);
    atomic_fetch_add(&pool->sleepers, 1);
    while (atomic_load(&pool->jobs) == last) pthread_cond_wait(&pool->wake, &pool->mutex);
    atomic_fetch_sub(&pool->sleepers, 1);
    pthread_mutex_unlock(&pool->mutex);
    return atomic_load(&pool->jobs);
}

static void *work(void *argument) {
    struct worker *worker = argument;
    struct pool *pool = worker->pool;
    for (unsigned jobs = 0;;) {
        jobs = next_job(pool, jobs);
        if (pool->stop) return NULL;
        pool->job(pool->argument, worker->number);
        pool_meet(pool);
    }
}

static void begin(struct pool *pool) {
    atomic_fetch_add(&pool->jobs, 1); /* sequentially consistent with `sleepers`: a thread that falls asleep sees it */
    if (atomic_load(&pool->sleepers) == 0) return;
    pthread_mutex_lock(&pool->mutex);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);
}

void pool_run(struct pool *pool, void (*job)(void *, int32_t), void *argument) {
    pool->job = job;
    pool->argument = argument;
    if (pool->threads > 1) begin(pool);
    job(argument, 0);
    pool_meet(pool);
}

struct pool *pool_new(int32_t threads) {
    struct pool *pool = aligned_alloc(LINE, (sizeof *pool + LINE - 1) / LINE * LINE);
    if (!pool) return NULL;
    *pool = (struct pool){.threads = 1};
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pool->workers = calloc((size_t)threads, sizeof *pool->workers);
    while (pool->workers && pool->threads < threads) { /* with fewer threads than wanted it works too */
        struct worker *worker = &pool->workers[pool->threads];
        *worker = (struct worker){.pool = pool, .number = pool->threads};
        if (pthread_create(&worker->thread, NULL, work, worker)) break;
        pool->threads++;
    }
    return pool;
}

void pool_free(struct pool *pool) {
    if (!pool) return;
    pool->stop = 1;
    begin(pool);
    for (int32_t i = 1; i < pool->threads; i++) pthread_join(pool->workers[i].thread, NULL);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->mutex);
    free(pool->workers);
    free(pool);
}
