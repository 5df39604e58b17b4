/* Gates files: YAML. */
#include "fuzz.h"
#include "plan/gates.h"

/* The gates that a file gives judge any evidence. */
static void judge(const az_gates *g)
{
    static const double values[] = { 0.5, 1, 2, 1e9 };
    az_gate_result results[AZ_GATES_MAX];
    az_evidence e;
    json_t *j;

    for (size_t v = 0; v <= AZ_COUNT(values); v++) { /* the last time without any */
        memset(&e, 0, sizeof e);
        for (int k = 0; v < AZ_COUNT(values) && k < AZ_EV_COUNT; k++)
            e.value[k] = (az_interval){ .value = values[v],
                                        .lo = values[v] / (k % 2 ? 1 : 4),
                                        .hi = values[v] * 1.5,
                                        .n = v == 3 ? 1 : (size_t)k * 3 };
        snprintf(e.why[AZ_EV_KL_MEAN], sizeof e.why[0], "no text");
        az_gates_check(g, &e, results);
        for (size_t i = 0; i < g->n; i++)
            fuzz_want(results[i].reason[0] && az_verdict_name(results[i].verdict),
                      "a verdict has a reason");
        j = az_gates_json(results, g->n);
        fuzz_want(j != NULL, "verdicts have JSON");
        json_decref(j);
    }
}

/* Latencies of a candidate and a baseline against the limits of a file: a reason only where both are above. */
static void judge_latency(const az_gates *g)
{
    static const double values[] = { 0, 0.1, 1, 40 };
    char why[160];

    for (size_t i = 0; i < g->n * AZ_COUNT(values) * AZ_COUNT(values) * 4; i++) {
        double limit = g->item[i % g->n].limit, a = values[i / g->n % 4],
               b = values[i / g->n / 4 % 4];
        az_steadiness c = { { a, a, a, i / g->n / 16 & 1 }, { a, a, a, 1 } },
                      base = { { b, b, b, i / g->n / 32 & 1 }, { b, b, b, 1 } };

        az_gates_disturbed(why, &c, &base, limit);
        fuzz_want(!why[0] || (a > limit && b > limit), "a reason where both vary");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    adze_error err = { .pos = ADZE_NOPOS };
    az_gates g;
    adze_status rc;

    fuzz_begin();
    rc = az_gates_parse(&g, fuzz_run, "gates.yaml", (const char *)data, n, &err);
    fuzz_status(rc, &err);
    if (rc == ADZE_OK) {
        fuzz_want(g.n >= 1 && g.n <= AZ_GATES_MAX, "some gate is in force");
        judge(&g);
        judge_latency(&g);
        for (size_t i = 0; i < g.n; i++)
            fuzz_want(g.item[i].gate && g.item[i].limit >= g.item[i].gate->low &&
                          g.item[i].limit <= g.item[i].gate->high,
                      "limits lie where they may");
    }
    fuzz_end();
    return 0;
}

void fuzz_seeds(void)
{
    char buf[4096];
    size_t n = 0;

    fuzz_seed_lines("format: 1\ngates:\n  - gate: top1\n    limit: 0.95\n    reason: because\n  - "
                    "gate: decode\n    off: true\n    reason: none\n");
    fuzz_seed_text(
        "format: 1\ngates:\n  - gate: top1\n    off: true\n    limit: 1\n    reason: x\n");
    fuzz_seed_text(
        "format: 1\ngates:\n  - {gate: top1, limit: 0.9}\n  - {gate: top1, limit: 0.9}\n");
    fuzz_seed_text("format: 1\ngates:\n  - {gate: decode, off: true}\n");
    fuzz_seed_text("format: 2\ngates: []\n");
    fuzz_seed_file("demo/gates.yaml");
    n = (size_t)snprintf(buf, sizeof buf, "format: 1\ngates:\n");
    for (size_t i = 0; az_gate_list[i]; i++)
        n += (size_t)snprintf(buf + n, sizeof buf - n, "  - {gate: %s, off: true, reason: x}\n",
                              az_gate_list[i]->name);
    fuzz_seed_text(buf);
    n = (size_t)snprintf(buf, sizeof buf, "format: 1\ngates:\n");
    for (size_t i = 0; az_gate_list[i]; i++)
        n += (size_t)snprintf(buf + n, sizeof buf - n, "  - {gate: %s, limit: %g}\n",
                              az_gate_list[i]->name, az_gate_list[i]->high);
    fuzz_seed_text(buf);
}
