/* Recipes against snapshots of llama-quantize's choices: a section a recipe, a line for each tensor that
 * does not get the section's default type. The tensors themselves are rebuilt from each model's sizes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <jansson.h>

#include "base/compiler.h"
#include "codec/recipe.h"

enum { MAX_TENSORS = 2048, MAX_TEXT = 1 << 18 };

typedef struct schema {
    char text[MAX_TEXT];
    az_recipe_model model;
    long n_embd, n_ff, head_dim;
    az_recipe_tensor tensors[MAX_TENSORS];
    char names[MAX_TENSORS][64];
    bool named[MAX_TENSORS]; /* has a line in the section */
    size_t n;
} schema;

static schema the_schema;
static adze_run *run;

static long header(const char *text, const char *key)
{
    const char *at = strstr(text, key);

    return at ? strtol(at + strlen(key), NULL, 10) : 0;
}

static void add(schema *s, const char *name, int n_dims, long cols)
{
    assert_true(s->n < MAX_TENSORS);
    snprintf(s->names[s->n], sizeof s->names[0], "%s", name);
    s->tensors[s->n] =
        (az_recipe_tensor){ .name = s->names[s->n], .n_dims = n_dims, .type = AZ_BF16 };
    s->tensors[s->n].shape[0] = 8;
    s->tensors[s->n].shape[1] = 8;
    s->tensors[s->n].shape[n_dims - 1] = cols;
    s->n++;
}

static void add_layer(schema *s, int layer, const char *part, int n_dims, long cols)
{
    char name[64];

    snprintf(name, sizeof name, "blk.%d.%s.weight", layer, part);
    add(s, name, n_dims, cols);
}

/* The tensors of the models that the snapshots cover: dense, experts, and every fourth layer attention. */
static void add_tensors(schema *s)
{
    bool fused = strstr(s->text, "attn_qkv") != NULL, shared = strstr(s->text, "_shexp") != NULL;
    long heads = s->model.n_heads * s->head_dim;

    s->n = 0;
    add(s, "token_embd.weight", 2, s->n_embd);
    add(s, "output_norm.weight", 1, s->n_embd);
    if (strstr(s->text, "\noutput.weight")) add(s, "output.weight", 2, s->n_embd);
    for (int i = s->model.n_layers - 1; i >= 0; i--) { /* any order must do */
        add_layer(s, i, "attn_norm", 1, s->n_embd);
        if (fused && i % 4 != 3) {
            add_layer(s, i, "attn_qkv", 2, s->n_embd);
            add_layer(s, i, "ssm_out", 2, 4096);
            add_layer(s, i, "ssm_conv1d", 2, 4);
        } else {
            add_layer(s, i, "attn_v", 2, s->n_embd);
            add_layer(s, i, "attn_q", 2, s->n_embd);
            add_layer(s, i, "attn_k", 2, s->n_embd);
            add_layer(s, i, "attn_output", 2, heads);
        }
        if (s->model.n_experts) {
            add_layer(s, i, "ffn_gate_inp", 2, s->n_embd);
            add_layer(s, i, "ffn_gate_exps", 3, s->n_embd);
            add_layer(s, i, "ffn_up_exps", 3, s->n_embd);
            add_layer(s, i, "ffn_down_exps", 3, s->n_ff);
            if (shared) add_layer(s, i, "ffn_down_shexp", 2, 512);
        } else {
            add_layer(s, i, "ffn_gate", 2, s->n_embd);
            add_layer(s, i, "ffn_up", 2, s->n_embd);
            add_layer(s, i, "ffn_down", 2, s->n_ff);
        }
    }
}

static void load(schema *s, const char *path, const char *arch, long head_dim)
{
    FILE *f = fopen(path, "rb");
    size_t n;

    assert_non_null(f);
    n = fread(s->text, 1, MAX_TEXT - 1, f);
    fclose(f);
    assert_true(n > 0 && n < MAX_TEXT - 1);
    s->text[n] = 0;
    s->n_embd = header(s->text, "n_embd=");
    s->n_ff = header(s->text, "n_ff=");
    s->head_dim = head_dim;
    s->model =
        (az_recipe_model){ arch, (int)header(s->text, "n_layer="), (int)header(s->text, "n_head="),
                           (int)header(s->text, "n_head_kv="), (int)header(s->text, "n_expert=") };
    add_tensors(s);
}

static az_type type_named(const char *name)
{
    char low[32];
    az_type t;
    size_t i = 0;

    for (; name[i] && i < sizeof low - 1; i++)
        low[i] = (char)(name[i] | (name[i] >= 'A' && name[i] <= 'Z' ? 32 : 0));
    low[i] = 0;
    assert_true(az_type_from_name(low, &t));
    return t;
}

/* Tensors of kinds that the snapshot does not name keep the section's default. */
static void check_rest(const schema *s, const char *section, az_type dflt)
{
    for (size_t i = 0; i < s->n; i++) {
        const az_recipe_tensor *t = &s->tensors[i];
        bool kept =
            t->n_dims == 1 || strstr(t->name, "ffn_gate_inp") || strstr(t->name, "ssm_conv1d");

        if (s->named[i]) continue;
        if (t->out != (kept ? AZ_F32 : dflt))
            fail_msg("[%s] %s: got %s, default is %s", section, t->name, az_type_get(t->out)->name,
                     az_type_get(dflt)->name);
    }
}

static size_t check_section(schema *s, const char *section, const char *dflt, char *lines)
{
    const az_recipe *r = az_recipe_find(section);
    adze_error err = { 0 };
    char name[64], type[32];
    int used;
    size_t n = 0;

    if (!r) return 0;
    assert_int_equal(r->base, type_named(dflt));
    assert_int_equal(az_recipe_assign(run, r, &s->model, s->tensors, s->n, &err), ADZE_OK);
    memset(s->named, 0, sizeof s->named);
    for (; sscanf(lines, "%63s %31s%n", name, type, &used) == 2 && name[0] != '[';
         lines += used, n++)
        for (size_t i = 0; i < s->n; i++)
            if (strcmp(s->names[i], name) == 0) {
                s->named[i] = true;
                if (s->tensors[i].out != type_named(type))
                    fail_msg("[%s] %s: got %s, want %s", section, name,
                             az_type_get(s->tensors[i].out)->name, type);
            }
    check_rest(s, section, r->base);
    return s->n;
}

static size_t check_schema(const char *path, const char *arch, long head_dim)
{
    schema *s = &the_schema;
    char section[32], dflt[32];
    int used;
    size_t decisions = 0;

    load(s, path, arch, head_dim);
    for (char *at = strchr(s->text, '['); at; at = strchr(at + 1, '[')) {
        assert_int_equal(sscanf(at, "[%31[^]]] %31s%n", section, dflt, &used), 2);
        decisions += check_section(s, section, dflt, at + used);
    }
    return decisions;
}

static void recipes_match_small_snapshot(void **state)
{
    (void)state;
    assert_int_equal(check_schema("tests/data/codec/recipes-small.schema", "llama", 64),
                     13 * (2 + 16 * 8));
}

static void recipes_match_real_snapshots(void **state)
{
    static const struct {
        const char *file, *arch;
        long head_dim;
    } models[] = { { "gemma-3-4b-it", "gemma3", 256 },
                   { "gpt-oss-120b", "gpt-oss", 64 },
                   { "meta-llama-3.1-70b-instruct", "llama", 128 },
                   { "qwen3-0.6b", "qwen3", 128 },
                   { "qwen3-14b", "qwen3", 128 },
                   { "qwen3-coder-next", "qwen3next", 256 } };
    const char *shared = getenv("ADZE_SHARED");
    char path[1024];
    size_t decisions = 0;
    FILE *f;

    (void)state;
    if (!shared) shared = "../shared";
    snprintf(path, sizeof path, "%s/data/llama-quantize/%s.schema", shared, models[0].file);
    f = fopen(path, "rb");
    if (!f) {
        print_message("skipped: %s is missing (set ADZE_SHARED)\n", path);
        skip();
    }
    fclose(f);
    for (size_t i = 0; i < AZ_COUNT(models); i++) {
        snprintf(path, sizeof path, "%s/data/llama-quantize/%s.schema", shared, models[i].file);
        decisions += check_schema(path, models[i].arch, models[i].head_dim);
    }
    print_message("%zu decisions equal\n", decisions);
}

static void assign(const char *recipe, const az_recipe_model *m, az_recipe_tensor *t, size_t n)
{
    adze_error err = { 0 };

    assert_int_equal(az_recipe_assign(run, az_recipe_find(recipe), m, t, n, &err), ADZE_OK);
}

/* ---- models that the snapshots do not cover: tools/golden/make_recipes.py has the same ---- */

static uint64_t fnv(uint64_t h, const char *s)
{
    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * 0x100000001b3u;
    return h;
}

static int by_tensor_name(const void *a, const void *b)
{
    return strcmp(((const az_recipe_tensor *)a)->name, ((const az_recipe_tensor *)b)->name);
}

static void add_made_tensors(schema *s, bool output)
{
    bool experts = s->model.n_experts > 0;

    s->n = 0;
    add(s, "token_embd.weight", 2, 256);
    if (output) add(s, "output.weight", 2, 256);
    for (int i = 0; i < s->model.n_layers; i++) {
        add_layer(s, i, "attn_q", 2, 256);
        add_layer(s, i, "attn_k", 2, 256);
        add_layer(s, i, "attn_v", 2, 256);
        add_layer(s, i, "attn_output", 2, 256);
        add_layer(s, i, experts ? "ffn_gate_exps" : "ffn_gate", experts ? 3 : 2, 256);
        add_layer(s, i, experts ? "ffn_up_exps" : "ffn_up", experts ? 3 : 2, 256);
        add_layer(s, i, experts ? "ffn_down_exps" : "ffn_down", experts ? 3 : 2, 256);
    }
}

static size_t check_made(schema *s, const char *name, const json_t *wants,
                         const az_importance *importance)
{
    az_recipe_changes changes = { .output_type = AZ_TYPE_COUNT,
                                  .embedding_type = AZ_TYPE_COUNT,
                                  .importance = importance };
    size_t n = 0;

    for (const az_recipe *r = az_recipes; r->name; r++) {
        const char *want = json_string_value(json_object_get(wants, r->name));
        az_recipe changed = *r;
        uint64_t h = 0xcbf29ce484222325u;
        char got[24];
        if (!want) continue; /* floats, and what llama-quantize refuses */
        changed.changes = &changes;
        assert_int_equal(az_recipe_assign(run, &changed, &s->model, s->tensors, s->n, NULL),
                         ADZE_OK);
        qsort(s->tensors, s->n, sizeof *s->tensors, by_tensor_name);
        for (size_t i = 0; i < s->n; i++) {
            h = fnv(fnv(h, s->tensors[i].name), " ");
            h = fnv(fnv(h, az_type_get(s->tensors[i].out)->name), "\n");
        }
        snprintf(got, sizeof got, "%016llx", (unsigned long long)h);
        if (strcmp(got, want) != 0)
            fail_msg("%s, %s%s: other types than llama-quantize's", name, r->name,
                     importance ? " with an importance matrix" : "");
        n++;
    }
    return n;
}

static void recipes_match_runs_of_llama_quantize(void **state)
{
    static const struct {
        const char *name;
        az_recipe_model model;
        bool output;
    } models[] = { { "groups", { "llama", 16, 4, 1, 0 }, true },
                   { "plain", { "llama", 16, 4, 4, 0 }, false },
                   { "eight", { "llama", 8, 4, 1, 8 }, true } };
    json_t *golden = json_load_file("tests/data/golden/recipes.json", 0, NULL);
    az_importance importance = { .n = 0 };
    size_t n = 0;

    (void)state;
    assert_non_null(golden);
    for (size_t i = 0; i < AZ_COUNT(models); i++) {
        const json_t *want = json_object_get(json_object_get(golden, "models"), models[i].name);
        the_schema.model = models[i].model;
        add_made_tensors(&the_schema, models[i].output);
        n += check_made(&the_schema, models[i].name, json_object_get(want, "plain"), NULL);
        n += check_made(&the_schema, models[i].name, json_object_get(want, "imatrix"), &importance);
    }
    assert_true(n >= 150);
    json_decref(golden);
}

/* ---- what a user changes ---- */

static az_recipe_tensor few[] = {
    { .name = "token_embd.weight", .n_dims = 2, .shape = { 8, 256 }, .type = AZ_BF16 },
    { .name = "output.weight", .n_dims = 2, .shape = { 8, 256 }, .type = AZ_BF16 },
    { .name = "blk.0.attn_v.weight", .n_dims = 2, .shape = { 8, 256 }, .type = AZ_BF16 },
    { .name = "blk.0.ffn_down.weight", .n_dims = 2, .shape = { 8, 96 }, .type = AZ_BF16 },
    { .name = "blk.0.attn_norm.weight", .n_dims = 1, .shape = { 256 }, .type = AZ_BF16 }
};

static adze_status change(const char *recipe, az_recipe_changes c, adze_error *err)
{
    az_recipe_model m = { "llama", 1, 4, 4, 0 };
    az_recipe r = *az_recipe_find(recipe);

    r.changes = &c;
    return az_recipe_assign(run, &r, &m, few, AZ_COUNT(few), err);
}

static void users_decide(void **state)
{
    static const az_type_override v[] = { { "attn_[vk]", AZ_Q8_0 }, { "blk\\.0\\.", AZ_Q5_K } };
    const az_recipe_changes none = { .output_type = AZ_TYPE_COUNT,
                                     .embedding_type = AZ_TYPE_COUNT };
    az_recipe_changes c = none;
    adze_error err = { 0 };

    (void)state;
    c.overrides = v;
    c.n_overrides = 2;
    assert_int_equal(change("q4_k_m", c, &err), ADZE_OK);
    assert_int_equal(few[2].out, AZ_Q8_0); /* the first that matches */
    assert_true(few[2].manual && few[3].manual && !few[0].manual);
    assert_int_equal(few[3].out, AZ_Q5_1); /* the second, as the shape allows */
    assert_true(few[3].fallback);
    assert_int_equal(few[1].out, AZ_Q6_K);
    assert_int_equal(few[4].out, AZ_F32); /* never a vector */
    assert_int_equal(change("f16", c, &err), ADZE_OK);
    assert_int_equal(few[2].out, AZ_Q8_0);
    c = none;
    c.output_type = AZ_Q8_0;
    c.embedding_type = AZ_Q4_0;
    assert_int_equal(change("q4_k_m", c, &err), ADZE_OK);
    assert_int_equal(few[0].out, AZ_Q4_0);
    assert_int_equal(few[1].out, AZ_Q8_0);
    c = none;
    c.leave_output = true;
    assert_int_equal(change("q4_k_m", c, &err), ADZE_OK);
    assert_int_equal(few[1].out, AZ_BF16);
    c = none;
    c.pure = true;
    assert_int_equal(change("q4_k_m", c, &err), ADZE_OK);
    assert_int_equal(few[1].out, AZ_Q4_K);
    assert_int_equal(few[2].out, AZ_Q4_K);
}

static void changes_that_do_nothing_are_refused(void **state)
{
    static const struct {
        const char *pattern, *says;
    } bad[] = { { "attn_x", "matches no tensor" },
                { "attn_norm", "matches no tensor" },
                { "(", "cannot be read" },
                { "[z-a]", "cannot be read" },
                { "", NULL }, /* matches all */
                { "(a*)*(a*)*(a*)*(a*)*b$", "matches no tensor" } };
    az_recipe_changes c = { .output_type = AZ_TYPE_COUNT, .embedding_type = AZ_TYPE_COUNT };

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(bad); i++) {
        const az_type_override one = { bad[i].pattern, AZ_Q8_0 };
        adze_error err = { 0 };
        c.overrides = &one;
        c.n_overrides = 1;
        assert_int_equal(change("q4_0", c, &err), bad[i].says ? ADZE_EINVAL : ADZE_OK);
        if (bad[i].says) assert_non_null(strstr(err.msg, bad[i].says));
    }
}

static void eight_experts_and_70b(void **state)
{
    az_recipe_model moe = { "llama", 32, 32, 8, 8 }, large = { "qwen2", 80, 64, 8, 0 };
    az_recipe_tensor t[] = {
        { .name = "blk.9.attn_v.weight", .n_dims = 2, .shape = { 8, 512 } },
        { .name = "blk.9.attn_k.weight", .n_dims = 2, .shape = { 8, 512 } },
        { .name = "blk.9.attn_output.weight", .n_dims = 2, .shape = { 8, 512 } }
    };

    (void)state;
    assign("q4_k_m", &moe, t, 3);
    assert_int_equal(t[0].out, AZ_Q8_0);
    assert_int_equal(t[1].out, AZ_Q8_0);
    assert_int_equal(t[2].out, AZ_Q5_K);
    assign("q5_k_s", &moe, t, 3);
    assert_int_equal(t[2].out, AZ_Q5_K);
    large.n_layers = 80;
    assign("Q4_K_S", &large, t, 3);
    assert_int_equal(t[0].out, AZ_Q5_K);
    assert_int_equal(t[1].out, AZ_Q4_K);
}

static void shapes_that_do_not_fit(void **state)
{
    az_recipe_model m = { "llama", 2, 4, 4, 0 };
    az_recipe_tensor t = { .name = "blk.0.ffn_up.weight", .n_dims = 2, .shape = { 8, 96 } };
    adze_error err = { 0 };
    static const struct {
        const char *recipe;
        az_type want;
    } cases[] = {
        { "q4_k_s", AZ_Q5_0 }, { "q5_k_s", AZ_Q5_1 }, { "q6_k", AZ_Q8_0 }, { "q8_0", AZ_Q8_0 }
    };

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(cases); i++) {
        assign(cases[i].recipe, &m, &t, 1);
        assert_int_equal(t.out, cases[i].want);
        assert_int_equal(t.fallback, cases[i].want != AZ_Q8_0 || i == 2);
    }
    t.shape[1] = 40;
    assign("q4_k_m", &m, &t, 1);
    assert_int_equal(t.out, AZ_F16);
    assert_int_equal(az_recipe_assign(run, az_recipe_find("q4_0"), &m, &t, 1, &err), ADZE_EUNSUP);
    assert_string_equal(err.name, "blk.0.ffn_up.weight");
    assert_non_null(strstr(err.msg, "40"));
}

static void recipe_names(void **state)
{
    (void)state;
    assert_null(az_recipe_find("q4_k_x"));
    assert_null(az_recipe_find(""));
    assert_ptr_equal(az_recipe_find("Q4_K_M"), az_recipe_find("q4_k_m"));
    for (const az_recipe *r = az_recipes; r->name; r++)
        assert_ptr_equal(az_recipe_find(r->name), r);
}

static int setup(void **state)
{
    (void)state;
    return adze_run_new(&run, NULL, NULL) < 0;
}

static int teardown(void **state)
{
    (void)state;
    adze_run_free(run);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recipes_match_small_snapshot),
        cmocka_unit_test(recipes_match_real_snapshots),
        cmocka_unit_test(eight_experts_and_70b),
        cmocka_unit_test(shapes_that_do_not_fit),
        cmocka_unit_test(recipe_names),
        cmocka_unit_test(recipes_match_runs_of_llama_quantize),
        cmocka_unit_test(users_decide),
        cmocka_unit_test(changes_that_do_nothing_are_refused),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
