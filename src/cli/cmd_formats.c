/* adze formats: what adze reads and writes. */
#include "cli/cli.h"
#include "format/format.h"

typedef struct formats_opts {
    bool json;
} formats_opts;

static const az_opt opts[] = {
    { 0, "json", AZ_OPT_BOOL, offsetof(formats_opts, json), NULL, NULL, "print as JSON" },
    { 0, NULL, AZ_OPT_BOOL, 0, NULL, NULL, NULL },
};

static int formats_run(az_cli *cli, const void *values, int argc, const char **argv)
{
    const formats_opts *o = values;
    json_t *list = json_array();

    (void)argc;
    (void)argv;
    for (size_t i = 0; az_formats[i]; i++) {
        const az_format *f = az_formats[i];
        if (o->json)
            json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:b}", "name", f->name,
                                                  "summary", f->summary, "read", f->read != NULL,
                                                  "write", f->write != NULL));
        else
            az_cli_printf(cli, "%-12s %-11s %s\n", f->name,
                          f->read && f->write ? "read, write"
                          : f->read           ? "read"
                                              : "write",
                          f->summary);
    }
    if (o->json) az_cli_json(cli, list);
    json_decref(list);
    return az_cli_finish(cli);
}

const az_cmd az_cmd_formats = {
    .name = "formats",
    .group = AZ_CMD_INFO,
    .args = "",
    .summary = "list the formats that adze reads and writes",
    .opts = opts,
    .opts_size = sizeof(formats_opts),
    .run = formats_run,
};
