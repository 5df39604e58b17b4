/* 16-bit floats to f32, eight at a time; the same bits as the scalar versions, NaN made quiet. */
#include <immintrin.h>
#include "core/half.h"
#include "kernel/x86/init.h"

static void unpack_f16_avx2(const void *src, float *dst, size_t n)
{
    const uint8_t *p = src;
    size_t i = 0;

    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(dst + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(p + 2 * i))));
    for (; i < n; i++)
        dst[i] = az_f16_to_f32((uint16_t)(p[2 * i] | p[2 * i + 1] << 8));
}

static void unpack_bf16_avx2(const void *src, float *dst, size_t n)
{
    const uint8_t *p = src;
    size_t i = 0;

    for (; i + 8 <= n; i += 8) {
        __m256i half = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(p + 2 * i)));
        _mm256_storeu_ps(dst + i, _mm256_castsi256_ps(_mm256_slli_epi32(half, 16)));
    }
    for (; i < n; i++)
        dst[i] = az_bf16_to_f32((uint16_t)(p[2 * i] | p[2 * i + 1] << 8));
}

void az_unpack_init_avx2(az_kernels *k)
{
    k->unpack[AZ_F16] = unpack_f16_avx2;
    k->unpack[AZ_BF16] = unpack_bf16_avx2;
}
