/* mxfp4: blocks of 32: a power of two, codes of 4 bits for small floats.
 *
 * Source: ggml's block layouts (ggml-common.h, 2026-08-21); search in kernel/pack.h, decoding in kernel/.
 */
#include "codec/codec.h"

static void mxfp4_pack(const az_kernels *k, const float *x, const float *imp, size_t n, void *dst)
{
    k->pack[AZ_MXFP4](x, imp, n, dst);
}

static void mxfp4_unpack(const az_kernels *k, const void *src, float *dst, size_t n)
{
    k->unpack[AZ_MXFP4](src, dst, n);
}

const az_codec az_codec_mxfp4 = {
    .type = AZ_MXFP4,
    .summary = "4-bit floats, a power of two for 32",
    .pack = mxfp4_pack,
    .unpack = mxfp4_unpack,
};
