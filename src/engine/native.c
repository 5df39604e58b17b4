/* The native engine behind the engine vtable. */
#include "engine/engine.h"
#include "infer/batch.h"
#include "infer/session.h"
#include "kernel/kernel.h"

#include <string.h>

typedef struct native {
    adze_run *run; /* the caller's: memory handed out */
    adze_run *own; /* with the session's threads */
    adze_model *model;
    adze_tokenizer *tok;
    adze_session *session;
    int threads;
} native;

static bool native_accepts(const char *format)
{
    return strcmp(format, "gguf") == 0 || strcmp(format, "hf") == 0;
}

static void native_close(void *p)
{
    native *e = p;

    if (!e) return;
    adze_session_free(e->session);
    adze_tokenizer_free(e->tok);
    adze_model_close(e->model);
    adze_run_free(e->own);
    az_free(e->run, e);
}

static adze_status native_open(void **out, adze_run *run, const char *path,
                               const az_engine_settings *s, adze_error *err)
{
    adze_run_opts ro = { .threads = s->threads };
    adze_session_opts so = {
        .context = s->context, .batch = s->batch, .kv = s->kv, .sequences = s->sequences
    };
    native *e = az_calloc(run, 1, sizeof *e);
    adze_status rc;

    *out = NULL;
    if (!e) return az_fail_nomem(err, "opening the native engine");
    e->run = run;
    rc = adze_run_new(&e->own, &ro, err);
    if (rc < 0) goto done;
    e->threads = adze_run_threads(e->own);
    rc = adze_model_open(&e->model, e->own, path, err);
    if (rc < 0) goto done;
    rc = adze_session_new(&e->session, e->own, e->model, &so, err);
    if (rc < 0) goto done;
    az_session_profile_start(e->session);
    *out = e;
    e = NULL;
done:
    native_close(e);
    return rc;
}

static void native_info(void *p, az_engine_info *out)
{
    native *e = p;

    *out = (az_engine_info){
        .build = adze_version(),
        .isa = az_kernels_default()->isa,
        .threads = e->threads,
        .vocab = adze_session_vocab(e->session),
        .context = adze_session_pos(e->session) + adze_session_room(e->session),
        .weight_bytes = adze_model_bytes(e->model),
    };
}

static adze_status native_tokenize(void *p, const char *text, size_t n, bool add_special,
                                   int32_t **ids, size_t *n_ids, adze_error *err)
{
    native *e = p;
    int32_t *own = NULL, *copy;
    adze_status rc;

    *ids = NULL;
    *n_ids = 0;
    if (!e->tok) {
        rc = adze_tokenizer_new(&e->tok, e->own, e->model, err);
        if (rc < 0) return rc;
    }
    rc = adze_tokenize(e->tok, text, n, add_special, &own, n_ids, err);
    if (rc < 0) return rc;
    copy = az_alloc_array(e->run, *n_ids + 1, sizeof *copy);
    if (copy) memcpy(copy, own, *n_ids * sizeof *copy);
    adze_tokens_free(e->tok, own);
    *ids = copy;
    return copy ? ADZE_OK : az_fail_nomem(err, "tokenizing");
}

static adze_status native_eval(void *p, const int32_t *tokens, size_t n, size_t want, float *logits,
                               adze_error *err)
{
    native *e = p;
    adze_status rc = ADZE_OK;

    if (want <= 1) return adze_session_eval(e->session, tokens, n, want ? logits : NULL, err);
    if (want < n) rc = adze_session_eval(e->session, tokens, n - want, NULL, err);
    if (rc == ADZE_OK) rc = adze_session_eval_all(e->session, tokens + n - want, want, logits, err);
    return rc;
}

static adze_status native_reset(void *p, adze_error *err)
{
    native *e = p;

    return adze_session_rewind(e->session, 0, err);
}

/* One sequence that always takes the likeliest token. */
typedef struct greedy {
    size_t vocab, *written;
} greedy;

static bool next_greedy(void *user, const float *logits, int32_t *token)
{
    greedy *g = user;
    size_t best = 0;

    for (size_t i = 1; i < g->vocab; i++)
        if (logits[i] > logits[best]) best = i;
    *token = (int32_t)best;
    ++*g->written;
    return true;
}

/* Until `want` tokens more have been written. */
static adze_status write_more(az_batch *b, const size_t *written, size_t want, adze_error *err)
{
    size_t end = *written + want;
    adze_status rc = ADZE_OK;

    while (rc == ADZE_OK && *written < end)
        rc = az_batch_step(b, err);
    return rc;
}

static adze_status native_batch(void *p, const int32_t *prompts, size_t n, size_t sequences,
                                size_t generate, uint64_t *prefill_ns, uint64_t *step_ns,
                                adze_error *err)
{
    const az_batch_opts o = { .forget = true, .prompts_first = true };
    native *e = p;
    size_t written = 0;
    greedy g = { adze_session_vocab(e->session), &written };
    az_batch *b;
    uint64_t begin;
    adze_status rc = adze_session_rewind(e->session, 0, err);

    if (rc == ADZE_OK) rc = az_batch_new(&b, e->session, &o, err);
    if (rc < 0) return rc;
    for (size_t i = 0; i < sequences && rc == ADZE_OK; i++) {
        az_request r = { prompts + i * n, n, generate + 1, next_greedy, NULL, &g };
        rc = az_batch_add(b, &r, NULL, err);
    }
    begin = az_now_ns(e->run);
    if (rc == ADZE_OK) rc = write_more(b, &written, sequences, err);
    *prefill_ns = az_now_ns(e->run) - begin;
    for (size_t i = 0; i < generate && rc == ADZE_OK; i++) {
        begin = az_now_ns(e->run);
        rc = write_more(b, &written, sequences, err);
        step_ns[i] = az_now_ns(e->run) - begin;
    }
    az_batch_free(b);
    return rc;
}

static json_t *row_json(const az_profile_row *r)
{
    double ms = (double)r->ns * 1e-6;
    json_t *j = json_pack("{s:s, s:s, s:s?, s:I, s:f}", "op", az_op_name(r->op), "layer_kind",
                          r->kind, "type", r->type, "calls", (json_int_t)r->calls, "ms", ms);
    bool product = r->ops > 0 && ms > 0;

    json_object_set_new(j, "achieved_gops", product ? json_real(r->ops / ms * 1e-6) : json_null());
    json_object_set_new(j, "achieved_gb_s",
                        product ? json_real((double)r->bytes / ms * 1e-6) : json_null());
    return j;
}

static adze_status native_profile(void *p, json_t **out, adze_error *err)
{
    native *e = p;
    az_profile_row *rows;
    az_arena arena;
    size_t n = 0;
    adze_status rc;

    az_arena_init(&arena, e->run);
    rc = az_session_profile_rows(e->session, &arena, &rows, &n, err);
    *out = rc == ADZE_OK ? json_array() : NULL;
    for (size_t i = 0; rc == ADZE_OK && i < n; i++)
        if (rows[i].calls) json_array_append_new(*out, row_json(&rows[i]));
    az_arena_deinit(&arena);
    az_session_profile_start(e->session);
    return rc;
}

const az_engine az_engine_native = {
    .name = "native",
    .summary = "adze's own CPU engine",
    .accepts = native_accepts,
    .open = native_open,
    .close = native_close,
    .info = native_info,
    .tokenize = native_tokenize,
    .eval = native_eval,
    .reset = native_reset,
    .batch = native_batch,
    .profile = native_profile,
};
