/* The registry: one SQLite database of what was made from what, and what was measured. The only place that
 * knows SQL. Safe for several processes at once (WAL, synchronous=FULL, busy timeout).
 *
 * It lies in $ADZE_HOME, else $XDG_DATA_HOME/adze, else ~/.local/share/adze, as registry.db.
 */
#ifndef AZ_STORE_STORE_H
#define AZ_STORE_STORE_H

#include <jansson.h>
#include "base/run.h"
#include "core/figure.h"
#include "store/digest.h"

typedef struct az_store az_store;

adze_status az_store_open(az_store **out, adze_run *run, adze_error *err);
void az_store_close(az_store *s); /* NULL is fine */
const char *az_store_path(const az_store *s);

/* Digest of a file or folder, from the cache when (device, inode, size, times) are unchanged. */
adze_status az_store_digest(az_store *s, const char *path, char out[AZ_DIGEST_SIZE],
                            adze_error *err);

/* The same from the user's registry where one can be opened; else computed and kept nowhere. */
adze_status az_digest_path(adze_run *run, const char *path, char out[AZ_DIGEST_SIZE],
                           adze_error *err);

typedef struct az_store_model {
    const char *digest, *path, *name, *arch, *format;
    uint64_t parameters, bytes;
} az_store_model;
adze_status az_store_put_model(az_store *s, const az_store_model *m, adze_error *err);

typedef struct az_store_artifact {
    const char *digest, *source, *recipe, *format, *path; /* source: digest it was made from */
    uint64_t bytes;
} az_store_artifact;
adze_status az_store_put_artifact(az_store *s, const az_store_artifact *a, adze_error *err);

adze_status az_store_begin_run(az_store *s, const char *command, const char *model_digest,
                               int64_t *run_id, adze_error *err);
adze_status az_store_end_run(az_store *s, int64_t run_id, int exit_code, const char *chosen,
                             const char *report, adze_error *err);
adze_status az_store_put_measurement(az_store *s, int64_t run_id, const char *candidate,
                                     const char *artifact, const char *name, const az_figure *f,
                                     adze_error *err);
adze_status az_store_put_gate(az_store *s, int64_t run_id, const char *candidate, const char *gate,
                              double value, double limit, const char *verdict, adze_error *err);

/* Finished stages by key (a digest of everything that decides the result). *result is NULL when there is
 * none, else a new reference. */
adze_status az_store_get_stage(az_store *s, const char *key, json_t **result, adze_error *err);
adze_status az_store_put_stage(az_store *s, const char *key, const char *kind, const json_t *result,
                               adze_error *err);

/* Newest runs first: array of {id, started, command, model, arch, exit_code, chosen, report, ...}. */
adze_status az_store_history(az_store *s, int64_t limit, json_t **rows, adze_error *err);
/* One run with its measurements, gates and the lineage of its artifacts; ADZE_ENOENT when unknown. */
adze_status az_store_run(az_store *s, int64_t run_id, json_t **row, adze_error *err);

#endif
