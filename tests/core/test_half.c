/* f16 and bf16 against slow references in double: all 65536 codes, and rounding around every one of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include "core/half.h"

/* Value of a code with `man` mantissa bits and `exp` exponent bits, by the definition of IEEE 754. */
static double value_of(unsigned code, int exp, int man)
{
    int e = (int)(code >> man) & ((1 << exp) - 1), bias = (1 << (exp - 1)) - 1;
    double m = (double)(code & ((1u << man) - 1)), sign = code >> (exp + man) ? -1 : 1;

    if (e == (1 << exp) - 1) return m ? (double)NAN : sign * (double)INFINITY;
    return sign * (e ? ldexp(1 + m / (double)(1 << man), e - bias)
                     : ldexp(m / (double)(1 << man), 1 - bias));
}

/* Nearest code of the positive finite value x, ties to even, by searching among all; codes grow with value. */
static unsigned nearest(double x, int exp, int man)
{
    unsigned low = 0, high = ((1u << exp) - 1) << man; /* infinity, at the value it would have */
    double top = ldexp(1, 1 << (exp - 1));

    while (high - low > 1) {
        unsigned mid = (low + high) / 2;
        if (value_of(mid, exp, man) <= x)
            low = mid;
        else
            high = mid;
    }
    {
        double a = value_of(low, exp, man),
               b = isinf(value_of(high, exp, man)) ? top : value_of(high, exp, man);
        if (x - a < b - x) return low;
        if (x - a > b - x) return high;
        return low % 2 ? high : low;
    }
}

static void every_code_has_its_value_and_comes_back(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 65536; c++) {
        float h = az_f16_to_f32((uint16_t)c), b = az_bf16_to_f32((uint16_t)c);
        double hw = value_of(c, 5, 10), bw = value_of(c, 8, 7);
        if (isnan(hw)) {
            assert_true(isnan(h));
            assert_true(isnan(az_f16_to_f32(az_f32_to_f16(h))));
            assert_int_equal(az_f32_to_f16(h), c | 0x200); /* made quiet, payload kept */
        } else {
            assert_true((double)h == hw && !!signbit(h) == (c >> 15 != 0));
            assert_int_equal(az_f32_to_f16(h), c);
        }
        if (isnan(bw)) {
            assert_true(isnan(b));
            assert_int_equal(az_f32_to_bf16(b), c | 0x40);
        } else {
            assert_true((double)b == bw && !!signbit(b) == (c >> 15 != 0));
            assert_int_equal(az_f32_to_bf16(b), c);
        }
    }
}

/* Around the middle between each two neighbours: the tie itself, and one f32 step to both sides. */
static void rounding_is_to_nearest_even(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 0x7c00; c++) {
        double a = value_of(c, 5, 10), b = c == 0x7bff ? 65536 : value_of(c + 1, 5, 10);
        float mid = (float)((a + b) / 2);
        assert_true((double)mid == (a + b) / 2); /* the middle of two halves is an f32 */
        for (int side = -1; side <= 1; side++) {
            float x = az_bits_f32(az_f32_bits(mid) + (uint32_t)side);
            unsigned want = nearest((double)x, 5, 10);
            if (az_f32_to_f16(x) != want || az_f32_to_f16(-x) != (want | 0x8000))
                fail_msg("%a: %04x, not %04x", (double)x, az_f32_to_f16(x), want);
        }
    }
    for (unsigned c = 0; c < 0x7f80; c++)
        for (int side = -1; side <= 1; side++) {
            float x = az_bits_f32((c << 16) + 0x8000 + (uint32_t)side);
            unsigned want = nearest((double)x, 8, 7);
            if (az_f32_to_bf16(x) != want || az_f32_to_bf16(-x) != (want | 0x8000))
                fail_msg("%a: %04x, not %04x", (double)x, az_f32_to_bf16(x), want);
        }
}

static void ends_of_the_range(void **state)
{
    (void)state;
    assert_int_equal(az_f32_to_f16(65504.0f), 0x7bff);
    assert_int_equal(az_f32_to_f16(65519.99f), 0x7bff);
    assert_int_equal(az_f32_to_f16(65520.0f), 0x7c00); /* a tie with infinity goes to even */
    assert_int_equal(az_f32_to_f16(3.4e38f), 0x7c00);
    assert_int_equal(az_f32_to_f16(-INFINITY), 0xfc00);
    assert_int_equal(az_f32_to_f16(0x1p-24f), 0x0001);
    assert_int_equal(az_f32_to_f16(0x1p-25f), 0x0000);        /* a tie with zero */
    assert_int_equal(az_f32_to_f16(0x1.000002p-25f), 0x0001); /* just above it */
    assert_int_equal(az_f32_to_f16(-0x1p-26f), 0x8000);       /* the sign stays */
    assert_int_equal(az_f32_to_f16(0x1p-149f), 0x0000);
    assert_int_equal(az_f32_to_f16(0x1.ff8p-15f), 0x03ff); /* last subnormal: 1023 of 2^-24 */
    assert_int_equal(az_f32_to_f16(0x1.ffcp-15f), 0x0400); /* rounds up to the first normal */
    assert_int_equal(az_f32_to_bf16(0x1.fep127f), 0x7f7f);
    assert_int_equal(az_f32_to_bf16(0x1.ffp127f), 0x7f80); /* a tie with infinity */
    assert_int_equal(az_f32_to_bf16(0x1.fffffep127f), 0x7f80);
    assert_int_equal(az_f32_to_bf16(0x1p-149f), 0x0000);
    assert_true(isnan(az_bf16_to_f32(az_f32_to_bf16(az_bits_f32(0x7f800001))))); /* not infinity */
    assert_true(isnan(az_f16_to_f32(az_f32_to_f16(az_bits_f32(0x7f800001)))));
    assert_int_equal(az_f32_to_f16(az_bits_f32(0xffc00000)) & 0x8000, 0x8000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_its_value_and_comes_back),
        cmocka_unit_test(rounding_is_to_nearest_even),
        cmocka_unit_test(ends_of_the_range),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
