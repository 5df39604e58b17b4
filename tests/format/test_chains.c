/* Chains of conversions, for a small model of every architecture: a folder becomes a GGUF, a folder, an MLX folder and a
 * GGUF again, and each of them is proven to be the first one still, tensor names of folders included. The same from a GGUF
 * without adze's own keys, whose documents are made from what llama.cpp's keys say. tests/interop/chains.py loads such
 * files in their own frameworks. */
#include "infer/made_tokenizer.h"

#include <sys/stat.h>

#include "base/io.h"
#include "job/convert.h"
#include "job/prove.h"
#include "synth.h"

enum { PARTS = AZ_PROVE_TOKENS | AZ_PROVE_TEMPLATE | AZ_PROVE_CONFIG | AZ_PROVE_WEIGHTS };
#define TOLERANCE 1e-4

static adze_run *run;
static char root[] = "/tmp/adze-chains-XXXXXX";

static const char *at(const char *name)
{
    static char paths[8][128];
    static unsigned next;
    char *s = paths[next++ % 8];

    snprintf(s, sizeof paths[0], "%s/%s", root, name);
    return s;
}

static void convert(const char *model, const char *from, const char *to, az_convert_opts o)
{
    adze_error err = { .pos = ADZE_NOPOS };
    char line[1200];

    az_remove_tree(run, at(to), NULL);
    if (az_convert(run, at(from), at(to), &o, NULL, &err) < 0)
        fail_msg("%s: %s to %s: %s", model, from, to, adze_error_text(&err, line, sizeof line));
}

/* `to` is the same model as `from`; worst: the worst that any part may be. */
static void prove(const char *model, const char *from, const char *to, az_finding worst)
{
    az_prove_opts o = { .parts = PARTS };
    adze_error err = { .pos = ADZE_NOPOS };
    az_proof *p = NULL;
    char line[1200];

    if (az_prove_paths(&p, NULL, run, at(from), at(to), NULL, &o, &err) < 0)
        fail_msg("%s: %s: %s", model, to, adze_error_text(&err, line, sizeof line));
    for (size_t i = 0; i < p->n; i++)
        if (p->items[i].verdict > worst)
            fail_msg("%s: %s is not %s: %s %s: %s: %s", model, to, from, p->items[i].part,
                     p->items[i].name, az_finding_name(p->items[i].verdict),
                     p->items[i].where ? p->items[i].where : "");
    az_proof_free(p);
}

static adze_model *open_model(const char *path)
{
    adze_error err = { 0 };
    adze_model *m = NULL;

    ok(adze_model_open(&m, run, path, &err), &err);
    return m;
}

/* Both folders hold the same names, types and shapes. */
static void same_names(const char *model, const char *from, const char *to)
{
    adze_model *a = open_model(at(from)), *b = open_model(at(to));

    for (size_t i = 0; i < a->n_tensors; i++) {
        const az_tensor *t = &a->tensors[i], *u = az_model_tensor(b, t->name);
        bool same = u && u->type == t->type && u->n_dims == t->n_dims &&
                    memcmp(u->shape, t->shape, sizeof t->shape) == 0;
        if (!same) fail_msg("%s: %s has no %s of %s's type and shape", model, to, t->name, from);
    }
    if (a->n_tensors != b->n_tensors) fail_msg("%s: %s has more tensors", model, to);
    adze_model_close(a);
    adze_model_close(b);
}

static void same_config(const char *model, const char *from, const char *to)
{
    adze_model *a = open_model(at(from)), *b = open_model(at(to));

    if (!json_equal(a->config, b->config)) {
        char *text = json_dumps(b->config, 0);
        print_message("%s\n", text);
        fail_msg("%s: config.json of %s is another", model, to);
    }
    adze_model_close(a);
    adze_model_close(b);
}

/* Logits (embeddings) against transformers'. */
static void golden_logits(const char *model, const made_spec *spec, const char *name)
{
    adze_model *m = open_model(at(name));
    adze_session *s = NULL;
    adze_error err = { 0 };
    int32_t *tokens;
    size_t n = made_tokens(json_object_get(spec->j, "tokens"), &tokens);
    adze_session_opts opts = { .context = n };
    float *logits;
    double off;

    ok(adze_session_new(&s, run, m, &opts, &err), &err);
    logits = calloc(n * adze_session_vocab(s), sizeof *logits);
    assert_non_null(logits);
    ok(adze_session_eval_all(s, tokens, n, logits, &err), &err);
    off = made_error(json_object_get(spec->j, "logits"), json_object_get(spec->j, "positions"),
                     logits);
    if (!(off <= TOLERANCE)) fail_msg("%s: %s is off by %g", model, name, off);
    free(logits);
    free(tokens);
    adze_session_free(s);
    adze_model_close(m);
}

/* A copy of a GGUF without adze's own keys. */
static void write_foreign(const char *from, const char *to)
{
    const az_format *gguf = az_format_find("gguf");
    adze_model *m = open_model(at(from));
    adze_error err = { 0 };
    az_plan *p = NULL;

    ok(gguf->plan(run, m, NULL, &p, &err), &err);
    for (size_t i = p->kv.n; i-- > 0;)
        if (strncmp(p->kv.items[i].key, "adze.", 5) == 0) az_kv_remove(&p->kv, p->kv.items[i].key);
    ok(gguf->write(run, p, at(to), &err), &err);
    az_plan_free(p);
    adze_model_close(m);
}

static const az_convert_opts to_hf = { .to = "hf" }, to_hf32 = { .to = "hf", .recipe = "f32" },
                             keep = { .to = "gguf" },
                             to_int4 = { .to = "mlx", .recipe = "mlx-4bit", .group = 32 },
                             f32 = { .to = "gguf", .recipe = "f32" };

/* An MLX folder without groups. */
static az_convert_opts to_mlx = { .to = "mlx" };

static void chain(const char *model, const made_spec *spec)
{
    convert(model, "hf", "a.gguf", keep);
    convert(model, "a.gguf", "b", to_hf);
    convert(model, "b", "c", to_mlx);
    convert(model, "c", "d.gguf", keep);
    convert(model, "c", "e", to_hf);
    convert(model, "a.gguf", "f", to_mlx);
    prove(model, "hf", "a.gguf", AZ_ELSEWHERE);
    prove(model, "hf", "b", AZ_EQUAL);
    prove(model, "hf", "c", AZ_EQUAL);
    prove(model, "hf", "d.gguf", AZ_ELSEWHERE);
    prove(model, "hf", "e", AZ_EQUAL);
    prove(model, "hf", "f", AZ_EQUAL);
    same_names(model, "hf", "b");
    same_names(model, "hf", "e");
    same_names(model, "c", "f");
    same_config(model, "hf", "b");
    if (spec) golden_logits(model, spec, "c");
    if (spec) golden_logits(model, spec, "d.gguf");
}

/* Four bits lose something; what comes after loses nothing more. */
static void chain_of_4_bits(const char *model)
{
    convert(model, "hf", "q", to_int4);
    convert(model, "q", "q.gguf", f32);
    convert(model, "q", "qh", to_hf32);
    convert(model, "q.gguf", "qh2", to_hf32);
    prove(model, "hf", "q", AZ_WITHIN);
    prove(model, "q", "q.gguf", AZ_ELSEWHERE);
    prove(model, "q", "qh", AZ_EQUAL);
    prove(model, "q", "qh2", AZ_EQUAL);
}

static void chain_from_foreign(const char *model, const made_spec *spec)
{
    convert(model, "hf", "a.gguf", keep);
    write_foreign("a.gguf", "x.gguf");
    convert(model, "x.gguf", "xh", to_hf);
    convert(model, "x.gguf", "xm", to_mlx);
    convert(model, "xh", "xg.gguf", keep);
    convert(model, "xm", "xm.gguf", keep);
    prove(model, "x.gguf", "xh", AZ_ELSEWHERE);
    prove(model, "x.gguf", "xm", AZ_ELSEWHERE);
    prove(model, "x.gguf", "xg.gguf", AZ_ELSEWHERE);
    prove(model, "xh", "xm.gguf", AZ_ELSEWHERE);
    same_names(model, "hf", "xh");
    if (spec) golden_logits(model, spec, "xh");
    if (spec) golden_logits(model, spec, "xm");
}

static const char *const made[] = {
    "qwen3",  "granite",    "smollm3", "smollm3_usual", "gemma2",
    "gemma3", "gemma3_new", "mixtral", "qwen3_moe",     "qwen3_moe_raw",
    "olmoe",  "phimoe",     "gpt_oss", "lfm2",          NULL,
};
static const char *const shapes[] = { "llama-tiny", "mistral-tiny", "qwen2-tiny", "phi3-tiny",
                                      NULL };

/* kinds: from which on the tokenizers' kinds are taken in turns. */
static void write_made(made_spec *spec, const char *name, int kinds)
{
    static int turn;

    made_read(spec, run, name);
    az_remove_tree(run, at("hf"), NULL);
    assert_int_equal(mkdir(at("hf"), 0777), 0);
    json_object_set_new(json_object_get(spec->j, "config"), "eos_token_id", json_integer(2));
    made_write(spec, at("hf"), NULL);
    made_small_tokenizer(at("hf"), kinds + turn++ % (3 - kinds));
}

static void write_shape(const char *name)
{
    adze_error err = { 0 };

    az_remove_tree(run, at("hf"), NULL);
    ok(synth_write(run, synth_find(name), at("hf"), 1, 0, &err), &err);
}

static void stay_the_same(void **state)
{
    (void)state;
    for (const char *const *name = made; *name; name++) {
        made_spec spec;
        to_mlx.recipe = "f32";
        write_made(&spec, *name, 0);
        chain(*name, &spec);
        json_decref(spec.j);
    }
    for (const char *const *name = shapes; *name; name++) {
        to_mlx.recipe = "bf16";
        write_shape(*name);
        chain(*name, NULL);
    }
}

static void lose_nothing_more_than_4_bits(void **state)
{
    (void)state;
    for (const char *const *name = made; *name; name++) {
        made_spec spec;
        to_mlx.recipe = "f32";
        write_made(&spec, *name, 0);
        chain_of_4_bits(*name);
        json_decref(spec.j);
    }
    for (const char *const *name = shapes; *name; name++) {
        to_mlx.recipe = "bf16";
        write_shape(*name);
        chain_of_4_bits(*name);
    }
}

static void start_from_other_programs_keys(void **state)
{
    (void)state;
    for (const char *const *name = made; *name; name++) {
        made_spec spec;
        to_mlx.recipe = "f32";
        write_made(&spec, *name, 1); /* other programs' BPE has a token for each byte */
        chain_from_foreign(*name, &spec);
        json_decref(spec.j);
    }
    for (const char *const *name = shapes; *name; name++) {
        to_mlx.recipe = "bf16";
        write_shape(*name);
        chain_from_foreign(*name, NULL);
    }
}

/* mlx-lm has no encoders. */
static void encoders_stay_the_same(void **state)
{
    static const struct {
        const char *name;
        int tokenizer;
    } all[] = { { "bert", 2 }, { "xlm_roberta", 1 } };

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(all); i++) {
        const char *name = all[i].name;
        made_spec spec;
        write_made(&spec, name, 0);
        made_small_tokenizer(at("hf"), all[i].tokenizer);
        convert(name, "hf", "a.gguf", keep);
        convert(name, "a.gguf", "b", to_hf);
        convert(name, "b", "c.gguf", keep);
        prove(name, "hf", "a.gguf", AZ_ELSEWHERE);
        prove(name, "hf", "b", AZ_ELSEWHERE);
        prove(name, "hf", "c.gguf", AZ_ELSEWHERE);
        same_names(name, "hf", "b");
        same_config(name, "hf", "b");
        write_foreign("a.gguf", "x.gguf");
        convert(name, "x.gguf", "xh", to_hf);
        convert(name, "xh", "y.gguf", keep);
        prove(name, "x.gguf", "xh", AZ_ELSEWHERE);
        prove(name, "x.gguf", "y.gguf", AZ_ELSEWHERE);
        same_names(name, "hf", "xh");
        json_decref(spec.j);
    }
}

static int start(void **state)
{
    adze_error err = { 0 };

    (void)state;
    if (!mkdtemp(root)) return -1;
    return adze_run_new(&run, &(adze_run_opts){ .threads = 2 }, &err) < 0 ? -1 : 0;
}

static int stop(void **state)
{
    (void)state;
    az_remove_tree(run, root, NULL);
    adze_run_free(run);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stay_the_same),
        cmocka_unit_test(lose_nothing_more_than_4_bits),
        cmocka_unit_test(start_from_other_programs_keys),
        cmocka_unit_test(encoders_stay_the_same),
    };

    return cmocka_run_group_tests(tests, start, stop);
}
