/* Recommendations, deployment guidance and monitoring requirements, each from the figures at hand. */
#include "report/build.h"
#include "measure/memory.h"
#include "plan/target.h"

#include <stdarg.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

static void add(json_t *list, const char *severity, const char *title, const char *fmt, ...)
    AZ_PRINTF(4, 5);

static void add(json_t *list, const char *severity, const char *title, const char *fmt, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "severity", severity, "title", title,
                                          "text", text));
}

static void about_runner_up(const az_optimization *o, json_t *list)
{
    const az_candidate *c = &o->candidates[o->choice.chosen],
                       *r = &o->candidates[o->choice.runner_up];
    double speed = r->bench.decode_tok_s.median / c->bench.decode_tok_s.median - 1;
    double kl = c->eval.kl_mean.value > 0 ? r->eval.kl_mean.value / c->eval.kl_mean.value : 1;
    char title[128];

    if (!c->eval.positions) return;
    snprintf(title, sizeof title, "%s is the next best", r->recipe);
    add(list, "info", title,
        "It decodes %.0f %% %s, takes %.0f %% of the memory, and its mean KL divergence is %.2g "
        "times as "
        "large. Weigh it with --prefer.",
        fabs(speed) * 100, speed >= 0 ? "faster" : "slower",
        100 * r->bench.peak_rss_bytes.median / c->bench.peak_rss_bytes.median, kl);
}

static void about_failures(const az_optimization *o, json_t *list)
{
    char title[128];

    for (size_t i = 1; i < o->n; i++) {
        const az_candidate *c = &o->candidates[i];
        if (c->status == AZ_CAND_FAILED) {
            snprintf(title, sizeof title, "%s could not be measured", c->recipe);
            add(list, "warning", title, "%s", c->reason);
        }
        for (size_t g = 0; c->status == AZ_CAND_MEASURED && g < o->gates.n; g++) {
            const az_gate_result *r = &c->gates[g];
            if (r->verdict != AZ_VERDICT_INCONCLUSIVE || !r->value.n) continue;
            snprintf(title, sizeof title, "%s: gate %s is not decided", c->recipe, r->gate->name);
            add(list, "warning", title, "%s", r->reason);
        }
    }
}

/* When nothing passed: which gate failed by how much, of the candidate that came closest. */
static void about_no_choice(const az_optimization *o, json_t *list)
{
    const az_candidate *best = NULL;
    size_t fewest = SIZE_MAX;

    for (size_t i = 1; i < o->n; i++) {
        const az_candidate *c = &o->candidates[i];
        size_t bad = 0;
        if (c->status != AZ_CAND_MEASURED) continue;
        for (size_t g = 0; g < o->gates.n; g++)
            bad += c->gates[g].verdict != AZ_VERDICT_PASS;
        if (bad < fewest) {
            fewest = bad;
            best = c;
        }
    }
    for (size_t g = 0; best && g < o->gates.n; g++) {
        const az_gate_result *r = &best->gates[g];
        char title[128];
        if (r->verdict == AZ_VERDICT_PASS) continue;
        snprintf(title, sizeof title, "%s came closest; gate %s %s", best->recipe, r->gate->name,
                 r->verdict == AZ_VERDICT_FAIL ? "failed" : "is inconclusive");
        add(list, "warning", title, "%s", r->reason);
    }
}

static void about_threads(const az_optimization *o, json_t *list)
{
    const az_candidate *c = &o->candidates[o->choice.chosen];

    if (c->n_trials > 1 && c->settings.threads < c->trials[0].threads)
        add(list, "info", "Fewer threads are as fast",
            "Decode with %d threads was as fast as with %d, so the other cores stay free.",
            c->settings.threads, c->trials[0].threads);
}

json_t *az_report_recommendations(const az_optimization *o)
{
    json_t *list = json_array();

    if (o->choice.chosen < 0) about_no_choice(o, list);
    if (o->choice.chosen >= 0 && o->choice.runner_up >= 0) about_runner_up(o, list);
    if (o->choice.chosen >= 0) about_threads(o, list);
    if (o->inconclusive)
        add(list, "warning", "Quality was not decided", "Because %s.", o->inconclusive);
    if (o->choice.chosen >= 0) about_failures(o, list);
    return list;
}

/* Bytes that a session of `context` tokens needs beside the weights. */
static uint64_t cache_bytes(const az_optimization *o, int64_t context)
{
    const az_config *c = &o->config;

    return (uint64_t)c->n_layers * (uint64_t)c->n_kv_heads * (uint64_t)c->head_dim * 2 * 2 *
           (uint64_t)context;
}

static void this_machine(const az_optimization *o, const az_candidate *c, json_t *list)
{
    double total = (double)az_memory_total_bytes(o->run), used = c->bench.peak_rss_bytes.median;
    char text[400], step[600];
    json_t *steps = json_array();

    snprintf(
        text, sizeof text,
        "Measured here: %.1f tokens a second, %.1f MB above an empty process at %zu tokens; every "
        "further 1,024 tokens take %.1f MB. The machine has %.1f GB.",
        c->bench.decode_tok_s.median, used * 1e-6, o->opts->prompt + o->opts->generate,
        (double)cache_bytes(o, 1024) * 1e-6, total * 1e-9);
    snprintf(step, sizeof step, "adze generate %s --threads %d -p 'Once upon a time'", c->path,
             c->settings.threads);
    json_array_append_new(steps, json_string(step));
    json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:o}", "platform", "This machine",
                                          "fits", used < total * 0.9 ? "yes" : "no", "provenance",
                                          "measured", "text", text, "steps", steps));
}

/* A declared device: memory decides whether it fits, its bandwidth bounds decode from above. */
static void declared(const az_optimization *o, const az_candidate *c, const az_target *t,
                     json_t *list)
{
    double memory = t->memory.bytes.value, share = t->memory.usable_fraction.value;
    double need = (double)c->bytes +
                  (double)cache_bytes(o, o->config.context < 4096 ? o->config.context : 4096);
    char text[400];
    bool fits;

    if (t->memory.bytes.from == AZ_NONE) return;
    if (t->memory.usable_fraction.from == AZ_NONE) share = 0.5;
    fits = need < memory * share;
    if (!fits)
        snprintf(text, sizeof text, "Needs about %.1f MB; a program there may hold about %.1f MB.",
                 need * 1e-6, memory * share * 1e-6);
    else if (t->memory.bandwidth_gb_s.from != AZ_NONE)
        snprintf(
            text, sizeof text,
            "Needs about %.1f MB of %.1f GB. Its declared %.0f GB/s allow at most %.0f tokens a "
            "second; measure there before relying on it.",
            need * 1e-6, memory * 1e-9, t->memory.bandwidth_gb_s.value,
            t->memory.bandwidth_gb_s.value * 1e9 / (double)c->bytes);
    else
        snprintf(text, sizeof text, "Needs about %.1f MB of %.1f GB; measure its speed there.",
                 need * 1e-6, memory * 1e-9);
    json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:[]}", "platform", t->title,
                                          "fits", fits ? "yes" : "no", "provenance", "estimated",
                                          "text", text, "steps"));
}

json_t *az_report_deployment(const az_optimization *o)
{
    static const char *const shown[] = {
        "raspberry-pi-5-8gb", "jetson-orin-nano-super", "core-ultra-7-258v-laptop",
        "mac-mini-m4",        "iphone-15-pro",          "pixel-9",
        "coral-dev-board"
    };
    json_t *list = json_array();
    const az_candidate *c;

    if (o->choice.chosen < 0) return list;
    c = &o->candidates[o->choice.chosen];
    this_machine(o, c, list);
    for (size_t i = 0; i < AZ_COUNT(shown); i++) {
        az_target *t = NULL;
        if (az_target_load(&t, o->run, shown[i], NULL) == ADZE_OK) declared(o, c, t, list);
        az_target_free(o->run, t);
    }
    return list;
}

static void watch(json_t *list, const char *metric, const char *why, const char *fmt, ...)
    AZ_PRINTF(4, 5);

static void watch(json_t *list, const char *metric, const char *why, const char *fmt, ...)
{
    char alert[256];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(alert, sizeof alert, fmt, ap);
    va_end(ap);
    json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "metric", metric, "why", why, "alert",
                                          alert));
}

json_t *az_report_monitoring(const az_optimization *o)
{
    json_t *list = json_array();
    const az_candidate *c;

    if (o->choice.chosen < 0) return list;
    c = &o->candidates[o->choice.chosen];
    if (c->bench.latency_p99_ms.n)
        watch(list, "token_latency_p99_ms", "users feel the slowest tokens",
              "above %.3g ms for 5 minutes (measured %.3g ms, plus 20 %%)",
              c->bench.latency_p99_ms.median * 1.2, c->bench.latency_p99_ms.median);
    if (c->bench.latency_cv.n)
        watch(list, "latency_cv", "uneven latency shows throttling or a busy neighbour",
              "above 20 %% over 200 tokens (measured %.1f %%)", c->bench.latency_cv.median * 100);
    watch(list, "peak_rss_bytes", "the cache grows with the conversation",
          "above 90 %% of the limit, %.3g GB", (double)az_memory_total_bytes(o->run) * 0.9e-9);
    if (c->eval.positions)
        watch(list, "top1_accuracy", "drift of the input, or damaged files",
              "below 95 %% of the baseline's %.1f %% on the held-out text, checked daily",
              o->candidates[0].eval.top1.value * 100);
    watch(list, "error_rate", "a worker that dies is restarted, but not without a reason",
          "above 0.1 %% of requests over 10 minutes");
    return list;
}
