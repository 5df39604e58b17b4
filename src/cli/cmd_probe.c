/* adze probe: what this machine is, and what it was measured to do. */
#include "cli/cli.h"
#include "base/cpu.h"
#include "kernel/kernel.h"
#include "measure/probe.h"

#include <string.h>
#include <time.h>

typedef struct probe_opts {
    bool fresh, kernels, facts, json;
    const char *disk;
} probe_opts;

static const az_opt opts[] = {
    { 0, "fresh", AZ_OPT_BOOL, offsetof(probe_opts, fresh), NULL, NULL,
      "measure again, even when a recent result is kept" },
    { 0, "facts", AZ_OPT_BOOL, offsetof(probe_opts, facts), NULL, NULL, "measure nothing" },
    { 0, "kernels", AZ_OPT_BOOL, offsetof(probe_opts, kernels), NULL, NULL,
      "list which instruction set each kernel uses" },
    { 0, "disk", AZ_OPT_STR, offsetof(probe_opts, disk), NULL, "DIR",
      "folder whose free space counts; default: the working folder" },
    { 0, "json", AZ_OPT_BOOL, offsetof(probe_opts, json), NULL, NULL, "print as JSON" },
    { 0, NULL, AZ_OPT_BOOL, 0, NULL, NULL, NULL },
};

static const char *const levels[] = {
    "c", "avx2", "avxvnni", "avx512", "avx512vnni", "avx512bf16"
};

/* The tables of every level that this CPU has, to tell where a chosen kernel comes from. */
typedef struct tables {
    az_kernels at[AZ_COUNT(levels)];
    bool has[AZ_COUNT(levels)];
    const az_kernels *now;
} tables;

static void fill_tables(tables *t)
{
    int ok;

    t->now = az_kernels_default();
    for (size_t i = 0; i < AZ_COUNT(levels); i++) {
        az_kernels_init(&t->at[i], az_cpu_cap(az_cpu_flags(), levels[i], &ok));
        t->has[i] = strcmp(t->at[i].isa, levels[i]) == 0;
    }
}

#define FROM(slot)                                                                               \
    (!t->now->slot ? "-"                                                                         \
                   : from_level(t, t->at[0].slot == t->now->slot, t->at[1].slot == t->now->slot, \
                                t->at[2].slot == t->now->slot, t->at[3].slot == t->now->slot,    \
                                t->at[4].slot == t->now->slot))
/* The lowest level whose slot is the chosen one. */
static const char *from_level(const tables *t, bool c, bool avx2, bool avxvnni, bool avx512,
                              bool vnni)
{
    if (c) return "c";
    if (avx2 && t->has[1]) return "avx2";
    if (avxvnni && t->has[2]) return "avxvnni";
    if (avx512 && t->has[3]) return "avx512";
    if (vnni && t->has[4]) return "avx512vnni";
    return t->now->isa;
}

typedef struct kernel_row {
    const char *name, *matmul, *unpack, *pack;
} kernel_row;

static size_t weight_rows(const tables *t, kernel_row rows[AZ_TYPE_COUNT])
{
    size_t n = 0;

    for (int i = 0; i < AZ_TYPE_COUNT; i++) {
        const az_type_info *info = az_type_get((az_type)i);
        if (!t->now->weight[i].matmul && !t->now->unpack[i]) continue;
        rows[n++] =
            (kernel_row){ info->name, FROM(weight[i].matmul), FROM(unpack[i]), FROM(pack[i]) };
    }
    return n;
}

enum { OTHER_KERNELS = 9 };
static void other_rows(const tables *t, const char *rows[OTHER_KERNELS][2])
{
    const char *const all[OTHER_KERNELS][2] = {
        { "quantize_q8", FROM(quantize_q8) },
        { "quantize_bf16", FROM(quantize_bf16) },
        { "rms_norm", FROM(rms_norm) },
        { "add", FROM(add) },
        { "silu_mul", FROM(act_mul[AZ_ACTIVATION_SILU]) },
        { "rope", FROM(rope) },
        { "attention", FROM(kv[AZ_F16].attention) },
        { "f32_to_f16", FROM(f32_to_f16) },
        { "f16_to_f32", FROM(f16_to_f32) },
    };

    memcpy(rows, all, sizeof all);
}

static void print_kernels(az_cli *cli)
{
    const char *others[OTHER_KERNELS][2];
    kernel_row rows[AZ_TYPE_COUNT];
    static tables t;
    size_t n;

    fill_tables(&t);
    n = weight_rows(&t, rows);
    az_cli_printf(cli, "\nKernels (%s)\n  %-12s %-12s %-12s %s\n", t.now->isa, "weights", "product",
                  "unpack", "pack");
    for (size_t i = 0; i < n; i++)
        az_cli_printf(cli, "  %-12s %-12s %-12s %s\n", rows[i].name, rows[i].matmul, rows[i].unpack,
                      rows[i].pack);
    other_rows(&t, others);
    for (size_t i = 0; i < OTHER_KERNELS; i++)
        az_cli_printf(cli, "  %-12s %s\n", others[i][0], others[i][1]);
}

static json_t *kernels_json(void)
{
    const char *others[OTHER_KERNELS][2];
    json_t *weights = json_object(), *j;
    kernel_row rows[AZ_TYPE_COUNT];
    static tables t;
    size_t n;

    fill_tables(&t);
    n = weight_rows(&t, rows);
    for (size_t i = 0; i < n; i++)
        json_object_set_new(weights, rows[i].name,
                            json_pack("{s:s, s:s, s:s}", "product", rows[i].matmul, "unpack",
                                      rows[i].unpack, "pack", rows[i].pack));
    j = json_pack("{s:s, s:o}", "isa", t.now->isa, "weights", weights);
    other_rows(&t, others);
    for (size_t i = 0; i < OTHER_KERNELS; i++)
        json_object_set_new(j, others[i][0], json_string(others[i][1]));
    return j;
}

static void row(az_cli *cli, const char *label, const char *text)
{
    if (text[0]) az_cli_printf(cli, "  %-12s %s\n", label, text);
}

static void print_features(az_cli *cli, unsigned flags)
{
    int width = cli->columns > 120 ? 120 : cli->columns, at = 15;
    const char *name;
    unsigned bit;

    az_cli_printf(cli, "  %-12s", "features");
    for (size_t i = 0; (name = az_cpu_flag_name(i, &bit)); i++) {
        if (!(flags & bit)) continue;
        if (at + (int)strlen(name) + 1 > width) {
            az_cli_printf(cli, "\n  %-12s", "");
            at = 15;
        }
        az_cli_printf(cli, " %s", name);
        at += (int)strlen(name) + 1;
    }
    az_cli_printf(cli, "\n");
}

static void print_machine(az_cli *cli, const az_probe *p)
{
    char text[256], a[32], b[32];

    az_cli_printf(cli, "Machine\n");
    snprintf(text, sizeof text, "%s%s", p->machine,
             p->virtual_machine ? (p->machine[0] ? " (virtual machine)" : "virtual machine") : "");
    row(cli, "machine", text);
    snprintf(text, sizeof text, "%.90s, %.90s%s%.40s", p->os[0] ? p->os : "unknown system",
             p->kernel, p->libc[0] ? ", " : "", p->libc);
    row(cli, "system", text);
    row(cli, "cpu", p->cpu_model);
    if (p->efficiency)
        snprintf(text, sizeof text, "%d performance + %d efficiency, %d threads, %d usable",
                 p->performance, p->efficiency, p->logical, p->usable);
    else
        snprintf(text, sizeof text, "%d cores, %d threads, %d usable", p->physical, p->logical,
                 p->usable);
    row(cli, "cores", text);
    if (p->quota_cores > 0) {
        snprintf(text, sizeof text, "%.2f cores by cgroup quota", p->quota_cores);
        row(cli, "", text);
    }
    for (size_t i = 0; i < p->n_caches; i++) {
        snprintf(text, sizeof text, "L%d %s: %d x %s", p->caches[i].level, p->caches[i].kind,
                 p->caches[i].count, az_cli_bytes(a, sizeof a, (double)p->caches[i].size_bytes));
        row(cli, i ? "" : "caches", text);
    }
    if (p->numa_nodes > 1) {
        snprintf(text, sizeof text, "%d nodes", p->numa_nodes);
        row(cli, "numa", text);
    }
    print_features(cli, p->cpu_flags);
    row(cli, "governor", p->governor);
    snprintf(text, sizeof text, "%s, %s available",
             az_cli_bytes(a, sizeof a, (double)p->memory_total),
             az_cli_bytes(b, sizeof b, (double)p->memory_available));
    row(cli, "memory", text);
    if (p->memory_limit) {
        snprintf(text, sizeof text, "limited to %s by cgroup, %s used",
                 az_cli_bytes(a, sizeof a, (double)p->memory_limit),
                 az_cli_bytes(b, sizeof b, (double)p->memory_used));
        row(cli, "", text);
    }
    snprintf(text, sizeof text, "%s free of %s at %.120s",
             az_cli_bytes(a, sizeof a, (double)p->disk_free),
             az_cli_bytes(b, sizeof b, (double)p->disk_total), p->disk_path);
    row(cli, "disk", text);
}

static void print_devices(az_cli *cli, const az_probe *p)
{
    char text[256], size[32];

    for (size_t i = 0; i < p->n_devices; i++) {
        const az_probe_device *d = &p->devices[i];
        snprintf(text, sizeof text, "%s: %s %s%s%s%s%s", d->kind, d->vendor, d->name,
                 d->driver[0] ? ", driver " : "", d->driver, d->memory_bytes ? ", " : "",
                 d->memory_bytes ? az_cli_bytes(size, sizeof size, (double)d->memory_bytes) : "");
        row(cli, i ? "" : "devices", text);
    }
    if (!p->n_devices) row(cli, "devices", "no GPU or NPU seen");
    if (p->battery) {
        snprintf(text, sizeof text, "%d %%, %s%s", p->battery_percent, p->battery_state,
                 p->on_mains ? ", on mains" : "");
        row(cli, "battery", text);
    } else {
        row(cli, "battery", "none seen");
    }
    for (size_t i = 0; i < p->n_sensors && i < 4; i++) {
        snprintf(text, sizeof text, "%.0f C %s", p->sensors[i].celsius, p->sensors[i].name);
        row(cli, i ? "" : "sensors", text);
    }
    if (!p->n_sensors) row(cli, "sensors", "no temperature sensor seen");
    snprintf(text, sizeof text, "%s%s",
             p->energy ? "" : "not available: ", p->energy ? p->energy_source : p->energy_reason);
    row(cli, "energy", text);
    row(cli, "fingerprint", p->fingerprint);
}

static void cell(char *buf, size_t size, const az_figure *f)
{
    int digits = f->median < 100 ? 1 : 0;

    if (f->n)
        snprintf(buf, size, "%.*f (%.*f to %.*f)", digits, f->median, digits, f->min, digits,
                 f->max);
    else
        snprintf(buf, size, "-");
}

static void figure_row(az_cli *cli, const char *label, const az_figure *one, const az_figure *all,
                       const char *note)
{
    char a[64], b[64];

    cell(a, sizeof a, one);
    cell(b, sizeof b, all);
    az_cli_printf(cli, "  %-14s %-24s %-26s %s\n", label, a, b, note);
}

static void print_figures(az_cli *cli, const az_probe *p)
{
    const az_ceiling *c = &p->ceiling;
    const az_figure none = { 0 };
    char when[32] = "now", note[64], head[32], size[32];
    time_t t = (time_t)(p->measured_unix_ms / 1000);
    struct tm tm;

    if (p->from_cache && gmtime_r(&t, &tm)) strftime(when, sizeof when, "%Y-%m-%d %H:%M UTC", &tm);
    az_cli_printf(cli, "\nMeasured (%s, median of %zu, with the lowest and highest)\n", when,
                  c->read_gb_s_all.n);
    snprintf(head, sizeof head, "%d threads", c->threads);
    az_cli_printf(cli, "  %-14s %-24s %-26s\n", "", "1 thread", head);
    snprintf(note, sizeof note, "GB/s over %s",
             az_cli_bytes(size, sizeof size, (double)c->buffer_bytes));
    figure_row(cli, "read memory", &c->read_gb_s_1, &c->read_gb_s_all, note);
    for (int k = 1; k >= 0; k--) {
        if (!c->cache_gb_s[k].n) continue;
        snprintf(note, sizeof note, "GB/s over %s",
                 az_cli_bytes(size, sizeof size, (double)c->cache_bytes[k]));
        figure_row(cli, k ? "read L2" : "read L1", &c->cache_gb_s[k], &none, note);
    }
    snprintf(note, sizeof note, "GOP/s, %s", c->int8_how);
    figure_row(cli, "int8 products", &c->int8_gops_1, &c->int8_gops_all, note);
    snprintf(note, sizeof note, "GFLOP/s, %s", c->bf16_how);
    figure_row(cli, "bf16 products", &c->bf16_gflops_1, &c->bf16_gflops_all, note);
    snprintf(note, sizeof note, "GFLOP/s, %s", c->f32_how);
    figure_row(cli, "f32 products", &c->f32_gflops_1, &c->f32_gflops_all, note);
}

static int probe_run(az_cli *cli, const void *opt, int argc, const char **argv)
{
    const probe_opts *o = opt;
    az_probe_opts po = { .fresh = o->fresh, .no_measure = o->facts, .disk = o->disk };
    adze_error err = { .pos = ADZE_NOPOS };
    az_probe *p = az_calloc(cli->run, 1, sizeof *p);
    adze_status rc;
    json_t *j;

    (void)argc;
    (void)argv;
    if (!p) return az_cli_fail(cli, az_fail_nomem(&err, "probing"), &err);
    if (o->fresh && o->facts) {
        az_free(cli->run, p);
        return az_cli_usage(cli, az_cmd_find("probe"),
                            "--facts measures nothing: leave out --fresh");
    }
    rc = az_probe_run(p, cli->run, &po, &err);
    if (rc == ADZE_OK && o->json) {
        j = az_probe_json(p);
        if (o->kernels) json_object_set_new(j, "kernel_table", kernels_json());
        az_cli_json(cli, j);
        json_decref(j);
    } else if (rc == ADZE_OK) {
        print_machine(cli, p);
        print_devices(cli, p);
        if (p->measured) print_figures(cli, p);
        if (o->kernels) print_kernels(cli);
        for (size_t i = 0; i < p->n_notes; i++)
            az_cli_note(cli, "note: %s\n", p->notes[i]);
    }
    az_free(cli->run, p);
    return rc < 0 ? az_cli_fail(cli, rc, &err) : az_cli_finish(cli);
}

const az_cmd az_cmd_probe = {
    .name = "probe",
    .group = AZ_CMD_MEASURE,
    .args = "",
    .min_args = 0,
    .max_args = 0,
    .summary = "this machine: cores, memory, limits, devices, and its measured ceilings",
    .details =
        "Facts come from the operating system. Read bandwidth and peak products are measured, by "
        "one thread and by all, in about three seconds; the result is kept for 30 days for "
        "this hardware (ten minutes when the machine was busy) in the cache folder.",
    .example = "adze probe --kernels",
    .opts = opts,
    .opts_size = sizeof(probe_opts),
    .run = probe_run,
};
