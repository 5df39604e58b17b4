/* The x86-64 kernels by instruction set; each function overwrites the slots that its set does better. */
#ifndef AZ_KERNEL_X86_INIT_H
#define AZ_KERNEL_X86_INIT_H

#include "kernel/kernel.h"

void az_kernels_init_x86(az_kernels *k, unsigned cpu);

#endif
