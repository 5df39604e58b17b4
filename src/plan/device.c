/* A declared target as a device. */
#include "plan/device.h"

#include <stdio.h>
#include <string.h>

static az_known known(const az_declared *d)
{
    return (az_known){ d->value, d->from };
}

static bool starts(const char *s, const char *with)
{
    return strncmp(s, with, strlen(with)) == 0;
}

static az_cpu_maker maker_of(const char *vendor, bool arm)
{
    if (!strcmp(vendor, "intel")) return AZ_MAKER_INTEL;
    if (!strcmp(vendor, "amd")) return AZ_MAKER_AMD;
    if (!strcmp(vendor, "apple")) return AZ_MAKER_APPLE;
    return arm ? AZ_MAKER_ARM : AZ_MAKER_OTHER;
}

static void set_memory(az_device *d, const az_target_memory *m)
{
    bool limited = m->usable_fraction.from != AZ_NONE;
    double share = limited ? m->usable_fraction.value : AZ_USABLE_FRACTION;

    d->memory_bytes = known(&m->bytes);
    d->bandwidth_gb_s = known(&m->bandwidth_gb_s);
    d->unified_memory = m->unified;
    d->usable_bytes = (az_known){ share * m->bytes.value, AZ_ESTIMATED };
    snprintf(d->usable_why, sizeof d->usable_why, "%.0f %% of the memory%s", 100 * share,
             limited ? ", as the target says" : "");
}

static void add_accelerator(az_device *d, const az_accelerator *a)
{
    az_device_accelerator *x = &d->accelerators[d->n_accelerators];

    if (d->n_accelerators == AZ_DEVICE_ACCELERATORS) /* the schema allows no more */
        return;
    snprintf(x->kind, sizeof x->kind, "%.31s", a->kind);
    snprintf(x->vendor, sizeof x->vendor, "%.31s", a->vendor);
    snprintf(x->name, sizeof x->name, "%.127s", a->name);
    x->int8_tops = known(&a->int8_tops);
    x->memory_bytes = known(&a->memory_bytes);
    d->n_accelerators++;
}

void az_device_from_target(az_device *d, const az_target *t)
{
    memset(d, 0, sizeof *d);
    snprintf(d->name, sizeof d->name, "%.79s", t->name);
    snprintf(d->title, sizeof d->title, "%.159s", t->title);
    snprintf(d->cpu_model, sizeof d->cpu_model, "%.159s", t->cpu.model);
    snprintf(d->isa, sizeof d->isa, "%.23s", t->cpu.isa);
    d->declared = true;
    d->kind = t->kind;
    d->os = t->os;
    d->arm = starts(t->cpu.isa, "aarch64") || starts(t->cpu.isa, "arm");
    d->maker = maker_of(t->cpu.vendor, d->arm);
    set_memory(d, &t->memory);
    d->int8_gops = known(&t->cpu.int8_gops);
    d->cores = known(&t->cpu.performance_cores);
    if (t->cpu.efficiency_cores.from != AZ_NONE) {
        d->cores.value += t->cpu.efficiency_cores.value;
        d->cores.from = t->cpu.efficiency_cores.from;
    }
    d->battery = t->power.battery;
    d->bundle_mb = known(&t->app.bundle_mb);
    for (uint32_t i = 0; i < t->accelerators_count; i++)
        add_accelerator(d, &t->accelerators[i]);
}
