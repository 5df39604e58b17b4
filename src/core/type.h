/* Weight types: one X-list gives each its GGUF id, block size and name.
 *
 * Source: ggml's type ids and block layouts (ggml-common.h, 2026-08-21); see core/block.h for the fields.
 */
#ifndef AZ_CORE_TYPE_H
#define AZ_CORE_TYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* clang-format off */
/* name, GGUF id, elements per block, bytes per block, text */
#define AZ_TYPE_MAP(X)                                                                             \
    X(F32, 0, 1, 4, "f32")                                                                         \
    X(F16, 1, 1, 2, "f16")                                                                         \
    X(BF16, 30, 1, 2, "bf16")                                                                      \
    X(F64, 28, 1, 8, "f64") X(I8, 24, 1, 1, "i8") X(I16, 25, 1, 2, "i16") X(I32, 26, 1, 4, "i32")  \
        X(I64, 27, 1, 8, "i64") X(Q4_0, 2, 32, 18, "q4_0") X(Q4_1, 3, 32, 20, "q4_1")              \
            X(Q5_0, 6, 32, 22, "q5_0") X(Q5_1, 7, 32, 24, "q5_1") X(Q8_0, 8, 32, 34, "q8_0")       \
                X(Q2_K, 10, 256, 84, "q2_k") X(Q3_K, 11, 256, 110, "q3_k")                         \
                    X(Q4_K, 12, 256, 144, "q4_k") X(Q5_K, 13, 256, 176, "q5_k")                    \
                        X(Q6_K, 14, 256, 210, "q6_k") X(IQ2_XXS, 16, 256, 66, "iq2_xxs")           \
                            X(IQ2_XS, 17, 256, 74, "iq2_xs") X(IQ3_XXS, 18, 256, 98, "iq3_xxs")    \
                                X(IQ1_S, 19, 256, 50, "iq1_s") X(IQ4_NL, 20, 32, 18, "iq4_nl")     \
                                    X(IQ3_S, 21, 256, 110, "iq3_s") X(IQ2_S, 22, 256, 82, "iq2_s") \
                                        X(IQ4_XS, 23, 256, 136, "iq4_xs")                          \
                                            X(IQ1_M, 29, 256, 56, "iq1_m")                         \
                                                X(TQ1_0, 34, 256, 54, "tq1_0")                     \
                                                    X(TQ2_0, 35, 256, 66, "tq2_0")                 \
                                                        X(MXFP4, 39, 32, 17, "mxfp4")
/* Element types of safetensors that no GGUF has: parts of packed tensors (core/packed.h) are stored in them. */
#define AZ_STORAGE_TYPE_MAP(X)                                                                     \
    X(U8, AZ_NO_GGUF, 1, 1, "u8") X(U16, AZ_NO_GGUF, 1, 2, "u16") X(U32, AZ_NO_GGUF, 1, 4, "u32")  \
    X(U64, AZ_NO_GGUF, 1, 8, "u64") X(BOOL, AZ_NO_GGUF, 1, 1, "bool")                              \
    X(F8_E4M3, AZ_NO_GGUF, 1, 1, "f8_e4m3") X(F8_E5M2, AZ_NO_GGUF, 1, 1, "f8_e5m2")                \
    X(F8_E8M0, AZ_NO_GGUF, 1, 1, "f8_e8m0")
/* What the engine makes of packed tensors, in memory only (core/affine.h); bytes are those of the codes. */
#define AZ_AFFINE_TYPE_MAP(X)                                                                      \
    X(AFFINE2, AZ_NO_GGUF, 32, 8, "affine2") X(AFFINE3, AZ_NO_GGUF, 32, 12, "affine3")             \
    X(AFFINE4, AZ_NO_GGUF, 32, 16, "affine4") X(AFFINE5, AZ_NO_GGUF, 32, 20, "affine5")            \
    X(AFFINE6, AZ_NO_GGUF, 32, 24, "affine6") X(AFFINE8, AZ_NO_GGUF, 32, 32, "affine8")            \
    X(NVFP4, AZ_NO_GGUF, 32, 16, "nvfp4") X(FP8, AZ_NO_GGUF, 32, 32, "fp8")
/* clang-format on */

#define AZ_NO_GGUF UINT32_MAX

#define AZ_X(name, id, elems, bytes, text) AZ_##name,
typedef enum az_type {
    AZ_TYPE_MAP(AZ_X) AZ_STORAGE_TYPE_MAP(AZ_X) AZ_AFFINE_TYPE_MAP(AZ_X) AZ_TYPE_COUNT
} az_type;
#undef AZ_X

typedef struct az_type_info {
    const char *name; /* "q4_k" */
    uint32_t gguf_id; /* AZ_NO_GGUF: no GGUF has it */
    uint32_t elems;   /* elements per block; rows never share a block */
    uint32_t bytes;   /* bytes per block */
    bool quantized;   /* more than one element a block */
} az_type_info;

const az_type_info *az_type_get(az_type t);
/* Is it one that only holds parts, or that only adze's own readers decode? */
static inline bool az_type_is_storage(az_type t)
{
    return t >= AZ_U8;
}
/* Is it one of core/affine.h? */
static inline bool az_type_is_affine(az_type t)
{
    return t >= AZ_AFFINE2;
}
/* True and *out on success. */
bool az_type_from_gguf(uint32_t id, az_type *out);
bool az_type_from_name(const char *name, az_type *out);
double az_type_bits_per_weight(az_type t);
/* Bytes of a row of n elements; false when n is not a multiple of the block or the size overflows. */
bool az_type_row_bytes(az_type t, uint64_t n, uint64_t *bytes);

#endif
