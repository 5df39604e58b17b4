/* BPE: text to token ids by merging adjacent pairs, lowest rank first.
 *
 * Symbols start as raw bytes (byte-level), as characters (Hugging Face's models/bpe), or as characters whose
 * pairs are ranked by the score of what they make (SentencePiece's bpe_model.cc, llama.cpp). The merge order
 * is by (rank, position) in all three.
 */
#ifndef AZ_TEXT_BPE_H
#define AZ_TEXT_BPE_H

#include "text/ids.h"
#include "text/index.h"
#include "text/trie.h"

typedef enum az_bpe_unit {
    AZ_BPE_BYTES, /* every byte a symbol; the byte alphabet of the files is undone when they are read */
    AZ_BPE_CHARS, /* every character a symbol; merges as the file lists them */
    AZ_BPE_SCORES /* every character a symbol; any two tokens merge whose text together is a token */
} az_bpe_unit;

typedef struct az_bpe_pair {
    uint64_t key; /* left id << 32 | right id; UINT64_MAX: empty */
    uint32_t rank;
    int32_t id; /* of the merged token */
} az_bpe_pair;

typedef struct az_bpe {
    adze_run *run;
    az_bpe_unit unit;
    const az_str *bytes; /* [n_ids] what every id matches, borrowed; .s NULL: nothing */
    size_t n_ids;
    az_index index;
    az_bpe_pair *pairs; /* hash table */
    size_t pair_mask;
    uint64_t seed;        /* of the pairs' hash: random, like the index's */
    int32_t byte_id[256]; /* token of one byte: of itself (BYTES), or named <0xNN>; -1: none */
    int32_t unk;          /* id for what has no token; -1: none */
    bool ignore_merges;   /* a piece that is a token is taken whole */
    bool fuse_unk;        /* neighbouring unknown symbols are one */
    bool byte_fallback;   /* an unknown character becomes its bytes' tokens where all exist */
    bool cut;           /* no token has U+2581 behind another character: text is cut there first */
    const char *prefix; /* CHARS: in front of all characters but the first; NULL: none */
    const char *suffix; /* CHARS: behind the last character; NULL: none */
    int32_t *char_id;   /* [65536] id of a character by its code point; -1: none; NULL for BYTES */
    az_str *own;        /* SCORES: [n_ids + n_hidden], replaces `bytes` */
    size_t n_hidden; /* SCORES: characters of tokens that are no token themselves, ids from n_ids */
    az_trie frozen;  /* SCORES: tokens found before merging, which never merge; nodes NULL: none */
} az_bpe;

adze_status az_bpe_init(az_bpe *b, adze_run *run, az_bpe_unit unit, const az_str *bytes,
                        size_t n_ids, size_t n_merges, adze_error *err);
void az_bpe_deinit(az_bpe *b);
static inline int32_t az_bpe_find(const az_bpe *b, const char *s, size_t n) /* -1: not a token */
{
    return az_index_find(&b->index, s, n);
}
/* A repeated pair keeps its last rank. At most n_merges calls. */
void az_bpe_add_merge(az_bpe *b, int32_t left, int32_t right, uint32_t rank, int32_t merged);

/* SCORES: what merges is every token with a mark in `merges`; [n_ids] scores, finite. Call once instead of
 * az_bpe_add_merge. `frozen` marks tokens that are found before merging (NULL: none). */
adze_status az_bpe_set_scores(az_bpe *b, const float *scores, const bool *merges,
                              const bool *frozen, adze_error *err);
/* After the merges: find out whether text may be cut before U+2581. */
void az_bpe_finish(az_bpe *b);

/* Append the ids of one piece. ADZE_EFORMAT when a byte has no token and there is no unk. */
adze_status az_bpe_encode(const az_bpe *b, az_ids *o, const char *s, size_t n, adze_error *err);

#endif
