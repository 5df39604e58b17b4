/* Attention on every instruction set of this machine against a plain two-pass softmax in double precision:
 * head sizes, grouped heads, sliding windows, positions across tiles; the same bits for any batching. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "core/half.h"
#include "kernel/guard.h"
#include "kernel/levels.h"

typedef struct shape {
    size_t n_tok, group, head_dim;
    int64_t pos, window;
    float softcap;
    bool sinks, all; /* all: every query sees every key */
} shape;

static const shape shapes[] = {
    { 1, 1, 32, 0, 0, 0, false, false },
    { 1, 4, 64, 63, 0, 0, false, false },
    { 1, 4, 64, 200, 0, 0, false, false },
    { 7, 3, 64, 0, 0, 0, false, false },
    { 65, 2, 48, 60, 0, 0, false, false },
    { 5, 7, 96, 131, 0, 0, false, false },
    { 33, 1, 128, 40, 0, 0, false, false },
    { 3, 2, 80, 500, 100, 0, false, false },
    { 70, 4, 32, 100, 17, 0, false, false },
    { 1, 8, 256, 77, 64, 0, false, false },
    { 40, 1, 20, 0, 1, 0, false, false },
    { 2, 1, 320, 70, 0, 0, false, false },
    { 150, 1, 64, 3, 65, 0, false, false },
    { .n_tok = 9, .group = 3, .head_dim = 64, .pos = 70, .softcap = 5 },
    { .n_tok = 2, .group = 4, .head_dim = 64, .pos = 130, .window = 60, .sinks = true },
    { .n_tok = 70, .group = 2, .head_dim = 32, .window = 9, .softcap = 4, .sinks = true },
    { .n_tok = 75, .group = 1, .head_dim = 32, .all = true },
    { .n_tok = 1, .group = 2, .head_dim = 320, .pos = 3, .softcap = 2, .sinks = true },
};

typedef struct data {
    guarded q, k, v, out;
    double *want, *size;
} data;

/* Key caches hold whole tiles. */
static size_t key_count(size_t n)
{
    return (n + AZ_ATTN_TILE - 1) / AZ_ATTN_TILE * AZ_ATTN_TILE;
}

static data data_new(const shape *s)
{
    size_t rows = s->n_tok * s->group * s->head_dim, n = (size_t)s->pos + s->n_tok;
    size_t keys = key_count(n) * s->head_dim;
    data d = { guard_new(rows * 4), guard_new(keys * 2),           guard_new(n * s->head_dim * 2),
               guard_new(rows * 4), malloc(rows * sizeof(double)), malloc(rows * sizeof(double)) };
    uint64_t seed = 99 + rows + n;

    for (size_t i = 0; i < rows; i++)
        ((float *)(void *)d.q.p)[i] = rand_f32(&seed, 3);
    for (size_t i = 0; i < keys; i++) /* not a number where no position is */
        ((az_f16 *)(void *)d.k.p)[i] = 0x7e00;
    for (size_t i = 0; i < n * s->head_dim; i++) {
        size_t at = az_attn_key_at(i / s->head_dim, s->head_dim) + i % s->head_dim * AZ_ATTN_TILE;
        ((az_f16 *)(void *)d.k.p)[at] = az_f32_to_f16(rand_f32(&seed, 2));
        ((az_f16 *)(void *)d.v.p)[i] = az_f32_to_f16(rand_f32(&seed, 1));
    }
    return d;
}

static void data_free(data *d)
{
    guard_free(&d->q);
    guard_free(&d->k);
    guard_free(&d->v);
    guard_free(&d->out);
    free(d->want);
    free(d->size);
}

static const float sinks[] = { 1.5f, -2, 4, 0.3f };

static az_attn_args args_of(const shape *s, const data *d)
{
    return (az_attn_args){ .out = (float *)(void *)d->out.p,
                           .q = (const float *)(const void *)d->q.p,
                           .k = (const az_f16 *)(const void *)d->k.p,
                           .v = (const az_f16 *)(const void *)d->v.p,
                           .ld_out = s->group * s->head_dim,
                           .ld_q = s->group * s->head_dim,
                           .ld_v = s->head_dim,
                           .n_tok = s->n_tok,
                           .group = s->group,
                           .head_dim = s->head_dim,
                           .pos = s->pos,
                           .window = s->window,
                           .n_keys = s->all ? s->pos + (int64_t)s->n_tok : 0,
                           .softcap = s->softcap,
                           .sinks = s->sinks ? sinks : NULL,
                           .scale = 0.3f };
}

/* One query of one head, straight from the definition. */
static void exact_row(const az_attn_args *a, size_t row, double *want, double *size)
{
    int64_t last = a->n_keys ? a->n_keys - 1 : a->pos + (int64_t)(row / a->group);
    int64_t first = a->window && last - a->window + 1 > 0 ? last - a->window + 1 : 0;
    size_t n = (size_t)(last + 1 - first);
    double *p = malloc(n * sizeof *p), top = -INFINITY, sum = 0;

    for (size_t i = 0; i < n; i++) {
        p[i] = 0;
        for (size_t d = 0; d < a->head_dim; d++)
            p[i] += (double)a->q[row * a->head_dim + d] *
                    (double)az_f16_to_f32(
                        a->k[az_attn_key_at((size_t)first + i, a->head_dim) + d * AZ_ATTN_TILE]);
        p[i] *= (double)a->scale;
        if (a->softcap > 0) p[i] = (double)a->softcap * tanh(p[i] / (double)a->softcap);
        if (p[i] > top) top = p[i];
    }
    if (a->sinks) sum = exp((double)a->sinks[row % a->group] - top);
    for (size_t i = 0; i < n; i++)
        sum += p[i] = exp(p[i] - top);
    for (size_t d = 0; d < a->head_dim; d++) {
        want[d] = size[d] = 0;
        for (size_t i = 0; i < n; i++) {
            double v = p[i] / sum * (double)az_f16_to_f32(a->v[((size_t)first + i) * a->ld_v + d]);
            want[d] += v;
            size[d] += fabs(v);
        }
    }
    free(p);
}

/* Caches in f32 that hold the same values must give the same bits; a.out holds what f16 gave. */
static void same_from_f32(const az_kernels *now, const az_attn_args *a)
{
    size_t rows = a->n_tok * a->group * a->head_dim, n = ((size_t)a->pos + a->n_tok) * a->head_dim;
    size_t keys = key_count((size_t)a->pos + a->n_tok) * a->head_dim;
    guarded k = guard_new(keys * 4), v = guard_new(n * 4);
    az_attn_args b = *a;

    now->f16_to_f32((float *)(void *)k.p, a->k, keys);
    now->f16_to_f32((float *)(void *)v.p, a->v, n);
    b.k = b.v = NULL;
    b.k32 = (const float *)(const void *)k.p;
    b.v32 = (const float *)(const void *)v.p;
    b.out = malloc(rows * sizeof *b.out);
    now->attention_f32(&b);
    assert_memory_equal(a->out, b.out, rows * sizeof *b.out);
    free(b.out);
    guard_free(&k);
    guard_free(&v);
}

static void near_the_definition(void **state)
{
    az_kernels now;

    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        data d = data_new(shapes + i);
        az_attn_args a = args_of(shapes + i, &d);
        size_t n = a.n_tok * a.group * a.head_dim;

        for (size_t r = 0; r < a.n_tok * a.group; r++)
            exact_row(&a, r, d.want + r * a.head_dim, d.size + r * a.head_dim);
        for (size_t l = 0; levels_get(l, &now); l++) {
            memset(d.out.p, 0x7f, d.out.n);
            now.attention(&a);
            for (size_t j = 0; j < n; j++)
                if (!(fabs((double)a.out[j] - d.want[j]) <= 2e-5 * d.size[j] + 1e-7))
                    fail_msg("%s shape %zu: output %zu is %.9g, want %.9g", now.isa, i, j,
                             (double)a.out[j], d.want[j]);
            assert_true(guard_intact(&d.out));
            same_from_f32(&now, &a);
        }
        data_free(&d);
    }
}

static void batching_changes_no_bit(void **state)
{
    az_kernels now;

    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        data d = data_new(shapes + i);
        const az_attn_args a = args_of(shapes + i, &d);
        float *one = malloc(a.head_dim * sizeof *one);

        for (size_t l = 0; levels_get(l, &now); l++) {
            now.attention(&a);
            for (size_t r = 0; r < a.n_tok * a.group; r++) {
                az_attn_args b = a; /* this query and head alone */

                b.out = one;
                b.q = a.q + r * a.head_dim;
                b.n_tok = b.group = 1;
                b.pos = a.pos + (int64_t)(r / a.group);
                b.sinks = a.sinks ? a.sinks + r % a.group : NULL;
                now.attention(&b);
                if (memcmp(one, a.out + r * a.head_dim, a.head_dim * sizeof *one) != 0)
                    fail_msg("%s shape %zu: row %zu alone has other bits", now.isa, i, r);
            }
        }
        free(one);
        data_free(&d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(near_the_definition),
        cmocka_unit_test(batching_changes_no_bit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
