/* adze tokenize MODEL: text on stdin to token ids, or ids to text. */
#include <adze/session.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/json.h"
#include "cli/cli.h"
#include "format/format.h"
#include "format/hf_tokenizer.h"
#include "text/llama_cpp.h"

typedef struct tokenize_opts {
    const char *as;
    bool pieces, no_special, decode, lines, json;
} tokenize_opts;

static const az_opt opts[] = {
    { 0, "pieces", AZ_OPT_BOOL, offsetof(tokenize_opts, pieces), NULL, NULL,
      "print a token on each line: its id, a tab, its bytes with odd ones escaped" },
    { 0, "no-special", AZ_OPT_BOOL, offsetof(tokenize_opts, no_special), NULL, NULL,
      "add no BOS or EOS; with --decode, leave control tokens out" },
    { 0, "decode", AZ_OPT_BOOL, offsetof(tokenize_opts, decode), NULL, NULL,
      "read ids, print the text that they stand for" },
    { 0, "lines", AZ_OPT_BOOL, offsetof(tokenize_opts, lines), NULL, NULL,
      "every line of the input is a text of its own" },
    { 0, "as", AZ_OPT_STR, offsetof(tokenize_opts, as), NULL, "PROGRAM",
      "for a GGUF: the ids that this program will give; llama.cpp" },
    { 0, "json", AZ_OPT_BOOL, offsetof(tokenize_opts, json), NULL, NULL, "print as JSON" },
    { 0, NULL, AZ_OPT_BOOL, 0, NULL, NULL, NULL },
};

typedef struct tokenizing {
    az_cli *cli;
    const tokenize_opts *o;
    adze_model *m;
    adze_tokenizer *t;
    az_llama_tok *llama; /* NULL: adze's own ids */
    az_buf in;
    json_t *list; /* --json with --lines */
} tokenizing;

static adze_status read_stdin(az_buf *b, adze_error *err)
{
    char chunk[65536];
    size_t got;

    while ((got = fread(chunk, 1, sizeof chunk, stdin)) > 0)
        az_buf_put(b, chunk, got);
    if (ferror(stdin))
        return az_fail(err, ADZE_EIO, "stdin", ADZE_NOPOS, "cannot read: %s", strerror(errno));
    return az_buf_ok(b) ? ADZE_OK : az_fail_nomem(err, "reading stdin");
}

/* Bytes as text on one line: controls, backslash and what is not ASCII but not UTF-8 either as \xHH. */
static void put_bytes(az_buf *b, const char *s, size_t n)
{
    json_t *whole = json_stringn(s, n); /* NULL: not UTF-8 */

    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c < 32 || c == 127 || c == '\\' || (c > 127 && !whole))
            az_buf_printf(b, "\\x%02x", (unsigned)c);
        else
            az_buf_putc(b, s[i]);
    }
    json_decref(whole);
}

static json_t *piece_json(const adze_tokenizer *t, int32_t id)
{
    size_t n;
    const char *s = adze_token_bytes(t, id, &n);
    json_t *text = s ? json_stringn(s, n) : NULL, *bytes;

    if (text) return json_pack("{s:i, s:o}", "id", (int)id, "text", text);
    bytes = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(bytes, json_integer((unsigned char)s[i]));
    return json_pack("{s:i, s:o}", "id", (int)id, "bytes", bytes);
}

static json_t *ids_json(const tokenizing *k, const int32_t *ids, size_t n)
{
    json_t *list = json_array();

    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, k->o->pieces ? piece_json(k->t, ids[i]) : json_integer(ids[i]));
    return json_pack("{s:I, s:o}", "count", (json_int_t)n, k->o->pieces ? "tokens" : "ids", list);
}

static void print_ids(const tokenizing *k, const int32_t *ids, size_t n, az_buf *b)
{
    for (size_t i = 0; i < n; i++) {
        if (!k->o->pieces) {
            az_buf_printf(b, i ? " %d" : "%d", (int)ids[i]);
            continue;
        }
        size_t len;
        const char *s = adze_token_bytes(k->t, ids[i], &len);
        az_buf_printf(b, "%d\t", (int)ids[i]);
        put_bytes(b, s, len);
        az_buf_putc(b, '\n');
    }
    if (!k->o->pieces || k->o->lines) az_buf_putc(b, '\n');
}

static adze_status encode(tokenizing *k, const char *s, size_t n, adze_error *err)
{
    adze_status rc;
    int32_t *ids;
    size_t count;
    az_buf b;

    rc = k->llama ? az_llama_tok_encode(k->llama, s, n, !k->o->no_special, &ids, &count, err)
                  : adze_tokenize(k->t, s, n, !k->o->no_special, &ids, &count, err);
    if (rc < 0) return rc;
    az_buf_init(&b, k->cli->run);
    if (k->o->json && k->list) {
        json_array_append_new(k->list, ids_json(k, ids, count));
    } else if (k->o->json) {
        json_t *j = ids_json(k, ids, count);
        az_cli_json(k->cli, j);
        json_decref(j);
    } else {
        print_ids(k, ids, count, &b);
        if (az_buf_ok(&b))
            fwrite(b.data, 1, b.size, k->cli->out);
        else
            rc = az_fail_nomem(err, "printing ids");
    }
    az_buf_deinit(&b);
    az_free(k->cli->run, ids);
    return rc;
}

/* Numbers between white space, commas and brackets, so that a JSON list of ids is read too. */
static adze_status parse_ids(const tokenizing *k, const char *s, size_t n, az_buf *ids,
                             adze_error *err)
{
    for (size_t at = 0; at < n;) {
        int64_t v = 0;
        size_t start = at;
        int32_t id;
        if (s[at] && strchr(" \t\r\n\f\v,[]", s[at])) {
            at++;
            continue;
        }
        for (; at < n && s[at] >= '0' && s[at] <= '9' && v <= INT32_MAX; at++)
            v = v * 10 + (s[at] - '0');
        if (at == start || v > INT32_MAX || (size_t)v >= adze_tokenizer_vocab(k->t) ||
            (at < n && !(s[at] && strchr(" \t\r\n\f\v,[]", s[at]))))
            return az_fail(err, ADZE_EFORMAT, "stdin", start,
                           "\"%.20s\" is not an id of the vocabulary (0 to %zu)", s + start,
                           adze_tokenizer_vocab(k->t) - 1);
        id = (int32_t)v;
        az_buf_put(ids, &id, sizeof id);
    }
    return az_buf_ok(ids) ? ADZE_OK : az_fail_nomem(err, "reading ids");
}

static void print_text(tokenizing *k, const char *text, size_t n)
{
    json_t *j, *s;

    if (!k->o->json) {
        fwrite(text, 1, n, k->cli->out);
        if (k->o->lines) fputc('\n', k->cli->out);
        return;
    }
    s = json_stringn(text, n);
    j = json_pack("{s:o}", "text", s ? s : json_null()); /* null: not UTF-8 */
    if (k->list) {
        json_array_append_new(k->list, j);
        return;
    }
    az_cli_json(k->cli, j);
    json_decref(j);
}

static adze_status decode(tokenizing *k, const char *s, size_t n, adze_error *err)
{
    char *text = NULL;
    adze_status rc;
    az_buf ids;
    size_t len;

    az_buf_init(&ids, k->cli->run);
    rc = parse_ids(k, s, n, &ids, err);
    if (rc == ADZE_OK)
        rc = adze_detokenize(k->t, (const int32_t *)(const void *)ids.data,
                             ids.size / sizeof(int32_t), k->o->no_special, &text, &len, err);
    if (rc == ADZE_OK) print_text(k, text, len);
    adze_text_free(k->t, text);
    az_buf_deinit(&ids);
    return rc;
}

static adze_status run_all(tokenizing *k, adze_error *err)
{
    adze_status (*one)(tokenizing *, const char *, size_t, adze_error *) =
        k->o->decode ? decode : encode;
    const char *s = k->in.data ? k->in.data : "";
    adze_status rc = ADZE_OK;

    if (!k->o->lines) return one(k, s, k->in.size, err);
    for (size_t at = 0; at < k->in.size && rc == ADZE_OK;) {
        const char *eol = memchr(s + at, '\n', k->in.size - at);
        size_t end = eol ? (size_t)(eol - s) : k->in.size;
        rc = one(k, s + at, end - at, err);
        at = end + 1;
    }
    return rc;
}

static int tokenize_run(az_cli *cli, const void *opt, int argc, const char **argv)
{
    tokenizing k = { .cli = cli, .o = opt };
    adze_error err = { 0 };
    adze_status rc;
    int code;

    (void)argc;
    err.pos = ADZE_NOPOS;
    az_buf_init(&k.in, cli->run);
    if (k.o->decode && k.o->pieces)
        return az_cli_usage(cli, az_cmd_find("tokenize"), "--pieces does not go with --decode");
    if (k.o->as && (strcmp(k.o->as, "llama.cpp") != 0 || k.o->decode))
        return az_cli_usage(cli, az_cmd_find("tokenize"),
                            "--as is llama.cpp, and does not go with --decode");
    if (k.o->json && k.o->lines) k.list = json_array();
    rc = az_hf_is_tokenizer(argv[0])
             ? az_hf_open_tokenizer(&k.m, cli->run, argv[0], &err)
             : az_model_open(&k.m, cli->run, argv[0], AZ_READ_NO_WEIGHTS, &err);
    if (rc == ADZE_OK) rc = adze_tokenizer_new(&k.t, cli->run, k.m, &err);
    if (rc == ADZE_OK) az_cli_warnings(cli, NULL, k.t);
    if (rc == ADZE_OK && k.o->as && strcmp(k.m->format, "gguf") != 0)
        rc = az_fail(&err, ADZE_EUNSUP, argv[0], ADZE_NOPOS,
                     "llama.cpp reads GGUF files; convert it first");
    if (rc == ADZE_OK && k.o->as) rc = az_llama_tok_new(&k.llama, cli->run, k.m, &err);
    if (rc == ADZE_OK) rc = read_stdin(&k.in, &err);
    if (rc == ADZE_OK) rc = run_all(&k, &err);
    if (rc == ADZE_OK && k.list) az_cli_json(cli, k.list);
    code = rc < 0 ? az_cli_fail(cli, rc, &err) : az_cli_finish(cli);
    json_decref(k.list);
    az_buf_deinit(&k.in);
    az_llama_tok_free(k.llama);
    adze_tokenizer_free(k.t);
    adze_model_close(k.m);
    return code;
}

const az_cmd az_cmd_tokenize = {
    .name = "tokenize",
    .group = AZ_CMD_RUN,
    .args = "MODEL",
    .min_args = 1,
    .max_args = 1,
    .summary = "turn text on stdin into token ids, or ids into text",
    .details = "Reads stdin exactly as it is, a final newline included, and prints the ids on one "
               "line. MODEL\n"
               "needs no weights: a GGUF that holds only a vocabulary, a folder with only a "
               "tokenizer, or a\n"
               "tokenizer.json, tokenizer.model, vocab.json or vocab.txt by itself will do.",
    .example = "printf 'Hello, world' | adze tokenize model.gguf --pieces",
    .opts = opts,
    .opts_size = sizeof(tokenize_opts),
    .run = tokenize_run,
};
