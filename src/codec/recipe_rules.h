/* Shape of the recipe tables; only recipe.c and recipe_tables.c include it. */
#ifndef AZ_CODEC_RECIPE_RULES_H
#define AZ_CODEC_RECIPE_RULES_H

#include "codec/recipe.h"

typedef enum az_recipe_kind {
    AZ_KIND_OTHER,
    AZ_KIND_ATTN_V, /* values, alone or fused with queries and keys */
    AZ_KIND_ATTN_K,
    AZ_KIND_ATTN_Q,
    AZ_KIND_ATTN_O,
    AZ_KIND_FFN_DOWN,
    AZ_KIND_FFN_UP,
    AZ_KIND_FFN_GATE,
    AZ_KIND_EMBD, /* where the output matrix is another */
    AZ_KIND_COUNT
} az_recipe_kind;

/* i counts the tensors of one kind in order of (layer, name); n is how many there are, for the feed-forward
 * kinds the number of layers; with experts, i of those is the layer. */
typedef enum az_recipe_when {
    AZ_WHEN_NEVER, /* ends the table */
    AZ_WHEN_ALWAYS,
    AZ_WHEN_SPREAD,     /* first and last eighth, and every third between */
    AZ_WHEN_FIRST_2,    /* i < 2 */
    AZ_WHEN_FIRST_4,    /* i < 4 */
    AZ_WHEN_FIRST_8TH,  /* i < n / 8 */
    AZ_WHEN_FIRST_16TH, /* i < n / 16 */
    AZ_WHEN_MIDDLE,     /* n / 8 <= i < 7 * n / 8 */
    AZ_WHEN_8_EXPERTS,
    AZ_WHEN_NOT_8_EXPERTS,
    AZ_WHEN_8_EXPERTS_SPREAD,
    AZ_WHEN_GROUPS, /* at least 4 query heads for each key head */
    AZ_WHEN_GROUPS_OR_4_EXPERTS,
    AZ_WHEN_70B, /* models whose value matrices are small beside the rest: 80 layers, grouped heads */
    AZ_WHEN_NO_IMATRIX,
    AZ_WHEN_FIRST_8TH_NO_IMATRIX,
    AZ_WHEN_FIRST_8TH_IMATRIX
} az_recipe_when;

typedef struct az_recipe_kind_name {
    const char *part;
    az_recipe_kind kind;
} az_recipe_kind_name;

typedef struct az_recipe_rule {
    const char
        *recipes; /* names with a space on both sides; NULL: every quantizing one that is not low */
    az_recipe_kind kind;
    az_recipe_when when;
    az_type from, to;
} az_recipe_rule;

typedef struct az_recipe_fallback {
    az_type from, to;
} az_recipe_fallback;

typedef struct az_recipe_alias {
    const char *name, *recipe;
} az_recipe_alias;

extern const az_recipe_alias az_recipe_aliases[]; /* ends with name NULL */
extern const char *const az_recipe_kept_f32[];    /* parts of names; ends with NULL */
extern const az_recipe_kind_name az_recipe_kind_names[];
extern const az_recipe_rule az_recipe_rules[];
extern const az_recipe_fallback az_recipe_fallbacks[];

#endif
