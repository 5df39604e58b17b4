/* Evaluation: chunk by chunk, the baseline's distributions first, then every candidate's on the same tokens,
 * so that one chunk of logits of two models is all that is ever held. Definitions follow llama.cpp's
 * perplexity tool (chunks, second half, BOS), with exact distributions instead of 16-bit ones. */
#include "measure/eval.h"
#include "calib/text.h"
#include "format/imatrix.h"
#include "base/json.h"
#include "base/thread.h"
#include "core/model.h"
#include "measure/stats.h"

#include <adze/session.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TEXT = 64 << 20 };

/* Per scored position of one item. */
typedef struct scores {
    float *nll, *kl;
    float *diff_max, *diff_mean; /* of the logits */
    uint8_t *hit, *flip;
} scores;

typedef struct eval {
    adze_run *run;
    const az_bench_item *items;
    size_t n;
    const az_eval_opts *o;
    az_eval_result *r;
    int32_t *tokens; /* [chunks][chunk] */
    size_t chunks, chunk, per_chunk;
    az_worker **workers;
    az_worker_model *models;
    scores *s; /* [n] */
} eval;

/* Scoring of one chunk, spread over positions. */
typedef struct chunk_job {
    const eval *e;
    const float *base, *logits; /* [per_chunk][vocab] */
    const int32_t *next;        /* [per_chunk] */
    scores at;                  /* first position of the chunk */
    size_t vocab;
    atomic_int not_finite; /* a NaN must not pass for a perfect score */
} chunk_job;

/* How far the logits are apart as they are. */
static void score_difference(const float *p, const float *q, size_t n, float *max, float *mean)
{
    double sum = 0, most = 0;

    for (size_t i = 0; i < n; i++) {
        double d = fabs((double)p[i] - (double)q[i]);
        sum += d;
        if (d > most) most = d;
    }
    *max = (float)most;
    *mean = (float)(sum / (double)n);
}

static void score_position(void *arg, size_t i, int thread)
{
    chunk_job *j = arg;
    const float *q = j->logits + i * j->vocab, *p = j->base + i * j->vocab;
    size_t best = az_argmax(q, j->vocab);

    (void)thread;
    j->at.nll[i] = (float)(az_log_sum_exp(q, j->vocab) - (double)q[j->next[i]]);
    j->at.hit[i] = best == (size_t)j->next[i];
    j->at.flip[i] = p != q && best != az_argmax(p, j->vocab);
    j->at.kl[i] = p != q ? (float)az_kl(p, q, j->vocab) : 0;
    if (p != q) score_difference(p, q, j->vocab, &j->at.diff_max[i], &j->at.diff_mean[i]);
    if (!isfinite(j->at.nll[i]) || !isfinite(j->at.kl[i])) atomic_store(&j->not_finite, 1);
}

static adze_status read_tokens(eval *e, adze_error *err)
{
    const az_bench_item *base = &e->items[0];
    adze_tokenizer *tok = NULL;
    adze_model *m = NULL;
    int32_t *bos = NULL, *ids = NULL;
    size_t n = 0, n_bos = 0, bytes = e->o->text_n;
    char *text = NULL;
    adze_status rc = ADZE_OK;

    if (!e->o->text) rc = az_read_file(e->run, e->o->text_path, MAX_TEXT, &text, &bytes, err);
    if (rc == ADZE_OK) rc = adze_model_open(&m, e->run, base->path, err);
    if (rc == ADZE_OK) rc = adze_tokenizer_new(&tok, e->run, m, err);
    if (rc == ADZE_OK) rc = adze_tokenize(tok, "", 0, 1, &bos, &n_bos, err);
    if (rc == ADZE_OK) rc = adze_tokenize(tok, text ? text : e->o->text, bytes, 0, &ids, &n, err);
    if (rc < 0) goto done;
    e->chunks = n / e->chunk;
    if (e->o->max_chunks && e->chunks > e->o->max_chunks) e->chunks = e->o->max_chunks;
    if (!e->chunks) {
        rc = az_fail(err, ADZE_EFORMAT, e->o->text_path, ADZE_NOPOS,
                     "holds %zu tokens, fewer than one chunk of %zu; give a longer text", n,
                     e->chunk);
        goto done;
    }
    e->tokens = az_alloc_array(e->run, e->chunks * e->chunk, sizeof *e->tokens);
    if (!e->tokens) {
        rc = az_fail_nomem(err, "evaluating");
        goto done;
    }
    memcpy(e->tokens, ids, e->chunks * e->chunk * sizeof *ids);
    for (size_t c = 0; n_bos && c < e->chunks; c++)
        e->tokens[c * e->chunk] = bos[0];
done:
    adze_tokens_free(tok, bos);
    adze_tokens_free(tok, ids);
    adze_tokenizer_free(tok);
    adze_model_close(m);
    az_free(e->run, text);
    return rc;
}

/* Is the digest of the text among those that the model was calibrated on? */
static adze_status find_digest(eval *e, const az_kvs *kv, bool *same, adze_error *err)
{
    const az_kv *k = az_kv_find(kv, AZ_CALIBRATION_KEY);
    char sum[AZ_TEXT_DIGEST_SIZE], *text = NULL;
    const az_str *s;
    size_t n = 0;
    adze_status rc;

    if (!k || k->type != AZ_KV_ARR || k->elem != AZ_KV_STR) return ADZE_OK;
    s = k->v.arr.data;
    rc = az_read_file(e->run, e->o->text_path, MAX_TEXT, &text, &n, err);
    if (rc == ADZE_OK) rc = az_text_digest(text, n, sum, err);
    for (size_t i = 0; i < k->v.arr.n && rc == ADZE_OK; i++)
        if (s[i].n == strlen(sum) && memcmp(s[i].s, sum, s[i].n) == 0) *same = true;
    az_free(e->run, text);
    return rc;
}

/* Text that a candidate was calibrated on would flatter it. */
static adze_status check_not_calibration(eval *e, const char *path, adze_error *err)
{
    const char *text, *used;
    adze_model *m = NULL;
    bool same = false;
    adze_status rc;

    if (!e->o->text_path) return ADZE_OK;
    text = az_path_base(e->o->text_path);
    rc = adze_model_open(&m, e->run, path, err);
    if (rc < 0) return rc;
    used = az_kv_string(&m->kv, "quantize.imatrix.dataset");
    if (rc == ADZE_OK && used && strcmp(az_path_base(used), text) == 0) same = true;
    if (rc == ADZE_OK && !same) rc = find_digest(e, &m->kv, &same, err);
    if (same)
        rc = az_fail(err, ADZE_EINVAL, e->o->text_path, ADZE_NOPOS,
                     "was used to calibrate %s; evaluate on another text", path);
    adze_model_close(m);
    return rc;
}

/* The scores are looked up by token: a tokenizer that knows more than the model has logits for is refused. */
static adze_status check_tokens(const eval *e, adze_error *err)
{
    for (size_t i = 0; i < e->chunks * e->chunk; i++)
        if (e->tokens[i] < 0 || (size_t)e->tokens[i] >= e->models[0].vocab)
            return az_fail(err, ADZE_EFORMAT, e->items[0].path, ADZE_NOPOS,
                           "its tokenizer gives token %d, and the model has %zu logits",
                           (int)e->tokens[i], e->models[0].vocab);
    return ADZE_OK;
}

static adze_status start(eval *e, adze_error *err)
{
    size_t positions = e->chunks * e->per_chunk;

    for (size_t i = 0; i < e->n; i++) {
        az_engine_settings set = e->items[i].settings;
        adze_status rc;
        scores *s = &e->s[i];
        s->nll = az_calloc(e->run, positions, sizeof *s->nll);
        s->kl = az_calloc(e->run, positions, sizeof *s->kl);
        s->hit = az_calloc(e->run, positions, 1);
        s->flip = az_calloc(e->run, positions, 1);
        s->diff_max = az_calloc(e->run, positions, sizeof *s->diff_max);
        s->diff_mean = az_calloc(e->run, positions, sizeof *s->diff_mean);
        if (!s->nll || !s->kl || !s->hit || !s->flip || !s->diff_max || !s->diff_mean)
            return az_fail_nomem(err, "evaluating");
        e->r[i].err.pos = ADZE_NOPOS;
        set.context = e->chunk;
        rc = check_not_calibration(e, e->items[i].path, &e->r[i].err);
        if (rc == ADZE_OK) rc = az_worker_start(&e->workers[i], e->run, NULL, &e->r[i].err);
        if (rc == ADZE_OK)
            rc = az_worker_open(e->workers[i], e->items[i].engine, e->items[i].path, &set,
                                &e->models[i], &e->r[i].err);
        if (rc == ADZE_OK && e->models[i].vocab != e->models[0].vocab)
            rc = az_fail(&e->r[i].err, ADZE_EFORMAT, e->items[i].path, ADZE_NOPOS,
                         "has %zu logits, the baseline %zu: not the same model", e->models[i].vocab,
                         e->models[0].vocab);
        if (rc == ADZE_OK && i == 0) rc = check_tokens(e, &e->r[0].err);
        e->r[i].status = rc;
        if (rc < 0 && i == 0) {
            if (err) *err = e->r[0].err;
            return rc;
        }
    }
    return ADZE_OK;
}

static adze_status score_chunk(eval *e, size_t c, size_t i, const float *base, const float *logits,
                               adze_error *err)
{
    scores *s = &e->s[i];
    size_t at = c * e->per_chunk;
    chunk_job j = {
        .e = e,
        .base = base,
        .logits = logits,
        .vocab = e->models[0].vocab,
        .next = e->tokens + c * e->chunk + (e->chunk - e->per_chunk),
        .at = { s->nll + at, s->kl + at, s->diff_max + at, s->diff_mean + at, s->hit + at,
                s->flip + at },
    };

    az_parallel(e->run, e->per_chunk, score_position, &j);
    if (!j.not_finite) return ADZE_OK;
    return az_fail(err, ADZE_EFORMAT, e->items[i].path, ADZE_NOPOS,
                   "gives logits that are not finite numbers on the text's chunk %zu", c);
}

static adze_status run_chunk(eval *e, size_t c, adze_error *err)
{
    const int32_t *tokens = e->tokens + c * e->chunk;
    size_t vocab = e->models[0].vocab, n = e->chunk - 1;
    float *base = NULL, *logits;
    adze_status rc;

    rc = az_worker_eval(e->workers[0], tokens, n, e->per_chunk, vocab, &base, err);
    if (rc < 0) return rc;
    rc = score_chunk(e, c, 0, base, base, err);
    for (size_t i = 1; rc == ADZE_OK && i < e->n; i++) {
        if (e->r[i].status < 0) continue;
        logits = NULL;
        e->r[i].status =
            az_worker_eval(e->workers[i], tokens, n, e->per_chunk, vocab, &logits, &e->r[i].err);
        if (e->r[i].status == ADZE_OK)
            e->r[i].status = score_chunk(e, c, i, base, logits, &e->r[i].err);
        az_free(e->run, logits);
        rc = az_check_cancel(e->run, err);
        if (rc < 0) break;
    }
    az_free(e->run, base);
    return rc;
}

/* What a statistic looks at. */
typedef struct view {
    const eval *e;
    const scores *s;
    float *sorted; /* scratch for the quantile */
} view;

static double mean_of(const view *v, const uint32_t *idx, size_t n, const uint8_t *x)
{
    size_t per = v->e->per_chunk, sum = 0;

    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < per; j++)
            sum += x[idx[i] * per + j];
    return (double)sum / (double)(n * per);
}

static double mean_f(const view *v, const uint32_t *idx, size_t n, const float *x)
{
    size_t per = v->e->per_chunk;
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < per; j++)
            sum += (double)x[idx[i] * per + j];
    return sum / (double)(n * per);
}

static double stat_top1(void *arg, const uint32_t *idx, size_t n)
{
    const view *v = arg;

    return mean_of(v, idx, n, v->s->hit);
}

static double stat_ratio(void *arg, const uint32_t *idx, size_t n)
{
    const view *v = arg;
    double base = mean_of(v, idx, n, v->e->s[0].hit);

    return base > 0 ? mean_of(v, idx, n, v->s->hit) / base : 1;
}

static double stat_flips(void *arg, const uint32_t *idx, size_t n)
{
    const view *v = arg;

    return mean_of(v, idx, n, v->s->flip);
}

static double stat_ppl(void *arg, const uint32_t *idx, size_t n)
{
    const view *v = arg;

    return exp(mean_f(v, idx, n, v->s->nll));
}

static double stat_kl(void *arg, const uint32_t *idx, size_t n)
{
    const view *v = arg;

    return mean_f(v, idx, n, v->s->kl);
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

static double stat_kl_p99(void *arg, const uint32_t *idx, size_t n)
{
    const view *v = arg;
    size_t per = v->e->per_chunk, total = n * per, at;
    double f = 0.99 * (double)(total - 1);

    for (size_t i = 0; i < n; i++)
        memcpy(v->sorted + i * per, v->s->kl + idx[i] * per, per * sizeof(float));
    qsort(v->sorted, total, sizeof(float), by_value);
    at = (size_t)f;
    if (at + 1 >= total) return (double)v->sorted[total - 1];
    return (double)v->sorted[at] + (f - (double)at) * (double)(v->sorted[at + 1] - v->sorted[at]);
}

static void summarize_difference(eval *e, size_t i)
{
    size_t n = e->chunks * e->per_chunk;
    az_eval_result *r = &e->r[i];
    double sum = 0;

    for (size_t k = 0; k < n; k++) {
        sum += (double)e->s[i].diff_mean[k];
        if ((double)e->s[i].diff_max[k] > r->logit_diff_max)
            r->logit_diff_max = (double)e->s[i].diff_max[k];
    }
    r->logit_diff_mean = sum / (double)n;
}

static adze_status summarize(eval *e, size_t i, adze_error *err)
{
    az_eval_result *r = &e->r[i];
    view v = { e, &e->s[i], az_alloc_array(e->run, e->chunks * e->per_chunk, sizeof(float)) };
    const struct {
        az_statistic *fn;
        az_interval *out;
        size_t share; /* resamples are divided by this: sorting is dear */
    } stats[] = {
        { stat_top1, &r->top1, 1 },   { stat_ppl, &r->perplexity, 1 },
        { stat_kl, &r->kl_mean, 1 },  { stat_kl_p99, &r->kl_p99, 10 },
        { stat_flips, &r->flips, 1 }, { stat_ratio, &r->top1_ratio, 1 },
    };
    size_t resamples = e->o->resamples ? e->o->resamples : 1000;
    adze_status rc = v.sorted ? ADZE_OK : az_fail_nomem(err, "evaluating");

    r->chunks = e->chunks;
    r->positions = e->chunks * e->per_chunk;
    for (size_t k = 0; rc == ADZE_OK && k < AZ_COUNT(stats); k++)
        rc = az_bootstrap(e->run, e->chunks, resamples / stats[k].share, e->o->seed, stats[k].fn,
                          &v, stats[k].out, err);
    az_free(e->run, v.sorted);
    summarize_difference(e, i);
    return rc;
}

static void finish(eval *e)
{
    for (size_t i = 0; i < e->n; i++) {
        if (e->workers) az_worker_stop(e->workers[i]);
        if (e->s) {
            az_free(e->run, e->s[i].nll);
            az_free(e->run, e->s[i].kl);
            az_free(e->run, e->s[i].hit);
            az_free(e->run, e->s[i].flip);
            az_free(e->run, e->s[i].diff_max);
            az_free(e->run, e->s[i].diff_mean);
        }
    }
    az_free(e->run, e->workers);
    az_free(e->run, e->models);
    az_free(e->run, e->s);
    az_free(e->run, e->tokens);
}

adze_status az_eval_run(adze_run *run, const az_bench_item *items, size_t n, const az_eval_opts *o,
                        az_eval_result *results, adze_error *err)
{
    eval e = { .run = run, .items = items, .n = n, .o = o, .r = results };
    adze_status rc;

    memset(results, 0, n * sizeof *results);
    e.chunk = o->chunk ? o->chunk : 512;
    if (e.chunk < 8 || e.chunk > 65536)
        return az_fail(err, ADZE_EINVAL, NULL, ADZE_NOPOS, "chunks must have 8 to 65536 tokens");
    e.per_chunk = e.chunk - 1 - e.chunk / 2;
    e.workers = az_calloc(run, n, sizeof *e.workers);
    e.models = az_calloc(run, n, sizeof *e.models);
    e.s = az_calloc(run, n, sizeof *e.s);
    if (!e.workers || !e.models || !e.s)
        rc = az_fail_nomem(err, "evaluating");
    else
        rc = read_tokens(&e, err);
    if (rc == ADZE_OK) rc = start(&e, err);
    for (size_t c = 0; rc == ADZE_OK && c < e.chunks; c++) {
        rc = run_chunk(&e, c, err);
        az_progress(run, "evaluate", (c + 1) * e.per_chunk * n, e.chunks * e.per_chunk * n, "tok");
    }
    for (size_t i = 0; rc == ADZE_OK && i < n; i++)
        if (results[i].status == ADZE_OK) rc = summarize(&e, i, err);
    finish(&e);
    return rc;
}

static const struct {
    const char *name, *unit;
    size_t at;
} intervals[] = {
    { "top1_accuracy", "ratio", offsetof(az_eval_result, top1) },
    { "top1_ratio", "ratio", offsetof(az_eval_result, top1_ratio) },
    { "perplexity", "1", offsetof(az_eval_result, perplexity) },
    { "kl_mean", "nats", offsetof(az_eval_result, kl_mean) },
    { "kl_p99", "nats", offsetof(az_eval_result, kl_p99) },
    { "flips", "ratio", offsetof(az_eval_result, flips) },
};

json_t *az_eval_json(const az_eval_result *r)
{
    json_t *o;

    if (r->status < 0 || !r->positions)
        return json_pack("{s:b, s:s}", "available", 0, "reason",
                         r->status < 0 ? r->err.msg : "not evaluated");
    o = json_pack("{s:I, s:I}", "chunks", (json_int_t)r->chunks, "positions",
                  (json_int_t)r->positions);
    for (size_t i = 0; i < AZ_COUNT(intervals); i++)
        json_object_set_new(o, intervals[i].name,
                            az_interval_json((const az_interval *)(const void *)((const char *)r +
                                                                                 intervals[i].at),
                                             intervals[i].unit));
    return o;
}

adze_status az_eval_recall(az_eval_result *r, const json_t *kept, adze_error *err)
{
    int64_t chunks = 0, positions = 0;

    memset(r, 0, sizeof *r);
    if (!az_json_int(kept, "chunks", &chunks) || !az_json_int(kept, "positions", &positions))
        return az_fail(err, ADZE_EFORMAT, NULL, ADZE_NOPOS, "kept evaluation is incomplete");
    r->chunks = (size_t)chunks;
    r->positions = (size_t)positions;
    for (size_t i = 0; i < AZ_COUNT(intervals); i++)
        if (!az_interval_from_json(json_object_get(kept, intervals[i].name),
                                   (az_interval *)(void *)((char *)r + intervals[i].at)))
            return az_fail(err, ADZE_EFORMAT, NULL, ADZE_NOPOS, "kept evaluation lacks %s",
                           intervals[i].name);
    return ADZE_OK;
}
