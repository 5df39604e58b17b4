/* Comparing two tokenizers: vocabularies, merges in order, added tokens with their flags. */
#include "text/tok_compare.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void AZ_PRINTF(2, 3) differ(az_tok_diff *d, const char *fmt, ...)
{
    va_list ap;

    if (d->differing++) return;
    va_start(ap, fmt);
    vsnprintf(d->where, sizeof d->where, fmt, ap);
    va_end(ap);
}

static const char *shown(const adze_tokenizer *t, size_t id, char *buf, size_t size)
{
    char raw[64];

    if (id >= t->n_ids || !t->text[id].s) return "no token";
    snprintf(raw, sizeof raw, "\"%.*s\"", (int)(t->text[id].n < 48 ? t->text[id].n : 48),
             t->text[id].s);
    return az_escape_text(buf, size, raw);
}

/* Text can never become this id. */
static bool is_padding(const adze_tokenizer *t, size_t id)
{
    return id >= t->n_ids || !t->text[id].s || (!t->model[id].s && !t->flags[id]);
}

static bool same_token(const adze_tokenizer *a, const adze_tokenizer *b, size_t id)
{
    if (is_padding(a, id) && is_padding(b, id)) return true;
    if (id >= a->n_ids || id >= b->n_ids || !a->bytes[id].s || !b->bytes[id].s) return false;
    return a->bytes[id].n == b->bytes[id].n &&
           memcmp(a->bytes[id].s, b->bytes[id].s, a->bytes[id].n) == 0;
}

void az_tok_compare_vocabulary(const adze_tokenizer *a, const adze_tokenizer *b, az_tok_diff *d)
{
    size_t n = a->n_ids > b->n_ids ? a->n_ids : b->n_ids;
    char x[160], y[160];

    *d = (az_tok_diff){ .compared = n };
    for (size_t id = 0; id < n; id++)
        if (!same_token(a, b, id))
            differ(d, "id %zu is %s in the reference, %s here", id, shown(a, id, x, sizeof x),
                   shown(b, id, y, sizeof y));
}

static int by_rank(const void *x, const void *y)
{
    const az_bpe_pair *a = x, *b = y;

    if (a->rank != b->rank) return a->rank < b->rank ? -1 : 1;
    return (a->key > b->key) - (a->key < b->key);
}

/* Pairs in the order of their ranks; NULL: out of memory. */
static az_bpe_pair *sorted(const adze_tokenizer *t, size_t *n)
{
    const az_bpe *b = &t->bpe;
    az_bpe_pair *list = az_calloc(t->run, b->pairs ? b->pair_mask + 2 : 1, sizeof *list);

    *n = 0;
    for (size_t i = 0; list && b->pairs && i <= b->pair_mask; i++)
        if (b->pairs[i].key != UINT64_MAX) list[(*n)++] = b->pairs[i];
    if (list) qsort(list, *n, sizeof *list, by_rank);
    return list;
}

static const char *merge_text(const adze_tokenizer *t, const az_bpe_pair *p, char *buf, size_t size)
{
    char l[80], r[80];

    snprintf(buf, size, "%s + %s", shown(t, (size_t)(p->key >> 32), l, sizeof l),
             shown(t, (size_t)(p->key & UINT32_MAX), r, sizeof r));
    return buf;
}

bool az_tok_compare_merges(const adze_tokenizer *a, const adze_tokenizer *b, az_tok_diff *d)
{
    size_t n_a, n_b, n;
    az_bpe_pair *x = sorted(a, &n_a), *y = sorted(b, &n_b);
    char l[180], r[180];

    *d = (az_tok_diff){ 0 };
    n = n_a < n_b ? n_a : n_b;
    d->compared = n_a > n_b ? n_a : n_b;
    for (size_t i = 0; x && y && i < n; i++)
        if (x[i].key != y[i].key || x[i].id != y[i].id)
            differ(d, "merge %zu is %s in the reference, %s here", i,
                   merge_text(a, &x[i], l, sizeof l), merge_text(b, &y[i], r, sizeof r));
    if (x && y && n_a != n_b) differ(d, "%zu merges in the reference, %zu here", n_a, n_b);
    az_free(a->run, x);
    az_free(b->run, y);
    return x && y;
}

/* Added tokens by id; NULL: out of memory. */
static const az_added **added_by_id(const adze_tokenizer *t, size_t n)
{
    const az_added **list = az_calloc(t->run, n + 1, sizeof *list);
    const az_added_set *sets[2] = { &t->normal, &t->raw };

    for (size_t k = 0; list && k < 2; k++)
        for (size_t i = 0; i < sets[k]->n; i++)
            if ((size_t)sets[k]->tokens[i].id < n)
                list[sets[k]->tokens[i].id] = &sets[k]->tokens[i];
    return list;
}

static void compare_flags(const az_added *x, const az_added *y, const char *name, az_tok_diff *d)
{
    const struct {
        const char *flag;
        bool a, b;
    } flags[] = {
        { "special", x->special, y->special },
        { "normalized", x->normalized, y->normalized },
        { "single_word", x->single_word, y->single_word },
        { "lstrip", x->lstrip, y->lstrip },
        { "rstrip", x->rstrip, y->rstrip },
    };

    for (size_t i = 0; i < AZ_COUNT(flags); i++)
        if (flags[i].a != flags[i].b) {
            differ(d, "%s: %s is %s in the reference, %s here", name, flags[i].flag,
                   flags[i].a ? "true" : "false", flags[i].b ? "true" : "false");
            return;
        }
}

bool az_tok_compare_added(const adze_tokenizer *a, const adze_tokenizer *b, az_tok_diff *d)
{
    size_t n = a->n_ids > b->n_ids ? a->n_ids : b->n_ids;
    const az_added **in_a = added_by_id(a, n), **in_b = added_by_id(b, n);
    bool ok = in_a && in_b;
    char name[160];

    *d = (az_tok_diff){ 0 };
    for (size_t id = 0; ok && id < n; id++) {
        if (!in_a[id] && !in_b[id]) continue;
        d->compared++;
        shown(in_a[id] ? a : b, id, name, sizeof name);
        if (in_a[id] && in_b[id])
            compare_flags(in_a[id], in_b[id], name, d);
        else
            differ(d, "%s is an added token %s", name,
                   in_a[id] ? "in the reference only" : "here only");
    }
    az_free(a->run, in_a);
    az_free(b->run, in_b);
    return ok;
}
