/* Attention for any AArch64. */
#include "kernel/arm/init.h"
#include "kernel/arm/dot_neon.h"

#define OUT_VECS 2 /* vectors of outputs kept in registers, for each row of a team */

#include "kernel/simd/attention.h"

void az_attention_init_neon(az_kernels *k)
{
    init_attention(k);
}
