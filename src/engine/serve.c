/* Worker server: one engine, one model, one call at a time. Methods: docs/workers.md. */
#include "engine/serve.h"
#include "infer/session.h"
#include "base/json.h"
#include "engine/engine.h"
#include "engine/rpc.h"
#include "engine/spawn.h"

#include <string.h>

typedef struct server {
    adze_run *run;
    const az_engine *engine;
    void *e; /* NULL until open */
    az_engine_info info;
    az_buf line;
    int out;
    bool quit;
} server;

/* One call: params and frame in, result and frame out. */
typedef struct call {
    const json_t *params;
    const void *frame;
    size_t frame_n;
    json_t *result; /* new reference */
    void *rframe;   /* az_alloc'd */
    size_t rframe_n;
} call;

typedef adze_status method_fn(server *s, call *c, adze_error *err);

static adze_status do_describe(server *s, call *c, adze_error *err)
{
    json_t *names = json_array();

    (void)s;
    (void)err;
    for (size_t i = 0; az_engines[i]; i++)
        json_array_append_new(names, json_string(az_engines[i]->name));
    c->result = json_pack("{s:i, s:s, s:o}", "protocol", AZ_RPC_PROTOCOL, "version", adze_version(),
                          "engines", names);
    return ADZE_OK;
}

static size_t get_size(const json_t *params, const char *key)
{
    int64_t v = 0;

    return az_json_int(params, key, &v) && v > 0 && v < (1 << 30) ? (size_t)v : 0;
}

static adze_status unknown_engine(const char *name, adze_error *err)
{
    char known[160] = "";
    size_t at = 0;

    for (size_t i = 0; az_engines[i] && at < sizeof known; i++)
        at += (size_t)snprintf(known + at, sizeof known - at, "%s%s", i ? ", " : "",
                               az_engines[i]->name);
    return az_fail_name(err, ADZE_EMISSING, NULL, name, ADZE_NOPOS, "no such engine; known: %s",
                        known);
}

static adze_status do_open(server *s, call *c, adze_error *err)
{
    const char *name = az_json_str(c->params, "engine"), *path = az_json_str(c->params, "model");
    const char *kv = az_json_str(c->params, "kv");
    az_engine_settings set = { .threads = (int)get_size(c->params, "threads"),
                               .context = get_size(c->params, "context"),
                               .batch = get_size(c->params, "batch"),
                               .sequences = get_size(c->params, "sequences") };
    uint64_t t0;
    adze_status rc;

    if (!path) return az_fail(err, ADZE_EINVAL, NULL, ADZE_NOPOS, "open: \"model\" is missing");
    if (kv && !az_kv_of_name(kv, &set.kv))
        return az_fail_name(err, ADZE_EINVAL, NULL, kv, ADZE_NOPOS, "open: no such type of cache");
    if (s->e) s->engine->close(s->e);
    s->e = NULL;
    s->engine = az_engine_find(name ? name : "native");
    if (!s->engine) return unknown_engine(name, err);
    t0 = az_now_ns(s->run);
    rc = s->engine->open(&s->e, s->run, path, &set, err);
    if (rc < 0) return rc;
    s->engine->info(s->e, &s->info);
    c->result = json_pack("{s:f, s:s, s:s, s:i, s:I, s:I, s:I}", "load_ms",
                          (double)(az_now_ns(s->run) - t0) * 1e-6, "build", s->info.build, "isa",
                          s->info.isa, "threads", s->info.threads, "vocab",
                          (json_int_t)s->info.vocab, "context", (json_int_t)s->info.context,
                          "weight_bytes", (json_int_t)s->info.weight_bytes);
    return ADZE_OK;
}

static adze_status need_tokens(server *s, const call *c, size_t *n, adze_error *err)
{
    if (!s->e) return az_fail(err, ADZE_EINVAL, NULL, ADZE_NOPOS, "no model is open");
    *n = c->frame_n / sizeof(int32_t);
    if (!*n || c->frame_n % sizeof(int32_t))
        return az_fail(err, ADZE_EINVAL, NULL, ADZE_NOPOS, "the frame must hold int32 token ids");
    return ADZE_OK;
}

static adze_status do_eval(server *s, call *c, adze_error *err)
{
    size_t n = 0, want = get_size(c->params, "want");
    adze_status rc = need_tokens(s, c, &n, err);

    if (rc < 0) return rc;
    if (want > n)
        return az_fail(err, ADZE_EINVAL, NULL, ADZE_NOPOS, "want is more than the tokens given");
    if (want) {
        c->rframe_n = want * s->info.vocab * sizeof(float);
        c->rframe = az_alloc(s->run, c->rframe_n);
        if (!c->rframe) return az_fail_nomem(err, "evaluating");
    }
    rc = s->engine->reset(s->e, err);
    if (rc == ADZE_OK) rc = s->engine->eval(s->e, c->frame, n, want, c->rframe, err);
    c->result = json_object();
    return rc;
}

static int32_t argmax(const float *x, size_t n)
{
    size_t best = 0;

    for (size_t i = 1; i < n; i++)
        if (x[i] > x[best]) best = i;
    return (int32_t)best;
}

/* Prompt from the frame, then greedy tokens one by one, each timed. */
static adze_status do_bench(server *s, call *c, adze_error *err)
{
    size_t n = 0, generate = get_size(c->params, "generate");
    json_t *times = json_array();
    float *logits = NULL;
    uint64_t t0, t1;
    adze_status rc = need_tokens(s, c, &n, err);

    if (rc < 0) goto done;
    logits = az_alloc_array(s->run, s->info.vocab, sizeof *logits);
    if (!logits) {
        rc = az_fail_nomem(err, "measuring");
        goto done;
    }
    rc = s->engine->reset(s->e, err);
    if (rc < 0) goto done;
    t0 = az_now_ns(s->run);
    rc = s->engine->eval(s->e, c->frame, n, 1, logits, err);
    t1 = az_now_ns(s->run);
    if (rc < 0) goto done;
    c->result = json_pack("{s:I, s:O}", "prefill_ns", (json_int_t)(t1 - t0), "token_ns", times);
    for (size_t i = 0; i < generate && rc == ADZE_OK; i++) {
        int32_t id = argmax(logits, s->info.vocab);
        t0 = az_now_ns(s->run);
        rc = s->engine->eval(s->e, &id, 1, 1, logits, err);
        json_array_append_new(times, json_integer((json_int_t)(az_now_ns(s->run) - t0)));
    }
done:
    az_free(s->run, logits);
    json_decref(times);
    return rc;
}

/* Several sequences, each with its own n of the frame's tokens. */
static adze_status do_batch(server *s, call *c, adze_error *err)
{
    size_t n = 0, generate = get_size(c->params, "generate"),
           sequences = get_size(c->params, "sequences");
    uint64_t prefill = 0, *steps;
    json_t *times = json_array();
    adze_status rc = need_tokens(s, c, &n, err);

    steps = az_alloc_array(s->run, generate + 1, sizeof *steps);
    if (!steps && rc == ADZE_OK) rc = az_fail_nomem(err, "measuring");
    if (rc == ADZE_OK && (!sequences || n % sequences))
        rc = az_fail(err, ADZE_EINVAL, NULL, ADZE_NOPOS,
                     "batch: %zu tokens are not those of %zu sequences", n, sequences);
    if (rc == ADZE_OK && !s->engine->batch)
        rc = az_fail(err, ADZE_EUNSUP, NULL, ADZE_NOPOS, "engine %s runs one sequence at a time",
                     s->engine->name);
    if (rc == ADZE_OK)
        rc = s->engine->batch(s->e, c->frame, n / sequences, sequences, generate, &prefill, steps,
                              err);
    for (size_t i = 0; rc == ADZE_OK && i < generate; i++)
        json_array_append_new(times, json_integer((json_int_t)steps[i]));
    if (rc == ADZE_OK)
        c->result = json_pack("{s:I, s:O}", "prefill_ns", (json_int_t)prefill, "step_ns", times);
    az_free(s->run, steps);
    json_decref(times);
    return rc;
}

static adze_status do_profile(server *s, call *c, adze_error *err)
{
    if (!s->e) return az_fail(err, ADZE_EINVAL, NULL, ADZE_NOPOS, "no model is open");
    if (!s->engine->profile)
        return az_fail(err, ADZE_EUNSUP, NULL, ADZE_NOPOS, "engine %s has no profile",
                       s->engine->name);
    return s->engine->profile(s->e, &c->result, err);
}

static adze_status do_memory(server *s, call *c, adze_error *err)
{
    uint64_t now = az_current_rss_bytes(), peak = az_peak_rss_bytes();

    (void)s;
    (void)err;
    if (peak < now) peak = now; /* the kernel counts both a little late */
    c->result =
        json_pack("{s:I, s:I}", "peak_bytes", (json_int_t)peak, "now_bytes", (json_int_t)now);
    return ADZE_OK;
}

static adze_status do_shutdown(server *s, call *c, adze_error *err)
{
    (void)err;
    s->quit = true;
    c->result = json_object();
    return ADZE_OK;
}

static const struct {
    const char *name;
    method_fn *fn;
} methods[] = {
    { "describe", do_describe }, { "open", do_open },         { "eval", do_eval },
    { "bench", do_bench },       { "batch", do_batch },       { "profile", do_profile },
    { "memory", do_memory },     { "shutdown", do_shutdown },
};

static adze_status dispatch(server *s, const char *method, call *c, adze_error *err)
{
    for (size_t i = 0; method && i < AZ_COUNT(methods); i++)
        if (strcmp(methods[i].name, method) == 0) return methods[i].fn(s, c, err);
    return az_fail_name(err, ADZE_EINVAL, NULL, method ? method : "", ADZE_NOPOS, "no such method");
}

static adze_status answer(server *s, const json_t *msg, const void *frame, size_t frame_n,
                          adze_error *err)
{
    call c = { .params = json_object_get(msg, "params"), .frame = frame, .frame_n = frame_n };
    json_t *id = json_object_get(msg, "id"), *reply;
    char text[1200], path[600], name[300];
    adze_error e = { 0 };
    adze_status rc;

    e.pos = ADZE_NOPOS;
    rc = dispatch(s, az_json_str(msg, "method"), &c, &e);
    if (rc == ADZE_OK && !c.result) rc = az_fail_nomem(&e, "answering");
    if (rc == ADZE_OK)
        reply = json_pack("{s:s, s:O?, s:O}", "jsonrpc", "2.0", "id", id, "result", c.result);
    else
        reply =
            json_pack("{s:s, s:O?, s:{s:i, s:s, s:{s:i, s:s, s:s}}}", "jsonrpc", "2.0", "id", id,
                      "error", "code", -32000, "message", az_escape_text(text, sizeof text, e.msg),
                      "data", "status", (int)rc, "path", az_escape_text(path, sizeof path, e.path),
                      "name", az_escape_text(name, sizeof name, e.name));
    az_buf_clear(&s->line);
    if (rc < 0) c.rframe_n = 0;
    rc = reply ? az_rpc_encode(&s->line, reply, c.rframe_n, err) : az_fail_nomem(err, "answering");
    if (rc == ADZE_OK && (!az_fd_write(s->out, s->line.data, s->line.size) ||
                          (c.rframe_n && !az_fd_write(s->out, c.rframe, c.rframe_n))))
        rc = az_fail(err, ADZE_EIO, NULL, ADZE_NOPOS, "cannot write the answer");
    json_decref(reply);
    json_decref(c.result);
    az_free(s->run, c.rframe);
    return rc;
}

typedef struct fd_source {
    int fd;
    bool ended;
} fd_source;

static adze_status read_fd(void *user, void *dst, size_t n, size_t *got, adze_error *err)
{
    fd_source *f = user;

    if (az_fd_read(f->fd, dst, n, got)) return ADZE_OK;
    f->ended = true;
    return az_fail(err, ADZE_EIO, NULL, ADZE_NOPOS, "input ended");
}

adze_status az_serve_worker(adze_run *run, int in, int out, adze_error *err)
{
    server s = { .run = run, .out = out };
    fd_source source = { in, false };
    az_rpc_in rpc;
    adze_status rc = ADZE_OK;

    az_buf_init(&s.line, run);
    az_rpc_in_init(&rpc, run, read_fd, &source);
    while (!s.quit && rc == ADZE_OK) {
        json_t *msg = NULL;
        size_t frame_n = 0;
        void *frame = NULL;
        rc = az_rpc_next(&rpc, &msg, &frame, &frame_n, err);
        if (rc == ADZE_OK) rc = answer(&s, msg, frame, frame_n, err);
        az_free(run, frame);
        json_decref(msg);
    }
    if (source.ended && rpc.n == 0)
        rc = ADZE_OK; /* the parent closed the pipe between two messages */
    if (s.e) s.engine->close(s.e);
    az_rpc_in_deinit(&rpc);
    az_buf_deinit(&s.line);
    return rc;
}
