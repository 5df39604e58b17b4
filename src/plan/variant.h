/* What a candidate is made by: a recipe, and what is changed about it, as one line of text that the registry and the
 * report keep.
 *
 *   RECIPE[+imatrix][,PATTERN=TYPE]...      q4_k_m   q4_k_m+imatrix   q4_k_m,ffn_down=q6_k   mlx-4bit
 */
#ifndef AZ_PLAN_VARIANT_H
#define AZ_PLAN_VARIANT_H

#include "base/arena.h"
#include "job/convert.h"

enum { AZ_VARIANT_MAX = 160 }; /* bytes of the text */

typedef struct az_variant {
    const char *text;   /* in the arena, as the others */
    const char *recipe; /* of az_recipes or az_mlx_recipes */
    const char *format; /* "gguf" or "mlx" */
    bool importance;    /* with the importance matrix of the run */
    az_opt_list types;  /* PATTERN=TYPE each; a pattern holds no comma */
} az_variant;

/* ADZE_EINVAL says what is wrong with the text. */
adze_status az_variant_parse(az_variant *v, az_arena *a, const char *text, adze_error *err);
/* How it is converted; imatrix: file, used where v asks for it. */
az_convert_opts az_variant_opts(const az_variant *v, const char *imatrix);
/* Its name as part of a file's: the text, or where that holds bytes that file names should not, with others in their
 * place and a number that tells such texts apart. In the arena. */
const char *az_variant_file(const az_variant *v, az_arena *a);

#endif
