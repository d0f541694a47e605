/* What stands between the products of a layer, and the loss: row by row, in float32. */
#include "compute.h"
#include "simd.h"

#include <math.h>

#define JOINED(a, b) a##_##b
#define NAMED(a, b) JOINED(a, b)

INLINE float number(const void *from, int32_t dtype, int64_t i) {
    if (dtype == FABULA_FLOAT32) return ((const float *)from)[i];
    const uint32_t bits = (uint32_t)((const uint16_t *)from)[i] << 16;
    float x;
    memcpy(&x, &bits, 4);
    return x;
}

INLINE void put(void *to, int32_t dtype, int64_t i, float x) {
    if (dtype == FABULA_FLOAT32) {
        ((float *)to)[i] = x;
        return;
    }
    uint32_t bits;
    memcpy(&bits, &x, 4);
    ((uint16_t *)to)[i] = (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

static void norm_forward(const struct fabula_norm *n, int64_t first, int64_t last) {
    for (int64_t row = first; row < last; row++) {
        float sum = 0;
        for (int32_t c = 0; c < n->width; c++) {
            const float x = number(n->x, n->x_dtype, row * n->width + c);
            sum += x * x;
        }
        const float scale = 1.0f / sqrtf(sum / (float)n->width + n->epsilon);
        n->scales[row] = scale;
        for (int32_t c = 0; c < n->width; c++) {
            const int64_t i = row * n->width + c;
            put(n->y, n->y_dtype, i, number(n->x, n->x_dtype, i) * scale * n->weight[c]);
        }
    }
}

static void norm_backward(const struct fabula_norm *n, int64_t first, int64_t last, float *grad_weight) {
    for (int64_t row = first; row < last; row++) {
        const float scale = n->scales[row];
        float along = 0; /* grad . x, through the weight */
        for (int32_t c = 0; c < n->width; c++) {
            const int64_t i = row * n->width + c;
            const float grad = number(n->grad_y, n->y_dtype, i), x = number(n->x, n->x_dtype, i) * scale;
            along += grad * n->weight[c] * x;
            if (grad_weight) grad_weight[c] += grad * x;
        }
        along /= (float)n->width;
        for (int32_t c = 0; c < n->width; c++) {
            const int64_t i = row * n->width + c;
            const float grad = number(n->grad_y, n->y_dtype, i), x = number(n->x, n->x_dtype, i) * scale;
            put(n->grad_x, n->x_dtype, i, scale * (grad * n->weight[c] - along * x));
        }
    }
}

static void swiglu_forward(const struct fabula_swiglu *s, int64_t first, int64_t last) {
    for (int64_t row = first; row < last; row++)
        for (int32_t i = 0; i < s->width; i++) {
            const float gate = number(s->gate, s->dtype, row * s->stride + i);
            const float up = number(s->up, s->dtype, row * s->stride + i);
            put(s->y, s->dtype, row * s->width + i, gate / (1.0f + expf(-gate)) * up);
        }
}

static void swiglu_backward(const struct fabula_swiglu *s, int64_t first, int64_t last) {
    for (int64_t row = first; row < last; row++)
        for (int32_t i = 0; i < s->width; i++) {
            const int64_t at = row * s->stride + i;
            const float gate = number(s->gate, s->dtype, at), up = number(s->up, s->dtype, at);
            const float grad = number(s->grad_y, s->dtype, row * s->width + i);
            const float share = 1.0f / (1.0f + expf(-gate));
            put(s->grad_gate, s->dtype, at, grad * up * share * (1.0f + gate * (1.0f - share)));
            put(s->grad_up, s->dtype, at, grad * gate * share);
        }
}

static void cross_entropy(const struct fabula_cross_entropy *l, int64_t first, int64_t last) {
    for (int64_t row = first; row < last; row++) {
        const int64_t target = l->targets[row], start = row * l->stride;
        float most = -INFINITY, sum = 0;
        for (int32_t i = 0; i < l->width; i++) most = fmaxf(most, number(l->logits, l->dtype, start + i));
        for (int32_t i = 0; i < l->width; i++) sum += expf(number(l->logits, l->dtype, start + i) - most);
        const float lse = most + logf(sum);
        l->losses[row] = target < 0 ? 0.0f : lse - number(l->logits, l->dtype, start + target);
        if (!l->gradients) continue;
        const float scale = target < 0 ? 0.0f : 1.0f + 2.0f * l->z_loss * lse;
        for (int32_t i = 0; i < l->width; i++) {
            const float share = expf(number(l->logits, l->dtype, start + i) - lse);
            put(l->logits, l->dtype, start + i, share * scale - (i == target ? 1.0f : 0.0f));
        }
    }
}

const struct layer_kernels NAMED(fabula_layer_kernels, ISA) = {
    .norm_forward = norm_forward,
    .norm_backward = norm_backward,
    .swiglu_forward = swiglu_forward,
    .swiglu_backward = swiglu_backward,
    .cross_entropy = cross_entropy,
};
