/* A folder's chat templates and special tokens: which there are, and conversations through each. */
#include "fuzz.h"
#include "gguf.h"
#include "model.h"
#include "text/chat.h"

static void render(az_chat *c, const json_t *messages, const json_t *tools)
{
    for (size_t i = 0; i <= az_chat_count(c) + 2; i++) {
        az_chat_opts opts = { .tools = i % 2 ? tools : NULL, .add_generation_prompt = i % 2 == 0 };
        adze_error err = { .pos = ADZE_NOPOS };
        adze_status rc;
        az_buf out;
        az_buf_init(&out, fuzz_run);
        if (i < az_chat_count(c)) {
            opts.name = az_chat_name(c, i);
            fuzz_want(opts.name != NULL, "a template has a name");
        } else if (i > az_chat_count(
                           c)) { /* options of every kind; one pair that excludes each other */
            opts.continue_field = "content";
            opts.vars = json_object_get(json_array_get(tools, 0), "function");
            opts.documents = tools;
        }
        rc = az_chat_render(c, messages, &opts, &out, &err);
        fuzz_status(rc, &err);
        fuzz_want(rc == ADZE_OK || out.size == 0, "a failure writes nothing");
        az_buf_deinit(&out);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const az_template_limits limits = { .steps = 20000,
                                               .output_bytes = 1 << 16,
                                               .memory_bytes = 1 << 20 };
    static json_t *messages, *tools;
    bool gguf = n >= 4 && memcmp(data, "GGUF", 4) == 0;
    adze_error err = { .pos = ADZE_NOPOS };
    az_chat *c = NULL;
    adze_model *m;

    if (!messages) {
        messages = json_loads("[{\"role\":\"system\",\"content\":\"be "
                              "brief\"},{\"role\":\"user\",\"content\":\"Hi\",\"name\":null},{"
                              "\"role\":\"assistant\",\"reasoning\":\"so\",\"content\":\"Yes\"}]",
                              0, NULL);
        tools = json_loads("[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]", 0, NULL);
    }
    fuzz_begin();
    m = fuzz_open(gguf ? fuzz_file("m.gguf", data, n) : fuzz_folder(data, n),
                  AZ_READ_NO_WEIGHTS | AZ_READ_NO_TOKENIZER);
    if (m) {
        adze_status rc = az_chat_new(&c, fuzz_run, m, &limits, &err);
        fuzz_status(rc, &err);
        fuzz_want((rc == ADZE_OK) == (c != NULL), "templates with success, and only then");
        if (c) render(c, messages, tools);
        az_chat_free(c);
    }
    adze_model_close(m);
    fuzz_end();
    return 0;
}

#define CONFIG "config.json\n{}" FUZZ_NEXT
#define TEMPLATE                                                                            \
    "{{ bos_token }}{% for m in messages %}{{ m.role }}: {{ m.content }}\\n{% endfor %}{{ " \
    "eos_token }}"
#define DOC                                                  \
    "{\"bos_token\":\"<s>\",\"eos_token\":{\"content\":\"</" \
    "s>\"},\"pad_token\":null,\"chat_template\":"

void fuzz_seeds(void)
{
    az_buf b;

    fuzz_seed_json_text(CONFIG "tokenizer_config.json\n", DOC "\"" TEMPLATE "\"}", "");
    fuzz_seed_json_text(CONFIG "tokenizer_config.json\n",
                        DOC "[{\"name\":\"default\",\"template\":\"" TEMPLATE
                            "\"},{\"name\":\"tool_use\",\"template\":\"{{ tools|tojson }}\"}]}",
                        "");
    fuzz_seed_json_text(CONFIG "tokenizer_config.json\n", DOC "{\"default\":\"" TEMPLATE "\"}}",
                        "");
    fuzz_seed_text(CONFIG "tokenizer_config.json\n" DOC "null}" FUZZ_NEXT
                          "special_tokens_map.json\n{\"bos_token\":{\"content\":\"<x>\"}}" FUZZ_NEXT
                          "chat_template.jinja\n" TEMPLATE);
    fuzz_seed_text(CONFIG
                   "special_tokens_map.json\n{\"bos_token\":\"<x>\",\"unk_token\":3}" FUZZ_NEXT
                   "chat_template.jinja\n{{ bos_token }}{{");
    fuzz_seed_text(CONFIG "special_tokens_map.json\n[" FUZZ_NEXT "chat_template.jinja\nx");
    fuzz_seed_text(CONFIG "chat_template.jinja\nx" FUZZ_NEXT
                          "additional_chat_templates/tool_use.jinja\n{{ tools|length }}" FUZZ_NEXT
                          "additional_chat_templates/rag.jinja\n{{ documents }}");
    fuzz_seed_text(CONFIG "additional_chat_templates/rag.jinja\n{{ documents }}");
    fuzz_seed_text(CONFIG "chat_template.json\n{\"chat_template\":\"" TEMPLATE "\"}");
    fuzz_seed_text(CONFIG "generation_config.json\n{}");
    fuzz_seed_text(CONFIG
                   "tokenizer_config.json\n" DOC
                   "[{\"name\":\"a\",\"template\":\"1\"},{\"name\":\"b\",\"template\":\"2\"},{"
                   "\"name\":\"c\",\"template\":\"3\"},"
                   "{\"name\":\"d\",\"template\":\"4\"},{\"name\":\"e\",\"template\":\"5\"}]}");
    az_buf_init(&b, fuzz_run);
    gg_head(&b, 3, 0, 2);
    gg_text(&b, "tokenizer.chat_template", TEMPLATE);
    gg_text(&b, "adze.tokenizer_config", "{\"bos_token\":\"<b>\"}");
    gg_pad(&b, 0);
    fuzz_seed_damaged(b.data, b.size, 4, b.size);
    az_buf_clear(&b);
    gg_head(&b, 3, 0, 6);
    gg_text(&b, "tokenizer.chat_template", TEMPLATE);
    gg_text(&b, "tokenizer.chat_template.tool_use", "{{ tools|tojson }}");
    gg_list(&b, "tokenizer.ggml.tokens", AZ_KV_STR, 3), gg_str(&b, "<s>"), gg_str(&b, "\xff"),
        gg_str(&b, "</s>");
    gg_num(&b, "tokenizer.ggml.bos_token_id", AZ_KV_U32, 0, 4);
    gg_num(&b, "tokenizer.ggml.eos_token_id", AZ_KV_U32, 2, 4);
    gg_num(&b, "tokenizer.ggml.unknown_token_id", AZ_KV_U32, 1, 4);
    gg_pad(&b, 0);
    fuzz_seed_damaged(b.data, b.size, 10, b.size);
    az_buf_clear(&b);
    gg_head(&b, 3, 0, 3);
    gg_num(&b, "tokenizer.chat_template", AZ_KV_U32, 1, 4);
    gg_num(&b, "tokenizer.chat_template.x", AZ_KV_U32, 1, 4);
    gg_num(&b, "tokenizer.ggml.bos_token_id", AZ_KV_U32, 7, 4);
    gg_pad(&b, 0);
    fuzz_seed(b.data, b.size);
    az_buf_deinit(&b);
}
