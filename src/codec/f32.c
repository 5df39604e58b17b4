/* f32: 32-bit IEEE floats.
 *
 * Source: ggml's block layouts (ggml-common.h, 2026-08-21); search in kernel/pack.h, decoding in kernel/.
 */
#include "codec/codec.h"

static void f32_pack(const az_kernels *k, const float *x, const float *imp, size_t n, void *dst)
{
    k->pack[AZ_F32](x, imp, n, dst);
}

static void f32_unpack(const az_kernels *k, const void *src, float *dst, size_t n)
{
    k->unpack[AZ_F32](src, dst, n);
}

const az_codec az_codec_f32 = {
    .type = AZ_F32,
    .summary = "32-bit floats",
    .pack = f32_pack,
    .unpack = f32_unpack,
};
