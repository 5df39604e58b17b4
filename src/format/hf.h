/* The Hugging Face folder's reader and writer, and what MLX's folder shares with them. */
#ifndef AZ_FORMAT_HF_H
#define AZ_FORMAT_HF_H

#include "format/format.h"

adze_status az_hf_assign(az_plan *p, adze_error *err);
adze_status az_hf_plan(adze_run *run, adze_model *m, const az_recipe *r, az_plan **out,
                       adze_error *err);
adze_status az_hf_write(adze_run *run, az_plan *p, const char *dst, adze_error *err);

/* config's "dtype" or "torch_dtype", whichever it has. */
void az_hf_set_dtype(json_t *config, az_type t);

#endif
