/* Small loops that show what this CPU can do at most: integer, bf16 and f32 products without memory, and
 * reading memory. They do the work; who calls them takes the time.
 */
#ifndef AZ_KERNEL_PEAK_H
#define AZ_KERNEL_PEAK_H

#include <stddef.h>

/* Run `rounds` rounds; returns the operations done (a product and an addition are two). */
typedef double az_peak_fn(size_t rounds);

typedef struct az_peaks {
    az_peak_fn *int8; /* byte products added in 32 bits */
    az_peak_fn *bf16; /* bf16 products added in f32; without instructions for it, f32 ones */
    az_peak_fn *f32;
    unsigned (*read)(const void *p,
                     size_t bytes); /* reads every line; bytes a multiple of 256; keep the result */
    const char *int8_how, *bf16_how, *f32_how; /* instruction, "vpdpbusd zmm" */
} az_peaks;

void az_peaks_init(az_peaks *p, unsigned cpu);

#endif
