/* The benchmark: workers are opened one after the other (load time, memory), then all of them take part in
 * each round in turn, so that what slows the machine down for a while slows every candidate down. */
#include "measure/bench.h"
#include "base/json.h"
#include "measure/energy.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_ROUNDS = AZ_BENCH_MAX_ROUNDS };

/* Samples of one item. */
typedef struct samples {
    az_worker *worker;
    double prefill_tok_s[MAX_ROUNDS], decode_tok_s[MAX_ROUNDS], ttft_ms[MAX_ROUNDS];
    double p50[MAX_ROUNDS], p95[MAX_ROUNDS], p99[MAX_ROUNDS], cv[MAX_ROUNDS];
    double energy[MAX_ROUNDS];
    double batch_prefill[AZ_BENCH_MAX_BATCHES][MAX_ROUNDS];
    double batch_decode[AZ_BENCH_MAX_BATCHES][MAX_ROUNDS];
    size_t batch_rounds[AZ_BENCH_MAX_BATCHES];
    size_t rounds, energy_n, latency_n;
    double load_ms, peak_bytes;
} samples;

/* [n] tokens: the first prompt, and others behind it. */
static int32_t *make_prompt(adze_run *run, const az_bench_opts *o, size_t vocab, size_t n)
{
    int32_t *ids = az_alloc_array(run, n, sizeof *ids);
    az_prng rng;

    if (!ids) return NULL;
    az_prng_seed(&rng, 1);
    for (size_t i = 0; i < n; i++)
        ids[i] = o->n_tokens ? o->tokens[i % o->n_tokens] : (int32_t)(az_prng_u64(&rng) % vocab);
    return ids;
}

/* Resident bytes of a worker that has opened nothing. */
static adze_status empty_peak(adze_run *run, const az_bench_opts *o, uint64_t *bytes,
                              adze_error *err)
{
    az_worker *w = NULL;
    uint64_t now;
    adze_status rc = az_worker_start(&w, run, o->worker, err);

    if (rc == ADZE_OK) rc = az_worker_memory(w, bytes, &now, err);
    az_worker_stop(w);
    return rc;
}

static adze_status open_item(adze_run *run, const az_bench_item *it, const az_bench_opts *o,
                             samples *s, az_bench_result *r)
{
    az_engine_settings set = it->settings;
    adze_status rc;

    if (!set.context) set.context = o->prompt + o->generate + 1;
    for (size_t b = 0; b < o->n_batches; b++)
        if (set.sequences < o->batches[b]) set.sequences = o->batches[b];
    rc = az_worker_start(&s->worker, run, o->worker, &r->err);
    if (rc == ADZE_OK)
        rc = az_worker_open(s->worker, it->engine, it->path, &set, &r->model, &r->err);
    s->load_ms = r->model.load_ms;
    return rc;
}

/* Quantiles and stdev/mean of one round's token times. */
static void note_latencies(samples *s, double *ms, size_t n)
{
    double sum = 0, sq = 0, mean;
    az_figure f = az_figure_of(ms, n, "ms", AZ_MEASURED); /* sorts */

    (void)f;
    for (size_t i = 0; i < n; i++)
        sum += ms[i];
    mean = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        sq += (ms[i] - mean) * (ms[i] - mean);
    s->p50[s->latency_n] = az_quantile(ms, n, 0.50);
    s->p95[s->latency_n] = az_quantile(ms, n, 0.95);
    s->p99[s->latency_n] = az_quantile(ms, n, 0.99);
    s->cv[s->latency_n] = n > 1 && mean > 0 ? sqrt(sq / (double)(n - 1)) / mean : 0;
    s->decode_tok_s[s->latency_n] = mean > 0 ? 1000.0 / mean : 0;
    s->latency_n++;
}

static adze_status read_sample(adze_run *run, const json_t *r, size_t prompt, bool keep, samples *s,
                               adze_error *err)
{
    const json_t *times = json_object_get(r, "token_ns");
    size_t n = json_array_size(times);
    int64_t prefill = 0;
    double *ms;

    if (!az_json_int(r, "prefill_ns", &prefill) || prefill <= 0)
        return az_fail(err, ADZE_EWORKER, NULL, ADZE_NOPOS,
                       "worker's answer to bench is incomplete");
    if (!keep || s->rounds == MAX_ROUNDS) return ADZE_OK;
    s->ttft_ms[s->rounds] = (double)prefill * 1e-6;
    s->prefill_tok_s[s->rounds] = (double)prompt * 1e9 / (double)prefill;
    s->rounds++;
    if (!n) return ADZE_OK;
    ms = az_alloc_array(run, n, sizeof *ms);
    if (!ms) return az_fail_nomem(err, "measuring");
    for (size_t i = 0; i < n; i++)
        ms[i] = (double)json_integer_value(json_array_get(times, i)) * 1e-6;
    note_latencies(s, ms, n);
    az_free(run, ms);
    return ADZE_OK;
}

static adze_status one_round(adze_run *run, const az_bench_opts *o, const az_energy_meter *meter,
                             bool keep, samples *s, az_bench_result *r)
{
    size_t vocab = r->model.vocab;
    int32_t *prompt = make_prompt(run, o, vocab, o->prompt);
    double e0 = 0, e1 = 0;
    json_t *answer = NULL;
    bool energy;
    adze_status rc;

    if (!prompt) return az_fail_nomem(&r->err, "measuring");
    energy = az_energy_read(meter, run, &e0);
    rc = az_worker_call(s->worker, "bench", json_pack("{s:I}", "generate", (json_int_t)o->generate),
                        prompt, o->prompt * sizeof *prompt, 600, &answer, NULL, NULL, &r->err);
    if (rc == ADZE_OK) rc = read_sample(run, answer, o->prompt, keep, s, &r->err);
    if (rc == ADZE_OK && keep && energy && az_energy_read(meter, run, &e1) &&
        s->energy_n < MAX_ROUNDS)
        s->energy[s->energy_n++] =
            az_energy_joules(meter, e0, e1) / (double)(o->prompt + o->generate);
    json_decref(answer);
    az_free(run, prompt);
    return rc;
}

/* Batch number b of one round. */
static adze_status batch_round(adze_run *run, const az_bench_opts *o, size_t b, bool keep,
                               samples *s, az_bench_result *r)
{
    size_t sequences = o->batches[b], n = sequences * o->prompt, at = s->batch_rounds[b];
    int32_t *prompts = make_prompt(run, o, r->model.vocab, n);
    json_t *answer = NULL;
    int64_t prefill = 0;
    double decode = 0;
    const json_t *times;
    adze_status rc;

    if (!prompts) return az_fail_nomem(&r->err, "measuring");
    rc = az_worker_call(s->worker, "batch",
                        json_pack("{s:I, s:I}", "sequences", (json_int_t)sequences, "generate",
                                  (json_int_t)o->generate),
                        prompts, n * sizeof *prompts, 1800, &answer, NULL, NULL, &r->err);
    times = json_object_get(answer, "step_ns");
    for (size_t i = 0; i < json_array_size(times); i++)
        decode += json_number_value(json_array_get(times, i));
    if (rc == ADZE_OK && (!az_json_int(answer, "prefill_ns", &prefill) || prefill <= 0 ||
                          json_array_size(times) != o->generate || (o->generate && !(decode > 0))))
        rc = az_fail(&r->err, ADZE_EWORKER, NULL, ADZE_NOPOS,
                     "worker's answer to batch is incomplete");
    if (rc == ADZE_OK && keep && at < MAX_ROUNDS) {
        s->batch_prefill[b][at] = (double)n * 1e9 / (double)prefill;
        s->batch_decode[b][at] = o->generate ? (double)(sequences * o->generate) * 1e9 / decode : 0;
        s->batch_rounds[b]++;
    }
    json_decref(answer);
    az_free(run, prompts);
    return rc;
}

static void summarize(samples *s, const az_bench_opts *o, const az_energy_meter *meter,
                      uint64_t empty, az_bench_result *r)
{
    double peak = s->peak_bytes > (double)empty ? s->peak_bytes - (double)empty : 0;
    double load = s->load_ms;

    r->rounds = s->rounds < s->latency_n || !s->latency_n ? s->rounds : s->latency_n;
    memcpy(r->prefill_round, s->prefill_tok_s, sizeof r->prefill_round);
    memcpy(r->decode_round, s->decode_tok_s, sizeof r->decode_round);
    memcpy(r->cv_round, s->cv, sizeof r->cv_round);
    r->n_batches = o->n_batches;
    for (size_t b = 0; b < o->n_batches; b++) {
        size_t n = s->batch_rounds[b];
        r->batches[b] = (az_bench_batch){
            o->batches[b], az_figure_of(s->batch_prefill[b], n, "tok/s", AZ_MEASURED),
            az_figure_of(s->batch_decode[b], o->generate ? n : 0, "tok/s", AZ_MEASURED)
        };
    }
    r->load_ms = az_figure_of(&load, 1, "ms", AZ_MEASURED);
    r->ttft_ms = az_figure_of(s->ttft_ms, s->rounds, "ms", AZ_MEASURED);
    r->prefill_tok_s = az_figure_of(s->prefill_tok_s, s->rounds, "tok/s", AZ_MEASURED);
    r->decode_tok_s = az_figure_of(s->decode_tok_s, s->latency_n, "tok/s", AZ_MEASURED);
    r->latency_p50_ms = az_figure_of(s->p50, s->latency_n, "ms", AZ_MEASURED);
    r->latency_p95_ms = az_figure_of(s->p95, s->latency_n, "ms", AZ_MEASURED);
    r->latency_p99_ms = az_figure_of(s->p99, s->latency_n, "ms", AZ_MEASURED);
    r->latency_cv = az_figure_of(s->cv, s->latency_n, "ratio", AZ_MEASURED);
    r->peak_rss_bytes = az_figure_of(&peak, s->peak_bytes > 0 ? 1 : 0, "bytes", AZ_MEASURED);
    r->energy_j_tok = az_figure_of(s->energy, s->energy_n, "J/tok", AZ_MEASURED);
    snprintf(r->energy_source, sizeof r->energy_source, "%s", meter->source);
    snprintf(r->energy_reason, sizeof r->energy_reason, "%s", meter->reason);
}

static void measure_rounds(adze_run *run, const az_bench_item *items, size_t n,
                           const az_bench_opts *o, const az_energy_meter *meter, samples *s,
                           az_bench_result *r)
{
    uint64_t total = (uint64_t)(o->rounds + o->warmup) * n, done = 0;

    for (int round = -o->warmup; round < o->rounds; round++) {
        if (round >= 3 && o->deadline_ns && az_now_ns(run) > o->deadline_ns) return;
        for (size_t i = 0; i < n; i++) {
            if (az_cancelled(run)) return;
            if (r[i].status == ADZE_OK)
                r[i].status = one_round(run, o, meter, round >= 0, &s[i], &r[i]);
            for (size_t b = 0; b < o->n_batches && r[i].status == ADZE_OK; b++)
                r[i].status = batch_round(run, o, b, round >= 0, &s[i], &r[i]);
            az_progress(run, items[i].label ? "measure" : "bench", ++done, total, "rounds");
        }
    }
}

adze_status az_bench_run(adze_run *run, const az_bench_item *items, size_t n,
                         const az_bench_opts *o, az_bench_result *r, adze_error *err)
{
    az_energy_meter meter;
    uint64_t empty = 0;
    samples *s;
    adze_status rc;

    memset(r, 0, n * sizeof *r);
    for (size_t b = 0; b < o->n_batches; b++)
        if (!o->batches[b] || o->batches[b] > 1024 || o->n_batches > AZ_BENCH_MAX_BATCHES)
            return az_fail(err, ADZE_EINVAL, NULL, ADZE_NOPOS,
                           "bench takes up to %d batches of 1 to 1024 sequences",
                           AZ_BENCH_MAX_BATCHES);
    if (!o->prompt || o->rounds < 1 || o->rounds > MAX_ROUNDS || o->warmup < 0)
        return az_fail(err, ADZE_EINVAL, NULL, ADZE_NOPOS,
                       "bench needs a prompt of at least 1 token and 1 to %d rounds", MAX_ROUNDS);
    s = az_calloc(run, n, sizeof *s);
    if (!s) return az_fail_nomem(err, "measuring");
    az_energy_open(&meter, run);
    rc = empty_peak(run, o, &empty, err);
    for (size_t i = 0; rc == ADZE_OK && i < n; i++) {
        r[i].err.pos = ADZE_NOPOS;
        r[i].status = open_item(run, &items[i], o, &s[i], &r[i]);
        rc = az_check_cancel(run, err);
    }
    if (rc == ADZE_OK) measure_rounds(run, items, n, o, &meter, s, r);
    for (size_t i = 0; i < n; i++) {
        uint64_t peak = 0, now;
        if (rc == ADZE_OK && r[i].status == ADZE_OK)
            r[i].status = az_worker_memory(s[i].worker, &peak, &now, &r[i].err);
        s[i].peak_bytes = (double)peak;
        az_worker_stop(s[i].worker);
        summarize(&s[i], o, &meter, empty, &r[i]);
    }
    az_free(run, s);
    return rc == ADZE_OK ? az_check_cancel(run, err) : rc;
}

/* Run a phase and take the engine's account of it. */
static adze_status profile_phase(az_worker *w, const char *phase, const int32_t *prompt, size_t n,
                                 size_t generate, json_t *phases, adze_error *err)
{
    json_t *answer = NULL, *ops = NULL;
    double ms = 0;
    size_t i;
    json_t *op;
    adze_status rc;

    rc = az_worker_call(w, "bench", json_pack("{s:I}", "generate", (json_int_t)generate), prompt,
                        n * sizeof *prompt, 600, &answer, NULL, NULL, err);
    json_decref(answer);
    if (rc == ADZE_OK) rc = az_worker_call(w, "profile", NULL, NULL, 0, 60, &ops, NULL, NULL, err);
    if (rc < 0) return rc;
    json_array_foreach(ops, i, op) ms += json_number_value(json_object_get(op, "ms"));
    json_array_append_new(phases, json_pack("{s:s, s:I, s:f, s:o}", "phase", phase, "tokens",
                                            (json_int_t)(generate ? generate : n), "ms", ms,
                                            "operators", ops));
    return ADZE_OK;
}

adze_status az_bench_profile(adze_run *run, const az_bench_item *item, size_t prompt,
                             size_t generate, json_t **out, adze_error *err)
{
    az_bench_opts o = { .prompt = prompt, .generate = generate };
    json_t *phases = json_array();
    az_engine_settings set = item->settings;
    int32_t *ids = NULL;
    az_worker_model m;
    az_worker *w = NULL;
    adze_status rc;

    *out = NULL;
    set.context = prompt + generate + 1;
    rc = az_worker_start(&w, run, NULL, err);
    if (rc == ADZE_OK) rc = az_worker_open(w, item->engine, item->path, &set, &m, err);
    if (rc == ADZE_OK) {
        ids = make_prompt(run, &o, m.vocab, prompt);
        rc = ids ? ADZE_OK : az_fail_nomem(err, "profiling");
    }
    if (rc == ADZE_OK) /* warm, and forget what warming took */
        rc = profile_phase(w, "prefill", ids, prompt, 0, phases, err);
    json_array_clear(phases);
    if (rc == ADZE_OK) rc = profile_phase(w, "prefill", ids, prompt, 0, phases, err);
    if (rc == ADZE_OK) rc = profile_phase(w, "decode", ids, 1, generate, phases, err);
    az_worker_stop(w);
    az_free(run, ids);
    if (rc < 0) {
        json_decref(phases);
        return rc;
    }
    *out = json_pack("{s:o}", "phases", phases);
    return *out ? ADZE_OK : az_fail_nomem(err, "profiling");
}

/* x[i] = a[i] / b[i] (b NULL: a[i]); how many there are. */
static size_t pairs(double *x, const double *a, size_t n_a, const double *b, size_t n_b)
{
    size_t n = !b || n_a < n_b ? n_a : n_b;

    for (size_t i = 0; i < n; i++)
        x[i] = !b ? a[i] : b[i] > 0 ? a[i] / b[i] : 0;
    return n;
}

az_figure az_bench_ratio(const double *a, size_t n_a, const double *b, size_t n_b)
{
    double x[MAX_ROUNDS];
    size_t n = pairs(x, a, n_a, b, n_b);

    return az_figure_of(x, n, "x", AZ_MEASURED);
}

az_interval az_bench_interval(const double *a, size_t n_a, const double *b, size_t n_b)
{
    double x[MAX_ROUNDS];
    size_t n = pairs(x, a, n_a, b, n_b);

    return az_median_interval(x, n);
}

/* Figures of a result by the name they have in JSON. */
static const struct {
    const char *name;
    size_t at;
} figures[] = {
    { "load_ms", offsetof(az_bench_result, load_ms) },
    { "ttft_ms", offsetof(az_bench_result, ttft_ms) },
    { "prefill_tok_s", offsetof(az_bench_result, prefill_tok_s) },
    { "decode_tok_s", offsetof(az_bench_result, decode_tok_s) },
    { "token_latency_p50_ms", offsetof(az_bench_result, latency_p50_ms) },
    { "token_latency_p95_ms", offsetof(az_bench_result, latency_p95_ms) },
    { "token_latency_p99_ms", offsetof(az_bench_result, latency_p99_ms) },
    { "latency_cv", offsetof(az_bench_result, latency_cv) },
    { "peak_rss_bytes", offsetof(az_bench_result, peak_rss_bytes) },
    { "energy_j_per_tok", offsetof(az_bench_result, energy_j_tok) },
};

static const az_figure *figure_at(const az_bench_result *r, size_t i)
{
    return (const az_figure *)(const void *)((const char *)r + figures[i].at);
}

json_t *az_bench_json(const az_bench_result *r)
{
    double bytes = (double)r->model.weight_bytes;
    az_figure weights = az_figure_of(&bytes, 1, "bytes", AZ_MEASURED);
    json_t *o = json_object();

    for (size_t i = 0; i < AZ_COUNT(figures); i++) {
        bool energy = figure_at(r, i) == &r->energy_j_tok;
        json_object_set_new(o, figures[i].name,
                            az_figure_json(figure_at(r, i), energy ? r->energy_reason : NULL));
    }
    json_object_set_new(o, "weight_bytes", az_figure_json(&weights, NULL));
    if (r->n_batches) json_object_set_new(o, "batches", json_array());
    for (size_t b = 0; b < r->n_batches; b++)
        json_array_append_new(json_object_get(o, "batches"),
                              json_pack("{s:I, s:o, s:o}", "sequences",
                                        (json_int_t)r->batches[b].sequences, "prefill_tok_s",
                                        az_figure_json(&r->batches[b].prefill_tok_s, NULL),
                                        "decode_tok_s",
                                        az_figure_json(&r->batches[b].decode_tok_s, NULL)));
    return o;
}

static json_t *rounds_json(const double *x, size_t n)
{
    json_t *a = json_array();

    for (size_t i = 0; i < n; i++)
        json_array_append_new(a, json_real(x[i]));
    return a;
}

json_t *az_bench_keep(const az_bench_result *r)
{
    const az_worker_model *m = &r->model;

    return json_pack("{s:o, s:o, s:o, s:o, s:s, s:s, s:{s:f, s:s, s:s, s:i, s:I, s:I, s:I}}",
                     "figures", az_bench_json(r), "prefill_round",
                     rounds_json(r->prefill_round, r->rounds), "decode_round",
                     rounds_json(r->decode_round, r->rounds), "cv_round",
                     rounds_json(r->cv_round, r->rounds), "energy_source", r->energy_source,
                     "energy_reason", r->energy_reason, "model", "load_ms", m->load_ms, "isa",
                     m->isa, "build", m->build, "threads", m->threads, "vocab",
                     (json_int_t)m->vocab, "context", (json_int_t)m->context, "weight_bytes",
                     (json_int_t)m->weight_bytes);
}

static size_t recall_rounds(double *x, const json_t *a)
{
    size_t n = json_array_size(a);

    if (n > MAX_ROUNDS) n = MAX_ROUNDS;
    for (size_t i = 0; i < n; i++)
        x[i] = json_number_value(json_array_get(a, i));
    return n;
}

adze_status az_bench_recall(az_bench_result *r, const json_t *kept, adze_error *err)
{
    const json_t *m = json_object_get(kept, "model"), *f = json_object_get(kept, "figures");
    const char *isa = az_json_str(m, "isa"), *build = az_json_str(m, "build"),
               *reason = az_json_str(kept, "energy_reason"),
               *source = az_json_str(kept, "energy_source");
    int64_t threads = 0, vocab = 0, context = 0, bytes = 0;

    memset(r, 0, sizeof *r);
    if (!isa || !build || !reason || !source || !az_json_int(m, "threads", &threads) ||
        !az_json_int(m, "vocab", &vocab) || !az_json_int(m, "context", &context) ||
        !az_json_int(m, "weight_bytes", &bytes))
        return az_fail(err, ADZE_EFORMAT, NULL, ADZE_NOPOS, "kept measurement is incomplete");
    for (size_t i = 0; i < AZ_COUNT(figures); i++)
        az_figure_from_json(json_object_get(f, figures[i].name),
                            (az_figure *)(void *)((char *)r + figures[i].at));
    r->model.threads = (int)threads;
    r->model.vocab = (size_t)vocab;
    r->model.context = (size_t)context;
    r->model.weight_bytes = (uint64_t)bytes;
    az_json_real(m, "load_ms", &r->model.load_ms);
    snprintf(r->model.isa, sizeof r->model.isa, "%s", isa);
    snprintf(r->model.build, sizeof r->model.build, "%s", build);
    snprintf(r->energy_reason, sizeof r->energy_reason, "%s", reason);
    snprintf(r->energy_source, sizeof r->energy_source, "%s", source);
    r->rounds = recall_rounds(r->prefill_round, json_object_get(kept, "prefill_round"));
    recall_rounds(r->decode_round, json_object_get(kept, "decode_round"));
    recall_rounds(r->cv_round, json_object_get(kept, "cv_round"));
    return ADZE_OK;
}
