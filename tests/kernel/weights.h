/* Random stored weights with sane scales, for every type that has a product kernel. */
#ifndef AZ_TESTS_KERNEL_WEIGHTS_H
#define AZ_TESTS_KERNEL_WEIGHTS_H

#include "core/half.h"
#include "kernel/guard.h"
#include "kernel/kernel.h"

static const struct {
    az_type type;
    int d, m; /* byte offsets of the half-precision fields, -1: none */
} weight_types[] = {
    { AZ_F32, -1, -1 },    { AZ_F16, -1, -1 },   { AZ_BF16, -1, -1 },  { AZ_Q4_0, 0, -1 },
    { AZ_Q4_1, 0, 2 },     { AZ_Q5_0, 0, -1 },   { AZ_Q5_1, 0, 2 },    { AZ_Q8_0, 0, -1 },
    { AZ_Q2_K, 80, 82 },   { AZ_Q3_K, 108, -1 }, { AZ_Q4_K, 0, 2 },    { AZ_Q5_K, 0, 2 },
    { AZ_Q6_K, 208, -1 },  { AZ_IQ4_NL, 0, -1 }, { AZ_IQ4_XS, 0, -1 }, { AZ_MXFP4, -1, -1 },
    { AZ_IQ2_XXS, 0, -1 }, { AZ_IQ2_XS, 0, -1 }, { AZ_IQ2_S, 0, -1 },  { AZ_IQ3_XXS, 0, -1 },
    { AZ_IQ3_S, 0, -1 },   { AZ_IQ1_S, 0, -1 },  { AZ_IQ1_M, -1, -1 }, { AZ_TQ1_0, 52, -1 },
    { AZ_TQ2_0, 64, -1 },
};
enum { N_WEIGHT_TYPES = sizeof weight_types / sizeof weight_types[0] };

static void put_f16(uint8_t *p, float f)
{
    az_f16 h = az_f32_to_f16(f);

    memcpy(p, &h, 2);
}

/* Fill `bytes` of whole blocks of weight_types[i]. */
static inline void rand_weights(size_t i, uint8_t *p, size_t bytes, uint64_t *seed)
{
    const az_type_info *t = az_type_get(weight_types[i].type);

    for (size_t at = 0; at < bytes; at += t->bytes) {
        for (size_t j = 0; j < t->bytes; j++)
            p[at + j] = (uint8_t)rand_u32(seed);
        if (weight_types[i].d >= 0) put_f16(p + at + weight_types[i].d, rand_f32(seed, 0.01f));
        if (weight_types[i].m >= 0) put_f16(p + at + weight_types[i].m, rand_f32(seed, 0.05f));
        if (weight_types[i].type == AZ_MXFP4) p[at] = (uint8_t)(110 + rand_u32(seed) % 16);
        if (weight_types[i].type == AZ_IQ1_M) /* the exponent's bits of a scale in four parts */
            p[at + 55] = (uint8_t)((p[at + 55] & 0x8f) | 0x20);
        if (weight_types[i].type == AZ_F32) {
            float f = rand_f32(seed, 1);
            memcpy(p + at, &f, 4);
        } else if (weight_types[i].type == AZ_F16) {
            put_f16(p + at, rand_f32(seed, 1));
        } else if (weight_types[i].type == AZ_BF16) {
            uint16_t h = az_f32_to_bf16(rand_f32(seed, 1));
            memcpy(p + at, &h, 2);
        }
    }
}

#endif
