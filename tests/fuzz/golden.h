/* Golden models of tests/data/golden/archs, as folders for seeds. */
#ifndef AZ_TESTS_FUZZ_GOLDEN_H
#define AZ_TESTS_FUZZ_GOLDEN_H

#include "fuzz.h"

static const char *const golden_archs[] = {
    "bert",  "gemma2", "gemma3", "gemma3_new", "gpt_oss", "granite",       "lfm2",        "mixtral",
    "olmoe", "phimoe", "qwen3",  "qwen3_moe",  "smollm3", "smollm3_usual", "xlm_roberta",
};

/* {"config", "tensors", ...}; NULL: not there. */
static inline json_t *golden_read(const char *name)
{
    char path[100], *text;
    json_t *j;
    size_t n;

    snprintf(path, sizeof path, "tests/data/golden/archs/%s.json", name);
    text = fuzz_read(path, &n);
    j = text ? json_loadb(text, n, 0, NULL) : NULL;
    free(text);
    return j;
}

/* "NAME+ZEROS\n" and the header of a safetensors with all tensors of a golden model. */
static inline char *golden_tensors(const json_t *all)
{
    json_t *head = json_object(), *spec, *dim;
    size_t at = 0, k;
    const char *name;
    char *text, *out;

    json_object_foreach((json_t *)(uintptr_t)all, name, spec)
    {
        size_t n = 4;
        json_array_foreach(json_array_get(spec, 0), k, dim) n *= (size_t)json_integer_value(dim);
        json_object_set_new(head, name,
                            json_pack("{s:s, s:O, s:[I, I]}", "dtype", "F32", "shape",
                                      json_array_get(spec, 0), "data_offsets", (json_int_t)at,
                                      (json_int_t)(at + n)));
        at += n;
    }
    text = json_dumps(head, JSON_COMPACT);
    out = malloc(strlen(text) + 100);
    sprintf(out, "%smodel.safetensors+%zu\n%s", FUZZ_NEXT, at, text);
    free(text);
    json_decref(head);
    return out;
}

#endif
