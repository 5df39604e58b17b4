/* Decoding of every block type, bit for bit as PyPI's gguf package does it: checksums over generated blocks. See
 * tools/golden/make_dequant.py, which makes tests/data/golden/dequant.json and has the same generator. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "codec/codec.h"
#include "core/half.h"

enum { BLOCKS = 1024, MAX_BYTES = 256, CORNERS = 8 };

/* Offsets of the f16 fields, -1: none. */
static const struct {
    az_type type;
    int f16[2];
} types[] = {
    { AZ_Q8_0, { 0, -1 } },   { AZ_Q4_0, { 0, -1 } },   { AZ_Q4_1, { 0, 2 } },
    { AZ_Q5_0, { 0, -1 } },   { AZ_Q5_1, { 0, 2 } },    { AZ_Q2_K, { 80, 82 } },
    { AZ_Q3_K, { 108, -1 } }, { AZ_Q4_K, { 0, 2 } },    { AZ_Q5_K, { 0, 2 } },
    { AZ_Q6_K, { 208, -1 } }, { AZ_IQ4_NL, { 0, -1 } }, { AZ_IQ4_XS, { 0, -1 } },
    { AZ_MXFP4, { -1, -1 } }, { AZ_IQ3_S, { 0, -1 } },  { AZ_IQ3_XXS, { 0, -1 } },
    { AZ_IQ2_S, { 0, -1 } },  { AZ_IQ2_XS, { 0, -1 } }, { AZ_IQ2_XXS, { 0, -1 } },
    { AZ_IQ1_S, { 0, -1 } },  { AZ_IQ1_M, { -1, -1 } }, { AZ_TQ1_0, { 52, -1 } },
    { AZ_TQ2_0, { 64, -1 } },
};

/* Number i (from 1) of a stream: the finalizer of splitmix64 over i * golden ratio + seed. */
static uint64_t splitmix(uint64_t seed, uint64_t i)
{
    uint64_t z = i * 0x9e3779b97f4a7c15u + seed;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static void make_block(size_t which, size_t b, uint8_t *p)
{
    static const uint16_t corners[CORNERS] = { 0x0000, 0x8000, 0x0001, 0x83ff,
                                               0x7bff, 0xfbff, 0x3c00, 0x1400 };
    const az_type_info *t = az_type_get(types[which].type);

    for (size_t i = 0; i < t->bytes; i++)
        p[i] = (uint8_t)splitmix(t->gguf_id, b * t->bytes + i + 1);
    for (size_t k = 0; k < 2 && types[which].f16[k] >= 0; k++) {
        uint16_t h;
        memcpy(&h, p + types[which].f16[k], 2);
        if ((h & 0x7c00) == 0x7c00) h &= 0xbfff;
        if (b < CORNERS) h = corners[(b + k) % CORNERS];
        memcpy(p + types[which].f16[k], &h, 2);
    }
    if (types[which].type == AZ_MXFP4) p[0] %= 253;
    if (types[which].type == AZ_IQ1_M) p[55] &= 0xbf;
}

static uint64_t sum_of(size_t which)
{
    static float x[256];
    uint8_t block[MAX_BYTES + 1], *p = block + 1; /* unaligned */
    const az_codec *c = az_codec_get(types[which].type);
    uint32_t n = az_type_get(types[which].type)->elems;
    uint64_t sum = 0;

    for (size_t b = 0; b < BLOCKS; b++) {
        make_block(which, b, p);
        c->unpack(az_kernels_default(), p, x, n);
        for (size_t i = 0; i < n; i++)
            sum += (uint64_t)az_f32_bits(x[i]) * (2 * (b * n + i) + 1);
    }
    return sum;
}

static void values_are_gguf_s(void **state)
{
    json_t *golden = json_load_file("tests/data/golden/dequant.json", 0, NULL);
    const json_t *sums = json_object_get(golden, "sums");
    size_t blocks = 0;

    (void)state;
    assert_int_equal(json_object_size(sums), AZ_COUNT(types));
    for (size_t i = 0; i < AZ_COUNT(types); i++) {
        const char *name = az_type_get(types[i].type)->name,
                   *want = json_string_value(json_object_get(sums, name));
        char got[32];
        snprintf(got, sizeof got, "%016llx", (unsigned long long)sum_of(i));
        if (!want || strcmp(got, want) != 0) fail_msg("%s: %s, gguf %s", name, got, want);
    }
    for (const az_codec *const *c = az_codecs; *c; c++)
        blocks += az_type_get((*c)->type)->quantized;
    assert_int_equal(blocks, AZ_COUNT(types)); /* none is left out */
    json_decref(golden);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(values_are_gguf_s) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
