/* adze calibrate: an importance matrix of a model on text. */
#include "calib/calibrate.h"
#include "cli/cli.h"
#include "format/imatrix.h"

typedef struct calibrate_opts {
    az_opt_list texts;
    const char *out;
    int64_t chunk, chunks;
    bool json;
} calibrate_opts;

static const az_opt opts[] = {
    { 't', "text", AZ_OPT_LIST, offsetof(calibrate_opts, texts), NULL, "FILE",
      "text to run the model on (required); may be repeated" },
    { 'o', "out", AZ_OPT_STR, offsetof(calibrate_opts, out), NULL, "FILE",
      "file to write (required): GGUF, or the older layout for .dat and .imatrix" },
    { 0, "chunk", AZ_OPT_INT, offsetof(calibrate_opts, chunk), "512", "N", "tokens per chunk" },
    { 0, "chunks", AZ_OPT_INT, offsetof(calibrate_opts, chunks), "0", "N",
      "chunks to use, 0 = all of the text" },
    { 0, "json", AZ_OPT_BOOL, offsetof(calibrate_opts, json), NULL, NULL,
      "print the result as JSON" },
    { 0, NULL, AZ_OPT_BOOL, 0, NULL, NULL, NULL },
};

static void report(az_cli *cli, const calibrate_opts *o, const az_importance *m)
{
    json_t *j;

    if (!o->json) {
        az_cli_printf(cli, "%s  importance of %zu tensors from %u chunks of %u tokens\n", o->out,
                      m->n, m->chunks, m->chunk_size);
        return;
    }
    j = json_pack("{s:s, s:I, s:I, s:I, s:[]}", "destination", o->out, "tensors", (json_int_t)m->n,
                  "chunks", (json_int_t)m->chunks, "chunk_tokens", (json_int_t)m->chunk_size,
                  "texts");
    for (size_t i = 0; i < m->n_digests; i++)
        json_array_append_new(json_object_get(j, "texts"),
                              json_pack("{s:s, s:s}", "name", m->datasets[i], "sha256",
                                        m->digests[i]));
    az_cli_json(cli, j);
    json_decref(j);
}

static int calibrate_run(az_cli *cli, const void *values, int argc, const char **argv)
{
    const calibrate_opts *o = values;
    az_calibrate_opts co = { .texts = o->texts.items,
                             .n_texts = o->texts.n,
                             .chunk = (size_t)o->chunk,
                             .max_chunks = (size_t)o->chunks };
    adze_error err = { .pos = ADZE_NOPOS };
    az_importance *m = NULL;
    adze_model *model = NULL;
    adze_status rc;

    (void)argc;
    if (!o->texts.n || !o->out)
        return az_cli_usage(cli, az_cmd_find("calibrate"),
                            "--text FILE and --out FILE are required");
    if (o->chunk < 8 || o->chunk > 65536 || o->chunks < 0)
        return az_cli_usage(cli, az_cmd_find("calibrate"),
                            "--chunk must be 8 to 65536, --chunks at least 0");
    rc = adze_model_open(&model, cli->run, argv[0], &err);
    if (rc == ADZE_OK) rc = az_calibrate(&m, cli->run, model, &co, &err);
    if (rc == ADZE_OK) rc = az_imatrix_write(cli->run, m, o->out, &err);
    if (rc == ADZE_OK) report(cli, o, m);
    az_importance_free(m);
    adze_model_close(model);
    return rc < 0 ? az_cli_fail(cli, rc, &err) : az_cli_finish(cli);
}

const az_cmd az_cmd_calibrate = {
    .name = "calibrate",
    .group = AZ_CMD_RUN,
    .args = "MODEL",
    .min_args = 1,
    .max_args = 1,
    .summary = "gather an importance matrix on text, for `convert --imatrix`",
    .details = "Runs the text through the model and sums the squares of what each matrix is "
               "multiplied with. The file can be read by llama-quantize, and keeps the text's "
               "digest, so that `adze eval` refuses to evaluate on the same text.",
    .example = "adze calibrate model-f16.gguf --text wiki.txt -o model.imatrix.gguf",
    .opts = opts,
    .opts_size = sizeof(calibrate_opts),
    .run = calibrate_run,
};
