/* Calibration with the native engine: a session shows the inputs of its products, here their squares are summed.
 *
 * Sums are in double precision and in order of the rows, by whichever thread has that piece of work, so they do not
 * depend on the threads. As llama.cpp's llama-imatrix: the texts begin with the token that begins texts, every chunk
 * starts a context of its own with that token in the place of its first, and tensors outside the layers are left out.
 */
#include "calib/calibrate.h"
#include "base/buf.h"
#include "base/io.h"
#include "calib/text.h"
#include "infer/session.h"

#include <stdlib.h>
#include <string.h>

enum { DEFAULT_CHUNK = 512 };

/* Sums for one weight, or for several that are multiplied with the same. */
typedef struct column_sums {
    const char *name;
    double *sums; /* [mats][cols] */
    double *rows; /* [mats] */
    size_t cols, mats;
    int leader; /* the weight whose sums stand for this one */
} column_sums;

typedef struct calibration {
    adze_run *run;
    adze_model *m;
    const az_calibrate_opts *o;
    adze_session *s;
    az_importance *imp;
    column_sums *weights; /* [n_weights], by the graph's index; name NULL: not watched */
    int n_weights;
    int32_t *tokens; /* [chunks][chunk] */
    size_t chunk, chunks;
} calibration;

static void watch(void *arg, const int *weights, int n_weights, int expert, const float *x)
{
    calibration *c = arg;
    column_sums *k = &c->weights[weights[0]];
    double *sums;

    if (!k->name) return;
    for (int i = 0; i < n_weights; i++)
        c->weights[weights[i]].leader = weights[0];
    k->rows[expert]++;
    sums = k->sums + (size_t)expert * k->cols;
    for (size_t j = 0; j < k->cols; j++)
        sums[j] += (double)x[j] * x[j];
}

static adze_status make_sums(calibration *c, adze_error *err)
{
    const az_graph *g = &c->s->graph;

    c->n_weights = g->n_weights;
    c->weights = az_calloc(c->run, (size_t)g->n_weights + 1, sizeof *c->weights);
    if (!c->weights) return az_fail_nomem(err, "calibrating");
    for (int i = 0; i < g->n_nodes; i++) {
        const az_node *n = &g->nodes[i];
        bool product = n->op == AZ_OP_LINEAR || n->op == AZ_OP_EXPERTS;
        column_sums *k = product ? &c->weights[n->weight[0]] : NULL;
        const az_graph_weight *w = product ? &g->weights[n->weight[0]] : NULL;
        if (!k || k->name || strncmp(w->name, "blk.", 4) != 0) continue;
        k->cols = (size_t)w->cols;
        k->mats = w->experts ? (size_t)w->experts : 1;
        k->sums = az_calloc(c->run, k->cols * k->mats, sizeof *k->sums);
        k->rows = az_calloc(c->run, k->mats, sizeof *k->rows);
        if (!k->sums || !k->rows) return az_fail_nomem(err, "calibrating");
        k->name = w->name;
        k->leader = n->weight[0];
    }
    return ADZE_OK;
}

/* One text more: its tokens, its name, its digest. */
static adze_status add_text(calibration *c, adze_tokenizer *tok, size_t index, az_buf *tokens,
                            const char **digests, adze_error *err)
{
    const char *path = c->o->texts[index];
    char sum[AZ_TEXT_DIGEST_SIZE];
    int32_t *ids = NULL;
    char *text = NULL;
    size_t bytes = 0, n = 0;
    adze_status rc = az_read_file(c->run, path, AZ_TEXT_MAX, &text, &bytes, err);

    if (rc == ADZE_OK) rc = az_text_digest(text, bytes, sum, err);
    for (size_t i = 0; i < index && rc == ADZE_OK; i++)
        if (strcmp(digests[i], sum) == 0)
            rc = az_fail(err, ADZE_EINVAL, path, ADZE_NOPOS, "is the same text as %.200s",
                         c->o->texts[i]);
    if (rc == ADZE_OK) rc = adze_tokenize(tok, text, bytes, 0, &ids, &n, err);
    if (rc == ADZE_OK) {
        az_buf_put(tokens, ids, n * sizeof *ids);
        digests[index] = az_arena_strdup(&c->imp->arena, sum);
        if (!digests[index] || !az_buf_ok(tokens)) rc = az_fail_nomem(err, "calibrating");
    }
    adze_tokens_free(tok, ids);
    az_free(c->run, text);
    return rc;
}

/* Whole chunks of all texts; what is left over is not used. */
static adze_status cut(calibration *c, const az_buf *tokens, const int32_t *bos, size_t n_bos,
                       adze_error *err)
{
    size_t n = tokens->size / sizeof(int32_t);

    c->chunks = n / c->chunk;
    if (c->o->max_chunks && c->chunks > c->o->max_chunks) c->chunks = c->o->max_chunks;
    if (!c->chunks)
        return az_fail(err, ADZE_EFORMAT, c->o->texts[0], ADZE_NOPOS,
                       "gives %zu tokens, fewer than one chunk of %zu; give more text", n,
                       c->chunk);
    c->tokens = az_alloc_array(c->run, c->chunks * c->chunk, sizeof *c->tokens);
    if (!c->tokens) return az_fail_nomem(err, "calibrating");
    memcpy(c->tokens, tokens->data, c->chunks * c->chunk * sizeof *c->tokens);
    for (size_t i = 0; n_bos && i < c->chunks; i++)
        c->tokens[i * c->chunk] = bos[0];
    return ADZE_OK;
}

static adze_status read_texts(calibration *c, adze_error *err)
{
    const char **digests = az_arena_array(&c->imp->arena, c->o->n_texts + 1, sizeof *digests);
    const char **names = az_arena_array(&c->imp->arena, c->o->n_texts + 1, sizeof *names);
    adze_tokenizer *tok = NULL;
    int32_t *bos = NULL;
    size_t n_bos = 0;
    az_buf tokens;
    adze_status rc = adze_tokenizer_new(&tok, c->run, c->m, err);

    az_buf_init(&tokens, c->run);
    if (rc == ADZE_OK && (!digests || !names)) rc = az_fail_nomem(err, "calibrating");
    if (rc == ADZE_OK) rc = adze_tokenize(tok, "", 0, 1, &bos, &n_bos, err);
    if (rc == ADZE_OK && n_bos) az_buf_put(&tokens, bos, sizeof *bos);
    for (size_t i = 0; i < c->o->n_texts && rc == ADZE_OK; i++) {
        rc = add_text(c, tok, i, &tokens, digests, err);
        names[i] = az_arena_strdup(&c->imp->arena, az_path_base(c->o->texts[i]));
        if (rc == ADZE_OK && !names[i]) rc = az_fail_nomem(err, "calibrating");
    }
    if (rc == ADZE_OK) rc = cut(c, &tokens, bos, n_bos, err);
    if (rc == ADZE_OK) {
        c->imp->digests = digests;
        c->imp->datasets = names;
        c->imp->n_digests = c->imp->n_datasets = c->o->n_texts;
    }
    adze_tokens_free(tok, bos);
    adze_tokenizer_free(tok);
    az_buf_deinit(&tokens);
    return rc;
}

static adze_status run_chunks(calibration *c, adze_error *err)
{
    adze_status rc = ADZE_OK;

    for (size_t i = 0; i < c->chunks && rc == ADZE_OK; i++) {
        rc = adze_session_rewind(c->s, 0, err);
        if (rc == ADZE_OK)
            rc = az_session_watch(c->s, c->tokens + i * c->chunk, c->chunk, watch, c, err);
        az_progress(c->run, "calibrate", i + 1, c->chunks, "chunks");
    }
    return rc;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const az_importance_entry *)a)->name, ((const az_importance_entry *)b)->name);
}

static adze_status take_weight(calibration *c, const column_sums *own, adze_error *err)
{
    const column_sums *k = &c->weights[own->leader];
    az_importance *m = c->imp;
    az_importance_entry *e = &m->items[m->n++];

    *e = (az_importance_entry){ .name = az_arena_strdup(&m->arena, own->name),
                                .cols = k->cols,
                                .mats = k->mats };
    e->sums = az_arena_array(&m->arena, k->cols * k->mats, sizeof *e->sums);
    e->counts = az_arena_array(&m->arena, k->mats, sizeof *e->counts);
    if (!e->name || !e->sums || !e->counts) return az_fail_nomem(err, "calibrating");
    for (size_t i = 0; i < k->mats; i++)
        e->counts[i] = (float)k->rows[i];
    for (size_t i = 0; i < k->cols * k->mats; i++) {
        if (!(k->sums[i] <= 3.4e38))
            return az_fail_name(err, ADZE_EFORMAT, c->m->path, own->name, ADZE_NOPOS,
                                "column %zu gets inputs that are no finite numbers", i % k->cols);
        e->sums[i] = (float)k->sums[i];
    }
    return ADZE_OK;
}

static adze_status take_sums(calibration *c, adze_error *err)
{
    az_importance *m = c->imp;
    adze_status rc = ADZE_OK;

    m->items = az_arena_array(&m->arena, (size_t)c->n_weights + 1, sizeof *m->items);
    if (!m->items) return az_fail_nomem(err, "calibrating");
    for (int i = 0; i < c->n_weights && rc == ADZE_OK; i++)
        if (c->weights[i].name) rc = take_weight(c, &c->weights[i], err);
    if (rc < 0) return rc;
    if (!m->n)
        return az_fail(err, ADZE_EUNSUP, c->m->path, ADZE_NOPOS,
                       "has no matrices in layers: there is nothing to calibrate");
    qsort(m->items, m->n, sizeof *m->items, by_name);
    m->chunks = (uint32_t)c->chunks;
    m->chunk_size = (uint32_t)c->chunk;
    return ADZE_OK;
}

adze_status az_calibrate(az_importance **out, adze_run *run, adze_model *m,
                         const az_calibrate_opts *o, adze_error *err)
{
    calibration c = { .run = run, .m = m, .o = o, .chunk = o->chunk ? o->chunk : DEFAULT_CHUNK };
    adze_session_opts so = { .context = c.chunk,
                             .batch = c.chunk < 256 ? c.chunk : 256,
                             .threads = o->threads };
    adze_status rc;

    *out = NULL;
    rc = az_importance_new(&c.imp, run, NULL, err);
    if (rc == ADZE_OK) rc = adze_session_new(&c.s, run, m, &so, err);
    if (rc == ADZE_OK) rc = read_texts(&c, err);
    if (rc == ADZE_OK) rc = make_sums(&c, err);
    if (rc == ADZE_OK) rc = run_chunks(&c, err);
    if (rc == ADZE_OK) rc = take_sums(&c, err);
    for (int i = 0; c.weights && i < c.n_weights; i++) {
        az_free(run, c.weights[i].sums);
        az_free(run, c.weights[i].rows);
    }
    az_free(run, c.weights);
    az_free(run, c.tokens);
    adze_session_free(c.s);
    if (rc == ADZE_OK)
        *out = c.imp;
    else
        az_importance_free(c.imp);
    return rc;
}
