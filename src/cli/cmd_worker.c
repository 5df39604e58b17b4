/* adze worker: the measuring child, and what runs on a device reached over ssh. */
#include "cli/cli.h"
#include "engine/serve.h"
#include "engine/spawn.h"

static int worker_run(az_cli *cli, const void *o, int argc, const char **argv)
{
    adze_error err = { 0 };
    int out = az_take_stdout();
    adze_status rc;

    (void)o;
    (void)argc;
    (void)argv;
    err.pos = ADZE_NOPOS;
    if (out < 0)
        return az_cli_fail(cli, az_fail(&err, ADZE_EIO, NULL, ADZE_NOPOS, "no standard output"),
                           &err);
    rc = az_serve_worker(cli->run, 0, out, &err);
    return rc < 0 ? az_cli_fail(cli, rc, &err) : 0;
}

const az_cmd az_cmd_worker = {
    .name = "worker",
    .group = AZ_CMD_MEASURE,
    .args = "",
    .summary = "answer calls on standard input and output (protocol: docs/workers.md)",
    .run = worker_run,
};
