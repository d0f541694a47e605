/* The native kernel: a plain Llama on a CPU, its packed weights, its keys and values, and the draws from its logits.
 *
 * Every number it computes is a function of the weights and of one story's tokens alone: each output is added up by one
 * thread, over its inputs from first to last. How a prompt is cut, which stories are read together, how many threads
 * there are and who does what changes no bit of a result.
 *
 * Shapes: N rows of a matrix, K columns, T tokens (or stories) read at once, V vocabulary, D head width.
 */
#ifndef FABULA_KERNEL_H
#define FABULA_KERNEL_H

#include <stdint.h>

#if defined(_WIN32)
#define FABULA_API __declspec(dllexport)
#else
#define FABULA_API __attribute__((visibility("default")))
#endif

/* ---- Drawing (sampling.c) ------------------------------------------------------------------------------------ */

/* One token to be drawn from one row of logits; the fields mean what `fabula.generation.backend.Draw` says. */
struct fabula_draw {
    const float *logits; /* (V,) */
    const int32_t *context;
    const int32_t *biased; /* tokens with a bias, and the biases */
    const float *bias;
    uint64_t seed, index;
    int32_t context_length, prompt_length, biases;
    int32_t top_k, no_repeat_ngram;
    float temperature, top_p, min_p, repetition_penalty, presence_penalty, frequency_penalty;
    int32_t alternatives; /* wanted */
    int32_t probability;  /* wanted: 0 or 1 */
    /* Answers. */
    int32_t token;
    float log_probability;
    int32_t *alternative_tokens; /* (alternatives,), or NULL */
    float *alternative_log_probabilities;
};

/* Bytes of scratch memory that one draw needs. All of it must be 0 before the first draw; a draw leaves it usable. */
FABULA_API int64_t fabula_draw_scratch(int32_t vocab_size);

/* Draw one token. */
FABULA_API void fabula_draw_one(struct fabula_draw *draw, int32_t vocab_size, void *scratch);

/* Write the processed logits that `draw` is drawn from, minus infinity for tokens that are out: (V,). */
FABULA_API void fabula_process(const struct fabula_draw *draw, int32_t vocab_size, void *scratch, float *processed);

/* Return the exponential noise of one token, see `fabula.generation.noise`. */
FABULA_API double fabula_noise(uint64_t seed, uint64_t index, int32_t token);

#endif
