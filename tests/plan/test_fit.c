/* Fit: bytes worked out from the demo checkpoint's config by hand, and limits that turn yes into no. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/json.h"
#include "format/format.h"
#include "plan/fit.h"

typedef struct {
    adze_run *run;
    adze_model *model;
    double layers, hidden, ff, heads, kv_heads, head_dim, vocab;
} fixture;

static double number(const json_t *o, const char *key)
{
    double v = 0;

    assert_true(az_json_real(o, key, &v));
    return v;
}

static int setup(void **state)
{
    static fixture f;
    json_t *c = NULL;

    assert_int_equal(adze_run_new(&f.run, NULL, NULL), ADZE_OK);
    assert_int_equal(az_model_open(&f.model, f.run, "demo/checkpoint", AZ_READ_NO_TOKENIZER, NULL),
                     ADZE_OK);
    assert_int_equal(az_json_read(&c, f.run, "demo/checkpoint/config.json", 1 << 20, NULL),
                     ADZE_OK);
    f.layers = number(c, "num_hidden_layers");
    f.hidden = number(c, "hidden_size");
    f.ff = number(c, "intermediate_size");
    f.heads = number(c, "num_attention_heads");
    f.kv_heads = number(c, "num_key_value_heads");
    f.head_dim = f.hidden / f.heads;
    f.vocab = number(c, "vocab_size");
    json_decref(c);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;

    adze_model_close(f->model);
    adze_run_free(f->run);
    return 0;
}

static const az_fit_row *row(const az_fit *f, const char *recipe)
{
    for (size_t i = 0; i < f->n; i++)
        if (!strcmp(f->row[i].recipe->name, recipe)) return &f->row[i];
    fail_msg("no recipe %s", recipe);
    return NULL;
}

/* Weights in matrices and in vectors of a tied llama without biases. */
static void count(const fixture *f, double *matrices, double *vectors)
{
    double attention = 2 * f->hidden * f->hidden + 2 * f->hidden * f->kv_heads * f->head_dim;

    *matrices = f->vocab * f->hidden + f->layers * (attention + 3 * f->hidden * f->ff);
    *vectors = f->hidden * (2 * f->layers + 1);
}

static void bytes_follow_from_the_config(void **state)
{
    const fixture *f = *state;
    az_device d = { .os = AZ_OS_LINUX, .bandwidth_gb_s = { 10, AZ_DECLARED } };
    double matrices, vectors;
    az_fit fit;

    count(f, &matrices, &vectors);
    assert_int_equal(az_fit_model(&fit, f->run, f->model, 100, &d, NULL), ADZE_OK);
    assert_true(fit.parameters == matrices + vectors);
    assert_true(fit.cache_bytes == 2 * 2 * 100 * f->layers * f->kv_heads * f->head_dim);
    assert_true(row(&fit, "f16")->weight_bytes == 2 * matrices + 4 * vectors);
    assert_true(row(&fit, "q8_0")->weight_bytes == matrices / 32 * 34 + 4 * vectors);
    assert_true(row(&fit, "f16")->need_bytes ==
                2 * matrices + 4 * vectors + fit.cache_bytes + AZ_FIT_PROGRAM_BYTES);
    assert_true(row(&fit, "f16")->decode_tok_s <= 10e9 / (2 * matrices));
    assert_true(row(&fit, "f16")->decode_tok_s > 0.9 * 10e9 / (2 * matrices));
}

static void the_limit_decides(void **state)
{
    const fixture *f = *state;
    az_device d = { .os = AZ_OS_LINUX };
    double q8, f16;
    az_fit fit;

    assert_int_equal(az_fit_model(&fit, f->run, f->model, 0, &d, NULL), ADZE_OK);
    assert_int_equal(fit.n_fit, fit.n); /* memory not known */
    assert_true(row(&fit, "q8_0")->decode_tok_s == 0);
    q8 = row(&fit, "q8_0")->need_bytes;
    f16 = row(&fit, "f16")->need_bytes;
    d.usable_bytes = (az_known){ (q8 + f16) / 2, AZ_DECLARED };
    assert_int_equal(az_fit_model(&fit, f->run, f->model, 0, &d, NULL), ADZE_OK);
    assert_true(row(&fit, "q8_0")->fits && !row(&fit, "f16")->fits);
    d.usable_bytes.value = 1e6;
    assert_int_equal(az_fit_model(&fit, f->run, f->model, 0, &d, NULL), ADZE_OK);
    assert_int_equal(fit.n_fit, 0);
}

static void a_context_beyond_the_model_is_refused(void **state)
{
    const fixture *f = *state;
    az_device d = { .os = AZ_OS_LINUX };
    adze_error err = { .msg = "" };
    az_fit fit;

    assert_int_equal(az_fit_model(&fit, f->run, f->model, 1000000000, &d, &err), ADZE_EINVAL);
    assert_string_equal(err.name, "--context");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_follow_from_the_config),
        cmocka_unit_test(the_limit_decides),
        cmocka_unit_test(a_context_beyond_the_model_is_refused),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
