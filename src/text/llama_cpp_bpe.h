/* How llama.cpp splits text for byte-level BPE. */
#ifndef AZ_TEXT_LLAMA_CPP_BPE_H
#define AZ_TEXT_LLAMA_CPP_BPE_H

#include "text/tokenizer.h"

/* The name that stands for all that mean the same; "": adze does not have it; NULL: llama.cpp does not. `name` NULL:
 * the key is missing. */
const char *az_llama_pre_family(const char *name);
/* A family's pipeline as tokenizer.json spells one, without a normalizer; NULL: adze does not have it. *add_bos: does it
 * add a BOS where no key says so? New reference. */
json_t *az_llama_pre_pipeline(const char *family, bool *add_bos);

#endif
