/* Writing a checkpoint folder: safetensors in one file or in shards with an index, and documents beside them. */
#ifndef AZ_FORMAT_FOLDER_H
#define AZ_FORMAT_FOLDER_H

#include "base/buf.h"
#include "format/stream.h"

typedef struct az_folder {
    adze_run *run;
    az_plan *plan;
    az_stream_file *files; /* [n_files] shards first */
    size_t n_files, n_shards, cap;
    az_place *place; /* [plan->n_outputs][AZ_OUTPUT_PARTS] */
} az_folder;

/* To be freed with az_folder_deinit even after a failure. maker: the value of "format" in the shards' metadata.
 * Lays the shards out; sets plan->file_bytes to theirs. */
adze_status az_folder_init(az_folder *f, az_plan *plan, const char *maker, adze_error *err);
void az_folder_deinit(az_folder *f);

/* Documents. Text is taken (memory of the run) in every case; NULL text is out of memory. */
adze_status az_folder_add(az_folder *f, const char *name, char *text, size_t n, adze_error *err);
adze_status az_folder_add_json(az_folder *f, const char *name, const json_t *j, size_t flags,
                               adze_error *err);
/* A file of the source folder, byte for byte; nothing where it is missing. */
adze_status az_folder_copy(az_folder *f, const char *name, adze_error *err);
/* The tokenizer's files, the chat template and the generation settings of the source folder. */
adze_status az_folder_copy_tokenizer(az_folder *f, adze_error *err);
/* model.safetensors.index.json; more: members to add to its metadata, or NULL. */
adze_status az_folder_add_index(az_folder *f, json_t *more, adze_error *err);

adze_status az_folder_write(az_folder *f, const char *dst, adze_error *err);

/* Type for a checkpoint's "torch_dtype": the one that holds most bytes of the plan's matrices. */
az_type az_folder_dtype(const az_plan *p);
/* config.json's name of a float type: "bfloat16". */
const char *az_dtype_name(az_type t);

/* Vectors, norms and small matrices of a GGUF are f32: give each the type `to` where that loses nothing. */
adze_status az_folder_narrow(az_plan *p, az_type to, adze_error *err);

/* hf_docs.c: documents of a folder made from a GGUF's keys. New references. */
adze_status az_hf_config_from_gguf(const az_plan *p, json_t **out, adze_error *err);
adze_status az_hf_add_docs(az_folder *f, adze_error *err); /* all but config.json */
/* hf_vocab.c: tokenizer.json of a GGUF's tokenizer. */
adze_status az_hf_tokenizer_from_gguf(const az_plan *p, json_t **out, adze_error *err);

#endif
