/* The main job: set up, run the stages, gates, choice, clean up. */
#include "plan/optimize.h"
#include "base/json.h"
#include "engine/spawn.h"
#include "kernel/kernel.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Folder or file name without its extension: "checkpoint" of "demo/checkpoint/". */
static const char *name_of(az_arena *a, const char *path)
{
    size_t n = strlen(path);
    const char *base;

    while (n > 1 && path[n - 1] == '/')
        n--;
    path = az_arena_strndup(a, path, n);
    if (!path) return NULL;
    base = az_path_base(path);
    n = strlen(base);
    if (n > 5 && strcmp(base + n - 5, ".gguf") == 0) n -= 5;
    return az_arena_strndup(a, base, n);
}

/* Figures hold for this machine, this engine build and its instruction set. */
static adze_status know_machine(az_optimization *o, adze_error *err)
{
    az_probe_opts po = { .disk = o->opts->out_dir };
    adze_status rc = az_probe_run(&o->probe, o->run, &po, err);
    char line[64];
    az_hash *h;

    if (rc < 0) return rc;
    h = az_hash_new(o->run);
    if (!h) return az_fail_nomem(err, "naming this machine");
    az_hash_field(h, o->probe.fingerprint);
    snprintf(line, sizeof line, "%d %s %s", adze_run_threads(o->run), az_kernels_default()->isa,
             adze_version());
    az_hash_field(h, line);
    az_hash_end(h, o->fingerprint);
    o->busy = o->probe.load > 0.5 * o->probe.usable;
    if (o->busy)
        az_optimize_warn(
            o,
            "The load average was %.1f on %d cores when the run began, so speeds are lower and "
            "their spread wider than on a quiet machine.",
            o->probe.load, o->probe.usable);
    return ADZE_OK;
}

static adze_status know_build(az_optimization *o, adze_error *err)
{
    char path[4096];

    if (!az_self_path(path, sizeof path)) {
        snprintf(o->build, sizeof o->build, "%s", adze_version());
        return ADZE_OK;
    }
    return az_store_digest(o->store, path, o->build, err);
}

static adze_status open_model(az_optimization *o, adze_error *err)
{
    az_store_model row;
    adze_status rc = adze_model_open(&o->model, o->run, o->opts->src, err);

    if (rc == ADZE_OK) rc = az_arch_of(o->model, &o->arch, &o->config, err);
    if (rc == ADZE_OK) rc = az_store_digest(o->store, o->opts->src, o->model_digest, err);
    if (rc == ADZE_OK && o->opts->text)
        rc = az_store_digest(o->store, o->opts->text, o->text_digest, err);
    o->model_name = name_of(&o->arena, o->opts->src);
    if (rc == ADZE_OK && !o->model_name) rc = az_fail_nomem(err, "opening a model");
    if (rc < 0) return rc;
    row = (az_store_model){
        .digest = o->model_digest,
        .path = o->opts->src,
        .name = o->model_name,
        .arch = o->arch->name,
        .format = adze_model_format(o->model),
        .parameters = adze_model_parameters(o->model),
        .bytes = adze_model_bytes(o->model),
    };
    return az_store_put_model(o->store, &row, err);
}

/* Thread counts to try: all usable cores, and half of them. */
static void choose_threads(az_optimization *o)
{
    int all = adze_run_threads(o->run);

    o->n_thread_choices = 0;
    if (o->opts->threads) {
        o->thread_choices[o->n_thread_choices++] = o->opts->threads;
        return;
    }
    o->thread_choices[o->n_thread_choices++] = all;
    if (all > 1) o->thread_choices[o->n_thread_choices++] = (all + 1) / 2;
}

static void set_evidence(az_evidence *e, az_evidence_key key, az_interval v, const char *why)
{
    e->value[key] = v;
    snprintf(e->why[key], sizeof e->why[key], "%s", why ? why : "");
}

static az_interval spread(const az_figure *f)
{
    return (az_interval){ f->median, f->min, f->max, f->n };
}

/* Chunks are what the bootstrap draws, so they are the observations that a gate of quality counts. */
static az_interval over_chunks(const az_eval_result *e, az_interval v)
{
    v.n = e->positions ? e->chunks : 0;
    return v;
}

static double limit_of(const az_gates *g, const char *name, double otherwise)
{
    for (size_t i = 0; i < g->n; i++)
        if (strcmp(g->item[i].gate->name, name) == 0) return g->item[i].limit;
    return otherwise;
}

static void steadiness(az_steadiness *s, const az_bench_result *r)
{
    double deviation[AZ_BENCH_MAX_ROUNDS];

    for (size_t i = 0; i < r->rounds; i++)
        deviation[i] = r->decode_round[i] > 0 ? r->cv_round[i] / r->decode_round[i] : 0;
    s->cv = az_bench_interval(r->cv_round, r->rounds, NULL, 0);
    s->deviation_s = az_bench_interval(deviation, r->rounds, NULL, 0);
}

static void gather_evidence(const az_optimization *o, az_candidate *c)
{
    const char *no_text = o->inconclusive;
    const az_bench_result *b = &o->candidates[0].bench;
    az_evidence *e = &c->evidence;
    az_interval none = { 0 };
    az_steadiness even, own;
    char disturbed[160];
    az_figure energy = { 0 };

    set_evidence(e, AZ_EV_TOP1_RATIO, over_chunks(&c->eval, c->eval.top1_ratio), no_text);
    set_evidence(e, AZ_EV_KL_MEAN, over_chunks(&c->eval, c->eval.kl_mean), no_text);
    set_evidence(e, AZ_EV_FLIPS, over_chunks(&c->eval, c->eval.flips), no_text);
    set_evidence(e, AZ_EV_DECODE_RATIO,
                 az_bench_interval(c->bench.decode_round, c->bench.rounds, b->decode_round,
                                   b->rounds),
                 NULL);
    set_evidence(e, AZ_EV_PREFILL_RATIO,
                 az_bench_interval(c->bench.prefill_round, c->bench.rounds, b->prefill_round,
                                   b->rounds),
                 NULL);
    set_evidence(e, AZ_EV_MEMORY_RATIO, spread(&c->ratio_memory), NULL);
    steadiness(&even, &c->bench);
    steadiness(&own, b);
    az_gates_disturbed(disturbed, &even, &own, limit_of(&o->gates, "latency_cv", INFINITY));
    set_evidence(e, AZ_EV_LATENCY_CV, even.cv, disturbed);
    set_evidence(e, AZ_EV_TTFT_MS, spread(&c->bench.ttft_ms), NULL);
    set_evidence(e, AZ_EV_DECODE_TOK_S, spread(&c->bench.decode_tok_s), NULL);
    set_evidence(e, AZ_EV_PEAK_BYTES, spread(&c->bench.peak_rss_bytes), NULL);
    energy = c->bench.energy_j_tok;
    if (energy.n && o->candidates[0].bench.energy_j_tok.n)
        set_evidence(e, AZ_EV_ENERGY_RATIO,
                     az_ratio_of_figures(&energy, &o->candidates[0].bench.energy_j_tok), NULL);
    else
        set_evidence(e, AZ_EV_ENERGY_RATIO, none, c->bench.energy_reason);
}

static adze_status judge(az_optimization *o, adze_error *err)
{
    az_point *p = az_calloc(o->run, o->n, sizeof *p);
    size_t *index = az_calloc(o->run, o->n, sizeof *index), n = 0;

    if (!p || !index) {
        az_free(o->run, p);
        az_free(o->run, index);
        return az_fail_nomem(err, "choosing");
    }
    for (size_t i = 1; i < o->n; i++) {
        az_candidate *c = &o->candidates[i];
        if (c->status != AZ_CAND_MEASURED) continue;
        gather_evidence(o, c);
        c->verdict = az_gates_check(&o->gates, &c->evidence, c->gates);
        p[n] =
            (az_point){ .id = c->id, .passed = c->verdict == AZ_VERDICT_PASS, .dominated_by = -1 };
        p[n].ratio[AZ_OBJ_SPEED] = c->ratio_decode.n ? c->ratio_decode.median : (double)NAN;
        p[n].ratio[AZ_OBJ_MEMORY] = c->ratio_memory.n ? c->ratio_memory.median : (double)NAN;
        p[n].ratio[AZ_OBJ_ACCURACY] =
            c->eval.positions && !o->inconclusive ? 1 - c->eval.flips.value : (double)NAN;
        p[n].ratio[AZ_OBJ_ENERGY] = c->evidence.value[AZ_EV_ENERGY_RATIO].n
                                        ? c->evidence.value[AZ_EV_ENERGY_RATIO].value
                                        : (double)NAN;
        index[n++] = i;
    }
    az_pareto(p, n, &o->opts->prefer, limit_of(&o->gates, "top1", 0.95), &o->choice);
    for (size_t i = 0; i < n; i++) {
        az_candidate *c = &o->candidates[index[i]];
        c->pareto = p[i].frontier;
        c->dominated_by = p[i].dominated_by >= 0 ? (int)index[p[i].dominated_by] : -1;
        c->score = p[i].score;
    }
    o->choice.chosen = o->choice.chosen >= 0 ? (int)index[o->choice.chosen] : -1;
    o->choice.runner_up = o->choice.runner_up >= 0 ? (int)index[o->choice.runner_up] : -1;
    o->exit_code = o->choice.chosen >= 0 ? 0 : adze_status_exit_code(ADZE_EGATE);
    az_free(o->run, p);
    az_free(o->run, index);
    return ADZE_OK;
}

static void name_candidates(az_optimization *o)
{
    for (size_t i = 0; i < o->n; i++) {
        az_candidate *c = &o->candidates[i];
        snprintf(c->id, sizeof c->id, "%s/%s/t%d", c->recipe, c->engine, c->settings.threads);
    }
}

static adze_status clean_up(az_optimization *o, adze_error *err)
{
    adze_status rc = ADZE_OK;

    for (size_t i = 1; rc == ADZE_OK && i < o->n; i++) {
        az_candidate *c = &o->candidates[i];
        bool there = c->path && az_exists(o->run, c->path);
        c->kept = there && (o->opts->keep || (int)i == o->choice.chosen);
        if (there && !c->kept) rc = az_remove_tree(o->run, c->path, err);
    }
    return rc;
}

static adze_status record(az_optimization *o, adze_error *err)
{
    adze_status rc = ADZE_OK;

    for (size_t i = 0; rc == ADZE_OK && i < o->n; i++) {
        const az_candidate *c = &o->candidates[i];
        const struct {
            const char *name;
            const az_figure *f;
        } rows[] = {
            { "prefill_tok_s", &c->bench.prefill_tok_s },
            { "decode_tok_s", &c->bench.decode_tok_s },
            { "ttft_ms", &c->bench.ttft_ms },
            { "load_ms", &c->bench.load_ms },
            { "latency_cv", &c->bench.latency_cv },
            { "peak_rss_bytes", &c->bench.peak_rss_bytes },
            { "decode_ratio", &c->ratio_decode },
            { "memory_ratio", &c->ratio_memory },
        };
        if (c->status != AZ_CAND_MEASURED) continue;
        for (size_t k = 0; rc == ADZE_OK && k < AZ_COUNT(rows); k++)
            rc = az_store_put_measurement(o->store, o->run_id, c->id, c->digest, rows[k].name,
                                          rows[k].f, err);
        if (rc == ADZE_OK && c->proof[0])
            rc = az_store_put_gate(o->store, o->run_id, c->id, "proof", 0, 0, c->proof, err);
        for (size_t k = 0; rc == ADZE_OK && i && k < o->gates.n; k++)
            rc = az_store_put_gate(o->store, o->run_id, c->id, c->gates[k].gate->name,
                                   c->gates[k].value.value, c->gates[k].limit,
                                   az_verdict_name(c->gates[k].verdict), err);
    }
    return rc;
}

/* Rounds of a small model are short, so there can be enough of them for a narrow interval. */
static void choose_rounds(az_optimization *o)
{
    o->rounds = o->opts->rounds                               ? o->opts->rounds
                : adze_model_parameters(o->model) < 100000000 ? 21
                                                              : 7;
}

static adze_status set_up(az_optimization *o, adze_error *err)
{
    adze_status rc;

    if (o->opts->max_time_s > 0)
        o->deadline_ns = az_now_ns(o->run) + (uint64_t)(o->opts->max_time_s * 1e9);
    az_gates_usual(&o->gates);
    if (o->opts->gates) {
        rc = az_gates_load(&o->gates, o->run, o->opts->gates, err);
        if (rc < 0) return rc;
    }
    rc = az_store_open(&o->store, o->run, err);
    if (rc == ADZE_OK) rc = az_mkdirs(o->run, o->opts->out_dir, err);
    if (rc == ADZE_OK) rc = know_build(o, err);
    if (rc == ADZE_OK) rc = open_model(o, err);
    if (rc == ADZE_OK) rc = know_machine(o, err);
    if (rc == ADZE_OK)
        rc = az_store_begin_run(o->store, o->opts->command, o->model_digest, &o->run_id, err);
    if (rc == ADZE_OK) rc = az_optimize_candidates(o, err);
    choose_threads(o);
    if (rc == ADZE_OK) choose_rounds(o);
    return rc;
}

adze_status az_optimize(adze_run *run, const az_optimize_opts *opts, az_optimization *out,
                        adze_error *err)
{
    typedef adze_status stage_fn(az_optimization * o, adze_error * e);
    static stage_fn *const stages[] = { az_optimize_predict, az_optimize_convert, az_optimize_tune,
                                        az_optimize_measure, az_optimize_evaluate };
    uint64_t t0 = az_now_ns(run);
    adze_status rc;

    memset(out, 0, sizeof *out);
    out->run = run;
    out->opts = opts;
    out->choice.chosen = out->choice.runner_up = -1;
    out->started_ms = az_unix_ms(run);
    az_arena_init(&out->arena, run);
    rc = set_up(out, err);
    for (size_t i = 0; rc == ADZE_OK && i < AZ_COUNT(stages); i++) {
        rc = stages[i](out, err);
        if (rc == ADZE_OK) rc = az_check_cancel(run, err);
    }
    if (rc == ADZE_OK) {
        name_candidates(out);
        rc = judge(out, err);
    }
    if (rc == ADZE_OK) rc = az_optimize_profile(out, err);
    if (rc == ADZE_OK && out->choice.chosen >= 0) rc = az_optimize_keep_chosen(out, err);
    if (rc == ADZE_OK) rc = clean_up(out, err);
    if (rc == ADZE_OK) rc = record(out, err);
    if (rc < 0 && out->run_id) /* the history says how it ended; its own failure adds nothing */
        az_store_end_run(out->store, out->run_id, adze_status_exit_code(rc), NULL, NULL, NULL);
    out->elapsed_s = (double)(az_now_ns(run) - t0) * 1e-9;
    return rc;
}

adze_status az_optimize_finish(az_optimization *o, const char *report_path, adze_error *err)
{
    const char *chosen = o->choice.chosen >= 0 ? o->candidates[o->choice.chosen].id : NULL;

    return az_store_end_run(o->store, o->run_id, o->exit_code, chosen, report_path, err);
}

void az_optimization_free(az_optimization *o)
{
    if (!o->run) return;
    json_decref(o->profile);
    az_free(o->run, o->candidates);
    adze_model_close(o->model);
    az_store_close(o->store);
    az_arena_deinit(&o->arena);
    memset(o, 0, sizeof *o);
}
