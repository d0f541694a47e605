/* Vectors in the compiler's own notation: one source for every instruction set.
 *
 * A block is 16 numbers, one for each of 16 rows. It lies in VECTORS registers of WIDTH numbers.
 */
#ifndef FABULA_SIMD_H
#define FABULA_SIMD_H

#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__)
#include <immintrin.h>
#define WIDTH 16
#elif defined(__AVX2__)
#include <immintrin.h>
#define WIDTH 8
#else
#if defined(__ARM_FEATURE_DOTPROD)
#include <arm_neon.h>
#endif
#define WIDTH 4
#endif

#define BLOCK 16
#define VECTORS (BLOCK / WIDTH)
#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")
#define TO_INTEGER 12582912.0f /* 1.5 * 2^23: added to a small float32, it rounds to a whole number */

typedef float floats __attribute__((vector_size(4 * WIDTH)));
typedef int32_t ints __attribute__((vector_size(4 * WIDTH)));
typedef uint32_t words __attribute__((vector_size(4 * WIDTH)));
typedef uint16_t halves __attribute__((vector_size(2 * WIDTH)));
typedef floats floats_anywhere __attribute__((aligned(2), may_alias));
typedef ints ints_anywhere __attribute__((aligned(1), may_alias));
typedef words words_anywhere __attribute__((aligned(1), may_alias));
typedef halves halves_anywhere __attribute__((aligned(2), may_alias));

INLINE floats load(const float *from) { return *(const floats_anywhere *)from; }
INLINE void store(float *to, floats x) { *(floats_anywhere *)to = x; }
INLINE floats all(float x) { return x - (floats){0}; }
INLINE ints all_ints(int32_t x) { return x - (ints){0}; }

/* bfloat16 is float32's upper half. */
INLINE floats from_bfloat16(const uint16_t *from) {
    return (floats)(__builtin_convertvector(*(const halves_anywhere *)from, words) << 16);
}

INLINE float as_float(uint32_t bits) {
    float x;
    memcpy(&x, &bits, 4);
    return x;
}

/* Round to the nearest bfloat16, ties to even; NaN stays NaN. */
INLINE uint16_t to_bfloat16(float x) {
    uint32_t bits;
    memcpy(&bits, &x, 4);
    if (x != x) return (uint16_t)(bits >> 16 | 64);
    return (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

#if WIDTH == 16
INLINE floats larger(floats a, floats b) { return (floats)_mm512_max_ps((__m512)a, (__m512)b); }
INLINE floats smaller(floats a, floats b) { return (floats)_mm512_min_ps((__m512)a, (__m512)b); }
#elif WIDTH == 8
INLINE floats larger(floats a, floats b) { return (floats)_mm256_max_ps((__m256)a, (__m256)b); }
INLINE floats smaller(floats a, floats b) { return (floats)_mm256_min_ps((__m256)a, (__m256)b); }
#else
INLINE floats larger(floats a, floats b) { return (floats)(((ints)a & (a > b)) | ((ints)b & ~(a > b))); }
INLINE floats smaller(floats a, floats b) { return (floats)(((ints)a & (a < b)) | ((ints)b & ~(a < b))); }
#endif

/* e^x to about 1 ulp between -87 and 88, held to that range outside (Cephes' polynomial). */
INLINE floats exponential(floats x) {
    x = smaller(larger(x, all(-87.0f)), all(88.0f));
    floats n = (x * 1.44269504088896341f + TO_INTEGER) - TO_INTEGER;
    floats r = x - n * 0.693359375f + n * 2.12194440e-4f;
    floats y = all(1.9875691500e-4f);
    y = y * r + 1.3981999507e-3f;
    y = y * r + 8.3334519073e-3f;
    y = y * r + 4.1665795894e-2f;
    y = y * r + 1.6666665459e-1f;
    y = y * r + 5.0000001201e-1f;
    y = y * r * r + r + 1.0f;
    return y * (floats)((__builtin_convertvector(n, ints) + 127) << 23);
}

/* Sum of four products in each lane: `weights` holds 16 x 4 bytes of unsigned numbers, `x` 4 signed ones.
 *
 * With VNNI and for 4-bit numbers the products are of the stored unsigned numbers, and the sum begins at
 * -offset * sum(x); elsewhere 8-bit numbers are made signed first, and it begins at 0. Integers are exact either way. */
#if defined(__AVX512VNNI__)
#define SIGNED_BYTES 0
INLINE ints dot4(ints sum, words weights, int32_t x) {
    return (ints)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)weights, _mm512_set1_epi32(x));
}
#elif defined(__AVX2__)
#define SIGNED_BYTES 1
INLINE ints dot4(ints sum, words weights, int32_t x) { /* unsigned weights below 16 */
    __m256i pairs = _mm256_maddubs_epi16((__m256i)weights, _mm256_set1_epi32(x));
    return sum + (ints)_mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}
INLINE ints signed_dot4(ints sum, words weights, int32_t x) { /* |x| * (sign(x) * weight): 2 * 127 * 127 fits 16 bits */
    __m256i wide = _mm256_set1_epi32(x), made_signed = (__m256i)(weights ^ 0x80808080u);
    __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(wide), _mm256_sign_epi8(made_signed, wide));
    return sum + (ints)_mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}
#elif defined(__ARM_FEATURE_DOTPROD)
#define SIGNED_BYTES 1
INLINE ints dot4(ints sum, words weights, int32_t x) {
    int8x16_t four_times = vreinterpretq_s8_s32(vdupq_n_s32(x));
    return (ints)vdotq_s32((int32x4_t)sum, vreinterpretq_s8_u32((uint32x4_t)weights), four_times);
}
INLINE ints signed_dot4(ints sum, words weights, int32_t x) { return dot4(sum, weights ^ 0x80808080u, x); }
#else
#define SIGNED_BYTES 0
INLINE ints dot4(ints sum, words weights, int32_t x) {
    UNROLL for (int byte = 0; byte < 4; byte++)
        sum += (ints)(weights >> 8 * byte & 255) * (int8_t)((uint32_t)x >> 8 * byte);
    return sum;
}
#endif
#if !SIGNED_BYTES
#define signed_dot4 dot4
#endif

#endif
