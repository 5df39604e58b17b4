/* An architecture: how a config becomes a graph, and how its tensors are called in each format.
 *
 * One file per architecture, one line in arch_list.c. Canonical tensor names are GGUF's
 * ("blk.0.attn_q.weight"); canonical values are Hugging Face's (rotary halves, no permutation), and
 * `gguf` says how a GGUF stores them instead.
 */
#ifndef AZ_ARCH_ARCH_H
#define AZ_ARCH_ARCH_H

#include "core/config.h"
#include "core/model.h"
#include "graph/graph.h"

typedef enum az_transform {
    AZ_TR_NONE,
    AZ_TR_ROPE_Q, /* rows of each query head permuted: GGUF row 2j+s = source row s*d/2+j */
    AZ_TR_ROPE_K  /* the same for key heads */
} az_transform;

enum { AZ_TENSOR_OPTIONAL = 1, AZ_TENSOR_F32 = 2 };

typedef struct az_tensor_map {
    const char *name; /* canonical, "{i}" stands for the layer: "blk.{i}.attn_q.weight" */
    const char *hf;   /* "model.layers.{i}.self_attn.q_proj.weight" */
    az_transform gguf;
    unsigned flags; /* AZ_TENSOR_* */
} az_tensor_map;

typedef struct az_arch {
    const char *name;             /* "llama" */
    const char *const *hf_types;  /* model_type values of config.json, NULL-terminated */
    const char *gguf_name;        /* general.architecture */
    const az_tensor_map *tensors; /* ends with name NULL */
    /* Read the model's document (model->config or model->kv) into c; checks ranges. */
    adze_status (*configure)(adze_model *m, az_config *c, adze_error *err);
    /* Add to a GGUF's metadata what az_arch_gguf_keys does not write for every decoder; NULL: nothing. */
    adze_status (*gguf_keys)(const az_config *c, az_kvs *out, adze_error *err);
    adze_status (*build)(const az_config *c, az_graph *g, adze_error *err);
} az_arch;

extern const az_arch *const az_archs[]; /* NULL-terminated */

/* The architecture of a model and its checked config. ADZE_EUNSUP names the type that is not known. */
adze_status az_arch_of(adze_model *m, const az_arch **arch, az_config *c, adze_error *err);

/* What a GGUF of this architecture cannot tell other programs (a sliding window in arch llama, ...); NULL:
 * nothing. adze itself reads it back. For a warning when converting. */
const char *az_arch_gguf_note(const az_arch *arch, const az_config *c);

/* Put general.architecture and the architecture's own keys into a GGUF's metadata (out->arena is used). */
adze_status az_arch_gguf_keys(const az_arch *arch, const az_config *c, az_kvs *out,
                              adze_error *err);

/* Build the graph in `arena`. Its weights, in order, are the tensors that a complete file of this model
 * holds under canonical names (a tied model has no output.weight); az_arch_extra_tensors adds the rest. */
adze_status az_arch_build(const az_arch *arch, const az_config *c, az_arena *arena, az_graph *g,
                          adze_error *err);

/* Every weight of the graph is there with its shape, and every tensor of the model is known and used (old
 * buffers such as rotary_emb.inv_freq aside). ADZE_EFORMAT with the tensor's name and both shapes. */
adze_status az_arch_check(const az_arch *arch, const adze_model *m, const az_graph *g,
                          adze_error *err);

/* config.json of a model that was read from a GGUF's keys, without dtype and special ids. New reference.
 * ADZE_EUNSUP where the architecture or its rope scaling has no such form. */
adze_status az_arch_hf_config(const az_arch *arch, const adze_model *m, const az_config *c,
                              json_t **out, adze_error *err);
/* The shortest decimal that gives the same f32 back. */
json_t *az_json_f32(double v);

/* A tensor that a GGUF holds but no weight of the graph: rope_freqs.weight (llama3 rope),
 * rope_factors_long.weight and rope_factors_short.weight (longrope). Always f32, one dimension. */
typedef struct az_extra_tensor {
    const char *name;
    int64_t n;
    const float *data; /* [n] in the model's arena */
} az_extra_tensor;
enum { AZ_MAX_EXTRA = 2 };
/* Made from the config whatever the source's format; *n is 0 for most models. out: [AZ_MAX_EXTRA]. */
adze_status az_arch_extra_tensors(const az_arch *arch, adze_model *m, const az_config *c,
                                  az_extra_tensor *out, size_t *n, adze_error *err);

/* Canonical name of a source tensor ("model.layers.3.mlp.up_proj.weight" -> "blk.3.ffn_up.weight"), in
 * `name`; false: not in the map. `map` (may be NULL) gets its entry. */
bool az_arch_canonical(const az_arch *arch, const adze_model *m, const char *source, char *name,
                       size_t size, const az_tensor_map **map);

/* The other way: name in a checkpoint folder of a canonical name. False: not in the map. */
bool az_arch_source_name(const az_arch *arch, const char *canonical, char *name, size_t size,
                         const az_tensor_map **map);

/* Source tensor of a canonical name in m's own format; NULL: absent. `map` (may be NULL) gets its entry.
 * The map's `gguf` transform applies when an HF source is written as GGUF (q with config n_heads, k with
 * n_kv_heads); a GGUF source is already stored that way. */
const az_tensor *az_arch_tensor(const az_arch *arch, const adze_model *m, const char *canonical,
                                const az_tensor_map **map);

#endif
