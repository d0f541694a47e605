/* What model.c builds and read.c works with. */
#ifndef FABULA_MODEL_H
#define FABULA_MODEL_H

#include "compute.h"
#include "memory.h"
#include "pool.h"

#include <pthread.h>

#define BLOCK 16 /* rows packed side by side, and positions of keys */

struct layer {
    struct matrix matrices[FABULA_HEAD];
};

struct fabula_model {
    struct fabula_shape shape;
    int32_t precision, hidden; /* hidden: padded */
    const struct compute *compute;
    struct pool *pool;
    pthread_mutex_t mutex; /* one read or draw at a time */
    struct arena weights;
    struct layer *layers;
    struct matrix head;
    const void *embedding;
    int32_t embedding_dtype;
    const float *gains, *cosines, *sines;
    /* What a read works on, for up to `room` tokens and `row_room` rows of logits. */
    struct arena scratch, answers;
    int32_t room, row_room, score_room, rows;
    uint64_t reads; /* begun so far */
    float *residual, *qkv, *attended, *activated, *scores, *logits, *numbers;
    uint16_t *bfloat16;
    int8_t *bytes;
    float *byte_scales;
    int32_t *byte_offsets;
    void **draw_scratch;
};

struct fabula_slot {
    int32_t capacity, bfloat16; /* capacity: padded to 16 */
    size_t layer_bytes, bytes;  /* of keys, or of values, of one layer; of all */
    uint64_t read;              /* that it was last part of */
    char *memory;
};

/* Numbers of a weight file as float32. */
void to_float32(float *to, const void *from, int32_t dtype, int32_t n);

static inline int32_t round_up(int32_t n, int32_t to) { return (n + to - 1) / to * to; }
static inline int32_t smaller(int32_t a, int32_t b) { return a < b ? a : b; }

#endif
