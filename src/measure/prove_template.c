/* Template: the source byte for byte, what it writes for standard conversations, special tokens, generation settings. */
#include "base/json.h"
#include "measure/prove_parts.h"
#include "text/chat.h"

#include <adze/session.h>
#include <stdio.h>
#include <string.h>

enum { MAX_END = 64 };

enum { BEFORE = 12, SHOWN = 32 };

/* A stretch of a template around a byte. */
static size_t start_of(size_t at)
{
    return at > BEFORE ? at - BEFORE : 0;
}

static int shown(const adze_model *m, size_t at)
{
    size_t left = m->chat_template_n - start_of(at);

    return (int)(left < SHOWN ? left : SHOWN);
}

static void compare_source(az_proving *v)
{
    const adze_model *a = v->ref, *b = v->model;
    az_proof_item *it = az_proof_add(v->p, "template", "source", AZ_EQUAL);
    size_t at = 0, line = 1;

    it->compared = a->chat_template ? a->chat_template_n : 0;
    it->of = "bytes";
    if (!a->chat_template && !b->chat_template) {
        it->detail = "neither model has one";
        return;
    }
    if (!a->chat_template || !b->chat_template) {
        it->verdict = AZ_DIFFERENT;
        it->differing = 1;
        it->where = a->chat_template ? "the reference has one, this model has none"
                                     : "the reference has none, this model has one";
        return;
    }
    while (at < a->chat_template_n && at < b->chat_template_n &&
           a->chat_template[at] == b->chat_template[at])
        line += a->chat_template[at++] == '\n';
    if (at == a->chat_template_n && at == b->chat_template_n) return;
    it->verdict = AZ_DIFFERENT;
    it->differing = 1;
    it->where = az_proof_text(v->p, "byte %zu, line %zu: \"%.*s\" in the reference, \"%.*s\" here",
                              at, line, shown(a, at), a->chat_template + start_of(at), shown(b, at),
                              b->chat_template + start_of(at));
}

/* What templates are known to treat apart. Members are those of Hugging Face's messages. */
static const struct {
    const char *what, *messages;
    bool prompt, tools;
} talks[] = {
    { "one question", "[{'role':'user','content':'Hello, who are you?'}]", true, false },
    { "a system message",
      "[{'role':'system','content':'Be brief.'},{'role':'user','content':'Hi'}]", true, false },
    { "several turns",
      "[{'role':'user','content':'2+2?'},{'role':'assistant','content':'4'},"
      "{'role':'user','content':' and 3+3?\\n'}]",
      true, false },
    { "an ended talk", "[{'role':'user','content':'Bye'},{'role':'assistant','content':'Bye.'}]",
      false, false },
    { "reasoning",
      "[{'role':'user','content':'Why?'},{'role':'assistant','content':'<think>\\nHm\\n</think>"
      "\\n\\nSo.'},{'role':'user','content':'And?'}]",
      true, false },
    { "tools on offer", "[{'role':'user','content':'Weather in Rome?'}]", true, true },
    { "a tool's answer",
      "[{'role':'user','content':'Weather in Rome?'},{'role':'assistant','content':'','tool_calls':"
      "[{'type':'function','id':'call00001','function':{'name':'weather','arguments':"
      "{'city':'Rome'}}}]},{'role':'tool','name':'weather','tool_call_id':'call00001','content':"
      "'sunny'}]",
      true, true },
    { "characters that need care",
      "[{'role':'user','content':'<b>&amp;</b> {{ x }} {% y %} \\u00e9\\u4f60\\ud83d\\ude00 \\\\ "
      "'}]",
      true, false },
};

static const char tools[] =
    "[{'type':'function','function':{'name':'weather','description':'Weather of a city',"
    "'parameters':{'type':'object','properties':{'city':{'type':'string','description':'Its "
    "name'}},"
    "'required':['city']}}}]";

/* JSON written with ' for ". */
static json_t *parsed(const char *s)
{
    char buf[1024];
    size_t n = strlen(s);

    if (n >= sizeof buf) return NULL;
    for (size_t i = 0; i <= n; i++)
        buf[i] = s[i] == '\'' ? '"' : s[i];
    return json_loads(buf, 0, NULL);
}

/* What one model's template makes of a talk: its text, or "refused: why". */
static adze_status render(az_chat *c, size_t i, az_buf *out, adze_error *err)
{
    json_t *messages = parsed(talks[i].messages), *offered = talks[i].tools ? parsed(tools) : NULL;
    az_chat_opts o = { .tools = offered, .add_generation_prompt = talks[i].prompt };
    adze_error why = { .pos = ADZE_NOPOS };
    adze_status rc;

    az_buf_clear(out);
    rc = messages && (offered || !talks[i].tools) ? az_chat_render(c, messages, &o, out, &why)
                                                  : az_fail_nomem(&why, "rendering a template");
    if (rc < 0 && az_proof_soft(rc)) {
        az_buf_clear(out);
        az_buf_printf(out, "refused: %s", why.msg);
        rc = ADZE_OK;
    }
    if (rc < 0 && err) *err = why;
    json_decref(messages);
    json_decref(offered);
    return rc;
}

static const char *first_change(az_proof *p, const char *what, const az_buf *a, const az_buf *b)
{
    size_t at = 0, from;

    while (at < a->size && at < b->size && a->data[at] == b->data[at])
        at++;
    if (at == a->size && at == b->size) return NULL;
    from = start_of(at);
    return az_proof_text(p, "%s, byte %zu: \"%.*s\" in the reference, \"%.*s\" here", what, at,
                         SHOWN, a->size > from ? a->data + from : "", SHOWN,
                         b->size > from ? b->data + from : "");
}

static adze_status compare_talks(az_proving *v, az_chat *a, az_chat *b, adze_error *err)
{
    const char *where = NULL, *one;
    uint64_t differing = 0;
    adze_status rc = ADZE_OK;
    az_proof_item *it;
    az_buf x, y;

    az_buf_init(&x, v->run);
    az_buf_init(&y, v->run);
    for (size_t i = 0; i < AZ_COUNT(talks) && rc == ADZE_OK; i++) {
        rc = render(a, i, &x, err);
        if (rc == ADZE_OK) rc = render(b, i, &y, err);
        one = rc == ADZE_OK ? first_change(v->p, talks[i].what, &x, &y) : NULL;
        if (one && !differing++) where = one;
    }
    az_buf_deinit(&x);
    az_buf_deinit(&y);
    if (rc < 0) return rc;
    it = az_proof_add(v->p, "template", "rendered", differing ? AZ_DIFFERENT : AZ_EQUAL);
    it->compared = AZ_COUNT(talks);
    it->differing = differing;
    it->of = "conversations";
    it->where = where;
    return ADZE_OK;
}

static adze_status compare_rendered(az_proving *v, adze_error *err)
{
    adze_error why = { .pos = ADZE_NOPOS };
    az_chat *a = NULL, *b = NULL;
    adze_status rc;

    if (!v->ref->chat_template || !v->model->chat_template) return ADZE_OK;
    rc = az_chat_new(&a, v->run, v->ref, NULL, &why);
    if (rc == ADZE_OK) rc = az_chat_new(&b, v->run, v->model, NULL, &why);
    if (rc == ADZE_OK) {
        rc = compare_talks(v, a, b, err);
    } else if (az_proof_soft(rc)) {
        az_proof_add(v->p, "template", "rendered", a ? AZ_DIFFERENT : AZ_UNCHECKED)->where =
            az_proof_text(v->p, "%s: %s", why.name, why.msg);
        rc = ADZE_OK;
    } else if (err) {
        *err = why;
    }
    az_chat_free(a);
    az_chat_free(b);
    return rc;
}

/* The text of a special token in tokenizer_config.json: a string, or an object with content. */
static const json_t *special_text(const adze_model *m, const char *name)
{
    char key[40];
    const json_t *t;

    snprintf(key, sizeof key, "%s_token", name);
    t = json_object_get(m->tok.hf_config, key);
    return json_is_object(t) ? json_object_get(t, "content") : t;
}

/* Id of a special token as the model's files give it; -1: none. */
static int64_t special_id(const adze_model *m, const adze_tokenizer *tok, const char *name,
                          const char *gguf)
{
    const json_t *text = special_text(m, name), *n;
    int64_t id = -1;
    char key[64];

    if (m->kv.n) {
        snprintf(key, sizeof key, "tokenizer.ggml.%s_token_id", gguf);
        if (az_kv_int(&m->kv, key, &id)) return id;
        return strcmp(name, "bos") == 0 && az_kv_int(&m->kv, "tokenizer.ggml.cls_token_id", &id)
                   ? id
                   : -1;
    }
    if (!json_is_string(text) && strcmp(name, "bos") == 0) text = special_text(m, "cls");
    if (json_is_string(text))
        id = az_tokenizer_id(tok, json_string_value(text), json_string_length(text));
    if (id >= 0) return id;
    snprintf(key, sizeof key, "%s_token_id", name);
    n = json_object_get(m->config, key);
    if (json_is_array(n)) n = json_array_get(n, 0);
    return json_is_integer(n) ? json_integer_value(n) : -1;
}

static const char *id_text(az_proof *p, const adze_tokenizer *t, int64_t id)
{
    size_t n = 0;
    const char *s = id >= 0 && id < INT32_MAX ? adze_token_bytes(t, (int32_t)id, &n) : NULL;

    if (id < 0) return "none";
    return az_proof_text(p, "%lld \"%.*s\"", (long long)id, (int)(n < 40 ? n : 40), s ? s : "");
}

static const char *around_text(az_proof *p, const int32_t *ids, size_t n)
{
    char buf[128] = "[";
    size_t at = 1;

    for (size_t i = 0; i < n && at + 16 < sizeof buf; i++)
        at += (size_t)snprintf(buf + at, sizeof buf - at, "%s%d", i ? " " : "", (int)ids[i]);
    return az_proof_text(p, "%s]", buf);
}

static bool same_ids(const int32_t *a, size_t n_a, const int32_t *b, size_t n_b)
{
    return n_a == n_b && (!n_a || memcmp(a, b, n_a * sizeof *a) == 0);
}

static void compare_specials(az_proving *v)
{
    static const struct {
        const char *name, *gguf;
    } all[] = { { "bos", "bos" }, { "eos", "eos" }, { "unk", "unknown" }, { "pad", "padding" } };
    const adze_tokenizer *a = v->ref_tok, *b = v->model_tok;
    uint64_t differing = 0;
    const char *where = NULL;
    az_proof_item *it;

    for (size_t i = 0; i < AZ_COUNT(all); i++) {
        int64_t x = special_id(v->ref, a, all[i].name, all[i].gguf);
        int64_t y = special_id(v->model, b, all[i].name, all[i].gguf);
        if (x == y) continue;
        if (!differing++)
            where = az_proof_text(v->p, "%s is %s in the reference, %s here", all[i].name,
                                  id_text(v->p, a, x), id_text(v->p, b, y));
    }
    if (!same_ids(a->prefix, a->n_prefix, b->prefix, b->n_prefix) && !differing++)
        where = az_proof_text(v->p, "added in front of text: %s in the reference, %s here",
                              around_text(v->p, a->prefix, a->n_prefix),
                              around_text(v->p, b->prefix, b->n_prefix));
    if (!same_ids(a->suffix, a->n_suffix, b->suffix, b->n_suffix) && !differing++)
        where = az_proof_text(v->p, "added behind text: %s in the reference, %s here",
                              around_text(v->p, a->suffix, a->n_suffix),
                              around_text(v->p, b->suffix, b->n_suffix));
    it = az_proof_add(v->p, "template", "special tokens", differing ? AZ_DIFFERENT : AZ_EQUAL);
    it->where = where;
    it->compared = AZ_COUNT(all) + 2;
    it->differing = differing;
    it->of = "settings";
}

/* Ids that end a generated text, as generation finds them, sorted. */
typedef struct ends {
    int64_t id[MAX_END];
    size_t n;
} ends;

static void add_end(ends *e, int64_t id)
{
    size_t i = 0, k;

    while (i < e->n && e->id[i] < id)
        i++;
    if (id < 0 || e->n == MAX_END || (i < e->n && e->id[i] == id)) return;
    for (k = e->n++; k > i; k--)
        e->id[k] = e->id[k - 1];
    e->id[i] = id;
}

static void add_ends_of(ends *e, const json_t *doc)
{
    const json_t *ids = json_object_get(doc, "eos_token_id"), *id;
    size_t i;

    if (json_is_integer(ids)) add_end(e, json_integer_value(ids));
    json_array_foreach(ids, i, id)
    {
        if (json_is_integer(id)) add_end(e, json_integer_value(id));
    }
}

static ends ends_of(const adze_model *m)
{
    static const char *const keys[] = { "tokenizer.ggml.eos_token_id",
                                        "tokenizer.ggml.eot_token_id",
                                        "tokenizer.ggml.eom_token_id" };
    ends e = { { 0 }, 0 };
    int64_t id;

    add_ends_of(&e, m->generation_config);
    if (e.n) return e;
    add_ends_of(&e, m->config);
    for (size_t i = 0; i < AZ_COUNT(keys); i++)
        if (az_kv_int(&m->kv, keys[i], &id)) add_end(&e, id);
    return e;
}

static const char *ends_text(az_proof *p, const ends *e)
{
    char buf[256] = "[";
    size_t at = 1;

    for (size_t i = 0; i < e->n && at + 24 < sizeof buf; i++)
        at += (size_t)snprintf(buf + at, sizeof buf - at, "%s%lld", i ? " " : "",
                               (long long)e->id[i]);
    return az_proof_text(p, "%s]", buf);
}

static void compare_ends(az_proving *v)
{
    ends a = ends_of(v->ref), b = ends_of(v->model);
    bool same = a.n == b.n && memcmp(a.id, b.id, a.n * sizeof *a.id) == 0;
    az_proof_item *it =
        az_proof_add(v->p, "template", "end of generation", same ? AZ_EQUAL : AZ_DIFFERENT);

    it->compared = a.n;
    it->of = "ids";
    if (same) return;
    it->differing = 1;
    it->where = az_proof_text(v->p, "%s in the reference, %s here", ends_text(v->p, &a),
                              ends_text(v->p, &b));
}

/* Members that say nothing about what is generated. */
static bool says_nothing(const char *key)
{
    return strcmp(key, "transformers_version") == 0 || strcmp(key, "_from_model_config") == 0 ||
           strcmp(key, "eos_token_id") == 0;
}

static const char *json_brief(const json_t *j, char *buf, size_t size)
{
    size_t n = json_dumpb(j, buf, size - 1, JSON_COMPACT | JSON_ENCODE_ANY);

    if (!j || !n || n >= size) return j ? "another value" : "not set";
    buf[n] = 0;
    return buf;
}

/* First member of two documents that differs. */
static const char *differing_member(az_proof *p, const json_t *a, const json_t *b)
{
    const json_t *docs[2] = { a, b };
    char x[96], y[96];
    const char *key;
    json_t *value;

    for (size_t i = 0; i < 2; i++)
        json_object_foreach((json_t *)(uintptr_t)docs[i], key, value)
        {
            const json_t *m = json_object_get(a, key), *n = json_object_get(b, key);
            if (says_nothing(key) || json_equal(m, n)) continue;
            if (json_is_number(m) && json_is_number(n) &&
                (float)json_number_value(m) == (float)json_number_value(n))
                continue;
            return az_proof_text(p, "%s is %s in the reference, %s here", key,
                                 json_brief(m, x, sizeof x), json_brief(n, y, sizeof y));
        }
    return NULL;
}

static const char *differing_sampling(az_proof *p, const adze_sampling *a, const adze_sampling *b)
{
    const struct {
        const char *name;
        float a, b;
    } all[] = {
        { "do_sample", (float)(a->do_sample != 0), (float)(b->do_sample != 0) },
        { "temperature", a->temperature, b->temperature },
        { "top_k", (float)a->top_k, (float)b->top_k },
        { "top_p", a->top_p, b->top_p },
        { "min_p", a->min_p, b->min_p },
        { "repetition_penalty", a->repetition_penalty, b->repetition_penalty },
    };

    for (size_t i = 0; i < AZ_COUNT(all); i++)
        if (memcmp(&all[i].a, &all[i].b, sizeof all[i].a) != 0)
            return az_proof_text(p, "%s is %.6g in the reference, %.6g here", all[i].name,
                                 (double)all[i].a, (double)all[i].b);
    return NULL;
}

static void compare_generation(az_proving *v)
{
    const json_t *a = v->ref->generation_config, *b = v->model->generation_config;
    adze_sampling x, y;
    const char *where;
    az_proof_item *it;

    adze_sampling_defaults(&x, v->ref);
    adze_sampling_defaults(&y, v->model);
    where = differing_sampling(v->p, &x, &y);
    if (!where && a && b) where = differing_member(v->p, a, b);
    it = az_proof_add(v->p, "template", "generation settings", where ? AZ_DIFFERENT : AZ_EQUAL);
    it->where = where;
    it->compared = a ? json_object_size(a) : 0;
    it->differing = where != NULL;
    it->of = "settings";
    if (!a && !b) it->detail = "neither model has any";
}

adze_status az_prove_template(az_proving *v, adze_error *err)
{
    adze_status rc;

    compare_source(v);
    rc = compare_rendered(v, err);
    if (rc < 0) return rc;
    if (v->ref_tok && v->model_tok) compare_specials(v);
    compare_ends(v);
    compare_generation(v);
    return ADZE_OK;
}
