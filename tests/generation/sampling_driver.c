/* Draws from rows made at random, hostile ones too, with every parameter at its ends; run under sanitizers.
 *
 * Every array has just the size that it must have, so that a step beyond it is found.
 */
#include "kernel.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DRAWS = 20000, MOST_TOKENS = 3000, MOST_ALTERNATIVES = 6 };

static uint32_t state = 1;

static uint32_t random_below(uint32_t bound) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state % bound;
}

static float one_of(const float *values, uint32_t count) { return values[random_below(count)]; }

#define ONE_OF(...) one_of((const float[]){__VA_ARGS__}, sizeof((const float[]){__VA_ARGS__}) / sizeof(float))

static float logit(uint32_t kind) {
    float usual = (float)random_below(20000) / 1000 - 10;
    if (kind == 0) return usual;
    if (kind == 1) return -INFINITY;
    if (kind == 2) return 1;
    return random_below(4) ? usual : ONE_OF(NAN, INFINITY, -INFINITY, FLT_MAX, -FLT_MAX, FLT_MIN, 0, -0.0f, 88, -88);
}

static int32_t token_or_nonsense(int32_t vocab_size) {
    if (random_below(20)) return (int32_t)random_below((uint32_t)vocab_size);
    return random_below(2) ? vocab_size : random_below(2) ? INT32_MIN : -1;
}

static void *allocated(int64_t bytes) {
    void *memory = calloc(1, bytes > 0 ? (size_t)bytes : 1);
    if (!memory) abort();
    return memory;
}

static void require(int condition, const char *what) {
    if (condition) return;
    fprintf(stderr, "%s\n", what);
    exit(1);
}

static void draw_with(int32_t V, void *scratch) {
    float *logits = allocated(4 * (int64_t)V), *processed = allocated(4 * (int64_t)V);
    int32_t length = (int32_t)random_below(60), biases = (int32_t)random_below(5);
    int32_t *context = allocated(4 * length), *biased = allocated(4 * biases);
    float *bias = allocated(4 * biases);
    uint32_t kind = random_below(5);
    for (int32_t v = 0; v < V; v++) logits[v] = logit(kind);
    for (int32_t i = 0; i < length; i++) context[i] = token_or_nonsense(random_below(2) ? V : V < 3 ? V : 3);
    for (int32_t i = 0; i < biases; i++) {
        biased[i] = token_or_nonsense(V);
        bias[i] = ONE_OF(-INFINITY, INFINITY, NAN, 5, -5, FLT_MAX);
    }
    struct fabula_draw draw = {
        .logits = logits, .context = context, .biased = biased, .bias = bias, .biases = biases,
        .seed = (uint64_t)random_below(1u << 31) << 33, .index = random_below(100),
        .context_length = length, .prompt_length = (int32_t)random_below(80) - 10,
        .top_k = random_below(2) ? 0 : (int32_t)random_below(2 * (uint32_t)V) - 2,
        .no_repeat_ngram = random_below(20) ? (int32_t)random_below(5) - 1 : INT32_MAX,
        .temperature = ONE_OF(0, 0, -1, NAN, 1e-30f, 1e-5f, 0.7f, 0.7f, 1, 1, 1, 1e30f, INFINITY),
        .top_p = ONE_OF(1, 1, 0.9f, 0.9f, 0.5f, 0, -1, 2, NAN, 1e-30f, 1 - FLT_EPSILON / 2),
        .min_p = ONE_OF(0, 0, 0.05f, 1, 2, -1, NAN, 1e-30f),
        .repetition_penalty = ONE_OF(1, 1.1f, 0.5f, 0, NAN, 1e-30f, 1e30f),
        .presence_penalty = ONE_OF(0, 0, 1, -2, NAN, INFINITY), .frequency_penalty = ONE_OF(0, 0, 1, -2, NAN, FLT_MAX),
        .alternatives = (int32_t)random_below(MOST_ALTERNATIVES + 1), .probability = (int32_t)random_below(2),
    };
    draw.alternative_tokens = allocated(4 * draw.alternatives);
    draw.alternative_log_probabilities = allocated(4 * draw.alternatives);
    fabula_process(&draw, V, scratch, processed);
    fabula_draw_one(&draw, V, scratch);
    int32_t left = 0;
    for (int32_t v = 0; v < V; v++) left += processed[v] > -INFINITY;
    require(draw.token >= 0 && draw.token < V, "a token that there is not");
    require(!left || processed[draw.token] > -INFINITY, "a token that was out");
    for (int32_t i = 0; i < draw.alternatives; i++)
        require(draw.alternative_tokens[i] >= -1 && draw.alternative_tokens[i] < V, "an alternative that there is not");
    free(draw.alternative_log_probabilities);
    free(draw.alternative_tokens);
    free(bias);
    free(biased);
    free(context);
    free(processed);
    free(logits);
}

int main(void) {
    for (int32_t done = 0; done < DRAWS;) {
        int32_t V = 1 + (int32_t)(random_below(2) ? random_below(100) : random_below(MOST_TOKENS));
        void *scratch = allocated(fabula_draw_scratch(V));
        for (int32_t i = 0; i < 20; i++, done++) draw_with(V, scratch);
        free(scratch);
    }
    printf("%d draws\n", DRAWS);
    return 0;
}
