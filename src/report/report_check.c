/* Required members of a report, as data. The full schema is data/schema/report-1.schema.json. */
#include <stdio.h>
#include <string.h>
#include "report/report.h"

typedef enum kind { STR, NUM, BOOL, OBJ, ARR, STR_OR_NULL, NUM_OR_NULL, OBJ_OR_NULL } kind;
static const char *const kind_names[] = { "a string",         "a number",
                                          "a boolean",        "an object",
                                          "an array",         "a string or null",
                                          "a number or null", "an object or null" };

typedef struct rule {
    const char *name;
    kind kind;
    bool optional;
} rule;

static const rule root_rules[] = {
    { "schema", STR, false },         { "created", STR, false },
    { "command", ARR, false },        { "adze", OBJ, false },
    { "model", OBJ, false },          { "target", OBJ, false },
    { "settings", OBJ, false },       { "text", OBJ_OR_NULL, false },
    { "baseline", OBJ, false },       { "candidates", ARR, false },
    { "chosen", OBJ, false },         { "environment", OBJ, false },
    { "profile", OBJ_OR_NULL, true }, { "recommendations", ARR, true },
    { "deployment", ARR, true },      { "monitoring", ARR, true },
    { "warnings", ARR, true },        { NULL, STR, false },
};
static const rule adze_rules[] = { { "version", STR, false },
                                   { "build", STR, false },
                                   { NULL, STR, false } };
static const rule model_rules[] = {
    { "name", STR, false },       { "path", STR, false },  { "arch", STR, false },
    { "parameters", NUM, false }, { "bytes", NUM, false }, { NULL, STR, false },
};
static const rule target_rules[] = {
    { "name", STR, false }, { "kind", STR, false }, { "roof", OBJ, false }, { NULL, STR, false }
};
static const rule text_rules[] = { { "path", STR, false }, { NULL, STR, false } };
static const rule chosen_rules[] = { { "id", STR_OR_NULL, false },
                                     { "why", STR, false },
                                     { NULL, STR, false } };
static const rule candidate_rules[] = {
    { "id", STR, false },           { "recipe", STR, false },
    { "format", STR, false },       { "engine", STR, false },
    { "settings", OBJ, false },     { "status", STR, false },
    { "measurements", OBJ, false }, { "gates", ARR, false },
    { "pareto", BOOL, false },      { "predicted", OBJ, false },
    { "ratios", OBJ, true },        { "artifact", OBJ_OR_NULL, false },
    { "verdict", STR, true },       { "quality", OBJ_OR_NULL, false },
    { NULL, STR, false },
};
static const rule setting_rules[] = { { "threads", NUM, false }, { NULL, STR, false } };
static const rule artifact_rules[] = { { "path", STR_OR_NULL, false },
                                       { "bytes", NUM, false },
                                       { NULL, STR, false } };
static const rule gate_rules[] = {
    { "name", STR, false }, { "value", NUM_OR_NULL, false }, { "limit", NUM, false },
    { "unit", STR, false }, { "verdict", STR, false },       { NULL, STR, false },
};
static const rule figure_rules[] = {
    { "median", NUM, false }, { "min", NUM, false },  { "max", NUM, false },
    { "n", NUM, false },      { "unit", STR, false }, { "provenance", STR, false },
    { NULL, STR, false },
};
static const rule missing_rules[] = { { "reason", STR, false }, { NULL, STR, false } };
static const rule interval_rules[] = {
    { "value", NUM, false }, { "lo", NUM, false },   { "hi", NUM, false },
    { "n", NUM, false },     { "unit", STR, false }, { NULL, STR, false },
};
static const rule prediction_rules[] = {
    { "value", NUM, false },        { "unit", STR, false }, { "measured", NUM_OR_NULL, true },
    { "error", NUM_OR_NULL, true }, { NULL, STR, false },
};
static const rule quality_rules[] = { { "conclusive", BOOL, false }, { NULL, STR, false } };
static const rule profile_rules[] = { { "id", STR, false },
                                      { "phases", ARR, false },
                                      { NULL, STR, false } };
static const rule phase_rules[] = {
    { "phase", STR, false },      { "operators", ARR, false }, { "meters", ARR, false },
    { "bottleneck", OBJ, false }, { NULL, STR, false },
};
static const rule operator_rules[] = {
    { "op", STR, false }, { "ms", NUM, false }, { "share", NUM, false }, { NULL, STR, false }
};
static const rule meter_rules[] = {
    { "kind", STR, false },         { "achieved", NUM_OR_NULL, false },
    { "peak", NUM_OR_NULL, false }, { "ratio", NUM_OR_NULL, false },
    { "unit", STR, false },         { NULL, STR, false },
};
static const rule advice_rules[] = { { "title", STR, false },
                                     { "text", STR, false },
                                     { "severity", STR, false },
                                     { NULL, STR, false } };
static const rule platform_rules[] = { { "platform", STR, false },
                                       { "text", STR, false },
                                       { NULL, STR, false } };
static const rule watch_rules[] = {
    { "metric", STR, false }, { "why", STR, false }, { "alert", STR, false }, { NULL, STR, false }
};

static bool is_kind(const json_t *v, kind k)
{
    switch (k) {
    case STR: return json_is_string(v);
    case NUM: return json_is_number(v);
    case BOOL: return json_is_boolean(v);
    case OBJ: return json_is_object(v);
    case ARR: return json_is_array(v);
    case STR_OR_NULL: return json_is_string(v) || json_is_null(v);
    case NUM_OR_NULL: return json_is_number(v) || json_is_null(v);
    case OBJ_OR_NULL: return json_is_object(v) || json_is_null(v);
    }
    return false;
}

static adze_status check_object(const json_t *o, const rule *rules, const char *at, adze_error *err)
{
    char name[192];

    if (!json_is_object(o))
        return az_fail_name(err, ADZE_EINVAL, NULL, at, ADZE_NOPOS, "must be an object");
    for (const rule *r = rules; r->name; r++) {
        const json_t *v = json_object_get(o, r->name);

        if (v ? is_kind(v, r->kind) : r->optional) continue;
        snprintf(name, sizeof name, "%s%s%s", at, *at ? "." : "", r->name);
        return az_fail_name(err, ADZE_EINVAL, NULL, name, ADZE_NOPOS, "must be %s%s",
                            kind_names[r->kind], v ? "" : ", but is missing");
    }
    return ADZE_OK;
}

static adze_status check_array(const json_t *array, const rule *rules, const char *at,
                               adze_error *err)
{
    char name[160];

    for (size_t i = 0; i < json_array_size(array); i++) {
        adze_status rc;

        snprintf(name, sizeof name, "%s[%zu]", at, i);
        rc = check_object(json_array_get(array, i), rules, name, err);
        if (rc < 0) return rc;
    }
    return ADZE_OK;
}

/* Every member that is an object is a value with `rules`, or says why there is none. */
static adze_status check_values(const json_t *map, const rule *rules, const char *at,
                                adze_error *err)
{
    char name[160];
    const char *key;
    json_t *v;

    json_object_foreach((json_t *)map, key, v)
    {
        adze_status rc;

        if (!json_is_object(v)) continue;
        snprintf(name, sizeof name, "%s.%s", at, key);
        rc = check_object(v, json_is_false(json_object_get(v, "available")) ? missing_rules : rules,
                          name, err);
        if (rc < 0) return rc;
    }
    return ADZE_OK;
}

static adze_status check_candidate(const json_t *c, const char *at, adze_error *err)
{
    const struct {
        const char *name;
        const rule *rules;
    } maps[] = { { "measurements", figure_rules },
                 { "ratios", interval_rules },
                 { "quality", interval_rules },
                 { "predicted", prediction_rules } };
    const json_t *artifact = json_object_get(c, "artifact"),
                 *quality = json_object_get(c, "quality");
    char name[128];
    adze_status rc = check_object(c, candidate_rules, at, err);

    for (size_t i = 0; rc == ADZE_OK && i < AZ_COUNT(maps); i++) {
        snprintf(name, sizeof name, "%s.%s", at, maps[i].name);
        rc = check_values(json_object_get(c, maps[i].name), maps[i].rules, name, err);
    }
    snprintf(name, sizeof name, "%s.settings", at);
    if (rc == ADZE_OK) rc = check_object(json_object_get(c, "settings"), setting_rules, name, err);
    snprintf(name, sizeof name, "%s.artifact", at);
    if (rc == ADZE_OK && json_is_object(artifact))
        rc = check_object(artifact, artifact_rules, name, err);
    snprintf(name, sizeof name, "%s.quality", at);
    if (rc == ADZE_OK && json_is_object(quality) && !json_object_get(quality, "available"))
        rc = check_object(quality, quality_rules, name, err);
    snprintf(name, sizeof name, "%s.gates", at);
    if (rc == ADZE_OK) rc = check_array(json_object_get(c, "gates"), gate_rules, name, err);
    return rc;
}

static adze_status check_candidates(const json_t *report, adze_error *err)
{
    const json_t *list = json_object_get(report, "candidates");
    const char *chosen =
        json_string_value(json_object_get(json_object_get(report, "chosen"), "id"));
    adze_status rc = check_candidate(json_object_get(report, "baseline"), "baseline", err);
    bool found = chosen == NULL;
    char name[64];

    for (size_t i = 0; rc == ADZE_OK && i < json_array_size(list); i++) {
        const json_t *c = json_array_get(list, i);

        snprintf(name, sizeof name, "candidates[%zu]", i);
        rc = check_candidate(c, name, err);
        if (rc == ADZE_OK && !found)
            found = strcmp(json_string_value(json_object_get(c, "id")), chosen) == 0;
    }
    if (rc == ADZE_OK && !found)
        return az_fail_name(err, ADZE_EINVAL, NULL, "chosen.id", ADZE_NOPOS,
                            "is not the id of a candidate");
    return rc;
}

static adze_status check_profile(const json_t *profile, adze_error *err)
{
    const json_t *phases = json_object_get(profile, "phases");
    adze_status rc = check_object(profile, profile_rules, "profile", err);
    char name[64];

    if (rc == ADZE_OK) rc = check_array(phases, phase_rules, "profile.phases", err);
    for (size_t i = 0; rc == ADZE_OK && i < json_array_size(phases); i++) {
        const json_t *p = json_array_get(phases, i);

        snprintf(name, sizeof name, "profile.phases[%zu].operators", i);
        rc = check_array(json_object_get(p, "operators"), operator_rules, name, err);
        snprintf(name, sizeof name, "profile.phases[%zu].meters", i);
        if (rc == ADZE_OK) rc = check_array(json_object_get(p, "meters"), meter_rules, name, err);
    }
    return rc;
}

adze_status az_report_check(const json_t *report, adze_error *err)
{
    const struct {
        const char *name;
        const rule *rules;
    } objects[] = { { "adze", adze_rules },
                    { "model", model_rules },
                    { "target", target_rules },
                    { "text", text_rules },
                    { "chosen", chosen_rules } },
      lists[] = { { "recommendations", advice_rules },
                  { "deployment", platform_rules },
                  { "monitoring", watch_rules } };
    const json_t *target = json_object_get(report, "target");
    adze_status rc = check_object(report, root_rules, "", err);

    if (rc == ADZE_OK &&
        strcmp(json_string_value(json_object_get(report, "schema")), AZ_REPORT_SCHEMA) != 0)
        return az_fail_name(err, ADZE_EINVAL, NULL, "schema", ADZE_NOPOS,
                            "must be " AZ_REPORT_SCHEMA);
    for (size_t i = 0; rc == ADZE_OK && i < AZ_COUNT(objects); i++) {
        const json_t *o = json_object_get(report, objects[i].name);

        if (!json_is_null(o)) rc = check_object(o, objects[i].rules, objects[i].name, err);
    }
    for (size_t i = 0; rc == ADZE_OK && i < AZ_COUNT(lists); i++)
        rc =
            check_array(json_object_get(report, lists[i].name), lists[i].rules, lists[i].name, err);
    if (rc == ADZE_OK)
        rc = check_values(json_object_get(target, "roof"), figure_rules, "target.roof", err);
    if (rc == ADZE_OK) rc = check_candidates(report, err);
    if (rc == ADZE_OK && json_is_object(json_object_get(report, "profile")))
        rc = check_profile(json_object_get(report, "profile"), err);
    return rc;
}
