/* Gates: verdicts at and around the limits, and gates files that loosen, add, switch off, or are wrong. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "plan/gates.h"

static int setup(void **state)
{
    return adze_run_new((adze_run **)state, NULL, NULL);
}

static int teardown(void **state)
{
    adze_run_free(*state);
    return 0;
}

/* Evidence that passes every usual gate. */
static az_evidence sound(void)
{
    az_evidence e = { 0 };

    e.value[AZ_EV_TOP1_RATIO] = (az_interval){ 0.99, 0.97, 1.01, 40 };
    e.value[AZ_EV_DECODE_RATIO] = (az_interval){ 2.5, 2.3, 2.6, 5 };
    e.value[AZ_EV_MEMORY_RATIO] = (az_interval){ 0.4, 0.39, 0.41, 5 };
    e.value[AZ_EV_LATENCY_CV] = (az_interval){ 0.05, 0.04, 0.07, 5 };
    return e;
}

static az_verdict verdict_of(const az_evidence *e, const char *gate, char *reason, size_t size)
{
    az_gate_result r[AZ_GATES_MAX];
    az_gates g;

    az_gates_usual(&g);
    az_gates_check(&g, e, r);
    for (size_t i = 0; i < g.n; i++)
        if (!strcmp(r[i].gate->name, gate)) {
            snprintf(reason, size, "%s", r[i].reason);
            return r[i].verdict;
        }
    fail_msg("no gate %s", gate);
    return AZ_VERDICT_FAIL;
}

static void the_usual_gates_are_those_documented(void **state)
{
    az_gates g;

    (void)state;
    az_gates_usual(&g);
    assert_int_equal(g.n, 4);
    assert_string_equal(g.item[0].gate->name, "top1");
    assert_true(g.item[0].limit == 0.95 && g.item[1].limit == 2 && g.item[2].limit == 0.5 &&
                g.item[3].limit == 0.2);
}

static void sound_evidence_passes(void **state)
{
    az_gate_result r[AZ_GATES_MAX];
    az_evidence e = sound();
    az_gates g;

    (void)state;
    az_gates_usual(&g);
    assert_int_equal(az_gates_check(&g, &e, r), AZ_VERDICT_PASS);
    for (size_t i = 0; i < g.n; i++)
        assert_true(r[i].verdict == AZ_VERDICT_PASS && r[i].reason[0]);
}

static void verdicts_follow_the_interval(void **state)
{
    static const struct {
        az_evidence_key key;
        const char *gate;
        az_interval v;
        const char *why;
        az_verdict want;
        const char *says;
    } cases[] = {
        { AZ_EV_TOP1_RATIO, "top1", { 0.97, 0.95, 0.99, 40 }, "", AZ_VERDICT_PASS, "97 %" },
        { AZ_EV_TOP1_RATIO,
          "top1",
          { 0.97, 0.949, 0.99, 40 },
          "",
          AZ_VERDICT_INCONCLUSIVE,
          "94.9 %" },
        { AZ_EV_TOP1_RATIO, "top1", { 0.94, 0.90, 0.99, 40 }, "", AZ_VERDICT_FAIL, "below" },
        { AZ_EV_TOP1_RATIO,
          "top1",
          { 0.99, 0.98, 1.0, 9 },
          "",
          AZ_VERDICT_INCONCLUSIVE,
          "at least 10" },
        { AZ_EV_TOP1_RATIO, "top1", { 0, 0, 0, 0 }, "", AZ_VERDICT_INCONCLUSIVE, "not measured" },
        { AZ_EV_TOP1_RATIO, "top1", { 0, 0, 0, 0 }, "no text", AZ_VERDICT_INCONCLUSIVE, "no text" },
        { AZ_EV_TOP1_RATIO,
          "top1",
          { 0.5, 0.4, 0.6, 40 },
          "random weights",
          AZ_VERDICT_INCONCLUSIVE,
          "random weights" },
        { AZ_EV_TOP1_RATIO,
          "top1",
          { NAN, 0.9, 1, 40 },
          "",
          AZ_VERDICT_INCONCLUSIVE,
          "not measured" },
        { AZ_EV_TOP1_RATIO,
          "top1",
          { 0.99, -INFINITY, 1, 40 },
          "",
          AZ_VERDICT_INCONCLUSIVE,
          "not measured" },
        { AZ_EV_DECODE_RATIO, "decode", { 2.0, 2.0, 2.0, 3 }, "", AZ_VERDICT_PASS, "2x" },
        { AZ_EV_DECODE_RATIO, "decode", { 1.99, 1.9, 2.4, 3 }, "", AZ_VERDICT_FAIL, "1.99x" },
        { AZ_EV_DECODE_RATIO,
          "decode",
          { 3, 3, 3, 1 },
          "",
          AZ_VERDICT_INCONCLUSIVE,
          "1 observation," },
        { AZ_EV_MEMORY_RATIO, "memory", { 0.5, 0.5, 0.5, 1 }, "", AZ_VERDICT_PASS, "50 %" },
        { AZ_EV_MEMORY_RATIO, "memory", { 0.51, 0.4, 0.6, 4 }, "", AZ_VERDICT_FAIL, "above" },
        { AZ_EV_MEMORY_RATIO,
          "memory",
          { 0.49, 0.4, 0.51, 4 },
          "",
          AZ_VERDICT_INCONCLUSIVE,
          "51 %" },
        { AZ_EV_LATENCY_CV, "latency_cv", { 0.21, 0.2, 0.22, 4 }, "", AZ_VERDICT_FAIL, "21 %" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        az_evidence e = sound();
        char reason[256] = "";
        az_verdict got;

        e.value[cases[i].key] = cases[i].v;
        snprintf(e.why[cases[i].key], sizeof e.why[0], "%s", cases[i].why);
        got = verdict_of(&e, cases[i].gate, reason, sizeof reason);
        if (got != cases[i].want || !strstr(reason, cases[i].says))
            fail_msg("case %zu: %s: %s", i, az_verdict_name(got), reason);
    }
}

static void a_disturbed_machine_proves_nothing_of_latency(void **state)
{
    static const az_steadiness steady = { { 0.1, 0.1, 0.5, 21 }, { 3e-4, 3e-4, 2e-3, 21 } };
    static const az_steadiness uneven = { { 0.9, 0.5, 1.2, 21 }, { 2.5e-3, 2e-3, 3e-3, 21 } };
    static const az_steadiness unknown = { { 0, 0, 0, 0 }, { 0, 0, 0, 0 } };
    static const struct {
        az_steadiness candidate;
        const az_steadiness *baseline;
        az_verdict want;
    } cases[] = {
        /* a token takes half the time, and is interrupted for as long */
        { { { 2.1, 1.8, 2.4, 21 }, { 2.9e-3, 2.5e-3, 3.1e-3, 21 } },
          &uneven,
          AZ_VERDICT_INCONCLUSIVE },
        { { { 2.1, 1.8, 2.4, 21 }, { 6e-3, 4e-3, 7e-3, 21 } }, &uneven, AZ_VERDICT_FAIL },
        { { { 0.3, 0.2, 0.4, 21 }, { 1e-3, 9e-4, 2e-3, 21 } }, &steady, AZ_VERDICT_FAIL },
        { { { 0.3, 0.2, 0.4, 21 }, { 1e-3, 9e-4, 2e-3, 21 } }, &unknown, AZ_VERDICT_FAIL },
        { { { 0.1, 0.1, 0.15, 21 }, { 1e-3, 9e-4, 2e-3, 21 } }, &uneven, AZ_VERDICT_PASS },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        az_evidence e = sound();
        char reason[256] = "";
        az_verdict got;

        e.value[AZ_EV_LATENCY_CV] = cases[i].candidate.cv;
        az_gates_disturbed(e.why[AZ_EV_LATENCY_CV], &cases[i].candidate, cases[i].baseline, 0.2);
        got = verdict_of(&e, "latency_cv", reason, sizeof reason);
        if (got != cases[i].want) fail_msg("case %zu: %s: %s", i, az_verdict_name(got), reason);
        if (got == AZ_VERDICT_INCONCLUSIVE)
            assert_non_null(strstr(reason, "the baseline's varied by 90 % in the same rounds"));
    }
}

static void one_failure_decides_over_doubt(void **state)
{
    az_gate_result r[AZ_GATES_MAX];
    az_evidence e = sound();
    az_gates g;

    (void)state;
    az_gates_usual(&g);
    e.value[AZ_EV_TOP1_RATIO].n = 0;
    assert_int_equal(az_gates_check(&g, &e, r), AZ_VERDICT_INCONCLUSIVE);
    e.value[AZ_EV_MEMORY_RATIO].value = 0.9;
    assert_int_equal(az_gates_check(&g, &e, r), AZ_VERDICT_FAIL);
}

static adze_status parse(adze_run *run, az_gates *g, const char *text, adze_error *err)
{
    *err = (adze_error){ .pos = ADZE_NOPOS };
    return az_gates_parse(g, run, "g.yaml", text, strlen(text), err);
}

static void a_file_changes_adds_and_switches_off(void **state)
{
    adze_error err;
    az_gates g;

    assert_int_equal(parse(*state, &g,
                           "format: 1\n"
                           "gates:\n"
                           "  - {gate: decode, limit: 1.2, reason: small}\n"
                           "  - {gate: ttft, limit: 500}\n"
                           "  - {gate: memory, off: yes, reason: a server has enough}\n",
                           &err),
                     ADZE_OK);
    assert_int_equal(g.n, 4);
    assert_string_equal(g.item[1].gate->name, "decode");
    assert_true(g.item[1].limit == 1.2);
    assert_string_equal(g.item[2].gate->name, "latency_cv");
    assert_string_equal(g.item[3].gate->name, "ttft");
    assert_non_null(strstr(g.note, "memory is off: a server has enough"));
    assert_int_equal(parse(*state, &g, "format: 1\ngates: []\n", &err), ADZE_OK);
    assert_int_equal(g.n, 4);
}

static void wrong_files_are_refused(void **state)
{
    static const char *const bad[][2] = {
        { "", "empty" },
        { "format: 2\ngates: []\n", "format" },
        { "gates: []\n", "format" },
        { "format: 1\n", "gates" },
        { "format: 1\ngates:\n  - {gate: top2, limit: 1}\n", "top2" },
        { "format: 1\ngates:\n  - {gate: top1}\n", "top1" },
        { "format: 1\ngates:\n  - {gate: top1, limit: 0.1}\n", "0.5" },
        { "format: 1\ngates:\n  - {gate: top1, limit: nan}\n", "top1" },
        { "format: 1\ngates:\n  - {gate: top1, limit: lots}\n", "lots" },
        { "format: 1\ngates:\n  - {gate: top1, limit: 0.9}\n  - {gate: top1, limit: 0.8}\n",
          "twice" },
        { "format: 1\ngates:\n  - {gate: top1, limit: 0.9, off: yes, reason: x}\n", "not both" },
        { "format: 1\ngates:\n  - {gate: top1, off: yes}\n", "reason" },
        { "format: 1\ngates:\n  - {gate: top1, limits: 0.9}\n", "limits" },
        { "format: 1\ngates:\n  - {gate: top1, off: yes, reason: a}\n"
          "  - {gate: decode, off: yes, reason: a}\n  - {gate: memory, off: yes, reason: a}\n"
          "  - {gate: latency_cv, off: yes, reason: a}\n",
          "nothing would be proved" },
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        adze_error err;
        char text[1200];
        az_gates g;

        if (parse(*state, &g, bad[i][0], &err) == ADZE_OK) fail_msg("case %zu was accepted", i);
        adze_error_text(&err, text, sizeof text);
        if (!strstr(text, bad[i][1]) || !strstr(text, "g.yaml")) fail_msg("case %zu: %s", i, text);
    }
}

static void the_demo_file_keeps_quality(void **state)
{
    adze_error err = { .msg = "" };
    az_gates g;

    assert_int_equal(az_gates_load(&g, *state, "demo/gates.yaml", &err), ADZE_OK);
    assert_string_equal(g.note, "");
    for (size_t i = 0; i < g.n; i++)
        if (strcmp(g.item[i].gate->name, "decode") && strcmp(g.item[i].gate->name, "memory") &&
            strcmp(g.item[i].gate->name, "latency_cv"))
            assert_true(g.item[i].limit == g.item[i].gate->limit);
}

static void json_has_the_members_of_the_report(void **state)
{
    az_gate_result r[AZ_GATES_MAX];
    az_evidence e = sound();
    json_t *list, *first;
    az_gates g;

    (void)state;
    az_gates_usual(&g);
    e.value[AZ_EV_TOP1_RATIO].n = 0;
    az_gates_check(&g, &e, r);
    list = az_gates_json(r, g.n);
    first = json_array_get(list, 0);
    assert_int_equal(json_array_size(list), 4);
    assert_string_equal(json_string_value(json_object_get(first, "verdict")), "inconclusive");
    assert_true(json_is_null(json_object_get(first, "value")));
    assert_null(json_object_get(first, "lo"));
    assert_string_equal(json_string_value(json_object_get(json_array_get(list, 2), "op")), "<=");
    json_decref(list);
}

static void ratios_keep_the_widest_spread(void **state)
{
    az_figure a = { 20, 18, 22, 5, "tok/s", AZ_MEASURED },
              b = { 10, 9, 11, 3, "tok/s", AZ_MEASURED };
    double x[] = { 20, 30, 22 }, y[] = { 10, 10, 10 }, scratch[3];
    az_interval v = az_ratio_of_figures(&a, &b);

    (void)state;
    assert_true(v.value == 2 && v.n == 3);
    assert_true(fabs(v.lo - 18.0 / 11) < 1e-12 && fabs(v.hi - 22.0 / 9) < 1e-12);
    b.n = 0;
    assert_int_equal(az_ratio_of_figures(&a, &b).n, 0);
    v = az_ratio_of_pairs(x, y, 3, scratch);
    assert_true(v.value == 2.2 && v.lo == 2 && v.hi == 3 && v.n == 3);
    y[1] = 0;
    assert_int_equal(az_ratio_of_pairs(x, y, 3, scratch).n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_usual_gates_are_those_documented),
        cmocka_unit_test(sound_evidence_passes),
        cmocka_unit_test(verdicts_follow_the_interval),
        cmocka_unit_test(a_disturbed_machine_proves_nothing_of_latency),
        cmocka_unit_test(one_failure_decides_over_doubt),
        cmocka_unit_test(a_file_changes_adds_and_switches_off),
        cmocka_unit_test(wrong_files_are_refused),
        cmocka_unit_test(the_demo_file_keeps_quality),
        cmocka_unit_test(json_has_the_members_of_the_report),
        cmocka_unit_test(ratios_keep_the_widest_spread),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
