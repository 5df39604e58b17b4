/* Two tries, for the start of a word and for what follows. */
#include "text/wordpiece.h"

#include <string.h>

adze_status az_wordpiece_init(az_wordpiece *w, adze_run *run, const az_str *bytes, size_t n_ids,
                              const char *prefix, adze_error *err)
{
    az_trie_key *keys = az_calloc(run, n_ids + 1, sizeof *keys);
    size_t np = strlen(prefix), n = 0;
    adze_status rc;

    if (!keys) return az_fail_nomem(err, "reading a tokenizer");
    w->run = run;
    for (size_t id = 0; id < n_ids; id++)
        if (bytes[id].s) keys[n++] = (az_trie_key){ bytes[id], (int32_t)id };
    rc = az_trie_init(&w->first, run, keys, n, err);
    n = 0;
    for (size_t id = 0; id < n_ids; id++)
        if (bytes[id].s && bytes[id].n > np && memcmp(bytes[id].s, prefix, np) == 0)
            keys[n++] = (az_trie_key){ { bytes[id].s + np, bytes[id].n - np }, (int32_t)id };
    if (rc == ADZE_OK) rc = az_trie_init(&w->rest, run, keys, n, err);
    az_free(run, keys);
    return rc;
}

void az_wordpiece_deinit(az_wordpiece *w)
{
    az_trie_deinit(&w->first);
    az_trie_deinit(&w->rest);
}

static bool too_long(const char *s, size_t n, size_t max_chars)
{
    size_t chars = 0;

    for (size_t i = 0; i < n && n > max_chars; i++)
        if (((unsigned char)s[i] & 0xc0) != 0x80 && ++chars > max_chars) return true;
    return false;
}

adze_status az_wordpiece_encode(const az_wordpiece *w, az_ids *o, const char *s, size_t n,
                                adze_error *err)
{
    size_t begin = o->n, at = 0, len = 0;
    int32_t id = -1;

    if (!n) return ADZE_OK;
    if (!too_long(s, n, w->max_chars))
        for (; at < n; at += len) {
            id = az_trie_longest(at ? &w->rest : &w->first, s + at, n - at, &len);
            if (id < 0) break;
            if (!az_ids_push(o, id)) return az_fail_nomem(err, "encoding text");
        }
    if (at == n) return ADZE_OK;
    o->n = begin;
    if (w->unk < 0)
        return az_fail(err, ADZE_EFORMAT, NULL, ADZE_NOPOS,
                       "a word has no tokens, and the vocabulary has no unknown token");
    return az_ids_push(o, w->unk) ? ADZE_OK : az_fail_nomem(err, "encoding text");
}
