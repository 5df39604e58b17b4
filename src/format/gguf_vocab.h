/* tokenizer.json to the arrays and flags that a GGUF holds. */
#ifndef AZ_FORMAT_GGUF_VOCAB_H
#define AZ_FORMAT_GGUF_VOCAB_H

#include "format/format.h"

/* Put tokenizer.* keys for m's Hugging Face tokenizer into p->kv; n_rows: rows of the embedding, which the
 * vocabulary is padded to. All kinds that adze reads (docs/tokenizers.md). */
adze_status az_gguf_put_vocab(az_plan *p, int64_t n_rows, adze_error *err);

#endif
