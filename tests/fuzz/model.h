/* What every model that opens must be like, whatever file it came from. */
#ifndef AZ_TESTS_FUZZ_MODEL_H
#define AZ_TESTS_FUZZ_MODEL_H

#include "core/packed.h"
#include "format/format.h"
#include "fuzz.h"

static inline void fuzz_check_packed(const adze_model *m, const az_tensor *t)
{
    int64_t rows = az_tensor_rows(t), cols = az_tensor_cols(t), at[] = { 0, rows - 1 };
    adze_error err = { .pos = ADZE_NOPOS };
    float *x;

    if (!rows || !cols || cols > 1 << 16) return;
    x = malloc((size_t)cols * sizeof *x);
    if (!x) abort();
    for (int i = 0; i < 2; i++)
        fuzz_status(az_packed_rows(m, t, at[i], 1, x, &err), &err);
    free(x);
}

/* Tensors lie inside their files, have the bytes that their shapes need, and can be found and read. */
static inline void fuzz_check_tensor(adze_model *m, const az_tensor *t)
{
    adze_error err = { .pos = ADZE_NOPOS };
    char byte;

    fuzz_want(t->name && t->n_dims >= 0 && t->n_dims <= AZ_MAX_DIMS,
              "a tensor has a name and dimensions");
    for (int k = 0; k < AZ_MAX_DIMS; k++)
        fuzz_want(t->shape[k] >= 0 && (k < t->n_dims || t->shape[k] == 1),
                  "dimensions count from 0");
    fuzz_want(t->file < m->n_files, "a tensor lies in a file");
    fuzz_want(az_model_tensor(m, t->name) != NULL, "a tensor is found by its name");
    if (t->packed) {
        fuzz_check_packed(m, t);
        return;
    }
    fuzz_want(t->at_bytes <= m->files[t->file].size_bytes &&
                  t->size_bytes <= m->files[t->file].size_bytes - t->at_bytes,
              "a tensor lies inside its file");
    if (!t->size_bytes) return;
    fuzz_want(az_model_read(m, t, t->size_bytes - 1, &byte, 1, &err) == ADZE_OK,
              "its last byte is there");
    fuzz_want(az_model_read(m, t, t->size_bytes, &byte, 1, &err) == ADZE_EINVAL,
              "and no byte after it");
}

static inline void fuzz_check_model(adze_model *m)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < m->n_tensors; i++) {
        fuzz_check_tensor(m, &m->tensors[i]);
        bytes += m->tensors[i].size_bytes;
        if (i)
            fuzz_want(strcmp(m->tensors[i - 1].name, m->tensors[i].name) < 0, "names are in order");
    }
    fuzz_want(adze_model_bytes(m) == bytes, "bytes add up");
    adze_model_parameters(m);
}

/* Open a path, check what opens; the model, or NULL. */
static inline adze_model *fuzz_open(const char *path, unsigned flags)
{
    adze_error err = { .pos = ADZE_NOPOS };
    adze_model *m;
    adze_status rc = az_model_open(&m, fuzz_run, path, flags, &err);

    fuzz_status(rc, &err);
    fuzz_want((rc == ADZE_OK) == (m != NULL), "a model with success, and only then");
    if (m) fuzz_check_model(m);
    return m;
}

#endif
