/* The documents of a checkpoint folder from a GGUF's keys.
 *
 * A GGUF that adze wrote from a folder carries the folder's config.json and tokenizer_config.json whole
 * (adze.config, adze.tokenizer_config): they are given back, with the sizes that the GGUF's own keys say. For
 * others the documents are made from the keys, in the spelling of transformers (5.x, 2026-08).
 */
#include "arch/arch.h"
#include "base/json.h"
#include "format/folder.h"

#include <stdio.h>
#include <string.h>

/* A JSON object kept in a key; *out NULL when it is not there. */
static adze_status kept(const az_plan *p, const char *key, json_t **out, adze_error *err)
{
    const az_kv *kv = az_kv_find(&p->model->kv, key);
    adze_status rc;

    *out = NULL;
    if (!kv || kv->type != AZ_KV_STR) return ADZE_OK;
    rc = az_json_parse(out, kv->v.str.s, kv->v.str.n, p->model->path, err);
    if (rc == ADZE_OK && !json_is_object(*out)) {
        json_decref(*out);
        *out = NULL;
        rc = az_fail_name(err, ADZE_EFORMAT, p->model->path, key, ADZE_NOPOS,
                          "must hold a JSON object");
    }
    return rc;
}

static bool same_number(const json_t *a, const json_t *b)
{
    return json_is_number(a) && json_is_number(b) &&
           (float)json_number_value(a) == (float)json_number_value(b);
}

/* config.json as a kept document alone would have it; NULL: it does not say. */
static json_t *as_said(adze_model *m, json_t *doc)
{
    const az_arch *nearest = m->nearest, *arch;
    const char *warning = m->warning;
    json_t *said = NULL;
    adze_error why;
    az_config c;

    m->config = doc; /* read as a folder's, for the time being */
    if (az_arch_of(m, &arch, &c, &why) == ADZE_OK) az_arch_hf_config(arch, m, &c, &said, &why);
    m->config = NULL;
    m->nearest = nearest;
    m->warning = warning;
    return said;
}

/* What the GGUF's keys say wins where the kept document says something else. */
static void update(json_t *doc, const json_t *said, const json_t *from_keys)
{
    const char *key;
    json_t *v;

    json_object_foreach((json_t *)(uintptr_t)from_keys, key, v)
    {
        const json_t *was = json_object_get(said, key);
        if (json_is_number(v) && json_is_number(was) && !same_number(was, v) &&
            json_is_number(json_object_get(doc, key)))
            json_object_set(doc, key, v);
    }
}

static void put_id(const az_plan *p, json_t *doc, const char *name)
{
    char key[64], member[40];
    int64_t id;

    snprintf(key, sizeof key, "tokenizer.ggml.%s_token_id",
             strcmp(name, "pad") == 0 ? "padding" : name);
    snprintf(member, sizeof member, "%s_token_id", name);
    if (az_kv_int(&p->model->kv, key, &id)) json_object_set_new(doc, member, json_integer(id));
}

adze_status az_hf_config_from_gguf(const az_plan *p, json_t **out, adze_error *err)
{
    json_t *doc = NULL, *keys = NULL, *said;
    const az_arch *arch;
    adze_error why = { .pos = ADZE_NOPOS };
    az_config c;
    adze_status rc = az_arch_of(p->model, &arch, &c, err);

    *out = NULL;
    if (rc < 0) return rc;
    rc = kept(p, "adze.config", &doc, err);
    if (rc < 0) return rc;
    arch = az_arch_of_folder(arch, p->model, &c);
    rc = az_arch_hf_config(arch, p->model, &c, &keys, doc ? &why : err);
    if (!doc && rc < 0) return rc;
    if (doc) {
        said = as_said(p->model, doc);
        if (keys && said) update(doc, said, keys);
        json_decref(said);
        json_decref(keys);
    } else {
        doc = keys;
        put_id(p, doc, "bos");
        put_id(p, doc, "eos");
        if (!json_object_get(doc, "pad_token_id")) {               /* positions may count from it */
            json_object_set_new(doc, "pad_token_id", json_null()); /* classes have their own */
            put_id(p, doc, "pad");
        }
    }
    *out = doc;
    return ADZE_OK;
}

static const az_str *token_text(const az_plan *p, const char *name)
{
    const az_kv *tokens = az_kv_find(&p->model->kv, "tokenizer.ggml.tokens");
    char key[64];
    int64_t id;

    snprintf(key, sizeof key, "tokenizer.ggml.%s_token_id", name);
    if (!tokens || tokens->type != AZ_KV_ARR || tokens->elem != AZ_KV_STR ||
        !az_kv_int(&p->model->kv, key, &id) || id < 0 || (uint64_t)id >= tokens->v.arr.n)
        return NULL;
    return (const az_str *)tokens->v.arr.data + id;
}

/* Words of a bert GGUF begin with U+2581. */
static json_t *spelled(const az_plan *p, const az_str *s)
{
    static const char mark[] = "\xe2\x96\x81";
    const char *model = az_kv_string(&p->model->kv, "tokenizer.ggml.model");
    size_t n = model && strcmp(model, "bert") == 0 && strncmp(s->s, mark, 3) == 0 ? 3 : 0;

    return json_stringn(s->s + n, s->n - n);
}

/* The default template, or a list of all where there are named ones. */
static json_t *templates(const az_plan *p)
{
    const az_kv *names = az_kv_find(&p->model->kv, "tokenizer.chat_templates"), *t;
    const adze_model *m = p->model;
    json_t *one = m->chat_template ? json_stringn(m->chat_template, m->chat_template_n) : NULL,
           *list;

    if (!names || names->type != AZ_KV_ARR || names->elem != AZ_KV_STR) return one;
    list = json_array();
    if (one)
        json_array_append_new(list, json_pack("{s:s, s:o}", "name", "default", "template", one));
    for (uint64_t i = 0; i < names->v.arr.n; i++) {
        const az_str *name = (const az_str *)names->v.arr.data + i;
        char key[160];
        snprintf(key, sizeof key, "tokenizer.chat_template.%s", name->s);
        t = az_kv_find(&m->kv, key);
        if (!t || t->type != AZ_KV_STR) continue;
        json_array_append_new(list, json_pack("{s:s, s:o}", "name", name->s, "template",
                                              json_stringn(t->v.str.s, t->v.str.n)));
    }
    return list;
}

static json_t *tokenizer_config(const az_plan *p)
{
    static const struct {
        const char *key, *member;
    } texts[] = { { "bos", "bos_token" },     { "eos", "eos_token" }, { "padding", "pad_token" },
                  { "unknown", "unk_token" }, { "cls", "cls_token" }, { "seperator", "sep_token" },
                  { "mask", "mask_token" } };
    const char *model = az_kv_string(&p->model->kv, "tokenizer.ggml.model");
    json_t *doc = json_object();
    bool flag, add = true;

    for (size_t i = 0; i < AZ_COUNT(texts); i++) {
        const az_str *s = token_text(p, texts[i].key);
        if (s) json_object_set_new(doc, texts[i].member, spelled(p, s));
    }
    /* elsewhere tokenizer.json says what goes around a text */
    if (!model || (strcmp(model, "gpt2") != 0 && strcmp(model, "llama") != 0)) add = false;
    if (add && az_kv_bool(&p->model->kv, "tokenizer.ggml.add_bos_token", &flag))
        json_object_set_new(doc, "add_bos_token", json_boolean(flag));
    if (add && az_kv_bool(&p->model->kv, "tokenizer.ggml.add_eos_token", &flag))
        json_object_set_new(doc, "add_eos_token", json_boolean(flag));
    json_object_set_new(doc, "clean_up_tokenization_spaces", json_false());
    json_object_set_new(doc, "tokenizer_class", json_string("PreTrainedTokenizerFast"));
    return doc;
}

static adze_status add_tokenizer_config(az_folder *f, adze_error *err)
{
    json_t *doc = NULL, *t;
    adze_status rc = kept(f->plan, "adze.tokenizer_config", &doc, err);

    if (rc < 0) return rc;
    if (!doc) doc = tokenizer_config(f->plan);
    t = templates(f->plan);
    if (t) json_object_set_new(doc, "chat_template", t);
    rc = az_folder_add_json(f, "tokenizer_config.json", doc, JSON_INDENT(2), err);
    json_decref(doc);
    return rc;
}

static adze_status add_generation_config(az_folder *f, adze_error *err)
{
    const az_plan *p = f->plan;
    json_t *doc = json_incref(p->model->generation_config);
    int64_t eos, eot;
    adze_status rc;

    if (!doc) {
        doc = json_object();
        put_id(p, doc, "bos");
        put_id(p, doc, "eos");
        put_id(p, doc, "pad");
        if (az_kv_int(&p->model->kv, "tokenizer.ggml.eos_token_id", &eos) &&
            az_kv_int(&p->model->kv, "tokenizer.ggml.eot_token_id", &eot) && eot != eos)
            json_object_set_new(doc, "eos_token_id",
                                json_pack("[I, I]", (json_int_t)eos, (json_int_t)eot));
    }
    rc = az_folder_add_json(f, "generation_config.json", doc, JSON_INDENT(2), err);
    json_decref(doc);
    return rc;
}

adze_status az_hf_add_docs(az_folder *f, adze_error *err)
{
    json_t *tokenizer = NULL;
    adze_status rc = az_hf_tokenizer_from_gguf(f->plan, &tokenizer, err);

    if (rc == ADZE_OK) rc = az_folder_add_json(f, "tokenizer.json", tokenizer, JSON_COMPACT, err);
    json_decref(tokenizer);
    if (rc == ADZE_OK) rc = add_tokenizer_config(f, err);
    return rc < 0 ? rc : add_generation_config(f, err);
}
