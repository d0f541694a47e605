/* What is computed once per instruction set (compute.c, sampling.c): the table that model.c chooses from. */
#ifndef FABULA_COMPUTE_H
#define FABULA_COMPUTE_H

#include "kernel.h"
#include "training.h"

#define PADDING 64     /* rows are padded to a multiple of so many columns */
#define GROUP_INT8 256 /* columns that share a scale of activations; a row's last group may be shorter */
#define GROUP_INT4 64  /* the same, and the columns that share a scale of 4-bit weights */
#define TILE 6         /* tokens, or queries, that share a pass over weights, or keys */

/* A packed matrix: blocks of 16 rows, one after the other; within a block column by column, 16 rows side by side.
 *
 * float32   (K, 16) numbers
 * bfloat16  (K / 2, 16, 2)
 * int8      (K / 4, 16, 4) bytes, 128 added; one float32 scale for each row
 * int4      (K / 8, 16, 4) bytes, 8 added: columns 8 i + 0..3 in the lower halves, 8 i + 4..7 in the upper ones;
 *           a bfloat16 scale for each row and GROUP_INT4 columns, (K / GROUP_INT4, 16) */
struct matrix {
    int32_t precision, rows, columns; /* padded: rows to 16, columns to PADDING */
    char *weights;
    void *scales;
};

/* What a matrix is multiplied with: T rows of K columns, in the form that the precision needs. */
struct activations {
    int32_t count, columns;
    const float *numbers;     /* (T, K): float32, and bfloat16 where the machine has no such products */
    uint16_t *bfloat16;       /* (T, K) */
    int8_t *bytes;            /* (T, K) */
    float *scales;            /* (T, groups) */
    int32_t *offsets;         /* (T, groups): what the sum of products begins at, see dot4 in simd.h */
};

/* What becomes of a product: it is stored, added to what is there, or pairs of blocks become silu(gate) * up. */
enum ending { STORE, ADD, SWIGLU };

struct product {
    const struct matrix *matrix;
    const struct activations *with;
    float *to; /* (T, stride) */
    int32_t stride;
    enum ending ending;
};

/* Queries that attend to one head's keys and values; query i sees the first `visible[i]` positions. */
struct attention {
    int32_t count, head_width;
    const float *queries[TILE];
    float *answers[TILE];
    int32_t visible[TILE];
    const void *keys;   /* (positions / 16, D, 16), float32 or bfloat16 */
    const void *values; /* (positions, D padded to 16) */
    int32_t bfloat16;
    float *scores; /* scratch: (TILE, positions padded to 16) */
    int32_t score_stride;
};

struct compute {
    const char *name;
    /* Multiply blocks `first` to `last` (exclusive; pairs of blocks for SWIGLU). */
    void (*multiply)(const struct product *product, int32_t first, int32_t last);
    /* Bring one row of K numbers into a precision's form; with gains (of `width` numbers) after RMSNorm. */
    void (*prepare)(struct activations *to, int32_t precision, int32_t row, const float *x, const float *gains,
                    int32_t width, float epsilon);
    void (*attend)(const struct attention *attention);
    /* Pack one block of 16 rows of K float32 numbers. */
    void (*pack)(struct matrix *matrix, int32_t block, const float *rows);
    float (*log_probability)(const float *logits, int32_t vocab_size, int32_t token);
    void (*draw)(struct fabula_draw *draw, int32_t vocab_size, void *scratch);
    const struct attention_kernels *attention;
    const struct layer_kernels *layers;
};

/* Choose by name, or with NULL the best of this machine (model.c). NULL: it isn't there. */
const struct compute *fabula_choose_compute(const char *name);

#endif
