/* Comparing two tokenizers part by part, whatever files they were read from. */
#ifndef AZ_TEXT_TOK_COMPARE_H
#define AZ_TEXT_TOK_COMPARE_H

#include "text/tokenizer.h"

typedef struct az_tok_diff {
    uint64_t compared, differing;
    char where[320]; /* the first difference, "" when there is none */
} az_tok_diff;

/* What each id stands for, and whether it is special. Ids that only pad a vocabulary count as none. */
void az_tok_compare_vocabulary(const adze_tokenizer *ref, const adze_tokenizer *here,
                               az_tok_diff *d);
/* The order of merges of BPE; compared is 0 for others. False: out of memory. */
bool az_tok_compare_merges(const adze_tokenizer *ref, const adze_tokenizer *here, az_tok_diff *d);
/* Which tokens are found in text before anything else, and how. False: out of memory. */
bool az_tok_compare_added(const adze_tokenizer *ref, const adze_tokenizer *here, az_tok_diff *d);

#endif
