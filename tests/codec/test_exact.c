/* Values that came out of a block go back into that block; every instruction set writes the same bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "codec/blocks.h"
#include "kernel/levels.h"

enum { ROW = 2048, MAX_BYTES = ROW * 4 };

static uint8_t a[MAX_BYTES], b[MAX_BYTES];
static float x[ROW], y[ROW];

/* Pack and unpack x (n values) into b and y, with row bytes canaries. */
static void there_and_back(const az_kernels *k, az_type t, size_t n)
{
    const az_codec *c = az_codec_get(t);
    uint64_t bytes;

    assert_true(az_type_row_bytes(t, n, &bytes));
    b[bytes] = 0xa5;
    c->pack(k, x, NULL, n, b);
    assert_int_equal(b[bytes], 0xa5);
    c->unpack(k, b, y, n);
}

/* Share of random blocks whose values survive, of which the bytes do. */
static void random_values(const struct block_type *t, bool any_sign, double want)
{
    const az_kernels *k = az_kernels_default();
    const az_type_info *info = az_type_get(t->type);
    size_t n = ROW / info->elems, blocks = 0, values = 0, bytes = 0;

    for (int row = 0; row < 1600 / (int)n + 50; row++) {
        for (size_t i = 0; i < n; i++)
            random_block(t, a + i * info->bytes, any_sign);
        az_codec_get(t->type)->unpack(k, a, x, ROW);
        there_and_back(k, t->type, ROW);
        for (size_t i = 0; i < n; i++, blocks++) {
            values += memcmp(x + i * info->elems, y + i * info->elems, 4 * info->elems) == 0;
            bytes += memcmp(a + i * info->bytes, b + i * info->bytes, info->bytes) == 0;
        }
    }
    print_message("%s%s: %zu random blocks, values kept %.4f, bytes kept %.3f\n", info->name,
                  any_sign ? ", any sign" : "", blocks, (double)values / (double)blocks,
                  (double)bytes / (double)blocks);
    assert_true((double)values >= want * (double)blocks);
}

static void values_of_random_blocks_survive(void **state)
{
    (void)state;
    for (size_t t = 0; t < AZ_COUNT(block_types); t++) {
        random_values(&block_types[t], false, 1);
        random_values(&block_types[t], true, 0.998);
    }
}

static void bytes_of_telling_blocks_survive(void **state)
{
    (void)state;
    for (size_t t = 0; t < AZ_COUNT(block_types); t++) {
        const az_type_info *info = az_type_get(block_types[t].type);
        for (int row = 0; row < 60; row++) {
            for (size_t i = 0; i < ROW / info->elems; i++)
                telling_block(&block_types[t], a + i * info->bytes);
            az_codec_get(block_types[t].type)->unpack(az_kernels_default(), a, x, ROW);
            there_and_back(az_kernels_default(), block_types[t].type, ROW);
            for (size_t i = 0; i < ROW / info->elems; i++)
                if (memcmp(a + i * info->bytes, b + i * info->bytes, info->bytes) != 0)
                    fail_msg("%s: row %d block %zu", info->name, row, i);
        }
    }
}

static void packing_again_changes_nothing(void **state)
{
    (void)state;
    for (size_t t = 0; t < AZ_COUNT(block_types); t++) {
        static uint8_t first[MAX_BYTES];
        az_type type = block_types[t].type;
        uint64_t bytes;
        assert_true(az_type_row_bytes(type, ROW, &bytes));
        for (int row = 0; row < 20; row++) {
            for (int i = 0; i < ROW; i++)
                x[i] =
                    0.02f * ((float)rnd(1000) + (float)rnd(1000) + (float)rnd(1000) - 1500) / 500;
            there_and_back(az_kernels_default(), type, ROW);
            memcpy(first, b, bytes);
            memcpy(x, y, sizeof x);
            there_and_back(az_kernels_default(), type, ROW);
            assert_memory_equal(x, y, sizeof x);
            memcpy(a, b, bytes);
            there_and_back(az_kernels_default(), type, ROW);
            assert_memory_equal(a, b, bytes);
        }
    }
}

/* Blocks worked out by hand for x[i] = i - 16. */
static void worked_blocks(void **state)
{
    static const uint8_t q4_0[] = { 0x00, 0x40, 0x80, 0x91, 0x91, 0xa2, 0xa2, 0xb3, 0xb3,
                                    0xc4, 0xc4, 0xd5, 0xd5, 0xe6, 0xe6, 0xf7, 0xf7, 0xf8 };
    static const uint8_t q5_1[] = { 0x00, 0x3c, 0x00, 0xcc, 0x00, 0x00, 0xff, 0xff,
                                    0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                    0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff };
    static const uint8_t scales[] = { 0x81, 0x8a, 0xd3, 0xdc, 0x42, 0x89,
                                      0x90, 0xd7, 0xe5, 0x5e, 0xc7, 0x3f };
    static const uint8_t sc[] = { 1, 10, 19, 28, 37, 46, 55, 63 },
                         mn[] = { 2, 9, 16, 23, 30, 37, 44, 51 };
    az_block_q4_k k4;
    uint8_t gs[8], gm[8];

    (void)state;
    for (int i = 0; i < 32; i++)
        x[i] = (float)(i - 16);
    there_and_back(az_kernels_default(), AZ_Q5_1, 32);
    assert_memory_equal(b, q5_1, sizeof q5_1);
    there_and_back(az_kernels_default(), AZ_Q5_0, 32);
    assert_memory_equal(b, q5_1, 2);                       /* d = 1 */
    assert_memory_equal(b + 2, q5_1 + 4, sizeof q5_1 - 4); /* the same codes, no minimum */
    there_and_back(az_kernels_default(), AZ_Q8_0, 32);
    assert_memory_equal(x, y, 32 * sizeof *x);
    az_codec_get(AZ_Q4_0)->unpack(az_kernels_default(), q4_0, y, 32);
    assert_true(y[0] == -16 && y[1] == -14 && y[31] == 14 && y[16] == 0);
    /* scales and minima of q4_k in their twelve bytes */
    for (int j = 0; j < 8; j++)
        for (int i = 0; i < 32; i++)
            x[32 * j + i] = (float)(sc[j] * (i % 16) - mn[j]);
    there_and_back(az_kernels_default(), AZ_Q4_K, 256);
    memcpy(&k4, b, sizeof k4);
    assert_memory_equal(k4.scales, scales, sizeof scales);
    az_scales_k(k4.scales, gs, gm);
    assert_memory_equal(gs, sc, 8);
    assert_memory_equal(gm, mn, 8);
}

static float bell(void)
{
    return ((float)rnd(1000) + (float)rnd(1000) + (float)rnd(1000) - 1500) / 500;
}

enum { KINDS = 12 };

/* Rows that have broken quantizers. */
static const char *fill(int kind)
{
    static const char *const names[KINDS] = { "normal",    "outlier", "tiny",       "denormal",
                                              "huge",      "zero",    "minus zero", "constant",
                                              "one value", "bf16",    "exact",      "steps" };

    for (int i = 0; i < ROW; i++) {
        float v = 0.02f * bell();
        switch (kind) {
        case 1: v = rnd(200) == 0 ? v * 100 : v; break;
        case 2: v *= 1e-6f; break;
        case 3: v *= 1e-38f; break;
        case 4: v = v * 1e38f * 100; break;
        case 5: v = 0; break;
        case 6: v = -0.0f; break;
        case 7: v = 0.0371f * (float)(i / 256 % 2 ? -1 : 1); break;
        case 8: v = i % 256 == 77 ? 5.3f : 0; break;
        case 9: v = az_bf16_to_f32(az_f32_to_bf16(v)); break;
        case 10: v = (float)((int)rnd(16) - 8) * 0.25f; break;
        case 11: v = 0.3f * (float)(i / 32 % 8) + 0.001f * v; break;
        default: break;
        }
        x[i] = v > 3e38f ? 3e38f : v < -3e38f ? -3e38f : v;
    }
    return names[kind];
}

static void every_level_writes_the_same_bytes(void **state)
{
    static uint8_t want[MAX_BYTES];
    static float imp[ROW];
    az_kernels k;

    (void)state;
    for (int kind = 0; kind < KINDS; kind++)
        for (size_t t = 0; t < AZ_COUNT(block_types); t++)
            for (int with = 0; with < 2; with++) {
                az_type type = block_types[t].type;
                const char *what = fill(kind);
                size_t n = ROW - 256; /* an odd number of super-blocks */
                uint64_t bytes;
                for (int i = 0; i < ROW; i++)
                    imp[i] = (float)rnd(1000) * (rnd(50) ? 1 : 100);
                assert_true(az_type_row_bytes(type, n, &bytes));
                for (size_t l = 0; levels_get(l, &k); l++) {
                    az_codec_get(type)->pack(&k, x, with ? imp : NULL, n, l ? b : want);
                    if (l && memcmp(b, want, bytes) != 0)
                        fail_msg("%s, %s: %s differs from c", az_type_get(type)->name, what, k.isa);
                }
            }
}

/* However odd the row, what is written decodes to finite values that are not far off. */
static void odd_rows_stay_finite(void **state)
{
    (void)state;
    for (int kind = 0; kind < KINDS; kind++)
        for (size_t t = 0; t < AZ_COUNT(block_types); t++) {
            const char *what = fill(kind);
            double err = 0, ref = 0;
            there_and_back(az_kernels_default(), block_types[t].type, ROW);
            for (int i = 0; i < ROW; i++) {
                if (!isfinite(y[i]))
                    fail_msg("%s, %s: %a", az_type_get(block_types[t].type)->name, what,
                             (double)y[i]);
                err += ((double)x[i] - y[i]) * ((double)x[i] - y[i]);
                ref += (double)x[i] * x[i];
            }
            if (err > ref * (kind == 4 ? 1.0001 : kind == 2 || kind == 3 ? 1 : 0.2))
                fail_msg("%s, %s: error %g", az_type_get(block_types[t].type)->name, what,
                         err / ref);
        }
}

static void zero_rows_are_zero(void **state)
{
    (void)state;
    for (int kind = 5; kind <= 6; kind++)
        for (size_t t = 0; t < AZ_COUNT(block_types); t++) {
            fill(kind);
            there_and_back(az_kernels_default(), block_types[t].type, ROW);
            for (int i = 0; i < ROW; i++)
                assert_true(y[i] == 0);
        }
}

/* Plain types: rounding, and what f16 cannot hold. */
static void plain_types(void **state)
{
    static const struct {
        float in;
        uint16_t f16, bf16;
    } cases[] = { { 1.0f, 0x3c00, 0x3f80 },          { -0.0f, 0x8000, 0x8000 },
                  { 1.0009766f, 0x3c01, 0x3f80 },    { 65519.0f, 0x7bff, 0x4780 },
                  { 1e30f, 0x7bff, 0x714a },         { -1e30f, 0xfbff, 0xf14a },
                  { 5.9604645e-8f, 0x0001, 0x3380 }, { 1e-40f, 0x0000, 0x0001 } };
    uint16_t h[2];

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(cases); i++) {
        az_codec_get(AZ_F16)->pack(az_kernels_default(), &cases[i].in, NULL, 1, &h[0]);
        az_codec_get(AZ_BF16)->pack(az_kernels_default(), &cases[i].in, NULL, 1, &h[1]);
        assert_int_equal(h[0], cases[i].f16);
        assert_int_equal(h[1], cases[i].bf16);
    }
    for (uint32_t v = 0; v < 65536; v++) {
        uint16_t back, in = (uint16_t)v;
        az_codec_get(AZ_F16)->unpack(az_kernels_default(), &in, x, 1);
        if (!isfinite(x[0])) continue;
        az_codec_get(AZ_F16)->pack(az_kernels_default(), x, NULL, 1, &back);
        assert_int_equal(back, v);
    }
}

static int seed(void **state)
{
    (void)state;
    az_prng_seed(&block_rng, 1);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(values_of_random_blocks_survive, seed),
        cmocka_unit_test_setup(bytes_of_telling_blocks_survive, seed),
        cmocka_unit_test_setup(packing_again_changes_nothing, seed),
        cmocka_unit_test(worked_blocks),
        cmocka_unit_test_setup(every_level_writes_the_same_bytes, seed),
        cmocka_unit_test_setup(odd_rows_stay_finite, seed),
        cmocka_unit_test(zero_rows_are_zero),
        cmocka_unit_test(plain_types),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
