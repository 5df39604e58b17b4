/* The in-memory form of a checkpoint: config, tensors (where they lie), raw tokenizer data, template.
 *
 * A format's reader fills one of these from headers alone; nothing here holds weights. Tensor names and
 * shapes are as the source has them (GGUF dims are reversed to row-major here); arch/ maps them.
 */
#ifndef AZ_CORE_MODEL_H
#define AZ_CORE_MODEL_H

#include <jansson.h>
#include <adze/model.h>
#include "base/arena.h"
#include "core/kv.h"
#include "core/type.h"

/* Most tensors of a file that adze reads: a header cannot ask for more memory than these need. */
enum { AZ_MAX_DIMS = 4, AZ_MAX_TENSORS = 1 << 20 };

typedef struct az_tensor {
    const char *name;
    az_type type;
    int n_dims;                     /* 0 (scalar) .. 4 */
    int64_t shape[AZ_MAX_DIMS];     /* row-major: the last one is contiguous; unused ones are 1 */
    uint32_t file;                  /* index in model->files */
    uint64_t at_bytes;              /* absolute offset in that file */
    uint64_t size_bytes;            /* of all parts */
    const struct az_packed *packed; /* stored in several parts (core/packed.h); NULL: as it is */
} az_tensor;

/* Rows are all dimensions but the last. */
static inline int64_t az_tensor_cols(const az_tensor *t)
{
    return t->n_dims ? t->shape[t->n_dims - 1] : 1;
}
static inline int64_t az_tensor_rows(const az_tensor *t)
{
    int64_t n = 1;
    for (int i = 0; i + 1 < t->n_dims; i++)
        n *= t->shape[i];
    return n;
}

typedef struct az_model_file {
    const char *path;
    int fd; /* open for reading while the model lives */
    uint64_t size_bytes;
    const void *map; /* made by az_model_tensor_data; NULL before */
    size_t map_bytes;
} az_model_file;

/* Raw tokenizer data as the source holds it; text/ makes a tokenizer of it. */
typedef struct az_tokenizer_data {
    json_t *hf;           /* tokenizer.json, or what other files come to in that form, or NULL */
    const char *hf_name;  /* name of the file that `hf` comes from; NULL: tokenizer.json */
    json_t *hf_config;    /* tokenizer_config.json, or NULL */
    const char *hf_bytes; /* tokenizer.json byte for byte (NULL if none), hf_n bytes */
    size_t hf_n;
    /* a GGUF's tokenizer.ggml.* keys are read from model->kv */
} az_tokenizer_data;

struct adze_model {
    adze_run *run;
    az_arena arena;
    const char *path;   /* as the user gave it */
    const char *format; /* "hf", "gguf": the az_format's name */
    uint64_t data_align;
    json_t *config;            /* config.json, or NULL */
    json_t *generation_config; /* generation_config.json, or NULL */
    az_kvs kv;                 /* GGUF metadata; empty otherwise */
    az_kvs overrides;          /* keys that a GGUF made of it gets instead of its own */
    az_tensor *tensors;        /* [n_tensors], sorted by name for az_model_tensor */
    size_t n_tensors;
    az_model_file *files; /* [n_files] */
    size_t n_files;
    az_tokenizer_data tok;
    const char *chat_template; /* byte for byte, or NULL */
    size_t chat_template_n;
    const struct az_arch *nearest; /* chosen for a model_type that no architecture has */
    const char *warning;           /* what the user must know about how it was read, or NULL */
    bool template_is_file;         /* a file.s, so those of tokenizer_config.json do not count */
    json_t *chat_templates; /* name: template of the folder additional_chat_templates, or NULL */
    json_t
        *sentence; /* documents of sentence-transformers by file name ("modules.json"), or NULL */
};

adze_status az_model_new(adze_model **out, adze_run *run, const char *path, const char *format,
                         adze_error *err);
/* Take an open file into the model; *index receives its place. Closes fd on failure. */
adze_status az_model_add_file(adze_model *m, const char *path, int fd, uint64_t size_bytes,
                              uint32_t *index, adze_error *err);
/* Sort, then refuse duplicate names and data ranges outside their file. Call once after filling. */
adze_status az_model_finish(adze_model *m, adze_error *err);
const az_tensor *az_model_tensor(const adze_model *m, const char *name); /* NULL: missing */
/* Bytes of a tensor, mapped read-only on first use and valid until the model closes. May be unaligned. */
adze_status az_model_tensor_data(adze_model *m, const az_tensor *t, const void **data,
                                 adze_error *err);
/* Whether p points into a mapped file. */
bool az_model_maps(const adze_model *m, const void *p);
/* An error when a mapped file became shorter since it was opened: what was read of it may be zeros. */
adze_status az_model_check_files(const adze_model *m, adze_error *err);
/* Read part of a tensor without mapping it: n bytes at `at` from its start. */
adze_status az_model_read(const adze_model *m, const az_tensor *t, uint64_t at, void *dst, size_t n,
                          adze_error *err);

#endif
