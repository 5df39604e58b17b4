/* adze optimize: the main job, its table on the terminal and its report. */
#include "cli/cli.h"
#include "report/build.h"
#include "report/report.h"

#include <stdlib.h>
#include <string.h>

typedef struct optimize_opts {
    const char *out, *text, *gates, *prefer;
    const char *imatrix, *calibrate;
    az_opt_list recipes, formats;
    double max_time;
    uint64_t max_disk;
    int64_t prompt, generate, rounds, chunks;
    bool keep, fresh, json;
} optimize_opts;

static const az_opt opts[] = {
    { 'o', "out", AZ_OPT_STR, offsetof(optimize_opts, out), "adze-out", "DIR",
      "folder for the chosen artifact and the report" },
    { 't', "text", AZ_OPT_STR, offsetof(optimize_opts, text), NULL, "FILE",
      "held-out text for quality; without it quality is inconclusive" },
    { 'g', "gates", AZ_OPT_STR, offsetof(optimize_opts, gates), NULL, "FILE",
      "gates file (docs/gates.md); without it the usual gates" },
    { 'r', "recipe", AZ_OPT_LIST, offsetof(optimize_opts, recipes), NULL, "RECIPE",
      "recipe to try, may be repeated, with changes: q4_k_m+imatrix, q4_k_m,ffn_down=q6_k, "
      "mlx-4bit; "
      "default q8_0 q6_k q5_k_m q4_k_m q4_0" },
    { 0, "to", AZ_OPT_LIST, offsetof(optimize_opts, formats), NULL, "FORMAT",
      "try the usual recipes of a format, gguf or mlx, may be repeated; default gguf, and mlx on "
      "Apple "
      "Silicon" },
    { 0, "imatrix", AZ_OPT_STR, offsetof(optimize_opts, imatrix), NULL, "FILE",
      "importance matrix for recipes with +imatrix; by default three more are tried with it" },
    { 0, "calibrate", AZ_OPT_STR, offsetof(optimize_opts, calibrate), NULL, "FILE",
      "make the importance matrix from this text, once for a model and a text" },
    { 0, "prefer", AZ_OPT_STR, offsetof(optimize_opts, prefer), "speed=1,accuracy=2,memory=1",
      "WEIGHTS", "what counts in the choice: speed, accuracy, memory, energy" },
    { 0, "max-time", AZ_OPT_TIME, offsetof(optimize_opts, max_time), "0", "TIME",
      "stop adding work after this long (90s, 15m), 0 = no limit" },
    { 0, "max-disk", AZ_OPT_SIZE, offsetof(optimize_opts, max_disk), "0", "SIZE",
      "room for artifacts (2G), 0 = what the disk has" },
    { 'p', "prompt", AZ_OPT_INT, offsetof(optimize_opts, prompt), "256", "N",
      "prompt tokens of the benchmark" },
    { 'n', "generate", AZ_OPT_INT, offsetof(optimize_opts, generate), "64", "N",
      "generated tokens of the benchmark" },
    { 0, "rounds", AZ_OPT_INT, offsetof(optimize_opts, rounds), "0", "N",
      "interleaved rounds of the benchmark, 0 = 7, or 21 for a small model" },
    { 0, "chunks", AZ_OPT_INT, offsetof(optimize_opts, chunks), "0", "N",
      "chunks of 512 tokens to evaluate on, 0 = about a minute's worth" },
    { 0, "keep", AZ_OPT_BOOL, offsetof(optimize_opts, keep), NULL, NULL, "keep losing artifacts" },
    { 0, "fresh", AZ_OPT_BOOL, offsetof(optimize_opts, fresh), NULL, NULL,
      "do every stage again, even those that the registry knows" },
    { 0, "json", AZ_OPT_BOOL, offsetof(optimize_opts, json), NULL, NULL,
      "print the report as JSON instead of the table" },
    { 0, NULL, AZ_OPT_BOOL, 0, NULL, NULL, NULL },
};

static char *command_line(const az_cli *cli)
{
    az_buf b;

    az_buf_init(&b, cli->run);
    for (int i = 0; i < cli->argc; i++)
        az_buf_printf(&b, "%s%s", i ? " " : "", i ? cli->argv[i] : "adze");
    return az_buf_take(&b);
}

static adze_status print_table(az_cli *cli, const json_t *report, adze_error *err)
{
    az_report_style style = { .width = cli->columns, .color = cli->color };
    adze_status rc;
    az_buf b;

    az_buf_init(&b, cli->run);
    rc = az_report_text(&b, report, &style, err);
    if (rc == ADZE_OK) az_cli_printf(cli, "%s", b.data ? b.data : "");
    az_buf_deinit(&b);
    return rc;
}

static adze_status write_reports(az_cli *cli, az_optimization *o, const char *out, bool json,
                                 adze_error *err)
{
    char *json_path = az_path_join(cli->run, out, "report.json"),
         *html_path = az_path_join(cli->run, out, "report.html");
    json_t *report = NULL;
    adze_status rc = json_path && html_path ? ADZE_OK : az_fail_nomem(err, "writing the report");

    if (rc == ADZE_OK) rc = az_report_build(o, cli->argc, cli->argv, &report, err);
    if (rc == ADZE_OK) rc = az_report_write_json(cli->run, report, json_path, err);
    if (rc == ADZE_OK) rc = az_report_write_html(cli->run, report, html_path, err);
    if (rc == ADZE_OK) rc = az_optimize_finish(o, json_path, err);
    if (rc == ADZE_OK && json) az_cli_json(cli, report);
    if (rc == ADZE_OK && !json) {
        rc = print_table(cli, report, err);
        az_cli_printf(cli, "\nReport: %s\n", html_path);
        if (o->choice.chosen >= 0)
            az_cli_printf(cli, "Model:  %s\n", o->candidates[o->choice.chosen].path);
    }
    json_decref(report);
    az_free(cli->run, json_path);
    az_free(cli->run, html_path);
    return rc;
}

static int optimize_run(az_cli *cli, const void *opt, int argc, const char **argv)
{
    const optimize_opts *o = opt;
    az_optimize_opts oo = {
        .src = argv[0],
        .out_dir = o->out,
        .text = o->text,
        .gates = o->gates,
        .recipes = o->recipes.items,
        .n_recipes = o->recipes.n,
        .formats = o->formats.items,
        .n_formats = o->formats.n,
        .imatrix = o->imatrix,
        .calibrate = o->calibrate,
        .max_time_s = o->max_time,
        .max_disk_bytes = o->max_disk,
        .keep = o->keep,
        .fresh = o->fresh,
        .threads = cli->threads,
        .prompt = (size_t)o->prompt,
        .generate = (size_t)o->generate,
        .rounds = (int)o->rounds,
        .chunks = (size_t)o->chunks,
    };
    adze_error err = { .pos = ADZE_NOPOS };
    az_optimization *result;
    char *command;
    int code = 1;
    adze_status rc;

    (void)argc;
    if (o->prompt < 1 || o->generate < 2 || o->rounds < 0 || o->rounds == 1 || o->rounds == 2 ||
        o->rounds > AZ_BENCH_MAX_ROUNDS || o->chunks < 0 || o->prompt > (1 << 20) ||
        o->generate > (1 << 20))
        return az_cli_usage(
            cli, az_cmd_find("optimize"),
            "--prompt must be at least 1, --generate 2, --rounds 0 or 3 to %d, --chunks 0",
            AZ_BENCH_MAX_ROUNDS);
    rc = az_weights_parse(&oo.prefer, o->prefer, &err);
    if (rc < 0) return az_cli_fail(cli, rc, &err);
    result = calloc(1, sizeof *result);
    command = command_line(cli);
    oo.command = command;
    if (result && command) {
        rc = az_optimize(cli->run, &oo, result, &err);
        if (rc == ADZE_OK) rc = write_reports(cli, result, o->out, o->json, &err);
        code = rc < 0 ? az_cli_fail(cli, rc, &err) : result->exit_code;
    }
    if (result) az_optimization_free(result);
    free(result);
    az_free(cli->run, command);
    return az_cli_finish(cli) ? 1 : code;
}

const az_cmd az_cmd_optimize = {
    .name = "optimize",
    .group = AZ_CMD_JOB,
    .flags = AZ_CMD_RESUMES,
    .args = "CHECKPOINT",
    .min_args = 1,
    .max_args = 1,
    .summary = "convert, measure and choose: a smaller, faster model with the evidence",
    .details = "Converts the checkpoint by each recipe, finds each artifact's best settings, "
               "measures all of\n"
               "them beside the checkpoint in interleaved rounds, evaluates quality on held-out "
               "text, applies\n"
               "the gates and chooses among those that passed. Stages that the registry knows are "
               "reused, so\n"
               "an interrupted run goes on where it stopped. Exit 5: no candidate passed; the "
               "report is kept.",
    .example = "adze optimize checkpoint/ --text heldout.txt --out out/",
    .opts = opts,
    .opts_size = sizeof(optimize_opts),
    .run = optimize_run,
};
