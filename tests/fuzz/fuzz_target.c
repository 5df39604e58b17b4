/* Target profiles: YAML. */
#include <math.h>

#include "fuzz.h"
#include "plan/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    adze_error err = { .pos = ADZE_NOPOS };
    az_target *t;
    adze_status rc;

    fuzz_begin();
    rc = az_target_parse(&t, fuzz_run, "a.yaml", (const char *)data, n, &err);
    fuzz_status(rc, &err);
    fuzz_want((rc == ADZE_OK) == (t != NULL), "a target with success, and only then");
    if (t) {
        fuzz_want(t->name && t->memory.bytes.value >= 1 && isfinite(t->memory.bytes.value),
                  "a target has a name and memory");
        fuzz_want(az_target_kind_name(t->kind) && az_os_name(t->os), "kinds have names");
        for (uint32_t i = 0; i < t->accelerators_count; i++)
            fuzz_want(t->accelerators[i].kind && t->accelerators[i].vendor &&
                          t->accelerators[i].name,
                      "accelerators have names");
    }
    az_target_free(fuzz_run, t);
    if (n % 8 == 7) {
        char name[64];
        snprintf(name, sizeof name, "%.*s", n < 60 ? (int)n : 60, n ? (const char *)data : "");
        if (!strchr(name, '/')) {
            rc = az_target_load(&t, fuzz_run, name, &err);
            fuzz_status(rc, &err);
            az_target_free(fuzz_run, t);
        }
    }
    if (n % 8 == 0) {
        rc = az_target_load(&t, fuzz_run, fuzz_file("a.yaml", data, n), &err);
        fuzz_status(rc, &err);
        az_target_free(fuzz_run, t);
    }
    fuzz_end();
    return 0;
}

/* The first `was` of the text is `now`. */
static void changed(const char *text, const char *was, const char *now)
{
    const char *at = strstr(text, was);
    char *all;

    fuzz_want(at != NULL, "the seed can be changed");
    all = malloc(strlen(text) + strlen(now) + 1);
    if (!all) abort();
    sprintf(all, "%.*s%s%s", (int)(at - text), text, now, at + strlen(was));
    fuzz_variant(all, strlen(all));
    free(all);
}

#define FROM ", from: declared, source: s}\n"
static const char small[] =
    "format: 1\nname: dev\ntitle: A device\nkind: other\nos: linux\n"
    "cpu:\n  vendor: v\n  model: m\n  isa: x\n  features: {list: [neon], from: declared, source: "
    "s}\n"
    "  clock_ghz: {value: 2" FROM "memory:\n  bytes: {value: 8e9" FROM
    "  usable_fraction: {value: 0.5, from: estimated, source: s, note: half}\n"
    "accelerators:\n  - {kind: gpu, vendor: v, name: n, watts: {value: 3, from: declared, source: "
    "s}}\n"
    "connectivity: [wifi]\nsources:\n  - {id: s, url: u, title: t, read: 2026-01-01}\n";
static const char *const changes[][2] = {
    { "value: 2", "value: -2" },
    { "value: 2", "value: 1e300" },
    { "value: 2", "value: .nan" },
    { "value: 2", "value: nan" },
    { "value: 8e9", "value: 0.5" },
    { "value: 0.5", "value: 0" },
    { "value: 0.5", "value: 2" },
    { ", note: half", "" },
    { "note: half", "note: \"\\x01\"" },
    { "[neon]", "[\"\\x01\"]" },
    { "[neon]", "[]" },
    { "[wifi]", "[Wi Fi]" },
    { "url: u", "url: \"\\x02\"" },
    { "title: t", "title: \"\\x02\"" },
    { "read: 2026", "read: \"\\x02\" #" },
    { "name: dev", "name: Dev" },
    { "name: dev", "name: ''" },
    { "kind: gpu", "kind: G P U" },
    { "vendor: v, ", "vendor: V, " },
    { "name: n", "name: \"\\x7f\"" },
    { "A device", "\"\\x7f\"" },
    { "source: s", "source: q" },
    { "value: 3", "value: -3" },
    { "format: 1", "format: 2" },
    { "2026-01-01}\n", "x}\n  - {id: s, url: u, title: t, read: x}\n" },
    { "name: dev", "name: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" },
};

void fuzz_seeds(void)
{
    for (size_t i = 0; i < AZ_COUNT(changes); i++)
        changed(small, changes[i][0], changes[i][1]);
    fuzz_seed_lines(small);
    static const char *const files[] = { "jetson-orin-nano-super", "loihi-2-board", "pixel-9",
                                         "stm32n6-microcontroller", "raspberry-pi-5-8gb" };
    char path[100];
    size_t n;

    for (size_t i = 0; i < AZ_COUNT(files); i++) {
        char *text;
        snprintf(path, sizeof path, "data/targets/%s.yaml", files[i]);
        text = fuzz_read(path, &n);
        if (text && i < 2) fuzz_seed_lines(text);
        if (text && i >= 2) fuzz_seed_text(text);
        free(text);
    }
    fuzz_seed_text("pixel-9");
    fuzz_seed_text("no-such-device-");
    fuzz_seed_text("Pixel 9");
    fuzz_seed_text("");
    fuzz_seed("a\0b", 3);
    fuzz_seed_text("---\n");
    fuzz_seed_text("a: &x [1]\nb: *x\n");
    fuzz_seed_text("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[");
}
