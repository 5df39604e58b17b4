/* MB/s of a tokenizer on a file: bench_tokenizers MODEL FILE [LINES]; LINES 1: every line is a text of its own, otherwise
 * the file is one text. Prints the rate and the number of ids. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <adze/session.h>
#include "format/format.h"

static adze_status encode(const adze_tokenizer *t, const char *s, size_t n, size_t *total,
                          adze_error *err)
{
    adze_status rc;
    int32_t *ids;
    size_t count;

    rc = adze_tokenize(t, s, n, 0, &ids, &count, err);
    if (rc < 0) return rc;
    *total += count;
    adze_tokens_free(t, ids);
    return ADZE_OK;
}

int main(int argc, char **argv)
{
    adze_run *run = NULL;
    adze_error err = { 0 };
    adze_model *m = NULL;
    adze_tokenizer *t = NULL;
    size_t n = 0, total = 0;
    char *text = NULL;
    adze_status rc;
    uint64_t begin;

    if (argc < 3) {
        fprintf(stderr, "usage: bench_tokenizers MODEL FILE [LINES]\n");
        return 2;
    }
    rc = adze_run_new(&run, &(adze_run_opts){ .threads = 1 }, &err);
    if (rc == ADZE_OK) rc = az_model_open(&m, run, argv[1], AZ_READ_NO_WEIGHTS, &err);
    if (rc == ADZE_OK) rc = adze_tokenizer_new(&t, run, m, &err);
    if (rc == ADZE_OK) rc = az_read_file(run, argv[2], SIZE_MAX / 2, &text, &n, &err);
    begin = run ? az_now_ns(run) : 0;
    if (rc == ADZE_OK && (argc < 4 || strcmp(argv[3], "1") != 0)) {
        rc = encode(t, text, n, &total, &err);
    } else {
        for (size_t at = 0; rc == ADZE_OK && at < n;) {
            const char *eol = memchr(text + at, '\n', n - at);
            size_t end = eol ? (size_t)(eol - text) : n;
            rc = encode(t, text + at, end - at, &total, &err);
            at = end + 1;
        }
    }
    if (rc == ADZE_OK)
        printf("%.2f MB/s, %zu ids\n", (double)n * 1e3 / (double)(az_now_ns(run) - begin), total);
    else
        fprintf(stderr, "%s: %s %s\n", err.path, err.name, err.msg);
    if (run) az_free(run, text);
    adze_tokenizer_free(t);
    adze_model_close(m);
    adze_run_free(run);
    return rc < 0;
}
