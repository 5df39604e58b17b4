/* adze eval: quality of models against a baseline on held-out text. */
#include "cli/kv.h"
#include "measure/eval.h"

#include <stdlib.h>
#include <string.h>

typedef struct eval_opts {
    const char *text, *kv;
    int64_t chunk, chunks, resamples, seed;
    bool json;
} eval_opts;

static const az_opt opts[] = {
    { 't', "text", AZ_OPT_STR, offsetof(eval_opts, text), NULL, "FILE",
      "held-out text (required)" },
    { 0, "chunk", AZ_OPT_INT, offsetof(eval_opts, chunk), "512", "N", "tokens per chunk" },
    { 0, "chunks", AZ_OPT_INT, offsetof(eval_opts, chunks), "0", "N",
      "chunks to use, 0 = the whole text" },
    { 0, "resamples", AZ_OPT_INT, offsetof(eval_opts, resamples), "1000", "N",
      "bootstrap resamples for the intervals" },
    { 0, "seed", AZ_OPT_INT, offsetof(eval_opts, seed), "1", "N", "seed of the bootstrap" },
    AZ_KV_ROW(eval_opts),
    { 0, "json", AZ_OPT_BOOL, offsetof(eval_opts, json), NULL, NULL, "print figures as JSON" },
    { 0, NULL, AZ_OPT_BOOL, 0, NULL, NULL, NULL },
};

static void interval(az_cli *cli, const char *name, const az_interval *v, double scale,
                     const char *unit)
{
    az_cli_printf(cli, "  %-24s %10.5g  [%.5g, %.5g] %s\n", name, v->value * scale, v->lo * scale,
                  v->hi * scale, unit);
}

static void print_result(az_cli *cli, const char *path, bool baseline, const az_eval_result *r)
{
    az_cli_printf(cli, "%s%s  (%zu chunks, %zu positions, 95 %% intervals)\n", path,
                  baseline ? "  baseline" : "", r->chunks, r->positions);
    interval(cli, "next-token accuracy", &r->top1, 100, "%");
    interval(cli, "perplexity", &r->perplexity, 1, "");
    if (baseline) return;
    interval(cli, "accuracy / baseline's", &r->top1_ratio, 100, "%");
    interval(cli, "KL divergence, mean", &r->kl_mean, 1, "nats");
    interval(cli, "KL divergence, p99", &r->kl_p99, 1, "nats");
    interval(cli, "answer flips", &r->flips, 100, "%");
}

static int report(az_cli *cli, const az_bench_item *items, size_t n, const eval_opts *o,
                  const az_eval_result *r)
{
    json_t *all = json_array();
    int code = 0;

    for (size_t i = 0; i < n; i++) {
        if (r[i].status < 0) {
            code = az_cli_fail(cli, r[i].status, &r[i].err);
        } else if (o->json) {
            json_t *j = az_eval_json(&r[i]);
            json_object_set_new(j, "model", json_string(items[i].path));
            json_object_set_new(j, "baseline", json_boolean(i == 0));
            json_array_append_new(all, j);
        } else {
            print_result(cli, items[i].path, i == 0, &r[i]);
        }
    }
    if (o->json) az_cli_json(cli, all);
    json_decref(all);
    return code ? code : az_cli_finish(cli);
}

static int eval_run(az_cli *cli, const void *opt, int argc, const char **argv)
{
    const eval_opts *o = opt;
    az_bench_item items[16];
    az_eval_opts eo;
    az_eval_result *r;
    adze_error err = { 0 };
    adze_kv kv;
    int code;
    adze_status rc;

    err.pos = ADZE_NOPOS;
    if (!o->text) return az_cli_usage(cli, az_cmd_find("eval"), "--text FILE is required");
    if (o->chunk < 8 || o->chunk > 65536 || o->chunks < 0 || o->resamples < 0 ||
        o->resamples > 100000)
        return az_cli_usage(
            cli, az_cmd_find("eval"),
            "--chunk must be 8 to 65536, --chunks at least 0, --resamples at most 100000");
    if (!az_kv_of_name(o->kv, &kv)) return az_cli_usage(cli, az_cmd_find("eval"), AZ_KV_USAGE);
    for (int i = 0; i < argc; i++)
        items[i] = (az_bench_item){ .label = argv[i],
                                    .path = argv[i],
                                    .engine = "native",
                                    .settings = { .threads = adze_run_threads(cli->run),
                                                  .kv = i ? kv : ADZE_KV_AUTO } };
    eo = (az_eval_opts){ .chunk = (size_t)o->chunk,
                         .max_chunks = (size_t)o->chunks,
                         .resamples = (size_t)o->resamples,
                         .seed = (uint64_t)o->seed,
                         .text_path = o->text };
    r = calloc((size_t)argc, sizeof *r);
    if (!r) return 1;
    rc = az_eval_run(cli->run, items, (size_t)argc, &eo, r, &err);
    code = rc < 0 ? az_cli_fail(cli, rc, &err) : report(cli, items, (size_t)argc, o, r);
    free(r);
    return code;
}

const az_cmd az_cmd_eval = {
    .name = "eval",
    .group = AZ_CMD_MEASURE,
    .args = "BASELINE [MODEL...]",
    .min_args = 1,
    .max_args = 16,
    .summary = "measure quality on held-out text against a baseline",
    .details =
        "Text is cut into chunks and the second half of each is scored. The baseline runs beside\n"
        "the others, and KL divergence is over its full distributions.",
    .example = "adze eval checkpoint/ model-q4_k_m.gguf --text heldout.txt",
    .opts = opts,
    .opts_size = sizeof(eval_opts),
    .run = eval_run,
};
