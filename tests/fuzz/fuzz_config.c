/* config.json, or a GGUF's keys: what architecture it is, its graph, its tensors, and the config in the other format. */
#include "arch.h"
#include "golden.h"
#include "base/json.h"
#include "format/gguf.h"
#include "gguf.h"
#include "model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    bool gguf = n >= 4 && memcmp(data, "GGUF", 4) == 0;
    adze_model *m;

    fuzz_begin();
    m = fuzz_open(gguf ? fuzz_file("m.gguf", data, n) : fuzz_folder(data, n), AZ_READ_NO_TOKENIZER);
    if (m) arch_use(m);
    adze_model_close(m);
    fuzz_end();
    return 0;
}

/* A model as a GGUF: keys, weights and what else its architecture puts into one. */
typedef struct gguf_parts {
    az_kvs kv;
    az_graph g;
    az_extra_tensor extra[AZ_MAX_EXTRA];
    size_t n_extra;
} gguf_parts;

static void put_tensors(const gguf_parts *p, az_buf *b)
{
    uint64_t at = 0;

    for (int i = 0; i < p->g.n_weights; i++) {
        const az_graph_weight *w = &p->g.weights[i];
        uint64_t experts = w->experts > 0 ? (uint64_t)w->experts : 1,
                 n = (uint64_t)(w->rows * w->cols) * 4;
        uint64_t ne[] = { (uint64_t)w->cols, (uint64_t)w->rows / experts, experts };
        gg_tensor(b, w->name, w->vector ? 1 : w->experts > 0 ? 3 : 2, ne, 0, at);
        at += (n + 31) / 32 * 32;
    }
    for (size_t i = 0; i < p->n_extra; i++) {
        gg_tensor(b, p->extra[i].name, 1, (const uint64_t[]){ (uint64_t)p->extra[i].n }, 0, at);
        at += ((uint64_t)p->extra[i].n * 4 + 31) / 32 * 32;
    }
    gg_pad(b, 0);
    for (size_t end = b->size + (size_t)at; b->size < end;)
        az_buf_putc(b, 0);
    at = b->size;
    for (size_t i = p->n_extra; i-- > 0;) {
        at -= ((uint64_t)p->extra[i].n * 4 + 31) / 32 * 32;
        memcpy(b->data + at, p->extra[i].data, (size_t)p->extra[i].n * 4);
    }
}

/* Key `which` is of kind `odd`; 0: as it is. */
static void put_gguf(const gguf_parts *p, size_t which, int odd)
{
    az_buf b;

    az_buf_init(&b, fuzz_run);
    gg_head(&b, 3, (uint64_t)p->g.n_weights + p->n_extra, p->kv.n);
    for (size_t i = 0; i < p->kv.n; i++) {
        const az_kv *kv = &p->kv.items[i];
        if (i != which || odd == 0)
            gg_kv(&b, kv);
        else if (odd == 1)
            gg_num(&b, "unknown.key", AZ_KV_U32, 1, 4);
        else if (odd == 2)
            gg_text(&b, kv->key, "text");
        else if (odd == 3)
            gg_num(&b, kv->key, AZ_KV_I64, (uint64_t)-5, 8);
        else if (odd == 4)
            gg_num(&b, kv->key, AZ_KV_U32, 4000000000u, 4);
        else if (odd == 5)
            gg_list(&b, kv->key, AZ_KV_I32, 2), fuzz_le(&b, 1, 4), fuzz_le(&b, UINT32_MAX, 4);
        else
            gg_num(&b, kv->key, AZ_KV_F32, 0x7fc00000, 4);
    }
    put_tensors(p, &b);
    if (odd)
        fuzz_variant(b.data, b.size);
    else
        fuzz_seed(b.data, b.size);
    az_buf_deinit(&b);
}

static void as_gguf(const char *folder)
{
    adze_error err;
    adze_model *m = NULL;
    const az_arch *arch;
    az_arena arena;
    az_config c;

    az_arena_init(&arena, fuzz_run);
    gguf_parts p = { .kv = { .arena = &arena } };
    if (az_model_open(&m, fuzz_run, fuzz_folder((const uint8_t *)folder, strlen(folder)),
                      AZ_READ_NO_TOKENIZER, &err) == ADZE_OK &&
        az_arch_of(m, &arch, &c, &err) == ADZE_OK &&
        az_arch_build(arch, &c, &arena, &p.g, &err) == ADZE_OK &&
        az_arch_gguf_keys(arch, &c, &p.kv, &err) == ADZE_OK &&
        az_arch_extra_tensors(arch, m, &c, p.extra, &p.n_extra, &err) == ADZE_OK) {
        put_gguf(&p, 0, 0);
        az_kv_put_str(&p.kv, "adze.config", "{\"model_type\":\"mistral\"}", 24);
        put_gguf(&p, 0, 0);
        for (size_t i = 0; i < p.kv.n; i++)
            for (int odd = 1; odd < 7; odd++)
                put_gguf(&p, i, odd);
        if (p.n_extra) {
            static const float bad[AZ_MAX_EXTRA] = { 0 };
            p.extra[0].data = bad;
            p.extra[0].n = 2;
            put_gguf(&p, 0, 0);
        }
    }
    adze_model_close(m);
    az_arena_deinit(&arena);
}

static void golden(const char *name)
{
    char *tensors, *config, *all;
    json_t *j = golden_read(name), *c = json_object_get(j, "config");

    if (!j) return;
    tensors = golden_tensors(json_object_get(j, "tensors"));
    fuzz_seed_json("config.json\n", c, tensors);
    config = json_dumps(c, JSON_COMPACT);
    all = malloc(strlen(config) + strlen(tensors) + 20);
    sprintf(all, "config.json\n%s%s", config, tensors);
    as_gguf(all);
    free(all);
    free(config);
    free(tensors);
    json_decref(j);
}

/* A small llama, changed. */
static const char *const members[] = {
    "\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8.0,\"low_freq_factor\":1.0,\"high_freq_"
    "factor\":4.0,\"original_max_position_embeddings\":128}",
    "\"rope_scaling\":{\"rope_type\":\"linear\",\"factor\":2.0}",
    "\"rope_scaling\":{\"type\":\"dynamic\",\"factor\":2.0}",
    "\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":4.0,\"beta_fast\":32,\"beta_slow\":1,"
    "\"mscale\":0.7,\"mscale_all_dim\":1,\"attention_factor\":1.1,\"truncate\":false,\"original_"
    "max_position_embeddings\":64}",
    "\"rope_scaling\":{\"rope_type\":\"longrope\",\"short_factor\":[1,1,1,1],\"long_factor\":[2,2,"
    "2,2],\"original_max_position_embeddings\":64}",
    "\"rope_scaling\":{\"rope_type\":\"other\"}",
    "\"rope_parameters\":{\"rope_type\":\"default\",\"rope_theta\":500000.0,\"partial_rotary_"
    "factor\":0.5}",
    "\"rope_parameters\":{\"full_attention\":{\"rope_type\":\"linear\",\"factor\":8.0,\"rope_"
    "theta\":1000000.0},\"sliding_attention\":{\"rope_type\":\"default\",\"rope_theta\":10000.0}}",
    "\"sliding_window\":16,\"layer_types\":[\"full_attention\",\"sliding_attention\"],\"use_"
    "sliding_window\":true,\"max_window_layers\":1",
    "\"hidden_act\":\"gelu\",\"attention_bias\":true,\"mlp_bias\":true,\"tie_word_embeddings\":"
    "true",
    "\"num_hidden_layers\":2000000000",
    "\"num_attention_heads\":3",
    "\"head_dim\":7",
    "\"vocab_size\":9223372036854775807",
};

void fuzz_seeds(void)
{
    static const char *const types[] = { "llama", "mistral", "qwen2", "phi3", "never_heard_of" };
    char buf[2000];

    for (size_t i = 0; i < AZ_COUNT(golden_archs); i++)
        golden(golden_archs[i]);
    for (size_t t = 0; t < AZ_COUNT(types); t++)
        for (size_t i = 0; i < AZ_COUNT(members); i++) {
            snprintf(buf, sizeof buf,
                     "{\"model_type\":\"%s\",\"vocab_size\":32,\"hidden_size\":16,\"intermediate_"
                     "size\":32,\"num_attention_heads\":2,\"num_key_value_heads\":1,\"max_position_"
                     "embeddings\":128,\"rms_norm_eps\":1e-5,%s%s}",
                     types[t], strstr(members[i], "num_hidden") ? "" : "\"num_hidden_layers\":2,",
                     members[i]);
            if (strstr(members[i], "\"head_dim\"") || strstr(members[i], "_heads") ||
                strstr(members[i],
                       "\"vocab")) { /* given twice is refused: take the usual one out */
                json_t *j = json_loads(buf, 0, NULL);
                fuzz_seed_json("config.json\n", j, FUZZ_NEXT "model.safetensors\n{}");
                json_decref(j);
            } else if (t == 0) {
                fuzz_seed_json_text("config.json\n", buf, FUZZ_NEXT "model.safetensors\n{}");
            } else {
                char all[2100];
                snprintf(all, sizeof all, "config.json\n%s%smodel.safetensors\n{}", buf, FUZZ_NEXT);
                fuzz_seed_text(all);
                as_gguf(all);
            }
        }
}
