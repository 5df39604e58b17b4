/* Memory limits from /proc/meminfo and the cgroup (v2 memory.max, v1 memory.limit_in_bytes). */
#include "measure/memory.h"

#include <stdlib.h>
#include <string.h>

/* "MemAvailable:   123 kB" of /proc/meminfo, in bytes. */
static uint64_t meminfo(adze_run *run, const char *key)
{
    int fd = run->io.open(run->io.user, -1, "/proc/meminfo", AZ_OPEN_READ);
    char text[4096], *at;
    int64_t n;

    if (fd < 0) return 0;
    n = run->io.pread(run->io.user, fd, text, sizeof text - 1, 0);
    az_close(run, fd);
    if (n <= 0) return 0;
    text[n] = 0;
    at = strstr(text, key);
    return at ? strtoull(at + strlen(key), NULL, 10) * 1024 : 0;
}

static uint64_t cgroup_number(adze_run *run, const char *const *paths)
{
    char text[64], *end;
    uint64_t v;

    for (; *paths; paths++) {
        if (!az_read_line(run, *paths, text, sizeof text)) continue;
        v = strtoull(text, &end, 10);
        if (end != text && v < (uint64_t)1 << 60) return v;
    }
    return 0;
}

uint64_t az_memory_cgroup_limit_bytes(adze_run *run)
{
    static const char *const limits[] = { "/sys/fs/cgroup/memory.max",
                                          "/sys/fs/cgroup/memory/memory.limit_in_bytes", NULL };

    return cgroup_number(run, limits);
}

static uint64_t cgroup_used(adze_run *run)
{
    static const char *const used[] = { "/sys/fs/cgroup/memory.current",
                                        "/sys/fs/cgroup/memory/memory.usage_in_bytes", NULL };

    return cgroup_number(run, used);
}

uint64_t az_memory_total_bytes(adze_run *run)
{
    uint64_t total = meminfo(run, "MemTotal:"), limit = az_memory_cgroup_limit_bytes(run);

    return limit && limit < total ? limit : total;
}

uint64_t az_memory_available_bytes(adze_run *run)
{
    uint64_t free = meminfo(run, "MemAvailable:"), limit = az_memory_cgroup_limit_bytes(run), used;

    if (!limit) return free;
    used = cgroup_used(run);
    if (used > limit) return 0;
    return limit - used < free ? limit - used : free;
}
