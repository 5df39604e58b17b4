/* WordPiece: each word as the longest token that fits, then the longest continuation, and so on; a word that does
 * not work out is one unknown token. Source: Hugging Face tokenizers, models/wordpiece/mod.rs (2026). */
#ifndef AZ_TEXT_WORDPIECE_H
#define AZ_TEXT_WORDPIECE_H

#include "text/ids.h"
#include "text/trie.h"

typedef struct az_wordpiece {
    adze_run *run;
    az_trie first, rest; /* tokens as they are; continuations without their prefix */
    int32_t unk;
    size_t max_chars; /* a longer word is unknown */
} az_wordpiece;

/* A continuation is a token that starts with `prefix` ("##"). */
adze_status az_wordpiece_init(az_wordpiece *w, adze_run *run, const az_str *bytes, size_t n_ids,
                              const char *prefix, adze_error *err);
void az_wordpiece_deinit(az_wordpiece *w);

/* Append the ids of one word of valid UTF-8. */
adze_status az_wordpiece_encode(const az_wordpiece *w, az_ids *o, const char *s, size_t n,
                                adze_error *err);

#endif
