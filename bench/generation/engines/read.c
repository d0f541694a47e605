// How fast threads read memory: the limit of decoding, which reads every weight once for each token.
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

typedef struct {
    const uint64_t *from;
    size_t words;
    int passes;
    pthread_barrier_t *together;
    uint64_t sum;
} Part;

static void *add(void *argument) {
    Part *part = argument;
    uint64_t sum = 0;
    pthread_barrier_wait(part->together);
    for (int pass = 0; pass < part->passes; pass++) {
        for (size_t i = 0; i < part->words; i++) sum += part->from[i];
        __asm__ volatile("" : "+r"(sum) : : "memory");  // each pass reads anew
    }
    part->sum = sum;
    pthread_barrier_wait(part->together);
    return NULL;
}

// Returns the seconds that `threads` threads take to read `bytes` bytes `passes` times, each its own part.
double read_seconds(const void *from, size_t bytes, int threads, int passes) {
    pthread_t *ids = malloc(threads * sizeof *ids);
    Part *parts = malloc(threads * sizeof *parts);
    pthread_barrier_t together;
    struct timespec begun, ended;
    size_t words = bytes / sizeof(uint64_t) / threads;
    pthread_barrier_init(&together, NULL, threads + 1);
    for (int i = 0; i < threads; i++) {
        parts[i] = (Part){(const uint64_t *)from + i * words, words, passes, &together, 0};
        pthread_create(&ids[i], NULL, add, &parts[i]);
    }
    clock_gettime(CLOCK_MONOTONIC, &begun);  // before they begin: afterwards this thread may find no core free
    pthread_barrier_wait(&together);
    pthread_barrier_wait(&together);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    for (int i = 0; i < threads; i++) pthread_join(ids[i], NULL);
    pthread_barrier_destroy(&together);
    free(parts);
    free(ids);
    return (ended.tv_sec - begun.tv_sec) + (ended.tv_nsec - begun.tv_nsec) * 1e-9;
}
