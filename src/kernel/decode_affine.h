/* Rows of core/affine.h as integers; kernel/decode.c lists these beside the others. */
#ifndef AZ_KERNEL_DECODE_AFFINE_H
#define AZ_KERNEL_DECODE_AFFINE_H

#include "kernel/decode.h"

az_decode_fn az_decode_affine2, az_decode_affine3, az_decode_affine4, az_decode_affine5,
    az_decode_affine6, az_decode_affine8, az_decode_nvfp4;

#endif
