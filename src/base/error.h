/* Filling adze_error: leaf checks are one line, `return az_fail(err, ADZE_EFORMAT, path, pos, ...)`. */
#ifndef AZ_BASE_ERROR_H
#define AZ_BASE_ERROR_H

#include <stddef.h>
#include <adze/error.h>
#include "base/compiler.h"

/* The path of an error that names none; err and path may be NULL. Returns rc. */
adze_status az_fail_in(adze_error *err, adze_status rc, const char *path);
/* Fill *err (if not NULL) and return `s`. path may be NULL; pos may be ADZE_NOPOS. */
adze_status az_fail(adze_error *err, adze_status s, const char *path, uint64_t pos, const char *fmt,
                    ...) AZ_PRINTF(5, 6);

/* As az_fail, with the tensor, key or option that the message is about. */
adze_status az_fail_name(adze_error *err, adze_status s, const char *path, const char *name,
                         uint64_t pos, const char *fmt, ...) AZ_PRINTF(6, 7);

/* From errno: ENOENT -> ADZE_ENOENT, ENOMEM -> ADZE_ENOMEM, else ADZE_EIO; text is strerror. */
adze_status az_fail_errno(adze_error *err, const char *path, const char *doing, int errnum);

/* Copy of src that is safe to print and to put in JSON: control characters and bytes that are not UTF-8
 * become \xNN; cut to fit between characters. Returns buf. */
const char *az_escape_text(char *buf, size_t size, const char *src);

/* Out of memory while `doing`. */
adze_status az_fail_nomem(adze_error *err, const char *doing);

#endif
