/* Choice of the x86-64 kernels, sets in rising order, no early return. */
#include "kernel/x86/init.h"

void az_kernels_init_x86(az_kernels *k, unsigned cpu)
{
    (void)k;
    (void)cpu;
}
