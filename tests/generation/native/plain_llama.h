/* A plain Llama with random weights, in plain loops and double precision: what fuzz_kernel.c compares the kernel with. */
#ifndef PLAIN_LLAMA_H
#define PLAIN_LLAMA_H

#include "kernel.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_LAYERS = 3, PARTS = 7 };
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

#endif
