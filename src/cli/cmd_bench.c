/* adze bench: speed and memory of one or more models, measured in worker processes. */
#include "cli/kv.h"
#include "measure/bench.h"

#include <stdlib.h>
#include <string.h>

typedef struct bench_opts {
    int64_t prompt, generate, rounds, warmup, context;
    const char *engine, *kv, *batch;
    bool json;
} bench_opts;

static const az_opt opts[] = {
    { 'p', "prompt", AZ_OPT_INT, offsetof(bench_opts, prompt), "256", "N", "prompt tokens" },
    { 'n', "generate", AZ_OPT_INT, offsetof(bench_opts, generate), "64", "N", "generated tokens" },
    { 'r', "rounds", AZ_OPT_INT, offsetof(bench_opts, rounds), "5", "N", "measured rounds" },
    { 0, "warmup", AZ_OPT_INT, offsetof(bench_opts, warmup), "1", "N", "rounds before them" },
    { 'c', "context", AZ_OPT_INT, offsetof(bench_opts, context), "0", "N",
      "context to reserve, 0 = prompt and output" },
    { 'b', "batch", AZ_OPT_STR, offsetof(bench_opts, batch), NULL, "N,N,...",
      "also run so many sequences side by side, each with prompt and output of its own" },
    AZ_KV_ROW(bench_opts),
    { 'e', "engine", AZ_OPT_STR, offsetof(bench_opts, engine), "native", "NAME",
      "engine to measure" },
    { 0, "json", AZ_OPT_BOOL, offsetof(bench_opts, json), NULL, NULL, "print figures as JSON" },
    { 0, NULL, AZ_OPT_BOOL, 0, NULL, NULL, NULL },
};

static json_t *result_json(const az_bench_item *it, const bench_opts *o, const az_bench_result *r)
{
    json_t *j = az_bench_json(r);

    json_object_set_new(j, "model", json_string(it->path));
    json_object_set_new(j, "engine", json_string(it->engine));
    json_object_set_new(j, "build", json_string(r->model.build));
    json_object_set_new(j, "isa", json_string(r->model.isa));
    json_object_set_new(j, "threads", json_integer(r->model.threads));
    json_object_set_new(j, "kv", json_string(o->kv));
    json_object_set_new(j, "prompt_tokens", json_integer(o->prompt));
    json_object_set_new(j, "generate_tokens", json_integer(o->generate));
    return j;
}

static void row(az_cli *cli, const char *name, const az_figure *f, const char *fmt)
{
    char v[3][32];

    if (!f->n) return;
    snprintf(v[0], sizeof v[0], fmt, f->median);
    snprintf(v[1], sizeof v[1], fmt, f->min);
    snprintf(v[2], sizeof v[2], fmt, f->max);
    az_cli_printf(cli, "  %-22s %10s %-6s  min %s, max %s, n %zu\n", name, v[0], f->unit, v[1],
                  v[2], f->n);
}

static void print_result(az_cli *cli, const az_bench_item *it, const bench_opts *o,
                         const az_bench_result *r)
{
    char weights[32], peak[32], name[48];

    az_cli_printf(cli, "%s  (%s %s, %s, %d threads, prompt %lld, generate %lld)\n", it->path,
                  it->engine, r->model.build, r->model.isa, r->model.threads, (long long)o->prompt,
                  (long long)o->generate);
    row(cli, "prefill", &r->prefill_tok_s, "%.1f");
    row(cli, "decode", &r->decode_tok_s, "%.1f");
    for (size_t b = 0; b < r->n_batches; b++) {
        snprintf(name, sizeof name, "%zu at once: prefill", r->batches[b].sequences);
        row(cli, name, &r->batches[b].prefill_tok_s, "%.1f");
        snprintf(name, sizeof name, "%zu at once: decode", r->batches[b].sequences);
        row(cli, name, &r->batches[b].decode_tok_s, "%.1f");
    }
    row(cli, "time to first token", &r->ttft_ms, "%.2f");
    row(cli, "token latency p50", &r->latency_p50_ms, "%.3f");
    row(cli, "token latency p95", &r->latency_p95_ms, "%.3f");
    row(cli, "token latency p99", &r->latency_p99_ms, "%.3f");
    row(cli, "stdev/mean of latency", &r->latency_cv, "%.3f");
    row(cli, "load", &r->load_ms, "%.2f");
    az_cli_printf(cli, "  %-22s %10s\n", "weights",
                  az_cli_bytes(weights, sizeof weights, (double)r->model.weight_bytes));
    if (r->peak_rss_bytes.n)
        az_cli_printf(cli, "  %-22s %10s  above an empty worker\n", "peak resident memory",
                      az_cli_bytes(peak, sizeof peak, r->peak_rss_bytes.median));
    if (r->energy_j_tok.n)
        row(cli, "energy", &r->energy_j_tok, "%.4f");
    else
        az_cli_printf(cli, "  %-22s not available: %s\n", "energy", r->energy_reason);
}

static int report(az_cli *cli, const az_bench_item *items, size_t n, const bench_opts *o,
                  const az_bench_result *r)
{
    json_t *all = json_array();
    int code = 0;

    for (size_t i = 0; i < n; i++) {
        if (r[i].status < 0) {
            code = az_cli_fail(cli, r[i].status, &r[i].err);
        } else if (o->json) {
            json_array_append_new(all, result_json(&items[i], o, &r[i]));
        } else {
            print_result(cli, &items[i], o, &r[i]);
        }
    }
    if (o->json && json_array_size(all)) az_cli_json(cli, n == 1 ? json_array_get(all, 0) : all);
    json_decref(all);
    return code ? code : az_cli_finish(cli);
}

/* "1,2,4": how many numbers; 0: that is no such list. */
static size_t read_batches(const char *text, size_t out[AZ_BENCH_MAX_BATCHES])
{
    size_t n = 0;
    char *end;

    for (const char *p = text;; p = end + 1) {
        long v = strtol(p, &end, 10);
        if (end == p || v < 1 || v > 1024 || n == AZ_BENCH_MAX_BATCHES) return 0;
        out[n++] = (size_t)v;
        if (*end == 0) return n;
        if (*end != ',') return 0;
    }
}

static int bench_run(az_cli *cli, const void *opt, int argc, const char **argv)
{
    const bench_opts *o = opt;
    az_bench_item items[16];
    az_bench_result *r;
    adze_error err = { 0 };
    az_bench_opts bo;
    size_t batches[AZ_BENCH_MAX_BATCHES], n_batches = 0;
    adze_kv kv;
    int code;
    adze_status rc;

    err.pos = ADZE_NOPOS;
    if (o->prompt < 1 || o->generate < 0 || o->rounds < 1 || o->warmup < 0 || o->context < 0 ||
        o->prompt > (1 << 24) || o->generate > (1 << 24))
        return az_cli_usage(cli, az_cmd_find("bench"),
                            "--prompt and --rounds must be at least 1, the others at least 0");
    if (!az_kv_of_name(o->kv, &kv)) return az_cli_usage(cli, az_cmd_find("bench"), AZ_KV_USAGE);
    if (o->batch && !(n_batches = read_batches(o->batch, batches)))
        return az_cli_usage(cli, az_cmd_find("bench"),
                            "--batch takes up to %d numbers of 1 to 1024, as 1,2,4",
                            AZ_BENCH_MAX_BATCHES);
    for (int i = 0; i < argc; i++)
        items[i] = (az_bench_item){
            .label = argv[i],
            .path = argv[i],
            .engine = o->engine,
            .settings = { .threads = adze_run_threads(cli->run),
                          .context = (size_t)o->context,
                          .kv = kv },
        };
    bo = (az_bench_opts){ .prompt = (size_t)o->prompt,
                          .generate = (size_t)o->generate,
                          .rounds = (int)o->rounds,
                          .warmup = (int)o->warmup,
                          .batches = batches,
                          .n_batches = n_batches };
    r = calloc((size_t)argc, sizeof *r);
    if (!r) return 1;
    rc = az_bench_run(cli->run, items, (size_t)argc, &bo, r, &err);
    code = rc < 0 ? az_cli_fail(cli, rc, &err) : report(cli, items, (size_t)argc, o, r);
    free(r);
    return code;
}

const az_cmd az_cmd_bench = {
    .name = "bench",
    .group = AZ_CMD_MEASURE,
    .args = "MODEL...",
    .min_args = 1,
    .max_args = 16,
    .summary = "measure load time, prefill and decode speed, latency, memory and energy",
    .details =
        "Each model runs in a worker process of its own; with several models the rounds are\n"
        "interleaved, so that figures can be compared.",
    .example = "adze bench model.gguf --prompt 512 --generate 128 --threads 2 --json",
    .opts = opts,
    .opts_size = sizeof(bench_opts),
    .run = bench_run,
};
