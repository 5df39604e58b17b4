/* The main job through the program: interrupted, resumed, reused, judged, and every way that it can refuse.
 *
 * What depends on this machine's speed (whether a gate of speed or latency passes) decides nothing here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include "base/json.h"
#include "program.h"
#include "report/report.h"

#define JOB                                                                              \
    "optimize demo/checkpoint --text demo/heldout.txt --rounds 3 --chunks 2 -p 16 -n 8 " \
    "-r q8_0 -r q4_0 --out \"$T/run\""

static program p;

static int open_program(void **state)
{
    (void)state;
    program_open(&p);
    return 0;
}

static int close_program(void **state)
{
    (void)state;
    program_close(&p);
    return p.failures;
}

static json_t *report(const char *out)
{
    char path[128];
    json_error_t e;
    json_t *j;

    snprintf(path, sizeof path, "%s/%s/report.json", p.dir, out);
    j = json_load_file(path, 0, &e);
    if (!j) fail_msg("%s: %s", path, e.text);
    return j;
}

static int exists(const char *name)
{
    char path[128];

    snprintf(path, sizeof path, "%s/%s", p.dir, name);
    return access(path, F_OK) == 0;
}

/* A line that is exactly `stage`, as progress prints when it is not on a terminal. */
static int has_line(const char *text, const char *stage)
{
    size_t n = strlen(stage);

    for (const char *at = text; (at = strstr(at, stage)) != NULL; at += n)
        if ((at == text || at[-1] == '\n') && at[n] == '\n') return 1;
    return 0;
}

/* Start the job, send SIGINT when it says that it measures, and give its exit code. */
static int interrupt_while_measuring(void)
{
    char line[256], command[512];
    int fd[2], status = 0, sent = 0;
    FILE *f;
    pid_t pid;

    assert_int_equal(pipe(fd), 0);
    snprintf(command, sizeof command, "exec \"$ADZE\" %s >/dev/null </dev/null", JOB);
    pid = fork();
    assert_true(pid >= 0);
    if (!pid) {
        dup2(fd[1], 2);
        close(fd[0]);
        close(fd[1]);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    close(fd[1]);
    f = fdopen(fd[0], "r");
    while (fgets(line, sizeof line, f))
        if (!sent && strcmp(line, "measure\n") == 0) sent = kill(pid, SIGINT) == 0;
    fclose(f);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(sent);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void check_members(const json_t *r)
{
    static const char *const members[] = { "model",  "target", "baseline",    "candidates",
                                           "chosen", "schema", "environment", "text" };
    static const char *const of_candidate[] = { "recipe",   "format",       "engine",
                                                "artifact", "measurements", "quality",
                                                "gates",    "pareto",       "predicted" };
    const json_t *list = json_object_get(r, "candidates"), *c, *g;
    size_t i, k;

    for (i = 0; i < AZ_COUNT(members); i++)
        if (!json_object_get(r, members[i])) fail_msg("report.json lacks %s", members[i]);
    assert_int_equal(json_array_size(list), 2);
    json_array_foreach(list, i, c)
    {
        for (k = 0; k < AZ_COUNT(of_candidate); k++)
            if (!json_object_get(c, of_candidate[k]))
                fail_msg("candidate %zu lacks %s", i, of_candidate[k]);
        assert_true(json_array_size(json_object_get(c, "gates")) >= 4);
        json_array_foreach(json_object_get(c, "gates"), k, g)
        {
            const char *v = json_string_value(json_object_get(g, "verdict"));
            assert_non_null(json_object_get(g, "name"));
            assert_non_null(json_object_get(g, "limit"));
            assert_true(!strcmp(v, "pass") || !strcmp(v, "fail") || !strcmp(v, "inconclusive"));
        }
    }
    assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "recipe")),
                        "q8_0");
    assert_string_equal(json_string_value(json_object_get(json_array_get(list, 1), "recipe")),
                        "q4_0");
}

static double quality(const json_t *r, size_t i, const char *name)
{
    const json_t *q =
        json_object_get(json_array_get(json_object_get(r, "candidates"), i), "quality");

    return json_number_value(json_object_get(json_object_get(q, name), "value"));
}

static const json_t *measured_baseline(const json_t *r)
{
    const json_t *m = json_object_get(json_object_get(r, "baseline"), "measurements");

    assert_non_null(m);
    return m;
}

static json_int_t reused(const json_t *r)
{
    return json_integer_value(json_object_get(json_object_get(r, "environment"), "reused_stages"));
}

/* One home for all of these, in this order: each builds on the stages before it. */
static void interrupted_then_resumed_then_reused(void **state)
{
    adze_error err = { 0 };
    json_t *first, *second;

    (void)state;
    assert_int_equal(interrupt_while_measuring(), 130);
    assert_true(exists("run/checkpoint-q8_0.gguf")); /* what was finished is kept */
    assert_false(exists("run/report.json"));

    program_run(&p, "\"$ADZE\" " JOB);
    if (p.code != 0 && p.code != 5) fail_msg("exit %d: %s", p.code, p.err);
    assert_true(has_line(p.err, "measure"));
    assert_false(has_line(p.err, "convert")); /* not again */
    first = report("run");
    if (az_report_check(first, &err) != ADZE_OK) fail_msg("%s: %s", err.name, err.msg);
    check_members(first);
    assert_true(reused(first) >= 2);
    assert_true(exists("run/report.html"));
    /* measured quality is exact: it does not depend on the machine's load */
    assert_true(quality(first, 0, "kl_mean") > 0);
    assert_true(quality(first, 1, "kl_mean") > 5 * quality(first, 0, "kl_mean"));
    if (p.code == 5) { /* a gate of speed may fail on a loaded machine: then nothing is left */
        assert_true(json_is_null(json_object_get(first, "chosen")) ||
                    !json_object_get(json_object_get(first, "chosen"), "path"));
        assert_false(exists("run/checkpoint-q8_0.gguf"));
        assert_false(exists("run/checkpoint-q4_0.gguf"));
    } else {
        assert_int_equal(exists("run/checkpoint-q8_0.gguf") + exists("run/checkpoint-q4_0.gguf"),
                         1);
    }

    program_run(&p, "\"$ADZE\" " JOB);
    second = report("run");
    assert_false(has_line(p.err, "measure"));
    assert_false(has_line(p.err, "convert"));
    assert_false(has_line(p.err, "evaluate"));
    assert_true(reused(second) > reused(first));
    assert_true(json_equal(measured_baseline(first), measured_baseline(second)));
    for (size_t i = 0; i < 2; i++)
        assert_true(quality(first, i, "kl_mean") == quality(second, i, "kl_mean"));
    json_decref(first);
    json_decref(second);

    program_expect(&p, 0, "optimize demo/checkpoint", "\"$ADZE\" history");
    assert_non_null(strstr(p.out, "exit 130"));
}

static void impossible_gates_exit_5_and_leave_no_artifact(void **state)
{
    json_t *r;

    (void)state;
    program_run(
        &p, "printf 'format: 1\\ngates:\\n  - {gate: decode, limit: 100}\\n' >\"$T/gates.yaml\"");
    program_run(&p, "\"$ADZE\" " JOB "2 --gates \"$T/gates.yaml\"");
    if (p.code != 5) fail_msg("exit %d: %s%s", p.code, p.out, p.err);
    r = report("run2");
    assert_false(exists("run2/checkpoint-q8_0.gguf"));
    assert_false(exists("run2/checkpoint-q4_0.gguf"));
    assert_true(exists("run2/report.html"));
    json_decref(r);
    program_run(&p, "\"$ADZE\" " JOB "3 --keep --gates \"$T/gates.yaml\"");
    assert_int_equal(p.code, 5);
    r = report("run3");
    json_decref(r);
}

static void json_goes_to_standard_output_alone(void **state)
{
    json_error_t e;
    json_t *j;

    (void)state;
    program_run(&p, "\"$ADZE\" " JOB " --json --quiet");
    assert_true(p.code == 0 || p.code == 5);
    j = json_loads(p.out, 0, &e);
    if (!j) fail_msg("%s: %.300s", e.text, p.out);
    json_decref(j);
    assert_string_equal(p.err, "");
}

static void refusals(void **state)
{
    static const struct {
        int code;
        const char *text, *command;
    } cases[] = {
        { 4, "--max-disk", "\"$ADZE\" " JOB "-disk --max-disk 1k" },
        { 2, "nope", "\"$ADZE\" " JOB " -r nope" },
        { 2, "q8_0: this recipe was given twice", "\"$ADZE\" " JOB " -r q8_0" },
        { 2, "--rounds", "\"$ADZE\" optimize demo/checkpoint --rounds 2" },
        { 2, "--max-time", "\"$ADZE\" optimize demo/checkpoint --max-time soon" },
        { 2, "speed", "\"$ADZE\" optimize demo/checkpoint --prefer speed=fast" },
        { 2, "too few", "\"$ADZE\" optimize" },
        { 3, "/nowhere/text.txt",
          "\"$ADZE\" optimize demo/checkpoint --text /nowhere/text.txt --out \"$T/o\"" },
        { 3, "/nowhere/model", "\"$ADZE\" optimize /nowhere/model --out \"$T/o\"" },
        { 3, "/nowhere/gates.yaml",
          "\"$ADZE\" optimize demo/checkpoint --gates /nowhere/gates.yaml --out \"$T/o\"" },
        { 1, "/sys/adze-out", "\"$ADZE\" optimize demo/checkpoint --out /sys/adze-out" },
        { 1, "file-there",
          ": >\"$T/file-there\"; \"$ADZE\" optimize demo/checkpoint --out \"$T/file-there\"" },
        { 1, "/sys/adze-home",
          "ADZE_HOME=/sys/adze-home \"$ADZE\" optimize demo/checkpoint --out \"$T/o\"" },
        { 3, "decoed: no such gate",
          "printf 'format: 1\\ngates:\\n  - {gate: decoed, limit: 2}\\n' >\"$T/typo.yaml\"; "
          "\"$ADZE\" optimize demo/checkpoint --gates \"$T/typo.yaml\" --out \"$T/o\"" },
        { 3, "line: 3",
          "printf 'format: 1\\ngates:\\n  - {gaet: decode, limit: 2}\\n' >\"$T/typo.yaml\"; "
          "\"$ADZE\" optimize demo/checkpoint --gates \"$T/typo.yaml\" --out \"$T/o\"" },
        { 3, "model.safetensors",
          "cp -r demo/checkpoint \"$T/cut\"; "
          "head -c 9000000 demo/checkpoint/model.safetensors >\"$T/cut/model.safetensors\"; "
          "\"$ADZE\" optimize \"$T/cut\" --out \"$T/o\"" },
        { 3, "config.json",
          "rm -rf \"$T/bad\"; cp -r demo/checkpoint \"$T/bad\"; echo '{' >\"$T/bad/config.json\"; "
          "\"$ADZE\" optimize \"$T/bad\" --out \"$T/o\"" },
    };

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(cases); i++)
        program_expect(&p, cases[i].code, cases[i].text, cases[i].command);
    assert_int_equal(p.failures, 0);
    assert_false(exists("o/report.json"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(interrupted_then_resumed_then_reused),
        cmocka_unit_test(impossible_gates_exit_5_and_leave_no_artifact),
        cmocka_unit_test(json_goes_to_standard_output_alone),
        cmocka_unit_test(refusals),
    };

    return cmocka_run_group_tests(tests, open_program, close_program);
}
