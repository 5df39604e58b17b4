/* This machine as a device: what the probe sees, without measuring anything. */
#include "plan/device.h"

#include <stdio.h>
#include <string.h>
#include "measure/probe.h"

static void set_os(az_device *d)
{
#if defined(__APPLE__)
    d->os = AZ_OS_MACOS;
#elif defined(__ANDROID__)
    d->os = AZ_OS_ANDROID;
#elif defined(__linux__)
    d->os = AZ_OS_LINUX;
#elif defined(_WIN32)
    d->os = AZ_OS_WINDOWS;
#endif
}

static az_cpu_maker maker_of(const az_probe *p, bool arm)
{
    if (strstr(p->cpu_model, "Apple")) return AZ_MAKER_APPLE;
    if (arm) return AZ_MAKER_ARM;
    if (strstr(p->cpu_model, "Intel")) return AZ_MAKER_INTEL;
    if (strstr(p->cpu_model, "AMD")) return AZ_MAKER_AMD;
    return AZ_MAKER_OTHER;
}

/* The kind decides between rules for Arm only; a board says its name in the device tree. */
static az_target_kind kind_of(const az_probe *p)
{
    static const char *const boards[] = { "Raspberry Pi", "Jetson", "Coral",
                                          "ODROID",       "ROCK",   "Orange Pi" };

    for (size_t i = 0; i < AZ_COUNT(boards); i++)
        if (strstr(p->machine, boards[i])) return AZ_KIND_SINGLE_BOARD;
    return p->battery ? AZ_KIND_LAPTOP : AZ_KIND_OTHER;
}

/* A share of the memory, or of the cgroup's limit where that is less. */
static void set_memory(az_device *d, const az_probe *p)
{
    bool limited = p->memory_limit && p->memory_limit < p->memory_total;
    double most = (double)(limited ? p->memory_limit : p->memory_total);

    if (!p->memory_total) return;
    d->memory_bytes = (az_known){ (double)p->memory_total, AZ_MEASURED };
    d->usable_bytes = (az_known){ AZ_USABLE_FRACTION * most, AZ_ESTIMATED };
    snprintf(d->usable_why, sizeof d->usable_why, "%.0f %% of %s", 100 * AZ_USABLE_FRACTION,
             limited ? "the memory limit of this cgroup" : "the memory");
}

void az_device_from_probe(az_device *d, const az_probe *p)
{
    memset(d, 0, sizeof *d);
    set_os(d);
    snprintf(d->name, sizeof d->name, "here");
    snprintf(d->cpu_model, sizeof d->cpu_model, "%s", p->cpu_model);
    snprintf(d->isa, sizeof d->isa, "%s", p->arch);
    snprintf(d->title, sizeof d->title, "this machine (%.120s)",
             p->machine[0]     ? p->machine
             : p->cpu_model[0] ? p->cpu_model
                               : p->arch);
    d->arm = !strncmp(p->arch, "aarch64", 7) || !strncmp(p->arch, "arm", 3);
    d->maker = maker_of(p, d->arm);
    d->kind = kind_of(p);
    d->cores = (az_known){ p->usable, p->usable ? AZ_MEASURED : AZ_NONE };
    d->battery = p->battery;
    set_memory(d, p);
    for (size_t i = 0; i < p->n_devices && i < AZ_DEVICE_ACCELERATORS; i++) {
        az_device_accelerator *a = &d->accelerators[d->n_accelerators++];

        snprintf(a->kind, sizeof a->kind, "%s", p->devices[i].kind);
        snprintf(a->vendor, sizeof a->vendor, "%s", p->devices[i].vendor);
        snprintf(a->name, sizeof a->name, "%s", p->devices[i].name);
        if (p->devices[i].memory_bytes)
            a->memory_bytes = (az_known){ (double)p->devices[i].memory_bytes, AZ_MEASURED };
    }
}

adze_status az_device_here(az_device *d, adze_run *run, adze_error *err)
{
    az_probe_opts facts = { .no_measure = true };
    az_probe *p = az_calloc(run, 1, sizeof *p);
    adze_status rc;

    memset(d, 0, sizeof *d);
    if (!p) return az_fail_nomem(err, "looking at this machine");
    rc = az_probe_run(p, run, &facts, err);
    if (rc == ADZE_OK) az_device_from_probe(d, p);
    az_free(run, p);
    return rc;
}
