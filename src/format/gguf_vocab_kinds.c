/* llama.cpp merges a llama vocabulary by the scores of what is made; a list of merges gives each token the rank of
 * the first merge that makes it. Source: llama-vocab.cpp, convert_hf_to_gguf.py (2026). */
#include "format/gguf_vocab_kinds.h"
#include "base/buf.h"
#include "base/json.h"
#include "text/base64.h"
#include "text/index.h"
#include "text/tokenizer.h"

#include <string.h>

static const char space_mark[] = "\xe2\x96\x81";

void az_gguf_mark_tokens(const json_t *doc, const char *kind, const az_str *tokens, int32_t *types,
                         size_t n)
{
    const json_t *model = json_object_get(doc, "model");
    const char *unk = az_json_str(model, "unk_token");
    int64_t unk_id = -1;
    bool fallback = false;

    if (strcmp(kind, "llama") != 0 && strcmp(kind, "t5") != 0) return;
    az_json_int(model, "unk_id", &unk_id);
    az_json_bool(model, "byte_fallback", &fallback);
    for (size_t i = 0; i < n; i++) {
        if (!tokens[i].s || types[i] != AZ_TT_NORMAL) continue;
        if (fallback && az_byte_token(tokens[i].s, tokens[i].n) >= 0) types[i] = AZ_TT_BYTE;
        if ((unk && strcmp(tokens[i].s, unk) == 0) || (int64_t)i == unk_id)
            types[i] = AZ_TT_UNKNOWN;
    }
}

const char *az_gguf_bert_special(const char *name)
{
    static const char *const all[][2] = { { "cls", "[CLS]" },
                                          { "sep", "[SEP]" },
                                          { "unk", "[UNK]" },
                                          { "pad", "[PAD]" },
                                          { "mask", "[MASK]" } };

    for (size_t i = 0; i < AZ_COUNT(all); i++)
        if (strcmp(all[i][0], name) == 0) return all[i][1];
    return NULL;
}

static adze_status nomem(adze_error *err)
{
    return az_fail_nomem(err, "writing a tokenizer");
}

/* What one merge makes, into b. */
static void put_merged(az_buf *b, const json_t *m, const char *prefix)
{
    const char *s = json_string_value(m), *left = json_string_value(json_array_get(m, 0));
    const char *right = json_string_value(json_array_get(m, 1)), *space;

    az_buf_clear(b);
    if (s) {
        space = s[0] ? strchr(s + 1, ' ') : NULL;
        if (!space) return;
        az_buf_put(b, s, (size_t)(space - s));
        right = space + 1;
    } else if (left) {
        az_buf_puts(b, left);
    }
    if (!right) return;
    az_buf_puts(b, prefix && strncmp(right, prefix, strlen(prefix)) == 0 ? right + strlen(prefix)
                                                                         : right);
}

static adze_status scores_of_merges(adze_run *run, const json_t *model, const az_str *tokens,
                                    double *scores, size_t n, adze_error *err)
{
    const json_t *merges = json_object_get(model, "merges");
    const char *prefix = az_json_str(model, "continuing_subword_prefix");
    double last = -(double)json_array_size(merges) - 1;
    az_index x = { 0 };
    adze_status rc = az_index_init(&x, run, tokens, n, err);
    az_buf b;

    az_buf_init(&b, run);
    for (size_t i = 0; i < n; i++)
        scores[i] = last;
    for (size_t i = json_array_size(merges); i-- > 0 && rc == ADZE_OK;) {
        int32_t id;
        put_merged(&b, json_array_get(merges, i), prefix);
        if (!az_buf_ok(&b)) rc = nomem(err);
        id = rc == ADZE_OK && b.size ? az_index_find(&x, b.data, b.size) : -1;
        if (id >= 0) scores[id] = -(double)i;
    }
    az_buf_deinit(&b);
    az_index_deinit(&x);
    return rc;
}

static adze_status put_scores(az_plan *p, const double *scores, size_t n, adze_error *err)
{
    float *f = az_calloc(p->run, n + 1, sizeof *f);
    bool exact = true, ok = f != NULL;

    for (size_t i = 0; ok && i < n; i++) {
        f[i] = (float)scores[i];
        exact &= (double)f[i] == scores[i];
    }
    ok = ok && az_kv_put_arr(&p->kv, "tokenizer.ggml.scores", AZ_KV_F32, f, n);
    if (!exact) ok = ok && az_kv_put_arr(&p->kv, AZ_TOKENIZER_SCORES_KEY, AZ_KV_F64, scores, n);
    az_free(p->run, f);
    return ok ? ADZE_OK : nomem(err);
}

/* Is there a step of this type anywhere in the value? */
static const json_t *find_step(const json_t *j, const char *type, int depth)
{
    const char *t = az_json_str(j, "type");
    const json_t *item, *found;
    const char *key;
    json_t *v;
    size_t i;

    if (depth > 8 || !j) return NULL;
    if (t && strcmp(t, type) == 0) return j;
    json_object_foreach((json_t *)(uintptr_t)j, key, v) json_array_foreach(v, i, item)
    {
        found = find_step(item, type, depth + 1);
        if (found) return found;
    }
    return NULL;
}

/* The character map of Precompiled or SentencePiece as bytes. */
static adze_status put_charsmap(az_plan *p, const json_t *norm, adze_error *err)
{
    const json_t *step = find_step(norm, "Precompiled", 0), *text;
    adze_status rc = ADZE_OK;
    az_buf raw;

    if (!step) step = find_step(norm, "SentencePiece", 0);
    text = json_object_get(step, "precompiled_charsmap");
    if (!json_string_length(text)) return ADZE_OK;
    az_buf_init(&raw, p->run);
    if (!az_base64_decode(&raw, json_string_value(text), json_string_length(text)))
        rc = az_fail_name(err, ADZE_EFORMAT, p->model->path, "precompiled_charsmap", ADZE_NOPOS,
                          "is not base64");
    else if (!az_buf_ok(&raw) || !az_kv_put_arr(&p->kv, "tokenizer.ggml.precompiled_charsmap",
                                                AZ_KV_U8, raw.data, raw.size))
        rc = nomem(err);
    az_buf_deinit(&raw);
    return rc;
}

static adze_status put_spaces(az_plan *p, const json_t *doc, adze_error *err)
{
    const json_t *norm = json_object_get(doc, "normalizer");
    const json_t *sp = find_step(norm, "SentencePiece", 0);
    const json_t *meta = find_step(json_object_get(doc, "pre_tokenizer"), "Metaspace", 0);
    const char *scheme = az_json_str(meta, "prepend_scheme");
    bool prefix = false, extra = false;

    if (sp) {
        az_json_bool(sp, "add_dummy_prefix", &prefix);
        az_json_bool(sp, "remove_extra_whitespaces", &extra);
    } else {
        prefix =
            find_step(norm, "Prepend", 0) || (meta && !(scheme && strcmp(scheme, "never") == 0));
        extra = find_step(norm, "Precompiled", 0) != NULL;
    }
    return az_kv_put_bool(&p->kv, "tokenizer.ggml.add_space_prefix", prefix) &&
                   az_kv_put_bool(&p->kv, "tokenizer.ggml.remove_extra_whitespaces", extra)
               ? ADZE_OK
               : nomem(err);
}

/* U+2581 in front of words, nothing in front of what continues one. */
static adze_status put_bert(az_plan *p, const json_t *doc, az_str *tokens, const int32_t *types,
                            size_t n, adze_error *err)
{
    const json_t *norm = find_step(json_object_get(doc, "normalizer"), "BertNormalizer", 0);
    const char *prefix = az_json_str(json_object_get(doc, "model"), "continuing_subword_prefix");
    bool lower = norm != NULL, strip;

    az_json_bool(norm, "lowercase", &lower);
    strip = lower;
    az_json_bool(norm, "strip_accents", &strip);
    if (!prefix) prefix = "##";
    for (size_t i = 0; i < n; i++) {
        size_t np = strlen(prefix);
        if (!tokens[i].s || types[i] == AZ_TT_CONTROL) continue;
        if (np && tokens[i].n > np && memcmp(tokens[i].s, prefix, np) == 0) {
            tokens[i] = (az_str){ tokens[i].s + np, tokens[i].n - np };
            continue;
        }
        tokens[i].s = az_arena_printf(&p->arena, "%s%s", space_mark, tokens[i].s);
        if (!tokens[i].s) return nomem(err);
        tokens[i].n += strlen(space_mark);
    }
    return az_kv_put_bool(&p->kv, "tokenizer.ggml.normalizer.lowercase", lower) &&
                   az_kv_put_bool(&p->kv, "tokenizer.ggml.normalizer.strip_accents", strip) &&
                   az_kv_put_u32(&p->kv, "tokenizer.ggml.token_type_count", 2)
               ? ADZE_OK
               : nomem(err);
}

adze_status az_gguf_put_kind(az_plan *p, const json_t *doc, const char *kind, az_str *tokens,
                             const int32_t *types, double *scores, size_t n, adze_error *err)
{
    const json_t *model = json_object_get(doc, "model");
    const char *type = az_json_str(model, "type");
    adze_status rc = ADZE_OK;

    if (strcmp(kind, "bert") == 0) return put_bert(p, doc, tokens, types, n, err);
    if (!type || strcmp(type, "BPE") == 0)
        rc = scores_of_merges(p->run, model, tokens, scores, n, err);
    if (rc == ADZE_OK) rc = put_scores(p, scores, n, err);
    if (rc == ADZE_OK) rc = put_spaces(p, doc, err);
    return rc == ADZE_OK ? put_charsmap(p, json_object_get(doc, "normalizer"), err) : rc;
}
