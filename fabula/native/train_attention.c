/* Causal attention within a document, forward and backward (Dao, 2023: the weights are computed again, not kept).
 *
 * Every product is made by one small kernel from words of 32 bits. A word is a float32 or, where a CPU's bfloat16
 * products pay, two bfloat16 that are neighbours along the axis summed over. A factor of a product lies in one of three
 * forms:
 *
 * rows    (rows, words): as it came, a word's numbers are neighbours along D
 * across  (rows / 16, words, 16): blocks of 16 rows, transposed, so that one vector holds a word of each
 * pairs   (rows / numbers in a word, D): a word's numbers are neighbours along the rows; of float32 the same as `rows`
 *
 * Rows are padded to 16 and D to 16 or 32, with zeros. A sum's order depends on a document's length and D alone.
 */
#include "compute.h"
#include "numbers.h"

#include <math.h>

#define JOINED(a, b) a##_##b
#define NAMED(a, b) JOINED(a, b)

#define CHUNK 64 /* rows, and keys, that backward takes at once: their weights stay in the second cache */

/* Rows and blocks of columns that a product makes at once, by registers. */
#if WIDTH == 16
#define ROWS 8
#define BLOCKS 3
#elif WIDTH == 8 || defined(__aarch64__)
#define ROWS 4
#define BLOCKS 1
#else
#define ROWS 2
#define BLOCKS 1
#endif

/* ---- Masks --------------------------------------------------------------------------------------------------- */

/* All ones in the lanes of keys `first`, `first` + 1, ... up to `last`. */
INLINE ints up_to(int first, int last) {
    ints lane;
    for (int i = 0; i < WIDTH; i++) lane[i] = i;
    return lane + first <= last;
}

INLINE floats where(ints mask, floats x, floats otherwise) {
    return (floats)(((ints)x & mask) | ((ints)otherwise & ~mask));
}

/* ---- Products ------------------------------------------------------------------------------------------------ */

struct factor {
    const float *words;
    int64_t row, step; /* words from one row (of the left factor) or block of columns (of the right one), or step, on */
};

INLINE floats multiply_add(floats sum, floats column, const float *word, const int bfloat16) {
#if defined(__AVX512BF16__)
    int32_t both;
    memcpy(&both, word, 4);
    if (bfloat16) return (floats)_mm512_dpbf16_ps((__m512)sum, (__m512bh)column, (__m512bh)all_ints(both));
#endif
    (void)bfloat16;
    return sum + column * *word;
}

INLINE void tile(float *to, int64_t stride, struct factor a, struct factor b, int64_t steps, int add, const int C,
                 const int bfloat16) {
    floats sum[ROWS][BLOCKS * VECTORS];
    const float *rows[ROWS], *columns[BLOCKS];
    UNROLL for (int r = 0; r < ROWS; r++) rows[r] = a.words + r * a.row;
    UNROLL for (int c = 0; c < C; c++) columns[c] = b.words + c * b.row;
    UNROLL for (int r = 0; r < ROWS; r++)
        UNROLL for (int i = 0; i < C * VECTORS; i++) sum[r][i] = add ? load(to + r * stride + i * WIDTH) : all(0);
    for (int64_t step = 0, at = 0, from = 0; step < steps; step++, at += a.step, from += b.step) {
        floats column[BLOCKS * VECTORS];
        UNROLL for (int i = 0; i < C * VECTORS; i++)
            column[i] = load(columns[i / VECTORS] + from + i % VECTORS * WIDTH);
        UNROLL for (int r = 0; r < ROWS; r++)
            UNROLL for (int i = 0; i < C * VECTORS; i++)
                sum[r][i] = multiply_add(sum[r][i], column[i], rows[r] + at, bfloat16);
    }
    UNROLL for (int r = 0; r < ROWS; r++)
        UNROLL for (int i = 0; i < C * VECTORS; i++) store(to + r * stride + i * WIDTH, sum[r][i]);
}

/* Store, or add, the product of ROWS rows with `blocks` times 16 columns. */
INLINE void multiply_as(float *to, int64_t stride, struct factor a, struct factor b, int64_t steps, int blocks, int add,
                        const int bfloat16) {
    while (blocks) {
        const int C = blocks == BLOCKS + 1 ? (BLOCKS + 1) / 2 : blocks < BLOCKS ? blocks : BLOCKS;
        if (C == 1) tile(to, stride, a, b, steps, add, 1, bfloat16);
#if BLOCKS == 3
        if (C == 2) tile(to, stride, a, b, steps, add, 2, bfloat16);
        if (C == 3) tile(to, stride, a, b, steps, add, 3, bfloat16);
#endif
        blocks -= C, to += C * BLOCK, b.words += C * b.row;
    }
}

static void multiply_float32(float *to, int64_t stride, struct factor a, struct factor b, int64_t steps, int blocks,
                             int add) {
    multiply_as(to, stride, a, b, steps, blocks, add, 0);
}

#if defined(__AVX512BF16__)
static void multiply_bfloat16(float *to, int64_t stride, struct factor a, struct factor b, int64_t steps, int blocks,
                              int add) {
    multiply_as(to, stride, a, b, steps, blocks, add, 1);
}

/* Such a product does twice the work of a float32 one on AMD's CPUs, half of it on Intel's. */
static int in_pairs(const struct fabula_documents *d) {
    return d->dtype == FABULA_BFLOAT16 && __builtin_cpu_is("amd");
}
#define multiply(bfloat16, ...) ((bfloat16) ? multiply_bfloat16(__VA_ARGS__) : multiply_float32(__VA_ARGS__))
#else
static int in_pairs(const struct fabula_documents *d) { return (void)d, 0; }
#define multiply(bfloat16, ...) multiply_float32(__VA_ARGS__)
#endif

/* ---- Memory -------------------------------------------------------------------------------------------------- */

/* One tensor's rows of a head, in a document or a part of one; NULL: that form isn't needed. */
struct packed {
    float *rows, *across, *pairs;
};

struct memory {
    float *stage, *rounded; /* (16, width) */
    struct packed queries, keys, values, grads;
    float *scores;          /* (ROWS, stride): with all keys forward, with a chunk's backward */
    float *products;        /* (ROWS, stride): of gradients and values */
    float *weights;         /* forward `rows` (ROWS, stride), backward `pairs` of (CHUNK, CHUNK) */
    float *slopes;          /* gradients of the scores but for their scale: `rows` of (ROWS, CHUNK) */
    float *slope_pairs;     /* the same, `pairs` of (CHUNK, CHUNK) */
    float *answers;         /* (ROWS, width) */
    float *grad_queries;    /* (CHUNK, width) */
    float *grad_keys, *grad_values; /* (padded, width) */
    float *log_sums, *deltas;       /* (CHUNK,): of base 2; sums of gradient * out */
    int64_t bytes;
};

/* A document's rows of one key/value head and of the query heads that it serves. */
struct item {
    const struct fabula_documents *d;
    int64_t first;              /* the document's first row */
    int32_t rows, padded;       /* how many, and that rounded up to a multiple of 16 */
    int32_t width, step, words; /* D padded, the numbers in a word, the words in a row */
    int32_t ahead;              /* rows that inputs are fetched ahead of their use */
    int64_t stride;             /* words from one row of scores to the next: no power of two, for the cache's sake */
    struct memory m;
};

static float *take(struct memory *m, void *base, int64_t words) {
    float *at = base ? (float *)((char *)base + m->bytes) : NULL;
    m->bytes += (words * 4 + 63) / 64 * 64;
    return at;
}

/* Lay one item's memory out. In float32 rows are their own pairs. */
static void lay_out(struct item *item, void *base, int backward, const int bfloat16) {
    struct memory *m = &item->m;
    const int D = item->d->head_width, multiple = bfloat16 ? 2 * BLOCK : BLOCK;
    item->padded = (item->rows + BLOCK - 1) / BLOCK * BLOCK;
    item->width = (D + multiple - 1) / multiple * multiple;
    item->step = bfloat16 ? 2 : 1;
    item->words = item->width / item->step;
    item->ahead = backward ? CHUNK : BLOCK;
    item->stride = (backward ? CHUNK : item->padded) + BLOCK;
    memset(m, 0, sizeof *m);
    const int64_t whole = (int64_t)item->padded * item->words, part = (int64_t)CHUNK * item->words;
    m->stage = take(m, base, BLOCK * item->width);
    m->rounded = take(m, base, BLOCK * item->width);
    m->scores = take(m, base, ROWS * item->stride);
    m->keys.across = take(m, base, whole);
    m->queries.rows = take(m, base, part);
    if (!backward) {
        m->values.pairs = take(m, base, whole);
        m->weights = bfloat16 ? take(m, base, ROWS * item->stride) : m->scores;
        m->answers = take(m, base, ROWS * item->width);
        return;
    }
    m->products = take(m, base, ROWS * item->stride);
    m->keys.pairs = take(m, base, whole);
    m->values.across = take(m, base, whole);
    m->queries.pairs = bfloat16 ? take(m, base, part) : m->queries.rows;
    m->grads.rows = take(m, base, part);
    m->grads.pairs = bfloat16 ? take(m, base, part) : m->grads.rows;
    m->weights = take(m, base, CHUNK / item->step * item->stride);
    m->slope_pairs = take(m, base, CHUNK / item->step * item->stride);
    m->slopes = bfloat16 ? take(m, base, ROWS * item->stride) : NULL;
    m->grad_queries = take(m, base, CHUNK * item->width);
    m->grad_keys = take(m, base, (int64_t)item->padded * item->width);
    m->grad_values = take(m, base, (int64_t)item->padded * item->width);
    m->log_sums = take(m, base, CHUNK);
    m->deltas = take(m, base, CHUNK);
}

static int64_t scratch_bytes(const struct fabula_documents *d, int32_t longest, int32_t backward) {
    struct item item = {.d = d, .rows = longest};
    lay_out(&item, NULL, backward, in_pairs(d));
    return item.m.bytes;
}

/* ---- Packing ------------------------------------------------------------------------------------------------- */

/* One head of one document in a tensor that came from PyTorch. */
struct tensor {
    char *x;        /* its first row */
    int64_t stride; /* bytes from one row to the next */
    int turned;     /* by its positions' angles (RoPE), once it is read */
};

static struct tensor tensor_of(const struct item *item, const void *x, int64_t stride, int32_t head, int rotary) {
    const int64_t size = size_of(item->d->dtype);
    char *at = (char *)x + (item->first * stride + (int64_t)head * item->d->head_width) * size;
    return (struct tensor){at, stride * size, rotary && item->d->cosines};
}

INLINE void angles(const struct item *item, int row, int d, int count, floats *cosine, floats *sine) {
    const int64_t at = (item->first + row) * (item->d->head_width / 2) + d;
    *cosine = get((const char *)(item->d->cosines + at), FABULA_FLOAT32, count);
    *sine = get((const char *)(item->d->sines + at), FABULA_FLOAT32, count);
}

/* Fetch the row that comes `ahead` rows later: all else is in the caches, but inputs come from far away. */
INLINE void fetch(const struct item *item, struct tensor from, int row) {
    const char *x = from.x + (row + item->ahead) * from.stride;
    const int bytes = item->d->head_width * (int)size_of(item->d->dtype);
    for (int i = 0; i < bytes; i += 64) __builtin_prefetch(x + i, 0, 2);
}

/* Read one row in float32, turned by its angles. */
INLINE void read_row(const struct item *item, struct tensor from, int row, float *to, const int whole) {
    const int half = item->d->head_width / 2, dtype = item->d->dtype, size = (int)size_of(dtype);
    const char *x = from.x + row * from.stride;
    fetch(item, from, row);
    for (int d = 0; d < half; d += WIDTH) {
        const int count = whole ? WIDTH : half - d;
        floats first = get(x + d * size, dtype, count), cosine, sine;
        floats second = get(x + (half + d) * size, dtype, count);
        if (from.turned) {
            angles(item, row, d, count, &cosine, &sine);
            const floats turned = first * cosine - second * sine;
            second = second * cosine + first * sine;
            first = turned;
        }
        put((char *)(to + d), FABULA_FLOAT32, count, first);
        put((char *)(to + half + d), FABULA_FLOAT32, count, second);
    }
    for (int d = 2 * half; d < item->width; d++) to[d] = 0;
}

/* Write one row of a gradient, turned back. */
INLINE void write_row(const struct item *item, struct tensor to, int row, const float *from, float scale) {
    const int half = item->d->head_width / 2, dtype = item->d->dtype;
    char *x = to.x + row * to.stride;
    for (int d = 0; d < half; d += WIDTH) {
        const int count = half - d;
        floats first = load(from + d) * scale, cosine, sine;
        floats second = get((const char *)(from + half + d), FABULA_FLOAT32, count) * scale;
        if (to.turned) {
            angles(item, row, d, count, &cosine, &sine);
            const floats turned = first * cosine + second * sine;
            second = second * cosine - first * sine;
            first = turned;
        }
        put(x + d * size_of(dtype), dtype, count, first);
        put(x + (half + d) * size_of(dtype), dtype, count, second);
    }
}

/* Transpose 16 x 16 words: row i of `from` becomes column i. */
INLINE void transpose(float *to, const float *from, int64_t stride) {
#if WIDTH == 16
    __m512d a[16], b[16];
    UNROLL for (int i = 0; i < 16; i += 2) {
        const __m512 even = (__m512)load(from + i * stride), odd = (__m512)load(from + (i + 1) * stride);
        a[i] = (__m512d)_mm512_unpacklo_ps(even, odd), a[i + 1] = (__m512d)_mm512_unpackhi_ps(even, odd);
    }
    UNROLL for (int i = 0; i < 16; i += 4)
        UNROLL for (int j = 0; j < 2; j++) {
            b[i + 2 * j] = _mm512_unpacklo_pd(a[i + j], a[i + j + 2]);
            b[i + 2 * j + 1] = _mm512_unpackhi_pd(a[i + j], a[i + j + 2]);
        }
    UNROLL for (int j = 0; j < 4; j++) { /* b[i + j]: columns j, j + 4, j + 8 and j + 12 of rows i to i + 3 */
        const __m512d even = _mm512_shuffle_f64x2(b[j], b[4 + j], 0x88);
        const __m512d odd = _mm512_shuffle_f64x2(b[j], b[4 + j], 0xdd);
        const __m512d even_below = _mm512_shuffle_f64x2(b[8 + j], b[12 + j], 0x88);
        const __m512d odd_below = _mm512_shuffle_f64x2(b[8 + j], b[12 + j], 0xdd);
        store(to + j * BLOCK, (floats)_mm512_shuffle_f64x2(even, even_below, 0x88));
        store(to + (4 + j) * BLOCK, (floats)_mm512_shuffle_f64x2(odd, odd_below, 0x88));
        store(to + (8 + j) * BLOCK, (floats)_mm512_shuffle_f64x2(even, even_below, 0xdd));
        store(to + (12 + j) * BLOCK, (floats)_mm512_shuffle_f64x2(odd, odd_below, 0xdd));
    }
#else
    for (int column = 0; column < BLOCK; column++)
        for (int row = 0; row < BLOCK; row++) to[column * BLOCK + row] = from[row * stride + column];
#endif
}

/* Two numbers' bfloat16 in a word, the first in its lower half. */
INLINE floats paired(floats first, floats second) {
#if defined(__AVX512BF16__)
    const __m512i lower = _mm512_cvtepu16_epi32((__m256i)rounded(first));
    return (floats)(lower | _mm512_slli_epi32(_mm512_cvtepu16_epi32((__m256i)rounded(second)), 16));
#else
    return (void)second, first; /* not used: there are no products of such words */
#endif
}

INLINE void put_rounded(float *to, int64_t index, floats x) {
    *(halves_anywhere *)((uint16_t *)to + index) = rounded(x);
}

/* Bring the 16 rows from `row` on into the forms asked for. They are put at row `at`. */
INLINE void pack(const struct item *item, struct tensor from, int row, struct packed to, int at, const int bfloat16) {
    const int width = item->width;
    float *rows = to.rows ? to.rows + (int64_t)at * item->words : item->m.rounded;
    float *pairs = to.pairs ? to.pairs + (int64_t)(at / item->step) * width : NULL;
    float *stage = bfloat16 ? item->m.stage : pairs ? pairs : rows;
    const int whole = item->d->head_width % (2 * WIDTH) == 0;
    for (int i = 0; i < BLOCK; i++)
        if (row + i >= item->rows) memset(stage + i * width, 0, (size_t)width * 4);
        else if (whole) read_row(item, from, row + i, stage + i * width, 1);
        else read_row(item, from, row + i, stage + i * width, 0);
    for (int i = 0; bfloat16 && i < BLOCK * width; i += WIDTH) put_rounded(rows, i, load(stage + i));
    for (int i = 0; bfloat16 && pairs && i < BLOCK; i += 2)
        for (int d = 0; d < width; d += WIDTH)
            store(pairs + i / 2 * width + d, paired(load(stage + i * width + d), load(stage + (i + 1) * width + d)));
    for (int word = 0; to.across && word < item->words; word += BLOCK)
        transpose(to.across + (int64_t)at * item->words + word * BLOCK, (bfloat16 ? rows : stage) + word, item->words);
}

/* ---- Forward ------------------------------------------------------------------------------------------------- */

/* A row's scores become weights that still have to be divided by their sum; returns that, and what the scores were held
 * against. The last block holds keys behind the row. */
INLINE float soften(const struct item *item, int row, int r, int blocks, float factor, float *held,
                    const int bfloat16) {
    const float *scores = item->m.scores + r * item->stride;
    float *weights = item->m.weights + r * item->stride;
    const int last = (blocks - 1) * BLOCK;
    floats most = all(-INFINITY), sum = all(0), weight;
    for (int i = 0; i < last; i += WIDTH) most = larger(most, load(scores + i));
    UNROLL for (int i = 0; i < BLOCK; i += WIDTH)
        most = larger(most, where(up_to(last + i, row), load(scores + last + i), all(-INFINITY)));
    *held = greatest(most) * factor;
    for (int i = 0; i <= last; i += BLOCK)
        UNROLL for (int v = 0; v < BLOCK; v += WIDTH) {
            weight = power_of_two(load(scores + i + v) * factor - *held);
            if (i == last) weight = where(up_to(last + v, row), weight, all(0));
            sum += weight;
            if (bfloat16) put_rounded(weights, i + v, weight);
            else store(weights + i + v, weight);
        }
    return total(sum);
}

/* Attend from ROWS rows of one head, whose queries and all keys and values up to them are packed. */
INLINE void attend(const struct item *item, struct tensor out, int row, int head, const int bfloat16) {
    const struct fabula_documents *d = item->d;
    const struct memory *m = &item->m;
    const int D = d->head_width, step = bfloat16 ? 2 : 1, blocks = (row + ROWS + BLOCK - 1) / BLOCK;
    const float factor = LOG2_E / sqrtf((float)D);
    const struct factor queries = {m->queries.rows + row % BLOCK * item->words, item->words, 1};
    const struct factor keys = {m->keys.across, (int64_t)item->words * BLOCK, BLOCK};
    multiply(bfloat16, m->scores, item->stride, queries, keys, D / step, blocks, 0);
    float sums[ROWS], held[ROWS];
    for (int r = 0; r < ROWS; r++) sums[r] = soften(item, row + r, r, blocks, factor, held + r, bfloat16);
    const struct factor weights = {m->weights, item->stride, 1}, values = {m->values.pairs, BLOCK, item->width};
    multiply(bfloat16, m->answers, item->width, weights, values, (row + ROWS) / step, (D + BLOCK - 1) / BLOCK, 0);
    for (int r = 0; r < ROWS && row + r < item->rows; r++) {
        write_row(item, out, row + r, m->answers + r * item->width, 1.0f / sums[r]);
        d->log_sums[(item->first + row + r) * d->heads + head] = held[r] * LN_2 + logf(sums[r]);
    }
}

INLINE void forward_as(const struct fabula_documents *d, int32_t document, int32_t kv_head, void *scratch,
                       const int bfloat16) {
    const int group = d->heads / d->kv_heads;
    struct item item = {.d = d, .first = d->boundaries[document]};
    item.rows = d->boundaries[document + 1] - d->boundaries[document];
    lay_out(&item, scratch, 0, bfloat16);
    const struct tensor k = tensor_of(&item, d->k, d->k_stride, kv_head, 1);
    const struct tensor v = tensor_of(&item, d->v, d->v_stride, kv_head, 0);
    for (int row = 0; row < item.rows; row += BLOCK) {
        pack(&item, k, row, item.m.keys, row, bfloat16);
        pack(&item, v, row, item.m.values, row, bfloat16);
        for (int head = kv_head * group; head < (kv_head + 1) * group; head++) {
            pack(&item, tensor_of(&item, d->q, d->q_stride, head, 1), row, item.m.queries, 0, bfloat16);
            const struct tensor out = tensor_of(&item, d->out, (int64_t)d->heads * d->head_width, head, 0);
            for (int r = row; r < row + BLOCK && r < item.rows; r += ROWS) attend(&item, out, r, head, bfloat16);
        }
    }
}

static void forward(const struct fabula_documents *d, int32_t document, int32_t kv_head, void *scratch) {
#if defined(__AVX512BF16__)
    if (in_pairs(d)) {
        forward_as(d, document, kv_head, scratch, 1);
        return;
    }
#endif
    forward_as(d, document, kv_head, scratch, 0);
}

/* ---- Backward ------------------------------------------------------------------------------------------------ */

/* Prepare a chunk of one head's rows: their queries, gradients, log sums (of base 2) and sums of gradient * out. */
INLINE void take_chunk(const struct item *item, int chunk, int rows, int head, const int bfloat16) {
    const struct fabula_documents *d = item->d;
    const struct memory *m = &item->m;
    const int64_t stride = (int64_t)d->heads * d->head_width;
    const struct tensor q = tensor_of(item, d->q, d->q_stride, head, 1);
    const struct tensor grad = tensor_of(item, d->grad_out, stride, head, 0);
    const struct tensor out = tensor_of(item, d->out, stride, head, 0);
    for (int t = 0; t < rows; t += BLOCK) {
        pack(item, q, chunk + t, m->queries, t, bfloat16);
        pack(item, grad, chunk + t, m->grads, t, bfloat16);
    }
    for (int t = 0; t < rows; t++) {
        const int row = chunk + t, size = (int)size_of(d->dtype);
        floats sum = all(0);
        fetch(item, out, row);
        for (int i = 0; row < item->rows && i < d->head_width; i += WIDTH)
            sum += get(grad.x + row * grad.stride + i * size, d->dtype, d->head_width - i) *
                   get(out.x + row * out.stride + i * size, d->dtype, d->head_width - i);
        m->deltas[t] = total(sum);
        m->log_sums[t] = row < item->rows ? d->log_sums[(item->first + row) * d->heads + head] * LOG2_E : 0;
    }
}

/* The weights of ROWS rows from t on, and the gradients of their scores, from scores and products of gradients and
 * values; `row`: the first row's place among the chunk's keys. */
INLINE void differentiate(const struct item *item, int t, int row, int blocks, float factor, const int bfloat16) {
    const struct memory *m = &item->m;
    const int64_t stride = item->stride;
    for (int r = 0; r < ROWS; r += 2)
        for (int i = 0; i < blocks * BLOCK; i += WIDTH) {
            floats weight[2], slope[2];
            UNROLL for (int n = 0; n < 2; n++) {
                const int64_t at = (r + n) * stride + i;
                weight[n] = power_of_two(load(m->scores + at) * factor - m->log_sums[t + r + n]);
                slope[n] = weight[n] * (load(m->products + at) - m->deltas[t + r + n]);
                if (i + WIDTH > row) {
                    const ints seen = up_to(i, row + r + n);
                    weight[n] = where(seen, weight[n], all(0));
                    slope[n] = where(seen, slope[n], all(0));
                }
                if (bfloat16) {
                    put_rounded(m->slopes + (r + n) * stride, i, slope[n]);
                } else {
                    store(m->weights + (t + r + n) * stride + i, weight[n]);
                    store(m->slope_pairs + (t + r + n) * stride + i, slope[n]);
                }
            }
            if (!bfloat16) continue;
            store(m->weights + (t + r) / 2 * stride + i, paired(weight[0], weight[1]));
            store(m->slope_pairs + (t + r) / 2 * stride + i, paired(slope[0], slope[1]));
        }
}

/* What the rows of one chunk and the keys of one, the same or an earlier, give to the gradients. */
INLINE void meet(const struct item *item, int chunk, int rows, int keys, int first_meeting, float factor,
                 const int bfloat16) {
    const struct memory *m = &item->m;
    const int D = item->d->head_width, width = item->width, words = item->words, step = bfloat16 ? 2 : 1;
    const int count = item->padded - keys < CHUNK ? item->padded - keys : CHUNK, columns = (D + BLOCK - 1) / BLOCK;
    const int64_t stride = item->stride, block = (int64_t)words * BLOCK;
    for (int t = 0; t < rows; t += ROWS) {
        const int row = chunk + t - keys, seen = row + ROWS < count ? row + ROWS : count;
        const int blocks = (seen + BLOCK - 1) / BLOCK;
        const struct factor queries = {m->queries.rows + t * words, words, 1};
        const struct factor grads = {m->grads.rows + t * words, words, 1};
        const struct factor keys_across = {m->keys.across + (int64_t)keys * words, block, BLOCK};
        const struct factor values_across = {m->values.across + (int64_t)keys * words, block, BLOCK};
        multiply(bfloat16, m->scores, stride, queries, keys_across, D / step, blocks, 0);
        multiply(bfloat16, m->products, stride, grads, values_across, D / step, blocks, 0);
        differentiate(item, t, row, blocks, factor, bfloat16);
        const struct factor slopes = {bfloat16 ? m->slopes : m->slope_pairs + t * stride, stride, 1};
        const struct factor key_pairs = {m->keys.pairs + (int64_t)(keys / step) * width, BLOCK, width};
        multiply(bfloat16, m->grad_queries + t * width, width, slopes, key_pairs, seen / step, columns, keys > 0);
    }
    for (int key = 0; key < count; key += ROWS) {
        const int from = keys == chunk ? key / step : 0; /* earlier rows don't see the key */
        const struct factor weights = {m->weights + from * stride + key, 1, stride};
        const struct factor slopes = {m->slope_pairs + from * stride + key, 1, stride};
        const struct factor grads = {m->grads.pairs + (int64_t)from * width, BLOCK, width};
        const struct factor queries = {m->queries.pairs + (int64_t)from * width, BLOCK, width};
        const int64_t at = (int64_t)(keys + key) * width;
        multiply(bfloat16, m->grad_values + at, width, weights, grads, rows / step - from, columns, !first_meeting);
        multiply(bfloat16, m->grad_keys + at, width, slopes, queries, rows / step - from, columns, !first_meeting);
    }
}

INLINE void backward_as(const struct fabula_documents *d, int32_t document, int32_t kv_head, void *scratch,
                        const int bfloat16) {
    const int group = d->heads / d->kv_heads;
    const float scale = 1.0f / sqrtf((float)d->head_width);
    struct item item = {.d = d, .first = d->boundaries[document]};
    item.rows = d->boundaries[document + 1] - d->boundaries[document];
    lay_out(&item, scratch, 1, bfloat16);
    const struct memory *m = &item.m;
    const struct tensor k = tensor_of(&item, d->k, d->k_stride, kv_head, 1);
    const struct tensor v = tensor_of(&item, d->v, d->v_stride, kv_head, 0);
    for (int chunk = 0; chunk < item.padded; chunk += CHUNK) {
        const int left = item.padded - chunk, rows = left < CHUNK ? left : CHUNK;
        for (int row = chunk; row < chunk + rows; row += BLOCK) {
            pack(&item, k, row, m->keys, row, bfloat16);
            pack(&item, v, row, m->values, row, bfloat16);
        }
        for (int g = 0; g < group; g++) {
            const struct tensor grad_q = tensor_of(&item, d->grad_q, d->q_stride, kv_head * group + g, 1);
            take_chunk(&item, chunk, rows, kv_head * group + g, bfloat16);
            for (int keys = 0; keys <= chunk; keys += CHUNK)
                meet(&item, chunk, rows, keys, g == 0 && keys == chunk, scale * LOG2_E, bfloat16);
            for (int t = 0; t < rows && chunk + t < item.rows; t++)
                write_row(&item, grad_q, chunk + t, m->grad_queries + t * item.width, scale);
        }
    }
    const struct tensor grad_k = tensor_of(&item, d->grad_k, d->k_stride, kv_head, 1);
    const struct tensor grad_v = tensor_of(&item, d->grad_v, d->v_stride, kv_head, 0);
    for (int row = 0; row < item.rows; row++) {
        write_row(&item, grad_k, row, m->grad_keys + (int64_t)row * item.width, scale);
        write_row(&item, grad_v, row, m->grad_values + (int64_t)row * item.width, 1);
    }
}

static void backward(const struct fabula_documents *d, int32_t document, int32_t kv_head, void *scratch) {
#if defined(__AVX512BF16__)
    if (in_pairs(d)) {
        backward_as(d, document, kv_head, scratch, 1);
        return;
    }
#endif
    backward_as(d, document, kv_head, scratch, 0);
}

const struct attention_kernels NAMED(fabula_attention_kernels, ISA) = {
    .scratch = scratch_bytes,
    .forward = forward,
    .backward = backward,
};
