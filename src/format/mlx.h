/* MLX folders: a Hugging Face folder whose matrices may be quantized in groups. */
#ifndef AZ_FORMAT_MLX_H
#define AZ_FORMAT_MLX_H

#include "format/format.h"

typedef enum az_mlx_mode { AZ_MLX_AFFINE, AZ_MLX_MXFP4 } az_mlx_mode;

typedef struct az_mlx_recipe {
    az_recipe base; /* first: a plan's recipe points to it */
    az_mlx_mode mode;
    int bits, high_bits; /* high_bits: of sensitive tensors, 0: the same */
    int group;
} az_mlx_recipe;

#define AZ_MLX_DEFAULT "mlx-4bit"
extern const az_mlx_recipe az_mlx_recipes[]; /* ends with base.name NULL */
/* Case-insensitive; NULL: unknown, or name NULL. */
const az_mlx_recipe *az_mlx_recipe_find(const char *name);
/* ADZE_EINVAL when the mode has no such group. */
adze_status az_mlx_set_group(az_mlx_recipe *r, int group, adze_error *err);

/* parts_mlx.c: encoders of rows into weight, scales and biases. */
bool az_mlx_pack_affine(adze_run *run, const struct az_packing *p, const float *x, size_t n,
                        void *const *to);
bool az_mlx_pack_mxfp4(adze_run *run, const struct az_packing *p, const float *x, size_t n,
                       void *const *to);

#endif
