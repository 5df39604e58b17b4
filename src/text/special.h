/* Named special tokens of a Hugging Face folder, as transformers gives them to chat templates. */
#ifndef AZ_TEXT_SPECIAL_H
#define AZ_TEXT_SPECIAL_H

#include "base/json.h"

enum { AZ_SPECIAL_NAMES = 7 };
/* "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token" */
extern const char *const az_special_names[AZ_SPECIAL_NAMES];

/* Names and texts from tokenizer_config.json, special_tokens_map.json (either may be NULL) and the defaults of the class
 * that the config names: a new object; NULL: out of memory. */
json_t *az_special_tokens(const json_t *config, const json_t *map);

/* add_bos_token and add_eos_token of tokenizer_config.json; false: neither is given, or the folder has a tokenizer.json
 * (`is_json`), whose post-processor says it, whatever the config says. */
bool az_special_flags(const json_t *config, bool is_json, bool *bos, bool *eos);

#endif
