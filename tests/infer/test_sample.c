/* The sampler against transformers' logits processors (tools/golden/make_sampling.py), its draws against the
 * probabilities, and settings that are out of range. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/json.h"
#include "core/model.h"
#include "infer/sample.h"

static adze_run *run;

static int start_run(void **state)
{
    (void)state;
    return adze_run_new(&run, &(adze_run_opts){ .threads = 1 }, NULL);
}

static int stop_run(void **state)
{
    (void)state;
    adze_run_free(run);
    return 0;
}

static double number(const json_t *o, const char *key, double fallback)
{
    double v;

    return az_json_real(o, key, &v) ? v : fallback;
}

static void golden_probabilities(void **state)
{
    json_t *all, *c, *v;
    adze_error err = { 0 };
    size_t i, k;

    (void)state;
    assert_int_equal(az_json_read(&all, run, "tests/data/golden/sampling.json", 1 << 20, &err),
                     ADZE_OK);
    assert_true(json_array_size(all) >= 30);
    json_array_foreach(all, i, c)
    {
        const json_t *set = json_object_get(c, "settings"),
                     *want = json_object_get(c, "probabilities");
        adze_sampling o = { .do_sample = 1,
                            .temperature = (float)number(set, "temperature", 1),
                            .top_k = (int)number(set, "top_k", 0),
                            .top_p = (float)number(set, "top_p", 1),
                            .min_p = (float)number(set, "min_p", 0),
                            .repetition_penalty = (float)number(set, "repetition_penalty", 1) };
        float logits[64];
        double got[64] = { 0 }, sum = 0;
        size_t n = json_array_size(want), kept = 0;
        az_sampler s;

        assert_true(n <= AZ_COUNT(logits));
        for (k = 0; k < n; k++)
            logits[k] = (float)json_number_value(json_array_get(json_object_get(c, "logits"), k));
        assert_int_equal(az_sampler_init(&s, run, &o, n, &err), ADZE_OK);
        json_array_foreach(json_object_get(c, "seen"), k, v)
            az_sampler_accept(&s, (int32_t)json_integer_value(v));
        assert_int_equal(az_sampler_filter(&s, logits, &err), ADZE_OK);
        for (k = 0; k < s.n; k++)
            sum += s.weights[k];
        for (k = 0; k < s.n; k++)
            got[s.order[k]] = s.weights[k] / sum;
        for (k = 0; k < n; k++) {
            double p = json_number_value(json_array_get(want, k));
            kept += p > 0;
            if (fabs(p - got[k]) > 2e-6)
                fail_msg("case %zu, token %zu: %.9f, expected %.9f", i, k, got[k], p);
        }
        assert_true(s.n >= kept); /* more only where a probability rounds to 0 */
        az_sampler_deinit(&s);
    }
    json_decref(all);
}

static void greedy_takes_the_lowest_of_equals(void **state)
{
    const float logits[] = { -1, 3, 0.5f, 3, 2 };
    adze_sampling o = { .temperature = 1, .top_p = 1, .repetition_penalty = 1 };
    az_sampler s;
    int32_t id;

    (void)state;
    assert_int_equal(az_sampler_init(&s, run, &o, AZ_COUNT(logits), NULL), ADZE_OK);
    assert_int_equal(az_sampler_next(&s, logits, &id, NULL), ADZE_OK);
    assert_int_equal(id, 1);
    az_sampler_deinit(&s);
    o.repetition_penalty = 4; /* holds for greedy too: 3 / 4 < 2, and -1 * 4 stays low */
    assert_int_equal(az_sampler_init(&s, run, &o, AZ_COUNT(logits), NULL), ADZE_OK);
    az_sampler_accept(&s, 1);
    az_sampler_accept(&s, 3);
    az_sampler_accept(&s, -1); /* ignored */
    az_sampler_accept(&s, 5);
    assert_int_equal(az_sampler_next(&s, logits, &id, NULL), ADZE_OK);
    assert_int_equal(id, 4);
    az_sampler_deinit(&s);
}

/* 40000 draws against probabilities 0.5, 0.3, 0.2: chi-square with 2 degrees of freedom below its 99.9 %
 * point, 13.8; the same seed draws the same, another seed does not. */
static void draws_follow_the_weights(void **state)
{
    const double p[] = { 0.2, 0.5, 0.3 };
    float logits[3];
    adze_sampling o = {
        .do_sample = 1, .temperature = 1, .top_p = 1, .repetition_penalty = 1, .seed = 9
    };
    size_t count[3] = { 0 }, same = 0, other = 0;
    az_sampler a, b, c;
    double chi = 0;

    (void)state;
    for (int i = 0; i < 3; i++)
        logits[i] = (float)log(p[i]);
    assert_int_equal(az_sampler_init(&a, run, &o, 3, NULL), ADZE_OK);
    assert_int_equal(az_sampler_init(&b, run, &o, 3, NULL), ADZE_OK);
    o.seed = 10;
    assert_int_equal(az_sampler_init(&c, run, &o, 3, NULL), ADZE_OK);
    for (int i = 0; i < 40000; i++) {
        int32_t x, y, z;
        assert_int_equal(az_sampler_next(&a, logits, &x, NULL), ADZE_OK);
        assert_int_equal(az_sampler_next(&b, logits, &y, NULL), ADZE_OK);
        assert_int_equal(az_sampler_next(&c, logits, &z, NULL), ADZE_OK);
        count[x]++;
        same += x == y;
        other += x == z;
    }
    for (int i = 0; i < 3; i++)
        chi +=
            ((double)count[i] - 40000 * p[i]) * ((double)count[i] - 40000 * p[i]) / (40000 * p[i]);
    assert_true(chi < 13.8);
    assert_int_equal(same, 40000);
    assert_true(other < 20000);
    az_sampler_deinit(&a);
    az_sampler_deinit(&b);
    az_sampler_deinit(&c);
}

/* Any mix of settings leaves the same candidates as sorting everything and reading the definitions. */
static void large_vocabulary_equals_plain_sorting(void **state)
{
    enum { N = 3000 };
    static float logits[N];
    static int32_t ids[N];
    az_prng r;

    (void)state;
    az_prng_seed(&r, 3);
    for (int round = 0; round < 40; round++) {
        adze_sampling o = { .do_sample = 1, .temperature = 1, .repetition_penalty = 1 };
        size_t n = N;
        double total = 0, mass = 0;
        az_sampler s;

        o.top_k = round % 4 ? (int)(az_prng_u64(&r) % 400) : 0;
        o.top_p = round % 3 ? (float)az_prng_unit(&r) : 1;
        for (int i = 0; i < N; i++) {
            logits[i] = (float)(az_prng_u64(&r) % 97) / 16; /* many ties */
            ids[i] = i;
        }
        for (int i = 1; i < N; i++) /* insertion sort, falling, lower ids first */
            for (int k = i; k > 0 && logits[ids[k]] > logits[ids[k - 1]]; k--) {
                int32_t t = ids[k];
                ids[k] = ids[k - 1];
                ids[k - 1] = t;
            }
        if (o.top_k)
            for (n = (size_t)o.top_k; n < N && logits[ids[n]] == logits[ids[o.top_k - 1]]; n++)
                ;
        for (size_t i = 0; i < n; i++)
            total += exp((double)logits[ids[i]] - (double)logits[ids[0]]);
        for (size_t i = 0; o.top_p < 1 && i < n; i++) {
            if (i && mass / total >= (double)o.top_p) n = i;
            mass += exp((double)logits[ids[i]] - (double)logits[ids[0]]);
        }
        assert_int_equal(az_sampler_init(&s, run, &o, N, NULL), ADZE_OK);
        assert_int_equal(az_sampler_filter(&s, logits, NULL), ADZE_OK);
        if (s.n > n + 1 || s.n + 1 < n) fail_msg("round %d: %zu kept, expected %zu", round, s.n, n);
        for (size_t i = 0; (o.top_k || o.top_p < 1) && i < n && i < s.n; i++)
            assert_int_equal(s.order[i], ids[i]);
        az_sampler_deinit(&s);
    }
}

static void bad_settings_and_logits(void **state)
{
    static const struct {
        adze_sampling o;
        const char *name;
    } bad[] = {
        { { 1, 0, 0, 1, 0, 1, 0 }, "temperature" },
        { { 1, -1, 0, 1, 0, 1, 0 }, "temperature" },
        { { 1, NAN, 0, 1, 0, 1, 0 }, "temperature" },
        { { 1, 1, -1, 1, 0, 1, 0 }, "top_k" },
        { { 1, 1, 0, 1.5f, 0, 1, 0 }, "top_p" },
        { { 1, 1, 0, NAN, 0, 1, 0 }, "top_p" },
        { { 1, 1, 0, 1, -0.1f, 1, 0 }, "min_p" },
        { { 1, 1, 0, 1, 0, 0, 0 }, "repetition_penalty" },
        { { 0, 1, 0, 1, 0, -2, 0 }, "repetition_penalty" },
    };
    const float nan_logits[] = { 1, NAN }, inf_logits[] = { -INFINITY, -INFINITY };
    adze_sampling o = { .do_sample = 1, .temperature = 1, .top_p = 1, .repetition_penalty = 1 };
    adze_error err = { 0 };
    az_sampler s;
    int32_t id;

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(bad); i++) {
        assert_int_equal(az_sampler_init(&s, run, &bad[i].o, 4, &err), ADZE_EINVAL);
        assert_string_equal(err.name, bad[i].name);
        az_sampler_deinit(&s);
    }
    assert_int_equal(az_sampler_init(&s, run, &o, 2, &err), ADZE_OK);
    assert_int_equal(az_sampler_next(&s, nan_logits, &id, &err), ADZE_EFORMAT);
    assert_int_equal(az_sampler_next(&s, inf_logits, &id, &err), ADZE_EFORMAT);
    az_sampler_deinit(&s);
    o.temperature = 1e-38f;
    assert_int_equal(az_sampler_init(&s, run, &o, 2, &err), ADZE_OK);
    assert_int_equal(az_sampler_next(&s, (const float[]){ 100, 1 }, &id, &err), ADZE_EINVAL);
    az_sampler_deinit(&s);
}

static void defaults_of_a_model(void **state)
{
    char buf[64];
    adze_sampling s;
    adze_model *m;

    (void)state;
    assert_int_equal(az_model_new(&m, run, "x", "gguf", NULL), ADZE_OK);
    adze_sampling_defaults(&s, m); /* Hugging Face's */
    assert_true(!s.do_sample && s.temperature == 1 && s.top_k == 50 && s.top_p == 1);
    assert_true(s.min_p == 0 && s.repetition_penalty == 1);
    assert_true(az_kv_put_f32(&m->kv, "general.sampling.temp", 0.5f));
    assert_true(az_kv_put_u32(&m->kv, "general.sampling.top_k", 7));
    adze_sampling_defaults(&s, m);
    assert_true(s.do_sample && s.temperature == 0.5f && s.top_k == 7 && s.top_p == 1);
    m->generation_config =
        json_pack("{s:b, s:f, s:f, s:i, s:n, s:f}", "do_sample", 1, "top_p", 0.25, "min_p", 0.125,
                  "num_beams", 4, "typical_p", "top_h", 0.5);
    adze_sampling_defaults(&s, m);
    assert_true(s.do_sample && s.temperature == 1 && s.top_k == 50 && s.top_p == 0.25f);
    assert_true(s.min_p == 0.125f);
    assert_string_equal(az_sampling_ignored(m, buf, sizeof buf), "num_beams, top_h");
    adze_model_close(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_probabilities),
        cmocka_unit_test(greedy_takes_the_lowest_of_equals),
        cmocka_unit_test(draws_follow_the_weights),
        cmocka_unit_test(large_vocabulary_equals_plain_sorting),
        cmocka_unit_test(bad_settings_and_logits),
        cmocka_unit_test(defaults_of_a_model),
    };

    return cmocka_run_group_tests(tests, start_run, stop_run);
}
