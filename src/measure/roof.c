/* The roof: micro-benchmarks with the engine's own kernels, in sweeps, as a shared machine is slower for seconds at a
 * time. A figure is the median of the sweeps, each the median of several repeats. */
#include "measure/roof.h"
#include "base/json.h"
#include "base/thread.h"
#include "codec/codec.h"
#include "kernel/kernel.h"
#include "measure/memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { K = 2048, ROWS_PREFILL = 128, REPEATS = 3, SWEEPS = 3, HEAD_DIM = 64, PATTERN = 64 };
enum { POSITIONS = 4096, KV_TILES = POSITIONS / AZ_ATTN_TILE };
enum { SHORT_K = 256, SHORT_BYTES = 512 << 10, STAGES = 64, STAGE_PIECES = 8 };

const uint64_t az_roof_sizes[AZ_ROOF_SIZES] = { 2 << 20, 6 << 20, 16 << 20, 96 << 20, 640 << 20 };

/* Pieces of a stage, on a cache line of its own: the next to take, and how many are done. */
typedef struct stage_work {
    atomic_size_t next, done;
    char pad[64 - 2 * sizeof(atomic_size_t)];
} stage_work;

/* One benchmark: every thread runs body(thread, threads), then all wait. */
typedef struct bench {
    adze_run *run;
    const az_kernels *k;
    const az_weight_kernel *wk;
    az_matmul_fn *matmul;   /* on panels where a session would have them */
    const uint8_t *weights; /* [n] rows */
    size_t row_bytes, n, m, cols;
    const void *act;
    float *out;
    size_t ld_out;
    /* attention */
    const void *cache; /* [KV_TILES] tiles of keys and values */
    uint32_t page[KV_TILES];
    const float *q;
    size_t positions, queries;
    /* elementwise */
    float *values;
    size_t n_values;
    /* stages */
    stage_work *work; /* [STAGES] */
    void *row_q8;     /* [SHORT_K] */
    int passes;
} bench;

typedef void body_fn(const bench *b, int thread, int threads);

typedef struct team_arg {
    const bench *b;
    body_fn *body;
} team_arg;

static void team(void *arg, int thread, int threads)
{
    const team_arg *t = arg;

    for (int i = 0; i < t->b->passes; i++) {
        t->body(t->b, thread, threads);
        if (threads > 1) az_pool_barrier(t->b->run->pool);
    }
}

/* Seconds of one pass: enough passes to last a few milliseconds, then the repeats. */
static void time_passes(bench *b, body_fn *body, double *seconds)
{
    team_arg t = { b, body };
    uint64_t t0, took;

    b->passes = 1;
    az_pool_team(b->run->pool, team, &t); /* warm */
    for (;;) {
        t0 = az_now_ns(b->run);
        az_pool_team(b->run->pool, team, &t);
        took = az_now_ns(b->run) - t0;
        if (took > 4000000 || b->passes >= 1 << 20) break;
        b->passes *= took < 400000 ? 8 : 2;
    }
    for (int r = 0; r < REPEATS; r++) {
        t0 = az_now_ns(b->run);
        az_pool_team(b->run->pool, team, &t);
        seconds[r] = (double)(az_now_ns(b->run) - t0) * 1e-9 / b->passes;
    }
}

/* amount / seconds, in billions. */
static az_figure rate(bench *b, body_fn *body, double amount, const char *unit)
{
    double s[REPEATS];

    time_passes(b, body, s);
    for (int r = 0; r < REPEATS; r++)
        s[r] = s[r] > 0 ? amount / s[r] * 1e-9 : 0;
    return az_figure_of(s, REPEATS, unit, AZ_MEASURED);
}

/* Rows in four pieces a thread, as the engine cuts them: kernels ask for memory ahead, within a piece. */
static void product_body(const bench *b, int thread, int threads)
{
    size_t piece = (b->n / ((size_t)threads * 4) + 15) / 16 * 16;

    for (size_t at = (size_t)thread * piece; at < b->n; at += (size_t)threads * piece) {
        size_t end = at + piece < b->n ? at + piece : b->n;
        b->matmul(b->out, b->ld_out, b->weights, b->row_bytes, b->act, b->m, at, end, b->cols);
    }
}

static void attention_body(const bench *b, int thread, int threads)
{
    for (size_t i = (size_t)thread; i < b->queries; i += (size_t)threads) {
        az_attn_args a = {
            .out = b->out + i * HEAD_DIM,
            .q = b->q + i * HEAD_DIM,
            .kv = { b->cache, b->page, az_kv_tile_bytes(AZ_F16, HEAD_DIM) },
            .ld_out = HEAD_DIM,
            .ld_q = HEAD_DIM,
            .n_tok = 1,
            .group = 1,
            .head_dim = HEAD_DIM,
            .pos = (int64_t)b->positions - 1,
            .scale = 0.125f,
        };
        b->k->kv[AZ_F16].attention(&a);
    }
}

static void values_body(const bench *b, int thread, int threads)
{
    size_t each = b->n_values / (size_t)threads, at = each * (size_t)thread;

    b->k->act_mul[AZ_ACTIVATION_SILU](b->values + at, b->values + at, b->values + b->n_values + at,
                                      each);
}

/* Stages as the engine's: a norm that needs all of the product before it, a product that needs all of the norm. */
static void norm_piece(const bench *b)
{
    b->k->rms_norm(b->values, b->out, b->values + SHORT_K, SHORT_K, 1e-5f);
    b->k->quantize_q8(b->row_q8, b->values, SHORT_K);
}

static void linear_piece(const bench *b, size_t piece)
{
    const size_t n = SHORT_K / STAGE_PIECES;

    b->matmul(b->out, SHORT_K, b->weights, b->row_bytes, b->row_q8, 1, piece * n, (piece + 1) * n,
              SHORT_K);
}

static void stages_body(const bench *b, int thread, int threads)
{
    for (size_t s = 0; thread == 0 && s < STAGES; s++) {
        atomic_store_explicit(&b->work[s].next, 0, memory_order_relaxed);
        atomic_store_explicit(&b->work[s].done, 0, memory_order_relaxed);
    }
    if (threads > 1) az_pool_barrier(b->run->pool);
    for (size_t s = 0; s < STAGES; s++) {
        stage_work *w = &b->work[s];
        size_t pieces = s % 2 ? STAGE_PIECES : 1, i;

        while ((i = atomic_fetch_add_explicit(&w->next, 1, memory_order_relaxed)) < pieces) {
            if (s % 2)
                linear_piece(b, i);
            else
                norm_piece(b);
            atomic_fetch_add_explicit(&w->done, 1, memory_order_release);
        }
        az_spin_until(&w->done, pieces);
    }
}

/* The same work by one thread. */
static void norms_body(const bench *b, int thread, int threads)
{
    (void)threads;
    for (size_t s = 0; thread == 0 && s < STAGES / 2; s++)
        norm_piece(b);
}

static void linears_body(const bench *b, int thread, int threads)
{
    (void)threads;
    for (size_t s = 0; thread == 0 && s < STAGES / 2; s++)
        for (size_t i = 0; i < STAGE_PIECES; i++)
            linear_piece(b, i);
}

/* The first PATTERN rows as panels, if a session would have them so. */
static adze_status make_panels(bench *b, az_type type, uint8_t *dst, adze_error *err)
{
    size_t n = PATTERN * b->row_bytes, lanes = b->k->panel_rows;
    uint8_t *rows;

    b->matmul = b->wk->panels ? b->wk->panels : b->wk->matmul;
    if (!b->wk->panels) return ADZE_OK;
    rows = az_alloc(b->run, n);
    if (!rows) return az_fail_nomem(err, "measuring kernels");
    memcpy(rows, dst, n);
    for (size_t r = 0; r < PATTERN; r += lanes)
        b->k->interleave(type, dst + r * b->row_bytes, rows + r * b->row_bytes, b->row_bytes, lanes,
                         b->cols / az_type_get(type)->elems);
    az_free(b->run, rows);
    return ADZE_OK;
}

/* Fill `bytes` with rows of b->cols columns of a type, whole PATTERNs of real encoded weights. */
static adze_status fill_rows(bench *b, az_type type, uint8_t *dst, size_t bytes, adze_error *err)
{
    const az_codec *codec = az_codec_get(type);
    float *x = az_alloc_array(b->run, b->cols, sizeof *x);
    uint64_t row = 0;
    az_prng rng;
    adze_status rc;

    if (!x) return az_fail_nomem(err, "measuring kernels");
    az_type_row_bytes(type, b->cols, &row);
    b->row_bytes = (size_t)row;
    b->n = bytes / b->row_bytes / PATTERN * PATTERN;
    az_prng_seed(&rng, 7);
    for (size_t r = 0; r < PATTERN; r++) {
        for (size_t i = 0; i < b->cols; i++)
            x[i] = (float)(az_prng_unit(&rng) + az_prng_unit(&rng) - 1) * 0.05f;
        codec->pack(b->k, x, NULL, b->cols, dst + r * b->row_bytes);
    }
    rc = make_panels(b, type, dst, err);
    for (size_t r = PATTERN; r < b->n; r += PATTERN)
        memcpy(dst + r * b->row_bytes, dst, PATTERN * b->row_bytes);
    az_free(b->run, x);
    return rc;
}

/* Seconds an output of m rows of activations takes with rows of `cols` columns, in memory that caches hold. */
static adze_status time_output(bench *b, az_type type, uint8_t *room, size_t cols, size_t m,
                               double s[REPEATS], adze_error *err)
{
    adze_status rc;

    b->cols = cols;
    rc = fill_rows(b, type, room, SHORT_BYTES, err);
    if (rc < 0) return rc;
    b->m = m;
    b->ld_out = b->n;
    time_passes(b, product_body, s);
    for (int r = 0; r < REPEATS; r++)
        s[r] /= (double)b->n * (double)m;
    return ADZE_OK;
}

/* Nanoseconds that an output costs however short its row: from rows of SHORT_K and of K columns. */
static adze_status measure_short_rows(az_figure *out, bench *b, az_type type, uint8_t *room,
                                      size_t m, adze_error *err)
{
    double s[REPEATS], full[REPEATS];
    adze_status rc = time_output(b, type, room, K, m, full, err);

    if (rc == ADZE_OK) rc = time_output(b, type, room, SHORT_K, m, s, err);
    if (rc < 0) return rc;
    for (int r = 0; r < REPEATS; r++) {
        s[r] = (s[r] - (full[r] - s[r]) / (K - SHORT_K) * SHORT_K) * 1e9;
        if (s[r] < 0) s[r] = 0;
    }
    *out = az_figure_of(s, REPEATS, "ns", AZ_MEASURED);
    return ADZE_OK;
}

static adze_status measure_type(az_roof *roof, bench *b, az_type type, uint8_t *room,
                                const float *x, void *act, adze_error *err)
{
    size_t rows_bytes;
    adze_status rc;

    b->wk = &b->k->weight[type];
    b->cols = K;
    if (!b->wk->matmul || !b->k->pack[type]) return ADZE_OK;
    rows_bytes = az_act_row_bytes(b->wk->act, K);
    for (size_t i = 0; i < ROWS_PREFILL; i++) {
        char *to = (char *)act + i * rows_bytes;
        if (b->wk->act == AZ_ACT_F32)
            memcpy(to, x, K * sizeof *x);
        else
            az_quantize_fn(b->k, b->wk->act)(to, x, K);
    }
    rc = fill_rows(b, type, room, (size_t)az_roof_sizes[roof->n_sizes - 1], err);
    if (rc < 0) return rc;
    b->weights = room;
    b->act = act;
    for (size_t s = 0; s < roof->n_sizes; s++) {
        b->n = (size_t)az_roof_sizes[s] / b->row_bytes / PATTERN * PATTERN;
        b->m = 1;
        b->ld_out = b->n;
        roof->decode_gb_s[type][s] =
            rate(b, product_body, (double)b->n * (double)b->row_bytes, "GB/s");
    }
    b->n = 2048;
    if (b->n * b->row_bytes > az_roof_sizes[roof->n_sizes - 1])
        b->n = (size_t)az_roof_sizes[roof->n_sizes - 1] / b->row_bytes / PATTERN * PATTERN;
    b->m = ROWS_PREFILL;
    b->ld_out = b->n;
    roof->prefill_gops[type] =
        rate(b, product_body, 2.0 * (double)b->n * K * ROWS_PREFILL, "GOP/s");
    rc = measure_short_rows(&roof->row_ns[type], b, type, room, 1, err);
    if (rc == ADZE_OK)
        rc = measure_short_rows(&roof->output_ns[type], b, type, room, ROWS_PREFILL, err);
    return rc < 0 ? rc : az_check_cancel(b->run, err);
}

/* What the stages take together beyond the norms, and beyond the products shared by the threads. */
static adze_status measure_stages(az_roof *roof, bench *b, uint8_t *room, adze_error *err)
{
    double all[REPEATS], norms[REPEATS], linears[REPEATS];
    stage_work work[STAGES];
    az_q8_block act[SHORT_K / 32];
    adze_status rc;

    b->wk = &b->k->weight[AZ_Q8_0];
    b->cols = SHORT_K;
    rc = fill_rows(b, AZ_Q8_0, room, SHORT_K * (SHORT_K / 32) * sizeof(az_block_q8_0), err);
    if (rc < 0) return rc;
    b->weights = room;
    b->work = work;
    b->row_q8 = act;
    memset(b->out, 0, SHORT_K * sizeof *b->out);
    norm_piece(b);
    time_passes(b, stages_body, all);
    time_passes(b, norms_body, norms);
    time_passes(b, linears_body, linears);
    for (int r = 0; r < REPEATS; r++) {
        all[r] = (all[r] - norms[r] - linears[r] / roof->threads) / STAGES * 1e6;
        if (all[r] < 0) all[r] = 0;
    }
    roof->stage_us = az_figure_of(all, REPEATS, "us", AZ_MEASURED);
    return ADZE_OK;
}

static adze_status measure_rest(az_roof *roof, bench *b, uint8_t *room, adze_error *err)
{
    b->positions = 256;
    b->queries = 128;
    roof->attention_gops =
        rate(b, attention_body, 4.0 * HEAD_DIM * (double)b->positions * (double)b->queries,
             "GOP/s");
    b->positions = POSITIONS;
    b->queries = (size_t)roof->threads;
    roof->attention_gb_s =
        rate(b, attention_body, 4.0 * HEAD_DIM * (double)b->positions * (double)b->queries, "GB/s");
    b->n_values = 65536;
    roof->value_gb_s = rate(b, values_body, 12.0 * (double)b->n_values, "GB/s");
    return measure_stages(roof, b, room, err);
}

static adze_status sweep(az_roof *roof, adze_run *run, const bool wanted[AZ_TYPE_COUNT],
                         adze_error *err)
{
    bench b = { .run = run, .k = az_kernels_default() };
    uint64_t available = az_memory_available_bytes(run);
    float *x = NULL;
    void *cache = NULL;
    uint8_t *room = NULL;
    void *act = NULL;
    adze_status rc = ADZE_OK;

    memset(roof, 0, sizeof *roof);
    roof->threads = adze_run_threads(run);
    snprintf(roof->isa, sizeof roof->isa, "%s", b.k->isa);
    for (roof->n_sizes = AZ_ROOF_SIZES; roof->n_sizes > 1; roof->n_sizes--)
        if (az_roof_sizes[roof->n_sizes - 1] < available / 3) break;
    room = az_alloc(run, (size_t)az_roof_sizes[roof->n_sizes - 1] + 64);
    x = az_calloc(run, 2 * 65536, sizeof *x);
    act = az_alloc_array(run, ROWS_PREFILL * K, sizeof(float));
    b.out = az_alloc_array(run, ((size_t)1 << 20), sizeof(float));
    cache = az_calloc(run, KV_TILES, az_kv_tile_bytes(AZ_F16, HEAD_DIM));
    if (!room || !x || !act || !b.out || !cache) {
        rc = az_fail_nomem(err, "measuring kernels");
        goto done;
    }
    for (size_t i = 0; i < 2 * 65536; i++)
        x[i] = (float)(i % 97) * 0.01f - 0.48f;
    b.q = x;
    b.values = x;
    b.cache = cache;
    for (uint32_t i = 0; i < KV_TILES; i++)
        b.page[i] = i;
    for (int t = 0; rc == ADZE_OK && t < AZ_TYPE_COUNT; t++)
        if (wanted[t]) rc = measure_type(roof, &b, (az_type)t, room, x, act, err);
    if (rc == ADZE_OK) rc = measure_rest(roof, &b, room, err);
done:
    az_free(run, room);
    az_free(run, x);
    az_free(run, act);
    az_free(run, b.out);
    az_free(run, cache);
    return rc;
}

/* Each figure is the median of the sweeps' medians; min and max are of all. */
static void join(az_roof *roof, const az_roof sweeps[SWEEPS])
{
#define FIELD(f)                                                  \
    {                                                             \
        offsetof(az_roof, f), sizeof(roof->f) / sizeof(az_figure) \
    }
    static const struct {
        size_t at, n;
    } fields[] = {
        FIELD(decode_gb_s),    FIELD(prefill_gops),   FIELD(row_ns),     FIELD(output_ns),
        FIELD(attention_gops), FIELD(attention_gb_s), FIELD(value_gb_s), FIELD(stage_us),
    };
#undef FIELD

    *roof = sweeps[0];
    for (size_t f = 0; f < AZ_COUNT(fields); f++)
        for (size_t i = 0; i < fields[f].n; i++) {
            size_t at = fields[f].at + i * sizeof(az_figure);
            az_figure *out = (az_figure *)(void *)((char *)roof + at);
            double v[SWEEPS], min = out->min, max = out->max;

            if (!out->n) continue;
            for (int s = 0; s < SWEEPS; s++) {
                const az_figure *one =
                    (const az_figure *)(const void *)((const char *)&sweeps[s] + at);
                v[s] = one->median;
                min = one->min < min ? one->min : min;
                max = one->max > max ? one->max : max;
            }
            *out = az_figure_of(v, SWEEPS, out->unit, AZ_MEASURED);
            out->min = min;
            out->max = max;
        }
}

adze_status az_roof_measure(az_roof *roof, adze_run *run, const bool wanted[AZ_TYPE_COUNT],
                            adze_error *err)
{
    az_roof *sweeps = az_calloc(run, SWEEPS, sizeof *sweeps);
    adze_status rc = sweeps ? ADZE_OK : az_fail_nomem(err, "measuring kernels");

    for (int i = 0; rc == ADZE_OK && i < SWEEPS; i++)
        rc = sweep(&sweeps[i], run, wanted, err);
    if (rc == ADZE_OK) join(roof, sweeps);
    az_free(run, sweeps);
    return rc;
}

double az_roof_decode_gb_s(const az_roof *roof, az_type type, double working_set_bytes)
{
    const az_figure *f = roof->decode_gb_s[type];
    size_t i = 0;
    double lo, hi, at;

    if (!roof->n_sizes || !f[0].n) return 0;
    while (i + 1 < roof->n_sizes && (double)az_roof_sizes[i + 1] < working_set_bytes)
        i++;
    if (i + 1 >= roof->n_sizes || working_set_bytes <= (double)az_roof_sizes[0])
        return f[working_set_bytes <= (double)az_roof_sizes[0] ? 0 : roof->n_sizes - 1].median;
    lo = log((double)az_roof_sizes[i]);
    hi = log((double)az_roof_sizes[i + 1]);
    at = (log(working_set_bytes) - lo) / (hi - lo);
    return f[i].median + at * (f[i + 1].median - f[i].median);
}

double az_roof_short_s(const az_figure *ns, double cols)
{
    return ns->median * (1 - cols / K) * 1e-9;
}

json_t *az_roof_json(const az_roof *roof)
{
    json_t *types = json_object();

    for (int t = 0; t < AZ_TYPE_COUNT; t++) {
        json_t *decode;
        if (!roof->prefill_gops[t].n) continue;
        decode = json_array();
        for (size_t s = 0; s < roof->n_sizes; s++)
            json_array_append_new(decode, az_figure_json(&roof->decode_gb_s[t][s], NULL));
        json_object_set_new(types, az_type_get((az_type)t)->name,
                            json_pack("{s:o, s:o, s:o, s:o}", "decode_gb_s", decode, "prefill_gops",
                                      az_figure_json(&roof->prefill_gops[t], NULL), "row_ns",
                                      az_figure_json(&roof->row_ns[t], NULL), "output_ns",
                                      az_figure_json(&roof->output_ns[t], NULL)));
    }
    return json_pack("{s:i, s:s, s:I, s:o, s:o, s:o, s:o, s:o}", "threads", roof->threads, "isa",
                     roof->isa, "n_sizes", (json_int_t)roof->n_sizes, "types", types,
                     "attention_gops", az_figure_json(&roof->attention_gops, NULL),
                     "attention_gb_s", az_figure_json(&roof->attention_gb_s, NULL), "value_gb_s",
                     az_figure_json(&roof->value_gb_s, NULL), "stage_us",
                     az_figure_json(&roof->stage_us, NULL));
}

adze_status az_roof_recall(az_roof *roof, const json_t *j, adze_error *err)
{
    const char *isa = az_json_str(j, "isa"), *name;
    int64_t threads = 0, n_sizes = 0;
    json_t *one;
    az_type t;

    memset(roof, 0, sizeof *roof);
    if (!isa || !az_json_int(j, "threads", &threads) || !az_json_int(j, "n_sizes", &n_sizes) ||
        n_sizes < 1 || n_sizes > AZ_ROOF_SIZES)
        return az_fail(err, ADZE_EFORMAT, NULL, ADZE_NOPOS, "kept roof is incomplete");
    roof->threads = (int)threads;
    roof->n_sizes = (size_t)n_sizes;
    snprintf(roof->isa, sizeof roof->isa, "%s", isa);
    az_figure_from_json(json_object_get(j, "attention_gops"), &roof->attention_gops);
    az_figure_from_json(json_object_get(j, "attention_gb_s"), &roof->attention_gb_s);
    az_figure_from_json(json_object_get(j, "value_gb_s"), &roof->value_gb_s);
    az_figure_from_json(json_object_get(j, "stage_us"), &roof->stage_us);
    json_object_foreach(json_object_get(j, "types"), name, one)
    {
        if (!az_type_from_name(name, &t)) continue;
        az_figure_from_json(json_object_get(one, "prefill_gops"), &roof->prefill_gops[t]);
        az_figure_from_json(json_object_get(one, "row_ns"), &roof->row_ns[t]);
        az_figure_from_json(json_object_get(one, "output_ns"), &roof->output_ns[t]);
        for (size_t s = 0; s < roof->n_sizes; s++)
            az_figure_from_json(json_array_get(json_object_get(one, "decode_gb_s"), s),
                                &roof->decode_gb_s[t][s]);
    }
    return ADZE_OK;
}
