/* The weight types that adze reads and writes: the only place that knows the set. */
#include "codec/codec.h"

extern const az_codec az_codec_f32, az_codec_f16, az_codec_bf16, az_codec_q8_0, az_codec_q4_0,
    az_codec_q4_1, az_codec_q5_0, az_codec_q5_1, az_codec_q4_k, az_codec_q5_k, az_codec_q6_k,
    az_codec_q3_k, az_codec_q2_k, az_codec_iq4_nl, az_codec_iq4_xs, az_codec_mxfp4, az_codec_iq3_s,
    az_codec_iq3_xxs, az_codec_iq2_s, az_codec_iq2_xs, az_codec_iq2_xxs, az_codec_iq1_m,
    az_codec_iq1_s, az_codec_tq2_0, az_codec_tq1_0;

const az_codec *const az_codecs[] = {
    &az_codec_f32,     &az_codec_f16,
    &az_codec_bf16,    &az_codec_q8_0,
    &az_codec_q6_k,    &az_codec_q5_k,
    &az_codec_q5_1,    &az_codec_q5_0,
    &az_codec_q4_k,    &az_codec_q4_1,
    &az_codec_q4_0,    &az_codec_q3_k,
    &az_codec_q2_k,    &az_codec_iq4_nl,
    &az_codec_iq4_xs,  &az_codec_mxfp4,
    &az_codec_iq3_s,   &az_codec_iq3_xxs,
    &az_codec_iq2_s,   &az_codec_iq2_xs,
    &az_codec_iq2_xxs, &az_codec_iq1_m,
    &az_codec_iq1_s,   &az_codec_tq2_0,
    &az_codec_tq1_0,   NULL,
};

const az_codec *az_codec_get(az_type t)
{
    for (const az_codec *const *c = az_codecs; *c; c++)
        if ((*c)->type == t) return *c;
    return NULL;
}
