/* The proof as a job: two paths in, a JSON with both digests out, kept beside the artifact. */
#ifndef AZ_JOB_PROVE_H
#define AZ_JOB_PROVE_H

#include "base/opt.h"
#include "measure/prove.h"
#include "store/store.h"

/* What the user says that the model was made with. */
typedef struct az_prove_asked {
    const char *imatrix;            /* file of an importance matrix; NULL: none */
    const az_opt_list *override_kv; /* KEY=TYPE:VALUE each; NULL: none */
} az_prove_asked;

/* Open both and compare. asked may be NULL. *json (may be NULL) is docs/proof.md's document, a new reference. */
adze_status az_prove_paths(az_proof **out, json_t **json, adze_run *run, const char *ref,
                           const char *model, const az_prove_asked *asked,
                           const az_prove_opts *opts, adze_error *err);

/* Remember a proof in the registry, as a run (`adze history`); json: its document. Where there is no registry, nothing. */
void az_prove_record(adze_run *run, const json_t *json, int exit_code);

/* Where the proof of an artifact is kept: NAME.proof.json beside a file (NAME without .gguf), proof.json inside a
 * folder. New string (az_free); NULL: out of memory. */
char *az_proof_path(adze_run *run, const char *model);
/* Write it there, atomically. */
adze_status az_proof_write(adze_run *run, const json_t *json, const char *model, adze_error *err);

#endif
