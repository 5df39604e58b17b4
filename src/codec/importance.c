/* Importance matrices in memory. */
#include "codec/importance.h"

#include <stdlib.h>
#include <string.h>

adze_status az_importance_new(az_importance **out, adze_run *run, const char *path, adze_error *err)
{
    az_importance *m = az_calloc(run, 1, sizeof *m);

    *out = m;
    if (!m) return az_fail_nomem(err, "making an importance matrix");
    m->run = run;
    az_arena_init(&m->arena, run);
    m->path = path ? az_arena_strdup(&m->arena, path) : NULL;
    return path && !m->path ? az_fail_nomem(err, "making an importance matrix") : ADZE_OK;
}

void az_importance_free(az_importance *m)
{
    if (!m) return;
    az_arena_deinit(&m->arena);
    az_free(m->run, m);
}

static int by_name(const void *name, const void *entry)
{
    return strcmp(name, ((const az_importance_entry *)entry)->name);
}

const az_importance_entry *az_importance_find(const az_importance *m, const char *name)
{
    return m->n ? bsearch(name, m->items, m->n, sizeof *m->items, by_name) : NULL;
}

bool az_importance_fits(const az_importance_entry *e, uint64_t cols, uint64_t mats)
{
    return (e->mats == mats && e->cols == cols) ||
           (e->mats == 1 && e->cols / mats == cols && e->cols % mats == 0);
}

void az_importance_means(const az_importance_entry *e, uint64_t cols, uint64_t mat, float *dst)
{
    const float *sums = e->sums + mat * cols, count = e->counts[e->mats > 1 ? mat : 0];

    for (uint64_t i = 0; i < cols; i++)
        dst[i] = count > 0 ? sums[i] / count : 1;
}

void az_importance_weights(const az_importance_entry *e, uint64_t cols, uint64_t mat, float *dst)
{
    double sum = 0;
    float least;

    az_importance_means(e, cols, mat, dst);
    for (uint64_t i = 0; i < cols; i++)
        sum += dst[i];
    least = sum > 0 ? (float)(sum / (double)cols * 1e-6) : 1;
    for (uint64_t i = 0; i < cols; i++)
        dst[i] = dst[i] < least ? least : dst[i];
}
