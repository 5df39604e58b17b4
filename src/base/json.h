/* JSON glue around jansson: bounded parsing with file and byte position, and atomic writing. */
#ifndef AZ_BASE_JSON_H
#define AZ_BASE_JSON_H

#include <jansson.h>
#include "base/run.h"

/* Parse n bytes (UTF-8): an object or array. Duplicate keys, nesting deeper than 256 and more than 4 Mi values are
 * refused. *out is a new reference. */
adze_status az_json_parse(json_t **out, const char *text, size_t n, const char *path,
                          adze_error *err);
/* Read and parse a file of at most max_bytes. */
adze_status az_json_read(json_t **out, adze_run *run, const char *path, size_t max_bytes,
                         adze_error *err);
/* Write indented, atomically. */
adze_status az_json_write(adze_run *run, const json_t *j, const char *path, adze_error *err);

/* Text of j in memory of the run (free with az_free), NUL-terminated; flags are jansson's. NULL: out of
 * memory. */
char *az_json_text(adze_run *run, const json_t *j, size_t flags, size_t *n);

/* Typed look-ups in an object; false when missing or of another kind (null counts as missing). */
bool az_json_int(const json_t *o, const char *key, int64_t *out);
bool az_json_real(const json_t *o, const char *key, double *out); /* also an integer */
bool az_json_bool(const json_t *o, const char *key, bool *out);
const char *az_json_str(const json_t *o, const char *key);

#endif
