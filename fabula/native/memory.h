/* Memory from the system, in pages: zeros, and parts of a block that are freed together. */
#ifndef FABULA_MEMORY_H
#define FABULA_MEMORY_H

#include <stddef.h>

#define MOST_BYTES 0x1p46 /* more than any machine maps: sizes below it can't overflow */

/* Zeros, on huge pages where the system has them: weights are read from end to end, and a page table entry for each
 * 4 KiB costs more than the multiplications. */
void *map_zeros(size_t bytes);

/* Give back what `map_zeros` gave for as many bytes. */
void unmap(void *memory, size_t bytes);

struct arena { /* what is freed together */
    char *memory;
    size_t bytes, used;
};

#if defined(__SANITIZE_ADDRESS__)
#define FORBIDDEN 64
#else
#define FORBIDDEN 0
#endif

/* Bytes that a part of an arena may need beyond its own: it begins at a cache line, and where the address sanitizer
 * watches, forbidden bytes follow it. */
#define MARGIN (64 + FORBIDDEN)

/* The next part of an arena. */
void *take(struct arena *arena, size_t bytes);

#endif
