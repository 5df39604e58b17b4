/* Importance matrices in both layouts: what reads, once written in its own layout, reads to the same values. */
#include <math.h>

#include "format/imatrix.h"
#include "fuzz.h"
#include "gguf.h"

static az_importance *read_one(const char *path)
{
    adze_error err = { .pos = ADZE_NOPOS };
    az_importance *m;
    adze_status rc = az_imatrix_read(&m, fuzz_run, path, &err);

    fuzz_status(rc, &err);
    fuzz_want((rc == ADZE_OK) == (m != NULL), "a matrix with success, and only then");
    return m;
}

static void same(const az_importance *a, const az_importance *b)
{
    fuzz_want(a->n == b->n && a->n_datasets == b->n_datasets, "as many entries");
    for (size_t i = 0; i < a->n; i++) {
        const az_importance_entry *e = &a->items[i], *f = &b->items[i];
        fuzz_want(strcmp(e->name, f->name) == 0 && e->cols == f->cols && e->mats == f->mats,
                  "of the same names and sizes");
        fuzz_want(memcmp(e->sums, f->sums, (size_t)(e->cols * e->mats) * sizeof *e->sums) == 0,
                  "with the same sums");
    }
}

static void use(const az_importance *m)
{
    for (size_t i = 0; i < m->n; i++) {
        const az_importance_entry *e = &m->items[i];
        float *x = malloc((size_t)e->cols * sizeof *x);
        if (!x) abort();
        fuzz_want(az_importance_find(m, e->name) == e, "an entry is found");
        fuzz_want(az_importance_fits(e, e->cols, e->mats), "an entry fits its own size");
        az_importance_means(e, e->cols, e->mats - 1, x);
        az_importance_weights(e, e->cols, 0, x);
        for (uint64_t c = 0; c < e->cols; c++)
            fuzz_want(x[c] >= 0, "a weight counts from 0");
        free(x);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    adze_error err = { .pos = ADZE_NOPOS };
    az_importance *m, *again;
    adze_status rc;

    fuzz_begin();
    m = read_one(fuzz_file("in", data, n));
    if (m) use(m);
    if (m && n >= 4 && memcmp(data, "GGUF", 4) == 0) {
        rc = az_imatrix_write(fuzz_run, m, fuzz_path("out.gguf"), &err);
        fuzz_status(rc, &err);
        again = rc == ADZE_OK ? read_one(fuzz_path("out.gguf")) : NULL;
        if (again) same(m, again);
        fuzz_want(rc < 0 || again || fuzz_failing, "what was written reads");
        az_importance_free(again);
    }
    az_importance_free(m);
    fuzz_end();
    return 0;
}

static void floats(az_buf *b, size_t n, float x)
{
    uint32_t u;

    memcpy(&u, &x, sizeof u);
    while (n--)
        fuzz_le(b, u, 4);
}

/* One matrix of 8 columns and two of 16, with keys. */
static void gguf(az_buf *b, const char *type, const char *counts, uint32_t elem, uint64_t n_counts,
                 float value)
{
    static const uint64_t q[] = { 8, 1 }, up[] = { 16, 2 }, one[] = { 1, 1 };

    gg_head(b, 3, 4, 5);
    gg_text(b, "general.type", type);
    gg_list(b, "imatrix.datasets", AZ_KV_STR, 2), gg_str(b, "a.txt"), gg_str(b, "b.txt");
    gg_num(b, "imatrix.chunk_count", AZ_KV_U32, 2, 4);
    gg_num(b, "imatrix.chunk_size", AZ_KV_U32, 512, 4);
    gg_list(b, AZ_CALIBRATION_KEY, AZ_KV_STR, 1), gg_str(b, "00aa");
    gg_tensor(b, "q.weight.in_sum2", 2, q, elem, 0);
    gg_tensor(b, counts, 2, one, elem, 32);
    gg_tensor(b, "up.weight.in_sum2", 2, up, 0, 64);
    gg_tensor(b, "up.weight.counts", 2, (const uint64_t[]){ 1, n_counts }, 0, 192);
    gg_pad(b, 0);
    floats(b, 8, value);
    floats(b, 8, 4);
    floats(b, 32, 0.5f);
    floats(b, 8, 2);
}

static void old(az_buf *b, uint32_t n, const char *second, uint32_t calls, float value, bool tail)
{
    fuzz_le(b, n, 4);
    for (uint32_t i = 0; i < 2; i++) {
        const char *name = i ? second : "a.weight";
        fuzz_le(b, strlen(name), 4), az_buf_puts(b, name);
        fuzz_le(b, calls, 4), fuzz_le(b, 4, 4);
        floats(b, 4, value);
    }
    if (tail) fuzz_le(b, 3, 4), fuzz_le(b, 5, 4), az_buf_puts(b, "a.txt");
}

static void put(az_buf *b, bool damaged)
{
    if (damaged)
        fuzz_seed_damaged(b->data, b->size, 400, b->size);
    else
        fuzz_seed(b->data, b->size);
    az_buf_clear(b);
}

void fuzz_seeds(void)
{
    az_buf b;

    az_buf_init(&b, fuzz_run);
    gguf(&b, "imatrix", "q.weight.counts", 0, 2, 1), put(&b, true);
    gguf(&b, "model", "q.weight.counts", 0, 2, 1), put(&b, false);
    gguf(&b, "imatrix", "r.weight.counts", 0, 2, 1), put(&b, false);
    gguf(&b, "imatrix", "q.weight.other", 0, 2, 1), put(&b, false);
    gguf(&b, "imatrix", "q.weight.counts", 26, 2, 1), put(&b, false);
    gguf(&b, "imatrix", "q.weight.counts", 0, 3, 1), put(&b, false);
    gguf(&b, "imatrix", "q.weight.counts", 0, 2, NAN), put(&b, false);
    gguf(&b, "imatrix", "q.weight.counts", 0, 2, -1), put(&b, false);
    gguf(&b, "imatrix", "q.weight.counts", 0, 2, INFINITY), put(&b, false);
    gg_head(&b, 3, 0, 1), gg_text(&b, "general.type", "imatrix"), gg_pad(&b, 0), put(&b, false);
    gg_head(&b, 3, 0, 2), gg_text(&b, "general.type", "imatrix"),
        gg_text(&b, "imatrix.datasets", "x"), gg_pad(&b, 0), put(&b, false);
    gg_head(&b, 3, 1, 1), gg_text(&b, "general.type", "imatrix"),
        gg_tensor(&b, "q.counts", 1, (const uint64_t[]){ 1 }, 0, 0), gg_pad(&b, 32), put(&b, false);
    old(&b, 2, "b.weight", 4, 1, true), put(&b, true);
    old(&b, 2, "b.weight", 0, 1, false), put(&b, false);
    old(&b, 2, "a.weight", 4, 1, true), put(&b, false);
    old(&b, 2, "", 4, 1, true), put(&b, false);
    old(&b, 2, "b.weight", UINT32_MAX, 1, true), put(&b, false);
    old(&b, 2, "b.weight", 4, NAN, true), put(&b, false);
    old(&b, 0, "b.weight", 4, 1, true), put(&b, false);
    old(&b, 1 << 21, "b.weight", 4, 1, true), put(&b, false);
    az_buf_deinit(&b);
}
