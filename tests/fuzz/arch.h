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

/* Names there and back: of the file's tensors, and of the graph's weights in a folder. */
static inline void arch_names(const az_arch *arch, const adze_model *m, const az_graph *g)
{
    const az_tensor_map *map;
    char name[256];

    for (size_t i = 0; i < m->n_tensors; i++)
        if (az_arch_canonical(arch, m, m->tensors[i].name, name, sizeof name, &map))
            fuzz_want(map != NULL && name[0], "a name that is known is in the map");
    for (int i = 0; i < g->n_weights; i++) {
        const az_tensor *t = az_arch_tensor(arch, m, g->weights[i].name, &map);
        fuzz_want(!t || map, "a tensor that is found is in the map");
        const az_tensor_map *row = az_arch_row(arch, g->weights[i].name, 0);
        if (row)
            az_arch_source_name(arch, row, g->weights[i].name, g->weights[i].experts ? 1 : 0, name,
                                sizeof name);
        if (row) az_arch_other_half(arch, row, g->weights[i].name, name, sizeof name);
    }
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
        arch_names(arch, m, &g);
        fuzz_want(az_arch_of_folder(arch, m, &c) != NULL, "a folder has an architecture");
        arch_rope(&c.rope);
        if (c.has_rope_sliding) arch_rope(&c.rope_sliding);
    }
    az_arena_deinit(&arena);
}

#endif
