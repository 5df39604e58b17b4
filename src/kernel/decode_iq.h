/* The iq, tq and mxfp4 blocks as integers; kernel/decode.c lists these beside the others. */
#ifndef AZ_KERNEL_DECODE_IQ_H
#define AZ_KERNEL_DECODE_IQ_H

#include "kernel/decode.h"

az_decode_fn az_decode_iq4_nl, az_decode_iq4_xs, az_decode_mxfp4;
az_decode_fn az_decode_iq2_xxs, az_decode_iq2_xs, az_decode_iq2_s;
az_decode_fn az_decode_iq3_xxs, az_decode_iq3_s, az_decode_iq1_s, az_decode_iq1_m;
az_decode_fn az_decode_tq1_0, az_decode_tq2_0;

#endif
