/* Measure a model on this machine: measure ADZE-PROGRAM PATH */
#include <adze/measure.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    adze_run *run = NULL;
    adze_measure_opts opts = { .prompt_tokens = 64, .generate_tokens = 16, .rounds = 3 };
    adze_measurement m;
    adze_error err = { 0 };
    adze_status rc;

    if (argc != 3) {
        fprintf(stderr, "usage: measure ADZE-PROGRAM PATH\n");
        return 2;
    }
    opts.worker = argv[1];
    rc = adze_run_new(&run, NULL, &err);
    if (rc == ADZE_OK) rc = adze_measure(run, argv[2], &opts, &m, &err);
    if (rc == ADZE_OK)
        printf("decode %.1f tok/s (%.1f to %.1f, n %zu), prefill %.1f tok/s, peak %llu bytes\n",
               m.decode_tok_s.median, m.decode_tok_s.min, m.decode_tok_s.max, m.decode_tok_s.n,
               m.prefill_tok_s.median, (unsigned long long)m.peak_rss_bytes);
    else
        fprintf(stderr, "measure: %s\n", err.msg);
    adze_run_free(run);
    return adze_status_exit_code(rc);
}
