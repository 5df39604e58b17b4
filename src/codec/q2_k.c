/* q2_k: super-blocks of 256 in 16 parts: f16 d and dmin, 4-bit part scales and minima, codes of 2 bits.
 *
 * Source: ggml's block layouts (ggml-common.h, 2026-08-21); search in kernel/pack.h, decoding in kernel/.
 */
#include "codec/codec.h"

static void q2_k_pack(const az_kernels *k, const float *x, const float *imp, size_t n, void *dst)
{
    k->pack[AZ_Q2_K](x, imp, n, dst);
}

static void q2_k_unpack(const az_kernels *k, const void *src, float *dst, size_t n)
{
    k->unpack[AZ_Q2_K](src, dst, n);
}

const az_codec az_codec_q2_k = {
    .type = AZ_Q2_K,
    .summary = "2 bits, a 4-bit scale and minimum for 16 values",
    .pack = q2_k_pack,
    .unpack = q2_k_unpack,
};
