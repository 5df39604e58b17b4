/* Sessions: creation, evaluation, rewinding. All memory of the decode path is taken in adze_session_new. */
#include "infer/session.h"
#include "arch/rope.h"
#include "base/check.h"

#include <string.h>

enum { DEFAULT_CONTEXT = 4096, DEFAULT_BATCH = 256 };

/* Sum of a few products, or an overflow that stays. */
typedef struct total {
    uint64_t bytes;
    bool bad;
} total;

static void add_bytes(total *t, uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t n;

    if (!az_mul_u64(a, b, &n) || !az_mul_u64(n, c, &n) || !az_add_u64(t->bytes, n, &t->bytes))
        t->bad = true;
}

static size_t cache_elem_bytes(const adze_session *s)
{
    return s->cache_f32 ? sizeof(float) : sizeof(az_f16);
}

static adze_status check_memory(adze_session *s, adze_error *err)
{
    uint64_t budget = s->run->opts.memory_bytes;
    uint64_t used = atomic_load_explicit(&s->run->used_bytes, memory_order_relaxed);
    total t = { 0, false };

    for (int i = 0; i < s->n_buffers; i++)
        add_bytes(&t, s->buffer_columns[i], s->batch, sizeof(float));
    for (int i = 0; i < s->graph.n_states; i++) {
        const az_graph_state *st = &s->graph.states[i];
        add_bytes(&t, (uint64_t)st->n_kv_heads * (uint64_t)st->head_dim, s->cache_rows,
                  2 * cache_elem_bytes(s));
    }
    add_bytes(&t, s->q8_row_bytes, s->batch, AZ_Q8_BUFFERS);
    add_bytes(&t, (uint64_t)s->config.rope.dims, s->batch + 1, sizeof(float));
    s->memory_bytes = t.bytes;
    if (t.bad || t.bytes > SIZE_MAX / 2 || (budget && (used > budget || t.bytes > budget - used)))
        return az_fail(err, ADZE_EFIT, s->model->path, ADZE_NOPOS,
                       "a session of %zu tokens needs %llu MiB, the budget leaves %llu MiB",
                       s->context, (unsigned long long)(t.bytes >> 20),
                       (unsigned long long)(budget > used ? (budget - used) >> 20 : 0));
    return ADZE_OK;
}

static adze_status allocate(adze_session *s, adze_error *err)
{
    adze_run *run = s->run;
    size_t half = (size_t)s->config.rope.dims / 2;
    bool ok = true;

    s->buffers = az_arena_array(&s->arena, (size_t)s->n_buffers, sizeof *s->buffers);
    s->caches = az_arena_array(&s->arena, (size_t)s->graph.n_states, sizeof *s->caches);
    s->work = az_calloc(run, (size_t)s->n_stages, sizeof *s->work);
    s->inv_freq = az_arena_array(&s->arena, half, sizeof *s->inv_freq);
    if (!s->buffers || !s->caches || !s->work || !s->inv_freq)
        return az_fail_nomem(err, "making a session");
    for (int i = 0; i < s->n_buffers; i++)
        ok = ok && (s->buffers[i] = az_calloc(run, s->buffer_columns[i] * s->batch, 4)) != NULL;
    for (int i = 0; i < AZ_Q8_BUFFERS && s->q8_row_bytes; i++)
        ok = ok && (s->q8[i] = az_calloc(run, s->batch, s->q8_row_bytes)) != NULL;
    for (int i = 0; i < s->graph.n_states && ok; i++) {
        const az_graph_state *st = &s->graph.states[i];
        size_t n = (size_t)st->n_kv_heads * (size_t)st->head_dim * s->cache_rows;
        s->caches[i].k = az_alloc(run, n * cache_elem_bytes(s)); /* read only where written */
        s->caches[i].v = az_alloc(run, n * cache_elem_bytes(s));
        ok = s->caches[i].k && s->caches[i].v;
    }
    s->rope_table = az_alloc(run, s->batch * half * 2 * sizeof(float) + 1);
    if (!ok || !s->rope_table) return az_fail_nomem(err, "making a session");
    for (int i = 0; i < s->graph.n_nodes; i++) {
        az_value *v = &s->values[i];
        v->p = v->storage < 0 ? NULL : s->buffers[v->storage] + v->at;
    }
    return ADZE_OK;
}

/* longrope: one set of factors for the whole session, by the longest sequence that it may hold. */
static void choose_sizes(adze_session *s, const adze_session_opts *opts)
{
    size_t limit = (size_t)s->config.context;

    s->context = opts && opts->context ? opts->context : limit;
    if (!(opts && opts->context) && s->context > DEFAULT_CONTEXT) s->context = DEFAULT_CONTEXT;
    s->cache_rows = (s->context + AZ_ATTN_TILE - 1) / AZ_ATTN_TILE * AZ_ATTN_TILE;
    s->batch = opts && opts->batch ? opts->batch : DEFAULT_BATCH;
    if (s->batch > s->context) s->batch = s->context;
}

static adze_status choose_pool(adze_session *s, const adze_session_opts *opts, adze_error *err)
{
    int threads = opts ? opts->threads : 0;

    s->pool = s->run->pool;
    if (threads <= 0 || threads == az_pool_threads(s->pool)) return ADZE_OK;
    adze_status rc = az_pool_new(&s->own_pool, s->run, threads, err);
    if (rc == ADZE_OK) s->pool = s->own_pool;
    return rc;
}

adze_status az_session_new_config(adze_session **out, adze_run *run, adze_model *m,
                                  const adze_session_opts *opts, const az_arch *arch,
                                  const az_config *c, adze_error *err)
{
    adze_session *s = az_calloc(run, 1, sizeof *s);
    adze_status rc;

    *out = NULL;
    if (!s) return az_fail_nomem(err, "making a session");
    s->run = run;
    s->model = m;
    s->config = *c;
    s->kernels = az_kernels_default();
    az_arena_init(&s->arena, run);
    choose_sizes(s, opts);
    if ((int64_t)s->context > c->context) {
        rc = az_fail(err, ADZE_EFIT, m->path, ADZE_NOPOS,
                     "a context of %zu tokens was asked for, the model has %lld", s->context,
                     (long long)c->context);
        goto done;
    }
    rc = az_arch_build(arch, &s->config, &s->arena, &s->graph, err);
    if (rc < 0) goto done;
    rc = az_session_bind(s, arch, err);
    if (rc < 0) goto done;
    rc = az_session_plan(s, err);
    if (rc < 0) goto done;
    rc = check_memory(s, err);
    if (rc < 0) goto done;
    rc = allocate(s, err);
    if (rc < 0) goto done;
    az_rope_frequencies(&s->config.rope, (int64_t)s->context, s->inv_freq);
    rc = choose_pool(s, opts, err);
    if (rc < 0) goto done;
    *out = s;
    s = NULL;
done:
    adze_session_free(s);
    return rc;
}

/* The whole checkpoint must be what its config says before anything is computed. */
static adze_status check_model(adze_run *run, adze_model *m, const az_arch *arch,
                               const az_config *c, adze_error *err)
{
    az_arena arena;
    az_graph g;
    adze_status rc;

    az_arena_init(&arena, run);
    rc = az_arch_build(arch, c, &arena, &g, err);
    if (rc == ADZE_OK) rc = az_arch_check(arch, m, &g, err);
    az_arena_deinit(&arena);
    return rc;
}

adze_status adze_session_new(adze_session **out, adze_run *run, adze_model *m,
                             const adze_session_opts *opts, adze_error *err)
{
    const az_arch *arch;
    az_config c;
    adze_status rc;

    *out = NULL;
    rc = az_arch_of(m, &arch, &c, err);
    if (rc < 0) return rc;
    rc = check_model(run, m, arch, &c, err);
    if (rc < 0) return rc;
    return az_session_new_config(out, run, m, opts, arch, &c, err);
}

void adze_session_free(adze_session *s)
{
    if (!s) return;
    az_pool_free(s->own_pool);
    for (int i = 0; s->buffers && i < s->n_buffers; i++)
        az_free(s->run, s->buffers[i]);
    for (int i = 0; s->caches && i < s->graph.n_states; i++) {
        az_free(s->run, s->caches[i].k);
        az_free(s->run, s->caches[i].v);
    }
    for (int i = 0; i < AZ_Q8_BUFFERS; i++)
        az_free(s->run, s->q8[i]);
    az_free(s->run, s->rope_table);
    az_free(s->run, s->work);
    az_arena_deinit(&s->arena);
    az_free(s->run, s);
}

size_t adze_session_room(const adze_session *s)
{
    return s->context - s->pos;
}

size_t adze_session_pos(const adze_session *s)
{
    return s->pos;
}

size_t adze_session_vocab(const adze_session *s)
{
    return (size_t)s->config.vocab;
}

uint64_t az_session_memory_bytes(const adze_session *s)
{
    return s->memory_bytes;
}

adze_status adze_session_rewind(adze_session *s, size_t n, adze_error *err)
{
    if (n > s->pos)
        return az_fail(err, ADZE_EINVAL, NULL, ADZE_NOPOS,
                       "cannot rewind to %zu tokens, the session has %zu", n, s->pos);
    s->pos = n;
    return ADZE_OK;
}

static adze_status check_tokens(const adze_session *s, const int32_t *tokens, size_t n,
                                adze_error *err)
{
    if (n == 0) return az_fail(err, ADZE_EINVAL, NULL, ADZE_NOPOS, "no tokens to evaluate");
    if (n > s->context - s->pos)
        return az_fail(err, ADZE_EFIT, NULL, ADZE_NOPOS,
                       "%zu tokens do not fit: the context holds %zu and %zu are in use", n,
                       s->context, s->pos);
    for (size_t i = 0; i < n; i++)
        if (tokens[i] < 0 || tokens[i] >= s->config.vocab)
            return az_fail(err, ADZE_EINVAL, NULL, ADZE_NOPOS,
                           "token %d (number %zu) is not within 0 .. %lld", tokens[i], i,
                           (long long)s->config.vocab - 1);
    return ADZE_OK;
}

/* Logits of every token (all), of the last one, or of none (logits NULL). */
static adze_status eval(adze_session *s, const int32_t *tokens, size_t n, float *logits, bool all,
                        adze_error *err)
{
    size_t start = s->pos, m;
    adze_status rc = check_tokens(s, tokens, n, err);

    for (size_t at = 0; at < n && rc == ADZE_OK; at += m) {
        az_pass p = { .s = s, .tokens = tokens + at };
        m = p.m = n - at < s->batch ? n - at : s->batch;
        p.want = all ? m : logits && at + m == n ? 1 : 0;
        p.logits = all ? logits + at * (size_t)s->config.vocab : logits;
        rc = az_check_cancel(s->run, err);
        if (rc < 0) break;
        az_session_pass(&p);
        s->pos += m;
    }
    if (rc < 0) s->pos = start;
    return rc;
}

adze_status adze_session_eval(adze_session *s, const int32_t *tokens, size_t n, float *logits,
                              adze_error *err)
{
    return eval(s, tokens, n, logits, false, err);
}

adze_status adze_session_eval_all(adze_session *s, const int32_t *tokens, size_t n, float *logits,
                                  adze_error *err)
{
    return eval(s, tokens, n, logits, true, err);
}
