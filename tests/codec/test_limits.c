/* Errors against a real llama-quantize: on the same tensors, adze's are never larger, whatever the weighting.
 *
 * The limits are tests/data/golden/quant_limits.json, made by tools/golden/make_quant_limits.py, which also
 * says what is measured. The tensors come from a counter-based generator that both have, and from the demo
 * checkpoint.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "base/run.h"
#include "codec/codec.h"
#include "core/half.h"
#include "core/model.h"

enum { ROWS = 64, COLS = 1024, N = ROWS * COLS, METRICS = 4, MAX_ROW = 65536 };

static const char *const metrics[METRICS] = { "plain", "absolute", "square", "mixed" };
static json_t *limits;
static float x[N], importance[MAX_ROW];

typedef struct errors {
    double num[METRICS], den[METRICS];
    double important[2]; /* with an importance for each column: error, and size */
} errors;

static void add_row(errors *e, const float *v, const float *got, size_t n)
{
    double row = 0;

    for (size_t i = 0; i < n; i++)
        row += (double)v[i] * v[i];
    row /= (double)n;
    for (size_t b = 0; b < n; b += 32) {
        double rms = 0;
        for (size_t i = b; i < b + 32; i++)
            rms += (double)v[i] * v[i];
        rms = sqrt(rms / 32);
        for (size_t i = b; i < b + 32; i++) {
            double a = v[i], d = a - got[i], w[METRICS] = { 1, rms + fabs(a), a * a, row + a * a };
            for (int k = 0; k < METRICS; k++) {
                e->num[k] += w[k] * d * d;
                e->den[k] += w[k] * a * a;
            }
        }
    }
}

/* Weighed by the importance of each column alone. */
static void add_important(errors *e, const float *imp, const float *v, const float *got, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double a = v[i], d = a - got[i];
        e->important[0] += imp[i] * d * d;
        e->important[1] += imp[i] * a * a;
    }
}

static void code_row(errors *e, az_type t, const float *v, size_t n)
{
    static uint8_t bytes[MAX_ROW * 2];
    static float got[MAX_ROW];
    const az_codec *c = az_codec_get(t);

    assert_true(n <= MAX_ROW);
    c->pack(az_kernels_default(), v, NULL, n, bytes);
    c->unpack(az_kernels_default(), bytes, got, n);
    add_row(e, v, got, n);
    c->pack(az_kernels_default(), v, importance, n, bytes);
    c->unpack(az_kernels_default(), bytes, got, n);
    add_important(e, importance, v, got, n);
}

/* Plain errors and those that llama-quantize minimizes are held to its own for every type; types that it
 * only rounds (it has no weights for them), all weightings. */
static bool is_held(az_type t, int metric)
{
    if (t == AZ_Q4_K || t == AZ_Q2_K) return metric < 2;
    return true;
}

static void check(const errors *e, az_type t, const char *set)
{
    const json_t *set_limits =
        json_object_get(json_object_get(json_object_get(limits, "types"), az_type_get(t)->name),
                        set);

    for (int k = 0; k < METRICS; k++) {
        double limit = json_real_value(json_object_get(set_limits, metrics[k])),
               got = e->num[k] / e->den[k];
        if (!is_held(t, k)) continue;
        if (!(limit > 0) || !(got <= limit))
            fail_msg("%s, %s, %s: error %.6g, llama-quantize %.6g", az_type_get(t)->name, set,
                     metrics[k], got, limit);
    }
    double limit = json_real_value(json_object_get(
               json_object_get(json_object_get(limits, "imatrix"), az_type_get(t)->name), set)),
           got = e->important[0] / e->important[1];
    if (!(limit > 0) || !(got <= limit))
        fail_msg("%s, %s, with importance: error %.6g, llama-quantize %.6g", az_type_get(t)->name,
                 set, got, limit);
    print_message("%-7s %-9s importance %.4f\n", az_type_get(t)->name, set, got / limit);
    print_message("%-7s %-9s plain %.4f weighted %.4f %.4f %.4f of llama-quantize's\n",
                  az_type_get(t)->name, set,
                  e->num[0] / e->den[0] / json_real_value(json_object_get(set_limits, metrics[0])),
                  e->num[1] / e->den[1] / json_real_value(json_object_get(set_limits, metrics[1])),
                  e->num[2] / e->den[2] / json_real_value(json_object_get(set_limits, metrics[2])),
                  e->num[3] / e->den[3] / json_real_value(json_object_get(set_limits, metrics[3])));
}

/* Number i (from 1) of a stream: the finalizer of splitmix64 over i * golden ratio + seed. */
static uint64_t splitmix(uint64_t seed, uint64_t i)
{
    uint64_t z = i * 0x9e3779b97f4a7c15u + seed;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* Sum of twelve 16-bit numbers: close to normal, variance 1, exact. */
static float bell(uint64_t seed, uint64_t i)
{
    int64_t sum = -6 * 65535;

    for (uint64_t k = 0; k < 3; k++) {
        uint64_t z = splitmix(seed + k * 0x10000000u, i);
        sum += (int64_t)(z & 0xffff) + (int64_t)(z >> 16 & 0xffff) + (int64_t)(z >> 32 & 0xffff) +
               (int64_t)(z >> 48);
    }
    return (float)sum * (1.0f / 65536);
}

static void make_importance(void)
{
    for (size_t i = 0; i < MAX_ROW; i++) {
        float b = bell(8000000000, i + 1);
        importance[i] = b * b + 0.05f;
    }
}

static float normal(uint64_t i)
{
    return bell(1, i) * 0.02f;
}
static float product(uint64_t i)
{
    return bell(1, i) * bell(2000000000, i) * 0.02f;
}
static float heavy(uint64_t i)
{
    return bell(1, i) * 0.02f / (fabsf(bell(2000000000, i)) + 0.25f);
}
static float outliers(uint64_t i)
{
    return bell(1, i) * (splitmix(77, i) % 300 == 0 ? 0.4f : 0.02f);
}
static float shifted(uint64_t i)
{
    return bell(1, i) * 0.02f + 0.03f;
}
static float small(uint64_t i)
{
    return bell(4000000000, i) * 0.0005f;
}
static float smooth(uint64_t i)
{
    return bell(4000000000, i) * 0.01f + bell(6000000000, (i - 1) / 64 + 1) * 0.02f;
}

static const struct {
    const char *name;
    float (*value)(uint64_t i); /* i from 1 */
} sets[] = { { "normal", normal },     { "product", product }, { "heavy", heavy },
             { "outliers", outliers }, { "shifted", shifted }, { "small", small },
             { "smooth", smooth } };

static void synthetic_tensors(void **state)
{
    const char *name;
    json_t *value;

    (void)state;
    for (size_t s = 0; s < AZ_COUNT(sets); s++) {
        for (size_t i = 0; i < N; i++)
            x[i] = sets[s].value(i + 1);
        json_object_foreach(json_object_get(limits, "types"), name, value)
        {
            errors e = { .num = { 0 } };
            az_type t;
            assert_true(az_type_from_name(name, &t));
            for (size_t r = 0; r < ROWS; r++)
                code_row(&e, t, x + r * COLS, COLS);
            check(&e, t, sets[s].name);
        }
    }
}

/* Sum of 64-bit words, each times its odd place. */
static uint64_t checksum(const char *path)
{
    FILE *f = fopen(path, "rb");
    uint64_t sum = 0, word = 0, i = 0;

    if (!f) return 0;
    for (; fread(&word, 1, 8, f) > 0; i++, word = 0)
        sum += word * (2 * i + 1);
    fclose(f);
    return sum;
}

static void code_tensor(errors *e, az_type t, adze_model *m, const az_tensor *tensor)
{
    static float row[MAX_ROW];
    const void *data;
    size_t cols = (size_t)az_tensor_cols(tensor);

    assert_int_equal(tensor->type, AZ_BF16);
    assert_int_equal(az_model_tensor_data(m, tensor, &data, NULL), ADZE_OK);
    for (size_t r = 0; r < (size_t)az_tensor_rows(tensor); r++) {
        az_codec_get(AZ_BF16)->unpack(az_kernels_default(), (const uint8_t *)data + 2 * r * cols,
                                      row, cols);
        code_row(e, t, row, cols);
    }
}

static void demo_tensors(void **state)
{
    const char *name, *want = json_string_value(json_object_get(limits, "demo_checksum"));
    adze_run *run = NULL;
    adze_model *m = NULL;
    char sum[32];
    json_t *value;

    (void)state;
    snprintf(sum, sizeof sum, "%016llx",
             (unsigned long long)checksum("demo/checkpoint/model.safetensors"));
    if (!want || strcmp(sum, want) != 0) {
        print_message(
            "skipped: the limits are for another demo checkpoint; remake quant_limits.json\n");
        skip();
    }
    assert_int_equal(adze_run_new(&run, NULL, NULL), ADZE_OK);
    assert_int_equal(adze_model_open(&m, run, "demo/checkpoint", NULL), ADZE_OK);
    json_object_foreach(json_object_get(limits, "types"), name, value)
    {
        errors e = { .num = { 0 } };
        az_type t;
        assert_true(az_type_from_name(name, &t));
        for (size_t i = 0; i < m->n_tensors; i++)
            if (m->tensors[i].n_dims == 2) code_tensor(&e, t, m, &m->tensors[i]);
        check(&e, t, "demo");
    }
    adze_model_close(m);
    adze_run_free(run);
}

static int setup(void **state)
{
    (void)state;
    limits = json_load_file("tests/data/golden/quant_limits.json", 0, NULL);
    make_importance();
    return limits == NULL;
}

static int teardown(void **state)
{
    (void)state;
    json_decref(limits);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(synthetic_tensors),
                                        cmocka_unit_test(demo_tensors) };

    return cmocka_run_group_tests(tests, setup, teardown);
}
