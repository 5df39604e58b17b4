/* Element-wise kernels, norm, rope, half conversions and unpacking: near C's mathematics, and the same bits
 * on every instruction set. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "kernel/math.h"
#include "kernel/levels.h"
#include "kernel/weights.h"

enum { N_MAX = 301 };

static void exponential(void **state)
{
    (void)state;
    for (float x = -87.3f; x < 88.7f; x += 0.0037f) {
        double want = exp((double)x);
        if (!(fabs((double)az_expf(x) - want) <= 2e-7 * want + 2e-38))
            fail_msg("exp(%.9g) is %.9g, want %.9g", (double)x, (double)az_expf(x), want);
    }
    assert_true(az_expf(-INFINITY) == 0 && az_expf(-100) == 0 && az_expf(0) == 1);
    assert_true(isinf(az_expf(89)) && isinf(az_expf(INFINITY)) && isnan(az_expf(NAN)));
}

static void hyperbolic_tangent_and_gelu(void **state)
{
    (void)state;
    for (float x = -12; x < 12; x += 0.00037f) {
        double z = (double)x, want = tanh(z);
        if (!(fabs((double)az_tanhf(x) - want) <= 2e-7))
            fail_msg("tanh(%.9g) is %.9g, want %.9g", z, (double)az_tanhf(x), want);
        want = 0.5 * z * (1 + erf(z / sqrt(2.0)));
        if (!(fabs((double)az_geluf(x) - want) <= 4e-7 + 1e-7 * fabs(want)))
            fail_msg("gelu(%.9g) is %.9g, want %.9g", z, (double)az_geluf(x), want);
    }
    assert_true(az_tanhf(INFINITY) == 1 && az_tanhf(-INFINITY) == -1 && isnan(az_tanhf(NAN)));
    assert_true(az_geluf(100) == 100 && az_geluf(-100) == 0 && isnan(az_geluf(NAN)));
}

static void fill(float *x, size_t n, float r, uint64_t *seed)
{
    for (size_t i = 0; i < n; i++)
        x[i] = rand_f32(seed, r);
}

static void same_bits_everywhere(void **state)
{
    static const size_t ns[] = { 1, 3, 8, 15, 16, 17, 32, 64, 100, 256, 301 };
    az_kernels c, now;
    uint64_t seed = 3;

    (void)state;
    az_kernels_init(&c, 0);
    for (size_t l = 0; levels_get(l, &now); l++)
        for (size_t i = 0; i < sizeof ns / sizeof ns[0]; i++) {
            size_t n = ns[i], bytes = n * sizeof(float);
            guarded gx = guard_new(bytes), gw = guard_new(bytes), gy = guard_new(bytes),
                    gh = guard_new(n * 2);
            float *x = (float *)(void *)gx.p, *w = (float *)(void *)gw.p,
                  *y = (float *)(void *)gy.p;
            az_f16 *h = (az_f16 *)(void *)gh.p, want_h[N_MAX];
            float want[N_MAX];

            fill(x, n, 50, &seed);
            fill(w, n, 2, &seed);
            c.rms_norm(want, x, w, n, 1e-5f);
            now.rms_norm(y, x, w, n, 1e-5f);
            assert_memory_equal(want, y, bytes);
            x[n / 2] = n % 2 ? 200 : -200; /* both ends of the exponential */
            for (int kind = 0; kind < AZ_ACTIVATION_COUNT; kind++)
                for (int alone = 0; alone < 2; alone++) {
                    if (alone && kind == AZ_ACTIVATION_SWIGLU) continue;
                    c.act_mul[kind](want, x, alone ? NULL : w, n);
                    now.act_mul[kind](y, x, alone ? NULL : w, n);
                    assert_memory_equal(want, y, bytes);
                }
            c.layer_norm(want, x, w, w, n, 1e-5f);
            now.layer_norm(y, x, w, w, n, 1e-5f);
            assert_memory_equal(want, y, bytes);
            memcpy(want, w, bytes);
            memcpy(y, w, bytes);
            c.add(want, x, n);
            now.add(y, x, n);
            assert_memory_equal(want, y, bytes);
            c.add_scaled(want, x, 0.37f, n);
            now.add_scaled(y, x, 0.37f, n);
            assert_memory_equal(want, y, bytes);
            for (int cap = 0; cap < 60; cap += 30) {
                c.scale_cap(want, 0.9f, (float)cap, n);
                now.scale_cap(y, 0.9f, (float)cap, n);
                assert_memory_equal(want, y, bytes);
            }
            c.f32_to_f16(want_h, x, n);
            now.f32_to_f16(h, x, n);
            assert_memory_equal(want_h, h, n * 2);
            c.f16_to_f32(want, h, n);
            now.f16_to_f32(y, h, n);
            assert_memory_equal(want, y, bytes);
            for (int adjacent = 0; adjacent < 2; adjacent++) {
                memcpy(want, w, bytes);
                memcpy(y, w, bytes);
                c.rope(want, x, n / 2 * 2, adjacent);
                now.rope(y, x, n / 2 * 2, adjacent);
                assert_memory_equal(want, y, bytes);
            }
            assert_true(guard_intact(&gy) && guard_intact(&gh));
            guard_free(&gx);
            guard_free(&gw);
            guard_free(&gy);
            guard_free(&gh);
        }
}

static double activation(int kind, double x, double up)
{
    double u = sqrt(2 / acos(-1)) * (x + 0.044715 * x * x * x);

    switch (kind) {
    case AZ_ACTIVATION_SILU: return x / (1 + exp(-x)) * up;
    case AZ_ACTIVATION_GELU: return 0.5 * x * (1 + erf(x / sqrt(2))) * up;
    case AZ_ACTIVATION_GELU_TANH: return 0.5 * x * (1 + tanh(u)) * up;
    default: return fmin(x, 7) / (1 + exp(-1.702 * fmin(x, 7))) * (fmax(-7, fmin(up, 7)) + 1);
    }
}

static void near_the_definitions(void **state)
{
    float x[96], w[96], y[96], cs[96];
    double sum = 0, mean = 0, spread = 0;
    uint64_t seed = 8;
    az_kernels c;

    (void)state;
    az_kernels_init(&c, 0);
    fill(x, 96, 5, &seed);
    fill(w, 96, 2, &seed);
    fill(cs, 96, 2, &seed);
    x[3] = 9; /* beyond the clamps */
    w[4] = -8;
    for (int i = 0; i < 96; i++)
        sum += (double)x[i] * (double)x[i];
    c.rms_norm(y, x, w, 96, 1e-5f);
    for (int i = 0; i < 96; i++)
        assert_true(fabs((double)y[i] - (double)x[i] / sqrt(sum / 96 + 1e-5) * (double)w[i]) <
                    2e-6);
    for (int i = 0; i < 96; i++)
        mean += (double)x[i] / 96;
    for (int i = 0; i < 96; i++)
        spread += ((double)x[i] - mean) * ((double)x[i] - mean) / 96;
    c.layer_norm(y, x, w, cs, 96, 1e-5f);
    for (int i = 0; i < 96; i++)
        assert_true(fabs((double)y[i] - ((double)x[i] - mean) / sqrt(spread + 1e-5) * (double)w[i] -
                         (double)cs[i]) < 4e-6);
    for (int kind = 0; kind < AZ_ACTIVATION_COUNT; kind++) {
        c.act_mul[kind](y, x, w, 96);
        for (int i = 0; i < 96; i++)
            assert_true(fabs((double)y[i] - activation(kind, (double)x[i], (double)w[i])) < 4e-6);
    }
    memcpy(y, x, sizeof y);
    c.scale_cap(y, 3, 7, 96);
    for (int i = 0; i < 96; i++)
        assert_true(fabs((double)y[i] - 7 * tanh(3 * (double)x[i] / 7)) < 4e-6);
    for (int j = 0; j < 48; j++) {
        cs[2 * j] = cosf((float)j);
        cs[2 * j + 1] = sinf((float)j);
    }
    for (int adjacent = 0; adjacent < 2; adjacent++) {
        memcpy(y, x, sizeof y);
        c.rope(y, cs, 96, adjacent);
        for (int j = 0; j < 48; j++) {
            int p = adjacent ? 2 * j : j, q = adjacent ? p + 1 : p + 48;
            double a = cos(j), b = sin(j);
            assert_true(fabs((double)y[p] - ((double)x[p] * a - (double)x[q] * b)) < 2e-6);
            assert_true(fabs((double)y[q] - ((double)x[q] * a + (double)x[p] * b)) < 2e-6);
        }
    }
}

/* Every half to f32 and back; bf16 likewise. */
static void halves(void **state)
{
    az_kernels now;

    (void)state;
    for (size_t l = 0; levels_get(l, &now); l++)
        for (uint32_t u = 0; u < 65536; u += 16) {
            az_f16 h[16], back[16];
            float f[16];

            for (uint32_t i = 0; i < 16; i++)
                h[i] = (az_f16)(u + i);
            now.f16_to_f32(f, h, 16);
            now.f32_to_f16(back, f, 16);
            for (uint32_t i = 0; i < 16; i++)
                assert_int_equal(back[i], (h[i] & 0x7fff) > 0x7c00 ? h[i] | 0x200 : h[i]);
            now.unpack[AZ_BF16](h, f, 16);
            for (uint32_t i = 0; i < 16; i++)
                assert_int_equal(az_f32_bits(f[i]), (u + i) << 16);
        }
}

static void unpacking(void **state)
{
    az_kernels c, now;

    (void)state;
    az_kernels_init(&c, 0);
    for (size_t l = 0; levels_get(l, &now); l++)
        for (size_t i = 0; i < N_WEIGHT_TYPES; i++) {
            const az_type_info *t = az_type_get(weight_types[i].type);
            size_t n = t->elems * 5, bytes = (size_t)t->bytes * 5;
            guarded w = guard_new(bytes), y = guard_new(n * sizeof(float));
            float *want = malloc(n * sizeof *want);
            uint64_t seed = 12;

            rand_weights(i, w.p, bytes, &seed);
            c.unpack[weight_types[i].type](w.p, want, n);
            now.unpack[weight_types[i].type](w.p, (float *)(void *)y.p, n);
            assert_memory_equal(want, y.p, n * sizeof *want);
            assert_true(guard_intact(&y));
            free(want);
            guard_free(&w);
            guard_free(&y);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exponential),
        cmocka_unit_test(hyperbolic_tangent_and_gelu),
        cmocka_unit_test(same_bits_everywhere),
        cmocka_unit_test(near_the_definitions),
        cmocka_unit_test(halves),
        cmocka_unit_test(unpacking),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
