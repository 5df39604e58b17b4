/* This machine as a device, from what Linux shows under /proc, /sys and /dev; other systems show less.
 *
 * Only what decides the choice of frameworks is read here: maker of the CPU, memory and its cgroup limit,
 * accelerators. Source of the paths: the kernel's Documentation (filesystems/proc.rst, admin-guide/cgroup-v2.rst,
 * accel/introduction.rst), 2026-11-22.
 */
#include "plan/device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/cpu.h"

/* Up to size - 1 bytes of a file whose size the system does not tell; "" when it cannot be read. */
static void read_text(adze_run *run, const char *path, char *buf, size_t size)
{
    size_t n = 0;
    int fd = -1;

    buf[0] = 0;
    if (az_open(run, path, AZ_OPEN_READ, &fd, NULL) < 0) return;
    while (n + 1 < size) {
        int64_t got = run->io.pread(run->io.user, fd, buf + n, size - 1 - n, n);

        if (got <= 0) break;
        n += (size_t)got;
    }
    buf[n] = 0;
    az_close(run, fd);
}

static double meminfo_bytes(const char *text, const char *key)
{
    const char *at = strstr(text, key);

    return at ? 1024.0 * strtod(at + strlen(key), NULL) : 0;
}

/* The tightest memory.max from this process's cgroup up to the root; 0: none. */
static double cgroup_limit(adze_run *run)
{
    char text[512], group[300] = "", path[400], value[64];
    double least = 0;
    const char *at;

    read_text(run, "/proc/self/cgroup", text, sizeof text);
    at = strstr(text, "0::");
    if (!at) return 0;
    snprintf(group, sizeof group, "%.*s", (int)strcspn(at + 3, "\n"), at + 3);
    for (;;) {
        char *slash;
        double limit;

        snprintf(path, sizeof path, "/sys/fs/cgroup%s/memory.max", strcmp(group, "/") ? group : "");
        read_text(run, path, value, sizeof value);
        limit = strtod(value, NULL); /* "max" gives 0 */
        if (limit > 0 && (least == 0 || limit < least)) least = limit;
        slash = strrchr(group, '/');
        if (!slash) return least;
        *slash = 0;
    }
}

static void set_memory(az_device *d, adze_run *run)
{
    char text[2048];
    double total, limit = cgroup_limit(run);

    read_text(run, "/proc/meminfo", text, sizeof text);
    total = meminfo_bytes(text, "MemTotal:");
    if (total <= 0) return;
    d->memory_bytes = (az_known){ total, AZ_MEASURED };
    d->usable_bytes = (az_known){ AZ_USABLE_FRACTION * total, AZ_ESTIMATED };
    snprintf(d->usable_why, sizeof d->usable_why, "%.0f %% of the memory",
             100 * AZ_USABLE_FRACTION);
    if (limit > 0 && limit < d->usable_bytes.value) {
        d->usable_bytes = (az_known){ limit, AZ_MEASURED };
        snprintf(d->usable_why, sizeof d->usable_why, "the memory limit of this cgroup");
    }
}

static void add(az_device *d, const char *kind, const char *vendor, const char *name)
{
    az_device_accelerator *a = &d->accelerators[d->n_accelerators];

    if (d->n_accelerators == AZ_DEVICE_ACCELERATORS) return;
    snprintf(a->kind, sizeof a->kind, "%s", kind);
    snprintf(a->vendor, sizeof a->vendor, "%s", vendor);
    snprintf(a->name, sizeof a->name, "%s", name);
    d->n_accelerators++;
}

static const char *pci_vendor(const char *id)
{
    static const char *const known[][2] = {
        { "0x10de", "nvidia" }, { "0x8086", "intel" }, { "0x1002", "amd" }, { "0x106b", "apple" }
    };

    for (size_t i = 0; i < AZ_COUNT(known); i++)
        if (!strncmp(id, known[i][0], 6)) return known[i][1];
    return NULL;
}

/* One accelerator per numbered entry of a class of devices, such as renderD128 or accel0. */
static void add_class(az_device *d, adze_run *run, const char *folder, const char *prefix,
                      const char *kind)
{
    char **names = NULL, path[300], vendor[32];
    size_t n = 0;

    if (az_list_dir(run, folder, &names, &n, NULL) < 0) return;
    for (size_t i = 0; i < n; i++) {
        const char *maker;

        if (strncmp(names[i], prefix, strlen(prefix)) != 0) continue;
        snprintf(path, sizeof path, "%s/%.100s/device/vendor", folder, names[i]);
        read_text(run, path, vendor, sizeof vendor);
        maker = pci_vendor(vendor);
        if (maker) /* a display of a virtual machine has no maker of accelerators */
            add(d, kind, maker, names[i]);
    }
    az_free_names(run, names, n);
}

static bool has_vendor(const az_device *d, const char *vendor)
{
    for (size_t i = 0; i < d->n_accelerators; i++)
        if (!strcmp(d->accelerators[i].vendor, vendor)) return true;
    return false;
}

static void set_accelerators(az_device *d, adze_run *run)
{
    add_class(d, run, "/sys/class/drm", "renderD", "gpu");
    add_class(d, run, "/sys/class/accel", "accel", "npu");
    if (!has_vendor(d, "nvidia") && az_exists(run, "/proc/driver/nvidia/version"))
        add(d, "gpu", "nvidia", "NVIDIA driver");
    if (az_exists(run, "/dev/apex_0")) add(d, "edge-tpu", "google", "Edge TPU");
    if (az_exists(run, "/dev/hailo0")) add(d, "npu", "hailo", "Hailo");
}

static void set_cpu(az_device *d)
{
    az_cpu_brand(d->cpu_model, sizeof d->cpu_model);
#if AZ_X86_64
    snprintf(d->isa, sizeof d->isa, "x86_64");
    d->maker = strstr(d->cpu_model, "Intel") ? AZ_MAKER_INTEL
               : strstr(d->cpu_model, "AMD") ? AZ_MAKER_AMD
                                             : AZ_MAKER_OTHER;
#elif AZ_AARCH64
    snprintf(d->isa, sizeof d->isa, "aarch64");
    d->arm = true;
    d->maker =
        d->os == AZ_OS_MACOS || strstr(d->cpu_model, "Apple") ? AZ_MAKER_APPLE : AZ_MAKER_ARM;
#else
    snprintf(d->isa, sizeof d->isa, "other");
#endif
    d->cores = (az_known){ az_cpu_usable(), AZ_MEASURED };
}

void az_device_here(az_device *d, adze_run *run)
{
    memset(d, 0, sizeof *d);
    snprintf(d->name, sizeof d->name, "here");
#if defined(__APPLE__)
    d->os = AZ_OS_MACOS;
#elif defined(__ANDROID__)
    d->os = AZ_OS_ANDROID;
#elif defined(__linux__)
    d->os = AZ_OS_LINUX;
#elif defined(_WIN32)
    d->os = AZ_OS_WINDOWS;
#endif
    set_cpu(d);
    snprintf(d->title, sizeof d->title, "this machine (%.120s)",
             d->cpu_model[0] ? d->cpu_model : d->isa);
    set_memory(d, run);
    set_accelerators(d, run);
}
