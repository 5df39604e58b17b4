/* iq4_xs: super-blocks of 256 in 8 parts: f16 d, 6-bit part scales, codes of 4 bits for values of a table.
 *
 * Source: ggml's block layouts (ggml-common.h, 2026-08-21); search in kernel/pack.h, decoding in kernel/.
 */
#include "codec/codec.h"

static void iq4_xs_pack(const az_kernels *k, const float *x, const float *imp, size_t n, void *dst)
{
    k->pack[AZ_IQ4_XS](x, imp, n, dst);
}

static void iq4_xs_unpack(const az_kernels *k, const void *src, float *dst, size_t n)
{
    k->unpack[AZ_IQ4_XS](src, dst, n);
}

const az_codec az_codec_iq4_xs = {
    .type = AZ_IQ4_XS,
    .summary = "4 bits, unevenly spaced values, a 6-bit scale for 32",
    .pack = iq4_xs_pack,
    .unpack = iq4_xs_unpack,
};
