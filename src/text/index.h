/* From a token's bytes to its id: an open-addressing hash table over strings that the caller keeps. */
#ifndef AZ_TEXT_INDEX_H
#define AZ_TEXT_INDEX_H

#include "base/run.h"
#include "core/kv.h"

typedef struct az_index {
    adze_run *run;
    const az_str *strs; /* [n] borrowed; .s NULL: not in the index */
    int32_t *slots;     /* id, or -1 */
    size_t mask;
    uint64_t seed; /* random: nobody can choose texts that collide */
} az_index;

uint64_t az_hash_bytes(uint64_t seed, const char *s, size_t n);
/* Power of two with at most two thirds in use by n entries. */
size_t az_table_size(size_t n);

/* Of ids with the same bytes, the lowest is found. */
adze_status az_index_init(az_index *x, adze_run *run, const az_str *strs, size_t n,
                          adze_error *err);
void az_index_deinit(az_index *x);
int32_t az_index_find(const az_index *x, const char *s, size_t n); /* -1: not there */

#endif
