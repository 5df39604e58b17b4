/* An engine runs an artifact: one const az_engine per file and one line in engine_list.c.
 *
 * `native` runs in-process; every engine can also be driven as a worker, a child process that speaks the
 * protocol of docs/workers.md (engine/worker.h is the parent's side, engine/serve.h the child's).
 */
#ifndef AZ_ENGINE_ENGINE_H
#define AZ_ENGINE_ENGINE_H

#include <jansson.h>
#include <adze/session.h>
#include "base/run.h"

/* 0 in any field: the engine's own choice. */
typedef struct az_engine_settings {
    int threads;
    size_t context, batch; /* tokens */
    adze_kv kv;            /* what caches are kept in */
    size_t sequences;      /* at once, for `batch` */
} az_engine_settings;

typedef struct az_engine_info {
    const char *build; /* version of the engine; borrowed */
    const char *isa;   /* kernels in use: "avx512vnni"; borrowed */
    int threads;
    size_t vocab, context; /* tokens */
    uint64_t weight_bytes; /* all tensors as stored */
} az_engine_info;

typedef struct az_engine {
    const char *name; /* "native" */
    const char *summary;
    bool (*accepts)(const char *format); /* az_format's name */
    adze_status (*open)(void **e, adze_run *run, const char *path, const az_engine_settings *s,
                        adze_error *err);
    void (*close)(void *e); /* NULL is fine */
    void (*info)(void *e, az_engine_info *out);
    /* Text to ids with what the model adds (BOS); ids: az_alloc'd from `run` given to open. */
    adze_status (*tokenize)(void *e, const char *text, size_t n, bool add_special, int32_t **ids,
                            size_t *n_ids, adze_error *err);
    /* Append n tokens; logits of the last `want` of them: [want][vocab] f32, want 0 .. n. */
    adze_status (*eval)(void *e, const int32_t *tokens, size_t n, size_t want, float *logits,
                        adze_error *err);
    adze_status (*reset)(void *e, adze_error *err); /* forget all tokens */
    /* Prompts of `sequences` sequences, [sequences][n], read from empty contexts side by side, then `generate` greedy tokens of each,
     * all of them a step; nanoseconds of all prompts, and of each step. NULL slot: it runs one sequence. */
    adze_status (*batch)(void *e, const int32_t *prompts, size_t n, size_t sequences,
                         size_t generate, uint64_t *prefill_ns, uint64_t *step_ns, adze_error *err);
    /* Time per operator since the last call as a JSON array (see docs/report.md), or NULL slot. */
    adze_status (*profile)(void *e, json_t **out, adze_error *err);
} az_engine;

extern const az_engine *const az_engines[];        /* NULL-terminated */
const az_engine *az_engine_find(const char *name); /* NULL: unknown */

#endif
