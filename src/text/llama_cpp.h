/* How llama.cpp reads the tokenizer of a GGUF: from the keys that it knows, by its own rules.
 *
 * For proofs: adze itself reads the file through its own keys, which say more. Rules: llama.cpp's llama-vocab.cpp and
 * unicode.cpp, 2026-08-18.
 */
#ifndef AZ_TEXT_LLAMA_CPP_H
#define AZ_TEXT_LLAMA_CPP_H

#include "text/tokenizer.h"

typedef struct az_llama_tok az_llama_tok;

/* m: a GGUF; stays open meanwhile. ADZE_EFORMAT: llama.cpp refuses the file. ADZE_EUNSUP: it knows the name of the
 * pre-tokenizer, adze does not know the pattern. *out is NULL then. */
adze_status az_llama_tok_new(az_llama_tok **out, adze_run *run, const adze_model *m,
                             adze_error *err);
void az_llama_tok_free(az_llama_tok *t);
/* As adze_tokenize, with special tokens recognized in the text. Free with az_free. */
adze_status az_llama_tok_encode(const az_llama_tok *t, const char *text, size_t n, bool add_special,
                                int32_t **ids, size_t *n_ids, adze_error *err);

/* Does it look for this token in the text, before anything else? */
bool az_llama_tok_marks(const az_llama_tok *t, int32_t id);

/* Do two names of tokenizer.ggml.pre mean the same? NULL: the key is missing. */
bool az_llama_pre_same(const char *a, const char *b);

#endif
