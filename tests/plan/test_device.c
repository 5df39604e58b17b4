/* This machine as a device, on made-up files: memory limits of cgroups, accelerators, and nothing at all. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "plan/device.h"

typedef struct {
    const char *path, *text; /* text NULL: exists, holds nothing */
} made_file;

typedef struct {
    const made_file *files; /* ends with path NULL */
} made_system;

static int made_open(void *user, int dirfd, const char *path, enum az_open_mode mode)
{
    const made_system *m = user;

    (void)dirfd;
    (void)mode;
    for (int i = 0; m->files[i].path; i++)
        if (!strcmp(m->files[i].path, path)) return 100 + i;
    return -ENOENT;
}

static int made_close(void *user, int fd)
{
    (void)user;
    (void)fd;
    return 0;
}

/* Gives at most 7 bytes at a time, as files under /proc may. */
static int64_t made_pread(void *user, int fd, void *dst, size_t n, uint64_t at)
{
    const made_system *m = user;
    const char *text = m->files[fd - 100].text;
    size_t size = text ? strlen(text) : 0;

    if (at >= size) return 0;
    if (n > size - at) n = size - (size_t)at;
    if (n > 7) n = 7;
    memcpy(dst, text + at, n);
    return (int64_t)n;
}

static int made_stat(void *user, int dirfd, const char *path, int fd, az_stat *st)
{
    *st = (az_stat){ .is_file = true };
    return path ? made_open(user, dirfd, path, AZ_OPEN_READ) < 0 ? -ENOENT : 0 : fd < 0;
}

static int made_list(void *user, const char *path, int (*each)(void *arg, const char *name),
                     void *arg)
{
    const made_system *m = user;
    size_t n = strlen(path);
    int found = 0;

    for (int i = 0; m->files[i].path; i++) {
        const char *p = m->files[i].path;
        char name[64];

        if (strncmp(p, path, n) != 0 || p[n] != '/') continue;
        snprintf(name, sizeof name, "%.*s", (int)strcspn(p + n + 1, "/"), p + n + 1);
        found++;
        if (each(arg, name) < 0) return -ENOMEM;
    }
    return found ? 0 : -ENOENT;
}

static void look(const made_file *files, az_device *d)
{
    made_system m = { files };
    adze_run *run = NULL;

    assert_int_equal(adze_run_new(&run, NULL, NULL), ADZE_OK);
    run->io.user = &m;
    run->io.open = made_open;
    run->io.close = made_close;
    run->io.pread = made_pread;
    run->io.stat = made_stat;
    run->io.list = made_list;
    az_device_here(d, run);
    adze_run_free(run);
}

#define MEMINFO                                                         \
    {                                                                   \
        "/proc/meminfo", "MemTotal:        8000000 kB\nMemFree: 1 kB\n" \
    }

static void the_tightest_cgroup_limits_memory(void **state)
{
    static const made_file files[] = { MEMINFO,
                                       { "/proc/self/cgroup", "1:cpu:/x\n0::/a/b\n" },
                                       { "/sys/fs/cgroup/a/b/memory.max", "max\n" },
                                       { "/sys/fs/cgroup/a/memory.max", "2000000000\n" },
                                       { "/sys/fs/cgroup/memory.max", "3000000000\n" },
                                       { NULL, NULL } };
    az_device d;

    (void)state;
    look(files, &d);
    assert_true(d.memory_bytes.value == 8000000 * 1024.0);
    assert_true(d.usable_bytes.value == 2e9 && d.usable_bytes.from == AZ_MEASURED);
    assert_non_null(strstr(d.usable_why, "cgroup"));
}

static void without_a_limit_a_share_of_the_memory_is_used(void **state)
{
    static const made_file open_group[] = { MEMINFO,
                                            { "/proc/self/cgroup", "0::/\n" },
                                            { NULL, NULL } };
    static const made_file wide_limit[] = { MEMINFO,
                                            { "/proc/self/cgroup", "0::/\n" },
                                            { "/sys/fs/cgroup/memory.max", "99000000000\n" },
                                            { NULL, NULL } };
    az_device d;

    (void)state;
    look(open_group, &d);
    assert_true(d.usable_bytes.value == 0.9 * 8000000 * 1024.0);
    look(wide_limit, &d);
    assert_true(d.usable_bytes.value == 0.9 * 8000000 * 1024.0);
}

static void accelerators_are_seen_by_their_maker(void **state)
{
    static const made_file files[] = { { "/sys/class/drm/card0/device/vendor", "0x8086\n" },
                                       { "/sys/class/drm/renderD128/device/vendor", "0x8086\n" },
                                       { "/sys/class/drm/renderD129/device/vendor",
                                         "0x1af4\n" }, /* a virtual display */
                                       { "/sys/class/accel/accel0/device/vendor", "0x8086\n" },
                                       { "/proc/driver/nvidia/version", "NVRM" },
                                       { "/dev/apex_0", NULL },
                                       { NULL, NULL } };
    az_device d;

    (void)state;
    look(files, &d);
    assert_int_equal(d.n_accelerators, 4);
    assert_string_equal(d.accelerators[0].kind, "gpu");
    assert_string_equal(d.accelerators[0].vendor, "intel");
    assert_string_equal(d.accelerators[1].kind, "npu");
    assert_string_equal(d.accelerators[2].vendor, "nvidia");
    assert_string_equal(d.accelerators[3].kind, "edge-tpu");
}

static void nothing_seen_is_nothing_known(void **state)
{
    static const made_file none[] = { { NULL, NULL } };
    static const made_file odd[] = { { "/proc/meminfo", "MemTotal: lots\n" },
                                     { "/proc/self/cgroup", "0::" },
                                     { "/sys/class/drm/renderD128/device/vendor", "" },
                                     { NULL, NULL } };
    az_device d;

    (void)state;
    look(none, &d);
    assert_int_equal(d.memory_bytes.from, AZ_NONE);
    assert_int_equal(d.usable_bytes.from, AZ_NONE);
    assert_int_equal(d.n_accelerators, 0);
    look(odd, &d);
    assert_int_equal(d.memory_bytes.from, AZ_NONE);
    assert_int_equal(d.n_accelerators, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tightest_cgroup_limits_memory),
        cmocka_unit_test(without_a_limit_a_share_of_the_memory_is_used),
        cmocka_unit_test(accelerators_are_seen_by_their_maker),
        cmocka_unit_test(nothing_seen_is_nothing_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
