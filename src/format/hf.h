/* The Hugging Face folder's reader and writer, and what MLX's folder shares with them. */
#ifndef AZ_FORMAT_HF_H
#define AZ_FORMAT_HF_H

#include "format/format.h"

adze_status az_hf_assign(az_plan *p, adze_error *err);
adze_status az_hf_plan(adze_run *run, adze_model *m, const az_recipe *r, az_plan **out,
                       adze_error *err);
adze_status az_hf_write(adze_run *run, az_plan *p, const char *dst, adze_error *err);

/* hf_sentence.c: the documents of a sentence-transformers folder, into m->sentence; none is fine. */
adze_status az_hf_read_sentence(adze_model *m, adze_error *err);
struct az_folder;
/* The same into a folder that is written; an encoder without any gets those that say what it does. */
adze_status az_hf_add_sentence(struct az_folder *f, adze_error *err);

/* config's "dtype" or "torch_dtype", whichever it has. */
void az_hf_set_dtype(json_t *config, az_type t);

#endif
