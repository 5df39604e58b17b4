/* gpt_oss with experts in blocks of mxfp4: read as they are, written to a GGUF and back byte for byte; as floats
 * they have the order that transformers reads, interleaved and with columns for rows. */
#include "made_model.h"

#include <sys/stat.h>

#include "core/block.h"
#include "core/packed.h"
#include "job/convert.h"

/* Of logits: floats; activations in 8 bits beside weights in blocks. */
#define EXACT   1e-4
#define ROUNDED 3e-2

static adze_run *run;
static char root[] = "/tmp/adze-gpt-oss-XXXXXX";

static const char *in(const char *name)
{
    static char paths[4][128];
    static unsigned next;
    char *p = paths[next++ % 4];

    snprintf(p, sizeof paths[0], "%s/%s", root, name);
    return p;
}

static made_spec make(const char *name)
{
    made_spec spec;

    made_read(&spec, run, name);
    az_remove_tree(run, in("hf"), NULL);
    az_remove_tree(run, in("back"), NULL);
    assert_int_equal(mkdir(in("hf"), 0777), 0);
    made_write(&spec, in("hf"), NULL);
    made_tokenizer(in("hf"), 64);
    return spec;
}

static void convert(const char *from, const char *to, const char *format, const char *recipe)
{
    az_convert_opts o = { .to = format, .recipe = recipe };
    adze_error err = { 0 };

    ok(az_convert(run, in(from), in(to), &o, NULL, &err), &err);
}

static double off_by(const made_spec *spec, const char *name)
{
    adze_error err = { 0 };
    adze_model *m = NULL;
    adze_session *s = NULL;
    int32_t *tokens;
    size_t n = made_tokens(json_object_get(spec->j, "tokens"), &tokens);
    adze_session_opts opts = { .context = n };
    float *logits;
    double off;

    ok(adze_model_open(&m, run, in(name), &err), &err);
    ok(adze_session_new(&s, run, m, &opts, &err), &err);
    logits = calloc(n * adze_session_vocab(s), sizeof *logits);
    assert_non_null(logits);
    ok(adze_session_eval_all(s, tokens, n, logits, &err), &err);
    off = made_error(json_object_get(spec->j, "logits"), json_object_get(spec->j, "positions"),
                     logits);
    print_message("%s: %.1e\n", name, off);
    free(logits);
    free(tokens);
    adze_session_free(s);
    adze_model_close(m);
    return off;
}

/* Every tensor of one folder is in the other with the same bytes, part by part. */
static void same_tensors(const char *a_name, const char *b_name)
{
    adze_error err = { 0 };
    adze_model *a = NULL, *b = NULL;

    ok(adze_model_open(&a, run, in(a_name), &err), &err);
    ok(adze_model_open(&b, run, in(b_name), &err), &err);
    assert_int_equal(a->n_tensors, b->n_tensors);
    for (size_t i = 0; i < a->n_tensors; i++) {
        const az_tensor *t = &a->tensors[i], *u = az_model_tensor(b, t->name);
        int parts = t->packed ? 2 : 1;
        if (!u) fail_msg("%s is missing", t->name);
        assert_int_equal(t->type, u->type);
        assert_memory_equal(t->shape, u->shape, sizeof t->shape);
        assert_true(!t->packed == !u->packed);
        for (int k = 0; k < parts; k++) {
            const az_tensor *p = t->packed ? &t->packed->part[k] : t,
                            *q = u->packed ? &u->packed->part[k] : u;
            char *x = malloc(p->size_bytes), *y = malloc(q->size_bytes);
            assert_string_equal(p->name, q->name);
            assert_int_equal(p->size_bytes, q->size_bytes);
            ok(az_model_read(a, p, 0, x, p->size_bytes, &err), &err);
            ok(az_model_read(b, q, 0, y, q->size_bytes, &err), &err);
            if (memcmp(x, y, p->size_bytes) != 0) fail_msg("%s: other bytes", p->name);
            free(x);
            free(y);
        }
    }
    adze_model_close(a);
    adze_model_close(b);
}

static const json_t *quantization(adze_model **m, const char *name)
{
    adze_error err = { 0 };

    ok(adze_model_open(m, run, in(name), &err), &err);
    return json_object_get((*m)->config, "quantization_config");
}

static void blocks_equal_transformers(void **state)
{
    made_spec spec = make("gpt_oss_mxfp4");

    (void)state;
    assert_true(off_by(&spec, "hf") < ROUNDED);
    convert("hf", "f32.gguf", "gguf", "f32");
    assert_true(off_by(&spec, "f32.gguf") < EXACT);
    convert("hf", "keep.gguf", "gguf", NULL);
    assert_true(off_by(&spec, "keep.gguf") < ROUNDED);
    json_decref(spec.j);
}

/* A block of a GGUF has its values as halves, a checkpoint's as pairs; rows of gate and up alternate there. */
static void gguf_has_the_same_bits(void **state)
{
    made_spec spec = make("gpt_oss_mxfp4");
    const char *name = "model.layers.1.mlp.experts.gate_up_proj_blocks";
    const json_t *all = json_object_get(spec.j, "tensors"), *s = json_object_get(all, name);
    size_t n = made_count(s);
    float *bytes = malloc(n * sizeof *bytes);
    adze_error err = { 0 };
    az_block_mxfp4 b;
    adze_model *m = NULL;
    const az_tensor *up;

    (void)state;
    assert_non_null(bytes);
    made_values(name, s, bytes, n);
    convert("hf", "keep.gguf", "gguf", NULL);
    ok(adze_model_open(&m, run, in("keep.gguf"), &err), &err);
    up = az_model_tensor(m, "blk.1.ffn_up_exps.weight");
    assert_non_null(up);
    assert_int_equal(up->type, AZ_MXFP4);
    /* expert 2, row 5, block 1: row 11 of the checkpoint's 192, two blocks a row */
    ok(az_model_read(m, up, ((2 * 96 + 5) * 2 + 1) * sizeof b, &b, sizeof b, &err), &err);
    for (int i = 0; i < 32; i++) {
        int pair = (int)bytes[((2 * 192 + 11) * 2 + 1) * 16 + i / 2];
        assert_int_equal(pair >> i % 2 * 4 & 15, b.qs[i % 16] >> i / 16 * 4 & 15);
    }
    adze_model_close(m);
    free(bytes);
    json_decref(spec.j);
}

static void blocks_come_back(void **state)
{
    made_spec spec = make("gpt_oss_mxfp4");
    adze_model *m = NULL;
    const json_t *q;

    (void)state;
    convert("hf", "keep.gguf", "gguf", NULL);
    convert("keep.gguf", "back", "hf", NULL);
    same_tensors("hf", "back");
    q = quantization(&m, "back");
    assert_string_equal(json_string_value(json_object_get(q, "quant_method")), "mxfp4");
    adze_model_close(m);
    az_remove_tree(run, in("back"), NULL);
    convert("hf", "back", "hf", NULL);
    same_tensors("hf", "back");
    json_decref(spec.j);
}

static void floats_equal_transformers(void **state)
{
    static const char *const from[] = { "hf", "keep.gguf", "f32.gguf" };
    made_spec spec = make("gpt_oss_mxfp4");

    (void)state;
    convert("hf", "keep.gguf", "gguf", NULL);
    convert("hf", "f32.gguf", "gguf", "f32");
    for (size_t i = 0; i < AZ_COUNT(from); i++) {
        adze_model *m = NULL;
        az_remove_tree(run, in("back"), NULL);
        convert(from[i], "back", "hf", "f32");
        assert_true(off_by(&spec, "back") < EXACT);
        assert_null(quantization(&m, "back"));
        /* as transformers names and shapes them */
        assert_int_equal(az_model_tensor(m, "model.layers.0.mlp.experts.gate_up_proj")->shape[2],
                         192);
        assert_int_equal(az_model_tensor(m, "model.layers.0.mlp.experts.down_proj")->shape[1], 96);
        adze_model_close(m);
    }
    json_decref(spec.j);
}

static void floats_come_back(void **state)
{
    made_spec spec = make("gpt_oss");

    (void)state;
    convert("hf", "keep.gguf", "gguf", NULL);
    convert("keep.gguf", "back", "hf", NULL);
    same_tensors("hf", "back");
    json_decref(spec.j);
}

static void a_scale_that_is_no_number_is_refused(void **state)
{
    made_spec spec = make("gpt_oss_mxfp4");
    adze_error err = { 0 };
    adze_model *m = NULL;
    const az_tensor *t;
    FILE *f;

    (void)state;
    ok(adze_model_open(&m, run, in("hf"), &err), &err);
    t = az_model_tensor(m, "model.layers.0.mlp.experts.down_proj_blocks");
    f = fopen(in("hf/model.safetensors"), "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, (long)t->packed->part[1].at_bytes + 7, SEEK_SET), 0);
    fputc(255, f);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(az_convert(run, in("hf"), in("keep.gguf"), NULL, NULL, &err), ADZE_EFORMAT);
    assert_string_equal(err.name, t->packed->part[1].name);
    assert_int_equal(err.pos, t->packed->part[1].at_bytes + 7);
    adze_model_close(m);
    json_decref(spec.j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_equal_transformers),
        cmocka_unit_test(gguf_has_the_same_bits),
        cmocka_unit_test(blocks_come_back),
        cmocka_unit_test(floats_equal_transformers),
        cmocka_unit_test(floats_come_back),
        cmocka_unit_test(a_scale_that_is_no_number_is_refused),
    };
    int failed;

    if (adze_run_new(&run, NULL, NULL) != ADZE_OK || !mkdtemp(root)) return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    az_remove_tree(run, root, NULL);
    adze_run_free(run);
    return failed;
}
