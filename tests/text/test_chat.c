/* Conversations through the public API (adze/chat.h) as a program would use it, against what transformers makes of them
 * (tools/golden/make_chat.py), and the special tokens of tokenizer classes (make_special_tokens.py). */
#include "tok_util.h"

#include "format/format.h"

#include <adze/chat.h>
#include <sys/stat.h>
#include <unistd.h>

static const char golden[] = "tests/data/golden/templates/";

/* The text of a JSON value, or NULL: not given, null or false. Free it. */
static char *text_of(const json_t *j)
{
    return !j || json_is_null(j) || json_is_false(j) ? NULL : json_dumps(j, JSON_ENCODE_ANY);
}

static void check(const char *what, size_t i, adze_chat *c, const json_t *messages,
                  const adze_chat_opts *opts, const json_t *want)
{
    char *list = text_of(messages), *text = NULL;
    adze_error err = { .pos = ADZE_NOPOS };
    adze_status rc;
    size_t n = 7;

    rc = adze_chat_render(c, list, opts, &text, &n, &err);
    if (json_is_null(want)) {
        if (rc == ADZE_OK) fail_msg("%s %zu: \"%s\", expected a failure", what, i, text);
        assert_true(err.msg[0] && !text && !n);
    } else if (rc < 0 || n != json_string_length(want) ||
               memcmp(text, json_string_value(want), n + 1) != 0) {
        fail_msg("%s %zu: \"%s\" (%s), expected \"%s\"", what, i, text ? text : "", err.msg,
                 json_string_value(want));
    }
    adze_chat_text_free(c, text);
    free(list);
}

static json_t *golden_of(const char *name)
{
    char path[128];

    snprintf(path, sizeof path, "%s%s.json", golden, name);
    return load_json(path);
}

static void demo_conversations(void **state)
{
    json_t *all = golden_of("chat"), *row;
    adze_error err = { .pos = ADZE_NOPOS };
    adze_model *m;
    adze_chat *c;
    size_t i;

    (void)state;
    assert_int_equal(adze_model_open(&m, run, "demo/checkpoint", &err), ADZE_OK);
    assert_int_equal(adze_chat_new(&c, run, m, &err), ADZE_OK);
    assert_int_equal(adze_chat_count(c), 1);
    assert_string_equal(adze_chat_name(c, 0), "default");
    assert_null(adze_chat_name(c, 1));
    assert_true(json_array_size(json_object_get(all, "demo")) >= 8);
    json_array_foreach(json_object_get(all, "demo"), i, row)
    {
        char *tools = text_of(json_object_get(row, "tools"));
        adze_chat_opts o = { .tools = tools };
        o.add_generation_prompt = json_is_true(json_object_get(row, "add_generation_prompt"));
        if (json_is_true(json_object_get(row, "continue_final_message")))
            o.continue_final_message = "content";
        check("demo", i, c, json_object_get(row, "messages"), &o, json_object_get(row, "text"));
        free(tools);
    }
    adze_chat_free(c);
    adze_model_close(m);
    json_decref(all);
}

static void wrong_arguments(void **state)
{
    static const struct {
        const char *messages;
        adze_chat_opts o;
        const char *says;
    } cases[] = {
        { NULL, { 0 }, "JSON" },
        { "", { 0 }, "JSON" },
        { "{", { 0 }, "JSON" },
        { "{}", { 0 }, "array of at least one message" },
        { "[]", { 0 }, "array of at least one message" },
        { "[1]", { 0 }, "message 0 is not an object" },
        { "[{\"role\":\"user\",\"content\":\"x\"}]", { .tools = "{" }, "JSON" },
        { "[{\"role\":\"user\",\"content\":\"x\"}]", { .tools = "{}" }, "tools must be an array" },
        { "[{\"role\":\"user\",\"content\":\"x\"}]", { .documents = "[1]" }, "documents" },
        { "[{\"role\":\"user\",\"content\":\"x\"}]", { .vars = "[]" }, "must be an object" },
        { "[{\"role\":\"user\",\"content\":\"x\"}]", { .name = "nope" }, "no chat template" },
        { "[{\"role\":\"user\",\"content\":\"x\"}]",
          { .add_generation_prompt = 1, .continue_final_message = "content" },
          "exclude each other" },
    };
    adze_error err = { .pos = ADZE_NOPOS };
    adze_model *m;
    adze_chat *c;

    (void)state;
    assert_int_equal(adze_model_open(&m, run, "demo/checkpoint", &err), ADZE_OK);
    assert_int_equal(adze_chat_new(&c, run, m, &err), ADZE_OK);
    for (size_t i = 0; i < AZ_COUNT(cases); i++) {
        char *text = (char *)"", path[1200];
        size_t n;
        adze_status rc = adze_chat_render(c, cases[i].messages, &cases[i].o, &text, &n, &err);
        if (rc != ADZE_EINVAL || err.status != ADZE_EINVAL || text)
            fail_msg("case %zu: status %d", i, (int)rc);
        adze_error_text(&err, path, sizeof path);
        if (!strstr(path, cases[i].says))
            fail_msg("case %zu: \"%s\" has no \"%s\"", i, path, cases[i].says);
    }
    adze_chat_free(c);
    adze_chat_free(NULL);
    adze_model_close(m);
}

/* --- folders of our own --- */

static char dir[] = "/tmp/adze-chat-XXXXXX";

static void write_file(const char *name, const char *text)
{
    char path[128];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
}

static void drop(const char *name)
{
    char path[128];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    unlink(path);
}

/* The templates of a folder with this tokenizer_config.json; map and template may be NULL. */
static adze_chat *chat_of(adze_model **m, const json_t *config, const json_t *map,
                          const char *source)
{
    char *text = json_dumps(config, 0), *more = map ? json_dumps(map, 0) : NULL;
    json_t *hf = small_tokenizer(NULL, NULL, NULL);
    char *tokenizer = json_dumps(hf, 0);
    adze_error err = { .pos = ADZE_NOPOS };
    adze_chat *c;

    write_file("tokenizer_config.json", text);
    write_file("tokenizer.json", tokenizer);
    drop("special_tokens_map.json");
    if (more) write_file("special_tokens_map.json", more);
    drop("chat_template.jinja");
    if (source) write_file("chat_template.jinja", source);
    free(text);
    free(more);
    free(tokenizer);
    json_decref(hf);
    if (az_model_open(m, run, dir, AZ_READ_NO_WEIGHTS, &err) < 0) fail_msg("%s", err.msg);
    if (adze_chat_new(&c, run, *m, &err) < 0) fail_msg("%s", err.msg);
    return c;
}

static void open_messages(void **state)
{
    json_t *all = golden_of("chat"), *rows = json_object_get(all, "continue"), *row;
    json_t *config = json_pack("{s:s}", "bos_token", "<s>");
    size_t i;

    (void)state;
    assert_true(json_array_size(rows) >= 20);
    json_array_foreach(rows, i, row)
    {
        adze_chat_opts o = { .continue_final_message = az_json_str(row, "field") };
        adze_model *m;
        adze_chat *c = chat_of(&m, config, NULL, az_json_str(row, "template"));
        check("continue", i, c, json_object_get(row, "messages"), &o, json_object_get(row, "text"));
        adze_chat_free(c);
        adze_model_close(m);
    }
    json_decref(config);
    json_decref(all);
}

/* A template that prints every special token there is, as JSON. */
static void special_tokens(void **state)
{
    static const char source[] =
        "{% set ns = namespace(first=true) %}{{ '{' }}"
        "{%- macro put(name, value) %}{% if value is defined %}{{ '' if ns.first else ', ' }}"
        "{{ name|tojson }}: {{ value|tojson }}{% set ns.first = false %}{% endif %}{% endmacro -%}"
        "{{ put('bos_token', bos_token) }}{{ put('eos_token', eos_token) }}"
        "{{ put('unk_token', unk_token) }}{{ put('sep_token', sep_token) }}"
        "{{ put('pad_token', pad_token) }}{{ put('cls_token', cls_token) }}"
        "{{ put('mask_token', mask_token) }}{{ put('image_token', image_token) }}"
        "{{ put('audio_token', audio_token) }}{{ put('boi_token', boi_token) }}"
        "{{ put('begin', begin) }}{{ put('add_bos_token', add_bos_token) }}}";
    json_t *rows = golden_of("special_tokens"), *row;
    size_t i;

    (void)state;
    assert_true(json_array_size(rows) >= 40);
    json_array_foreach(rows, i, row)
    {
        const json_t *map = json_object_get(row, "map"), *config = json_object_get(row, "config");
        adze_error err = { .pos = ADZE_NOPOS };
        json_t *got, *want = json_object_get(row, "tokens");
        char *text, *said;
        adze_model *m;
        adze_chat *c = chat_of(&m, config, json_is_null(map) ? NULL : map, source);
        size_t n;
        if (adze_chat_render(c, "[{\"role\":\"user\"}]", NULL, &text, &n, &err) < 0)
            fail_msg("row %zu: %s", i, err.msg);
        got = json_loads(text, 0, NULL);
        said = json_dumps(config, 0);
        if (!got || !json_equal(got, want)) fail_msg("row %zu, %s: %s", i, said, text);
        free(said);
        json_decref(got);
        adze_chat_text_free(c, text);
        adze_chat_free(c);
        adze_model_close(m);
    }
    json_decref(rows);
}

static void model_without_a_template(void **state)
{
    json_t *config = json_object();
    adze_error err = { .pos = ADZE_NOPOS };
    adze_model *m;
    adze_chat *c = chat_of(&m, config, NULL, "x");

    (void)state;
    adze_chat_free(c);
    adze_model_close(m);
    drop("chat_template.jinja");
    assert_int_equal(az_model_open(&m, run, dir, AZ_READ_NO_WEIGHTS, &err), ADZE_OK);
    assert_int_equal(adze_chat_new(&c, run, m, &err), ADZE_EUNSUP);
    assert_null(c);
    assert_non_null(strstr(err.msg, "no chat template"));
    adze_model_close(m);
    json_decref(config);
}

static int begin(void **state)
{
    return mkdtemp(dir) ? start_run(state) : -1;
}

static int end(void **state)
{
    static const char *const names[] = { "tokenizer.json", "tokenizer_config.json",
                                         "special_tokens_map.json", "chat_template.jinja" };

    for (size_t i = 0; i < AZ_COUNT(names); i++)
        drop(names[i]);
    rmdir(dir);
    return stop_run(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(demo_conversations),
        cmocka_unit_test(wrong_arguments),
        cmocka_unit_test(open_messages),
        cmocka_unit_test(special_tokens),
        cmocka_unit_test(model_without_a_template),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
