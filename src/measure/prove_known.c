/* What other programs are known to do differently with a model, by its properties. Notes, never failures.
 *
 * Each line was read in the program's source or measured with it; docs/proof.md says where.
 */
#include "base/json.h"
#include "measure/prove_parts.h"
#include "text/llama_cpp.h"

#include <string.h>

/* What the lines look at. */
typedef struct facts {
    const az_proving *v;
    bool gguf, mlx;     /* format of the model */
    const az_config *c; /* of the reference */
    const json_t
        *hf; /* tokenizer.json of the reference, or its pipeline from a GGUF; may be NULL */
    const char *general; /* name of the architecture in a GGUF */
} facts;

static bool arch_is(const facts *f, const char *name)
{
    return f->general && strcmp(f->general, name) == 0;
}

static bool ignored_window(const facts *f)
{
    return f->gguf && f->c->window && f->c->window < f->c->context &&
           (arch_is(f, "llama") || arch_is(f, "phi3") || arch_is(f, "qwen2"));
}

static bool is_longrope(const facts *f)
{
    return f->gguf && f->c->rope.type == AZ_ROPE_LONGROPE;
}

static bool has_normalizer(const facts *f)
{
    const json_t *n = json_object_get(f->hf, "normalizer");
    const char *type = az_json_str(json_object_get(f->hf, "model"), "type");

    return f->gguf && n && !json_is_null(n) && type && strcmp(type, "BPE") == 0;
}

static bool no_pre_name(const facts *f)
{
    const char *model = az_kv_string(&f->v->model->kv, "tokenizer.ggml.model");

    return f->gguf && f->hf && model && strcmp(model, "gpt2") == 0 && !az_tokenizer_pre_name(f->hf);
}

/* A template that writes the BOS itself, and a tokenizer that adds one. */
static bool doubled_bos(const facts *f)
{
    const adze_tokenizer *t = f->v->model_tok;
    const char *s = f->v->model->chat_template;
    size_t n;
    const char *bos = t && t->bos >= 0 ? adze_token_bytes(t, t->bos, &n) : NULL;

    if (!t || !s || !t->n_prefix || t->prefix[0] != t->bos) return false;
    return strstr(s, "bos_token") || (bos && n && strstr(s, bos));
}

static bool flagged_tokens(const facts *f)
{
    const json_t *list = json_object_get(f->hf, "added_tokens"), *item;
    const char *const flags[] = { "single_word", "lstrip", "rstrip" };
    bool set = false;
    size_t i;

    json_array_foreach(list, i, item)
    {
        for (size_t k = 0; k < AZ_COUNT(flags) && !set; k++)
            if (!az_json_bool(item, flags[k], &set)) set = false;
    }
    return f->gguf && set;
}

static bool is_gguf(const facts *f)
{
    return f->gguf && f->v->p->parts & AZ_PROVE_LOGITS;
}

static bool is_mlx(const facts *f)
{
    return f->mlx;
}

static const struct {
    bool (*holds)(const facts *f);
    const char *text;
} known[] = {
    { ignored_window,
      "llama.cpp ignores this architecture's sliding window: prompts longer than the window give "
      "other logits there" },
    { is_longrope, "llama.cpp chooses longrope's factors once, by the context that it is started "
                   "with, not by the "
                   "length of the text" },
    { has_normalizer,
      "llama.cpp has no normalizer for this kind of tokenizer: text that is not normalized (NFC) "
      "gives other ids there" },
    { no_pre_name,
      "llama.cpp has no name for the way this tokenizer splits text and uses its default instead" },
    { flagged_tokens, "llama.cpp ignores single_word, lstrip and rstrip of added tokens" },
    { doubled_bos, "the template writes the BOS and the tokenizer adds one: a program that renders "
                   "the template and "
                   "then tokenizes with special tokens starts with two" },
    { is_gguf, "llama.cpp rounds activations to the weights' companion type and keeps keys and "
               "values in f16: "
               "compare its logits by KL divergence, not by equality" },
    { is_mlx, "mlx-lm computes in the type of the scales: its logits differ in the last digits" },
};

void az_prove_known(az_proving *v)
{
    const az_kv *own = az_kv_find(&v->ref->kv, AZ_TOKENIZER_PATTERN_KEY);
    facts f = { .v = v, .c = &v->config, .hf = v->ref->tok.hf };
    adze_error err;
    json_t *pipeline = NULL;

    if (!f.hf && own && own->type == AZ_KV_STR &&
        az_json_parse(&pipeline, own->v.str.s, own->v.str.n, v->ref->path, &err) == ADZE_OK)
        f.hf = pipeline;
    f.gguf = strcmp(v->model->format, "gguf") == 0;
    f.mlx = strcmp(v->model->format, "mlx") == 0;
    f.general = v->arch ? v->arch->gguf_name : NULL;
    for (size_t i = 0; i < AZ_COUNT(known); i++)
        if (known[i].holds(&f)) az_proof_note(v->p, known[i].text);
    json_decref(pipeline);
}
