/* adze: status codes and errors.
 *
 * Every fallible call returns an adze_status (0 is success, negative is failure) and fills the
 * caller's adze_error, which says what is wrong, in which file, about which name, at which byte.
 */
#ifndef ADZE_ERROR_H
#define ADZE_ERROR_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32)
#define ADZE_API
#else
#define ADZE_API __attribute__((visibility("default")))
#endif

/* clang-format off */
/* name, number, process exit code, text. The one place that knows them. */
#define ADZE_STATUS_MAP(X)                          \
    X(OK, 0, 0, "success")                          \
    X(ENOMEM, -1, 1, "out of memory")               \
    X(EIO, -2, 1, "read or write failed")           \
    X(EINVAL, -3, 2, "bad argument")                \
    X(EFORMAT, -4, 3, "malformed input")            \
    X(EUNSUP, -5, 3, "valid but not supported")     \
    X(EFIT, -6, 4, "does not fit the target")       \
    X(EGATE, -7, 5, "a gate did not pass")          \
    X(EMISSING, -8, 6, "engine or tool is missing") \
    X(ECANCEL, -9, 130, "interrupted")              \
    X(ETIMEOUT, -10, 1, "timed out")                \
    X(EWORKER, -11, 1, "worker failed")             \
    X(ENOENT, -12, 3, "no such file or name")       \
    X(ENETWORK, -13, 1, "network failed")           \
    X(EDENIED, -14, 1, "no permission")
/* clang-format on */

#define ADZE_X(name, num, exit_code, text) ADZE_##name = num,
typedef enum adze_status { ADZE_STATUS_MAP(ADZE_X) } adze_status;
#undef ADZE_X

#define ADZE_NOPOS UINT64_MAX

typedef struct adze_error {
    adze_status status;
    uint64_t pos;   /* byte offset in path, or ADZE_NOPOS */
    char path[512]; /* file; a long one keeps its end */
    char name[128]; /* tensor, key or option */
    char msg[384];  /* what is wrong and what to do */
} adze_error;

/** Text of a status, for example "malformed input"; never NULL. */
ADZE_API const char *adze_status_text(adze_status s);

/** Exit code of the adze program for a status. */
ADZE_API int adze_status_exit_code(adze_status s);

/**
 * Format an error as one line, "path: name: message (at byte N)", control bytes escaped.
 *
 * @param err  the error.
 * @param buf  [size] receives the NUL-terminated text, cut to fit.
 * @return buf.
 */
ADZE_API const char *adze_error_text(const adze_error *err, char *buf, unsigned size);

#ifdef __cplusplus
}
#endif
#endif
