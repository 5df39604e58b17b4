/* Building takes keys in order, node by node: all children of a node are placed at once at the first base whose
 * places are free. Free nodes are a list (base: next, value: previous); after some misses the search jumps to
 * its end, where there always is room, so that building stays linear. */
#include "text/trie.h"
#include "base/check.h"

#include <stdlib.h>
#include <string.h>

enum { TRIES = 48 };

typedef struct range {
    size_t lo, hi; /* keys that share the node's path */
    int32_t node;
    uint32_t depth;
} range;

typedef struct builder {
    az_trie *t;
    const az_trie_key *keys;
    int32_t first_free, last_free; /* -1: none */
    range *stack;
    size_t n_stack, cap_stack;
    int32_t high; /* highest node in use */
} builder;

static int by_bytes(const void *a, const void *b)
{
    const az_trie_key *x = a, *y = b;
    size_t n = x->s.n < y->s.n ? x->s.n : y->s.n;
    int c = n ? memcmp(x->s.s, y->s.s, n) : 0;

    if (c) return c;
    if (x->s.n != y->s.n) return x->s.n < y->s.n ? -1 : 1;
    return x->value < y->value ? -1 : x->value > y->value;
}

static void append_free(builder *b, int32_t i)
{
    az_trie_node *nodes = b->t->nodes;

    nodes[i] = (az_trie_node){ -1, -1, b->last_free };
    if (b->last_free >= 0)
        nodes[b->last_free].base = i;
    else
        b->first_free = i;
    b->last_free = i;
}

static void take_free(builder *b, int32_t i)
{
    az_trie_node *nodes = b->t->nodes;
    int32_t next = nodes[i].base, prev = nodes[i].value;

    if (prev >= 0)
        nodes[prev].base = next;
    else
        b->first_free = next;
    if (next >= 0)
        nodes[next].value = prev;
    else
        b->last_free = prev;
}

static bool grow(builder *b, size_t want)
{
    size_t cap = b->t->n ? b->t->n : 1024, total;
    az_trie_node *nodes;

    if (want <= b->t->n) return true;
    while (cap < want)
        cap *= 2;
    if (cap > INT32_MAX / 2 || !az_mul_size(cap, sizeof *nodes, &total)) return false;
    nodes = az_realloc(b->t->run, b->t->nodes, total);
    if (!nodes) return false;
    b->t->nodes = nodes;
    for (size_t i = b->t->n; i < cap; i++)
        append_free(b, (int32_t)i);
    b->t->n = cap;
    return true;
}

/* A base where the places of all labels are free; -1: out of memory. */
static int32_t find_base(builder *b, const unsigned char *labels, size_t n)
{
    int32_t at = b->first_free;

    for (int tries = 0; at >= 0 && tries < TRIES; tries++, at = b->t->nodes[at].base) {
        int32_t base = at - labels[0];
        size_t k = 1;
        if (base < 1 || (size_t)base + 256 >= b->t->n) continue;
        while (k < n && b->t->nodes[base + labels[k]].parent < 0)
            k++;
        if (k == n) return base;
    }
    /* Behind the last node in use everything is free. */
    at = b->high + 1 > labels[0] ? b->high + 1 - labels[0] : 1;
    return grow(b, (size_t)at + 512) ? at : -1;
}

static bool push_range(builder *b, range r)
{
    if (b->n_stack == b->cap_stack) {
        size_t cap = b->cap_stack ? b->cap_stack * 2 : 256;
        range *s = az_realloc_array(b->t->run, b->stack, cap, sizeof *s);
        if (!s) return false;
        b->stack = s;
        b->cap_stack = cap;
    }
    b->stack[b->n_stack++] = r;
    return true;
}

/* Place the children of one node and queue them. */
static bool expand(builder *b, range r)
{
    unsigned char labels[256];
    size_t from[257], n = 0, at = r.lo;
    int32_t base;

    if (b->keys[at].s.n == r.depth) {
        b->t->nodes[r.node].value = b->keys[at].value;
        while (at < r.hi && b->keys[at].s.n == r.depth)
            at++;
    }
    for (; at < r.hi; at++) {
        unsigned char c = (unsigned char)b->keys[at].s.s[r.depth];
        if (n && labels[n - 1] == c) continue;
        labels[n] = c;
        from[n++] = at;
    }
    from[n] = r.hi;
    if (!n) return true;
    base = find_base(b, labels, n);
    if (base < 0) return false;
    b->t->nodes[r.node].base = base;
    for (size_t i = 0; i < n; i++) {
        int32_t child = base + labels[i];
        take_free(b, child);
        if (child > b->high) b->high = child;
        b->t->nodes[child] = (az_trie_node){ 1, r.node, -1 };
        if (!push_range(b, (range){ from[i], from[i + 1], child, r.depth + 1 })) return false;
    }
    return true;
}

adze_status az_trie_init(az_trie *t, adze_run *run, az_trie_key *keys, size_t n, adze_error *err)
{
    builder b = { .t = t, .keys = keys, .first_free = -1, .last_free = -1 };
    bool ok;

    *t = (az_trie){ .run = run };
    for (size_t i = 0; i < n; i++)
        if (keys[i].s.n > AZ_TRIE_MAX_KEY)
            return az_fail_name(err, ADZE_EUNSUP, NULL, "vocabulary", ADZE_NOPOS,
                                "a token of %zu bytes; at most %d are supported", keys[i].s.n,
                                (int)AZ_TRIE_MAX_KEY);
    if (n) qsort(keys, n, sizeof *keys, by_bytes);
    while (n && !keys[0].s.n) { /* empty keys sort first */
        keys++;
        n--;
    }
    b.keys = keys;
    ok = grow(&b, 1024);
    if (ok) {
        take_free(&b, 0);
        t->nodes[0] = (az_trie_node){ 1, INT32_MAX, -1 };
        ok = !n || push_range(&b, (range){ 0, n, 0, 0 });
    }
    while (ok && b.n_stack)
        ok = expand(&b, b.stack[--b.n_stack]);
    az_free(run, b.stack);
    if (!ok) return az_fail_nomem(err, "reading a tokenizer");
    for (size_t i = 0; i < t->n; i++) /* free nodes have no key and no child */
        if (t->nodes[i].parent < 0) t->nodes[i] = (az_trie_node){ 1, -1, -1 };
    return ADZE_OK;
}

void az_trie_deinit(az_trie *t)
{
    if (t->run) az_free(t->run, t->nodes);
    t->nodes = NULL;
}

int32_t az_trie_longest(const az_trie *t, const char *s, size_t n, size_t *len)
{
    int32_t node = 0, value = -1;

    for (size_t i = 0; i < n; i++) {
        node = az_trie_step(t, node, (unsigned char)s[i]);
        if (node < 0) break;
        if (t->nodes[node].value < 0) continue;
        value = t->nodes[node].value;
        *len = i + 1;
    }
    return value;
}
