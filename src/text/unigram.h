/* Unigram: the most probable way to write text as tokens, by Viterbi over byte positions, O(n * longest token).
 *
 * Two arithmetics, each as its original has it: Hugging Face tokenizers (models/unigram/model.rs) adds 64-bit
 * scores, SentencePiece (unigram_model.cc, EncodeOptimized) 32-bit ones and gives user-defined pieces a bonus.
 * In both a later start wins only by a strictly higher score.
 */
#ifndef AZ_TEXT_UNIGRAM_H
#define AZ_TEXT_UNIGRAM_H

#include "text/ids.h"
#include "text/trie.h"

typedef struct az_unigram {
    adze_run *run;
    az_trie trie;
    const double *scores; /* [n_ids] borrowed */
    const bool *user;     /* [n_ids] user-defined, NULL: none; SentencePiece only */
    size_t n_ids;
    double min_score;   /* of an unknown character: min_score - 10 */
    float max_score;    /* SentencePiece only */
    int32_t unk;        /* -1: none, then unknown text is an error */
    bool sentencepiece; /* 32-bit arithmetic; an unknown run is one unk or its bytes */
    bool byte_fallback; /* an unknown run becomes its bytes' tokens where all exist */
    int32_t byte_id[256];
} az_unigram;

/* Tokens with a mark in `found` are looked for in text. bytes, scores and user are borrowed. */
adze_status az_unigram_init(az_unigram *u, adze_run *run, const az_str *bytes, const double *scores,
                            const bool *found, const bool *user, size_t n_ids, adze_error *err);
void az_unigram_deinit(az_unigram *u);

/* Append the ids of one piece of valid UTF-8. */
adze_status az_unigram_encode(const az_unigram *u, az_ids *o, const char *s, size_t n,
                              adze_error *err);

#endif
