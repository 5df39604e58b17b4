/* A golden file: tokens, positions and the logits that transformers computed there. The models and files are
 * made by tools/golden/make_logits.py. */
#ifndef AZ_TESTS_INFER_GOLDEN_H
#define AZ_TESTS_INFER_GOLDEN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "format/safetensors.h"
#include "infer/session.h"

typedef struct golden {
    int32_t *tokens, *positions;
    float *logits; /* [n_positions][vocab] */
    size_t n, n_positions, vocab;
} golden;

static inline void ok(adze_status rc, const adze_error *err)
{
    if (rc != ADZE_OK) fail_msg("%s %s: %s", err->path, err->name, err->msg);
}

static inline void *golden_take(adze_model *m, const char *name, az_type type, size_t *n)
{
    const az_tensor *t = az_model_tensor(m, name);
    adze_error err = { 0 };
    void *data;

    assert_non_null(t);
    assert_int_equal(t->type, type);
    data = malloc(t->size_bytes);
    assert_non_null(data);
    ok(az_model_read(m, t, 0, data, t->size_bytes, &err), &err);
    *n = t->size_bytes / 4;
    return data;
}

static inline void golden_read(golden *g, adze_run *run, const char *path)
{
    adze_model *m = NULL;
    adze_error err = { 0 };
    uint32_t file = 0;
    az_stat st;
    az_buf tensors;
    size_t n = 0;
    int fd = -1;

    ok(az_model_new(&m, run, path, "safetensors", &err), &err);
    ok(az_open(run, path, AZ_OPEN_READ, &fd, &err), &err);
    ok(az_fstat(run, fd, path, &st, &err), &err);
    ok(az_model_add_file(m, path, fd, st.size_bytes, &file, &err), &err);
    az_buf_init(&tensors, run);
    ok(az_safetensors_header(m, file, &tensors, &err), &err);
    ok(az_model_take_tensors(m, &tensors, &err), &err);
    az_buf_deinit(&tensors);
    g->tokens = golden_take(m, "tokens", AZ_I32, &g->n);
    g->positions = golden_take(m, "positions", AZ_I32, &g->n_positions);
    g->logits = golden_take(m, "logits", AZ_F32, &n);
    g->vocab = n / g->n_positions;
    adze_model_close(m);
}

static inline void golden_free(golden *g)
{
    free(g->tokens);
    free(g->positions);
    free(g->logits);
}

/* max|a - b| / max|b| over the kept positions; a: [n][vocab]. */
static inline double golden_error(const golden *g, const float *logits)
{
    double off = 0, top = 0;

    for (size_t p = 0; p < g->n_positions; p++)
        for (size_t i = 0; i < g->vocab; i++) {
            double a = logits[(size_t)g->positions[p] * g->vocab + i],
                   b = g->logits[p * g->vocab + i];
            double d = a > b ? a - b : b - a, m = b < 0 ? -b : b;
            if (!(d <= off)) off = d; /* a NaN sticks out */
            if (m > top) top = m;
        }
    return off / top;
}

#endif
