/* Forward pass over start positions, then the best path is read from the end. */
#include "text/unigram.h"
#include "base/check.h"
#include "text/unicode.h"

#include <float.h>
#include <string.h>

enum { UNK_PENALTY = 10 };

/* Best path that ends at a byte position; start UINT32_MAX: none yet. */
typedef struct cell {
    double score; /* a 32-bit value in SentencePiece's arithmetic */
    uint32_t start;
    int32_t id;
} cell;

adze_status az_unigram_init(az_unigram *u, adze_run *run, const az_str *bytes, const double *scores,
                            const bool *found, const bool *user, size_t n_ids, adze_error *err)
{
    az_trie_key *keys = az_calloc(run, n_ids + 1, sizeof *keys);
    adze_status rc;
    size_t n = 0;

    if (!keys) return az_fail_nomem(err, "reading a tokenizer");
    u->run = run;
    u->scores = scores;
    u->user = user;
    u->n_ids = n_ids;
    u->unk = -1;
    u->max_score = FLT_MIN; /* as SentencePiece starts it */
    u->min_score = DBL_MAX;
    for (size_t id = 0; id < n_ids; id++) {
        if (!bytes[id].s || !found[id]) continue;
        keys[n++] = (az_trie_key){ bytes[id], (int32_t)id };
        if (user && user[id]) continue;
        if (scores[id] < u->min_score) u->min_score = scores[id];
        if (scores[id] > u->max_score) u->max_score = (float)scores[id];
    }
    if (u->min_score == DBL_MAX) u->min_score = 0;
    rc = az_trie_init(&u->trie, run, keys, n, err);
    az_free(run, keys);
    return rc;
}

void az_unigram_deinit(az_unigram *u)
{
    az_trie_deinit(&u->trie);
}

static void offer(cell *c, double score, uint32_t start, int32_t id)
{
    if (c->start == UINT32_MAX || score > c->score) *c = (cell){ score, start, id };
}

/* As offer, the sum rounded once it is kept. */
static void offer_f32(cell *c, double score, uint32_t start, int32_t id)
{
    if (c->start == UINT32_MAX || (float)score > c->score) *c = (cell){ (float)score, start, id };
}

static double bonus(const az_unigram *u, size_t length)
{
    return (double)(float)((double)((float)length * u->max_score) - 0.1);
}

/* All tokens that start at `at`; false when none of them is the character there alone. */
static bool offer_tokens(const az_unigram *u, cell *cells, const char *s, size_t n, size_t at,
                         size_t char_len)
{
    double so_far = cells[at].score;
    bool single = false;
    int32_t node = 0, id;

    for (size_t i = at; i < n; i++) {
        node = az_trie_step(&u->trie, node, (unsigned char)s[i]);
        if (node < 0) break;
        id = u->trie.nodes[node].value;
        if (id < 0) continue;
        if (!u->sentencepiece)
            offer(&cells[i + 1], u->scores[id] + so_far, (uint32_t)at, id);
        else
            offer_f32(&cells[i + 1],
                      (u->user && u->user[id] ? bonus(u, i + 1 - at) : u->scores[id]) + so_far,
                      (uint32_t)at, id);
        single |= i + 1 - at == char_len;
    }
    return single;
}

static adze_status no_unk(adze_error *err)
{
    return az_fail(err, ADZE_EFORMAT, NULL, ADZE_NOPOS,
                   "text has a character without a token, and the vocabulary has no unknown token");
}

static adze_status forward(const az_unigram *u, cell *cells, const char *s, size_t n,
                           adze_error *err)
{
    double unk = u->sentencepiece ? (double)((float)u->min_score - (float)UNK_PENALTY)
                                  : u->min_score - UNK_PENALTY;
    size_t len;

    for (size_t at = 0; at < n; at += len) {
        double sum = unk + cells[at].score;
        az_utf8_next(s + at, n - at, &len);
        if (offer_tokens(u, cells, s, n, at, len)) continue;
        if (u->unk < 0) return no_unk(err);
        if (u->sentencepiece) sum = (float)sum;
        offer(&cells[at + len], sum, (uint32_t)at, u->unk);
    }
    return ADZE_OK;
}

static bool push_bytes(const az_unigram *u, az_ids *o, const char *s, size_t n, bool *done)
{
    *done = u->byte_fallback;
    for (size_t i = 0; i < n && *done; i++)
        *done = u->byte_id[(unsigned char)s[i]] >= 0;
    for (size_t i = 0; i < n && *done; i++)
        if (!az_ids_push(o, u->byte_id[(unsigned char)s[i]])) return false;
    return true;
}

/* A run of unknown characters: a token of that very text, its bytes, or one unk. */
static bool push_unknown(const az_unigram *u, az_ids *o, const char *s, size_t n)
{
    size_t len = 0;
    int32_t id = u->sentencepiece ? -1 : az_trie_longest(&u->trie, s, n, &len);
    bool done;

    if (id >= 0 && len == n) return az_ids_push(o, id);
    return push_bytes(u, o, s, n, &done) && (done || az_ids_push(o, u->unk));
}

/* Turns the chain of starts into one of ends, in reading order. Returns where the first token ends. */
static size_t reverse(cell *cells, size_t n)
{
    size_t end = n, next = 0;

    while (end > 0) { /* cells[start].start becomes the end of the token that starts there */
        size_t start = cells[end].start;
        cells[end].start = (uint32_t)next;
        next = end;
        end = start;
    }
    return next;
}

adze_status az_unigram_encode(const az_unigram *u, az_ids *o, const char *s, size_t n,
                              adze_error *err)
{
    cell *cells;
    adze_status rc;
    size_t from = 0;

    if (!n) return ADZE_OK;
    if (n >= UINT32_MAX)
        return az_fail(err, ADZE_EUNSUP, NULL, ADZE_NOPOS,
                       "a piece of text of %zu bytes without a break", n);
    cells = az_ids_scratch(o, n + 1, sizeof *cells);
    if (!cells) return az_fail_nomem(err, "encoding text");
    for (size_t i = 0; i <= n; i++)
        cells[i].start = UINT32_MAX;
    cells[0].score = 0;
    rc = forward(u, cells, s, n, err);
    if (rc < 0) return rc;
    for (size_t end = reverse(cells, n); end; end = cells[end].start) {
        bool ok;
        if (cells[end].id == u->unk) { /* neighbouring ones are one */
            while (cells[end].start && cells[cells[end].start].id == u->unk)
                end = cells[end].start;
            ok = push_unknown(u, o, s + from, end - from);
        } else {
            ok = az_ids_push(o, cells[end].id);
        }
        if (!ok) return az_fail_nomem(err, "encoding text");
        from = end;
    }
    return ADZE_OK;
}
