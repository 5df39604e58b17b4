/* A number with its unit as a person reads it: "28.9 tok/s", "900 MB", "98.7 %", "2.95x". */
#ifndef AZ_REPORT_UNITS_H
#define AZ_REPORT_UNITS_H

#include "base/buf.h"

/* Units are those of docs/report.md; three significant digits, decimal prefixes. */
void az_units_put(az_buf *out, double value, const char *unit);

/* Text from outside, with control characters, C1 codes and direction overrides as \xNN or \u{NNNN}. */
void az_units_put_safe(az_buf *out, const char *utf8);

/* Columns that UTF-8 text without control characters takes (one a code point). */
size_t az_units_columns(const char *utf8, size_t n);

#endif
