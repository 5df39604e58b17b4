/* The tokenizer of a Hugging Face folder, whichever files it is in. */
#ifndef AZ_FORMAT_HF_TOKENIZER_H
#define AZ_FORMAT_HF_TOKENIZER_H

#include "core/model.h"

/* Fill m->tok from tokenizer.json, else tokenizer.model (or spiece.model), else vocab.json and merges.txt, else
 * vocab.txt; nothing where none of them is there. m->tok.hf_config was read before. */
adze_status az_hf_read_tokenizer(adze_model *m, adze_error *err);
/* Does the folder have any of those files? */
bool az_hf_has_tokenizer(adze_run *run, const char *dir);

/* Is a path named like one of those files? */
bool az_hf_is_tokenizer(const char *path);
/* A model that is nothing but the tokenizer of that one file, with what tokenizer_config.json, added_tokens.json and
 * merges.txt beside it say. */
adze_status az_hf_open_tokenizer(adze_model **out, adze_run *run, const char *path,
                                 adze_error *err);

#endif
