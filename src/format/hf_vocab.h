/* What the two files that make a tokenizer.json of a GGUF's tokenizer share. */
#ifndef AZ_FORMAT_HF_VOCAB_H
#define AZ_FORMAT_HF_VOCAB_H

#include "format/folder.h"
#include "text/tokenizer.h"

typedef struct az_hf_vocab {
    const az_plan *p;
    const char *kind; /* tokenizer.ggml.model: gpt2, llama, t5 or bert */
    const az_str *tokens, *merges;
    uint64_t n, n_merges;
    uint64_t n_model;     /* tokens from here on are added ones, which the model does not know */
    const int32_t *types; /* NULL: all normal */
    bool add_bos, add_eos, add_sep; /* where no key says */
    json_t *doc;                    /* tokenizer.json as it grows */
    json_t *added;                  /* text of an added token -> true when a merge names it */
    adze_error *err;
} az_hf_vocab;

adze_status az_hf_vocab_bad(const az_hf_vocab *v, const char *key, const char *what);
int az_hf_vocab_type(const az_hf_vocab *v, uint64_t id); /* AZ_TT_* */
/* Text of a token as tokenizer.json spells it, into b; bert's differ from a GGUF's. */
void az_hf_vocab_text(const az_hf_vocab *v, uint64_t id, az_buf *b);

/* v->doc of llama, t5 and bert without a pipeline that a tokenizer.json can hold; kept: what adze kept of a
 * tokenizer.model, or NULL. */
adze_status az_hf_vocab_pipeline(az_hf_vocab *v, const json_t *kept);
/* model.merges of llama from its scores, where the GGUF has no merges. */
adze_status az_hf_vocab_merges(az_hf_vocab *v, json_t *model);
/* model.vocab of t5: tokens with their scores. */
adze_status az_hf_vocab_scores(az_hf_vocab *v, json_t *model);

#endif
