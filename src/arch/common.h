/* What decoders share: reading the usual keys, writing them to a GGUF, and the blocks of a graph. */
#ifndef AZ_ARCH_COMMON_H
#define AZ_ARCH_COMMON_H

#include "arch/arch.h"
#include "arch/doc.h"
#include "arch/rope.h"

/* What a class of transformers takes for keys that config.json leaves out. */
typedef struct az_decoder_defaults {
    int64_t vocab, hidden, ff, layers, heads, kv_heads; /* kv_heads 0: as heads */
    int64_t context;
    double eps;
    az_rope_defaults rope;
} az_decoder_defaults;

/* Sizes, norm, rope and tying of a decoder, from either document. Biases and windows are the caller's.
 * d is initialised here; the caller goes on reading with it and returns d->rc. */
adze_status az_decoder_configure(az_doc *d, adze_model *m, const char *gguf_name,
                                 const az_decoder_defaults *def, az_config *c, adze_error *err);
/* Biases of a GGUF: those whose tensors are in layer 0. */
void az_decoder_gguf_biases(const az_doc *d, az_config *c);

/* general.architecture, sizes, rope and window under the GGUF name of an architecture. */
adze_status az_decoder_gguf_keys(const char *name, const az_config *c, az_kvs *out,
                                 adze_error *err);
/* Helper: "prefix.key". false: out of memory. */
bool az_put_u32(az_kvs *out, const char *prefix, const char *key, int64_t v);
bool az_put_f32(az_kvs *out, const char *prefix, const char *key, double v);
bool az_put_str(az_kvs *out, const char *prefix, const char *key, const char *v);

/* x + attention(norm(x)) with separate q, k, v, or one fused attn_qkv (rows q, then k, then v). */
int az_block_attention(az_graph *g, const az_config *c, int layer, int x, bool fused);
/* x + down(silu(gate) * up) of norm(x), with gate and up apart, or fused in ffn_up (rows gate, then up). */
int az_block_gated_ffn(az_graph *g, const az_config *c, int layer, int x, bool fused);
/* Embedding, all layers of the two blocks, final norm, output. */
adze_status az_build_decoder(const az_config *c, az_graph *g, bool fused, adze_error *err);

/* llama's tensors; mistral's are the same. */
extern const az_tensor_map az_llama_tensors[];

#endif
