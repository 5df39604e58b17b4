/* A double-array trie over bytes: every prefix of a text that is a key, one memory access a byte.
 *
 * A child of node p for byte c is node base(p) + c if that node's parent is p (Aoe, 1989).
 */
#ifndef AZ_TEXT_TRIE_H
#define AZ_TEXT_TRIE_H

#include "base/run.h"
#include "core/kv.h"

enum { AZ_TRIE_MAX_KEY = 1024 }; /* longest key in bytes; bounds the work per byte of text */

typedef struct az_trie_node {
    int32_t base, parent; /* parent -1: free */
    int32_t value;        /* -1: no key ends here */
} az_trie_node;

typedef struct az_trie {
    adze_run *run;
    az_trie_node *nodes; /* node 0 is the root; 256 nodes follow the highest base */
    size_t n;
} az_trie;

typedef struct az_trie_key {
    az_str s;
    int32_t value; /* >= 0 */
} az_trie_key;

/* Sorts `keys`; of equal keys the one of lowest value counts, empty ones are left out. ADZE_EUNSUP for a key of over
 * AZ_TRIE_MAX_KEY bytes. */
adze_status az_trie_init(az_trie *t, adze_run *run, az_trie_key *keys, size_t n, adze_error *err);
void az_trie_deinit(az_trie *t);

/* Child of `node` for byte c, or -1. */
static inline int32_t az_trie_step(const az_trie *t, int32_t node, unsigned char c)
{
    int32_t next = t->nodes[node].base + c;

    return t->nodes[next].parent == node ? next : -1;
}

/* Value of the longest key that s[0..n) starts with, its length into *len; -1: none. */
int32_t az_trie_longest(const az_trie *t, const char *s, size_t n, size_t *len);

#endif
