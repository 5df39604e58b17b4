/* Short pieces scan for the lowest rank; long ones use a heap, O(n log n). Both give the same ids: the pair of
 * lowest rank, leftmost among equals, is merged until none is left. */
#include "text/bpe.h"
#include "base/check.h"
#include "text/unicode.h"

#include <string.h>

enum { SHORT_PIECE = 32, BMP = 65536 };

static const char space_mark[] = "\xe2\x96\x81"; /* U+2581 */

static uint64_t hash_pair(uint64_t key)
{
    key = (key ^ key >> 29) * 0xbf58476d1ce4e5b9u;
    return key ^ key >> 32;
}

static adze_status alloc_pairs(az_bpe *b, size_t n_merges, adze_error *err)
{
    size_t n_pairs = az_table_size(n_merges + 1), total;

    az_free(b->run, b->pairs);
    b->pair_mask = n_pairs - 1;
    b->pairs = az_mul_size(n_pairs, sizeof *b->pairs, &total) ? az_alloc(b->run, total) : NULL;
    if (!b->pairs) return az_fail_nomem(err, "reading a tokenizer");
    memset(b->pairs, 0xff, total);
    return ADZE_OK;
}

/* Ids of single characters; a character beyond U+FFFF is looked up by its bytes. */
static adze_status index_chars(az_bpe *b, adze_error *err)
{
    size_t len;

    b->char_id = az_alloc_array(b->run, BMP, sizeof *b->char_id);
    if (!b->char_id) return az_fail_nomem(err, "reading a tokenizer");
    memset(b->char_id, 0xff, BMP * sizeof *b->char_id);
    for (size_t id = b->n_ids + b->n_hidden; id-- > 0;) {
        const az_str *t = &b->bytes[id];
        uint32_t c;
        if (!t->s || !t->n || t->n > 3) continue;
        c = az_utf8_next(t->s, t->n, &len);
        if (len == t->n) b->char_id[c] = (int32_t)id;
    }
    return ADZE_OK;
}

adze_status az_bpe_init(az_bpe *b, adze_run *run, az_bpe_unit unit, const az_str *bytes,
                        size_t n_ids, size_t n_merges, adze_error *err)
{
    static const char hex[] = "0123456789ABCDEF";
    adze_status rc;

    b->run = run;
    b->unit = unit;
    b->bytes = bytes;
    b->n_ids = n_ids;
    b->unk = -1;
    rc = az_random(run, &b->seed, sizeof b->seed, err);
    if (rc == ADZE_OK) rc = alloc_pairs(b, n_merges, err);
    if (rc == ADZE_OK) rc = az_index_init(&b->index, run, bytes, n_ids, err);
    if (rc == ADZE_OK && unit != AZ_BPE_BYTES) rc = index_chars(b, err);
    if (rc < 0) return rc;
    for (int c = 0; c < 256; c++) {
        char byte = (char)c, name[] = { '<', '0', 'x', hex[c >> 4], hex[c & 15], '>' };
        b->byte_id[c] =
            unit == AZ_BPE_BYTES ? az_bpe_find(b, &byte, 1) : az_bpe_find(b, name, sizeof name);
    }
    return ADZE_OK;
}

void az_bpe_deinit(az_bpe *b)
{
    if (!b->run) return;
    az_index_deinit(&b->index);
    az_trie_deinit(&b->frozen);
    az_free(b->run, b->pairs);
    az_free(b->run, b->char_id);
    az_free(b->run, b->own);
}

static az_bpe_pair *pair_slot(const az_bpe *b, int32_t left, int32_t right)
{
    uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    size_t at = hash_pair(key ^ b->seed) & b->pair_mask;

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

static int32_t char_of(const az_bpe *b, const char *s, size_t n, size_t *len)
{
    uint32_t c = az_utf8_next(s, n, len);

    return c < BMP ? b->char_id[c] : az_bpe_find(b, s, *len);
}

/* Lower for a higher score, equal for equal ones: the order of floats as that of unsigned numbers. */
static uint32_t rank_of(float score)
{
    uint32_t u;

    score += 0.0f; /* -0 is 0 */
    memcpy(&u, &score, sizeof u);
    u = u >> 31 ? ~u : u | 0x80000000u;
    return ~u;
}

/* Characters of merging tokens without a token of their own get ids behind all others. */
static adze_status add_hidden(az_bpe *b, const bool *merges, adze_error *err)
{
    size_t cap = 0, n = 0, len, total;
    az_str *own = NULL;

    for (size_t id = 0; id < b->n_ids; id++) {
        const az_str *t = &b->bytes[id];
        if (!t->s || !merges[id]) continue;
        for (size_t at = 0; at < t->n; at += len) {
            if (char_of(b, t->s + at, t->n - at, &len) >= 0) continue;
            if (n == cap) {
                cap = cap ? cap * 2 : 16;
                own = az_mul_size(b->n_ids + cap, sizeof *own, &total)
                          ? az_realloc(b->run, b->own, total)
                          : NULL;
                if (!own) return az_fail_nomem(err, "reading a tokenizer");
                b->own = own;
            }
            own[b->n_ids + n++] = (az_str){ t->s + at, len }; /* the same one more than once */
        }
    }
    if (!n) return ADZE_OK;
    memcpy(own, b->bytes, b->n_ids * sizeof *own);
    b->bytes = own;
    b->n_hidden = n;
    az_index_deinit(&b->index);
    az_free(b->run, b->char_id);
    b->char_id = NULL;
    {
        adze_status rc = az_index_init(&b->index, b->run, own, b->n_ids + n, err);
        return rc < 0 ? rc : index_chars(b, err);
    }
}

static bool may_merge(const az_bpe *b, const bool *merges, int32_t id)
{
    return id >= 0 && ((size_t)id >= b->n_ids || merges[id]);
}

/* Calls add (or counts) for every way to make token `id` of two others. */
static size_t splits_of(az_bpe *b, const bool *merges, int32_t id, uint32_t rank, bool add)
{
    const az_str *t = &b->bytes[id];
    size_t n = 0, len;
    int32_t l, r;

    az_utf8_next(t->s, t->n, &len);
    for (size_t at = len; at < t->n; at += len) {
        l = az_bpe_find(b, t->s, at);
        r = may_merge(b, merges, l) ? az_bpe_find(b, t->s + at, t->n - at) : -1;
        if (may_merge(b, merges, r)) {
            n++;
            if (add) az_bpe_add_merge(b, l, r, rank, id);
        }
        az_utf8_next(t->s + at, t->n - at, &len);
    }
    return n;
}

static adze_status freeze(az_bpe *b, const bool *frozen, adze_error *err)
{
    size_t n = 0, k = 0;
    az_trie_key *keys;
    adze_status rc;

    for (size_t id = 0; id < b->n_ids; id++)
        n += frozen[id];
    if (!n) return ADZE_OK;
    keys = az_calloc(b->run, n, sizeof *keys);
    if (!keys) return az_fail_nomem(err, "reading a tokenizer");
    for (size_t id = 0; id < b->n_ids; id++)
        if (frozen[id]) keys[k++] = (az_trie_key){ b->bytes[id], (int32_t)id };
    rc = az_trie_init(&b->frozen, b->run, keys, n, err);
    az_free(b->run, keys);
    return rc;
}

/* Every way to cut a token in two is looked up. */
static adze_status check_lengths(const az_bpe *b, const bool *merges, adze_error *err)
{
    for (size_t id = 0; id < b->n_ids; id++)
        if (b->bytes[id].s && merges[id] && b->bytes[id].n > AZ_TRIE_MAX_KEY)
            return az_fail_name(err, ADZE_EUNSUP, NULL, "vocabulary", ADZE_NOPOS,
                                "token %zu has %zu bytes; at most %d are supported", id,
                                b->bytes[id].n, (int)AZ_TRIE_MAX_KEY);
    return ADZE_OK;
}

adze_status az_bpe_set_scores(az_bpe *b, const float *scores, const bool *merges,
                              const bool *frozen, adze_error *err)
{
    adze_status rc = check_lengths(b, merges, err);
    size_t n = 0;

    if (rc == ADZE_OK) rc = add_hidden(b, merges, err);

    if (rc == ADZE_OK && frozen) rc = freeze(b, frozen, err);
    if (rc < 0) return rc;
    for (size_t id = 0; id < b->n_ids; id++)
        if (b->bytes[id].s && b->bytes[id].n && merges[id])
            n += splits_of(b, merges, (int32_t)id, 0, false);
    rc = alloc_pairs(b, n, err);
    for (size_t id = 0; id < b->n_ids && rc == ADZE_OK; id++)
        if (b->bytes[id].s && b->bytes[id].n && merges[id])
            splits_of(b, merges, (int32_t)id, rank_of(scores[id]), true);
    return rc;
}

static bool marks_space(const char *s, size_t n)
{
    return n >= 3 && memcmp(s, space_mark, 3) == 0;
}

/* Bytes up to where s may be cut: before the first U+2581 that stands behind something else. */
static size_t cut_at(const char *s, size_t n)
{
    const char *p = s;
    size_t at = 0;

    while (marks_space(s + at, n - at))
        at += 3;
    p = s + at;
    while ((p = memchr(p, space_mark[0], n - (size_t)(p - s)))) {
        if (marks_space(p, n - (size_t)(p - s))) return (size_t)(p - s);
        p++;
    }
    return n;
}

void az_bpe_finish(az_bpe *b)
{
    if (b->unit == AZ_BPE_BYTES || b->prefix || b->suffix) return;
    b->cut = az_bpe_find(b, space_mark, 3) >= 0;
    for (size_t i = 0; i <= b->pair_mask && b->cut; i++)
        if (b->pairs[i].key != UINT64_MAX) {
            const az_str *t = &b->bytes[b->pairs[i].id];
            b->cut = cut_at(t->s, t->n) == t->n;
        }
    /* Tokens found before merging are few and may hold anything. */
    if (b->frozen.nodes) b->cut = false;
}

static adze_status no_token(unsigned char byte, adze_error *err)
{
    return az_fail(err, ADZE_EFORMAT, NULL, ADZE_NOPOS,
                   "the vocabulary has no token for byte 0x%02x and no unknown token",
                   (unsigned)byte);
}

/* First id of each symbol of s into ids[0..n): its byte, or unk. *count may be below n with fuse_unk. */
static adze_status first_bytes(const az_bpe *b, const char *s, size_t n, int32_t *ids,
                               size_t stride, size_t *count, adze_error *err)
{
    bool after_unk = false;
    size_t k = 0;

    for (size_t i = 0; i < n; i++) {
        int32_t id = b->byte_id[(unsigned char)s[i]];
        if (id < 0 && b->unk < 0) return no_token((unsigned char)s[i], err);
        if (id < 0 && after_unk && b->fuse_unk) continue;
        after_unk = id < 0;
        ids[k++ * stride] = id < 0 ? b->unk : id;
    }
    *count = k;
    return ADZE_OK;
}

static bool has_bytes(const az_bpe *b, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (b->byte_id[(unsigned char)s[i]] < 0) return false;
    return b->byte_fallback;
}

/* Token of a character with the prefix and suffix that its place calls for. */
static int32_t affixed(const az_bpe *b, const char *s, size_t len, bool first, bool last)
{
    size_t np = b->prefix && !first ? strlen(b->prefix) : 0;
    size_t ns = b->suffix && last ? strlen(b->suffix) : 0;
    char text[128];

    if (np + ns + len > sizeof text) return -1; /* longer ones are refused when the file is read */
    if (np) memcpy(text, b->prefix, np);
    memcpy(text + np, s, len);
    if (ns) memcpy(text + np + len, b->suffix, ns);
    return az_bpe_find(b, text, np + len + ns);
}

/* Characters as tokenizers has them: one that is unknown waits until a known one follows or the piece ends, so it
 * comes out behind bytes that stand in for others. Without unk it is dropped. */
static size_t first_chars(const az_bpe *b, const char *s, size_t n, int32_t *ids, size_t stride)
{
    bool pending = false;
    size_t k = 0, len;
    int32_t id;

    for (size_t at = 0; at < n; at += len) {
        id = char_of(b, s + at, n - at, &len);
        if (b->prefix || b->suffix) id = affixed(b, s + at, len, at == 0, at + len == n);
        if (id >= 0) {
            if (pending) ids[k++ * stride] = b->unk;
            pending = false;
            ids[k++ * stride] = id;
        } else if (has_bytes(b, s + at, len)) {
            for (size_t i = 0; i < len; i++)
                ids[k++ * stride] = b->byte_id[(unsigned char)s[at + i]];
        } else if (b->unk >= 0) {
            if (pending && !b->fuse_unk) ids[k++ * stride] = b->unk;
            pending = true;
        }
    }
    if (pending) ids[k++ * stride] = b->unk;
    return k;
}

/* Frozen tokens, characters, bytes for characters without a token. Frozen and byte tokens take part in no pair. */
static size_t first_scored(const az_bpe *b, const char *s, size_t n, int32_t *ids, size_t stride)
{
    size_t k = 0, len;
    int32_t id;

    for (size_t at = 0; at < n; at += len) {
        id = b->frozen.nodes ? az_trie_longest(&b->frozen, s + at, n - at, &len) : -1;
        if (id >= 0) {
            ids[k++ * stride] = id;
            continue;
        }
        id = char_of(b, s + at, n - at, &len);
        if (id >= 0) {
            ids[k++ * stride] = id;
        } else if (has_bytes(b, s + at, len)) {
            for (size_t i = 0; i < len; i++)
                ids[k++ * stride] = b->byte_id[(unsigned char)s[at + i]];
        } else {
            ids[k++ * stride] = b->unk;
        }
    }
    return k;
}

static adze_status first_symbols(const az_bpe *b, const char *s, size_t n, int32_t *ids,
                                 size_t stride, size_t *count, adze_error *err)
{
    if (b->unit == AZ_BPE_BYTES) return first_bytes(b, s, n, ids, stride, count, err);
    *count = b->unit == AZ_BPE_CHARS ? first_chars(b, s, n, ids, stride)
                                     : first_scored(b, s, n, ids, stride);
    return ADZE_OK;
}

/* A symbol that is still a character without a token, or unknown next to unknown: SCORES only. */
static bool push_scored(const az_bpe *b, az_ids *o, int32_t id, bool *after_unk)
{
    if ((size_t)id >= b->n_ids) {
        const az_str *t = &b->bytes[id];
        if (has_bytes(b, t->s, t->n)) {
            for (size_t i = 0; i < t->n; i++)
                if (!az_ids_push(o, b->byte_id[(unsigned char)t->s[i]])) return false;
            *after_unk = false;
            return true;
        }
        id = b->unk;
    }
    if (id == b->unk && *after_unk) return true;
    *after_unk = id == b->unk;
    return az_ids_push(o, id);
}

static bool push_symbol(const az_bpe *b, az_ids *o, int32_t id, bool *after_unk)
{
    return b->unit == AZ_BPE_SCORES ? push_scored(b, o, id, after_unk) : az_ids_push(o, id);
}

static void look_up(const az_bpe *b, const int32_t *id, uint32_t *rank, int32_t *to, size_t i)
{
    const az_bpe_pair *p = pair_slot(b, id[i], id[i + 1]);

    rank[i] = p->rank; /* UINT32_MAX in an empty slot */
    to[i] = p->id;
}

static adze_status encode_short(const az_bpe *b, az_ids *o, const char *s, size_t n,
                                adze_error *err)
{
    int32_t id[SHORT_PIECE], to[SHORT_PIECE];
    uint32_t rank[SHORT_PIECE];
    bool after_unk = false;
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
        if (!push_symbol(b, o, id[i], &after_unk)) return az_fail_nomem(err, "encoding text");
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
static adze_status encode_long(const az_bpe *b, az_ids *o, const char *s, size_t n, adze_error *err)
{
    bool after_unk = false;
    adze_status rc;
    symbol *sym;
    heap h;

    if (n >= UINT32_MAX / 4)
        return az_fail(err, ADZE_EUNSUP, NULL, ADZE_NOPOS,
                       "a piece of text of %zu bytes without a break", n);
    sym = az_ids_scratch(o, n, sizeof *sym + 3 * sizeof *h.items);
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
        if (!push_symbol(b, o, sym[i].id, &after_unk)) return az_fail_nomem(err, "encoding text");
    return ADZE_OK;
}

static adze_status encode_merges(const void *model, az_ids *o, const char *s, size_t n,
                                 adze_error *err)
{
    const az_bpe *b = model;

    if (n <= SHORT_PIECE && !o->force_heap) return encode_short(b, o, s, n, err);
    return encode_long(b, o, s, n, err);
}

adze_status az_bpe_encode(const az_bpe *b, az_ids *o, const char *s, size_t n, adze_error *err)
{
    adze_status rc = ADZE_OK;
    int32_t id;

    if (!n) return ADZE_OK;
    if (b->ignore_merges && (id = az_bpe_find(b, s, n)) >= 0)
        return az_ids_push(o, id) ? ADZE_OK : az_fail_nomem(err, "encoding text");
    while (n && rc == ADZE_OK) {
        size_t take = b->cut ? cut_at(s, n) : n;
        rc = az_ids_word(o, encode_merges, b, s, take, err);
        s += take;
        n -= take;
    }
    return rc;
}
