/* Filling a tokenizer: what the readers of tokenizer.json and GGUF share. */
#include "text/tokenizer.h"
#include "text/unicode.h"

#include <stdio.h>
#include <string.h>

adze_status az_tok_alloc(adze_tokenizer *t, size_t n_ids, const char *path, adze_error *err)
{
    if (!n_ids)
        return az_fail_name(err, ADZE_EFORMAT, path, "tokenizer", ADZE_NOPOS,
                            "the vocabulary is empty");
    if (n_ids > AZ_MAX_IDS)
        return az_fail_name(err, ADZE_EUNSUP, path, "tokenizer", ADZE_NOPOS,
                            "a vocabulary of %zu ids; at most %d are supported", n_ids,
                            (int)AZ_MAX_IDS);
    t->n_ids = n_ids;
    t->text = az_arena_array(&t->arena, n_ids, sizeof *t->text);
    t->bytes = az_arena_array(&t->arena, n_ids, sizeof *t->bytes);
    t->model = az_arena_array(&t->arena, n_ids, sizeof *t->model);
    t->flags = az_arena_array(&t->arena, n_ids, sizeof *t->flags);
    if (!t->text || !t->bytes || !t->model || !t->flags)
        return az_fail_nomem(err, "reading a tokenizer");
    return ADZE_OK;
}

/* Bytes that text in the byte alphabet stands for, into dst (at most n); SIZE_MAX: a character outside. */
static size_t from_alphabet(char *dst, const char *text, size_t n)
{
    size_t len, k = 0;
    int byte;

    for (size_t at = 0; at < n; at += len) {
        byte = az_char_byte(az_utf8_next(text + at, n - at, &len));
        if (byte < 0) return SIZE_MAX;
        dst[k++] = (char)byte;
    }
    return k;
}

adze_status az_tok_put(adze_tokenizer *t, size_t id, const char *text, size_t n, bool is_model,
                       const char *path, adze_error *err)
{
    char *copy, *bytes;
    size_t k;

    if (t->text[id].s)
        return az_fail_name(err, ADZE_EFORMAT, path, "vocabulary", ADZE_NOPOS,
                            "id %zu belongs to two tokens, \"%.60s\" and \"%.60s\"", id,
                            t->text[id].s, text);
    if (az_utf8_prefix(text, n) != n)
        return az_fail_name(err, ADZE_EFORMAT, path, "vocabulary", ADZE_NOPOS,
                            "the text of token %zu is not valid UTF-8", id);
    copy = az_arena_strndup(&t->arena, text, n);
    if (!copy) return az_fail_nomem(err, "reading a tokenizer");
    t->text[id] = t->bytes[id] = (az_str){ copy, n };
    if (!is_model || !n) return ADZE_OK;
    if (!t->byte_level) {
        t->model[id] = t->text[id];
        return ADZE_OK;
    }
    bytes = az_arena_alloc(&t->arena, n + 1);
    if (!bytes) return az_fail_nomem(err, "reading a tokenizer");
    k = from_alphabet(bytes, text, n);
    if (k != SIZE_MAX) t->model[id] = t->bytes[id] = (az_str){ bytes, k };
    return ADZE_OK;
}

adze_status az_tok_index(adze_tokenizer *t, adze_error *err)
{
    az_index_deinit(&t->names);
    return az_index_init(&t->names, t->run, t->text, t->n_ids, err);
}

/* Id of one side of a merge; -2: text that the model can never see, -1: not in the vocabulary. */
static int32_t half_id(const adze_tokenizer *t, az_str s, char *buf, size_t *n)
{
    if (t->byte_level) {
        *n = from_alphabet(buf, s.s, s.n);
    } else {
        memcpy(buf, s.s, s.n);
        *n = s.n;
    }
    return *n == SIZE_MAX ? -2 : az_bpe_find(&t->bpe, buf, *n);
}

adze_status az_tok_merge(adze_tokenizer *t, az_str left, az_str right, size_t rank,
                         const char *path, adze_error *err)
{
    char name[32], small[256], *buf = small;
    adze_status rc = ADZE_OK;
    int32_t l, r, both;
    size_t ln, rn, np = t->bpe.prefix ? strlen(t->bpe.prefix) : 0;

    snprintf(name, sizeof name, "merges[%zu]", rank);
    if (rank >= UINT32_MAX)
        return az_fail_name(err, ADZE_EFORMAT, path, name, ADZE_NOPOS, "too many merges");
    if (!left.n || !right.n)
        return az_fail_name(err, ADZE_EFORMAT, path, name, ADZE_NOPOS, "one side is empty");
    if (az_utf8_prefix(left.s, left.n) != left.n || az_utf8_prefix(right.s, right.n) != right.n)
        return az_fail_name(err, ADZE_EFORMAT, path, name, ADZE_NOPOS, "not valid UTF-8");
    if (left.n + right.n > sizeof small) {
        buf = az_alloc(t->run, left.n + right.n);
        if (!buf) return az_fail_nomem(err, "reading a tokenizer");
    }
    l = half_id(t, left, buf, &ln);
    r = ln == SIZE_MAX ? -2 : half_id(t, right, buf + ln, &rn);
    if (l == -2 || r == -2) goto done; /* spelled outside the byte alphabet: it can never apply */
    if (np && rn >= np) {              /* what is made of the two has one prefix */
        memmove(buf + ln, buf + ln + np, rn - np);
        rn -= np;
    }
    both = az_bpe_find(&t->bpe, buf, ln + rn);
    if (l < 0 || r < 0 || both < 0)
        rc = az_fail_name(err, ADZE_EFORMAT, path, name, ADZE_NOPOS,
                          "\"%.60s\" + \"%.60s\": the %s is not in the vocabulary", left.s, right.s,
                          l < 0   ? "left side"
                          : r < 0 ? "right side"
                                  : "result");
    else
        az_bpe_add_merge(&t->bpe, l, r, (uint32_t)rank, both);
done:
    if (buf != small) az_free(t->run, buf);
    return rc;
}

adze_status az_tok_merge_text(adze_tokenizer *t, const char *s, size_t n, size_t from, size_t rank,
                              const char *path, adze_error *err)
{
    const char *space = n > from ? memchr(s + from, ' ', n - from) : NULL;
    char name[32], *left;
    adze_status rc;
    size_t ln;

    if (!space) {
        snprintf(name, sizeof name, "merges[%zu]", rank);
        return az_fail_name(err, ADZE_EFORMAT, path, name, ADZE_NOPOS,
                            "\"%.60s\" is not two tokens with a space between", s);
    }
    ln = (size_t)(space - s);
    left = az_strndup(t->run, s, ln); /* ends with NUL, for messages */
    if (!left) return az_fail_nomem(err, "reading a tokenizer");
    rc = az_tok_merge(t, (az_str){ left, ln }, (az_str){ space + 1, n - ln - 1 }, rank, path, err);
    az_free(t->run, left);
    return rc;
}

adze_status az_tok_add(adze_tokenizer *t, const az_added *a, const char *content, size_t n,
                       adze_error *err)
{
    bool first = true;
    az_buf bufs[2];
    adze_status rc;

    if (n > AZ_ADDED_MAX_BYTES)
        return az_fail_name(err, ADZE_EUNSUP, NULL, "added_tokens", ADZE_NOPOS,
                            "a token of %zu bytes; at most %d are supported", n,
                            (int)AZ_ADDED_MAX_BYTES);
    t->flags[a->id] |= AZ_TOK_ADDED | (a->special ? AZ_TOK_SPECIAL : 0);
    t->bytes[a->id] = t->text[a->id];
    if (!a->normalized) return az_added_add(&t->raw, a, content, n, err);
    az_buf_init(&bufs[0], t->run);
    az_buf_init(&bufs[1], t->run);
    bufs[0].max = bufs[1].max = AZ_NORM_GROWTH * AZ_ADDED_MAX_BYTES;
    rc = az_norms_run(&t->norms, bufs, content, n, &first, &content, &n, err);
    if (rc == ADZE_OK) rc = az_added_add(&t->normal, a, content, n, err);
    az_buf_deinit(&bufs[0]);
    az_buf_deinit(&bufs[1]);
    return rc;
}

static bool has_affix(const json_t *model)
{
    static const char *const keys[] = { "continuing_subword_prefix", "end_of_word_suffix" };

    for (size_t i = 0; i < AZ_COUNT(keys); i++) {
        const char *s = az_json_str(model, keys[i]);
        if (s && *s) return true;
    }
    return false;
}

adze_status az_tok_read_pipeline(adze_tokenizer *t, const json_t *hf, const az_tokenizer_opts *opts,
                                 const char *path, adze_error *err)
{
    const json_t *model = json_object_get(hf, "model");
    const char *type = az_json_str(model, "type");
    bool bpe = !type || strcmp(type, "BPE") == 0, raw = bpe && !has_affix(model);
    adze_status rc;

    rc = az_norms_read(&t->norms, &t->arena, json_object_get(hf, "normalizer"), path, err);
    if (rc < 0) return rc;
    rc = az_pretoks_read(&t->pretoks, &t->arena, json_object_get(hf, "pre_tokenizer"), path,
                         opts->no_known_patterns, !raw, err);
    if (rc < 0) return rc;
    t->pretoks.unicode_15 = opts->unicode_15;
    t->byte_level = raw && t->pretoks.byte_level;
    return az_decoders_read(&t->decoders, &t->arena, json_object_get(hf, "decoder"), path, err);
}

/* New ids around what is there: `before` in front of the prefix, `after` behind the suffix. */
static adze_status wrap(adze_tokenizer *t, const int32_t *before, size_t n_before,
                        const int32_t *after, size_t n_after, adze_error *err)
{
    int32_t *p = az_arena_array(&t->arena, t->n_prefix + n_before + 1, sizeof *p);
    int32_t *s = az_arena_array(&t->arena, t->n_suffix + n_after + 1, sizeof *s);

    if (!p || !s) return az_fail_nomem(err, "reading a tokenizer");
    for (size_t i = 0; i < n_before; i++)
        p[i] = before[i];
    for (size_t i = 0; i < t->n_prefix; i++)
        p[n_before + i] = t->prefix[i];
    for (size_t i = 0; i < t->n_suffix; i++)
        s[i] = t->suffix[i];
    for (size_t i = 0; i < n_after; i++)
        s[t->n_suffix + i] = after[i];
    t->prefix = p;
    t->suffix = s;
    t->n_prefix += n_before;
    t->n_suffix += n_after;
    return ADZE_OK;
}

adze_status az_tok_set_around(adze_tokenizer *t, int32_t first, int32_t last, adze_error *err)
{
    t->n_prefix = t->n_suffix = 0;
    return wrap(t, &first, first >= 0, &last, last >= 0, err);
}

static bool valid_id(const adze_tokenizer *t, const json_t *j, int32_t *id)
{
    json_int_t v = json_integer_value(j);

    if (!json_is_integer(j) || v < 0 || (uint64_t)v >= t->n_ids || !t->text[v].s) return false;
    *id = (int32_t)v;
    return true;
}

static adze_status bad_post(const char *type, const char *what, const char *path, adze_error *err)
{
    return az_fail_name(err, ADZE_EFORMAT, path, "post_processor", ADZE_NOPOS, "%s: %s", type,
                        what);
}

/* TemplateProcessing: the ids of "single" before and after sequence A. */
static adze_status read_template(adze_tokenizer *t, const json_t *j, const char *path,
                                 adze_error *err)
{
    enum { MOST = 64 };
    const json_t *single = json_object_get(j, "single"), *item, *id;
    const json_t *table = json_object_get(j, "special_tokens");
    int32_t side[2][MOST];
    size_t n[2] = { 0, 0 }, i, k;
    int after = 0;

    if (!json_is_array(single)) return bad_post("TemplateProcessing", "no `single`", path, err);
    json_array_foreach(single, i, item)
    {
        const char *name = az_json_str(json_object_get(item, "SpecialToken"), "id");
        const char *seq = az_json_str(json_object_get(item, "Sequence"), "id");
        const json_t *ids = name ? json_object_get(json_object_get(table, name), "ids") : NULL;
        if (seq && strcmp(seq, "A") == 0 && !after) {
            after = 1;
            continue;
        }
        if (!json_is_array(ids))
            return bad_post("TemplateProcessing",
                            "an entry of `single` is neither $A nor a known token", path, err);
        json_array_foreach(ids, k, id)
        {
            if (n[after] == MOST)
                return bad_post("TemplateProcessing", "over 64 tokens", path, err);
            if (!valid_id(t, id, &side[after][n[after]++]))
                return bad_post("TemplateProcessing", "a token id is not in the vocabulary", path,
                                err);
        }
    }
    if (!after) return bad_post("TemplateProcessing", "`single` has no sequence A", path, err);
    return wrap(t, side[0], n[0], side[1], n[1], err);
}

/* BertProcessing and RobertaProcessing: cls A sep, each as [text, id]. */
static adze_status read_pairs(adze_tokenizer *t, const json_t *j, const char *type,
                              const char *path, adze_error *err)
{
    int32_t cls, sep;

    if (!valid_id(t, json_array_get(json_object_get(j, "cls"), 1), &cls) ||
        !valid_id(t, json_array_get(json_object_get(j, "sep"), 1), &sep))
        return bad_post(type, "needs `cls` and `sep` with ids of the vocabulary", path, err);
    return wrap(t, &cls, 1, &sep, 1, err);
}

adze_status az_tok_read_post(adze_tokenizer *t, const json_t *j, int depth, const char *path,
                             adze_error *err)
{
    const char *type = az_json_str(j, "type");
    const json_t *item;
    adze_status rc;
    size_t i;

    if (!j || json_is_null(j)) return ADZE_OK;
    if (!type) return bad_post("?", "has no `type`", path, err);
    if (strcmp(type, "ByteLevel") == 0) return ADZE_OK; /* offsets only */
    if (strcmp(type, "TemplateProcessing") == 0) return read_template(t, j, path, err);
    if (strcmp(type, "BertProcessing") == 0 || strcmp(type, "RobertaProcessing") == 0)
        return read_pairs(t, j, type, path, err);
    if (strcmp(type, "Sequence") != 0)
        return az_fail_name(err, ADZE_EUNSUP, path, "post_processor", ADZE_NOPOS,
                            "post-processor type %.60s is not supported", type);
    if (depth > 8) return bad_post(type, "nested too deep", path, err);
    json_array_foreach(json_object_get(j, "processors"), i, item)
    {
        rc = az_tok_read_post(t, item, depth + 1, path, err);
        if (rc < 0) return rc;
    }
    return ADZE_OK;
}
