#define _GNU_SOURCE
#include "memory.h"

#include <stdint.h>
#include <sys/mman.h>

#define HUGE_PAGE ((size_t)2 << 20)
#define PAGE ((size_t)64 << 10) /* a multiple of every system's usual page */

#if FORBIDDEN
#include <sanitizer/asan_interface.h>
#define forbid(memory, bytes) __asan_poison_memory_region(memory, bytes)
#define allow(memory, bytes) __asan_unpoison_memory_region(memory, bytes)
#else
#define forbid(memory, bytes) ((void)0)
#define allow(memory, bytes) ((void)0)
#endif

void *map_zeros(size_t bytes) {
    bytes = (bytes + PAGE - 1) / PAGE * PAGE;
    void *memory = mmap(NULL, bytes + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return NULL;
    char *aligned = (char *)(((uintptr_t)memory + HUGE_PAGE - 1) & ~(uintptr_t)(HUGE_PAGE - 1));
    const size_t before = (size_t)(aligned - (char *)memory);
    if (before) munmap(memory, before);
    if (before < HUGE_PAGE) munmap(aligned + bytes, HUGE_PAGE - before);
    return aligned;
}

void unmap(void *memory, size_t bytes) {
    if (!memory) return;
    allow(memory, bytes);
    munmap(memory, (bytes + PAGE - 1) / PAGE * PAGE);
}

void *take(struct arena *arena, size_t bytes) {
    void *memory = arena->memory + arena->used;
    forbid(arena->memory + arena->used + bytes, FORBIDDEN);
    arena->used += (bytes + FORBIDDEN + 63) & ~(size_t)63;
    return memory;
}
