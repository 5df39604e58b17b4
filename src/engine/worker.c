/* Client of the worker protocol. */
#include "engine/worker.h"
#include "infer/session.h"
#include "base/json.h"
#include "engine/rpc.h"
#include "engine/spawn.h"

#include <string.h>

#define CALL_TIMEOUT_S 600.0

struct az_worker {
    adze_run *run;
    az_child child;
    az_rpc_in in;
    uint64_t deadline_ns; /* of the call under way: all of it, however the answer dribbles in */
    int64_t next_id;
    bool broken; /* after a transport error nothing more is sent */
};

static double left_s(const az_worker *w)
{
    uint64_t now = az_now_ns(w->run);

    return now < w->deadline_ns ? (double)(w->deadline_ns - now) * 1e-9 : 0;
}

static adze_status read_child(void *user, void *dst, size_t n, size_t *got, adze_error *err)
{
    az_worker *w = user;

    return az_child_read(&w->child, dst, n, left_s(w), got, err);
}

static adze_status remote_error(const json_t *e, const char *method, adze_error *err)
{
    const json_t *data = json_object_get(e, "data");
    const char *msg = az_json_str(e, "message"), *path = az_json_str(data, "path"),
               *name = az_json_str(data, "name");
    int64_t status = ADZE_EWORKER;

    /* a worker cannot claim success, nor that the user interrupted us, nor a status that does not exist */
    az_json_int(data, "status", &status);
    if (status >= 0 || status == ADZE_ECANCEL || status < ADZE_ENOENT) status = ADZE_EWORKER;
    return az_fail_name(err, (adze_status)status, path, name, ADZE_NOPOS, "%s",
                        msg && msg[0] ? msg : method);
}

static adze_status receive(az_worker *w, const char *method, int64_t id, json_t **result,
                           void **rframe, size_t *rframe_n, adze_error *err)
{
    json_t *msg = NULL, *e;
    size_t frame_n = 0;
    void *frame = NULL;
    int64_t got = -1;
    adze_status rc;

    rc = az_rpc_next(&w->in, &msg, &frame, &frame_n, err);
    if (rc < 0) {
        w->broken = true;
        return rc;
    }
    if (!az_json_int(msg, "id", &got) || got != id) {
        w->broken = true;
        rc = az_fail(err, ADZE_EWORKER, NULL, ADZE_NOPOS, "worker answered out of order to %s",
                     method);
    } else if ((e = json_object_get(msg, "error")) != NULL) {
        rc = remote_error(e, method, err);
    } else if (!json_object_get(msg, "result")) {
        rc = az_fail(err, ADZE_EWORKER, NULL, ADZE_NOPOS, "worker gave no result to %s", method);
    }
    if (rc == ADZE_OK && result) *result = json_incref(json_object_get(msg, "result"));
    if (rc == ADZE_OK && rframe) {
        *rframe = frame;
        *rframe_n = frame_n;
        frame = NULL;
    }
    az_free(w->run, frame);
    json_decref(msg);
    return rc;
}

adze_status az_worker_call(az_worker *w, const char *method, json_t *params, const void *frame,
                           size_t frame_n, double timeout_s, json_t **result, void **rframe,
                           size_t *rframe_n, adze_error *err)
{
    json_t *msg =
        json_pack("{s:s, s:I, s:s, s:o}", "jsonrpc", "2.0", "id", (json_int_t)++w->next_id,
                  "method", method, "params", params ? params : json_object());
    adze_status rc;
    az_buf line;

    if (result) *result = NULL;
    if (rframe) {
        *rframe = NULL;
        *rframe_n = 0;
    }
    az_buf_init(&line, w->run);
    if (!msg)
        rc = az_fail_nomem(err, "calling a worker");
    else if (w->broken)
        rc = az_fail(err, ADZE_EWORKER, NULL, ADZE_NOPOS, "the worker process is gone");
    else
        rc = az_rpc_encode(&line, msg, frame_n, err);
    json_decref(msg);
    if (rc == ADZE_OK) {
        w->deadline_ns = az_now_ns(w->run) + (uint64_t)(timeout_s * 1e9);
        rc = az_child_write(&w->child, line.data, line.size, timeout_s, err);
        if (rc == ADZE_OK && frame_n)
            rc = az_child_write(&w->child, frame, frame_n, left_s(w), err);
        if (rc < 0)
            w->broken = true;
        else
            rc = receive(w, method, w->next_id, result, rframe, rframe_n, err);
    }
    az_buf_deinit(&line);
    return rc;
}

adze_status az_worker_start(az_worker **out, adze_run *run, const char *const *argv,
                            adze_error *err)
{
    char self[4096];
    const char *own[] = { self, "worker", NULL };
    az_worker *w = az_calloc(run, 1, sizeof *w);
    json_t *r = NULL;
    int64_t protocol = 0;
    adze_status rc;

    *out = NULL;
    if (!w) return az_fail_nomem(err, "starting a worker");
    w->run = run;
    az_rpc_in_init(&w->in, run, read_child, w);
    if (!argv && !az_self_path(self, sizeof self)) {
        rc = az_fail(err, ADZE_EMISSING, NULL, ADZE_NOPOS, "cannot find this program's own path");
        goto done;
    }
    rc = az_child_start(&w->child, run, argv ? argv : own, err);
    if (rc < 0) goto done;
    rc = az_worker_call(w, "describe", NULL, NULL, 0, 20, &r, NULL, NULL, err);
    if (rc == ADZE_OK && (!az_json_int(r, "protocol", &protocol) || protocol != AZ_RPC_PROTOCOL))
        rc = az_fail(err, ADZE_EWORKER, NULL, ADZE_NOPOS, "worker speaks protocol %d, not %d",
                     (int)protocol, AZ_RPC_PROTOCOL);
    json_decref(r);
    if (rc < 0) goto done;
    *out = w;
    w = NULL;
done:
    az_worker_stop(w);
    return rc;
}

void az_worker_stop(az_worker *w)
{
    if (!w) return;
    az_child_stop(&w->child, w->broken ? 0.0 : 5.0);
    az_rpc_in_deinit(&w->in);
    az_free(w->run, w);
}

static void copy_text(char *dst, size_t size, const char *src)
{
    size_t n = src ? strlen(src) : 0;

    if (n >= size) n = size - 1;
    if (n) memcpy(dst, src, n);
    dst[n] = 0;
}

adze_status az_worker_open(az_worker *w, const char *engine, const char *path,
                           const az_engine_settings *s, az_worker_model *out, adze_error *err)
{
    int64_t threads = 0, vocab = 0, context = 0, bytes = 0;
    json_t *params =
        json_pack("{s:s, s:s, s:i, s:I, s:I, s:s, s:I}", "engine", engine, "model", path, "threads",
                  s->threads, "context", (json_int_t)s->context, "batch", (json_int_t)s->batch,
                  "kv", az_kv_name(s->kv), "sequences", (json_int_t)s->sequences);
    json_t *r = NULL;
    adze_status rc;

    memset(out, 0, sizeof *out);
    if (!params)
        return az_fail(err, ADZE_EINVAL, path, ADZE_NOPOS,
                       "this path cannot be sent to a worker: it is not UTF-8");
    rc = az_worker_call(w, "open", params, NULL, 0, CALL_TIMEOUT_S, &r, NULL, NULL, err);
    if (rc < 0) return rc;
    if (!az_json_real(r, "load_ms", &out->load_ms) || !az_json_int(r, "threads", &threads) ||
        !az_json_int(r, "vocab", &vocab) || !az_json_int(r, "context", &context) ||
        !az_json_int(r, "weight_bytes", &bytes) || vocab <= 0 || vocab > INT32_MAX ||
        context <= 0 || bytes < 0 || threads < 1 || threads > INT32_MAX || !(out->load_ms >= 0))
        rc = az_fail(err, ADZE_EWORKER, path, ADZE_NOPOS, "worker's answer to open is incomplete");
    out->threads = (int)threads;
    out->vocab = (size_t)vocab;
    out->context = (size_t)context;
    out->weight_bytes = (uint64_t)bytes;
    copy_text(out->isa, sizeof out->isa, az_json_str(r, "isa"));
    copy_text(out->build, sizeof out->build, az_json_str(r, "build"));
    json_decref(r);
    return rc;
}

adze_status az_worker_eval(az_worker *w, const int32_t *tokens, size_t n, size_t want, size_t vocab,
                           float **logits, adze_error *err)
{
    size_t got = 0;
    void *frame = NULL;
    adze_status rc;

    *logits = NULL;
    rc = az_worker_call(w, "eval", json_pack("{s:I}", "want", (json_int_t)want), tokens,
                        n * sizeof *tokens, CALL_TIMEOUT_S, NULL, &frame, &got, err);
    if (rc == ADZE_OK && got != want * vocab * sizeof(float))
        rc = az_fail(err, ADZE_EWORKER, NULL, ADZE_NOPOS,
                     "worker sent %zu bytes of logits, not %zu", got, want * vocab * sizeof(float));
    if (rc < 0) {
        az_free(w->run, frame);
        return rc;
    }
    *logits = frame;
    return ADZE_OK;
}

adze_status az_worker_memory(az_worker *w, uint64_t *peak_bytes, uint64_t *now_bytes,
                             adze_error *err)
{
    int64_t peak = 0, now = 0;
    json_t *r = NULL;
    adze_status rc = az_worker_call(w, "memory", NULL, NULL, 0, 20, &r, NULL, NULL, err);

    if (rc == ADZE_OK && (!az_json_int(r, "peak_bytes", &peak) ||
                          !az_json_int(r, "now_bytes", &now) || peak < 0 || now < 0))
        rc =
            az_fail(err, ADZE_EWORKER, NULL, ADZE_NOPOS, "worker's answer to memory is incomplete");
    *peak_bytes = (uint64_t)peak;
    *now_bytes = (uint64_t)now;
    json_decref(r);
    return rc;
}
