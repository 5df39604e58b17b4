/* A target: a device declared by a YAML file under data/targets (docs/targets.md lists the fields).
 *
 * Every figure says where it comes from: `from` is AZ_DECLARED (the source states it) or
 * AZ_ESTIMATED (derived; `note` says how), AZ_NONE means that it is not known. A target for this
 * machine is measured by the probe instead; both become an az_device (plan/device.h).
 */
#ifndef AZ_PLAN_TARGET_H
#define AZ_PLAN_TARGET_H

#include "base/run.h"
#include "core/figure.h"

typedef enum az_target_kind {
    AZ_KIND_OTHER,
    AZ_KIND_SINGLE_BOARD,
    AZ_KIND_MINI_PC,
    AZ_KIND_LAPTOP,
    AZ_KIND_DESKTOP,
    AZ_KIND_SERVER,
    AZ_KIND_PHONE,
    AZ_KIND_TABLET,
    AZ_KIND_EMBEDDED,
    AZ_KIND_MICROCONTROLLER,
    AZ_KIND_RESEARCH
} az_target_kind;

typedef enum az_os {
    AZ_OS_OTHER,
    AZ_OS_NONE,
    AZ_OS_LINUX,
    AZ_OS_MACOS,
    AZ_OS_WINDOWS,
    AZ_OS_IOS,
    AZ_OS_ANDROID
} az_os;

typedef struct az_declared {
    double value;
    az_provenance from; /* AZ_NONE: absent */
    char *source;       /* id of one of the target's sources */
    char *note;         /* how it was derived, or what it leaves out; may be NULL */
} az_declared;

typedef struct az_declared_list {
    char **list;
    uint32_t list_count;
    az_provenance from;
    char *source, *note;
} az_declared_list;

typedef struct az_target_cpu {
    char *vendor, *model, *isa; /* "arm", "Broadcom BCM2712, ...", "aarch64" */
    az_declared_list features;  /* names as in base/cpu.h where it has them */
    az_declared performance_cores, efficiency_cores;
    az_declared clock_ghz;
    az_declared int8_gops, f32_gflops; /* all cores; a multiply-add is two operations */
} az_target_cpu;

typedef struct az_target_memory {
    az_declared bytes, bandwidth_gb_s; /* 1 GB = 1e9 bytes */
    az_declared usable_fraction;       /* share that one program may hold, (0, 1] */
    bool unified;                      /* accelerators share it */
} az_target_memory;

typedef struct az_accelerator {
    char *kind; /* gpu, npu, vpu, edge-tpu, or a kind that nothing serves yet */
    char *vendor, *name;
    az_declared int8_tops, f16_tflops, f32_tflops, memory_bytes, bandwidth_gb_s, watts;
} az_accelerator;

typedef struct az_target_storage {
    char *kind; /* nvme, ufs, emmc, microsd, flash; may be NULL */
    az_declared bytes;
} az_target_storage;

typedef struct az_target_power {
    bool battery;
    az_declared watts;
} az_target_power;

typedef struct az_target_app {
    az_declared bundle_mb; /* largest application package, without the model */
} az_target_app;

typedef struct az_target_source {
    char *id, *url, *title, *read; /* read: the date it was looked up, YYYY-MM-DD */
} az_target_source;

typedef struct az_target {
    uint32_t format; /* 1 */
    char *name, *title;
    az_target_kind kind;
    az_os os;
    az_target_cpu cpu;
    az_target_memory memory;
    az_accelerator *accelerators;
    uint32_t accelerators_count;
    az_target_storage storage;
    az_target_power power;
    char **connectivity;
    uint32_t connectivity_count;
    az_target_app app;
    az_target_source *sources;
    uint32_t sources_count;
} az_target;

/* Load a declared target: `name` is a plain name in the targets folder, or a path with a '/' or ending
 * in ".yaml". ADZE_ENOENT names the folder that was looked in. Free with az_target_free. */
adze_status az_target_load(az_target **out, adze_run *run, const char *name, adze_error *err);
/* Same from text in memory; `path` is only named in messages. */
adze_status az_target_parse(az_target **out, adze_run *run, const char *path, const char *text,
                            size_t n, adze_error *err);
void az_target_free(adze_run *run, az_target *t); /* NULL is fine */

/* Names of all declared targets, sorted; free with az_free_names. */
adze_status az_target_names(adze_run *run, char ***names, size_t *n, adze_error *err);

const az_target_source *az_target_find_source(const az_target *t, const char *id); /* or NULL */
const char *az_target_kind_name(az_target_kind k);
const char *az_os_name(az_os os);

#endif
