/* Option tables: one table per command drives parsing, help, the man page, completion and JSON. */
#ifndef AZ_BASE_OPT_H
#define AZ_BASE_OPT_H

#include "base/run.h"

typedef enum az_opt_kind {
    AZ_OPT_BOOL, /* bool, true when given; no argument */
    AZ_OPT_INT,  /* int64_t */
    AZ_OPT_REAL, /* double */
    AZ_OPT_STR,  /* const char * */
    AZ_OPT_SIZE, /* uint64_t bytes; suffixes k, M, G, T (1000) and Ki, Mi, Gi, Ti (1024) */
    AZ_OPT_TIME, /* double seconds; suffixes s, m, h */
    AZ_OPT_LIST  /* az_opt_list, may be repeated */
} az_opt_kind;

enum { AZ_OPT_LIST_MAX = 64 };
typedef struct az_opt_list {
    const char *items[AZ_OPT_LIST_MAX];
    size_t n;
} az_opt_list;

#define AZ_OPT_UNSET "-1" /* default of a number that has no default */

/* Ends with name NULL. */
typedef struct az_opt {
    char letter;      /* 0: none */
    const char *name; /* long name without dashes */
    az_opt_kind kind;
    size_t at; /* offsetof the field in the command's options struct */
    const char
        *def; /* default as text, or NULL: zero; AZ_OPT_UNSET: not given, and then 0 or more */
    const char *arg;  /* "FILE"; NULL for AZ_OPT_BOOL */
    const char *help; /* one line, lower case, no full stop */
} az_opt;

/* Set every default, then parse argv[0..argc) into `values`. Words that are not options go to rest[] (room
 * for argc), *n_rest counts them; "--" ends the options. Tables `a` and `b` (may be NULL) share the command
 * line and write to va and vb. ADZE_EINVAL names the option and says what is allowed. */
adze_status az_opt_parse(const az_opt *a, void *va, const az_opt *b, void *vb, int argc,
                         char **argv, const char **rest, int *n_rest, adze_error *err);

/* Which of n names a word was meant to be: at most one letter in three is wrong (missing, too many, other, swapped).
 * name(list, i) gives the i-th. Returns NULL where none is near. */
const char *az_nearest(const char *word, size_t length,
                       const char *(*name)(const void *list, size_t i), const void *list, size_t n);

/* "12", "1.5G", "300Mi" to bytes; "90", "15m" to seconds; false when malformed. */
bool az_parse_size(const char *s, uint64_t *bytes);
bool az_parse_time(const char *s, double *seconds);

#endif
