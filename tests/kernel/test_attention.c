/* Attention on every instruction set of this machine against a plain two-pass softmax in double precision:
 * every type of cache, pages in any order, head sizes, grouped heads, sliding windows, positions across tiles; the same bits for
 * any batching. */
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

static const az_type types[] = { AZ_F16, AZ_F32, AZ_Q8_0, AZ_Q4_0 };

/* A cache of pages that lie in no order, the last one at the end of accessible memory. What was never stored is not a number. */
typedef struct data {
    az_type type;
    guarded q, pages, out;
    size_t tiles, page_bytes;
    uint32_t *page;
    float *key, *value; /* [n][head_dim] as the cache holds them */
    float *query;       /* as it is multiplied */
    double *want, *size;
} data;

/* The value that a block of 32 holds at i, from the layouts that kernel/kv.h describes. */
static float stored(const data *d, size_t head_dim, size_t pos, size_t i, bool value)
{
    const uint8_t *t = d->pages.p + d->page[pos / AZ_ATTN_TILE] * d->page_bytes;
    size_t p = pos % AZ_ATTN_TILE, b = i / 32, in = i % 32, blocks = head_dim / 32, half, codes;
    const uint8_t *scales;
    float f;
    az_f16 h;
    int q;

    codes = AZ_ATTN_TILE * head_dim *
            (d->type == AZ_F32    ? 8
             : d->type == AZ_F16  ? 4
             : d->type == AZ_Q8_0 ? 2
                                  : 1) /
            2;
    half = codes + (d->type == AZ_F16 || d->type == AZ_F32 ? 0 : AZ_ATTN_TILE * blocks * 2);
    if (value) t += half;
    if (d->type == AZ_F16 || d->type == AZ_F32) {
        size_t at = value ? p * head_dim + i : i * AZ_ATTN_TILE + p;
        if (d->type == AZ_F32) {
            memcpy(&f, t + at * 4, 4);
            return f;
        }
        memcpy(&h, t + at * 2, 2);
        return az_f16_to_f32(h);
    }
    scales = t + codes + 2 * (value ? p * blocks + b : b * AZ_ATTN_TILE + p);
    memcpy(&h, scales, 2);
    if (d->type == AZ_Q8_0)
        q = value ? (int8_t)t[p * head_dim + i] : t[((i / 4) * AZ_ATTN_TILE + p) * 4 + i % 4] - 128;
    else {
        uint8_t c = value ? t[p * head_dim / 2 + b * 16 + in % 16]
                          : t[((b * 4 + in % 16 / 4) * AZ_ATTN_TILE + p) * 4 + in % 4];
        q = (in < 16 ? c & 15 : c >> 4) - 8;
    }
    return (float)q * az_f16_to_f32(h);
}

/* The largest error that rounding to a type leaves. */
static void check_rounding(const data *d, const float *x, const float *got, size_t n)
{
    for (size_t b = 0; b < n; b += 32) {
        float max = 0, bound;

        for (size_t i = b; i < b + 32 && i < n; i++)
            if (fabsf(x[i]) > max) max = fabsf(x[i]);
        bound = d->type == AZ_F32    ? 0
                : d->type == AZ_F16  ? max / 2048
                : d->type == AZ_Q8_0 ? max / 127 * 0.51f
                                     : max / 8 * 1.01f;
        for (size_t i = b; i < b + 32 && i < n; i++)
            if (!(fabsf(x[i] - got[i]) <= bound))
                fail_msg("%s: %g is stored as %g", az_type_get(d->type)->name, (double)x[i],
                         (double)got[i]);
    }
}

static data data_new(const shape *s, az_type type, const az_kernels *k)
{
    size_t rows = s->n_tok * s->group * s->head_dim, n = (size_t)s->pos + s->n_tok;
    data d = { .type = type };
    uint64_t seed = 99 + rows + n;
    float *x = malloc(2 * s->head_dim * sizeof *x);

    d.tiles = (n + AZ_ATTN_TILE - 1) / AZ_ATTN_TILE;
    d.page_bytes = az_kv_tile_bytes(type, s->head_dim);
    d.q = guard_new(rows * 4);
    d.pages = guard_new(d.tiles * d.page_bytes);
    d.out = guard_new(rows * 4);
    d.page = malloc(d.tiles * sizeof *d.page);
    d.key = malloc(n * s->head_dim * sizeof *d.key);
    d.value = malloc(n * s->head_dim * sizeof *d.value);
    d.query = malloc(rows * sizeof *d.query);
    d.want = malloc(rows * sizeof *d.want);
    d.size = malloc(rows * sizeof *d.size);
    memset(d.pages.p, 0xff, d.pages.n);
    for (size_t i = 0; i < d.tiles; i++) /* the last tile's page is the last, the others turn */
        d.page[i] = (uint32_t)(i + 1 == d.tiles ? i : (i + 1) % (d.tiles - 1));
    for (size_t i = 0; i < rows; i++)
        d.query[i] = ((float *)(void *)d.q.p)[i] = rand_f32(&seed, 3);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < 2 * s->head_dim; j++)
            x[j] = rand_f32(&seed, j < s->head_dim ? 2 : 1);
        k->kv[type].store(d.pages.p + d.page[i / AZ_ATTN_TILE] * d.page_bytes, i % AZ_ATTN_TILE, x,
                          x + s->head_dim, s->head_dim);
        for (size_t j = 0; j < s->head_dim; j++) {
            d.key[i * s->head_dim + j] = stored(&d, s->head_dim, i, j, false);
            d.value[i * s->head_dim + j] = stored(&d, s->head_dim, i, j, true);
        }
        check_rounding(&d, x, d.key + i * s->head_dim, s->head_dim);
        check_rounding(&d, x + s->head_dim, d.value + i * s->head_dim, s->head_dim);
    }
    if (type == AZ_Q8_0 || type == AZ_Q4_0)
        for (size_t b = 0; b < rows; b += 32) {
            az_q8_block q;

            k->quantize_q8(&q, d.query + b, 32);
            for (size_t i = 0; i < 32; i++)
                d.query[b + i] = q.d * (float)q.q[i];
        }
    free(x);
    return d;
}

static void data_free(data *d)
{
    guard_free(&d->q);
    guard_free(&d->pages);
    guard_free(&d->out);
    free(d->page);
    free(d->key);
    free(d->value);
    free(d->query);
    free(d->want);
    free(d->size);
}

static const float sinks[] = { 1.5f, -2, 4, 0.3f };

static az_attn_args args_of(const shape *s, const data *d)
{
    return (az_attn_args){ .out = (float *)(void *)d->out.p,
                           .q = (const float *)(const void *)d->q.p,
                           .kv = { d->pages.p, d->page, d->page_bytes },
                           .ld_out = s->group * s->head_dim,
                           .ld_q = s->group * s->head_dim,
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
static void exact_row(const data *s, const az_attn_args *a, size_t row)
{
    int64_t last = a->n_keys ? a->n_keys - 1 : a->pos + (int64_t)(row / a->group);
    int64_t first = a->window && last - a->window + 1 > 0 ? last - a->window + 1 : 0;
    size_t n = (size_t)(last + 1 - first), width = a->head_dim;
    double *p = malloc(n * sizeof *p), top = -INFINITY, sum = 0;
    double *want = s->want + row * width, *size = s->size + row * width;

    for (size_t i = 0; i < n; i++) {
        p[i] = 0;
        for (size_t d = 0; d < width; d++)
            p[i] +=
                (double)s->query[row * width + d] * (double)s->key[((size_t)first + i) * width + d];
        p[i] *= (double)a->scale;
        if (a->softcap > 0) p[i] = (double)a->softcap * tanh(p[i] / (double)a->softcap);
        if (p[i] > top) top = p[i];
    }
    if (a->sinks) sum = exp((double)a->sinks[row % a->group] - top);
    for (size_t i = 0; i < n; i++)
        sum += p[i] = exp(p[i] - top);
    for (size_t d = 0; d < width; d++) {
        want[d] = size[d] = 0;
        for (size_t i = 0; i < n; i++) {
            double v = p[i] / sum * (double)s->value[((size_t)first + i) * width + d];
            want[d] += v;
            size[d] += fabs(v);
        }
    }
    free(p);
}

typedef void check_fn(const az_kernels *now, const data *d, const az_attn_args *a);

/* Every shape, type of cache and level. */
static void each(check_fn *fn)
{
    az_kernels first, now;

    levels_get(0, &first);
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        for (size_t t = 0; t < sizeof types / sizeof types[0]; t++) {
            data d;
            az_attn_args a;

            if (!az_kv_fits(types[t], shapes[i].head_dim)) continue;
            d = data_new(shapes + i, types[t], &first);
            a = args_of(shapes + i, &d);
            for (size_t r = 0; r < a.n_tok * a.group; r++)
                exact_row(&d, &a, r);
            for (size_t l = 0; levels_get(l, &now); l++)
                fn(&now, &d, &a);
            data_free(&d);
        }
}

static void check_near(const az_kernels *now, const data *d, const az_attn_args *a)
{
    memset(d->out.p, 0x7f, d->out.n);
    now->kv[d->type].attention(a);
    for (size_t j = 0; j < a->n_tok * a->group * a->head_dim; j++)
        if (!(fabs((double)a->out[j] - d->want[j]) <= 2e-5 * d->size[j] + 1e-7))
            fail_msg("%s %s, %zu rows of %zu at %d: output %zu is %.9g, want %.9g", now->isa,
                     az_type_get(d->type)->name, a->n_tok, a->head_dim, (int)a->pos, j,
                     (double)a->out[j], d->want[j]);
    assert_true(guard_intact(&d->out));
}

static void near_the_definition(void **state)
{
    (void)state;
    each(check_near);
}

static void check_alone(const az_kernels *now, const data *d, const az_attn_args *a)
{
    float *one = malloc(a->head_dim * sizeof *one);

    now->kv[d->type].attention(a);
    for (size_t r = 0; r < a->n_tok * a->group; r++) {
        az_attn_args b = *a; /* this query and head alone */

        b.out = one;
        b.q = a->q + r * a->head_dim;
        b.n_tok = b.group = 1;
        b.pos = a->pos + (int64_t)(r / a->group);
        b.sinks = a->sinks ? a->sinks + r % a->group : NULL;
        now->kv[d->type].attention(&b);
        if (memcmp(one, a->out + r * a->head_dim, a->head_dim * sizeof *one) != 0)
            fail_msg("%s %s: row %zu alone has other bits", now->isa, az_type_get(d->type)->name,
                     r);
    }
    free(one);
}

static void batching_changes_no_bit(void **state)
{
    (void)state;
    each(check_alone);
}

/* Caches in f32 that hold what f16 ones do give the same bits. */
static void plain_types_agree(void **state)
{
    az_kernels now;

    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        for (size_t l = 0; levels_get(l, &now); l++) {
            data half = data_new(shapes + i, AZ_F16, &now),
                 full = data_new(shapes + i, AZ_F32, &now);
            az_attn_args a = args_of(shapes + i, &half), b = args_of(shapes + i, &full);

            for (size_t p = 0; p < (size_t)a.pos + a.n_tok; p++)
                now.kv[AZ_F32].store(full.pages.p + full.page[p / AZ_ATTN_TILE] * full.page_bytes,
                                     p % AZ_ATTN_TILE, half.key + p * a.head_dim,
                                     half.value + p * a.head_dim, a.head_dim);
            now.kv[AZ_F16].attention(&a);
            now.kv[AZ_F32].attention(&b);
            assert_memory_equal(a.out, b.out, half.out.n);
            data_free(&half);
            data_free(&full);
        }
}

/* What is not a number, or too large for a scale, does not pass for one. */
static void bad_values_show(void **state)
{
    static const float bad[] = { NAN, INFINITY, -INFINITY, 3e38f };
    az_kernels k;
    float x[32];

    (void)state;
    levels_get(0, &k);
    for (size_t t = 2; t < 4; t++)
        for (size_t i = 0; i < 4; i++) {
            uint8_t *tile = calloc(1, az_kv_tile_bytes(types[t], 32));
            uint32_t page = 0;
            float out[32];
            az_attn_args a = { .out = out,
                               .q = x,
                               .ld_out = 32,
                               .ld_q = 32,
                               .kv = { tile, &page, 0 },
                               .n_tok = 1,
                               .group = 1,
                               .head_dim = 32,
                               .scale = 1 };

            for (int j = 0; j < 32; j++)
                x[j] = 1;
            x[7] = bad[i];
            k.kv[types[t]].store(tile, 0, x, x, 32);
            x[7] = 1;
            k.kv[types[t]].attention(&a);
            assert_false(isfinite(out[7]));
            free(tile);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(near_the_definition),
        cmocka_unit_test(batching_changes_no_bit),
        cmocka_unit_test(plain_types_agree),
        cmocka_unit_test(bad_values_show),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
