/* Code points that Hugging Face tokenizers treats as marks, punctuation or nothing: tables of its Unicode version. */
#ifndef AZ_TEXT_BERT_TABLES_H
#define AZ_TEXT_BERT_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct az_uc_run {
    uint32_t first, last;
} az_uc_run;

typedef struct az_uc_pair {
    uint32_t from, to;
} az_uc_pair;

extern const az_uc_pair az_new_lower[]; /* lower case of characters that Unicode 14 does not have */
extern const az_uc_run az_bert_cleaned[];  /* dropped by clean_text */
extern const az_uc_run az_bert_accents[];  /* dropped by strip_accents, after NFD */
extern const az_uc_run az_bert_punct[];    /* Punctuation and BertPreTokenizer, ASCII included */
extern const az_uc_run az_strip_accents[]; /* dropped by the normalizer StripAccents */
extern const az_uc_run az_decomposed[];    /* changed by NFKD */
extern const az_uc_run
    az_reordered[]; /* put in canonical order: of another combining class than 0 */
extern const az_uc_run az_extenders[]; /* part of the grapheme cluster before them */
extern const size_t az_bert_cleaned_n, az_bert_accents_n, az_bert_punct_n, az_strip_accents_n,
    az_extenders_n, az_decomposed_n, az_reordered_n, az_new_lower_n;

static inline bool az_in_runs(const az_uc_run *runs, size_t n, uint32_t c)
{
    size_t lo = 0, hi = n;

    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (c > runs[mid].last)
            lo = mid + 1;
        else if (c < runs[mid].first)
            hi = mid;
        else
            return true;
    }
    return false;
}

static inline uint32_t az_lower_of_new(uint32_t c)
{
    for (size_t i = 0; c >= az_new_lower[0].from && i < az_new_lower_n; i++)
        if (az_new_lower[i].from == c) return az_new_lower[i].to;
    return c;
}

#endif
