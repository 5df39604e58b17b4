/* adze history: what the registry remembers. */
#include "cli/cli.h"
#include "base/json.h"
#include "store/store.h"

#include <stdlib.h>
#include <time.h>

typedef struct history_opts {
    int64_t limit;
    bool json;
} history_opts;

static const az_opt opts[] = {
    { 'n', "limit", AZ_OPT_INT, offsetof(history_opts, limit), "20", "N", "runs to list" },
    { 0, "json", AZ_OPT_BOOL, offsetof(history_opts, json), NULL, NULL, "print as JSON" },
    { 0, NULL, AZ_OPT_BOOL, 0, NULL, NULL, NULL },
};

static void print_run(az_cli *cli, const json_t *r)
{
    const char *name = az_json_str(r, "name"), *chosen = az_json_str(r, "chosen"),
               *report = az_json_str(r, "report"), *command = az_json_str(r, "command");
    int64_t id = 0, ms = 0, code = -1;
    char when[32] = "", state[32] = "unfinished";
    time_t t;
    struct tm tm;

    az_json_int(r, "id", &id);
    if (az_json_int(r, "started_ms", &ms)) {
        t = (time_t)(ms / 1000);
        if (gmtime_r(&t, &tm)) strftime(when, sizeof when, "%Y-%m-%d %H:%M", &tm);
    }
    if (az_json_int(r, "exit_code", &code))
        snprintf(state, sizeof state, code ? "exit %lld" : "done", (long long)code);
    az_cli_printf(cli, "%4lld  %s  %-10s %-16s %s\n", (long long)id, when, state, name ? name : "",
                  chosen ? chosen : "");
    az_cli_printf(cli, "      %s\n", command ? command : "");
    if (report) az_cli_printf(cli, "      %s\n", report);
}

static void print_detail(az_cli *cli, const json_t *d)
{
    const json_t *row;
    size_t i;

    print_run(cli, json_array_get(json_object_get(d, "run"), 0));
    az_cli_printf(cli, "\nMade from it\n");
    json_array_foreach(json_object_get(d, "lineage"), i, row)
        az_cli_printf(cli, "  %-10s %.19s <- %.19s  %s\n", az_json_str(row, "recipe"),
                      az_json_str(row, "digest"), az_json_str(row, "source"),
                      az_json_str(row, "path"));
    az_cli_printf(cli, "\nMeasured\n");
    json_array_foreach(json_object_get(d, "measurements"), i, row)
        az_cli_printf(cli, "  %-22s %-22s %14.6g %-6s [%g, %g] %s\n", az_json_str(row, "candidate"),
                      az_json_str(row, "name"), json_number_value(json_object_get(row, "median")),
                      az_json_str(row, "unit"), json_number_value(json_object_get(row, "min")),
                      json_number_value(json_object_get(row, "max")),
                      az_json_str(row, "provenance"));
    az_cli_printf(cli, "\nGates\n");
    json_array_foreach(json_object_get(d, "gates"), i, row)
        az_cli_printf(cli, "  %-22s %-18s %-12s %g, limit %g\n", az_json_str(row, "candidate"),
                      az_json_str(row, "gate"), az_json_str(row, "verdict"),
                      json_number_value(json_object_get(row, "value")),
                      json_number_value(json_object_get(row, "gate_limit")));
}

static int history_run(az_cli *cli, const void *opt, int argc, const char **argv)
{
    const history_opts *o = opt;
    adze_error err = { 0 };
    az_store *s = NULL;
    json_t *rows = NULL, *r;
    size_t i;
    char *end = NULL;
    int64_t id = argc ? strtoll(argv[0], &end, 10) : 0;
    adze_status rc;

    err.pos = ADZE_NOPOS;
    if (o->limit < 1 || (argc && (*end || id < 1)))
        return az_cli_usage(cli, az_cmd_find("history"), "RUN and --limit must be numbers from 1");
    rc = az_store_open(&s, cli->run, &err);
    if (rc == ADZE_OK)
        rc = argc ? az_store_run(s, id, &rows, &err) : az_store_history(s, o->limit, &rows, &err);
    az_store_close(s);
    if (rc < 0) return az_cli_fail(cli, rc, &err);
    if (o->json) {
        az_cli_json(cli, rows);
    } else if (argc) {
        print_detail(cli, rows);
    } else {
        json_array_foreach(rows, i, r) print_run(cli, r);
        if (!json_array_size(rows))
            az_cli_printf(cli, "no runs yet; `adze optimize` makes the first one\n");
    }
    json_decref(rows);
    return az_cli_finish(cli);
}

const az_cmd az_cmd_history = {
    .name = "history",
    .group = AZ_CMD_JOB,
    .args = "[RUN]",
    .max_args = 1,
    .summary = "past runs: what was made from what, what was measured, what was chosen",
    .example = "adze history 3 --json",
    .opts = opts,
    .opts_size = sizeof(history_opts),
    .run = history_run,
};
