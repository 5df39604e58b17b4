/* q5_1: blocks of 32: f16 scale d and minimum m, 32 codes of 5 bits; x = d * q + m.
 *
 * Source: ggml's block layouts (ggml-common.h, 2026-08-21); search in kernel/pack.h, decoding in kernel/.
 */
#include "codec/codec.h"

static void q5_1_pack(const az_kernels *k, const float *x, const float *imp, size_t n, void *dst)
{
    k->pack[AZ_Q5_1](x, imp, n, dst);
}

static void q5_1_unpack(const az_kernels *k, const void *src, float *dst, size_t n)
{
    k->unpack[AZ_Q5_1](src, dst, n);
}

const az_codec az_codec_q5_1 = {
    .type = AZ_Q5_1,
    .summary = "5 bits, a scale and a minimum for 32 values",
    .pack = q5_1_pack,
    .unpack = q5_1_unpack,
};
