/* Architectures: what a config becomes, refusals of every kind of bad number, names in both formats. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "arch/arch.h"
#include "arch/rope.h"
#include "base/json.h"
#include "graph/cost.h"

static adze_run *run;

/* A model of headers alone: a config and tensors without data. */
static adze_model *make_model(const char *config)
{
    adze_model *m = NULL;
    adze_error err = { 0 };

    assert_int_equal(az_model_new(&m, run, "made", "hf", &err), ADZE_OK);
    if (az_json_parse(&m->config, config, strlen(config), "made", &err) != ADZE_OK)
        fail_msg("%s", err.msg);
    return m;
}

static adze_status configure(const char *config, const az_arch **arch, az_config *c,
                             adze_error *err, adze_model **keep)
{
    adze_model *m = make_model(config);
    adze_status rc = az_arch_of(m, arch, c, err);

    if (keep)
        *keep = m;
    else
        adze_model_close(m);
    return rc;
}

static void near(double got, double want, double tolerance, const char *what)
{
    if (!(fabs(got - want) <= tolerance * fabs(want)))
        fail_msg("%s: %.9g, not %.9g", what, got, want);
}

/* Frequencies evaluated in double from the published formulas for published models' settings. */
static void rope_frequencies_match_published_models(void **state)
{
    static const struct {
        az_rope rope;
        struct {
            int i;
            double inv;
        } want[7];
    } cases[] = {
        { { .type = AZ_ROPE_LLAMA3,
            .theta = 5e5,
            .dims = 128,
            .factor = 8,
            .low_freq_factor = 1,
            .high_freq_factor = 4,
            .original_context = 8192 },
          { { 1, 0.8146172 },
            { 28, 0.003211446 },
            { 29, 0.002166571 },
            { 32, 5.248462e-4 },
            { 34, 1.785078e-4 },
            { 35, 9.556212e-5 },
            { 63, 3.068926e-7 } } },
        { { .type = AZ_ROPE_LLAMA3,
            .theta = 5e5,
            .dims = 64,
            .factor = 32,
            .low_freq_factor = 1,
            .high_freq_factor = 4,
            .original_context = 8192 },
          { { 14, 0.003211446 },
            { 15, 0.001290548 },
            { 16, 4.295568e-4 },
            { 17, 9.708288e-5 },
            { 18, 1.946164e-5 } } },
        { { .type = AZ_ROPE_YARN,
            .theta = 1e6,
            .dims = 128,
            .factor = 4,
            .beta_fast = 32,
            .beta_slow = 1,
            .original_context = 32768 },
          { { 20, 0.01333521 }, { 30, 0.001064361 }, { 40, 4.445699e-5 } } },
        { { .type = AZ_ROPE_LINEAR, .theta = 1e4, .dims = 4, .factor = 2 },
          { { 0, 0.5 }, { 1, 0.005 } } },
    };
    float inv[64];

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(cases); i++) {
        az_rope_frequencies(&cases[i].rope, 100, inv);
        for (int j = 0; j < 7 && cases[i].want[j].inv > 0; j++)
            near(inv[cases[i].want[j].i], cases[i].want[j].inv, 1e-6, "frequency");
    }
    near(az_rope_yarn_attention(4), 1.1386294, 1e-6, "yarn amplitude");
}

#define PHI                                                                                       \
    "{\"model_type\":\"phi3\",\"hidden_size\":8,\"intermediate_size\":8,\"num_hidden_layers\":1," \
    "\"num_attention_heads\":2,\"vocab_size\":9,\"max_position_embeddings\":131072,"              \
    "\"original_max_position_embeddings\":4096,\"rope_scaling\":{\"type\":\"su\","                \
    "\"short_factor\":[1.5,3],\"long_factor\":[2,4]}}"

static void longrope_chooses_by_length(void **state)
{
    const az_arch *arch;
    az_config c;
    adze_error err = { 0 };
    adze_model *m;
    float inv[2];

    (void)state;
    assert_int_equal(configure(PHI, &arch, &c, &err, &m), ADZE_OK);
    near(c.rope.attention_factor, 1.1902381, 1e-6, "amplitude of phi-3.5-mini");
    az_rope_frequencies(&c.rope, 4096, inv);
    near(inv[0], 1 / 1.5, 1e-6, "short");
    near(inv[1], 1 / (3 * 100.0), 1e-6, "short");
    az_rope_frequencies(&c.rope, 4097, inv);
    near(inv[0], 1 / 2.0, 1e-6, "long");
    adze_model_close(m);
}

#define SIZES                                                                 \
    "\"hidden_size\":64,\"intermediate_size\":96,\"num_hidden_layers\":3,"    \
    "\"num_attention_heads\":8,\"num_key_value_heads\":2,\"vocab_size\":100," \
    "\"max_position_embeddings\":4096"

static void old_and_new_spelling_agree(void **state)
{
    const az_arch *arch;
    az_config a, b;
    adze_error err = { 0 };

    (void)state;
    assert_int_equal(
        configure(
            "{\"model_type\":\"llama\"," SIZES ",\"rope_theta\":500000.0,"
            "\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8.0,\"low_freq_factor\":1.0,"
            "\"high_freq_factor\":4.0,\"original_max_position_embeddings\":512}}",
            &arch, &a, &err, NULL),
        ADZE_OK);
    assert_int_equal(
        configure("{\"model_type\":\"llama\"," SIZES
                  ",\"rope_parameters\":{\"rope_theta\":500000.0,"
                  "\"rope_type\":\"llama3\",\"factor\":8.0,\"low_freq_factor\":1.0,"
                  "\"high_freq_factor\":4.0,\"original_max_position_embeddings\":512}}",
                  &arch, &b, &err, NULL),
        ADZE_OK);
    assert_memory_equal(&a.rope, &b.rope, sizeof a.rope);
    assert_int_equal(a.rope.type, AZ_ROPE_LLAMA3);
    assert_int_equal(a.rope.original_context, 512);
    assert_int_equal(a.head_dim, 8);
    near(a.norm_eps, 1e-6, 0, "the class's eps");
}

static void classes_have_their_own_defaults(void **state)
{
    const az_arch *arch;
    adze_error err = { 0 };
    adze_model *m;
    az_config c;

    (void)state;
    assert_int_equal(configure("{\"model_type\":\"mistral\"}", &arch, &c, &err, NULL), ADZE_OK);
    assert_int_equal(c.window, 4096); /* the key is missing */
    assert_int_equal(c.n_kv_heads, 8);
    assert_int_equal(configure("{\"model_type\":\"mistral\",\"sliding_window\":null}", &arch, &c,
                               &err, NULL),
                     ADZE_OK);
    assert_int_equal(c.window, 0);
    assert_int_equal(configure("{\"model_type\":\"qwen2\",\"num_hidden_layers\":30,"
                               "\"use_sliding_window\":true}",
                               &arch, &c, &err, &m),
                     ADZE_OK);
    assert_int_equal(c.window, 4096);
    assert_true(!c.slides[27] && c.slides[28]);
    assert_true(c.bias_q && c.bias_k && c.bias_v && !c.bias_o);
    adze_model_close(m);
    assert_int_equal(configure("{\"model_type\":\"qwen3_moe\",\"num_local_experts\":8}", &arch, &c,
                               &err, NULL),
                     ADZE_OK); /* transformers 5 saves its num_experts so */
    assert_int_equal(c.n_experts, 8);
    assert_int_equal(configure("{\"model_type\":\"mixtral\",\"num_experts\":5}", &arch, &c, &err,
                               NULL),
                     ADZE_OK);
    assert_int_equal(c.n_experts, 5);
    assert_int_equal(configure("{\"model_type\":\"llama\",\"attention_bias\":true}", &arch, &c,
                               &err, NULL),
                     ADZE_OK);
    assert_true(c.bias_q && c.bias_o && !c.bias_mlp);
    assert_int_equal(c.ff, 11008);
}

#define LLAMA(extra)      "{\"model_type\":\"llama\"," extra "}"
#define KIND(type, extra) "{\"model_type\":\"" type "\"," extra "}"
#define SCALING(s)        LLAMA("\"rope_scaling\":{" s "}")

static void bad_configs_are_refused(void **state)
{
    static const struct {
        const char *config;
        adze_status want;
        const char *name; /* of the key the message is about */
    } bad[] = {
        { "{}", ADZE_EFORMAT, "model_type" },
        { "[]", ADZE_EFORMAT, "model_type" },
        { "{\"model_type\":7}", ADZE_EFORMAT, "model_type" },
        { "{\"model_type\":\"rwkv9\"}", ADZE_EUNSUP, "model_type" },
        { LLAMA("\"hidden_size\":0"), ADZE_EFORMAT, "hidden_size" },
        { LLAMA("\"hidden_size\":-4096"), ADZE_EFORMAT, "hidden_size" },
        { LLAMA("\"hidden_size\":4611686018427387904"), ADZE_EFORMAT, "hidden_size" },
        { LLAMA("\"hidden_size\":4096.5"), ADZE_EFORMAT, "hidden_size" },
        { LLAMA("\"hidden_size\":\"big\""), ADZE_EFORMAT, "hidden_size" },
        { LLAMA("\"num_hidden_layers\":1000000000"), ADZE_EFORMAT, "num_hidden_layers" },
        { LLAMA("\"num_attention_heads\":0"), ADZE_EFORMAT, "num_attention_heads" },
        { LLAMA("\"num_key_value_heads\":5"), ADZE_EFORMAT, "num_key_value_heads" },
        { LLAMA("\"head_dim\":7"), ADZE_EFORMAT, "head_dim" },
        { LLAMA("\"head_dim\":1"), ADZE_EFORMAT, "head_dim" },
        { LLAMA("\"vocab_size\":0"), ADZE_EFORMAT, "vocab_size" },
        { LLAMA("\"rms_norm_eps\":-1"), ADZE_EFORMAT, "rms_norm_eps" },
        { LLAMA("\"rms_norm_eps\":[1]"), ADZE_EFORMAT, "rms_norm_eps" },
        { LLAMA("\"max_position_embeddings\":0"), ADZE_EFORMAT, "max_position_embeddings" },
        { LLAMA("\"hidden_act\":\"gelu\""), ADZE_EUNSUP, "hidden_act" },
        { LLAMA("\"tie_word_embeddings\":\"yes\""), ADZE_EFORMAT, "tie_word_embeddings" },
        { LLAMA("\"attention_bias\":1"), ADZE_EFORMAT, "attention_bias" },
        { LLAMA("\"rope_theta\":0"), ADZE_EFORMAT, "rope_theta" },
        { LLAMA("\"rope_scaling\":3"), ADZE_EFORMAT, "rope_scaling" },
        { LLAMA("\"partial_rotary_factor\":0.5"), ADZE_EUNSUP, "partial_rotary_factor" },
        { SCALING("\"rope_type\":\"dynamic\",\"factor\":2"), ADZE_EUNSUP, "rope_type" },
        { SCALING("\"rope_type\":\"llama3\""), ADZE_EFORMAT, "factor" },
        { SCALING("\"rope_type\":\"linear\",\"factor\":0"), ADZE_EFORMAT, "factor" },
        { SCALING("\"rope_type\":\"llama3\",\"factor\":8,\"low_freq_factor\":4"), ADZE_EFORMAT,
          "high_freq_factor" },
        { SCALING("\"rope_type\":\"yarn\",\"factor\":4,\"mscale\":1"), ADZE_EUNSUP, "rope_type" },
        { SCALING("\"rope_type\":\"longrope\",\"short_factor\":[1,2]"), ADZE_EFORMAT,
          "short_factor" },
        { LLAMA("\"rope_parameters\":{\"full_attention\":{}}"), ADZE_EUNSUP, "rope_parameters" },
        { "{\"model_type\":\"mistral\",\"sliding_window\":0}", ADZE_EFORMAT, "sliding_window" },
        { "{\"model_type\":\"qwen2\",\"use_sliding_window\":true,\"layer_types\":[]}", ADZE_EFORMAT,
          "layer_types" },
        { "{\"model_type\":\"qwen2\",\"num_hidden_layers\":1,\"use_sliding_window\":true,"
          "\"layer_types\":[\"mamba\"]}",
          ADZE_EUNSUP, "layer_types" },
        { "{\"model_type\":\"phi3\",\"partial_rotary_factor\":0.001}", ADZE_EFORMAT,
          "rope dimensions" },
        { KIND("mixtral", "\"num_local_experts\":0"), ADZE_EFORMAT, "num_local_experts" },
        { KIND("mixtral", "\"num_local_experts\":1000000"), ADZE_EFORMAT, "num_local_experts" },
        { KIND("mixtral", "\"num_experts_per_tok\":9"), ADZE_EFORMAT, "num_experts_per_tok" },
        { KIND("mixtral", "\"num_experts_per_tok\":0"), ADZE_EFORMAT, "num_experts_per_tok" },
        { KIND("mixtral", "\"sliding_window\":-1"), ADZE_EFORMAT, "sliding_window" },
        { KIND("qwen3_moe", "\"moe_intermediate_size\":0"), ADZE_EFORMAT, "moe_intermediate_size" },
        { KIND("qwen3_moe", "\"mlp_only_layers\":[99]"), ADZE_EFORMAT, "mlp_only_layers" },
        { KIND("qwen3_moe", "\"mlp_only_layers\":3"), ADZE_EFORMAT, "mlp_only_layers" },
        { KIND("qwen3_moe", "\"decoder_sparse_step\":0"), ADZE_EFORMAT, "decoder_sparse_step" },
        { KIND("qwen3_moe", "\"norm_topk_prob\":1"), ADZE_EFORMAT, "norm_topk_prob" },
        { KIND("phimoe", "\"num_experts_per_tok\":3"), ADZE_EUNSUP, "num_experts_per_tok" },
        { KIND("phimoe", "\"router_jitter_noise\":-1"), ADZE_EFORMAT, "router_jitter_noise" },
        { KIND("olmoe", "\"clip_qkv\":-2"), ADZE_EFORMAT, "clip_qkv" },
        { KIND("gpt_oss", "\"swiglu_limit\":9"), ADZE_EUNSUP, "swiglu_limit" },
        { KIND("gpt_oss", "\"layer_types\":[\"full_attention\"]"), ADZE_EFORMAT, "layer_types" },
        { KIND("gpt_oss", "\"sliding_window\":0"), ADZE_EFORMAT, "sliding_window" },
        { KIND("gemma2", "\"query_pre_attn_scalar\":0"), ADZE_EFORMAT, "query_pre_attn_scalar" },
        { KIND("gemma2", "\"attn_logit_softcapping\":-5"), ADZE_EFORMAT, "attn_logit_softcapping" },
        { KIND("gemma2", "\"hidden_activation\":\"silu\""), ADZE_EUNSUP, "hidden_activation" },
        { KIND("gemma3_text", "\"sliding_window_pattern\":0"), ADZE_EFORMAT,
          "sliding_window_pattern" },
        { KIND("gemma3_text", "\"layer_types\":[\"conv\"],\"num_hidden_layers\":1"), ADZE_EUNSUP,
          "layer_types" },
        { KIND("gemma3_text", "\"rope_local_base_freq\":0"), ADZE_EFORMAT, "rope_local_base_freq" },
        { KIND("smollm3", "\"no_rope_layers\":[1,0]"), ADZE_EFORMAT, "no_rope_layers" },
        { KIND("smollm3", "\"no_rope_layers\":[2.5],\"num_hidden_layers\":1"), ADZE_EFORMAT,
          "no_rope_layers" },
        { KIND("smollm3", "\"no_rope_layer_interval\":0"), ADZE_EFORMAT, "no_rope_layer_interval" },
        { KIND("granite", "\"logits_scaling\":0"), ADZE_EFORMAT, "logits_scaling" },
        { KIND("granite", "\"attention_multiplier\":\"x\""), ADZE_EFORMAT, "attention_multiplier" },
        { KIND("qwen3", "\"num_attention_heads\":0"), ADZE_EFORMAT, "num_attention_heads" },
        { KIND("qwen3", "\"num_key_value_heads\":64"), ADZE_EFORMAT, "num_key_value_heads" },
        { KIND("bert", "\"position_embedding_type\":\"relative_key\""), ADZE_EUNSUP,
          "position_embedding_type" },
        { KIND("bert", "\"is_decoder\":true"), ADZE_EUNSUP, "is_decoder" },
        { KIND("bert", "\"type_vocab_size\":0"), ADZE_EFORMAT, "type_vocab_size" },
        { KIND("bert", "\"hidden_act\":\"relu\""), ADZE_EUNSUP, "hidden_act" },
        { KIND("xlm-roberta", "\"max_position_embeddings\":2"), ADZE_EFORMAT,
          "max_position_embeddings" },
        { KIND("lfm2", "\"conv_L_cache\":1"), ADZE_EFORMAT, "conv_L_cache" },
        { KIND("lfm2", "\"conv_L_cache\":1000000"), ADZE_EFORMAT, "conv_L_cache" },
        { KIND("lfm2", "\"layer_types\":[\"conv\"]"), ADZE_EFORMAT, "layer_types" },
        { KIND("lfm2", "\"full_attn_idxs\":[-1]"), ADZE_EFORMAT, "full_attn_idxs" },
        { KIND("lfm2", "\"block_ff_dim\":4194304,\"block_ffn_dim_multiplier\":1000"), ADZE_EFORMAT,
          "block_ff_dim" },
    };

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(bad); i++) {
        const az_arch *arch;
        adze_error err = { 0 };
        az_config c;
        adze_status rc = configure(bad[i].config, &arch, &c, &err, NULL);
        if (rc != bad[i].want || strcmp(err.name, bad[i].name) != 0 || !err.msg[0])
            fail_msg("%s: status %d, %s: %s", bad[i].config, rc, err.name, err.msg);
    }
}

/* A GGUF of headers alone: llama of one layer, whose keys a case then spoils. */
static adze_model *make_gguf(void)
{
    adze_model *m = NULL;
    adze_error err = { 0 };

    assert_int_equal(az_model_new(&m, run, "made.gguf", "gguf", &err), ADZE_OK);
    assert_true(az_kv_put_str(&m->kv, "general.architecture", "llama", 5));
    assert_true(az_kv_put_u32(&m->kv, "llama.embedding_length", 64));
    assert_true(az_kv_put_u32(&m->kv, "llama.feed_forward_length", 96));
    assert_true(az_kv_put_u32(&m->kv, "llama.block_count", 1));
    assert_true(az_kv_put_u32(&m->kv, "llama.attention.head_count", 8));
    assert_true(az_kv_put_u32(&m->kv, "llama.context_length", 128));
    m->tensors = az_arena_array(&m->arena, 1, sizeof *m->tensors);
    assert_non_null(m->tensors);
    m->tensors[0] = (az_tensor){
        .name = "token_embd.weight", .type = AZ_F32, .n_dims = 2, .shape = { 100, 64, 1, 1 }
    };
    m->n_tensors = 1;
    return m;
}

static void no_width(adze_model *m)
{
    az_kv_remove(&m->kv, "llama.embedding_length");
}
static void heads_of_layers(adze_model *m)
{
    uint32_t heads[1] = { 2 };
    az_kv_put_arr(&m->kv, "llama.attention.head_count_kv", AZ_KV_U32, heads, 1);
}
static void huge_layers(adze_model *m)
{
    az_kv kv = { .key = "llama.block_count", .type = AZ_KV_U64, .v.u = UINT64_MAX };
    az_kv_put(&m->kv, &kv);
}
static void width_is_text(adze_model *m)
{
    az_kv_put_str(&m->kv, "llama.embedding_length", "64", 2);
}
static void experts(adze_model *m)
{
    az_kv_put_u32(&m->kv, "llama.expert_count", 8);
}
static void eps_is_nan(adze_model *m)
{
    az_kv_put_f32(&m->kv, "llama.attention.layer_norm_rms_epsilon", NAN);
}
static void rope_is_odd(adze_model *m)
{
    az_kv_put_u32(&m->kv, "llama.rope.dimension_count", 7);
}
static void rope_is_wide(adze_model *m)
{
    az_kv_put_u32(&m->kv, "llama.rope.dimension_count", 10);
}
static void rope_unknown(adze_model *m)
{
    az_kv_put_str(&m->kv, "llama.rope.scaling.type", "spiral", 6);
}
static void longrope_without_factors(adze_model *m)
{
    az_kv_put_str(&m->kv, "llama.rope.scaling.type", "longrope", 8);
}
static void value_length(adze_model *m)
{
    az_kv_put_u32(&m->kv, "llama.attention.value_length", 4);
}
static void no_embedding(adze_model *m)
{
    m->n_tensors = 0;
}
static void flat_embedding(adze_model *m)
{
    m->tensors[0].n_dims = 1;
}
static void short_factors(adze_model *m)
{
    m->tensors[0].name = "rope_freqs.weight"; /* 100 x 64 instead of 4 */
}
static void arch_is_number(adze_model *m)
{
    az_kv_put_u32(&m->kv, "general.architecture", 1);
}
static void arch_unknown(adze_model *m)
{
    az_kv_put_str(&m->kv, "general.architecture", "rwkv9", 5);
}

static void bad_gguf_keys_are_refused(void **state)
{
    static const struct {
        void (*spoil)(adze_model *m);
        adze_status want;
        const char *name;
    } bad[] = {
        { no_width, ADZE_EFORMAT, "llama.embedding_length" },
        { heads_of_layers, ADZE_EUNSUP, "llama.attention.head_count_kv" },
        { huge_layers, ADZE_EUNSUP, "llama.block_count" },
        { width_is_text, ADZE_EUNSUP, "llama.embedding_length" },
        { experts, ADZE_EFORMAT, "llama.expert_used_count" },
        { eps_is_nan, ADZE_EFORMAT, "llama.attention.layer_norm_rms_epsilon" },
        { rope_is_odd, ADZE_EFORMAT, "rope dimensions" },
        { rope_is_wide, ADZE_EFORMAT, "llama.rope.dimension_count" },
        { rope_unknown, ADZE_EUNSUP, "rope_type" },
        { longrope_without_factors, ADZE_EFORMAT, "rope_factors_short.weight" },
        { value_length, ADZE_EUNSUP, "attention.value_length" },
        { no_embedding, ADZE_EFORMAT, "token_embd.weight" },
        { flat_embedding, ADZE_EFORMAT, "token_embd.weight" },
        { short_factors, ADZE_EFORMAT, "token_embd.weight" },
        { arch_is_number, ADZE_EFORMAT, "general.architecture" },
        { arch_unknown, ADZE_EUNSUP, "general.architecture" },
    };
    const az_arch *arch;
    adze_error err = { 0 };
    az_config c;
    adze_model *m = make_gguf();

    (void)state;
    assert_int_equal(az_arch_of(m, &arch, &c, &err), ADZE_OK);
    assert_true(c.rope.adjacent_pairs && c.tied && c.vocab == 100 && c.n_kv_heads == 8);
    adze_model_close(m);
    for (size_t i = 0; i < AZ_COUNT(bad); i++) {
        m = make_gguf();
        bad[i].spoil(m);
        err = (adze_error){ 0 };
        adze_status rc = az_arch_of(m, &arch, &c, &err);
        if (rc != bad[i].want || strcmp(err.name, bad[i].name) != 0 || !err.msg[0])
            fail_msg("case %zu: status %d, %s: %s", i, rc, err.name, err.msg);
        adze_model_close(m);
    }
}

static void unknown_architectures_list_the_known(void **state)
{
    const az_arch *arch;
    adze_error err = { 0 };
    az_config c;

    (void)state;
    configure("{\"model_type\":\"rwkv9\"}", &arch, &c, &err, NULL);
    assert_non_null(strstr(err.msg, "rwkv9"));
    for (size_t i = 0; az_archs[i]; i++)
        assert_non_null(strstr(err.msg, az_archs[i]->name));
}

/* Every tensor of the graph, under the source's names. */
static void add_tensors(adze_model *m, const az_arch *arch, const az_graph *g)
{
    char name[128];

    m->files = az_calloc(run, 1, sizeof *m->files);
    assert_non_null(m->files);
    m->files[0] = (az_model_file){ .path = "made.safetensors", .fd = -1, .size_bytes = 1u << 30 };
    m->n_files = 1;
    m->tensors = az_arena_array(&m->arena, (size_t)g->n_weights + 1, sizeof *m->tensors);
    for (int i = 0; i < g->n_weights; i++) {
        const az_graph_weight *w = &g->weights[i];
        const az_tensor_map *t;
        int layer = -1;
        for (t = arch->tensors; t->name; t++) {
            const char *hole = strstr(t->name, "{i}");
            layer = hole && strncmp(w->name, "blk.", 4) == 0 ? atoi(w->name + 4) : -1;
            if (hole ? layer >= 0 && strcmp(hole + 3, strchr(w->name + 4, '.')) == 0
                     : strcmp(t->name, w->name) == 0)
                break;
        }
        assert_non_null(t->name);
        const char *hole = strstr(t->hf, "{i}");
        if (hole)
            snprintf(name, sizeof name, "%.*s%d%s", (int)(hole - t->hf), t->hf, layer, hole + 3);
        else
            snprintf(name, sizeof name, "%s", t->hf);
        m->tensors[m->n_tensors++] = (az_tensor){ .name = az_arena_strdup(&m->arena, name),
                                                  .type = AZ_F32,
                                                  .n_dims = w->rows == 1 ? 1 : 2,
                                                  .shape = { w->rows == 1 ? w->cols : w->rows,
                                                             w->rows == 1 ? 1 : w->cols, 1, 1 },
                                                  .size_bytes = (uint64_t)(w->rows * w->cols * 4) };
    }
    assert_int_equal(az_model_finish(m, NULL), ADZE_OK);
}

static az_tensor *tensor(adze_model *m, const char *name)
{
    for (size_t i = 0; i < m->n_tensors; i++)
        if (strcmp(m->tensors[i].name, name) == 0) return &m->tensors[i];
    return NULL;
}

static void tensors_must_fit_the_config(void **state)
{
    const char *config = "{\"model_type\":\"qwen2\"," SIZES ",\"tie_word_embeddings\":true}";
    const char *q = "model.layers.1.self_attn.q_proj.weight";
    const az_arch *arch;
    az_arena arena;
    adze_error err = { 0 };
    adze_model *m;
    az_config c;
    az_graph g;
    char name[64];

    (void)state;
    az_arena_init(&arena, run);
    assert_int_equal(configure(config, &arch, &c, &err, &m), ADZE_OK);
    assert_int_equal(az_arch_build(arch, &c, &arena, &g, &err), ADZE_OK);
    add_tensors(m, arch, &g);
    assert_int_equal(az_arch_check(arch, m, &g, &err), ADZE_OK);
    assert_ptr_equal(az_arch_tensor(arch, m, "blk.1.attn_q.weight", NULL), tensor(m, q));
    assert_null(az_arch_tensor(arch, m, "blk.9.attn_q.weight", NULL));
    assert_null(az_arch_tensor(arch, m, "blk.01.attn_q.weight", NULL));
    assert_true(az_arch_canonical(arch, m, q, name, sizeof name, NULL));
    assert_string_equal(name, "blk.1.attn_q.weight");
    assert_false(
        az_arch_canonical(arch, m, "model.layers.x.mlp.up_proj.weight", name, sizeof name, NULL));

    tensor(m, q)->shape[0] = 32; /* both shapes are told */
    assert_int_equal(az_arch_check(arch, m, &g, &err), ADZE_EFORMAT);
    assert_string_equal(err.name, q);
    assert_non_null(strstr(err.msg, "[32, 64]"));
    assert_non_null(strstr(err.msg, "[64, 64]"));
    tensor(m, q)->shape[0] = 64;
    tensor(m, q)->name =
        "model.layers.1.self_attn.q_proj.weirdo"; /* keeps its place in the order */
    assert_int_equal(az_arch_check(arch, m, &g, &err), ADZE_EFORMAT);
    assert_string_equal(err.name, q);
    assert_non_null(strstr(err.msg, "missing"));
    tensor(m, "model.layers.1.self_attn.q_proj.weirdo")->name = q;
    m->tensors[m->n_tensors++] = (az_tensor){ .name = "model.layers.1.zzz.weight", .n_dims = 1 };
    assert_int_equal(az_model_finish(m, NULL), ADZE_OK);
    assert_int_equal(az_arch_check(arch, m, &g, &err), ADZE_EFORMAT);
    assert_string_equal(err.name, "model.layers.1.zzz.weight");
    tensor(m, "model.layers.1.zzz.weight")->name = "model.layers.2.self_attn.rotary_emb.inv_freq";
    assert_int_equal(az_model_finish(m, NULL), ADZE_OK);
    assert_int_equal(az_arch_check(arch, m, &g, &err), ADZE_OK);
    az_arena_deinit(&arena);
    m->files[0].fd = -1;
    adze_model_close(m);
}

/* A model of an unknown type whose tensors are all a known architecture's. */
static void the_nearest_is_offered(void **state)
{
    static const struct {
        const char *extra, *want; /* NULL: refused */
    } cases[] = {
        { "\"new\":1", "llama" },
        { "\"residual_multiplier\":0.5", "granite" },
        { "\"no_rope_layer_interval\":4", "smollm3" },
        { "\"conv_L_cache\":3", NULL }, /* only another architecture knows what that is */
        { "\"head_dim\":6", NULL },
    };
    const az_arch *arch, *llama = az_archs[0];
    char config[512];
    adze_error err = { 0 };
    adze_model *m, *known;
    az_arena arena;
    az_config c;
    az_graph g;

    (void)state;
    az_arena_init(&arena, run);
    assert_int_equal(configure("{\"model_type\":\"llama\"," SIZES "}", &arch, &c, &err, &known),
                     ADZE_OK);
    assert_int_equal(az_arch_build(arch, &c, &arena, &g, &err), ADZE_OK);
    for (size_t i = 0; i < AZ_COUNT(cases); i++) {
        snprintf(config, sizeof config, "{\"model_type\":\"zebra9\"," SIZES ",%s}", cases[i].extra);
        m = make_model(config);
        add_tensors(m, llama, &g);
        adze_status rc = az_arch_of(m, &arch, &c, &err);
        if (rc != (cases[i].want ? ADZE_OK : ADZE_EUNSUP))
            fail_msg("%s: status %d: %s", cases[i].extra, rc, err.msg);
        if (cases[i].want) {
            assert_string_equal(arch->name, cases[i].want);
            assert_non_null(m->warning);
            assert_non_null(strstr(m->warning, "zebra9"));
            assert_non_null(strstr(m->warning, cases[i].want));
        } else {
            assert_null(m->warning);
        }
        adze_model_close(m);
    }
    adze_model_close(known);
    az_arena_deinit(&arena);
}

static az_type all_q8(void *user, const char *name)
{
    (void)user;
    return strstr(name, "norm") ? AZ_F32 : AZ_Q8_0;
}

/* The walk against counts made by hand for a model of 3 layers, width 64, 8 heads of 8, 2 key heads. */
static void cost_counts_bytes_and_operations(void **state)
{
    const char *config = "{\"model_type\":\"llama\"," SIZES ",\"tie_word_embeddings\":true}";
    const az_arch *arch;
    az_arena arena;
    adze_error err = { 0 };
    az_config c;
    az_graph g;
    az_cost cost;
    az_cost_in in = { .type_of = all_q8, .n_tokens = 1, .n_past = 10, .n_logits = 1 };
    uint64_t layer = 64 * 64 + 2 * 16 * 64 + 64 * 64 + 3 * 96 * 64, bytes;

    (void)state;
    az_arena_init(&arena, run);
    assert_int_equal(configure(config, &arch, &c, &err, NULL), ADZE_OK);
    assert_int_equal(az_arch_build(arch, &c, &arena, &g, &err), ADZE_OK);
    assert_true(az_graph_weight_bytes(&g, &in, &bytes));
    assert_int_equal(bytes, (3 * layer + 100 * 64) / 32 * 34 + 7 * 64 * 4);
    assert_int_equal(az_graph_state_bytes_per_token(&g), 3 * 2 * 16 * 2);
    az_graph_cost(&g, &in, &cost);
    assert_int_equal(cost.op[AZ_OP_LINEAR].weight_bytes, (3 * layer + 100 * 64) / 32 * 34);
    assert_true(cost.op[AZ_OP_LINEAR].flops[AZ_ARITH_INT8] == 2.0 * (double)(3 * layer + 100 * 64));
    assert_int_equal(cost.op[AZ_OP_EMBED].weight_bytes, 64 / 32 * 34);
    assert_true(cost.op[AZ_OP_ATTENTION].flops[AZ_ARITH_F32] == 3 * 4.0 * 64 * 11);
    assert_int_equal(cost.op[AZ_OP_ATTENTION].state_bytes, 3 * 64 * (11 + 1));
    /* a prompt reads each matrix once, and only its last row goes through the end of the last layer */
    in.n_tokens = 8;
    in.n_past = 0;
    az_graph_cost(&g, &in, &cost);
    assert_int_equal(cost.op[AZ_OP_LINEAR].weight_bytes, (3 * layer + 100 * 64) / 32 * 34);
    assert_true(
        cost.op[AZ_OP_LINEAR].flops[AZ_ARITH_INT8] ==
        2.0 * (8.0 * (double)(2 * layer + 2 * 16 * 64) + (double)(layer - 2 * 16 * 64 + 100 * 64)));
    az_arena_deinit(&arena);
}

/* One token reads the experts that it takes; many read them all. */
static void cost_counts_active_experts(void **state)
{
    const char *config = "{\"model_type\":\"mixtral\"," SIZES ",\"num_local_experts\":8}";
    const az_arch *arch;
    az_arena arena;
    adze_error err = { 0 };
    az_config c;
    az_graph g;
    az_cost cost;
    az_cost_in in = { .type_of = all_q8, .n_tokens = 1, .n_past = 0, .n_logits = 1 };
    uint64_t expert = 3 * 96 * 64 / 32 * 34;

    (void)state;
    az_arena_init(&arena, run);
    assert_int_equal(configure(config, &arch, &c, &err, NULL), ADZE_OK);
    assert_int_equal(az_arch_build(arch, &c, &arena, &g, &err), ADZE_OK);
    az_graph_cost(&g, &in, &cost);
    assert_int_equal(cost.op[AZ_OP_EXPERTS].weight_bytes, 3 * 2 * expert);
    assert_true(cost.op[AZ_OP_EXPERTS].flops[AZ_ARITH_INT8] == 3 * 2 * 2.0 * 3 * 96 * 64);
    in.n_tokens = in.n_logits = 500;
    az_graph_cost(&g, &in, &cost);
    assert_true(cost.op[AZ_OP_EXPERTS].weight_bytes > 3 * 8 * expert * 99 / 100);
    assert_true(cost.op[AZ_OP_EXPERTS].weight_bytes <= 3 * 8 * expert);
    az_arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rope_frequencies_match_published_models),
        cmocka_unit_test(longrope_chooses_by_length),
        cmocka_unit_test(old_and_new_spelling_agree),
        cmocka_unit_test(classes_have_their_own_defaults),
        cmocka_unit_test(bad_configs_are_refused),
        cmocka_unit_test(bad_gguf_keys_are_refused),
        cmocka_unit_test(unknown_architectures_list_the_known),
        cmocka_unit_test(tensors_must_fit_the_config),
        cmocka_unit_test(the_nearest_is_offered),
        cmocka_unit_test(cost_counts_active_experts),
        cmocka_unit_test(cost_counts_bytes_and_operations),
    };
    int failed;

    if (adze_run_new(&run, NULL, NULL) != ADZE_OK) return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    adze_run_free(run);
    return failed;
}
