/* Energy counters of this machine: RAPL through powercap, or the battery; never invented. */
#ifndef AZ_MEASURE_ENERGY_H
#define AZ_MEASURE_ENERGY_H

#include "base/run.h"

typedef struct az_energy_meter {
    bool available;
    char source[64];  /* "powercap intel-rapl:0 (package-0)" */
    char reason[128]; /* why not, when not available */
    char path[160];   /* counter file */
    double wrap_uj;   /* counter range in microjoules */
} az_energy_meter;

void az_energy_open(az_energy_meter *m, adze_run *run);
/* Counter in microjoules; false when it cannot be read any more. */
bool az_energy_read(const az_energy_meter *m, adze_run *run, double *uj);
/* Joules between two readings, one wrap allowed for. */
double az_energy_joules(const az_energy_meter *m, double from_uj, double to_uj);

#endif
