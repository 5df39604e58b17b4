/* Arena allocation in growing chunks. */
#include "base/arena.h"
#include "base/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct az_arena_chunk {
    az_arena_chunk *next;
    size_t used, cap;
};

#define CHUNK_HEAD ((sizeof(az_arena_chunk) + 15) & ~(size_t)15)

void az_arena_init(az_arena *a, adze_run *run)
{
    *a = (az_arena){ .run = run };
}

void az_arena_deinit(az_arena *a)
{
    while (a->head) {
        az_arena_chunk *next = a->head->next;
        az_free(a->run, a->head);
        a->head = next;
    }
}

/* n zeroed bytes at a multiple of `align`, a power of two of at most 16. */
static void *take(az_arena *a, size_t n, size_t align)
{
    az_arena_chunk *c = a->head;
    size_t at = c ? (c->used + align - 1) & ~(align - 1) : 0;
    void *p;

    if (n > SIZE_MAX / 4) return NULL;
    if (!c || at > c->cap || c->cap - at < n) {
        size_t cap = c ? c->cap * 2 : 4096;
        if (cap > (1u << 20)) cap = 1u << 20;
        if (cap < n) cap = n;
        c = az_alloc(a->run, CHUNK_HEAD + cap);
        if (!c) return NULL;
        *c = (az_arena_chunk){ a->head, 0, cap };
        a->head = c;
        at = 0;
    }
    p = (char *)c + CHUNK_HEAD + at;
    a->used_bytes += at + n - c->used;
    c->used = at + n;
    memset(p, 0, n);
    return p;
}

void *az_arena_alloc(az_arena *a, size_t n)
{
    return take(a, n, 16);
}

char *az_arena_text(az_arena *a, size_t n)
{
    return n < SIZE_MAX / 4 ? take(a, n + 1, 1) : NULL;
}

void *az_arena_array(az_arena *a, size_t n, size_t size)
{
    size_t total;

    return az_mul_size(n, size, &total) ? az_arena_alloc(a, total) : NULL;
}

char *az_arena_strndup(az_arena *a, const char *s, size_t n)
{
    char *p = az_arena_text(a, n);

    if (p) memcpy(p, s, n);
    return p;
}

char *az_arena_strdup(az_arena *a, const char *s)
{
    return az_arena_strndup(a, s, strlen(s));
}

char *az_arena_printf(az_arena *a, const char *fmt, ...)
{
    va_list ap;
    char *p;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0) return NULL;
    p = az_arena_alloc(a, (size_t)n + 1);
    if (!p) return NULL;
    va_start(ap, fmt);
    vsnprintf(p, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return p;
}
