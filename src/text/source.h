/* Tokenizers that are not a tokenizer.json, turned into the value that one would hold.
 *
 * Everything takes bytes as they lie in the files, so that it can be fed anything. *out is a new reference.
 */
#ifndef AZ_TEXT_SOURCE_H
#define AZ_TEXT_SOURCE_H

#include "base/json.h"

/* What lies beside the vocabulary; NULL: not there. */
typedef struct az_tok_beside {
    adze_run *run;
    const json_t *config; /* tokenizer_config.json */
    const json_t *map;    /* special_tokens_map.json */
    const json_t *added;  /* added_tokens.json: texts and ids */
} az_tok_beside;

/* tokenizer.model: SentencePiece's ModelProto. */
adze_status az_tok_from_spm(json_t **out, const char *data, size_t n, const az_tok_beside *b,
                            const char *path, adze_error *err);
/* vocab.txt: a token on each line, BERT's WordPiece. */
adze_status az_tok_from_vocab_txt(json_t **out, const char *data, size_t n, const az_tok_beside *b,
                                  const char *path, adze_error *err);
/* vocab.json (parsed) and merges.txt: byte-level BPE of GPT-2 and its relatives. */
adze_status az_tok_from_merges(json_t **out, const json_t *vocab, const char *merges, size_t n,
                               const az_tok_beside *b, const char *path, adze_error *err);

/* Shared: the added tokens that tokenizer_config.json and added_tokens.json list, into the array `list`; what is
 * there already keeps its flags unless the config has better ones. */
adze_status az_tok_list_added(json_t *list, const az_tok_beside *b, const char *path,
                              adze_error *err);
/* Text of config[key], a string or an object with `content`; NULL: none. */
const char *az_tok_special(const json_t *config, const char *key);
/* Post-processor that puts the tokens named by `before` and `after` (NULL: nothing) around a text. */
json_t *az_tok_around(const char *before, int64_t before_id, const char *after, int64_t after_id);

#endif
