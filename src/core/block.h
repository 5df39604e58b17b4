/* Byte layouts of quantized blocks, exactly as GGUF files hold them (little-endian, no padding).
 *
 * f16 fields are raw uint16_t. Element order and decoding rules: facts in docs/internals.md, "blocks";
 * source: ggml-common.h of ggml, 2026-08-21.
 */
#ifndef AZ_CORE_BLOCK_H
#define AZ_CORE_BLOCK_H

#include <stdint.h>

typedef uint16_t az_f16;  /* IEEE half, raw bits */
typedef uint16_t az_bf16; /* upper half of an f32, raw bits */

enum { AZ_QK = 32, AZ_QK_K = 256 };

typedef struct az_block_q4_0 {
    az_f16 d;
    uint8_t qs[16];
} az_block_q4_0;
typedef struct az_block_q4_1 {
    az_f16 d, m;
    uint8_t qs[16];
} az_block_q4_1;
typedef struct az_block_q5_0 {
    az_f16 d;
    uint8_t qh[4], qs[16];
} az_block_q5_0;
typedef struct az_block_q5_1 {
    az_f16 d, m;
    uint8_t qh[4], qs[16];
} az_block_q5_1;
typedef struct az_block_q8_0 {
    az_f16 d;
    int8_t qs[32];
} az_block_q8_0;
typedef struct az_block_q2_k {
    uint8_t scales[16], qs[64];
    az_f16 d, dmin;
} az_block_q2_k;
typedef struct az_block_q3_k {
    uint8_t hmask[32], qs[64], scales[12];
    az_f16 d;
} az_block_q3_k;
typedef struct az_block_q4_k {
    az_f16 d, dmin;
    uint8_t scales[12], qs[128];
} az_block_q4_k;
typedef struct az_block_q5_k {
    az_f16 d, dmin;
    uint8_t scales[12], qh[32], qs[128];
} az_block_q5_k;
typedef struct az_block_q6_k {
    uint8_t ql[128], qh[64];
    int8_t scales[16];
    az_f16 d;
} az_block_q6_k;
typedef struct az_block_iq4_nl {
    az_f16 d;
    uint8_t qs[16];
} az_block_iq4_nl;
typedef struct az_block_iq4_xs {
    az_f16 d;
    uint16_t scales_h;
    uint8_t scales_l[4], qs[128];
} az_block_iq4_xs;
typedef struct az_block_mxfp4 {
    uint8_t e, qs[16];
} az_block_mxfp4;
/* The grid types and the ternary ones are read by byte offsets: kernel/decode_iq.c. */

_Static_assert(sizeof(az_block_q4_0) == 18, "q4_0");
_Static_assert(sizeof(az_block_q5_0) == 22, "q5_0");
_Static_assert(sizeof(az_block_q5_1) == 24, "q5_1");
_Static_assert(sizeof(az_block_q8_0) == 34, "q8_0");
_Static_assert(sizeof(az_block_q2_k) == 84, "q2_k");
_Static_assert(sizeof(az_block_q3_k) == 110, "q3_k");
_Static_assert(sizeof(az_block_q4_k) == 144, "q4_k");
_Static_assert(sizeof(az_block_q5_k) == 176, "q5_k");
_Static_assert(sizeof(az_block_q6_k) == 210, "q6_k");
_Static_assert(sizeof(az_block_iq4_nl) == 18, "iq4_nl");
_Static_assert(sizeof(az_block_iq4_xs) == 136, "iq4_xs");
_Static_assert(sizeof(az_block_mxfp4) == 17, "mxfp4");

#endif
