/* iq4_nl: blocks of 32: an f16 scale, codes of 4 bits for values of a table.
 *
 * Source: ggml's block layouts (ggml-common.h, 2026-08-21); search in kernel/pack.h, decoding in kernel/.
 */
#include "codec/codec.h"

static void iq4_nl_pack(const az_kernels *k, const float *x, const float *imp, size_t n, void *dst)
{
    k->pack[AZ_IQ4_NL](x, imp, n, dst);
}

static void iq4_nl_unpack(const az_kernels *k, const void *src, float *dst, size_t n)
{
    k->unpack[AZ_IQ4_NL](src, dst, n);
}

const az_codec az_codec_iq4_nl = {
    .type = AZ_IQ4_NL,
    .summary = "4 bits, unevenly spaced values, a scale for 32",
    .pack = iq4_nl_pack,
    .unpack = iq4_nl_unpack,
};
