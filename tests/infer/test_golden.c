/* Logits against transformers' on a tiny random model of each architecture, and proof that the comparison
 * notices: each mutant of a config or of the weights must miss the golden values by far. */
#include "format/format.h"
#include "golden.h"

#define DATA      "tests/data/golden/"
#define TOLERANCE 1e-4
#define NOTICED   1e-3

typedef struct golden_case {
    const char *model, *golden;
} golden_case;

static const golden_case cases[] = {
    { "llama", "golden" }, { "llama3_rope", "golden" },         { "mistral_window", "golden" },
    { "qwen2", "golden" }, { "phi3_longrope", "golden_short" }, { "phi3_longrope", "golden_long" },
};

static adze_run *run;

/* Error of the logits of the model in a folder against a golden of `model`; change may be NULL. */
static double error_with(const char *folder, const char *model, const char *label,
                         void (*change)(az_config *c))
{
    char path[256];
    adze_error err = { 0 };
    adze_model *m = NULL;
    adze_session *s = NULL;
    const az_arch *arch = NULL;
    az_config c;
    golden g;
    float *logits;
    double off;

    snprintf(path, sizeof path, DATA "%s/%s.safetensors", model, label);
    golden_read(&g, run, path);
    ok(adze_model_open(&m, run, folder, &err), &err);
    ok(az_arch_of(m, &arch, &c, &err), &err);
    if (change) change(&c);
    /* a session as long as the sequence: longrope's choice in transformers follows the length too */
    adze_session_opts opts = { .context = g.n };
    ok(az_session_new_config(&s, run, m, &opts, arch, &c, &err), &err);
    logits = calloc(g.n * g.vocab, sizeof *logits);
    assert_non_null(logits);
    ok(adze_session_eval_all(s, g.tokens, g.n, logits, &err), &err);
    off = golden_error(&g, logits);
    free(logits);
    golden_free(&g);
    adze_session_free(s);
    adze_model_close(m);
    return off;
}

static void logits_equal_transformers(void **state)
{
    char folder[256];

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(cases); i++) {
        snprintf(folder, sizeof folder, DATA "%s", cases[i].model);
        double off = error_with(folder, cases[i].model, cases[i].golden, NULL);
        print_message("%s/%s: %.2e\n", cases[i].model, cases[i].golden, off);
        if (!(off <= TOLERANCE)) fail_msg("%s: off by %g", cases[i].model, off);
    }
}

static void copy_file(const char *from, const char *to)
{
    char buf[4096];
    FILE *a = fopen(from, "rb"), *b = fopen(to, "wb");
    size_t n;

    assert_non_null(a);
    assert_non_null(b);
    while ((n = fread(buf, 1, sizeof buf, a)) > 0)
        assert_int_equal(fwrite(buf, 1, n, b), n);
    fclose(a);
    assert_int_equal(fclose(b), 0);
}

/* config.json and model.safetensors of a golden model in `folder`. */
static void copy_model(const char *model, const char *folder)
{
    static const char *const names[] = { "config.json", "model.safetensors" };
    char from[256], to[256];

    for (size_t i = 0; i < AZ_COUNT(names); i++) {
        snprintf(from, sizeof from, DATA "%s/%s", model, names[i]);
        snprintf(to, sizeof to, "%s/%s", folder, names[i]);
        copy_file(from, to);
    }
}

/* --- mutants: one mistake each --- */

static void adjacent_pairs(az_config *c)
{
    c->rope.adjacent_pairs = true;
}
static void scale_up(az_config *c)
{
    c->attn_scale *= 1.1;
}
static void no_scale(az_config *c)
{
    c->attn_scale = 1;
}
static void other_eps(az_config *c)
{
    c->norm_eps = 1e-5;
}
static void window_more(az_config *c)
{
    c->window++;
}
static void window_less(az_config *c)
{
    c->window--;
}
static void no_window(az_config *c)
{
    c->window = 0;
}
static void no_bias_q(az_config *c)
{
    c->bias_q = false;
}
static void no_bias_k(az_config *c)
{
    c->bias_k = false;
}
static void no_bias_v(az_config *c)
{
    c->bias_v = false;
}
static void rope_default(az_config *c)
{
    c->rope.type = AZ_ROPE_DEFAULT;
}
static void rope_factor(az_config *c)
{
    c->rope.factor *= 1.1;
}
static void rope_low_factor(az_config *c)
{
    c->rope.low_freq_factor = 1.5;
}
static void rope_amplitude(az_config *c)
{
    c->rope.attention_factor = 1;
}
static void rope_theta(az_config *c)
{
    c->rope.theta *= 2;
}
static void swap_factors(az_config *c)
{
    const float *f = c->rope.short_factor;

    c->rope.short_factor = c->rope.long_factor;
    c->rope.long_factor = f;
}
static void rope_fewer_dims(az_config *c)
{
    c->rope.dims -= 2;
}

/* What a mutant does to a tensor's values [rows][cols]; false: leaves it alone. */
typedef bool patch_fn(const az_tensor *t, float *x);

static bool norms_are_one(const az_tensor *t, float *x)
{
    if (!strstr(t->name, "norm.weight")) return false;
    for (int64_t i = 0; i < az_tensor_cols(t); i++)
        x[i] = 1;
    return true;
}

/* Query head h reads key head h % 2 instead of h / 2: the same as heads 1 and 2 of four trading places. */
static bool heads_interleaved(const az_tensor *t, float *x)
{
    size_t rows = (size_t)az_tensor_rows(t), cols = (size_t)az_tensor_cols(t);

    if (strstr(t->name, "q_proj.weight") || strstr(t->name, "q_proj.bias")) {
        size_t n = rows * cols / 4; /* one head */
        for (size_t i = 0; i < n; i++) {
            float a = x[n + i];
            x[n + i] = x[2 * n + i];
            x[2 * n + i] = a;
        }
        return true;
    }
    if (!strstr(t->name, "o_proj.weight")) return false;
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < cols / 4; i++) {
            float *row = x + r * cols, a = row[cols / 4 + i];
            row[cols / 4 + i] = row[cols / 2 + i];
            row[cols / 2 + i] = a;
        }
    return true;
}

/* Copy of a golden model with patched weights, in `folder`. */
static void patched_model(const char *model, patch_fn *patch, const char *folder)
{
    char to[256];
    adze_error err = { 0 };
    adze_model *m = NULL;
    FILE *f;

    copy_model(model, folder);
    snprintf(to, sizeof to, "%s/model.safetensors", folder);
    ok(adze_model_open(&m, run, folder, &err), &err);
    f = fopen(to, "r+b");
    assert_non_null(f);
    for (size_t i = 0; i < m->n_tensors; i++) {
        const az_tensor *t = &m->tensors[i];
        float *x = malloc(t->size_bytes);
        assert_non_null(x);
        ok(az_model_read(m, t, 0, x, t->size_bytes, &err), &err);
        if (patch(t, x)) {
            assert_int_equal(fseek(f, (long)t->at_bytes, SEEK_SET), 0);
            assert_int_equal(fwrite(x, 1, t->size_bytes, f), t->size_bytes);
        }
        free(x);
    }
    assert_int_equal(fclose(f), 0);
    adze_model_close(m);
}

static const struct {
    const char *name;
    void (*change)(az_config *c);
    patch_fn *patch;
    const char *models; /* those it applies to; NULL: all */
} mutants[] = {
    { "adjacent pairs", adjacent_pairs, NULL, NULL },
    { "attention scale", scale_up, NULL, NULL },
    { "no attention scale", no_scale, NULL, NULL },
    { "norm eps", other_eps, NULL, NULL },
    { "norm weights", NULL, norms_are_one, NULL },
    { "query heads interleaved", NULL, heads_interleaved,
      "llama llama3_rope mistral_window qwen2" },
    { "rope theta", rope_theta, NULL, NULL },
    { "rope dimensions", rope_fewer_dims, NULL, NULL },
    { "window + 1", window_more, NULL, "mistral_window phi3_longrope" },
    { "window - 1", window_less, NULL, "mistral_window phi3_longrope" },
    { "no window", no_window, NULL, "mistral_window phi3_longrope" },
    { "no q bias", no_bias_q, NULL, "qwen2" },
    { "no k bias", no_bias_k, NULL, "qwen2" },
    { "no v bias", no_bias_v, NULL, "qwen2" },
    { "rope not scaled", rope_default, NULL, "llama3_rope phi3_longrope" },
    { "rope factor", rope_factor, NULL, "llama3_rope" },
    { "rope low factor", rope_low_factor, NULL, "llama3_rope" },
    { "rope amplitude", rope_amplitude, NULL, "phi3_longrope" },
    { "short and long factors swapped", swap_factors, NULL, "phi3_longrope" },
};

static bool applies(const char *models, const char *model)
{
    return !models || strstr(models, model);
}

static void mutants_are_noticed(void **state)
{
    char folder[256], copy[] = "/tmp/adze-golden-XXXXXX";
    double smallest = 1e9;

    (void)state;
    assert_non_null(mkdtemp(copy));
    for (size_t i = 0; i < AZ_COUNT(mutants); i++)
        for (size_t j = 0; j < AZ_COUNT(cases); j++) {
            const char *model = cases[j].model;
            /* "llama" is part of "llama3_rope": a list that names only the latter does not mean it */
            if (!applies(mutants[i].models, model) ||
                (mutants[i].models && strcmp(model, "llama") == 0 &&
                 strncmp(mutants[i].models, "llama ", 6) != 0))
                continue;
            snprintf(folder, sizeof folder, DATA "%s", model);
            if (mutants[i].patch) patched_model(model, mutants[i].patch, copy);
            double off = mutants[i].patch
                             ? error_with(copy, model, cases[j].golden, NULL)
                             : error_with(folder, model, cases[j].golden, mutants[i].change);
            if (!(off > NOTICED))
                fail_msg("%s: %s/%s is off by only %g", mutants[i].name, model, cases[j].golden,
                         off);
            if (off < smallest) smallest = off;
        }
    print_message("smallest error of a mutant: %.1e\n", smallest);
    az_remove_tree(run, copy, NULL);
}

/* A GGUF needs a vocabulary; the golden models have none of their own. */
static void write_tokenizer(const char *folder)
{
    char path[256];
    FILE *f;

    snprintf(path, sizeof path, "%s/tokenizer.json", folder);
    f = fopen(path, "w");
    assert_non_null(f);
    fputs("{\"added_tokens\":[],\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"use_regex\":true},"
          "\"model\":{\"type\":\"BPE\",\"merges\":[],\"vocab\":{",
          f);
    for (int i = 0; i < 128; i++)
        fprintf(f, "%s\"t%d\":%d", i ? "," : "", i, i);
    fputs("}}}", f);
    assert_int_equal(fclose(f), 0);
}

/* Written as GGUF (q and k permuted for llama, scalings as tensors and keys) and read back. */
static void logits_survive_gguf(void **state)
{
    char copy[] = "/tmp/adze-golden-XXXXXX", file[64];
    const az_format *gguf = az_format_find("gguf");

    (void)state;
    assert_non_null(mkdtemp(copy));
    snprintf(file, sizeof file, "%s/model.gguf", copy);
    for (size_t i = 0; i < AZ_COUNT(cases); i++) {
        adze_error err = { 0 };
        adze_model *m = NULL;
        az_plan *plan = NULL;
        copy_model(cases[i].model, copy);
        write_tokenizer(copy);
        ok(adze_model_open(&m, run, copy, &err), &err);
        ok(gguf->plan(run, m, NULL, &plan, &err), &err);
        ok(gguf->write(run, plan, file, &err), &err);
        az_plan_free(plan);
        adze_model_close(m);
        double off = error_with(file, cases[i].model, cases[i].golden, NULL);
        if (!(off <= TOLERANCE)) fail_msg("%s as GGUF: off by %g", cases[i].model, off);
    }
    az_remove_tree(run, copy, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits_equal_transformers),
        cmocka_unit_test(logits_survive_gguf),
        cmocka_unit_test(mutants_are_noticed),
    };
    int failed;

    if (adze_run_new(&run, NULL, NULL) != ADZE_OK) return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    adze_run_free(run);
    return failed;
}
