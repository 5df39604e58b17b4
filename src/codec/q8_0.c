/* q8_0: blocks of 32: f16 scale d, 32 int8 codes; x = d * q.
 *
 * Source: ggml's block layouts (ggml-common.h, 2026-08-21); search in kernel/pack.h, decoding in kernel/.
 */
#include "codec/codec.h"

static void q8_0_pack(const az_kernels *k, const float *x, const float *imp, size_t n, void *dst)
{
    k->pack[AZ_Q8_0](x, imp, n, dst);
}

static void q8_0_unpack(const az_kernels *k, const void *src, float *dst, size_t n)
{
    k->unpack[AZ_Q8_0](src, dst, n);
}

const az_codec az_codec_q8_0 = {
    .type = AZ_Q8_0,
    .summary = "8 bits, one scale for 32 values",
    .pack = q8_0_pack,
    .unpack = q8_0_unpack,
};
