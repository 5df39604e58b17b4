/* The program's face: help from the tables, completion, exit codes, where output and progress go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <jansson.h>
#include "base/compiler.h"
#include "program.h"

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
    return 0;
}

static int no_failures(void **state)
{
    int failures = p.failures;

    (void)state;
    p.failures = 0;
    return failures;
}

static json_t *tables(void)
{
    json_error_t e;
    json_t *j;

    program_run(&p, "\"$ADZE\" help --json");
    assert_int_equal(p.code, 0);
    j = json_loads(p.out, JSON_REJECT_DUPLICATES, &e);
    if (!j) fail_msg("help --json: line %d: %s", e.line, e.text);
    return j;
}

/* Every option of a table in its command's --help, by its long name, letter and help text. */
static void check_options(const json_t *options, const char *help)
{
    const json_t *o;
    size_t i;

    json_array_foreach(options, i, o)
    {
        const char *letter = json_string_value(json_object_get(o, "letter"));
        char word[80];
        snprintf(word, sizeof word, "%s%s%s--%s", letter ? "-" : "", letter ? letter : "",
                 letter ? ", " : "", json_string_value(json_object_get(o, "name")));
        if (!strstr(help, word)) fail_msg("--help lacks %s:\n%s", word, help);
        assert_non_null(strstr(help, json_string_value(json_object_get(o, "help"))));
        assert_non_null(json_string_value(json_object_get(o, "kind")));
    }
}

static void help_of_every_command(void **state)
{
    json_t *j = tables();
    const json_t *c;
    char command[200];
    size_t i, options = 0;

    (void)state;
    assert_true(json_array_size(json_object_get(j, "commands")) >= 14);
    assert_true(json_array_size(json_object_get(j, "common")) >= 3);
    json_array_foreach(json_object_get(j, "commands"), i, c)
    {
        const char *name = json_string_value(json_object_get(c, "name"));
        char *help;
        snprintf(command, sizeof command, "\"$ADZE\" %s --help", name);
        program_expect(&p, 0, "usage: adze", command);
        assert_string_equal(p.err, "");
        assert_non_null(strstr(p.out, json_string_value(json_object_get(c, "summary"))));
        check_options(json_object_get(c, "options"), p.out);
        check_options(json_object_get(j, "common"), p.out);
        options += json_array_size(json_object_get(c, "options"));
        help = strdup(p.out);
        snprintf(command, sizeof command, "\"$ADZE\" help %s", name);
        program_run(&p, command);
        assert_string_equal(p.out, help);
        free(help);
        program_run(&p, "\"$ADZE\" help");
        snprintf(command, sizeof command, "\n  %s ", name);
        assert_non_null(strstr(p.out, command));
    }
    assert_true(options > 30);
    json_decref(j);
    program_expect(&p, 0, "usage: adze COMMAND", "\"$ADZE\"");
    program_expect(&p, 0, "usage: adze COMMAND", "\"$ADZE\" --help");
    program_expect(&p, 0, "usage: adze COMMAND", "\"$ADZE\" -h");
    program_expect(&p, 0, "adze 0.", "\"$ADZE\" --version");
    program_expect(&p, 2, "unknown command \"nope\"", "\"$ADZE\" help nope");
}

/* No two options of a command, the common ones included, share a name or a letter. */
static void options_do_not_clash(void **state)
{
    json_t *j = tables();
    const json_t *c, *o;
    size_t i, k, part;

    (void)state;
    json_array_foreach(json_object_get(j, "commands"), i, c)
    {
        const json_t *parts[2] = { json_object_get(c, "options"), json_object_get(j, "common") };
        json_t *seen = json_object();
        for (part = 0; part < 2; part++)
            json_array_foreach(parts[part], k, o)
            {
                const char *names[2] = { json_string_value(json_object_get(o, "name")),
                                         json_string_value(json_object_get(o, "letter")) };
                for (size_t n = 0; n < 2; n++) {
                    char key[80];
                    if (!names[n]) continue;
                    snprintf(key, sizeof key, "%s%s", n ? "-" : "--", names[n]);
                    if (json_object_get(seen, key))
                        fail_msg("%s: %s twice", json_string_value(json_object_get(c, "name")),
                                 key);
                    json_object_set_new(seen, key, json_true());
                }
            }
        json_decref(seen);
    }
    json_decref(j);
}

static void man_page_formats_without_warnings(void **state)
{
    (void)state;
    program_expect(&p, 0, ".TH ADZE 1", "\"$ADZE\" help --man >\"$T/adze.1\"; cat \"$T/adze.1\"");
    program_expect(&p, 0, ".SS \"adze optimize", "cat \"$T/adze.1\"");
    program_expect(&p, 0, NULL,
                   "if command -v groff >/dev/null; then"
                   " groff -man -Tutf8 -ww -z \"$T/adze.1\" && test ! -s \"$T/err\";"
                   " else echo 'groff is not here: skipped' >&2; fi");
    program_expect(
        &p, 0, NULL,
        "if command -v mandoc >/dev/null; then mandoc -T lint -W error \"$T/adze.1\"; fi");
}

static void completion_scripts_are_valid(void **state)
{
    (void)state;
    program_expect(&p, 0, "complete -o", "\"$ADZE\" completion bash | tee \"$T/c.bash\"");
    program_expect(&p, 0, "#compdef adze", "\"$ADZE\" completion zsh | tee \"$T/c.zsh\"");
    program_expect(&p, 0, "complete -c adze", "\"$ADZE\" completion fish | tee \"$T/c.fish\"");
    program_expect(&p, 2, "known: bash, zsh, fish", "\"$ADZE\" completion tcsh");
    program_expect(&p, 0, NULL, "! command -v zsh >/dev/null || zsh -n \"$T/c.zsh\"");
    program_expect(&p, 0, NULL, "! command -v fish >/dev/null || fish -n \"$T/c.fish\"");
    /* and bash really completes with it: commands, then the options of one */
    program_expect(&p, 0, NULL,
                   "command -v bash >/dev/null || exit 0; bash -n \"$T/c.bash\" && bash -c '"
                   ". \"$T/c.bash\"; COMP_WORDS=(adze opt); COMP_CWORD=1; _adze;"
                   " test \"${COMPREPLY[*]}\" = optimize || exit 1;"
                   " COMP_WORDS=(adze optimize --max); COMP_CWORD=2; _adze;"
                   " test \"${COMPREPLY[*]}\" = \"--max-time --max-disk\" || exit 2;"
                   " COMP_WORDS=(adze bench --qui); _adze; test \"${COMPREPLY[*]}\" = --quiet'");
}

static void wrong_usage_exits_2(void **state)
{
    static const struct {
        const char *text, *command;
    } cases[] = {
        { "unknown command \"nope\"", "\"$ADZE\" nope" },
        { "did you mean \"convert\"?", "\"$ADZE\" convrt" },
        { "did you mean --recipe?", "\"$ADZE\" convert --recpe q8_0 demo/checkpoint x.gguf" },
        { "--temperature: \"-1\" is not 0 or more",
          "\"$ADZE\" generate demo/checkpoint -p x --temperature -1" },
        { "--seed: \"-1\"", "\"$ADZE\" chat demo/checkpoint --seed=-1" },
        { "--stop needs a text", "\"$ADZE\" generate demo/checkpoint -p x --stop ''" },
        { "--with is a list", "\"$ADZE\" prove demo/checkpoint demo/checkpoint --with ''" },
        { "unknown command \"\"", "\"$ADZE\" ''" },
        { "unknown command \"--nope\"", "\"$ADZE\" --nope" },
        { "unknown option --nope", "\"$ADZE\" inspect --nope demo/checkpoint" },
        { "unknown option -Z", "\"$ADZE\" inspect -Z demo/checkpoint" },
        { "too few", "\"$ADZE\" inspect" },
        { "too few", "\"$ADZE\" convert demo/checkpoint" },
        { "too many", "\"$ADZE\" inspect a b" },
        { "too many", "\"$ADZE\" version now" },
        { "--threads", "\"$ADZE\" inspect -j -1 demo/checkpoint" },
        { "--threads", "\"$ADZE\" inspect -j 1000000 demo/checkpoint" },
        { "--threads", "\"$ADZE\" inspect -j two demo/checkpoint" },
        { "--prompt", "\"$ADZE\" bench demo/checkpoint --prompt" },
        { "--text FILE is required", "\"$ADZE\" eval demo/checkpoint" },
        { "--chunk", "\"$ADZE\" eval demo/checkpoint --text demo/heldout.txt --chunk 4" },
    };

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(cases); i++)
        program_expect(&p, 2, cases[i].text, cases[i].command);
    program_run(&p, "\"$ADZE\" inspect a b");
    assert_string_equal(p.out, ""); /* usage is no result */
}

static void failures_say_what_to_do(void **state)
{
    static const struct {
        int code;
        const char *text, *command;
    } cases[] = {
        { 3, "no/such/x.gguf: cannot be written: its folder does not exist; make that first",
          "\"$ADZE\" convert demo/checkpoint no/such/x.gguf" },
        { 3, "no/such/p.json: cannot be written: its folder does not exist",
          "\"$ADZE\" prove demo/checkpoint demo/checkpoint --parts config -o no/such/p.json" },
        { 3, "a model on the hub is named hf:someone/model", "\"$ADZE\" inspect someone/model" },
        { 3, "a model on the hub is named hf:someone/model",
          "\"$ADZE\" eval demo/checkpoint someone/model --text demo/heldout.txt" },
        { 6, "no such engine; known: native", "\"$ADZE\" bench demo/checkpoint --engine none" },
        { 3, "no/such: cannot ask for its free space", "\"$ADZE\" probe --facts --disk no/such" },
        { 3, "names those declared", "\"$ADZE\" plan --target none" },
    };

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(cases); i++)
        program_expect(&p, cases[i].code, cases[i].text, cases[i].command);
}

static void output_that_cannot_be_written_exits_1(void **state)
{
    static const char *const commands[] = {
        "help",
        "help --json",
        "help --man",
        "version",
        "formats",
        "completion bash",
        "completion zsh",
        "inspect demo/checkpoint",
        "plan --list",
        "inspect demo/checkpoint --json",
        "history",
        "help optimize",
        "assess demo/checkpoint --help",
    };
    char command[200];

    (void)state;
    if (access("/dev/full", W_OK) != 0) {
        print_message("/dev/full is not here: skipped\n");
        return;
    }
    for (size_t i = 0; i < AZ_COUNT(commands); i++) {
        snprintf(command, sizeof command, "\"$ADZE\" %s >/dev/full", commands[i]);
        program_expect(&p, 1, "cannot write the output", command);
    }
    snprintf(command, sizeof command, "\"$ADZE\" help --json >&-"); /* closed from the start */
    program_expect(&p, 1, "cannot write the output", command);
}

static void a_reader_that_leaves_is_no_crash(void **state)
{
    (void)state;
    program_expect(&p, 0, "{", "\"$ADZE\" help --json | head -n 1");
    program_expect(&p, 0, NULL, "\"$ADZE\" inspect demo/checkpoint --json | head -c 1 >/dev/null");
}

static void inputs_that_are_wrong_exit_3(void **state)
{
    static const struct {
        const char *text, *command;
    } cases[] = {
        { "/nowhere", "\"$ADZE\" inspect /nowhere" },
        { "/nowhere", "\"$ADZE\" convert /nowhere \"$T/x.gguf\"" },
        { "/nowhere", "\"$ADZE\" bench /nowhere" },
        { "/nowhere", "\"$ADZE\" generate /nowhere -p x" },
        { "/nowhere", "\"$ADZE\" eval /nowhere --text demo/heldout.txt" },
        { "/nowhere.txt", "\"$ADZE\" eval demo/checkpoint --text /nowhere.txt" },
        { "empty", ": >\"$T/empty.gguf\"; \"$ADZE\" inspect \"$T/empty.gguf\"" },
        { "\\x1b[31m", "\"$ADZE\" inspect \"$T/$(printf '\\033[31m').gguf\"" },
        { "caf\\xe9", "\"$ADZE\" inspect \"$T/$(printf 'caf\\351').gguf\"" },
    };

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(cases); i++)
        program_expect(&p, 3, cases[i].text, cases[i].command);
    assert_null(strchr(p.err, '\033'));
}

/* Results on standard output, progress and notes on the other; plain when it is not a terminal. */
static void progress_is_plain_when_piped_and_silent_when_quiet(void **state)
{
    (void)state;
    program_expect(&p, 0, NULL, "\"$ADZE\" convert demo/checkpoint \"$T/a.gguf\" -r q4_0");
    assert_null(strchr(p.err, '\r'));
    assert_null(strchr(p.err, '\033'));
    assert_null(strchr(p.out, '\033'));
    assert_non_null(strstr(p.err, "convert\n"));
    program_expect(&p, 0, NULL, "\"$ADZE\" convert --quiet demo/checkpoint \"$T/b.gguf\" -r q4_0");
    assert_string_equal(p.err, "");
    program_expect(&p, 0, NULL, "cmp \"$T/a.gguf\" \"$T/b.gguf\"");
    program_expect(
        &p, 0, NULL,
        "\"$ADZE\" eval -q demo/checkpoint --text demo/heldout.txt --chunks 1 --chunk 16");
    assert_string_equal(p.err, "");
    program_expect(&p, 3,
                   "adze: ", "\"$ADZE\" inspect --quiet /nowhere"); /* errors are always said */
}

/* On a terminal, progress redraws one line, and NO_COLOR and TERM=dumb are honoured. `script` gives us one. */
static void terminals(void **state)
{
    static const char probe[] =
        "command -v script >/dev/null && script -qec true /dev/null </dev/null";
    static const char convert[] =
        "script -qec '\"$ADZE\" convert demo/checkpoint \"$T/t.gguf\" -r q4_0' "
        "/dev/null </dev/null";
    char command[300];

    (void)state;
    program_run(&p, probe);
    if (p.code != 0) {
        print_message("script(1) is not here: skipped\n");
        return;
    }
    snprintf(command, sizeof command, "TERM=xterm %s", convert);
    program_expect(&p, 0, NULL, command);
    assert_non_null(strstr(p.out, "\r\033[K")); /* the line is taken away at the end */
    snprintf(command, sizeof command, "rm \"$T/t.gguf\"; TERM=dumb %s", convert);
    program_expect(&p, 0, NULL, command);
    assert_null(strstr(p.out, "\033["));
    snprintf(command, sizeof command, "rm \"$T/t.gguf\"; NO_COLOR=1 TERM=xterm %s", convert);
    program_expect(&p, 0, NULL, command);
    assert_null(strstr(p.out, "\033[3")); /* no colour */
    assert_null(strstr(p.out, "\033[1"));
}

/* Standard streams that are closed must not become the worker's pipes or a file's descriptor. */
static void closed_standard_streams(void **state)
{
    (void)state;
    program_expect(
        &p, 0, "\"top1_accuracy\"",
        "\"$ADZE\" eval demo/checkpoint --text demo/heldout.txt --chunks 1 --chunk 16 --json <&-");
    program_expect(
        &p, 0, "\"top1_accuracy\"",
        "\"$ADZE\" eval demo/checkpoint --text demo/heldout.txt --chunks 1 --chunk 16 --json 2>&-");
    program_expect(&p, 0, NULL,
                   "\"$ADZE\" convert demo/checkpoint \"$T/closed.gguf\" -r q4_0 <&- 2>&- && "
                   "cmp \"$T/closed.gguf\" \"$T/a.gguf\"");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
#define EACH(f) cmocka_unit_test_teardown(f, no_failures)
        EACH(help_of_every_command),
        EACH(options_do_not_clash),
        EACH(man_page_formats_without_warnings),
        EACH(completion_scripts_are_valid),
        EACH(wrong_usage_exits_2),
        EACH(failures_say_what_to_do),
        EACH(output_that_cannot_be_written_exits_1),
        EACH(a_reader_that_leaves_is_no_crash),
        EACH(inputs_that_are_wrong_exit_3),
        EACH(progress_is_plain_when_piped_and_silent_when_quiet),
        EACH(terminals),
        EACH(closed_standard_streams),
    };

    return cmocka_run_group_tests(tests, open_program, close_program);
}
