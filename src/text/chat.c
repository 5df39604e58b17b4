/* Chat templates of a model: where they lie, which one is meant, and what they are given.
 *
 * Choice, variables and the clean-up of messages are those of transformers 5.23: tokenization_utils_base.py
 * (apply_chat_template, get_chat_template, special_tokens_map), utils/chat_template_utils.py.
 */
#include "text/chat.h"
#include "base/json.h"
#include "text/chat_continue.h"
#include "text/special.h"

#include <string.h>

typedef struct chat_template {
    const char *name, *source;
    size_t n;
    az_template *parsed; /* NULL until it is used */
} chat_template;

struct az_chat {
    adze_run *run;
    az_arena arena;
    const adze_model *m;
    az_template_limits limits;
    chat_template *t;
    size_t n, cap;
    json_t *tokens; /* "bos_token": text, ... */
};

/* Special tokens by the names that templates know, and a GGUF's keys for them. */
static const struct {
    const char *name, *key;
} specials[] = {
    { "bos_token", "tokenizer.ggml.bos_token_id" },
    { "eos_token", "tokenizer.ggml.eos_token_id" },
    { "unk_token", "tokenizer.ggml.unknown_token_id" },
    { "sep_token", "tokenizer.ggml.seperator_token_id" },
    { "pad_token", "tokenizer.ggml.padding_token_id" },
    { "cls_token", "tokenizer.ggml.cls_token_id" },
    { "mask_token", "tokenizer.ggml.mask_token_id" },
};

static json_t *gguf_token(const adze_model *m, const char *key)
{
    const az_kv *tokens = az_kv_find(&m->kv, "tokenizer.ggml.tokens");
    const az_str *s;
    int64_t id;

    if (!tokens || tokens->type != AZ_KV_ARR || tokens->elem != AZ_KV_STR) return NULL;
    if (!az_kv_int(&m->kv, key, &id) || id < 0 || (uint64_t)id >= tokens->v.arr.n) return NULL;
    s = (const az_str *)tokens->v.arr.data + id;
    return json_stringn(s->s, s->n); /* NULL as well when it is not UTF-8 */
}

static adze_status read_map(const az_chat *c, json_t **map, adze_error *err)
{
    static const char name[] = "special_tokens_map.json";
    char *path = az_path_join(c->run, c->m->path, name), *text = NULL;
    adze_status rc = path ? ADZE_OK : az_fail_nomem(err, "reading special tokens");
    size_t n;
    int fd;

    *map = NULL;
    if (rc < 0 || !az_exists(c->run, path)) goto done;
    rc = az_open_beneath(c->run, c->m->path, name, &fd, err);
    if (rc < 0) goto done;
    rc = az_read_fd(c->run, fd, path, 16 << 20, &text, &n, err);
    az_close(c->run, fd);
    if (rc == ADZE_OK) rc = az_json_parse(map, text, n, path, err);
done:
    az_free(c->run, text);
    az_free(c->run, path);
    return rc;
}

/* A GGUF that adze wrote keeps the source's tokenizer_config.json; its own ids win. */
static adze_status read_tokens(az_chat *c, adze_error *err)
{
    bool hf = c->m->format && strcmp(c->m->format, "gguf") != 0;
    const az_kv *kept = hf ? NULL : az_kv_find(&c->m->kv, "adze.tokenizer_config");
    json_t *map = NULL, *config = NULL;
    adze_status rc = hf ? read_map(c, &map, err) : ADZE_OK;

    if (kept && kept->type == AZ_KV_STR)
        rc = az_json_parse(&config, kept->v.str.s, kept->v.str.n, c->m->path, err);
    if (rc == ADZE_OK) c->tokens = az_special_tokens(hf ? c->m->tok.hf_config : config, map);
    if (rc == ADZE_OK && !c->tokens) rc = az_fail_nomem(err, "reading special tokens");
    for (size_t i = 0; i < AZ_COUNT(specials) && rc == ADZE_OK && !hf; i++)
        json_object_set_new(c->tokens, specials[i].name, gguf_token(c->m, specials[i].key));
    json_decref(config);
    json_decref(map);
    return rc;
}

static bool add(az_chat *c, const char *name, const char *source, size_t n)
{
    if (c->n == c->cap) {
        size_t cap = c->cap ? c->cap * 2 : 4;
        chat_template *t = az_arena_array(&c->arena, cap, sizeof *t);
        if (!t) return false;
        if (c->n) memcpy(t, c->t, c->n * sizeof *t);
        c->t = t;
        c->cap = cap;
    }
    c->t[c->n++] = (chat_template){ .name = name, .source = source, .n = n };
    return true;
}

static bool add_gguf(az_chat *c)
{
    static const char prefix[] = "tokenizer.chat_template.";
    const az_kvs *kv = &c->m->kv;

    for (size_t i = 0; i < kv->n; i++)
        if (strncmp(kv->items[i].key, prefix, sizeof prefix - 1) == 0 &&
            kv->items[i].type == AZ_KV_STR &&
            !add(c, kv->items[i].key + sizeof prefix - 1, kv->items[i].v.str.s,
                 kv->items[i].v.str.n))
            return false;
    return true;
}

/* Files win over tokenizer_config.json, all of it; the model's own template is already the right one of the two. */
static bool add_hf(az_chat *c)
{
    const json_t *list = json_object_get(c->m->tok.hf_config, "chat_template"), *item;
    const char *name;
    json_t *v;
    size_t i;

    if (c->m->chat_templates) {
        json_object_foreach(c->m->chat_templates, name, v)
        {
            if (!add(c, name, json_string_value(v), json_string_length(v))) return false;
        }
        return true;
    }
    if (c->m->template_is_file) return true;
    json_array_foreach(list, i, item)
    {
        const json_t *t = json_object_get(item, "template");
        name = az_json_str(item, "name");
        if (!name || !json_is_string(t) || strcmp(name, "default") == 0) continue;
        if (!add(c, name, json_string_value(t), json_string_length(t))) return false;
    }
    return true;
}

adze_status az_chat_new(az_chat **out, adze_run *run, const adze_model *m,
                        const az_template_limits *limits, adze_error *err)
{
    az_chat *c = az_calloc(run, 1, sizeof *c);
    adze_status rc;

    *out = NULL;
    if (!c) return az_fail_nomem(err, "reading chat templates");
    c->run = run;
    c->m = m;
    c->limits = limits ? *limits : az_template_default_limits;
    az_arena_init(&c->arena, run);
    rc = read_tokens(c, err);
    if (rc == ADZE_OK &&
        ((m->chat_template && !add(c, "default", m->chat_template, m->chat_template_n)) ||
         !add_gguf(c) || !add_hf(c)))
        rc = az_fail_nomem(err, "reading chat templates");
    if (rc == ADZE_OK && !c->n)
        rc = az_fail(err, ADZE_EUNSUP, m->path, ADZE_NOPOS,
                     "has no chat template, so it is not known how it wants conversations written");
    if (rc < 0)
        az_chat_free(c);
    else
        *out = c;
    return rc;
}

void az_chat_free(az_chat *c)
{
    if (!c) return;
    for (size_t i = 0; i < c->n; i++)
        az_template_free(c->t[i].parsed);
    json_decref(c->tokens);
    az_arena_deinit(&c->arena);
    az_free(c->run, c);
}

size_t az_chat_count(const az_chat *c)
{
    return c->n;
}

const char *az_chat_name(const az_chat *c, size_t i)
{
    return c->t[i].name;
}

static chat_template *find(const az_chat *c, const char *name)
{
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->t[i].name, name) == 0) return &c->t[i];
    return NULL;
}

static adze_status choose(const az_chat *c, const az_chat_opts *o, chat_template **t,
                          adze_error *err)
{
    *t = o->name                               ? find(c, o->name)
         : o->tools && !json_is_null(o->tools) ? find(c, "tool_use")
                                               : NULL;
    if (!*t && !o->name) *t = find(c, "default");
    if (*t) return ADZE_OK;
    if (o->name)
        return az_fail_name(err, ADZE_EINVAL, c->m->path, o->name, ADZE_NOPOS,
                            "the model has no chat template of this name; the first it has is %s",
                            c->t[0].name);
    return az_fail(err, ADZE_EINVAL, c->m->path, ADZE_NOPOS,
                   "has several chat templates and none is the default; choose one, such as %s",
                   c->t[0].name);
}

static bool is_set(const json_t *j)
{
    return j && !json_is_null(j);
}

/* A message as templates get it: without members that are null, and reasoning under all the names in use. */
static json_t *clean_message(const json_t *message)
{
    static const char *const names[] = { "reasoning_content", "thinking", "reasoning" };
    const json_t *reasoning = NULL;
    json_t *out = json_object(), *v;
    const char *key;
    size_t n;

    for (size_t i = 0; i < AZ_COUNT(names) && !is_set(reasoning); i++)
        reasoning = json_object_get(message, names[i]);
    if (is_set(reasoning) && !is_set(json_object_get(message, "thinking")))
        json_object_set(out, "thinking", (json_t *)(uintptr_t)reasoning);
    json_object_keylen_foreach((json_t *)(uintptr_t)message, key, n, v)
    {
        if (is_set(v)) json_object_setn_nocheck(out, key, n, v);
    }
    if (is_set(reasoning))
        json_object_set(out, "reasoning_content", (json_t *)(uintptr_t)reasoning);
    return out;
}

static adze_status clean_messages(const json_t *messages, json_t **out, adze_error *err)
{
    const json_t *m;
    size_t i;

    *out = NULL;
    if (!json_is_array(messages) || !json_array_size(messages))
        return az_fail(err, ADZE_EINVAL, NULL, ADZE_NOPOS,
                       "a conversation is an array of at least one message");
    *out = json_array();
    json_array_foreach(messages, i, m)
    {
        if (!json_is_object(m))
            return az_fail(err, ADZE_EINVAL, NULL, ADZE_NOPOS, "message %zu is not an object", i);
        if (json_array_append_new(*out, clean_message(m)) != 0)
            return az_fail_nomem(err, "rendering a conversation");
    }
    return ADZE_OK;
}

static adze_status check_opts(const az_chat_opts *o, adze_error *err)
{
    const struct {
        const json_t *j;
        const char *what;
    } lists[] = { { o->tools, "tools" }, { o->documents, "documents" } };

    for (size_t i = 0; i < AZ_COUNT(lists); i++) {
        const json_t *item;
        size_t k;
        if (!is_set(lists[i].j)) continue;
        if (!json_is_array(lists[i].j))
            return az_fail(err, ADZE_EINVAL, NULL, ADZE_NOPOS, "%s must be an array",
                           lists[i].what);
        json_array_foreach(lists[i].j, k, item)
        {
            if (!json_is_object(item))
                return az_fail(err, ADZE_EINVAL, NULL, ADZE_NOPOS,
                               "%s: element %zu is not an object", lists[i].what, k);
        }
    }
    if (o->continue_field && o->add_generation_prompt)
        return az_fail(err, ADZE_EINVAL, NULL, ADZE_NOPOS,
                       "continuing the last message and beginning an answer exclude each other");
    if (o->vars && !json_is_object(o->vars))
        return az_fail(err, ADZE_EINVAL, NULL, ADZE_NOPOS, "the variables must be an object");
    return ADZE_OK;
}

adze_status az_chat_render(az_chat *c, const json_t *messages, const az_chat_opts *opts,
                           az_buf *out, adze_error *err)
{
    json_t *vars = NULL, *list = NULL;
    chat_template *t = NULL;
    az_continue cont = { NULL };
    size_t from = out->size;
    adze_status rc = check_opts(opts, err);

    if (rc == ADZE_OK) rc = choose(c, opts, &t, err);
    if (rc == ADZE_OK) rc = clean_messages(messages, &list, err);
    if (rc == ADZE_OK && opts->continue_field)
        rc = az_continue_mark(&cont, list, opts->continue_field, t->source, t->n, err);
    if (rc == ADZE_OK && !t->parsed)
        rc = az_fail_in(err, az_template_new(&t->parsed, c->run, t->source, t->n, &c->limits, err),
                        c->m->path);
    if (rc < 0) goto done;
    vars = json_pack("{s:O, s:O*, s:O*, s:b}", "messages", list, "tools", opts->tools, "documents",
                     opts->documents, "add_generation_prompt", opts->add_generation_prompt);
    if (!vars) {
        rc = az_fail_nomem(err, "rendering a conversation");
        goto done;
    }
    /* what is not given is there and null */
    if (!opts->tools) json_object_set_new(vars, "tools", json_null());
    if (!opts->documents) json_object_set_new(vars, "documents", json_null());
    json_object_update(vars, c->tokens);
    if (opts->vars) json_object_update(vars, (json_t *)(uintptr_t)opts->vars);
    rc = az_fail_in(err, az_template_render(t->parsed, vars, out, err), c->m->path);
    if (rc == ADZE_OK && opts->continue_field) rc = az_continue_cut(&cont, out, from, err);
    if (rc < 0) out->size = from;
done:
    az_continue_deinit(&cont);
    json_decref(vars);
    json_decref(list);
    return rc;
}
