/* Products of the engine's own rows (core/affine.h), written once for every vector width: the same loops as for
 * blocks (matmul_blocks.h includes this), whose row pointers point at the codes, so that only the scales are found
 * elsewhere.
 */
#ifndef AZ_KERNEL_SIMD_MATMUL_AFFINE_H
#define AZ_KERNEL_SIMD_MATMUL_AFFINE_H

#include "core/affine.h"

/* Scale and minimum of one group of LANES rows, a row a lane. */
AZ_INLINE void affine_split(const az_affine_scales how, const vi *v, vf *s, vf *mn)
{
    vi high = vi_high16(v[0]);

    switch (how) {
    case AZ_SCALES_F16_BIAS:
        *s = vf_of_low_f16(v[0]);
        *mn = vf_sub(vf_zero(), vf_of_low_f16(high));
        return;
    case AZ_SCALES_BF16_BIAS:
        *s = vf_of_low_bf16(v[0]);
        *mn = vf_sub(vf_zero(), vf_of_low_bf16(high));
        return;
    case AZ_SCALES_F32_BIAS:
        *s = vf_of_bits(v[0]);
        *mn = vf_sub(vf_zero(), vf_of_bits(v[1]));
        return;
    case AZ_SCALES_F16_ZERO: *s = vf_of_low_f16(v[0]); break;
    default: *s = vf_of_low_bf16(v[0]);
    }
    *mn = vf_mul(*s, vf_of_int(high));
}

/* The groups of blocks [b0, b0 + n): read along the rows, then turned. */
AZ_INLINE void affine_scales(const az_affine_scales how, const az_affine_head *h,
                             const uint8_t *const rows[LANES], size_t b0, size_t n, scales *o)
{
    const size_t words = how == AZ_SCALES_F32_BIAS ? 2 : 1, per = h->group32;
    const size_t end = (b0 + n - 1) / per + 1;
    size_t g = b0 / per, b = 0;

    while (g < end) {
        const uint8_t *const *p = rows;
        const ptrdiff_t at = (ptrdiff_t)(sizeof *h + g * 4 * words) - (ptrdiff_t)h->codes_at;
        vi r[LANES];

        for (int i = 0; i < LANES; i++)
            r[i] = vi_load_n(p[i] + at, (end - g) * words);
        vi_transpose(r);
        for (size_t j = 0; j < LANES && g < end; j += words, g++) {
            vf s, mn;

            affine_split(how, r + j, &s, &mn);
            for (; b < n && b0 + b < (g + 1) * per; b++) {
                vf_store(o->s[b], s);
                vf_store(o->min[b], mn);
            }
        }
    }
}

/* Half of scale * factor, as E2M1's values come doubled; four scales a word, of two blocks. */
AZ_INLINE void nvfp4_scales(const az_affine_head *h, const uint8_t *const rows[LANES], size_t b0,
                            size_t n, scales *o)
{
    const ptrdiff_t at = (ptrdiff_t)(sizeof *h + 2 * b0) - (ptrdiff_t)h->codes_at;
    const vf factor = vf_set(h->factor * 128);

    for (size_t g = 0; g < 2 * n; g += 4 * LANES) {
        size_t words = (2 * n - g + 3) / 4;
        vi r[LANES];

        for (int i = 0; i < LANES; i++)
            r[i] = vi_load_n(rows[i] + at + (ptrdiff_t)g, words);
        vi_transpose(r);
        for (size_t j = 0; j < LANES && j < words; j++)
            for (int k = 0; k < 4; k++)
                vf_store(o->s[g + 4 * j + (size_t)k], vf_mul(vf_of_byte_e4m3(r[j], 8 * k), factor));
    }
}

/* The same scales of the LANES rows after these lie apart from their codes and are wanted next. */
AZ_INLINE void prefetch_scales(const az_affine_head *h, const uint8_t *const rows[LANES], size_t b0,
                               size_t n)
{
    const size_t bytes = az_affine_scale_bytes((az_affine_scales)h->scales);
    const size_t g = b0 / h->group32, groups = n / h->group32 + 1;
    const ptrdiff_t next = LANES * (rows[1] - rows[0]);

    for (int i = 0; i < LANES; i++) {
        const char *p = (const char *)rows[i] + next - h->codes_at + sizeof *h + g * bytes;

        for (size_t at = 0; at < groups * bytes; at += 64)
            AZ_PREFETCH(p + at);
    }
}

/* Of blocks [b0, b0 + n) of LANES rows, whose codes start at rows[i]. */
static AZ_NOINLINE void chunk_scales_affine(size_t codes_at, bool is_signed,
                                            const uint8_t *const rows[LANES], size_t b0, size_t n,
                                            scales *o)
{
    az_affine_head h;

    memcpy(&h, rows[0] - codes_at, sizeof h);
    prefetch_scales(&h, rows, b0, n);
    switch ((az_affine_scales)h.scales) {
    case AZ_SCALES_F16_BIAS: affine_scales(AZ_SCALES_F16_BIAS, &h, rows, b0, n, o); break;
    case AZ_SCALES_BF16_BIAS: affine_scales(AZ_SCALES_BF16_BIAS, &h, rows, b0, n, o); break;
    case AZ_SCALES_F32_BIAS: affine_scales(AZ_SCALES_F32_BIAS, &h, rows, b0, n, o); break;
    case AZ_SCALES_F16_ZERO: affine_scales(AZ_SCALES_F16_ZERO, &h, rows, b0, n, o); break;
    case AZ_SCALES_BF16_ZERO: affine_scales(AZ_SCALES_BF16_ZERO, &h, rows, b0, n, o); break;
    case AZ_SCALES_E4M3: nvfp4_scales(&h, rows, b0, n, o); break;
    case AZ_SCALES_F32: break; /* fp8: matmul_fp8.h */
    }
    for (size_t b = 0; b < n && is_signed; b++) /* what is multiplied is 128 less than q */
        vf_store(o->min[b], vf_fnma(vf_set(128), vf_load(o->s[b]), vf_load(o->min[b])));
}

#endif
