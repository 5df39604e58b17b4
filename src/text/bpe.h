/* Byte-level BPE: raw bytes to token ids by merging adjacent pairs, lowest rank first.
 *
 * The merge order is that of Hugging Face tokenizers (models/bpe): by (rank, position). Ids stand for raw
 * bytes here; the byte alphabet of the files is undone when they are read.
 */
#ifndef AZ_TEXT_BPE_H
#define AZ_TEXT_BPE_H

#include "base/run.h"
#include "core/kv.h"

typedef struct az_bpe_pair {
    uint64_t key; /* left id << 32 | right id; UINT64_MAX: empty */
    uint32_t rank;
    int32_t id; /* of the merged token */
} az_bpe_pair;

typedef struct az_bpe {
    adze_run *run;
    const az_str
        *bytes; /* [n_ids] raw bytes of every id, borrowed; .s NULL: not part of the vocabulary */
    size_t n_ids;
    int32_t *slots; /* hash table over bytes: id, or -1 */
    size_t slot_mask;
    az_bpe_pair *pairs; /* hash table */
    size_t pair_mask;
    int32_t byte_id[256]; /* -1: no token for this byte */
    int32_t unk;          /* id for bytes without a token; -1: none */
    bool ignore_merges;   /* a piece that is a token is taken whole */
    bool fuse_unk;
} az_bpe;

/* Index `bytes`; ids that share their bytes are refused by the caller before. */
adze_status az_bpe_init(az_bpe *b, adze_run *run, const az_str *bytes, size_t n_ids,
                        size_t n_merges, adze_error *err);
void az_bpe_deinit(az_bpe *b);
int32_t az_bpe_find(const az_bpe *b, const char *s, size_t n); /* -1: not a token */
/* A repeated pair keeps its last rank. At most n_merges calls. */
void az_bpe_add_merge(az_bpe *b, int32_t left, int32_t right, uint32_t rank, int32_t merged);

/* Growing array of ids, and what encoding needs besides; one per call of the tokenizer. */
typedef struct az_bpe_word az_bpe_word;
typedef struct az_bpe_out {
    adze_run *run;
    int32_t *ids;
    size_t n, cap;
    az_bpe_word *cache; /* pieces seen in this call; NULL: none */
    void *scratch;      /* for long pieces */
    size_t scratch_bytes;
    bool force_heap; /* tests: never take the path for short pieces */
} az_bpe_out;

void az_bpe_out_init(az_bpe_out *o, adze_run *run, size_t text_bytes);
void az_bpe_out_deinit(az_bpe_out *o);
bool az_bpe_push(az_bpe_out *o, int32_t id); /* false: out of memory */

/* Append the ids of one piece. ADZE_EFORMAT when a byte has no token and there is no unk. */
adze_status az_bpe_encode(const az_bpe *b, az_bpe_out *o, const char *s, size_t n, adze_error *err);

#endif
