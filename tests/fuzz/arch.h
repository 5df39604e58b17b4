/* What a model's config leads to: the architecture, its graph, the check of its tensors, the config in the other format. */
#ifndef AZ_TESTS_FUZZ_ARCH_H
#define AZ_TESTS_FUZZ_ARCH_H

#include "arch/arch.h"
#include "fuzz.h"

static inline void arch_documents(const az_arch *arch, adze_model *m, const az_config *c,
                                  az_arena *arena)
{
    adze_error err = { .pos = ADZE_NOPOS };
    az_extra_tensor extra[AZ_MAX_EXTRA];
    az_kvs kv = { .arena = arena };
    json_t *config = NULL;
    size_t n = 0;

    az_arch_gguf_note(arch, c);
    fuzz_status(az_arch_gguf_keys(arch, c, &kv, &err), &err);
    fuzz_status(az_arch_extra_tensors(arch, m, c, extra, &n, &err), &err);
    fuzz_want(n <= AZ_MAX_EXTRA, "no more tensors than there is room for");
    if (!m->config) {
        adze_status rc = az_arch_hf_config(arch, m, c, &config, &err);
        fuzz_status(rc, &err);
        fuzz_want((rc == ADZE_OK) == (config != NULL), "a config with success, and only then");
        json_decref(config);
    }
}

/* Angles for a short and a long sequence are numbers. */
static inline void arch_rope(const az_rope *r)
{
    static const int64_t lengths[] = { 1, 1 << 20 };
    float *inv = r->dims > 0 && r->dims <= 65536 ? malloc((size_t)r->dims * sizeof *inv) : NULL;

    for (int k = 0; inv && k < 2; k++) {
        az_rope_frequencies(r, lengths[k], inv);
        for (int i = 0; i < r->dims / 2; i++)
            fuzz_want(inv[i] == inv[i], "an angle is a number");
        fuzz_want(az_rope_factor(r, lengths[k]) == az_rope_factor(r, lengths[k]),
                  "and so is its factor");
    }
    free(inv);
}

static inline void arch_use(adze_model *m)
{
    adze_error err = { .pos = ADZE_NOPOS };
    const az_arch *arch = NULL;
    az_arena arena;
    az_config c;
    az_graph g;
    adze_status rc = az_arch_of(m, &arch, &c, &err);

    fuzz_status(rc, &err);
    adze_model_arch(m);
    if (rc < 0) return;
    fuzz_want(arch != NULL, "an architecture with success");
    az_arena_init(&arena, fuzz_run);
    rc = az_arch_build(arch, &c, &arena, &g, &err);
    fuzz_status(rc, &err);
    if (rc == ADZE_OK) {
        fuzz_status(az_arch_check(arch, m, &g, &err), &err);
        arch_documents(arch, m, &c, &arena);
        arch_rope(&c.rope);
        if (c.has_rope_sliding) arch_rope(&c.rope_sliding);
    }
    az_arena_deinit(&arena);
}

#endif
