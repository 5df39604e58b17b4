/* Growable buffer. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void az_buf_init(az_buf *b, adze_run *run)
{
    *b = (az_buf){ .run = run };
}

void az_buf_deinit(az_buf *b)
{
    az_free(b->run, b->data);
    b->data = NULL;
    b->size = b->cap = 0;
}

void az_buf_clear(az_buf *b)
{
    b->size = 0;
    b->failed = b->full = false;
    if (b->data) b->data[0] = 0;
}

void *az_buf_grow(az_buf *b, size_t n)
{
    size_t need = b->size + n + 1, cap = b->cap;
    char *p;

    if (b->failed || need <= b->size || (b->max && b->size + n > b->max)) {
        b->full = b->full || (!b->failed && b->max);
        b->failed = true;
        return NULL;
    }
    if (need > cap) {
        cap = cap ? cap : 256;
        while (cap < need)
            cap = cap > SIZE_MAX / 2 ? need : cap * 2;
        p = az_realloc(b->run, b->data, cap);
        if (!p) {
            b->failed = true;
            return NULL;
        }
        b->data = p;
        b->cap = cap;
    }
    p = b->data + b->size;
    b->size += n;
    b->data[b->size] = 0;
    return p;
}

void az_buf_put(az_buf *b, const void *data, size_t n)
{
    void *p = az_buf_grow(b, n);

    if (p && n) memcpy(p, data, n);
}

void az_buf_puts(az_buf *b, const char *s)
{
    az_buf_put(b, s, strlen(s));
}

void az_buf_putc(az_buf *b, char c)
{
    az_buf_put(b, &c, 1);
}

void az_buf_printf(az_buf *b, const char *fmt, ...)
{
    va_list ap;
    char *p;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0) {
        b->failed = true;
        return;
    }
    p = az_buf_grow(b, (size_t)n);
    if (!p) return;
    va_start(ap, fmt);
    vsnprintf(p, (size_t)n + 1, fmt, ap);
    va_end(ap);
}

char *az_buf_take(az_buf *b)
{
    char *p = NULL;

    if (!b->data) az_buf_grow(b, 0);
    if (!b->failed) {
        p = b->data;
        b->data = NULL;
        b->size = b->cap = 0;
    }
    return p;
}
