/* Trie search for added tokens. Siblings are a linked list; the first byte has a table, so ordinary text
 * costs one look-up a byte. */
#include "text/added.h"
#include "text/unicode.h"

#include <string.h>

struct az_added_node {
    uint32_t child, sibling; /* 0: none */
    int32_t token;           /* index in tokens, -1: none ends here */
    unsigned char byte;
};

void az_added_init(az_added_set *s, adze_run *run)
{
    memset(s, 0, sizeof *s);
    s->run = run;
}

void az_added_deinit(az_added_set *s)
{
    if (!s->run) return;
    az_free(s->run, s->nodes);
    az_free(s->run, s->tokens);
}

/* New node; 0 when out of memory (node 0 is never used). */
static uint32_t new_node(az_added_set *s, unsigned char byte)
{
    if (s->n_nodes + 1 >= s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 256;
        az_added_node *nodes = az_realloc_array(s->run, s->nodes, cap, sizeof *nodes);
        if (!nodes || cap > UINT32_MAX / 2) return 0;
        s->nodes = nodes;
        s->cap = cap;
        if (!s->n_nodes) s->n_nodes = 1;
    }
    s->nodes[s->n_nodes] = (az_added_node){ 0, 0, -1, byte };
    return (uint32_t)s->n_nodes++;
}

static uint32_t child_of(const az_added_set *s, uint32_t node, unsigned char byte)
{
    uint32_t at = s->nodes[node].child;

    while (at && s->nodes[at].byte != byte)
        at = s->nodes[at].sibling;
    return at;
}

adze_status az_added_add(az_added_set *s, const az_added *token, const char *content, size_t n,
                         adze_error *err)
{
    uint32_t node = 0, next;

    if (!n) return ADZE_OK;
    if (s->n == s->tokens_cap) {
        size_t cap = s->tokens_cap ? s->tokens_cap * 2 : 64;
        az_added *tokens = az_realloc_array(s->run, s->tokens, cap, sizeof *tokens);
        if (!tokens) return az_fail_nomem(err, "reading a tokenizer");
        s->tokens = tokens;
        s->tokens_cap = cap;
    }
    for (size_t i = 0; i < n; i++) {
        unsigned char byte = (unsigned char)content[i];
        next = i ? child_of(s, node, byte) : s->first[byte];
        if (!next) {
            next = new_node(s, byte);
            if (!next) return az_fail_nomem(err, "reading a tokenizer");
            if (i) {
                s->nodes[next].sibling = s->nodes[node].child;
                s->nodes[node].child = next;
            } else {
                s->first[byte] = next;
            }
        }
        node = next;
    }
    if (s->nodes[node].token < 0) s->nodes[node].token = (int32_t)s->n;
    s->tokens[s->n++] = *token;
    return ADZE_OK;
}

/* Longest content that starts at text[at]; NULL if none. */
static const az_added *longest(const az_added_set *s, const char *text, size_t n, size_t at,
                               size_t *end)
{
    uint32_t node = s->first[(unsigned char)text[at]];
    const az_added *found = NULL;

    for (size_t i = at; node; node = child_of(s, node, (unsigned char)text[i])) {
        i++;
        if (s->nodes[node].token >= 0) {
            found = &s->tokens[s->nodes[node].token];
            *end = i;
        }
        if (i == n) break;
    }
    return found;
}

static bool is_word_at(const char *s, size_t n)
{
    size_t len;

    return az_uc_class_of(az_utf8_next(s, n, &len)) & AZ_UC_WORD;
}

static bool stands_alone(const char *text, size_t n, size_t start, size_t end)
{
    size_t back = start ? az_utf8_back(text, start) : 0;

    if (start && is_word_at(text + back, start - back)) return false;
    return end == n || !is_word_at(text + end, n - end);
}

static void strip(const az_added *t, const char *text, size_t n, size_t taken, az_added_hit *h)
{
    size_t len, back;

    while (t->lstrip && h->start > taken) {
        back = az_utf8_back(text, h->start);
        if (back < taken) break;
        if (!(az_uc_class_of(az_utf8_next(text + back, h->start - back, &len)) & AZ_UC_SPACE))
            break;
        h->start = back;
    }
    while (t->rstrip && h->end < n) {
        if (!(az_uc_class_of(az_utf8_next(text + h->end, n - h->end, &len)) & AZ_UC_SPACE)) break;
        h->end += len;
    }
}

az_added_hit az_added_next(const az_added_set *s, const char *text, size_t n, size_t from,
                           size_t taken)
{
    az_added_hit h = { n, n, n, NULL };
    size_t end = 0;

    for (size_t at = from; s->n && at < n; at++) {
        const az_added *t;
        if (!s->first[(unsigned char)text[at]]) continue;
        t = longest(s, text, n, at, &end);
        if (!t) continue;
        if (t->single_word && !stands_alone(text, n, at, end)) {
            at = end - 1; /* what matched is passed over whole */
            continue;
        }
        h = (az_added_hit){ at, end, end, t };
        strip(t, text, n, taken, &h);
        break;
    }
    return h;
}
