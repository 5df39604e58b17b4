/* adze generate: continue a prompt with the native engine, streaming. */
#include "cli/kv.h"
#include "cli/sampling.h"
#include "core/model.h"
#include "infer/sample.h"

#include <adze/model.h>
#include <adze/session.h>
#include <string.h>
#include <unistd.h>

typedef struct generate_opts {
    const char *prompt;
    int64_t max_tokens, context, speculate;
    const char *kv;
    az_sampling_opts sampling;
    az_opt_list stop;
    bool raw, ignore_eos, json;
} generate_opts;

#define AT(field) offsetof(generate_opts, field)
static const az_opt opts[] = {
    { 'p', "prompt", AZ_OPT_STR, AT(prompt), NULL, "TEXT", "text to continue" },
    { 'n', "max-tokens", AZ_OPT_INT, AT(max_tokens), "256", "N",
      "tokens to generate at most, 0 = until the context is full" },
    AZ_KV_ROW(generate_opts),
    { 0, "speculate", AZ_OPT_INT, AT(speculate), "0", "N",
      "guess up to N tokens from what came before and check them in one pass; the text is the "
      "same" },
    { 'c', "context", AZ_OPT_INT, AT(context), "0", "N",
      "longest sequence in tokens, 0 = the model's limit, at most 4096" },
    AZ_SAMPLING_ROWS(generate_opts),
    { 0, "stop", AZ_OPT_LIST, AT(stop), NULL, "TEXT", "end before this text; may be repeated" },
    { 0, "ignore-eos", AZ_OPT_BOOL, AT(ignore_eos), NULL, NULL,
      "go on past end-of-sequence tokens" },
    { 0, "raw", AZ_OPT_BOOL, AT(raw), NULL, NULL, "do not put a BOS in front of the prompt" },
    { 0, "json", AZ_OPT_BOOL, AT(json), NULL, NULL, "print one JSON object at the end" },
    { 0, NULL, AZ_OPT_BOOL, 0, NULL, NULL, NULL },
};
#undef AT

typedef struct printing {
    az_cli *cli;
    bool escape;  /* a terminal: control bytes of the model must not reach it */
    json_t *json; /* collect here instead */
} printing;

static int on_text(void *user, const char *text, size_t n)
{
    printing *p = user;

    if (p->json) return json_array_append_new(p->json, json_stringn_nocheck(text, n)) != 0;
    return az_cli_put_text(p->cli, text, n, p->escape);
}

static const char *const finishes[] = { "eos", "stop", "length", "user" };

static json_t *result_json(const adze_generate_result *r, const adze_sampling *s, json_t *pieces,
                           adze_status rc)
{
    json_t *j = json_object(), *piece;
    char *text = NULL;
    size_t i, n = 0;

    json_array_foreach(pieces, i, piece) n += json_string_length(piece);
    text = calloc(n + 1, 1);
    n = 0;
    json_array_foreach(pieces, i, piece)
    {
        if (text) memcpy(text + n, json_string_value(piece), json_string_length(piece));
        n += json_string_length(piece);
    }
    json_object_set_new(j, "text", text ? json_stringn_nocheck(text, n) : json_null());
    free(text);
    json_object_set_new(j, "finish",
                        json_string(rc == ADZE_EFIT ? "context" : finishes[r->finish]));
    json_object_set_new(j, "prompt_tokens", json_integer((json_int_t)r->prompt_tokens));
    json_object_set_new(j, "new_tokens", json_integer((json_int_t)r->new_tokens));
    json_object_set_new(j, "prefill_s", json_real(r->prefill_s));
    json_object_set_new(j, "decode_s", json_real(r->decode_s));
    json_object_set_new(j, "guessed_tokens", json_integer((json_int_t)r->guessed_tokens));
    json_object_set_new(j, "accepted_tokens", json_integer((json_int_t)r->accepted_tokens));
    json_object_set_new(j, "sampling",
                        json_pack("{s:b, s:f, s:i, s:f, s:f, s:f, s:I}", "do_sample", s->do_sample,
                                  "temperature", (double)s->temperature, "top_k", s->top_k, "top_p",
                                  (double)s->top_p, "min_p", (double)s->min_p, "repetition_penalty",
                                  (double)s->repetition_penalty, "seed", (json_int_t)s->seed));
    return j;
}

static void print_stats(az_cli *cli, const adze_generate_result *r, const adze_sampling *s)
{
    /* The first token comes with the prompt; the others each cost one evaluation. */
    double evals = r->new_tokens > 1 ? (double)(r->new_tokens - 1) : 0;

    az_cli_note(cli, "%zu prompt tokens", r->prompt_tokens);
    if (r->prefill_s > 0)
        az_cli_note(cli, " at %.1f tok/s", (double)r->prompt_tokens / r->prefill_s);
    az_cli_note(cli, ", %zu new", r->new_tokens);
    if (evals > 0 && r->decode_s > 0) az_cli_note(cli, " at %.1f tok/s", evals / r->decode_s);
    if (r->guessed_tokens)
        az_cli_note(cli, ", %zu of %zu guesses right", r->accepted_tokens, r->guessed_tokens);
    if (s->do_sample) az_cli_note(cli, ", seed %llu", (unsigned long long)s->seed);
    az_cli_note(cli, ", ended by %s\n", finishes[r->finish]);
}

/* Everything between opening the model and the last token. */
typedef struct parts {
    adze_model *m;
    adze_tokenizer *t;
    adze_session *s;
    int32_t *ids;
    size_t n_ids;
} parts;

static adze_status prepare(az_cli *cli, const generate_opts *o, const char *path, parts *p,
                           adze_error *err)
{
    adze_session_opts so = { .context = (size_t)o->context };
    adze_status rc;

    az_kv_of_name(o->kv, &so.kv);
    rc = adze_model_open(&p->m, cli->run, path, err);
    if (rc < 0) return rc;
    rc = adze_tokenizer_new(&p->t, cli->run, p->m, err);
    if (rc < 0) return rc;
    rc = adze_tokenize(p->t, o->prompt, strlen(o->prompt), !o->raw, &p->ids, &p->n_ids, err);
    if (rc < 0) return rc;
    rc = adze_session_new(&p->s, cli->run, p->m, &so, err);
    if (rc == ADZE_OK) az_cli_warnings(cli, p->m, p->t);
    return rc;
}

static void release(parts *p)
{
    adze_session_free(p->s);
    if (p->t) adze_tokens_free(p->t, p->ids);
    adze_tokenizer_free(p->t);
    adze_model_close(p->m);
}

static adze_status generate(az_cli *cli, const generate_opts *o, parts *p, adze_error *err)
{
    printing out = { .cli = cli, .escape = isatty(fileno(cli->out)) };
    adze_generate_opts go = { .max_tokens = (size_t)o->max_tokens,
                              .stop = o->stop.items,
                              .n_stop = o->stop.n,
                              .ignore_eos = o->ignore_eos,
                              .speculate = (size_t)o->speculate,
                              .on_text = on_text,
                              .user = &out };
    adze_generate_result r = { 0 };
    char ignored[256];
    adze_status rc = az_sampling_settings(cli, &o->sampling, p->m, &go.sampling, err);

    if (rc < 0) return rc;
    if (*az_sampling_ignored(p->m, ignored, sizeof ignored))
        az_cli_note(cli, "note: generation_config asks for %s, which adze does not do\n", ignored);
    if (o->json) out.json = json_array();
    rc = adze_generate(p->s, p->t, p->ids, p->n_ids, &go, &r, err);
    if (o->json && r.new_tokens) {
        json_t *j = result_json(&r, &go.sampling, out.json, rc);
        az_cli_json(cli, j);
        json_decref(j);
    } else if (r.new_tokens) {
        fputc('\n', cli->out);
        fflush(cli->out);
        print_stats(cli, &r, &go.sampling);
    }
    json_decref(out.json);
    return rc;
}

static int generate_run(az_cli *cli, const void *opt, int argc, const char **argv)
{
    const az_cmd *cmd = az_cmd_find("generate");
    const generate_opts *o = opt;
    adze_error err = { .pos = ADZE_NOPOS };
    parts p = { 0 };
    const char *wrong;
    adze_kv kv;
    adze_status rc;

    (void)argc;
    if (!o->prompt) return az_cli_usage(cli, cmd, "--prompt TEXT is needed");
    if (o->max_tokens < 0 || o->context < 0)
        return az_cli_usage(cli, cmd, "--max-tokens and --context must be 0 or more");
    if (o->speculate < 0 || o->speculate > 64)
        return az_cli_usage(cli, cmd, "--speculate must be 0 to 64");
    if (!az_kv_of_name(o->kv, &kv)) return az_cli_usage(cli, cmd, AZ_KV_USAGE);
    for (size_t i = 0; i < o->stop.n; i++)
        if (!o->stop.items[i][0]) return az_cli_usage(cli, cmd, "--stop needs a text");
    wrong = az_sampling_check(&o->sampling);
    if (wrong) return az_cli_usage(cli, cmd, "%s", wrong);
    rc = prepare(cli, o, argv[0], &p, &err);
    if (rc == ADZE_OK) rc = generate(cli, o, &p, &err);
    release(&p);
    if (rc < 0) return az_cli_fail(cli, rc, &err);
    return az_cli_finish(cli);
}

const az_cmd az_cmd_generate = {
    .name = "generate",
    .group = AZ_CMD_RUN,
    .args = "MODEL",
    .min_args = 1,
    .max_args = 1,
    .summary = "continue a prompt with the native engine",
    .details =
        "Settings that are not given are those of the model's generation_config, in Hugging "
        "Face's order and with its defaults: repetition penalty, temperature, top-k, top-p, "
        "min-p. Any of --temperature, --top-k, --top-p, --min-p and --seed turns sampling on.\n\n"
        "A full context ends the text with exit code 4; it is never shifted.",
    .example = "adze generate model.gguf -p \"It was the best of times,\" --seed 1",
    .opts = opts,
    .opts_size = sizeof(generate_opts),
    .run = generate_run,
};
