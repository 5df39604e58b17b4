/* What other programs are known to do differently with a model, by its properties. Notes, never failures.
 *
 * Each line was read in the program's source or measured with it; docs/proof.md says where. A new one is a row, and a
 * row in tests/measure/test_prove_known.c.
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

static bool has_window(const facts *f)
{
    return f->c->window && f->c->window < f->c->context;
}

static bool window_in_llama_cpp(const facts *f)
{
    return f->gguf && has_window(f) &&
           (arch_is(f, "llama") || arch_is(f, "phi3") || arch_is(f, "qwen2"));
}

/* Its classes for these have no window, or look at layer_types only. */
static bool window_in_mlx(const facts *f)
{
    static const char *const all[] = { "llama",  "mistral", "mixtral", "phi3",
                                       "phimoe", "qwen2",   "qwen3",   "qwen3moe" };
    const json_t *layers = json_object_get(f->v->ref->config, "layer_types");
    bool one = false;

    for (size_t i = 0; i < AZ_COUNT(all); i++)
        one = one || arch_is(f, all[i]);
    return f->mlx && has_window(f) && one && !json_is_array(layers);
}

static bool longrope_in_llama_cpp(const facts *f)
{
    return f->gguf && f->c->rope.type == AZ_ROPE_LONGROPE;
}

static bool longrope_in_mlx(const facts *f)
{
    return f->mlx && f->c->rope.type == AZ_ROPE_LONGROPE;
}

static bool exact_yarn(const facts *f)
{
    return f->gguf && f->c->rope.type == AZ_ROPE_YARN && f->c->rope.exact_bounds;
}

static bool attention_softcap(const facts *f)
{
    return f->c->attn_softcap > 0;
}

static bool sparsemixer(const facts *f)
{
    return f->gguf && f->c->n_experts && f->c->router == AZ_ROUTER_SPARSEMIXER;
}

static bool clipped(const facts *f)
{
    return f->gguf && arch_is(f, "olmoe") && f->c->clip_qkv > 0;
}

static bool encoder_in_llama_cpp(const facts *f)
{
    return f->gguf && f->c->encoder && f->c->activation == AZ_ACTIVATION_GELU;
}

static bool encoder_in_mlx(const facts *f)
{
    return f->mlx && f->c->encoder;
}

static bool space_behind(const facts *f)
{
    bool suffix;

    return f->gguf &&
           az_json_bool(json_object_get(f->hf, "normalizer"), "treat_whitespace_as_suffix",
                        &suffix) &&
           suffix;
}

/* Does the template use a filter of this name? */
static bool filters_with(const facts *f, const char *name)
{
    const char *s = f->v->ref->chat_template, *at = s;
    size_t n = strlen(name);

    while (at && (at = strchr(at, '|'))) {
        at++;
        at += strspn(at, " \n\t");
        if (strncmp(at, name, n) == 0 && !(at[n] == '_' || (at[n] >= 'a' && at[n] <= 'z')))
            return true;
    }
    return false;
}

/* What its template engine says that it does not implement. */
static bool missing_in_template(const facts *f)
{
    const char *s = f->v->ref->chat_template;

    return f->gguf && s &&
           (filters_with(f, "unique") || strstr(s, "sort_keys") || strstr(s, "is sameas") ||
            strstr(s, "is escaped") || strstr(s, "is filter"));
}

/* Tokens that end generation in transformers, of which a GGUF holds one or three; it knows others by their text. */
static bool ends_by_text(const facts *f)
{
    const json_t *ids = json_object_get(f->v->ref->generation_config, "eos_token_id");

    return f->gguf && json_array_size(ids) > 1;
}

static bool temperature_last(const facts *f)
{
    const json_t *g = f->v->ref->generation_config;
    double t = 1, p = 1;
    bool sample = false;

    return f->gguf && az_json_bool(g, "do_sample", &sample) && sample &&
           az_json_real(g, "temperature", &t) && az_json_real(g, "top_p", &p) && (t < 1 || t > 1) &&
           p < 1;
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
    /* what a model computes */
    { window_in_llama_cpp,
      "llama.cpp ignores this architecture's sliding window: prompts longer than the window give "
      "other logits there" },
    { window_in_mlx,
      "mlx-lm ignores this architecture's sliding window: prompts longer than the window "
      "give other logits there" },
    { longrope_in_llama_cpp, "llama.cpp chooses longrope's factors once, by the context that it is "
                             "started with, not by the "
                             "length of the text" },
    { longrope_in_mlx, "mlx-lm uses longrope's long factors for short texts too" },
    { exact_yarn, "llama.cpp rounds the bounds of YaRN's ramp; this model's are not rounded" },
    { sparsemixer,
      "llama.cpp weighs this model's two experts by a softmax over all, not one by one" },
    { clipped, "llama.cpp does not clip this model's queries, keys and values" },
    { attention_softcap,
      "transformers' default attention leaves out the softcap of attention scores; "
      "only its eager attention has it" },
    { encoder_in_llama_cpp,
      "llama.cpp computes GELU by the tanh formula from a table of f16 values" },
    { encoder_in_mlx, "mlx-lm runs no encoders" },
    /* tokens */
    { has_normalizer,
      "llama.cpp has no normalizer for this kind of tokenizer: text that is not normalized (NFC) "
      "gives other ids there" },
    { no_pre_name,
      "llama.cpp has no name for the way this tokenizer splits text and uses its default instead" },
    { flagged_tokens, "llama.cpp ignores single_word, lstrip and rstrip of added tokens" },
    { space_behind, "llama.cpp puts the added space in front of text, this tokenizer behind it" },
    /* chat */
    { doubled_bos, "the template writes the BOS and the tokenizer adds one: a program that renders "
                   "the template and then tokenizes with special tokens starts with two" },
    { missing_in_template,
      "llama.cpp's template engine does not have everything that this template "
      "uses (unique, sort_keys, sameas, escaped or filter)" },
    { ends_by_text,
      "this model ends a text with one of several tokens: llama.cpp knows those that the "
      "file names and those in its own list of texts" },
    { temperature_last,
      "llama.cpp applies the temperature behind top_p, transformers before it: the "
      "same settings choose among other tokens" },
    /* arithmetic */
    { is_gguf, "llama.cpp rounds activations to the weights' companion type and keeps keys and "
               "values in f16: compare its logits by KL divergence, not by equality" },
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
