/* Causal attention within a document, forward and backward. */
#include "compute.h"
#include "simd.h"

#include <math.h>

#define JOINED(a, b) a##_##b
#define NAMED(a, b) JOINED(a, b)

static int64_t scratch_bytes(const struct fabula_documents *d, int32_t longest, int32_t backward) {
    (void)d, (void)longest, (void)backward;
    return 64;
}

static void forward(const struct fabula_documents *d, int32_t document, int32_t kv_head, void *scratch) {
    (void)d, (void)document, (void)kv_head, (void)scratch;
}

static void backward(const struct fabula_documents *d, int32_t document, int32_t kv_head, void *scratch) {
    (void)d, (void)document, (void)kv_head, (void)scratch;
}

const struct attention_kernels NAMED(fabula_attention_kernels, ISA) = {
    .scratch = scratch_bytes,
    .forward = forward,
    .backward = backward,
};
