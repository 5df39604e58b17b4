/* q4_k: super-blocks of 256 in 8 parts: f16 d and dmin, 6-bit part scales and minima, codes of 4 bits.
 *
 * Source: ggml's block layouts (ggml-common.h, 2026-08-21); search in kernel/pack.h, decoding in kernel/.
 */
#include "codec/codec.h"

static void q4_k_pack(const az_kernels *k, const float *x, const float *imp, size_t n, void *dst)
{
    k->pack[AZ_Q4_K](x, imp, n, dst);
}

static void q4_k_unpack(const az_kernels *k, const void *src, float *dst, size_t n)
{
    k->unpack[AZ_Q4_K](src, dst, n);
}

const az_codec az_codec_q4_k = {
    .type = AZ_Q4_K,
    .summary = "4 bits, a 6-bit scale and minimum for 32 values",
    .pack = q4_k_pack,
    .unpack = q4_k_unpack,
};
