/* libcyaml behind plan/yaml.h: seams for memory, and its log turned into one adze_error.
 *
 * libcyaml reports a problem as one message followed by a backtrace whose lines end in
 * "(line: N, column: M)", both counted from 1, the innermost first: its position is kept, and the first
 * that names a mapping field.
 * Source: libcyaml 1.3.1, cyaml.h (https://github.com/tlsa/libcyaml), 2026-11-22.
 */
#include "plan/yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    char what[160];  /* the first message */
    char where[160]; /* the innermost mapping field of the backtrace */
    unsigned line, column;
} yaml_log;

static void *yaml_mem(void *ctx, void *p, size_t n)
{
    if (n == 0) {
        az_free(ctx, p);
        return NULL;
    }
    return az_realloc(ctx, p, n);
}

static void yaml_note(cyaml_log_t level, void *ctx, const char *fmt, va_list args)
{
    yaml_log *log = ctx;
    char line[160];
    const char *text = line, *at;
    size_t n;

    if (level < CYAML_LOG_ERROR) return;
    vsnprintf(line, sizeof line, fmt, args);
    n = strlen(line);
    while (n && (line[n - 1] == '\n' || line[n - 1] == ' '))
        line[--n] = 0;
    if (!strncmp(text, "Load: ", 6)) text += 6;
    while (*text == ' ')
        text++;
    at = strstr(text, "(line: ");
    if (at) {
        if (!log->line) sscanf(at, "(line: %u, column: %u)", &log->line, &log->column);
        if (!log->where[0] && strstr(text, "mapping field"))
            snprintf(log->where, sizeof log->where, "%s", text);
    } else if (!at && !log->what[0] && strncmp(text, "Backtrace", 9) != 0) {
        snprintf(log->what, sizeof log->what, "%s", text);
    }
}

/* Byte offset of a line and column counted from 1; ADZE_NOPOS when there is none. */
static uint64_t yaml_offset(const char *text, size_t n, unsigned line, unsigned column)
{
    size_t i = 0;

    if (!line) return ADZE_NOPOS;
    for (; line > 1 && i < n; i++)
        line -= text[i] == '\n';
    i += column ? column - 1 : 0;
    return i < n ? i : n;
}

static cyaml_config_t yaml_config(adze_run *run, yaml_log *log)
{
    return (cyaml_config_t){
        .log_fn = log ? yaml_note : NULL,
        .log_ctx = log,
        .mem_fn = yaml_mem,
        .mem_ctx = run,
        .log_level = CYAML_LOG_ERROR,
        .flags = CYAML_CFG_NO_ALIAS,
    };
}

adze_status az_yaml_parse(adze_run *run, const char *path, const char *text, size_t n,
                          const cyaml_schema_value_t *schema, void **out, adze_error *err)
{
    yaml_log log = { .what = "" };
    cyaml_config_t config = yaml_config(run, &log);
    cyaml_err_t rc;

    *out = NULL;
    if (!n || memchr(text, 0, n))
        return az_fail(err, ADZE_EFORMAT, path, n ? (uint64_t)strlen(text) : 0, "%s",
                       n ? "a zero byte in text" : "the file is empty");
    rc = cyaml_load_data((const uint8_t *)text, n, &config, schema, out, NULL);
    if (rc == CYAML_OK && !*out) return az_fail(err, ADZE_EFORMAT, path, 0, "no document");
    if (rc == CYAML_OK) return ADZE_OK;
    *out = NULL;
    if (rc == CYAML_ERR_OOM) return az_fail_nomem(err, "reading YAML");
    return az_fail(err, ADZE_EFORMAT, path, yaml_offset(text, n, log.line, log.column), "%s%s%s",
                   log.what[0] ? log.what : cyaml_strerror(rc), log.where[0] ? ", " : "",
                   log.where);
}

adze_status az_yaml_load(adze_run *run, const char *path, size_t max_bytes,
                         const cyaml_schema_value_t *schema, void **out, adze_error *err)
{
    char *text = NULL;
    size_t n = 0;
    adze_status rc;

    *out = NULL;
    rc = az_read_file(run, path, max_bytes, &text, &n, err);
    if (rc < 0) goto done;
    rc = az_yaml_parse(run, path, text, n, schema, out, err);
done:
    az_free(run, text);
    return rc;
}

void az_yaml_free(adze_run *run, const cyaml_schema_value_t *schema, void *object)
{
    cyaml_config_t config = yaml_config(run, NULL);

    cyaml_free(&config, schema, object, 0);
}
