/* All packers, compiled once for each instruction set; see kernel/pack_v16.h for why the bytes agree. */
#ifndef AZ_KERNEL_PACK_BODY_H
#define AZ_KERNEL_PACK_BODY_H

#include "kernel/pack.h"
#include "kernel/pack_affine.h"
#include "kernel/pack_simple.h"
#include "kernel/pack_super.h"
#include "kernel/pack_table.h"

static void fill_pack(az_kernels *k)
{
    k->pack_affine = pack_affine;
    k->pack[AZ_Q8_0] = pack_q8_0;
    k->pack[AZ_Q5_0] = pack_q5_0;
    k->pack[AZ_Q5_1] = pack_q5_1;
    k->pack[AZ_Q4_0] = pack_q4_0;
    k->pack[AZ_Q4_1] = pack_q4_1;
    k->pack[AZ_Q6_K] = pack_q6_k;
    k->pack[AZ_Q5_K] = pack_q5_k;
    k->pack[AZ_Q4_K] = pack_q4_k;
    k->pack[AZ_Q3_K] = pack_q3_k;
    k->pack[AZ_Q2_K] = pack_q2_k;
    k->pack[AZ_IQ4_NL] = pack_iq4_nl;
    k->pack[AZ_IQ4_XS] = pack_iq4_xs;
    k->pack[AZ_MXFP4] = pack_mxfp4;
}

#endif
