/* Training on a CPU: what PyTorch leaves slow there, between the matrix products that it does well.
 *
 * Numbers come and go as float32 or bfloat16 (`enum fabula_dtype`) and are computed with in float32. Every result is a
 * function of its inputs alone: which thread takes a document or a row, and how many threads there are, changes no bit.
 *
 * Shapes: N rows (tokens), H heads, K key/value heads, D head width (even), C hidden width, I inner width, V vocabulary.
 */
#ifndef FABULA_TRAINING_H
#define FABULA_TRAINING_H

#include "kernel.h"

/* Run `work(data)` on each of `threads` threads: the signature of libgomp's GOMP_parallel, so that PyTorch's own threads
 * do it, awake as they are from its last product. Until a team is given, the calling thread works alone. */
typedef void (*fabula_team)(void (*work)(void *), void *data, unsigned threads, unsigned flags);
FABULA_API void fabula_use_team(fabula_team team);

/* The kernels below return 0, or -1 when memory is short. */

/* Causal attention within documents: row n attends to rows of its own document up to n. */
struct fabula_documents {
    const int32_t *boundaries; /* (documents + 1,): cumulative, from 0 to N; a document may be empty */
    int32_t documents, heads, kv_heads, head_width, dtype;
    int64_t q_stride, k_stride, v_stride; /* numbers from one row to the next; heads lie side by side in a row */
    const float *cosines, *sines;         /* (N, D / 2): q and k are turned by these (RoPE); NULL: not turned */
    const void *q, *k, *v;                /* (N, H, D), (N, K, D), (N, K, D) */
    void *out;                            /* (N, H, D), without gaps */
    float *log_sums;                      /* (N, H): log sum exp of a row's scaled scores */
    /* backward only: */
    const void *grad_out;                 /* (N, H, D), without gaps */
    void *grad_q, *grad_k, *grad_v;       /* like q, k, v, with their strides */
};
FABULA_API int32_t fabula_attention_forward(const struct fabula_documents *documents, int32_t threads);
FABULA_API int32_t fabula_attention_backward(const struct fabula_documents *documents, int32_t threads);

/* y = x / sqrt(mean(x^2) + epsilon) * weight, a row at a time. */
struct fabula_norm {
    int64_t rows;
    int32_t width, x_dtype, y_dtype;
    float epsilon;
    const void *x;       /* (N, C) */
    const float *weight; /* (C,) */
    void *y;             /* (N, C) */
    float *scales;       /* (N,): 1 / sqrt(mean(x^2) + epsilon), written forward, read backward */
    /* backward only: */
    const void *grad_y;  /* (N, C), y_dtype */
    void *grad_x;        /* (N, C), x_dtype */
    float *grad_weight;  /* (C,), or NULL; added up in an order that the number of threads doesn't change */
};
FABULA_API int32_t fabula_norm_forward(const struct fabula_norm *norm, int32_t threads);
FABULA_API int32_t fabula_norm_backward(const struct fabula_norm *norm, int32_t threads);

/* y = silu(gate) * up; rows of gate and up (and of their gradients) are `stride` numbers apart. */
struct fabula_swiglu {
    int64_t rows, stride;
    int32_t width, dtype;
    const void *gate, *up;      /* (N, I) */
    void *y;                    /* (N, I), without gaps */
    const void *grad_y;         /* backward only, as the next line */
    void *grad_gate, *grad_up;
};
FABULA_API int32_t fabula_swiglu_forward(const struct fabula_swiglu *swiglu, int32_t threads);
FABULA_API int32_t fabula_swiglu_backward(const struct fabula_swiglu *swiglu, int32_t threads);

/* Cross-entropy of rows of logits: losses[n] = lse[n] - logits[n, targets[n]], and 0 where the target is negative.
 * With `gradients` the logits are overwritten by those of
 *     sum(losses) + z_loss * sum(lse^2), rows without a target by 0. */
struct fabula_cross_entropy {
    int64_t rows, stride;
    int32_t width, dtype, gradients;
    float z_loss;
    void *logits;            /* (N, V) */
    const int64_t *targets;  /* (N,) */
    float *losses;           /* (N,) */
};
FABULA_API int32_t fabula_cross_entropy(const struct fabula_cross_entropy *loss, int32_t threads);

/* Take another instruction set than the best of this machine, for tests; NULL: the best. Returns -1 if it isn't there. */
FABULA_API int32_t fabula_train_with(const char *instruction_set);

/* ---- Within the library: what is compiled once per instruction set ----------------------------------------------- */

/* train_attention.c. An item is one head of one document; the longest documents should come first. `scratch` is this
 * thread's own memory, aligned to 64. */
struct attention_kernels {
    int64_t (*scratch)(const struct fabula_documents *documents, int32_t longest, int32_t backward); /* bytes */
    void (*forward)(const struct fabula_documents *documents, int32_t document, int32_t kv_head, void *scratch);
    void (*backward)(const struct fabula_documents *documents, int32_t document, int32_t kv_head, void *scratch);
};

/* train_layers.c: rows `first` to `last` (exclusive). */
struct layer_kernels {
    void (*norm_forward)(const struct fabula_norm *norm, int64_t first, int64_t last);
    void (*norm_backward)(const struct fabula_norm *norm, int64_t first, int64_t last, float *grad_weight);
    void (*swiglu_forward)(const struct fabula_swiglu *swiglu, int64_t first, int64_t last);
    void (*swiglu_backward)(const struct fabula_swiglu *swiglu, int64_t first, int64_t last);
    void (*cross_entropy)(const struct fabula_cross_entropy *loss, int64_t first, int64_t last);
};

#endif
