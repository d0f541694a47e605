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

/* ---- The model (model.c) ------------------------------------------------------------------------------------- */

enum fabula_dtype { FABULA_FLOAT32, FABULA_BFLOAT16, FABULA_FLOAT16 };                  /* of a weight file */
enum fabula_precision { FABULA_IN_FLOAT32, FABULA_IN_BFLOAT16, FABULA_IN_INT8, FABULA_IN_INT4 }; /* of packed weights */
enum fabula_matrix { FABULA_QKV, FABULA_OUT, FABULA_GATE_UP, FABULA_DOWN, FABULA_HEAD };         /* what is packed */

struct fabula_shape {
    int32_t vocab_size, hidden, layers, heads, kv_heads, head_width, intermediate, context;
    float norm_epsilon;
};

struct fabula_model;
struct fabula_slot; /* the keys and values of one story */

/* Tokens of one story to be read, see `fabula.generation.backend.Feed`. */
struct fabula_feed {
    struct fabula_slot *slot;
    const int32_t *tokens;
    int32_t count, start, wanted;
};

/* Name the instruction set that this machine runs: "avx512bf16", "avx512", "avx2", "neon" or "portable". */
FABULA_API const char *fabula_instruction_set(void);

/* Make a model without weights. `instruction_set` is NULL for the best of this machine. NULL when memory is short, the
 * shape is impossible or the instruction set isn't there. */
FABULA_API struct fabula_model *fabula_model_new(const struct fabula_shape *shape, int32_t precision, int32_t threads,
                                                 const char *instruction_set);
FABULA_API void fabula_model_free(struct fabula_model *model);

/* Rows that a packed matrix has, a multiple of 16; `fabula_pack` wants as many addresses. -1: no such matrix. */
FABULA_API int32_t fabula_rows(const struct fabula_model *model, int32_t matrix);

/* Pack one matrix: `rows[i]` is the address of row i, `dtype` numbers side by side, or 0 for a row of zeros.
 * Queries, keys and values lie one below the other; gate and up alternate in blocks of 16 rows. Returns 0, 1 when a
 * weight is not finite, -1 when there is no such matrix or no memory. */
FABULA_API int32_t fabula_pack(struct fabula_model *model, int32_t matrix, int32_t layer, const uint64_t *rows,
                               int32_t dtype);

/* Give the model what it uses as it stands, until it is freed: the embedding (V, hidden) in `dtype`, the gains of the
 * norms (2 * layers + 1, hidden): before attention, before the feed-forward block, layer by layer, then the last; and
 * the rotary angles' cosines and sines (context, head_width / 2). */
FABULA_API void fabula_attach(struct fabula_model *model, const void *embedding, int32_t dtype, const float *gains,
                              const float *cosines, const float *sines);

/* Reserve keys and values for `capacity` positions; NULL when memory is short. */
FABULA_API struct fabula_slot *fabula_slot_new(const struct fabula_model *model, int32_t capacity);
FABULA_API void fabula_slot_free(struct fabula_slot *slot);

/* Read tokens. Returns the rows of logits, or -1 for feeds that can't be (a token, position or count out of range, a
 * slot twice) or memory that isn't there; then nothing was read. */
FABULA_API int32_t fabula_read(struct fabula_model *model, const struct fabula_feed *feeds, int32_t count);

/* Return a row of the last read's logits, (V,). */
FABULA_API const float *fabula_logits(const struct fabula_model *model, int32_t row);

/* Draw from the last read's logits, several at once; each draw's `logits` is set by the caller. */
FABULA_API int32_t fabula_draw(struct fabula_model *model, struct fabula_draw *draws, int32_t count);

/* Write ln p of one target after each row of the last read's logits: (rows,). */
FABULA_API void fabula_log_probabilities(struct fabula_model *model, const int32_t *targets, float *answers);

#endif
