/* The probe: what this machine is, and what it was measured to do.
 *
 * Facts come from the operating system; every ceiling is measured by loops of our own, several
 * times, with its spread. A fact that cannot be seen is 0 or "", never guessed. docs/probe.md lists the
 * sources of each field.
 */
#ifndef AZ_MEASURE_PROBE_H
#define AZ_MEASURE_PROBE_H

#include <jansson.h>
#include "base/run.h"
#include "core/figure.h"

enum { AZ_PROBE_CACHES = 8, AZ_PROBE_DEVICES = 16, AZ_PROBE_SENSORS = 16, AZ_PROBE_NOTES = 4 };
enum { AZ_PROBE_FINGERPRINT = 72 };

typedef struct az_probe_cache {
    int level;
    char kind[12]; /* "data", "instruction", "unified" */
    uint64_t size_bytes;
    int count; /* how many of them the machine has */
} az_probe_cache;

typedef struct az_probe_device {
    char kind[12]; /* "gpu", "npu", "edge-tpu" */
    char vendor[16], name[96], driver[32];
    char path[64];         /* where it was seen */
    uint64_t memory_bytes; /* 0: not told */
} az_probe_device;

typedef struct az_probe_sensor {
    char name[48];
    double celsius;
} az_probe_sensor;

/* What a program can reach here; one thread and all that the run uses. */
typedef struct az_ceiling {
    az_figure read_gb_s_1, read_gb_s_all; /* main memory, 1 GB = 1e9 bytes */
    az_figure int8_gops_1, int8_gops_all; /* a product and an addition are two operations */
    az_figure bf16_gflops_1, bf16_gflops_all;
    az_figure f32_gflops_1, f32_gflops_all;
    az_figure cache_gb_s[2]; /* one thread reading half a level 1, half a level 2 cache */
    uint64_t cache_bytes[2]; /* bytes read over and over for those; 0: no such cache */
    uint64_t buffer_bytes;   /* of the main memory reads */
    int threads;             /* "all" */
    char int8_how[24], bf16_how[24], f32_how[24]; /* instruction measured */
} az_ceiling;

typedef struct az_probe {
    char machine[128]; /* board or product name, "" when not told */
    char cpu_model[160], arch[16];
    char os[96], kernel[96], libc[48];
    bool virtual_machine;
    unsigned cpu_flags;
    const char *isa; /* level that the kernels use: "c", "avx2", ... */
    char governor[24];

    int logical, physical, usable; /* usable: affinity and cgroup quota counted */
    int performance, efficiency;   /* cores of each kind; efficiency 0 where all are alike */
    int packages, numa_nodes;
    double quota_cores; /* cgroup CPU quota; 0: none */
    az_probe_cache caches[AZ_PROBE_CACHES];
    size_t n_caches;

    uint64_t memory_total, memory_available;
    uint64_t memory_limit; /* tightest cgroup limit; 0: none */
    uint64_t memory_used;  /* charged to that cgroup */
    uint64_t usable_bytes; /* what one program may hold now: the smaller of available and limit */
    char disk_path[128];
    uint64_t disk_free, disk_total;
    az_probe_device devices[AZ_PROBE_DEVICES];
    size_t n_devices;

    bool battery, on_mains;
    int battery_percent; /* -1: not told */
    char battery_state[24];
    az_probe_sensor sensors[AZ_PROBE_SENSORS];
    size_t n_sensors;
    bool energy;
    char energy_source[64], energy_reason[128];

    char fingerprint[AZ_PROBE_FINGERPRINT]; /* "sha256:...": same hardware, same limits */
    bool measured, from_cache;
    az_ceiling ceiling;
    uint64_t measured_unix_ms;
    double load; /* runnable tasks before measuring (1 minute average) */
    char notes[AZ_PROBE_NOTES][160];
    size_t n_notes;
} az_probe;

typedef struct az_probe_opts {
    bool fresh;       /* measure even when a recent result is kept */
    bool no_measure;  /* facts only */
    const char *disk; /* folder whose free space counts; NULL: the working folder */
} az_probe_opts;

/* Facts, then the ceilings: kept from an earlier run on the same fingerprint, or measured (about 3 s) and kept.
 * Fails only when memory for measuring is refused or the run is cancelled. */
adze_status az_probe_run(az_probe *p, adze_run *run, const az_probe_opts *opts, adze_error *err);

json_t *az_probe_json(const az_probe *p);        /* everything */
json_t *az_probe_target_json(const az_probe *p); /* the `target` object of docs/report.md */
json_t *az_ceiling_json(const az_ceiling *r);    /* with the figures of its `roof` */
bool az_ceiling_from_json(az_ceiling *r, const json_t *j);

/* Parts, for tests. root: "" or a folder that stands for "/". */
void az_probe_see_system(az_probe *p, adze_run *run, const char *root);
void az_probe_see_topology(az_probe *p); /* hwloc */
void az_probe_note(az_probe *p, const char *fmt, ...) AZ_PRINTF(2, 3);
/* Measure; `llc_bytes` is the largest cache, `memory_bytes` what may be taken for the buffer. */
adze_status az_ceiling_measure(az_ceiling *r, adze_run *run, const az_probe *p,
                               uint64_t memory_bytes, adze_error *err);

#endif
