/* adze: opening a checkpoint, whatever its format. */
#ifndef ADZE_MODEL_H
#define ADZE_MODEL_H

#include <stddef.h>
#include <stdint.h>
#include <adze/error.h>
#include <adze/run.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct adze_model adze_model;

/**
 * Open a checkpoint: a Hugging Face folder or a GGUF file. Reads headers only.
 *
 * @param out   receives the model; NULL on failure. Free with adze_model_close.
 * @param run   context; must outlive the model.
 * @param path  file or folder.
 * @param err   filled on failure; may be NULL.
 * @return ADZE_OK; ADZE_ENOENT; ADZE_EFORMAT for malformed input with path, name and byte offset;
 *         ADZE_EUNSUP for a format, type or architecture that adze does not know; ADZE_EIO; ADZE_ENOMEM.
 *
 * Threads: a model may be read from several threads once open.
 */
ADZE_API adze_status adze_model_open(adze_model **out, adze_run *run, const char *path,
                                     adze_error *err);

/** Close a model and everything that was mapped from it; NULL is fine. */
ADZE_API void adze_model_close(adze_model *m);

/** Architecture name such as "llama"; borrowed; NULL if the architecture is not known. */
ADZE_API const char *adze_model_arch(const adze_model *m);

/** Number of weights in all tensors. */
ADZE_API uint64_t adze_model_parameters(const adze_model *m);

/** Bytes of all tensors as stored. */
ADZE_API uint64_t adze_model_bytes(const adze_model *m);

/** Format name, "hf" or "gguf"; borrowed. */
ADZE_API const char *adze_model_format(const adze_model *m);

#ifdef __cplusplus
}
#endif
#endif
