/* Threads that share out the work of a read.
 *
 * A job runs on all threads at once, the caller's among them, phase by phase: whoever is free takes the next item, and
 * nobody begins a phase before all items of the last one are done. Who waits first watches, then yields its core to
 * whoever wants it; between jobs threads soon sleep.
 */
#ifndef FABULA_POOL_H
#define FABULA_POOL_H

#include <stdint.h>

struct pool;

struct pool *pool_new(int32_t threads);
void pool_free(struct pool *pool);
int32_t pool_threads(const struct pool *pool);

/* Run `job(argument, thread)` on every thread; returns when all have returned. */
void pool_run(struct pool *pool, void (*job)(void *argument, int32_t thread), void *argument);

/* Inside a job: the next item of the phase. */
int32_t pool_next(struct pool *pool);

/* Inside a job: wait until all threads are here; begins the next phase, whose items count from 0. */
void pool_meet(struct pool *pool);

#endif
