/* What planning knows of a device, whether it was declared by a file or seen on this machine. */
#ifndef AZ_PLAN_DEVICE_H
#define AZ_PLAN_DEVICE_H

#include "plan/target.h"

typedef enum az_cpu_maker {
    AZ_MAKER_OTHER,
    AZ_MAKER_INTEL,
    AZ_MAKER_AMD,
    AZ_MAKER_APPLE,
    AZ_MAKER_ARM /* every other maker of Arm cores too */
} az_cpu_maker;

/* A figure with its origin; from AZ_NONE: not known. */
typedef struct az_known {
    double value;
    az_provenance from;
} az_known;

typedef struct az_device_accelerator {
    char kind[32], vendor[32], name[128];
    az_known int8_tops, memory_bytes;
} az_device_accelerator;

enum { AZ_DEVICE_ACCELERATORS = 16 };

typedef struct az_device {
    char name[80], title[160], cpu_model[160], isa[24];
    bool declared; /* by a file; else this machine */
    az_target_kind kind;
    az_os os;
    az_cpu_maker maker;
    bool arm;              /* any Arm instruction set */
    az_known memory_bytes; /* all of it */
    az_known usable_bytes; /* what one program may hold, limits of a cgroup counted */
    char usable_why[120];  /* what sets usable_bytes */
    az_known bandwidth_gb_s, int8_gops, cores;
    bool battery, unified_memory;
    az_known bundle_mb;
    az_device_accelerator accelerators[AZ_DEVICE_ACCELERATORS];
    size_t n_accelerators;
} az_device;

void az_device_from_target(az_device *d, const az_target *t);
/* This machine, as the probe sees it; nothing is measured. */
adze_status az_device_here(az_device *d, adze_run *run, adze_error *err);
typedef struct az_probe az_probe;
void az_device_from_probe(az_device *d, const az_probe *p);

/* Share of the memory that a program is planned with when nothing else is said. */
#define AZ_USABLE_FRACTION 0.9

#endif
