/* Every architecture's logits against transformers' on a small model (tools/golden/make_arch_logits.py), from
 * Hugging Face's names and through a GGUF, whatever the batches; and proof that the comparison notices: each
 * mutant of a config, of the graph or of the weights must miss by more than the tolerance. */
#include <math.h>

#include "made_model.h"

#define TOLERANCE 1e-4
#define NOTICED   3e-4

static adze_run *run;
static char folder[] = "/tmp/adze-archs-XXXXXX";

typedef void config_fn(az_config *c);
typedef void graph_fn(az_graph *g);

static const az_arch *original;
static graph_fn *graph_change;

static adze_status build_changed(const az_config *c, az_graph *g, adze_error *err)
{
    adze_status rc = az_arch_build(original, c, g->arena, g, err);

    if (rc == ADZE_OK && graph_change) graph_change(g);
    return rc;
}

/* Error of the model at `path` against a golden. */
static double error_of(const made_spec *spec, const char *path, config_fn *config, graph_fn *graph,
                       size_t batch)
{
    adze_error err = { 0 };
    adze_model *m = NULL;
    adze_session *s = NULL;
    az_arch arch;
    az_config c;
    int32_t *tokens;
    size_t n = made_tokens(json_object_get(spec->j, "tokens"), &tokens);
    adze_session_opts opts = { .context = n, .batch = batch, .threads = batch ? 3 : 1 };
    float *logits;
    double off;

    ok(adze_model_open(&m, run, path, &err), &err);
    ok(az_arch_of(m, &original, &c, &err), &err);
    if (config) config(&c);
    arch = *original;
    arch.build = build_changed;
    graph_change = graph;
    ok(az_session_new_config(&s, run, m, &opts, &arch, &c, &err), &err);
    logits = calloc(n * adze_session_vocab(s), sizeof *logits);
    assert_non_null(logits);
    ok(adze_session_eval_all(s, tokens, n, logits, &err), &err);
    off = made_error(json_object_get(spec->j, "logits"), json_object_get(spec->j, "positions"),
                     logits);
    free(logits);
    free(tokens);
    adze_session_free(s);
    adze_model_close(m);
    return off;
}

static const char *const models[] = {
    "qwen3",  "granite",    "smollm3", "smollm3_usual", "gemma2",
    "gemma3", "gemma3_new", "mixtral", "qwen3_moe",     "qwen3_moe_raw",
    "olmoe",  "phimoe",     "gpt_oss", "lfm2",          NULL,
};

static void logits_equal_transformers(void **state)
{
    (void)state;
    for (const char *const *name = models; *name; name++) {
        made_spec spec;
        adze_error err = { 0 };
        adze_session *s = NULL;
        adze_model *m = NULL;
        double off, pieces;
        made_read(&spec, run, *name);
        made_write(&spec, folder, NULL);
        ok(adze_model_open(&m, run, folder, &err), &err); /* the whole model is checked */
        ok(adze_session_new(&s, run, m, NULL, &err), &err);
        adze_session_free(s);
        adze_model_close(m);
        off = error_of(&spec, folder, NULL, NULL, 0);
        pieces = error_of(&spec, folder, NULL, NULL, 7);
        print_message("%s: %.1e\n", *name, off);
        if (!(off <= TOLERANCE)) fail_msg("%s: off by %g", *name, off);
        if (off != pieces) fail_msg("%s: %g, in batches of 7 %g", *name, off, pieces);
        json_decref(spec.j);
    }
}

static void logits_survive_gguf(void **state)
{
    const az_format *gguf = az_format_find("gguf");
    char file[64];

    (void)state;
    snprintf(file, sizeof file, "%s/model.gguf", folder);
    for (const char *const *name = models; *name; name++) {
        made_spec spec;
        adze_error err = { 0 };
        adze_model *m = NULL;
        az_plan *plan = NULL;
        adze_session *s = NULL;
        double off;
        made_read(&spec, run, *name);
        made_write(&spec, folder, NULL);
        made_tokenizer(folder, 64);
        ok(adze_model_open(&m, run, folder, &err), &err);
        ok(gguf->plan(run, m, NULL, &plan, &err), &err);
        ok(gguf->write(run, plan, file, &err), &err);
        az_plan_free(plan);
        adze_model_close(m);
        ok(adze_model_open(&m, run, file, &err), &err);
        ok(adze_session_new(&s, run, m, NULL, &err), &err);
        adze_session_free(s);
        adze_model_close(m);
        off = error_of(&spec, file, NULL, NULL, 0);
        print_message("%s as GGUF: %.1e\n", *name, off);
        if (!(off <= TOLERANCE)) fail_msg("%s as GGUF: off by %g", *name, off);
        json_decref(spec.j);
    }
}

/* --- mutants: one mistake each --- */

static void adjacent_pairs(az_config *c)
{
    c->rope.adjacent_pairs = c->rope_sliding.adjacent_pairs = true;
}
static void scale_up(az_config *c)
{
    c->attn_scale *= 1.1;
}
static void usual_scale(az_config *c)
{
    c->attn_scale = 1 / sqrt((double)c->head_dim);
}
static void other_eps(az_config *c)
{
    c->norm_eps = 1e-5;
}
static void rope_theta(az_config *c)
{
    c->rope.theta *= 2;
}
static void no_qk_norm(az_config *c)
{
    c->qk_norm = AZ_QK_NONE;
}
static void no_bias_o(az_config *c)
{
    c->bias_o = false;
}
static void no_bias_q(az_config *c)
{
    c->bias_q = false;
}
static void embedding_unscaled(az_config *c)
{
    c->embed_scale = 1;
}
static void residual_unscaled(az_config *c)
{
    c->residual_scale = 1;
}
static void logits_unscaled(az_config *c)
{
    c->logit_scale = 1;
}
static void logits_multiplied(az_config *c)
{
    c->logit_scale = 1 / c->logit_scale;
}
static void rope_everywhere(az_config *c)
{
    c->no_rope = NULL;
}
static void rope_list_inverted(az_config *c)
{
    static bool other[16];

    for (int i = 0; i < c->n_layers; i++)
        other[i] = !c->no_rope[i];
    c->no_rope = other;
}
static void no_attention_softcap(az_config *c)
{
    c->attn_softcap = 0;
}
static void no_logit_softcap(az_config *c)
{
    c->logit_softcap = 0;
}
static void norms_without_one(az_config *c)
{
    c->norm_add_one = false;
}
static void no_post_norms(az_config *c)
{
    c->post_norms = false;
}
static void window_more(az_config *c)
{
    c->window++;
}
static void window_less(az_config *c)
{
    c->window--;
}
static void no_window(az_config *c)
{
    c->window = 0;
    c->has_rope_sliding = false;
}
static void windows_inverted(az_config *c)
{
    static bool other[16];

    for (int i = 0; i < c->n_layers; i++)
        other[i] = !c->slides[i];
    c->slides = other;
}
static void gelu_by_erf(az_config *c)
{
    c->activation = AZ_ACTIVATION_GELU;
}
static void one_rope(az_config *c)
{
    c->has_rope_sliding = false;
}
static void rope_unscaled(az_config *c)
{
    c->rope.type = AZ_ROPE_DEFAULT;
}
static void scaled_where_it_slides(az_config *c)
{
    c->rope_sliding.type = AZ_ROPE_LINEAR;
    c->rope_sliding.factor = c->rope.factor;
}

static void fewer_experts(az_config *c)
{
    c->n_experts_used--;
}
static void more_experts(az_config *c)
{
    c->n_experts_used++;
}
static void other_norm_of_experts(az_config *c)
{
    c->router = c->router == AZ_ROUTER_SOFTMAX ? AZ_ROUTER_SOFTMAX_NORM : AZ_ROUTER_SOFTMAX;
}
static void softmax_over_all(az_config *c)
{
    c->router = AZ_ROUTER_SOFTMAX;
}
static void softmax_over_chosen(az_config *c)
{
    c->router = AZ_ROUTER_SOFTMAX_NORM;
}
static void no_jitter(az_config *c)
{
    c->router_jitter = 0.01;
}
static void no_clip(az_config *c)
{
    c->clip_qkv = 0;
}
static void no_bias_of_experts(az_config *c)
{
    c->bias_experts = false;
}
static void no_bias_of_output(az_config *c)
{
    c->bias_output = false;
}
static void no_sinks(az_config *c)
{
    c->sinks = false;
}
static void silu_for_swiglu(az_config *c)
{
    c->activation = AZ_ACTIVATION_SILU;
}
static void rounded_bounds(az_config *c)
{
    c->rope.exact_bounds = false;
}
static void long_factors(az_config *c)
{
    c->rope.short_only = false;
}
static void one_amplitude(az_config *c)
{
    c->rope.attention_factor = c->rope.short_attention_factor;
}
static void yarn_unscaled_amplitude(az_config *c)
{
    c->rope.attention_factor = 1;
}
static void no_bias_of_conv(az_config *c)
{
    c->bias_conv = false;
}

static void rms_for_layer_norm(az_graph *g)
{
    for (int i = 0; i < g->n_nodes; i++) {
        g->nodes[i].norm = AZ_NORM_RMS;
        if (g->nodes[i].op == AZ_OP_NORM) g->nodes[i].weight[1] = -1;
    }
}

static void unclamped(az_graph *g)
{
    for (int i = 0; i < g->n_nodes; i++)
        if (g->nodes[i].op == AZ_OP_LINEAR) g->nodes[i].clamp = 0;
}

static void take_values_of(const char *name, const char *part, const char *other, float *x,
                           size_t n, const json_t *all)
{
    const char *at = strstr(name, part);
    char twin[160];

    if (!at) return;
    snprintf(twin, sizeof twin, "%.*s%s%s", (int)(at - name), name, other, at + strlen(part));
    assert_non_null(json_object_get(all, twin));
    made_values(twin, json_object_get(all, twin), x, n);
}

static void first_two_experts_swapped(const char *name, const json_t *spec, float *x, size_t n,
                                      const json_t *all)
{
    (void)spec;
    if (strstr(name, "experts.0."))
        take_values_of(name, "experts.0.", "experts.1.", x, n, all);
    else
        take_values_of(name, "experts.1.", "experts.0.", x, n, all);
}

static void w1_and_w3_swapped(const char *name, const json_t *spec, float *x, size_t n,
                              const json_t *all)
{
    (void)spec;
    if (strstr(name, ".w1."))
        take_values_of(name, ".w1.", ".w3.", x, n, all);
    else
        take_values_of(name, ".w3.", ".w1.", x, n, all);
}

/* Columns 0..2f of [rows][2f] as halves instead of pairs. */
static void gate_and_up_in_halves(const char *name, const json_t *spec, float *x, size_t n,
                                  const json_t *all)
{
    size_t f =
        (size_t)json_integer_value(
            json_array_get(json_array_get(spec, 0), json_array_size(json_array_get(spec, 0)) - 1)) /
        2;
    float *row = malloc(2 * f * sizeof *row);

    (void)all;
    assert_non_null(row);
    for (size_t at = 0; strstr(name, "gate_up_proj") && at < n; at += 2 * f) {
        memcpy(row, x + at, 2 * f * sizeof *row);
        for (size_t i = 0; i < f; i++) {
            x[at + 2 * i] = row[i];
            x[at + 2 * i + 1] = row[f + i];
        }
    }
    free(row);
}

static void taps_reversed(const char *name, const json_t *spec, float *x, size_t n,
                          const json_t *all)
{
    (void)spec;
    (void)all;
    for (size_t i = 0; strstr(name, "conv.conv.weight") && i < n; i += 3) {
        float a = x[i];
        x[i] = x[i + 2];
        x[i + 2] = a;
    }
}

/* B, C, x as C, B, x. */
static void gates_swapped(const char *name, const json_t *spec, float *x, size_t n,
                          const json_t *all)
{
    (void)spec;
    (void)all;
    for (size_t i = 0; strstr(name, "conv.in_proj") && i < n / 3; i++) {
        float a = x[i];
        x[i] = x[i + n / 3];
        x[i + n / 3] = a;
    }
}

/* The norm of q and k after the rotation: its weights meet other columns. */
static void norms_reversed(const char *name, const json_t *spec, float *x, size_t n,
                           const json_t *all)
{
    (void)spec;
    (void)all;
    if (!strstr(name, "q_norm") && !strstr(name, "k_norm")) return;
    for (size_t i = 0; i < n / 2; i++) {
        float a = x[i];
        x[i] = x[i + n / 2];
        x[i + n / 2] = a;
    }
}

static void qk_norms_swapped(const char *name, const json_t *spec, float *x, size_t n,
                             const json_t *all)
{
    (void)spec;
    take_values_of(name, "q_norm", "k_norm", x, n, all);
    take_values_of(name, "k_norm", "q_norm", x, n, all);
}

static void gate_and_up_swapped(const char *name, const json_t *spec, float *x, size_t n,
                                const json_t *all)
{
    (void)spec;
    take_values_of(name, "mlp.gate_proj", "mlp.up_proj", x, n, all);
    take_values_of(name, "mlp.up_proj", "mlp.gate_proj", x, n, all);
    take_values_of(name, "feed_forward.w1", "feed_forward.w3", x, n, all);
    take_values_of(name, "feed_forward.w3", "feed_forward.w1", x, n, all);
}

static void norm_weights_are_one(const char *name, const json_t *spec, float *x, size_t n,
                                 const json_t *all)
{
    (void)all;
    if (!strstr(name, "norm")) return;
    for (size_t i = 0; i < n; i++)
        x[i] = (float)json_number_value(json_array_get(spec, 2));
}

static const struct {
    const char *name;
    config_fn *config;
    graph_fn *graph;
    made_patch *patch;
    const char *models; /* names apart by spaces; NULL: all */
} mutants[] = {
    { "adjacent pairs", adjacent_pairs, NULL, NULL, NULL },
    { "attention scale", scale_up, NULL, NULL, NULL },
    { "norm eps", other_eps, NULL, NULL, NULL },
    { "rope theta", rope_theta, NULL, NULL, NULL },
    { "norm weights", NULL, NULL, norm_weights_are_one, NULL },
    { "gate and up swapped", NULL, NULL, gate_and_up_swapped,
      "qwen3 granite smollm3 gemma2 gemma3 gemma3_new lfm2" },
    { "no q and k norm", no_qk_norm, NULL, NULL,
      "qwen3 gemma3 gemma3_new qwen3_moe qwen3_moe_raw olmoe lfm2" },
    { "q and k norm after rope", NULL, NULL, norms_reversed, "qwen3 gemma3 gemma3_new qwen3_moe" },
    { "q and k norm swapped", NULL, NULL, qk_norms_swapped, "qwen3 gemma3 gemma3_new qwen3_moe" },
    { "no bias on q", no_bias_q, NULL, NULL, "qwen3 phimoe gpt_oss" },
    { "no bias on o", no_bias_o, NULL, NULL, "qwen3 phimoe gpt_oss" },
    { "embedding not scaled", embedding_unscaled, NULL, NULL, "granite gemma2 gemma3" },
    { "residual not scaled", residual_unscaled, NULL, NULL, "granite" },
    { "attention scale by head", usual_scale, NULL, NULL, "granite gemma2 gemma3" },
    { "logits not divided", logits_unscaled, NULL, NULL, "granite" },
    { "logits multiplied", logits_multiplied, NULL, NULL, "granite" },
    { "rope in every layer", rope_everywhere, NULL, NULL, "smollm3 smollm3_usual" },
    { "rope list inverted", rope_list_inverted, NULL, NULL, "smollm3 smollm3_usual" },
    { "no attention softcap", no_attention_softcap, NULL, NULL, "gemma2" },
    { "no logit softcap", no_logit_softcap, NULL, NULL, "gemma2" },
    { "norms without one", norms_without_one, NULL, NULL, "gemma2 gemma3" },
    { "no norms after blocks", no_post_norms, NULL, NULL, "gemma2 gemma3" },
    { "window + 1", window_more, NULL, NULL, "gemma2 gemma3 gemma3_new gpt_oss" },
    { "window - 1", window_less, NULL, NULL, "gemma2 gemma3 gemma3_new gpt_oss" },
    { "no window", no_window, NULL, NULL, "gemma2 gemma3 gemma3_new gpt_oss" },
    { "windows in the other layers", windows_inverted, NULL, NULL, "gemma2 gemma3 gpt_oss" },
    { "gelu by erf", gelu_by_erf, NULL, NULL, "gemma2 gemma3" },
    { "one rope for all layers", one_rope, NULL, NULL, "gemma3 gemma3_new" },
    { "rope not scaled", rope_unscaled, NULL, NULL, "gemma3 gpt_oss" },
    { "one expert fewer", fewer_experts, NULL, NULL,
      "mixtral qwen3_moe qwen3_moe_raw olmoe gpt_oss" },
    { "one expert more", more_experts, NULL, NULL,
      "mixtral qwen3_moe qwen3_moe_raw olmoe gpt_oss" },
    { "experts normalized otherwise", other_norm_of_experts, NULL, NULL,
      "mixtral qwen3_moe qwen3_moe_raw olmoe" },
    { "softmax over all experts", softmax_over_all, NULL, NULL, "phimoe gpt_oss" },
    { "softmax over chosen experts", softmax_over_chosen, NULL, NULL, "phimoe" },
    { "router jitter", no_jitter, NULL, NULL, "phimoe" },
    { "experts 0 and 1 swapped", NULL, NULL, first_two_experts_swapped,
      "mixtral qwen3_moe qwen3_moe_raw olmoe phimoe" },
    { "w1 and w3 swapped", NULL, NULL, w1_and_w3_swapped, "mixtral phimoe" },
    { "gate and up in halves", NULL, NULL, gate_and_up_in_halves, "gpt_oss" },
    { "no clip", no_clip, NULL, NULL, "olmoe" },
    { "no clip of v", NULL, unclamped, NULL, "olmoe" },
    { "no bias of experts", no_bias_of_experts, NULL, NULL, "gpt_oss" },
    { "no bias of output", no_bias_of_output, NULL, NULL, "phimoe" },
    { "rms for layer norm", NULL, rms_for_layer_norm, NULL, "phimoe" },
    { "no sinks", no_sinks, NULL, NULL, "gpt_oss" },
    { "silu for swiglu", silu_for_swiglu, NULL, NULL, "gpt_oss" },
    { "bounds of yarn rounded", rounded_bounds, NULL, NULL, "gpt_oss" },
    { "no amplitude of yarn", yarn_unscaled_amplitude, NULL, NULL, "gpt_oss" },
    { "long factors", long_factors, NULL, NULL, "phimoe" },
    { "amplitude of short sequences", one_amplitude, NULL, NULL, "phimoe" },
    { "no bias of convolutions", no_bias_of_conv, NULL, NULL, "lfm2" },
    { "taps reversed", NULL, NULL, taps_reversed, "lfm2" },
    { "gates of convolutions swapped", NULL, NULL, gates_swapped, "lfm2" },
    { "rope scaled where it slides", scaled_where_it_slides, NULL, NULL, "gemma3" },
};

static bool applies(const char *list, const char *name)
{
    size_t n = strlen(name);

    if (!list) return true;
    for (const char *at = list; (at = strstr(at, name)); at += n)
        if ((at == list || at[-1] == ' ') && (at[n] == ' ' || !at[n])) return true;
    return false;
}

static void mutants_are_noticed(void **state)
{
    (void)state;

    for (const char *const *name = models; *name; name++) {
        made_spec spec;
        double least = 1e9;
        made_read(&spec, run, *name);
        for (size_t i = 0; i < AZ_COUNT(mutants); i++) {
            double off;
            if (!applies(mutants[i].models, *name)) continue;
            made_write(&spec, folder, mutants[i].patch);
            off = error_of(&spec, folder, mutants[i].config, mutants[i].graph, 0);
            if (!(off > NOTICED)) fail_msg("%s: %s is off by only %g", *name, mutants[i].name, off);
            if (off < least) least = off;
        }
        print_message("%s: smallest error of a mutant %.1e\n", *name, least);
        json_decref(spec.j);
    }
}

/* --- encoders --- */

static float *embed(adze_session *s, const made_spec *spec, bool together)
{
    const json_t *list = json_object_get(spec->j, "texts");
    size_t count = json_array_size(list), width = adze_session_width(s), n[16];
    float *out = calloc(count * width, sizeof *out);
    int32_t *ids[16];
    adze_error err = { 0 };

    assert_non_null(out);
    assert_true(count <= 16);
    for (size_t i = 0; i < count; i++)
        n[i] = made_tokens(json_array_get(list, i), &ids[i]);
    if (together) ok(adze_session_embed(s, (const int32_t *const *)ids, n, count, out, &err), &err);
    for (size_t i = 0; i < count; i++) {
        const int32_t *one = ids[i];
        if (!together) ok(adze_session_embed(s, &one, &n[i], 1, out + i * width, &err), &err);
        free(ids[i]);
    }
    return out;
}

static double embedding_error(const made_spec *spec, config_fn *config)
{
    adze_error err = { 0 };
    adze_model *m = NULL;
    adze_session *s = NULL;
    adze_session_opts opts = { .threads = 3 };
    size_t count = json_array_size(json_object_get(spec->j, "texts"));
    float *all, *apart;
    az_config c;
    double off;

    ok(adze_model_open(&m, run, folder, &err), &err);
    ok(az_arch_of(m, &original, &c, &err), &err);
    if (config) config(&c);
    ok(az_session_new_config(&s, run, m, &opts, original, &c, &err), &err);
    all = embed(s, spec, true);
    apart = embed(s, spec, false);
    assert_memory_equal(all, apart, count * adze_session_width(s) * sizeof *all);
    off = made_error(json_object_get(spec->j, "embeddings"), NULL, all);
    free(all);
    free(apart);
    adze_session_free(s);
    adze_model_close(m);
    return off;
}

static void first_token(az_config *c)
{
    c->pooling = AZ_POOL_CLS;
}
static void last_token(az_config *c)
{
    c->pooling = AZ_POOL_LAST;
}
static void not_normalized(az_config *c)
{
    c->normalize = false;
}
static void gelu_by_tanh(az_config *c)
{
    c->activation = AZ_ACTIVATION_GELU_TANH;
}

static void no_token_types(const char *name, const json_t *spec, float *x, size_t n,
                           const json_t *all)
{
    (void)spec;
    (void)all;
    if (strstr(name, "token_type")) memset(x, 0, n * sizeof *x);
}

/* Row i where row i + 1 belongs. */
static void positions_off_by_one(const char *name, const json_t *spec, float *x, size_t n,
                                 const json_t *all)
{
    size_t width = (size_t)json_integer_value(json_array_get(json_array_get(spec, 0), 1));

    (void)all;
    if (strstr(name, "position_embeddings")) memmove(x + width, x, (n - width) * sizeof *x);
}

static void embeddings_equal_transformers(void **state)
{
    static const char *const names[] = { "bert", "xlm_roberta" };
    static config_fn *const changes[] = { scale_up,   other_eps,      first_token,
                                          last_token, not_normalized, gelu_by_tanh };

    (void)state;
    for (size_t k = 0; k < AZ_COUNT(names); k++) {
        made_spec spec;
        adze_error err = { 0 };
        adze_model *m = NULL;
        adze_session *s = NULL;
        double off;
        made_read(&spec, run, names[k]);
        made_write(&spec, folder, NULL);
        ok(adze_model_open(&m, run, folder, &err), &err);
        ok(adze_session_new(&s, run, m, NULL, &err), &err);
        assert_int_equal(adze_session_eval(s, (int32_t[]){ 1 }, 1, NULL, &err), ADZE_EUNSUP);
        adze_session_free(s);
        adze_model_close(m);
        off = embedding_error(&spec, NULL);
        print_message("%s: %.1e\n", names[k], off);
        if (!(off <= 1e-5)) fail_msg("%s: off by %g", names[k], off);
        for (size_t i = 0; i < AZ_COUNT(changes); i++) {
            off = embedding_error(&spec, changes[i]);
            if (!(off > 1e-4)) fail_msg("%s: mutant %zu is off by only %g", names[k], i, off);
        }
        made_write(&spec, folder, no_token_types);
        assert_true(embedding_error(&spec, NULL) > 1e-3);
        made_write(&spec, folder, positions_off_by_one);
        assert_true(embedding_error(&spec, NULL) > 1e-3);
        json_decref(spec.j);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logits_equal_transformers),
        cmocka_unit_test(logits_survive_gguf),
        cmocka_unit_test(mutants_are_noticed),
        cmocka_unit_test(embeddings_equal_transformers),
    };
    int failed;

    if (adze_run_new(&run, NULL, NULL) != ADZE_OK || !mkdtemp(folder)) return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    az_remove_tree(run, folder, NULL);
    adze_run_free(run);
    return failed;
}
