/* Writing planned files: beside the destination, in parallel, resumable, then renamed. */
#ifndef AZ_FORMAT_STREAM_H
#define AZ_FORMAT_STREAM_H

#include "format/format.h"

/* One file to be made: `head` at 0, then outputs where `place` says, zeros between. A small file is all head. */
typedef struct az_stream_file {
    const char
        *name; /* in a folder: its name there, at most one folder deep; else its whole path */
    const void *head;
    size_t head_bytes;
    uint64_t file_bytes;
} az_stream_file;

typedef struct az_place {
    uint32_t file;
    uint64_t at;
} az_place;

typedef struct az_stream {
    const az_stream_file *files; /* [n_files] */
    size_t n_files;
    const az_place *place; /* [plan->n_outputs][AZ_OUTPUT_PARTS] */
    bool padded;           /* outputs lie in order with zeros between them, to their file's end */
    bool folder;           /* dst is a new folder; else the files themselves are the destination */
} az_stream;

/* The space is checked before a byte is written. What is written lies beside its place, with DST.<tag>.journal:
 * the folder DST.<tag>.part, or FILE.<tag>.part for each file. The tag stands for the source files (device,
 * inode, size, time), the heads, and adze's version. The journal lists finished outputs with a checksum each; a
 * later call with the same tag reads those back, keeps what still matches, and makes the rest. Only
 * ADZE_ECANCEL leaves them behind. A folder appears whole, and only where none is or an empty one; of several
 * files the first gets its name last. */
adze_status az_stream_write(adze_run *run, az_plan *plan, const az_stream *s, const char *dst,
                            adze_error *err);

#endif
