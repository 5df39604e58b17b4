/* The adze program: find the command, parse its options, make the run context, run it. */
#include "cli/cli.h"
#include "cli/help.h"

#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

typedef struct common_opts {
    bool help, quiet;
    int64_t threads;
} common_opts;

const az_opt az_common_opts[] = {
    { 'h', "help", AZ_OPT_BOOL, offsetof(common_opts, help), NULL, NULL, "show this help" },
    { 'q', "quiet", AZ_OPT_BOOL, offsetof(common_opts, quiet), NULL, NULL,
      "no progress, no notes" },
    { 'j', "threads", AZ_OPT_INT, offsetof(common_opts, threads), "0", "N",
      "threads to use, 0 = all usable cores" },
    { 0, NULL, AZ_OPT_BOOL, 0, NULL, NULL, NULL },
};

static adze_run *volatile signal_run;

static void on_signal(int sig)
{
    static volatile sig_atomic_t seen;

    (void)sig;
    if (seen++) _exit(130);
    if (signal_run) adze_run_cancel(signal_run);
}

static void install_signals(void)
{
    struct sigaction sa;

    memset(&sa, 0, sizeof sa);
    sa.sa_handler = on_signal;
    sigemptyset(&sa.sa_mask);
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    signal(SIGPIPE, SIG_IGN);
}

int az_cli_fail(az_cli *cli, adze_status rc, const adze_error *err)
{
    char line[1200];

    fprintf(cli->err, "adze: %s%s\n", adze_error_text(err, line, sizeof line),
            rc == ADZE_ECANCEL && cli->cmd && (cli->cmd->flags & AZ_CMD_RESUMES)
                ? "; what was finished is kept, the same command goes on"
                : "");
    return adze_status_exit_code(rc);
}

int az_cli_usage(az_cli *cli, const az_cmd *cmd, const char *fmt, ...)
{
    va_list ap;

    fputs("adze: ", cli->err);
    va_start(ap, fmt);
    vfprintf(cli->err, fmt, ap);
    va_end(ap);
    fprintf(cli->err, "\nusage: adze %s %s\n", cmd->name, cmd->args);
    return 2;
}

void az_cli_printf(az_cli *cli, const char *fmt, ...)
{
    va_list ap;

    az_progress_view_clear(cli->progress);
    va_start(ap, fmt);
    vfprintf(cli->out, fmt, ap);
    va_end(ap);
}

void az_cli_note(az_cli *cli, const char *fmt, ...)
{
    va_list ap;

    if (cli->quiet) return;
    az_progress_view_clear(cli->progress);
    va_start(ap, fmt);
    vfprintf(cli->err, fmt, ap);
    va_end(ap);
}

void az_cli_warnings(az_cli *cli, const adze_model *m, const adze_tokenizer *t)
{
    if (m && m->warning) az_cli_note(cli, "warning: %s\n", m->warning);
    if (t && adze_tokenizer_warning(t))
        az_cli_note(cli, "warning: %s\n", adze_tokenizer_warning(t));
}

void az_cli_json(az_cli *cli, const json_t *j)
{
    az_progress_view_clear(cli->progress);
    json_dumpf(j, cli->out, JSON_INDENT(2) | JSON_ENSURE_ASCII);
    fputc('\n', cli->out);
}

int az_cli_finish(az_cli *cli)
{
    if (fflush(cli->out) == 0 && !ferror(cli->out)) return 0;
    fputs("adze: cannot write the output\n", cli->err);
    return 1;
}

const char *az_cli_bytes(char *buf, size_t size, double bytes)
{
    static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
    size_t i = 0;

    while (bytes >= 999.5 && i + 1 < AZ_COUNT(units)) {
        bytes /= 1000;
        i++;
    }
    snprintf(buf, size, i && bytes < 99.95 ? "%.1f %s" : "%.0f %s", bytes, units[i]);
    return buf;
}

static void look_at_terminal(az_cli *cli)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    bool tty = isatty(fileno(cli->out));
    struct winsize ws;

    cli->columns = 80;
    if (tty && ioctl(fileno(cli->out), TIOCGWINSZ, &ws) == 0 && ws.ws_col >= 40)
        cli->columns = ws.ws_col;
    cli->color = tty && !(no_color && no_color[0]) && term && strcmp(term, "dumb") != 0;
    cli->err_tty = isatty(fileno(cli->err)) && term && strcmp(term, "dumb") != 0;
}

static int run_command(az_cli *cli, const az_cmd *cmd, int argc, char **argv)
{
    _Alignas(max_align_t) char opts[AZ_CMD_OPTS_MAX] = { 0 };
    common_opts common = { 0 };
    const char **rest = calloc((size_t)argc + 1, sizeof *rest);
    az_progress_view *view = NULL;
    az_cli_models models = { 0 };
    adze_run_opts ro = { 0 };
    adze_error err = { 0 };
    int n_rest = 0, code;
    adze_status rc;

    if (!rest) return 1;
    err.pos = ADZE_NOPOS;
    rc = az_opt_parse(cmd->opts, opts, az_common_opts, &common, argc, argv, rest, &n_rest, &err);
    if (rc == ADZE_OK && common.help) {
        az_help_command(cli, cmd);
        code = az_cli_finish(cli);
        goto done;
    }
    if (rc < 0) {
        code = az_cli_usage(cli, cmd, "%s", err.msg);
        goto done;
    }
    if (n_rest < cmd->min_args || n_rest > cmd->max_args) {
        code = az_cli_usage(cli, cmd, "%s: %s arguments", cmd->name,
                            n_rest < cmd->min_args ? "too few" : "too many");
        goto done;
    }
    if (common.threads < 0 || common.threads > 1024) {
        code = az_cli_usage(cli, cmd, "option --threads: must be between 0 and 1024");
        goto done;
    }
    cli->cmd = cmd;
    cli->quiet = common.quiet;
    cli->threads = (int)common.threads;
    ro.threads = (int)common.threads;
    if (!cli->quiet) {
        view = az_progress_view_new(cli->err, cli->err_tty);
        ro.progress = az_progress_view_update;
        ro.user = cli->progress = view;
    }
    rc = adze_run_new(&cli->run, &ro, &err);
    if (rc < 0) {
        code = az_cli_fail(cli, rc, &err);
        goto done;
    }
    signal_run = cli->run;
    install_signals();
    code = az_cli_models_resolve(cli, cmd, n_rest, rest, opts, &models);
    az_progress_view_clear(view);
    if (code == 0) code = cmd->run(cli, opts, n_rest, rest);
    az_progress_view_clear(view);
    az_cli_models_free(cli, &models);
    signal_run = NULL;
    adze_run_free(cli->run);
done:
    cli->progress = NULL;
    az_progress_view_free(view);
    free(rest);
    return code;
}

/* A standard stream that was closed must not become the number of the next file: progress would be written into
 * an artifact. Reading from or writing to it fails as before. */
static bool hold_standard_streams(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd ? O_RDONLY : O_WRONLY) != fd)
            return false;
    return true;
}

int main(int argc, char **argv)
{
    az_cli cli = { .out = stdout, .err = stderr, .argc = argc, .argv = argv };
    const char *name = argc > 1 ? argv[1] : "help";
    const az_cmd *cmd;

    if (!hold_standard_streams()) return 1;
    setlocale(LC_CTYPE, ""); /* never LC_NUMERIC: numbers are printed with a point */
    look_at_terminal(&cli);
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) name = "help";
    if (strcmp(name, "--version") == 0) name = "version";
    cmd = az_cmd_find(name);
    if (!cmd) return az_cli_unknown_command(name);
    return run_command(&cli, cmd, argc > 2 ? argc - 2 : 0, argv + (argc > 2 ? 2 : argc));
}
