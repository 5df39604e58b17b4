/* Defects of a Hugging Face folder: config, tokenizer, shards, weights. Each is made from a good checkpoint by
 * one edit; each must be refused with a message that says what is wrong, and leave no output. */
#include "fixture.h"

enum { MISSING, EMPTY, EDIT, APPEND };

typedef struct defect {
    const char *what, *file;
    int how;
    const char *old, *now; /* EDIT: old NULL replaces the whole file */
    adze_status want;
    const char *says;
} defect;

#define CONFIG "config.json"
#define TOK    "tokenizer.json"

static const defect defects[] = {
    { "no config", CONFIG, MISSING, 0, 0, ADZE_EUNSUP, "without a config.json" },
    { "empty config", CONFIG, EMPTY, 0, 0, ADZE_EFORMAT, "config.json: file is empty" },
    { "config is no JSON", CONFIG, EDIT, 0, "{ nope", ADZE_EFORMAT, "not valid JSON" },
    { "config is a list", CONFIG, EDIT, 0, "[1, 2]", ADZE_EFORMAT, "must hold a JSON object" },
    { "a key twice", CONFIG, EDIT, "{", "{\"hidden_size\": 64,", ADZE_EFORMAT, "duplicate" },
    { "text after the config", CONFIG, APPEND, 0, "}", ADZE_EFORMAT, "not valid JSON" },
    { "NaN in the config", CONFIG, EDIT, "\"rms_norm_eps\": 1e-05", "\"rms_norm_eps\": NaN",
      ADZE_EFORMAT, "not valid JSON" },
    { "config is not UTF-8", CONFIG, EDIT, "\"llama\"", "\"ll\xff\"", ADZE_EFORMAT,
      "not valid JSON" },
    { "unknown architecture", CONFIG, EDIT, "\"model_type\": \"llama\"",
      "\"query_pre_attn_scalar\": 7, \"model_type\": \"zebra9\"", ADZE_EUNSUP, "zebra9" },
    { "no architecture", CONFIG, EDIT, "\"model_type\"", "\"model\"", ADZE_EFORMAT, "model_type" },
    { "wider than its tensors", CONFIG, EDIT, "\"hidden_size\": 64", "\"hidden_size\": 96",
      ADZE_EFORMAT, "the config asks for" },
    { "other feed-forward", CONFIG, EDIT, "\"intermediate_size\": 128",
      "\"intermediate_size\": 160", ADZE_EFORMAT, "the config asks for" },
    { "more layers than tensors", CONFIG, EDIT, "\"num_hidden_layers\": 1",
      "\"num_hidden_layers\": 2", ADZE_EFORMAT, "tensor is missing" },
    { "fewer layers than tensors", CONFIG, EDIT, "\"num_hidden_layers\": 1",
      "\"num_hidden_layers\": 0", ADZE_EFORMAT, "num_hidden_layers" },
    { "two billion layers", CONFIG, EDIT, "\"num_hidden_layers\": 1",
      "\"num_hidden_layers\": 2147483648", ADZE_EFORMAT, "num_hidden_layers" },
    { "no heads", CONFIG, EDIT, "\"num_attention_heads\": 2", "\"num_attention_heads\": 0",
      ADZE_EFORMAT, "num_attention_heads" },
    { "negative heads", CONFIG, EDIT, "\"num_attention_heads\": 2", "\"num_attention_heads\": -2",
      ADZE_EFORMAT, "num_attention_heads" },
    { "heads that groups do not divide", CONFIG, EDIT, "\"num_key_value_heads\": 1",
      "\"num_key_value_heads\": 3", ADZE_EFORMAT, "num_key_value_heads" },
    { "other vocabulary", CONFIG, EDIT, "\"vocab_size\": 300", "\"vocab_size\": 301", ADZE_EFORMAT,
      "the config asks for" },
    { "width is a fraction", CONFIG, EDIT, "\"hidden_size\": 64", "\"hidden_size\": 64.5",
      ADZE_EFORMAT, "hidden_size" },
    { "width is text", CONFIG, EDIT, "\"hidden_size\": 64", "\"hidden_size\": \"64\"", ADZE_EFORMAT,
      "hidden_size" },
    { "unknown rope scaling", CONFIG, EDIT, "\"rope_type\": \"llama3\"",
      "\"rope_type\": \"spiral\"", ADZE_EUNSUP, "spiral" },
    { "untied without an output", CONFIG, EDIT, "\"tie_word_embeddings\": true",
      "\"tie_word_embeddings\": false", ADZE_EFORMAT, "lm_head.weight" },
    { "generation config is no JSON", "generation_config.json", EDIT, 0, "{", ADZE_EFORMAT,
      "generation_config.json" },
    { "tokenizer config is a list", "tokenizer_config.json", EDIT, 0, "[]", ADZE_EFORMAT,
      "tokenizer_config.json" },

    { "no tokenizer", TOK, MISSING, 0, 0, ADZE_EFORMAT, "tokenizer.json" },
    { "empty tokenizer", TOK, EMPTY, 0, 0, ADZE_EFORMAT, "file is empty" },
    { "tokenizer is no JSON", TOK, EDIT, 0, "{\"model\": ", ADZE_EFORMAT, "not valid JSON" },
    { "tokenizer without a model", TOK, EDIT, "\"model\"", "\"mode\"", ADZE_EFORMAT, "model" },
    { "tokenizer of an unknown kind", TOK, EDIT, "\"type\": \"BPE\"", "\"type\": \"WordLevel\"",
      ADZE_EUNSUP, "WordLevel" },
    { "Unigram without scores", TOK, EDIT, "\"type\": \"BPE\"", "\"type\": \"Unigram\"",
      ADZE_EFORMAT, "model.vocab" },
    { "SentencePiece without scores", TOK, EDIT, "\"type\": \"BPE\"",
      "\"type\": \"SentencePiece\", \"model_type\": \"bpe\"", ADZE_EFORMAT, "model.vocab" },
    { "an id beyond the embedding", TOK, EDIT, "\"a\": 97", "\"a\": 300", ADZE_EFORMAT,
      "300 rows" },
    { "a huge id", TOK, EDIT, "\"a\": 97", "\"a\": 9223372036854775807", ADZE_EFORMAT, "300 rows" },
    { "an id twice", TOK, EDIT, "\"a\": 97", "\"a\": 98", ADZE_EFORMAT, "has id 98" },
    { "a negative id", TOK, EDIT, "\"a\": 97", "\"a\": -1", ADZE_EFORMAT, "whole number" },
    { "an id that is text", TOK, EDIT, "\"a\": 97", "\"a\": \"97\"", ADZE_EFORMAT, "whole number" },
    { "no vocabulary", TOK, EDIT, "\"vocab\"", "\"vocabulary\"", ADZE_EFORMAT, "model.vocab" },
    { "no merges", TOK, EDIT, "\"merges\"", "\"merge\"", ADZE_EFORMAT, "model.merges" },
    { "a merge of an unknown piece", TOK, EDIT, "\"merges\": [[\"\xc4\xa0\"",
      "\"merges\": [[\"zzz\"", ADZE_EFORMAT, "not in the vocabulary" },
    { "a merge into an unknown piece", TOK, EDIT, "\"merges\": [", "\"merges\": [[\"q\", \"j\"], ",
      ADZE_EFORMAT, "not in the vocabulary" },
    { "a merge of three", TOK, EDIT, "\"merges\": [", "\"merges\": [[\"a\", \"b\", \"c\"], ",
      ADZE_EFORMAT, "pair of strings" },
    { "a merge without a space", TOK, EDIT, "\"merges\": [", "\"merges\": [\"ab\", ", ADZE_EFORMAT,
      "no two pieces" },
    { "an added token without text", TOK, EDIT, "\"content\": \"<|begin_of_text|>\"",
      "\"content\": \"\"", ADZE_EFORMAT, "no content" },
    { "an added token beyond the embedding", TOK, EDIT, "{\"id\": 296", "{\"id\": 999",
      ADZE_EFORMAT, "300 rows" },

    { "no weights", "model.safetensors", MISSING, 0, 0, ADZE_EFORMAT,
      "neither model.safetensors nor" },
    { "empty weights", "model.safetensors", EMPTY, 0, 0, ADZE_EFORMAT, "file is empty" },
    { "bytes after the weights", "model.safetensors", APPEND, 0, "tail", ADZE_EFORMAT,
      "4 bytes after the last tensor" },
    { "a tensor that no model has", "model.safetensors", EDIT, "model.norm.weight",
      "model.norm.wEight", ADZE_EFORMAT, "model.norm" },
    { "a tensor of two widths", "model.safetensors", EDIT, "[64,128]", "[32,256]", ADZE_EFORMAT,
      "the config asks for" },
    { "weights of another type", "model.safetensors", EDIT, "BF16\",\"shape\":[300",
      "I16\" ,\"shape\":[300", ADZE_EUNSUP, "type i16" },
};

static void make(const defect *d)
{
    char rel[160];

    snprintf(rel, sizeof rel, "case/%s", d->file);
    fx_copy();
    if (d->how == MISSING)
        assert_int_equal(unlink(fx_path(rel)), 0);
    else if (d->how == EMPTY)
        fx_edit(d->file, NULL, "");
    else if (d->how == EDIT && strcmp(d->file, "model.safetensors") != 0)
        fx_edit(d->file, d->old, d->now);
    else {
        size_t n, k = d->old ? strlen(d->old) : 0;
        char *text = fx_read(fx_path(rel), &n), *at = text;
        az_buf b;
        while (d->how == EDIT && memcmp(at, d->old, k) != 0)
            at++;
        if (d->how == EDIT) memcpy(at, d->now, k);
        az_buf_init(&b, fx_run);
        az_buf_put(&b, text, n);
        if (d->how == APPEND) az_buf_puts(&b, d->now);
        fx_write(fx_path(rel), b.data, b.size);
        az_buf_deinit(&b);
        az_free(fx_run, text);
    }
}

static void refuses_defects(void **state)
{
    (void)state;
    for (size_t i = 0; i < AZ_COUNT(defects); i++) {
        make(&defects[i]);
        fx_refused(defects[i].what, fx_path("case"), "q8_0", defects[i].want, defects[i].says);
    }
}

/* The good checkpoint in two shards. */
static void make_shards(void)
{
    adze_error err = { 0 };

    az_remove_tree(fx_run, fx_path("case"), NULL);
    assert_int_equal(synth_write(fx_run, &fx_shape, fx_path("case"), 1, 60000, &err), ADZE_OK);
}

static void refuses_links_and_specials(void **state)
{
    (void)state;
    make_shards();
    unlink(fx_path("case/model-00001-of-00002.safetensors"));
    assert_int_equal(symlink(fx_path("good/model.safetensors"),
                             fx_path("case/model-00001-of-00002.safetensors")),
                     0);
    fx_refused("a shard that links elsewhere", fx_path("case"), "q8_0", ADZE_EFORMAT,
               "outside its folder");
    fx_copy();
    unlink(fx_path("case/config.json"));
    assert_int_equal(symlink("/etc/passwd", fx_path("case/config.json")), 0);
    fx_refused("a config that links elsewhere", fx_path("case"), "q8_0", ADZE_EFORMAT,
               "outside its folder");
    fx_copy();
    unlink(fx_path("case/config.json"));
    assert_int_equal(mkfifo(fx_path("case/config.json"), 0600), 0);
    fx_refused("a pipe for a config", fx_path("case"), "q8_0", ADZE_EFORMAT, "regular file");
    fx_copy();
    unlink(fx_path("case/tokenizer.json"));
    assert_int_equal(mkdir(fx_path("case/tokenizer.json"), 0700), 0);
    fx_refused("a folder for a tokenizer", fx_path("case"), "q8_0", ADZE_EFORMAT, "regular file");
    fx_copy();
    unlink(fx_path("case/model.safetensors"));
    fx_write(fx_path("case/pytorch_model.bin"), "x", 1);
    fx_refused("a pickle that is too short", fx_path("case"), "q8_0", ADZE_EFORMAT, "too short");
    fx_refused("no such path", fx_path("nowhere"), "q8_0", ADZE_ENOENT, "nowhere");
    fx_write(fx_path("notes.txt"), "hello", 5);
    fx_refused("no model at all", fx_path("notes.txt"), "q8_0", ADZE_EUNSUP, "not a model file");
    fx_write(fx_path("empty.bin"), "", 0);
    fx_refused("an empty file", fx_path("empty.bin"), "q8_0", ADZE_EFORMAT, "file is empty");
    fx_refused("a lone weight file", fx_path("good/model.safetensors"), "q8_0", ADZE_EUNSUP,
               "config.json");
}

/* One weight of layer 0's attn_v becomes `bits`. */
static void set_weight(uint16_t bits)
{
    adze_error err = { 0 };
    const az_tensor *t;
    adze_model *m;
    uint64_t at;
    FILE *f;

    fx_copy();
    assert_int_equal(adze_model_open(&m, fx_run, fx_path("case"), &err), ADZE_OK);
    t = az_model_tensor(m, "model.layers.0.self_attn.v_proj.weight");
    assert_non_null(t);
    at = t->at_bytes + 2 * (3 * 64 + 5);
    adze_model_close(m);
    f = fopen(fx_path("case/model.safetensors"), "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, (long)at, SEEK_SET), 0);
    assert_int_equal(fwrite(&bits, 2, 1, f), 1);
    assert_int_equal(fclose(f), 0);
}

static void refuses_bad_values(void **state)
{
    adze_error err = { 0 };

    (void)state;
    set_weight(0x7fc0);
    fx_refused(
        "a NaN", fx_path("case"), "q8_0", ADZE_EFORMAT,
        "v_proj.weight: element 197 (row 3, column 5 of blk.0.attn_v.weight) is not a number");
    fx_refused("a NaN in 4 bits", fx_path("case"), "q4_0", ADZE_EFORMAT, "is not a number");
    set_weight(0xff80);
    fx_refused("an infinity", fx_path("case"), "q8_0", ADZE_EFORMAT, "element 197");
    set_weight(0x4f80);
    fx_refused("more than f16 holds", fx_path("case"), "f16", ADZE_EFORMAT, "too large");
    set_weight(0x7fc0);
    assert_int_equal(az_convert(fx_run, fx_path("case"), fx_path("out.gguf"), NULL, NULL, &err),
                     ADZE_OK); /* kept as it is */
    unlink(fx_path("out.gguf"));
}

static void refuses_bad_requests(void **state)
{
    const struct {
        az_convert_opts opts;
        const char *dst;
        adze_status want;
        const char *says;
    } bad[] = {
        { { .recipe = "q3_quark" }, "out.gguf", ADZE_EINVAL, "q3_quark" },
        { { .to = "tarball" }, "out.gguf", ADZE_EINVAL, "tarball" },
        { { .to = "safetensors" }, "out.gguf", ADZE_EINVAL, "does not write" },
        { { .to = NULL }, "out.xyz", ADZE_EINVAL, "--to" },
        { { .to = "gguf" }, "good", ADZE_EIO, "is a folder" },
        { { .to = NULL }, "no/such/folder/out.gguf", ADZE_ENOENT, "no/such/folder" },
        { { .to = "hf" }, "good", ADZE_EIO, "not empty" },
        { { .to = "hf" }, "good/config.json", ADZE_EIO, "is a file" },
        { { .to = "hf" }, "no/such/folder", ADZE_ENOENT, "no/such" },
        { { .to = "hf", .recipe = "q4_0" }, "out", ADZE_EINVAL, "recipe for GGUF" },
        { { .to = "gguf", .recipe = "mlx-4bit" }, "out.gguf", ADZE_EINVAL, "mlx-4bit" },
        { { .to = "gguf", .shard_bytes = 1 }, "out.gguf", ADZE_EINVAL, "--split-size" },
        { { .to = "hf", .split_bytes = 1 }, "out", ADZE_EINVAL, "--shard-size" },
        { { .to = "hf", .group = 64 }, "out", ADZE_EINVAL, "--group" },
        { { .to = "mlx", .group = 48 }, "out", ADZE_EINVAL, "32, 64 or 128" },
        { { .to = "mlx", .recipe = "mlx-mxfp4", .group = 64 }, "out", ADZE_EINVAL, "groups of 32" },
    };
    char line[1200];

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(bad); i++) {
        adze_error err = { .pos = ADZE_NOPOS };
        adze_status rc =
            az_convert(fx_run, fx_path("good"), fx_path(bad[i].dst), &bad[i].opts, NULL, &err);
        adze_error_text(&err, line, sizeof line);
        if (rc != bad[i].want || !strstr(line, bad[i].says)) fail_msg("%zu: %d %s", i, rc, line);
        assert_int_equal(fx_count("out"), 0);
    }
}

static void accepts_the_good_one(void **state)
{
    adze_error err = { 0 };
    az_convert_result r;

    (void)state;
    assert_true(AZ_COUNT(defects) >= 50);
    make_shards();
    assert_int_equal(az_convert(fx_run, fx_path("case"), fx_path("out.gguf"), NULL, &r, &err),
                     ADZE_OK);
    assert_int_equal(r.n_tensors, 12);
    unlink(fx_path("out.gguf"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_the_good_one),       cmocka_unit_test(refuses_defects),
        cmocka_unit_test(refuses_links_and_specials), cmocka_unit_test(refuses_bad_values),
        cmocka_unit_test(refuses_bad_requests),
    };

    return cmocka_run_group_tests(tests, fx_start, fx_stop);
}
