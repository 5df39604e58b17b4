/* Matrix products of every weight type on every instruction set of this machine: near the scalar ones,
 * the scalar ones near double precision, output rows with the same bits whatever m and the row range,
 * nothing touched outside the buffers. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "kernel/affine.h"
#include "kernel/levels.h"

static void near_scalar(const char *isa, const char *type, const double *size, const float *want,
                        const float *got, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)want[i] - (double)got[i]) <= 2e-6 * size[i]))
            fail_msg("%s %s: output %zu is %.9g, want %.9g (size %g)", isa, type, i, (double)got[i],
                     (double)want[i], size[i]);
}

typedef struct problem {
    size_t which, m, n, k, row_bytes;
    guarded w, act, x;
    float *want;   /* [m][n] scalar */
    double *size;  /* [m][n] sum of |w||x| */
    double *exact; /* [m][n] in double precision */
} problem;

static void fill_act(const az_kernels *k, az_act_type act, void *to, const float *x, size_t n)
{
    if (act == AZ_ACT_F32)
        memcpy(to, x, n * sizeof *x);
    else
        az_quantize_fn(k, act)(to, x, n);
}

static void fill_reference(problem *p, const az_kernels *c)
{
    az_type type = row_type(p->which);
    const az_weight_kernel *wk = &c->weight[type];
    size_t arow = az_act_row_bytes(wk->act, p->k);
    float *row = malloc(p->k * sizeof *row), *xs = malloc(p->m * p->k * sizeof *xs);

    for (size_t i = 0; i < p->m; i++) {
        const float *x = (const float *)(void *)p->x.p + i * p->k;

        fill_act(c, wk->act, p->act.p + i * arow, x, p->k);
        for (size_t j = 0; j < p->k; j++) {
            const az_q8_block *b = (const az_q8_block *)(void *)(p->act.p + i * arow);
            xs[i * p->k + j] = wk->act == AZ_ACT_Q8 ? b[j / 32].d * (float)b[j / 32].q[j % 32]
                               : wk->act == AZ_ACT_F32_BF16 ? az_round_bf16(x[j])
                                                            : x[j];
        }
    }
    for (size_t r = 0; r < p->n; r++) {
        c->unpack[type](p->w.p + r * p->row_bytes, row, p->k);
        for (size_t i = 0; i < p->m; i++) {
            double size = 0, sum = 0;
            for (size_t j = 0; j < p->k; j++) {
                sum += (double)row[j] * (double)xs[i * p->k + j];
                size += fabs((double)row[j] * (double)xs[i * p->k + j]);
            }
            p->size[i * p->n + r] = size;
            p->exact[i * p->n + r] = sum;
        }
    }
    wk->matmul(p->want, p->n, p->w.p, p->row_bytes, p->act.p, p->m, 0, p->n, p->k);
    for (size_t i = 0; i < p->m * p->n; i++)
        if (!(fabs((double)p->want[i] - p->exact[i]) <= 2e-6 * p->size[i]))
            fail_msg("scalar %s: output %zu is %.9g, exactly %.9g", az_type_get(type)->name, i,
                     (double)p->want[i], p->exact[i]);
    free(row);
    free(xs);
}

static problem problem_new(size_t which, size_t m, size_t n, size_t k, const az_kernels *c)
{
    problem p = { .which = which, .m = m, .n = n, .k = k };
    az_type type = row_type(which);
    uint64_t seed = 0x9e3779b97f4a7c15ull + which * 977 + m * 31 + n * 7 + k;

    p.row_bytes = row_bytes_of(which, k);
    p.w = guard_new(n * p.row_bytes);
    p.act = guard_new(m * az_act_row_bytes(c->weight[type].act, k));
    p.x = guard_new(m * k * sizeof(float));
    p.want = malloc(m * n * sizeof *p.want);
    p.size = malloc(m * n * sizeof *p.size);
    p.exact = malloc(m * n * sizeof *p.exact);
    rand_rows(which, k, n, p.w.p, &seed);
    for (size_t i = 0; i < m * k; i++)
        ((float *)(void *)p.x.p)[i] = rand_f32(&seed, i % 37 == 0 ? 20.0f : 2.0f);
    fill_reference(&p, c);
    return p;
}

static void problem_free(problem *p)
{
    guard_free(&p->w);
    guard_free(&p->act);
    guard_free(&p->x);
    free(p->want);
    free(p->size);
    free(p->exact);
}

/* Activations in the form that `now` multiplies: the scalar one is not everyone's. */
static void refill_act(problem *p, const az_kernels *now)
{
    const az_act_type act = now->weight[row_type(p->which)].act;
    const size_t arow = az_act_row_bytes(act, p->k);

    guard_free(&p->act);
    p->act = guard_new(p->m * arow);
    for (size_t i = 0; i < p->m; i++)
        fill_act(now, act, p->act.p + i * arow, (const float *)(void *)p->x.p + i * p->k, p->k);
}

/* Whole product, then the same rows in other batches and ranges. */
static void check_product(const az_kernels *c, const az_kernels *now, size_t which, size_t m,
                          size_t n, size_t k)
{
    problem p = problem_new(which, m, n, k, c);
    const az_type_info *t = az_type_get(row_type(which));
    const az_weight_kernel *wk = &now->weight[row_type(which)];
    size_t arow = az_act_row_bytes(wk->act, k), cut = n / 3;
    guarded y = guard_new(m * n * sizeof(float)), z = guard_new(n * sizeof(float));
    float *got = (float *)(void *)y.p, *one = (float *)(void *)z.p;

    refill_act(&p, now);
    wk->matmul(got, n, p.w.p, p.row_bytes, p.act.p, m, 0, n, k);
    near_scalar(now->isa, t->name, p.size, p.want, got, m * n);
    for (size_t i = 0; i < m; i++) {
        memset(one, 0x7e, n * sizeof *one);
        wk->matmul(one, n, p.w.p, p.row_bytes, p.act.p + i * arow, 1, 0, cut, k);
        wk->matmul(one, n, p.w.p, p.row_bytes, p.act.p + i * arow, 1, cut, n, k);
        if (memcmp(one, got + i * n, n * sizeof *one) != 0)
            fail_msg("%s %s m %zu n %zu k %zu: row %zu alone has other bits", now->isa, t->name, m,
                     n, k, i);
    }
    if (m > 2) { /* a batch that starts elsewhere */
        wk->matmul(got + n, n, p.w.p, p.row_bytes, p.act.p + arow, m - 1, 0, n, k);
        wk->matmul(one, n, p.w.p, p.row_bytes, p.act.p + arow, 1, 0, n, k);
        assert_memory_equal(one, got + n, n * sizeof *one);
    }
    assert_true(guard_intact(&y) && guard_intact(&z) && guard_intact(&p.w) && guard_intact(&p.act));
    guard_free(&y);
    guard_free(&z);
    problem_free(&p);
}

/* The rows as panels: the same bits, for all rows of activations and for ranges of panels. */
static void check_panels(const az_kernels *c, const az_kernels *now, size_t which, size_t m,
                         size_t n, size_t k)
{
    const az_type type = weight_types[which].type;
    const az_weight_kernel *wk = &now->weight[type];
    const size_t lanes = now->panel_rows;
    problem p;
    guarded w, y, z;
    uint8_t *plain;
    size_t panels, cut;

    if (!wk->panels) return;
    p = problem_new(which, m, n, k, c);
    panels = (n + lanes - 1) / lanes;
    cut = panels / 2 * lanes;
    w = guard_new(panels * lanes * p.row_bytes);
    y = guard_new(m * n * sizeof(float));
    z = guard_new(m * n * sizeof(float));
    plain = malloc(w.n);
    for (size_t i = 0; i < panels; i++) {
        size_t at = i * lanes, rows = n - at < lanes ? n - at : lanes;
        size_t blocks = k / az_type_get(type)->elems;

        now->interleave(type, w.p + at * p.row_bytes, p.w.p + at * p.row_bytes, p.row_bytes, rows,
                        blocks);
        az_interleave_c(type, lanes, plain + at * p.row_bytes, p.w.p + at * p.row_bytes,
                        p.row_bytes, rows, blocks);
    }
    assert_memory_equal(plain, w.p, w.n);
    wk->matmul((float *)(void *)y.p, n, p.w.p, p.row_bytes, p.act.p, m, 0, n, k);
    memset(z.p, 0x7e, z.n);
    wk->panels((float *)(void *)z.p, n, w.p, p.row_bytes, p.act.p, m, 0, cut, k);
    wk->panels((float *)(void *)z.p, n, w.p, p.row_bytes, p.act.p, m, cut, n, k);
    for (size_t i = 0; i < m * n; i++)
        if (memcmp(y.p + 4 * i, z.p + 4 * i, 4) != 0)
            fail_msg("%s %s m %zu n %zu k %zu: output %zu has other bits from panels: %.9g, %.9g",
                     now->isa, az_type_get(type)->name, m, n, k, i,
                     (double)((float *)(void *)y.p)[i], (double)((float *)(void *)z.p)[i]);
    assert_true(guard_intact(&w) && guard_intact(&y) && guard_intact(&z));
    guard_free(&w);
    guard_free(&y);
    guard_free(&z);
    free(plain);
    problem_free(&p);
}

static void panels(void **state)
{
    static const size_t ms[] = { 1, 2, 3, 4, 5, 8, 13, 64 };
    az_kernels c, now;
    int checked = 0;

    (void)state;
    az_kernels_init(&c, 0);
    for (size_t l = 0; levels_get(l, &now); l++)
        for (size_t which = 0; which < N_WEIGHT_TYPES; which++) {
            size_t k = az_type_get(weight_types[which].type)->elems == 256 ? 768 : 608;

            checked += now.weight[weight_types[which].type].panels != NULL;
            for (size_t i = 0; i < sizeof ms / sizeof ms[0]; i++)
                check_panels(&c, &now, which, ms[i], i % 2 ? 64 : 37, k);
            check_panels(&c, &now, which, 1, 1, 256);
        }
    if (az_cpu_flags() & AZ_CPU_AVX2) assert_true(checked >= 9);
}

static void products(void **state)
{
    static const size_t ms[] = { 1, 2, 3, 5, 7, 8, 13, 17, 64 };
    az_kernels c, now;

    (void)state;
    az_kernels_init(&c, 0);
    for (size_t l = 0; levels_get(l, &now); l++)
        for (size_t which = 0; which < N_ROW_FORMS; which++) {
            size_t block = az_type_get(row_type(which))->elems;
            const size_t ks[] = { block == 1 ? 37 : block, block == 256  ? 768
                                                           : block == 32 ? 608
                                                                         : 333 };

            for (size_t i = 0; i < sizeof ms / sizeof ms[0]; i++)
                for (size_t j = 0; j < 2; j++)
                    check_product(&c, &now, which, ms[i], i % 2 ? 35 : 18, ks[j]);
            check_product(&c, &now, which, 3, 1, ks[1]);
            check_product(&c, &now, which, 1, 67, block == 1 ? 1024 : 2048);
        }
}

/* Rows of core/affine.h hold what the codes stand for; scales in f32 lose their last two bits. */
static void affine_values(void **state)
{
    enum { COLS = 384 };
    az_kernels c;

    (void)state;
    az_kernels_init(&c, 0);
    for (size_t i = 0; i < N_AFFINE_FORMS; i++) {
        az_affine_form f = affine_form(i, COLS);
        uint8_t *row = malloc(f.row_bytes);
        float got[COLS], top = 0;
        made_codes m;
        uint64_t seed = 11 + i;

        m = codes_new(i, COLS, &seed);
        assert_true(az_affine_put(&f, &m.c, 0, row));
        c.unpack[f.type](row, got, COLS);
        for (size_t k = 0; k < COLS; k++)
            top = fmaxf(top, fabsf(code_value(i, &m, k)));
        for (size_t k = 0; k < COLS; k++)
            if (!(fabsf(got[k] - code_value(i, &m, k)) <=
                  (affine_forms[i].store == AZ_F32 || f.type == AZ_NVFP4 ? 0x1p-17f * top : 0)))
                fail_msg("%s form %zu: column %zu is %.9g, want %.9g", az_type_get(f.type)->name, i,
                         k, (double)got[k], (double)code_value(i, &m, k));
        codes_free(&m);
        free(row);
    }
}

/* What has no place in a row is refused, so that the engine takes f32 instead. */
static void affine_refusals(void **state)
{
    const float bad[] = { NAN, INFINITY };

    (void)state;
    for (size_t i = 0; i < N_AFFINE_FORMS; i++)
        for (size_t b = 0; b < 2; b++) {
            az_affine_form f = affine_form(i, 256);
            uint8_t *row = malloc(f.row_bytes);
            uint64_t seed = 3;
            made_codes m = codes_new(i, 256, &seed);

            m.c.scale[1] = bad[b];
            assert_false(az_affine_put(&f, &m.c, 0, row));
            m.c.scale[1] = 1;
            m.c.q[200] = 0x7f;
            if (f.type == AZ_FP8) assert_false(az_affine_put(&f, &m.c, 0, row));
            codes_free(&m);
            free(row);
        }
}

/* A NaN or an infinity among the activations must reach every output that reads it. */
static void bad_values_show(void **state)
{
    static const float bad[] = { NAN, INFINITY, -INFINITY };
    az_kernels now;

    (void)state;
    for (size_t l = 0; levels_get(l, &now); l++)
        for (size_t b = 0; b < 3; b++) {
            float x[64], y[3];
            az_block_q8_0 w[6];
            az_q8_block a[2];
            uint64_t seed = 5;

            rand_weights(7, (uint8_t *)w, sizeof w, &seed);
            for (int i = 0; i < 64; i++)
                x[i] = (float)i;
            x[37] = bad[b];
            now.quantize_q8(a, x, 64);
            now.weight[AZ_Q8_0].matmul(y, 3, w, sizeof w / 3, a, 1, 0, 3, 64);
            for (int i = 0; i < 3; i++)
                assert_false(isfinite(y[i]));
        }
}

/* Rounding to bf16 has the same bits everywhere: ties, subnormals, overflow, NaN. */
static void rounded_activations(void **state)
{
    static const uint32_t bits[] = { 0x3f808000, 0x3f818000, 0x3f808001, 0x3f807fff, 0x7f7fffff,
                                     0xff7f8000, 0x7f800000, 0xff800000, 0x7f800001, 0xffc12345,
                                     0x7fffffff, 0x00000001, 0x00018000, 0x807f8000, 0x80000000 };
    enum { K = 67 };
    az_kernels now;

    (void)state;
    for (size_t l = 0; levels_get(l, &now); l++) {
        float x[K], as_f32[K + 1];
        az_bf16 as_bf16[K + 1];
        const bool wide = now.weight[AZ_BF16].act == AZ_ACT_F32_BF16;
        uint64_t seed = 9;

        for (size_t i = 0; i < K; i++)
            x[i] = i < sizeof bits / sizeof *bits ? az_bits_f32(bits[i]) : rand_f32(&seed, 3);
        as_f32[K] = 5;
        as_bf16[K] = 5;
        now.quantize_bf16(wide ? (void *)as_f32 : as_bf16, x, K);
        for (size_t i = 0; i < K; i++)
            assert_int_equal(wide ? az_f32_bits(as_f32[i]) : (uint32_t)as_bf16[i] << 16,
                             (uint32_t)az_f32_to_bf16(x[i]) << 16);
        assert_true(as_f32[K] == 5 && as_bf16[K] == 5);
    }
}

static void quantized_activations(void **state)
{
    az_kernels c, now;

    (void)state;
    az_kernels_init(&c, 0);
    for (size_t l = 0; levels_get(l, &now); l++) {
        enum { K = 32 * 37 };
        guarded x = guard_new(K * sizeof(float)), a = guard_new(K / 32 * sizeof(az_q8_block)),
                b = guard_new(a.n);
        float *f = (float *)(void *)x.p;
        uint64_t seed = 77;

        for (size_t i = 0; i < K; i++)
            f[i] = rand_f32(&seed, ldexpf(1, (int)(i / 32) * 6 - 110));
        for (size_t i = 0; i < 32; i++)
            f[i] = 0;
        f[40] = -0.0f;
        for (size_t i = 64 * 10; i < 64 * 10 + 32;
             i++) /* ties: max is 127, so values stay as they are */
            f[i] = i % 2 ? 127 : (float)(i % 16) + 0.5f;
        c.quantize_q8(a.p, f, K);
        now.quantize_q8(b.p, f, K);
        assert_memory_equal(a.p, b.p, a.n);
        for (size_t i = 0; i < K / 32; i++) {
            const az_q8_block *q = (const az_q8_block *)(void *)a.p + i;
            int s0 = 0, s1 = 0;
            for (int j = 0; j < 32; j++) {
                *(j < 16 ? &s0 : &s1) += q->q[j];
                assert_true(fabsf(q->d * (float)q->q[j] - f[32 * i + (size_t)j]) <=
                                0.5001f * q->d ||
                            q->d < 0x1p-106f);
            }
            assert_int_equal(s0, q->sum[0]);
            assert_int_equal(s1, q->sum[1]);
        }
        assert_true(guard_intact(&b));
        guard_free(&x);
        guard_free(&a);
        guard_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products),
        cmocka_unit_test(affine_values),
        cmocka_unit_test(affine_refusals),
        cmocka_unit_test(panels),
        cmocka_unit_test(bad_values_show),
        cmocka_unit_test(quantized_activations),
        cmocka_unit_test(rounded_activations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
