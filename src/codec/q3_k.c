/* q3_k: super-blocks of 256 in 16 parts: f16 d, 6-bit part scales, codes of 3 bits.
 *
 * Source: ggml's block layouts (ggml-common.h, 2026-08-21); search in kernel/pack.h, decoding in kernel/.
 */
#include "codec/codec.h"

static void q3_k_pack(const az_kernels *k, const float *x, const float *imp, size_t n, void *dst)
{
    k->pack[AZ_Q3_K](x, imp, n, dst);
}

static void q3_k_unpack(const az_kernels *k, const void *src, float *dst, size_t n)
{
    k->unpack[AZ_Q3_K](src, dst, n);
}

const az_codec az_codec_q3_k = {
    .type = AZ_Q3_K,
    .summary = "3 bits, a 6-bit scale for 16 values",
    .pack = q3_k_pack,
    .unpack = q3_k_unpack,
};
