/* The program's frame: a command is one const az_cmd in its own file and one line in cmd_list.c.
 *
 * Commands print only through az_cli: results to out, everything else to err. They return an exit code;
 * az_cli_fail prints an error and gives the code of its status.
 */
#ifndef AZ_CLI_CLI_H
#define AZ_CLI_CLI_H

#include <jansson.h>
#include <stdio.h>
#include "base/opt.h"
#include "base/run.h"
#include "core/model.h"
#include <adze/session.h>

typedef struct az_cli {
    adze_run *run;
    const struct az_cmd *cmd; /* that runs */
    FILE *out, *err;
    bool quiet;                        /* no progress, no notes */
    bool color;                        /* out is a terminal and NO_COLOR is not set */
    bool err_tty;                      /* err is a terminal: progress draws over itself */
    struct az_progress_view *progress; /* cleared before anything is printed; may be NULL */
    int threads;                       /* as given with --threads; 0: not given */
    int columns;                       /* width of out, 80 when it is not a terminal */
    int argc;                          /* whole command line, for reports */
    char **argv;
} az_cli;

enum az_cmd_group { AZ_CMD_MODEL, AZ_CMD_RUN, AZ_CMD_MEASURE, AZ_CMD_JOB, AZ_CMD_INFO };
enum {
    AZ_CMD_HIDDEN = 1,
    AZ_CMD_RESUMES = 2 /* the same command goes on where it was interrupted */
};

typedef struct az_cmd {
    const char *name;
    enum az_cmd_group group;
    unsigned flags;
    const char *args; /* "SRC DST" */
    int min_args, max_args;
    const char *summary; /* one line */
    const char *details; /* paragraphs for --help and the man page, or NULL */
    const char *example;
    const az_opt *opts; /* ends with name NULL; may be NULL */
    size_t opts_size;   /* sizeof the options struct, at most AZ_CMD_OPTS_MAX */
    int (*run)(az_cli *cli, const void *opts, int argc, const char **argv); /* exit code */
} az_cmd;

enum { AZ_CMD_OPTS_MAX = 4096 };
extern const az_cmd *const az_cmds[]; /* NULL-terminated, in the order of help */
extern const az_opt az_common_opts[]; /* options of every command: --help, --quiet, --threads */
const az_cmd *az_cmd_find(const char *name);
int az_cli_unknown_command(const char *name); /* says so, with the nearest one; returns 2 */

/* Print "adze: ..." for err and return the exit code of rc. */
int az_cli_fail(az_cli *cli, adze_status rc, const adze_error *err);
int az_cli_usage(az_cli *cli, const az_cmd *cmd, const char *fmt, ...)
    AZ_PRINTF(3, 4);                                                   /* returns 2 */
void az_cli_printf(az_cli *cli, const char *fmt, ...) AZ_PRINTF(2, 3); /* to out */
void az_cli_note(az_cli *cli, const char *fmt, ...) AZ_PRINTF(2, 3);   /* to err unless quiet */
/* What must be known about how a model and its tokenizer were read; either may be NULL. */
void az_cli_warnings(az_cli *cli, const adze_model *m, const adze_tokenizer *t);
void az_cli_json(az_cli *cli, const json_t *j); /* indented, to out */
/* Exit code 0, or 1 with a message when out could not be written. Every command ends with it. */
int az_cli_finish(az_cli *cli);

/* Names on the hub among a command's words and options become paths, loaded first when the cache lacks them. What
 * is a model is told by the word in the tables: MODEL, PATH, SRC, BASELINE, CHECKPOINT, ... A plain name never goes online.
 * Returns 0, or an exit code after a message. az_cli_models_free when the command is done. */
typedef struct az_cli_models {
    char *paths[32];
    size_t n;
} az_cli_models;
int az_cli_models_resolve(az_cli *cli, const az_cmd *cmd, int argc, const char **argv, void *opts,
                          az_cli_models *m);
void az_cli_models_free(az_cli *cli, az_cli_models *m);

/* Progress drawing; installed as the run's progress sink by main. */
typedef struct az_progress_view az_progress_view;
az_progress_view *az_progress_view_new(FILE *err, bool tty);
void az_progress_view_free(az_progress_view *v);
void az_progress_view_update(void *view, const adze_progress *p);
void az_progress_view_clear(az_progress_view *v); /* before other output to the terminal */

/* "1.2 GB", "350 MB", "17 B". */
const char *az_cli_bytes(char *buf, size_t size, double bytes);

#endif
