/* adze convert SRC DST: rewrite a checkpoint in another format or with other weight types. */
#include "cli/cli.h"
#include "cli/prove_view.h"
#include "job/convert.h"

#include <string.h>

typedef struct convert_opts {
    const char *to, *recipe;
    uint64_t shard_bytes, split_bytes;
    int64_t group;
    az_opt_list tensor_types, override_kv;
    const char *output_type, *embedding_type, *imatrix;
    bool leave_output, pure;
    const char *prove;
    bool no_prove, json;
} convert_opts;

static const az_opt opts[] = {
    { 't', "to", AZ_OPT_STR, offsetof(convert_opts, to), NULL, "FORMAT",
      "format to write, see `adze formats`; default: gguf for DST.gguf, hf for a folder" },
    { 'r', "recipe", AZ_OPT_STR, offsetof(convert_opts, recipe), NULL, "RECIPE",
      "types for the weights, such as q4_k_m; default: keep them, for mlx mlx-4bit" },
    { 0, "shard-size", AZ_OPT_SIZE, offsetof(convert_opts, shard_bytes), NULL, "SIZE",
      "most tensor data in a file of a folder; default: 5G" },
    { 0, "split-size", AZ_OPT_SIZE, offsetof(convert_opts, split_bytes), NULL, "SIZE",
      "split a GGUF into files of at most SIZE of tensor data" },
    { 0, "group", AZ_OPT_INT, offsetof(convert_opts, group), NULL, "N",
      "mlx: weights that share a scale, 32, 64 or 128; default: 64" },
    { 0, "imatrix", AZ_OPT_STR, offsetof(convert_opts, imatrix), NULL, "FILE",
      "importance matrix: which columns' errors count; see `adze calibrate`" },
    { 0, "tensor-type", AZ_OPT_LIST, offsetof(convert_opts, tensor_types), NULL, "PATTERN=TYPE",
      "type for tensors whose GGUF name holds a match of the regular expression; may be repeated" },
    { 0, "output-tensor-type", AZ_OPT_STR, offsetof(convert_opts, output_type), NULL, "TYPE",
      "type for the output matrix" },
    { 0, "token-embedding-type", AZ_OPT_STR, offsetof(convert_opts, embedding_type), NULL, "TYPE",
      "type for the token embedding" },
    { 0, "leave-output-tensor", AZ_OPT_BOOL, offsetof(convert_opts, leave_output), NULL, NULL,
      "keep the type of output.weight" },
    { 0, "pure", AZ_OPT_BOOL, offsetof(convert_opts, pure), NULL, NULL,
      "the recipe's base type for all tensors, no mixture" },
    { 0, "override-kv", AZ_OPT_LIST, offsetof(convert_opts, override_kv), NULL, "KEY=TYPE:VALUE",
      "set a GGUF key; types int, float, bool, str; may be repeated" },
    { 0, "prove", AZ_OPT_STR, offsetof(convert_opts, prove), "quick", "HOW",
      "what to compare after writing: quick (all but logits, some rows of the weights) or full" },
    { 0, "no-prove", AZ_OPT_BOOL, offsetof(convert_opts, no_prove), NULL, NULL,
      "write no proof beside the artifact" },
    { 0, "json", AZ_OPT_BOOL, offsetof(convert_opts, json), NULL, NULL,
      "print the result as JSON" },
    { 0, NULL, AZ_OPT_BOOL, 0, NULL, NULL, NULL },
};

static json_t *types_json(const az_convert_result *r)
{
    json_t *types = json_object();

    for (size_t t = 0; t < AZ_TYPE_COUNT; t++)
        if (r->type_tensors[t])
            json_object_set_new(types, az_type_get((az_type)t)->name,
                                json_pack("{s:I, s:I}", "tensors", (json_int_t)r->type_tensors[t],
                                          "bytes", (json_int_t)r->type_bytes[t]));
    if (r->packed_tensors)
        json_object_set_new(types, "packed",
                            json_pack("{s:I, s:I}", "tensors", (json_int_t)r->packed_tensors,
                                      "bytes", (json_int_t)r->packed_bytes));
    return types;
}

static void print_json(az_cli *cli, const char *src, const az_convert_result *r, json_t *proof)
{
    json_t *notes = json_array(), *j;

    for (size_t i = 0; i < r->n_notes; i++)
        json_array_append_new(notes, json_string(r->notes[i]));
    j = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:o, s:o}",
                  "source", src, "destination", r->path, "from", r->from, "format", r->format,
                  "architecture", r->arch, "recipe", r->recipe, "parameters",
                  (json_int_t)r->parameters, "source_bytes", (json_int_t)r->source_bytes, "bytes",
                  (json_int_t)r->bytes, "resumed_bytes", (json_int_t)r->resumed_bytes, "tensors",
                  (json_int_t)r->n_tensors, "fallback_tensors", (json_int_t)r->n_fallback,
                  "seconds", r->seconds, "types", types_json(r), "notes", notes);
    if (proof) json_object_set(j, "proof", proof);
    az_cli_json(cli, j);
    json_decref(j);
}

static void print_text(az_cli *cli, const az_convert_result *r)
{
    char a[32], b[32];

    az_cli_printf(cli, "%s  %s, recipe %s\n", r->path, r->format, r->recipe);
    az_cli_printf(cli, "  %s of weights to %s in %.1f s, %.2f bits per weight\n",
                  az_cli_bytes(a, sizeof a, (double)r->source_bytes),
                  az_cli_bytes(b, sizeof b, (double)r->bytes), r->seconds,
                  r->parameters ? 8.0 * (double)r->bytes / (double)r->parameters : 0.0);
    for (size_t t = 0; t < AZ_TYPE_COUNT; t++)
        if (r->type_tensors[t])
            az_cli_printf(cli, "  %-6s %4u tensors, %s\n", az_type_get((az_type)t)->name,
                          r->type_tensors[t], az_cli_bytes(a, sizeof a, (double)r->type_bytes[t]));
    if (r->packed_tensors)
        az_cli_printf(cli, "  packed %4u tensors, %s\n", r->packed_tensors,
                      az_cli_bytes(a, sizeof a, (double)r->packed_bytes));
    if (r->resumed_bytes)
        az_cli_printf(cli, "  %s were finished by an interrupted run\n",
                      az_cli_bytes(a, sizeof a, (double)r->resumed_bytes));
    if (r->n_fallback)
        az_cli_printf(cli,
                      "  %zu tensors have rows that the recipe's blocks do not fit: wider types\n",
                      r->n_fallback);
    for (size_t i = 0; i < r->n_notes; i++)
        az_cli_note(cli, "note: %s\n", r->notes[i]);
}

/* Compare what was written with its source and keep the result beside it. */
static adze_status prove(az_cli *cli, const convert_opts *o, const char *src, const char *dst,
                         az_proof **p, json_t **json, adze_error *err)
{
    az_prove_opts po = { .parts = AZ_PROVE_ALL };
    az_prove_asked asked = { o->imatrix, &o->override_kv };
    adze_status rc;

    if (strcmp(o->prove, "quick") == 0) {
        po.parts &= ~(unsigned)AZ_PROVE_LOGITS;
        po.sample = true;
    }
    rc = az_prove_paths(p, json, cli->run, src, dst, &asked, &po, err);
    return rc < 0 ? rc : az_proof_write(cli->run, *json, dst, err);
}

static int convert_run(az_cli *cli, const void *values, int argc, const char **argv)
{
    const convert_opts *o = values;
    az_convert_opts co = { .to = o->to,
                           .recipe = o->recipe,
                           .shard_bytes = o->shard_bytes,
                           .split_bytes = o->split_bytes,
                           .group = (int)(o->group < 0 || o->group > 4096 ? 4096 : o->group),
                           .tensor_types = o->tensor_types,
                           .output_type = o->output_type,
                           .embedding_type = o->embedding_type,
                           .leave_output = o->leave_output,
                           .pure = o->pure,
                           .override_kv = o->override_kv,
                           .imatrix = o->imatrix };
    adze_error err = { .pos = ADZE_NOPOS };
    az_convert_result r;
    az_proof *p = NULL;
    json_t *json = NULL;
    adze_status rc;
    int code;

    (void)argc;
    if (strcmp(o->prove, "quick") != 0 && strcmp(o->prove, "full") != 0)
        return az_cli_usage(cli, az_cmd_find("convert"), "--prove must be quick or full");
    rc = az_convert(cli->run, argv[0], argv[1], &co, &r, &err);
    if (rc == ADZE_OK && !o->no_prove) rc = prove(cli, o, argv[0], r.path, &p, &json, &err);
    if (rc < 0) {
        code = az_cli_fail(cli, rc, &err);
    } else {
        if (o->json)
            print_json(cli, argv[0], &r, json);
        else
            print_text(cli, &r);
        if (p && !o->json) az_cli_proof_brief(cli, p);
        code = az_cli_finish(cli);
        if (!code && p && !az_proof_holds(p)) code = adze_status_exit_code(ADZE_EGATE);
    }
    json_decref(json);
    az_proof_free(p);
    return code;
}

const az_cmd az_cmd_convert = {
    .name = "convert",
    .group = AZ_CMD_MODEL,
    .flags = AZ_CMD_RESUMES,
    .args = "SRC DST",
    .min_args = 2,
    .max_args = 2,
    .summary = "rewrite a checkpoint in another format or with other weight types",
    .details =
        "SRC is a Hugging Face or MLX folder or a GGUF file. Weights stream through in bounded "
        "memory. DST appears whole or not at all: it is written beside its place and renamed; a "
        "folder that is not empty is never replaced. An interrupted run is taken up again by the "
        "same command. What was written is then compared with SRC, and the result kept beside it "
        "(NAME.proof.json, or proof.json in a folder); see `adze prove`.",
    .example = "adze convert Llama-3.2-1B llama.gguf --recipe q4_k_m",
    .opts = opts,
    .opts_size = sizeof(convert_opts),
    .run = convert_run,
};
