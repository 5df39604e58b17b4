/* This machine as a device, from made-up probes: memory limits, makers, kinds, accelerators, nothing at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "measure/probe.h"
#include "plan/device.h"

static void the_cgroup_limits_memory_where_it_is_less(void **state)
{
    az_probe p = { .arch = "x86_64", .memory_total = 8000000000, .memory_limit = 2000000000 };
    az_device d;

    (void)state;
    az_device_from_probe(&d, &p);
    assert_true(d.memory_bytes.value == 8e9 && d.usable_bytes.value == 0.9 * 2e9);
    assert_non_null(strstr(d.usable_why, "cgroup"));
    p.memory_limit = 99000000000;
    az_device_from_probe(&d, &p);
    assert_true(d.usable_bytes.value == 0.9 * 8e9);
    p.memory_limit = 0;
    az_device_from_probe(&d, &p);
    assert_true(d.usable_bytes.value == 0.9 * 8e9);
    assert_null(strstr(d.usable_why, "cgroup"));
}

static void maker_and_kind_come_from_the_names(void **state)
{
    static const struct {
        const char *arch, *cpu, *machine;
        bool battery;
        az_cpu_maker maker;
        az_target_kind kind;
    } cases[] = {
        { "x86_64", "Intel(R) Xeon(R) Processor", "", false, AZ_MAKER_INTEL, AZ_KIND_OTHER },
        { "x86_64", "AMD EPYC 9654", "", false, AZ_MAKER_AMD, AZ_KIND_OTHER },
        { "x86_64", "Intel(R) Core(TM) Ultra 7", "XPS", true, AZ_MAKER_INTEL, AZ_KIND_LAPTOP },
        { "aarch64", "Cortex-A76", "Raspberry Pi 5 Model B Rev 1.0", false, AZ_MAKER_ARM,
          AZ_KIND_SINGLE_BOARD },
        { "aarch64", "Apple M2", "", true, AZ_MAKER_APPLE, AZ_KIND_LAPTOP },
        { "aarch64", "Neoverse-V2", "", false, AZ_MAKER_ARM, AZ_KIND_OTHER },
        { "riscv64", "", "", false, AZ_MAKER_OTHER, AZ_KIND_OTHER },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        az_probe p = { .battery = cases[i].battery, .usable = 4 };
        az_device d;

        snprintf(p.arch, sizeof p.arch, "%s", cases[i].arch);
        snprintf(p.cpu_model, sizeof p.cpu_model, "%s", cases[i].cpu);
        snprintf(p.machine, sizeof p.machine, "%s", cases[i].machine);
        az_device_from_probe(&d, &p);
        if (d.maker != cases[i].maker || d.kind != cases[i].kind)
            fail_msg("%s: maker %d, kind %d", cases[i].cpu, d.maker, d.kind);
        assert_true(d.arm == !strcmp(cases[i].arch, "aarch64"));
        assert_true(d.cores.value == 4 && !d.declared);
    }
}

static void accelerators_are_taken_over(void **state)
{
    az_probe p = { .arch = "x86_64", .n_devices = 2 };
    az_device d;

    (void)state;
    p.devices[0] = (az_probe_device){
        .kind = "gpu", .vendor = "nvidia", .name = "Ada", .memory_bytes = 24000000000
    };
    p.devices[1] = (az_probe_device){ .kind = "npu", .vendor = "intel" };
    az_device_from_probe(&d, &p);
    assert_int_equal(d.n_accelerators, 2);
    assert_string_equal(d.accelerators[0].vendor, "nvidia");
    assert_true(d.accelerators[0].memory_bytes.value == 24e9);
    assert_int_equal(d.accelerators[1].memory_bytes.from, AZ_NONE);
}

static void nothing_seen_is_nothing_known(void **state)
{
    az_probe p = { .arch = "" };
    az_device d;

    (void)state;
    az_device_from_probe(&d, &p);
    assert_int_equal(d.memory_bytes.from, AZ_NONE);
    assert_int_equal(d.usable_bytes.from, AZ_NONE);
    assert_int_equal(d.cores.from, AZ_NONE);
    assert_int_equal(d.n_accelerators, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cgroup_limits_memory_where_it_is_less),
        cmocka_unit_test(maker_and_kind_come_from_the_names),
        cmocka_unit_test(accelerators_are_taken_over),
        cmocka_unit_test(nothing_seen_is_nothing_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
