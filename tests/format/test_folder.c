/* Writing folders: what goes through a folder, a GGUF and back is the same; MLX's groups are no worse than MLX's own
 * fit; folders appear whole; interrupted runs are taken up again. */
#include "fixture.h"

#include <math.h>

#include <adze/session.h>
#include "core/half.h"
#include "core/packed.h"
#include "kernel/kernel.h"
#include "format/mlx.h"

static adze_status try_convert(adze_run *run, const char *src, const char *dst,
                               az_convert_opts opts, az_convert_result *r)
{
    adze_error err = { .pos = ADZE_NOPOS };
    char line[1200];
    adze_status rc = az_convert(run, src, dst, &opts, r, &err);

    adze_error_text(&err, line, sizeof line);
    if (rc < 0 && rc != ADZE_ECANCEL) fail_msg("%s: %s", dst, line);
    return rc;
}

static void convert(const char *src, const char *dst, az_convert_opts opts)
{
    az_remove_tree(fx_run, dst, NULL);
    assert_int_equal(try_convert(fx_run, src, dst, opts, NULL), ADZE_OK);
}

static adze_model *open_model(const char *path)
{
    adze_error err = { 0 };
    adze_model *m;

    if (adze_model_open(&m, fx_run, path, &err) < 0) fail_msg("%s: %s", path, err.msg);
    return m;
}

/* All values of a tensor as f32. */
static float *values(const adze_model *m, const az_tensor *t)
{
    int64_t rows = az_tensor_rows(t), cols = az_tensor_cols(t);
    size_t n = (size_t)(rows * cols);
    float *x = az_alloc(fx_run, n * sizeof *x + 1);
    adze_error err = { 0 };

    if (t->packed) {
        if (az_packed_rows(m, t, 0, rows, x, &err) < 0) fail_msg("%s: %s", t->name, err.msg);
        return x;
    }
    uint16_t *h = az_alloc(fx_run, (size_t)t->size_bytes + 1);
    assert_int_equal(az_model_read(m, t, 0, h, (size_t)t->size_bytes, &err), ADZE_OK);
    for (size_t i = 0; i < n; i++) {
        if (t->type == AZ_F32) memcpy(&x[i], (float *)(void *)h + i, 4);
        if (t->type == AZ_BF16) x[i] = az_bf16_to_f32(h[i]);
        if (t->type == AZ_F16) x[i] = az_f16_to_f32(h[i]);
    }
    if (az_type_get(t->type)->quantized) az_kernels_default()->unpack[t->type](h, x, n);
    az_free(fx_run, h);
    return x;
}

static void assert_same_file(const char *a, const char *b)
{
    size_t n, k;
    char *x = fx_read(a, &n), *y = fx_read(b, &k);

    if (n != k || memcmp(x, y, n) != 0) fail_msg("%s and %s differ", a, b);
    az_free(fx_run, x);
    az_free(fx_run, y);
}

static void assert_same_tensors(const char *a, const char *b)
{
    adze_model *m = open_model(a), *k = open_model(b);
    adze_error err = { 0 };

    assert_int_equal(m->n_tensors, k->n_tensors);
    for (size_t i = 0; i < m->n_tensors; i++) {
        const az_tensor *t = &m->tensors[i], *u = az_model_tensor(k, t->name);
        void *x = az_alloc(fx_run, (size_t)t->size_bytes),
             *y = az_alloc(fx_run, (size_t)t->size_bytes);
        if (!u || u->type != t->type || u->n_dims != t->n_dims ||
            memcmp(u->shape, t->shape, sizeof t->shape) != 0)
            fail_msg("%s differs in type or shape", t->name);
        assert_int_equal(az_model_read(m, t, 0, x, (size_t)t->size_bytes, &err), ADZE_OK);
        assert_int_equal(az_model_read(k, u, 0, y, (size_t)t->size_bytes, &err), ADZE_OK);
        if (memcmp(x, y, (size_t)t->size_bytes) != 0) fail_msg("%s differs", t->name);
        az_free(fx_run, x);
        az_free(fx_run, y);
    }
    adze_model_close(m);
    adze_model_close(k);
}

static void copies_folders(void **state)
{
    static const char *const docs[] = { "config.json", "generation_config.json", "tokenizer.json",
                                        "tokenizer_config.json" };
    char a[64], b[64];

    (void)state;
    convert(fx_path("good"), fx_path("copy"), (az_convert_opts){ .shard_bytes = 60000 });
    assert_false(az_exists(fx_run, fx_path("copy/model.safetensors")));
    assert_true(az_exists(fx_run, fx_path("copy/model.safetensors.index.json")));
    assert_same_tensors(fx_path("good"), fx_path("copy"));
    for (size_t i = 0; i < AZ_COUNT(docs); i++) {
        snprintf(a, sizeof a, "good/%s", docs[i]);
        snprintf(b, sizeof b, "copy/%s", docs[i]);
        assert_same_file(fx_path(a), fx_path(b));
    }
    convert(fx_path("copy"), fx_path("whole/"), (az_convert_opts){ .to = "hf" });
    assert_same_tensors(fx_path("good"), fx_path("whole"));
    assert_true(az_exists(fx_run, fx_path("whole/model.safetensors")));
    assert_int_equal(fx_count("copy"), 1);
}

static void gives_back_what_a_gguf_was_made_of(void **state)
{
    static const char *const types[] = { "bf16", "f16", "f32" };

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(types); i++) {
        convert(fx_path("good"), fx_path("src"),
                (az_convert_opts){ .to = "hf", .recipe = types[i] });
        convert(fx_path("src"), fx_path("a.gguf"), (az_convert_opts){ .recipe = types[i] });
        convert(fx_path("a.gguf"), fx_path("back"), (az_convert_opts){ .to = "hf" });
        assert_same_tensors(fx_path("src"), fx_path("back"));
        adze_model *m = open_model(fx_path("src")), *k = open_model(fx_path("back"));
        assert_true(json_equal(m->config, k->config));
        assert_true(json_equal(m->generation_config, k->generation_config));
        assert_true(json_equal(m->tok.hf_config, k->tok.hf_config));
        adze_model_close(m);
        adze_model_close(k);
    }
}

static int32_t *ids_of(const char *path, size_t *n)
{
    static const char text[] =
        "The rain in <|begin_of_text|>Spain 12345 don't\n\n  \xc3\xa9t\xc3\xa9";
    adze_model *m = open_model(path);
    adze_error err = { 0 };
    adze_tokenizer *t;
    int32_t *ids;

    if (adze_tokenizer_new(&t, fx_run, m, &err) < 0) fail_msg("%s: %s", path, err.msg);
    assert_int_equal(adze_tokenize(t, text, strlen(text), 1, &ids, n, &err), ADZE_OK);
    adze_tokenizer_free(t);
    adze_model_close(m);
    return ids;
}

/* A GGUF without adze's own keys, as other programs write it. */
static void makes_documents_from_keys(void **state)
{
    static const char *const own[] = { "adze.config", "adze.tokenizer_config",
                                       "adze.tokenizer.pattern", "adze.generation_config" };
    adze_error err = { 0 };
    adze_model *m = open_model(fx_path("good"));
    int32_t *ids[2];
    az_plan *plan;
    size_t n[2];

    (void)state;
    assert_int_equal(az_format_find("gguf")->plan(fx_run, m, az_recipe_find("q8_0"), &plan, &err),
                     ADZE_OK);
    for (size_t i = 0; i < AZ_COUNT(own); i++)
        az_kv_remove(&plan->kv, own[i]);
    assert_int_equal(plan->format->write(fx_run, plan, fx_path("bare.gguf"), &err), ADZE_OK);
    az_plan_free(plan);
    adze_model_close(m);
    convert(fx_path("bare.gguf"), fx_path("made"), (az_convert_opts){ .to = "hf" });
    m = open_model(fx_path("made"));
    assert_string_equal(json_string_value(json_object_get(m->config, "model_type")), "llama");
    assert_true(json_real_value(json_object_get(m->config, "rms_norm_eps")) == 1e-5);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(m->config, "rope_scaling"), "rope_type")),
        "llama3");
    assert_string_equal(json_string_value(json_object_get(m->config, "torch_dtype")), "bfloat16");
    assert_non_null(m->chat_template);
    assert_int_equal(az_model_tensor(m, "model.layers.0.mlp.up_proj.weight")->type, AZ_BF16);
    adze_model_close(m);
    ids[0] = ids_of(fx_path("good"), &n[0]);
    ids[1] = ids_of(fx_path("made"), &n[1]);
    assert_int_equal(n[0], n[1]);
    assert_memory_equal(ids[0], ids[1], n[0] * sizeof **ids);
    az_free(fx_run, ids[0]);
    az_free(fx_run, ids[1]);
}

/* --- MLX ------------------------------------------------------------------------------------------------- */

static float stored(float v)
{
    return az_bf16_to_f32(az_f32_to_bf16(v));
}

/* Squared error of a group as mx.quantize fits it (mlx/backend/cpu/quantized.cpp), scales in bf16. */
static double mlx_error(const float *x, int n, int bits)
{
    float low = x[0], high = x[0], top = (float)((1 << bits) - 1), s, b = 0, edge, q0;
    double sum = 0;

    for (int i = 1; i < n; i++) {
        low = fminf(low, x[i]);
        high = fmaxf(high, x[i]);
    }
    s = fmaxf((high - low) / top, 1e-7f);
    edge = fabsf(low) > fabsf(high) ? low : high;
    if (!(fabsf(low) > fabsf(high))) s = -s;
    q0 = rintf(edge / s);
    if (q0 != 0) {
        s = edge / q0;
        b = edge;
    }
    for (int i = 0; i < n; i++) {
        float q = fminf(fmaxf(rintf((x[i] - b) / s), 0), top);
        double e = (double)x[i] - (double)(stored(s) * q + stored(b));
        sum += e * e;
    }
    return sum;
}

static void is_no_worse_than_mlx(void **state)
{
    static const int all_bits[] = { 2, 3, 4, 5, 6, 8 }, groups[] = { 32, 64 };
    adze_model *m = open_model(fx_path("good"));
    char recipe[16];

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(all_bits); i++)
        for (size_t g = 0; g < AZ_COUNT(groups); g++) {
            int group = groups[g], bits = all_bits[i];
            double own = 0, mlx = 0;
            adze_model *k;
            snprintf(recipe, sizeof recipe, "mlx-%dbit", bits);
            convert(fx_path("good"), fx_path("mlx"),
                    (az_convert_opts){ .recipe = recipe, .group = group });
            k = open_model(fx_path("mlx"));
            assert_string_equal(adze_model_format(k), "mlx");
            assert_int_equal(k->n_tensors, m->n_tensors);
            for (size_t j = 0; j < m->n_tensors; j++) {
                const az_tensor *t = &m->tensors[j], *u = az_model_tensor(k, t->name);
                float *x, *y;
                assert_non_null(u);
                assert_memory_equal(t->shape, u->shape, sizeof t->shape);
                assert_int_equal(u->packed != NULL, t->n_dims == 2);
                if (!u->packed) continue;
                x = values(m, t);
                y = values(k, u);
                for (int64_t e = 0; e < az_tensor_rows(t) * az_tensor_cols(t); e++) {
                    own += ((double)x[e] - (double)y[e]) * ((double)x[e] - (double)y[e]);
                    if (e % group == 0) mlx += mlx_error(x + e, group, bits);
                }
                az_free(fx_run, x);
                az_free(fx_run, y);
            }
            if (!(own <= mlx)) fail_msg("%s, groups of %d: %g, mlx %g", recipe, group, own, mlx);
            if (bits == 4 && !(own < 0.95 * mlx)) fail_msg("4 bits: %g, mlx %g", own, mlx);
            adze_model_close(k);
        }
    adze_model_close(m);
}

/* Of the last of eight ids, evaluated `chunk` at a time. */
static float *logits_of(const char *path, size_t vocab, int threads, size_t chunk)
{
    static const int32_t ids[] = { 1, 17, 33, 250, 8, 99, 41, 2 };
    adze_session_opts opts = { .threads = threads };
    adze_model *m = open_model(path);
    adze_error err = { 0 };
    adze_session *s;
    float *y = az_alloc(fx_run, vocab * sizeof *y);

    if (adze_session_new(&s, fx_run, m, &opts, &err) < 0) fail_msg("%s: %s", path, err.msg);
    for (size_t i = 0; i < AZ_COUNT(ids); i += chunk)
        assert_int_equal(adze_session_eval(s, ids + i,
                                           AZ_COUNT(ids) - i < chunk ? AZ_COUNT(ids) - i : chunk, y,
                                           &err),
                         ADZE_OK);
    adze_session_free(s);
    adze_model_close(m);
    return y;
}

/* The engine runs parts as they are: near to the same values in f32, as activations have 8 bits, and with the same
 * bits for any number of threads and any chunks. */
static void runs_parts(void **state)
{
    static const char *const recipes[] = { "mlx-4bit", "mlx-3bit", "mlx-2bit",  "mlx-5bit",
                                           "mlx-6bit", "mlx-8bit", "mlx-mxfp4", "mlx-mixed_2_6" };
    enum { VOCAB = 300 };

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(recipes); i++) {
        float *x, *y;
        double off = 0, all = 0;

        convert(fx_path("good"), fx_path("mlx"), (az_convert_opts){ .recipe = recipes[i] });
        convert(fx_path("mlx"), fx_path("flat.gguf"), (az_convert_opts){ .recipe = "f32" });
        x = logits_of(fx_path("mlx"), VOCAB, 1, 8);
        y = logits_of(fx_path("flat.gguf"), VOCAB, 1, 8);
        for (int k = 0; k < VOCAB; k++) {
            off += (double)(x[k] - y[k]) * (double)(x[k] - y[k]);
            all += (double)y[k] * (double)y[k];
        }
        if (!(off > 0 && sqrt(off / all) < 0.03))
            fail_msg("%s: logits are %g off those in f32", recipes[i], sqrt(off / all));
        for (size_t chunk = 1; chunk < 8; chunk += 2) {
            az_free(fx_run, y);
            y = logits_of(fx_path("mlx"), VOCAB, (int)chunk, chunk);
            assert_memory_equal(x, y, VOCAB * sizeof *x);
        }
        az_free(fx_run, x);
        az_free(fx_run, y);
    }
}

/* A GGUF keeps the codes where one of its types holds them: every number is the same. */
static void keeps_codes(void **state)
{
    static const struct {
        const char *recipe;
        int group;
        az_type type;
    } kept[] = { { "mlx-4bit", 32, AZ_Q4_1 },  { "mlx-4bit", 64, AZ_Q4_1 },
                 { "mlx-2bit", 64, AZ_Q4_1 },  { "mlx-5bit", 64, AZ_Q5_1 },
                 { "mlx-mxfp4", 0, AZ_MXFP4 }, { "mlx-6bit", 64, AZ_BF16 } };

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(kept); i++) {
        adze_model *a, *b;
        size_t matrices = 0;

        convert(fx_path("good"), fx_path("mlx"),
                (az_convert_opts){ .recipe = kept[i].recipe, .group = kept[i].group });
        convert(fx_path("mlx"), fx_path("kept.gguf"), (az_convert_opts){ .recipe = NULL });
        convert(fx_path("mlx"), fx_path("flat.gguf"), (az_convert_opts){ .recipe = "f32" });
        a = open_model(fx_path("kept.gguf"));
        b = open_model(fx_path("flat.gguf"));
        for (size_t k = 0; k < a->n_tensors; k++) {
            const az_tensor *t = &a->tensors[k];
            size_t n = (size_t)(az_tensor_rows(t) * az_tensor_cols(t));
            float *x = values(a, t), *y = values(b, az_model_tensor(b, t->name));

            matrices += t->type == kept[i].type;
            assert_true(t->type == kept[i].type || t->type == AZ_F32);
            for (size_t e = 0; e < n && kept[i].type != AZ_BF16; e++)
                if (!(x[e] == y[e])) fail_msg("%s: %zu: %g, %g", t->name, e, x[e], y[e]);
            az_free(fx_run, x);
            az_free(fx_run, y);
        }
        assert_true(matrices > 5);
        adze_model_close(a);
        adze_model_close(b);
    }
}

/* --- appearing whole -------------------------------------------------------------------------------------- */

typedef struct stopper {
    adze_run *run;
    int left;
} stopper;

static void on_progress(void *user, const adze_progress *p)
{
    stopper *s = user;

    (void)p;
    if (s->left-- == 0) adze_run_cancel(s->run);
}

static void takes_up_interrupted_runs(void **state)
{
    az_convert_opts opts = { .to = "mlx", .shard_bytes = 8000 };
    az_convert_result r;

    (void)state;
    convert(fx_path("good"), fx_path("whole-mlx"), opts);
    for (int steps = 0; steps < 10; steps += 4) {
        stopper s = { NULL, steps };
        adze_run_opts ro = { .threads = 1, .progress = on_progress, .user = &s };
        adze_error err = { 0 };
        assert_int_equal(adze_run_new(&s.run, &ro, &err), ADZE_OK);
        assert_int_equal(try_convert(s.run, fx_path("good"), fx_path("out"), opts, NULL),
                         ADZE_ECANCEL);
        adze_run_free(s.run);
        assert_false(az_exists(fx_run, fx_path("out")));
        assert_int_equal(fx_count("out."), 2); /* part and journal */
        assert_int_equal(try_convert(fx_run, fx_path("good"), fx_path("out"), opts, &r), ADZE_OK);
        assert_true(r.resumed_bytes > 0);
        assert_int_equal(fx_count("out"), 1);
        assert_same_file(fx_path("out/model-00001-of-00005.safetensors"),
                         fx_path("whole-mlx/model-00001-of-00005.safetensors"));
        assert_same_file(fx_path("out/model-00005-of-00005.safetensors"),
                         fx_path("whole-mlx/model-00005-of-00005.safetensors"));
        az_remove_tree(fx_run, fx_path("out"), NULL);
    }
}

static void is_the_same_for_any_threads(void **state)
{
    adze_error err = { 0 };
    adze_run *one;

    (void)state;
    convert(fx_path("good"), fx_path("many"), (az_convert_opts){ .to = "mlx" });
    assert_int_equal(adze_run_new(&one, &(adze_run_opts){ .threads = 1 }, &err), ADZE_OK);
    az_remove_tree(fx_run, fx_path("one"), NULL);
    assert_int_equal(try_convert(one, fx_path("good"), fx_path("one"),
                                 (az_convert_opts){ .to = "mlx" }, NULL),
                     ADZE_OK);
    adze_run_free(one);
    assert_same_file(fx_path("one/model.safetensors"), fx_path("many/model.safetensors"));
}

static struct {
    az_alloc_fns real;
    int left;
} memory;

static void *bad_alloc(void *user, size_t n)
{
    if (memory.left > 0 && --memory.left == 0) {
        memory.left = 1;
        return NULL;
    }
    return memory.real.alloc(user, n);
}

static void survives_failing_allocations(void **state)
{
    static const char *const from[] = { "good", "a.gguf" };
    az_convert_opts opts = { .to = "mlx" };

    (void)state;
    for (size_t f = 0; f < AZ_COUNT(from); f++) {
        adze_status rc = ADZE_ENOMEM;
        int k;
        az_remove_tree(fx_run, fx_path("out"), NULL);
        for (k = 1; rc != ADZE_OK && k < 6000; k += 1 + k / 40) {
            adze_error err = { .pos = ADZE_NOPOS };
            adze_run *run;
            assert_int_equal(adze_run_new(&run, &(adze_run_opts){ .threads = 1 }, &err), ADZE_OK);
            memory.real = run->alloc;
            memory.left = k;
            run->alloc.alloc = bad_alloc;
            rc = az_convert(run, fx_path(from[f]), fx_path("out"), &opts, NULL, &err);
            run->alloc = memory.real;
            adze_run_free(run);
            if (rc == ADZE_OK) break;
            if (rc != ADZE_ENOMEM) fail_msg("allocation %d: status %d %s", k, rc, err.msg);
            assert_int_equal(fx_count("out"), 0);
        }
        assert_int_equal(rc, ADZE_OK);
        assert_true(k > 50);
    }
}

/* --- split GGUFs ------------------------------------------------------------------------------------------- */

/* Replace the first `old` in a file of the scratch folder by as many bytes. */
static void patch(const char *name, const char *old, const char *now, size_t n_old)
{
    size_t n, at = 0;
    char *text = fx_read(fx_path(name), &n);

    while (at + n_old <= n && memcmp(text + at, old, n_old) != 0)
        at++;
    assert_true(at + n_old <= n);
    memcpy(text + at, now, n_old);
    fx_write(fx_path(name), text, n);
    az_free(fx_run, text);
}

static void make_split(void)
{
    convert(fx_path("good"), fx_path("s.gguf"),
            (az_convert_opts){ .recipe = "q8_0", .split_bytes = 22000 });
}

static void splits_and_merges(void **state)
{
    (void)state;
    make_split();
    assert_false(az_exists(fx_run, fx_path("s.gguf")));
    assert_int_equal(fx_count("s-0000"), 4);
    convert(fx_path("good"), fx_path("one.gguf"), (az_convert_opts){ .recipe = "q8_0" });
    convert(fx_path("s-00001-of-00004.gguf"), fx_path("merged.gguf"),
            (az_convert_opts){ .to = "gguf" });
    assert_same_file(fx_path("one.gguf"), fx_path("merged.gguf"));
}

#define NO(i)    "split.no\x02\0\0\0" i "\0"
#define COUNT(i) "split.count\x02\0\0\0" i
#define TOTAL(i) "split.tensors.count\x05\0\0\0" i "\0\0\0"

static void refuses_bad_splits(void **state)
{
    static const struct {
        const char *what, *file, *old, *now;
        size_t n;
        adze_status want;
        const char *says;
    } bad[] = {
        { "a part out of order", "s-00002-of-00004.gguf", NO("\1"), NO("\2"), 14, ADZE_EFORMAT,
          "part 3 of 4" },
        { "a part that says it is the first", "s-00003-of-00004.gguf", NO("\2"), NO("\0"), 14,
          ADZE_EFORMAT, "split.no" },
        { "a number beyond the count", "s-00001-of-00004.gguf", NO("\0"), NO("\x9"), 14,
          ADZE_EFORMAT, "split.count" },
        { "another count in a part", "s-00004-of-00004.gguf", COUNT("\4\0"), COUNT("\5\0"), 17,
          ADZE_EFORMAT, "split.no" },
        { "65535 parts", "s-00001-of-00004.gguf", COUNT("\4\0"), COUNT("\xff\xff"), 17,
          ADZE_EFORMAT, "65535 parts" },
        { "another number of tensors", "s-00001-of-00004.gguf", TOTAL("\xc"), TOTAL("\xe"), 27,
          ADZE_EFORMAT, "says 14 tensors" },
        { "a part that is no GGUF", "s-00003-of-00004.gguf", "GGUF", "GUFF", 4, ADZE_EFORMAT,
          "wrong magic" },
    };

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(bad); i++) {
        make_split();
        patch(bad[i].file, bad[i].old, bad[i].now, bad[i].n);
        fx_refused(bad[i].what, fx_path("s-00001-of-00004.gguf"), NULL, bad[i].want, bad[i].says);
    }
    make_split();
    fx_refused("a part that is not the first", fx_path("s-00002-of-00004.gguf"), NULL, ADZE_EINVAL,
               "give the first");
    assert_int_equal(unlink(fx_path("s-00003-of-00004.gguf")), 0);
    fx_refused("a missing part", fx_path("s-00001-of-00004.gguf"), NULL, ADZE_ENOENT,
               "s-00003-of-00004");
    assert_int_equal(symlink("/etc/passwd", fx_path("s-00003-of-00004.gguf")), 0);
    fx_refused("a part that links elsewhere", fx_path("s-00001-of-00004.gguf"), NULL, ADZE_EFORMAT,
               "outside its folder");
    make_split();
    assert_int_equal(rename(fx_path("s-00001-of-00004.gguf"), fx_path("first.gguf")), 0);
    fx_refused("a part under another name", fx_path("first.gguf"), NULL, ADZE_EFORMAT,
               "does not end in");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_folders),
        cmocka_unit_test(gives_back_what_a_gguf_was_made_of),
        cmocka_unit_test(makes_documents_from_keys),
        cmocka_unit_test(is_no_worse_than_mlx),
        cmocka_unit_test(runs_parts),
        cmocka_unit_test(keeps_codes),
        cmocka_unit_test(takes_up_interrupted_runs),
        cmocka_unit_test(is_the_same_for_any_threads),
        cmocka_unit_test(survives_failing_allocations),
        cmocka_unit_test(splits_and_merges),
        cmocka_unit_test(refuses_bad_splits),
    };

    return cmocka_run_group_tests(tests, fx_start, fx_stop);
}
