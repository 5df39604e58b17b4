/* Writing a planned file: beside the destination, in parallel, resumable, then renamed. */
#ifndef AZ_FORMAT_STREAM_H
#define AZ_FORMAT_STREAM_H

#include "format/format.h"

/* Where things lie in the file: `head` at 0, output i at at[i]; plan->file_bytes in all, zeros between. */
typedef struct az_stream {
    const void *head;
    size_t head_bytes;
    const uint64_t *at; /* [plan->n_outputs] */
} az_stream;

/* The space is checked before a byte is written. DST.<tag>.part and DST.<tag>.journal live beside dst; the
 * tag stands for the source files (device, inode, size, time), the head, and adze's version. The journal
 * lists finished outputs with a checksum each; a later call with the same tag reads those back, keeps what
 * still matches, and makes the rest. Only ADZE_ECANCEL leaves the two files behind. */
adze_status az_stream_write(adze_run *run, az_plan *plan, const az_stream *s, const char *dst,
                            adze_error *err);

#endif
