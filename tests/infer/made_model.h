/* A golden model whose weights are made here, from the names and shapes of a JSON file that
 * tools/golden/make_arch_logits.py wrote; the formula is in that script. */
#ifndef AZ_TESTS_INFER_MADE_MODEL_H
#define AZ_TESTS_INFER_MADE_MODEL_H

#include "golden.h"
#include "base/json.h"
#include "format/format.h"

typedef struct made_spec {
    json_t *j;
    char path[160];
} made_spec;

static inline void made_read(made_spec *m, adze_run *run, const char *name)
{
    adze_error err = { 0 };

    snprintf(m->path, sizeof m->path, "tests/data/golden/archs/%s.json", name);
    ok(az_json_read(&m->j, run, m->path, 1 << 20, &err), &err);
}

static inline float made_uniform(uint64_t hash, uint64_t i)
{
    uint64_t z = hash + (i + 1) * 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return (float)((int64_t)(z >> 40) - (1 << 23)) / (float)(1 << 23);
}

static inline uint64_t made_hash(const char *name)
{
    uint64_t h = 0xcbf29ce484222325u;

    while (*name)
        h = (h ^ (unsigned char)*name++) * 0x100000001b3u;
    return h;
}

static inline void made_values(const char *name, const json_t *spec, float *x, size_t n)
{
    uint64_t hash = made_hash(name);
    float factor = (float)json_number_value(json_array_get(spec, 1));
    float offset = (float)json_number_value(json_array_get(spec, 2));

    for (size_t i = 0; i < n; i++) {
        float u = made_uniform(hash, i) * factor;
        x[i] = u + offset;
    }
}

static inline bool made_is_bytes(const json_t *spec)
{
    return json_array_size(spec) > 3;
}

static inline size_t made_count(const json_t *spec)
{
    size_t n = 1, i;
    json_t *dim;

    json_array_foreach(json_array_get(spec, 0), i, dim) n *= (size_t)json_integer_value(dim);
    return n;
}

/* Changes a tensor of n values of [rows][n / rows] before it is written; `all` has the others' specs. */
typedef void made_patch(const char *name, const json_t *spec, float *x, size_t n,
                        const json_t *all);

static inline void made_write(const made_spec *m, const char *folder, made_patch *patch)
{
    json_t *head = json_object(), *tensors = json_object_get(m->j, "tensors"), *spec;
    char path[256], *text;
    const char *name;
    size_t at = 0;
    uint64_t n;
    FILE *f;

    snprintf(path, sizeof path, "%s/config.json", folder);
    assert_int_equal(json_dump_file(json_object_get(m->j, "config"), path, 0), 0);
    json_object_foreach(tensors, name, spec)
    {
        size_t bytes = made_count(spec) * (made_is_bytes(spec) ? 1 : 4);
        json_object_set_new(head, name,
                            json_pack("{s:s, s:O, s:[I,I]}", "dtype",
                                      made_is_bytes(spec) ? "U8" : "F32", "shape",
                                      json_array_get(spec, 0), "data_offsets", (json_int_t)at,
                                      (json_int_t)(at + bytes)));
        at += bytes;
    }
    text = json_dumps(head, JSON_COMPACT);
    assert_non_null(text);
    n = (strlen(text) + 7) / 8 * 8;
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    f = fopen(path, "wb");
    assert_non_null(f);
    fwrite(&n, 8, 1, f);
    fprintf(f, "%-*s", (int)n, text);
    json_object_foreach(tensors, name, spec)
    {
        size_t count = made_count(spec);
        float *x = malloc(count * sizeof *x);
        assert_non_null(x);
        made_values(name, spec, x, count);
        if (patch) patch(name, spec, x, count, tensors);
        for (size_t i = 0; i < count && made_is_bytes(spec); i++)
            fputc((int)x[i], f);
        if (!made_is_bytes(spec)) assert_int_equal(fwrite(x, sizeof *x, count, f), count);
        free(x);
    }
    assert_int_equal(fclose(f), 0);
    free(text);
    json_decref(head);
}

/* A GGUF needs a vocabulary; the golden models have none of their own. */
static inline void made_tokenizer(const char *folder, int vocab)
{
    char path[256];
    FILE *f;

    snprintf(path, sizeof path, "%s/tokenizer.json", folder);
    f = fopen(path, "w");
    assert_non_null(f);
    fputs("{\"added_tokens\":[],\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"use_regex\":true},"
          "\"model\":{\"type\":\"BPE\",\"merges\":[],\"vocab\":{",
          f);
    for (int i = 0; i < vocab; i++)
        fprintf(f, "%s\"t%d\":%d", i ? "," : "", i, i);
    fputs("}}}", f);
    assert_int_equal(fclose(f), 0);
}

static inline size_t made_tokens(const json_t *list, int32_t **tokens)
{
    size_t n = json_array_size(list);

    *tokens = malloc(n * sizeof **tokens);
    assert_non_null(*tokens);
    for (size_t i = 0; i < n; i++)
        (*tokens)[i] = (int32_t)json_integer_value(json_array_get(list, i));
    return n;
}

/* max|a - b| / max|b| over the rows of a list; row(i) of a starts at a + at(i) * width. */
static inline double made_error(const json_t *rows, const json_t *at, const float *a)
{
    double off = 0, top = 0;
    json_t *row, *v;
    size_t i, k;

    json_array_foreach(rows, i, row)
    {
        size_t from = at ? (size_t)json_integer_value(json_array_get(at, i)) : i;
        json_array_foreach(row, k, v)
        {
            double b = json_number_value(v), d = a[from * json_array_size(row) + k] - b;
            d = d < 0 ? -d : d;
            if (!(d <= off)) off = d; /* a NaN sticks out */
            if (b < 0) b = -b;
            if (b > top) top = b;
        }
    }
    return off / top;
}

#endif
