/* The graph of a decoder, by its config: pre-norm residual blocks of attention (or a short convolution) and a
 * gated feed-forward part (or experts).
 */
#include "arch/common.h"

static int weight(az_graph *g, int layer, const char *what, int64_t rows, int64_t cols)
{
    return layer < 0 ? az_graph_weight_at(g, rows, cols, "%s.weight", what)
                     : az_graph_weight_at(g, rows, cols, "blk.%d.%s.weight", layer, what);
}

static int bias(az_graph *g, int layer, const char *what, int64_t n)
{
    return layer < 0 ? az_graph_weight_at(g, 1, n, "%s.bias", what)
                     : az_graph_weight_at(g, 1, n, "blk.%d.%s.bias", layer, what);
}

static int64_t width_of(const az_graph *g, int x)
{
    return g->failed || x < 0 ? 0 : g->nodes[x].width;
}

int az_block_norm(az_graph *g, const az_config *c, int layer, int x, const char *what)
{
    int64_t n = width_of(g, x);
    int w = weight(g, layer, what, 1, n);

    return az_graph_norm(g, layer, x, c->norm, w,
                         c->norm == AZ_NORM_LAYER ? bias(g, layer, what, n) : -1, c->norm_eps);
}

int az_block_linear(az_graph *g, int layer, int x, const char *what, int64_t out, bool biased)
{
    int w = weight(g, layer, what, out, width_of(g, x));

    return az_graph_linear(g, layer, x, w, biased ? bias(g, layer, what, out) : -1);
}

/* Norm and clamp of q or k, of v only the clamp. */
static int shape_head(az_graph *g, const az_config *c, int layer, int x, const char *norm)
{
    int64_t n = c->qk_norm == AZ_QK_HEAD ? c->head_dim : width_of(g, x);

    if (norm && c->qk_norm != AZ_QK_NONE)
        x = az_graph_norm(g, layer, x, AZ_NORM_RMS, weight(g, layer, norm, 1, n), -1, c->norm_eps);
    if (x >= 0) g->nodes[x].clamp = c->clip_qkv;
    return x;
}

static int rotate(az_graph *g, const az_config *c, int layer, int x, int n_heads, bool slides)
{
    if (c->no_rope && c->no_rope[layer]) return x;
    return az_graph_rope(g, layer, x, n_heads, c->head_dim, slides && c->has_rope_sliding);
}

/* x + what the block made of it, normalized once more where the architecture does. */
static int join(az_graph *g, const az_config *c, int layer, int x, int y, const char *norm)
{
    if (c->post_norms) y = az_block_norm(g, c, layer, y, norm);
    return az_graph_add(g, layer, x, y, c->residual_scale);
}

static int block_attention(az_graph *g, const az_config *c, int layer, int x)
{
    int64_t q_width = (int64_t)c->n_heads * c->head_dim;
    int64_t kv_width = (int64_t)c->n_kv_heads * c->head_dim;
    bool slides = c->window && (!c->slides || c->slides[layer]);
    int state = az_graph_state_kv(g, layer, c->n_kv_heads, c->head_dim, slides ? c->window : 0);
    int n = az_block_norm(g, c, layer, x, "attn_norm"), q, k, v, y;
    az_node *last;

    if (c->fused_qkv) {
        y = az_block_linear(g, layer, n, "attn_qkv", q_width + 2 * kv_width, false);
        q = az_graph_slice(g, layer, y, 0, q_width);
        k = az_graph_slice(g, layer, y, q_width, kv_width);
        v = az_graph_slice(g, layer, y, q_width + kv_width, kv_width);
    } else {
        q = az_block_linear(g, layer, n, "attn_q", q_width, c->bias_q);
        k = az_block_linear(g, layer, n, "attn_k", kv_width, c->bias_k);
        v = az_block_linear(g, layer, n, "attn_v", kv_width, c->bias_v);
        v = shape_head(g, c, layer, v, NULL);
        q = shape_head(g, c, layer, q, "attn_q_norm");
        k = shape_head(g, c, layer, k, "attn_k_norm");
    }
    q = rotate(g, c, layer, q, c->n_heads, slides);
    k = rotate(g, c, layer, k, c->n_kv_heads, slides);
    y = az_graph_attention(g, layer, q, k, v, state, c->n_heads, c->attn_scale);
    last = az_graph_last(g);
    if (last) last->softcap = c->attn_softcap;
    if (c->sinks) az_graph_sinks(g, weight(g, layer, "attn_sinks", 1, c->n_heads));
    y = az_block_linear(g, layer, y, "attn_output", c->hidden, c->bias_o);
    return join(g, c, layer, x, y, "post_attention_norm");
}

static int block_conv(az_graph *g, const az_config *c, int layer, int x)
{
    int state = az_graph_state_conv(g, layer, c->conv_kernel, c->hidden);
    int n = az_block_norm(g, c, layer, x, "attn_norm");
    int y = az_block_linear(g, layer, n, "shortconv.in_proj", 3 * (int64_t)c->hidden, c->bias_conv);
    int w = weight(g, layer, "shortconv.conv", c->hidden, c->conv_kernel);

    y = az_graph_conv(g, layer, y, state, w,
                      c->bias_conv ? bias(g, layer, "shortconv.conv", c->hidden) : -1);
    y = az_block_linear(g, layer, y, "shortconv.out_proj", c->hidden, c->bias_conv);
    return join(g, c, layer, x, y, "post_attention_norm");
}

static int feed_forward(az_graph *g, const az_config *c, int layer, int n)
{
    int gate, up, y;

    if (c->fused_gate_up) {
        y = az_block_linear(g, layer, n, "ffn_up", 2 * (int64_t)c->ff, false);
        gate = az_graph_slice(g, layer, y, 0, c->ff);
        up = az_graph_slice(g, layer, y, c->ff, c->ff);
    } else {
        gate = az_block_linear(g, layer, n, "ffn_gate", c->ff, c->bias_mlp);
        up = az_block_linear(g, layer, n, "ffn_up", c->ff, c->bias_mlp);
    }
    y = az_graph_activation(g, layer, c->activation, gate, up);
    return az_block_linear(g, layer, y, "ffn_down", c->hidden, c->bias_mlp);
}

static int expert_linear(az_graph *g, const az_config *c, int layer, int x, int router,
                         const char *what, int64_t out)
{
    int w = az_graph_experts_at(g, c->n_experts, out, width_of(g, x), "blk.%d.%s_exps.weight",
                                layer, what);

    return az_graph_experts(g, layer, x, router, w,
                            c->bias_experts
                                ? az_graph_experts_at(g, c->n_experts, 1, out,
                                                      "blk.%d.%s_exps.bias", layer, what)
                                : -1);
}

static int mixture(az_graph *g, const az_config *c, int layer, int n)
{
    int r = az_block_linear(g, layer, n, "ffn_gate_inp", c->n_experts, c->bias_experts);
    int gate, up, y;

    r = az_graph_router(g, layer, r, c->router, c->n_experts_used, c->router_jitter);
    gate = expert_linear(g, c, layer, n, r, "ffn_gate", c->expert_ff);
    up = expert_linear(g, c, layer, n, r, "ffn_up", c->expert_ff);
    y = az_graph_activation(g, layer, c->activation, gate, up);
    y = expert_linear(g, c, layer, y, r, "ffn_down", c->hidden);
    return az_graph_mix(g, layer, y, r);
}

static int block_ffn(az_graph *g, const az_config *c, int layer, int x)
{
    int n = az_block_norm(g, c, layer, x, c->ffn_norm ? c->ffn_norm : "ffn_norm");
    bool experts = c->n_experts && !(c->dense && c->dense[layer]);
    int y = experts ? mixture(g, c, layer, n) : feed_forward(g, c, layer, n);

    return join(g, c, layer, x, y, "post_ffw_norm");
}

adze_status az_build_decoder(const az_config *c, az_graph *g, adze_error *err)
{
    int embd = az_graph_weight_at(g, c->vocab, c->hidden, "token_embd.weight");
    int x = az_graph_embed(g, embd, AZ_EMBED_TOKEN, c->embed_scale), out;
    az_node *last;

    for (int i = 0; i < c->n_layers && !g->failed; i++) {
        x = c->convolves && c->convolves[i] ? block_conv(g, c, i, x) : block_attention(g, c, i, x);
        x = block_ffn(g, c, i, x);
    }
    x = az_block_norm(g, c, -1, x, c->output_norm ? c->output_norm : "output_norm");
    out = c->tied ? embd : weight(g, -1, "output", c->vocab, c->hidden);
    x = az_graph_linear(g, -1, x, out, c->bias_output ? bias(g, -1, "output", c->vocab) : -1);
    last = az_graph_last(g);
    if (last) {
        last->scale = c->logit_scale;
        last->softcap = c->logit_softcap;
    }
    az_graph_output(g, x);
    return az_graph_status(g, err);
}
