/* One of the golden models (tests/data/golden/archs) as a checkpoint folder, with a tokenizer that has a token for
 * each id. What llama.cpp has no form for is left out of it: it would not load the file.
 *
 *   made_checkpoint NAME DIR [KIND]  writes DIR; prints the ids of the golden sequence, apart by spaces. KIND: of a
 *                                    tokenizer that encodes text, 1 Unigram, 2 WordPiece
 */
#include "infer/made_tokenizer.h"

#include <sys/stat.h>

/* "from>to": the part `from` of a name becomes `to`; "from": tensors that have it are left out. */
static const struct {
    const char *name, *keys, *names[4];
} changes[] = {
    { "qwen3", "{\"attention_bias\": false}", { "_proj.bias" } }, /* no bias on o */
    { "lfm2", "{\"conv_bias\": false}", { ".bias" } },            /* of convolutions */
    { "qwen3_moe",                                                /* every layer has experts */
      "{\"mlp_only_layers\": [], \"num_hidden_layers\": 3}",
      { "layers.1.", "layers.2.>layers.1.", "layers.3.>layers.2." } },
    { "olmoe",
      "{\"num_key_value_heads\": 4, \"clip_qkv\": null}",
      { NULL } },                                                        /* as many as heads */
    { "gpt_oss", "{\"rope_scaling\": {\"truncate\": true}}", { NULL } }, /* bounds are rounded */
    { "gpt_oss_mxfp4", "{\"rope_scaling\": {\"truncate\": true}}", { NULL } },
    { "gemma2", "{\"query_pre_attn_scalar\": 16}", { NULL } }, /* the size of a head */
    { "gemma3", "{\"query_pre_attn_scalar\": 16}", { NULL } },
};

/* False: the tensor is left out. */
static bool rename_tensor(const char *const *rules, const char *name, char *to, size_t size)
{
    snprintf(to, size, "%s", name);
    for (size_t i = 0; i < 4 && rules[i]; i++) {
        size_t n = strcspn(rules[i], ">");
        char part[40];
        const char *at;
        snprintf(part, sizeof part, "%.*s", (int)n, rules[i]);
        at = strstr(name, part);
        if (!at) continue;
        if (!rules[i][n]) return false;
        snprintf(to, size, "%.*s%s%s", (int)(at - name), name, rules[i] + n + 1, at + n);
    }
    return true;
}

static void apply(json_t *doc, size_t i)
{
    json_t *old = json_object_get(doc, "tensors"), *tensors = json_object(), *spec;
    json_t *config = json_object_get(doc, "config"), *keys = json_loads(changes[i].keys, 0, NULL);
    json_t *scaling = json_object_get(keys, "rope_scaling");
    const char *name;
    char to[160];

    if (scaling) {
        json_object_update(json_object_get(config, "rope_scaling"), scaling);
        json_object_del(keys, "rope_scaling");
    }
    json_object_update(config, keys);
    json_decref(keys);
    json_object_foreach(old, name, spec)
    {
        bool kv = strstr(name, "k_proj") || strstr(name, "v_proj") || strstr(name, "k_norm");
        if (!rename_tensor(changes[i].names, name, to, sizeof to)) continue;
        if (kv && strcmp(changes[i].name, "olmoe") == 0)
            json_array_set_new(json_array_get(spec, 0), 0, json_integer(32));
        json_object_set(tensors, to, spec);
    }
    json_object_set_new(doc, "tensors", tensors);
}

int main(int argc, char **argv)
{
    adze_run *run = NULL;
    made_spec spec;
    int32_t *ids;
    size_t n;

    if (argc != 3 && argc != 4) {
        fputs("usage: made_checkpoint NAME DIR [KIND]\n", stderr);
        return 2;
    }
    if (adze_run_new(&run, NULL, NULL) != ADZE_OK || mkdir(argv[2], 0777) != 0) return 1;
    made_read(&spec, run, argv[1]);
    for (size_t i = 0; i < AZ_COUNT(changes); i++)
        if (strcmp(changes[i].name, argv[1]) == 0) apply(spec.j, i);
    made_write(&spec, argv[2], NULL);
    if (argc == 4)
        made_small_tokenizer(argv[2], atoi(argv[3]));
    else
        made_tokenizer(argv[2], 64);
    n = made_tokens(json_object_get(spec.j, "tokens"), &ids);
    for (size_t i = 0; i < n; i++)
        printf("%s%d", i ? " " : "", ids[i]);
    printf("\n");
    free(ids);
    json_decref(spec.j);
    adze_run_free(run);
    return 0;
}
