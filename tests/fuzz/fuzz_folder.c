/* A checkpoint folder: which files there are, shards and their index, documents beside them. */
#include "format/hf_tokenizer.h"
#include "fuzz.h"
#include "model.h"

/* Each file of a tokenizer by its own path. */
static void tokenizer_files(void)
{
    static const char *const names[] = { "m/tokenizer.json", "m/tokenizer.model", "m/spiece.model",
                                         "m/vocab.json",     "m/vocab.txt",       "m/config.json" };

    for (size_t i = 0; i < AZ_COUNT(names); i++) {
        const char *path = fuzz_path(names[i]);
        adze_error err = { .pos = ADZE_NOPOS };
        adze_model *m;
        adze_status rc;
        fuzz_want(az_hf_is_tokenizer(path) == (i < 5), "a tokenizer's file is known by its name");
        if (i == 5) continue;
        rc = az_hf_open_tokenizer(&m, fuzz_run, path, &err);
        fuzz_status(rc, &err);
        fuzz_want((rc == ADZE_OK) == (m != NULL), "a tokenizer with success, and only then");
        adze_model_close(m);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const char *dir;

    fuzz_begin();
    dir = fuzz_folder(data, n);
    adze_model_close(fuzz_open(dir, AZ_READ_ALL));
    tokenizer_files();
    adze_model_close(fuzz_open(dir, AZ_READ_NO_WEIGHTS | AZ_READ_NO_TOKENIZER));
    fuzz_end();
    return 0;
}

#define CONFIG "config.json\n{\"model_type\":\"llama\"}"
#define A      "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}"
#define B      "{\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}"
#define ONE    FUZZ_NEXT "model-1.safetensors+4\n" A
#define TWO    FUZZ_NEXT "model-2.safetensors+4\n" B
#define INDEX  FUZZ_NEXT "model.safetensors.index.json\n"

void fuzz_seeds(void)
{
    static const char *const more[] = {
        "",
        FUZZ_NEXT "model.safetensors+4\n" A,
        FUZZ_NEXT "raw.safetensors\nx",
        FUZZ_NEXT "model.safetensors.index.json\n{\"weight_map\":{\"a\":\"../x\"}}",
        FUZZ_NEXT "model.safetensors.index.json\n{\"weight_map\":{\"a\":\"none\"}}",
        INDEX "{\"weight_map\":{\"a\":\"model-1.safetensors\",\"b\":\"model-1.safetensors\"}}" ONE,
        INDEX
        "{\"weight_map\":{\"a\":\"model-2.safetensors\",\"b\":\"model-1.safetensors\"}}" ONE TWO,
        INDEX "{\"weight_map\":{\"a\":\"model-1.safetensors\"}}" ONE TWO,
        INDEX
        "{\"weight_map\":{\"a\":\"model-1.safetensors\",\"c\":\"model-2.safetensors\"}}" ONE TWO,
        INDEX "{\"weight_map\":{\"c\":\"model-1.safetensors\"}}" ONE,
        FUZZ_NEXT "pytorch_model.bin.index.json\n{\"weight_map\":{\"a\":\"pytorch_model.bin\"}}",
        FUZZ_NEXT
        "pytorch_model.bin.index.json\n{\"weight_map\":{\"a\":\"model-1.safetensors\"}}" ONE,
        FUZZ_NEXT "pytorch_model.bin\nPK",
        FUZZ_NEXT "model.safetensors+4\n" A FUZZ_NEXT
                  "generation_config.json\n{\"top_k\":3}" FUZZ_NEXT
                  "tokenizer_config.json\n{\"chat_template\":\"x\"}",
        FUZZ_NEXT "model.safetensors+4\n" A FUZZ_NEXT "generation_config.json\n",
        FUZZ_NEXT "model.safetensors+4\n" A FUZZ_NEXT "generation_config.json\n[]",
        FUZZ_NEXT "model.safetensors+4\n" A FUZZ_NEXT
                  "tokenizer_config.json\n{\"chat_template\":[{\"name\":\"tool_use\",\"template\":"
                  "\"x\"},{\"name\":\"default\",\"template\":\"y\"}]}",
        FUZZ_NEXT
        "model.safetensors+4\n" A FUZZ_NEXT
        "tokenizer_config.json\n{\"chat_template\":[{\"name\":\"tool_use\",\"template\":\"x\"},1]}",
        FUZZ_NEXT "model.safetensors+4\n" A FUZZ_NEXT "chat_template.jinja\nabc",
        FUZZ_NEXT "model.safetensors+4\n" A FUZZ_NEXT
                  "chat_template.json\n{\"chat_template\":\"x\"}",
        FUZZ_NEXT "model.safetensors+4\n" A FUZZ_NEXT "chat_template.json\n[",
        FUZZ_NEXT "model.safetensors+4\n" A FUZZ_NEXT "additional_chat_templates/rag.jinja\nabc",
        FUZZ_NEXT "model.safetensors+4\n" A FUZZ_NEXT
                  "additional_chat_templates/rag.jinja\n\xff" FUZZ_NEXT
                  "additional_chat_templates/tool_use.jinja\nx",
        FUZZ_NEXT "model.safetensors+4\n" A FUZZ_NEXT "tokenizer.json\n{}",
        FUZZ_NEXT "model.safetensors+4\n" A FUZZ_NEXT "tokenizer.json\n",
        FUZZ_NEXT "model.safetensors+4\n" A FUZZ_NEXT "vocab.json\n{}",
        FUZZ_NEXT "model.safetensors+4\n" A FUZZ_NEXT "vocab.json\n[]" FUZZ_NEXT "merges.txt\nx",
        FUZZ_NEXT "model.safetensors+4\n" A FUZZ_NEXT "vocab.json\n{\"a\":0}" FUZZ_NEXT
                  "merges.txt\na a\n",
        FUZZ_NEXT "model.safetensors+4\n" A FUZZ_NEXT "vocab.txt\na\nb\n" FUZZ_NEXT
                  "added_tokens.json\n{\"c\":2}",
        FUZZ_NEXT "model.safetensors+4\n" A FUZZ_NEXT "vocab.txt\na\nb\n" FUZZ_NEXT
                  "added_tokens.json\n[",
        FUZZ_NEXT "model.safetensors+4\n" A FUZZ_NEXT "tokenizer.model\nx",
        FUZZ_NEXT "model.safetensors+16\n{\"lm_head.weight\":{\"dtype\":\"F32\",\"shape\":[2],"
                  "\"data_offsets\":[0,8]},\"model.embed_tokens.weight\":{\"dtype\":\"F32\","
                  "\"shape\":[2],\"data_offsets\":[8,16]}}",
    };
    char buf[2000];

    for (size_t i = 0; i < AZ_COUNT(more); i++) {
        snprintf(buf, sizeof buf, CONFIG "%s", more[i]);
        fuzz_seed_text(buf);
    }
    fuzz_seed_json_text(CONFIG INDEX,
                        "{\"metadata\":{\"total_size\":8},\"weight_map\":{\"a\":\"model-1."
                        "safetensors\",\"b\":\"model-2.safetensors\"}}",
                        ONE TWO);
    fuzz_seed_json_text("config.json\n", "{\"model_type\":\"llama\",\"quantization\":{\"bits\":4}}",
                        FUZZ_NEXT "model.safetensors+4\n" A);
    fuzz_seed_text("config.json\n");
    fuzz_seed_text("config.json\n[]");
    fuzz_seed_text("config.json\n{\"a\":1,\"a\":2}");
    fuzz_seed_text("tokenizer.json\n{}");
    fuzz_seed_text("");
}
