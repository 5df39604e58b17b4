/* The two files of a report. The page is web/dist/report.html, built into the program by
 * cmake/embed.cmake; its placeholder takes the JSON. docs/report.md tells why "<" is escaped there. */
#include "report/report.h"

#include <string.h>
#include "base/json.h"

extern const unsigned char az_report_page[];
extern const size_t az_report_page_size;

static const char placeholder[] = "__ADZE_REPORT__";

adze_status az_report_write_json(adze_run *run, const json_t *report, const char *path,
                                 adze_error *err)
{
    return az_json_write(run, report, path, err);
}

/* jansson's sink. A "<" can only stand inside a string, where the escape means the same. */
static int put_escaped(const char *text, size_t n, void *user)
{
    az_buf *out = user;
    const char *end = text + n, *next;

    while (text < end) {
        next = memchr(text, '<', (size_t)(end - text));
        az_buf_put(out, text, (size_t)((next ? next : end) - text));
        if (next) az_buf_puts(out, "\\u003c");
        text = next ? next + 1 : end;
    }
    return az_buf_ok(out) ? 0 : -1;
}

adze_status az_report_embed(az_buf *out, const json_t *report, adze_error *err)
{
    if (json_dump_callback(report, put_escaped, out, JSON_COMPACT | JSON_ENSURE_ASCII) < 0)
        return az_fail_nomem(err, "writing the report");
    return ADZE_OK;
}

/* Offset of the placeholder in the page; its size when there is none. */
static size_t find_placeholder(void)
{
    const size_t n = sizeof placeholder - 1;
    const unsigned char *p = az_report_page, *end = p + az_report_page_size;

    while ((p = memchr(p, placeholder[0], (size_t)(end - p))) != NULL) {
        if ((size_t)(end - p) >= n && memcmp(p, placeholder, n) == 0)
            return (size_t)(p - az_report_page);
        p++;
    }
    return az_report_page_size;
}

adze_status az_report_write_html(adze_run *run, const json_t *report, const char *path,
                                 adze_error *err)
{
    const size_t at = find_placeholder(), rest = at + sizeof placeholder - 1;
    adze_status rc;
    az_buf page;

    if (at == az_report_page_size)
        return az_fail(err, ADZE_EINVAL, path, ADZE_NOPOS, "the report page has no placeholder");
    az_buf_init(&page, run);
    az_buf_put(&page, az_report_page, at);
    rc = az_report_embed(&page, report, err);
    if (rc < 0) goto done;
    az_buf_put(&page, az_report_page + rest, az_report_page_size - rest);
    if (!az_buf_ok(&page)) {
        rc = az_fail_nomem(err, "writing the report");
        goto done;
    }
    rc = az_write_file(run, path, page.data, page.size, err);
done:
    az_buf_deinit(&page);
    return rc;
}
