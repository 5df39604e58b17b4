/* Memory that this process may use: the machine's, cut by its cgroup's limit. */
#ifndef AZ_MEASURE_MEMORY_H
#define AZ_MEASURE_MEMORY_H

#include "base/run.h"

uint64_t az_memory_total_bytes(
    adze_run *run); /* physical, or the cgroup's limit if lower; 0: unknown */
uint64_t az_memory_available_bytes(
    adze_run *run); /* what can be taken now without swapping; 0: unknown */
uint64_t az_memory_cgroup_limit_bytes(adze_run *run); /* 0: none */

#endif
