/* q5_k: super-blocks of 256 in 8 parts: f16 d and dmin, 6-bit part scales and minima, codes of 5 bits.
 *
 * Source: ggml's block layouts (ggml-common.h, 2026-08-21); search in kernel/pack.h, decoding in kernel/.
 */
#include "codec/codec.h"

static void q5_k_pack(const az_kernels *k, const float *x, const float *imp, size_t n, void *dst)
{
    k->pack[AZ_Q5_K](x, imp, n, dst);
}

static void q5_k_unpack(const az_kernels *k, const void *src, float *dst, size_t n)
{
    k->unpack[AZ_Q5_K](src, dst, n);
}

const az_codec az_codec_q5_k = {
    .type = AZ_Q5_K,
    .summary = "5 bits, a 6-bit scale and minimum for 32 values",
    .pack = q5_k_pack,
    .unpack = q5_k_unpack,
};
