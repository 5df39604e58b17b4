/* JSON glue. */
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 256, MAX_VALUES = 4 << 20 };

/* What jansson makes of two bytes can take 100: nesting and values are counted before there is any of it. Counts of
 * text that is no JSON do not matter: the parser refuses it. */
static adze_status check_cost(const char *text, size_t n, const char *path, adze_error *err)
{
    size_t values = 1, depth = 0;

    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        if (c == '"') {
            for (i++; i < n && text[i] != '"'; i++)
                if (text[i] == '\\') i++;
        } else if (c == '[' || c == '{') {
            values++;
            if (++depth > MAX_DEPTH)
                return az_fail(err, ADZE_EFORMAT, path, i, "JSON nested deeper than %d",
                               (int)MAX_DEPTH);
        } else if (c == ']' || c == '}') {
            depth -= depth > 0;
        } else if (c == ',' && ++values > MAX_VALUES) {
            return az_fail(err, ADZE_EUNSUP, path, i, "more than %d values in JSON",
                           (int)MAX_VALUES);
        }
    }
    return ADZE_OK;
}

/* Text on its way to the parser: whole numbers that no 64 bits hold get a fraction of zero. */
typedef struct feed {
    const char *text;
    size_t n, at;
    size_t insert_at; /* where the next fraction goes; n: nowhere */
    size_t inserted;  /* bytes of it that were given */
} feed;

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* End of the first whole number from `at` on that is too large; n: there is none. */
static size_t next_large(const char *s, size_t n, size_t at)
{
    static const char most[] = "9223372036854775807";
    size_t limit = sizeof most - 1;

    while (at < n) {
        size_t start = at;
        if (s[at] == '"') {
            for (at++; at < n && s[at] != '"'; at++)
                if (s[at] == '\\') at++;
            at++;
            continue;
        }
        if (!is_digit(s[at])) {
            at++;
            continue;
        }
        while (at < n && is_digit(s[at]))
            at++;
        if (at < n && (s[at] == '.' || s[at] == 'e' || s[at] == 'E')) {
            while (at < n && (is_digit(s[at]) || strchr(".eE+-", s[at])))
                at++;
        } else if (at - start > limit ||
                   (at - start == limit && memcmp(s + start, most, limit) > 0)) {
            return at;
        }
    }
    return n;
}

static size_t give(void *to, size_t size, void *data)
{
    static const char zero[] = ".0";
    feed *f = data;
    size_t n = f->insert_at - f->at;

    if (!n && f->insert_at < f->n) {
        n = sizeof zero - 1 - f->inserted < size ? sizeof zero - 1 - f->inserted : size;
        memcpy(to, zero + f->inserted, n);
        f->inserted += n;
        if (f->inserted < sizeof zero - 1) return n;
        f->inserted = 0;
        f->insert_at = next_large(f->text, f->n, f->at);
        return n;
    }
    n = n < size ? n : size;
    memcpy(to, f->text + f->at, n);
    f->at += n;
    return n;
}

/* Where in the text a place in what was given of it lies: fractions before it are not there. */
static size_t place_in_text(const char *text, size_t n, size_t at)
{
    const size_t fraction = strlen(".0");

    for (size_t end = next_large(text, n, 0); end < n && end < at; end = next_large(text, n, end))
        at = at - end > fraction ? at - fraction : end;
    return at < n ? at : n;
}

adze_status az_json_parse(json_t **out, const char *text, size_t n, const char *path,
                          adze_error *err)
{
    json_error_t e;
    adze_status rc;
    size_t at;

    *out = NULL;
    rc = check_cost(text, n, path, err);
    if (rc < 0) return rc;
    *out = json_loadb(text, n, JSON_REJECT_DUPLICATES, &e);
    at = e.position > 0 ? (size_t)e.position : 0;
    if (!*out && json_error_code(&e) == json_error_numeric_overflow) {
        feed f = { .text = text, .n = n, .insert_at = next_large(text, n, 0) };
        *out = json_load_callback(give, &f, JSON_REJECT_DUPLICATES, &e);
        at = place_in_text(text, n, e.position > 0 ? (size_t)e.position : 0);
    }
    if (*out) return ADZE_OK;
    return az_fail(err, ADZE_EFORMAT, path, at, "not valid JSON: line %d column %d: %s", e.line,
                   e.column, e.text);
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

char *az_json_text(adze_run *run, const json_t *j, size_t flags, size_t *n)
{
    char *text = json_dumps(j, flags), *copy = NULL;

    if (text) {
        *n = strlen(text);
        copy = az_strndup(run, text, *n);
    }
    free(text);
    return copy;
}

adze_status az_json_write(adze_run *run, const json_t *j, const char *path, adze_error *err)
{
    adze_status rc;
    size_t n;
    char *text = az_json_text(run, j, JSON_INDENT(2) | JSON_ENSURE_ASCII, &n);

    if (!text) return az_fail_nomem(err, "writing JSON");
    text[n] = '\n'; /* in place of the NUL: the file ends with a newline */
    rc = az_write_file(run, path, text, n + 1, err);
    az_free(run, text);
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
