/* Checked arithmetic for sizes that come from files: true on success, false on overflow. */
#ifndef AZ_BASE_CHECK_H
#define AZ_BASE_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool az_add_u64(uint64_t a, uint64_t b, uint64_t *out)
{
    *out = a + b;
    return *out >= a;
}

static inline bool az_mul_u64(uint64_t a, uint64_t b, uint64_t *out)
{
    *out = a * b;
    return a == 0 || *out / a == b;
}

static inline bool az_mul_size(size_t a, size_t b, size_t *out)
{
    *out = a * b;
    return a == 0 || *out / a == b;
}

static inline bool az_add_size(size_t a, size_t b, size_t *out)
{
    *out = a + b;
    return *out >= a;
}

/* Round up to a multiple of align (a power of two). */
static inline bool az_align_u64(uint64_t a, uint64_t align, uint64_t *out)
{
    uint64_t sum;

    if (!az_add_u64(a, align - 1, &sum)) return false;
    *out = sum & ~(align - 1);
    return true;
}

#endif
