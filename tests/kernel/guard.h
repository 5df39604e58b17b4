/* Buffers that end at a page without access, so that one byte read or written too far ends the test. */
#ifndef AZ_TESTS_KERNEL_GUARD_H
#define AZ_TESTS_KERNEL_GUARD_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct guarded {
    uint8_t *map, *p; /* p: n bytes that end at the guard page */
    size_t map_bytes, n;
} guarded;

/* The map's bytes in front of p are filled with a canary; `p` gets alignment 1 where n is odd. */
static inline guarded guard_new(size_t n)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), body = (n + 64 + page - 1) / page * page;
    guarded g = { .map_bytes = body + page, .n = n };
    void *m = mmap(NULL, g.map_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (m == MAP_FAILED || mprotect((uint8_t *)m + body, page, PROT_NONE) != 0) {
        perror("mmap");
        exit(1);
    }
    g.map = m;
    g.p = g.map + body - n;
    memset(g.map, 0xa5, body);
    return g;
}

/* True when the 64 bytes in front are untouched. */
static inline int guard_intact(const guarded *g)
{
    for (size_t i = 1; i <= 64; i++)
        if (g->p[-(ptrdiff_t)i] != 0xa5) return 0;
    return 1;
}

static inline void guard_free(guarded *g)
{
    munmap(g->map, g->map_bytes);
}

static inline uint32_t rand_u32(uint64_t *s) /* xorshift64* */
{
    *s ^= *s >> 12;
    *s ^= *s << 25;
    *s ^= *s >> 27;
    return (uint32_t)(*s * 2685821657736338717ull >> 32);
}

/* Uniform in [-r, r]. */
static inline float rand_f32(uint64_t *s, float r)
{
    return r * (float)((double)rand_u32(s) / 2147483648.0 - 1.0);
}

#endif
