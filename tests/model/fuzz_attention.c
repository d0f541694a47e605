/* Attention of documents made at random, in memory without a byte to spare, against plain loops in float64. */
#include "training.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state;

static uint32_t draw(uint32_t below) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((state >> 33) % below);
}

struct tensor {
    int64_t rows, heads, width, stride;
    int32_t dtype;
    char *numbers; /* ends with its last number */
};

static double get(const struct tensor *t, int64_t row, int64_t head, int64_t d) {
    const int64_t at = row * t->stride + head * t->width + d;
    uint32_t bits;
    float x;
    if (t->dtype == FABULA_FLOAT32) return ((float *)t->numbers)[at];
    bits = (uint32_t)((uint16_t *)t->numbers)[at] << 16;
    memcpy(&x, &bits, 4);
    return x;
}

static struct tensor tensor(int64_t rows, int64_t heads, int64_t width, int64_t gap, int32_t dtype) {
    struct tensor t = {rows, heads, width, heads * width + gap, dtype, NULL};
    const int64_t count = rows ? (rows - 1) * t.stride + heads * width : 0;
    t.numbers = malloc((size_t)(count * (dtype == FABULA_FLOAT32 ? 4 : 2)) + 1);
    for (int64_t i = 0; i < count; i++) {
        const float x = ((float)draw(2001) - 1000) / 500;
        uint32_t bits;
        memcpy(&bits, &x, 4);
        if (dtype == FABULA_FLOAT32) ((float *)t.numbers)[i] = x;
        else ((uint16_t *)t.numbers)[i] = (uint16_t)(bits >> 16);
    }
    return t;
}

/* One row of a head in float64, turned by its angles, or back. */
static void turned(const struct fabula_documents *d, const struct tensor *t, int64_t row, int64_t head, double *to) {
    const int64_t half = t->width / 2;
    for (int64_t i = 0; i < half; i++) {
        const double first = get(t, row, head, i), second = get(t, row, head, half + i);
        const double c = d->cosines ? d->cosines[row * half + i] : 1, s = d->cosines ? d->sines[row * half + i] : 0;
        to[i] = first * c - second * s, to[half + i] = second * c + first * s;
    }
}

static void check(const char *what, const char *set, const struct tensor *t, int64_t row, int64_t head, int64_t i,
                  double expected) {
    const double found = get(t, row, head, i), allowed = t->dtype == FABULA_FLOAT32 ? 2e-5 : 0.06;
    if (fabs(found - expected) <= allowed * (1 + fabs(expected)) * sqrt((double)t->rows)) return;
    fprintf(stderr, "%s of row %d, head %d, column %d with %s: %g is not %g\n", what, (int)row, (int)head, (int)i, set,
            found, expected);
    exit(1);
}

/* Check one head of one document: its values, and what its rows give to the gradients of q. */
static void check_head(const struct fabula_documents *d, const char *set, const struct tensor *x, int64_t first,
                       int64_t last, int64_t head) {
    const int64_t D = d->head_width, kv = head / (d->heads / d->kv_heads), half = D / 2;
    double *q = malloc((size_t)D * 8), *k = malloc((size_t)D * 8), *p = malloc((size_t)(last - first) * 8);
    double *out = malloc((size_t)D * 8), *slope = malloc((size_t)D * 8);
    for (int64_t row = first; row < last; row++) {
        double most = -INFINITY, sum = 0, delta = 0;
        turned(d, &x[0], row, head, q);
        for (int64_t j = first; j <= row; j++) {
            turned(d, &x[1], j, kv, k);
            p[j - first] = 0;
            for (int64_t i = 0; i < D; i++) p[j - first] += q[i] * k[i] / sqrt((double)D);
            most = fmax(most, p[j - first]);
        }
        for (int64_t j = first; j <= row; j++) sum += p[j - first] = exp(p[j - first] - most);
        memset(out, 0, (size_t)D * 8), memset(slope, 0, (size_t)D * 8);
        for (int64_t j = first; j <= row; j++)
            for (int64_t i = 0; i < D; i++) out[i] += p[j - first] / sum * get(&x[2], j, kv, i);
        for (int64_t i = 0; i < D; i++) {
            check("value", set, &x[3], row, head, i, out[i]);
            delta += out[i] * get(&x[4], row, head, i);
        }
        for (int64_t j = first; j <= row; j++) {
            double product = 0;
            turned(d, &x[1], j, kv, k);
            for (int64_t i = 0; i < D; i++) product += get(&x[4], row, head, i) * get(&x[2], j, kv, i);
            for (int64_t i = 0; i < D; i++) slope[i] += p[j - first] / sum * (product - delta) * k[i] / sqrt((double)D);
        }
        for (int64_t i = 0; i < half; i++) {
            const double c = d->cosines ? d->cosines[row * half + i] : 1, s = d->cosines ? d->sines[row * half + i] : 0;
            check("gradient", set, &x[5], row, head, i, slope[i] * c + slope[half + i] * s);
            check("gradient", set, &x[5], row, head, half + i, slope[half + i] * c - slope[i] * s);
        }
    }
    free(q), free(k), free(p), free(out), free(slope);
}

static void one_case(const char *set) {
    int32_t boundaries[8] = {0};
    struct fabula_documents d = {.boundaries = boundaries, .documents = 1 + (int32_t)draw(6)};
    d.kv_heads = 1 + (int32_t)draw(3), d.heads = d.kv_heads * (1 + (int32_t)draw(3));
    d.head_width = 2 * (1 + (int32_t)draw(40)), d.dtype = draw(2) ? FABULA_FLOAT32 : FABULA_BFLOAT16;
    for (int32_t i = 0; i < d.documents; i++) boundaries[i + 1] = boundaries[i] + (int32_t)draw(draw(2) ? 20 : 100);
    const int64_t N = boundaries[d.documents], D = d.head_width, gap = draw(2) ? draw(50) : 0;
    const int64_t heads[8] = {d.heads, d.kv_heads, d.kv_heads, d.heads, d.heads, d.heads, d.kv_heads, d.kv_heads};
    const int spaced[8] = {1, 1, 1, 0, 0, 1, 1, 1};
    struct tensor x[8]; /* q, k, v, out, grad_out, grad_q, grad_k, grad_v */
    for (int i = 0; i < 8; i++) x[i] = tensor(N, heads[i], D, spaced[i] ? gap : 0, d.dtype);
    struct tensor angles = tensor(N, 1, D / 2, 0, FABULA_FLOAT32), sines = tensor(N, 1, D / 2, 0, FABULA_FLOAT32);
    for (int64_t i = 0; i < N * D / 2; i++) {
        ((float *)sines.numbers)[i] = sinf(((float *)angles.numbers)[i]);
        ((float *)angles.numbers)[i] = cosf(((float *)angles.numbers)[i]);
    }
    if (draw(4)) d.cosines = (float *)angles.numbers, d.sines = (float *)sines.numbers;
    d.q = x[0].numbers, d.k = x[1].numbers, d.v = x[2].numbers, d.out = x[3].numbers, d.grad_out = x[4].numbers;
    d.grad_q = x[5].numbers, d.grad_k = x[6].numbers, d.grad_v = x[7].numbers;
    d.q_stride = x[0].stride, d.k_stride = x[1].stride, d.v_stride = x[2].stride;
    d.log_sums = malloc((size_t)(N * d.heads) * 4 + 1);
    if (fabula_attention_forward(&d, 1) || fabula_attention_backward(&d, 1)) exit(2);
    for (int32_t i = 0; i < d.documents; i++)
        for (int64_t head = 0; head < d.heads; head++)
            check_head(&d, set, x, boundaries[i], boundaries[i + 1], head);
    for (int i = 0; i < 8; i++) free(x[i].numbers);
    free(angles.numbers), free(sines.numbers), free(d.log_sums);
}

int main(int count, char **words) {
    static const char *const sets[] = {"avx512bf16", "avx512", "avx2", "neon", "portable"};
    const int cases = count > 2 ? atoi(words[2]) : 100;
    const int seed = count > 1 ? atoi(words[1]) : 1;
    state = (uint64_t)seed;
    for (int i = 0; i < cases; i++) {
        const char *set = sets[i % 5];
        if (fabula_train_with(set) == 0) one_case(set);
    }
    printf("%d cases from seed %d\n", cases, seed);
    return 0;
}
