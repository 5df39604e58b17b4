/* Workers: the real one over its pipes, and hostile ones; a bad worker costs one call, with a clear error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/json.h"
#include "engine/worker.h"

#define MODEL "tests/data/golden/llama"

static adze_run *run;
static uint64_t base_bytes;

static int make_run(void **state)
{
    adze_error err;

    (void)state;
    assert_int_equal(adze_run_new(&run, &(adze_run_opts){ .threads = 1 }, &err), ADZE_OK);
    base_bytes = run->used_bytes;
    return 0;
}

/* Every test ends with no child left, running or zombie, and no memory held. */
static int check_and_free(void **state)
{
    (void)state;
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    assert_int_equal(run->used_bytes, base_bytes);
    adze_run_free(run);
    return 0;
}

static az_worker *start(void)
{
    const char *bin = getenv("ADZE_BIN");
    const char *argv[] = { bin ? bin : "build/release/adze", "worker", NULL };
    az_worker *w = NULL;
    adze_error err = { 0 };

    if (az_worker_start(&w, run, argv, &err) != ADZE_OK) fail_msg("%s", err.msg);
    return w;
}

/* A worker that is a few lines of shell: R reads one request line, describe answers it properly. */
static adze_status start_fake(az_worker **w, const char *script, adze_error *err)
{
    char text[2048];
    const char *argv[] = { "sh", "-c", text, NULL };

    snprintf(
        text, sizeof text,
        "R() { IFS= read -r line; }\n"
        "describe() { R; echo '{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"protocol\":1}}'; }\n%s",
        script);
    return az_worker_start(w, run, argv, err);
}

static double now_s(void)
{
    return (double)az_now_ns(run) * 1e-9;
}

/* ---- the real worker ---- */

static void real_worker_answers(void **state)
{
    az_worker *w = start();
    az_engine_settings set = { .threads = 1, .context = 32, .sequences = 2 };
    int32_t tokens[] = { 1, 5, 9, 2 };
    uint64_t peak, now;
    az_worker_model m;
    adze_error err = { 0 };
    float *last, *all;
    json_t *r;

    (void)state;
    assert_int_equal(az_worker_open(w, "native", MODEL, &set, &m, &err), ADZE_OK);
    assert_int_equal(m.threads, 1);
    assert_int_equal(m.context, 32);
    assert_true(m.vocab > 9 && m.weight_bytes > 1000 && m.load_ms >= 0 && m.isa[0] && m.build[0]);
    assert_int_equal(az_worker_eval(w, tokens, 4, 4, m.vocab, &all, &err), ADZE_OK);
    assert_int_equal(az_worker_eval(w, tokens, 4, 1, m.vocab, &last, &err), ADZE_OK);
    assert_memory_equal(last, all + 3 * m.vocab,
                        m.vocab * sizeof *last); /* whatever the chunking */
    az_free(run, last);
    az_free(run, all);
    assert_int_equal(az_worker_memory(w, &peak, &now, &err), ADZE_OK);
    assert_true(peak >= now && now > 100000);
    assert_int_equal(az_worker_call(w, "bench", json_pack("{s:i}", "generate", 5), tokens,
                                    sizeof tokens, 60, &r, NULL, NULL, &err),
                     ADZE_OK);
    assert_int_equal(json_array_size(json_object_get(r, "token_ns")), 5);
    json_decref(r);
    assert_int_equal(az_worker_call(w, "batch",
                                    json_pack("{s:i, s:i}", "generate", 7, "sequences", 2), tokens,
                                    sizeof tokens, 60, &r, NULL, NULL, &err),
                     ADZE_OK);
    assert_int_equal(json_array_size(json_object_get(r, "step_ns")), 7);
    assert_true(json_integer_value(json_object_get(r, "prefill_ns")) > 0);
    json_decref(r);
    assert_int_equal(az_worker_call(w, "profile", NULL, NULL, 0, 60, &r, NULL, NULL, &err),
                     ADZE_OK);
    assert_true(json_array_size(r) > 3);
    json_decref(r);
    az_worker_stop(w);
    az_worker_stop(NULL);
}

static void real_worker_refuses_what_is_wrong(void **state)
{
    static const struct {
        const char *method, *params; /* params NULL: none */
        size_t frame_n;
        adze_status want;
        const char *msg;
    } before[] = {
        { "no_such", NULL, 0, ADZE_EINVAL, "no such method" },
        { "open", NULL, 0, ADZE_EINVAL, "\"model\" is missing" },
        { "open", "{\"model\": 5}", 0, ADZE_EINVAL, "\"model\" is missing" },
        { "open", "{\"model\": \"/nowhere/at/all\"}", 0, ADZE_ENOENT, "cannot" },
        { "open", "{\"model\": \"" MODEL "\", \"engine\": \"nope\"}", 0, ADZE_EMISSING, "no such engine" },
        { "eval", "{\"want\": 1}", 8, ADZE_EINVAL, "no model is open" },
        { "bench", "{\"generate\": 1}", 8, ADZE_EINVAL, "no model is open" },
        { "batch", "{\"sequences\": 1}", 8, ADZE_EINVAL, "no model is open" },
        { "open", "{\"model\": \"" MODEL "\", \"kv\": \"q9\"}", 0, ADZE_EINVAL, "no such type of cache" },
        { "profile", NULL, 0, ADZE_EINVAL, "no model is open" },
    }, after[] = {
        { "eval", "{\"want\": 1}", 0, ADZE_EINVAL, "int32" },
        { "eval", "{\"want\": 1}", 7, ADZE_EINVAL, "int32" },
        { "eval", "{\"want\": 3}", 8, ADZE_EINVAL, "want is more" },
        { "eval", "{\"want\": 1000000000}", 8, ADZE_EINVAL, "want is more" },
        { "eval", "{\"want\": 1}", 33 * 4, ADZE_EFIT, "context holds 32" }, /* over the context */
        { "batch", "{\"sequences\": 3, \"generate\": 1}", 32, ADZE_EINVAL, "not those of 3" },
        { "batch", "{\"generate\": 1}", 8, ADZE_EINVAL, "not those of 0" },
        { "batch", "{\"sequences\": 1, \"generate\": 31}", 8, ADZE_EFIT, "context of 32" },
        { "bench", "{\"generate\": 31}", 8, ADZE_EFIT, "context holds 32" },
    };
    az_worker *w = start();
    az_engine_settings set = { .threads = 1, .context = 32 };
    int32_t frame[64] = { 1, 2 };
    az_worker_model m;
    adze_error err = { 0 };
    float *logits;

    (void)state;
    for (int pass = 0; pass < 2; pass++) {
        size_t n = pass ? AZ_COUNT(after) : AZ_COUNT(before);
        for (size_t i = 0; i < n; i++) {
            const char *method = pass ? after[i].method : before[i].method;
            const char *params = pass ? after[i].params : before[i].params;
            adze_status want = pass ? after[i].want : before[i].want, rc;
            json_t *r = NULL;
            rc = az_worker_call(w, method, params ? json_loads(params, 0, NULL) : NULL, frame,
                                pass ? after[i].frame_n : before[i].frame_n, 60, &r, NULL, NULL,
                                &err);
            if (rc != want || !strstr(err.msg, pass ? after[i].msg : before[i].msg))
                fail_msg("%s %s: %d %s", method, params ? params : "", rc, err.msg);
            json_decref(r);
        }
        if (!pass) assert_int_equal(az_worker_open(w, "native", MODEL, &set, &m, &err), ADZE_OK);
    }
    frame[1] = (int32_t)m.vocab; /* a token id out of range */
    assert_int_equal(az_worker_eval(w, frame, 2, 1, m.vocab, &logits, &err), ADZE_EINVAL);
    frame[1] = -1;
    assert_int_equal(az_worker_eval(w, frame, 2, 1, m.vocab, &logits, &err), ADZE_EINVAL);
    assert_null(logits);
    frame[1] = 2; /* and after all that it still works */
    assert_int_equal(az_worker_eval(w, frame, 2, 1, m.vocab, &logits, &err), ADZE_OK);
    az_free(run, logits);
    az_worker_stop(w);
}

/* The path and name of a failure come back; bytes that JSON cannot carry do not break the answer. */
static void errors_cross_the_pipe(void **state)
{
    char dir[] = "/tmp/adze-worker-XXXXXX", path[100];
    az_engine_settings set = { .threads = 1 };
    az_worker *w = start();
    az_worker_model m;
    adze_error err = { 0 };
    FILE *f;

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/bad.gguf", dir);
    f = fopen(path, "wb");
    /* version 3, one tensor whose name is not UTF-8 and whose type does not exist */
    fwrite("GGUF\3\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0\xff\x1b\xfe\1\0\0\0"
           "\4\0\0\0\0\0\0\0\xff\0\0\0\0\0\0\0\0\0\0\0",
           1, 24 + 8 + 3 + 4 + 8 + 4 + 8, f);
    fclose(f);
    assert_true(az_worker_open(w, "native", path, &set, &m, &err) < 0);
    assert_true(err.status == ADZE_EFORMAT || err.status == ADZE_EUNSUP);
    assert_string_equal(err.path, path);
    assert_int_equal(az_worker_open(w, "native", "\xff\xfe", &set, &m, &err), ADZE_EINVAL);
    assert_non_null(strstr(err.msg, "UTF-8"));
    assert_int_equal(az_worker_open(w, "native", MODEL, &set, &m, &err), ADZE_OK);
    az_worker_stop(w);
    unlink(path);
    rmdir(dir);
}

/* ---- hostile workers ---- */

#define ANSWER "describe; R; "

static void bad_answers_are_errors_of_the_worker(void **state)
{
    static const struct {
        const char *script, *msg;
        adze_status want;
    } bad[] = {
        { ANSWER "echo garbage; R", "not valid JSON", ADZE_EFORMAT },
        { ANSWER "echo '[]'; R", "out of order", ADZE_EWORKER },
        { ANSWER "echo; R", "not valid JSON", ADZE_EFORMAT },
        { ANSWER "printf '{\"id\":2,\\000}\\n'; R", "not valid JSON", ADZE_EFORMAT },
        { ANSWER "echo '{\"id\":7,\"result\":{}}'; R", "out of order", ADZE_EWORKER },
        { ANSWER "echo '{\"id\":\"2\",\"result\":{}}'; R", "out of order", ADZE_EWORKER },
        { ANSWER "echo '{\"id\":2}'; R", "no result", ADZE_EWORKER },
        { ANSWER "echo '{\"id\":2,\"result\":{},\"frame\":-1}'; R", "frame length", ADZE_EFORMAT },
        { ANSWER "echo '{\"id\":2,\"result\":{},\"frame\":9223372036854775807}'; R", "frame length",
          ADZE_EFORMAT },
        { ANSWER "echo '{\"id\":2,\"error\":null}'; R", "memory", ADZE_EWORKER },
        { ANSWER "echo '{\"id\":2,\"error\":{\"message\":\"\"}}'; R", "memory", ADZE_EWORKER },
        { ANSWER "echo '{\"id\":2,\"error\":{\"message\":\"no\",\"data\":{\"status\":0}}}'; R",
          "no", ADZE_EWORKER },
        { ANSWER "echo '{\"id\":2,\"error\":{\"message\":\"no\",\"data\":{\"status\":-9}}}'; R",
          "no", ADZE_EWORKER }, /* it cannot say that the user interrupted */
        { ANSWER
          "echo '{\"id\":2,\"error\":{\"message\":\"no\",\"data\":{\"status\":-4000000000}}}'; R",
          "no", ADZE_EWORKER },
        { ANSWER "echo '{\"id\":2,\"error\":{\"message\":\"bad file\",\"data\":{\"status\":-4,"
                 "\"path\":\"m.gguf\",\"name\":\"t\"}}}'; R",
          "bad file", ADZE_EFORMAT },
        { ANSWER "echo '{\"id\":2,\"result\":{\"peak_bytes\":\"many\"}}'; R", "incomplete",
          ADZE_EWORKER },
        { ANSWER "echo '{\"id\":2,\"result\":{\"peak_bytes\":-5,\"now_bytes\":-5}}'; R",
          "incomplete", ADZE_EWORKER },
        { ANSWER "echo '{\"id\":2,\"result\":{},\"frame\":100}'; printf 'only this'; exit 3",
          "exited with code 3", ADZE_EWORKER },
        { ANSWER "printf '{\"id\":2,'; exit 0", "exited with code 0", ADZE_EWORKER },
        { ANSWER "echo first >&2; echo 'the GPU fell off' >&2; exit 9",
          "exited with code 9: the GPU fell off", ADZE_EWORKER },
        { ANSWER "kill -9 $$", "killed by signal 9", ADZE_EWORKER },
        { ANSWER "kill -SEGV $$", "killed by signal 11", ADZE_EWORKER },
    };

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(bad); i++) {
        adze_error err = { 0 };
        uint64_t peak, now;
        az_worker *w = NULL;
        adze_status rc;
        if (start_fake(&w, bad[i].script, &err) != ADZE_OK)
            fail_msg("%s: %s", bad[i].script, err.msg);
        rc = az_worker_memory(w, &peak, &now, &err);
        if (rc != bad[i].want || !strstr(err.msg, bad[i].msg))
            fail_msg("%s: %d %s", bad[i].script, rc, err.msg);
        az_worker_stop(w);
    }
}

static void bad_starts_are_clear(void **state)
{
    static const struct {
        const char *script, *msg;
    } bad[] = {
        { "exit 127", "exited with code 127" },
        { "echo 'no such model library' >&2; exit 1", "no such model library" },
        { "R; echo '{\"id\":1,\"result\":{\"protocol\":2}}'; R", "protocol 2, not 1" },
        { "R; echo '{\"id\":1,\"result\":{}}'; R", "protocol 0, not 1" },
        { "echo hello; R", "not valid JSON" },
    };
    const char *const missing[] = { "/no/such/program", NULL };
    adze_error err = { 0 };
    az_worker *w;

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(bad); i++) {
        assert_true(start_fake(&w, bad[i].script, &err) < 0);
        assert_null(w);
        if (!strstr(err.msg, bad[i].msg)) fail_msg("%s: %s", bad[i].script, err.msg);
    }
    assert_int_equal(az_worker_start(&w, run, missing, &err), ADZE_EMISSING);
    assert_string_equal(err.path, "/no/such/program");
}

/* None of these may take longer than their limit, though the worker never ends by itself. */
static void no_answer_in_time(void **state)
{
    static const struct {
        const char *script;
        adze_status want;
    } slow[] = {
        { ANSWER "sleep 1000", ADZE_ETIMEOUT },
        { ANSWER "while :; do printf ' '; sleep 0.1; done", ADZE_ETIMEOUT }, /* dribbles for ever */
        { ANSWER "echo '{\"id\":2,\"result\":{},\"frame\":1000000}'; "
                 "while :; do printf x; sleep 0.1; done",
          ADZE_ETIMEOUT },
        { ANSWER "echo '{\"id\":2,\"result\":{},\"frame\":4294967296}'; sleep 1000",
          ADZE_ETIMEOUT },
        { ANSWER "yes complaint >&2; sleep 1000", ADZE_ETIMEOUT }, /* floods its standard error */
        { ANSWER "exec 1>&-; sleep 1000", ADZE_EWORKER },          /* closes, but lives on */
    };

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(slow); i++) {
        double t0 = now_s();
        adze_error err = { 0 };
        az_worker *w = NULL;
        adze_status rc;
        json_t *r;
        void *frame;
        size_t n;
        assert_int_equal(start_fake(&w, slow[i].script, &err), ADZE_OK);
        rc = az_worker_call(w, "memory", NULL, NULL, 0, 0.7, &r, &frame, &n, &err);
        /* a machine without 4 GiB to promise may refuse the frame instead */
        if (rc != slow[i].want && !(i == 3 && rc == ADZE_ENOMEM))
            fail_msg("%s: %d %s", slow[i].script, rc, err.msg);
        assert_null(r);
        assert_null(frame);
        /* and nothing more is asked of it */
        rc = az_worker_call(w, "memory", NULL, NULL, 0, 0.7, NULL, NULL, NULL, &err);
        assert_int_equal(rc, ADZE_EWORKER);
        az_worker_stop(w);
        assert_true(now_s() - t0 < 30);
    }
}

static void endless_line_is_bounded(void **state)
{
    adze_error err = { 0 };
    az_worker *w = NULL;

    (void)state;
    assert_int_equal(start_fake(&w, ANSWER "yes 12345678901234567890 | tr -d '\\n'", &err),
                     ADZE_OK);
    assert_int_equal(az_worker_call(w, "memory", NULL, NULL, 0, 120, NULL, NULL, NULL, &err),
                     ADZE_EFORMAT);
    assert_non_null(strstr(err.msg, "line over"));
    az_worker_stop(w);
}

static void writing_to_a_dead_worker_raises_no_signal(void **state)
{
    static int32_t tokens[100000];
    adze_error err = { 0 };
    az_worker *w = NULL;

    (void)state;
    signal(SIGPIPE, SIG_DFL); /* a user of the library need not ignore it */
    assert_int_equal(start_fake(&w, "describe; echo bye >&2; exit 4", &err), ADZE_OK);
    usleep(100000);
    assert_int_equal(az_worker_call(w, "eval", NULL, tokens, sizeof tokens, 20, NULL, NULL, NULL,
                                    &err),
                     ADZE_EWORKER);
    assert_non_null(strstr(err.msg, "exited with code 4: bye"));
    az_worker_stop(w);
}

/* It reads nothing: the parent's write fills the pipe and must not wait for ever. */
static void a_worker_that_does_not_read(void **state)
{
    static int32_t tokens[1000000];
    adze_error err = { 0 };
    az_worker *w = NULL;

    (void)state;
    assert_int_equal(start_fake(&w, "describe; sleep 1000", &err), ADZE_OK);
    assert_int_equal(az_worker_call(w, "eval", NULL, tokens, sizeof tokens, 0.5, NULL, NULL, NULL,
                                    &err),
                     ADZE_ETIMEOUT);
    az_worker_stop(w);
}

static void wrong_amount_of_logits(void **state)
{
    adze_error err = { 0 };
    int32_t token = 1;
    float *logits;
    az_worker *w = NULL;

    (void)state;
    /* "head -c" takes the request's frame, so that the next line starts right */
    assert_int_equal(start_fake(&w,
                                "describe; R; echo '{\"id\":2,\"result\":{},\"frame\":3}'; "
                                "printf abc; sleep 100",
                                &err),
                     ADZE_OK);
    assert_int_equal(az_worker_eval(w, &token, 1, 1, 5, &logits, &err), ADZE_EWORKER);
    assert_null(logits);
    assert_non_null(strstr(err.msg, "3 bytes of logits, not 20"));
    az_worker_stop(w);
}

static void *cancel_soon(void *arg)
{
    usleep(300000);
    adze_run_cancel(arg);
    return NULL;
}

static void cancel_stops_a_call(void **state)
{
    adze_error err = { 0 };
    az_worker *w = NULL;
    pthread_t t;
    double t0;

    (void)state;
    assert_int_equal(start_fake(&w, ANSWER "sleep 1000", &err), ADZE_OK);
    pthread_create(&t, NULL, cancel_soon, run);
    assert_int_equal(az_worker_call(w, "memory", NULL, NULL, 0, 100, NULL, NULL, NULL, &err),
                     ADZE_ECANCEL);
    pthread_join(t, NULL);
    t0 = now_s();
    az_worker_stop(w);
    assert_true(now_s() - t0 < 5); /* killed at once, not waited for */
}

/* What a worker starts goes with it. */
static void a_killed_worker_leaves_no_helpers(void **state)
{
    char dir[] = "/tmp/adze-worker-XXXXXX", script[400], path[64], text[32] = "";
    adze_error err = { 0 };
    az_worker *w = NULL;
    FILE *f = NULL;
    int pid = 0;

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/pid", dir);
    snprintf(script, sizeof script, ANSWER "sleep 1000 & echo $! >%s.new; mv %s.new %s; wait", path,
             path, path);
    assert_int_equal(start_fake(&w, script, &err), ADZE_OK);
    assert_int_equal(az_worker_call(w, "memory", NULL, NULL, 0, 2, NULL, NULL, NULL, &err),
                     ADZE_ETIMEOUT);
    az_worker_stop(w);
    f = fopen(path, "r");
    assert_non_null(f);
    assert_non_null(fgets(text, sizeof text, f));
    fclose(f);
    pid = atoi(text);
    for (int i = 0; i < 100 && kill(pid, 0) == 0; i++) { /* an orphan's reaper may take a moment */
        char stat[64], line[256] = "";
        snprintf(stat, sizeof stat, "/proc/%d/stat", pid);
        f = fopen(stat, "r");
        if (f && fgets(line, sizeof line, f) && strstr(line, ") Z ")) pid = 0;
        if (f) fclose(f);
        if (!pid) break;
        usleep(20000);
    }
    assert_true(!pid || kill(pid, 0) != 0);
    unlink(path);
    rmdir(dir);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
#define EACH(f) cmocka_unit_test_setup_teardown(f, make_run, check_and_free)
        EACH(real_worker_answers),         EACH(real_worker_refuses_what_is_wrong),
        EACH(errors_cross_the_pipe),       EACH(bad_answers_are_errors_of_the_worker),
        EACH(bad_starts_are_clear),        EACH(no_answer_in_time),
        EACH(endless_line_is_bounded),     EACH(writing_to_a_dead_worker_raises_no_signal),
        EACH(a_worker_that_does_not_read), EACH(wrong_amount_of_logits),
        EACH(cancel_stops_a_call),         EACH(a_killed_worker_leaves_no_helpers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
