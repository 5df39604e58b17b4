/* Notes on other programs: each on a model that gives rise to it, and not on one that does not. */
#include "../infer/made_model.h"
#include "prove_fixture.h"
#include <sys/stat.h>
#include "synth.h"

static bool noted(const char *ref, const char *model, const char *text)
{
    az_proof *proof = prove(path_of(ref), path_of(model), CHEAP);
    bool found = false;

    for (size_t i = 0; i < proof->n_notes; i++)
        found = found || strstr(proof->notes[i], text);
    az_proof_free(proof);
    return found;
}

/* A golden architecture as a folder. */
static void make(const char *name)
{
    made_spec m;

    made_read(&m, run, name);
    assert_int_equal(mkdir(path_of(name), 0777), 0);
    made_write(&m, path_of(name), NULL);
    made_tokenizer(path_of(name), 64);
    json_decref(m.j);
}

/* The demo with a change by a shell command, and its GGUF. */
static void make_demo(const char *folder, const char *edit)
{
    char command[900], name[64];

    snprintf(command, sizeof command,
             "cp -r demo/checkpoint \"$T/%s\" && cd \"$T/%s\" && cat *.json >\"$T/was\" && %s && "
             "! cat *.json | cmp -s \"$T/was\"",
             folder, folder, edit);
    program_run(&p, command);
    if (p.code) fail_msg("%s: %s", command, p.err);
    snprintf(name, sizeof name, "%s.gguf", folder);
    convert(path_of(folder), name, "keep", NULL);
}

static void space_behind(adze_model *m)
{
    static const char text[] =
        "{\"normalizer\":{\"type\":\"SentencePiece\",\"treat_whitespace_as_suffix\":true}}";

    assert_true(az_kv_put_str(&m->kv, AZ_TOKENIZER_PATTERN_KEY, text, sizeof text - 1));
}

static void make_synth(const char *shape)
{
    adze_error err;
    char name[64];

    assert_int_equal(synth_write(run, synth_find(shape), path_of(shape), 1, 0, &err), ADZE_OK);
    snprintf(name, sizeof name, "%s.gguf", shape);
    convert(path_of(shape), name, "f16", NULL);
    snprintf(name, sizeof name, "%s-mlx", shape);
    convert(path_of(shape), name, "mlx-8bit", NULL);
}

static int make_all(void **state)
{
    static const char *const archs[] = { "gpt_oss", "phimoe", "olmoe", "gemma2", "bert", "qwen3" };
    int rc = set_up(state);
    char name[64];

    make_synth("mistral-tiny");
    make_synth("llama-tiny");
    for (size_t i = 0; i < sizeof archs / sizeof *archs; i++) {
        make(archs[i]);
        snprintf(name, sizeof name, "%s.gguf", archs[i]);
        convert(path_of(archs[i]), name, "keep", NULL);
    }
    program_run(
        &p, "cp -r tests/data/golden/phi3_longrope \"$T/longrope\"; rm \"$T\"/longrope/golden*");
    made_tokenizer(path_of("longrope"), 64);
    convert(path_of("longrope"), "longrope.gguf", "keep", NULL);
    make_demo("norm",
              "sed -i 's/\"normalizer\": *null/\"normalizer\":{\"type\":\"NFC\"}/' tokenizer.json");
    make_demo("split", "sed -i 's/{1,3}/{1,5}/' tokenizer.json");
    make_demo("flags", "sed -i '0,/\"rstrip\": *false/s//\"rstrip\":true/' tokenizer.json");
    make_demo("unique", "sed -i 's/| trim/| unique | join/' tokenizer_config.json");
    make_demo("sampled",
              "echo '{\"eos_token_id\":0,\"do_sample\":true,\"temperature\":0.6,\"top_p\":0.9}' "
              ">generation_config.json");
    make_demo("ends", "echo '{\"eos_token_id\":[0,5]}' >generation_config.json");
    convert(path_of("bf16.gguf"), "behind.gguf", "keep", space_behind);
    return rc;
}

static void notes(void **state)
{
    static const struct {
        const char *text, *ref, *model, *not_ref, *not_model;
    } all[] = {
        { "llama.cpp ignores this architecture's sliding", "mistral-tiny", "mistral-tiny.gguf",
          "gemma2", "gemma2.gguf" },
        { "mlx-lm ignores this architecture's sliding", "mistral-tiny", "mistral-tiny-mlx",
          "llama-tiny", "llama-tiny-mlx" },
        { "longrope's factors once", "longrope", "longrope.gguf", "llama-tiny", "llama-tiny.gguf" },
        { "bounds of YaRN's ramp", "gpt_oss", "gpt_oss.gguf", "qwen3", "qwen3.gguf" },
        { "softmax over all", "phimoe", "phimoe.gguf", "olmoe", "olmoe.gguf" },
        { "does not clip", "olmoe", "olmoe.gguf", "phimoe", "phimoe.gguf" },
        { "softcap of attention", "gemma2", "gemma2.gguf", "qwen3", "qwen3.gguf" },
        { "GELU by the tanh", "bert", "bert.gguf", "gemma2", "gemma2.gguf" },
        { "has no normalizer", "norm", "norm.gguf", "split", "split.gguf" },
        { "no name for the way", "split", "split.gguf", "norm", "norm.gguf" },
        { "lstrip and rstrip", "flags", "flags.gguf", "norm", "norm.gguf" },
        { "the added space", "behind.gguf", "bf16.gguf", "norm", "norm.gguf" },
        { "starts with two", "norm", "norm.gguf", "llama-tiny", "llama-tiny.gguf" },
        { "template engine", "unique", "unique.gguf", "norm", "norm.gguf" },
        { "one of several tokens", "ends", "ends.gguf", "sampled", "sampled.gguf" },
        { "behind top_p", "sampled", "sampled.gguf", "ends", "ends.gguf" },
        { "type of the scales", "llama-tiny", "llama-tiny-mlx", "llama-tiny", "llama-tiny.gguf" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (!noted(all[i].ref, all[i].model, all[i].text)) fail_msg("not noted: %s", all[i].text);
        if (noted(all[i].not_ref, all[i].not_model, all[i].text))
            fail_msg("noted: %s", all[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(notes) };

    return cmocka_run_group_tests(tests, make_all, tear_down);
}
