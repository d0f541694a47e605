/* The arithmetic, compiled once for each instruction set.
 *
 * Each output is one chain of additions over the columns, first to last, in one lane of a vector: the tiles below only
 * decide how many chains run side by side. So tiles of any size give the same bits.
 */
#include "compute.h"
#include "simd.h"

#include <math.h>

#define JOINED(a, b) a##_##b
#define NAMED(a, b) JOINED(a, b)
#define QUOTED(a) #a
#define TEXT(a) QUOTED(a)

/* Bytes that weights are fetched ahead of their use, into the second cache: the first has too few places for lines
 * that are still on their way. */
#define AHEAD 2048
#define AHEAD_INT4 3072

#define TINY 1e-30f /* what is smaller is rounded to 0: to divide by it would be to divide by 0 */

#if defined(__AVX512BF16__)
#define BFLOAT16_PRODUCTS 1
#else
#define BFLOAT16_PRODUCTS 0
#endif

/* ---- Products ------------------------------------------------------------------------------------------------ */

/* Fetch the weights that a tile of R blocks needs `ahead` bytes from now. It reads its blocks side by side: behind the
 * end of a block follows not its neighbour but the next tile. */
INLINE void fetch(const char *weights, int64_t offset, int ahead, int lines, int64_t block_bytes, const int R) {
    offset += ahead;
    if (offset >= block_bytes) offset += (R - 1) * block_bytes;
    UNROLL for (int r = 0; r < R; r++)
        UNROLL for (int i = 0; i < lines; i++) __builtin_prefetch(weights + r * block_bytes + offset + 64 * i, 0, 2);
}

INLINE void finish(const struct product *p, int block, int token, int T, int R, floats y[TILE][4 * VECTORS]) {
    UNROLL for (int t = 0; t < T; t++) {
        float *row = p->to + (int64_t)(token + t) * p->stride;
        if (p->ending == SWIGLU) {
            UNROLL for (int r = 0; r + 1 < R; r += 2)
                UNROLL for (int v = 0; v < VECTORS; v++) {
                    floats gate = y[t][r * VECTORS + v], up = y[t][(r + 1) * VECTORS + v];
                    store(row + (block + r) / 2 * BLOCK + v * WIDTH, gate / (1.0f + exponential(-gate)) * up);
                }
            continue;
        }
        UNROLL for (int i = 0; i < R * VECTORS; i++) {
            float *to = row + block * BLOCK + i * WIDTH;
            store(to, p->ending == ADD ? load(to) + y[t][i] : y[t][i]);
        }
    }
}

INLINE void tile_float32(const struct product *p, int block, int token, const int T, const int R) {
    const int K = p->matrix->columns;
    const int64_t block_bytes = (int64_t)K * BLOCK * 4;
    const char *weights = p->matrix->weights + block * block_bytes;
    const float *x = p->with->numbers + (int64_t)token * K;
    floats y[TILE][4 * VECTORS];
    UNROLL for (int t = 0; t < T; t++) UNROLL for (int i = 0; i < R * VECTORS; i++) y[t][i] = all(0);
    for (int k = 0; k < K; k++) {
        const int64_t offset = (int64_t)k * BLOCK * 4;
        UNROLL for (int r = 0; r < R; r++) {
            const float *w = (const float *)(weights + r * block_bytes + offset);
            UNROLL for (int v = 0; v < VECTORS; v++) {
                floats column = load(w + v * WIDTH);
                UNROLL for (int t = 0; t < T; t++) y[t][r * VECTORS + v] += column * x[(int64_t)t * K + k];
            }
        }
        if (T == 1 && k % 4 == 0) fetch(weights, offset, AHEAD, 4, block_bytes, R);
    }
    finish(p, block, token, T, R, y);
}

#if BFLOAT16_PRODUCTS
INLINE floats two_products(floats sum, words weights, const uint16_t *x) {
    int32_t both;
    memcpy(&both, x, 4);
    return (floats)_mm512_dpbf16_ps((__m512)sum, (__m512bh)weights, (__m512bh)_mm512_set1_epi32(both));
}
#endif

INLINE void tile_bfloat16(const struct product *p, int block, int token, const int T, const int R) {
    const int K = p->matrix->columns;
    const int64_t block_bytes = (int64_t)K * BLOCK * 2;
    const char *weights = p->matrix->weights + block * block_bytes;
    floats y[TILE][4 * VECTORS];
    UNROLL for (int t = 0; t < T; t++) UNROLL for (int i = 0; i < R * VECTORS; i++) y[t][i] = all(0);
    for (int k = 0; k < K; k += 2) {
        const int64_t offset = (int64_t)k * BLOCK * 2;
        UNROLL for (int r = 0; r < R; r++) {
            const char *w = weights + r * block_bytes + offset;
            UNROLL for (int v = 0; v < VECTORS; v++) {
                words pair = *(const words_anywhere *)(w + v * 4 * WIDTH);
#if BFLOAT16_PRODUCTS
                const uint16_t *x = p->with->bfloat16 + (int64_t)token * K + k;
                UNROLL for (int t = 0; t < T; t++)
                    y[t][r * VECTORS + v] = two_products(y[t][r * VECTORS + v], pair, x + (int64_t)t * K);
#else
                const float *x = p->with->numbers + (int64_t)token * K + k;
                UNROLL for (int t = 0; t < T; t++) {
                    y[t][r * VECTORS + v] += (floats)(pair << 16) * x[(int64_t)t * K];
                    y[t][r * VECTORS + v] += (floats)(pair & 0xFFFF0000u) * x[(int64_t)t * K + 1];
                }
#endif
            }
        }
        if (T == 1 && k % 8 == 0) fetch(weights, offset, AHEAD, 4, block_bytes, R);
    }
    finish(p, block, token, T, R, y);
}

INLINE int32_t four_bytes(const int8_t *from) {
    int32_t bytes;
    memcpy(&bytes, from, 4);
    return bytes;
}

INLINE void tile_int8(const struct product *p, int block, int token, const int T, const int R) {
    const int K = p->matrix->columns, groups = (K + GROUP_INT8 - 1) / GROUP_INT8;
    const int64_t block_bytes = (int64_t)K * BLOCK;
    const char *weights = p->matrix->weights + block * block_bytes;
    const int8_t *x = p->with->bytes + (int64_t)token * K;
    const float *scales = p->with->scales + (int64_t)token * groups;
    const int32_t *offsets = p->with->offsets + (int64_t)token * groups;
    floats y[TILE][4 * VECTORS];
    UNROLL for (int t = 0; t < T; t++) UNROLL for (int i = 0; i < R * VECTORS; i++) y[t][i] = all(0);
    for (int g = 0; g < groups; g++) {
        const int end = K < (g + 1) * GROUP_INT8 ? K : (g + 1) * GROUP_INT8;
        ints sum[TILE][4 * VECTORS];
        UNROLL for (int t = 0; t < T; t++)
            UNROLL for (int i = 0; i < R * VECTORS; i++) sum[t][i] = all_ints(offsets[(int64_t)t * groups + g]);
        for (int start = g * GROUP_INT8; start < end; start += 16) {
            const int64_t offset = (int64_t)start * BLOCK;
            UNROLL for (int k = 0; k < 16; k += 4)
                UNROLL for (int i = 0; i < R * VECTORS; i++) {
                    const char *w = weights + i / VECTORS * block_bytes + offset + k * BLOCK + i % VECTORS * 4 * WIDTH;
                    UNROLL for (int t = 0; t < T; t++)
                        sum[t][i] = signed_dot4(sum[t][i], *(const words_anywhere *)w,
                                                four_bytes(x + (int64_t)t * K + start + k));
                }
            if (token == 0) fetch(weights, offset, AHEAD, 4, block_bytes, R);
        }
        UNROLL for (int t = 0; t < T; t++)
            UNROLL for (int i = 0; i < R * VECTORS; i++)
                y[t][i] += __builtin_convertvector(sum[t][i], floats) * scales[(int64_t)t * groups + g];
    }
    const float *of_rows = (const float *)p->matrix->scales + block * BLOCK;
    UNROLL for (int t = 0; t < T; t++)
        UNROLL for (int i = 0; i < R * VECTORS; i++) y[t][i] *= load(of_rows + i * WIDTH);
    finish(p, block, token, T, R, y);
}

INLINE void tile_int4(const struct product *p, int block, int token, const int T, const int R) {
    const int K = p->matrix->columns, groups = K / GROUP_INT4;
    const int64_t block_bytes = (int64_t)K * BLOCK / 2;
    const char *weights = p->matrix->weights + block * block_bytes;
    const uint16_t *of_weights = (const uint16_t *)p->matrix->scales + (int64_t)block * groups * BLOCK;
    const int8_t *x = p->with->bytes + (int64_t)token * K;
    const float *scales = p->with->scales + (int64_t)token * groups;
    const int32_t *offsets = p->with->offsets + (int64_t)token * groups;
    floats y[TILE][4 * VECTORS];
    UNROLL for (int t = 0; t < T; t++) UNROLL for (int i = 0; i < R * VECTORS; i++) y[t][i] = all(0);
    for (int g = 0; g < groups; g++) {
        const int64_t offset = (int64_t)g * GROUP_INT4 * BLOCK / 2;
        ints sum[TILE][4 * VECTORS];
        UNROLL for (int t = 0; t < T; t++)
            UNROLL for (int i = 0; i < R * VECTORS; i++) sum[t][i] = all_ints(offsets[(int64_t)t * groups + g]);
        UNROLL for (int k = 0; k < GROUP_INT4; k += 8)
            UNROLL for (int i = 0; i < R * VECTORS; i++) {
                const char *w = weights + i / VECTORS * block_bytes + offset + k * BLOCK / 2 + i % VECTORS * 4 * WIDTH;
                words eight = *(const words_anywhere *)w;
                words lower = eight & 0x0F0F0F0Fu, upper = eight >> 4 & 0x0F0F0F0Fu;
                UNROLL for (int t = 0; t < T; t++) {
                    const int8_t *bytes = x + (int64_t)t * K + g * GROUP_INT4 + k;
                    sum[t][i] = dot4(dot4(sum[t][i], lower, four_bytes(bytes)), upper, four_bytes(bytes + 4));
                }
            }
        if (token == 0) fetch(weights, offset, AHEAD_INT4, 8, block_bytes, R);
        UNROLL for (int i = 0; i < R * VECTORS; i++) {
            const uint16_t *of_block = of_weights + ((int64_t)(i / VECTORS) * groups + g) * BLOCK;
            floats of_group = from_bfloat16(of_block + i % VECTORS * WIDTH);
            UNROLL for (int t = 0; t < T; t++)
                y[t][i] += __builtin_convertvector(sum[t][i], floats) * (of_group * scales[(int64_t)t * groups + g]);
        }
    }
    finish(p, block, token, T, R, y);
}

/* Multiply R blocks with all tokens, as many tokens at once as the registers hold. */
#define TOKENS(tile, most, R)                                                     \
    for (int token = 0, left; (left = p->with->count - token) > 0;) {             \
        if (most >= 6 && left >= 6) tile(p, block, token, 6, R), token += 6;      \
        else if (most >= 4 && left >= 4) tile(p, block, token, 4, R), token += 4; \
        else if (most >= 3 && left >= 3) tile(p, block, token, 3, R), token += 3; \
        else if (left >= 2) tile(p, block, token, 2, R), token += 2;              \
        else tile(p, block, token, 1, R), token += 1;                             \
    }

/* Blocks that share a pass over the tokens' numbers, and tokens that share one over the weights, by registers. */
#if WIDTH == 16
#define BLOCKS_FLOAT 4
#define TOKENS_FLOAT 6
#define BLOCKS_INT 2
#define TOKENS_INT 6
#elif WIDTH == 8
#define BLOCKS_FLOAT 2
#define TOKENS_FLOAT 3
#define BLOCKS_INT 2
#define TOKENS_INT 2
#else
#define BLOCKS_FLOAT 2
#define TOKENS_FLOAT 2
#define BLOCKS_INT 2
#define TOKENS_INT 2
#endif

#define PRODUCTS(name, tile, blocks, tokens)                                                     \
    static void name(const struct product *p, int32_t first, int32_t last) {                     \
        int32_t block = first;                                                                   \
        if (p->with->count > 1)                                                                  \
            for (; block + blocks <= last; block += blocks) TOKENS(tile, tokens, blocks)         \
        for (; block + 2 <= last; block += 2) TOKENS(tile, tokens, 2)                            \
        for (; block < last; block++) TOKENS(tile, tokens, 1)                                    \
    }

PRODUCTS(multiply_float32, tile_float32, BLOCKS_FLOAT, TOKENS_FLOAT)
PRODUCTS(multiply_bfloat16, tile_bfloat16, BLOCKS_FLOAT, TOKENS_FLOAT)
PRODUCTS(multiply_int8, tile_int8, BLOCKS_INT, TOKENS_INT)
PRODUCTS(multiply_int4, tile_int4, BLOCKS_INT, TOKENS_INT)

static void multiply(const struct product *product, int32_t first, int32_t last) {
    static void (*const by_precision[])(const struct product *, int32_t, int32_t) = {
        multiply_float32, multiply_bfloat16, multiply_int8, multiply_int4};
    by_precision[product->matrix->precision](product, first, last);
}

/* ---- Activations --------------------------------------------------------------------------------------------- */

/* Add up the lanes of a block, first to last: the order is the same in every instruction set. */
INLINE float lanes_sum(const floats *block) {
    float lanes[BLOCK], sum = 0;
    memcpy(lanes, block, sizeof lanes);
    for (int i = 0; i < BLOCK; i++) sum += lanes[i];
    return sum;
}

static float sum_of_squares(const float *x, int32_t K) {
    floats sum[VECTORS] = {0};
    for (int k = 0; k < K; k += BLOCK)
        UNROLL for (int v = 0; v < VECTORS; v++) {
            floats part = load(x + k + v * WIDTH);
            sum[v] += part * part;
        }
    return lanes_sum(sum);
}

/* Scale a group so that its largest number becomes 127, and round; returns the sum of the rounded numbers. */
static int32_t quantize(const float *x, int group, int8_t *bytes, float *scale) {
    float largest = 0;
    for (int i = 0; i < group; i++) {
        float size = fabsf(x[i]);
        largest = size > largest ? size : largest;
    }
    const int usable = largest > TINY && largest < 3e38f; /* nor may infinity divide */
    const float factor = usable ? 127.0f / largest : 0;
    int32_t total = 0;
    for (int i = 0; i < group; i++) {
        float shifted = (usable ? x[i] * factor : 0) + TO_INTEGER;
        int32_t bits;
        memcpy(&bits, &shifted, 4);
        bytes[i] = (int8_t)(bits - 0x4B400000); /* that of 1.5 * 2^23 */
        total += bytes[i];
    }
    *scale = usable ? largest / 127.0f : largest <= TINY ? 0 : largest * 0;
    return total;
}

static void prepare(struct activations *to, int32_t precision, int32_t row, const float *x, const float *gains,
                    int32_t width, float epsilon) {
    const int K = to->columns;
    float *numbers = (float *)to->numbers + (int64_t)row * K;
    if (gains) {
        const float factor = 1.0f / sqrtf(sum_of_squares(x, K) / (float)width + epsilon);
        for (int k = 0; k < width; k++) numbers[k] = gains[k] * (x[k] * factor);
        for (int k = width; k < K; k++) numbers[k] = 0;
        x = numbers;
    }
    if (precision == FABULA_IN_BFLOAT16 && BFLOAT16_PRODUCTS) {
        for (int k = 0; k < K; k++) to->bfloat16[(int64_t)row * K + k] = to_bfloat16(x[k]);
    } else if (precision == FABULA_IN_INT8 || precision == FABULA_IN_INT4) {
        const int group = precision == FABULA_IN_INT8 ? GROUP_INT8 : GROUP_INT4, groups = (K + group - 1) / group;
        const int32_t offset = precision == FABULA_IN_INT4 ? -8 : SIGNED_BYTES ? 0 : -128;
        for (int g = 0; g < groups; g++) {
            const int64_t at = (int64_t)row * groups + g, start = (int64_t)g * group;
            const int size = K - start < group ? (int)(K - start) : group;
            to->offsets[at] = offset * quantize(x + start, size, to->bytes + (int64_t)row * K + start, to->scales + at);
        }
    } else if (x != numbers) {
        memcpy(numbers, x, (size_t)K * 4);
    }
}

/* ---- Attention ----------------------------------------------------------------------------------------------- */

INLINE floats load_as(const void *from, int64_t index, const int bfloat16) {
    return bfloat16 ? from_bfloat16((const uint16_t *)from + index) : load((const float *)from + index);
}

/* Scores of Q queries with B blocks of 16 keys. */
INLINE void score(const struct attention *a, int query, int block, const int Q, const int B, const int bfloat16) {
    const int D = a->head_width;
    const float scale = 1.0f / sqrtf((float)D);
    floats sum[TILE][4 * VECTORS];
    UNROLL for (int q = 0; q < Q; q++) UNROLL for (int i = 0; i < B * VECTORS; i++) sum[q][i] = all(0);
    for (int d = 0; d < D; d++)
        UNROLL for (int b = 0; b < B; b++)
            UNROLL for (int v = 0; v < VECTORS; v++) {
                floats keys = load_as(a->keys, ((int64_t)(block + b) * D + d) * BLOCK + v * WIDTH, bfloat16);
                UNROLL for (int q = 0; q < Q; q++) sum[q][b * VECTORS + v] += keys * a->queries[query + q][d];
            }
    UNROLL for (int q = 0; q < Q; q++)
        UNROLL for (int i = 0; i < B * VECTORS; i++)
            store(a->scores + (int64_t)(query + q) * a->score_stride + block * BLOCK + i * WIDTH, sum[q][i] * scale);
}

/* The mean of all positions' values by their weights: Q queries, C times 16 numbers of the values. */
INLINE void weigh(const struct attention *a, int query, int column, int positions, const float *totals, const int Q,
                  const int C, const int bfloat16) {
    const int64_t width = (a->head_width + BLOCK - 1) / BLOCK * BLOCK;
    floats sum[TILE][4 * VECTORS];
    UNROLL for (int q = 0; q < Q; q++) UNROLL for (int i = 0; i < C * VECTORS; i++) sum[q][i] = all(0);
    for (int position = 0; position < positions; position++)
        UNROLL for (int i = 0; i < C * VECTORS; i++) {
            floats values = load_as(a->values, position * width + column + i * WIDTH, bfloat16);
            UNROLL for (int q = 0; q < Q; q++)
                sum[q][i] += values * a->scores[(int64_t)(query + q) * a->score_stride + position];
        }
    UNROLL for (int q = 0; q < Q; q++)
        UNROLL for (int i = 0; i < C * VECTORS; i++) {
            float numbers[WIDTH];
            store(numbers, sum[q][i] / totals[q]);
            for (int n = 0; n < WIDTH && column + i * WIDTH + n < a->head_width; n++)
                a->answers[query + q][column + i * WIDTH + n] = numbers[n];
        }
}

/* Scores become weights, 0 for positions that the query doesn't see; returns their sum. */
static float soften(float *scores, int32_t visible, int32_t padded) {
    for (int i = visible; i < padded; i++) scores[i] = scores[0];
    floats most = load(scores);
    for (int i = WIDTH; i < padded; i += WIDTH) most = larger(most, load(scores + i));
    float largest = most[0];
    for (int i = 1; i < WIDTH; i++) largest = most[i] > largest ? most[i] : largest;
    for (int i = 0; i < padded; i += WIDTH) store(scores + i, exponential(load(scores + i) - largest));
    for (int i = visible; i < padded; i++) scores[i] = 0;
    floats sum[VECTORS] = {0};
    for (int i = 0; i < padded; i += BLOCK)
        UNROLL for (int v = 0; v < VECTORS; v++) sum[v] += load(scores + i + v * WIDTH);
    return lanes_sum(sum);
}

#define ATTEND(bfloat16, Q, B, C)                                                                        \
    {                                                                                                    \
        for (block = 0; block + B <= blocks; block += B) score(a, query, block, Q, B, bfloat16);         \
        for (; block < blocks; block++) score(a, query, block, Q, 1, bfloat16);                          \
        for (int q = 0; q < Q; q++)                                                                      \
            totals[q] = soften(a->scores + (int64_t)(query + q) * a->score_stride, a->visible[query + q], \
                               blocks * BLOCK);                                                          \
        for (column = 0; column + C * BLOCK <= width; column += C * BLOCK)                               \
            weigh(a, query, column, positions, totals, Q, C, bfloat16);                                  \
        for (; column < width; column += BLOCK)                                                          \
            weigh(a, query, column, positions, totals, Q, 1, bfloat16);                                  \
        query += Q;                                                                                      \
    }

#define ATTEND_ALL(name, bfloat16)                                                                       \
    static void name(const struct attention *a) {                                                        \
        const int width = (a->head_width + BLOCK - 1) / BLOCK * BLOCK;                                   \
        int32_t positions = 0, block, column;                                                            \
        float totals[TILE];                                                                              \
        for (int q = 0; q < a->count; q++) positions = a->visible[q] > positions ? a->visible[q] : positions; \
        const int32_t blocks = (positions + BLOCK - 1) / BLOCK;                                          \
        for (int query = 0; query < a->count;)                                                           \
            if (a->count - query >= 6) ATTEND(bfloat16, 6, 2, 2)                                         \
            else if (a->count - query >= 3) ATTEND(bfloat16, 3, 2, 2)                                    \
            else if (a->count - query >= 2) ATTEND(bfloat16, 2, 2, 2)                                    \
            else ATTEND(bfloat16, 1, 4, 4)                                                               \
    }

ATTEND_ALL(attend_float32, 0)
ATTEND_ALL(attend_bfloat16, 1)

static void attend(const struct attention *a) { (a->bfloat16 ? attend_bfloat16 : attend_float32)(a); }

/* ---- Packing ------------------------------------------------------------------------------------------------- */

/* The largest of n numbers, signs aside; n is a multiple of 16. */
static float largest_of(const float *x, int n) {
    floats most = all(0);
    for (int i = 0; i < n; i += WIDTH) most = larger(most, (floats)((words)load(x + i) & 0x7FFFFFFFu));
    float largest = 0;
    for (int i = 0; i < WIDTH; i++) largest = most[i] > largest ? most[i] : largest;
    return largest;
}

static void pack_int8(struct matrix *m, int32_t block, const float *rows) {
    const int K = m->columns;
    uint8_t *to = (uint8_t *)m->weights + (int64_t)block * K * BLOCK;
    for (int r = 0; r < BLOCK; r++) {
        const float *row = rows + (int64_t)r * K;
        const float largest = largest_of(row, K), factor = largest > TINY ? 127.0f / largest : 0;
        ((float *)m->scales)[block * BLOCK + r] = largest > TINY ? largest / 127.0f : 0;
        for (int k = 0; k < K; k += 4)
            for (int i = 0; i < 4; i++)
                to[(int64_t)k * BLOCK + r * 4 + i] = (uint8_t)(int32_t)(row[k + i] * factor + 128.5f);
    }
}

INLINE floats to_grid(floats x, float factor) {
    return smaller(larger((x * factor + TO_INTEGER) - TO_INTEGER, all(-8)), all(7));
}

/* The scale that rounds a group of weights to -8..7 with the least squared error: its largest number falls on -8, or a
 * little inside or outside the grid. */
static float best_scale(const float *x) {
    float extreme = x[0], best = 0, least = INFINITY;
    for (int i = 1; i < GROUP_INT4; i++) extreme = fabsf(x[i]) > fabsf(extreme) ? x[i] : extreme;
    if (fabsf(extreme) <= TINY) return 0;
    for (int halves = 12; halves <= 19; halves++) { /* 16: the grid that such weights were rounded to before */
        const float scale = as_float((uint32_t)to_bfloat16(extreme * -2.0f / (float)halves) << 16);
        const float factor = 1.0f / scale;
        floats sum[VECTORS] = {0};
        for (int i = 0; i < GROUP_INT4; i += WIDTH) {
            floats error = load(x + i) - to_grid(load(x + i), factor) * scale;
            sum[i / WIDTH % VECTORS] += error * error;
        }
        const float error = lanes_sum(sum);
        if (error < least) least = error, best = scale;
    }
    return best;
}

static void pack_int4(struct matrix *m, int32_t block, const float *rows) {
    const int K = m->columns, groups = K / GROUP_INT4;
    uint8_t *to = (uint8_t *)m->weights + (int64_t)block * K * BLOCK / 2;
    uint16_t *scales = (uint16_t *)m->scales + (int64_t)block * groups * BLOCK;
    for (int r = 0; r < BLOCK; r++)
        for (int g = 0; g < groups; g++) {
            const float *x = rows + (int64_t)r * K + g * GROUP_INT4;
            const float scale = best_scale(x), factor = scale != 0 ? 1.0f / scale : 0;
            float numbers[GROUP_INT4];
            for (int k = 0; k < GROUP_INT4; k += WIDTH) store(numbers + k, to_grid(load(x + k), factor) + 8.0f);
            scales[g * BLOCK + r] = to_bfloat16(scale);
            for (int k = 0; k < GROUP_INT4; k++)
                if (k % 8 < 4)
                    to[(int64_t)(g * GROUP_INT4 + k) / 8 * 64 + r * 4 + k % 4] =
                        (uint8_t)((int)numbers[k] | (int)numbers[k + 4] << 4);
        }
}

static void pack(struct matrix *m, int32_t block, const float *rows) {
    const int K = m->columns;
    if (m->precision == FABULA_IN_INT8) pack_int8(m, block, rows);
    if (m->precision == FABULA_IN_INT4) pack_int4(m, block, rows);
    if (m->precision == FABULA_IN_FLOAT32) {
        float *to = (float *)m->weights + (int64_t)block * K * BLOCK;
        for (int k = 0; k < K; k++)
            for (int r = 0; r < BLOCK; r++) to[k * BLOCK + r] = rows[(int64_t)r * K + k];
    }
    if (m->precision == FABULA_IN_BFLOAT16) {
        uint16_t *to = (uint16_t *)m->weights + (int64_t)block * K * BLOCK;
        for (int k = 0; k < K; k++)
            for (int r = 0; r < BLOCK; r++)
                to[k / 2 * BLOCK * 2 + r * 2 + k % 2] = to_bfloat16(rows[(int64_t)r * K + k]);
    }
}

/* ---- ln p ---------------------------------------------------------------------------------------------------- */

static float log_probability(const float *logits, int32_t V, int32_t token) {
    float largest = logits[0];
    for (int v = 1; v < V; v++) largest = logits[v] > largest ? logits[v] : largest;
    double sum = 0;
    int v = 0;
    for (; v + BLOCK <= V; v += BLOCK) {
        floats weights[VECTORS];
        UNROLL for (int i = 0; i < VECTORS; i++) weights[i] = exponential(load(logits + v + i * WIDTH) - largest);
        sum += lanes_sum(weights);
    }
    for (; v < V; v++) sum += exp(logits[v] - largest);
    return (float)((double)logits[token] - largest - log(sum));
}

/* Of sampling.c. */
extern const struct attention_kernels NAMED(fabula_attention_kernels, ISA);
extern const struct layer_kernels NAMED(fabula_layer_kernels, ISA);
void NAMED(fabula_draw_one, ISA)(struct fabula_draw *draw, int32_t vocab_size, void *scratch);

const struct compute NAMED(fabula_compute, ISA) = {
    .name = TEXT(ISA),
    .multiply = multiply,
    .prepare = prepare,
    .attend = attend,
    .pack = pack,
    .log_probability = log_probability,
    .draw = NAMED(fabula_draw_one, ISA),
    .attention = &NAMED(fabula_attention_kernels, ISA),
    .layers = &NAMED(fabula_layer_kernels, ISA),
};
