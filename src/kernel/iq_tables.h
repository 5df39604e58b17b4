/* Grids of the iq types; kernel/iq_tables.c says how an entry is packed. */
#ifndef AZ_KERNEL_IQ_TABLES_H
#define AZ_KERNEL_IQ_TABLES_H

#include <stdint.h>

extern const uint16_t az_grid_iq2_xxs[256], az_grid_iq2_xs[512], az_grid_iq2_s[1024];
extern const uint16_t az_grid_iq3_xxs[256], az_grid_iq3_s[512], az_grid_iq1_s[2048];

#endif
