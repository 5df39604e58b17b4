/* Recipes: which type each tensor gets, by the choices that llama-quantize's users expect. */
#ifndef AZ_CODEC_RECIPE_H
#define AZ_CODEC_RECIPE_H

#include "base/run.h"
#include "codec/importance.h"
#include "core/type.h"

typedef struct az_recipe {
    const char *name; /* "q4_k_m" */
    const char *summary;
    az_type base;        /* type of most weights */
    uint32_t gguf_ftype; /* general.file_type */
    /* What the user asked for besides, in a copy of a recipe of the list; NULL: nothing. */
    const struct az_recipe_changes *changes;
} az_recipe;

/* Case-insensitive; NULL: unknown. */
const az_recipe *az_recipe_find(const char *name);
/* False: the recipe wants weights of a type that adze only reads. */
bool az_recipe_writable(const az_recipe *r);
extern const az_recipe az_recipes[]; /* ends with name NULL */

/* Tensors whose names hold a match of `pattern` (PCRE2, as std::regex_search would) get `type`. */
typedef struct az_type_override {
    const char *pattern;
    az_type type;
} az_type_override;

/* As llama-quantize's options of these names. AZ_TYPE_COUNT: not given. */
typedef struct az_recipe_changes {
    const az_type_override *overrides; /* the first that matches decides */
    size_t n_overrides;
    az_type output_type, embedding_type;
    bool leave_output;               /* output.weight keeps its type */
    bool pure;                       /* the base type everywhere, no rules */
    const az_importance *importance; /* NULL: none; borrowed */
} az_recipe_changes;

/* What the rules look at. */
typedef struct az_recipe_model {
    const char *arch; /* GGUF architecture name */
    int n_layers, n_heads, n_kv_heads, n_experts;
} az_recipe_model;

typedef struct az_recipe_tensor {
    const char *name; /* GGUF name, "blk.0.attn_q.weight" */
    int n_dims;
    int64_t shape[4]; /* row-major; the last one is contiguous */
    az_type type;     /* as stored */
    az_type out;      /* result */
    bool fallback;    /* result: the shape did not allow the rule's type */
    bool manual;      /* result: the type is the user's, not the recipe's */
} az_recipe_tensor;

/* Fill `out` and `fallback` of each tensor, whatever the order of t. Tensors that no recipe quantizes
 * (norms, biases, routers, ...) become f32. ADZE_EUNSUP names a tensor that no rule allows; ADZE_EINVAL a change
 * that applies to no tensor or cannot be read. */
adze_status az_recipe_assign(adze_run *run, const az_recipe *r, const az_recipe_model *m,
                             az_recipe_tensor *t, size_t n, adze_error *err);

#endif
