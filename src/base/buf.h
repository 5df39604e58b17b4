/* Growable byte buffer with a sticky failure flag: append freely, test az_buf_ok once at the end. */
#ifndef AZ_BASE_BUF_H
#define AZ_BASE_BUF_H

#include "base/run.h"

typedef struct az_buf {
    adze_run *run;
    char *data; /* NUL-terminated whenever size > 0 or data != NULL */
    size_t size, cap;
    size_t max;        /* 0: no limit; more is a failure */
    bool failed, full; /* full: failed because of max */
} az_buf;

void az_buf_init(az_buf *b, adze_run *run);
void az_buf_deinit(az_buf *b);
void az_buf_clear(az_buf *b); /* keeps the memory and resets the flag */
void az_buf_put(az_buf *b, const void *data, size_t n);
void az_buf_puts(az_buf *b, const char *s);
void az_buf_putc(az_buf *b, char c);
void az_buf_printf(az_buf *b, const char *fmt, ...) AZ_PRINTF(2, 3);
void *az_buf_grow(az_buf *b,
                  size_t n);  /* room for n more bytes, size already advanced; NULL: failed */
char *az_buf_take(az_buf *b); /* the string, to be freed with az_free; NULL if failed */
static inline bool az_buf_ok(const az_buf *b)
{
    return !b->failed;
}

#endif
