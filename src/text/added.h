/* Added tokens: strings that become one token wherever they stand, found before the model sees the text.
 *
 * A set finds the leftmost, longest content by walking a trie of bytes. Rules of single_word, lstrip and
 * rstrip: Hugging Face tokenizers, tokenizer/added_vocabulary.rs (2025).
 */
#ifndef AZ_TEXT_ADDED_H
#define AZ_TEXT_ADDED_H

#include "base/run.h"

enum { AZ_ADDED_MAX_BYTES = 1024 }; /* longest content; bounds the work per byte of text */

typedef struct az_added {
    int32_t id;
    bool special, normalized, single_word, lstrip, rstrip;
} az_added;

typedef struct az_added_node az_added_node;
typedef struct az_added_set {
    adze_run *run;
    az_added_node *nodes;
    size_t n_nodes, cap;
    az_added *tokens; /* [n] */
    size_t n, tokens_cap;
    uint32_t first[256]; /* node of each first byte, 0: none */
} az_added_set;

void az_added_init(az_added_set *s, adze_run *run);
void az_added_deinit(az_added_set *s);
/* Add a token; an empty content is ignored, a repeated one keeps the first. */
adze_status az_added_add(az_added_set *s, const az_added *token, const char *content, size_t n,
                         adze_error *err);

/* What stands at the front of text[from..n). */
typedef struct az_added_hit {
    size_t start, end;     /* of the token, what it strips included */
    size_t resume;         /* where to search next */
    const az_added *token; /* NULL: none up to the end */
} az_added_hit;

/* First token at or after `from`; `taken` is the end of the previous hit, which lstrip never enters. */
az_added_hit az_added_next(const az_added_set *s, const char *text, size_t n, size_t from,
                           size_t taken);

#endif
