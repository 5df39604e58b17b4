/* The types that adze reads but does not write: values from grids (iq1, iq2, iq3) and ternary values (tq).
 *
 * Writing them well takes a search over the grids with an importance matrix; decoding is in kernel/decode_iq.c.
 * Source: ggml's block layouts (ggml-common.h, 2026-08-21).
 */
#include "codec/codec.h"

#define READ_ONLY(T, t, text)                                                          \
    static void t##_unpack(const az_kernels *k, const void *src, float *dst, size_t n) \
    {                                                                                  \
        k->unpack[AZ_##T](src, dst, n);                                                \
    }                                                                                  \
    const az_codec az_codec_##t = { .type = AZ_##T, .summary = text, .unpack = t##_unpack };
READ_ONLY(IQ1_S, iq1_s, "1.56 bits, groups of 8 from a grid")
READ_ONLY(IQ1_M, iq1_m, "1.75 bits, groups of 8 from a grid")
READ_ONLY(IQ2_XXS, iq2_xxs, "2.06 bits, groups of 8 from a grid")
READ_ONLY(IQ2_XS, iq2_xs, "2.31 bits, groups of 8 from a grid")
READ_ONLY(IQ2_S, iq2_s, "2.56 bits, groups of 8 from a grid")
READ_ONLY(IQ3_XXS, iq3_xxs, "3.06 bits, groups of 4 from a grid")
READ_ONLY(IQ3_S, iq3_s, "3.44 bits, groups of 4 from a grid")
READ_ONLY(TQ1_0, tq1_0, "1.69 bits, three values")
READ_ONLY(TQ2_0, tq2_0, "2.06 bits, three values")
