/* Times every product kernel, on every instruction set of this machine, beside the machine's own limits.
 *
 *   bench_kernels [--isa NAME] [--type NAME] [--mb N] [--rows M,M,...] [--layout rows|panels] [--seconds S]
 *
 * One thread, CPU time (so a busy machine distorts less), the best of what fits S seconds (0.3) for each figure. Weights are N MiB
 * (default 256) of random blocks with 4096 columns, or of the engine's own rows in each of their forms, read from end to end, so that m = 1 shows memory and not
 * cache. GOP/s counts a product and an addition as two; the percentages are of the limits printed first.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "kernel/affine.h"
#include "kernel/kernel.h"
#include "kernel/levels.h"
#include "kernel/peak.h"

enum { COLS = 4096, MAX_ROWS = 8 };

typedef struct options {
    const char *isa, *type;
    size_t bytes, rows[MAX_ROWS], n_rows;
    double seconds;
    bool panels; /* the layout of a session, for types that have it */
} options;

static volatile unsigned sink;

static double cpu_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Operations a second, the best of many short runs: a busy neighbour seldom spoils all. */
static double peak_rate(az_peak_fn *fn)
{
    double best = 0;

    for (int i = 0; i < 60; i++) {
        double t = cpu_seconds(), ops = fn(100000), rate;

        rate = ops / (cpu_seconds() - t);
        if (rate > best) best = rate;
    }
    return best;
}

static double read_rate(const az_peaks *p, const void *mem, size_t bytes)
{
    double best = 0;

    for (int i = 0; i < 3; i++) {
        double t = cpu_seconds(), rate;

        sink += p->read(mem, bytes);
        rate = (double)bytes / (cpu_seconds() - t);
        if (rate > best) best = rate;
    }
    return best;
}

/* Panels of the n rows in w. */
static void interleave(const az_kernels *k, size_t which, uint8_t *w, size_t n, size_t row_bytes)
{
    az_type type = row_type(which);
    uint8_t *rows = malloc(n * row_bytes);

    memcpy(rows, w, n * row_bytes);
    for (size_t r = 0; r < n; r += k->panel_rows)
        k->interleave(type, w + r * row_bytes, rows + r * row_bytes, row_bytes, k->panel_rows,
                      COLS / az_type_get(type)->elems);
    free(rows);
}

/* Fill with copies of one megabyte of random blocks: making them all would take longer than the timing. */
static void fill(const az_kernels *k, bool panels, size_t which, uint8_t *w, size_t bytes,
                 size_t row_bytes)
{
    size_t head = (1 << 20) / row_bytes / 16 * 16 * row_bytes, n;
    uint64_t seed = 7;

    if (head > bytes) head = bytes;
    rand_rows(which, COLS, head / row_bytes, w, &seed);
    if (panels) interleave(k, which, w, head / row_bytes, row_bytes);
    for (size_t at = head; at < bytes; at += n) {
        n = at < bytes - at ? at : bytes - at;
        memcpy(w + at, w, n);
    }
}

typedef struct limits {
    double int8, bf16, f32, read;
} limits;

static void time_type(const az_kernels *k, size_t which, const options *o, uint8_t *w,
                      const limits *l)
{
    const az_weight_kernel *wk = &k->weight[row_type(which)];
    size_t row_bytes = row_bytes_of(which, COLS), arow = az_act_row_bytes(wk->act, COLS);
    az_matmul_fn *matmul = o->panels && wk->panels ? wk->panels : wk->matmul;
    double peak = wk->act == AZ_ACT_Q8 ? l->int8 : wk->act == AZ_ACT_BF16 ? l->bf16 : l->f32;

    fill(k, matmul != wk->matmul, which, w, o->bytes / row_bytes / 16 * 16 * row_bytes, row_bytes);
    printf("%-11s %-5s %-6s", k->isa, az_type_get(row_type(which))->name,
           matmul == wk->matmul ? "rows" : "panels");
    if (which >= N_WEIGHT_TYPES)
        printf(" %-4s %3d", az_type_get(affine_forms[which - N_WEIGHT_TYPES].store)->name,
               affine_forms[which - N_WEIGHT_TYPES].group);
    for (size_t r = 0; r < o->n_rows; r++) {
        size_t m = o->rows[r], n = o->bytes / row_bytes / 16 * 16, most = m > 16 ? 32768 / m : n;
        bool scalar = strcmp(k->isa, "c") == 0;
        float *x = malloc(COLS * sizeof *x), *y;
        uint8_t *a = aligned_alloc(64, (m * arow + 63) / 64 * 64);
        double best = 1e30;
        uint64_t seed = 3;

        if (scalar) most = 4096 / m + 16;
        if (n > most) n = most / 32 * 32;
        y = malloc(m * n * sizeof *y);
        for (size_t i = 0; i < m; i++) {
            for (size_t j = 0; j < COLS; j++)
                x[j] = rand_f32(&seed, 1);
            if (wk->act == AZ_ACT_F32)
                memcpy(a + i * arow, x, arow);
            else
                az_quantize_fn(k, wk->act)(a + i * arow, x, COLS);
        }
        for (double until = cpu_seconds() + o->seconds; cpu_seconds() < until;) {
            double s = cpu_seconds();

            matmul(y, n, w, row_bytes, a, m, 0, n, COLS);
            s = cpu_seconds() - s;
            if (s < best) best = s;
        }
        printf("   m %-3zu %7.1f GOP/s %3.0f %%", m, 2e-9 * (double)(m * n) * COLS / best,
               200 * (double)(m * n) * COLS / best / peak);
        if (m == 1)
            printf(" %5.1f GB/s %3.0f %%", 1e-9 * (double)(n * row_bytes) / best,
                   100 * (double)(n * row_bytes) / best / l->read);
        free(x);
        free(y);
        free(a);
    }
    putchar('\n');
    fflush(stdout);
}

static bool parse(options *o, int argc, char **argv)
{
    *o = (options){ .bytes = (size_t)256 << 20,
                    .rows = { 1, 8, 256 },
                    .n_rows = 3,
                    .panels = true,
                    .seconds = 0.3 };
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--isa") == 0)
            o->isa = argv[i + 1];
        else if (strcmp(argv[i], "--type") == 0)
            o->type = argv[i + 1];
        else if (strcmp(argv[i], "--mb") == 0)
            o->bytes = (size_t)strtoul(argv[i + 1], NULL, 10) << 20;
        else if (strcmp(argv[i], "--seconds") == 0)
            o->seconds = strtod(argv[i + 1], NULL);
        else if (strcmp(argv[i], "--layout") == 0)
            o->panels = strcmp(argv[i + 1], "rows") != 0;
        else if (strcmp(argv[i], "--rows") == 0) {
            char *p = argv[i + 1];

            for (o->n_rows = 0; *p && o->n_rows < MAX_ROWS; p += *p == ',')
                o->rows[o->n_rows++] = strtoul(p, &p, 10);
        } else
            return false;
    }
    return argc % 2 == 1 && o->bytes >= (size_t)1 << 20 && o->n_rows && o->rows[0];
}

int main(int argc, char **argv)
{
    options o;
    az_kernels k;
    uint8_t *w;

    if (!parse(&o, argc, argv)) {
        fputs("usage: bench_kernels [--isa NAME] [--type NAME] [--mb N] [--rows M,M,...] "
              "[--layout rows|panels] [--seconds S]\n",
              stderr);
        return 2;
    }
    w = aligned_alloc(4096, o.bytes);
    if (!w) return 1;
    memset(w, 1, o.bytes);
    for (size_t i = 0; levels_get(i, &k); i++) {
        az_peaks p;
        limits l;

        if (o.isa && strcmp(o.isa, k.isa) != 0) continue;
        az_peaks_init(&p, k.cpu);
        l = (limits){ peak_rate(p.int8), peak_rate(p.bf16), peak_rate(p.f32),
                      read_rate(&p, w, o.bytes) };
        printf(
            "%-11s limits: int8 %.1f GOP/s (%s), bf16 %.1f (%s), f32 %.1f (%s), read %.1f GB/s\n",
            k.isa, 1e-9 * l.int8, p.int8_how, 1e-9 * l.bf16, p.bf16_how, 1e-9 * l.f32, p.f32_how,
            1e-9 * l.read);
        for (size_t t = 0; t < N_ROW_FORMS; t++)
            if (!o.type || strcmp(o.type, az_type_get(row_type(t))->name) == 0)
                time_type(&k, t, &o, w, &l);
    }
    free(w);
    return 0;
}
