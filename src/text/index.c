/* Linear probing; the hash reads eight bytes a step. */
#include "text/index.h"
#include "base/check.h"

#include <string.h>

uint64_t az_hash_bytes(uint64_t seed, const char *s, size_t n)
{
    uint64_t h = 0x9e3779b97f4a7c15u ^ seed ^ n, w;

    for (; n >= 8; s += 8, n -= 8) {
        memcpy(&w, s, 8);
        h = (h ^ w) * 0xff51afd7ed558ccdu;
        h ^= h >> 32;
    }
    w = 0;
    memcpy(&w, s, n);
    h = (h ^ w) * 0xc4ceb9fe1a85ec53u;
    h ^= h >> 29;
    return h * 0x9e3779b97f4a7c15u >> 16;
}

size_t az_table_size(size_t n)
{
    size_t size = 16;

    while (size < n + n / 2)
        size *= 2;
    return size;
}

static bool same(const az_str *a, const char *s, size_t n)
{
    return a->n == n && memcmp(a->s, s, n) == 0;
}

adze_status az_index_init(az_index *x, adze_run *run, const az_str *strs, size_t n, adze_error *err)
{
    size_t n_slots = az_table_size(n + 1), total, at;
    adze_status rc = az_random(run, &x->seed, sizeof x->seed, err);

    if (rc < 0) return rc;
    x->run = run;
    x->strs = strs;
    x->mask = n_slots - 1;
    x->slots = az_mul_size(n_slots, sizeof *x->slots, &total) ? az_alloc(run, total) : NULL;
    if (!x->slots) return az_fail_nomem(err, "reading a tokenizer");
    memset(x->slots, 0xff, total);
    for (size_t id = 0; id < n; id++) {
        if (!strs[id].s) continue;
        at = az_hash_bytes(x->seed, strs[id].s, strs[id].n) & x->mask;
        while (x->slots[at] >= 0 && !same(&strs[x->slots[at]], strs[id].s, strs[id].n))
            at = (at + 1) & x->mask;
        if (x->slots[at] < 0) x->slots[at] = (int32_t)id;
    }
    return ADZE_OK;
}

void az_index_deinit(az_index *x)
{
    if (x->run) az_free(x->run, x->slots);
    x->slots = NULL;
}

int32_t az_index_find(const az_index *x, const char *s, size_t n)
{
    size_t at = az_hash_bytes(x->seed, s, n) & x->mask;
    int32_t id;

    for (; (id = x->slots[at]) >= 0; at = (at + 1) & x->mask)
        if (same(&x->strs[id], s, n)) return id;
    return -1;
}
