/* What encoding writes to: a growing array of ids, with the scratch memory and the cache of words that one
 * call of the tokenizer uses. */
#ifndef AZ_TEXT_IDS_H
#define AZ_TEXT_IDS_H

#include "base/run.h"

typedef struct az_word az_word;
typedef struct az_ids {
    adze_run *run;
    int32_t *ids;
    size_t n, cap;
    az_word *cache; /* pieces seen in this call; NULL: none */
    void *scratch;  /* for long pieces */
    size_t scratch_bytes;
    bool force_heap; /* tests: never take the path for short pieces */
} az_ids;

void az_ids_init(az_ids *o, adze_run *run, size_t text_bytes);
void az_ids_deinit(az_ids *o);
bool az_ids_push(az_ids *o, int32_t id); /* false: out of memory */
/* Memory for n elements, contents undefined, valid until the next call; NULL: out of memory. */
void *az_ids_scratch(az_ids *o, size_t n, size_t size);

/* Appends the ids of one piece; they depend on nothing but its bytes. */
typedef adze_status az_word_fn(const void *model, az_ids *o, const char *s, size_t n,
                               adze_error *err);
/* Through the cache: a piece seen before in this call copies its ids. One `model` per az_ids. */
adze_status az_ids_word(az_ids *o, az_word_fn *fn, const void *model, const char *s, size_t n,
                        adze_error *err);

#endif
