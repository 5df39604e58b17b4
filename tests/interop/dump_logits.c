/* What adze computes, for comparison with another program on the same file.
 *
 *   interop_dump MODEL greedy PROMPTS N        a line of JSON per line of PROMPTS: {"prompt": [ids], "new":
 *                                              [N ids], "margin": [first minus second logit]}
 *   interop_dump MODEL chunks TEXT N LEN OUT   the same for N chunks of LEN ids of TEXT: {"ids": [...], "from":
 *                                              LEN / 2}; OUT gets the logits of each second half,
 *                                              [N * LEN / 2][vocab] f32. As in `adze eval`, the first id of a
 *                                              chunk becomes the BOS if the model wants one.
 *   interop_dump MODEL ids FILE OUT            one sequence, its ids apart by spaces in FILE: {"ids": [...], "from": 0};
 *                                              OUT gets the logits of all positions
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <adze/session.h>

enum { MAX_IDS = 512 }; /* of one sequence */

typedef struct dump {
    adze_run *run;
    adze_model *model;
    adze_tokenizer *tok;
    adze_session *session;
    size_t vocab;
    float *logits;
    adze_error err;
} dump;

static char *read_text(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    char *text = NULL;

    *n = 0;
    if (!f) return NULL;
    if (fseek(f, 0, SEEK_END) == 0) {
        long size = ftell(f);
        rewind(f);
        text = size >= 0 ? malloc((size_t)size + 1) : NULL;
        if (text) {
            *n = fread(text, 1, (size_t)size, f);
            text[*n] = 0;
        }
    }
    fclose(f);
    return text;
}

static void print_ids(const char *name, const int32_t *ids, size_t n)
{
    printf("\"%s\": [", name);
    for (size_t i = 0; i < n; i++)
        printf("%s%d", i ? ", " : "", ids[i]);
    printf("]");
}

static adze_status greedy_line(dump *d, const char *text, size_t n_text, size_t n_new)
{
    int32_t *ids = NULL, *out = malloc(n_new * sizeof *out);
    float *margin = malloc(n_new * sizeof *margin);
    adze_status rc = ADZE_ENOMEM;
    size_t n = 0;

    if (!out || !margin) goto done;
    rc = adze_tokenize(d->tok, text, n_text, 1, &ids, &n, &d->err);
    if (rc == ADZE_OK) rc = adze_session_rewind(d->session, 0, &d->err);
    if (rc == ADZE_OK) rc = adze_session_eval(d->session, ids, n, d->logits, &d->err);
    for (size_t i = 0; i < n_new && rc == ADZE_OK; i++) {
        float first = -1e30f, second = -1e30f;
        for (size_t k = 0; k < d->vocab; k++) {
            if (d->logits[k] > first) {
                second = first;
                first = d->logits[k];
                out[i] = (int32_t)k;
            } else if (d->logits[k] > second) {
                second = d->logits[k];
            }
        }
        margin[i] = first - second;
        if (i + 1 < n_new) rc = adze_session_eval(d->session, &out[i], 1, d->logits, &d->err);
    }
    if (rc < 0) goto done;
    printf("{");
    print_ids("prompt", ids, n);
    printf(", ");
    print_ids("new", out, n_new);
    printf(", \"margin\": [");
    for (size_t i = 0; i < n_new; i++)
        printf("%s%g", i ? ", " : "", (double)margin[i]);
    printf("]}\n");
done:
    adze_tokens_free(d->tok, ids);
    free(out);
    free(margin);
    return rc;
}

static adze_status greedy(dump *d, char **argv)
{
    size_t n, n_new = strtoul(argv[4], NULL, 10);
    char *text = read_text(argv[3], &n), *line = text;
    adze_status rc = text && n_new ? ADZE_OK : ADZE_EIO;

    while (rc == ADZE_OK && line && *line) {
        char *end = strchr(line, '\n');
        size_t len = end ? (size_t)(end - line) : strlen(line);
        if (len) rc = greedy_line(d, line, len, n_new);
        line = end ? end + 1 : NULL;
    }
    free(text);
    return rc;
}

static adze_status chunks(dump *d, char **argv)
{
    size_t n_text, n_ids = 0, n_bos = 0, count = strtoul(argv[4], NULL, 10),
                   len = strtoul(argv[5], NULL, 10);
    char *text = read_text(argv[3], &n_text);
    float *logits = malloc(len * d->vocab * sizeof *logits);
    int32_t *ids = NULL, *bos = NULL;
    FILE *out = fopen(argv[6], "wb");
    adze_status rc = text && logits && out ? ADZE_OK : ADZE_EIO;

    if (rc == ADZE_OK) rc = adze_tokenize(d->tok, "", 0, 1, &bos, &n_bos, &d->err);
    if (rc == ADZE_OK) rc = adze_tokenize(d->tok, text, n_text, 0, &ids, &n_ids, &d->err);
    for (size_t i = 0; i < count && rc == ADZE_OK; i++) {
        if ((i + 1) * len > n_ids) {
            snprintf(d->err.msg, sizeof d->err.msg, "text is too short for %zu chunks", count);
            rc = ADZE_EINVAL;
            break;
        }
        if (n_bos) ids[i * len] = bos[0];
        rc = adze_session_rewind(d->session, 0, &d->err);
        if (rc == ADZE_OK)
            rc = adze_session_eval_all(d->session, ids + i * len, len, logits, &d->err);
        if (rc < 0) break;
        if (fwrite(logits + len / 2 * d->vocab, d->vocab * sizeof *logits, len - len / 2, out) !=
            len - len / 2)
            rc = ADZE_EIO;
        printf("{");
        print_ids("ids", ids + i * len, len);
        printf(", \"from\": %zu}\n", len / 2);
    }
    if (out && fclose(out) != 0) rc = ADZE_EIO;
    adze_tokens_free(d->tok, bos);
    adze_tokens_free(d->tok, ids);
    free(logits);
    free(text);
    return rc;
}

static adze_status one_sequence(dump *d, char **argv)
{
    size_t n_text, n = 0;
    char *text = read_text(argv[3], &n_text), *at = text;
    int32_t ids[MAX_IDS];
    float *logits = malloc(MAX_IDS * d->vocab * sizeof *logits);
    FILE *out = fopen(argv[4], "wb");
    adze_status rc = text && logits && out ? ADZE_OK : ADZE_EIO;

    for (char *end; rc == ADZE_OK && n < MAX_IDS; at = end) {
        long id = strtol(at, &end, 10);
        if (end == at) break;
        ids[n++] = (int32_t)id;
    }
    if (rc == ADZE_OK) rc = adze_session_eval_all(d->session, ids, n, logits, &d->err);
    if (rc == ADZE_OK && fwrite(logits, d->vocab * sizeof *logits, n, out) != n) rc = ADZE_EIO;
    if (out && fclose(out) != 0) rc = ADZE_EIO;
    if (rc == ADZE_OK) {
        printf("{");
        print_ids("ids", ids, n);
        printf(", \"from\": 0}\n");
    }
    free(logits);
    free(text);
    return rc;
}

int main(int argc, char **argv)
{
    adze_session_opts opts = { .context = 512 };
    dump d = { .run = NULL };
    adze_status rc;
    char line[1200];
    int which = argc == 5 && strcmp(argv[2], "greedy") == 0   ? 1
                : argc == 7 && strcmp(argv[2], "chunks") == 0 ? 2
                : argc == 5 && strcmp(argv[2], "ids") == 0    ? 3
                                                              : 0;

    if (!which) {
        fputs("usage: interop_dump MODEL greedy PROMPTS N | MODEL chunks TEXT N LEN OUT | MODEL "
              "ids FILE OUT\n",
              stderr);
        return 2;
    }
    if (which == 3) opts.context = 0; /* the model's */
    d.err.pos = ADZE_NOPOS;
    rc = adze_run_new(&d.run, NULL, &d.err);
    if (rc == ADZE_OK) rc = adze_model_open(&d.model, d.run, argv[1], &d.err);
    if (rc == ADZE_OK && which != 3) rc = adze_tokenizer_new(&d.tok, d.run, d.model, &d.err);
    if (rc == ADZE_OK) rc = adze_session_new(&d.session, d.run, d.model, &opts, &d.err);
    if (rc == ADZE_OK) {
        d.vocab = adze_session_vocab(d.session);
        d.logits = malloc(d.vocab * sizeof *d.logits);
        rc = !d.logits    ? ADZE_ENOMEM
             : which == 1 ? greedy(&d, argv)
             : which == 2 ? chunks(&d, argv)
                          : one_sequence(&d, argv);
    }
    if (rc < 0) fprintf(stderr, "interop_dump: %s\n", adze_error_text(&d.err, line, sizeof line));
    free(d.logits);
    adze_session_free(d.session);
    adze_tokenizer_free(d.tok);
    adze_model_close(d.model);
    adze_run_free(d.run);
    return adze_status_exit_code(rc);
}
