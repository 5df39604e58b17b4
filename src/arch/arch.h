/* An architecture: how a config becomes a graph, and how its tensors are called in each format.
 *
 * One file per architecture, one line in arch_list.c. Canonical tensor names are GGUF's
 * ("blk.0.attn_q.weight"); canonical values are Hugging Face's (rotary halves, no permutation), and
 * `gguf` says how a GGUF stores them instead.
 */
#ifndef AZ_ARCH_ARCH_H
#define AZ_ARCH_ARCH_H

#include "arch/doc.h"
#include "arch/hf_config.h"
#include "arch/rope.h"
#include "core/config.h"
#include "core/model.h"
#include "graph/graph.h"

/* What a GGUF does to a tensor, beside giving it another name. */
typedef enum az_transform {
    AZ_TR_NONE,
    AZ_TR_ROPE_Q, /* AZ_ARCH_PERMUTED: rows of each query head, GGUF row 2j+s = source row s*d/2+j */
    AZ_TR_ROPE_K, /* the same for key heads */
    AZ_TR_NORM,   /* AZ_ARCH_ADD_ONE: one is added */
    AZ_TR_ROWS    /* the first position_offset rows are left out */
} az_transform;

/* Which rows of a source tensor (of each expert's part of it) a canonical tensor takes. */
typedef enum az_pick {
    AZ_PICK_ALL,
    AZ_PICK_FIRST,  /* the first half */
    AZ_PICK_SECOND, /* the second half */
    AZ_PICK_EVEN,   /* rows 0, 2, 4, ...; of a bias: elements */
    AZ_PICK_ODD
} az_pick;

enum {
    AZ_TENSOR_F32 = 1,        /* always f32 in a GGUF though it is a matrix */
    AZ_TENSOR_TRANSPOSED = 2, /* the source holds each expert's matrix with columns for rows */
    AZ_TENSOR_BLOCKS = 4,     /* the source's name where it holds blocks of mxfp4 */
    AZ_TENSOR_MLX = 8,        /* what MLX folders call it: all experts in one tensor */
    AZ_TENSOR_TAPS = 16       /* of a convolution: [channels, 1, taps] in a folder */
};

/* Several rows may name the same canonical tensor: the first whose source a model has counts. */
typedef struct az_tensor_map {
    const char *name; /* canonical, "{i}" stands for the layer: "blk.{i}.attn_q.weight" */
    const char *hf;   /* "model.layers.{i}.self_attn.q_proj.weight"; "{e}": one tensor per expert */
    az_transform gguf;
    az_pick pick;
    unsigned flags; /* AZ_TENSOR_* */
} az_tensor_map;

/* What a class of transformers takes for keys that config.json leaves out. */
typedef struct az_defaults {
    int64_t vocab, hidden, ff, layers, heads, kv_heads; /* kv_heads 0: as heads */
    int64_t head_dim;                                   /* 0: hidden / heads */
    int64_t context;
    double eps;
    const char *eps_key; /* NULL: rms_norm_eps */
    bool tied;
    const char *activation; /* NULL: "silu" */
    az_rope_defaults rope;
} az_defaults;

enum {
    AZ_ARCH_PERMUTED =
        1,              /* a GGUF has the rows of q and k permuted for rotation of adjacent pairs */
    AZ_ARCH_ADD_ONE = 2 /* weights of norms are stored less one, but not in a GGUF */
};

typedef struct az_arch {
    const char *name;            /* "llama" */
    const char *const *hf_types; /* model_type values of config.json, NULL-terminated */
    const char *gguf_name;       /* general.architecture */
    unsigned flags;              /* AZ_ARCH_* */
    const az_defaults *defaults;
    const az_tensor_map *tensors; /* ends with name NULL */
    const char *const *prefixes;  /* that its names may have in config.json's format; NULL: none */
    const char *const *ignored;   /* parts of names that it has no use for; NULL: none */
    const char *const *hints;     /* config.json's keys that it alone reads; NULL: none */
    az_hf_form form;              /* how a folder of it is written */
    /* Read what is the architecture's own into c, where the common keys are already; fails stickily.
     * NULL: nothing. */
    void (*configure)(az_doc *d, az_config *c);
    /* Add to a GGUF's metadata what is not written for every decoder; NULL: nothing. */
    adze_status (*gguf_keys)(const az_config *c, az_kvs *out, adze_error *err);
    /* What a GGUF cannot tell other programs; may return NULL. NULL: az_arch_gguf_note's own. */
    const char *(*gguf_note)(const az_config *c);
    adze_status (*build)(const az_config *c, az_graph *g, adze_error *err); /* NULL: a decoder */
} az_arch;

extern const az_arch *const az_archs[]; /* NULL-terminated */

/* The architecture of a model and its checked config. A model_type that is not known is run as the nearest
 * architecture if its config and all its tensors fit one: m->warning then says which and why. Otherwise
 * ADZE_EUNSUP names the type. */
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

/* Which of the architectures that share arch's name in a GGUF a folder made of m is; arch where m is a folder. */
const az_arch *az_arch_of_folder(const az_arch *arch, const adze_model *m, const az_config *c);
/* config.json that says all that c does, without dtype and special ids; arch: az_arch_of_folder's. New reference.
 * ADZE_EUNSUP where its rope scaling has no such form. */
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

/* Where a canonical tensor comes from. */
typedef struct az_source {
    const az_tensor_map *map; /* NULL: the architecture has no such tensor */
    const az_tensor *t;       /* expert 0's where each has its own; NULL: the model has none */
    const char *prefix;
    int layer;
    bool by_expert; /* one tensor per expert */
} az_source;
az_source az_arch_source(const az_arch *arch, const adze_model *m, const char *canonical);
/* An expert's own tensor, or the one that all share; NULL: missing. */
const az_tensor *az_source_tensor(const az_source *s, const adze_model *m, int expert);

/* How the items (rows; elements of a vector that is picked from) of a canonical tensor lie in its source:
 * part_items for each of `parts` experts, item j of a part at first + step * j of part_stride. */
typedef struct az_items {
    int parts;
    int64_t part_items, part_stride, first, step;
    int64_t width; /* elements of an item */
} az_items;
az_items az_source_items(const az_source *s, const az_graph_weight *w);

/* Canonical name of a source tensor ("model.layers.3.mlp.up_proj.weight" -> "blk.3.ffn_up.weight"), in
 * `name`; false: not in the map. `map` (may be NULL) gets its entry. */
bool az_arch_canonical(const az_arch *arch, const adze_model *m, const char *source, char *name,
                       size_t size, const az_tensor_map **map);

/* The other way: the row by which a tensor of a canonical name is written to a checkpoint folder; NULL: not in the map.
 * as: AZ_TENSOR_MLX, AZ_TENSOR_BLOCKS (where it has such a name), or 0. */
const az_tensor_map *az_arch_row(const az_arch *arch, const char *canonical, unsigned as);
/* Name by that row, of an expert's own part where each has one. False: it does not fit. */
bool az_arch_source_name(const az_arch *arch, const az_tensor_map *row, const char *canonical,
                         int expert, char *name, size_t size);
/* Canonical name of the tensor that has the odd rows where a map's tensor has the even ones, for the same layer.
 * False: it has none. */
bool az_arch_other_half(const az_arch *arch, const az_tensor_map *map, const char *canonical,
                        char *name, size_t size);

/* Source tensor (expert 0's where each has its own) of a canonical name in m's own format; NULL: absent.
 * `map` (may be NULL) gets its entry.
 * The map's `gguf` transform applies when an HF source is written as GGUF (q with config n_heads, k with
 * n_kv_heads); a GGUF source is already stored that way. */
const az_tensor *az_arch_tensor(const az_arch *arch, const adze_model *m, const char *canonical,
                                const az_tensor_map **map);

#endif
