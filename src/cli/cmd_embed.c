/* adze embed: one vector for each line of text. */
#include "cli/cli.h"

#include <adze/session.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "core/model.h"
#include "engine/spawn.h"

enum { MAX_INPUT = 1 << 28, BATCH = 64 };

typedef struct embed_opts {
    bool ids, truncate;
} embed_opts;

static const az_opt opts[] = {
    { 0, "ids", AZ_OPT_BOOL, offsetof(embed_opts, ids), NULL, NULL,
      "lines are token ids, not text; nothing is added to them" },
    { 0, "truncate", AZ_OPT_BOOL, offsetof(embed_opts, truncate), NULL, NULL,
      "cut texts that are longer than the model takes, instead of refusing them" },
    { 0, NULL, AZ_OPT_BOOL, 0, NULL, NULL, NULL },
};

typedef struct embedding {
    az_cli *cli;
    const embed_opts *o;
    adze_model *m;
    adze_tokenizer *tok;
    adze_session *s;
    int32_t *ids[BATCH];
    size_t n[BATCH], whole[BATCH], count, done;
    int32_t *none; /* [n_none] what the tokenizer makes of no text */
    size_t n_none;
    float *out; /* [BATCH][width] */
} embedding;

/* Numbers apart by spaces or commas. */
static adze_status read_ids(embedding *e, const char *line, size_t n, adze_error *err)
{
    int32_t *ids = az_alloc_array(e->cli->run, n / 2 + 2, sizeof *ids);
    const char *at = line, *end = line + n;
    size_t count = 0;

    if (!ids) return az_fail_nomem(err, "reading ids");
    e->ids[e->count] = ids;
    while (at < end) {
        long v = 0;
        size_t digits = 0;
        while (at < end && (*at == ' ' || *at == ',' || *at == '\t' || *at == '\r'))
            at++;
        for (; at < end && *at >= '0' && *at <= '9' && digits < 10; at++, digits++)
            v = v * 10 + (*at - '0');
        if (at < end && !digits)
            return az_fail(err, ADZE_EINVAL, "stdin", ADZE_NOPOS, "line %zu holds no list of ids",
                           e->done + e->count + 1);
        if (digits) ids[count++] = v > INT32_MAX ? -1 : (int32_t)v;
    }
    e->n[e->count] = count;
    return ADZE_OK;
}

/* What the tokenizer puts at a text's end stays there. */
static void cut(embedding *e, size_t i, size_t room)
{
    int32_t *ids = e->ids[i];
    size_t n = e->n[i], k = 0;

    while (k < e->n_none && k < room && ids[n - 1 - k] == e->none[e->n_none - 1 - k])
        k++;
    memmove(ids + room - k, ids + n - k, k * sizeof *ids);
    e->n[i] = room;
}

static adze_status read_line(embedding *e, const char *line, size_t n, adze_error *err)
{
    size_t room = adze_session_room(e->s), i = e->count;
    adze_status rc = e->o->ids ? read_ids(e, line, n, err)
                               : adze_tokenize(e->tok, line, n, 1, &e->ids[i], &e->n[i], err);

    if (rc < 0) return rc;
    e->whole[i] = e->n[i];
    if (e->n[i] > room && e->o->truncate) cut(e, i, room);
    e->count++;
    return ADZE_OK;
}

static void print_one(embedding *e, size_t i)
{
    size_t width = adze_session_width(e->s);

    az_cli_printf(e->cli, "{\"index\": %zu, \"tokens\": %zu, \"truncated\": %s, \"embedding\": [",
                  e->done + i, e->n[i], e->n[i] < e->whole[i] ? "true" : "false");
    for (size_t k = 0; k < width; k++)
        az_cli_printf(e->cli, "%s%.9g", k ? ", " : "", (double)e->out[i * width + k]);
    az_cli_printf(e->cli, "]}\n");
}

static void drop_texts(embedding *e)
{
    for (size_t i = 0; i < BATCH; i++) {
        if (e->o->ids)
            az_free(e->cli->run, e->ids[i]);
        else if (e->ids[i])
            adze_tokens_free(e->tok, e->ids[i]);
        e->ids[i] = NULL;
    }
    e->done += e->count;
    e->count = 0;
}

static adze_status flush(embedding *e, adze_error *err)
{
    adze_status rc =
        adze_session_embed(e->s, (const int32_t *const *)e->ids, e->n, e->count, e->out, err);

    for (size_t i = 0; i < e->count && rc == ADZE_OK; i++)
        print_one(e, i);
    drop_texts(e);
    return rc;
}

static adze_status embed_lines(embedding *e, const char *text, size_t size, adze_error *err)
{
    const char *end = text + size;
    adze_status rc = ADZE_OK;

    while (text < end && rc == ADZE_OK) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        if (!stop) stop = end;
        rc = read_line(e, text, (size_t)(stop - text), err);
        text = stop + 1;
        if (rc == ADZE_OK && (e->count == BATCH || text >= end)) rc = flush(e, err);
    }
    return rc;
}

/* All of standard input, which may be a pipe. */
static adze_status read_input(az_buf *text, adze_error *err)
{
    char block[65536];
    size_t got;

    while (text->size <= MAX_INPUT && az_fd_read(0, block, sizeof block, &got)) {
        az_buf_put(text, block, got);
        if (!az_buf_ok(text)) return az_fail_nomem(err, "reading texts");
    }
    if (text->size > MAX_INPUT)
        return az_fail(err, ADZE_EINVAL, "stdin", ADZE_NOPOS, "holds more than %d MiB",
                       MAX_INPUT >> 20);
    return ADZE_OK;
}

static int embed_run(az_cli *cli, const void *opt, int argc, const char **argv)
{
    embedding e = { .cli = cli, .o = opt };
    adze_session_opts so = { .threads = cli->threads };
    adze_error err = { .pos = ADZE_NOPOS };
    az_buf text;
    adze_status rc;

    (void)argc;
    az_buf_init(&text, cli->run);
    rc = adze_model_open(&e.m, cli->run, argv[0], &err);
    if (rc == ADZE_OK) rc = adze_session_new(&e.s, cli->run, e.m, &so, &err);
    if (rc == ADZE_OK && !e.o->ids) rc = adze_tokenizer_new(&e.tok, cli->run, e.m, &err);
    if (rc == ADZE_OK && e.tok) rc = adze_tokenize(e.tok, "", 0, 1, &e.none, &e.n_none, &err);
    if (rc == ADZE_OK) az_cli_warnings(cli, e.m, e.tok);
    if (rc == ADZE_OK) {
        e.out = az_calloc(cli->run, BATCH * adze_session_width(e.s), sizeof *e.out);
        rc = e.out ? read_input(&text, &err) : az_fail_nomem(&err, "embedding");
    }
    if (rc == ADZE_OK && text.size) rc = embed_lines(&e, text.data, text.size, &err);
    drop_texts(&e);
    az_buf_deinit(&text);
    az_free(cli->run, e.out);
    adze_session_free(e.s);
    if (e.none) adze_tokens_free(e.tok, e.none);
    adze_tokenizer_free(e.tok);
    adze_model_close(e.m);
    return rc < 0 ? az_cli_fail(cli, rc, &err) : az_cli_finish(cli);
}

const az_cmd az_cmd_embed = {
    .name = "embed",
    .group = AZ_CMD_RUN,
    .args = "MODEL",
    .min_args = 1,
    .max_args = 1,
    .summary = "one vector for each line of text on standard input",
    .details =
        "Prints a line of JSON for each: index, tokens, truncated, embedding. Pooling, length "
        "and longest\n"
        "text are those of modules.json and the files that it names, or a GGUF's; else "
        "the mean over a\n"
        "text's tokens, at length one.",
    .example = "adze embed all-MiniLM-L6-v2/ < sentences.txt",
    .opts = opts,
    .opts_size = sizeof(embed_opts),
    .run = embed_run,
};
