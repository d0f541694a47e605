#include "model.h"

#include <stdlib.h>
#include <string.h>

/* ---- Slots --------------------------------------------------------------------------------------------------- */

static int32_t value_width(const struct fabula_shape *s) { return round_up(s->head_width, BLOCK); }

struct fabula_slot *fabula_slot_new(const struct fabula_model *m, int32_t capacity) {
    struct fabula_slot *slot = capacity < 1 || capacity > m->shape.context ? NULL : calloc(1, sizeof *slot);
    if (!slot) return NULL;
    slot->capacity = round_up(capacity, BLOCK);
    slot->bfloat16 = m->precision != FABULA_IN_FLOAT32;
    slot->layer_bytes = (size_t)m->shape.kv_heads * (size_t)slot->capacity * (size_t)value_width(&m->shape) *
                        (slot->bfloat16 ? 2 : 4);
    slot->bytes = 2 * slot->layer_bytes * (size_t)m->shape.layers;
    const int fits = 2.0 * (double)slot->layer_bytes * m->shape.layers < MOST_BYTES;
    /* Zeros: what no token has written yet is multiplied by 0, and may not be NaN. */
    slot->memory = fits ? map_zeros(slot->bytes) : NULL;
    if (slot->memory) return slot;
    free(slot);
    return NULL;
}

void fabula_slot_free(struct fabula_slot *slot) {
    if (!slot) return;
    unmap(slot->memory, slot->bytes);
    free(slot);
}

/* One head's keys (or values) in one layer. */
static char *cached(const struct fabula_slot *slot, const struct fabula_shape *s, int32_t layer, int32_t head,
                    int values) {
    return slot->memory + ((size_t)layer * 2 + (size_t)values) * slot->layer_bytes +
           (size_t)head * (slot->layer_bytes / (size_t)s->kv_heads);
}

static void put(char *to, size_t index, float x, int bfloat16) {
    if (!bfloat16) {
        ((float *)to)[index] = x;
        return;
    }
    uint32_t bits;
    memcpy(&bits, &x, 4);
    ((uint16_t *)to)[index] = (uint16_t)(x != x ? bits >> 16 | 64 : (bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

/* ---- Reading ------------------------------------------------------------------------------------------------- */

/* A read on its way. */
struct reading {
    struct fabula_model *model;
    const struct fabula_feed *feeds;
    int32_t feed_count, tokens, rows;
    int32_t *feed_of; /* of each token */
    int32_t *first;   /* token of each feed */
    int32_t *wanted;  /* token of each row of logits */
};

static struct activations activations_of(const struct fabula_model *m, int32_t count, int32_t columns) {
    return (struct activations){count, columns, m->numbers, m->bfloat16, m->bytes, m->byte_scales, m->byte_offsets};
}

static void prepare_rows(struct reading *r, const float *from, int32_t stride, int32_t columns, const float *gains) {
    struct fabula_model *m = r->model;
    struct activations to = activations_of(m, r->tokens, columns);
    for (int32_t t; (t = pool_next(m->pool)) < r->tokens;)
        m->compute->prepare(&to, m->precision, t, from + (size_t)t * (size_t)stride, gains, m->shape.hidden,
                            m->shape.norm_epsilon);
    pool_meet(m->pool);
}

/* Items small enough that no thread waits long for another's last one, and large enough to be worth the taking. */
static int32_t blocks_an_item(int32_t blocks, int32_t threads) {
    const int32_t share = blocks / (4 * threads);
    return share >= 8 ? 8 : share >= 4 ? 4 : 2;
}

static void multiply(struct reading *r, const struct matrix *matrix, int32_t count, float *to, int32_t stride,
                     enum ending ending) {
    struct fabula_model *m = r->model;
    const struct activations with = activations_of(m, count, matrix->columns);
    const struct product product = {matrix, &with, to, stride, ending};
    const int32_t blocks = matrix->rows / BLOCK, step = blocks_an_item(blocks, pool_threads(m->pool));
    for (int32_t item; (item = pool_next(m->pool)) * step < blocks;)
        m->compute->multiply(&product, item * step, smaller(item * step + step, blocks));
    pool_meet(m->pool);
}

static void embed(struct reading *r) {
    struct fabula_model *m = r->model;
    const size_t C = (size_t)m->shape.hidden, size = m->embedding_dtype == FABULA_FLOAT32 ? 4 : 2;
    for (int32_t t; (t = pool_next(m->pool)) < r->tokens;) {
        const int32_t feed = r->feed_of[t], token = r->feeds[feed].tokens[t - r->first[feed]];
        float *to = m->residual + (size_t)t * (size_t)m->hidden;
        memset(to + C, 0, ((size_t)m->hidden - C) * 4);
        to_float32(to, (const char *)m->embedding + (size_t)token * C * size, m->embedding_dtype, (int32_t)C);
    }
    pool_meet(m->pool);
}

static void rotate(float *x, const float *cosines, const float *sines, int32_t D) {
    for (int32_t d = 0; d < D / 2; d++) {
        const float first = x[d], second = x[d + D / 2];
        x[d] = first * cosines[d] - second * sines[d];
        x[d + D / 2] = second * cosines[d] + first * sines[d];
    }
}

/* Turn queries and keys to their positions, and keep keys and values. */
static void remember(struct reading *r, int32_t layer, int32_t stride) {
    struct fabula_model *m = r->model;
    const struct fabula_shape *s = &m->shape;
    const int32_t D = s->head_width, K = s->kv_heads, group = s->heads / K;
    for (int32_t item; (item = pool_next(m->pool)) < r->tokens * K;) {
        const int32_t t = item / K, head = item % K;
        const struct fabula_feed *feed = &r->feeds[r->feed_of[t]];
        const int32_t position = feed->start + t - r->first[r->feed_of[t]];
        const float *cosines = m->cosines + (size_t)position * (size_t)(D / 2);
        const float *sines = m->sines + (size_t)position * (size_t)(D / 2);
        float *row = m->qkv + (size_t)t * (size_t)stride;
        float *key = row + (s->heads + head) * D, *value = key + K * D;
        for (int32_t q = head * group; q < head * group + group; q++) rotate(row + q * D, cosines, sines, D);
        rotate(key, cosines, sines, D);
        char *keys = cached(feed->slot, s, layer, head, 0), *values = cached(feed->slot, s, layer, head, 1);
        for (int32_t d = 0; d < D; d++) {
            put(keys, ((size_t)(position / BLOCK) * (size_t)D + (size_t)d) * BLOCK + (size_t)(position % BLOCK), key[d],
                feed->slot->bfloat16);
            put(values, (size_t)position * (size_t)value_width(s) + (size_t)d, value[d], feed->slot->bfloat16);
        }
    }
    pool_meet(m->pool);
}

/* Attend with one head of keys: `count` queries of a feed, from query `first` on, counted token by token. */
static void attend_some(struct reading *r, int32_t layer, int32_t stride, int32_t f, int32_t head, int32_t first,
                        int32_t count, float *scores) {
    struct fabula_model *m = r->model;
    const struct fabula_shape *s = &m->shape;
    const struct fabula_feed *feed = &r->feeds[f];
    const int32_t D = s->head_width, group = s->heads / s->kv_heads;
    struct attention a = {.count = count, .head_width = D, .bfloat16 = feed->slot->bfloat16, .scores = scores,
                          .score_stride = m->score_room, .keys = cached(feed->slot, s, layer, head, 0),
                          .values = cached(feed->slot, s, layer, head, 1)};
    for (int32_t i = 0; i < count; i++) {
        const int32_t token = (first + i) / group, q = head * group + (first + i) % group, t = r->first[f] + token;
        a.queries[i] = m->qkv + (size_t)t * (size_t)stride + q * D;
        a.answers[i] = m->attended + (size_t)t * (size_t)round_up(s->heads * D, PADDING) + q * D;
        a.visible[i] = feed->start + token + 1;
    }
    m->compute->attend(&a);
}

static void attend(struct reading *r, int32_t layer, int32_t stride, int32_t thread) {
    struct fabula_model *m = r->model;
    const int32_t K = m->shape.kv_heads, group = m->shape.heads / K;
    float *scores = m->scores + (size_t)thread * TILE * (size_t)m->score_room;
    int32_t item = pool_next(m->pool), passed = 0; /* items of the feeds before */
    for (int32_t f = 0; f < r->feed_count; f++) {
        const int32_t queries = r->feeds[f].count * group, tiles = (queries + TILE - 1) / TILE;
        for (; item < passed + tiles * K; item = pool_next(m->pool)) {
            /* The longest first: the last tile sees the most positions. */
            const int32_t head = (item - passed) % K, first = (tiles - 1 - (item - passed) / K) * TILE;
            attend_some(r, layer, stride, f, head, first, smaller(TILE, queries - first), scores);
        }
        passed += tiles * K;
    }
    pool_meet(m->pool);
}

static void read_job(void *argument, int32_t thread) {
    struct reading *r = argument;
    struct fabula_model *m = r->model;
    const struct fabula_shape *s = &m->shape;
    const int32_t heads = round_up(s->heads * s->head_width, PADDING), wide = round_up(s->intermediate, PADDING);
    embed(r);
    for (int32_t layer = 0; layer < s->layers; layer++) {
        const struct matrix *matrices = m->layers[layer].matrices;
        const float *gains = m->gains + (size_t)layer * 2 * (size_t)s->hidden;
        const int32_t stride = matrices[FABULA_QKV].rows;
        prepare_rows(r, m->residual, m->hidden, m->hidden, gains);
        multiply(r, &matrices[FABULA_QKV], r->tokens, m->qkv, stride, STORE);
        remember(r, layer, stride);
        attend(r, layer, stride, thread);
        prepare_rows(r, m->attended, heads, heads, NULL);
        multiply(r, &matrices[FABULA_OUT], r->tokens, m->residual, m->hidden, ADD);
        prepare_rows(r, m->residual, m->hidden, m->hidden, gains + s->hidden);
        multiply(r, &matrices[FABULA_GATE_UP], r->tokens, m->activated, wide, SWIGLU);
        prepare_rows(r, m->activated, wide, wide, NULL);
        multiply(r, &matrices[FABULA_DOWN], r->tokens, m->residual, m->hidden, ADD);
    }
    struct activations last = activations_of(m, r->rows, m->hidden);
    for (int32_t row; (row = pool_next(m->pool)) < r->rows;)
        m->compute->prepare(&last, m->precision, row, m->residual + (size_t)r->wanted[row] * (size_t)m->hidden,
                            m->gains + (size_t)s->layers * 2 * (size_t)s->hidden, s->hidden, s->norm_epsilon);
    pool_meet(m->pool);
    if (r->rows) multiply(r, &m->head, r->rows, m->logits, m->head.rows, STORE);
}

/* Make room; whatever was there is gone. */
static int renew(struct arena *arena, size_t bytes) {
    unmap(arena->memory, arena->bytes);
    *arena = (struct arena){.memory = map_zeros(bytes), .bytes = bytes};
    return arena->memory != NULL;
}

static int make_room(struct fabula_model *m, int32_t tokens, int32_t rows, int32_t positions) {
    const struct fabula_shape *s = &m->shape;
    const size_t heads = (size_t)round_up(s->heads * s->head_width, PADDING);
    const size_t wide = (size_t)round_up(s->intermediate, PADDING);
    size_t widest = (size_t)m->hidden > heads ? (size_t)m->hidden : heads;
    widest = widest > wide ? widest : wide;
    positions = round_up(positions, BLOCK);
    if (tokens > m->room || positions > m->score_room) {
        const size_t T = (size_t)(m->room = tokens > m->room ? tokens : m->room);
        m->score_room = positions > m->score_room ? smaller(round_up(s->context, BLOCK), 2 * positions) : m->score_room;
        const size_t qkv = (size_t)m->layers->matrices[FABULA_QKV].rows;
        const size_t scores = (size_t)pool_threads(m->pool) * TILE * (size_t)m->score_room;
        const size_t a_token = 4 * ((size_t)m->hidden + qkv + heads + wide + widest) + 2 * widest + widest +
                               8 * (widest / PADDING);
        if (!renew(&m->scratch, T * a_token + scores * 4 + 10 * MARGIN)) return m->room = m->score_room = 0;
        m->residual = take(&m->scratch, T * (size_t)m->hidden * 4);
        m->qkv = take(&m->scratch, T * qkv * 4);
        m->attended = take(&m->scratch, T * heads * 4);
        m->activated = take(&m->scratch, T * wide * 4);
        m->numbers = take(&m->scratch, T * widest * 4);
        m->bfloat16 = take(&m->scratch, T * widest * 2);
        m->bytes = take(&m->scratch, T * widest);
        m->byte_scales = take(&m->scratch, T * (widest / PADDING) * 4);
        m->byte_offsets = take(&m->scratch, T * (widest / PADDING) * 4);
        m->scores = take(&m->scratch, scores * 4);
    }
    if (rows > m->row_room) {
        m->row_room = m->rows = 0;
        if (!renew(&m->answers, (size_t)rows * (size_t)m->head.rows * 4)) return 0;
        m->logits = (float *)m->answers.memory;
        m->row_room = rows;
    }
    return 1;
}

/* Check what was asked; returns the number of tokens, or -1. */
static int32_t tokens_of(struct fabula_model *m, const struct fabula_feed *feeds, int32_t count, int32_t *rows,
                         int32_t *positions) {
    const int32_t most = smaller(1 << 20, (1 << 30) / m->shape.heads); /* so that tokens times heads can be counted */
    int32_t tokens = 0;
    *rows = *positions = 0;
    m->reads++;
    for (int32_t f = 0; f < count; f++) {
        const struct fabula_feed *feed = &feeds[f];
        if (!feed->slot || feed->slot->read == m->reads || feed->count < 1 || feed->count > most - tokens) return -1;
        if (feed->start < 0 || feed->wanted < 0 || feed->wanted > feed->count) return -1;
        const int64_t end = (int64_t)feed->start + feed->count;
        if (end > feed->slot->capacity || end > m->shape.context) return -1;
        for (int32_t i = 0; i < feed->count; i++)
            if (feed->tokens[i] < 0 || feed->tokens[i] >= m->shape.vocab_size) return -1;
        feed->slot->read = m->reads;
        tokens += feed->count;
        *rows += feed->wanted;
        *positions = end > *positions ? (int32_t)end : *positions;
    }
    return tokens;
}

static int32_t read_locked(struct fabula_model *m, const struct fabula_feed *feeds, int32_t count) {
    int32_t rows, positions;
    const int32_t tokens = tokens_of(m, feeds, count, &rows, &positions);
    if (tokens < 1 || !m->embedding || !make_room(m, tokens, rows, positions)) return -1;
    int32_t *places = malloc(sizeof *places * ((size_t)tokens + (size_t)count + (size_t)rows));
    if (!places) return -1;
    struct reading r = {m, feeds, count, tokens, rows, places, places + tokens, places + tokens + count};
    int32_t t = 0, row = 0;
    for (int32_t f = 0; f < count; f++) {
        r.first[f] = t;
        for (int32_t i = 0; i < feeds[f].count; i++, t++) {
            r.feed_of[t] = f;
            if (i >= feeds[f].count - feeds[f].wanted) r.wanted[row++] = t;
        }
    }
    pool_run(m->pool, read_job, &r);
    free(places);
    return m->rows = rows;
}

int32_t fabula_read(struct fabula_model *m, const struct fabula_feed *feeds, int32_t count) {
    pthread_mutex_lock(&m->mutex);
    const int32_t rows = read_locked(m, feeds, count);
    pthread_mutex_unlock(&m->mutex);
    return rows;
}

const float *fabula_logits(const struct fabula_model *m, int32_t row) {
    return row < 0 || row >= m->rows ? NULL : m->logits + (size_t)row * (size_t)m->head.rows;
}

/* ---- Answers ------------------------------------------------------------------------------------------------- */

struct drawing {
    struct fabula_model *model;
    struct fabula_draw *draws;
    const int32_t *targets;
    float *answers;
    int32_t count;
};

static void draw_job(void *argument, int32_t thread) {
    const struct drawing *d = argument;
    struct fabula_model *m = d->model;
    for (int32_t i; (i = pool_next(m->pool)) < d->count;)
        m->compute->draw(&d->draws[i], m->shape.vocab_size, m->draw_scratch[thread]);
}

int32_t fabula_draw(struct fabula_model *m, struct fabula_draw *draws, int32_t count) {
    struct drawing drawing = {.model = m, .draws = draws, .count = count};
    for (int32_t i = 0; i < count; i++)
        if (!draws[i].logits) return -1;
    pthread_mutex_lock(&m->mutex);
    if (count == 1) m->compute->draw(draws, m->shape.vocab_size, m->draw_scratch[0]);
    else pool_run(m->pool, draw_job, &drawing);
    pthread_mutex_unlock(&m->mutex);
    return 0;
}

static void log_probability_job(void *argument, int32_t thread) {
    const struct drawing *d = argument;
    (void)thread;
    for (int32_t i; (i = pool_next(d->model->pool)) < d->count;)
        d->answers[i] = d->model->compute->log_probability(fabula_logits(d->model, i), d->model->shape.vocab_size,
                                                            d->targets[i]);
}

void fabula_log_probabilities(struct fabula_model *m, const int32_t *targets, float *answers) {
    struct drawing drawing = {.model = m, .targets = targets, .answers = answers, .count = m->rows};
    pthread_mutex_lock(&m->mutex);
    pool_run(m->pool, log_probability_job, &drawing);
    pthread_mutex_unlock(&m->mutex);
}
