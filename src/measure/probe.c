/* The probe as a whole: facts, fingerprint, the ceilings and where they are kept.
 *
 * The ceilings are kept as JSON in $ADZE_HOME/cache, else $XDG_CACHE_HOME/adze, else ~/.cache/adze, one file a
 * fingerprint: 30 days, or ten minutes when it was measured on a machine that was busy.
 */
#include "measure/probe.h"
#include "base/buf.h"
#include "base/cpu.h"
#include "base/json.h"
#include "kernel/kernel.h"
#include "measure/energy.h"

#include <openssl/sha.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEEP_MS       (UINT64_C(30) * 24 * 3600 * 1000)
#define KEEP_NOISY_MS (UINT64_C(10) * 60 * 1000)

void az_probe_note(az_probe *p, const char *fmt, ...)
{
    va_list ap;

    if (p->n_notes == AZ_PROBE_NOTES) return;
    va_start(ap, fmt);
    vsnprintf(p->notes[p->n_notes++], sizeof p->notes[0], fmt, ap);
    va_end(ap);
}

/* "sha256:" and the digest of the text in hexadecimal. */
static void digest(const az_buf *b, char out[AZ_PROBE_FINGERPRINT])
{
    unsigned char sum[SHA256_DIGEST_LENGTH];
    size_t at = (size_t)snprintf(out, AZ_PROBE_FINGERPRINT, "sha256:");

    SHA256((const unsigned char *)b->data, b->size, sum);
    for (size_t i = 0; i < sizeof sum; i++)
        at += (size_t)snprintf(out + at, AZ_PROBE_FINGERPRINT - at, "%02x", sum[i]);
}

/* What decides speed and room: hardware, and the limits that this process runs under. Memory is rounded to
 * 256 MiB, because what the kernel keeps for itself changes from boot to boot. */
static adze_status set_fingerprint(az_probe *p, adze_run *run, adze_error *err)
{
    az_buf b;

    az_buf_init(&b, run);
    az_buf_printf(&b, "adze-target-1\n%s\n%s\n%s\n", p->machine, p->cpu_model, p->arch);
    az_buf_printf(&b, "flags %x\ncores %d %d %d %d\nquota %.3f\n", p->cpu_flags, p->logical,
                  p->physical, p->efficiency, p->usable, p->quota_cores);
    az_buf_printf(&b, "memory %llu limit %llu\n",
                  (unsigned long long)((p->memory_total + (UINT64_C(1) << 27)) >> 28),
                  (unsigned long long)(p->memory_limit >> 20));
    for (size_t i = 0; i < p->n_caches; i++)
        az_buf_printf(&b, "cache %d %llu %d\n", p->caches[i].level,
                      (unsigned long long)p->caches[i].size_bytes, p->caches[i].count);
    for (size_t i = 0; i < p->n_devices; i++)
        az_buf_printf(&b, "device %s %s\n", p->devices[i].kind, p->devices[i].name);
    if (az_buf_ok(&b)) digest(&b, p->fingerprint);
    az_buf_deinit(&b);
    return p->fingerprint[0] ? ADZE_OK : az_fail_nomem(err, "making a fingerprint");
}

static adze_status see(az_probe *p, adze_run *run, const az_probe_opts *opts, adze_error *err)
{
    az_energy_meter energy;
    az_space space;
    int e;

    az_probe_see_system(p, run, "");
    az_probe_see_topology(p);
    p->cpu_flags = az_cpu_flags();
    p->isa = az_kernels_default()->isa;
    p->usable = az_cpu_usable();
    if (!p->cpu_model[0]) az_cpu_brand(p->cpu_model, sizeof p->cpu_model);
    if (p->logical <= 0) p->logical = p->physical = p->performance = p->usable;
    snprintf(p->disk_path, sizeof p->disk_path, "%.127s", opts->disk ? opts->disk : ".");
    e = run->io.space(run->io.user, p->disk_path, &space);
    if (e < 0 && opts->disk) return az_fail_errno(err, opts->disk, "ask for its free space", -e);
    if (e >= 0) {
        p->disk_free = space.free_bytes;
        p->disk_total = space.total_bytes;
    }
    az_energy_open(&energy, run);
    p->energy = energy.available;
    snprintf(p->energy_source, sizeof p->energy_source, "%s", energy.source);
    snprintf(p->energy_reason, sizeof p->energy_reason, "%s", energy.reason);
    return set_fingerprint(p, run, err);
}

/* Path of the kept ceilings; NULL: no home folder, or out of memory. */
static char *kept_path(const az_probe *p, adze_run *run, bool folder)
{
    const char *own = getenv("ADZE_HOME"), *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    const char *hex = p->fingerprint + strlen("sha256:");
    char name[96] = "";

    if (!folder) snprintf(name, sizeof name, "/probe-%.16s-%d.json", hex, adze_run_threads(run));
    if (own && own[0]) return az_asprintf(run, "%s/cache%s", own, name);
    if (xdg && xdg[0] == '/') return az_asprintf(run, "%s/adze%s", xdg, name);
    if (home && home[0]) return az_asprintf(run, "%s/.cache/adze%s", home, name);
    return NULL;
}

static double spread(const az_figure *f)
{
    return f->median > 0 ? (f->max - f->min) / f->median : 0;
}

static bool is_noisy(const az_probe *p)
{
    return spread(&p->ceiling.read_gb_s_all) > 0.25 || spread(&p->ceiling.int8_gops_all) > 0.25 ||
           p->load > 0.5 * p->usable;
}

/* Kept ceilings that are still good; anything wrong with the file means that there are none. */
static bool recall(az_probe *p, adze_run *run)
{
    char *path = kept_path(p, run, false);
    const char *fingerprint, *version;
    uint64_t now = az_unix_ms(run);
    json_t *j = NULL;
    int64_t at = 0;
    bool ok = false;

    if (path && az_json_read(&j, run, path, 1 << 20, NULL) == ADZE_OK) {
        fingerprint = az_json_str(j, "fingerprint");
        version = az_json_str(j, "version");
        az_json_real(j, "load", &p->load);
        ok = fingerprint && strcmp(fingerprint, p->fingerprint) == 0 && version &&
             strcmp(version, adze_version()) == 0 && az_json_int(j, "measured_unix_ms", &at) &&
             az_ceiling_from_json(&p->ceiling, json_object_get(j, "roof"));
        p->measured_unix_ms = (uint64_t)at;
        ok = ok && (uint64_t)at <= now &&
             now - (uint64_t)at < (is_noisy(p) ? KEEP_NOISY_MS : KEEP_MS);
    }
    json_decref(j);
    az_free(run, path);
    return ok;
}

/* Not being able to keep it costs the next run three seconds, no more. */
static void keep(const az_probe *p, adze_run *run)
{
    char *folder = kept_path(p, run, true), *path = kept_path(p, run, false);
    json_t *j = json_pack("{s:s, s:s, s:I, s:f, s:o}", "fingerprint", p->fingerprint, "version",
                          adze_version(), "measured_unix_ms", (json_int_t)p->measured_unix_ms,
                          "load", p->load, "roof", az_ceiling_json(&p->ceiling));

    if (folder && path && j && az_mkdirs(run, folder, NULL) == ADZE_OK)
        az_json_write(run, j, path, NULL);
    json_decref(j);
    az_free(run, folder);
    az_free(run, path);
}

static void warn(az_probe *p)
{
    uint64_t llc = 0;

    for (size_t i = 0; i < p->n_caches; i++)
        if (p->caches[i].size_bytes > llc) llc = p->caches[i].size_bytes;
    if (p->ceiling.buffer_bytes < 2 * llc)
        az_probe_note(p,
                      "memory was read over %llu MB, less than twice the largest cache: part of it "
                      "may have come from there",
                      (unsigned long long)(p->ceiling.buffer_bytes / 1000000));
    if (p->load > 0.5 * p->usable)
        az_probe_note(p, "%.1f tasks were running on %d cores: the measured figures may be low",
                      p->load, p->usable);
    else if (is_noisy(p))
        az_probe_note(p, "the measured figures vary by more than 25 %%");
    if (p->battery && !p->on_mains)
        az_probe_note(p, "running on battery: the system may hold the clock down");
}

adze_status az_probe_run(az_probe *p, adze_run *run, const az_probe_opts *opts, adze_error *err)
{
    double load;
    adze_status rc;

    memset(p, 0, sizeof *p);
    rc = see(p, run, opts, err);
    if (rc < 0 || opts->no_measure) return rc;
    load = p->load;
    if (!opts->fresh && recall(p, run)) {
        p->from_cache = p->measured = true;
        warn(p);
        return ADZE_OK;
    }
    p->load = load;
    rc = az_ceiling_measure(&p->ceiling, run, p, p->usable_bytes, err);
    if (rc < 0) return rc;
    p->measured = true;
    p->measured_unix_ms = az_unix_ms(run);
    keep(p, run);
    warn(p);
    return ADZE_OK;
}
