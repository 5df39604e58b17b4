/* q4_0: blocks of 32: f16 scale d, 32 codes of 4 bits; x = d * (q - 8).
 *
 * Source: ggml's block layouts (ggml-common.h, 2026-08-21); search in kernel/pack.h, decoding in kernel/.
 */
#include "codec/codec.h"

static void q4_0_pack(const az_kernels *k, const float *x, const float *imp, size_t n, void *dst)
{
    k->pack[AZ_Q4_0](x, imp, n, dst);
}

static void q4_0_unpack(const az_kernels *k, const void *src, float *dst, size_t n)
{
    k->unpack[AZ_Q4_0](src, dst, n);
}

const az_codec az_codec_q4_0 = {
    .type = AZ_Q4_0,
    .summary = "4 bits, one scale for 32 values",
    .pack = q4_0_pack,
    .unpack = q4_0_unpack,
};
