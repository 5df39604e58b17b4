/* Statistics: hand-worked values, quantiles, and a bootstrap whose intervals cover what they claim to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "measure/stats.h"

static adze_run *run;

static int make_run(void **state)
{
    adze_error err;

    (void)state;
    assert_int_equal(adze_run_new(&run, &(adze_run_opts){ .threads = 1 }, &err), ADZE_OK);
    return 0;
}

static int free_run(void **state)
{
    (void)state;
    adze_run_free(run);
    return 0;
}

static void near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance)) fail_msg("%.17g, not %.17g", got, want);
}

static void argmax_takes_the_lowest_of_equals(void **state)
{
    static const float x[] = { -1, 3, 2, 3, 3 }, same[] = { 5, 5, 5 },
                       low[] = { -INFINITY, -INFINITY };

    (void)state;
    assert_int_equal(az_argmax(x, 5), 1);
    assert_int_equal(az_argmax(x, 1), 0);
    assert_int_equal(az_argmax(same, 3), 0);
    assert_int_equal(az_argmax(low, 2), 0);
}

static void log_sum_exp_by_hand(void **state)
{
    static const float two[] = { 0, 0 }, big[] = { 1000, 1000, 1000, 1000 },
                       small[] = { -1000, -1000 }, one[] = { 7.5f }, far[] = { 0, -200 },
                       logs[] = { 0, 0.69314718f, 1.0986123f };

    (void)state;
    near(az_log_sum_exp(two, 2), log(2), 1e-12);
    near(az_log_sum_exp(big, 4), 1000 + log(4), 1e-12); /* no overflow */
    near(az_log_sum_exp(small, 2), -1000 + log(2), 1e-12);
    near(az_log_sum_exp(one, 1), 7.5, 0);
    near(az_log_sum_exp(far, 2), 0, 1e-12);
    near(az_log_sum_exp(logs, 3), log(6), 1e-6); /* 1 + 2 + 3 */
}

static void kl_by_hand(void **state)
{
    /* logits of (1/2, 1/2), (1/4, 3/4), (1/2, 1/4, 1/4), uniform over 3; any constant may be added */
    const float half[] = { 3, 3 }, quarter[] = { 0, logf(3) }, p[] = { logf(2) - 50, -50, -50 },
                uniform[] = { 9, 9, 9 };

    (void)state;
    near(az_kl(half, half, 2), 0, 0);
    near(az_kl(half, quarter, 2), 0.5 * log(2) + 0.5 * log(2.0 / 3), 1e-6);
    near(az_kl(quarter, half, 2), 0.25 * log(0.5) + 0.75 * log(1.5), 1e-6); /* not symmetric */
    near(az_kl(p, uniform, 3), log(3) - 1.5 * log(2), 1e-6);
    near(az_kl(uniform, p, 3), -log(3) + (log(2) + 2 * log(4)) / 3, 1e-6);
}

static void kl_is_never_negative_nor_hides_a_nan(void **state)
{
    float x[257], y[257];
    az_prng rng;

    (void)state;
    az_prng_seed(&rng, 4);
    for (int k = 0; k < 200; k++) {
        for (size_t i = 0; i < 257; i++) {
            x[i] = (float)(az_prng_unit(&rng) * 20 - 10);
            y[i] = x[i] + (k % 2 ? 0 : (float)(az_prng_unit(&rng) * 1e-6));
        }
        assert_true(az_kl(x, y, 257) >= 0);
        assert_true(az_kl(x, y, 257) < 1e-6);
    }
    y[200] = NAN;
    assert_true(isnan(az_kl(x, y, 257))); /* 0 would be a perfect score */
    y[200] = -INFINITY;
    assert_true(az_kl(x, y, 257) > 1e30); /* says never to what may happen */
}

static void quantiles_interpolate(void **state)
{
    const double x[] = { 1, 2, 4, 8 };
    double samples[] = { 4, 1, 8, 2 }, even[] = { 3, 1 }, same[] = { 7 };
    az_figure f;

    (void)state;
    near(az_quantile(x, 4, 0), 1, 0);
    near(az_quantile(x, 4, 1), 8, 0);
    near(az_quantile(x, 4, 0.5), 3, 1e-12);
    near(az_quantile(x, 4, 1.0 / 3), 2, 1e-12);
    near(az_quantile(x, 4, 0.9), 4 + 0.7 * 4, 1e-12);
    near(az_quantile(x, 1, 0.7), 1, 0);
    near(az_quantile(x, 0, 0.7), 0, 0);
    f = az_figure_of(samples, 4, "ms", AZ_MEASURED);
    assert_true(f.median == 3 && f.min == 1 && f.max == 8 && f.n == 4);
    assert_string_equal(f.unit, "ms");
    assert_int_equal(f.from, AZ_MEASURED);
    f = az_figure_of(even, 2, "ms", AZ_MEASURED);
    assert_true(f.median == 2);
    f = az_figure_of(same, 1, "ms", AZ_ESTIMATED);
    assert_true(f.median == 7 && f.min == 7 && f.max == 7);
    f = az_figure_of(NULL, 0, "ms", AZ_MEASURED);
    assert_true(f.n == 0 && f.from == AZ_NONE);
}

static void figures_survive_json(void **state)
{
    static const struct {
        const char *key, *json; /* replaced; NULL: removed */
    } bad[] = {
        { "median", NULL }, { "min", "\"1\"" },        { "n", "0" },     { "n", "-1" },
        { "n", "1.5" },     { "unit", "\"furlong\"" }, { "unit", NULL }, { "provenance", NULL },
    };
    double samples[] = { 0.1, 0.3, 0.2 };
    az_figure f = az_figure_of(samples, 3, "tok/s", AZ_ESTIMATED), g, none = { 0 };
    az_interval v = { 0.5, 0.25, 0.75, 12 }, w;
    json_t *j = az_figure_json(&f, NULL);

    (void)state;
    assert_true(az_figure_from_json(j, &g));
    assert_true(g.median == f.median && g.min == f.min && g.max == f.max && g.n == 3);
    assert_int_equal(g.from, AZ_ESTIMATED);
    assert_string_equal(g.unit, "tok/s");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        json_t *k = json_deep_copy(j);
        if (bad[i].json)
            json_object_set_new(k, bad[i].key, json_loads(bad[i].json, JSON_DECODE_ANY, NULL));
        else
            json_object_del(k, bad[i].key);
        if (az_figure_from_json(k, &g) || g.n != 0) fail_msg("%s %s", bad[i].key, bad[i].json);
        json_decref(k);
    }
    json_decref(j);
    j = az_figure_json(&none, "no such sensor");
    assert_false(az_figure_from_json(j, &g));
    assert_string_equal(json_string_value(json_object_get(j, "reason")), "no such sensor");
    json_decref(j);
    j = az_interval_json(&v, "nats");
    assert_true(az_interval_from_json(j, &w));
    assert_memory_equal(&v, &w, sizeof v);
    json_decref(j);
}

/* ---- bootstrap ---- */

typedef struct data {
    const double *x, *y; /* [n] */
} data;

static double mean_x(void *arg, const uint32_t *idx, size_t n)
{
    const data *d = arg;
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += d->x[idx[i]];
    return sum / (double)n;
}

static double mean_y(void *arg, const uint32_t *idx, size_t n)
{
    const data *d = arg;
    data swapped = { d->y, d->x };

    return mean_x(&swapped, idx, n);
}

static double mean_difference(void *arg, const uint32_t *idx, size_t n)
{
    return mean_x(arg, idx, n) - mean_y(arg, idx, n);
}

static az_interval interval(const data *d, size_t n, size_t resamples, uint64_t seed,
                            az_statistic *fn)
{
    adze_error err = { 0 };
    az_interval v;

    assert_int_equal(az_bootstrap(run, n, resamples, seed, fn, (void *)(uintptr_t)d, &v, &err),
                     ADZE_OK);
    assert_int_equal(v.n, n);
    return v;
}

/* Sum of 12 uniforms minus 6: mean 0, deviation 1, near enough to normal. */
static double normal(az_prng *rng)
{
    double sum = -6;

    for (int i = 0; i < 12; i++)
        sum += az_prng_unit(rng);
    return sum;
}

static void intervals_cover_the_truth(void **state)
{
    enum { TRIALS = 400, N = 40 };
    double x[N];
    data d = { x, x };
    az_prng rng;
    int covered = 0;

    (void)state;
    az_prng_seed(&rng, 11);
    for (int t = 0; t < TRIALS; t++) {
        az_interval v;
        for (size_t i = 0; i < N; i++)
            x[i] = 5 + 2 * normal(&rng);
        v = interval(&d, N, 300, 1, mean_x);
        assert_true(v.lo <= v.value && v.value <= v.hi);
        covered += v.lo <= 5 && 5 <= v.hi;
    }
    /* 95 % nominal; percentile intervals of 40 samples cover 92 to 95 %, and 400 trials spread by 1.2 % */
    assert_in_range(covered, TRIALS * 89 / 100, TRIALS * 98 / 100);
}

static void intervals_have_the_right_width(void **state)
{
    enum { N = 1000 };
    double x[N];
    data d = { x, x };
    az_prng rng;
    az_interval v;

    (void)state;
    az_prng_seed(&rng, 12);
    for (size_t i = 0; i < N; i++)
        x[i] = normal(&rng);
    v = interval(&d, N, 2000, 1, mean_x);
    near((v.hi - v.lo) / 2, 1.96 / sqrt(N), 0.1 * 1.96 / sqrt(N)); /* 1.96 standard errors */
}

static void a_seed_decides_everything(void **state)
{
    double x[] = { 1, 5, 2, 8, 3, 9, 4 };
    data d = { x, x };
    az_interval a = interval(&d, 7, 500, 42, mean_x), b = interval(&d, 7, 500, 42, mean_x),
                c = interval(&d, 7, 500, 43, mean_x);

    (void)state;
    assert_memory_equal(&a, &b, sizeof a);
    assert_true(a.value == c.value);
    assert_true(a.lo != c.lo || a.hi != c.hi);
}

/* Two noisy series whose difference is the same everywhere: compared on the same draws, it is certain. */
static void comparisons_are_paired(void **state)
{
    enum { N = 30 };
    double x[N], y[N];
    data d = { x, y };
    az_interval vx, vy, diff;
    az_prng rng;

    (void)state;
    az_prng_seed(&rng, 13);
    for (size_t i = 0; i < N; i++) {
        x[i] = 10 * normal(&rng);
        y[i] = x[i] - 0.5;
    }
    vx = interval(&d, N, 400, 7, mean_x);
    vy = interval(&d, N, 400, 7, mean_y);
    diff = interval(&d, N, 400, 7, mean_difference);
    assert_true(vx.hi - vx.lo > 3);
    near(vx.lo - vy.lo, 0.5, 1e-9); /* the same draws for both */
    near(diff.lo, 0.5, 1e-9);
    near(diff.hi, 0.5, 1e-9);
}

static void few_samples_claim_nothing(void **state)
{
    double x[] = { 4, 6 };
    data d = { x, x };
    az_interval v = interval(&d, 1, 100, 1, mean_x);

    (void)state;
    assert_true(v.value == 4 && v.lo == 4 && v.hi == 4);
    v = interval(&d, 2, 0, 1, mean_x);
    assert_true(v.value == 5 && v.lo == 5 && v.hi == 5);
    v = interval(&d, 2, 1000, 1, mean_x);
    assert_true(v.lo == 4 && v.hi == 6);
}

static void refused_memory_is_an_error(void **state)
{
    double x[] = { 1, 2 };
    data d = { x, x };
    uint64_t before = run->used_bytes;
    az_interval v;
    adze_error err = { 0 };

    (void)state;
    run->opts.memory_bytes = before + 64;
    assert_int_equal(az_bootstrap(run, 2, 1000, 1, mean_x, &d, &v, &err), ADZE_ENOMEM);
    run->opts.memory_bytes = 0;
    assert_int_equal(run->used_bytes, before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(argmax_takes_the_lowest_of_equals),
        cmocka_unit_test(log_sum_exp_by_hand),
        cmocka_unit_test(kl_by_hand),
        cmocka_unit_test(kl_is_never_negative_nor_hides_a_nan),
        cmocka_unit_test(quantiles_interpolate),
        cmocka_unit_test(figures_survive_json),
        cmocka_unit_test(intervals_cover_the_truth),
        cmocka_unit_test(intervals_have_the_right_width),
        cmocka_unit_test(a_seed_decides_everything),
        cmocka_unit_test(comparisons_are_paired),
        cmocka_unit_test(few_samples_claim_nothing),
        cmocka_unit_test(refused_memory_is_an_error),
    };

    return cmocka_run_group_tests(tests, make_run, free_run);
}
