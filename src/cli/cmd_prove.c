/* adze prove REF MODEL: is it still the same model? */
#include "base/json.h"
#include "cli/cli.h"
#include "cli/prove_view.h"

#include <string.h>

typedef struct prove_opts {
    const char *text, *parts, *imatrix, *with, *out;
    int64_t chunks;
    az_opt_list override_kv;
    bool sample, json;
} prove_opts;

static const az_opt opts[] = {
    { 't', "text", AZ_OPT_STR, offsetof(prove_opts, text), NULL, "FILE",
      "text to tokenize and to compute logits on, beside the built-in ones" },
    { 0, "parts", AZ_OPT_STR, offsetof(prove_opts, parts), NULL, "LIST",
      "what to compare: tokens,template,config,weights,logits; default: all" },
    { 0, "imatrix", AZ_OPT_STR, offsetof(prove_opts, imatrix), NULL, "FILE",
      "importance matrix that MODEL was made with" },
    { 0, "override-kv", AZ_OPT_LIST, offsetof(prove_opts, override_kv), NULL, "KEY=TYPE:VALUE",
      "key that MODEL was made with instead of the reference's; may be repeated" },
    { 0, "with", AZ_OPT_STR, offsetof(prove_opts, with), NULL, "LIST",
      "real frameworks whose own ids are compared too: tokenizers (Python), llama.cpp "
      "(llama-tokenize)" },
    { 0, "sample", AZ_OPT_BOOL, offsetof(prove_opts, sample), NULL, NULL,
      "compare some rows of each tensor instead of all" },
    { 0, "chunks", AZ_OPT_INT, offsetof(prove_opts, chunks), "16", "N",
      "most chunks of 128 tokens for logits" },
    { 'o', "out", AZ_OPT_STR, offsetof(prove_opts, out), NULL, "FILE", "write the proof as JSON" },
    { 0, "json", AZ_OPT_BOOL, offsetof(prove_opts, json), NULL, NULL, "print the proof as JSON" },
    { 0, NULL, AZ_OPT_BOOL, 0, NULL, NULL, NULL },
};

/* Bits of a comma-separated list; 0: a name is not known. */
static unsigned parts_of(const char *list)
{
    unsigned bits = 0;

    while (*list) {
        size_t n = strcspn(list, ",");
        unsigned bit = 1;
        const char *name;
        while ((name = az_prove_part_name(bit)) &&
               (strlen(name) != n || strncmp(name, list, n) != 0))
            bit <<= 1;
        if (!name) return 0;
        bits |= bit;
        list += n + (list[n] == ',');
    }
    return bits;
}

static int prove_run(az_cli *cli, const void *values, int argc, const char **argv)
{
    const prove_opts *o = values;
    az_prove_opts po = {
        .text = o->text, .with = o->with, .sample = o->sample, .chunks = (size_t)o->chunks
    };
    az_prove_asked asked = { o->imatrix, &o->override_kv };
    adze_error err = { .pos = ADZE_NOPOS };
    az_proof *p = NULL;
    json_t *json = NULL;
    adze_status rc;
    int code;

    (void)argc;
    if (o->parts && !(po.parts = parts_of(o->parts)))
        return az_cli_usage(cli, az_cmd_find("prove"),
                            "--parts is a list of tokens, template, config, weights, logits");
    if (o->with && !o->with[0])
        return az_cli_usage(cli, az_cmd_find("prove"), "--with is a list of tokenizers, llama.cpp");
    if (o->chunks < 1 || o->chunks > 1000000)
        return az_cli_usage(cli, az_cmd_find("prove"), "--chunks must be 1 to 1000000");
    rc = az_prove_paths(&p, &json, cli->run, argv[0], argv[1], &asked, &po, &err);
    if (rc == ADZE_OK && o->out) rc = az_json_write(cli->run, json, o->out, &err);
    if (rc < 0) {
        code = az_cli_fail(cli, rc, &err);
    } else {
        if (o->json)
            az_cli_json(cli, json);
        else
            az_cli_proof(cli, p);
        code = az_cli_finish(cli);
        if (!code && !az_proof_holds(p)) code = adze_status_exit_code(ADZE_EGATE);
        az_prove_record(cli->run, json, code);
    }
    json_decref(json);
    az_proof_free(p);
    return code;
}

const az_cmd az_cmd_prove = {
    .name = "prove",
    .group = AZ_CMD_MODEL,
    .args = "REF MODEL",
    .min_args = 2,
    .max_args = 2,
    .summary = "show that nothing changed between two models but what was asked",
    .details = "Compares MODEL with REF item by item: token ids on hard texts (as adze reads both "
               "and, for a GGUF, as "
               "llama.cpp will), chat template and special tokens, the config, every weight, and "
               "logits on the same "
               "ids. Each item is equal, within a bound, or different with the first place where "
               "it differs. Notes "
               "say what other programs are known to do differently with this model. Exit code 0: "
               "proven; 5: "
               "readable, but different or not checked; 3: unreadable.",
    .example = "adze prove Llama-3.2-1B llama.q4_k_m.gguf",
    .opts = opts,
    .opts_size = sizeof(prove_opts),
    .run = prove_run,
};
