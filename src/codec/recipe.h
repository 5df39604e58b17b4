/* Recipes: which type each tensor gets, by the choices that llama-quantize's users expect. */
#ifndef AZ_CODEC_RECIPE_H
#define AZ_CODEC_RECIPE_H

#include "base/run.h"
#include "core/type.h"

typedef struct az_recipe {
    const char *name; /* "q4_k_m" */
    const char *summary;
    az_type base;        /* type of most weights */
    uint32_t gguf_ftype; /* general.file_type */
} az_recipe;

/* Case-insensitive; NULL: unknown. */
const az_recipe *az_recipe_find(const char *name);
extern const az_recipe az_recipes[]; /* ends with name NULL */

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
} az_recipe_tensor;

/* Fill `out` and `fallback` of each tensor, whatever the order of t. Tensors that no recipe quantizes
 * (norms, biases, routers, ...) become f32. ADZE_EUNSUP names a tensor that no rule allows. */
adze_status az_recipe_assign(adze_run *run, const az_recipe *r, const az_recipe_model *m,
                             az_recipe_tensor *t, size_t n, adze_error *err);

#endif
