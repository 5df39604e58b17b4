/* vocab.txt, vocab.json and merges.txt, and the added tokens of tokenizer_config.json. Defaults: transformers'
 * tokenizer classes (5.23, 2026). */
#include "text/source.h"
#include "text/special.h"
#include "text/tokenizer.h"
#include "text/unicode.h"

#include <stdlib.h>
#include <string.h>

const char *az_tok_special(const json_t *config, const char *key)
{
    const json_t *j = json_object_get(config, key);

    return json_is_string(j) ? json_string_value(j) : az_json_str(j, "content");
}

static json_t *entry(const char *text, int64_t id, bool special)
{
    json_t *e =
        json_pack("{s:s, s:b, s:b, s:b, s:b, s:b}", "content", text, "special", (int)special,
                  "normalized", 0, "single_word", 0, "lstrip", 0, "rstrip", 0);

    if (e && id >= 0) json_object_set_new(e, "id", json_integer(id));
    return e;
}

/* Place of a text in the list; SIZE_MAX: not there. `places` maps texts to places. */
static size_t place_of(const json_t *places, const char *text)
{
    const json_t *at = json_object_get(places, text);

    return at ? (size_t)json_integer_value(at) : SIZE_MAX;
}

static void put(json_t *list, json_t *places, const char *text, json_t *e)
{
    size_t at = place_of(places, text);

    if (!text[0]) {
        json_decref(e);
        return;
    }
    if (at != SIZE_MAX) {
        json_array_set_new(list, at, e);
        return;
    }
    json_object_set_new(places, text, json_integer((json_int_t)json_array_size(list)));
    json_array_append_new(list, e);
}

static int by_id(const void *a, const void *b)
{
    const json_t *const *x = a, *const *y = b;
    json_int_t i = json_integer_value(json_object_get(*x, "id"));
    json_int_t k = json_integer_value(json_object_get(*y, "id"));

    return i < k ? -1 : i > k;
}

/* Entries with ids in rising order. */
static adze_status put_sorted(json_t *list, json_t *places, json_t *found, adze_run *run,
                              adze_error *err)
{
    size_t n = json_array_size(found), i;
    json_t **all = az_calloc(run, n + 1, sizeof(json_t *)), *e;

    if (!all) return az_fail_nomem(err, "reading a tokenizer");
    json_array_foreach(found, i, e) all[i] = e;
    qsort(all, n, sizeof(json_t *), by_id);
    for (i = 0; i < n; i++)
        put(list, places, az_json_str(all[i], "content"), json_incref(all[i]));
    az_free(run, all);
    return ADZE_OK;
}

static adze_status find_added(json_t *found, const az_tok_beside *b, const char *path,
                              adze_error *err)
{
    const json_t *decoder = json_object_get(b->config, "added_tokens_decoder");
    const char *key;
    json_t *v;

    json_object_foreach((json_t *)(uintptr_t)b->added, key, v)
    {
        if (!json_is_integer(v) || json_integer_value(v) < 0)
            return az_fail_name(err, ADZE_EFORMAT, path, key, ADZE_NOPOS,
                                "its id in added_tokens.json must be a whole number from 0");
        json_array_append_new(found, entry(key, json_integer_value(v), false));
    }
    json_object_foreach((json_t *)(uintptr_t)decoder, key, v)
    {
        char *end;
        long long id = strtoll(key, &end, 10);
        json_t *e;
        if (*end || end == key || id < 0 || !az_json_str(v, "content"))
            return az_fail_name(err, ADZE_EFORMAT, path, "added_tokens_decoder", ADZE_NOPOS,
                                "\"%.40s\" is not an id with a token that has content", key);
        e = json_copy(v);
        if (e) json_object_set_new(e, "id", json_integer(id));
        json_array_append_new(found, e);
    }
    return ADZE_OK;
}

adze_status az_tok_list_added(json_t *list, const az_tok_beside *b, const char *path,
                              adze_error *err)
{
    json_t *found = json_array(), *places = json_object(), *e;
    json_t *tokens = az_special_tokens(b->config, b->map);
    const json_t *more = json_object_get(b->config, "additional_special_tokens");
    adze_status rc;
    size_t i;

    if (!found || !places || !tokens) {
        json_decref(found);
        json_decref(places);
        json_decref(tokens);
        return az_fail_nomem(err, "reading a tokenizer");
    }
    json_array_foreach(list, i, e)
        json_object_set_new(places, az_json_str(e, "content"), json_integer((json_int_t)i));
    rc = find_added(found, b, path, err);
    if (rc == ADZE_OK) rc = put_sorted(list, places, found, b->run, err);
    for (i = 0; i < AZ_SPECIAL_NAMES; i++) {
        const char *text = json_string_value(json_object_get(tokens, az_special_names[i]));
        if (text && place_of(places, text) == SIZE_MAX)
            put(list, places, text, entry(text, -1, true));
    }
    json_array_foreach(more, i, e)
    {
        const char *text = json_is_string(e) ? json_string_value(e) : az_json_str(e, "content");
        if (text && place_of(places, text) == SIZE_MAX)
            put(list, places, text, entry(text, -1, true));
    }
    json_decref(tokens);
    json_decref(found);
    json_decref(places);
    return rc;
}

json_t *az_tok_around(const char *before, int64_t before_id, const char *after, int64_t after_id)
{
    json_t *single = json_array(), *table = json_object();

    if (before) {
        json_array_append_new(single, json_pack("{s:{s:s, s:i}}", "SpecialToken", "id", before,
                                                "type_id", 0));
        json_object_set_new(table, before,
                            json_pack("{s:s, s:[I], s:[s]}", "id", before, "ids",
                                      (json_int_t)before_id, "tokens", before));
    }
    json_array_append_new(single, json_pack("{s:{s:s, s:i}}", "Sequence", "id", "A", "type_id", 0));
    if (after) {
        json_array_append_new(single, json_pack("{s:{s:s, s:i}}", "SpecialToken", "id", after,
                                                "type_id", 0));
        json_object_set_new(table, after,
                            json_pack("{s:s, s:[I], s:[s]}", "id", after, "ids",
                                      (json_int_t)after_id, "tokens", after));
    }
    return json_pack("{s:s, s:o, s:o}", "type", "TemplateProcessing", "single", single,
                     "special_tokens", table);
}

static bool flag(const json_t *config, const char *key, bool fallback)
{
    bool v;

    return az_json_bool(config, key, &v) ? v : fallback;
}

/* A line each, without its line break; the last one may lack it. */
static size_t line_at(const char *data, size_t n, size_t at, size_t *len)
{
    const char *eol = memchr(data + at, '\n', n - at);
    size_t end = eol ? (size_t)(eol - data) : n;

    *len = end - at;
    if (*len && data[end - 1] == '\r') --*len;
    return eol ? end + 1 : n;
}

static bool is_taken(const json_t *added, int64_t id)
{
    const json_t *e;
    int64_t own;
    size_t i;

    json_array_foreach(added, i, e)
    {
        if (az_json_int(e, "id", &own) && own == id) return true;
    }
    return false;
}

/* Id of a token: of the vocabulary, else the one that it gets as an added token; -1: none. */
static int64_t id_of(const json_t *vocab, const json_t *added, const char *text)
{
    const json_t *id = text ? json_object_get(vocab, text) : NULL, *e;
    int64_t next = (int64_t)json_object_size(vocab), own;
    size_t i;

    if (id) return (int64_t)json_integer_value(id);
    json_array_foreach(added, i, e)
    {
        const char *content = az_json_str(e, "content");
        if (!content || json_object_get(vocab, content)) continue;
        if (!az_json_int(e, "id", &own)) {
            while (is_taken(added, next))
                next++;
            own = next++;
        }
        if (text && strcmp(content, text) == 0) return own;
    }
    return -1;
}

static json_t *bert_pipeline(const json_t *vocab, const json_t *added, const json_t *config)
{
    const char *cls = az_tok_special(config, "cls_token"),
               *sep = az_tok_special(config, "sep_token");
    const char *unk = az_tok_special(config, "unk_token");
    bool lower = flag(config, "do_lower_case", true), strip;
    json_t *norm =
        json_pack("{s:s, s:b, s:b, s:b}", "type", "BertNormalizer", "clean_text", 1,
                  "handle_chinese_chars", (int)flag(config, "tokenize_chinese_chars", true),
                  "lowercase", (int)lower);

    if (az_json_bool(config, "strip_accents", &strip))
        json_object_set_new(norm, "strip_accents", json_boolean(strip));
    if (!cls) cls = "[CLS]";
    if (!sep) sep = "[SEP]";
    if (id_of(vocab, added, cls) < 0) cls = NULL;
    if (id_of(vocab, added, sep) < 0) sep = NULL;
    return json_pack("{s:o, s:{s:s}, s:o, s:{s:s, s:s, s:b}, s:{s:s, s:s, s:s, s:i}}", "normalizer",
                     norm, "pre_tokenizer", "type", "BertPreTokenizer", "post_processor",
                     az_tok_around(cls, id_of(vocab, added, cls), sep, id_of(vocab, added, sep)),
                     "decoder", "type", "WordPiece", "prefix", "##", "cleanup", 1, "model", "type",
                     "WordPiece", "unk_token", unk ? unk : "[UNK]", "continuing_subword_prefix",
                     "##", "max_input_chars_per_word", 100);
}

adze_status az_tok_from_vocab_txt(json_t **out, const char *data, size_t n, const az_tok_beside *b,
                                  const char *path, adze_error *err)
{
    static const char *const usual[] = { "[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]" };
    json_t *vocab = json_object(), *added = json_array(), *doc = NULL;
    adze_status rc = ADZE_OK;
    size_t len, id = 0;

    for (size_t at = 0, next; at < n && rc == ADZE_OK; at = next, id++) {
        next = line_at(data, n, at, &len);
        if (az_utf8_prefix(data + at, len) != len || memchr(data + at, 0, len))
            rc = az_fail(err, ADZE_EFORMAT, path, at, "line %zu is not UTF-8 text", id + 1);
        else
            json_object_setn_new_nocheck(vocab, data + at, len, json_integer((json_int_t)id));
    }
    for (size_t i = 0; i < AZ_COUNT(usual); i++)
        if (json_object_get(vocab, usual[i]))
            json_array_append_new(added, entry(usual[i], -1, true));
    if (rc == ADZE_OK) rc = az_tok_list_added(added, b, path, err);
    if (rc == ADZE_OK) doc = bert_pipeline(vocab, added, b->config);
    if (rc == ADZE_OK && (!doc || json_object_set(json_object_get(doc, "model"), "vocab", vocab) ||
                          json_object_set(doc, "added_tokens", added)))
        rc = az_fail_nomem(err, "reading a tokenizer");
    json_decref(vocab);
    json_decref(added);
    if (rc < 0) json_decref(doc);
    *out = rc < 0 ? NULL : doc;
    return rc;
}

static bool one_of(const char *s, const char *const *list)
{
    for (; s && *list; list++)
        if (strncmp(s, *list, strlen(*list)) == 0) return true;
    return false;
}

/* The steps around the model by the class that tokenizer_config.json names. */
static adze_status bpe_pipeline(json_t **out, const json_t *vocab, const json_t *added,
                                const json_t *config, const char *path, adze_error *err)
{
    static const char *const gpt2[] = { "GPT2", "CodeGen", "Whisper", "GPTNeoX", NULL };
    static const char *const roberta[] = { "Roberta", "Bart", "Longformer", "LED", "MPNet", NULL };
    static const char *const qwen2[] = { "Qwen2", NULL };
    const char *class = az_json_str(config, "tokenizer_class");
    const char *cls = az_tok_special(config, "cls_token"),
               *sep = az_tok_special(config, "sep_token");
    az_pre pre = { NULL, false, false };
    int64_t first, last;

    if (one_of(class, qwen2)) {
        az_pre_find("qwen2", &pre);
        *out = pre.pipeline;
    } else if (!class || one_of(class, gpt2) || one_of(class, roberta)) {
        *out = json_pack("{s:{s:s, s:b, s:b}}", "pre_tokenizer", "type", "ByteLevel",
                         "add_prefix_space", (int)flag(config, "add_prefix_space", false),
                         "use_regex", 1);
    } else {
        return az_fail_name(err, ADZE_EUNSUP, path, "tokenizer_class", ADZE_NOPOS,
                            "how a %.60s splits text is not known without a tokenizer.json", class);
    }
    if (!*out) return az_fail_nomem(err, "reading a tokenizer");
    json_object_set_new(*out, "decoder", json_pack("{s:s}", "type", "ByteLevel"));
    if (!cls) cls = "<s>";
    if (!sep) sep = "</s>";
    first = one_of(class, roberta) ? id_of(vocab, added, cls) : -1;
    last = one_of(class, roberta) ? id_of(vocab, added, sep) : -1;
    if (first >= 0 && last >= 0)
        json_object_set_new(*out, "post_processor", az_tok_around(cls, first, sep, last));
    return ADZE_OK;
}

static adze_status read_merge_lines(json_t *list, const char *data, size_t n, const char *path,
                                    adze_error *err)
{
    size_t len;

    for (size_t at = 0, next; at < n; at = next) {
        next = line_at(data, n, at, &len);
        if (!len || (at == 0 && len >= 8 && memcmp(data, "#version", 8) == 0)) continue;
        if (az_utf8_prefix(data + at, len) != len)
            return az_fail(err, ADZE_EFORMAT, path, at, "a line is not UTF-8 text");
        json_array_append_new(list, json_stringn_nocheck(data + at, len));
    }
    return ADZE_OK;
}

adze_status az_tok_from_merges(json_t **out, const json_t *vocab, const char *merges, size_t n,
                               const az_tok_beside *b, const char *path, adze_error *err)
{
    json_t *list = json_array(), *added = json_array(), *doc = NULL, *model;
    adze_status rc;

    rc = list && added ? read_merge_lines(list, merges, n, path, err)
                       : az_fail_nomem(err, "reading a tokenizer");
    if (rc == ADZE_OK) rc = az_tok_list_added(added, b, path, err);
    if (rc == ADZE_OK) rc = bpe_pipeline(&doc, vocab, added, b->config, path, err);
    model = rc == ADZE_OK ? json_pack("{s:s}", "type", "BPE") : NULL;
    if (rc == ADZE_OK &&
        (!model || json_object_set(model, "vocab", (json_t *)(uintptr_t)vocab) ||
         json_object_set(model, "merges", list) || json_object_set(doc, "model", model) ||
         json_object_set(doc, "added_tokens", added)))
        rc = az_fail_nomem(err, "reading a tokenizer");
    json_decref(model);
    json_decref(list);
    json_decref(added);
    if (rc < 0) json_decref(doc);
    *out = rc < 0 ? NULL : doc;
    return rc;
}
