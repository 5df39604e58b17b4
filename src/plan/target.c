/* Declared targets: finding the file, loading it by its schema, and checking what a schema cannot.
 *
 * Checked here: finite figures of the right sign, sources that exist, a derivation for every estimate,
 * the name. A figure that fails is named by its place in the file, such as "cpu.clock_ghz".
 */
#include "plan/target.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/datadir.h"
#include "plan/target_schema.h"

enum { FILE_MAX_BYTES = 64 * 1024 };
#define EXACT_MAX 9007199254740992.0 /* 2^53: the largest double below which integers are exact */

typedef struct {
    const char *key;
    size_t at; /* offset of the az_declared in its struct */
} figure_place;

#define PLACE(type, member)             \
    {                                   \
#member, offsetof(type, member) \
    }

static const figure_place target_figures[] = {
    PLACE(az_target, cpu.performance_cores), PLACE(az_target, cpu.efficiency_cores),
    PLACE(az_target, cpu.clock_ghz),         PLACE(az_target, cpu.int8_gops),
    PLACE(az_target, cpu.f32_gflops),        PLACE(az_target, memory.bytes),
    PLACE(az_target, memory.bandwidth_gb_s), PLACE(az_target, memory.usable_fraction),
    PLACE(az_target, storage.bytes),         PLACE(az_target, power.watts),
    PLACE(az_target, app.bundle_mb),
};
static const figure_place accelerator_figures[] = {
    PLACE(az_accelerator, int8_tops),      PLACE(az_accelerator, f16_tflops),
    PLACE(az_accelerator, f32_tflops),     PLACE(az_accelerator, memory_bytes),
    PLACE(az_accelerator, bandwidth_gb_s), PLACE(az_accelerator, watts),
};

const az_target_source *az_target_find_source(const az_target *t, const char *id)
{
    for (uint32_t i = 0; id && i < t->sources_count; i++)
        if (!strcmp(t->sources[i].id, id)) return &t->sources[i];
    return NULL;
}

static bool plain_name(const char *s)
{
    size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-");

    return n > 0 && n <= 64 && s[n] == 0;
}

static bool printable(const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f) return false;
    return true;
}

static adze_status check_origin(const az_target *t, const char *path, const char *key,
                                az_provenance from, const char *source, const char *note,
                                adze_error *err)
{
    if (!az_target_find_source(t, source))
        return az_fail_name(err, ADZE_EFORMAT, path, key, ADZE_NOPOS,
                            "its source '%s' is not in the list of sources", source);
    if (from == AZ_ESTIMATED && !note)
        return az_fail_name(err, ADZE_EFORMAT, path, key, ADZE_NOPOS,
                            "an estimate needs a note that says how it was derived");
    if (note && !printable(note))
        return az_fail_name(err, ADZE_EFORMAT, path, key, ADZE_NOPOS, "control byte in its note");
    return ADZE_OK;
}

static adze_status check_figures(const az_target *t, const char *path, const char *prefix,
                                 const void *base, const figure_place *places, size_t n,
                                 adze_error *err)
{
    for (size_t i = 0; i < n; i++) {
        const az_declared *d = (const az_declared *)((const char *)base + places[i].at);
        char key[96];
        adze_status rc;

        if (d->from == AZ_NONE) continue;
        snprintf(key, sizeof key, "%s%s", prefix, places[i].key);
        if (!isfinite(d->value) || d->value < 0 || d->value > EXACT_MAX)
            return az_fail_name(err, ADZE_EFORMAT, path, key, ADZE_NOPOS,
                                "%g is not a usable figure (0 to 2^53)", d->value);
        rc = check_origin(t, path, key, d->from, d->source, d->note, err);
        if (rc < 0) return rc;
    }
    return ADZE_OK;
}

static adze_status check_texts(const az_target *t, const char *path, adze_error *err)
{
    const char *texts[] = { t->title, t->cpu.vendor, t->cpu.model, t->cpu.isa,
                            t->storage.kind ? t->storage.kind : "" };

    for (size_t i = 0; i < AZ_COUNT(texts); i++)
        if (!printable(texts[i]))
            return az_fail(err, ADZE_EFORMAT, path, ADZE_NOPOS, "control byte in a text");
    for (uint32_t i = 0; i < t->sources_count; i++) {
        const az_target_source *s = &t->sources[i];

        if (az_target_find_source(t, s->id) != s)
            return az_fail_name(err, ADZE_EFORMAT, path, s->id, ADZE_NOPOS,
                                "two sources have this id");
        if (!printable(s->url) || !printable(s->title) || !printable(s->read))
            return az_fail_name(err, ADZE_EFORMAT, path, "sources", ADZE_NOPOS,
                                "control byte in a text");
    }
    for (uint32_t i = 0; i < t->connectivity_count; i++)
        if (!plain_name(t->connectivity[i]))
            return az_fail_name(err, ADZE_EFORMAT, path, "connectivity", ADZE_NOPOS,
                                "entry %u is not a plain lower-case word", i + 1);
    for (uint32_t i = 0; i < t->cpu.features.list_count; i++)
        if (!printable(t->cpu.features.list[i]))
            return az_fail_name(err, ADZE_EFORMAT, path, "cpu.features", ADZE_NOPOS,
                                "control byte in entry %u", i + 1);
    return ADZE_OK;
}

static adze_status check_accelerators(const az_target *t, const char *path, adze_error *err)
{
    for (uint32_t i = 0; i < t->accelerators_count; i++) {
        const az_accelerator *a = &t->accelerators[i];
        char prefix[48];
        adze_status rc;

        snprintf(prefix, sizeof prefix, "accelerators[%u].", i);
        if (!plain_name(a->kind) || !plain_name(a->vendor) || !printable(a->name))
            return az_fail_name(err, ADZE_EFORMAT, path, prefix, ADZE_NOPOS,
                                "kind and vendor are plain lower-case words");
        rc = check_figures(t, path, prefix, a, accelerator_figures, AZ_COUNT(accelerator_figures),
                           err);
        if (rc < 0) return rc;
    }
    return ADZE_OK;
}

static adze_status check_target(const az_target *t, const char *path, adze_error *err)
{
    adze_status rc;

    if (t->format != 1)
        return az_fail_name(err, ADZE_EUNSUP, path, "format", ADZE_NOPOS,
                            "%u is not a known format of target files (known: 1)", t->format);
    if (!plain_name(t->name))
        return az_fail_name(err, ADZE_EFORMAT, path, "name", ADZE_NOPOS,
                            "a name has lower-case letters, digits and '-'");
    rc = check_texts(t, path, err);
    if (rc < 0) return rc;
    rc = check_figures(t, path, "", t, target_figures, AZ_COUNT(target_figures), err);
    if (rc < 0) return rc;
    if (t->memory.bytes.value < 1)
        return az_fail_name(err, ADZE_EFORMAT, path, "memory.bytes", ADZE_NOPOS,
                            "a device without memory runs nothing");
    if (t->memory.usable_fraction.from != AZ_NONE &&
        !(t->memory.usable_fraction.value > 0 && t->memory.usable_fraction.value <= 1))
        return az_fail_name(err, ADZE_EFORMAT, path, "memory.usable_fraction", ADZE_NOPOS,
                            "must be above 0 and at most 1");
    if (t->cpu.features.from != AZ_NONE) {
        const az_declared_list *f = &t->cpu.features;

        rc = check_origin(t, path, "cpu.features", f->from, f->source, f->note, err);
        if (rc < 0) return rc;
    }
    return check_accelerators(t, path, err);
}

adze_status az_target_parse(az_target **out, adze_run *run, const char *path, const char *text,
                            size_t n, adze_error *err)
{
    void *object = NULL;
    adze_status rc;

    *out = NULL;
    rc = az_yaml_parse(run, path, text, n, &az_target_schema, &object, err);
    if (rc < 0) goto done;
    rc = check_target(object, path, err);
    if (rc < 0) goto done;
    *out = object;
    object = NULL;
done:
    az_target_free(run, object);
    return rc;
}

void az_target_free(adze_run *run, az_target *t)
{
    if (t) az_yaml_free(run, &az_target_schema, t);
}

static bool is_path(const char *name)
{
    size_t n = strlen(name);

    return strchr(name, '/') || (n > 5 && !strcmp(name + n - 5, ".yaml"));
}

static adze_status load_file(az_target **out, adze_run *run, const char *path, adze_error *err)
{
    char *text = NULL;
    size_t n = 0;
    adze_status rc;

    rc = az_read_file(run, path, FILE_MAX_BYTES, &text, &n, err);
    if (rc < 0) goto done;
    rc = az_target_parse(out, run, path, text, n, err);
done:
    az_free(run, text);
    return rc;
}

adze_status az_target_load(az_target **out, adze_run *run, const char *name, adze_error *err)
{
    char *dir = NULL, *path = NULL;
    adze_status rc;

    *out = NULL;
    if (is_path(name)) return load_file(out, run, name, err);
    if (!plain_name(name))
        return az_fail_name(err, ADZE_EINVAL, NULL, name, ADZE_NOPOS,
                            "not a target's name (lower-case letters, digits, '-') nor a path");
    rc = az_data_path(&dir, run, "targets", err);
    if (rc < 0) goto done;
    path = az_asprintf(run, "%s/%s.yaml", dir, name);
    if (!path) {
        rc = az_fail_nomem(err, "naming a target file");
        goto done;
    }
    if (!az_exists(run, path)) {
        rc = az_fail_name(err, ADZE_ENOENT, dir, name, ADZE_NOPOS,
                          "no such target; `adze plan --list` names those declared");
        goto done;
    }
    rc = load_file(out, run, path, err);
    if (rc < 0) goto done;
    if (strcmp((*out)->name, name) != 0) {
        rc = az_fail_name(err, ADZE_EFORMAT, path, "name", ADZE_NOPOS,
                          "'%s' is not the name of its file", (*out)->name);
        az_target_free(run, *out);
        *out = NULL;
    }
done:
    az_free(run, path);
    az_free(run, dir);
    return rc;
}

/* Keep the names that end in .yaml, without that ending. */
static size_t keep_targets(adze_run *run, char **names, size_t n)
{
    size_t kept = 0;

    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(names[i]);

        if (len > 5 && !strcmp(names[i] + len - 5, ".yaml")) {
            names[i][len - 5] = 0;
            names[kept++] = names[i];
        } else {
            az_free(run, names[i]);
        }
    }
    return kept;
}

adze_status az_target_names(adze_run *run, char ***names, size_t *n, adze_error *err)
{
    char *dir = NULL;
    adze_status rc;

    *names = NULL;
    *n = 0;
    rc = az_data_path(&dir, run, "targets", err);
    if (rc < 0) goto done;
    rc = az_list_dir(run, dir, names, n, err);
    if (rc < 0) goto done;
    *n = keep_targets(run, *names, *n);
done:
    az_free(run, dir);
    return rc;
}

static const char *name_of(const cyaml_strval_t *table, size_t n, int64_t value)
{
    for (size_t i = 0; i < n; i++)
        if (table[i].val == value) return table[i].str;
    return "other";
}

const char *az_target_kind_name(az_target_kind k)
{
    return name_of(az_target_kinds, az_target_kinds_count, (int64_t)k);
}

const char *az_os_name(az_os os)
{
    return name_of(az_os_names, az_os_names_count, (int64_t)os);
}
