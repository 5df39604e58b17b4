/* Builds the report. Every figure keeps its unit, spread, sample count and provenance. */
#include "report/build.h"
#include "report/report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static json_t *utc(uint64_t unix_ms)
{
    time_t t = (time_t)(unix_ms / 1000);
    char text[32];
    struct tm tm;

    if (!gmtime_r(&t, &tm) || !strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm))
        return json_null();
    return json_string(text);
}

/* Type that holds most of the bytes. */
static const char *main_type(const uint64_t *type_bytes)
{
    int best = 0;

    for (int t = 1; t < AZ_TYPE_COUNT; t++)
        if (type_bytes[t] > type_bytes[best]) best = t;
    return az_type_get((az_type)best)->name;
}

static json_t *model_json(const az_optimization *o)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:s, s:i, s:i, s:I, s:I}", "name",
                     o->model_name, "path", o->opts->src, "format", adze_model_format(o->model),
                     "arch", o->arch->name, "type", main_type(o->candidates[0].type_bytes),
                     "parameters", (json_int_t)adze_model_parameters(o->model), "bytes",
                     (json_int_t)adze_model_bytes(o->model), "digest", o->model_digest, "layers",
                     o->config.n_layers, "hidden", o->config.hidden, "vocab",
                     (json_int_t)o->config.vocab, "context", (json_int_t)o->config.context);
}

static json_t *settings_json(const az_optimization *o)
{
    const az_optimize_opts *p = o->opts;

    return json_pack("{s:I, s:I, s:i, s:i, s:i, s:i, s:i, s:o, s:o, s:s?}", "prompt_tokens",
                     (json_int_t)p->prompt, "generate_tokens", (json_int_t)p->generate, "repeats",
                     o->rounds, "warmup", 1, "threads", p->threads, "seed", 1, "chunk_tokens", 512,
                     "max_time_s", p->max_time_s > 0 ? json_real(p->max_time_s) : json_null(),
                     "max_disk_bytes",
                     p->max_disk_bytes ? json_integer((json_int_t)p->max_disk_bytes) : json_null(),
                     "gates", p->gates);
}

static json_t *text_json(const az_optimization *o)
{
    if (!o->eval_positions) return json_null();
    return json_pack("{s:s, s:s, s:I, s:I, s:I}", "path", o->opts->text, "digest", o->text_digest,
                     "chunks", (json_int_t)o->eval_chunks, "tokens", (json_int_t)o->text_tokens,
                     "scored", (json_int_t)o->eval_positions);
}

static json_t *artifact_json(const az_candidate *c)
{
    json_t *types;

    if (c->status == AZ_CAND_SKIPPED || !c->digest[0]) return json_null();
    types = json_object();
    for (int t = 0; t < AZ_TYPE_COUNT; t++)
        if (c->type_bytes[t])
            json_object_set_new(types, az_type_get((az_type)t)->name,
                                json_integer((json_int_t)c->type_bytes[t]));
    return json_pack("{s:s?, s:s, s:I, s:f, s:b, s:f, s:o}", "path", c->kept ? c->path : NULL,
                     "digest", c->digest, "bytes", (json_int_t)c->bytes, "bits_per_weight",
                     c->bits_per_weight, "kept", c->kept, "convert_s", c->convert_s, "types",
                     types);
}

/* A ratio is an interval in the schema: median, least and greatest of the interleaved pairs. */
static void set_ratio(json_t *o, const char *name, const az_figure *f)
{
    az_interval v = { f->median, f->min, f->max, f->n };

    if (f->n) json_object_set_new(o, name, az_interval_json(&v, "x"));
}

static json_t *quality_json(const az_optimization *o, const az_candidate *c)
{
    json_t *q;

    if (!c->eval.positions) return json_null();
    q = az_eval_json(&c->eval);
    json_object_set_new(q, "conclusive", json_boolean(!o->inconclusive));
    if (o->inconclusive) json_object_set_new(q, "reason", json_string(o->inconclusive));
    if (c == &o->candidates[0]) { /* compared with itself */
        json_object_del(q, "top1_ratio");
        json_object_del(q, "kl_mean");
        json_object_del(q, "kl_p99");
        json_object_del(q, "flips");
    }
    return q;
}

static void set_prediction(json_t *o, const char *name, double value, const char *unit,
                           const az_figure *measured, double limit)
{
    double error = 0;
    json_t *p;

    if (value <= 0) return;
    p = json_pack("{s:f, s:s, s:f}", "value", value, "unit", unit, "limit", limit);
    if (measured->n && measured->median > 0) {
        error = value / measured->median - 1;
        json_object_set_new(p, "measured", json_real(measured->median));
        json_object_set_new(p, "error", json_real(error));
    }
    json_object_set_new(p, "flagged", json_boolean(fabs(error) > limit));
    json_object_set_new(o, name, p);
}

static json_t *predicted_json(const az_candidate *c)
{
    double weight = (double)c->bench.model.weight_bytes;
    az_figure bytes =
        az_figure_of(&weight, c->bench.model.weight_bytes ? 1 : 0, "bytes", AZ_MEASURED);
    json_t *o = json_object();

    set_prediction(o, "weight_bytes", c->predicted.weight_bytes, "bytes", &bytes, 0.05);
    set_prediction(o, "prefill_tok_s", c->predicted.prefill_tok_s, "tok/s", &c->bench.prefill_tok_s,
                   0.15);
    set_prediction(o, "decode_tok_s", c->predicted.decode_tok_s, "tok/s", &c->bench.decode_tok_s,
                   0.15);
    return o;
}

static json_t *settings_of(const az_candidate *c)
{
    json_t *s = json_pack("{s:i}", "threads", c->settings.threads);

    if (c->bench.model.isa[0]) json_object_set_new(s, "isa", json_string(c->bench.model.isa));
    return s;
}

static json_t *trials_json(const az_candidate *c)
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

static json_t *candidate_json(const az_optimization *o, const az_candidate *c)
{
    static const char *const statuses[] = { "measured", "failed", "skipped" };
    bool measured = c->status == AZ_CAND_MEASURED, baseline = c == &o->candidates[0];
    json_t *j, *ratios = json_object(), *gates;

    set_ratio(ratios, "decode_tok_s", &c->ratio_decode);
    set_ratio(ratios, "prefill_tok_s", &c->ratio_prefill);
    set_ratio(ratios, "peak_rss_bytes", &c->ratio_memory);
    gates = measured && !baseline ? az_gates_json(c->gates, o->gates.n) : json_array();
    j = json_pack("{s:s, s:s, s:s, s:s, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o}", "id",
                  c->id, "recipe", c->recipe, "format", c->format, "engine", c->engine, "settings",
                  settings_of(c), "status", statuses[c->status], "artifact", artifact_json(c),
                  "measurements", measured ? az_bench_json(&c->bench) : json_object(), "ratios",
                  ratios, "quality", quality_json(o, c), "gates", gates, "pareto", c->pareto,
                  "predicted", predicted_json(c), "trials", trials_json(c));
    if (c->variant.importance)
        json_object_set_new(j, "importance",
                            json_pack("{s:s, s:s}", "path", o->imatrix, "digest",
                                      o->imatrix_digest));
    if (c->variant.types.n) {
        json_t *types = json_array();
        for (size_t i = 0; i < c->variant.types.n; i++)
            json_array_append_new(types, json_string(c->variant.types.items[i]));
        json_object_set_new(j, "tensor_types", types);
    }
    if (!measured) json_object_set_new(j, "status_reason", json_string(c->reason));
    if (measured && !baseline) {
        json_object_set_new(j, "verdict", json_string(az_verdict_name(c->verdict)));
        if (c->dominated_by >= 0)
            json_object_set_new(j, "dominated_by", json_string(o->candidates[c->dominated_by].id));
        if (c->verdict == AZ_VERDICT_PASS) json_object_set_new(j, "score", json_real(c->score));
    }
    return j;
}

static json_t *chosen_json(const az_optimization *o)
{
    const az_choice *ch = &o->choice;
    json_t *weights = json_object();

    for (int i = 0; i < AZ_OBJ_COUNT; i++)
        if (o->opts->prefer.w[i] > 0)
            json_object_set_new(weights, az_objective_name((az_objective)i),
                                json_real(o->opts->prefer.w[i]));
    return json_pack("{s:s?, s:s, s:o, s:s?}", "id",
                     ch->chosen >= 0 ? o->candidates[ch->chosen].id : NULL, "why", ch->why,
                     "weights", weights, "runner_up",
                     ch->runner_up >= 0 ? o->candidates[ch->runner_up].id : NULL);
}

/* ---- profile ---- */

static double roof(const json_t *target, const char *name, int threads)
{
    const json_t *r = json_object_get(target, "roof");
    char key[48];

    snprintf(key, sizeof key, "%s_%s", name, threads > 1 ? "all" : "1");
    return json_number_value(json_object_get(json_object_get(r, key), "median"));
}

static json_t *meter(const char *kind, double achieved, double peak, const char *unit,
                     double threshold)
{
    bool known = peak > 0;

    return json_pack("{s:s, s:f, s:o, s:o, s:s, s:f, s:b, s:s}", "kind", kind, "achieved", achieved,
                     "peak", known ? json_real(peak) : json_null(), "ratio",
                     known ? json_real(achieved / peak) : json_null(), "unit", unit, "threshold",
                     threshold, "over", known && achieved / peak > threshold, "provenance",
                     "measured");
}

static json_t *bottleneck(const json_t *meters)
{
    static const struct {
        const char *kind, *text;
    } texts[] = {
        { "compute",
          "The arithmetic units are the limit: a type that multiplies faster, or more cores, "
          "would help; fewer bytes would not." },
        { "bandwidth", "Memory bandwidth is the limit: fewer bytes per weight make it faster, more "
                       "threads do not." },
        { "memory", "Memory is nearly used up: a shorter context or a smaller recipe makes room." },
        { "variance", "Latency is uneven: look for other load, throttling or too many threads." },
    };
    const json_t *m, *worst = NULL;
    size_t i;

    json_array_foreach(meters, i, m)
    {
        double ratio = json_number_value(json_object_get(m, "ratio"));
        double limit = json_number_value(json_object_get(m, "threshold"));
        double best = worst ? json_number_value(json_object_get(worst, "ratio")) /
                                  json_number_value(json_object_get(worst, "threshold"))
                            : 0;
        if (ratio / limit > best) worst = m;
    }
    for (i = 0; worst && i < AZ_COUNT(texts); i++)
        if (strcmp(texts[i].kind, json_string_value(json_object_get(worst, "kind"))) == 0 &&
            json_is_true(json_object_get(worst, "over")))
            return json_pack("{s:s, s:s}", "kind", texts[i].kind, "text", texts[i].text);
    return json_pack(
        "{s:s, s:s}", "kind", "none", "text",
        "No roof is reached: the model is so small that starting and joining threads and "
        "many short operators take much of the time.");
}

static json_t *phase_json(const json_t *phase, const az_candidate *c, const json_t *target)
{
    json_t *out = json_deep_copy(phase), *meters = json_array(), *ops, *op;
    double ms = json_number_value(json_object_get(phase, "ms")), ops_n = 0, bytes = 0;
    int threads = c->settings.threads;
    size_t i;

    ops = json_object_get(out, "operators");
    json_array_foreach(ops, i, op)
    {
        double t = json_number_value(json_object_get(op, "ms"));
        ops_n += json_number_value(json_object_get(op, "achieved_gops")) * t;
        bytes += json_number_value(json_object_get(op, "achieved_gb_s")) * t;
        json_object_set_new(op, "share", json_real(ms > 0 ? t / ms : 0));
    }
    if (ms > 0) {
        json_array_append_new(meters, meter("compute", ops_n / ms,
                                            roof(target, "int8_gops", threads), "GOP/s", 0.8));
        json_array_append_new(meters, meter("bandwidth", bytes / ms,
                                            roof(target, "read_gb_s", threads), "GB/s", 0.9));
    }
    json_array_append_new(meters,
                          meter("memory", c->bench.peak_rss_bytes.median,
                                json_number_value(json_object_get(json_object_get(target, "memory"),
                                                                  "limit_bytes")),
                                "bytes", 0.9));
    json_array_append_new(meters, meter("variance", c->bench.latency_cv.median, 0.2, "ratio", 1.0));
    json_object_set_new(out, "bottleneck", bottleneck(meters));
    json_object_set_new(out, "meters", meters);
    return out;
}

static json_t *profile_json(const az_optimization *o, const json_t *target)
{
    const json_t *phase, *phases = json_object_get(o->profile, "phases");
    json_t *list = json_array();
    const az_candidate *c;
    size_t i;

    if (o->choice.chosen < 0 || !o->profile) {
        json_decref(list);
        return json_null();
    }
    c = &o->candidates[o->choice.chosen];
    json_array_foreach(phases, i, phase) json_array_append_new(list, phase_json(phase, c, target));
    return json_pack("{s:s, s:o}", "id", c->id, "phases", list);
}

static json_t *command_json(int argc, char **argv)
{
    json_t *a = json_array();

    for (int i = 0; i < argc; i++) {
        json_t *s = json_string(i ? argv[i] : "adze");
        json_array_append_new(a, s ? s : json_string("(not UTF-8)"));
    }
    return a;
}

/* The probe's account of the system, and what built and reused what. */
static json_t *take_environment(const az_optimization *o, json_t *target)
{
    json_t *e = json_incref(json_object_get(target, "environment"));

    if (!e) e = json_object();
    json_object_del(target, "environment");
    json_object_set_new(e, "compiler", json_string(__VERSION__));
    json_object_set_new(e, "threads", json_integer(adze_run_threads(o->run)));
    json_object_set_new(e, "reused_stages", json_integer((json_int_t)o->reused));
    return e;
}

adze_status az_report_build(const az_optimization *o, int argc, char **argv, json_t **out,
                            adze_error *err)
{
    json_t *t = az_probe_target_json(&o->probe), *candidates = json_array(),
           *warnings = json_array();

    for (size_t i = 1; i < o->n; i++)
        json_array_append_new(candidates, candidate_json(o, &o->candidates[i]));
    for (size_t i = 0; i < o->n_warnings; i++)
        json_array_append_new(warnings, json_string(o->warnings[i]));
    if (o->gates.note[0]) json_array_append_new(warnings, json_string(o->gates.note));
    *out = json_pack("{s:s, s:o, s:f, s:i, s:o, s:{s:s, s:s}, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
                     "s:o, s:o, s:o, s:o, "
                     "s:o, s:o}",
                     "schema", AZ_REPORT_SCHEMA, "created",
                     utc(o->started_ms + (uint64_t)(o->elapsed_s * 1e3)), "elapsed_s", o->elapsed_s,
                     "exit_code", o->exit_code, "command", command_json(argc, argv), "adze",
                     "version", adze_version(), "build", __VERSION__, "model", model_json(o),
                     "settings", settings_json(o), "text", text_json(o), "baseline",
                     candidate_json(o, &o->candidates[0]), "candidates", candidates, "chosen",
                     chosen_json(o), "profile", profile_json(o, t), "recommendations",
                     az_report_recommendations(o), "deployment", az_report_deployment(o),
                     "monitoring", az_report_monitoring(o), "warnings", warnings, "environment",
                     take_environment(o, t), "target", t);
    return *out ? ADZE_OK : az_fail_nomem(err, "building the report");
}
