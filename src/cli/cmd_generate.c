/* adze generate: continue a prompt with the native engine, streaming. */
#include "cli/cli.h"
#include "core/model.h"
#include "infer/sample.h"

#include <adze/model.h>
#include <adze/session.h>
#include <string.h>
#include <unistd.h>

typedef struct generate_opts {
    const char *prompt;
    int64_t max_tokens, context, top_k, seed;
    double temperature, top_p, min_p, repetition_penalty;
    az_opt_list stop;
    bool greedy, sample, raw, ignore_eos, json;
} generate_opts;

#define AT(field) offsetof(generate_opts, field)
static const az_opt opts[] = {
    { 'p', "prompt", AZ_OPT_STR, AT(prompt), NULL, "TEXT", "text to continue" },
    { 'n', "max-tokens", AZ_OPT_INT, AT(max_tokens), "256", "N",
      "tokens to generate at most, 0 = until the context is full" },
    { 'c', "context", AZ_OPT_INT, AT(context), "0", "N",
      "longest sequence in tokens, 0 = the model's limit, at most 4096" },
    { 0, "greedy", AZ_OPT_BOOL, AT(greedy), NULL, NULL, "always take the most likely token" },
    { 0, "sample", AZ_OPT_BOOL, AT(sample), NULL, NULL, "draw tokens, whatever the model says" },
    { 0, "temperature", AZ_OPT_REAL, AT(temperature), "-1", "T", "flatten (> 1) or sharpen (< 1)" },
    { 0, "top-k", AZ_OPT_INT, AT(top_k), "-1", "K", "draw from the K most likely, 0 = all" },
    { 0, "top-p", AZ_OPT_REAL, AT(top_p), "-1", "P", "draw from the most likely that make up P" },
    { 0, "min-p", AZ_OPT_REAL, AT(min_p), "-1", "P", "leave out what is below P times the best" },
    { 0, "repetition-penalty", AZ_OPT_REAL, AT(repetition_penalty), "-1", "R",
      "make tokens that came before less likely (> 1)" },
    { 0, "seed", AZ_OPT_INT, AT(seed), "-1", "N",
      "same seed, same text; default: another each time" },
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
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        if (p->escape && ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f))
            az_cli_printf(p->cli, "\\x%02x", c);
        else
            fputc(c, p->cli->out);
    }
    return fflush(p->cli->out) != 0;
}

static adze_status settings(az_cli *cli, const generate_opts *o, const adze_model *m,
                            adze_sampling *s, adze_error *err)
{
    bool asked =
        o->top_k >= 0 || o->seed >= 0 || o->temperature >= 0 || o->top_p >= 0 || o->min_p >= 0;

    adze_sampling_defaults(s, m);
    if (o->temperature >= 0) s->temperature = (float)o->temperature;
    if (o->top_p >= 0) s->top_p = (float)o->top_p;
    if (o->min_p >= 0) s->min_p = (float)o->min_p;
    if (o->repetition_penalty >= 0) s->repetition_penalty = (float)o->repetition_penalty;
    if (o->top_k >= 0) s->top_k = o->top_k > INT32_MAX ? INT32_MAX : (int)o->top_k;
    if (asked || o->sample) s->do_sample = 1;
    if (o->greedy) s->do_sample = 0;
    if (o->seed >= 0) {
        s->seed = (uint64_t)o->seed;
        return ADZE_OK;
    }
    if (!s->do_sample) return ADZE_OK;
    s->seed = 0;
    /* 53 bits, so that the number printed is exact in any JSON reader */
    adze_status rc = az_random(cli->run, &s->seed, sizeof s->seed, err);
    s->seed >>= 11;
    return rc;
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

    rc = adze_model_open(&p->m, cli->run, path, err);
    if (rc < 0) return rc;
    rc = adze_tokenizer_new(&p->t, cli->run, p->m, err);
    if (rc < 0) return rc;
    rc = adze_tokenize(p->t, o->prompt, strlen(o->prompt), !o->raw, &p->ids, &p->n_ids, err);
    if (rc < 0) return rc;
    rc = adze_session_new(&p->s, cli->run, p->m, &so, err);
    if (rc == ADZE_OK && p->m->warning) az_cli_note(cli, "warning: %s\n", p->m->warning);
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
                              .on_text = on_text,
                              .user = &out };
    adze_generate_result r = { 0 };
    char ignored[256];
    adze_status rc = settings(cli, o, p->m, &go.sampling, err);

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

/* A negative value other than the default -1, which stands for the model's own setting, was typed. */
static bool below_unset(const generate_opts *o)
{
    const double v[] = { (double)o->top_k, (double)o->seed, o->temperature,
                         o->top_p,         o->min_p,        o->repetition_penalty };

    for (size_t i = 0; i < AZ_COUNT(v); i++)
        if (v[i] < 0 && v[i] != -1) return true;
    return false;
}

static int generate_run(az_cli *cli, const void *opt, int argc, const char **argv)
{
    const az_cmd *cmd = az_cmd_find("generate");
    const generate_opts *o = opt;
    adze_error err = { .pos = ADZE_NOPOS };
    parts p = { 0 };
    adze_status rc;

    (void)argc;
    if (!o->prompt) return az_cli_usage(cli, cmd, "--prompt TEXT is needed");
    if (o->max_tokens < 0 || o->context < 0)
        return az_cli_usage(cli, cmd, "--max-tokens and --context must be 0 or more");
    if (below_unset(o)) return az_cli_usage(cli, cmd, "sampling settings must be 0 or more");
    if (o->greedy && (o->sample || o->top_k >= 0 || o->seed >= 0 || o->temperature >= 0 ||
                      o->top_p >= 0 || o->min_p >= 0))
        return az_cli_usage(cli, cmd, "--greedy draws nothing: leave out the sampling options");
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
