/* Folders with vocab.txt, or with vocab.json and merges.txt, and no tokenizer.json: ids by class and settings as transformers
 * makes them (tools/golden/make_vocab_files.py). The vocabularies are those of other golden tokenizers. */
#include "tok_util.h"

#include "format/format.h"

#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/adze-vocab-XXXXXX";
static const char *const files[] = { "vocab.txt", "vocab.json", "merges.txt", "tokenizer.json",
                                     "tokenizer_config.json" };

static FILE *create(const char *name)
{
    char path[128];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    f = fopen(path, "wb");
    assert_non_null(f);
    return f;
}

static void drop_all(void)
{
    char path[128];

    for (size_t i = 0; i < AZ_COUNT(files); i++) {
        snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        unlink(path);
    }
}

static void write_bert(const json_t *vocab)
{
    const char **texts = calloc(json_object_size(vocab), sizeof *texts), *text;
    FILE *f = create("vocab.txt");
    json_t *id;

    json_object_foreach((json_t *)(uintptr_t)vocab, text, id) texts[json_integer_value(id)] = text;
    for (size_t i = 0; i < json_object_size(vocab); i++)
        fprintf(f, "%s\n", texts[i]);
    fclose(f);
    free(texts);
}

static void write_gpt2(const json_t *model)
{
    const json_t *two;
    FILE *f = create("vocab.json");
    size_t i;

    json_dumpf(json_object_get(model, "vocab"), f, 0);
    fclose(f);
    f = create("merges.txt");
    fprintf(f, "#version: 0.2\n");
    json_array_foreach(json_object_get(model, "merges"), i, two)
        fprintf(f, "%s %s\n", json_string_value(json_array_get(two, 0)),
                json_string_value(json_array_get(two, 1)));
    fclose(f);
}

/* gpt2 as it is, or with a post-processor that puts <|endoftext|> in front. */
static void write_json(const json_t *gpt2, bool post)
{
    json_t *doc = json_copy((json_t *)(uintptr_t)gpt2);
    FILE *f = create("tokenizer.json");

    if (post)
        json_object_set_new(
            doc, "post_processor",
            json_pack("{s:s, s:[{s:{s:s, s:i}}, {s:{s:s, s:i}}], s:{s:{s:s, s:[i], s:[s]}}}",
                      "type", "TemplateProcessing", "single", "SpecialToken", "id", "<|endoftext|>",
                      "type_id", 0, "Sequence", "id", "A", "type_id", 0, "special_tokens",
                      "<|endoftext|>", "id", "<|endoftext|>", "ids", 600, "tokens",
                      "<|endoftext|>"));
    json_dumpf(doc, f, 0);
    fclose(f);
    json_decref(doc);
}

static void write_folder(const json_t *row, const json_t *bert, const json_t *gpt2)
{
    const char *vocab = az_json_str(row, "vocab");
    FILE *f;

    drop_all();
    if (strcmp(vocab, "bert") == 0)
        write_bert(json_object_get(bert, "vocab"));
    else if (strcmp(vocab, "gpt2") == 0)
        write_gpt2(json_object_get(gpt2, "model"));
    else
        write_json(gpt2, strcmp(vocab, "json+post") == 0);
    f = create("tokenizer_config.json");
    json_dumpf(json_object_get(row, "config"), f, 0);
    fclose(f);
}

static void check_row(size_t r, const json_t *row, const json_t *texts)
{
    static const char *const keys[] = { "plain", "special" };
    char *said = json_dumps(json_object_get(row, "config"), 0);
    adze_error err = { .pos = ADZE_NOPOS };
    adze_tokenizer *t;
    const json_t *text;
    adze_model *m;
    size_t i;

    if (az_model_open(&m, run, dir, AZ_READ_NO_WEIGHTS, &err) < 0 ||
        adze_tokenizer_new(&t, run, m, &err) < 0)
        fail_msg("row %zu, %s: %s: %s", r, said, err.name, err.msg);
    for (int special = 0; special < 2; special++)
        json_array_foreach(texts, i, text)
        {
            const json_t *ids = json_array_get(json_object_get(row, keys[special]), i), *id;
            const char *s = json_string_value(text), *got;
            char want[4096] = "";
            size_t at = 0, k;
            json_array_foreach(ids, k, id) at +=
                (size_t)snprintf(want + at, sizeof want - at, k ? " %d" : "%d",
                                 (int)json_integer_value(id));
            got = ids_text(t, s, json_string_length(text), special);
            if (strcmp(got, want) != 0)
                fail_msg("row %zu, %s, %s of \"%s\": %s, expected %s", r, said, keys[special], s,
                         got, want);
        }
    adze_tokenizer_free(t);
    adze_model_close(m);
    free(said);
}

static void classes_and_settings(void **state)
{
    json_t *all = load_json("tests/data/golden/tokenizer/vocab_files.json");
    json_t *bert = load_json("tests/data/golden/tokenizer/kinds/bert.json");
    json_t *gpt2 = load_json("tests/data/golden/tokenizer/gpt2/tokenizer.json"), *row;
    size_t i;

    (void)state;
    assert_true(json_array_size(all) > 18);
    json_array_foreach(all, i, row)
    {
        if (!i) continue;
        write_folder(row, json_object_get(json_object_get(bert, "tokenizer"), "model"), gpt2);
        check_row(i, row, json_array_get(all, 0));
    }
    json_decref(all);
    json_decref(bert);
    json_decref(gpt2);
}

static int begin(void **state)
{
    return mkdtemp(dir) ? start_run(state) : -1;
}

static int end(void **state)
{
    drop_all();
    rmdir(dir);
    return stop_run(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(classes_and_settings) };

    return cmocka_run_group_tests(tests, begin, end);
}
