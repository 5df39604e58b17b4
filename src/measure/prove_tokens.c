/* Tokens: vocabulary, merges and added tokens side by side, ids on texts, and the ids that llama.cpp will give.
 *
 * Special tokens are recognized in the texts and put around them, as a prompt's are.
 */
#include "base/json.h"
#include "measure/prove_ways.h"
#include "text/tok_compare.h"

#include <stdio.h>
#include <string.h>

static void report_diff(az_proving *v, const char *name, const az_tok_diff *d, const char *of)
{
    az_proof_item *it = az_proof_add(v->p, "tokens", name, d->differing ? AZ_DIFFERENT : AZ_EQUAL);

    it->compared = d->compared;
    it->differing = d->differing;
    it->of = of;
    if (d->differing) it->where = az_proof_text(v->p, "%s", d->where);
}

static adze_status compare_tables(az_proving *v, adze_error *err)
{
    az_tok_diff d;

    az_tok_compare_vocabulary(v->ref_tok, v->model_tok, &d);
    report_diff(v, "vocabulary", &d, "tokens");
    if (!az_tok_compare_merges(v->ref_tok, v->model_tok, &d)) return az_fail_nomem(err, "proving");
    if (d.compared) report_diff(v, "merges", &d, "merges");
    if (!az_tok_compare_added(v->ref_tok, v->model_tok, &d)) return az_fail_nomem(err, "proving");
    report_diff(v, "added tokens", &d, "tokens");
    return ADZE_OK;
}

static adze_status compare_ids(az_proving *v, adze_error *err)
{
    az_texts t = { .v = v,
                   .ref = { .tok = v->ref_tok },
                   .here = { .tok = v->model_tok },
                   .ref_name = "in the reference",
                   .here_name = "here" };
    adze_status rc = az_texts_compare(&t, err);
    az_proof_item *it;

    if (rc < 0) return rc;
    it = az_proof_add(v->p, "tokens", "ids", t.differing ? AZ_DIFFERENT : AZ_EQUAL);
    it->compared = t.n;
    it->differing = t.differing;
    it->of = "texts";
    it->where = t.where;
    it->detail = az_proof_text(v->p, "%llu ids", (unsigned long long)t.ids);
    return ADZE_OK;
}

static void json_text(const json_t *j, char *buf, size_t size)
{
    size_t n = j ? json_dumpb(j, buf, size - 1, JSON_COMPACT | JSON_ENCODE_ANY) : 0;

    if (!j)
        snprintf(buf, size, "nothing");
    else if (!n || n >= size)
        snprintf(buf, size, "something longer");
    else
        buf[n] = 0;
}

/* The innermost member in which two documents differ. */
static void first_difference(const json_t *a, const json_t *b, const char *path, int depth,
                             char *out, size_t size)
{
    char inner[120], x[80], y[80];
    const char *key;
    json_t *m;
    size_t i;

    if (json_is_object(a) && json_is_object(b) && depth < 8)
        json_object_foreach((json_t *)(uintptr_t)a, key, m)
        {
            const json_t *n = json_object_get(b, key);
            if (json_equal(m, n)) continue;
            snprintf(inner, sizeof inner, "%s.%s", path, key);
            first_difference(m, n, inner, depth + 1, out, size);
            return;
        }
    if (json_is_array(a) && json_is_array(b) && json_array_size(a) == json_array_size(b) &&
        depth < 8)
        json_array_foreach(a, i, m)
        {
            if (json_equal(m, json_array_get(b, i))) continue;
            snprintf(inner, sizeof inner, "%s[%zu]", path, i);
            first_difference(m, json_array_get(b, i), inner, depth + 1, out, size);
            return;
        }
    json_text(a, x, sizeof x);
    json_text(b, y, sizeof y);
    snprintf(out, size, "%s: %s in the reference, %s here", path, x, y);
}

/* How a model's files say that text is split: tokenizer.json, or what a GGUF keeps of it. *kept is to be released. */
static const json_t *pipeline_of(const adze_model *m, json_t **kept)
{
    const az_kv *own = az_kv_find(&m->kv, AZ_TOKENIZER_PATTERN_KEY);

    *kept = NULL;
    if (m->tok.hf || !own || own->type != AZ_KV_STR) return m->tok.hf;
    if (az_json_parse(kept, own->v.str.s, own->v.str.n, m->path, NULL) < 0) return NULL;
    return *kept;
}

/* Ids on texts may miss a change of a pattern; the rules themselves do not. Where both models have them. */
static void compare_rules(az_proving *v)
{
    static const char *const members[] = { "normalizer", "pre_tokenizer", "post_processor",
                                           "decoder" };
    json_t *kept[2];
    const json_t *a = pipeline_of(v->ref, &kept[0]), *b = pipeline_of(v->model, &kept[1]);
    char why[300] = "";
    uint64_t differing = 0;

    for (size_t i = 0; a && b && i < AZ_COUNT(members); i++) {
        const json_t *x = json_object_get(a, members[i]), *y = json_object_get(b, members[i]);
        if (json_is_null(x)) x = NULL;
        if (json_is_null(y)) y = NULL;
        if (x == y || json_equal(x, y)) continue;
        if (!differing++) first_difference(x, y, members[i], 0, why, sizeof why);
    }
    if (a && b) {
        az_proof_item *it =
            az_proof_add(v->p, "tokens", "rules", differing ? AZ_DIFFERENT : AZ_EQUAL);
        it->compared = AZ_COUNT(members);
        it->differing = differing;
        it->of = "rules";
        it->where = differing ? az_proof_text(v->p, "%s", why) : NULL;
    }
    json_decref(kept[0]);
    json_decref(kept[1]);
}

/* tokenizer.ggml.pre that the reference's way of splitting asks for; NULL: there is none. */
static const char *pre_wanted(const az_proving *v)
{
    json_t *kept;
    const json_t *j = pipeline_of(v->ref, &kept);
    const char *name =
        j ? az_tokenizer_pre_name(j) : az_kv_string(&v->ref->kv, "tokenizer.ggml.pre");

    json_decref(kept);
    return name;
}

/* Could flags say what the reference puts around a text, and do they say something else? */
static adze_status around_is_wrong(const az_texts *t, bool *wrong, adze_error *err)
{
    const adze_tokenizer *ref = t->ref.tok;
    int32_t *a = NULL, *b = NULL;
    size_t n_a = 0, n_b = 0;
    adze_status rc = az_way_encode(t->v->run, &t->ref, "", 0, &a, &n_a, err);

    if (rc == ADZE_OK) rc = az_way_encode(t->v->run, &t->here, "", 0, &b, &n_b, err);
    if (rc == ADZE_OK && (n_a != n_b || memcmp(a, b, n_a * sizeof *a) != 0))
        *wrong = ref->n_prefix <= 1 && ref->n_suffix <= 1 &&
                 (!ref->n_prefix || ref->prefix[0] == ref->bos) &&
                 (!ref->n_suffix || ref->suffix[0] == ref->eos);
    adze_tokens_free(ref, a);
    az_free(t->v->run, b);
    return rc;
}

/* An added token of the reference that the file's types hide from llama.cpp; NULL: none. */
static const char *hidden_token(const az_texts *t)
{
    const adze_tokenizer *ref = t->ref.tok;

    for (size_t id = 0; id < ref->n_ids; id++) {
        if (!(ref->flags[id] & AZ_TOK_ADDED) || az_llama_tok_marks(t->here.llama, (int32_t)id))
            continue;
        return az_proof_text(
            t->v->p, "by its type, llama.cpp does not look for token %zu, \"%.*s\", in text", id,
            (int)(ref->text[id].n < 60 ? ref->text[id].n : 60), ref->text[id].s);
    }
    return NULL;
}

/* detail: what is wrong in the file; NULL: nothing. */
static void report_llama_cpp(const az_texts *t, const char *detail)
{
    az_proof_item *it = az_proof_add(t->v->p, "tokens", "ids in llama.cpp", AZ_EQUAL);

    if (detail)
        it->verdict = AZ_DIFFERENT;
    else if (t->differing || !t->here.llama)
        it->verdict = AZ_ELSEWHERE;
    it->detail = detail;
    it->where = t->where ? t->where : detail;
    if (it->where == detail) it->detail = NULL;
    if (!t->here.llama) return;
    it->compared = t->n;
    it->differing = t->differing;
    it->of = "texts";
}

/* tokenizer.ggml.model that the reference's kind asks for. */
static const char *model_wanted(const adze_tokenizer *t)
{
    switch (t->kind) {
    case AZ_TOK_UNIGRAM: return "t5";
    case AZ_TOK_WORDPIECE: return "bert";
    case AZ_TOK_BPE: return t->bpe.unit == AZ_BPE_BYTES ? "gpt2" : "llama";
    }
    return "";
}

/* A name that says something else than what is right is a fault of the file; what llama.cpp does with the right
 * one is its own. */
static adze_status compare_llama_cpp(az_proving *v, adze_error *err)
{
    const char *given = az_kv_string(&v->model->kv, "tokenizer.ggml.pre"), *detail = NULL;
    const char *model = az_kv_string(&v->model->kv, "tokenizer.ggml.model"), *want;
    az_texts t = { .v = v,
                   .ref = { .tok = v->ref_tok },
                   .ref_name = "in the reference",
                   .here_name = "in llama.cpp" };
    adze_error why = { .pos = ADZE_NOPOS };
    az_llama_tok *llama = NULL;
    bool around = false;
    adze_status rc;

    if (!model) return ADZE_OK;
    want = strcmp(model, "gpt2") == 0 ? pre_wanted(v) : NULL;
    if (strcmp(model, model_wanted(v->ref_tok)) != 0)
        detail = az_proof_text(v->p, "tokenizer.ggml.model is \"%s\", the reference needs \"%s\"",
                               model, model_wanted(v->ref_tok));
    else if (want && !az_llama_pre_same(want, given))
        detail = az_proof_text(v->p, "tokenizer.ggml.pre is \"%s\", the reference needs \"%s\"",
                               given ? given : "", want);
    rc = az_llama_tok_new(&llama, v->run, v->model, &why);
    if (rc < 0) {
        if (err) *err = why;
        if (!az_proof_soft(rc)) return rc;
        t.where = az_proof_text(v->p, "%s: %s", why.name, why.msg);
    } else {
        t.here.llama = llama;
        rc = az_texts_compare(&t, err);
        if (rc == ADZE_OK) rc = around_is_wrong(&t, &around, err);
        if (rc < 0) goto done;
        if (around) detail = "the flags that add a BOS or an EOS are not the reference's";
        if (!detail) detail = hidden_token(&t);
    }
    report_llama_cpp(&t, detail);
    rc = ADZE_OK;
done:
    az_llama_tok_free(llama);
    return rc;
}

static bool has_tokenizer(const adze_model *m)
{
    return m->tok.hf || az_kv_find(&m->kv, "tokenizer.ggml.model");
}

adze_status az_prove_tokens(az_proving *v, adze_error *err)
{
    adze_status rc;

    if (!v->ref_tok && !v->model_tok && !has_tokenizer(v->ref) && !has_tokenizer(v->model)) {
        az_proof_add(v->p, "tokens", "tokenizer", AZ_EQUAL)->detail = "neither model has one";
        return ADZE_OK;
    }
    if (!v->ref_tok) {
        az_proof_item *it = az_proof_add(v->p, "tokens", "tokenizer", AZ_UNCHECKED);
        it->where = az_proof_text(v->p, "the reference's: %s", v->ref_why.msg);
        return ADZE_OK;
    }
    if (!v->model_tok) {
        az_proof_broken(v->p, "tokens", "tokenizer", &v->model_why);
        return ADZE_OK;
    }
    if (v->model_tok->warning)
        az_proof_note(v->p, az_proof_text(v->p, "%s", v->model_tok->warning));
    rc = compare_tables(v, err);
    if (rc == ADZE_OK) compare_rules(v);
    if (rc == ADZE_OK) rc = compare_ids(v, err);
    if (rc == ADZE_OK) rc = compare_llama_cpp(v, err);
    return rc < 0 ? rc : az_prove_real_ids(v, err);
}
