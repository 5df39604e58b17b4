/* Pages of caches: taken, shared, copied when written, remembered by their tokens. */
#include "infer/pages.h"
#include "base/check.h"

#include <string.h>

static bool tile_bytes(const az_graph_state *st, az_type type, uint64_t *tile, uint64_t *page)
{
    uint64_t n;

    if (st->kind != AZ_STATE_KV) {
        *tile = *page = 0;
        return true;
    }
    if (!az_mul_u64((uint64_t)st->head_dim, AZ_ATTN_TILE * 2 * sizeof(float), &n)) return false;
    *tile = az_kv_tile_bytes(type, (size_t)st->head_dim);
    return az_mul_u64(*tile, (uint64_t)st->n_kv_heads, page);
}

bool az_pages_bytes(const az_graph *g, az_type type, bool shares_all, size_t n_pages,
                    uint64_t *bytes)
{
    uint64_t tile, page, n;

    if (!az_mul_u64(n_pages, sizeof(az_page), bytes)) return false;
    for (int i = 0; i < (shares_all && g->n_states ? 1 : g->n_states); i++)
        if (!tile_bytes(&g->states[i], type, &tile, &page) || !az_mul_u64(page, n_pages, &n) ||
            !az_add_u64(*bytes, n, bytes))
            return false;
    return true;
}

uint64_t az_sequence_bytes(const az_graph *g)
{
    uint64_t bytes = 0;

    for (int i = 0; i < g->n_states; i++)
        if (g->states[i].kind == AZ_STATE_CONV)
            bytes += (uint64_t)(g->states[i].taps - 1) * (uint64_t)g->states[i].width * 2 *
                     sizeof(float);
    return bytes;
}

adze_status az_pages_init(az_pages *p, adze_run *run, const az_graph *g, az_type type,
                          bool shares_all, size_t n_pages, adze_error *err)
{
    *p = (az_pages){ .graph = g, .type = type, .shares_all = shares_all, .n_pages = n_pages };
    p->caches = az_calloc(run, (size_t)g->n_states + 1, sizeof *p->caches);
    p->pages = az_calloc(run, n_pages, sizeof *p->pages);
    if (!p->caches || !p->pages) return az_fail_nomem(err, "making caches");
    for (int i = 0; i < g->n_states; i++) {
        az_cache *c = &p->caches[i];
        uint64_t tile, page;

        if (shares_all && i > 0) {
            *c = p->caches[0];
            continue;
        }
        if (!tile_bytes(&g->states[i], type, &tile, &page) || page > SIZE_MAX)
            return az_fail_nomem(err, "making caches");
        *c = (az_cache){ NULL, (size_t)tile, (size_t)page };
        if (page == 0) continue;
        c->pages = az_alloc_array(run, n_pages, (size_t)page); /* read only where written */
        if (!c->pages) return az_fail_nomem(err, "making caches");
    }
    return ADZE_OK;
}

void az_pages_deinit(az_pages *p, adze_run *run)
{
    for (int i = 0; p->caches && i < (p->shares_all ? 1 : p->graph->n_states); i++)
        az_free(run, p->caches[i].pages);
    az_free(run, p->caches);
    az_free(run, p->pages);
}

adze_status az_sequence_init(az_sequence *q, adze_run *run, const az_graph *g, size_t tiles,
                             adze_error *err)
{
    size_t n = (size_t)g->n_states + 1;

    *q = (az_sequence){ .page = az_calloc(run, tiles, sizeof *q->page),
                        .taps = az_calloc(run, n, sizeof *q->taps),
                        .kept = az_calloc(run, n, sizeof *q->kept) };
    if (!q->page || !q->taps || !q->kept) return az_fail_nomem(err, "making a sequence");
    for (int i = 0; i < g->n_states; i++) {
        const az_graph_state *st = &g->states[i];
        if (st->kind != AZ_STATE_CONV) continue;
        q->taps[i] = az_calloc(run, (size_t)((st->taps - 1) * st->width), sizeof(float));
        q->kept[i] = az_calloc(run, (size_t)((st->taps - 1) * st->width), sizeof(float));
        if (!q->taps[i] || !q->kept[i]) return az_fail_nomem(err, "making a sequence");
    }
    return ADZE_OK;
}

void az_sequence_deinit(az_sequence *q, adze_run *run, const az_graph *g)
{
    for (int i = 0; q->taps && q->kept && i < g->n_states; i++) {
        az_free(run, q->taps[i]);
        az_free(run, q->kept[i]);
    }
    az_free(run, q->taps);
    az_free(run, q->kept);
    az_free(run, q->page);
}

size_t az_pages_free(const az_pages *p)
{
    size_t n = 0;

    for (size_t i = 0; i < p->n_pages; i++)
        n += p->pages[i].holders == 0;
    return n;
}

/* A page that nobody holds: one that is not remembered, else the one that was held longest ago. n_pages: none. */
static size_t take(az_pages *p)
{
    size_t best = p->n_pages;

    for (size_t i = 0; i < p->n_pages; i++) {
        const az_page *g = &p->pages[i];
        if (g->holders) continue;
        if (!g->remembered) {
            best = i;
            break;
        }
        /* pages of one sequence were held equally long: those further back have the higher serial, and go first */
        if (best == p->n_pages || g->used < p->pages[best].used ||
            (g->used == p->pages[best].used && g->serial > p->pages[best].serial))
            best = i;
    }
    if (best < p->n_pages) {
        p->pages[best].holders = 1;
        p->pages[best].remembered = false;
    }
    return best;
}

static void release(az_pages *p, uint32_t page)
{
    p->pages[page].holders--;
    p->pages[page].used = p->clock;
}

static void copy_page(az_pages *p, size_t to, size_t from)
{
    for (int i = 0; i < (p->shares_all ? 1 : p->graph->n_states); i++) {
        const az_cache *c = &p->caches[i];
        if (c->pages)
            memcpy(c->pages + to * c->page_bytes, c->pages + from * c->page_bytes, c->page_bytes);
    }
}

static adze_status no_page(const az_pages *p, adze_error *err)
{
    return az_fail(err, ADZE_EFIT, NULL, ADZE_NOPOS,
                   "the cache is full: all of its %zu tokens are in use by sequences",
                   p->n_pages * (size_t)AZ_ATTN_TILE);
}

adze_status az_pages_grow(az_pages *p, az_sequence *q, size_t end, adze_error *err)
{
    size_t need = (end + AZ_ATTN_TILE - 1) / AZ_ATTN_TILE, had = q->n_pages, page;

    for (size_t i = q->pos / AZ_ATTN_TILE; i < had && i < need; i++) { /* about to be written */
        az_page *g = &p->pages[q->page[i]];
        if (g->holders == 1) {
            g->remembered = false;
            continue;
        }
        page = take(p);
        if (page == p->n_pages) return no_page(p, err);
        copy_page(p, page, q->page[i]);
        release(p, q->page[i]);
        q->page[i] = (uint32_t)page;
    }
    while (q->n_pages < need) {
        page = take(p);
        if (page == p->n_pages) {
            while (q->n_pages > had)
                release(p, q->page[--q->n_pages]);
            return no_page(p, err);
        }
        q->page[q->n_pages++] = (uint32_t)page;
    }
    return ADZE_OK;
}

void az_pages_cut(az_pages *p, az_sequence *q, size_t n)
{
    size_t need = (n + AZ_ATTN_TILE - 1) / AZ_ATTN_TILE;

    p->clock++;
    while (q->n_pages > need)
        release(p, q->page[--q->n_pages]);
    q->pos = n;
}

static az_page *find(az_pages *p, uint64_t before, const int32_t tokens[AZ_ATTN_TILE])
{
    for (size_t i = 0; i < p->n_pages; i++) {
        az_page *g = &p->pages[i];
        if (g->remembered && g->before == before && g->tokens[0] == tokens[0] &&
            memcmp(g->tokens, tokens, sizeof g->tokens) == 0)
            return g;
    }
    return NULL;
}

size_t az_pages_recall(az_pages *p, az_sequence *q, const int32_t *tokens, size_t n)
{
    uint64_t before = 0;
    az_page *g;

    while (q->pos + AZ_ATTN_TILE < n && (g = find(p, before, tokens + q->pos)) != NULL) {
        g->holders++;
        q->page[q->n_pages++] = (uint32_t)(g - p->pages);
        q->pos += AZ_ATTN_TILE;
        before = g->serial;
    }
    return q->pos;
}

void az_pages_remember(az_pages *p, az_sequence *q, const int32_t *tokens)
{
    uint64_t before = 0;

    for (size_t i = 0; i < q->pos / AZ_ATTN_TILE; i++, tokens += AZ_ATTN_TILE) {
        az_page *g = &p->pages[q->page[i]], *known = find(p, before, tokens);

        if (!known) {
            known = g;
            g->remembered = true;
            g->serial = ++p->serials;
            g->before = before;
            memcpy(g->tokens, tokens, sizeof g->tokens);
        }
        before = known->serial;
    }
}
