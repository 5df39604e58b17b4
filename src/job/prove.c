/* The proof as a job. */
#include "job/prove.h"
#include "base/json.h"
#include "job/prove_asked.h"

#include <string.h>

static json_t *side_json(const adze_model *m, const char *digest)
{
    const char *arch = adze_model_arch(m);

    return json_pack("{s:s, s:s, s:s, s:s, s:I, s:I}", "path", m->path, "digest", digest, "format",
                     m->format, "architecture", arch ? arch : "", "parameters",
                     (json_int_t)adze_model_parameters(m), "bytes",
                     (json_int_t)adze_model_bytes(m));
}

static adze_status document(json_t **out, adze_run *run, const az_proof *p, const adze_model *ref,
                            const adze_model *model, adze_error *err)
{
    char a[AZ_DIGEST_SIZE], b[AZ_DIGEST_SIZE];
    adze_status rc = az_digest_path(run, ref->path, a, err);

    if (rc == ADZE_OK) rc = az_digest_path(run, model->path, b, err);
    if (rc < 0) return rc;
    *out = az_proof_json(p);
    if (!*out || json_object_set_new(*out, "adze", json_string(ADZE_VERSION)) < 0 ||
        json_object_set_new(*out, "reference", side_json(ref, a)) < 0 ||
        json_object_set_new(*out, "model", side_json(model, b)) < 0)
        return az_fail_nomem(err, "writing a proof");
    return ADZE_OK;
}

adze_status az_prove_paths(az_proof **out, json_t **json, adze_run *run, const char *ref,
                           const char *model, const az_prove_asked *asked,
                           const az_prove_opts *opts, adze_error *err)
{
    adze_model *a = NULL, *b = NULL;
    az_proof *p = NULL;
    az_asked made = { .o = { .parts = 0 } };
    adze_status rc = adze_model_open(&a, run, ref, err);

    *out = NULL;
    if (json) *json = NULL;
    if (rc == ADZE_OK) rc = adze_model_open(&b, run, model, err);
    if (rc == ADZE_OK) rc = az_asked_read(&made, run, asked, opts, a, b, err);
    if (rc == ADZE_OK) rc = az_prove(&p, run, a, b, &made.o, err);
    if (rc == ADZE_OK && json) rc = document(json, run, p, a, b, err);
    if (rc == ADZE_OK) {
        *out = p;
        p = NULL;
    } else if (json) {
        json_decref(*json);
        *json = NULL;
    }
    az_proof_free(p);
    az_asked_release(&made);
    adze_model_close(a);
    adze_model_close(b);
    return rc;
}

static adze_status record(az_store *s, const char *command, const json_t *json, int exit_code)
{
    const json_t *ref = json_object_get(json, "reference");
    const char *path = az_json_str(ref, "path"), *name = path ? az_path_base(path) : "";
    int64_t bytes = 0, parameters = 0, id = 0;
    az_store_model row = { .digest = az_json_str(ref, "digest"),
                           .path = path,
                           .name = *name ? name : path,
                           .arch = az_json_str(ref, "architecture"),
                           .format = az_json_str(ref, "format") };
    adze_status rc;

    az_json_int(ref, "bytes", &bytes);
    az_json_int(ref, "parameters", &parameters);
    row.bytes = (uint64_t)bytes;
    row.parameters = (uint64_t)parameters;
    rc = az_store_put_model(s, &row, NULL);
    if (rc == ADZE_OK) rc = az_store_begin_run(s, command, row.digest, &id, NULL);
    return rc < 0 ? rc
                  : az_store_end_run(s, id, exit_code, az_json_str(json, "verdict"), NULL, NULL);
}

void az_prove_record(adze_run *run, const json_t *json, int exit_code)
{
    const char *ref = az_json_str(json_object_get(json, "reference"), "path");
    const char *model = az_json_str(json_object_get(json, "model"), "path");
    char *command = az_asprintf(run, "prove %s %s", ref ? ref : "", model ? model : "");
    az_store *s = NULL;

    if (command && az_store_open(&s, run, NULL) == ADZE_OK) {
        record(s, command, json, exit_code);
        az_store_close(s);
    }
    az_free(run, command);
}

char *az_proof_path(adze_run *run, const char *model)
{
    size_t n = strlen(model);
    az_stat st;

    if (az_stat_path(run, model, &st, NULL) == ADZE_OK && st.is_dir)
        return az_path_join(run, model, AZ_PROOF_FILE);
    if (n > 5 && strcmp(model + n - 5, ".gguf") == 0) n -= 5;
    return az_asprintf(run, "%.*s.proof.json", (int)n, model);
}

adze_status az_proof_write(adze_run *run, const json_t *json, const char *model, adze_error *err)
{
    char *path = az_proof_path(run, model);
    adze_status rc =
        path ? az_json_write(run, json, path, err) : az_fail_nomem(err, "writing a proof");

    az_free(run, path);
    return rc;
}
