/* What decoders share: reading the usual keys, writing them to a GGUF, and the blocks of a graph. */
#ifndef AZ_ARCH_COMMON_H
#define AZ_ARCH_COMMON_H

#include "arch/arch.h"

/* Sizes, norm, rope, tying and biases of a GGUF, from either document; c is all zero before. */
void az_common_configure(az_doc *d, const az_arch *arch, az_config *c);
/* What must hold whatever the architecture. */
void az_common_check(az_doc *d, const az_config *c);

/* `sliding_window` under that key (def: missing in config.json; 0 for none), or a GGUF's. */
void az_read_window(az_doc *d, az_config *c, int64_t def);
/* Which layers have the window: layer_types (a GGUF: sliding_window_pattern) where it is given, else layers from
 * `from` on, but not every period-th (0: none is left out). */
void az_read_slides(az_doc *d, az_config *c, int64_t period, int64_t from);

/* The window of the qwen family: from layer max_window_layers on, or as layer_types says, where
 * use_sliding_window is set. */
void az_read_late_window(az_doc *d, az_config *c);

/* Keys of a mixture of experts and what config.json's leave out; *_key NULL: the other key's value. */
typedef struct az_moe_defaults {
    const char *experts_key;
    int64_t experts, used;
    const char *ff_key; /* NULL: intermediate_size */
    int64_t ff;
} az_moe_defaults;
void az_read_moe(az_doc *d, az_config *c, const az_moe_defaults *def, az_router router);
/* softmax, normalized when norm_topk_prob (its default `def`) says so. */
void az_read_moe_norm(az_doc *d, az_config *c, bool def);

/* Pooling, length and longest text of an encoder's embeddings: what sentence-transformers' documents say, or a
 * GGUF's key; else the mean, at length one. */
void az_read_pooling(az_doc *d, az_config *c);

/* general.architecture, sizes, rope, window and experts under the GGUF name of an architecture. */
adze_status az_common_gguf_keys(const char *name, const az_config *c, az_kvs *out, adze_error *err);
/* Helper: "prefix.key". false: out of memory. */
bool az_put_u32(az_kvs *out, const char *prefix, const char *key, int64_t v);
bool az_put_f32(az_kvs *out, const char *prefix, const char *key, double v);
bool az_put_str(az_kvs *out, const char *prefix, const char *key, const char *v);
bool az_put_bool(az_kvs *out, const char *prefix, const char *key, bool v);
bool az_put_flags(az_kvs *out, const char *prefix, const char *key, const bool *v, int n);
adze_status az_put_done(bool ok, adze_error *err);

/* Weights and what uses them: "blk.LAYER.WHAT.weight", or "WHAT.weight" outside the layers (-1). */
int az_block_norm(az_graph *g, const az_config *c, int layer, int x, const char *what);
int az_block_linear(az_graph *g, int layer, int x, const char *what, int64_t out, bool biased);
/* A decoder: embedding, layers of attention or convolution and feed-forward parts or experts, norm, output. */
adze_status az_build_decoder(const az_config *c, az_graph *g, adze_error *err);

/* Tensors under the names that most decoders use; an architecture's graph takes those that it has. */
extern const az_tensor_map az_decoder_tensors[];

#endif
