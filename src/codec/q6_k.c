/* q6_k: super-blocks of 256 in 16 parts: f16 d, int8 part scales, codes of 6 bits.
 *
 * Source: ggml's block layouts (ggml-common.h, 2026-08-21); search in kernel/pack.h, decoding in kernel/.
 */
#include "codec/codec.h"

static void q6_k_pack(const az_kernels *k, const float *x, const float *imp, size_t n, void *dst)
{
    k->pack[AZ_Q6_K](x, imp, n, dst);
}

static void q6_k_unpack(const az_kernels *k, const void *src, float *dst, size_t n)
{
    k->unpack[AZ_Q6_K](src, dst, n);
}

const az_codec az_codec_q6_k = {
    .type = AZ_Q6_K,
    .summary = "6 bits, an 8-bit scale for 16 values",
    .pack = q6_k_pack,
    .unpack = q6_k_unpack,
};
