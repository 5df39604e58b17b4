/* What Linux tells about the machine: /proc, /sys, /etc/os-release. Other systems show nothing here.
 *
 * Sources: kernel documentation, filesystems/proc.rst, admin-guide/cgroup-v1 and cgroup-v2.rst,
 * ABI/testing/sysfs-class-{power,thermal,drm,accel}, PCI class codes of the PCI-SIG (2026-11).
 */
#include "base/cpu.h"
#include "measure/probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#if defined(__GLIBC__)
#include <gnu/libc-version.h>
#endif

enum { TEXT_SIZE = 32768, PATH_SIZE = 512 };

/* Whole file under root, cut at size - 1; "" when it cannot be read. */
static void read_text(adze_run *run, const char *root, const char *path, char *buf, size_t size)
{
    char full[PATH_SIZE];
    size_t n = 0;
    int fd = -1;

    buf[0] = 0;
    snprintf(full, sizeof full, "%s%s", root, path);
    if (az_open(run, full, AZ_OPEN_READ, &fd, NULL) < 0) return;
    while (n + 1 < size) {
        int64_t got = run->io.pread(run->io.user, fd, buf + n, size - 1 - n, n);
        if (got <= 0) break;
        n += (size_t)got;
    }
    buf[n] = 0;
    az_close(run, fd);
}

static bool read_line(adze_run *run, const char *root, const char *path, char *buf, size_t size)
{
    read_text(run, root, path, buf, size);
    buf[strcspn(buf, "\n")] = 0;
    return buf[0] != 0;
}

/* Value after "key" and white space or colons at the start of a line, up to its end; "" if missing. */
static void value_of(const char *text, const char *key, char *buf, size_t size)
{
    size_t n = strlen(key);

    buf[0] = 0;
    for (const char *line = text; line; line = strchr(line, '\n')) {
        if (*line == '\n') line++;
        if (strncmp(line, key, n) != 0) continue;
        line += n;
        line += strspn(line, " \t:=\"");
        snprintf(buf, size, "%.*s", (int)strcspn(line, "\"\n"), line);
        return;
    }
}

static void see_memory(az_probe *p, adze_run *run, const char *root)
{
    char text[8192], value[64];

    read_text(run, root, "/proc/meminfo", text, sizeof text);
    value_of(text, "MemTotal", value, sizeof value);
    p->memory_total = strtoull(value, NULL, 10) * 1024;
    value_of(text, "MemAvailable", value, sizeof value);
    p->memory_available = strtoull(value, NULL, 10) * 1024;
}

/* Path of this process in a cgroup hierarchy; `controller` "" is version 2. False: not mounted. */
static bool group_of(const char *text, const char *controller, char *path, size_t size)
{
    for (const char *line = text; line && *line; line = strchr(line, '\n')) {
        const char *names, *rest;
        size_t n;
        if (*line == '\n') line++;
        names = strchr(line, ':');
        if (!names) return false;
        rest = strchr(++names, ':');
        if (!rest) return false;
        n = strlen(controller);
        if (!n && rest != names) continue;
        /* one of a list such as "cpu,cpuacct" */
        for (const char *at = names; n && at < rest; at += strcspn(at, ",:") + 1)
            if (strncmp(at, controller, n) == 0 && (at[n] == ',' || at[n] == ':')) names = NULL;
        if (n && names) continue;
        snprintf(path, size, "%.*s", (int)strcspn(rest + 1, "\n"), rest + 1);
        return true;
    }
    return false;
}

typedef void limit_fn(az_probe *p, adze_run *run, const char *root, const char *folder);

static void memory_v2(az_probe *p, adze_run *run, const char *root, const char *folder)
{
    char path[PATH_SIZE], value[64];
    uint64_t limit;

    snprintf(path, sizeof path, "%s/memory.max", folder);
    if (!read_line(run, root, path, value, sizeof value)) return;
    limit = strtoull(value, NULL, 10); /* "max" gives 0 */
    if (!limit || (p->memory_limit && limit >= p->memory_limit)) return;
    p->memory_limit = limit;
    snprintf(path, sizeof path, "%s/memory.current", folder);
    p->memory_used =
        read_line(run, root, path, value, sizeof value) ? strtoull(value, NULL, 10) : 0;
}

static void memory_v1(az_probe *p, adze_run *run, const char *root, const char *folder)
{
    char path[PATH_SIZE], value[64];
    uint64_t limit;

    snprintf(path, sizeof path, "%s/memory.limit_in_bytes", folder);
    if (!read_line(run, root, path, value, sizeof value)) return;
    limit = strtoull(value, NULL, 10);
    if (!limit || limit >= UINT64_C(1) << 60) return; /* "no limit" is a huge number there */
    if (p->memory_limit && limit >= p->memory_limit) return;
    p->memory_limit = limit;
    snprintf(path, sizeof path, "%s/memory.usage_in_bytes", folder);
    p->memory_used =
        read_line(run, root, path, value, sizeof value) ? strtoull(value, NULL, 10) : 0;
}

static void set_quota(az_probe *p, double quota, double period)
{
    if (quota <= 0 || period <= 0) return;
    if (p->quota_cores <= 0 || quota / period < p->quota_cores) p->quota_cores = quota / period;
}

static void cpu_v2(az_probe *p, adze_run *run, const char *root, const char *folder)
{
    char path[PATH_SIZE], value[64], *end;
    double quota;

    snprintf(path, sizeof path, "%s/cpu.max", folder);
    if (!read_line(run, root, path, value, sizeof value)) return;
    quota = strtod(value, &end);
    if (end != value) set_quota(p, quota, strtod(end, NULL));
}

static void cpu_v1(az_probe *p, adze_run *run, const char *root, const char *folder)
{
    char path[PATH_SIZE], quota[64], period[64];

    snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", folder);
    if (!read_line(run, root, path, quota, sizeof quota)) return;
    snprintf(path, sizeof path, "%s/cpu.cfs_period_us", folder);
    if (!read_line(run, root, path, period, sizeof period)) return;
    set_quota(p, strtod(quota, NULL), strtod(period, NULL));
}

/* Call fn for the group's folder and every one above it, up to the mount; a limit higher up holds too. */
static void walk_up(az_probe *p, adze_run *run, const char *root, const char *mount, char *group,
                    limit_fn *fn)
{
    char folder[PATH_SIZE];
    char *slash;

    for (;;) {
        snprintf(folder, sizeof folder, "%s%s", mount, strcmp(group, "/") == 0 ? "" : group);
        fn(p, run, root, folder);
        slash = strrchr(group, '/');
        if (!slash || !group[0]) return;
        *slash = 0;
    }
}

static void see_cgroups(az_probe *p, adze_run *run, const char *root)
{
    static const struct {
        const char *controller, *mount;
        limit_fn *fn;
    } places[] = {
        { "", "/sys/fs/cgroup", memory_v2 },
        { "", "/sys/fs/cgroup", cpu_v2 },
        { "", "/sys/fs/cgroup/unified", memory_v2 },
        { "", "/sys/fs/cgroup/unified", cpu_v2 },
        { "memory", "/sys/fs/cgroup/memory", memory_v1 },
        { "cpu", "/sys/fs/cgroup/cpu", cpu_v1 },
    };
    char text[4096], group[300];

    read_text(run, root, "/proc/self/cgroup", text, sizeof text);
    for (size_t i = 0; i < AZ_COUNT(places); i++)
        if (group_of(text, places[i].controller, group, sizeof group))
            walk_up(p, run, root, places[i].mount, group, places[i].fn);
}

static const struct {
    unsigned implementer, part;
    const char *name;
} arm_parts[] = {
    { 0x41, 0xd03, "Cortex-A53" },   { 0x41, 0xd04, "Cortex-A35" },  { 0x41, 0xd05, "Cortex-A55" },
    { 0x41, 0xd07, "Cortex-A57" },   { 0x41, 0xd08, "Cortex-A72" },  { 0x41, 0xd09, "Cortex-A73" },
    { 0x41, 0xd0a, "Cortex-A75" },   { 0x41, 0xd0b, "Cortex-A76" },  { 0x41, 0xd0c, "Neoverse-N1" },
    { 0x41, 0xd0d, "Cortex-A77" },   { 0x41, 0xd40, "Neoverse-V1" }, { 0x41, 0xd41, "Cortex-A78" },
    { 0x41, 0xd42, "Cortex-A78AE" }, { 0x41, 0xd44, "Cortex-X1" },   { 0x41, 0xd46, "Cortex-A510" },
    { 0x41, 0xd47, "Cortex-A710" },  { 0x41, 0xd48, "Cortex-X2" },   { 0x41, 0xd49, "Neoverse-N2" },
    { 0x41, 0xd4d, "Cortex-A715" },  { 0x41, 0xd4e, "Cortex-X3" },   { 0x41, 0xd4f, "Neoverse-V2" },
    { 0x41, 0xd80, "Cortex-A520" },  { 0x41, 0xd81, "Cortex-A720" }, { 0x41, 0xd82, "Cortex-X4" },
};

/* "4 x Cortex-A76" from the implementer and part of every processor; the text is cut at `model`'s size. */
static void see_arm(az_probe *p, const char *text)
{
    size_t count[AZ_COUNT(arm_parts)] = { 0 }, at = 0;
    unsigned implementer = 0;

    for (const char *line = text; line; line = strchr(line, '\n')) {
        const char *colon = strchr(line + (*line == '\n'), ':');
        if (*line == '\n') line++;
        if (!colon) break;
        if (strncmp(line, "CPU implementer", 15) == 0)
            implementer = (unsigned)strtoul(colon + 1, NULL, 16);
        if (strncmp(line, "CPU part", 8) != 0) continue;
        for (size_t i = 0; i < AZ_COUNT(arm_parts); i++)
            if (arm_parts[i].implementer == implementer &&
                arm_parts[i].part == (unsigned)strtoul(colon + 1, NULL, 16))
                count[i]++;
    }
    for (size_t i = 0; i < AZ_COUNT(arm_parts) && at < sizeof p->cpu_model; i++)
        if (count[i])
            at += (size_t)snprintf(p->cpu_model + at, sizeof p->cpu_model - at, "%s%zu x %s",
                                   at ? ", " : "", count[i], arm_parts[i].name);
}

static void see_cpu(az_probe *p, adze_run *run, const char *root)
{
    char *text = az_alloc(run, TEXT_SIZE), flags[4096];

    if (!text) return;
    read_text(run, root, "/proc/cpuinfo", text, TEXT_SIZE);
    value_of(text, "model name", p->cpu_model, sizeof p->cpu_model);
    value_of(text, "flags", flags, sizeof flags);
    p->virtual_machine = strstr(flags, " hypervisor") != NULL;
    if (!p->cpu_model[0]) see_arm(p, text);
    az_free(run, text);
    read_line(run, root, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", p->governor,
              sizeof p->governor);
}

static void see_names(az_probe *p, adze_run *run, const char *root)
{
    char text[4096], vendor[48], product[64];
    struct utsname u;

    read_text(run, root, "/etc/os-release", text, sizeof text);
    value_of(text, "PRETTY_NAME", p->os, sizeof p->os);
    if (uname(&u) == 0) {
        snprintf(p->kernel, sizeof p->kernel, "%.20s %.70s", u.sysname, u.release);
        snprintf(p->arch, sizeof p->arch, "%.15s", u.machine);
    }
#if defined(__GLIBC__)
    snprintf(p->libc, sizeof p->libc, "glibc %.32s", gnu_get_libc_version());
#endif
    if (read_line(run, root, "/proc/device-tree/model", p->machine, sizeof p->machine)) return;
    read_line(run, root, "/sys/class/dmi/id/sys_vendor", vendor, sizeof vendor);
    read_line(run, root, "/sys/class/dmi/id/product_name", product, sizeof product);
    snprintf(p->machine, sizeof p->machine, "%s%s%s", vendor, vendor[0] && product[0] ? " " : "",
             product);
}

static const struct {
    unsigned id;
    const char *name;
} vendors[] = { { 0x10de, "nvidia" },  { 0x1002, "amd" },    { 0x1022, "amd" },
                { 0x8086, "intel" },   { 0x106b, "apple" },  { 0x17cb, "qualcomm" },
                { 0x1e60, "hailo" },   { 0x1ac1, "google" }, { 0x1da3, "habana" },
                { 0x14e4, "broadcom" } };

static az_probe_device *add_device(az_probe *p, const char *kind, const char *vendor,
                                   const char *path)
{
    az_probe_device *d = &p->devices[p->n_devices];

    if (p->n_devices == AZ_PROBE_DEVICES) return NULL;
    p->n_devices++;
    snprintf(d->kind, sizeof d->kind, "%s", kind);
    snprintf(d->vendor, sizeof d->vendor, "%s", vendor);
    snprintf(d->path, sizeof d->path, "%.63s", path);
    return d;
}

/* Kind of a PCI function by class, vendor and driver; NULL: neither a GPU nor an accelerator. */
static const char *pci_kind(unsigned class_code, const char *vendor, const char *driver)
{
    if (strcmp(driver, "amdxdna") == 0 || strcmp(driver, "intel_vpu") == 0) return "npu";
    if (strcmp(vendor, "hailo") == 0) return "npu";
    if (strcmp(vendor, "google") == 0) return "edge-tpu";
    if (class_code >> 16 == 0x03) return "gpu"; /* display controllers */
    if (class_code >> 8 == 0x1200) return strcmp(vendor, "intel") ? "accelerator" : "npu";
    return NULL;
}

static void name_pci(az_probe_device *d, adze_run *run, const char *root, const char *slot,
                     unsigned vendor, unsigned device)
{
    char path[PATH_SIZE], text[2048];

    snprintf(d->name, sizeof d->name, "PCI device %04x:%04x", vendor, device);
    snprintf(path, sizeof path, "/proc/driver/nvidia/gpus/%s/information", slot);
    read_text(run, root, path, text, sizeof text);
    if (text[0]) value_of(text, "Model", d->name, sizeof d->name);
    snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/mem_info_vram_total", slot);
    if (read_line(run, root, path, text, sizeof text)) d->memory_bytes = strtoull(text, NULL, 10);
}

static void see_pci(az_probe *p, adze_run *run, const char *root, const char *slot)
{
    char path[PATH_SIZE], text[512], driver[32] = "";
    unsigned class_code, vendor_id, device_id;
    const char *vendor = NULL, *kind;
    az_probe_device *d;

    snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/class", slot);
    read_line(run, root, path, text, sizeof text);
    class_code = (unsigned)strtoul(text, NULL, 16);
    snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/vendor", slot);
    read_line(run, root, path, text, sizeof text);
    vendor_id = (unsigned)strtoul(text, NULL, 16);
    for (size_t i = 0; i < AZ_COUNT(vendors); i++)
        if (vendors[i].id == vendor_id) vendor = vendors[i].name;
    if (!vendor) return; /* displays of virtual machines and servers' management */
    snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/uevent", slot);
    read_text(run, root, path, text, sizeof text);
    value_of(text, "DRIVER", driver, sizeof driver);
    kind = pci_kind(class_code, vendor, driver);
    if (!kind) return;
    snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/device", slot);
    read_line(run, root, path, text, sizeof text);
    device_id = (unsigned)strtoul(text, NULL, 16);
    snprintf(path, sizeof path, "pci %s", slot);
    d = add_device(p, kind, vendor, path);
    if (!d) return;
    snprintf(d->driver, sizeof d->driver, "%s", driver);
    name_pci(d, run, root, slot, vendor_id, device_id);
}

/* GPUs of a system on a chip have no PCI function: their driver's name tells them. */
static void see_platform_gpu(az_probe *p, adze_run *run, const char *root, const char *card)
{
    static const struct {
        const char *driver, *vendor, *name;
    } known[] = { { "v3d", "broadcom", "VideoCore" }, { "panfrost", "arm", "Mali" },
                  { "panthor", "arm", "Mali" },       { "lima", "arm", "Mali" },
                  { "msm", "qualcomm", "Adreno" },    { "asahi", "apple", "Apple GPU" },
                  { "tegra", "nvidia", "Tegra" },     { "nvgpu", "nvidia", "Tegra" } };
    char path[PATH_SIZE], text[1024], driver[32];
    az_probe_device *d;

    snprintf(path, sizeof path, "/sys/class/drm/%s/device/uevent", card);
    read_text(run, root, path, text, sizeof text);
    value_of(text, "DRIVER", driver, sizeof driver);
    for (size_t i = 0; i < AZ_COUNT(known); i++) {
        if (strncmp(driver, known[i].driver, strlen(known[i].driver)) != 0) continue;
        d = add_device(p, "gpu", known[i].vendor, card);
        if (!d) return;
        snprintf(d->driver, sizeof d->driver, "%s", driver);
        snprintf(d->name, sizeof d->name, "%s", known[i].name);
        return;
    }
}

typedef void each_fn(az_probe *p, adze_run *run, const char *root, const char *name);

/* Call fn for each name in a folder that starts with `prefix` and goes on with digits only. */
static void each_entry(az_probe *p, adze_run *run, const char *root, const char *folder,
                       const char *prefix, each_fn *fn)
{
    char path[PATH_SIZE], **names = NULL;
    size_t n = 0, k = strlen(prefix);

    snprintf(path, sizeof path, "%s%s", root, folder);
    if (az_list_dir(run, path, &names, &n, NULL) < 0) return;
    for (size_t i = 0; i < n; i++)
        if (strncmp(names[i], prefix, k) == 0 && strlen(names[i]) < 64 &&
            (!k || strspn(names[i] + k, "0123456789") == strlen(names[i] + k)))
            fn(p, run, root, names[i]);
    az_free_names(run, names, n);
}

static void see_devices(az_probe *p, adze_run *run, const char *root)
{
    static const struct {
        const char *path, *kind, *vendor, *name;
    } nodes[] = { { "/dev/apex_0", "edge-tpu", "google", "Edge TPU" },
                  { "/dev/hailo0", "npu", "hailo", "Hailo" },
                  { "/dev/rknpu", "npu", "rockchip", "Rockchip NPU" },
                  { "/dev/kgsl-3d0", "gpu", "qualcomm", "Adreno" },
                  { "/dev/nvhost-gpu", "gpu", "nvidia", "Tegra" } };
    char path[PATH_SIZE];

    each_entry(p, run, root, "/sys/bus/pci/devices", "", see_pci);
    each_entry(p, run, root, "/sys/class/drm", "card", see_platform_gpu);
    for (size_t i = 0; i < AZ_COUNT(nodes); i++) {
        bool seen = false;
        az_probe_device *d;
        for (size_t k = 0; k < p->n_devices; k++)
            seen = seen || strcmp(p->devices[k].vendor, nodes[i].vendor) == 0;
        snprintf(path, sizeof path, "%s%s", root, nodes[i].path);
        if (seen || !az_exists(run, path)) continue;
        d = add_device(p, nodes[i].kind, nodes[i].vendor, nodes[i].path);
        if (d) snprintf(d->name, sizeof d->name, "%s", nodes[i].name);
    }
}

static void see_supply(az_probe *p, adze_run *run, const char *root, const char *name)
{
    char path[PATH_SIZE], text[64];

    snprintf(path, sizeof path, "/sys/class/power_supply/%s/scope", name);
    if (read_line(run, root, path, text, sizeof text) && strcmp(text, "Device") == 0) return;
    snprintf(path, sizeof path, "/sys/class/power_supply/%s/type", name);
    read_line(run, root, path, text, sizeof text);
    if (strcmp(text, "Battery") != 0) {
        snprintf(path, sizeof path, "/sys/class/power_supply/%s/online", name);
        if (read_line(run, root, path, text, sizeof text) && text[0] == '1') p->on_mains = true;
        return;
    }
    p->battery = true;
    snprintf(path, sizeof path, "/sys/class/power_supply/%s/capacity", name);
    if (read_line(run, root, path, text, sizeof text)) p->battery_percent = atoi(text);
    snprintf(path, sizeof path, "/sys/class/power_supply/%s/status", name);
    read_line(run, root, path, p->battery_state, sizeof p->battery_state);
}

static void see_zone(az_probe *p, adze_run *run, const char *root, const char *name)
{
    char path[PATH_SIZE], text[64];
    az_probe_sensor *s = &p->sensors[p->n_sensors];

    if (p->n_sensors == AZ_PROBE_SENSORS) return;
    snprintf(path, sizeof path, "/sys/class/thermal/%s/temp", name);
    if (!read_line(run, root, path, text, sizeof text)) return;
    s->celsius = strtod(text, NULL) / 1000;
    snprintf(path, sizeof path, "/sys/class/thermal/%s/type", name);
    if (!read_line(run, root, path, s->name, sizeof s->name))
        snprintf(s->name, sizeof s->name, "%.47s", name);
    p->n_sensors++;
}

static void see_hwmon(az_probe *p, adze_run *run, const char *root, const char *name)
{
    char path[PATH_SIZE], text[64];
    az_probe_sensor *s = &p->sensors[p->n_sensors];

    if (p->n_sensors == AZ_PROBE_SENSORS) return;
    snprintf(path, sizeof path, "/sys/class/hwmon/%s/temp1_input", name);
    if (!read_line(run, root, path, text, sizeof text)) return;
    s->celsius = strtod(text, NULL) / 1000;
    snprintf(path, sizeof path, "/sys/class/hwmon/%s/name", name);
    if (!read_line(run, root, path, s->name, sizeof s->name))
        snprintf(s->name, sizeof s->name, "%.47s", name);
    p->n_sensors++;
}

void az_probe_see_system(az_probe *p, adze_run *run, const char *root)
{
    char text[64];

    p->battery_percent = -1;
    see_names(p, run, root);
    see_cpu(p, run, root);
    see_memory(p, run, root);
    see_cgroups(p, run, root);
    see_devices(p, run, root);
    each_entry(p, run, root, "/sys/class/power_supply", "", see_supply);
    each_entry(p, run, root, "/sys/class/thermal", "thermal_zone", see_zone);
    each_entry(p, run, root, "/sys/class/hwmon", "hwmon", see_hwmon);
    if (read_line(run, root, "/proc/loadavg", text, sizeof text)) p->load = strtod(text, NULL);
    p->usable_bytes = p->memory_available;
    if (p->memory_limit && (!p->usable_bytes || p->memory_limit < p->usable_bytes))
        p->usable_bytes = p->memory_limit;
}
