/* A small character map, for seeds. */
#ifndef AZ_TESTS_FUZZ_CHARSMAP_H
#define AZ_TESTS_FUZZ_CHARSMAP_H

#include "fuzz.h"

/* A trie of units, then texts: "A" becomes "b", U+00C9 becomes "e". A unit's children lie at its place ^ its offset ^ their byte. */
static inline void charsmap_make(az_buf *b)
{
    uint32_t units[1024] = { 0 };

    units[0] = 256u << 10;
    units[256 ^ 'A'] = 'A' | 1u << 8 | (512u ^ (256u ^ 'A')) << 10;
    units[512] = 0x80000000u;
    units[256 ^ 0xc3] = 0xc3 | (600u ^ (256u ^ 0xc3)) << 10;
    units[600 ^ 0x89] = 0x89 | 1u << 8 | (700u ^ (600u ^ 0x89)) << 10;
    units[700] = 0x80000000u | 2;
    fuzz_le(b, sizeof units, 4);
    for (size_t i = 0; i < AZ_COUNT(units); i++)
        fuzz_le(b, units[i], 4);
    az_buf_put(b, "b\0e\0", 4);
}

#endif
