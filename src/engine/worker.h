/* The parent's side of a worker process: start it, call it, stop it. A crash, a hang or a leak costs one
 * candidate, never the run. One call at a time. */
#ifndef AZ_ENGINE_WORKER_H
#define AZ_ENGINE_WORKER_H

#include <jansson.h>
#include "base/run.h"
#include "engine/engine.h"

typedef struct az_worker az_worker;

/* Start `argv` (NULL: this program's own `worker` command) and check its protocol version. */
adze_status az_worker_start(az_worker **out, adze_run *run, const char *const *argv,
                            adze_error *err);
void az_worker_stop(az_worker *w); /* asks it to end, then kills it; NULL is fine */

/* One call. params is stolen (NULL: none). frame: sent with it. *result: new reference. rframe (may be NULL
 * when none is expected): az_alloc'd answer frame. An error of the worker comes back as its own status. */
adze_status az_worker_call(az_worker *w, const char *method, json_t *params, const void *frame,
                           size_t frame_n, double timeout_s, json_t **result, void **rframe,
                           size_t *rframe_n, adze_error *err);

/* What `open` answers. Strings live as long as the worker. */
typedef struct az_worker_model {
    double load_ms;
    char isa[32], build[64];
    int threads;
    size_t vocab, context;
    uint64_t weight_bytes;
} az_worker_model;

adze_status az_worker_open(az_worker *w, const char *engine, const char *path,
                           const az_engine_settings *s, az_worker_model *out, adze_error *err);
/* Logits of the last `want` tokens after evaluating n from an empty context: *logits is [want][vocab]. */
adze_status az_worker_eval(az_worker *w, const int32_t *tokens, size_t n, size_t want, size_t vocab,
                           float **logits, adze_error *err);
/* Resident bytes of the worker process. */
adze_status az_worker_memory(az_worker *w, uint64_t *peak_bytes, uint64_t *now_bytes,
                             adze_error *err);

#endif
