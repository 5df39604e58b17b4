/* Converting a checkpoint: open, plan, check the space, write; the stage behind `adze convert` and behind
 * each candidate of a search. */
#ifndef AZ_JOB_CONVERT_H
#define AZ_JOB_CONVERT_H

#include "base/opt.h"
#include "core/type.h"
#include "format/format.h"

typedef struct az_convert_opts {
    const char *to;     /* format name; NULL: by the name of dst */
    const char *recipe; /* recipe name; NULL: the format's own default, mostly to keep the types */
    uint64_t shard_bytes; /* most tensor data in a file of a folder; 0: the format's default */
    uint64_t split_bytes; /* the same for a GGUF; 0: one file */
    int group;            /* mlx: weights that share a scale; 0: the recipe's */
    /* gguf, as llama-quantize's options of these names; job/changes.h reads them */
    az_opt_list tensor_types; /* PATTERN=TYPE each, the first that matches decides */
    const char *output_type, *embedding_type;
    bool leave_output, pure;
    az_opt_list override_kv; /* KEY=TYPE:VALUE each */
    const char *imatrix;     /* file of an importance matrix */
} az_convert_opts;

typedef struct az_convert_result {
    char from[16], format[16], arch[32], recipe[32]; /* recipe "keep" when types are kept */
    uint64_t parameters;
    uint64_t source_bytes;  /* of the source's tensors */
    uint64_t bytes;         /* of the file written */
    uint64_t resumed_bytes; /* of tensors that an interrupted run had finished */
    double seconds;
    size_t n_tensors;
    size_t n_fallback; /* tensors whose shape did not allow the recipe's type */
    uint64_t type_bytes[AZ_TYPE_COUNT];
    uint32_t type_tensors[AZ_TYPE_COUNT];
    uint64_t packed_bytes; /* of tensors in several parts, which are in none of the types above */
    uint32_t packed_tensors;
    char notes[AZ_PLAN_NOTES][256]; /* what a reader should know; n_notes of them */
    size_t n_notes;
    char path[1024]; /* dst, or the first of several files */
} az_convert_result;

/* Read src, write dst: beside dst first, then renamed, so dst is the old file or the new one, whole; a folder is
 * written only where none is, or an empty one. An
 * interrupted run leaves a part file that the same call resumes from. opts and result may be NULL.
 * ADZE_EINVAL for an unknown recipe or format; ADZE_EIO when the disk is full or cannot be written;
 * ADZE_EFORMAT with tensor and element for a NaN in weights to be quantized; ADZE_ECANCEL. */
adze_status az_convert(adze_run *run, const char *src, const char *dst, const az_convert_opts *opts,
                       az_convert_result *result, adze_error *err);
/* The same for a model that is open already. */
adze_status az_convert_model(adze_run *run, adze_model *m, const char *dst,
                             const az_convert_opts *opts, az_convert_result *result,
                             adze_error *err);
/* Bytes of tensor data that a conversion would write, from the writer's own plan; opts->to is given. */
adze_status az_convert_bytes(adze_run *run, adze_model *m, const az_convert_opts *opts,
                             uint64_t *bytes, adze_error *err);

#endif
