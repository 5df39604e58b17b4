/* f16: IEEE half floats, round to nearest even; what does not fit becomes the largest finite half.
 *
 * Source: ggml's block layouts (ggml-common.h, 2026-08-21); search in kernel/pack.h, decoding in kernel/.
 */
#include "codec/codec.h"

static void f16_pack(const az_kernels *k, const float *x, const float *imp, size_t n, void *dst)
{
    k->pack[AZ_F16](x, imp, n, dst);
}

static void f16_unpack(const az_kernels *k, const void *src, float *dst, size_t n)
{
    k->unpack[AZ_F16](src, dst, n);
}

const az_codec az_codec_f16 = {
    .type = AZ_F16,
    .summary = "16-bit floats",
    .pack = f16_pack,
    .unpack = f16_unpack,
};
