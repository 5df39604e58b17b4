/* The only place that knows the set of commands. */
#include "cli/cli.h"

#include <string.h>

/* clang-format off */
extern const az_cmd
    az_cmd_optimize,
    az_cmd_probe,
    az_cmd_assess,
    az_cmd_bench,
    az_cmd_eval,
    az_cmd_worker,
    az_cmd_pull,
    az_cmd_convert,
    az_cmd_calibrate,
    az_cmd_prove,
    az_cmd_inspect,
    az_cmd_formats,
    az_cmd_recipes,
    az_cmd_plan,
    az_cmd_generate,
    az_cmd_embed,
    az_cmd_tokenize,
    az_cmd_chat,
    az_cmd_history,
    az_cmd_help,
    az_cmd_completion,
    az_cmd_version;

const az_cmd *const az_cmds[] = {
    &az_cmd_optimize,
    &az_cmd_probe,
    &az_cmd_assess,
    &az_cmd_bench,
    &az_cmd_eval,
    &az_cmd_worker,
    &az_cmd_pull,
    &az_cmd_convert,
    &az_cmd_calibrate,
    &az_cmd_prove,
    &az_cmd_inspect,
    &az_cmd_plan,
    &az_cmd_generate,
    &az_cmd_embed,
    &az_cmd_tokenize,
    &az_cmd_chat,
    &az_cmd_history,
    &az_cmd_formats,
    &az_cmd_recipes,
    &az_cmd_help,
    &az_cmd_completion,
    &az_cmd_version,
    NULL,
};
/* clang-format on */

static const char *command_name(const void *list, size_t i)
{
    return ((const az_cmd *const *)list)[i]->name;
}

int az_cli_unknown_command(const char *name)
{
    const char *near = az_nearest(name, strlen(name), command_name, az_cmds, AZ_COUNT(az_cmds) - 1);

    fprintf(stderr, "adze: unknown command \"%s\"; ", name);
    if (near) fprintf(stderr, "did you mean \"%s\"? ", near);
    fputs("`adze help` lists the commands\n", stderr);
    return 2;
}

const az_cmd *az_cmd_find(const char *name)
{
    for (size_t i = 0; az_cmds[i]; i++)
        if (strcmp(az_cmds[i]->name, name) == 0) return az_cmds[i];
    return NULL;
}
