/* The kernel with models, feeds and draws made at random: `fuzz_kernel [seed] [cases]`; meant for the sanitizers.
 *
 * Each case builds one model twice, with other threads and where bits must agree another instruction set. What the
 * first reads story by story, the second reads cut at random, side by side, with rejected drafts and with nonsense in
 * between; every row of logits must be the same to the last bit. In float32 it must also be that of the plain loops
 * below. Arrays have just the size that they must have, so that a step beyond one is found.
 */
#include "kernel.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_STORIES = 4, MOST_LAYERS = 3, PARTS = 7 };
enum part { QUERY, KEY, VALUE, OUT, GATE, UP, DOWN };

static uint32_t state;
static int this_case;

static int32_t below(int32_t bound) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return (int32_t)(state % (uint32_t)bound);
}

static int32_t between(int32_t low, int32_t high) { return low + below(high - low + 1); }
static int32_t smaller(int32_t a, int32_t b) { return a < b ? a : b; }
static double normal(void) { return (below(4096) + below(4096) + below(4096) - 6142) / 2048.0; }

static void require(int condition, const char *what) {
    if (condition) return;
    fprintf(stderr, "case %d: %s\n", this_case, what);
    exit(1);
}

static void *allocated(int64_t bytes) {
    void *memory = calloc(1, bytes > 0 ? (size_t)bytes : 1);
    require(memory != NULL, "no memory");
    return memory;
}

/* ---- Weights --------------------------------------------------------------------------------------------------- */

struct weight {
    int32_t rows, columns;
    char *memory, *stored; /* `stored` may lie at an odd address, as in a weight file */
    float *numbers;
};

struct weights {
    struct fabula_shape shape;
    int32_t dtype;
    struct weight embedding, head, parts[MOST_LAYERS][PARTS];
    float *gains, *cosines, *sines;
};

static float number_of(uint32_t bits) {
    float x;
    memcpy(&x, &bits, 4);
    return x;
}

static uint32_t bits_of(float x) {
    uint32_t bits;
    memcpy(&bits, &x, 4);
    return bits;
}

/* Store a number with the precision of a dtype; returns what is stored. */
static float stored_as(int32_t dtype, char *to, float x) {
    uint16_t half = (uint16_t)(bits_of(x) >> 16);
    if (dtype == FABULA_FLOAT32) memcpy(to, &x, 4);
    if (dtype == FABULA_BFLOAT16) x = number_of((uint32_t)half << 16);
    if (dtype == FABULA_FLOAT16) { /* sizes from 2^-14 to 2^15, cut to 10 bits; smaller ones count in 2^-24 */
        const int small = fabsf(x) < 0x1p-14f;
        const uint32_t cut = small ? (uint32_t)(fabsf(x) * 0x1p24f) : (bits_of(fabsf(x)) >> 13) - (112 << 10);
        const float size = small ? (float)cut * 0x1p-24f : number_of((cut + (112 << 10)) << 13);
        half = (uint16_t)(cut | (x < 0 ? 0x8000 : 0));
        x = x < 0 ? -size : size;
    }
    if (dtype != FABULA_FLOAT32) memcpy(to, &half, 2);
    return x;
}

static struct weight new_weight(int32_t rows, int32_t columns, int32_t dtype, double spread) {
    const int32_t size = dtype == FABULA_FLOAT32 ? 4 : 2, odd = below(2);
    const int64_t count = (int64_t)rows * columns;
    struct weight w = {.rows = rows, .columns = columns};
    w.memory = allocated(count * size + odd);
    w.stored = w.memory + odd;
    w.numbers = allocated(4 * count);
    for (int64_t i = 0; i < count; i++)
        w.numbers[i] = stored_as(dtype, w.stored + i * size, below(50) ? (float)(normal() * spread) : 0);
    return w;
}

static void free_weight(struct weight *w) {
    free(w->memory);
    free(w->numbers);
}

static struct fabula_shape random_shape(void) {
    const int32_t kv_heads = between(1, 3);
    return (struct fabula_shape){
        .vocab_size = below(8) ? between(2, 350) : 1, .hidden = below(3) ? between(1, 140) : 64 * between(1, 3),
        .layers = between(1, MOST_LAYERS), .heads = kv_heads * between(1, 4), .kv_heads = kv_heads,
        .head_width = 2 * (below(3) ? between(1, 20) : between(1, 40)), .intermediate = between(1, 170),
        .context = below(6) ? between(1, 80) : 1, .norm_epsilon = below(2) ? 1e-6f : 1e-5f};
}

static struct weights new_weights(void) {
    struct weights w = {.shape = random_shape(), .dtype = below(3)};
    const struct fabula_shape *s = &w.shape;
    const int32_t C = s->hidden, heads = s->heads * s->head_width, keys = s->kv_heads * s->head_width;
    const int32_t sizes[PARTS][2] = {{heads, C}, {keys, C}, {keys, C}, {C, heads},
                                     {s->intermediate, C}, {s->intermediate, C}, {C, s->intermediate}};
    w.embedding = new_weight(s->vocab_size, C, w.dtype, 1);
    w.head = new_weight(s->vocab_size, C, w.dtype, 1);
    for (int32_t layer = 0; layer < s->layers; layer++)
        for (int32_t i = 0; i < PARTS; i++)
            w.parts[layer][i] = new_weight(sizes[i][0], sizes[i][1], w.dtype, 1 / sqrt(sizes[i][1]));
    const int32_t gains = (2 * s->layers + 1) * C, half = s->head_width / 2;
    w.gains = allocated(4 * (int64_t)gains);
    for (int32_t i = 0; i < gains; i++) w.gains[i] = (float)(1 + 0.3 * normal());
    w.cosines = allocated(4 * (int64_t)s->context * half);
    w.sines = allocated(4 * (int64_t)s->context * half);
    for (int32_t i = 0; i < s->context * half; i++) {
        const double angle = (i / half) * pow(10000, -2.0 * (i % half) / s->head_width);
        w.cosines[i] = (float)cos(angle);
        w.sines[i] = (float)sin(angle);
    }
    return w;
}

static void free_weights(struct weights *w) {
    free_weight(&w->embedding);
    free_weight(&w->head);
    for (int32_t layer = 0; layer < w->shape.layers; layer++)
        for (int32_t i = 0; i < PARTS; i++) free_weight(&w->parts[layer][i]);
    free(w->gains);
    free(w->cosines);
    free(w->sines);
}

/* ---- The same in plain loops ----------------------------------------------------------------------------------- */

static void normalize(const struct weights *w, double *to, const double *x, const float *gains) {
    double squares = 0;
    for (int32_t c = 0; c < w->shape.hidden; c++) squares += x[c] * x[c];
    const double size = sqrt(squares / w->shape.hidden + (double)w->shape.norm_epsilon);
    for (int32_t c = 0; c < w->shape.hidden; c++) to[c] = x[c] / size * (double)gains[c];
}

static void multiply(double *to, const struct weight *w, const double *x) {
    for (int32_t row = 0; row < w->rows; row++) {
        to[row] = 0;
        for (int32_t c = 0; c < w->columns; c++) to[row] += (double)w->numbers[(int64_t)row * w->columns + c] * x[c];
    }
}

static void turn(const struct weights *w, double *heads, int32_t count, int32_t position) {
    const int32_t half = w->shape.head_width / 2;
    for (int32_t i = 0; i < count * half; i++) {
        double *first = heads + i / half * 2 * half + i % half, *second = first + half, before = *first;
        const double cosine = (double)w->cosines[position * half + i % half];
        const double sine = (double)w->sines[position * half + i % half];
        *first = before * cosine - *second * sine;
        *second = *second * cosine + before * sine;
    }
}

static void attend(const struct fabula_shape *s, double *to, const double *queries, const double *keys,
                   const double *values, int32_t seen) {
    const int32_t D = s->head_width, stride = s->kv_heads * D;
    double *scores = allocated(8 * (int64_t)seen);
    for (int32_t head = 0; head < s->heads; head++) {
        const int32_t at = head / (s->heads / s->kv_heads) * D;
        double most = -INFINITY, total = 0;
        for (int32_t i = 0; i < seen; i++) {
            for (int32_t d = scores[i] = 0; d < D; d++) scores[i] += queries[head * D + d] * keys[i * stride + at + d];
            scores[i] /= sqrt(D);
            most = fmax(most, scores[i]);
        }
        for (int32_t i = 0; i < seen; i++) total += scores[i] = exp(scores[i] - most);
        for (int32_t d = 0; d < D; d++) {
            to[head * D + d] = 0;
            for (int32_t i = 0; i < seen; i++) to[head * D + d] += scores[i] / total * values[i * stride + at + d];
        }
    }
    free(scores);
}

/* Write the logits after each token: (count, V). */
static void read_plainly(const struct weights *w, const int32_t *tokens, int32_t count, double *logits) {
    const struct fabula_shape *s = &w->shape;
    const int32_t C = s->hidden, keys = s->kv_heads * s->head_width, I = s->intermediate;
    double *cache = allocated(16 * (int64_t)s->layers * count * keys);
    double *x = allocated(8 * C), *normal_x = allocated(8 * C), *added = allocated(8 * C);
    double *queries = allocated(8 * s->heads * s->head_width), *mixed = allocated(8 * s->heads * s->head_width);
    double *gate = allocated(8 * I), *up = allocated(8 * I);
    for (int32_t t = 0; t < count; t++) {
        for (int32_t c = 0; c < C; c++) x[c] = (double)w->embedding.numbers[(int64_t)tokens[t] * C + c];
        for (int32_t layer = 0; layer < s->layers; layer++) {
            const struct weight *parts = w->parts[layer];
            double *of_keys = cache + (int64_t)2 * layer * count * keys, *of_values = of_keys + (int64_t)count * keys;
            normalize(w, normal_x, x, w->gains + 2 * layer * C);
            multiply(queries, &parts[QUERY], normal_x);
            multiply(of_keys + t * keys, &parts[KEY], normal_x);
            multiply(of_values + t * keys, &parts[VALUE], normal_x);
            turn(w, queries, s->heads, t);
            turn(w, of_keys + t * keys, s->kv_heads, t);
            attend(s, mixed, queries, of_keys, of_values, t + 1);
            multiply(added, &parts[OUT], mixed);
            for (int32_t c = 0; c < C; c++) x[c] += added[c];
            normalize(w, normal_x, x, w->gains + (2 * layer + 1) * C);
            multiply(gate, &parts[GATE], normal_x);
            multiply(up, &parts[UP], normal_x);
            for (int32_t i = 0; i < I; i++) gate[i] *= up[i] / (1 + exp(-gate[i]));
            multiply(added, &parts[DOWN], gate);
            for (int32_t c = 0; c < C; c++) x[c] += added[c];
        }
        normalize(w, normal_x, x, w->gains + 2 * s->layers * C);
        multiply(logits + (int64_t)t * s->vocab_size, &w->head, normal_x);
    }
    double *all[] = {cache, x, normal_x, added, queries, mixed, gate, up};
    for (int i = 0; i < 8; i++) free(all[i]);
}

/* ---- Models ---------------------------------------------------------------------------------------------------- */

static const char *const SETS[] = {"avx512bf16", "avx512", "avx2", "neon", "portable"};

/* Whether two instruction sets round alike: fused multiplications and additions do, except in bfloat16's products. */
static int agree(const char *a, const char *b, int32_t precision) {
    if (!strcmp(a, b)) return 1;
    const int fused = strncmp(a, "avx", 3) == 0 && strncmp(b, "avx", 3) == 0;
    return fused && (precision != FABULA_IN_BFLOAT16 || (strcmp(a, SETS[0]) && strcmp(b, SETS[0])));
}

static const char *random_set(const struct fabula_shape *shape) {
    for (;;) {
        const char *name = SETS[below(5)];
        struct fabula_model *model = fabula_model_new(shape, FABULA_IN_FLOAT32, 1, name);
        fabula_model_free(model);
        if (model) return name;
    }
}

static void pack(struct fabula_model *model, const struct weights *w, int32_t matrix, int32_t layer,
                 const struct weight *const *parts, int32_t count) {
    const int32_t rows = fabula_rows(model, matrix), size = w->dtype == FABULA_FLOAT32 ? 4 : 2;
    uint64_t *addresses = allocated(8 * (int64_t)rows);
    for (int32_t part = 0, at = 0; part < count; at += parts[part++]->rows)
        for (int32_t row = 0; row < parts[part]->rows; row++) {
            const int32_t place = matrix == FABULA_GATE_UP ? (2 * (row / 16) + part) * 16 + row % 16 : at + row;
            require(place < rows, "too few rows to pack");
            addresses[place] = (uint64_t)(uintptr_t)(parts[part]->stored + (int64_t)row * parts[part]->columns * size);
        }
    require(fabula_pack(model, matrix, layer, addresses, w->dtype) == 0, "a matrix was not packed");
    require(fabula_pack(model, matrix, w->shape.layers, addresses, w->dtype) == -1, "a layer that there is not");
    require(fabula_pack(model, matrix, layer, addresses, 3) == -1, "a dtype that there is not");
    free(addresses);
}

static struct fabula_model *new_model(const struct weights *w, int32_t precision, int32_t threads, const char *set) {
    struct fabula_model *model = fabula_model_new(&w->shape, precision, threads, set);
    require(model != NULL, "no model");
    for (int32_t layer = 0; layer < w->shape.layers; layer++) {
        const struct weight *p = w->parts[layer];
        pack(model, w, FABULA_QKV, layer, (const struct weight *[]){p + QUERY, p + KEY, p + VALUE}, 3);
        pack(model, w, FABULA_OUT, layer, (const struct weight *[]){p + OUT}, 1);
        pack(model, w, FABULA_GATE_UP, layer, (const struct weight *[]){p + GATE, p + UP}, 2);
        pack(model, w, FABULA_DOWN, layer, (const struct weight *[]){p + DOWN}, 1);
    }
    const struct fabula_feed early = {.count = 1};
    require(fabula_read(model, &early, 1) == -1, "read before there were all weights");
    pack(model, w, FABULA_HEAD, 0, (const struct weight *[]){&w->head}, 1);
    fabula_attach(model, w->embedding.stored, w->dtype, w->gains, w->cosines, w->sines);
    return model;
}

static void refuse_impossible_models(const struct weights *w) {
    static const int32_t nonsense[] = {0, -1, INT32_MIN, INT32_MAX};
    for (int32_t field = 0; field < 8; field++) {
        struct fabula_shape shape = w->shape;
        ((int32_t *)&shape)[field] = nonsense[below(4)];
        require(!fabula_model_new(&shape, below(4), 1, NULL), "a model of an impossible shape");
    }
    struct fabula_shape shape = w->shape;
    shape.vocab_size = shape.hidden = shape.intermediate = 1 << 24;
    shape.layers = (1 << 16) - 1;
    require(!fabula_model_new(&shape, FABULA_IN_FLOAT32, 1, NULL), "a model larger than any memory");
    require(!fabula_model_new(&w->shape, 4, 1, NULL), "a precision that there is not");
    require(!fabula_model_new(&w->shape, 0, 1, "abacus"), "an instruction set that there is not");
}

static void refuse_infinite_weights(struct fabula_model *model, const struct weights *w) {
    const int32_t rows = fabula_rows(model, FABULA_DOWN), columns = w->shape.intermediate;
    float *row = allocated(4 * (int64_t)columns);
    uint64_t *addresses = allocated(8 * (int64_t)rows);
    row[below(columns)] = below(2) ? NAN : below(2) ? INFINITY : -INFINITY;
    addresses[below(w->shape.hidden)] = (uint64_t)(uintptr_t)row;
    require(fabula_pack(model, FABULA_DOWN, 0, addresses, FABULA_FLOAT32) == 1, "an infinite weight");
    free(addresses);
    free(row);
}

/* ---- Reading --------------------------------------------------------------------------------------------------- */

struct story {
    int32_t length, read;
    int32_t *tokens;
    float *logits; /* after each token: (length, V), read at once */
    struct fabula_slot *slot;
};

static struct story new_story(struct fabula_model *model, const struct weights *w, int32_t precision) {
    const int32_t V = w->shape.vocab_size;
    struct story story = {.length = between(1, w->shape.context)};
    story.tokens = allocated(4 * (int64_t)story.length);
    for (int32_t i = 0; i < story.length; i++) story.tokens[i] = below(V);
    story.logits = allocated(4 * (int64_t)story.length * V);
    struct fabula_slot *slot = fabula_slot_new(model, story.length);
    const struct fabula_feed feed = {slot, story.tokens, story.length, 0, story.length};
    require(fabula_read(model, &feed, 1) == story.length, "a story was not read");
    for (int32_t i = 0; i < story.length; i++)
        memcpy(story.logits + (int64_t)i * V, fabula_logits(model, i), 4 * (size_t)V);
    fabula_slot_free(slot);
    for (int64_t i = 0; i < (int64_t)story.length * V; i++) require(isfinite(story.logits[i]), "an infinite logit");
    if (precision != FABULA_IN_FLOAT32) return story;
    double *expected = allocated(8 * (int64_t)story.length * V), largest = 1;
    read_plainly(w, story.tokens, story.length, expected);
    for (int64_t i = 0; i < (int64_t)story.length * V; i++) largest = fmax(largest, fabs(expected[i]));
    for (int64_t i = 0; i < (int64_t)story.length * V; i++)
        require(fabs((double)story.logits[i] - expected[i]) < 2e-5 * largest, "another logit than that of plain loops");
    free(expected);
    return story;
}

static void refuse_nonsense(struct fabula_model *model, const struct weights *w, struct story *stories, int32_t count) {
    struct story *story = &stories[below(count)];
    int32_t tokens[2] = {0, below(2) ? -1 : w->shape.vocab_size};
    const struct fabula_feed bad[] = {
        {NULL, tokens, 1, 0, 1}, {story->slot, tokens, 0, 0, 0}, {story->slot, tokens, -1, 0, 0},
        {story->slot, tokens, 1, -1, 1}, {story->slot, tokens, 1, 0, 2}, {story->slot, tokens, 1, 0, -1},
        {story->slot, tokens, 2, 0, 1}, {story->slot, tokens, 1, w->shape.context, 1},
        {story->slot, tokens, 1, INT32_MAX, 1}, {story->slot, tokens, INT32_MAX, 0, 1},
    };
    const struct fabula_feed good = {stories[below(count)].slot, tokens, 1, 0, 1};
    const struct fabula_feed some[] = {good, bad[below(10)]}, twice[] = {good, good};
    require(fabula_read(model, some + below(2), 1 + below(2)) == -1 || some[0].slot, "nonsense was read");
    require(fabula_read(model, some, 2) == -1, "nonsense was read");
    require(fabula_read(model, twice, 2) == -1, "a slot twice in one read");
    require(fabula_read(model, NULL, 0) == -1, "nothing was read");
}
