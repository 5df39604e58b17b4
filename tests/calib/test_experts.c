/* Importance of experts: each one's rows counted and summed apart. Against llama-imatrix's on the same model
 * (tools/golden/make_expert_counts.py), and what must hold for any mixture. */
#include "infer/made_model.h"

#include <math.h>
#include <sys/stat.h>

#include "calib/calibrate.h"
#include "format/imatrix.h"

static adze_run *run;
static char folder[] = "/tmp/adze-experts-XXXXXX";

static void put_text(const char *name, const char *text)
{
    char path[128];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

/* The importance of a golden model on its text's text. */
static az_importance *calibrate(const char *model, const json_t *doc, int threads)
{
    char path[128], *tokenizer = json_dumps(json_object_get(doc, "tokenizer"), 0);
    const char *text = path;
    az_calibrate_opts o = { .texts = &text, .n_texts = 1, .threads = threads };
    az_importance *imp = NULL;
    adze_error err = { 0 };
    adze_model *m = NULL;
    made_spec spec;

    o.chunk = (size_t)json_integer_value(json_object_get(doc, "chunk"));
    made_read(&spec, run, model);
    made_write(&spec, folder, NULL);
    put_text("tokenizer.json", tokenizer);
    put_text("text", json_string_value(json_object_get(doc, "text")));
    snprintf(path, sizeof path, "%s/text", folder);
    ok(adze_model_open(&m, run, folder, &err), &err);
    ok(az_calibrate(&imp, run, m, &o, &err), &err);
    adze_model_close(m);
    free(tokenizer);
    json_decref(spec.j);
    return imp;
}

static json_t *read_golden(void)
{
    json_t *doc = NULL;
    adze_error err = { 0 };

    ok(az_json_read(&doc, run, "tests/data/golden/expert_counts.json", 1 << 20, &err), &err);
    return doc;
}

static double sum_of(const az_importance_entry *e, uint64_t mat)
{
    double sum = 0;

    for (uint64_t c = 0; c < e->cols; c++)
        sum += (double)e->sums[mat * e->cols + c];
    return sum;
}

static void equal_llama_imatrix(void **state)
{
    json_t *doc = read_golden(), *tensors = json_object_get(doc, "tensors"), *want;
    az_importance *imp = calibrate("mixtral", doc, 2);
    const char *name;

    (void)state;
    assert_int_equal(imp->n, json_object_size(tensors));
    json_object_foreach(tensors, name, want)
    {
        const az_importance_entry *e = az_importance_find(imp, name);
        const json_t *counts = json_array_get(want, 0), *sums = json_array_get(want, 1);
        if (!e) fail_msg("%s is missing", name);
        assert_int_equal(e->mats, json_array_size(counts));
        for (uint64_t i = 0; i < e->mats; i++) {
            double sum = json_number_value(json_array_get(sums, i));
            assert_int_equal(e->counts[i], json_integer_value(json_array_get(counts, i)));
            if (!(fabs(sum_of(e, i) - sum) <= 2e-5 * sum))
                fail_msg("%s, expert %d: %g, not %g", name, (int)i, sum_of(e, i), sum);
        }
    }
    az_importance_free(imp);
    json_decref(doc);
}

/* Every row goes to so many experts: their rows and sums together are so many times those of the router, which reads
 * the same; gate and up count alike, down counts the same rows. */
static void experts_share_the_rows(void **state)
{
    static const struct {
        const char *model;
        int layer, used;
    } cases[] = {
        { "mixtral", 1, 2 }, { "qwen3_moe", 2, 3 }, { "qwen3_moe_raw", 1, 2 },
        { "olmoe", 0, 3 },   { "phimoe", 1, 2 },    { "gpt_oss", 2, 2 },
    };
    json_t *doc = read_golden();

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(cases); i++) {
        az_importance *imp = calibrate(cases[i].model, doc, 1);
        const char *parts[] = { "ffn_gate_inp", "ffn_gate_exps", "ffn_up_exps", "ffn_down_exps" };
        const az_importance_entry *e[4];
        double rows = 0, sum = 0;
        for (int k = 0; k < 4; k++) {
            char name[64];
            snprintf(name, sizeof name, "blk.%d.%s.weight", cases[i].layer, parts[k]);
            e[k] = az_importance_find(imp, name);
            if (!e[k]) fail_msg("%s: no %s", cases[i].model, name);
        }
        for (uint64_t x = 0; x < e[1]->mats; x++) {
            rows += (double)e[1]->counts[x];
            sum += sum_of(e[1], x);
            assert_true(e[2]->counts[x] == e[1]->counts[x] && e[3]->counts[x] == e[1]->counts[x]);
            assert_true(sum_of(e[2], x) == sum_of(e[1], x));
        }
        assert_int_equal(rows, cases[i].used * e[0]->counts[0]);
        if (!(fabs(sum - cases[i].used * sum_of(e[0], 0)) <= 1e-5 * sum))
            fail_msg("%s: %g, not %g", cases[i].model, sum, cases[i].used * sum_of(e[0], 0));
        az_importance_free(imp);
    }
    json_decref(doc);
}

/* A file of them comes back; an encoder's weights differ by expert. */
static void a_file_keeps_each_expert(void **state)
{
    json_t *doc = read_golden();
    az_importance *imp = calibrate("mixtral", doc, 1), *back = NULL;
    const az_importance_entry *a, *b;
    adze_error err = { 0 };
    float one[32], other[32];
    char path[128];

    (void)state;
    snprintf(path, sizeof path, "%s/imatrix.gguf", folder);
    ok(az_imatrix_write(run, imp, path, &err), &err);
    ok(az_imatrix_read(&back, run, path, &err), &err);
    a = az_importance_find(imp, "blk.0.ffn_up_exps.weight");
    b = az_importance_find(back, "blk.0.ffn_up_exps.weight");
    assert_int_equal(a->mats, 5);
    assert_int_equal(b->mats, 5);
    assert_memory_equal(a->counts, b->counts, 5 * sizeof *a->counts);
    assert_memory_equal(a->sums, b->sums, a->cols * 5 * sizeof *a->sums);
    az_importance_weights(b, 32, 0, one);
    az_importance_weights(b, 32, 1, other);
    assert_memory_not_equal(one, other, sizeof one);
    az_importance_free(imp);
    az_importance_free(back);
    json_decref(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_llama_imatrix),
        cmocka_unit_test(experts_share_the_rows),
        cmocka_unit_test(a_file_keeps_each_expert),
    };
    int failed;

    if (adze_run_new(&run, NULL, NULL) != ADZE_OK || !mkdtemp(folder)) return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    az_remove_tree(run, folder, NULL);
    adze_run_free(run);
    return failed;
}
