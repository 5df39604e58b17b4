/* bf16: upper half of an f32, round to nearest even.
 *
 * Source: ggml's block layouts (ggml-common.h, 2026-08-21); search in kernel/pack.h, decoding in kernel/.
 */
#include "codec/codec.h"

static void bf16_pack(const az_kernels *k, const float *x, const float *imp, size_t n, void *dst)
{
    k->pack[AZ_BF16](x, imp, n, dst);
}

static void bf16_unpack(const az_kernels *k, const void *src, float *dst, size_t n)
{
    k->unpack[AZ_BF16](src, dst, n);
}

const az_codec az_codec_bf16 = {
    .type = AZ_BF16,
    .summary = "16-bit floats with the exponent of f32",
    .pack = bf16_pack,
    .unpack = bf16_unpack,
};
