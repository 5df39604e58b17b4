/* Running the adze program from a test: a shell command line, its exit code and what it printed. */
#ifndef TESTS_PROGRAM_H
#define TESTS_PROGRAM_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct program {
    char dir[64]; /* a folder of its own, in $T for the commands */
    char *out, *err;
    int code;     /* exit code, 128 + signal */
    int failures; /* checks that did not hold, already printed */
    char command[2048];
} program;

static inline void program_open(program *p)
{
    const char *bin = getenv("ADZE_BIN");

    memset(p, 0, sizeof *p);
    strcpy(p->dir, "/tmp/adze-test-XXXXXX");
    if (!mkdtemp(p->dir)) abort();
    setenv("T", p->dir, 1);
    setenv("ADZE", bin ? bin : "build/release/adze", 1);
    snprintf(p->command, sizeof p->command, "%s/home", p->dir);
    setenv("ADZE_HOME", p->command, 1);
}

static inline char *program_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    size_t n = 0, cap = 1 << 16;
    char *text = malloc(cap + 1);

    while (f && text) {
        size_t got = fread(text + n, 1, cap - n, f);
        n += got;
        if (!got) break;
        if (n == cap) text = realloc(text, (cap *= 2) + 1);
    }
    if (f) fclose(f);
    if (!text) abort();
    text[n] = 0;
    return text;
}

/* Run a shell command line; standard output and error are kept in p->out and p->err. */
static inline void program_run(program *p, const char *command)
{
    char line[2300], path[100];
    int status;

    free(p->out);
    free(p->err);
    snprintf(p->command, sizeof p->command, "%s", command);
    snprintf(line, sizeof line, "{ %s\n} >\"$T/out\" 2>\"$T/err\" </dev/null", command);
    status = system(line);
    p->code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    snprintf(path, sizeof path, "%s/out", p->dir);
    p->out = program_file(path);
    snprintf(path, sizeof path, "%s/err", p->dir);
    p->err = program_file(path);
}

/* Run it and check the exit code and a text that its output or its messages must hold; prints what is wrong. */
static inline int program_expect(program *p, int code, const char *text, const char *command)
{
    program_run(p, command);
    if (p->code == code && (!text || strstr(p->out, text) || strstr(p->err, text))) return 1;
    fprintf(stderr, "%s\n  exit %d, wanted %d and \"%s\"\n%.2000s%.2000s\n", command, p->code, code,
            text ? text : "", p->out, p->err);
    p->failures++;
    return 0;
}

static inline void program_close(program *p)
{
    if (system("rm -rf \"$T\"") != 0) p->failures++;
    free(p->out);
    free(p->err);
    p->out = p->err = NULL;
}

#endif
