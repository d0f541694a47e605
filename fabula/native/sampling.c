/* Drawing a token from a row of logits: the order and the meaning of `fabula.generation.processors`.
 *
 * Hostile rows have answers too: NaN counts as minus infinity, plus infinity as the largest float, and where nothing
 * is left to draw, the first token that no bias bans is drawn (token 0 when all are banned).
 *
 * Compiled once for each instruction set; ISA is its name. The portable one also holds what kernel.h declares.
 */
#include "kernel.h"
#include "simd.h"

#include <float.h>
#include <math.h>

#define JOINED(a, b) a##_##b
#define NAMED(a, b) JOINED(a, b)
#define IS_portable 1

enum {
    CHUNK = 64,     /* values looked at together; rows are padded to a multiple */
    COLUMNS = 1024, /* columns that a row is cut into, to find its largest values */
    DEPTHS = 8,
    ALL = -1,
};

/* Where a nucleus is looked for first, in nats below the largest value. */
static const float DEPTH[DEPTHS] = {1, 2, 3, 4.5, 6, 8, 11, INFINITY};

static const float GREEDY_BELOW = 1e-5f; /* `Sampling.greedy` */

struct candidate {
    float value, weight; /* processed logit; its probability over that of the most probable token, or 1 */
    int32_t token;
};

/* A row on its way from logits to what is drawn from. */
struct row {
    int32_t *marks;         /* (V,), all 0 between uses */
    float *values;          /* (padded,), the padding minus infinity */
    struct candidate *list; /* what the filters left in, in any order */
    int32_t padded;
    int32_t count; /* in the list; ALL: no filter was asked for, all values are in */
    float most;    /* largest value */
};

static int32_t padded_size(int32_t vocab_size) { return (vocab_size + CHUNK - 1) / CHUNK * CHUNK; }

static struct row row_in(void *scratch, int32_t vocab_size) {
    struct row row = {.marks = scratch, .padded = padded_size(vocab_size), .count = ALL};
    row.values = (float *)(row.marks + row.padded);
    row.list = (struct candidate *)(row.values + row.padded);
    return row;
}

/* ---- Noise ---------------------------------------------------------------------------------------------------- */

struct key {
    uint32_t first, second;
};

static struct key key_of(uint64_t seed, uint64_t index) {
    uint64_t x = (seed + 1) * 0x9E3779B97F4A7C15u + index;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    x ^= x >> 31;
    return (struct key){(uint32_t)x, (uint32_t)(x >> 32)};
}

INLINE words mixed(words x) {
    x = (x ^ (x >> 16)) * 0x21F0AAADu;
    x = (x ^ (x >> 15)) * 0xD35A2D97u;
    return x ^ (x >> 15);
}

INLINE words hashes_of(struct key key, words tokens) {
    return mixed(mixed((tokens * 0x9E3779B1u) ^ key.first) ^ key.second);
}

static uint32_t hash_of(struct key key, int32_t token) { return hashes_of(key, (words)all_ints(token))[0]; }

static double exponential_noise(uint32_t hash) { return -log1p(-((double)hash + 0.5) * 0x1p-32); }

/* ---- Weights -------------------------------------------------------------------------------------------------- */

/* Probabilities over that of the most probable token; 0 below e^-87. */
INLINE floats weights_of(floats values, float most) {
    floats x = values - most;
    return (floats)((ints)exponential(x) & (x > -87.0f));
}

static float weight_of(float value, float most) { return weights_of(all(value), most)[0]; }

/* Sums of the weights of all values that are not further below the largest than each depth. */
INLINE void sum_to_depths(const struct row *row, const float *depths, double *sums, const int count) {
    for (int d = 0; d < count; d++) sums[d] = 0;
    for (int32_t start = 0; start < row->padded; start += COLUMNS) {
        floats lanes[DEPTHS] = {{0}};
        for (int32_t i = start; i < row->padded && i < start + COLUMNS; i += WIDTH) {
            floats values = load(row->values + i), weights = weights_of(values, row->most);
            UNROLL for (int d = 0; d < count; d++)
                lanes[d] += (floats)((ints)weights & (row->most - values <= depths[d]));
        }
        for (int d = 0; d < count; d++)
            for (int i = 0; i < WIDTH; i++) sums[d] += lanes[d][i];
    }
}

static double sum_of_weights(const struct row *row) {
    const float all_depths = INFINITY;
    double sum;
    sum_to_depths(row, &all_depths, &sum, 1);
    return sum;
}

/* Divide the values, make them comparable (no NaN, no plus infinity) and find the largest, of the row and of each
 * column. */
static void clean(struct row *row, float divisor, float columns[COLUMNS]) {
    for (int32_t i = 0; i < COLUMNS; i++) columns[i] = -INFINITY;
    for (int32_t i = 0; i < row->padded; i += WIDTH) {
        floats values = smaller(larger(load(row->values + i) / divisor, all(-INFINITY)), all(FLT_MAX));
        store(row->values + i, values);
        store(columns + i % COLUMNS, larger(values, load(columns + i % COLUMNS)));
    }
    row->most = -INFINITY;
    for (int32_t i = 0; i < COLUMNS; i++) row->most = columns[i] > row->most ? columns[i] : row->most;
}

static void copy_logits(struct row *row, const float *logits, int32_t vocab_size) {
    memcpy(row->values, logits, sizeof(float) * (size_t)vocab_size);
    for (int32_t v = vocab_size; v < row->padded; v++) row->values[v] = -INFINITY;
}

/* ---- Penalties ------------------------------------------------------------------------------------------------ */

static int known(int32_t token, int32_t vocab_size) { return token >= 0 && token < vocab_size; }

static void penalize_repetition(const struct fabula_draw *draw, int32_t vocab_size, struct row *row) {
    for (int32_t i = 0; i < draw->context_length; i++) {
        int32_t token = draw->context[i];
        if (!known(token, vocab_size) || row->marks[token]) continue;
        row->marks[token] = 1;
        float *value = &row->values[token];
        *value = *value < 0 ? *value * draw->repetition_penalty : *value / draw->repetition_penalty;
    }
    for (int32_t i = 0; i < draw->context_length; i++)
        if (known(draw->context[i], vocab_size)) row->marks[draw->context[i]] = 0;
}

static void penalize_counts(const struct fabula_draw *draw, int32_t vocab_size, struct row *row) {
    int32_t start = draw->prompt_length > 0 ? draw->prompt_length : 0;
    for (int32_t i = start; i < draw->context_length; i++)
        if (known(draw->context[i], vocab_size)) row->marks[draw->context[i]]++;
    for (int32_t i = start; i < draw->context_length; i++) {
        int32_t token = draw->context[i];
        if (!known(token, vocab_size) || !row->marks[token]) continue;
        row->values[token] -= draw->frequency_penalty * (float)row->marks[token];
        row->values[token] -= draw->presence_penalty;
        row->marks[token] = 0;
    }
}

/* Ban every token that would end a run of n tokens that the context holds already. */
static void ban_repeated_runs(const struct fabula_draw *draw, int32_t vocab_size, struct row *row) {
    int32_t n = draw->no_repeat_ngram, last = draw->context_length - n;
    if (last < 0) return;
    const int32_t *end = draw->context + last + 1; /* the last n - 1 tokens */
    for (int32_t i = 0; i <= last; i++) {
        int32_t token = draw->context[i + n - 1];
        if (known(token, vocab_size) && !memcmp(draw->context + i, end, sizeof(int32_t) * (size_t)(n - 1)))
            row->values[token] = -INFINITY;
    }
}

static void penalize(const struct fabula_draw *draw, int32_t vocab_size, struct row *row) {
    copy_logits(row, draw->logits, vocab_size);
    for (int32_t i = 0; i < draw->biases; i++)
        if (known(draw->biased[i], vocab_size)) row->values[draw->biased[i]] += draw->bias[i];
    if (draw->repetition_penalty != 1) penalize_repetition(draw, vocab_size, row);
    if (draw->frequency_penalty != 0 || draw->presence_penalty != 0) penalize_counts(draw, vocab_size, row);
    if (draw->no_repeat_ngram > 0) ban_repeated_runs(draw, vocab_size, row);
}

/* ---- Filters -------------------------------------------------------------------------------------------------- */

INLINE int any(ints lanes) {
    int32_t found = 0;
    for (int i = 0; i < WIDTH; i++) found |= lanes[i];
    return found;
}

/* List the values from `least` up; their weights are 1. */
static void list_from(struct row *row, float least) {
    row->count = 0;
    for (int32_t start = 0; start < row->padded; start += CHUNK) {
        ints hits = {0};
        for (int32_t i = start; i < start + CHUNK; i += WIDTH) hits |= load(row->values + i) >= least;
        if (!any(hits)) continue;
        for (int32_t i = start; i < start + CHUNK; i++)
            if (row->values[i] >= least && row->values[i] > -INFINITY)
                row->list[row->count++] = (struct candidate){row->values[i], 1, i};
    }
}

/* Weigh what is listed; returns the sum. */
static double weigh(struct row *row) {
    double sum = 0;
    for (int32_t i = 0; i < row->count; i++) {
        row->list[i].weight = weight_of(row->list[i].value, row->most);
        sum += row->list[i].weight;
    }
    return sum;
}

/* Of equal values the later token comes first, as in the stable ascending sort of `transformers`. */
static int comes_before(struct candidate a, struct candidate b) {
    return (a.value > b.value) | ((a.value == b.value) & (a.token > b.token));
}

static void swap(struct candidate *a, struct candidate *b) {
    struct candidate kept = *a;
    *a = *b;
    *b = kept;
}

/* Move those to the front that, from the largest down, begin before the weights add up to `target`; returns how many
 * they are. Quickselect with arbitrary, but fixed pivots: no sort, linear time. */
static int32_t front(struct candidate *list, int32_t count, double target) {
    int32_t kept = 0, end = count;
    double sum = 0; /* of list[0..kept), all of which are in; from `end` on all are out */
    while (kept < end) {
        int32_t last = end - 1, split = kept;
        swap(&list[kept + (int32_t)((uint32_t)end * 0x9E3779B1u % (uint32_t)(end - kept))], &list[last]);
        struct candidate pivot = list[last];
        double before = 0;
        for (int32_t i = kept; i < last; i++) {
            struct candidate one = list[i];
            int goes_before = comes_before(one, pivot);
            list[i] = list[split];
            list[split] = one;
            split += goes_before;
            before += goes_before ? one.weight : 0;
        }
        if (sum + before >= target) {
            end = split;
            continue;
        }
        swap(&list[split], &list[last]);
        kept = split + 1;
        sum += before + pivot.weight;
        if (sum >= target) break;
    }
    return kept;
}

static float smallest(const struct candidate *list, int32_t count) {
    float least = INFINITY;
    for (int32_t i = 0; i < count; i++) least = list[i].value < least ? list[i].value : least;
    return least;
}

/* Keep what is listed from `least` up. */
static void keep_from(struct row *row, float least) {
    int32_t kept = 0;
    for (int32_t i = 0; i < row->count; i++)
        if (row->list[i].value >= least) row->list[kept++] = row->list[i];
    row->count = kept;
}

/* Keep the k largest values and all that equal the k-th. The k-th largest of the columns' largest can't be above the
 * k-th largest of all, which makes the list short. */
static void keep_top_k(struct row *row, int32_t k, const float columns[COLUMNS]) {
    float least = -INFINITY;
    if (k < COLUMNS) {
        for (int32_t i = 0; i < COLUMNS; i++) row->list[i] = (struct candidate){columns[i], 1, i};
        least = smallest(row->list, front(row->list, COLUMNS, k));
    }
    list_from(row, least);
    keep_from(row, smallest(row->list, front(row->list, row->count, k)));
}

/* List at least the tokens of the nucleus; returns the sum of all weights. None that is at most (1 - top_p) / V probable
 * is in it (all of those together are no more than 1 - top_p), and none below a depth that holds top_p already. */
static double list_nucleus(struct row *row, float top_p, int32_t vocab_size) {
    const double slack = 1e-3, rounding = 1e-5;
    double sums[DEPTHS];
    sum_to_depths(row, DEPTH, sums, DEPTHS);
    double sum = sums[DEPTHS - 1], depth = slack - fmin(log((1.0 - top_p) * sum / vocab_size), 0);
    for (int d = DEPTHS - 1; d >= 0 && sums[d] >= top_p * sum * (1 + rounding); d--) depth = fmin(depth, DEPTH[d]);
    list_from(row, row->most - (float)depth);
    weigh(row);
    return sum;
}

/* Keep the fewest tokens whose probabilities add up to top_p, at least one. */
static void keep_top_p(struct row *row, float top_p, int32_t vocab_size) {
    double sum = row->count == ALL ? list_nucleus(row, top_p, vocab_size) : weigh(row);
    row->count = front(row->list, row->count, fmax(top_p * sum, DBL_MIN));
}

/* Keep the tokens at least min_p times as probable as the most probable one. */
static void keep_min_p(struct row *row, float min_p) {
    double slack = 1e-3;
    if (row->count == ALL) list_from(row, min_p < 1 ? row->most + (float)(log(min_p) - slack) : row->most);
    weigh(row);
    int32_t kept = 0;
    for (int32_t i = 0; i < row->count; i++)
        if (row->list[i].weight >= min_p || row->list[i].value == row->most) row->list[kept++] = row->list[i];
    row->count = kept;
}

static int greedy(const struct fabula_draw *draw) { return !(draw->temperature >= GREEDY_BELOW); }

static struct row process(const struct fabula_draw *draw, int32_t vocab_size, void *scratch) {
    struct row row = row_in(scratch, vocab_size);
    float columns[COLUMNS];
    penalize(draw, vocab_size, &row);
    clean(&row, greedy(draw) ? 1 : draw->temperature, columns);
    if (greedy(draw) || row.most == -INFINITY) return row;
    if (draw->top_k > 0 && draw->top_k < vocab_size) keep_top_k(&row, draw->top_k, columns);
    if (draw->top_p < 1) keep_top_p(&row, draw->top_p, vocab_size);
    if (draw->min_p > 0) keep_min_p(&row, draw->min_p);
    return row;
}

/* ---- The race ------------------------------------------------------------------------------------------------- */

/* A race on its way, see `fabula.generation.noise`. */
struct race {
    struct key key;
    double arrival; /* of the first so far */
    float limit;    /* a little above it, so that rounding never keeps a token from running */
    int32_t first;
};

/* Whether tokens can arrive first: noise -ln(1 - u) is at least u, and 24 bits of u are a lower bound. */
INLINE ints can_win(const struct race *race, floats weights, words hashes) {
    return __builtin_convertvector((ints)(hashes >> 8), floats) * 0x1p-24f < weights * race->limit;
}

static void run(struct race *race, float value, float most, int32_t token) {
    uint32_t hash = hash_of(race->key, token);
    if ((double)hash * 0x1p-32 >= (double)weight_of(value, most) * race->limit) return;
    double arrival = exponential_noise(hash) / exp((double)value - (double)most);
    if (arrival > race->arrival || (arrival == race->arrival && token > race->first)) return;
    *race = (struct race){race->key, arrival, (float)(arrival * 1.00001), token};
}

static int32_t first_to_arrive(const struct fabula_draw *draw, const struct row *row) {
    struct race race = {key_of(draw->seed, draw->index), FLT_MAX, FLT_MAX, INT32_MAX};
    for (int32_t i = 0; i < row->count; i++) run(&race, row->list[i].value, row->most, row->list[i].token);
    if (row->count != ALL) return race.first;
    words tokens;
    for (uint32_t i = 0; i < WIDTH; i++) tokens[i] = i;
    for (int32_t start = 0; start < row->padded; start += CHUNK) {
        ints hits = {0};
        for (int32_t i = start; i < start + CHUNK; i += WIDTH, tokens += WIDTH)
            hits |= can_win(&race, weights_of(load(row->values + i), row->most), hashes_of(race.key, tokens));
        if (!any(hits)) continue;
        for (int32_t i = start; i < start + CHUNK; i++) run(&race, row->values[i], row->most, i);
    }
    return race.first;
}

static int32_t first_of_value(const struct row *row, float value) {
    int32_t token = 0;
    while (row->values[token] != value) token++;
    return token;
}

static int32_t first_not_banned(const struct fabula_draw *draw, int32_t vocab_size, struct row *row) {
    for (int32_t i = 0; i < draw->biases; i++)
        if (known(draw->biased[i], vocab_size)) row->marks[draw->biased[i]] = draw->bias[i] == -INFINITY;
    int32_t token = 0;
    while (token < vocab_size && row->marks[token]) token++;
    for (int32_t i = 0; i < draw->biases; i++)
        if (known(draw->biased[i], vocab_size)) row->marks[draw->biased[i]] = 0;
    return token < vocab_size ? token : 0;
}

/* ---- What the model itself holds probable ---------------------------------------------------------------------- */

/* Insert a token into the alternatives so far, the most probable first, of equal ones the lowest; drops the last. */
static void insert(const struct fabula_draw *draw, int32_t token, float value) {
    int32_t place = draw->alternatives - 1;
    if (!(value > draw->alternative_log_probabilities[place])) return;
    for (; place > 0 && value > draw->alternative_log_probabilities[place - 1]; place--) {
        draw->alternative_log_probabilities[place] = draw->alternative_log_probabilities[place - 1];
        draw->alternative_tokens[place] = draw->alternative_tokens[place - 1];
    }
    draw->alternative_log_probabilities[place] = value;
    draw->alternative_tokens[place] = token;
}

/* Fill in the log-probabilities asked for. Alternatives that there are not (impossible tokens) are token -1. */
static void report(struct fabula_draw *draw, int32_t vocab_size, struct row *row) {
    float columns[COLUMNS];
    copy_logits(row, draw->logits, vocab_size);
    clean(row, 1, columns);
    double total = row->most > -INFINITY ? log(sum_of_weights(row)) : 0;
    if (draw->probability)
        draw->log_probability = (float)((double)row->values[draw->token] - (double)row->most - total);
    for (int32_t i = 0; i < draw->alternatives; i++) {
        draw->alternative_tokens[i] = -1;
        draw->alternative_log_probabilities[i] = -INFINITY;
    }
    for (int32_t v = 0; draw->alternatives > 0 && v < vocab_size; v++) insert(draw, v, row->values[v]);
    for (int32_t i = 0; i < draw->alternatives; i++)
        if (draw->alternative_tokens[i] >= 0)
            draw->alternative_log_probabilities[i] =
                (float)((double)draw->alternative_log_probabilities[i] - (double)row->most - total);
}

static void draw_one(struct fabula_draw *draw, int32_t vocab_size, void *scratch) {
    struct row row = process(draw, vocab_size, scratch);
    if (row.most == -INFINITY) draw->token = first_not_banned(draw, vocab_size, &row);
    else if (greedy(draw)) draw->token = first_of_value(&row, row.most);
    else draw->token = first_to_arrive(draw, &row);
    draw->log_probability = NAN;
    if (draw->probability || draw->alternatives > 0) report(draw, vocab_size, &row);
}

/* ---- For the other files --------------------------------------------------------------------------------------- */

#ifdef ISA
void NAMED(fabula_draw_one, ISA)(struct fabula_draw *draw, int32_t vocab_size, void *scratch) {
    draw_one(draw, vocab_size, scratch);
}
#endif

#if !defined(ISA) || NAMED(IS, ISA)

int64_t fabula_draw_scratch(int32_t vocab_size) {
    int64_t padded = padded_size(vocab_size);
    int64_t listed = (int64_t)sizeof(struct candidate) * (vocab_size > COLUMNS ? vocab_size : COLUMNS);
    return padded * (int64_t)(sizeof(int32_t) + sizeof(float)) + listed;
}

double fabula_noise(uint64_t seed, uint64_t index, int32_t token) {
    return exponential_noise(hash_of(key_of(seed, index), token));
}

void fabula_draw_one(struct fabula_draw *draw, int32_t vocab_size, void *scratch) {
    draw_one(draw, vocab_size, scratch);
}

void fabula_process(const struct fabula_draw *draw, int32_t vocab_size, void *scratch, float *processed) {
    struct row row = process(draw, vocab_size, scratch);
    if (row.count == ALL) memcpy(processed, row.values, sizeof(float) * (size_t)vocab_size);
    else {
        for (int32_t v = 0; v < vocab_size; v++) processed[v] = -INFINITY;
        for (int32_t i = 0; i < row.count; i++) processed[row.list[i].token] = row.list[i].value;
    }
}

#endif
