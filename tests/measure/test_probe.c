/* The probe on made-up machines (trees of /proc and /sys in a folder), on this one, and what it keeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/json.h"
#include "measure/probe.h"

static adze_run *run;
static char root[256];

static int start_run(void **state)
{
    (void)state;
    return adze_run_new(&run, &(adze_run_opts){ .threads = 2 }, NULL);
}

static int stop_run(void **state)
{
    (void)state;
    adze_run_free(run);
    return 0;
}

static int make_root(void **state)
{
    (void)state;
    snprintf(root, sizeof root, "%s/adze-probe-XXXXXX",
             getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state)
{
    (void)state;
    return az_remove_tree(run, root, NULL) < 0;
}

static void put(const char *path, const char *text)
{
    char full[600], *dir;

    snprintf(full, sizeof full, "%s%s", root, path);
    dir = az_path_dir(run, full);
    assert_int_equal(az_mkdirs(run, dir, NULL), ADZE_OK);
    assert_int_equal(az_write_file(run, full, text, strlen(text), NULL), ADZE_OK);
    az_free(run, dir);
}

/* A Raspberry Pi 5 in a container with a cgroup v2 limit set two levels up. */
static void board_with_cgroup_2(void **state)
{
    static az_probe p;

    (void)state;
    memset(&p, 0, sizeof p);
    put("/proc/device-tree/model", "Raspberry Pi 5 Model B Rev 1.0");
    put("/proc/cpuinfo", "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0b\n\n"
                         "processor\t: 1\nCPU implementer\t: 0x41\nCPU part\t: 0xd0b\n");
    put("/proc/meminfo",
        "MemTotal:        8245000 kB\nMemFree: 1 kB\nMemAvailable:    7000000 kB\n");
    put("/proc/self/cgroup", "0::/a/b/c\n");
    put("/sys/fs/cgroup/a/memory.max", "2147483648\n");
    put("/sys/fs/cgroup/a/memory.current", "1048576\n");
    put("/sys/fs/cgroup/a/b/memory.max", "max\n");
    put("/sys/fs/cgroup/a/b/c/memory.max", "4294967296\n");
    put("/sys/fs/cgroup/a/b/cpu.max", "150000 100000\n");
    put("/sys/fs/cgroup/a/cpu.max", "max 100000\n");
    put("/sys/class/drm/card0/device/uevent", "DRIVER=v3d\nOF_NAME=gpu\n");
    put("/sys/class/drm/card0-HDMI-A-1/device/uevent", "DRIVER=v3d\n");
    put("/dev/hailo0", "");
    put("/sys/class/thermal/thermal_zone0/temp", "48250\n");
    put("/sys/class/thermal/thermal_zone0/type", "cpu-thermal\n");
    put("/sys/class/thermal/cooling_device0/type", "pwm-fan\n");
    put("/etc/os-release", "NAME=\"Debian\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n");
    put("/proc/loadavg", "0.25 0.10 0.05 1/100 1234\n");
    az_probe_see_system(&p, run, root);
    assert_string_equal(p.machine, "Raspberry Pi 5 Model B Rev 1.0");
    assert_string_equal(p.cpu_model, "2 x Cortex-A76");
    assert_string_equal(p.os, "Debian GNU/Linux 12 (bookworm)");
    assert_true(p.memory_total == 8245000ull * 1024 && p.memory_available == 7000000ull * 1024);
    assert_true(p.memory_limit == 2147483648u && p.memory_used == 1048576);
    assert_true(p.usable_bytes == 2147483648u);
    assert_true(p.quota_cores == 1.5);
    assert_int_equal(p.n_devices, 2);
    assert_string_equal(p.devices[0].name, "VideoCore");
    assert_string_equal(p.devices[1].kind, "npu");
    assert_int_equal(p.n_sensors, 1);
    assert_true(p.sensors[0].celsius == 48.25);
    assert_string_equal(p.sensors[0].name, "cpu-thermal");
    assert_true(p.load == 0.25);
    assert_false(p.battery);
}

/* A laptop: cgroup v1, PCI GPUs and an NPU, a battery that is not a mouse's. */
static void laptop_with_cgroup_1(void **state)
{
    static az_probe p;

    (void)state;
    memset(&p, 0, sizeof p);
    put("/sys/class/dmi/id/sys_vendor", "Some Maker\n");
    put("/sys/class/dmi/id/product_name", "Thin 14\n");
    put("/proc/cpuinfo", "processor : 0\nmodel name : A CPU @ 2 GHz\nflags : fpu hypervisor lm\n");
    put("/proc/meminfo", "MemTotal: 1000000 kB\nMemAvailable: 900000 kB\n");
    put("/proc/self/cgroup", "12:cpu,cpuacct:/x\n4:memory:/x\n3:cpuset:/\n0::/\n");
    put("/sys/fs/cgroup/memory/x/memory.limit_in_bytes", "500000000\n");
    put("/sys/fs/cgroup/memory/x/memory.usage_in_bytes", "1000\n");
    put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    put("/sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "-1\n");
    put("/sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "100000\n");
    put("/sys/bus/pci/devices/0000:00:02.0/class", "0x030000\n");
    put("/sys/bus/pci/devices/0000:00:02.0/vendor", "0x8086\n");
    put("/sys/bus/pci/devices/0000:00:02.0/device", "0x7d55\n");
    put("/sys/bus/pci/devices/0000:00:02.0/uevent", "DRIVER=i915\nPCI_CLASS=30000\n");
    put("/sys/bus/pci/devices/0000:00:0b.0/class", "0x120000\n");
    put("/sys/bus/pci/devices/0000:00:0b.0/vendor", "0x8086\n");
    put("/sys/bus/pci/devices/0000:00:0b.0/device", "0x7d1d\n");
    put("/sys/bus/pci/devices/0000:00:0b.0/uevent", "DRIVER=intel_vpu\n");
    put("/sys/bus/pci/devices/0000:01:00.0/class", "0x030200\n");
    put("/sys/bus/pci/devices/0000:01:00.0/vendor", "0x10de\n");
    put("/sys/bus/pci/devices/0000:01:00.0/device", "0x2684\n");
    put("/sys/bus/pci/devices/0000:01:00.0/uevent", "DRIVER=nvidia\n");
    put("/proc/driver/nvidia/gpus/0000:01:00.0/information",
        "Model: \t\t NVIDIA Something 9\nIRQ: 1\n");
    put("/sys/bus/pci/devices/0000:00:01.0/class",
        "0x030000\n"); /* the display of a virtual machine */
    put("/sys/bus/pci/devices/0000:00:01.0/vendor", "0x1234\n");
    put("/sys/bus/pci/devices/0000:00:1f.0/class", "0x060100\n"); /* a bridge */
    put("/sys/bus/pci/devices/0000:00:1f.0/vendor", "0x8086\n");
    put("/sys/class/power_supply/BAT0/type", "Battery\n");
    put("/sys/class/power_supply/BAT0/capacity", "73\n");
    put("/sys/class/power_supply/BAT0/status", "Discharging\n");
    put("/sys/class/power_supply/AC/type", "Mains\n");
    put("/sys/class/power_supply/AC/online", "0\n");
    put("/sys/class/power_supply/hid-mouse/type", "Battery\n");
    put("/sys/class/power_supply/hid-mouse/scope", "Device\n");
    put("/sys/class/power_supply/hid-mouse/capacity", "5\n");
    az_probe_see_system(&p, run, root);
    assert_string_equal(p.machine, "Some Maker Thin 14");
    assert_string_equal(p.cpu_model, "A CPU @ 2 GHz");
    assert_true(p.virtual_machine);
    assert_true(p.memory_limit == 500000000 && p.usable_bytes == 500000000 &&
                p.memory_used == 1000);
    assert_true(p.quota_cores == 0);
    assert_int_equal(p.n_devices, 3);
    assert_string_equal(p.devices[0].name, "PCI device 8086:7d55");
    assert_string_equal(p.devices[0].driver, "i915");
    assert_string_equal(p.devices[1].kind, "npu");
    assert_string_equal(p.devices[2].name, "NVIDIA Something 9");
    assert_true(p.battery && !p.on_mains);
    assert_int_equal(p.battery_percent, 73);
    assert_string_equal(p.battery_state, "Discharging");
}

/* Nothing to see, or nonsense: no fact is made up. */
static void nothing_is_invented(void **state)
{
    static az_probe p;

    (void)state;
    memset(&p, 0, sizeof p);
    az_probe_see_system(&p, run, "/nonexistent");
    assert_true(!p.machine[0] && !p.cpu_model[0] && !p.os[0] && !p.memory_total && !p.memory_limit);
    assert_true(!p.n_devices && !p.n_sensors && !p.battery && p.battery_percent == -1 &&
                !p.usable_bytes);
    put("/proc/meminfo", "\x01\xff garbage without a newline");
    put("/proc/self/cgroup", "::::\nabc\n0:");
    put("/proc/cpuinfo", ":\n:\nCPU part\n");
    put("/proc/loadavg", "x");
    az_probe_see_system(&p, run, root);
    assert_true(!p.memory_total && !p.memory_limit && p.load == 0);
}

static void this_machine(void **state)
{
    static az_probe p, again;
    adze_error err = { 0 };
    json_t *j, *target;
    az_ceiling back;

    (void)state;
    assert_int_equal(setenv("ADZE_HOME", root, 1), 0);
    if (az_probe_run(&p, run, &(az_probe_opts){ .fresh = true }, &err) < 0) fail_msg("%s", err.msg);
    assert_true(p.measured && !p.from_cache);
    assert_true(p.logical >= 1 && p.physical >= 1 && p.usable >= 1 && p.usable <= p.logical);
    assert_int_equal(p.performance + p.efficiency, p.physical);
    assert_true(p.memory_total > 100000000 && p.memory_available <= p.memory_total);
    assert_int_equal(strlen(p.fingerprint), 71);
    assert_true(p.ceiling.read_gb_s_all.n >= 3 && p.ceiling.read_gb_s_all.min > 0.05);
    assert_true(p.ceiling.int8_gops_1.max < 1e6 && p.ceiling.f32_gflops_1.min > 0.05);
    assert_true(p.ceiling.buffer_bytes <= p.memory_total / 4 || p.memory_total < 1 << 26);

    assert_int_equal(az_probe_run(&again, run, &(az_probe_opts){ 0 }, &err), ADZE_OK);
    assert_true(again.from_cache);
    assert_string_equal(again.fingerprint, p.fingerprint);
    assert_true(again.ceiling.f32_gflops_1.median == p.ceiling.f32_gflops_1.median);
    assert_int_equal(again.ceiling.read_gb_s_1.n, p.ceiling.read_gb_s_1.n);

    j = az_probe_json(&p);
    assert_true(az_ceiling_from_json(&back, json_object_get(j, "roof")));
    assert_true(back.int8_gops_all.max == p.ceiling.int8_gops_all.max);
    assert_string_equal(az_json_str(j, "schema"), "adze.probe/1");
    target = az_probe_target_json(&p);
    assert_string_equal(az_json_str(target, "kind"), "measured");
    assert_non_null(json_object_get(json_object_get(target, "roof"), "read_gb_s_all"));
    json_decref(j);
    json_decref(target);
    unsetenv("ADZE_HOME");
}

/* What is kept is not trusted: broken or foreign files are measured over, facts need none. */
static void kept_results_are_checked(void **state)
{
    static const char *const texts[] = { "", "{}", "[1]", "{\"fingerprint\": 3}", "\x80" };
    static az_probe p;
    az_ceiling c;
    char **names;
    size_t n;

    (void)state;
    assert_int_equal(setenv("ADZE_HOME", root, 1), 0);
    assert_int_equal(az_probe_run(&p, run, &(az_probe_opts){ 0 }, NULL), ADZE_OK);
    {
        char dir[300];
        snprintf(dir, sizeof dir, "%s/cache", root);
        assert_int_equal(az_list_dir(run, dir, &names, &n, NULL), ADZE_OK);
        assert_int_equal(n, 1);
    }
    for (size_t i = 0; i < AZ_COUNT(texts); i++) {
        char path[400];
        snprintf(path, sizeof path, "/cache/%s", names[0]);
        put(path, texts[i]);
        if (i) continue; /* measuring takes seconds: once is enough */
        assert_int_equal(az_probe_run(&p, run, &(az_probe_opts){ 0 }, NULL), ADZE_OK);
        assert_false(p.from_cache);
    }
    az_free_names(run, names, n);
    assert_int_equal(az_probe_run(&p, run, &(az_probe_opts){ .no_measure = true }, NULL), ADZE_OK);
    assert_false(p.measured);
    for (size_t i = 1; i < AZ_COUNT(texts); i++) {
        json_t *j = json_loads(texts[i], 0, NULL);
        assert_false(az_ceiling_from_json(&c, j));
        json_decref(j);
    }
    unsetenv("ADZE_HOME");
}

static void a_cancelled_run_stops(void **state)
{
    static az_probe p;

    (void)state;
    adze_run_cancel(run);
    assert_int_equal(az_probe_run(&p, run, &(az_probe_opts){ .fresh = true }, NULL), ADZE_ECANCEL);
    atomic_store(&run->cancel, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(board_with_cgroup_2, make_root, remove_root),
        cmocka_unit_test_setup_teardown(laptop_with_cgroup_1, make_root, remove_root),
        cmocka_unit_test_setup_teardown(nothing_is_invented, make_root, remove_root),
        cmocka_unit_test_setup_teardown(this_machine, make_root, remove_root),
        cmocka_unit_test_setup_teardown(kept_results_are_checked, make_root, remove_root),
        cmocka_unit_test(a_cancelled_run_stops),
    };

    return cmocka_run_group_tests(tests, start_run, stop_run);
}
