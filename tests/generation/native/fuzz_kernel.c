/* The kernel with models, feeds and draws made at random: `fuzz_kernel [seed] [cases]`; meant for the sanitizers.
 *
 * Each case builds one model twice, with other threads and where bits must agree another instruction set. What the
 * first reads story by story, the second reads cut at random, side by side, with rejected drafts and with nonsense in
 * between; every row of logits must be the same to the last bit. In float32 it must also be that of plain loops
 * (plain_llama.h). Arrays have just the size that they must have, so that a step beyond one is found.
 */
#include "plain_llama.h"

enum { MOST_STORIES = 4, READS = 12, MOST_ALTERNATIVES = 5 };

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

/* ---- Drawing --------------------------------------------------------------------------------------------------- */

static float one_of(const float *values, int32_t count) { return values[below(count)]; }

#define ONE_OF(...) one_of((const float[]){__VA_ARGS__}, sizeof((const float[]){__VA_ARGS__}) / sizeof(float))

static float *hostile_logits(int32_t V) {
    float *logits = allocated(4 * (int64_t)V);
    const int32_t hostile = between(1, 4);
    for (int32_t v = 0; v < V; v++)
        logits[v] = below(hostile) ? (float)normal() : ONE_OF(NAN, INFINITY, -INFINITY, FLT_MAX, -FLT_MAX, FLT_MIN, -0.0f);
    return logits;
}

static struct fabula_draw random_draw(int32_t V, const float *logits) {
    struct fabula_draw draw = {
        .logits = logits, .seed = (uint64_t)below(INT32_MAX) << below(33), .index = (uint64_t)below(1000),
        .context_length = below(40), .prompt_length = below(50) - 5, .biases = below(4),
        .top_k = below(2) ? 0 : below(2 * V) - 2, .no_repeat_ngram = below(9) ? below(5) - 1 : INT32_MAX,
        .temperature = ONE_OF(0, -1, NAN, 1e-30f, 0.7f, 0.7f, 1, 1, 1e30f, INFINITY),
        .top_p = ONE_OF(1, 1, 0.9f, 0.5f, 0, -1, 2, NAN), .min_p = ONE_OF(0, 0, 0.05f, 1, 2, -1, NAN),
        .repetition_penalty = ONE_OF(1, 1.1f, 0.5f, 0, NAN, 1e30f),
        .presence_penalty = ONE_OF(0, 1, NAN, INFINITY), .frequency_penalty = ONE_OF(0, 1, -2, NAN, FLT_MAX),
        .alternatives = below(smaller(V, MOST_ALTERNATIVES) + 1), .probability = below(2)};
    int32_t *context = allocated(4 * draw.context_length), *biased = allocated(4 * draw.biases);
    float *bias = allocated(4 * draw.biases);
    for (int32_t i = 0; i < draw.context_length; i++) context[i] = below(9) ? below(V) : below(2) ? INT32_MAX : -1;
    for (int32_t i = 0; i < draw.biases; i++) {
        biased[i] = below(9) ? below(V) : V;
        bias[i] = ONE_OF(-INFINITY, INFINITY, NAN, 5, -5);
    }
    draw.context = context;
    draw.biased = biased;
    draw.bias = bias;
    draw.alternative_tokens = allocated(4 * draw.alternatives);
    draw.alternative_log_probabilities = allocated(4 * draw.alternatives);
    return draw;
}

static void free_draw(struct fabula_draw *draw) {
    const void *all[] = {draw->context, draw->biased, draw->bias, draw->alternative_tokens, draw->alternative_log_probabilities};
    for (int i = 0; i < 5; i++) free((void *)all[i]);
}

/* Draw from every row at once and again one by one, and weigh a target each. */
static void answer(struct fabula_model *model, int32_t V, int32_t rows) {
    struct fabula_draw *draws = allocated((int64_t)sizeof *draws * rows);
    int32_t *targets = allocated(4 * (int64_t)rows);
    float *found = allocated(4 * (int64_t)rows), *hostile = hostile_logits(V);
    for (int32_t i = 0; i < rows; i++) {
        draws[i] = random_draw(V, below(4) ? fabula_logits(model, i) : hostile);
        targets[i] = below(V);
    }
    require(fabula_draw(model, draws, rows) == 0, "nothing was drawn");
    fabula_log_probabilities(model, targets, found);
    for (int32_t i = 0; i < rows; i++) {
        struct fabula_draw alone = draws[i];
        const float *logits = fabula_logits(model, i);
        double total = 0;
        for (int32_t v = 0; v < V; v++) total += exp((double)logits[v] - (double)logits[0]);
        const double expected = (double)logits[targets[i]] - (double)logits[0] - log(total);
        require(fabs((double)found[i] - expected) < 1e-5 + 1e-6 * fabs(expected), "another probability");
        require(alone.token >= 0 && alone.token < V, "a token that there is not");
        require(fabula_draw(model, &alone, 1) == 0 && alone.token == draws[i].token, "another token alone");
        require(!memcmp(&alone.log_probability, &draws[i].log_probability, 4), "another probability alone");
        free_draw(&draws[i]);
    }
    struct fabula_draw lost = {.temperature = 1};
    require(fabula_draw(model, &lost, 1) == -1, "drawn from no row");
    free(draws);
    free(targets);
    free(found);
    free(hostile);
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
    double *expected = allocated(8 * (int64_t)story.length * V), largest = sqrt(w->shape.hidden);
    const double tolerance = w->shape.hidden < 8 ? 1e-3 : 1e-5; /* a norm of few numbers may divide by almost nothing */
    read_plainly(w, story.tokens, story.length, expected);
    for (int64_t i = 0; i < (int64_t)story.length * V; i++) largest = fmax(largest, fabs(expected[i]));
    for (int64_t i = 0; i < (int64_t)story.length * V; i++)
        require(fabs((double)story.logits[i] - expected[i]) < tolerance * largest, "another logit than that of plain loops");
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
    require(fabula_read(model, some, 2) == -1, "nonsense was read");
    require(fabula_read(model, twice, 2) == -1, "a slot twice in one read");
    require(fabula_read(model, NULL, 0) == -1, "nothing was read");
}

/* Read a part of each story, or of some; guesses that go wrong may follow. */
static void read_parts(struct fabula_model *model, const struct weights *w, struct story *stories, int32_t count) {
    const int32_t V = w->shape.vocab_size;
    struct fabula_feed feeds[MOST_STORIES];
    int32_t which[MOST_STORIES], right[MOST_STORIES], n = 0, row = 0;
    for (int32_t i = 0; i < count; i++) {
        struct story *story = &stories[i];
        if (story->read == story->length || !below(4)) continue;
        const int32_t size = between(1, story->length - story->read);
        int32_t *tokens = allocated(4 * (int64_t)size);
        right[n] = below(2) ? size : below(size + 1);
        for (int32_t k = 0; k < size; k++) tokens[k] = k < right[n] ? story->tokens[story->read + k] : below(V);
        feeds[n] = (struct fabula_feed){story->slot, tokens, size, story->read, below(size + 1)};
        which[n++] = i;
    }
    const int32_t rows = fabula_read(model, feeds, n);
    for (int32_t f = 0; f < n; f++) {
        struct story *story = &stories[which[f]];
        for (int32_t k = feeds[f].count - feeds[f].wanted; k < feeds[f].count; k++, row++)
            require(k >= right[f] || !memcmp(fabula_logits(model, row), story->logits + (int64_t)(story->read + k) * V,
                                             4 * (size_t)V), "other bits than those of the story alone");
        story->read += right[f];
        free((void *)feeds[f].tokens);
    }
    require(rows == (n ? row : -1), "another number of rows");
    if (!n) return;
    require(!fabula_logits(model, row) && !fabula_logits(model, -1), "a row that there is not");
    answer(model, V, rows);
}

/* Forget some of a story, or all of it. */
static void rewind_story(struct fabula_model *model, struct story *story) {
    story->read = below(story->read + 1);
    if (story->read) return;
    fabula_slot_free(story->slot);
    story->slot = fabula_slot_new(model, story->length);
    require(story->slot != NULL, "no slot");
}

static void run_case(void) {
    struct weights w = new_weights();
    struct story stories[MOST_STORIES];
    const int32_t precision = below(4), count = between(1, MOST_STORIES), threads = between(1, 4);
    const char *set = random_set(&w.shape), *other = random_set(&w.shape);
    struct fabula_model *model = new_model(&w, precision, threads, set);
    for (int32_t i = 0; i < count; i++) stories[i] = new_story(model, &w, precision);
    refuse_infinite_weights(model, &w);
    fabula_model_free(model);
    model = new_model(&w, precision, 1 + threads % 3, agree(set, other, precision) ? other : set);
    for (int32_t i = 0; i < count; i++) rewind_story(model, &stories[i]);
    for (int32_t n = 0; n < READS; n++) {
        if (!below(3)) refuse_nonsense(model, &w, stories, count);
        if (!below(3)) rewind_story(model, &stories[below(count)]);
        read_parts(model, &w, stories, count);
    }
    for (int32_t i = 0; i < count; i++) {
        fabula_slot_free(stories[i].slot);
        free(stories[i].tokens);
        free(stories[i].logits);
    }
    refuse_impossible_models(&w);
    require(!fabula_slot_new(model, 0) && !fabula_slot_new(model, w.shape.context + 1), "an impossible slot");
    fabula_model_free(model);
    free_weights(&w);
}

int main(int count, char **words) {
    const uint32_t seed = count > 1 ? (uint32_t)strtoul(words[1], NULL, 10) : 1;
    const int cases = count > 2 ? atoi(words[2]) : 100;
    for (this_case = 0; this_case < cases; this_case++) {
        state = (seed * 0x9E3779B1u + (uint32_t)this_case * 0x85EBCA6Bu) | 1;
        run_case();
    }
    printf("%d cases from seed %u\n", cases, seed);
    return 0;
}
