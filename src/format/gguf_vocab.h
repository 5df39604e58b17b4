/* tokenizer.json to the arrays and flags that a GGUF holds. */
#ifndef AZ_FORMAT_GGUF_VOCAB_H
#define AZ_FORMAT_GGUF_VOCAB_H

#include "format/format.h"

/* Put tokenizer.* keys for m's Hugging Face tokenizer into p->kv; n_rows: rows of the embedding, which the
 * vocabulary is padded to. Only byte-level BPE can be written. */
adze_status az_gguf_put_vocab(az_plan *p, int64_t n_rows, adze_error *err);

/* gguf_pre_tables.c: the name that llama.cpp gives to a pre-tokenizer. `signature` is its steps joined by
 * newlines (see gguf_vocab.c). NULL: not known. */
typedef struct az_gguf_pre {
    const char *name; /* tokenizer.ggml.pre */
    const char *signature;
    bool ignore_merges;
} az_gguf_pre;
extern const az_gguf_pre az_gguf_pres[]; /* ends with name NULL */

#endif
