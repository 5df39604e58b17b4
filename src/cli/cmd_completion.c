/* adze completion: scripts for bash, zsh and fish, made from the option tables. */
#include "cli/cli.h"

#include <string.h>

static void words(az_cli *cli, const az_opt *o)
{
    for (; o && o->name; o++)
        az_cli_printf(cli, " --%s", o->name);
}

static void bash(az_cli *cli)
{
    az_cli_printf(cli, "_adze() {\n    local cur=${COMP_WORDS[COMP_CWORD]} words=\n"
                       "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        words=\"");
    for (size_t i = 0; az_cmds[i]; i++)
        if (!(az_cmds[i]->flags & AZ_CMD_HIDDEN))
            az_cli_printf(cli, "%s%s", i ? " " : "", az_cmds[i]->name);
    az_cli_printf(cli, "\"\n    elif [ \"${cur#-}\" != \"$cur\" ]; then\n"
                       "        case ${COMP_WORDS[1]} in\n");
    for (size_t i = 0; az_cmds[i]; i++) {
        az_cli_printf(cli, "        %s) words=\"", az_cmds[i]->name);
        words(cli, az_cmds[i]->opts);
        words(cli, az_common_opts);
        az_cli_printf(cli, "\" ;;\n");
    }
    az_cli_printf(cli,
                  "        esac\n    fi\n    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
                  "    [ -n \"$words\" ] || COMPREPLY=($(compgen -f -- \"$cur\"))\n}\n"
                  "complete -o filenames -F _adze adze\n");
}

/* Text inside single quotes of a shell, with the characters that zsh's _arguments treats as syntax escaped. */
static void quoted(az_cli *cli, const char *s, const char *escape)
{
    for (; *s; s++) {
        if (*s == '\'')
            az_cli_printf(cli, "'\\''");
        else if (strchr(escape, *s))
            az_cli_printf(cli, "\\%c", *s);
        else
            az_cli_printf(cli, "%c", *s);
    }
}

static void zsh_options(az_cli *cli, const az_opt *o)
{
    for (; o && o->name; o++) {
        az_cli_printf(cli, " '--%s%s[", o->name, o->arg ? "=" : "");
        quoted(cli, o->help, "[]:\\");
        az_cli_printf(cli, "]%s%s%s'", o->arg ? ":" : "", o->arg ? o->arg : "",
                      o->arg ? ":_files" : "");
    }
}

static void zsh(az_cli *cli)
{
    az_cli_printf(cli, "#compdef adze\n_adze() {\n    local -a cmds\n    cmds=(\n");
    for (size_t i = 0; az_cmds[i]; i++) {
        if (az_cmds[i]->flags & AZ_CMD_HIDDEN) continue;
        az_cli_printf(cli, "        '%s:", az_cmds[i]->name);
        quoted(cli, az_cmds[i]->summary, ":\\");
        az_cli_printf(cli, "'\n");
    }
    az_cli_printf(
        cli, "    )\n    if (( CURRENT == 2 )); then\n        _describe command cmds\n"
             "        return\n    fi\n    local cmd=$words[2]\n    shift words; (( CURRENT-- ))\n"
             "    case $cmd in\n");
    for (size_t i = 0; az_cmds[i]; i++) {
        az_cli_printf(cli, "    %s) _arguments", az_cmds[i]->name);
        zsh_options(cli, az_cmds[i]->opts);
        zsh_options(cli, az_common_opts);
        az_cli_printf(cli, " '*:file:_files' ;;\n");
    }
    az_cli_printf(cli, "    esac\n}\n_adze \"$@\"\n");
}

static void fish_options(az_cli *cli, const char *cmd, const az_opt *o)
{
    for (; o && o->name; o++) {
        az_cli_printf(cli, "complete -c adze -n '__fish_seen_subcommand_from %s' -l %s", cmd,
                      o->name);
        if (o->letter) az_cli_printf(cli, " -s %c", o->letter);
        if (o->arg) az_cli_printf(cli, " -r");
        az_cli_printf(cli, " -d '");
        quoted(cli, o->help, "");
        az_cli_printf(cli, "'\n");
    }
}

static void fish(az_cli *cli)
{
    for (size_t i = 0; az_cmds[i]; i++) {
        const az_cmd *c = az_cmds[i];
        if (c->flags & AZ_CMD_HIDDEN) continue;
        az_cli_printf(cli, "complete -c adze -n __fish_use_subcommand -f -a %s -d '", c->name);
        quoted(cli, c->summary, "");
        az_cli_printf(cli, "'\n");
        fish_options(cli, c->name, c->opts);
        fish_options(cli, c->name, az_common_opts);
    }
}

static int completion_run(az_cli *cli, const void *o, int argc, const char **argv)
{
    static const struct {
        const char *name;
        void (*print)(az_cli *cli);
    } shells[] = { { "bash", bash }, { "zsh", zsh }, { "fish", fish } };

    (void)o;
    (void)argc;
    for (size_t i = 0; i < AZ_COUNT(shells); i++)
        if (strcmp(shells[i].name, argv[0]) == 0) {
            shells[i].print(cli);
            return az_cli_finish(cli);
        }
    fprintf(cli->err, "adze: unknown shell \"%s\"; known: bash, zsh, fish\n", argv[0]);
    return 2;
}

const az_cmd az_cmd_completion = {
    .name = "completion",
    .group = AZ_CMD_INFO,
    .args = "bash|zsh|fish",
    .min_args = 1,
    .max_args = 1,
    .summary = "print a completion script for a shell",
    .example = "adze completion bash > ~/.local/share/bash-completion/completions/adze",
    .run = completion_run,
};
