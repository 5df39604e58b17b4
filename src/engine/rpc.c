/* Messages of the worker protocol. */
#include "engine/rpc.h"
#include "base/json.h"

#include <string.h>

void az_rpc_in_init(az_rpc_in *in, adze_run *run, az_rpc_read_fn *read, void *user)
{
    *in = (az_rpc_in){ .run = run, .read = read, .user = user };
}

void az_rpc_in_deinit(az_rpc_in *in)
{
    az_free(in->run, in->buf);
    in->buf = NULL;
}

static adze_status fill(az_rpc_in *in, adze_error *err)
{
    size_t got = 0;
    adze_status rc;

    if (in->n == in->cap) {
        size_t cap = in->cap ? in->cap * 2 : 65536;
        char *p = az_realloc(in->run, in->buf, cap);
        if (!p) return az_fail_nomem(err, "reading a message");
        in->buf = p;
        in->cap = cap;
    }
    rc = in->read(in->user, in->buf + in->n, in->cap - in->n, &got, err);
    in->n += got;
    return rc;
}

static adze_status take_frame(az_rpc_in *in, uint64_t n, void **frame, adze_error *err)
{
    size_t have = in->n < n ? in->n : (size_t)n, at = have, got;
    char *p = az_alloc(in->run, (size_t)n);
    adze_status rc;

    if (!p) return az_fail_nomem(err, "reading a frame");
    memcpy(p, in->buf, have);
    memmove(in->buf, in->buf + have, in->n - have);
    in->n -= have;
    while (at < n) {
        rc = in->read(in->user, p + at, (size_t)n - at, &got, err);
        if (rc < 0) {
            az_free(in->run, p);
            return rc;
        }
        at += got;
    }
    *frame = p;
    return ADZE_OK;
}

adze_status az_rpc_next(az_rpc_in *in, json_t **msg, void **frame, size_t *frame_n, adze_error *err)
{
    size_t seen = 0, line;
    char *nl = NULL;
    int64_t n = 0;
    adze_status rc;

    *msg = NULL;
    *frame = NULL;
    *frame_n = 0;
    for (;;) {
        if (in->n > seen) nl = memchr(in->buf + seen, '\n', in->n - seen);
        if (nl) break;
        seen = in->n;
        if (in->n > AZ_RPC_MAX_LINE)
            return az_fail(err, ADZE_EFORMAT, NULL, ADZE_NOPOS, "message line over %d bytes",
                           AZ_RPC_MAX_LINE);
        rc = fill(in, err);
        if (rc < 0) return rc;
    }
    line = (size_t)(nl - in->buf);
    rc = az_json_parse(msg, in->buf, line, NULL, err);
    if (rc < 0) return rc;
    memmove(in->buf, nl + 1, in->n - line - 1);
    in->n -= line + 1;
    if (az_json_int(*msg, "frame", &n) && n != 0) {
        if (n < 0 || (uint64_t)n > AZ_RPC_MAX_FRAME)
            rc = az_fail(err, ADZE_EFORMAT, NULL, ADZE_NOPOS, "frame length out of range");
        else
            rc = take_frame(in, (uint64_t)n, frame, err);
    }
    if (rc < 0) {
        json_decref(*msg);
        *msg = NULL;
        return rc;
    }
    *frame_n = (size_t)n;
    return ADZE_OK;
}

adze_status az_rpc_encode(az_buf *out, json_t *msg, size_t frame_n, adze_error *err)
{
    char *text;
    size_t n;

    if (frame_n && json_object_set_new(msg, "frame", json_integer((json_int_t)frame_n)) < 0)
        return az_fail_nomem(err, "writing a message");
    text = az_json_text(out->run, msg, JSON_COMPACT | JSON_ENSURE_ASCII, &n);
    if (text) {
        az_buf_put(out, text, n);
        az_buf_putc(out, '\n');
    }
    az_free(out->run, text);
    return text && az_buf_ok(out) ? ADZE_OK : az_fail_nomem(err, "writing a message");
}
