#define _GNU_SOURCE
#include "model.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define MOST_THREADS 256
#define MOST_POSITIONS (1 << 24)

/* ---- Instruction sets ---------------------------------------------------------------------------------------- */

extern const struct compute fabula_compute_portable;
#ifdef FABULA_HAVE_AVX512BF16
extern const struct compute fabula_compute_avx512bf16;
#endif
#ifdef FABULA_HAVE_AVX512
extern const struct compute fabula_compute_avx512;
#endif
#ifdef FABULA_HAVE_AVX2
extern const struct compute fabula_compute_avx2;
#endif
#ifdef FABULA_HAVE_NEON
extern const struct compute fabula_compute_neon;
#if defined(__linux__)
#include <sys/auxv.h>
#endif
#endif

/* Those that were built and that this machine runs, the best first. */
static int32_t available(const struct compute *found[5]) {
    int32_t n = 0;
#if defined(__x86_64__)
    __builtin_cpu_init();
#define RUNS(feature) __builtin_cpu_supports(feature)
#define RUNS_AVX512 (RUNS("avx512f") && RUNS("avx512bw") && RUNS("avx512dq") && RUNS("avx512vl") && RUNS("avx512vnni"))
#ifdef FABULA_HAVE_AVX512BF16
    if (RUNS_AVX512 && RUNS("avx512bf16")) found[n++] = &fabula_compute_avx512bf16;
#endif
#ifdef FABULA_HAVE_AVX512
    if (RUNS_AVX512) found[n++] = &fabula_compute_avx512;
#endif
#ifdef FABULA_HAVE_AVX2
    if (RUNS("avx2") && RUNS("fma")) found[n++] = &fabula_compute_avx2;
#endif
#endif
#ifdef FABULA_HAVE_NEON
#if defined(__linux__)
    if (getauxval(AT_HWCAP) & (1 << 20)) found[n++] = &fabula_compute_neon; /* HWCAP_ASIMDDP */
#elif defined(__APPLE__)
    found[n++] = &fabula_compute_neon; /* every Mac with this processor has dot products */
#endif
#endif
    found[n++] = &fabula_compute_portable;
    return n;
}

const struct compute *fabula_choose_compute(const char *name) {
    const struct compute *found[5];
    const int32_t n = available(found);
    for (int32_t i = 0; i < n; i++)
        if (!name || !strcmp(name, found[i]->name)) return found[i];
    return NULL;
}

const char *fabula_instruction_set(void) { return fabula_choose_compute(NULL)->name; }

/* ---- The model ----------------------------------------------------------------------------------------------- */

static struct matrix *matrix_of(struct fabula_model *m, int32_t matrix, int32_t layer) {
    return matrix == FABULA_HEAD ? &m->head : &m->layers[layer].matrices[matrix];
}

static void shape_of(const struct fabula_model *m, int32_t matrix, int32_t *rows, int32_t *columns) {
    const struct fabula_shape *s = &m->shape;
    const int32_t heads = s->heads * s->head_width;
    *columns = matrix == FABULA_OUT ? heads : matrix == FABULA_DOWN ? s->intermediate : s->hidden;
    *rows = matrix == FABULA_QKV       ? heads + 2 * s->kv_heads * s->head_width
            : matrix == FABULA_GATE_UP ? 2 * round_up(s->intermediate, BLOCK)
            : matrix == FABULA_HEAD    ? s->vocab_size
                                       : s->hidden;
    *rows = round_up(*rows, BLOCK);
    *columns = round_up(*columns, PADDING);
}

static size_t weight_bytes(const struct fabula_model *m, int32_t matrix) {
    int32_t rows, columns;
    shape_of(m, matrix, &rows, &columns);
    const size_t n = (size_t)rows * (size_t)columns;
    return m->precision == FABULA_IN_FLOAT32 ? 4 * n : m->precision == FABULA_IN_BFLOAT16 ? 2 * n
         : m->precision == FABULA_IN_INT8 ? n : n / 2;
}

static size_t scale_bytes(const struct fabula_model *m, int32_t matrix) {
    int32_t rows, columns;
    shape_of(m, matrix, &rows, &columns);
    return m->precision == FABULA_IN_INT8 ? (size_t)rows * 4
         : m->precision == FABULA_IN_INT4 ? (size_t)rows * (size_t)(columns / GROUP_INT4) * 2 : 0;
}

static void lay_out(struct fabula_model *m, struct matrix *matrix, int32_t kind) {
    matrix->precision = m->precision;
    shape_of(m, kind, &matrix->rows, &matrix->columns);
    matrix->weights = take(&m->weights, weight_bytes(m, kind));
    matrix->scales = take(&m->weights, scale_bytes(m, kind));
}

static int possible(const struct fabula_shape *s) {
    const int32_t sizes[] = {s->vocab_size, s->hidden,     s->layers,      s->heads,
                             s->kv_heads,   s->head_width, s->intermediate};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (sizes[i] < 1 || sizes[i] > 1 << 24) return 0;
    return s->context >= 1 && s->context <= MOST_POSITIONS && s->heads % s->kv_heads == 0 && s->head_width % 2 == 0 &&
           (int64_t)s->heads * s->head_width < 1 << 24 && s->layers < 1 << 16;
}

struct fabula_model *fabula_model_new(const struct fabula_shape *shape, int32_t precision, int32_t threads,
                                      const char *instruction_set) {
    const struct compute *compute = fabula_choose_compute(instruction_set);
    if (!compute || !possible(shape) || precision < FABULA_IN_FLOAT32 || precision > FABULA_IN_INT4) return NULL;
    struct fabula_model *m = calloc(1, sizeof *m);
    if (!m) return NULL;
    pthread_mutex_init(&m->mutex, NULL);
    m->shape = *shape;
    m->precision = precision;
    m->compute = compute;
    m->hidden = round_up(shape->hidden, PADDING);
    m->weights.bytes = weight_bytes(m, FABULA_HEAD) + scale_bytes(m, FABULA_HEAD) + 2 * MARGIN;
    double bytes = (double)m->weights.bytes;
    for (int32_t i = 0; i < FABULA_HEAD; i++) {
        const size_t of_layer = weight_bytes(m, i) + scale_bytes(m, i) + 2 * MARGIN;
        bytes += (double)of_layer * shape->layers;
        m->weights.bytes += of_layer * (size_t)shape->layers;
    }
    m->weights.memory = bytes < MOST_BYTES ? map_zeros(m->weights.bytes) : NULL;
    m->layers = calloc((size_t)shape->layers, sizeof *m->layers);
    m->pool = pool_new(threads < 1 ? 1 : smaller(threads, MOST_THREADS));
    m->draw_scratch = m->pool ? calloc((size_t)pool_threads(m->pool), sizeof *m->draw_scratch) : NULL;
    int ready = m->weights.memory && m->layers && m->draw_scratch;
    for (int32_t i = 0; ready && i < pool_threads(m->pool); i++)
        ready = (m->draw_scratch[i] = calloc(1, (size_t)fabula_draw_scratch(shape->vocab_size))) != NULL;
    if (!ready) {
        fabula_model_free(m);
        return NULL;
    }
#ifdef MADV_HUGEPAGE
    madvise(m->weights.memory, m->weights.bytes, MADV_HUGEPAGE);
#endif
    for (int32_t layer = 0; layer < shape->layers; layer++)
        for (int32_t i = 0; i < FABULA_HEAD; i++) lay_out(m, matrix_of(m, i, layer), i);
    lay_out(m, &m->head, FABULA_HEAD);
    return m;
}

void fabula_model_free(struct fabula_model *m) {
    if (!m) return;
    for (int32_t i = 0; m->draw_scratch && i < pool_threads(m->pool); i++) free(m->draw_scratch[i]);
    pool_free(m->pool);
    struct arena *arenas[] = {&m->weights, &m->scratch, &m->answers};
    for (int i = 0; i < 3; i++) unmap(arenas[i]->memory, arenas[i]->bytes);
    pthread_mutex_destroy(&m->mutex);
    free(m->draw_scratch);
    free(m->layers);
    free(m);
}

void fabula_attach(struct fabula_model *m, const void *embedding, int32_t dtype, const float *gains,
                   const float *cosines, const float *sines) {
    m->embedding = embedding;
    m->embedding_dtype = dtype;
    m->gains = gains;
    m->cosines = cosines;
    m->sines = sines;
}

/* ---- Packing ------------------------------------------------------------------------------------------------- */

static float from_float16(uint16_t half) {
    const int32_t exponent = half >> 10 & 31, fraction = half & 1023;
    const float size = exponent == 31 ? (fraction ? NAN : INFINITY)
                     : exponent       ? ldexpf((float)(fraction | 1024), exponent - 25)
                                      : ldexpf((float)fraction, -24);
    return half >> 15 ? -size : size;
}

void to_float32(float *to, const void *from, int32_t dtype, int32_t n) {
    if (dtype == FABULA_FLOAT32) memcpy(to, from, (size_t)n * 4);
    else
        for (int32_t i = 0; i < n; i++) {
            uint16_t half; /* weight files promise no alignment */
            memcpy(&half, (const char *)from + 2 * (size_t)i, 2);
            const uint32_t bits = (uint32_t)half << 16;
            if (dtype == FABULA_BFLOAT16) memcpy(to + i, &bits, 4);
            else to[i] = from_float16(half);
        }
}

struct packing {
    struct fabula_model *model;
    struct matrix *matrix;
    const uint64_t *rows;
    int32_t dtype, width; /* width: columns before padding */
    float *scratch;       /* for each thread (16, K) */
    atomic_int infinite;  /* whether a weight was not finite */
};

static void pack_job(void *argument, int32_t thread) {
    struct packing *p = argument;
    const int32_t K = p->matrix->columns;
    float *numbers = p->scratch + (size_t)thread * BLOCK * (size_t)K;
    for (int32_t block; (block = pool_next(p->model->pool)) < p->matrix->rows / BLOCK;) {
        memset(numbers, 0, (size_t)K * BLOCK * 4);
        for (int32_t r = 0; r < BLOCK; r++) {
            const uint64_t row = p->rows[block * BLOCK + r];
            if (row) to_float32(numbers + (size_t)r * (size_t)K, (const void *)(uintptr_t)row, p->dtype, p->width);
        }
        float sum = 0; /* stays 0, or becomes NaN */
        for (int32_t i = 0; i < K * BLOCK; i++) sum += numbers[i] * 0;
        if (sum != 0) p->infinite = 1;
        else p->model->compute->pack(p->matrix, block, numbers);
    }
}

int32_t fabula_rows(const struct fabula_model *m, int32_t matrix) {
    int32_t rows, columns;
    if (matrix < FABULA_QKV || matrix > FABULA_HEAD) return -1;
    shape_of(m, matrix, &rows, &columns);
    return rows;
}

int32_t fabula_pack(struct fabula_model *m, int32_t matrix, int32_t layer, const uint64_t *rows, int32_t dtype) {
    const struct fabula_shape *s = &m->shape;
    if (matrix < FABULA_QKV || matrix > FABULA_HEAD || layer < 0 || layer >= s->layers ||
        dtype < FABULA_FLOAT32 || dtype > FABULA_FLOAT16)
        return -1;
    struct packing packing = {.model = m, .matrix = matrix_of(m, matrix, layer), .rows = rows, .dtype = dtype};
    packing.width = matrix == FABULA_OUT    ? s->heads * s->head_width
                    : matrix == FABULA_DOWN ? s->intermediate
                                            : s->hidden;
    packing.scratch = malloc((size_t)pool_threads(m->pool) * BLOCK * (size_t)packing.matrix->columns * 4);
    if (!packing.scratch) return -1;
    pool_run(m->pool, pack_job, &packing);
    free(packing.scratch);
    return packing.infinite ? 1 : 0;
}
