/* JSON glue. */
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

adze_status az_json_parse(json_t **out, const char *text, size_t n, const char *path,
                          adze_error *err)
{
    json_error_t e;

    *out = json_loadb(text, n, JSON_REJECT_DUPLICATES, &e);
    if (*out) return ADZE_OK;
    return az_fail(err, ADZE_EFORMAT, path, e.position > 0 ? (uint64_t)e.position : 0,
                   "not valid JSON: line %d column %d: %s", e.line, e.column, e.text);
}

adze_status az_json_read(json_t **out, adze_run *run, const char *path, size_t max_bytes,
                         adze_error *err)
{
    adze_status rc;
    char *text;
    size_t n;

    *out = NULL;
    rc = az_read_file(run, path, max_bytes, &text, &n, err);
    if (rc < 0) return rc;
    rc = az_json_parse(out, text, n, path, err);
    az_free(run, text);
    return rc;
}

adze_status az_json_write(adze_run *run, const json_t *j, const char *path, adze_error *err)
{
    char *text = json_dumps(j, JSON_INDENT(2) | JSON_ENSURE_ASCII);
    adze_status rc;
    size_t n;
    char *line;

    if (!text) return az_fail_nomem(err, "writing JSON");
    n = strlen(text);
    line = az_alloc(run, n + 1);
    if (line) {
        memcpy(line, text, n);
        line[n] = '\n';
        rc = az_write_file(run, path, line, n + 1, err);
    } else {
        rc = az_fail_nomem(err, "writing JSON");
    }
    az_free(run, line);
    free(text);
    return rc;
}

bool az_json_int(const json_t *o, const char *key, int64_t *out)
{
    const json_t *v = json_object_get(o, key);

    if (!json_is_integer(v)) return false;
    *out = json_integer_value(v);
    return true;
}

bool az_json_real(const json_t *o, const char *key, double *out)
{
    const json_t *v = json_object_get(o, key);

    if (!json_is_number(v)) return false;
    *out = json_number_value(v);
    return true;
}

bool az_json_bool(const json_t *o, const char *key, bool *out)
{
    const json_t *v = json_object_get(o, key);

    if (!json_is_boolean(v)) return false;
    *out = json_is_true(v);
    return true;
}

const char *az_json_str(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}
