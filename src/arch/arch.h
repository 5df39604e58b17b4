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
    /* Put the architecture's own keys ("llama.block_count", ...) into a GGUF's metadata. */
    adze_status (*gguf_keys)(const adze_model *m, const az_config *c, az_kvs *out, adze_error *err);
    adze_status (*build)(const az_config *c, az_graph *g, adze_error *err);
} az_arch;

extern const az_arch *const az_archs[]; /* NULL-terminated */

/* The architecture of a model and its checked config. ADZE_EUNSUP names the type that is not known. */
adze_status az_arch_of(adze_model *m, const az_arch **arch, az_config *c, adze_error *err);

/* Source tensor of a canonical name in m's own format; NULL: absent. `map` (may be NULL) gets its entry. */
const az_tensor *az_arch_tensor(const az_arch *arch, const adze_model *m, const char *canonical,
                                const az_tensor_map **map);

#endif
