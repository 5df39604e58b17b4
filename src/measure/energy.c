/* Energy: the package counters that Linux exports under /sys/class/powercap (kernel documentation,
 * power/powercap). They are readable by root alone on most systems, and virtual machines have none. */
#include "measure/energy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void az_energy_open(az_energy_meter *m, adze_run *run)
{
    static const char dir[] = "/sys/class/powercap";
    char path[160], text[64], name[64];

    *m = (az_energy_meter){ .available = false };
    for (int i = 0; i < 8; i++) {
        snprintf(path, sizeof path, "%s/intel-rapl:%d/name", dir, i);
        if (!az_read_line(run, path, name, sizeof name) || strncmp(name, "package", 7) != 0)
            continue;
        snprintf(m->path, sizeof m->path, "%s/intel-rapl:%d/energy_uj", dir, i);
        if (!az_read_line(run, m->path, text, sizeof text)) {
            snprintf(m->reason, sizeof m->reason, "no permission to read %.90s", m->path);
            return;
        }
        snprintf(path, sizeof path, "%s/intel-rapl:%d/max_energy_range_uj", dir, i);
        m->wrap_uj = az_read_line(run, path, text, sizeof text) ? strtod(text, NULL) : 0;
        snprintf(m->source, sizeof m->source, "powercap intel-rapl:%d (%.32s)", i, name);
        m->available = true;
        return;
    }
    snprintf(m->reason, sizeof m->reason,
             "this machine exposes no energy counter (no package in %s)", dir);
}

bool az_energy_read(const az_energy_meter *m, adze_run *run, double *uj)
{
    char text[64];

    if (!m->available || !az_read_line(run, m->path, text, sizeof text)) return false;
    *uj = strtod(text, NULL);
    return true;
}

double az_energy_joules(const az_energy_meter *m, double from_uj, double to_uj)
{
    double d = to_uj - from_uj;

    if (d < 0) d += m->wrap_uj;
    return d * 1e-6;
}
