/* adze help: the overview, one command's help, the man page and the JSON form of the tables. */
#include "cli/help.h"

#include <string.h>

static const char *const group_names[] = {
    [AZ_CMD_JOB] = "The main job",  [AZ_CMD_MODEL] = "Models",    [AZ_CMD_RUN] = "Running",
    [AZ_CMD_MEASURE] = "Measuring", [AZ_CMD_INFO] = "About adze",
};
static const enum az_cmd_group group_order[] = { AZ_CMD_JOB, AZ_CMD_MODEL, AZ_CMD_RUN,
                                                 AZ_CMD_MEASURE, AZ_CMD_INFO };

static void overview(az_cli *cli)
{
    az_cli_printf(cli,
                  "adze: a checkpoint and a target device in; a smaller, faster model with the "
                  "evidence out\n\nusage: adze COMMAND [OPTIONS] [ARGUMENTS]\n");
    for (size_t g = 0; g < AZ_COUNT(group_order); g++) {
        bool any = false;
        for (size_t i = 0; az_cmds[i]; i++) {
            const az_cmd *c = az_cmds[i];
            if (c->group != group_order[g] || (c->flags & AZ_CMD_HIDDEN)) continue;
            if (!any) az_cli_printf(cli, "\n%s\n", group_names[group_order[g]]);
            any = true;
            az_cli_printf(cli, "  %-12s %s\n", c->name, c->summary);
        }
    }
    az_cli_printf(
        cli, "\n`adze COMMAND --help` shows a command's options.\n"
             "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 malformed or unsupported input,\n"
             "4 does not fit the target, 5 a gate did not pass, 6 an engine or tool is missing,\n"
             "130 interrupted (convert, optimize and pull go on when called again).\n");
}

static void option_left(char *buf, size_t size, const az_opt *o)
{
    char letter[5] = "    ";

    if (o->letter) snprintf(letter, sizeof letter, "-%c, ", o->letter);
    snprintf(buf, size, "%s--%s%s%s", letter, o->name, o->arg ? " " : "", o->arg ? o->arg : "");
}

static bool shows_default(const az_opt *o)
{
    return o->def && o->kind != AZ_OPT_BOOL && strcmp(o->def, AZ_OPT_UNSET) != 0;
}

static void print_options(az_cli *cli, const az_opt *o)
{
    char left[64];

    for (; o && o->name; o++) {
        option_left(left, sizeof left, o);
        az_cli_printf(cli, "  %-28s %s", left, o->help);
        if (shows_default(o)) az_cli_printf(cli, " [%s]", o->def);
        az_cli_printf(cli, "\n");
    }
}

void az_help_command(az_cli *cli, const az_cmd *cmd)
{
    az_cli_printf(cli, "adze %s: %s\n\nusage: adze %s [OPTIONS]%s%s\n", cmd->name, cmd->summary,
                  cmd->name, cmd->args[0] ? " " : "", cmd->args);
    if (cmd->details) az_cli_printf(cli, "\n%s\n", cmd->details);
    az_cli_printf(cli, "\nOptions\n");
    print_options(cli, cmd->opts);
    print_options(cli, az_common_opts);
    if (cmd->example) az_cli_printf(cli, "\nExample\n  %s\n", cmd->example);
}

/* roff: a leading dot or quote would be a request, a backslash an escape, a dash a hyphen. */
static void roff(az_cli *cli, const char *s)
{
    if (*s == '.' || *s == '\'') az_cli_printf(cli, "\\&");
    for (; *s; s++) {
        if (*s == '\\')
            az_cli_printf(cli, "\\e");
        else if (*s == '-')
            az_cli_printf(cli, "\\-");
        else
            az_cli_printf(cli, "%c", *s);
    }
}

static void man_options(az_cli *cli, const az_opt *o)
{
    char left[64];

    for (; o && o->name; o++) {
        option_left(left, sizeof left, o);
        az_cli_printf(cli, ".TP\n.B ");
        roff(cli, left + strspn(left, " "));
        az_cli_printf(cli, "\n");
        roff(cli, o->help);
        if (shows_default(o)) az_cli_printf(cli, " (default %s)", o->def);
        az_cli_printf(cli, "\n");
    }
}

static void man_page(az_cli *cli)
{
    az_cli_printf(cli,
                  ".TH ADZE 1 \"\" \"adze %s\" \"User Commands\"\n.SH NAME\nadze \\- shape a "
                  "model for the device it must run on, and prove it\n.SH SYNOPSIS\n.B adze\n"
                  "COMMAND [OPTIONS] [ARGUMENTS]\n.SH COMMANDS\n",
                  adze_version());
    for (size_t i = 0; az_cmds[i]; i++) {
        const az_cmd *c = az_cmds[i];
        if (c->flags & AZ_CMD_HIDDEN) continue;
        az_cli_printf(cli, ".SS \"adze %s %s\"\n", c->name, c->args);
        roff(cli, c->summary);
        az_cli_printf(cli, ".\n");
        if (c->details) {
            az_cli_printf(cli, ".PP\n");
            roff(cli, c->details);
            az_cli_printf(cli, "\n");
        }
        man_options(cli, c->opts);
        if (c->example) {
            az_cli_printf(cli, ".PP\nExample: ");
            roff(cli, c->example);
            az_cli_printf(cli, "\n");
        }
    }
    az_cli_printf(cli, ".SH OPTIONS OF EVERY COMMAND\n");
    man_options(cli, az_common_opts);
    az_cli_printf(cli,
                  ".SH EXIT STATUS\n0 done, 1 failed, 2 wrong usage, 3 malformed or unsupported "
                  "input, 4 does not fit the target, 5 a gate did not pass, 6 an engine or tool "
                  "is missing, 130 interrupted.\n");
}

static json_t *options_json(const az_opt *o)
{
    static const char *const kinds[] = { "bool", "int", "real", "string", "size", "time", "list" };
    json_t *a = json_array();

    for (; o && o->name; o++) {
        json_t *j =
            json_pack("{s:s, s:s, s:s, s:s*, s:s*}", "name", o->name, "kind", kinds[o->kind],
                      "help", o->help, "arg", o->arg, "default", shows_default(o) ? o->def : NULL);
        if (o->letter) json_object_set_new(j, "letter", json_sprintf("%c", o->letter));
        json_array_append_new(a, j);
    }
    return a;
}

static void tables_json(az_cli *cli)
{
    json_t *a = json_array(), *top;

    for (size_t i = 0; az_cmds[i]; i++) {
        const az_cmd *c = az_cmds[i];
        json_array_append_new(a, json_pack("{s:s, s:s, s:s, s:s, s:s*, s:s*, s:o}", "name", c->name,
                                           "group", group_names[c->group], "args", c->args,
                                           "summary", c->summary, "details", c->details, "example",
                                           c->example, "options", options_json(c->opts)));
    }
    top = json_pack("{s:s, s:o, s:o}", "version", adze_version(), "common",
                    options_json(az_common_opts), "commands", a);
    az_cli_json(cli, top);
    json_decref(top);
}

typedef struct help_opts {
    bool man, json;
} help_opts;

static const az_opt opts[] = {
    { 0, "man", AZ_OPT_BOOL, offsetof(help_opts, man), NULL, NULL, "print the man page" },
    { 0, "json", AZ_OPT_BOOL, offsetof(help_opts, json), NULL, NULL,
      "print commands and options as JSON" },
    { 0, NULL, AZ_OPT_BOOL, 0, NULL, NULL, NULL },
};

static int help_run(az_cli *cli, const void *o, int argc, const char **argv)
{
    const help_opts *h = o;
    const az_cmd *cmd;

    if (h->man) {
        man_page(cli);
    } else if (h->json) {
        tables_json(cli);
    } else if (argc) {
        cmd = az_cmd_find(argv[0]);
        if (!cmd) return az_cli_unknown_command(argv[0]);
        az_help_command(cli, cmd);
    } else {
        overview(cli);
    }
    return az_cli_finish(cli);
}

static int version_run(az_cli *cli, const void *o, int argc, const char **argv)
{
    (void)o;
    (void)argc;
    (void)argv;
    az_cli_printf(cli, "adze %s\n", adze_version());
    return az_cli_finish(cli);
}

const az_cmd az_cmd_help = {
    .name = "help",
    .group = AZ_CMD_INFO,
    .args = "[COMMAND]",
    .max_args = 1,
    .summary = "commands and their options",
    .example = "adze help --man | man -l -",
    .opts = opts,
    .opts_size = sizeof(help_opts),
    .run = help_run,
};

const az_cmd az_cmd_version = {
    .name = "version",
    .group = AZ_CMD_INFO,
    .args = "",
    .summary = "the version of adze",
    .run = version_run,
};
