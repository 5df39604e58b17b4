/* Byte-level BPE. Short pieces scan for the lowest rank; long ones use a heap, O(n log n). Both give the
 * same ids: the pair of lowest rank, leftmost among equals, is merged until none is left. */
#include "text/bpe.h"
#include "base/check.h"

#include <string.h>

enum { SHORT_PIECE = 32, CACHE_WORDS = 1 << 14, CACHE_MIN_TEXT = 2048, WORD_BYTES = 22 };

struct az_bpe_word {
    uint8_t n, n_ids; /* n 0: empty */
    char s[WORD_BYTES];
    size_t at; /* its ids lie at out->ids[at] */
};

static uint64_t hash_bytes(const char *s, size_t n)
{
    uint64_t h = 0x9e3779b97f4a7c15u ^ n, w;

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

static uint64_t hash_pair(uint64_t key)
{
    key = (key ^ key >> 29) * 0xbf58476d1ce4e5b9u;
    return key ^ key >> 32;
}

/* Power of two with at most two thirds in use. */
static size_t table_size(size_t n)
{
    size_t size = 16;

    while (size < n + n / 2)
        size *= 2;
    return size;
}

adze_status az_bpe_init(az_bpe *b, adze_run *run, const az_str *bytes, size_t n_ids,
                        size_t n_merges, adze_error *err)
{
    size_t n_slots = table_size(n_ids + 1), n_pairs = table_size(n_merges + 1), total;

    b->run = run;
    b->bytes = bytes;
    b->n_ids = n_ids;
    b->unk = -1;
    b->slot_mask = n_slots - 1;
    b->pair_mask = n_pairs - 1;
    b->slots = az_alloc(run, n_slots * sizeof *b->slots);
    b->pairs = az_mul_size(n_pairs, sizeof *b->pairs, &total) ? az_alloc(run, total) : NULL;
    if (!b->slots || !b->pairs) return az_fail_nomem(err, "reading a tokenizer");
    memset(b->slots, 0xff, n_slots * sizeof *b->slots);
    memset(b->pairs, 0xff, n_pairs * sizeof *b->pairs);
    for (size_t id = 0; id < n_ids; id++) {
        size_t at;
        if (!bytes[id].s) continue;
        at = hash_bytes(bytes[id].s, bytes[id].n) & b->slot_mask;
        while (b->slots[at] >= 0)
            at = (at + 1) & b->slot_mask;
        b->slots[at] = (int32_t)id;
    }
    for (int c = 0; c < 256; c++) {
        char byte = (char)c;
        b->byte_id[c] = az_bpe_find(b, &byte, 1);
    }
    return ADZE_OK;
}

void az_bpe_deinit(az_bpe *b)
{
    if (!b->run) return;
    az_free(b->run, b->slots);
    az_free(b->run, b->pairs);
}

int32_t az_bpe_find(const az_bpe *b, const char *s, size_t n)
{
    size_t at = hash_bytes(s, n) & b->slot_mask;
    int32_t id;

    for (; (id = b->slots[at]) >= 0; at = (at + 1) & b->slot_mask)
        if (b->bytes[id].n == n && memcmp(b->bytes[id].s, s, n) == 0) return id;
    return -1;
}

static az_bpe_pair *pair_slot(const az_bpe *b, int32_t left, int32_t right)
{
    uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    size_t at = hash_pair(key) & b->pair_mask;

    while (b->pairs[at].key != key && b->pairs[at].key != UINT64_MAX)
        at = (at + 1) & b->pair_mask;
    return &b->pairs[at];
}

void az_bpe_add_merge(az_bpe *b, int32_t left, int32_t right, uint32_t rank, int32_t merged)
{
    az_bpe_pair *p = pair_slot(b, left, right);

    p->key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    p->rank = rank;
    p->id = merged;
}

void az_bpe_out_init(az_bpe_out *o, adze_run *run, size_t text_bytes)
{
    memset(o, 0, sizeof *o);
    o->run = run;
    /* A missing cache only costs time. */
    if (text_bytes >= CACHE_MIN_TEXT) o->cache = az_calloc(run, CACHE_WORDS, sizeof *o->cache);
}

void az_bpe_out_deinit(az_bpe_out *o)
{
    az_free(o->run, o->ids);
    az_free(o->run, o->cache);
    az_free(o->run, o->scratch);
    o->ids = NULL;
    o->cache = NULL;
    o->scratch = NULL;
}

bool az_bpe_push(az_bpe_out *o, int32_t id)
{
    if (o->n == o->cap) {
        size_t cap = o->cap ? o->cap * 2 : 64;
        int32_t *ids =
            cap > SIZE_MAX / sizeof *ids ? NULL : az_realloc(o->run, o->ids, cap * sizeof *ids);
        if (!ids) return false;
        o->ids = ids;
        o->cap = cap;
    }
    o->ids[o->n++] = id;
    return true;
}

static void *scratch(az_bpe_out *o, size_t n, size_t size)
{
    size_t total;

    if (!az_mul_size(n, size, &total)) return NULL;
    if (total > o->scratch_bytes) {
        az_free(o->run, o->scratch);
        o->scratch = az_alloc(o->run, total);
        o->scratch_bytes = o->scratch ? total : 0;
    }
    return o->scratch;
}

/* First id of each symbol of s into ids[0..n): its byte, or unk. *count may be below n with fuse_unk. */
static adze_status first_symbols(const az_bpe *b, const char *s, size_t n, int32_t *ids,
                                 size_t stride, size_t *count, adze_error *err)
{
    bool after_unk = false;
    size_t k = 0;

    for (size_t i = 0; i < n; i++) {
        int32_t id = b->byte_id[(unsigned char)s[i]];
        if (id < 0 && b->unk < 0)
            return az_fail(err, ADZE_EFORMAT, NULL, ADZE_NOPOS,
                           "the vocabulary has no token for byte 0x%02x and no unknown token",
                           (unsigned)(unsigned char)s[i]);
        if (id < 0 && after_unk && b->fuse_unk) continue;
        after_unk = id < 0;
        ids[k++ * stride] = id < 0 ? b->unk : id;
    }
    *count = k;
    return ADZE_OK;
}

static void look_up(const az_bpe *b, const int32_t *id, uint32_t *rank, int32_t *to, size_t i)
{
    const az_bpe_pair *p = pair_slot(b, id[i], id[i + 1]);

    rank[i] = p->rank; /* UINT32_MAX in an empty slot */
    to[i] = p->id;
}

static adze_status encode_short(const az_bpe *b, az_bpe_out *o, const char *s, size_t n,
                                adze_error *err)
{
    int32_t id[SHORT_PIECE], to[SHORT_PIECE];
    uint32_t rank[SHORT_PIECE];
    adze_status rc = first_symbols(b, s, n, id, 1, &n, err);

    if (rc < 0) return rc;
    for (size_t i = 0; i + 1 < n; i++)
        look_up(b, id, rank, to, i);
    while (n > 1) {
        size_t best = 0;
        for (size_t i = 1; i + 1 < n; i++)
            if (rank[i] < rank[best]) best = i;
        if (rank[best] == UINT32_MAX) break;
        id[best] = to[best];
        for (size_t i = best + 1; i + 1 < n; i++) {
            id[i] = id[i + 1];
            rank[i] = rank[i + 1];
            to[i] = to[i + 1];
        }
        n--;
        if (best > 0) look_up(b, id, rank, to, best - 1);
        if (best + 1 < n) look_up(b, id, rank, to, best);
    }
    for (size_t i = 0; i < n; i++)
        if (!az_bpe_push(o, id[i])) return az_fail_nomem(err, "encoding text");
    return ADZE_OK;
}

typedef struct symbol {
    int32_t id; /* -1: merged away */
    uint32_t prev, next;
} symbol;

typedef struct heap_item {
    uint32_t rank, pos;
    int32_t id; /* what the pair at pos becomes */
} heap_item;

typedef struct heap {
    heap_item *items;
    size_t n;
} heap;

static bool before(const heap_item *a, const heap_item *b)
{
    return a->rank != b->rank ? a->rank < b->rank : a->pos < b->pos;
}

static void heap_push(heap *h, heap_item item)
{
    size_t i = h->n++;

    while (i > 0 && before(&item, &h->items[(i - 1) / 2])) {
        h->items[i] = h->items[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    h->items[i] = item;
}

static heap_item heap_pop(heap *h)
{
    heap_item top = h->items[0], last = h->items[--h->n];
    size_t i = 0, child;

    while ((child = 2 * i + 1) < h->n) {
        if (child + 1 < h->n && before(&h->items[child + 1], &h->items[child])) child++;
        if (!before(&h->items[child], &last)) break;
        h->items[i] = h->items[child];
        i = child;
    }
    h->items[i] = last;
    return top;
}

/* Queue the pair at pos if it merges. */
static void consider(const az_bpe *b, heap *h, const symbol *sym, size_t n, uint32_t pos)
{
    uint32_t next = sym[pos].next;
    const az_bpe_pair *p;

    if (next >= n) return;
    p = pair_slot(b, sym[pos].id, sym[next].id);
    if (p->key != UINT64_MAX) heap_push(h, (heap_item){ p->rank, pos, p->id });
}

static void merge_all(const az_bpe *b, heap *h, symbol *sym, size_t n)
{
    for (uint32_t i = 0; i + 1 < n; i++)
        consider(b, h, sym, n, i);
    while (h->n) {
        heap_item top = heap_pop(h);
        symbol *left = &sym[top.pos];
        const az_bpe_pair *p;
        uint32_t next;

        if (left->id < 0 || left->next >= n) continue;
        next = left->next;
        p = pair_slot(b, left->id, sym[next].id);
        if (p->key == UINT64_MAX || p->id != top.id) continue; /* one of the two has changed */
        left->id = top.id;
        left->next = sym[next].next;
        sym[next].id = -1;
        if (left->next < n) sym[left->next].prev = top.pos;
        if (left->prev != UINT32_MAX) consider(b, h, sym, n, left->prev);
        consider(b, h, sym, n, top.pos);
    }
}

/* Every merge removes a symbol and queues at most two pairs: 3n items bound the heap. */
static adze_status encode_long(const az_bpe *b, az_bpe_out *o, const char *s, size_t n,
                               adze_error *err)
{
    adze_status rc;
    symbol *sym;
    heap h;

    if (n >= UINT32_MAX / 4)
        return az_fail(err, ADZE_EUNSUP, NULL, ADZE_NOPOS,
                       "a piece of text of %zu bytes without a break", n);
    sym = scratch(o, n, sizeof *sym + 3 * sizeof *h.items);
    if (!sym) return az_fail_nomem(err, "encoding text");
    h.items = (heap_item *)(void *)(sym + n);
    h.n = 0;
    rc = first_symbols(b, s, n, &sym[0].id, sizeof *sym / sizeof sym[0].id, &n, err);
    if (rc < 0) return rc;
    for (uint32_t i = 0; i < n; i++) {
        sym[i].prev = i ? i - 1 : UINT32_MAX;
        sym[i].next = i + 1;
    }
    merge_all(b, &h, sym, n);
    for (size_t i = 0; i < n; i = sym[i].next)
        if (!az_bpe_push(o, sym[i].id)) return az_fail_nomem(err, "encoding text");
    return ADZE_OK;
}

static adze_status encode_merges(const az_bpe *b, az_bpe_out *o, const char *s, size_t n,
                                 adze_error *err)
{
    if (n <= SHORT_PIECE && !o->force_heap) return encode_short(b, o, s, n, err);
    return encode_long(b, o, s, n, err);
}

/* Through the cache: a piece seen before copies its ids from where they were put then. */
static adze_status encode_cached(const az_bpe *b, az_bpe_out *o, const char *s, size_t n,
                                 adze_error *err)
{
    az_bpe_word *w = &o->cache[hash_bytes(s, n) % CACHE_WORDS];
    size_t at = o->n;
    adze_status rc;

    if (w->n == n && memcmp(w->s, s, n) == 0) {
        for (size_t i = 0; i < w->n_ids; i++)
            if (!az_bpe_push(o, o->ids[w->at + i])) return az_fail_nomem(err, "encoding text");
        return ADZE_OK;
    }
    rc = encode_merges(b, o, s, n, err);
    if (rc < 0) return rc;
    w->n = (uint8_t)n;
    memcpy(w->s, s, n);
    w->n_ids = (uint8_t)(o->n - at);
    w->at = at;
    return ADZE_OK;
}

adze_status az_bpe_encode(const az_bpe *b, az_bpe_out *o, const char *s, size_t n, adze_error *err)
{
    int32_t id;

    if (!n) return ADZE_OK;
    if (b->ignore_merges && (id = az_bpe_find(b, s, n)) >= 0)
        return az_bpe_push(o, id) ? ADZE_OK : az_fail_nomem(err, "encoding text");
    if (o->cache && n <= WORD_BYTES && !o->force_heap) return encode_cached(b, o, s, n, err);
    return encode_merges(b, o, s, n, err);
}
