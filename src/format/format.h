/* What a model format says about itself; one const az_format per file and one line in format_list.c.
 *
 * Writing streams: plan() gives an ordered list of outputs (name, type, shape, producer of rows), so all
 * sizes and offsets are known before a byte is written; write() pulls rows. No 16-bit copy of the weights
 * is ever held or stored.
 */
#ifndef AZ_FORMAT_FORMAT_H
#define AZ_FORMAT_FORMAT_H

#include "codec/recipe.h"
#include "core/model.h"

enum { AZ_FMT_WEIGHTS = 1, AZ_FMT_TOKENIZER = 2, AZ_FMT_QUANT = 4, AZ_FMT_FOLDER = 8 };

/* AZ_READ_NO_TOKENIZER leaves tokenizer.json alone (it can be larger than all other headers together);
 * AZ_READ_NO_WEIGHTS does not look for weights, which need not be there then. */
enum { AZ_READ_ALL = 0, AZ_READ_NO_TOKENIZER = 1, AZ_READ_NO_WEIGHTS = 2 };

/* What a probe says of a folder that holds a tokenizer and nothing else: enough with AZ_READ_NO_WEIGHTS only. */
enum { AZ_PROBE_TOKENIZER = 1 };

typedef struct az_plan az_plan;

typedef struct az_format {
    const char *name;                              /* "gguf": CLI and JSON name, never changes */
    const char *summary;                           /* one line for `adze formats` */
    unsigned caps;                                 /* AZ_FMT_* */
    int (*probe)(adze_run *run, const char *path); /* 0 no .. 100 sure; reads little */
    /* headers only; flags: AZ_READ_*; NULL: write-only */
    adze_status (*read)(adze_run *run, const char *path, unsigned flags, adze_model **out,
                        adze_error *err);
    adze_status (*plan)(adze_run *run, adze_model *m, const az_recipe *r, az_plan **out,
                        adze_error *err); /* r NULL: keep the types; NULL slot: read-only */
    adze_status (*write)(adze_run *run, az_plan *plan, const char *dst, adze_error *err);
    /* atomic and resumable; NULL: read-only */
    adze_status (*assign)(az_plan *plan, adze_error *err);
    /* AZ_FMT_FOLDER: types (and parts) of the outputs by plan->recipe, for az_plan_new; NULL otherwise */
} az_format;

extern const az_format *const az_formats[];        /* NULL-terminated */
const az_format *az_format_find(const char *name); /* NULL: unknown */
/* Format that writes a destination of this name: by its extension, hf for a name without one; NULL: not clear. */
const az_format *az_format_of_path(const char *path);
/* adze_model_open with AZ_READ_* flags. */
adze_status az_model_open(adze_model **out, adze_run *run, const char *path, unsigned flags,
                          adze_error *err);

enum { AZ_OUTPUT_PARTS = 3 };

/* A tensor of the file that holds one share of an output: codes, scales, ... */
typedef struct az_output_part {
    const char *name;
    az_type type;
    int n_dims;
    int64_t shape[AZ_MAX_DIMS]; /* row-major; as many rows as the output has */
    uint64_t row_bytes;
} az_output_part;

/* One tensor to be written. Rows are produced in the output's type by az_plan_rows. */
typedef struct az_output {
    const char *name;
    az_type type;
    int n_dims;
    int64_t shape[AZ_MAX_DIMS]; /* row-major */
    uint64_t row_bytes;
    int64_t rows;
    bool fallback;                                /* the shape did not allow the recipe's type */
    bool manual;                                  /* the type is the user's choice */
    const struct az_importance_entry *importance; /* of the columns; NULL: none */
    const void *producer;                         /* private to plan.c */
    const az_output_part *parts; /* [n_parts]; row_bytes is then the sum of theirs */
    int n_parts;                 /* 0: the output is stored whole, under its own name and type */
    const struct az_packing *packing; /* how rows become parts; NULL with n_parts 0 */
} az_output;

enum { AZ_PLAN_NOTES = 6 };

struct az_plan {
    adze_run *run;
    az_arena arena;
    adze_model *model; /* source; borrowed */
    const az_format *format;
    const az_recipe *recipe; /* NULL: types kept */
    az_kvs kv;               /* metadata to write (GGUF) */
    az_output *outputs;      /* in file order */
    size_t n_outputs;
    uint64_t total_bytes; /* of all tensor data, padding left out */
    uint64_t file_bytes;  /* of all files; set by the format's plan */
    uint64_t shard_bytes; /* most tensor data in a file, 0: one file; may be set before write */
    const char *notes[AZ_PLAN_NOTES]; /* what the user should know; n_notes of them */
    size_t n_notes;
    uint64_t inputs_tag;    /* of what decides the data besides source and header: importance */
    uint64_t resumed_bytes; /* set by write: data that an interrupted run had finished */
    const char *written;    /* set by write where that is not dst: the first of several files */
};

/* The outputs of m with types by recipe, for a format's plan(): under canonical (GGUF) names, for a format with
 * AZ_FMT_FOLDER under the names of a checkpoint folder. */
adze_status az_plan_new(az_plan **out, adze_run *run, adze_model *m, const az_recipe *r,
                        const az_format *format, adze_error *err);
void az_plan_free(az_plan *p);
void az_plan_note(az_plan *p, const char *text); /* text in p's arena or static */
/* Rows [r0, r0 + n) of output o in its type; dst: [n * row_bytes], part after part; scratch-free for the caller. Safe from
 * several threads. Refuses NaN and infinity in the source when the type is quantized. */
adze_status az_plan_rows(az_plan *p, const az_output *o, int64_t r0, int64_t n, void *dst,
                         adze_error *err);

/* parts.c: put row r of the n that dst holds, part after part ([n][row_bytes] each). x: f32, or what the packing
 * splits. False: out of memory. */
bool az_pack_parts(adze_run *run, const az_output *o, const void *x, int64_t r, int64_t n,
                   char *dst);
/* The source tensor of an output; NULL: made from the config. */
const az_tensor *az_output_source(const az_output *o);
/* Of an output whose rows come from two tensors in turn: the other one; else NULL. */
const az_tensor *az_output_second(const az_output *o);

#endif
