/* How the rows of an output are made; only plan.c and rows.c include it. */
#ifndef AZ_FORMAT_ROWS_H
#define AZ_FORMAT_ROWS_H

#include "arch/arch.h"
#include "format/format.h"

typedef struct az_producer {
    const az_tensor *src;    /* NULL: `data` */
    const az_tensor *second; /* has every other item, src the even ones; NULL: src has all */
    const float *data;       /* generated tensor */
    az_source source;        /* map NULL: src as it lies */
    az_items items;
    float add;           /* to each value: 1 where a GGUF has it added, -1 to take it off */
    int heads;           /* > 0: rows of each head are permuted for adjacent pairs */
    bool inverse;        /* from adjacent pairs back to halves */
    uint64_t item_bytes; /* what is permuted: rows, or elements of a vector */
    int64_t permuted;    /* how many */
    az_type as;          /* blocks that hold what src's parts do (codec/repack.h); AZ_F32: none */
    bool turn;           /* rows are written as columns of their matrix */
    int64_t empty;       /* rows of zeros before the source's */
} az_producer;

/* Bytes of one of so many items as it is read. */
uint64_t az_source_item_bytes(const az_tensor *t, int64_t items);

#endif
