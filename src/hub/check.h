/* The hash that names a blob: SHA-256 of its bytes, or git's SHA-1 of a header and its bytes. */
#ifndef AZ_HUB_CHECK_H
#define AZ_HUB_CHECK_H

#include "base/run.h"

typedef struct az_check {
    void *ctx;
    bool ok;
} az_check;

/* For a blob of size bytes named by oid (40 or 64 hex digits); starts over when used again. */
bool az_check_begin(az_check *c, const char *oid, uint64_t size);
void az_check_add(az_check *c, const void *data, size_t n);
/* Whether all bytes were those that oid names. */
bool az_check_end(az_check *c, const char *oid);
void az_check_deinit(az_check *c);

#endif
