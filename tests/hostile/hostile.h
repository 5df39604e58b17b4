/* What the tests of hostile input share. A class (docs/hostile-input.md) is a set of files that attack one weakness; a
 * variant is a row of a table: its class, how the file is made, the command that reads it, and how adze must end.
 * Every variant runs in the adze program: the exit code, what the message names, nothing left behind, no more
 * than so much memory and processor time.
 *
 * Files are spelled as items with spaces between (hs_put):
 *   'text    bytes; %XX is a byte in hexadecimal        1:N 2:N 4:N 8:N  a little-endian number
 *   s:text   length of 8 bytes, then the text           S:N              the same, N times the letter a
 *   f4:X     a float                                    z:N              N bytes of zero
 *   hole:N   N bytes that are not there (sparse)        pad              zeros up to a multiple of 32
 */
#ifndef HOSTILE_H
#define HOSTILE_H

#include "format/fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#if defined(__SANITIZE_ADDRESS__)
#define HS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HS_ASAN 1
#endif
#endif
#ifndef HS_ASAN
#define HS_ASAN 0
#endif

enum { HS_VARIANTS = 6 }; /* of each class, at least */
/* Of processor time and of memory, where a row says nothing. What the limits of work allow takes 1.5 s on a quiet machine. */
enum { HS_SECONDS = 8, HS_MEGABYTES = 96 };

typedef struct hs_case {
    const char *class, *what;
    const char *spec;                      /* contents of the file, or what `make` needs */
    const char *says;                      /* texts that the message must hold, | between them */
    int code;                              /* exit code; 0 is 3, HS_DONE is 0 */
    void (*make)(const struct hs_case *c); /* NULL: the table's own way */
    const char *command;                   /* NULL: the table's own; CASE and OUT are paths */
    int megabytes;                         /* of memory; 0: HS_MEGABYTES */
} hs_case;

enum { HS_DONE = -1 };

typedef struct hs_end {
    int code; /* exit code, 128 + signal */
    double cpu_s;
    long rss_mb;
    char text[6000]; /* standard output and error */
} hs_end;

/* --- files from their spelling --------------------------------------------------------------------------- */

static inline void hs_le(FILE *f, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        fputc((int)(v >> 8 * i & 255), f);
}

/* Bytes of a text with %XX in it; NULL f: only counted. */
static inline uint64_t hs_text(FILE *f, const char *s, size_t n)
{
    uint64_t count = 0;

    for (size_t i = 0; i < n; i++, count++) {
        char hex[3] = { 0 };
        int c = (unsigned char)s[i];
        if (c == '%' && i + 2 < n + 1) {
            memcpy(hex, s + i + 1, 2);
            c = (int)strtol(hex, NULL, 16);
            i += 2;
        }
        if (f) fputc(c, f);
    }
    return count;
}

static inline void hs_item(FILE *f, const char *s, size_t n)
{
    char item[64];
    float x;
    uint32_t u;

    snprintf(item, sizeof item, "%.*s", (int)n, s);
    if (s[0] == '\'') {
        hs_text(f, s + 1, n - 1);
    } else if (strncmp(s, "s:", 2) == 0) {
        hs_le(f, hs_text(NULL, s + 2, n - 2), 8);
        hs_text(f, s + 2, n - 2);
    } else if (strncmp(s, "S:", 2) == 0) {
        hs_le(f, strtoull(item + 2, NULL, 0), 8);
        for (uint64_t i = strtoull(item + 2, NULL, 0); i; i--)
            fputc('a', f);
    } else if (strncmp(s, "f4:", 3) == 0) {
        x = strtof(item + 3, NULL);
        memcpy(&u, &x, sizeof u);
        hs_le(f, u, 4);
    } else if (strncmp(s, "z:", 2) == 0) {
        for (uint64_t i = strtoull(item + 2, NULL, 0); i; i--)
            fputc(0, f);
    } else if (strncmp(s, "hole:", 5) == 0) {
        assert_int_equal(fseeko(f, (off_t)strtoull(item + 5, NULL, 0), SEEK_CUR), 0);
    } else if (strcmp(item, "pad") == 0) {
        while (ftello(f) % 32)
            fputc(0, f);
    } else if (n > 2 && s[1] == ':' && strchr("1248", s[0])) {
        hs_le(f, strtoull(item + 2, NULL, 0), s[0] - '0');
    } else {
        fail_msg("an item that is not known: %s", item);
    }
}

static inline void hs_put(FILE *f, const char *spec)
{
    while (*spec) {
        size_t n = strcspn(spec, " ");
        if (n) hs_item(f, spec, n);
        spec += n + (spec[n] == ' ');
    }
}

static inline FILE *hs_create(const char *path)
{
    FILE *f = fopen(path, "wb");

    if (!f) fail_msg("%s cannot be made", path);
    return f;
}

/* The end of the file is where it was last written or moved to. */
static inline void hs_close(FILE *f)
{
    off_t end;

    assert_int_equal(fflush(f), 0);
    end = ftello(f);
    assert_int_equal(ftruncate(fileno(f), end), 0);
    assert_int_equal(fclose(f), 0);
}

static inline void hs_write_spec(const char *path, const char *spec)
{
    FILE *f = hs_create(path);

    hs_put(f, spec);
    hs_close(f);
}

/* --- running the program --------------------------------------------------------------------------------- */

static inline void hs_limit(int what, rlim_t value)
{
    setrlimit(what, &(struct rlimit){ value, value });
}

/* `line` split at spaces, CASE, OUT and GOOD replaced by paths. Memory is freed by the end of the child. */
static inline void hs_exec(const char *line)
{
    static char text[2048];
    const char *bin = getenv("ADZE_BIN"), *argv[40] = { bin ? bin : "build/release/adze" };
    size_t n = 1;
    int null = open("/dev/null", O_RDONLY), out;

    snprintf(text, sizeof text, "%s", line);
    for (char *w = strtok(text, " "); w && n < 38; w = strtok(NULL, " ")) {
        char *path = malloc(600);
        int skip = strncmp(w, "CASE", 4) == 0 ? 4 : strncmp(w, "OUT", 3) == 0 ? 3 : 0;
        if (w[0] == '<') {
            snprintf(path, 600, "%s/%s", fx_root, w + 1);
            null = open(path, O_RDONLY);
            continue;
        }
        snprintf(path, 600, "%s/%s%s", fx_root, skip == 4 ? "case" : "out", w + skip);
        argv[n++] = skip ? path : w;
    }
    out = open(fx_path("text"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    dup2(null, 0);
    dup2(out, 1);
    dup2(out, 2);
    hs_limit(RLIMIT_CORE, 0);
    hs_limit(RLIMIT_CPU, HS_ASAN ? 120 : 30);
    if (!HS_ASAN) hs_limit(RLIMIT_AS, (rlim_t)4 << 30);
    setenv("ADZE_HOME", fx_path("home"), 1);
    execv(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
}

static inline void hs_run(hs_end *end, const char *line)
{
    struct rusage ru;
    int status;
    pid_t pid;
    FILE *f;

    fflush(NULL);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) hs_exec(line);
    assert_int_equal(wait4(pid, &status, 0, &ru), pid);
    end->code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    end->cpu_s = (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) +
                 (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6;
    end->rss_mb = ru.ru_maxrss / 1024;
    f = fopen(fx_path("text"), "rb");
    assert_non_null(f);
    end->text[fread(end->text, 1, sizeof end->text - 1, f)] = 0;
    fclose(f);
}

static inline size_t hs_entries(const char *path)
{
    DIR *d = opendir(path);
    struct dirent *e;
    size_t n = 0;

    assert_non_null(d);
    while ((e = readdir(d)))
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(d);
    return n;
}

static inline bool hs_holds(const char *text, const char *says)
{
    char part[200];

    while (*says) {
        size_t n = strcspn(says, "|");
        snprintf(part, sizeof part, "%.*s", (int)n, says);
        if (!strstr(text, part)) return false;
        says += n + (says[n] == '|');
    }
    return true;
}

/* No sanitizer's report; in messages, nothing that a terminal would obey. */
static inline bool hs_clean(const char *text, bool messages)
{
    for (const char *p = text; *p && messages; p++)
        if ((unsigned char)*p < 32 && *p != '\n' && *p != '\t') return false;
    return !strstr(text, "Sanitizer") && !strstr(text, "runtime error");
}

/* One command on what lies in "case*"; returns the failures that it printed. `code` HS_ANY: any orderly end. */
enum { HS_ANY = -2 };

static inline int hs_try(const hs_case *c, const char *command, int code, const char *says)
{
    int failed = 0, megabytes = c->megabytes ? c->megabytes : HS_MEGABYTES;
    size_t left;
    hs_end end;

    mkdir(fx_path("out"), 0777);
    hs_run(&end, command);
    if (HS_ASAN) megabytes = 4 * megabytes + 600;
    left = hs_entries(fx_path("out"));
    if (code == HS_ANY ? end.code > 6 || end.code == 1 : end.code != code)
        failed += printf("  ended with %d, wanted %d\n", end.code, code);
    if (!hs_holds(end.text, says)) failed += printf("  does not say %s\n", says);
    if (!hs_clean(end.text, end.code != 0))
        failed += printf("  raw control bytes or a sanitizer's report\n");
    if (left && end.code) failed += printf("  left %zu files behind\n", left);
    if (end.cpu_s > HS_SECONDS * (HS_ASAN ? 5 : 1))
        failed += printf("  took %.1f s of processor time\n", end.cpu_s);
    if (end.rss_mb > megabytes)
        failed += printf("  took %ld MB of memory, may take %d\n", end.rss_mb, megabytes);
    if (failed) printf("^ %s %s: adze %s\n%.700s\n", c->class, c->what, command, end.text);
    if (getenv("HOSTILE_SHOW"))
        printf("%s %s [%d, %.2f s, %ld MB] %.300s\n", c->class, c->what, end.code, end.cpu_s,
               end.rss_mb, end.text);
    az_remove_tree(fx_run, fx_path("out"), NULL);
    return failed;
}

/* A table: each row made by its own or the table's way, then run. Fails after the last row. */
typedef struct hs_table {
    const hs_case *cases;
    size_t n;
    const char *first, *last; /* classes: "G01", "G20" */
    void (*make)(const hs_case *c);
    const char *command;
    const char *also; /* a second command on each, which must end orderly; NULL: none */
} hs_table;

static inline void hs_clear(void)
{
    az_remove_tree(fx_run, fx_path("case"), NULL);
    az_remove_tree(fx_run, fx_path("out"), NULL);
}

static inline void hs_check_table(const hs_table *t)
{
    const char *only = getenv("HOSTILE_ONLY");
    int failed = 0;

    for (size_t i = 0; i < t->n; i++) {
        const hs_case *c = &t->cases[i];
        if (only && !strstr(only, c->class)) continue;
        hs_clear();
        (c->make ? c->make : t->make)(c);
        if (hs_try(c, c->command ? c->command : t->command,
                   c->code == HS_DONE ? 0
                   : c->code          ? c->code
                                      : 3,
                   c->says))
            failed++;
        else if (t->also && hs_try(c, t->also, HS_ANY, ""))
            failed++;
    }
    hs_clear();
    if (failed) fail_msg("%d of %zu variants", failed, t->n);
}

/* Every class from first to last has its variants; `more` counts those that are made by other means. */
static inline void hs_check_classes(const hs_table *t, const char *const *more, size_t n_more)
{
    char class[16];

    for (int k = atoi(t->first + 1); k <= atoi(t->last + 1); k++) {
        size_t n = 0;
        snprintf(class, sizeof class, "%c%02d", t->first[0], k);
        for (size_t i = 0; i < t->n; i++)
            n += strcmp(t->cases[i].class, class) == 0;
        for (size_t i = 0; i < n_more; i++)
            n += strcmp(more[i], class) == 0;
        if (n < HS_VARIANTS) fail_msg("class %s has %zu variants", class, n);
    }
    for (size_t i = 0; i < t->n; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(t->cases[i].class, t->cases[k].class) == 0 &&
                strcmp(t->cases[i].what, t->cases[k].what) == 0)
                fail_msg("%s %s is there twice", t->cases[i].class, t->cases[i].what);
}

#endif
