/* One product, done a given number of times and nothing else, for tools/insns to count its instructions under an emulator.
 *
 *   count_kernels ISA TYPE rows|panels M TIMES     prints how many weights times rows one product is
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "kernel/affine.h"
#include "kernel/levels.h"

enum { COLS = 1024, ROWS = 16 };

static bool find(const char *isa, const char *name, az_kernels *k, size_t *which)
{
    size_t i = 0;

    while (levels_get(i, k) && strcmp(k->isa, isa) != 0)
        i++;
    if (!levels_get(i, k)) return false;
    for (*which = 0; *which < N_WEIGHT_TYPES; ++*which)
        if (strcmp(az_type_get(row_type(*which))->name, name) == 0) return true;
    return false;
}

/* The rows as panels. */
static void make_panels(const az_kernels *k, size_t which, const uint8_t *w, uint8_t *to)
{
    const size_t bytes = row_bytes_of(which, COLS),
                 blocks = COLS / az_type_get(row_type(which))->elems;

    for (size_t n = 0; n < ROWS; n += k->panel_rows)
        k->interleave(row_type(which), to + n * bytes, w + n * bytes, bytes, k->panel_rows, blocks);
}

int main(int argc, char **argv)
{
    az_kernels k;
    const az_weight_kernel *wk;
    size_t which, m, arow, bytes;
    uint64_t seed = 5;
    uint8_t *w, *p, *a;
    float *x, *y;
    bool panels;

    if (argc != 6 || !find(argv[1], argv[2], &k, &which)) return 2;
    panels = strcmp(argv[3], "panels") == 0;
    m = strtoul(argv[4], NULL, 10);
    wk = &k.weight[row_type(which)];
    if (panels && !wk->panels) return 3;
    arow = az_act_row_bytes(wk->act, COLS);
    bytes = ROWS * row_bytes_of(which, COLS);
    w = malloc(bytes);
    p = malloc(bytes);
    a = malloc(m * arow);
    x = malloc(COLS * sizeof *x);
    y = malloc(m * ROWS * sizeof *y);
    if (!w || !p || !a || !x || !y) return 1;
    rand_rows(which, COLS, ROWS, w, &seed);
    for (size_t i = 0; i < COLS; i++)
        x[i] = rand_f32(&seed, 1);
    for (size_t i = 0; i < m; i++) {
        az_quantize_act_fn *quantize = az_quantize_fn(&k, wk->act);

        if (quantize)
            quantize(a + i * arow, x, COLS);
        else
            memcpy(a + i * arow, x, arow);
    }
    if (panels) make_panels(&k, which, w, p);
    for (unsigned long times = strtoul(argv[5], NULL, 10); times > 0; times--)
        (panels ? wk->panels : wk->matmul)(y, ROWS, panels ? p : w, bytes / ROWS, a, m, 0, ROWS,
                                           COLS);
    printf("%zu\n", m * ROWS * COLS);
    return 0;
}
