/* What GGUF files of SentencePiece, Unigram and WordPiece vocabularies hold besides tokens and types. */
#ifndef AZ_FORMAT_GGUF_VOCAB_KINDS_H
#define AZ_FORMAT_GGUF_VOCAB_KINDS_H

#include "format/format.h"

/* Types of the byte tokens and of the unknown token; doc: tokenizer.json; kind: llama.cpp's name of it. */
void az_gguf_mark_tokens(const json_t *doc, const char *kind, const az_str *tokens, int32_t *types,
                         size_t n);
/* Text that BERT gives the special token "cls", "sep", ...; NULL: none of that name. */
const char *az_gguf_bert_special(const char *name);
/* Scores, flags and the character map into p->kv; for bert also the tokens' texts as llama.cpp spells them. */
adze_status az_gguf_put_kind(az_plan *p, const json_t *doc, const char *kind, az_str *tokens,
                             const int32_t *types, double *scores, size_t n, adze_error *err);

#endif
