/* The vector vocabulary of the product templates for AArch64: 8 lanes in two registers, one output row of weights in
 * each. Same names as x86/simd_avx512.h, where the comments are, and as x86/simd_avx2.h.
 *
 * Minimum and maximum give a NaN where either is one; the templates that need another order compare.
 */
#ifndef AZ_KERNEL_ARM_SIMD_NEON_H
#define AZ_KERNEL_ARM_SIMD_NEON_H

#include <arm_neon.h>
#include "base/compiler.h"
#include "kernel/decode_iq.h"
#include "kernel/kernel.h"
#include "kernel/math.h"

#include <string.h>

enum { LANES = 8, ROW_COLS = 32 };

typedef struct vi {
    int32x4_t a, b;
} vi;
typedef struct vf {
    float32x4_t a, b;
} vf;

/* An operation on both registers: of one operand, and of two. */
#define VI1(f, x)    ((vi){ f((x).a), f((x).b) })
#define VI2(f, x, y) ((vi){ f((x).a, (y).a), f((x).b, (y).b) })
#define VF1(f, x)    ((vf){ f((x).a), f((x).b) })
#define VF2(f, x, y) ((vf){ f((x).a, (y).a), f((x).b, (y).b) })

/* The same registers as other lanes. */
AZ_INLINE int8x16_t as8(int32x4_t v)
{
    return vreinterpretq_s8_s32(v);
}
AZ_INLINE int32x4_t of8(int8x16_t v)
{
    return vreinterpretq_s32_s8(v);
}
AZ_INLINE int32x4_t of_u8(uint8x16_t v)
{
    return vreinterpretq_s32_u8(v);
}
AZ_INLINE int32x4_t of_u32(uint32x4_t v)
{
    return vreinterpretq_s32_u32(v);
}

/* Any alignment: loads and stores go by bytes. */
AZ_INLINE int32x4_t load16(const void *p)
{
    return of_u8(vld1q_u8(p));
}
AZ_INLINE void store16(void *p, int32x4_t v)
{
    vst1q_u8(p, vreinterpretq_u8_s32(v));
}
AZ_INLINE vi vi_load(const void *p)
{
    return (vi){ load16(p), load16((const uint8_t *)p + 16) };
}
AZ_INLINE void vi_store(void *p, vi v)
{
    store16(p, v.a);
    store16((uint8_t *)p + 16, v.b);
}
AZ_INLINE vi vi_set32(int32_t v)
{
    return (vi){ vdupq_n_s32(v), vdupq_n_s32(v) };
}
AZ_INLINE vi vi_zero(void)
{
    return vi_set32(0);
}
AZ_INLINE vi vi_set8(int8_t b)
{
    return (vi){ of8(vdupq_n_s8(b)), of8(vdupq_n_s8(b)) };
}
AZ_INLINE vi vi_sub32(vi a, vi b)
{
    return VI2(vsubq_s32, a, b);
}
AZ_INLINE vi vi_add32(vi a, vi b)
{
    return VI2(vaddq_s32, a, b);
}
AZ_INLINE vi vi_and(vi a, vi b)
{
    return VI2(vandq_s32, a, b);
}
AZ_INLINE vi vi_or(vi a, vi b)
{
    return VI2(vorrq_s32, a, b);
}
AZ_INLINE vi vi_add8(vi a, vi b)
{
    return (vi){ of8(vaddq_s8(as8(a.a), as8(b.a))), of8(vaddq_s8(as8(a.b), as8(b.b))) };
}
AZ_INLINE int32x4_t sll(int32x4_t v, int n)
{
    return vshlq_s32(v, vdupq_n_s32(n));
}
AZ_INLINE int32x4_t srl(int32x4_t v, int n)
{
    return of_u32(vshlq_u32(vreinterpretq_u32_s32(v), vdupq_n_s32(-n)));
}
AZ_INLINE vi vi_sll32(vi v, int n)
{
    return (vi){ sll(v.a, n), sll(v.b, n) };
}
AZ_INLINE vi vi_srl32(vi v, int n)
{
    return (vi){ srl(v.a, n), srl(v.b, n) };
}
AZ_INLINE vi vi_sra32(vi v, int n)
{
    return (vi){ sll(v.a, -n), sll(v.b, -n) };
}
AZ_INLINE vi vi_sll8(vi v, int n)
{
    return vi_sll32(v, n);
}
AZ_INLINE vi high4(vi v)
{
    return (vi){ of_u8(vshrq_n_u8(vreinterpretq_u8_s32(v.a), 4)),
                 of_u8(vshrq_n_u8(vreinterpretq_u8_s32(v.b), 4)) };
}
AZ_INLINE uint16x8_t load_u16(const void *p)
{
    return vreinterpretq_u16_u8(vld1q_u8(p));
}
AZ_INLINE vi vi_of_u16(const uint16_t *p)
{
    uint16x8_t v = load_u16(p);

    return (vi){ of_u32(vmovl_u16(vget_low_u16(v))), of_u32(vmovl_high_u16(v)) };
}
AZ_INLINE vf vf_set(float f)
{
    return (vf){ vdupq_n_f32(f), vdupq_n_f32(f) };
}
AZ_INLINE vf vf_zero(void)
{
    return vf_set(0);
}
AZ_INLINE vf vf_of_bits(vi v)
{
    return VF1(vreinterpretq_f32_s32, v);
}
AZ_INLINE vi vf_bits(vf v)
{
    return VI1(vreinterpretq_s32_f32, v);
}
AZ_INLINE vf vf_load(const float *p)
{
    return vf_of_bits(vi_load(p));
}
AZ_INLINE void vf_store(float *p, vf v)
{
    vi_store(p, vf_bits(v));
}
AZ_INLINE vi vi_load_n(const void *p, size_t n)
{
    int32_t room[LANES] = { 0 };

    if (n >= LANES) return vi_load(p);
    for (size_t i = 0; i < n; i++)
        memcpy(room + i, (const uint8_t *)p + 4 * i, 4);
    return vi_load(room);
}
AZ_INLINE vf vf_load_n(const float *p, size_t n)
{
    return vf_of_bits(vi_load_n(p, n));
}
AZ_INLINE void vf_store_n(float *p, vf v, size_t n)
{
    float room[LANES];

    if (n >= LANES) {
        vf_store(p, v);
        return;
    }
    vf_store(room, v);
    for (size_t i = 0; i < n; i++)
        p[i] = room[i];
}
AZ_INLINE vf vf_of_int(vi v)
{
    return VF1(vcvtq_f32_s32, v);
}
/* The conversion takes the lower bits for a fraction. */
AZ_INLINE vf of_fixed(vi v, const int bytes)
{
    switch (bytes) {
    case 0: return vf_of_int(v);
    case 1: return (vf){ vcvtq_n_f32_s32(v.a, 8), vcvtq_n_f32_s32(v.b, 8) };
    case 2: return (vf){ vcvtq_n_f32_s32(v.a, 16), vcvtq_n_f32_s32(v.b, 16) };
    default: return (vf){ vcvtq_n_f32_s32(v.a, 24), vcvtq_n_f32_s32(v.b, 24) };
    }
}
AZ_INLINE vf vf_of_byte(vi v, const int i, const int mask) /* mask: below 128 */
{
    return of_fixed(vi_and(v, vi_set32(mask << 8 * i)), i);
}
AZ_INLINE vf vf_of_signed_byte(vi v, const int i)
{
    return i ? vf_of_int(vi_sra32(vi_sll32(v, 24 - 8 * i), 24)) : of_fixed(vi_sll32(v, 24), 3);
}
AZ_INLINE vi put_bits(vi low, vi h, int right, int left, int8_t mask)
{
    const uint8x16_t m = vdupq_n_u8((uint8_t)mask);
    const vi moved = left >= right ? vi_sll32(h, left - right) : vi_srl32(h, right - left);

    return (vi){ of_u8(vbslq_u8(m, vreinterpretq_u8_s32(moved.a), vreinterpretq_u8_s32(low.a))),
                 of_u8(vbslq_u8(m, vreinterpretq_u8_s32(moved.b), vreinterpretq_u8_s32(low.b))) };
}
AZ_INLINE vf vf_mul(vf a, vf b)
{
    return VF2(vmulq_f32, a, b);
}
AZ_INLINE vf vf_add(vf a, vf b)
{
    return VF2(vaddq_f32, a, b);
}
AZ_INLINE vf vf_sub(vf a, vf b)
{
    return VF2(vsubq_f32, a, b);
}
AZ_INLINE vf vf_div(vf a, vf b)
{
    return VF2(vdivq_f32, a, b);
}
AZ_INLINE vf vf_min(vf a, vf b)
{
    return VF2(vminq_f32, a, b);
}
AZ_INLINE vf vf_max(vf a, vf b)
{
    return VF2(vmaxq_f32, a, b);
}
AZ_INLINE vf vf_fma(vf a, vf b, vf c)
{
    return (vf){ vfmaq_f32(c.a, a.a, b.a), vfmaq_f32(c.b, a.b, b.b) };
}
AZ_INLINE vf vf_fnma(vf a, vf b, vf c)
{
    return (vf){ vfmsq_f32(c.a, a.a, b.a), vfmsq_f32(c.b, a.b, b.b) };
}
AZ_INLINE vf of_f16(uint16x8_t v)
{
    float16x8_t h = vreinterpretq_f16_u16(v);

    return (vf){ vcvt_f32_f16(vget_low_f16(h)), vcvt_high_f32_f16(h) };
}
AZ_INLINE vf of_bf16(uint16x8_t v)
{
    return vf_of_bits(
        (vi){ of_u32(vshll_n_u16(vget_low_u16(v), 16)), of_u32(vshll_high_n_u16(v, 16)) });
}
AZ_INLINE vf vf_of_f16(const az_f16 *p)
{
    return of_f16(load_u16(p));
}
AZ_INLINE vf vf_of_bf16(const az_bf16 *p)
{
    return of_bf16(load_u16(p));
}
AZ_INLINE vf vf_half(az_f16 h)
{
    float16x4_t v = vreinterpret_f16_u16(vdup_n_u16(h));

    return (vf){ vcvt_f32_f16(v), vcvt_f32_f16(v) };
}
AZ_INLINE vi vi_of_s8(const int8_t *p)
{
    int16x8_t v = vmovl_s8(vld1_s8(p));

    return (vi){ vmovl_s16(vget_low_s16(v)), vmovl_high_s16(v) };
}
AZ_INLINE vi vi_of_nibbles(const uint8_t *p, const int shift)
{
    uint8x8_t b = vld1_u8(p);
    uint16x8_t v = vmovl_u8(shift ? vshr_n_u8(b, 4) : vand_u8(b, vdup_n_u8(15)));

    return (vi){ of_u32(vmovl_u16(vget_low_u16(v))), of_u32(vmovl_high_u16(v)) };
}
AZ_INLINE void vf_to_f16(az_f16 *p, vf v)
{
    float16x8_t h = vcvt_high_f16_f32(vcvt_f16_f32(v.a), v.b);

    vst1q_u8((uint8_t *)p, vreinterpretq_u8_f16(h));
}
/* All lanes: halves, then neighbours. */
AZ_INLINE float vf_sum(vf v)
{
    return vaddvq_f32(vaddq_f32(v.a, v.b));
}
AZ_INLINE float vf_top(vf v)
{
    return vmaxvq_f32(vmaxq_f32(v.a, v.b));
}
AZ_INLINE vi vi_abs_bits(vf v)
{
    return vf_bits(VF1(vabsq_f32, v));
}
AZ_INLINE int32x4_t max_u32(int32x4_t a, int32x4_t b)
{
    return of_u32(vmaxq_u32(vreinterpretq_u32_s32(a), vreinterpretq_u32_s32(b)));
}
AZ_INLINE vi vi_max_u32(vi a, vi b)
{
    return VI2(max_u32, a, b);
}
AZ_INLINE uint32_t vi_top_u32(vi v)
{
    return vmaxvq_u32(vreinterpretq_u32_s32(max_u32(v.a, v.b)));
}
AZ_INLINE vf vf_times_2_pow(vf p, vf t)
{
    return vf_of_bits(vi_add32(vf_bits(p), vi_sll32(vf_bits(t), 23)));
}
AZ_INLINE vf select(uint32x4_t m, uint32x4_t n, vf yes, vf no)
{
    return (vf){ vbslq_f32(m, yes.a, no.a), vbslq_f32(n, yes.b, no.b) };
}
AZ_INLINE vf vf_between(vf v, int from, int to)
{
    static const int32_t lanes[LANES] = { 0, 1, 2, 3, 4, 5, 6, 7 };
    const vi lane = vi_load(lanes), low = vi_set32(from), end = vi_set32(to);

    return select(vandq_u32(vcgeq_s32(lane.a, low.a), vcltq_s32(lane.a, end.a)),
                  vandq_u32(vcgeq_s32(lane.b, low.b), vcltq_s32(lane.b, end.b)), v,
                  vf_set(-AZ_INFINITY));
}
AZ_INLINE vf vf_exp_edges(vf v, vf x)
{
    const vf min = vf_set(AZ_EXP_MIN), max = vf_set(AZ_EXP_MAX);

    v = select(vcltq_f32(x.a, min.a), vcltq_f32(x.b, min.b), vf_zero(), v);
    v = select(vcgtq_f32(x.a, max.a), vcgtq_f32(x.b, max.b), vf_set(AZ_INFINITY), v);
    return select(vceqq_f32(x.a, x.a), vceqq_f32(x.b, x.b), v, x);
}
AZ_INLINE vf vf_near(vf x, float limit, vf near, vf far)
{
    const vf l = vf_set(limit);

    return select(vcaltq_f32(x.a, l.a), vcaltq_f32(x.b, l.b), near, far);
}
AZ_INLINE int16x8_t low_halves(vi v)
{
    return vuzp1q_s16(vreinterpretq_s16_s32(v.a), vreinterpretq_s16_s32(v.b));
}
AZ_INLINE void vi_low_bytes(int8_t *p, const vi q[4])
{
    for (int i = 0; i < 4; i += 2)
        vst1q_s8(p + 8 * i, vuzp1q_s8(vreinterpretq_s8_s16(low_halves(q[i])),
                                      vreinterpretq_s8_s16(low_halves(q[i + 1]))));
}
/* Sums of the halves of 32 signed bytes. */
AZ_INLINE void byte_sums(const int8_t q[32], int16_t sum[2])
{
    sum[0] = vaddlvq_s8(vld1q_s8(q));
    sum[1] = vaddlvq_s8(vld1q_s8(q + 16));
}

/* Transpose 4 rows of 4 dwords. */
AZ_INLINE void transpose4(int32x4_t *a, int32x4_t *b, int32x4_t *c, int32x4_t *d)
{
    int64x2_t e = vreinterpretq_s64_s32(vtrn1q_s32(*a, *b));
    int64x2_t f = vreinterpretq_s64_s32(vtrn2q_s32(*a, *b));
    int64x2_t g = vreinterpretq_s64_s32(vtrn1q_s32(*c, *d));
    int64x2_t h = vreinterpretq_s64_s32(vtrn2q_s32(*c, *d));

    *a = vreinterpretq_s32_s64(vtrn1q_s64(e, g));
    *b = vreinterpretq_s32_s64(vtrn1q_s64(f, h));
    *c = vreinterpretq_s32_s64(vtrn2q_s64(e, g));
    *d = vreinterpretq_s32_s64(vtrn2q_s64(f, h));
}
AZ_INLINE void vi_transpose(vi r[8])
{
    transpose4(&r[0].a, &r[1].a, &r[2].a, &r[3].a);
    transpose4(&r[0].b, &r[1].b, &r[2].b, &r[3].b);
    transpose4(&r[4].a, &r[5].a, &r[6].a, &r[7].a);
    transpose4(&r[4].b, &r[5].b, &r[6].b, &r[7].b);
    for (int i = 0; i < 4; i++) {
        int32x4_t t = r[i].b;

        r[i].b = r[4 + i].a;
        r[4 + i].a = t;
    }
}

/* Sums of the dwords of four vectors. */
AZ_INLINE int32x4_t sum4(int32x4_t a, int32x4_t b, int32x4_t c, int32x4_t d)
{
    return vpaddq_s32(vpaddq_s32(a, b), vpaddq_s32(c, d));
}
AZ_INLINE void vi_reduce16(const vi r[8], vi s[2])
{
    s[0] = (vi){ sum4(r[0].a, r[1].a, r[2].a, r[3].a), sum4(r[4].a, r[5].a, r[6].a, r[7].a) };
    s[1] = (vi){ sum4(r[0].b, r[1].b, r[2].b, r[3].b), sum4(r[4].b, r[5].b, r[6].b, r[7].b) };
}
/* dot_row has added the other register already. */
AZ_INLINE void vi_reduce32(const vi r[8], vi s[1])
{
    s[0] = (vi){ sum4(r[0].a, r[1].a, r[2].a, r[3].a), sum4(r[4].a, r[5].a, r[6].a, r[7].a) };
}

AZ_INLINE vi row_act(const az_q8_block *x, bool two)
{
    (void)two;
    return vi_load(x->q);
}

AZ_INLINE vi nibbles_legacy(const uint8_t *qs)
{
    uint8x16_t x = vld1q_u8(qs);

    return (vi){ of_u8(vandq_u8(x, vdupq_n_u8(15))), of_u8(vshrq_n_u8(x, 4)) };
}
AZ_INLINE vi pairs_legacy(const uint8_t *p)
{
    static const int8_t shift[32] = { 0,  0,  0,  0,  0,  0,  0,  0,  -2, -2, -2,
                                      -2, -2, -2, -2, -2, -4, -4, -4, -4, -4, -4,
                                      -4, -4, -6, -6, -6, -6, -6, -6, -6, -6 };
    uint8x8_t x = vld1_u8(p);
    uint8x16_t v = vcombine_u8(x, x), three = vdupq_n_u8(3);

    return (vi){ of_u8(vandq_u8(vshlq_u8(v, vld1q_s8(shift)), three)),
                 of_u8(vandq_u8(vshlq_u8(v, vld1q_s8(shift + 16)), three)) };
}
/* Bit i of four bytes to byte i, as 0 or `value`. */
AZ_INLINE vi bits_legacy(const uint8_t *p, int8_t value)
{
    static const uint8_t each[32] = { 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1,
                                      2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3 };
    const uint8x16_t bit = vreinterpretq_u8_u64(vdupq_n_u64(0x8040201008040201ull)),
                     to = vdupq_n_u8((uint8_t)value);
    uint8x16_t all;
    uint32_t word;

    memcpy(&word, p, 4);
    all = vreinterpretq_u8_u32(vdupq_n_u32(word));
    return (vi){ of_u8(vandq_u8(vtstq_u8(vqtbl1q_u8(all, vld1q_u8(each)), bit), to)),
                 of_u8(vandq_u8(vtstq_u8(vqtbl1q_u8(all, vld1q_u8(each + 16)), bit), to)) };
}
/* (bytes >> n) & mask */
AZ_INLINE vi bits_at(const uint8_t *p, size_t n, int8_t mask)
{
    const int8x16_t right = vdupq_n_s8((int8_t) - (int)n);
    const uint8x16_t keep = vdupq_n_u8((uint8_t)mask);

    return (vi){ of_u8(vandq_u8(vshlq_u8(vld1q_u8(p), right), keep)),
                 of_u8(vandq_u8(vshlq_u8(vld1q_u8(p + 16), right), keep)) };
}
AZ_INLINE vi look_up(const int8_t table[16], vi codes)
{
    const int8x16_t t = vld1q_s8(table);

    return (vi){ of8(vqtbl1q_s8(t, vreinterpretq_u8_s32(codes.a))),
                 of8(vqtbl1q_s8(t, vreinterpretq_u8_s32(codes.b))) };
}
/* 8 stored signed bytes as floats times d. */
AZ_INLINE vi scaled8(const void *b, float d)
{
    return vf_bits(vf_mul(vf_of_int(vi_of_s8(b)), vf_set(d)));
}
AZ_INLINE float half_at(const uint8_t *p)
{
    az_f16 h;

    memcpy(&h, p, 2);
    return vgetq_lane_f32(vf_half(h).a, 0);
}

AZ_INLINE vi vi_high16(vi v)
{
    return vi_srl32(v, 16);
}
/* The low 16 bits of every dword as a number. */
AZ_INLINE vf vf_of_low_f16(vi v)
{
    return of_f16(vreinterpretq_u16_s16(low_halves(v)));
}
AZ_INLINE vf vf_of_low_bf16(vi v)
{
    return vf_of_bits(vi_sll32(v, 16));
}
/* The byte at bit `at` of every dword as an 8-bit float, 2^8 too small. */
AZ_INLINE vf vf_of_byte_e4m3(vi v, int at)
{
    vi x = vi_srl32(v, at);

    return vf_of_low_f16(
        vi_or(vi_and(vi_sll32(x, 7), vi_set32(0x3f80)), vi_and(vi_sll32(x, 8), vi_set32(0x8000))));
}
/* LANES 8-bit floats (E4M3), 2^8 too small. */
AZ_INLINE vf vf_of_e4m3(const uint8_t *p)
{
    uint16x8_t v = vmovl_u8(vld1_u8(p));

    return of_f16(vorrq_u16(vandq_u16(vshlq_n_u16(v, 7), vdupq_n_u16(0x3f80)),
                            vandq_u16(vshlq_n_u16(v, 8), vdupq_n_u16(0x8000))));
}

#include "kernel/simd/rows32.h"

#endif
