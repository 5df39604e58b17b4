/* Stored rows as bytes, and scales of eight rows, where a vector holds 32 bytes (AVX2, and NEON in pairs).
 *
 * row_<type>(row, c, two): columns [32c, 32c + 32) of one stored row as unsigned bytes. scales_<type>(p, s, mn): scales and
 * minimums of the sub-blocks of the 256-blocks at p[0..8), [sub-block][row]. Block layouts: core/block.h, core/affine.h;
 * decoding: kernel/decode.c.
 */
#ifndef AZ_KERNEL_SIMD_ROWS32_H
#define AZ_KERNEL_SIMD_ROWS32_H

AZ_INLINE vi row_q4_0(const uint8_t *row, size_t c, bool two)
{
    (void)two;
    return nibbles_legacy(row + c * 18 + 2);
}
AZ_INLINE vi row_q4_1(const uint8_t *row, size_t c, bool two)
{
    (void)two;
    return nibbles_legacy(row + c * 20 + 4);
}
AZ_INLINE vi row_q5_0(const uint8_t *row, size_t c, bool two)
{
    (void)two;
    return vi_or(nibbles_legacy(row + c * 22 + 6), bits_legacy(row + c * 22 + 2, 16));
}
AZ_INLINE vi row_q5_1(const uint8_t *row, size_t c, bool two)
{
    (void)two;
    return vi_or(nibbles_legacy(row + c * 24 + 8), bits_legacy(row + c * 24 + 4, 16));
}
AZ_INLINE vi row_q8_0(const uint8_t *row, size_t c, bool two) /* signed */
{
    (void)two;
    return vi_load(row + c * 34 + 2);
}

AZ_INLINE vi row_q4_k(const uint8_t *row, size_t c, bool two)
{
    (void)two;
    return bits_at(row + c / 8 * 144 + 16 + c % 8 / 2 * 32, 4 * (c % 2), 15);
}
AZ_INLINE vi row_q5_k(const uint8_t *row, size_t c, bool two)
{
    const uint8_t *p = row + c / 8 * 176;
    vi hi = vi_sll8(bits_at(p + 16, c % 8, 1), 4);

    (void)two;
    return vi_or(bits_at(p + 48 + c % 8 / 2 * 32, 4 * (c % 2), 15), hi);
}
AZ_INLINE vi row_q6_k(const uint8_t *row, size_t c, bool two)
{
    const uint8_t *p = row + c / 8 * 210;
    size_t half = c % 8 / 4, part = c % 4;
    vi hi = vi_sll8(bits_at(p + 128 + 32 * half, 2 * part, 3), 4);

    (void)two;
    return vi_or(bits_at(p + 64 * half + 32 * (part & 1), 4 * (part >> 1), 15), hi);
}
AZ_INLINE vi row_q2_k(const uint8_t *row, size_t c, bool two)
{
    (void)two;
    return bits_at(row + c / 8 * 84 + 16 + 32 * (c % 8 / 4), 2 * (c % 4), 3);
}
AZ_INLINE vi row_q3_k(const uint8_t *row, size_t c, bool two)
{
    const uint8_t *p = row + c / 8 * 110;
    vi hi = vi_sll8(bits_at(p, c % 8, 1), 2);

    (void)two;
    return vi_or(bits_at(p + 32 + 32 * (c % 8 / 4), 2 * (c % 4), 3), hi);
}

AZ_INLINE vi row_iq4_nl(const uint8_t *row, size_t c, bool two) /* signed */
{
    (void)two;
    return look_up(az_iq4_values, nibbles_legacy(row + c * 18 + 2));
}
AZ_INLINE vi row_mxfp4(const uint8_t *row, size_t c, bool two)
{
    (void)two;
    return vi_add8(look_up(az_e2m1_values, nibbles_legacy(row + c * 17 + 1)), vi_set8(12));
}
AZ_INLINE vi row_iq4_xs(const uint8_t *row, size_t c, bool two) /* signed */
{
    (void)two;
    return look_up(az_iq4_values, nibbles_legacy(row + c / 8 * 136 + 8 + c % 8 * 16));
}

/* Rows of core/affine.h, from their codes on. */
AZ_INLINE vi row_affine2(const uint8_t *q, size_t c, bool two)
{
    (void)two;
    return pairs_legacy(q + c * 8);
}
AZ_INLINE vi row_affine3(const uint8_t *q, size_t c, bool two)
{
    (void)two;
    return vi_or(pairs_legacy(q + c * 12), bits_legacy(q + c * 12 + 8, 4));
}
AZ_INLINE vi row_affine4(const uint8_t *q, size_t c, bool two)
{
    (void)two;
    return nibbles_legacy(q + c * 16);
}
AZ_INLINE vi row_affine5(const uint8_t *q, size_t c, bool two)
{
    (void)two;
    return vi_or(nibbles_legacy(q + c * 20), bits_legacy(q + c * 20 + 16, 16));
}
AZ_INLINE vi row_affine6(const uint8_t *q, size_t c, bool two)
{
    (void)two;
    return vi_or(nibbles_legacy(q + c * 24), vi_sll8(pairs_legacy(q + c * 24 + 16), 4));
}
AZ_INLINE vi row_affine8(const uint8_t *q, size_t c, bool two) /* signed */
{
    (void)two;
    return vi_load(q + c * 32);
}
AZ_INLINE vi row_nvfp4(const uint8_t *q, size_t c, bool two)
{
    (void)two;
    return vi_add8(look_up(az_e2m1_values, nibbles_legacy(q + c * 16)), vi_set8(12));
}

AZ_INLINE void store_scales(vi r[8], float (*s)[LANES])
{
    vi_transpose(r);
    for (int i = 0; i < 8; i++)
        vi_store(s[i], r[i]);
}
AZ_INLINE void scales_q4_k(const uint8_t *const p[8], float (*s)[LANES], float (*mn)[LANES])
{
    vi r[8], t[8];

    for (int i = 0; i < 8; i++) {
        uint8_t sc[8], m[8];

        az_scales_k(p[i] + 4, sc, m);
        r[i] = scaled8(sc, half_at(p[i]));
        t[i] = scaled8(m, half_at(p[i] + 2));
    }
    store_scales(r, s);
    store_scales(t, mn);
}
AZ_INLINE void scales_q5_k(const uint8_t *const p[8], float (*s)[LANES], float (*mn)[LANES])
{
    scales_q4_k(p, s, mn);
}
/* 16 signed bytes a row, at[i], times d[i]. */
AZ_INLINE void scales_16(const uint8_t (*b)[16], const float d[8], float (*s)[LANES])
{
    for (int h = 0; h < 2; h++) {
        vi r[8];

        for (int i = 0; i < 8; i++)
            r[i] = scaled8(b[i] + 8 * h, d[i]);
        store_scales(r, s + 8 * h);
    }
}
AZ_INLINE void scales_q6_k(const uint8_t *const p[8], float (*s)[LANES], float (*mn)[LANES])
{
    uint8_t b[8][16];
    float d[8];

    (void)mn;
    for (int i = 0; i < 8; i++) {
        memcpy(b[i], p[i] + 192, 16);
        d[i] = half_at(p[i] + 208);
    }
    scales_16((const uint8_t(*)[16])b, d, s);
}
AZ_INLINE void scales_q2_k(const uint8_t *const p[8], float (*s)[LANES], float (*mn)[LANES])
{
    uint8_t b[8][16], c[8][16];
    float d[8], e[8];

    for (int i = 0; i < 8; i++) {
        for (int j = 0; j < 16; j++) {
            b[i][j] = p[i][j] & 15;
            c[i][j] = p[i][j] >> 4;
        }
        d[i] = half_at(p[i] + 80);
        e[i] = half_at(p[i] + 82);
    }
    scales_16((const uint8_t(*)[16])b, d, s);
    scales_16((const uint8_t(*)[16])c, e, mn);
}
AZ_INLINE void scales_q3_k(const uint8_t *const p[8], float (*s)[LANES], float (*mn)[LANES])
{
    uint8_t b[8][16];
    float d[8];

    (void)mn;
    for (int i = 0; i < 8; i++) {
        az_scales_q3_k(p[i] + 96, b[i]);
        for (int j = 0; j < 16; j++)
            b[i][j] = (uint8_t)(b[i][j] - 32);
        d[i] = half_at(p[i] + 108);
    }
    scales_16((const uint8_t(*)[16])b, d, s);
}
AZ_INLINE void scales_iq4_xs(const uint8_t *const p[8], float (*s)[LANES], float (*mn)[LANES])
{
    vi r[8];

    (void)mn;
    for (int i = 0; i < 8; i++) {
        uint16_t high;
        int8_t sc[8];

        memcpy(&high, p[i] + 2, 2);
        for (size_t j = 0; j < 8; j++)
            sc[j] = (int8_t)az_scale_iq4_xs(high, p[i] + 4, j);
        r[i] = scaled8(sc, half_at(p[i]));
    }
    store_scales(r, s);
}

#endif
