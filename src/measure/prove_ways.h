/* Two ways to tokenize, side by side on the texts of a proof. */
#ifndef AZ_MEASURE_PROVE_WAYS_H
#define AZ_MEASURE_PROVE_WAYS_H

#include "engine/worker.h"
#include "measure/prove_parts.h"
#include "text/llama_cpp.h"

/* A real framework in a worker, llama.cpp's rules, or else the tokenizer. */
typedef struct az_way {
    const adze_tokenizer *tok;
    const az_llama_tok *llama;
    az_worker *real;
} az_way;

typedef struct az_texts {
    az_proving *v;
    az_way ref, here;
    const char *ref_name, *here_name; /* "in the reference", "here": behind ids that differ */
    bool slow;                        /* a process a text: built-in texts and few lines only */
    uint64_t n, ids, differing;
    const char *where;
} az_texts;

/* Compare on all texts; *t counts. */
adze_status az_texts_compare(az_texts *t, adze_error *err);
/* Ids of one text, special tokens recognized in it and put around it. Free with az_free. */
adze_status az_way_encode(adze_run *run, const az_way *w, const char *s, size_t n, int32_t **ids,
                          size_t *n_ids, adze_error *err);

/* prove_real.c: the items of the real frameworks that were asked for. */
adze_status az_prove_real_ids(az_proving *v, adze_error *err);

#endif
