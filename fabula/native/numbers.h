/* float32 or bfloat16 in memory, float32 in registers: what the kernels for training share. */
#ifndef FABULA_NUMBERS_H
#define FABULA_NUMBERS_H

#include "kernel.h"
#include "simd.h"

#define LOG2_E 1.44269504088896341f
#define LN_2 0.693147180559945309f

#if defined(__AVX512BF16__)
INLINE halves rounded(floats x) { return (halves)_mm512_cvtneps_pbh((__m512)x); }
#else
/* To the nearest bfloat16, ties to even; NaN stays NaN. */
INLINE halves rounded(floats x) {
    const words bits = (words)x, up = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16, quiet = bits >> 16 | 64;
    const words nan = (words)(x != x);
    return __builtin_convertvector((up & ~nan) | (quiet & nan), halves);
}
#endif

INLINE int64_t size_of(int32_t dtype) { return dtype == FABULA_FLOAT32 ? 4 : 2; }

/* bfloat16 is float32's upper half. */
INLINE floats widened(const char *from) {
#if WIDTH == 16 /* gcc makes four instructions of what is one */
    return (floats)(words)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)from)), 16);
#else
    return from_bfloat16((const uint16_t *)from);
#endif
}

/* The first `count` numbers, at most a vector; 0 past them. */
INLINE floats get(const char *from, int32_t dtype, int64_t count) {
    char some[4 * WIDTH];
    if (count < WIDTH) {
        store((float *)some, all(0));
        memcpy(some, from, (size_t)(count * size_of(dtype)));
        from = some;
    }
    return dtype == FABULA_FLOAT32 ? load((const float *)from) : widened(from);
}

INLINE void put(char *to, int32_t dtype, int64_t count, floats x) {
    char some[4 * WIDTH], *at = count < WIDTH ? some : to;
    if (dtype == FABULA_FLOAT32) store((float *)at, x);
    else *(halves_anywhere *)at = rounded(x);
    if (count < WIDTH) memcpy(to, some, (size_t)(count * size_of(dtype)));
}

INLINE float total(floats x) {
#if WIDTH == 16
    return _mm512_reduce_add_ps((__m512)x);
#else
    float lanes[WIDTH];
    store(lanes, x);
    UNROLL for (int i = 0; i < WIDTH / 2; i++) lanes[i] += lanes[i + WIDTH / 2];
    for (int i = 1; i < WIDTH / 2; i++) lanes[0] += lanes[i];
    return lanes[0];
#endif
}

INLINE float greatest(floats x) {
#if WIDTH == 16
    return _mm512_reduce_max_ps((__m512)x);
#else
    float lanes[WIDTH];
    store(lanes, x);
    for (int i = 1; i < WIDTH; i++) lanes[0] = lanes[i] > lanes[0] ? lanes[i] : lanes[0];
    return lanes[0];
#endif
}

/* 2^x to about 1 ulp, for x up to 127; below -126 as there. NaN stays NaN. */
INLINE floats power_of_two(floats x) {
    x = larger(all(-126.0f), x);
    const floats shifted = x + TO_INTEGER, r = x - (shifted - TO_INTEGER);
    floats y = all(1.5345812e-4f);
    y = y * r + 1.3399931219e-3f;
    y = y * r + 9.6184889571e-3f;
    y = y * r + 5.5503287770e-2f;
    y = y * r + 2.4022646891e-1f;
    y = y * r + 6.9314720574e-1f;
    y = y * r + 1.0f;
    return y * (floats)(((words)shifted << 23) + (127u << 23));
}

#endif
