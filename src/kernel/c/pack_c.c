/* Packing in plain C: it defines the bytes that every instruction set must write. */
#include "kernel/pack_body.h"

static void pack_f32(const float *x, const float *imp, size_t n, void *dst)
{
    (void)imp;
    memcpy(dst, x, n * sizeof *x);
}

/* Finite values stay finite: what an f16 cannot hold becomes its largest. */
static void pack_f16(const float *x, const float *imp, size_t n, void *dst)
{
    uint16_t *y = dst;

    (void)imp;
    for (size_t i = 0; i < n; i++)
        y[i] = az_f32_to_f16(x[i] > 65504.0f ? 65504.0f : x[i] < -65504.0f ? -65504.0f : x[i]);
}

static void pack_bf16(const float *x, const float *imp, size_t n, void *dst)
{
    uint16_t *y = dst;

    (void)imp;
    for (size_t i = 0; i < n; i++)
        y[i] = az_f32_to_bf16(x[i]);
}

void az_pack_init_c(az_kernels *k)
{
    k->pack[AZ_F32] = pack_f32;
    k->pack[AZ_F16] = pack_f16;
    k->pack[AZ_BF16] = pack_bf16;
    fill_pack(k);
}
