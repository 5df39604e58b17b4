/* An importance matrix: for each weight tensor, the mean square of every column's input.
 *
 * It says which columns' errors count, so that a scale search spends its bits there. Made by calibration;
 * read from and written to files by format/imatrix.h.
 */
#ifndef AZ_CODEC_IMPORTANCE_H
#define AZ_CODEC_IMPORTANCE_H

#include "base/arena.h"

typedef struct az_importance_entry {
    const char *name; /* of the tensor, as GGUF calls it */
    uint64_t cols;    /* values of each matrix */
    uint64_t mats;    /* 1, or the number of experts */
    float *sums;      /* [mats][cols] sums of squares */
    float *counts;    /* [mats] rows that were summed */
} az_importance_entry;

typedef struct az_importance {
    adze_run *run;
    az_arena arena;             /* holds all of it */
    az_importance_entry *items; /* sorted by name */
    size_t n;
    const char *const *datasets; /* [n_datasets] what it was made from */
    size_t n_datasets;
    const char *const *digests; /* [n_digests] SHA-256 of the texts, in hex; none when not known */
    size_t n_digests;
    uint32_t chunks, chunk_size; /* of the calibration text, in tokens */
    const char *path;            /* file it came from; NULL: none */
} az_importance;

/* An empty one. */
adze_status az_importance_new(az_importance **out, adze_run *run, const char *path,
                              adze_error *err);
void az_importance_free(az_importance *m);
const az_importance_entry *az_importance_find(const az_importance *m, const char *name);
/* True when the entry belongs to `mats` matrices of `cols` columns; the older files keep all of a tensor's matrices in
 * one run of values. */
bool az_importance_fits(const az_importance_entry *e, uint64_t cols, uint64_t mats);
/* Mean squares of the inputs of matrix `mat`, [cols]; 1 everywhere where nothing was counted. */
void az_importance_means(const az_importance_entry *e, uint64_t cols, uint64_t mat, float *dst);
/* The same as weights of a search: what never saw an input still counts for a little. */
void az_importance_weights(const az_importance_entry *e, uint64_t cols, uint64_t mat, float *dst);

#endif
