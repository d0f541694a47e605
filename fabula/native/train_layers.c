/* What stands between the products of a layer, and the loss: row by row, in float32. */
#include "compute.h"
#include "numbers.h"

#include <math.h>

#define JOINED(a, b) a##_##b
#define NAMED(a, b) JOINED(a, b)

INLINE const char *row_of(const void *matrix, int32_t dtype, int64_t number) {
    return (const char *)matrix + number * size_of(dtype);
}

INLINE char *own_row(void *matrix, int32_t dtype, int64_t number) { return (char *)matrix + number * size_of(dtype); }

/* Does the same for the whole vectors of a row, from number i on, and for the `count` numbers that are left. */
#define ALONG(width, ...)                                                                                 \
    do {                                                                                                  \
        int64_t i = 0;                                                                                    \
        for (const int64_t count = WIDTH; i + count <= (width); i += count) __VA_ARGS__                   \
        for (const int64_t count = (width) - i; i < (width); i += count) __VA_ARGS__                      \
    } while (0)

INLINE floats take(const char *row, int32_t dtype, int64_t i, int64_t count) {
    return get(row + i * size_of(dtype), dtype, count);
}

INLINE void give(char *row, int32_t dtype, int64_t i, int64_t count, floats x) {
    put(row + i * size_of(dtype), dtype, count, x);
}

INLINE floats gain(const struct fabula_norm *n, int64_t i, int64_t count) {
    return take((const char *)n->weight, FABULA_FLOAT32, i, count);
}

/* ---- RMSNorm ------------------------------------------------------------------------------------------------- */

INLINE void norm_rows(const struct fabula_norm *n, int64_t first, int64_t last, const int32_t X, const int32_t Y) {
    const int64_t width = n->width;
    for (int64_t row = first; row < last; row++) {
        const char *x = row_of(n->x, X, row * width);
        char *y = own_row(n->y, Y, row * width);
        floats squares = all(0);
        ALONG(width, {
            const floats some = take(x, X, i, count);
            squares += some * some;
        });
        const float scale = 1.0f / sqrtf(total(squares) / (float)width + n->epsilon);
        n->scales[row] = scale;
        ALONG(width, { give(y, Y, i, count, take(x, X, i, count) * scale * gain(n, i, count)); });
    }
}

INLINE void norm_rows_backward(const struct fabula_norm *n, int64_t first, int64_t last, float *grad_weight,
                               const int32_t X, const int32_t Y) {
    const int64_t width = n->width;
    for (int64_t row = first; row < last; row++) {
        const char *x = row_of(n->x, X, row * width), *grad_y = row_of(n->grad_y, Y, row * width);
        char *grad_x = own_row(n->grad_x, X, row * width), *grad_gain = (char *)grad_weight;
        const float scale = n->scales[row];
        floats products = all(0); /* of the gradient, through the weight, and the normalised x */
        ALONG(width, {
            const floats both = take(grad_y, Y, i, count) * (take(x, X, i, count) * scale);
            products += both * gain(n, i, count);
            if (grad_gain) give(grad_gain, FABULA_FLOAT32, i, count, take(grad_gain, FABULA_FLOAT32, i, count) + both);
        });
        const float along = total(products) / (float)width * scale;
        ALONG(width, {
            const floats grad = take(grad_y, Y, i, count) * gain(n, i, count);
            give(grad_x, X, i, count, (grad - take(x, X, i, count) * along) * scale);
        });
    }
}

/* Calls a function with types that the compiler knows. */
#define FOR_TYPES(x, y, CALL)                                                     \
    do {                                                                          \
        if ((x) == FABULA_FLOAT32 && (y) == FABULA_FLOAT32)                       \
            CALL(FABULA_FLOAT32, FABULA_FLOAT32);                                 \
        else if ((x) == FABULA_FLOAT32) CALL(FABULA_FLOAT32, FABULA_BFLOAT16);    \
        else if ((y) == FABULA_FLOAT32) CALL(FABULA_BFLOAT16, FABULA_FLOAT32);    \
        else CALL(FABULA_BFLOAT16, FABULA_BFLOAT16);                              \
    } while (0)

static void norm_forward(const struct fabula_norm *n, int64_t first, int64_t last) {
#define FORWARD(X, Y) norm_rows(n, first, last, X, Y)
    FOR_TYPES(n->x_dtype, n->y_dtype, FORWARD);
}

static void norm_backward(const struct fabula_norm *n, int64_t first, int64_t last, float *grad_weight) {
#define BACKWARD(X, Y) norm_rows_backward(n, first, last, grad_weight, X, Y)
    FOR_TYPES(n->x_dtype, n->y_dtype, BACKWARD);
}

/* ---- SwiGLU -------------------------------------------------------------------------------------------------- */

INLINE floats sigmoid(floats x) { return 1.0f / (1.0f + power_of_two(smaller(x * -LOG2_E, all(126.0f)))); }

INLINE void swiglu_rows(const struct fabula_swiglu *s, int64_t first, int64_t last, const int32_t X) {
    const int64_t width = s->width;
    for (int64_t row = first; row < last; row++) {
        const char *gates = row_of(s->gate, X, row * s->stride), *ups = row_of(s->up, X, row * s->stride);
        char *y = own_row(s->y, X, row * width);
        ALONG(width, {
            const floats gate = take(gates, X, i, count);
            give(y, X, i, count, gate * sigmoid(gate) * take(ups, X, i, count));
        });
    }
}

INLINE void swiglu_rows_backward(const struct fabula_swiglu *s, int64_t first, int64_t last, const int32_t X) {
    const int64_t width = s->width;
    for (int64_t row = first; row < last; row++) {
        const char *gates = row_of(s->gate, X, row * s->stride), *ups = row_of(s->up, X, row * s->stride);
        const char *grads = row_of(s->grad_y, X, row * width);
        char *grad_gates = own_row(s->grad_gate, X, row * s->stride);
        char *grad_ups = own_row(s->grad_up, X, row * s->stride);
        ALONG(width, {
            const floats gate = take(gates, X, i, count), grad = take(grads, X, i, count);
            const floats share = sigmoid(gate), silu = gate * share;
            give(grad_gates, X, i, count, grad * take(ups, X, i, count) * (share + silu * (1.0f - share)));
            give(grad_ups, X, i, count, grad * silu);
        });
    }
}

static void swiglu_forward(const struct fabula_swiglu *s, int64_t first, int64_t last) {
    if (s->dtype == FABULA_FLOAT32) swiglu_rows(s, first, last, FABULA_FLOAT32);
    else swiglu_rows(s, first, last, FABULA_BFLOAT16);
}

static void swiglu_backward(const struct fabula_swiglu *s, int64_t first, int64_t last) {
    if (s->dtype == FABULA_FLOAT32) swiglu_rows_backward(s, first, last, FABULA_FLOAT32);
    else swiglu_rows_backward(s, first, last, FABULA_BFLOAT16);
}

/* ---- Cross-entropy ------------------------------------------------------------------------------------------- */

INLINE floats exponential_of(floats x) { return power_of_two(x * LOG2_E); }

/* As `take`, but minus infinity past the row's end. */
INLINE floats take_logits(const char *row, int32_t dtype, int64_t i, int64_t count) {
    floats some = take(row, dtype, i, count);
    for (int64_t past = count; past < WIDTH; past++) some[past] = -INFINITY;
    return some;
}

/* The largest number of a row, and the logarithm of the sum of e^(x - largest): not finite where an x isn't. */
INLINE void log_sum(const char *logits, const int32_t X, int64_t width, float *largest, float *log_sum_above) {
    floats most = all(-INFINITY), sum = all(0);
    ALONG(width, { most = larger(take_logits(logits, X, i, count), most); });
    *largest = greatest(most);
    ALONG(width, { sum += exponential_of(take_logits(logits, X, i, count) - *largest); });
    *log_sum_above = logf(total(sum));
}

INLINE void entropy_rows(const struct fabula_cross_entropy *l, int64_t first, int64_t last, const int32_t X) {
    const int64_t width = l->width;
    for (int64_t row = first; row < last; row++) {
        char *logits = own_row(l->logits, X, row * l->stride);
        const int64_t target = l->targets[row];
        if (target < 0) {
            l->losses[row] = 0;
            if (l->gradients) memset(logits, 0, (size_t)(width * size_of(X)));
            continue;
        }
        float largest, above;
        log_sum(logits, X, width, &largest, &above);
        const float lse = largest + above, logit = target < width ? take(logits, X, target, 1)[0] : NAN;
        l->losses[row] = largest - logit + above;
        if (!l->gradients) continue;
        const float scale = 1.0f + 2.0f * l->z_loss * lse;
        ALONG(width, { give(logits, X, i, count, exponential_of(take_logits(logits, X, i, count) - lse) * scale); });
        if (target < width) give(logits, X, target, 1, exponential_of(all(logit - lse)) * scale - 1.0f);
    }
}

static void cross_entropy(const struct fabula_cross_entropy *l, int64_t first, int64_t last) {
    if (l->dtype == FABULA_FLOAT32) entropy_rows(l, first, last, FABULA_FLOAT32);
    else entropy_rows(l, first, last, FABULA_BFLOAT16);
}

const struct layer_kernels NAMED(fabula_layer_kernels, ISA) = {
    .norm_forward = norm_forward,
    .norm_backward = norm_backward,
    .swiglu_forward = swiglu_forward,
    .swiglu_backward = swiglu_backward,
    .cross_entropy = cross_entropy,
};
