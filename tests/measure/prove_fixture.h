/* What the tests of the proof share: artifacts of the demo checkpoint, their bytes, and what a proof must say. */
#ifndef TESTS_PROVE_FIXTURE_H
#define TESTS_PROVE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <math.h>
#include "base/json.h"
#include "codec/codec.h"
#include "core/block.h"
#include "core/half.h"
#include "job/convert.h"
#include "job/prove.h"
#include "program.h"
#include "store/store.h"
#include "text/tokenizer.h"

static program p;
static adze_run *run;
static const char source[] = "demo/checkpoint";

enum {
    CHEAP = AZ_PROVE_TOKENS | AZ_PROVE_TEMPLATE | AZ_PROVE_CONFIG,
    ALL_BUT_LOGITS = CHEAP | AZ_PROVE_WEIGHTS
};

static inline const char *path_of(const char *name)
{
    static char paths[8][128];
    static unsigned next;
    char *s = paths[next++ % 8];

    snprintf(s, sizeof paths[0], "%s/%s", p.dir, name);
    return s;
}

/* Convert src after `change` had its way with what was read of it. */
static inline void convert(const char *src, const char *name, const char *recipe,
                           void (*change)(adze_model *m))
{
    az_convert_opts o = { .recipe = recipe };
    adze_error err = { 0 };
    adze_model *m = NULL;

    assert_int_equal(adze_model_open(&m, run, src, &err), ADZE_OK);
    if (change) change(m);
    if (az_convert_model(run, m, path_of(name), &o, NULL, &err) != ADZE_OK)
        fail_msg("%s: %s: %s", name, err.name, err.msg);
    adze_model_close(m);
}

static inline int set_up(void **state)
{
    adze_error err;

    (void)state;
    program_open(&p);
    assert_int_equal(adze_run_new(&run, &(adze_run_opts){ .threads = 2 }, &err), ADZE_OK);
    convert(source, "bf16.gguf", "keep", NULL);
    convert(source, "q8_0.gguf", "q8_0", NULL);
    return 0;
}

static inline int tear_down(void **state)
{
    int failures = p.failures;

    (void)state;
    adze_run_free(run);
    program_close(&p);
    return failures;
}

static inline az_proof *prove(const char *ref, const char *model, unsigned parts)
{
    az_prove_opts o = { .parts = parts };
    adze_error err = { .pos = ADZE_NOPOS };
    az_proof *proof = NULL;

    if (az_prove_paths(&proof, NULL, run, ref, model, NULL, &o, &err) != ADZE_OK)
        fail_msg("%s: %s: %s", model, err.name, err.msg);
    return proof;
}

static inline void print(const az_proof *proof)
{
    for (size_t i = 0; i < proof->n; i++)
        if (proof->items[i].verdict != AZ_EQUAL)
            print_message("%s %s: %s: %s\n", proof->items[i].part, proof->items[i].name,
                          az_finding_name(proof->items[i].verdict),
                          proof->items[i].where ? proof->items[i].where : "");
}

static inline const az_proof_item *item(const az_proof *proof, const char *part, const char *name)
{
    for (size_t i = 0; i < proof->n; i++)
        if (strcmp(proof->items[i].part, part) == 0 && strcmp(proof->items[i].name, name) == 0)
            return &proof->items[i];
    return NULL;
}

static inline void holds(const char *ref, const char *model, unsigned parts, az_finding worst)
{
    az_proof *proof = prove(ref, model, parts);

    if (!az_proof_holds(proof) || az_proof_worst(proof, NULL) != worst) {
        print(proof);
        fail_msg("%s against %s: %s", model, ref, az_finding_name(az_proof_worst(proof, NULL)));
    }
    az_proof_free(proof);
}

/* The item is different and says where; nothing in another part is. */
static inline void found(const char *ref, const char *model, unsigned parts, const char *part,
                         const char *name, const char *where)
{
    az_proof *proof = prove(ref, model, parts);
    const az_proof_item *it = item(proof, part, name);

    if (!it || it->verdict != AZ_DIFFERENT || !it->where || !strstr(it->where, where)) {
        print(proof);
        fail_msg("%s: %s %s is not different at \"%s\"", model, part, name, where);
    }
    for (size_t i = 0; i < proof->n; i++)
        if (strcmp(proof->items[i].part, "weights") == 0 && &proof->items[i] != it &&
            strcmp(part, "weights") == 0)
            assert_true(proof->items[i].verdict <= AZ_WITHIN);
    az_proof_free(proof);
}

static inline void copy_file(const char *from, const char *to)
{
    char command[400];

    snprintf(command, sizeof command, "cp %s %s", from, to);
    assert_int_equal(system(command), 0);
}

static inline az_tensor tensor_of(const char *path, const char *name)
{
    adze_error err;
    adze_model *m = NULL;
    az_tensor t;

    assert_int_equal(adze_model_open(&m, run, path, &err), ADZE_OK);
    assert_non_null(az_model_tensor(m, name));
    t = *az_model_tensor(m, name);
    adze_model_close(m);
    return t;
}

static inline void get(const char *path, uint64_t at, void *data, size_t n)
{
    FILE *f = fopen(path, "rb");

    assert_non_null(f);
    assert_int_equal(fseek(f, (long)at, SEEK_SET), 0);
    assert_int_equal(fread(data, 1, n, f), n);
    fclose(f);
}

static inline void put(const char *path, uint64_t at, const void *data, size_t n)
{
    FILE *f = fopen(path, "r+b");

    assert_non_null(f);
    assert_int_equal(fseek(f, (long)at, SEEK_SET), 0);
    assert_int_equal(fwrite(data, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

/* A fresh copy of one of the files that set_up made; row r of a tensor in it. */
static inline const char *fresh(const char *of)
{
    const char *path = path_of("b.gguf");

    copy_file(path_of(of), path);
    return path;
}

#endif
