/* Gates files, verdicts and their reasons. The rules are those of docs/report.md, "Verdicts". */
#include "plan/gates.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "plan/yaml.h"

enum { FILE_MAX_BYTES = 64 * 1024 };

typedef struct {
    char *gate;
    double *limit; /* NULL: not given */
    bool off;
    char *reason;
} gate_entry;

typedef struct {
    uint32_t format;
    gate_entry *gates;
    uint32_t gates_count;
} gates_file;

static const cyaml_schema_field_t entry_fields[] = {
    CYAML_FIELD_STRING_PTR("gate", CYAML_FLAG_POINTER, gate_entry, gate, 1, 64),
    CYAML_FIELD_FLOAT_PTR("limit", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT,
                          gate_entry, limit),
    CYAML_FIELD_BOOL("off", CYAML_FLAG_OPTIONAL, gate_entry, off),
    CYAML_FIELD_STRING_PTR("reason", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, gate_entry, reason,
                           1, 200),
    CYAML_FIELD_END
};
static const cyaml_schema_value_t entry = { CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, gate_entry,
                                                                entry_fields) };
static const cyaml_schema_field_t file_fields[] = {
    CYAML_FIELD_UINT("format", CYAML_FLAG_DEFAULT, gates_file, format),
    CYAML_FIELD_SEQUENCE("gates", CYAML_FLAG_POINTER, gates_file, gates, &entry, 0, AZ_GATES_MAX),
    CYAML_FIELD_END
};
static const cyaml_schema_value_t file_schema = { CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER,
                                                                      gates_file, file_fields) };

const char *az_verdict_name(az_verdict v)
{
    static const char *const names[] = { "pass", "inconclusive", "fail" };

    return names[v];
}

void az_gates_usual(az_gates *g)
{
    memset(g, 0, sizeof *g);
    for (size_t i = 0; az_gate_list[i]; i++) {
        if (!az_gate_list[i]->usual) continue;
        g->item[g->n].gate = az_gate_list[i];
        g->item[g->n++].limit = az_gate_list[i]->limit;
    }
}

static size_t position_of(const az_gates *g, const az_gate *gate)
{
    size_t i = 0;

    while (i < g->n && g->item[i].gate != gate)
        i++;
    return i;
}

static adze_status switch_off(az_gates *g, const az_gate *gate, const char *reason,
                              const char *path, adze_error *err)
{
    size_t i = position_of(g, gate), len = strlen(g->note);

    if (!reason)
        return az_fail_name(err, ADZE_EFORMAT, path, gate->name, ADZE_NOPOS,
                            "a gate that is off needs a reason");
    if (i < g->n) {
        g->n--;
        memmove(&g->item[i], &g->item[i + 1], (g->n - i) * sizeof g->item[0]);
        snprintf(g->note + len, sizeof g->note - len, "%s%s is off: %s", len ? "; " : "",
                 gate->name, reason);
    }
    return ADZE_OK;
}

static adze_status apply_entry(az_gates *g, const gate_entry *e, const char *path, adze_error *err)
{
    const az_gate *gate = az_gate_find(e->gate);
    double limit;
    size_t i;

    if (!gate)
        return az_fail_name(err, ADZE_EFORMAT, path, e->gate, ADZE_NOPOS,
                            "no such gate; docs/gates.md lists them");
    if (e->off && e->limit)
        return az_fail_name(err, ADZE_EFORMAT, path, gate->name, ADZE_NOPOS,
                            "a gate is off or has a limit, not both");
    if (e->off) return switch_off(g, gate, e->reason, path, err);
    if (!e->limit)
        return az_fail_name(err, ADZE_EFORMAT, path, gate->name, ADZE_NOPOS,
                            "its limit is missing");
    limit = *e->limit;
    if (!(limit >= gate->low && limit <= gate->high))
        return az_fail_name(err, ADZE_EFORMAT, path, gate->name, ADZE_NOPOS,
                            "limit %g is not between %g and %g %s", limit, gate->low, gate->high,
                            gate->unit);
    i = position_of(g, gate);
    if (i == g->n)
        g->item[g->n++].gate =
            gate; /* at most one of each: the list is shorter than AZ_GATES_MAX */
    g->item[i].limit = limit;
    return ADZE_OK;
}

static adze_status apply_file(az_gates *g, const gates_file *f, const char *path, adze_error *err)
{
    if (f->format != 1)
        return az_fail_name(err, ADZE_EUNSUP, path, "format", ADZE_NOPOS,
                            "%u is not a known format of gates files (known: 1)", f->format);
    for (uint32_t i = 0; i < f->gates_count; i++) {
        adze_status rc;

        for (uint32_t k = 0; k < i; k++)
            if (!strcmp(f->gates[i].gate, f->gates[k].gate))
                return az_fail_name(err, ADZE_EFORMAT, path, f->gates[i].gate, ADZE_NOPOS,
                                    "this gate is given twice");
        rc = apply_entry(g, &f->gates[i], path, err);
        if (rc < 0) return rc;
    }
    if (g->n == 0)
        return az_fail(err, ADZE_EFORMAT, path, ADZE_NOPOS,
                       "every gate is off; nothing would be proved");
    return ADZE_OK;
}

adze_status az_gates_parse(az_gates *g, adze_run *run, const char *path, const char *text, size_t n,
                           adze_error *err)
{
    void *file = NULL;
    adze_status rc;

    az_gates_usual(g);
    rc = az_yaml_parse(run, path, text, n, &file_schema, &file, err);
    if (rc < 0) goto done;
    rc = apply_file(g, file, path, err);
done:
    if (file) az_yaml_free(run, &file_schema, file);
    return rc;
}

adze_status az_gates_load(az_gates *g, adze_run *run, const char *path, adze_error *err)
{
    char *text = NULL;
    size_t n = 0;
    adze_status rc;

    az_gates_usual(g);
    rc = az_read_file(run, path, FILE_MAX_BYTES, &text, &n, err);
    if (rc < 0) goto done;
    rc = az_gates_parse(g, run, path, text, n, err);
done:
    az_free(run, text);
    return rc;
}

/* "2.04x", "98.7 %", "412 ms", "0.0031 nats". */
static const char *amount(char *buf, size_t size, double v, const char *unit)
{
    if (!strcmp(unit, "ratio"))
        snprintf(buf, size, "%.4g %%", 100 * v);
    else if (!strcmp(unit, "x"))
        snprintf(buf, size, "%.3gx", v);
    else if (!strcmp(unit, "bytes"))
        snprintf(buf, size, "%.4g MB", v / 1e6);
    else
        snprintf(buf, size, "%.4g %s", v, unit);
    return buf;
}

void az_gates_disturbed(char why[160], const az_steadiness *c, const az_steadiness *b, double limit)
{
    why[0] = 0;
    if (c->cv.n && b->cv.n && c->cv.value > limit && b->cv.value > limit &&
        c->deviation_s.lo <= b->deviation_s.hi)
        snprintf(
            why, 160,
            "the baseline's varied by %.0f %% in the same rounds, and by as much time, so that "
            "the machine was disturbed",
            b->cv.value * 100);
}

static void check_one(az_gate_result *r, const char *why)
{
    const az_gate *gate = r->gate;
    const az_interval *v = &r->value;
    bool right = gate->at_least ? v->value >= r->limit : v->value <= r->limit;
    bool sure = gate->at_least ? v->lo >= r->limit : v->hi <= r->limit;
    char a[48], b[48], c[48];

    amount(a, sizeof a, v->value, gate->unit);
    amount(b, sizeof b, r->limit, gate->unit);
    r->verdict = AZ_VERDICT_INCONCLUSIVE;
    if (v->n == 0 || !isfinite(v->value) || !isfinite(v->lo) || !isfinite(v->hi)) {
        snprintf(r->reason, sizeof r->reason, "not measured%s%s", why[0] ? ": " : "", why);
        r->value = (az_interval){ 0 };
    } else if (why[0]) {
        snprintf(r->reason, sizeof r->reason, "%s proves nothing: %s", a, why);
    } else if (v->n < gate->least_n) {
        snprintf(r->reason, sizeof r->reason, "%s from %zu observation%s, at least %zu are needed",
                 a, v->n, v->n == 1 ? "" : "s", gate->least_n);
    } else if (!right) {
        r->verdict = AZ_VERDICT_FAIL;
        snprintf(r->reason, sizeof r->reason, "%s is %s the limit of %s", a,
                 gate->at_least ? "below" : "above", b);
    } else if (!sure) {
        amount(c, sizeof c, gate->at_least ? v->lo : v->hi, gate->unit);
        snprintf(r->reason, sizeof r->reason, "%s meets the limit of %s, but may be %s", a, b, c);
    } else {
        r->verdict = AZ_VERDICT_PASS;
        amount(c, sizeof c, gate->at_least ? v->lo : v->hi, gate->unit);
        snprintf(r->reason, sizeof r->reason, "%s (%s %s) meets the limit of %s", a,
                 gate->at_least ? "at least" : "at most", c, b);
    }
}

az_verdict az_gates_check(const az_gates *g, const az_evidence *e, az_gate_result *results)
{
    az_verdict all = AZ_VERDICT_PASS;

    for (size_t i = 0; i < g->n; i++) {
        az_gate_result *r = &results[i];
        az_evidence_key key = g->item[i].gate->key;

        *r = (az_gate_result){ .gate = g->item[i].gate, .limit = g->item[i].limit };
        r->value = e->value[key];
        check_one(r, e->why[key]);
        if (r->verdict > all) all = r->verdict;
    }
    return all;
}

json_t *az_gates_json(const az_gate_result *results, size_t n)
{
    json_t *list = json_array();

    for (size_t i = 0; i < n; i++) {
        const az_gate_result *r = &results[i];
        json_t *o = json_pack("{s:s, s:s, s:s, s:f, s:s, s:s, s:s}", "name", r->gate->name, "title",
                              r->gate->title, "op", r->gate->at_least ? ">=" : "<=", "limit",
                              r->limit, "unit", r->gate->unit, "verdict",
                              az_verdict_name(r->verdict), "reason", r->reason);

        json_object_set_new(o, "value", r->value.n ? json_real(r->value.value) : json_null());
        if (r->value.n) {
            json_object_set_new(o, "lo", json_real(r->value.lo));
            json_object_set_new(o, "hi", json_real(r->value.hi));
        }
        json_array_append_new(list, o);
    }
    return list;
}

az_interval az_ratio_of_figures(const az_figure *a, const az_figure *b)
{
    if (!a->n || !b->n || !(b->min > 0)) return (az_interval){ 0 };
    return (az_interval){ .value = a->median / b->median,
                          .lo = a->min / b->max,
                          .hi = a->max / b->min,
                          .n = a->n < b->n ? a->n : b->n };
}

az_interval az_ratio_of_pairs(const double *a, const double *b, size_t n, double *scratch)
{
    az_figure f;

    for (size_t i = 0; i < n; i++) {
        if (!(b[i] > 0)) return (az_interval){ 0 };
        scratch[i] = a[i] / b[i];
    }
    f = az_figure_of(scratch, n, "x", AZ_MEASURED);
    return (az_interval){ .value = f.median, .lo = f.min, .hi = f.max, .n = n };
}
