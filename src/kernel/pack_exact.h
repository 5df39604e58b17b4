/* Blocks whose values a weight type holds exactly: found again without any search.
 *
 * Values that were decoded from a block come back as that block wherever the block can be told from its
 * values. See docs/quantization.md, "Exact values", for where it cannot.
 */
#ifndef AZ_KERNEL_PACK_EXACT_H
#define AZ_KERNEL_PACK_EXACT_H

#include <stdbool.h>
#include <stdint.h>

/* One block of 32: x = d * c, lo <= c <= hi. */
typedef struct az_exact_sym {
    float d;
    int c[32];
} az_exact_sym;
bool az_exact_sym_find(const float *x, int lo, int hi, az_exact_sym *out);

/* One block of 32: x = d * q + m, 0 <= q <= top. */
typedef struct az_exact_affine {
    float d, m;
    int q[32];
} az_exact_affine;
bool az_exact_affine_find(const float *x, int top, az_exact_affine *out);

/* A super-block in parts of 256 / parts: x = (d * sc) * c, or (d * sc) * c - dmin * mn. */
typedef struct az_exact_super {
    float d, dmin;
    int sc[16], mn[16], c[256];
} az_exact_super;
/* lo <= c <= hi, sc_lo <= sc <= -sc_lo - 1; 16 parts. */
bool az_exact_super_sym_find(const float *x, int lo, int hi, int sc_lo, az_exact_super *out);
/* 0 <= c <= top, 0 <= sc, mn <= sc_top; 8 or 16 parts. */
bool az_exact_super_affine_find(const float *x, int parts, int top, int sc_top,
                                az_exact_super *out);

/* The same for codes that stand for the values of az_iq4_values. d, sc and q stay as they are where there is
 * no such block. One block of 32: x = d * value. */
bool az_exact_table_find(const float *x, float *d, uint8_t q[32]);
/* A super-block of 8 parts: x = (d * sc) * value, -32 <= sc <= 31. */
bool az_exact_super_table_find(const float *x, float *d, float sc[8], uint8_t q[256]);

#endif
