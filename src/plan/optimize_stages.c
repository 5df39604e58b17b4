/* The stages of the main job. Each asks the registry first, under a key that holds everything which decides
 * its result; what was measured holds for one machine and one build of the engine, so both are in the key. */
#include "plan/optimize.h"
#include "base/json.h"
#include "format/imatrix.h"
#include "measure/memory.h"
#include "measure/prove.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void az_optimize_warn(az_optimization *o, const char *fmt, ...)
{
    va_list ap;

    if (o->n_warnings == AZ_WARNINGS_MAX) return;
    va_start(ap, fmt);
    vsnprintf(o->warnings[o->n_warnings++], sizeof o->warnings[0], fmt, ap);
    va_end(ap);
}

static void fail_candidate(az_candidate *c, const adze_error *err)
{
    c->status = AZ_CAND_FAILED;
    adze_error_text(err, c->reason, sizeof c->reason);
}

static bool out_of_time(const az_optimization *o, double share)
{
    uint64_t budget;

    if (!o->deadline_ns) return false;
    budget = (uint64_t)(o->opts->max_time_s * 1e9);
    return az_now_ns(o->run) > o->deadline_ns - budget + (uint64_t)((double)budget * share);
}

adze_status az_optimize_key(az_optimization *o, char key[AZ_DIGEST_SIZE], adze_error *err,
                            const char *kind, ...)
{
    az_hash *h = az_hash_new(o->run);
    const char *field;
    va_list ap;

    if (!h) return az_fail_nomem(err, "naming a stage");
    az_hash_field(h, o->build);
    az_hash_field(h, kind);
    va_start(ap, kind);
    while ((field = va_arg(ap, const char *)) != NULL)
        az_hash_field(h, field);
    va_end(ap);
    az_hash_end(h, key);
    return ADZE_OK;
}

adze_status az_optimize_recall(az_optimization *o, const char *key, json_t **kept, adze_error *err)
{
    *kept = NULL;
    if (o->opts->fresh) return ADZE_OK;
    return az_store_get_stage(o->store, key, kept, err);
}

/* ---- predict ---- */

/* The roof of this machine's kernels, kept for its fingerprint. */
static adze_status find_roof(az_optimization *o, const az_assess_opts *ao, az_roof *roof,
                             adze_error *err)
{
    bool wanted[AZ_TYPE_COUNT];
    char key[AZ_DIGEST_SIZE], types[AZ_TYPE_COUNT + 1] = "";
    json_t *kept = NULL;
    adze_status rc = az_assess_types(o->run, o->model, ao, wanted, err);

    for (int t = 0; t < AZ_TYPE_COUNT; t++)
        types[t] = wanted[t] ? '1' : '0';
    if (rc == ADZE_OK) rc = az_optimize_key(o, key, err, "roof", o->fingerprint, types, NULL);
    if (rc == ADZE_OK) rc = az_optimize_recall(o, key, &kept, err);
    if (rc == ADZE_OK && kept && az_roof_recall(roof, kept, NULL) == ADZE_OK) {
        o->reused++;
    } else if (rc == ADZE_OK) {
        az_progress(o->run, "measure the kernels", 0, 0, "step");
        rc = az_roof_measure(roof, o->run, wanted, err);
        json_decref(kept);
        kept = rc == ADZE_OK ? az_roof_json(roof) : NULL;
        if (kept && !o->busy) rc = az_store_put_stage(o->store, key, "roof", kept, err);
    }
    json_decref(kept);
    return rc;
}

/* An importance matrix changes neither sizes nor types; other types of tensors, and MLX's, are not predicted. */
static bool is_predicted(const az_candidate *c)
{
    return c->status == AZ_CAND_MEASURED && strcmp(c->format, "gguf") == 0 && !c->variant.types.n;
}

adze_status az_optimize_predict(az_optimization *o, adze_error *err)
{
    const char **recipes = az_calloc(o->run, o->n + 1, sizeof *recipes);
    az_assess_opts ao = { .prompt = o->opts->prompt, .generate = o->opts->generate };
    az_assessment *a = az_calloc(o->run, 1, sizeof *a);
    az_roof *roof = az_calloc(o->run, 1, sizeof *roof);
    size_t n = 0;
    adze_status rc;

    if (!recipes || !a || !roof) {
        rc = az_fail_nomem(err, "predicting");
        goto done;
    }
    for (size_t i = 1; i < o->n && n + 1 < AZ_ASSESS_MAX; i++)
        if (is_predicted(&o->candidates[i])) recipes[n++] = o->candidates[i].variant.recipe;
    ao.recipes = recipes;
    rc = find_roof(o, &ao, roof, err);
    if (rc == ADZE_OK) rc = az_assess(a, o->run, o->model, roof, &ao, err);
    if (rc == ADZE_OK) o->candidates[0].predicted = a->rows[0].predicted;
    for (size_t i = 1; rc == ADZE_OK && i < o->n; i++)
        for (size_t k = 1; k < a->n; k++)
            if (is_predicted(&o->candidates[i]) &&
                strcmp(a->rows[k].recipe, o->candidates[i].variant.recipe) == 0)
                o->candidates[i].predicted = a->rows[k].predicted;
done:
    az_free(o->run, recipes);
    az_free(o->run, a);
    az_free(o->run, roof);
    return rc;
}

/* ---- convert ---- */

/* Digest of the importance matrix that a candidate is made with; NULL: none. */
static const char *imatrix_of(const az_optimization *o, const az_candidate *c)
{
    return c->variant.importance ? o->imatrix_digest : NULL;
}

static json_t *convert_keep(const az_candidate *c, const char *imatrix)
{
    json_t *types = json_object();

    for (int t = 0; t < AZ_TYPE_COUNT; t++)
        if (c->type_bytes[t])
            json_object_set_new(types, az_type_get((az_type)t)->name,
                                json_integer((json_int_t)c->type_bytes[t]));
    return json_pack("{s:s, s:s, s:s?, s:I, s:f, s:f, s:s, s:o}", "digest", c->digest, "recipe",
                     c->recipe, "imatrix", imatrix, "bytes", (json_int_t)c->bytes,
                     "bits_per_weight", c->bits_per_weight, "convert_s", c->convert_s, "proof",
                     c->proof, "types", types);
}

static bool convert_recall(az_candidate *c, const json_t *kept)
{
    const char *digest = az_json_str(kept, "digest"), *name, *proof;
    json_t *bytes_of;
    int64_t bytes = 0;
    az_type t;

    if (!digest || strlen(digest) != AZ_DIGEST_SIZE - 1 || !az_json_int(kept, "bytes", &bytes) ||
        !az_json_real(kept, "bits_per_weight", &c->bits_per_weight) ||
        !az_json_real(kept, "convert_s", &c->convert_s))
        return false;
    memcpy(c->digest, digest, AZ_DIGEST_SIZE);
    c->bytes = (uint64_t)bytes;
    proof = az_json_str(kept, "proof");
    snprintf(c->proof, sizeof c->proof, "%s", proof ? proof : "");
    json_object_foreach(json_object_get(kept, "types"), name,
                        bytes_of) if (az_type_from_name(name, &t)) c->type_bytes[t] =
        (uint64_t)json_integer_value(bytes_of);
    return true;
}

/* Is what was written still the same model? All but the logits, which the evaluation measures, on a sample of the
 * weights. */
static adze_status prove_file(az_optimization *o, az_candidate *c, adze_error *err)
{
    az_prove_opts po = { .parts = AZ_PROVE_ALL & ~AZ_PROVE_LOGITS, .sample = true };
    adze_model *m = NULL;
    az_importance *imp = NULL;
    az_proof *p = NULL;
    adze_status rc = adze_model_open(&m, o->run, c->path, err);

    if (rc == ADZE_OK && c->variant.importance) rc = az_imatrix_read(&imp, o->run, o->imatrix, err);
    po.importance = imp;
    if (rc == ADZE_OK) rc = az_prove(&p, o->run, o->model, m, &po, err);
    if (rc == ADZE_OK) {
        const az_proof_item *it = az_proof_first(p, az_proof_worst(p, NULL));
        snprintf(c->proof, sizeof c->proof, "%s", az_proof_verdict_name(p));
        if (az_proof_worst(p, NULL) == AZ_DIFFERENT)
            rc = az_fail_name(err, ADZE_EFORMAT, c->path, it->name, ADZE_NOPOS,
                              "what was written is not the same model: %s",
                              it->where ? it->where : it->part);
    }
    az_proof_free(p);
    az_importance_free(imp);
    adze_model_close(m);
    return rc;
}

/* The file itself, made now or found with the digest that is expected. */
static adze_status make_file(az_optimization *o, az_candidate *c, adze_error *err)
{
    az_convert_opts co = az_variant_opts(&c->variant, o->imatrix);
    az_store_artifact row;
    char digest[AZ_DIGEST_SIZE];
    az_convert_result *cr;
    uint64_t t0;
    adze_status rc;

    if (c->made) return ADZE_OK;
    if (c->digest[0] && az_exists(o->run, c->path)) {
        rc = az_store_digest(o->store, c->path, digest, err);
        if (rc == ADZE_OK && strcmp(digest, c->digest) == 0) {
            c->made = true;
            return ADZE_OK;
        }
    }
    cr = az_calloc(o->run, 1, sizeof *cr);
    if (!cr) return az_fail_nomem(err, "converting");
    t0 = az_now_ns(o->run);
    rc = az_convert_model(o->run, o->model, c->path, &co, cr, err);
    if (rc == ADZE_OK) rc = az_store_digest(o->store, c->path, digest, err);
    if (rc == ADZE_OK) {
        c->convert_s = (double)(az_now_ns(o->run) - t0) * 1e-9;
        memcpy(c->digest, digest, sizeof digest);
        c->bytes = cr->bytes;
        c->made = true;
        memcpy(c->type_bytes, cr->type_bytes, sizeof c->type_bytes);
        c->bits_per_weight = 0;
        for (int t = 0; t < AZ_TYPE_COUNT; t++)
            c->bits_per_weight += 8.0 * (double)cr->type_bytes[t] / (double)cr->parameters;
        c->bits_per_weight += 8.0 * (double)cr->packed_bytes / (double)cr->parameters;
        row = (az_store_artifact){ c->digest, o->model_digest, c->recipe,
                                   c->format, c->path,         c->bytes };
        rc = az_store_put_artifact(o->store, &row, err);
    }
    if (rc == ADZE_OK && !c->proof[0]) rc = prove_file(o, c, err);
    az_free(o->run, cr);
    return rc;
}

static adze_status convert_one(az_optimization *o, az_candidate *c, adze_error *err)
{
    char key[AZ_DIGEST_SIZE];
    json_t *kept = NULL;
    adze_error e = { .pos = ADZE_NOPOS };
    adze_status rc = az_optimize_key(o, key, err, "convert", o->model_digest, c->recipe, c->format,
                                     imatrix_of(o, c), NULL);

    if (rc == ADZE_OK) rc = az_optimize_recall(o, key, &kept, err);
    if (rc < 0) return rc;
    if (kept && convert_recall(c, kept)) {
        json_decref(kept);
        o->reused++;
        return ADZE_OK;
    }
    json_decref(kept);
    if (out_of_time(o, 0.35)) {
        c->status = AZ_CAND_SKIPPED;
        snprintf(c->reason, sizeof c->reason, "no time left to convert within --max-time");
        return ADZE_OK;
    }
    rc = make_file(o, c, &e);
    if (rc == ADZE_ECANCEL) {
        if (err) *err = e;
        return rc;
    }
    if (rc < 0) {
        fail_candidate(c, &e);
        return ADZE_OK;
    }
    kept = convert_keep(c, imatrix_of(o, c));
    rc = az_store_put_stage(o->store, key, "convert", kept, err);
    json_decref(kept);
    return rc;
}

adze_status az_optimize_convert(az_optimization *o, adze_error *err)
{
    adze_status rc = ADZE_OK;

    for (size_t i = 1; rc == ADZE_OK && i < o->n; i++)
        if (o->candidates[i].status == AZ_CAND_MEASURED)
            rc = convert_one(o, &o->candidates[i], err);
    return rc;
}

/* Files that a stage is about to run; a candidate whose file cannot be made fails alone. */
static adze_status make_files(az_optimization *o, adze_error *err)
{
    for (size_t i = 1; i < o->n; i++) {
        az_candidate *c = &o->candidates[i];
        adze_error e = { .pos = ADZE_NOPOS };
        adze_status rc;
        if (c->status != AZ_CAND_MEASURED) continue;
        rc = make_file(o, c, &e);
        if (rc == ADZE_ECANCEL) {
            if (err) *err = e;
            return rc;
        }
        if (rc < 0) fail_candidate(c, &e);
    }
    return ADZE_OK;
}

/* Rounds of a small model; a large one gets three. */
enum { TUNE_ROUNDS = 9 };
#define TUNE_NS 1000000000u

/* ---- tune: the best settings of each artifact, the baseline's as well ---- */

static az_bench_item item_of(const az_candidate *c, int threads)
{
    az_bench_item it = {
        .label = c->recipe, .path = c->path, .engine = c->engine, .settings = c->settings
    };

    if (threads) it.settings.threads = threads;
    return it;
}

/* Seconds of a request as the run measures it. */
static double request_s(const az_optimization *o, const az_trial *t)
{
    return (double)o->opts->prompt / t->prefill_tok_s.median +
           (double)o->opts->generate / t->decode_tok_s.median;
}

/* The first setting, all cores, unless another answers a request sooner by more than noise. */
static void pick_trial(const az_optimization *o, az_candidate *c)
{
    const az_trial *best = &c->trials[0];

    for (size_t i = 1; i < c->n_trials; i++)
        if (request_s(o, &c->trials[i]) < 0.95 * request_s(o, best)) best = &c->trials[i];
    c->settings.threads = best->threads;
}

static json_t *trials_keep(const az_candidate *c)
{
    json_t *a = json_array();

    for (size_t i = 0; i < c->n_trials; i++)
        json_array_append_new(a, json_pack("{s:i, s:o, s:o}", "threads", c->trials[i].threads,
                                           "prefill_tok_s",
                                           az_figure_json(&c->trials[i].prefill_tok_s, NULL),
                                           "decode_tok_s",
                                           az_figure_json(&c->trials[i].decode_tok_s, NULL)));
    return a;
}

static bool trials_recall(az_candidate *c, const json_t *kept)
{
    size_t i;
    json_t *j;

    c->n_trials = 0;
    json_array_foreach(kept, i, j)
    {
        az_trial *t = &c->trials[c->n_trials];
        int64_t threads = 0;
        if (c->n_trials == AZ_TRIALS_MAX || !az_json_int(j, "threads", &threads) ||
            !az_figure_from_json(json_object_get(j, "prefill_tok_s"), &t->prefill_tok_s) ||
            !az_figure_from_json(json_object_get(j, "decode_tok_s"), &t->decode_tok_s))
            return false;
        t->threads = (int)threads;
        c->n_trials++;
    }
    return c->n_trials > 0;
}

static adze_status tune_one(az_optimization *o, az_candidate *c, adze_error *err)
{
    az_bench_opts bo = { .prompt = (o->opts->prompt + 1) / 2,
                         .generate = o->opts->generate / 4 + 1,
                         .rounds = TUNE_ROUNDS,
                         .warmup = 1,
                         .deadline_ns = az_now_ns(o->run) + TUNE_NS };
    az_bench_item items[AZ_TRIALS_MAX];
    az_bench_result *r = az_calloc(o->run, AZ_TRIALS_MAX, sizeof *r);
    adze_status rc;

    if (!r) return az_fail_nomem(err, "finding the best settings");
    for (size_t i = 0; i < o->n_thread_choices; i++)
        items[i] = item_of(c, o->thread_choices[i]);
    rc = az_bench_run(o->run, items, o->n_thread_choices, &bo, r, err);
    c->n_trials = 0;
    for (size_t i = 0; rc == ADZE_OK && i < o->n_thread_choices; i++) {
        if (r[i].status < 0)
            fail_candidate(c, &r[i].err);
        else
            c->trials[c->n_trials++] =
                (az_trial){ o->thread_choices[i], r[i].prefill_tok_s, r[i].decode_tok_s };
    }
    if (rc == ADZE_OK && !c->n_trials && c == &o->candidates[0]) {
        rc = r[0].status;
        if (err) *err = r[0].err;
    }
    az_free(o->run, r);
    return rc;
}

adze_status az_optimize_tune(az_optimization *o, adze_error *err)
{
    char choices[64] = "", key[AZ_DIGEST_SIZE], sizes[64];
    adze_status rc = ADZE_OK;

    if (o->n_thread_choices == 1) {
        for (size_t i = 0; i < o->n; i++)
            o->candidates[i].settings.threads = o->thread_choices[0];
        return ADZE_OK;
    }
    for (size_t i = 0; i < o->n_thread_choices; i++)
        snprintf(choices + strlen(choices), sizeof choices - strlen(choices), "%d ",
                 o->thread_choices[i]);
    snprintf(sizes, sizeof sizes, "%zu %zu", o->opts->prompt, o->opts->generate);
    for (size_t i = 0; rc == ADZE_OK && i < o->n; i++) {
        az_candidate *c = &o->candidates[i];
        json_t *kept = NULL;
        if (c->status != AZ_CAND_MEASURED) continue;
        rc = az_optimize_key(o, key, err, "tune", c->digest, o->fingerprint, choices, sizes, NULL);
        if (rc == ADZE_OK) rc = az_optimize_recall(o, key, &kept, err);
        if (rc == ADZE_OK && kept && trials_recall(c, kept)) {
            o->reused++;
        } else if (rc == ADZE_OK) {
            rc = i ? make_files(o, err) : ADZE_OK;
            if (rc == ADZE_OK && c->status == AZ_CAND_MEASURED) rc = tune_one(o, c, err);
            if (rc == ADZE_OK && c->n_trials) {
                json_t *fresh = trials_keep(c);
                rc = az_store_put_stage(o->store, key, "tune", fresh, err);
                json_decref(fresh);
            }
        }
        json_decref(kept);
        if (rc == ADZE_OK && c->n_trials) pick_trial(o, c);
    }
    return rc;
}

/* ---- measure ---- */

/* No round beyond the third starts later than this: a large model is measured in fewer rounds. */
#define MEASURE_NS 150000000000u

static adze_status measure_key(az_optimization *o, char key[AZ_DIGEST_SIZE], adze_error *err)
{
    az_hash *h = az_hash_new(o->run);
    char line[160];

    if (!h) return az_fail_nomem(err, "naming a stage");
    az_hash_field(h, o->build);
    az_hash_field(h, "measure");
    az_hash_field(h, o->fingerprint);
    snprintf(line, sizeof line, "%zu %zu %d", o->opts->prompt, o->opts->generate, o->rounds);
    az_hash_field(h, line);
    for (size_t i = 0; i < o->n; i++) {
        const az_candidate *c = &o->candidates[i];
        if (c->status != AZ_CAND_MEASURED) continue;
        snprintf(line, sizeof line, "%s %s %d", c->digest, c->engine, c->settings.threads);
        az_hash_field(h, line);
    }
    az_hash_end(h, key);
    return ADZE_OK;
}

static bool measure_recall(az_optimization *o, const json_t *kept)
{
    adze_error e;

    for (size_t i = 0; i < o->n; i++) {
        az_candidate *c = &o->candidates[i];
        const json_t *one = json_object_get(kept, c->recipe);
        if (c->status == AZ_CAND_MEASURED && az_bench_recall(&c->bench, one, &e) < 0) return false;
    }
    return true;
}

static adze_status measure_group(az_optimization *o, const size_t *which, size_t n, adze_error *err)
{
    az_bench_opts bo = { .prompt = o->opts->prompt,
                         .generate = o->opts->generate,
                         .rounds = o->rounds,
                         .warmup = 1,
                         .deadline_ns = 0 };
    az_bench_item *items = az_calloc(o->run, n, sizeof *items);
    az_bench_result *r = az_calloc(o->run, n, sizeof *r);
    adze_status rc;

    if (!items || !r) {
        rc = az_fail_nomem(err, "measuring");
        goto done;
    }
    bo.deadline_ns = az_now_ns(o->run) + MEASURE_NS;
    if (o->deadline_ns && o->deadline_ns - (uint64_t)(o->opts->max_time_s * 0.4e9) < bo.deadline_ns)
        bo.deadline_ns = o->deadline_ns - (uint64_t)(o->opts->max_time_s * 0.4e9);
    for (size_t i = 0; i < n; i++)
        items[i] = item_of(&o->candidates[which[i]], 0);
    rc = az_bench_run(o->run, items, n, &bo, r, err);
    if (rc == ADZE_OK && r[0].status < 0) {
        rc = r[0].status; /* nothing can be said without the baseline */
        if (err) *err = r[0].err;
    }
    for (size_t i = 0; rc == ADZE_OK && i < n; i++) {
        az_candidate *c = &o->candidates[which[i]];
        if (r[i].status < 0)
            fail_candidate(c, &r[i].err);
        else
            c->bench = r[i];
        if (i && r[i].status == ADZE_OK) {
            c->ratio_decode =
                az_bench_ratio(r[i].decode_round, r[i].rounds, r[0].decode_round, r[0].rounds);
            c->ratio_prefill =
                az_bench_ratio(r[i].prefill_round, r[i].rounds, r[0].prefill_round, r[0].rounds);
        }
    }
done:
    az_free(o->run, items);
    az_free(o->run, r);
    return rc;
}

/* All candidates beside the baseline; in several groups, each with the baseline, when they do not fit the
 * memory together. */
static adze_status measure_groups(az_optimization *o, adze_error *err)
{
    uint64_t room = az_memory_available_bytes(o->run) / 10 * 6, used;
    size_t *which = az_calloc(o->run, o->n, sizeof *which);
    size_t next = 1;
    adze_status rc = which ? ADZE_OK : az_fail_nomem(err, "measuring");

    while (rc == ADZE_OK && next < o->n) {
        size_t n = 1;
        used = o->candidates[0].bytes;
        which[0] = 0;
        for (; next < o->n; next++) {
            if (o->candidates[next].status != AZ_CAND_MEASURED) continue;
            if (n > 1 && used + o->candidates[next].bytes > room) break;
            used += o->candidates[next].bytes;
            which[n++] = next;
        }
        rc = measure_group(o, which, n, err);
    }
    az_free(o->run, which);
    return rc;
}

static void ratios_of(az_optimization *o)
{
    const az_candidate *b = &o->candidates[0];

    for (size_t i = 1; i < o->n; i++) {
        az_candidate *c = &o->candidates[i];
        double x = b->bench.peak_rss_bytes.median;
        if (c->status != AZ_CAND_MEASURED) continue;
        if (!c->ratio_decode.n) { /* recalled: rounds of one run, so pairs still hold */
            c->ratio_decode = az_bench_ratio(c->bench.decode_round, c->bench.rounds,
                                             b->bench.decode_round, b->bench.rounds);
            c->ratio_prefill = az_bench_ratio(c->bench.prefill_round, c->bench.rounds,
                                              b->bench.prefill_round, b->bench.rounds);
        }
        if (c->bench.peak_rss_bytes.n && x > 0) {
            x = c->bench.peak_rss_bytes.median / x;
            c->ratio_memory = az_figure_of(&x, 1, "x", AZ_MEASURED);
        }
    }
}

adze_status az_optimize_measure(az_optimization *o, adze_error *err)
{
    char key[AZ_DIGEST_SIZE];
    json_t *kept = NULL;
    adze_status rc = measure_key(o, key, err);

    if (rc == ADZE_OK) rc = az_optimize_recall(o, key, &kept, err);
    if (rc == ADZE_OK && kept && measure_recall(o, kept)) {
        o->reused++;
    } else if (rc == ADZE_OK) {
        rc = make_files(o, err);
        if (rc == ADZE_OK) rc = measure_groups(o, err);
        json_decref(kept);
        kept = json_object();
        for (size_t i = 0; rc == ADZE_OK && i < o->n; i++)
            if (o->candidates[i].status == AZ_CAND_MEASURED)
                json_object_set_new(kept, o->candidates[i].recipe,
                                    az_bench_keep(&o->candidates[i].bench));
        if (rc == ADZE_OK) rc = az_store_put_stage(o->store, key, "measure", kept, err);
    }
    json_decref(kept);
    if (rc == ADZE_OK) ratios_of(o);
    return rc;
}

/* ---- evaluate ---- */

/* Chunks that take about a minute, judged by the prefill speeds just measured; 10 at least, 40 at most. */
static size_t chunks_for(const az_optimization *o)
{
    double per_chunk = 0, budget = 60, left;

    if (o->opts->chunks) return o->opts->chunks;
    for (size_t i = 0; i < o->n; i++)
        if (o->candidates[i].status == AZ_CAND_MEASURED)
            per_chunk += 511 / o->candidates[i].bench.prefill_tok_s.median;
    if (o->n && adze_model_parameters(o->model) < 100000000) budget = 15;
    if (o->deadline_ns) {
        left = ((double)o->deadline_ns - (double)az_now_ns(o->run)) * 1e-9 * 0.8;
        budget = left < budget ? left : budget;
    }
    if (per_chunk <= 0 || budget / per_chunk < 10) return 10;
    return budget / per_chunk > 40 ? 40 : (size_t)(budget / per_chunk);
}

static adze_status eval_key(az_optimization *o, const az_candidate *c, size_t chunks, char *key,
                            adze_error *err)
{
    char n[32];

    snprintf(n, sizeof n, "%zu", chunks);
    return az_optimize_key(o, key, err, "eval", o->candidates[0].digest, c->digest, o->text_digest,
                           n, o->candidates[0].bench.model.isa, NULL);
}

/* How many chunks the last evaluation on this text used; so that a second run asks for the same. */
static adze_status recall_chunks(az_optimization *o, size_t *chunks, char key[AZ_DIGEST_SIZE],
                                 adze_error *err)
{
    json_t *kept = NULL;
    int64_t n = 0;
    adze_status rc = az_optimize_key(o, key, err, "eval-chunks", o->candidates[0].digest,
                                     o->text_digest, o->fingerprint, NULL);

    if (rc == ADZE_OK) rc = az_optimize_recall(o, key, &kept, err);
    if (rc == ADZE_OK && kept && !o->opts->chunks && az_json_int(kept, "chunks", &n) && n > 0)
        *chunks = (size_t)n;
    json_decref(kept);
    return rc;
}

static adze_status eval_missing(az_optimization *o, const size_t *which, size_t n, size_t chunks,
                                adze_error *err)
{
    az_eval_opts eo = {
        .chunk = 512, .max_chunks = chunks, .resamples = 1000, .seed = 1, .text_path = o->opts->text
    };
    az_bench_item *items = az_calloc(o->run, n, sizeof *items);
    az_eval_result *r = az_calloc(o->run, n, sizeof *r);
    char key[AZ_DIGEST_SIZE];
    adze_status rc;

    if (!items || !r) {
        rc = az_fail_nomem(err, "evaluating");
        goto done;
    }
    for (size_t i = 0; i < n; i++)
        items[i] = item_of(&o->candidates[which[i]], 0);
    rc = az_eval_run(o->run, items, n, &eo, r, err);
    for (size_t i = 0; rc == ADZE_OK && i < n; i++) {
        az_candidate *c = &o->candidates[which[i]];
        json_t *kept;
        if (r[i].status < 0) {
            fail_candidate(c, &r[i].err);
            continue;
        }
        c->eval = r[i];
        kept = az_eval_json(&r[i]);
        rc = eval_key(o, c, chunks, key, err);
        if (rc == ADZE_OK) rc = az_store_put_stage(o->store, key, "eval", kept, err);
        json_decref(kept);
    }
done:
    az_free(o->run, items);
    az_free(o->run, r);
    return rc;
}

/* A baseline that cannot predict the text proves nothing about a loss. */
static void judge_baseline(az_optimization *o)
{
    const az_eval_result *e = &o->candidates[0].eval;
    double vocab = (double)o->candidates[0].bench.model.vocab;

    if (e->positions && (e->perplexity.value > vocab / 4 || e->top1.hi < 0.02))
        o->inconclusive =
            "the baseline predicts this text hardly better than chance, so its losses "
            "cannot be measured on it";
}

/* A look at two chunks, when evaluating is dear: a baseline that cannot predict the text is not worth more. */
static adze_status look_first(az_optimization *o, size_t *chunks, adze_error *err)
{
    size_t baseline = 0;
    adze_status rc;

    if (o->opts->chunks || *chunks > 10) return ADZE_OK;
    rc = eval_missing(o, &baseline, 1, 2, err);
    if (rc == ADZE_OK) judge_baseline(o);
    if (o->inconclusive) *chunks = 2;
    memset(&o->candidates[0].eval, 0, sizeof o->candidates[0].eval);
    return rc;
}

adze_status az_optimize_evaluate(az_optimization *o, adze_error *err)
{
    size_t chunks, known, n = 1, *which;
    char key[AZ_DIGEST_SIZE], chunks_key[AZ_DIGEST_SIZE];
    json_t *kept = NULL, *note;
    adze_status rc;

    if (!o->opts->text) {
        o->inconclusive = "no held-out text was given (--text)";
        return ADZE_OK;
    }
    chunks = known = chunks_for(o);
    rc = recall_chunks(o, &chunks, chunks_key, err);
    if (rc == ADZE_OK && chunks == known) rc = look_first(o, &chunks, err);
    if (rc < 0) return rc;
    which = az_calloc(o->run, o->n, sizeof *which);
    if (!which) return az_fail_nomem(err, "evaluating");
    for (size_t i = 0; rc == ADZE_OK && i < o->n; i++) {
        az_candidate *c = &o->candidates[i];
        adze_error e;
        if (c->status != AZ_CAND_MEASURED) continue;
        rc = eval_key(o, c, chunks, key, err);
        if (rc == ADZE_OK) rc = az_optimize_recall(o, key, &kept, err);
        if (rc == ADZE_OK && kept && az_eval_recall(&c->eval, kept, &e) == ADZE_OK)
            o->reused++;
        else if (rc == ADZE_OK && i)
            which[n++] = i;
        json_decref(kept);
        kept = NULL;
    }
    if (rc == ADZE_OK && (n > 1 || !o->candidates[0].eval.positions)) {
        rc = make_files(o, err);
        if (rc == ADZE_OK) rc = eval_missing(o, which, n, chunks, err);
        note = json_pack("{s:I}", "chunks", (json_int_t)chunks);
        if (rc == ADZE_OK && !o->opts->chunks)
            rc = az_store_put_stage(o->store, chunks_key, "eval-chunks", note, err);
        json_decref(note);
    }
    az_free(o->run, which);
    o->eval_chunks = o->candidates[0].eval.chunks;
    o->eval_positions = o->candidates[0].eval.positions;
    o->text_tokens = o->eval_chunks * 512;
    if (rc == ADZE_OK) judge_baseline(o);
    return rc;
}

/* ---- profile of the chosen one ---- */

adze_status az_optimize_profile(az_optimization *o, adze_error *err)
{
    const az_candidate *c = o->choice.chosen >= 0 ? &o->candidates[o->choice.chosen] : NULL;
    char key[AZ_DIGEST_SIZE], line[64];
    adze_status rc;

    if (!c) return ADZE_OK;
    snprintf(line, sizeof line, "%zu %zu %d", o->opts->prompt, o->opts->generate,
             c->settings.threads);
    rc = az_optimize_key(o, key, err, "profile", c->digest, o->fingerprint, line, NULL);
    if (rc == ADZE_OK) rc = az_optimize_recall(o, key, &o->profile, err);
    if (rc < 0 || o->profile) {
        o->reused += o->profile != NULL;
        return rc;
    }
    rc = make_file(o, &o->candidates[o->choice.chosen], err);
    if (rc == ADZE_OK)
        rc =
            az_bench_profile(o->run, &(az_bench_item){ c->recipe, c->path, c->engine, c->settings },
                             o->opts->prompt, o->opts->generate, &o->profile, err);
    if (rc == ADZE_OK) rc = az_store_put_stage(o->store, key, "profile", o->profile, err);
    return rc;
}

adze_status az_optimize_keep_chosen(az_optimization *o, adze_error *err)
{
    return make_file(o, &o->candidates[o->choice.chosen], err);
}
