/* Reports: what `optimize` found, as JSON (docs/report.md, schema "adze.report/1"), as one page, as text.
 *
 * The caller builds the JSON object (values as core/figure.h writes them); the functions here check it against
 * the schema's required members and write it. Nothing here prints.
 */
#ifndef AZ_REPORT_REPORT_H
#define AZ_REPORT_REPORT_H

#include <jansson.h>
#include "base/buf.h"
#include "base/run.h"

#define AZ_REPORT_SCHEMA "adze.report/1"

/* ADZE_EINVAL when a required member is missing or of the wrong kind, with its place in err->name,
 * as in "candidates[2].gates[0].limit". For tests and for readers of reports. */
adze_status az_report_check(const json_t *report, adze_error *err);

/* Write atomically. The page holds the same JSON and needs no other file. */
adze_status az_report_write_json(adze_run *run, const json_t *report, const char *path,
                                 adze_error *err);
adze_status az_report_write_html(adze_run *run, const json_t *report, const char *path,
                                 adze_error *err);

/* Append the JSON as it stands inside the page: ASCII, and "<" only as \u003c. */
adze_status az_report_embed(az_buf *out, const json_t *report, adze_error *err);

typedef struct az_report_style {
    int width;  /* columns of the terminal; 0: 100 */
    bool color; /* ANSI attributes */
} az_report_style;

/* Append the table of candidates, the table of gates, the choice and why. Names come out with control
 * characters escaped. Missing members leave cells empty. */
adze_status az_report_text(az_buf *out, const json_t *report, const az_report_style *style,
                           adze_error *err);

#endif
