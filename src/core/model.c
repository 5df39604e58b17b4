/* Model bookkeeping: files, tensors sorted by name, range checks, lazy mapping. */
#include "core/model.h"
#include "base/check.h"
#include "core/packed.h"

#include <stdlib.h>
#include <string.h>

adze_status az_model_new(adze_model **out, adze_run *run, const char *path, const char *format,
                         adze_error *err)
{
    adze_model *m = az_calloc(run, 1, sizeof *m);

    *out = NULL;
    if (!m) return az_fail_nomem(err, "opening a model");
    m->run = run;
    az_arena_init(&m->arena, run);
    m->kv.arena = &m->arena;
    m->data_align = 1;
    m->path = az_arena_strdup(&m->arena, path);
    m->format = format;
    if (!m->path) {
        adze_model_close(m);
        return az_fail_nomem(err, "opening a model");
    }
    *out = m;
    return ADZE_OK;
}

void adze_model_close(adze_model *m)
{
    if (!m) return;
    for (size_t i = 0; i < m->n_files; i++) {
        az_unmap(m->files[i].map, m->files[i].map_bytes);
        az_close(m->run, m->files[i].fd);
    }
    json_decref(m->config);
    json_decref(m->generation_config);
    json_decref(m->tok.hf);
    json_decref(m->tok.hf_config);
    json_decref(m->chat_templates);
    json_decref(m->sentence);
    az_free(m->run, m->files);
    az_arena_deinit(&m->arena);
    az_free(m->run, m);
}

adze_status az_model_add_file(adze_model *m, const char *path, int fd, uint64_t size_bytes,
                              uint32_t *index, adze_error *err)
{
    az_model_file *files = az_realloc_array(m->run, m->files, m->n_files + 1, sizeof *files);
    const char *name = az_arena_strdup(&m->arena, path);

    if (files) m->files = files;
    if (!files || !name) {
        az_close(m->run, fd);
        return az_fail_nomem(err, "opening a model");
    }
    *index = (uint32_t)m->n_files;
    m->files[m->n_files++] = (az_model_file){ .path = name, .fd = fd, .size_bytes = size_bytes };
    return ADZE_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const az_tensor *)a)->name, ((const az_tensor *)b)->name);
}

static adze_status check_range(const adze_model *m, const az_tensor *t, adze_error *err)
{
    const az_model_file *f = &m->files[t->file];
    uint64_t end;

    if (!az_add_u64(t->at_bytes, t->size_bytes, &end) || end > f->size_bytes)
        return az_fail_name(err, ADZE_EFORMAT, f->path, t->name, t->at_bytes,
                            "tensor of %llu bytes ends after the file's %llu bytes",
                            (unsigned long long)t->size_bytes, (unsigned long long)f->size_bytes);
    return ADZE_OK;
}

adze_status az_model_finish(adze_model *m, adze_error *err)
{
    adze_status rc = ADZE_OK;

    if (m->n_tensors) qsort(m->tensors, m->n_tensors, sizeof *m->tensors, by_name);
    for (size_t i = 0; i < m->n_tensors && rc == ADZE_OK; i++) {
        const az_tensor *t = &m->tensors[i];
        if (i && strcmp(t->name, m->tensors[i - 1].name) == 0)
            return az_fail_name(err, ADZE_EFORMAT, m->files[t->file].path, t->name, t->at_bytes,
                                "tensor appears twice");
        if (!t->packed) rc = check_range(m, t, err);
        for (int p = 0; t->packed && p < AZ_MAX_PARTS && rc == ADZE_OK; p++)
            if (t->packed->part[p].name) rc = check_range(m, &t->packed->part[p], err);
    }
    return rc;
}

const az_tensor *az_model_tensor(const adze_model *m, const char *name)
{
    az_tensor key = { .name = name };

    if (!m->n_tensors) return NULL;
    return bsearch(&key, m->tensors, m->n_tensors, sizeof *m->tensors, by_name);
}

adze_status az_model_tensor_data(adze_model *m, const az_tensor *t, const void **data,
                                 adze_error *err)
{
    az_model_file *f = &m->files[t->file];
    adze_status rc;

    *data = NULL;
    if (t->packed)
        return az_fail_name(err, ADZE_EINVAL, f->path, t->name, t->at_bytes,
                            "is stored in parts and has no bytes of its own");
    if (!f->map) {
        rc = az_map_file(m->run, f->fd, f->path, &f->map, &f->map_bytes, err);
        if (rc < 0) return rc;
    }
    if (t->at_bytes > f->map_bytes || t->size_bytes > f->map_bytes - t->at_bytes)
        return az_fail_name(err, ADZE_EFORMAT, f->path, t->name, t->at_bytes,
                            "file became shorter while it was open");
    *data = (const char *)f->map + t->at_bytes;
    return ADZE_OK;
}

bool az_model_maps(const adze_model *m, const void *p)
{
    for (size_t i = 0; i < m->n_files; i++) {
        const az_model_file *f = &m->files[i];
        if (f->map && (uintptr_t)p - (uintptr_t)f->map < f->map_bytes) return true;
    }
    return false;
}

adze_status az_model_check_files(const adze_model *m, adze_error *err)
{
    for (size_t i = 0; i < m->n_files; i++) {
        const az_model_file *f = &m->files[i];
        adze_status rc;
        az_stat st;
        if (!f->map) continue;
        rc = az_fstat(m->run, f->fd, f->path, &st, err);
        if (rc < 0) return rc;
        if (az_map_lost(f->map) || st.size_bytes < f->size_bytes)
            return az_fail(err, ADZE_EFORMAT, f->path, st.size_bytes,
                           "file became shorter while it was open");
    }
    return ADZE_OK;
}

adze_status az_model_read(const adze_model *m, const az_tensor *t, uint64_t at, void *dst, size_t n,
                          adze_error *err)
{
    const az_model_file *f = &m->files[t->file];

    if (t->packed || at > t->size_bytes || n > t->size_bytes - at)
        return az_fail_name(err, ADZE_EINVAL, f->path, t->name, at, "read outside the tensor");
    return az_pread_all(m->run, f->fd, dst, n, t->at_bytes + at, f->path, err);
}

uint64_t adze_model_parameters(const adze_model *m)
{
    uint64_t n = 0;

    for (size_t i = 0; i < m->n_tensors; i++)
        n += (uint64_t)(az_tensor_rows(&m->tensors[i]) * az_tensor_cols(&m->tensors[i]));
    return n;
}

uint64_t adze_model_bytes(const adze_model *m)
{
    uint64_t n = 0;

    for (size_t i = 0; i < m->n_tensors; i++)
        n += m->tensors[i].size_bytes;
    return n;
}

const char *adze_model_format(const adze_model *m)
{
    return m->format;
}
