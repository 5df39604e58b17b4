/* The public face of the benchmark. */
#include <adze/measure.h>
#include "measure/bench.h"

#include <string.h>

static adze_figure figure(const az_figure *f)
{
    return (adze_figure){ f->median, f->min, f->max, f->n };
}

adze_status adze_measure(adze_run *run, const char *path, const adze_measure_opts *opts,
                         adze_measurement *out, adze_error *err)
{
    adze_measure_opts o = opts ? *opts : (adze_measure_opts){ 0 };
    const char *argv[] = { o.worker ? o.worker : "adze", "worker", NULL };
    az_bench_item item = { .label = path, .path = path, .engine = "native" };
    az_bench_opts bo = {
        .prompt = o.prompt_tokens ? o.prompt_tokens : 256,
        .generate = o.generate_tokens ? o.generate_tokens : 64,
        .rounds = o.rounds ? o.rounds : 5,
        .warmup = 1,
        .worker = argv,
    };
    az_bench_result *r = az_calloc(run, 1, sizeof *r);
    adze_status rc;

    memset(out, 0, sizeof *out);
    if (!r) return az_fail_nomem(err, "measuring");
    item.settings.threads = o.threads ? o.threads : adze_run_threads(run);
    rc = az_bench_run(run, &item, 1, &bo, r, err);
    if (rc == ADZE_OK && r->status < 0) {
        rc = r->status;
        if (err) *err = r->err;
    }
    if (rc == ADZE_OK) {
        out->load_ms = figure(&r->load_ms);
        out->ttft_ms = figure(&r->ttft_ms);
        out->prefill_tok_s = figure(&r->prefill_tok_s);
        out->decode_tok_s = figure(&r->decode_tok_s);
        out->peak_rss_bytes = (uint64_t)r->peak_rss_bytes.median;
    }
    az_free(run, r);
    return rc;
}
