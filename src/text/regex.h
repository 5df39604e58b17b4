/* Regular expressions of tokenizer files: PCRE2 set up to mean what Oniguruma means, with limits.
 *
 * Patterns come from untrusted files, so a match has a step, depth and heap limit, and all matches in a text together
 * may do work in proportion to its length; hitting a limit is an error, never a wrong split.
 */
#ifndef AZ_TEXT_REGEX_H
#define AZ_TEXT_REGEX_H

#include "base/run.h"

typedef struct az_regex az_regex;
typedef struct az_regex_scratch az_regex_scratch; /* per thread of use */

/* Compile a pattern of n bytes. ADZE_EFORMAT when it does not compile, ADZE_EUNSUP for syntax that means
 * something else in PCRE2. `path` and `name` are for messages. */
adze_status az_regex_new(az_regex **out, adze_run *run, const char *pattern, size_t n,
                         const char *path, const char *name, adze_error *err);
void az_regex_free(az_regex *re);

adze_status az_regex_scratch_new(az_regex_scratch **out, const az_regex *re, adze_error *err);
void az_regex_scratch_free(az_regex_scratch *s);

/* First match at or after `from` in text[0..n), valid UTF-8; the first call for a text has from = 0. *found is false when there is none.
 * ADZE_EUNSUP when a limit is hit. */
adze_status az_regex_next(const az_regex *re, az_regex_scratch *s, const char *text, size_t n,
                          size_t from, size_t *start, size_t *end, bool *found, adze_error *err);

#endif
