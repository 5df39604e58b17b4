/* What sequences keep: caches of keys and values in pages of AZ_ATTN_TILE positions that all sequences of a session share, and
 * each sequence's states of convolutions.
 *
 * A page has the same number in every cache, so that a sequence needs one list of pages. Whole pages can belong to
 * several sequences (a common prefix); who writes into one gets a copy of his own. A page that nobody holds may be remembered by
 * the tokens that it stands for (az_pages_remember), until it is needed for something else.
 */
#ifndef AZ_INFER_PAGES_H
#define AZ_INFER_PAGES_H

#include "graph/graph.h"
#include "kernel/kv.h"

/* Of one state of the graph, for all sequences: pages of n_kv_heads tiles each. Nothing for a convolution. */
typedef struct az_cache {
    char *pages;
    size_t tile_bytes, page_bytes;
} az_cache;

typedef struct az_sequence {
    size_t pos;     /* tokens that it holds */
    size_t n_pages; /* whole and begun ones */
    uint32_t *page; /* [tiles of the longest sequence] */
    float **taps;   /* [n_states] convolution: [taps - 1][width], the oldest first; else NULL */
    float **kept;   /* the same as they were when a call began */
    bool used;      /* by a batch */
} az_sequence;

/* What a remembered page stands for. */
typedef struct az_page {
    uint32_t holders;        /* sequences */
    bool remembered;         /* under (before, tokens) */
    uint64_t serial, before; /* its own number, and that of the page in front of it; 0: none */
    uint64_t used;           /* when it was last held, counted in takings */
    int32_t tokens[AZ_ATTN_TILE];
} az_page;

typedef struct az_pages {
    const az_graph *graph;
    az_type type;
    az_cache *caches; /* [n_states] */
    az_page *pages;   /* [n_pages] */
    size_t n_pages;
    uint64_t serials, clock;
    bool shares_all; /* one cache serves all states: nothing outlives a layer */
} az_pages;

/* Bytes of n_pages pages of this type, and of one sequence's states; false: too many. */
bool az_pages_bytes(const az_graph *g, az_type type, bool shares_all, size_t n_pages,
                    uint64_t *bytes);
uint64_t az_sequence_bytes(const az_graph *g);

adze_status az_pages_init(az_pages *p, adze_run *run, const az_graph *g, az_type type,
                          bool shares_all, size_t n_pages, adze_error *err);
void az_pages_deinit(az_pages *p, adze_run *run);
adze_status az_sequence_init(az_sequence *q, adze_run *run, const az_graph *g, size_t tiles,
                             adze_error *err);
void az_sequence_deinit(az_sequence *q, adze_run *run, const az_graph *g);

/* Pages that nobody holds, remembered ones included. */
size_t az_pages_free(const az_pages *p);
/* Make the sequence own pages for positions [pos, end). ADZE_EFIT when none is left; nothing has changed then but that pages which it
 * shared may be its own. */
adze_status az_pages_grow(az_pages *p, az_sequence *q, size_t end, adze_error *err);
/* Keep only the pages of the first n positions, and n as the position. */
void az_pages_cut(az_pages *p, az_sequence *q, size_t n);
/* An empty sequence takes the whole pages that are known for the beginning of these tokens, at most n - 1 of them, so that something
 * is left to evaluate. Returns how many tokens it holds now. */
size_t az_pages_recall(az_pages *p, az_sequence *q, const int32_t *tokens, size_t n);
/* Remember the sequence's whole pages by the tokens [q->pos] that it holds. */
void az_pages_remember(az_pages *p, az_sequence *q, const int32_t *tokens);

/* Of head `head` of a state's cache. */
static inline az_kv_view az_pages_view(const az_pages *p, const az_sequence *q, int state, int head)
{
    const az_cache *c = &p->caches[state];

    return (az_kv_view){ c->pages + (size_t)head * c->tile_bytes, q->page, c->page_bytes };
}

#endif
