/* The probe as JSON: its own form, the report's `target`, and the ceilings there and back. */
#include "base/cpu.h"
#include "base/json.h"
#include "measure/probe.h"

#include <stddef.h>
#include <string.h>

static const struct {
    const char *name, *unit;
    size_t at;
} figures[] = {
    { "read_gb_s_1", "GB/s", offsetof(az_ceiling, read_gb_s_1) },
    { "read_gb_s_all", "GB/s", offsetof(az_ceiling, read_gb_s_all) },
    { "int8_gops_1", "GOP/s", offsetof(az_ceiling, int8_gops_1) },
    { "int8_gops_all", "GOP/s", offsetof(az_ceiling, int8_gops_all) },
    { "bf16_gflops_1", "GFLOP/s", offsetof(az_ceiling, bf16_gflops_1) },
    { "bf16_gflops_all", "GFLOP/s", offsetof(az_ceiling, bf16_gflops_all) },
    { "f32_gflops_1", "GFLOP/s", offsetof(az_ceiling, f32_gflops_1) },
    { "f32_gflops_all", "GFLOP/s", offsetof(az_ceiling, f32_gflops_all) },
    { "l1_read_gb_s_1", "GB/s", offsetof(az_ceiling, cache_gb_s[0]) },
    { "l2_read_gb_s_1", "GB/s", offsetof(az_ceiling, cache_gb_s[1]) },
};

static const az_figure *figure_at(const az_ceiling *r, size_t i)
{
    return (const az_figure *)(const void *)((const char *)r + figures[i].at);
}

/* Only figures, as the report's schema wants. */
static json_t *figures_json(const az_ceiling *r)
{
    json_t *j = json_object();

    for (size_t i = 0; i < AZ_COUNT(figures); i++) {
        const az_figure *f = figure_at(r, i);
        if (f->n) json_object_set_new(j, figures[i].name, az_figure_json(f, NULL));
    }
    return j;
}

json_t *az_ceiling_json(const az_ceiling *r)
{
    json_t *j = json_pack("{s:o, s:i, s:I, s:s, s:s, s:s}", "figures", figures_json(r), "threads",
                          r->threads, "buffer_bytes", (json_int_t)r->buffer_bytes, "int8_how",
                          r->int8_how, "bf16_how", r->bf16_how, "f32_how", r->f32_how);

    json_object_set_new(j, "l1_bytes", json_integer((json_int_t)r->cache_bytes[0]));
    json_object_set_new(j, "l2_bytes", json_integer((json_int_t)r->cache_bytes[1]));
    return j;
}

static void copy(char *dst, size_t size, const char *s)
{
    snprintf(dst, size, "%s", s ? s : "");
}

bool az_ceiling_from_json(az_ceiling *r, const json_t *j)
{
    const json_t *all = json_object_get(j, "figures");
    int64_t threads = 0, bytes = 0, v;

    memset(r, 0, sizeof *r);
    if (!az_json_int(j, "threads", &threads) || threads < 1 || threads > 100000) return false;
    if (!az_json_int(j, "buffer_bytes", &bytes) || bytes < 1) return false;
    r->threads = (int)threads;
    r->buffer_bytes = (uint64_t)bytes;
    if (az_json_int(j, "l1_bytes", &v) && v > 0) r->cache_bytes[0] = (uint64_t)v;
    if (az_json_int(j, "l2_bytes", &v) && v > 0) r->cache_bytes[1] = (uint64_t)v;
    copy(r->int8_how, sizeof r->int8_how, az_json_str(j, "int8_how"));
    copy(r->bf16_how, sizeof r->bf16_how, az_json_str(j, "bf16_how"));
    copy(r->f32_how, sizeof r->f32_how, az_json_str(j, "f32_how"));
    for (size_t i = 0; i < AZ_COUNT(figures); i++) {
        const json_t *o = json_object_get(all, figures[i].name);
        az_figure *f = (az_figure *)(void *)((char *)r + figures[i].at);
        if (!o && i >= 8) continue; /* a machine without that cache */
        if (!az_json_real(o, "median", &f->median) || !az_json_real(o, "min", &f->min) ||
            !az_json_real(o, "max", &f->max) || !az_json_int(o, "n", &v) || v < 1 ||
            !(f->min > 0 && f->min <= f->median && f->median <= f->max))
            return false;
        f->n = (size_t)v;
        f->unit = figures[i].unit;
        f->from = AZ_MEASURED;
    }
    return true;
}

static json_t *features(unsigned flags)
{
    json_t *j = json_array();
    const char *name;
    unsigned bit;

    for (size_t i = 0; (name = az_cpu_flag_name(i, &bit)); i++)
        if (flags & bit) json_array_append_new(j, json_string(name));
    return j;
}

static json_t *cores_json(const az_probe *p)
{
    return json_pack("{s:i, s:i, s:i, s:i, s:i}", "physical", p->physical, "logical", p->logical,
                     "performance", p->performance, "efficiency", p->efficiency, "usable",
                     p->usable);
}

static json_t *memory_json(const az_probe *p)
{
    bool limited = p->memory_limit != 0;

    return json_pack("{s:I, s:I, s:o, s:s}", "total_bytes", (json_int_t)p->memory_total,
                     "available_bytes", (json_int_t)p->memory_available, "limit_bytes",
                     limited ? json_integer((json_int_t)p->memory_limit) : json_null(),
                     "limit_source", limited ? "cgroup" : "memory");
}

/* What surrounded the measurements; the report takes it out of the target into its own member. */
static json_t *environment_json(const az_probe *p)
{
    json_t *j = json_pack("{s:s, s:s, s:f}", "operating_system", p->os, "kernel", p->kernel, "load",
                          p->load);

    if (p->libc[0]) json_object_set_new(j, "libc", json_string(p->libc));
    if (p->governor[0]) json_object_set_new(j, "governor", json_string(p->governor));
    json_object_set_new(j, "virtual_machine", json_boolean(p->virtual_machine));
    return j;
}

json_t *az_probe_target_json(const az_probe *p)
{
    json_t *j =
        json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o}", "name",
                  p->machine[0] ? p->machine : p->cpu_model, "kind", "measured", "fingerprint",
                  p->fingerprint, "cpu", p->cpu_model, "features", features(p->cpu_flags), "cores",
                  cores_json(p), "memory", memory_json(p), "roof", figures_json(&p->ceiling));
    json_t *list = json_array();

    for (size_t i = 0; i < p->n_devices; i++)
        json_array_append_new(list, json_sprintf("%s: %s", p->devices[i].kind, p->devices[i].name));
    json_object_set_new(j, "accelerators", list);
    json_object_set_new(j, "environment", environment_json(p));
    return j;
}

static json_t *lists_json(const az_probe *p, json_t *j)
{
    json_t *caches = json_array(), *devices = json_array(), *sensors = json_array(),
           *notes = json_array();

    for (size_t i = 0; i < p->n_caches; i++)
        json_array_append_new(caches, json_pack("{s:i, s:s, s:I, s:i}", "level", p->caches[i].level,
                                                "kind", p->caches[i].kind, "size_bytes",
                                                (json_int_t)p->caches[i].size_bytes, "count",
                                                p->caches[i].count));
    for (size_t i = 0; i < p->n_devices; i++)
        json_array_append_new(devices,
                              json_pack("{s:s, s:s, s:s, s:s, s:s, s:o}", "kind",
                                        p->devices[i].kind, "vendor", p->devices[i].vendor, "name",
                                        p->devices[i].name, "driver", p->devices[i].driver, "path",
                                        p->devices[i].path, "memory_bytes",
                                        p->devices[i].memory_bytes
                                            ? json_integer((json_int_t)p->devices[i].memory_bytes)
                                            : json_null()));
    for (size_t i = 0; i < p->n_sensors; i++)
        json_array_append_new(sensors, json_pack("{s:s, s:f}", "name", p->sensors[i].name,
                                                 "celsius", p->sensors[i].celsius));
    for (size_t i = 0; i < p->n_notes; i++)
        json_array_append_new(notes, json_string(p->notes[i]));
    json_object_set_new(j, "caches", caches);
    json_object_set_new(j, "accelerators", devices);
    json_object_set_new(j, "temperatures", sensors);
    json_object_set_new(j, "notes", notes);
    return j;
}

static json_t *text_or_null(const char *s)
{
    return s[0] ? json_string(s) : json_null();
}

json_t *az_probe_json(const az_probe *p)
{
    json_t *j = json_object(), *memory = memory_json(p);

    json_object_set_new(j, "schema", json_string("adze.probe/1"));
    json_object_set_new(j, "fingerprint", json_string(p->fingerprint));
    json_object_set_new(j, "machine", text_or_null(p->machine));
    json_object_set_new(j, "virtual_machine", json_boolean(p->virtual_machine));
    json_object_set_new(j, "os", text_or_null(p->os));
    json_object_set_new(j, "kernel", text_or_null(p->kernel));
    json_object_set_new(j, "libc", text_or_null(p->libc));
    json_object_set_new(j, "cpu", text_or_null(p->cpu_model));
    json_object_set_new(j, "arch", text_or_null(p->arch));
    json_object_set_new(j, "features", features(p->cpu_flags));
    json_object_set_new(j, "kernels", json_string(p->isa));
    json_object_set_new(j, "governor", text_or_null(p->governor));
    json_object_set_new(j, "cores", cores_json(p));
    json_object_set_new(j, "packages", json_integer(p->packages));
    json_object_set_new(j, "numa_nodes", json_integer(p->numa_nodes));
    json_object_set_new(j, "cpu_quota_cores",
                        p->quota_cores > 0 ? json_real(p->quota_cores) : json_null());
    json_object_set_new(memory, "usable_bytes", json_integer((json_int_t)p->usable_bytes));
    json_object_set_new(j, "memory", memory);
    json_object_set_new(j, "disk",
                        json_pack("{s:s, s:I, s:I}", "path", p->disk_path, "free_bytes",
                                  (json_int_t)p->disk_free, "total_bytes",
                                  (json_int_t)p->disk_total));
    json_object_set_new(j, "battery",
                        p->battery
                            ? json_pack("{s:b, s:i, s:s}", "on_mains", p->on_mains, "percent",
                                        p->battery_percent, "state", p->battery_state)
                            : json_null());
    json_object_set_new(j, "energy",
                        p->energy
                            ? json_pack("{s:b, s:s}", "available", 1, "source", p->energy_source)
                            : json_pack("{s:b, s:s}", "available", 0, "reason", p->energy_reason));
    lists_json(p, j);
    json_object_set_new(j, "load", json_real(p->load));
    if (!p->measured) return j;
    json_object_set_new(j, "roof", az_ceiling_json(&p->ceiling));
    json_object_set_new(j, "measured_unix_ms", json_integer((json_int_t)p->measured_unix_ms));
    json_object_set_new(j, "from_cache", json_boolean(p->from_cache));
    return j;
}
