/* The cache maps a word to where its ids were first written in the output. */
#include "text/ids.h"
#include "base/check.h"
#include "text/index.h"

#include <string.h>

enum { CACHE_WORDS = 1 << 14, CACHE_MIN_TEXT = 2048, WORD_BYTES = 38 };

struct az_word {
    size_t at;        /* its ids lie at out->ids[at] */
    uint8_t n, n_ids; /* n 0: empty */
    char s[WORD_BYTES];
};

void az_ids_init(az_ids *o, adze_run *run, size_t text_bytes)
{
    memset(o, 0, sizeof *o);
    o->run = run;
    /* A missing cache only costs time. */
    if (text_bytes >= CACHE_MIN_TEXT) o->cache = az_calloc(run, CACHE_WORDS, sizeof *o->cache);
}

void az_ids_deinit(az_ids *o)
{
    az_free(o->run, o->ids);
    az_free(o->run, o->cache);
    az_free(o->run, o->scratch);
    o->ids = NULL;
    o->cache = NULL;
    o->scratch = NULL;
}

bool az_ids_push(az_ids *o, int32_t id)
{
    if (o->n == o->cap) {
        size_t cap = o->cap ? o->cap * 2 : 64;
        int32_t *ids = az_realloc_array(o->run, o->ids, cap, sizeof *ids);
        if (!ids) return false;
        o->ids = ids;
        o->cap = cap;
    }
    o->ids[o->n++] = id;
    return true;
}

void *az_ids_scratch(az_ids *o, size_t n, size_t size)
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

adze_status az_ids_word(az_ids *o, az_word_fn *fn, const void *model, const char *s, size_t n,
                        adze_error *err)
{
    size_t at = o->n;
    adze_status rc;
    az_word *w;

    if (!o->cache || !n || n > WORD_BYTES || o->force_heap) return fn(model, o, s, n, err);
    w = &o->cache[az_hash_bytes(0, s, n) % CACHE_WORDS];
    if (w->n == n && memcmp(w->s, s, n) == 0) {
        for (size_t i = 0; i < w->n_ids; i++)
            if (!az_ids_push(o, o->ids[w->at + i])) return az_fail_nomem(err, "encoding text");
        return ADZE_OK;
    }
    rc = fn(model, o, s, n, err);
    if (rc < 0) return rc;
    w->n = (uint8_t)n;
    memcpy(w->s, s, n);
    w->n_ids = (uint8_t)(o->n - at); /* at most one id a byte */
    w->at = at;
    return ADZE_OK;
}
