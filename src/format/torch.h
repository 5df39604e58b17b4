/* Reading pytorch_model.bin: a zip of records, one of which is a pickle that names tensors. No code is run. */
#ifndef AZ_FORMAT_TORCH_H
#define AZ_FORMAT_TORCH_H

#include "base/buf.h"
#include "core/model.h"

/* A record of the zip: its bytes lie in the file as they are. */
typedef struct az_record {
    const char *name;         /* without the archive's folder: "data/0" */
    uint64_t at, size, entry; /* payload, and the entry's local header */
    uint32_t crc;
} az_record;

typedef struct az_records {
    az_record *items; /* sorted by name */
    size_t n;
} az_records;

/* All records of m->files[file], in m's arena: stored ones only, disjoint, inside the file. */
adze_status az_torch_records(adze_model *m, uint32_t file, az_records *out, adze_error *err);
const az_record *az_torch_record(const az_records *r, const char *name); /* NULL: there is none */

/* Append the az_tensors of m->files[file] to `tensors`. Refuses every pickle opcode and every global that a plain
 * state dict does not need, with its position. */
adze_status az_torch_header(adze_model *m, uint32_t file, az_buf *tensors, adze_error *err);

#endif
