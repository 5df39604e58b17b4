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

/* The second is that of layers that slide; no dims: none. */
static const az_rope *rope_of(const adze_session *s, int i)
{
    static const az_rope none = { 0 };

    if (i == 0) return &s->config.rope;
    return s->config.has_rope_sliding ? &s->config.rope_sliding : &none;
}

static adze_status check_memory(adze_session *s, adze_error *err)
{
    uint64_t budget = s->run->opts.memory_bytes;
    uint64_t used = atomic_load_explicit(&s->run->used_bytes, memory_order_relaxed);
    total t = { 0, false };
    uint64_t caches = 0;

    for (int i = 0; i < s->n_buffers; i++)
        add_bytes(&t, s->buffer_columns[i], s->batch, sizeof(float));
    if (!az_pages_bytes(&s->graph, s->pages.type, s->config.encoder, s->pages.n_pages, &caches))
        t.bad = true;
    add_bytes(&t, caches, 1, 1);
    add_bytes(&t, az_sequence_bytes(&s->graph) + s->context / AZ_ATTN_TILE * sizeof(uint32_t),
              s->n_sequences, 1);
    for (int a = 0; a < AZ_ACT_TYPES; a++)
        add_bytes(&t, s->coded_row_bytes[a], s->batch, AZ_CODED_BUFFERS);
    for (int i = 0; i < 2; i++)
        add_bytes(&t, (uint64_t)rope_of(s, i)->dims, s->batch + 1, sizeof(float));
    add_bytes(&t, s->batch, s->slots,
              s->gather_row_bytes + (uint64_t)s->n_routings * 4 * sizeof(uint32_t));
    s->memory_bytes = t.bytes;
    if (t.bad || t.bytes > SIZE_MAX / 2 || (budget && (used > budget || t.bytes > budget - used)))
        return az_fail(err, ADZE_EFIT, s->model->path, ADZE_NOPOS,
                       "a session of %zu tokens needs %llu MiB, the budget leaves %llu MiB",
                       s->context, (unsigned long long)(t.bytes >> 20),
                       (unsigned long long)(budget > used ? (budget - used) >> 20 : 0));
    return ADZE_OK;
}

/* Tables of angles, one for each rope. */
static bool allocate_ropes(adze_session *s)
{
    for (int i = 0; i < 2; i++) {
        size_t half = (size_t)rope_of(s, i)->dims / 2;
        if (half == 0) continue;
        s->inv_freq[i] = az_arena_array(&s->arena, half, sizeof *s->inv_freq[i]);
        s->rope_table[i] = az_alloc_array(s->run, s->batch * half, 2 * sizeof(float));
        if (!s->inv_freq[i] || !s->rope_table[i]) return false;
        az_rope_frequencies(rope_of(s, i), (int64_t)s->context, s->inv_freq[i]);
    }
    s->config.rope.attention_factor = az_rope_factor(&s->config.rope, (int64_t)s->context);
    return true;
}

static bool allocate_routing(adze_session *s, az_routing *r)
{
    size_t pairs = s->batch * s->slots;

    r->expert = az_arena_array(&s->arena, pairs, sizeof *r->expert);
    r->weight = az_arena_array(&s->arena, pairs, sizeof *r->weight);
    r->order = az_arena_array(&s->arena, pairs, sizeof *r->order);
    r->place = az_arena_array(&s->arena, pairs, sizeof *r->place);
    r->start = az_arena_array(&s->arena, s->n_experts + 1, sizeof *r->start);
    r->active = az_arena_array(&s->arena, s->n_experts, sizeof *r->active);
    return r->expert && r->weight && r->order && r->place && r->start && r->active;
}

static bool allocate_routings(adze_session *s)
{
    if (s->n_routings == 0) return true;
    s->routings = az_arena_array(&s->arena, (size_t)s->n_routings, sizeof *s->routings);
    s->gathered = az_alloc_array(s->run, s->batch * s->slots, s->gather_row_bytes);
    if (!s->routings || !s->gathered) return false;
    for (int i = 0; i < s->n_routings; i++)
        if (!allocate_routing(s, &s->routings[i])) return false;
    return true;
}

/* Tiles that one sequence may need. */
static size_t sequence_tiles(const adze_session *s)
{
    size_t tiles = (s->context + AZ_ATTN_TILE - 1) / AZ_ATTN_TILE;

    return s->config.encoder ? s->pages.n_pages : tiles;
}

static adze_status allocate(adze_session *s, adze_error *err)
{
    adze_run *run = s->run;
    bool ok = true;
    adze_status rc;

    s->buffers = az_arena_array(&s->arena, (size_t)s->n_buffers, sizeof *s->buffers);
    s->work = az_calloc(run, (size_t)s->n_stages, sizeof *s->work);
    s->sequences = az_arena_array(&s->arena, s->n_sequences, sizeof *s->sequences);
    s->spans = az_arena_array(&s->arena, s->max_spans, sizeof *s->spans);
    s->row_span = az_arena_array(&s->arena, s->batch, sizeof *s->row_span);
    s->next =
        az_calloc(run, (size_t)az_pool_threads(s->pool) * (size_t)s->n_stages, sizeof *s->next);
    if (!s->buffers || !s->work || !s->next || !s->sequences || !s->spans || !s->row_span)
        return az_fail_nomem(err, "making a session");
    /* not cleared: rows are read where a pass wrote them, and those of batches that never come take no memory */
    for (int i = 0; i < s->n_buffers; i++)
        ok =
            ok && (s->buffers[i] = az_alloc_array(run, s->buffer_columns[i] * s->batch, 4)) != NULL;
    for (int a = 0; a < AZ_ACT_TYPES; a++)
        for (int i = 0; i < AZ_CODED_BUFFERS && s->coded_row_bytes[a]; i++)
            ok = ok &&
                 (s->coded[a][i] = az_alloc_array(run, s->batch, s->coded_row_bytes[a])) != NULL;
    if (!ok || !allocate_ropes(s) || !allocate_routings(s))
        return az_fail_nomem(err, "making a session");
    rc = az_pages_init(&s->pages, run, &s->graph, s->pages.type, s->config.encoder,
                       s->pages.n_pages, err);
    for (size_t i = 0; i < s->n_sequences && rc == ADZE_OK; i++)
        rc = az_sequence_init(&s->sequences[i], run, &s->graph, sequence_tiles(s), err);
    if (rc == ADZE_OK &&
        s->config.encoder) /* whatever texts it gets, they lie one behind the other */
        rc = az_pages_grow(&s->pages, &s->sequences[0], s->pages.n_pages * AZ_ATTN_TILE, err);
    if (rc < 0) return rc;
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

    if (s->config.text_limit) limit = (size_t)s->config.text_limit;
    s->context = opts && opts->context ? opts->context : limit;
    if (!(opts && opts->context) && s->context > DEFAULT_CONTEXT) s->context = DEFAULT_CONTEXT;
    s->n_sequences = opts && opts->sequences && !s->config.encoder ? opts->sequences : 1;
    s->batch = opts && opts->batch ? opts->batch : DEFAULT_BATCH;
    if (s->batch / s->n_sequences > s->context) s->batch = s->context * s->n_sequences;
    if (s->batch < s->n_sequences) s->batch = s->n_sequences;
    s->max_spans = 2 * s->n_sequences;
    s->pages.n_pages = (s->context + AZ_ATTN_TILE - 1) / AZ_ATTN_TILE * s->n_sequences;
    if (opts && opts->cache_tokens && !s->config.encoder)
        s->pages.n_pages = (opts->cache_tokens + AZ_ATTN_TILE - 1) / AZ_ATTN_TILE;
    if (s->config.encoder) { /* whole texts go through at once, each with tiles of its own */
        if (s->batch < s->context) s->batch = s->context;
        s->max_spans = AZ_ENCODER_TEXTS;
        s->pages.n_pages += AZ_ENCODER_TEXTS;
    }
}

static const struct {
    const char *name;
    az_type type;
} kv_types[] = {
    [ADZE_KV_AUTO] = { "auto", AZ_TYPE_COUNT }, [ADZE_KV_F16] = { "f16", AZ_F16 },
    [ADZE_KV_F32] = { "f32", AZ_F32 },          [ADZE_KV_Q8_0] = { "q8_0", AZ_Q8_0 },
    [ADZE_KV_Q4_0] = { "q4_0", AZ_Q4_0 },
};

bool az_kv_of_name(const char *name, adze_kv *kv)
{
    for (size_t i = 0; i < AZ_COUNT(kv_types); i++)
        if (strcmp(kv_types[i].name, name) == 0) {
            *kv = (adze_kv)i;
            return true;
        }
    return false;
}

const char *az_kv_name(adze_kv kv)
{
    return kv_types[kv].name;
}

/* The type of caches: what was asked for, else f16, or f32 where all matrices are. */
static adze_status choose_cache(adze_session *s, const adze_session_opts *opts, adze_error *err)
{
    adze_kv kv = opts ? opts->kv : ADZE_KV_AUTO;

    if ((int)kv < 0 || (size_t)kv >= AZ_COUNT(kv_types))
        return az_fail(err, ADZE_EINVAL, NULL, ADZE_NOPOS, "no type of cache has number %d", kv);
    s->pages.type = kv != ADZE_KV_AUTO ? kv_types[kv].type : s->all_f32 ? AZ_F32 : AZ_F16;
    for (int i = 0; i < s->graph.n_states; i++) {
        const az_graph_state *st = &s->graph.states[i];
        if (st->kind == AZ_STATE_KV && !az_kv_fits(s->pages.type, (size_t)st->head_dim))
            return az_fail(
                err, ADZE_EUNSUP, s->model->path, ADZE_NOPOS,
                "a cache in %s needs heads of a multiple of 32 (at most 2048) dimensions; "
                "this model's have %d: use f16",
                az_type_get(s->pages.type)->name, st->head_dim);
    }
    return ADZE_OK;
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
    if (rc == ADZE_OK) rc = az_model_check_files(m, err);
    if (rc < 0) goto done;
    rc = choose_cache(s, opts, err);
    if (rc < 0) goto done;
    rc = az_session_plan(s, err);
    if (rc < 0) goto done;
    rc = check_memory(s, err);
    if (rc < 0) goto done;
    rc = choose_pool(s, opts, err);
    if (rc < 0) goto done;
    rc = allocate(s, err);
    if (rc < 0) goto done;
    az_session_interleave(s);
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
    for (size_t i = 0; s->sequences && i < s->n_sequences; i++)
        az_sequence_deinit(&s->sequences[i], s->run, &s->graph);
    if (s->pages.graph) az_pages_deinit(&s->pages, s->run);
    for (int i = 0; i < AZ_ACT_TYPES * AZ_CODED_BUFFERS; i++)
        az_free(s->run, s->coded[i / AZ_CODED_BUFFERS][i % AZ_CODED_BUFFERS]);
    az_free(s->run, s->rope_table[0]);
    az_free(s->run, s->rope_table[1]);
    az_free(s->run, s->gathered);
    az_free(s->run, s->work);
    az_free(s->run, s->next);
    az_free(s->run, s->panels.memory);
    az_arena_deinit(&s->arena);
    az_free(s->run, s);
}

size_t adze_session_room(const adze_session *s)
{
    return s->context - s->sequences[0].pos;
}

size_t adze_session_pos(const adze_session *s)
{
    return s->sequences[0].pos;
}

size_t adze_session_vocab(const adze_session *s)
{
    return (size_t)s->config.vocab;
}

uint64_t az_session_memory_bytes(const adze_session *s)
{
    return s->memory_bytes;
}

static size_t taps_bytes(const az_graph_state *st)
{
    return (size_t)((st->taps - 1) * st->width) * sizeof(float);
}

/* States of convolutions change as tokens go through: what a failed call did to them is undone. */
void az_sequence_keep(const adze_session *s, az_sequence *q)
{
    for (int i = 0; i < s->graph.n_states; i++)
        if (q->taps[i]) memcpy(q->kept[i], q->taps[i], taps_bytes(&s->graph.states[i]));
}

void az_sequence_restore(const adze_session *s, az_sequence *q)
{
    for (int i = 0; i < s->graph.n_states; i++)
        if (q->taps[i]) memcpy(q->taps[i], q->kept[i], taps_bytes(&s->graph.states[i]));
}

adze_status az_sequence_rewind(adze_session *s, az_sequence *q, size_t n, adze_error *err)
{
    if (n > q->pos)
        return az_fail(err, ADZE_EINVAL, NULL, ADZE_NOPOS,
                       "cannot rewind to %zu tokens, the session has %zu", n, q->pos);
    for (int i = 0; i < s->graph.n_states && n > 0 && n < q->pos; i++) {
        const az_state_traits *t = az_state_traits_of(s->graph.states[i].kind);
        if (!t->by_token)
            return az_fail(err, ADZE_EUNSUP, s->model->path, ADZE_NOPOS,
                           "cannot rewind to %zu of %zu tokens: a state of kind %s cannot be "
                           "rolled back; rewind to 0",
                           n, q->pos, t->name);
    }
    for (int i = 0; i < s->graph.n_states && n == 0; i++)
        if (q->taps[i]) memset(q->taps[i], 0, taps_bytes(&s->graph.states[i]));
    az_pages_cut(&s->pages, q, n);
    return ADZE_OK;
}

adze_status adze_session_rewind(adze_session *s, size_t n, adze_error *err)
{
    return az_sequence_rewind(s, &s->sequences[0], n, err);
}

static adze_status check_tokens(const adze_session *s, const int32_t *tokens, size_t n,
                                adze_error *err)
{
    if (s->config.encoder)
        return az_fail(err, ADZE_EUNSUP, s->model->path, ADZE_NOPOS,
                       "this model makes embeddings, not text: use `adze embed`");
    if (n == 0) return az_fail(err, ADZE_EINVAL, NULL, ADZE_NOPOS, "no tokens to evaluate");
    if (n > s->context - s->sequences[0].pos)
        return az_fail(err, ADZE_EFIT, NULL, ADZE_NOPOS,
                       "%zu tokens do not fit: the context holds %zu and %zu are in use", n,
                       s->context, s->sequences[0].pos);
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
    az_sequence *q = &s->sequences[0];
    size_t start = q->pos, m;
    adze_status rc = check_tokens(s, tokens, n, err);

    if (rc < 0) return rc;
    rc = az_pages_grow(&s->pages, q, start + n, err);
    if (rc < 0) return rc;
    az_sequence_keep(s, q);
    for (size_t at = 0; at < n && rc == ADZE_OK; at += m) {
        az_pass p = { .s = s, .tokens = tokens + at };
        m = p.m = n - at < s->batch ? n - at : s->batch;
        p.want = all ? m : logits && at + m == n ? 1 : 0;
        p.logits = all && logits ? logits + at * (size_t)s->config.vocab : logits;
        s->spans[p.n_spans++] = (az_span){ q, 0, m, q->pos, 0 };
        rc = az_check_cancel(s->run, err);
        if (rc < 0) break;
        rc = az_session_pass(&p, err);
        q->pos += m;
    }
    if (rc < 0) {
        az_pages_cut(&s->pages, q, start);
        az_sequence_restore(s, q);
    }
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

adze_status az_session_watch(adze_session *s, const int32_t *tokens, size_t n, az_watch_fn *fn,
                             void *arg, adze_error *err)
{
    adze_status rc;

    s->watch = fn;
    s->watch_arg = arg;
    rc = eval(s, tokens, n, NULL, true, err);
    s->watch = NULL;
    return rc;
}
