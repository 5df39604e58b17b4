/* GGUF: one file of metadata, tokenizer and block-quantized tensors. Shared by its reader and writer.
 *
 * Layout (little-endian): magic "GGUF", u32 version, i64 tensor count, i64 key count, keys, tensor infos,
 * zeros up to the alignment, then the tensors, each padded to the alignment.
 * Source: ggml's docs/gguf.md and gguf.cpp, 2026-08-21.
 */
#ifndef AZ_FORMAT_GGUF_H
#define AZ_FORMAT_GGUF_H

#include "base/buf.h"
#include "format/stream.h"

enum { AZ_GGUF_VERSION = 3, AZ_GGUF_ALIGN = 32, AZ_GGUF_MAX_NAME = 63, AZ_GGUF_MAX_PARTS = 65535 };

extern const az_format az_format_gguf;

int az_gguf_probe(adze_run *run, const char *path);
adze_status az_gguf_read(adze_run *run, const char *path, unsigned flags, adze_model **out,
                         adze_error *err);
adze_status az_gguf_plan(adze_run *run, adze_model *m, const az_recipe *r, az_plan **out,
                         adze_error *err);
adze_status az_gguf_write(adze_run *run, az_plan *plan, const char *dst, adze_error *err);

/* gguf_changes.c: keys for p->recipe->changes, then model->overrides. */
adze_status az_gguf_put_changes(az_plan *p, adze_error *err);

/* The headers of a plan's files and where the outputs lie in them; sets p->file_bytes. dst names the file, or
 * gives the prefix where p->shard_bytes asks for several. To be freed even after a failure. */
typedef struct az_gguf_layout {
    adze_run *run;
    az_stream_file *files; /* [n_files] */
    az_buf *heads;         /* [n_files] */
    size_t n_files;
    az_place *place; /* [n_outputs][AZ_OUTPUT_PARTS] */
} az_gguf_layout;
adze_status az_gguf_lay_out(az_gguf_layout *l, az_plan *p, const char *dst, adze_error *err);
void az_gguf_layout_deinit(az_gguf_layout *l);

#endif
