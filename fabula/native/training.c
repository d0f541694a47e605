#define _GNU_SOURCE
/* Deals the work of training to the team's threads, in items that any thread may take. */
#include "training.h"
#include "memory.h"
#include "model.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_AN_ITEM 32 /* rows of a layer's work that one thread takes at once */

static fabula_team team;
static const struct compute *chosen;

void fabula_use_team(fabula_team given) { team = given; }

int32_t fabula_train_with(const char *instruction_set) {
    const struct compute *found = fabula_choose_compute(instruction_set);
    if (found) chosen = found;
    return found ? 0 : -1;
}

static const struct compute *kernels(void) {
    if (!chosen) chosen = fabula_choose_compute(NULL);
    return chosen;
}

struct job {
    void (*item)(const void *arguments, int64_t item, void *scratch);
    const void *arguments;
    int64_t items;
    size_t scratch;
    _Atomic int64_t next;
    _Atomic int failed;
};

static void work(void *data) {
    struct job *job = data;
    void *scratch = NULL;
    if (job->scratch && !(scratch = aligned_alloc(64, (job->scratch + 63) / 64 * 64))) {
        job->failed = 1;
        return;
    }
    for (int64_t item; (item = job->next++) < job->items;) job->item(job->arguments, item, scratch);
    free(scratch);
}

static int32_t deal(struct job *job, int32_t threads) {
    if (team && threads > 1 && job->items > 1)
        team(work, job, (unsigned)(threads < job->items ? threads : job->items), 0);
    else
        work(job);
    return job->failed ? -1 : 0;
}

/* ---- Attention ----------------------------------------------------------------------------------------------- */

struct attention_job {
    const struct fabula_documents *documents;
    const int32_t *order; /* documents, the longest first: the last items taken should be short ones */
    int32_t backward;
};

static int32_t length(const struct fabula_documents *d, int32_t document) {
    return d->boundaries[document + 1] - d->boundaries[document];
}

static void attention_item(const void *arguments, int64_t item, void *scratch) {
    const struct attention_job *job = arguments;
    const struct fabula_documents *d = job->documents;
    const int32_t document = job->order[item / d->kv_heads], kv_head = (int32_t)(item % d->kv_heads);
    (job->backward ? kernels()->attention->backward : kernels()->attention->forward)(d, document, kv_head, scratch);
}

static int32_t attention(const struct fabula_documents *d, int32_t threads, int32_t backward) {
    int32_t longest = 0, real = 0;
    for (int32_t i = 0; i < d->documents; i++) {
        if (length(d, i) > longest) longest = length(d, i);
        real += length(d, i) > 0;
    }
    if (!real) return 0;
    int32_t *order = malloc(((size_t)longest + 2 + (size_t)real) * sizeof(int32_t));
    if (!order) return -1;
    int32_t *place = order + real; /* by length, where its next document stands: a counting sort */
    memset(place, 0, ((size_t)longest + 2) * sizeof(int32_t));
    for (int32_t i = 0; i < d->documents; i++)
        if (length(d, i)) place[longest - length(d, i) + 1]++;
    for (int32_t i = 0; i < longest; i++) place[i + 1] += place[i];
    for (int32_t i = 0; i < d->documents; i++)
        if (length(d, i)) order[place[longest - length(d, i)]++] = i;
    struct attention_job arguments = {d, order, backward};
    struct job job = {.item = attention_item, .arguments = &arguments, .items = (int64_t)real * d->kv_heads};
    job.scratch = (size_t)kernels()->attention->scratch(d, longest, backward);
    const int32_t answer = deal(&job, threads);
    free(order);
    return answer;
}

int32_t fabula_attention_forward(const struct fabula_documents *d, int32_t threads) { return attention(d, threads, 0); }
int32_t fabula_attention_backward(const struct fabula_documents *d, int32_t threads) { return attention(d, threads, 1); }

/* ---- Rows ---------------------------------------------------------------------------------------------------- */

#define ROWS_OF(kind, name)                                                                              \
    static void name##_item(const void *arguments, int64_t item, void *scratch) {                        \
        const struct kind *a = arguments;                                                                \
        const int64_t first = item * ROWS_AN_ITEM, last = first + ROWS_AN_ITEM;                          \
        (void)scratch;                                                                                   \
        kernels()->layers->name(a, first, last < a->rows ? last : a->rows);                              \
    }                                                                                                    \
    int32_t fabula_##name(const struct kind *a, int32_t threads) {                                       \
        struct job job = {.item = name##_item, .arguments = a, .items = items_of(a->rows)};              \
        return deal(&job, threads);                                                                      \
    }

static int64_t items_of(int64_t rows) { return (rows + ROWS_AN_ITEM - 1) / ROWS_AN_ITEM; }

ROWS_OF(fabula_norm, norm_forward)
ROWS_OF(fabula_swiglu, swiglu_forward)
ROWS_OF(fabula_swiglu, swiglu_backward)
ROWS_OF(fabula_cross_entropy, cross_entropy)

/* The weight's gradient is a sum over all rows: each part of the rows has a sum of its own, and those are added up in
 * their order, whoever made them. */
#define NORM_PARTS 16

struct norm_job {
    const struct fabula_norm *norm;
    float *sums; /* (NORM_PARTS, C) */
};

static void norm_backward_item(const void *arguments, int64_t item, void *scratch) {
    const struct norm_job *job = arguments;
    const struct fabula_norm *n = job->norm;
    (void)scratch;
    kernels()->layers->norm_backward(n, n->rows * item / NORM_PARTS, n->rows * (item + 1) / NORM_PARTS,
                                     job->sums ? job->sums + item * n->width : NULL);
}

int32_t fabula_norm_backward(const struct fabula_norm *n, int32_t threads) {
    struct norm_job arguments = {n, NULL};
    if (n->grad_weight && !(arguments.sums = calloc(NORM_PARTS * (size_t)n->width, sizeof(float)))) return -1;
    struct job job = {.item = norm_backward_item, .arguments = &arguments, .items = NORM_PARTS};
    const int32_t answer = deal(&job, threads);
    for (int32_t c = 0; n->grad_weight && c < n->width; c++) {
        float sum = 0;
        for (int32_t part = 0; part < NORM_PARTS; part++) sum += arguments.sums[part * n->width + c];
        n->grad_weight[c] = sum;
    }
    free(arguments.sums);
    return answer;
}
