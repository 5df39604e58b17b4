/* Normalizers of tokenizer.json: text to text, run before the pre-tokenizer on each piece between added tokens. */
#ifndef AZ_TEXT_NORMALIZE_H
#define AZ_TEXT_NORMALIZE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "text/charsmap.h"
#include "text/regex.h"

/* Normalizers come from files, and a chain of them can double text at each step: all that they write for a text of n
 * bytes is at most AZ_NORM_GROWTH n + AZ_NORM_LEAST. One character becomes at most 18 in Unicode. */
enum { AZ_NORM_GROWTH = 64, AZ_NORM_LEAST = 1 << 20 };

typedef enum az_norm_kind {
    AZ_NORM_NFC,
    AZ_NORM_NFD,
    AZ_NORM_NFKC,
    AZ_NORM_NFKD,
    AZ_NORM_LOWERCASE,
    AZ_NORM_STRIP,
    AZ_NORM_STRIP_ACCENTS,
    AZ_NORM_REPLACE,
    AZ_NORM_PREPEND,
    AZ_NORM_BERT_CLEAN,   /* left: clean_text, right: handle_chinese_chars */
    AZ_NORM_BERT_ACCENTS, /* after NFD */
    AZ_NORM_NMT,
    AZ_NORM_CHARSMAP,
    AZ_NORM_SENTENCEPIECE
} az_norm_kind;

typedef struct az_norm {
    az_norm_kind kind;
    bool left, right;      /* STRIP */
    const char *from, *to; /* REPLACE (from NULL: regex), PREPEND (to) */
    size_t from_n, to_n;
    az_regex *regex;
    az_spm_rules *rules; /* CHARSMAP (its map alone), SENTENCEPIECE */
} az_norm;

typedef struct az_norms {
    az_norm *items;
    size_t n;
} az_norms;

/* Read the "normalizer" value (NULL or null: none). Strings are copied into the arena. */
adze_status az_norms_read(az_norms *norms, az_arena *arena, const json_t *j, const char *path,
                          adze_error *err);
void az_norms_deinit(az_norms *norms);

/* Normalize valid UTF-8 (any bytes where SENTENCEPIECE is the first step). *first: no token stands in
 * front of the text; cleared when its first character goes, so that what begins is not what began. The result is *out
 * (borrowed): the input itself when nothing changes, else in one of bufs[0], bufs[1], whose `max` bounds it. */
adze_status az_norms_run(const az_norms *norms, az_buf bufs[2], const char *text, size_t n,
                         bool *first, const char **out, size_t *out_n, adze_error *err);

#endif
