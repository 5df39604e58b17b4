/* Rows of packed tensors, made once when a session binds its weights: blocks that hold the same numbers where those have
 * panels, else the engine's own types (core/affine.h), whose size is the file's, else what rows are read as (blocks,
 * f32). */
#include "infer/packed.h"
#include "base/check.h"
#include "codec/repack.h"

enum { ITEM_CODES = 1 << 20 }; /* what a thread reads at once; columns may be stored apart */

/* Four and eight bits have blocks whose products are fastest, in panels; fewer bits would grow by them. */
static bool find_blocks(const adze_session *s, const az_tensor *t, az_affine_form *f)
{
    int bits = t->packed->bits;
    az_repack r = { .type = AZ_F32 };
    uint64_t row;

    if (t->type != AZ_F32 || (bits != 4 && bits != 8) ||
        az_repack_find(s->model, t, &r, NULL) < 0 || r.type == AZ_F32 ||
        !s->kernels->weight[r.type].panels ||
        !az_type_row_bytes(r.type, (uint64_t)az_tensor_cols(t), &row) || row > SIZE_MAX)
        return false;
    *f = (az_affine_form){ .type = r.type,
                           .cols = (size_t)az_tensor_cols(t),
                           .row_bytes = (size_t)row };
    return true;
}

az_affine_form az_packed_form(const adze_session *s, const az_tensor *t)
{
    az_affine_form f;
    size_t cols = (size_t)az_tensor_cols(t);
    uint64_t row;

    if (find_blocks(s, t, &f)) return f;
    if (az_affine_form_of(t, &f) && s->kernels->unpack[f.type] && s->kernels->weight[f.type].matmul)
        return f;
    if (!az_type_row_bytes(t->type, cols, &row) || row > SIZE_MAX) row = 0;
    return (az_affine_form){ .type = t->type, .cols = cols, .row_bytes = (size_t)row };
}

typedef struct making {
    const adze_model *m;
    const az_tensor *t;
    const az_affine_form *form;
    char *dst;    /* [rows] */
    int64_t rows; /* an item has */
    atomic_int no_place, failed;
    adze_status rc; /* of the one that set failed */
    adze_error *err;
} making;

static adze_status make_codes(making *k, int64_t r0, int64_t n, char *dst, adze_error *err)
{
    az_codes c;
    adze_status rc = az_codes_new(&c, k->m, k->t, n, false, err);
    bool ok = true;

    if (rc < 0) return rc;
    rc = k->t->packed->layout->codes(k->m, k->t, r0, n, &c, err);
    if (rc == ADZE_OK) ok = az_codes_in_order(&c, k->t);
    for (int64_t r = 0; r < n && rc == ADZE_OK && ok; r++)
        ok = az_affine_put(k->form, &c, (size_t)r, (uint8_t *)dst + (size_t)r * k->form->row_bytes);
    if (!ok) atomic_store(&k->no_place, 1);
    az_codes_free(&c);
    return rc;
}

static void make_item(void *arg, size_t item, int thread)
{
    making *k = arg;
    int64_t r0 = (int64_t)item * k->rows, left = az_tensor_rows(k->t) - r0;
    int64_t n = left < k->rows ? left : k->rows;
    char *dst = k->dst + (size_t)r0 * k->form->row_bytes;
    adze_error e = { .pos = ADZE_NOPOS };
    adze_status rc;
    int first = 0;

    (void)thread;
    if (atomic_load(&k->failed) || atomic_load(&k->no_place)) return;
    if (k->form->type == k->t->type)
        rc = az_packed_rows(k->m, k->t, r0, n, dst, &e);
    else if (az_type_is_affine(k->form->type))
        rc = make_codes(k, r0, n, dst, &e);
    else
        rc = az_repack_rows(k->m, k->t, k->form->type, r0, n, dst, &e);
    if (rc == ADZE_OK || !atomic_compare_exchange_strong(&k->failed, &first, 1)) return;
    k->rc = rc;
    if (k->err) *k->err = e;
}

adze_status az_packed_make(adze_session *s, az_made *made, const az_tensor *t,
                           const az_affine_form *form, const void **data, bool *fits,
                           adze_error *err)
{
    size_t rows = (size_t)az_tensor_rows(t);
    az_made *mine = &made[t - s->model->tensors];
    making k = { .m = s->model, .t = t, .form = form, .err = err };

    *fits = true;
    *data = mine->data;
    if (mine->data && mine->type == form->type) return ADZE_OK;
    k.rows = form->cols > ITEM_CODES / 64 ? 64 : (int64_t)(ITEM_CODES / form->cols);
    k.dst = az_arena_array(&s->arena, rows, form->row_bytes);
    if (!k.dst) return az_fail_nomem(err, "unpacking weights");
    az_parallel(s->run, (rows + (size_t)k.rows - 1) / (size_t)k.rows, make_item, &k);
    if (atomic_load(&k.failed)) return k.rc;
    *fits = !atomic_load(&k.no_place);
    *data = *fits ? k.dst : NULL;
    if (*fits) *mine = (az_made){ k.dst, form->type };
    return ADZE_OK;
}
