/* Hostile GGUF files, classes G01 to G20: headers spelled byte by byte, edits of good files, sets of split files,
 * and every file cut off at every byte. */
#include "hostile/hostile.h"

/* Pieces of a header. */
#define HEAD(tensors, keys)        "'GGUF 4:3 8:" tensors " 8:" keys " "
#define K_STR(key, value)          "s:" key " 4:8 s:" value " "
#define K_U32(key, value)          "s:" key " 4:4 4:" value " "
#define K_ARR(key, elem, n)        "s:" key " 4:9 4:" elem " 8:" n " "
#define T_1D(name, n, type, at)    "s:" name " 4:1 8:" n " 4:" type " 8:" at " "
#define T_2D(name, a, b, type, at) "s:" name " 4:2 8:" a " 8:" b " 4:" type " 8:" at " "
#define ONE_KEY(items)             HEAD("0", "1") items
#define ONE_TENSOR(items, bytes)   HEAD("1", "0") items "pad z:" bytes
#define MAX64                      "0xffffffffffffffff"
#define TWO61                      "0x2000000000000000"
#define TWO62                      "0x4000000000000000"
#define TWO63                      "0x8000000000000000"

/* A vocabulary of three tokens and what goes with it: read by `adze tokenize`. */
#define VOCAB(model)                     \
    K_STR("tokenizer.ggml.model", model) \
    K_ARR("tokenizer.ggml.tokens", "8", "3") "s:<unk> s:a s:ab "
#define LLAMA(more_keys, items) HEAD("0", more_keys) VOCAB("llama") items
#define TOKENIZE                "tokenize CASE.gguf <good/config.json"
#define INSPECT                 "inspect CASE.gguf"

static const char *good(const char *recipe)
{
    const char *path;
    char name[64];
    adze_error err = { 0 };

    snprintf(name, sizeof name, "good-%s.gguf", recipe);
    path = fx_path(name);
    if (!az_exists(fx_run, path) &&
        az_convert(fx_run, fx_path("good"), path, &(az_convert_opts){ .recipe = recipe }, NULL,
                   &err) < 0)
        fail_msg("%s: %s", recipe, err.msg);
    return path;
}

/* Where an edit begins: behind a name in the header, or @tensor+offset in its data. */
static long place_of(const char *path, const char *data, size_t n, const char *word)
{
    char name[96];
    size_t len = strlen(word);

    if (word[0] == '@') {
        const char *plus = strchr(word, '+');
        adze_error err = { 0 };
        const az_tensor *t;
        adze_model *m;
        long at;
        snprintf(name, sizeof name, "%.*s", (int)(plus - word - 1), word + 1);
        assert_int_equal(adze_model_open(&m, fx_run, path, &err), ADZE_OK);
        t = az_model_tensor(m, name);
        if (!t) fail_msg("no tensor %s", name);
        at = (long)t->at_bytes + strtol(plus + 1, NULL, 0);
        adze_model_close(m);
        return at;
    }
    for (size_t i = 8; i + len < n; i++)
        if (memcmp(data + i, word, len) == 0 && (unsigned char)data[i - 8] == len && !data[i - 7])
            return (long)(i + len);
    fail_msg("%s is not in the file", word);
    return 0;
}

/* spec: "RECIPE PLACE items; PLACE items": a good file with bytes written over it. */
static void edit(const hs_case *c)
{
    char recipe[32], word[96];
    const char *s = c->spec;
    size_t n, len = strcspn(s, " ");
    char *data;
    FILE *f;

    snprintf(recipe, sizeof recipe, "%.*s", (int)len, s);
    data = fx_read(good(recipe), &n);
    fx_write(fx_path("case.gguf"), data, n);
    f = fopen(fx_path("case.gguf"), "r+b");
    assert_non_null(f);
    for (s += len; *s; s += *s == ';') {
        char items[400];
        s += strspn(s, " ");
        len = strcspn(s, " ");
        snprintf(word, sizeof word, "%.*s", (int)len, s);
        s += len;
        len = strcspn(s, ";");
        snprintf(items, sizeof items, "%.*s", (int)len, s);
        s += len;
        assert_int_equal(fseek(f, place_of(good(recipe), data, n, word), SEEK_SET), 0);
        hs_put(f, items);
    }
    assert_int_equal(fclose(f), 0);
    az_free(fx_run, data);
}

static void whole(const hs_case *c)
{
    hs_write_spec(fx_path("case.gguf"), c->spec);
}

/* --- bulk ------------------------------------------------------------------------------------------------ */

/* 10^6 keys, or as many as spec's first number says, all of one name when the second is 0. */
static void many_keys(const hs_case *c)
{
    unsigned long n = 0, different = 0;
    FILE *f = hs_create(fx_path("case.gguf"));
    char item[96];

    assert_int_equal(sscanf(c->spec, "%lu %lu", &n, &different), 2);
    hs_put(f, "'GGUF 4:3 8:0 ");
    hs_le(f, n + 1, 8);
    hs_put(f, K_STR("general.architecture", "llama"));
    for (unsigned long i = 0; i < n; i++) {
        snprintf(item, sizeof item, "s:key.%07lu 4:4 4:1", different ? i * 7919 % n : 1);
        hs_put(f, item);
    }
    hs_close(f);
}

static void many_tensors(const hs_case *c)
{
    unsigned long n = 0, different = 0;
    FILE *f = hs_create(fx_path("case.gguf"));
    char item[96];

    assert_int_equal(sscanf(c->spec, "%lu %lu", &n, &different), 2);
    hs_put(f, "'GGUF 4:3 ");
    hs_le(f, n, 8);
    hs_le(f, 0, 8);
    for (unsigned long i = 0; i < n; i++) {
        snprintf(item, sizeof item, "s:t%07lu 4:1 8:0 4:0 8:0", different ? i : 1);
        hs_put(f, item);
    }
    hs_put(f, "pad");
    hs_close(f);
}

/* --- sets of split files: a good set in "case", spec says what is done to it --------------------------------- */

static void good_set(void)
{
    az_convert_opts opts = { .to = "gguf", .recipe = "f16", .split_bytes = 30000 };
    adze_error err = { 0 };

    assert_int_equal(mkdir(fx_path("case"), 0777), 0);
    if (az_convert(fx_run, fx_path("good"), fx_path("case/m.gguf"), &opts, NULL, &err) < 0)
        fail_msg("%s", err.msg);
}

/* Write items behind a key of a part. */
static void patch(const char *path, const char *key, const char *items)
{
    size_t n;
    char *data = fx_read(path, &n);
    FILE *f = fopen(path, "r+b");

    assert_non_null(f);
    assert_int_equal(fseek(f, place_of(path, data, n, key), SEEK_SET), 0);
    hs_put(f, items);
    assert_int_equal(fclose(f), 0);
    az_free(fx_run, data);
}

/* The set has six parts; the second is what most rows are about. */
#define PART(no) "case/m-0000" no "-of-00006.gguf"
#define SET(no)  "convert CASE/m-0000" no "-of-00006.gguf OUT/o.gguf"

static void split_set(const hs_case *c)
{
    static char first[512], second[512];
    const char *s = c->spec;
    char key[64];

    good_set();
    good("f16");
    strcpy(first, fx_path(PART("1")));
    strcpy(second, fx_path(PART("2")));
    assert_true(az_exists(fx_run, second));
    if (strchr(s, ' ')) {
        snprintf(key, sizeof key, "%.*s", (int)strcspn(s + 2, " "), s + 2);
        patch(s[0] == '1' ? first : second, key, s + 2 + strlen(key));
        return;
    }
    if (strcmp(s, "whole") == 0) return;
    assert_int_equal(unlink(second), 0);
    if (strcmp(s, "first") == 0) assert_int_equal(link(first, second), 0);
    if (strcmp(s, "itself") == 0) assert_int_equal(symlink(strrchr(second, '/') + 1, second), 0);
    if (strcmp(s, "pipe") == 0) assert_int_equal(mkfifo(second, 0600), 0);
    if (strcmp(s, "folder") == 0) assert_int_equal(mkdir(second, 0700), 0);
    if (strcmp(s, "empty") == 0) fx_write(second, "", 0);
    if (strchr(s, '/')) assert_int_equal(symlink(s, second), 0);
}

/* clang-format off */
static const hs_case cases[] = {
    { .class = "G01", "another magic", "'GGUX 4:3 8:0 8:0", "case.gguf|magic", .command = INSPECT },
    { .class = "G01", "the magic of older files", "'lmgg 4:3 8:0 8:0", "case.gguf|magic" },
    { .class = "G01", "version 0", "'GGUF 4:0 8:0 8:0", "version 0|at byte 4" },
    { .class = "G01", "version 1", "'GGUF 4:1 4:0 4:0 z:8", "version 1|at byte 4" },
    { .class = "G01", "version 4", "'GGUF 4:4 8:0 8:0", "version 4|at byte 4" },
    { .class = "G01", "version 2^32 - 1", "'GGUF 4:0xffffffff 8:0 8:0", "version 4294967295|at byte 4" },
    { .class = "G01", "the other byte order", "'GGUF 4:0x03000000 8:0 8:0", "big-endian|at byte 4" },
    { .class = "G01", "the magic and no more", "'GGUF", "file ends inside the header|at byte 4" },

    { .class = "G02", "2^63 tensors", HEAD(TWO63, "0"), "tensor count 9223372036854775808|at byte 8" },
    { .class = "G02", "2^64 - 1 tensors", HEAD(MAX64, "0"), "tensor count 18446744073709551615|at byte 8" },
    { .class = "G02", "more tensors than bytes", HEAD("1000000", "0") "z:1000", "tensor count 1000000|at byte 8" },
    { .class = "G02", "2^62 keys", HEAD("0", TWO62), "key count|at byte 16" },
    { .class = "G02", "2^64 - 1 keys", HEAD("0", MAX64), "key count|at byte 16" },
    { .class = "G02", "more keys than bytes", HEAD("0", "100") "z:1000", "key count 100|at byte 16" },
    { .class = "G02", "one tensor that is not there", HEAD("1", "0") "z:20", "tensor count 1|at byte 8" },
    { .class = "G02", "both counts 2^64 - 1", HEAD(MAX64, MAX64) "z:100", "tensor count|at byte 8" },
    { .class = "G02", "tensors that fit only a sparse file", HEAD("0x10000000", "0") "hole:0x200000000", "case.gguf|tensor count" },

    { .class = "G03", "a key of 2^64 - 1 bytes", ONE_KEY("8:" MAX64) " z:64", "beyond the end|at byte 24" },
    { .class = "G03", "a key of 2^63 bytes", ONE_KEY("8:" TWO63) " z:64", "beyond the end|at byte 24" },
    { .class = "G03", "a key one byte too long", ONE_KEY("8:17 z:16"), "beyond the end|at byte 24" },
    { .class = "G03", "a value of 2^64 - 1 bytes", ONE_KEY("s:a 4:8 8:" MAX64) "z:8", "a: string of|beyond the end|at byte 37" },
    { .class = "G03", "a value of 2^30 bytes", ONE_KEY("s:a 4:8 8:0x40000000") "z:8", "a: string of 1073741824 bytes|at byte 37" },
    { .class = "G03", "an element of 2^64 - 1 bytes", ONE_KEY(K_ARR("a", "8", "1") "8:" MAX64), "a: string of|at byte 49" },
    { .class = "G03", "an element one byte too long", ONE_KEY(K_ARR("a", "8", "1") "8:3 z:2"), "a: string of 3 bytes|at byte 49" },
    { .class = "G03", "a tensor's name of 2^64 - 1 bytes", HEAD("1", "0") "8:" MAX64 " z:64", "a tensor name|beyond the end|at byte 24" },

    { .class = "G04", "an array of 2^61 u64", ONE_KEY(K_ARR("a", "10", TWO61)) "z:64", "a: array of|beyond the end|at byte 37" },
    { .class = "G04", "an array of 2^61 + 1 f64", ONE_KEY(K_ARR("a", "12", "0x2000000000000001")) "z:64", "a: array of|at byte 37" },
    { .class = "G04", "an array of 2^63 u16", ONE_KEY(K_ARR("a", "2", TWO63)) "z:64", "a: array of|at byte 37" },
    { .class = "G04", "an array of 2^64 - 1 bytes", ONE_KEY(K_ARR("a", "0", MAX64)) "z:64", "a: array of|at byte 37" },
    { .class = "G04", "2^60 strings", ONE_KEY(K_ARR("a", "8", "0x1000000000000000")) "z:64", "a: array of|at byte 37" },
    { .class = "G04", "an array one element too long", ONE_KEY(K_ARR("a", "4", "3")) "z:8", "a: array of 3|at byte 37" },
    { .class = "G04", "an array of arrays", ONE_KEY(K_ARR("a", "9", "0")) "z:8", "a: arrays of arrays|at byte 37" },
    { .class = "G04", "an array of an unknown type", ONE_KEY(K_ARR("a", "99", "1")) "z:8", "a: unknown element type|at byte 37" },
    { .class = "G04", "10^9 bytes that a sparse file has", ONE_KEY(K_ARR("a", "0", "1000000000")) "hole:1000000000", "case.gguf|a: 1000000000 elements|at byte 37" },

    { .class = "G05", "scores as bytes", LLAMA("3", K_ARR("tokenizer.ggml.scores", "0", "3") "z:3"), "tokenizer.ggml.scores|32-bit float", .command = TOKENIZE },
    { .class = "G05", "scores as f64", LLAMA("3", K_ARR("tokenizer.ggml.scores", "12", "3") "z:24"), "tokenizer.ggml.scores|32-bit float", .command = TOKENIZE },
    { .class = "G05", "fewer scores than tokens", LLAMA("3", K_ARR("tokenizer.ggml.scores", "6", "2") "z:8"), "tokenizer.ggml.scores|32-bit float", .command = TOKENIZE },
    { .class = "G05", "types as floats", LLAMA("3", K_ARR("tokenizer.ggml.token_type", "6", "3") "z:12"), "tokenizer.ggml.token_type", .command = TOKENIZE },
    { .class = "G05", "types as strings", LLAMA("3", K_ARR("tokenizer.ggml.token_type", "8", "3") "s:1 s:1 s:1"), "tokenizer.ggml.token_type", .command = TOKENIZE },
    { .class = "G05", "tokens as numbers", HEAD("0", "2") K_STR("tokenizer.ggml.model", "llama") K_ARR("tokenizer.ggml.tokens", "4", "3") "z:12", "tokenizer.ggml.tokens", .command = TOKENIZE },
    { .class = "G05", "merges as numbers", HEAD("0", "4") VOCAB("gpt2") K_STR("tokenizer.ggml.pre", "gpt-2") K_ARR("tokenizer.ggml.merges", "5", "3") "z:12", "tokenizer.ggml.merges", .command = TOKENIZE },
    { .class = "G05", "a map of characters as floats", HEAD("0", "4") VOCAB("t5") K_ARR("tokenizer.ggml.precompiled_charsmap", "6", "3") "z:12 " K_ARR("tokenizer.ggml.token_type", "5", "3") "4:2 4:1 4:1", "precompiled_charsmap|array of bytes", .command = TOKENIZE },
    { .class = "G05", "heads as strings", HEAD("0", "5") K_STR("general.architecture", "llama") K_U32("llama.block_count", "1") K_U32("llama.embedding_length", "64") K_U32("llama.feed_forward_length", "64") K_ARR("llama.attention.head_count", "8", "1") "s:2", "llama.attention.head_count" },

    { .class = "G06", "the architecture as a number", HEAD("0", "1") K_U32("general.architecture", "7"), "general.architecture" },
    { .class = "G06", "layers as a float", "q8_0 llama.block_count 4:6 f4:1", "llama.block_count", .make = edit },
    { .class = "G06", "layers as a negative number", "q8_0 llama.block_count 4:5 4:-1", "llama.block_count", .make = edit },
    { .class = "G06", "epsilon as a number", "q8_0 llama.attention.layer_norm_rms_epsilon 4:4 4:7", "llama.attention.layer_norm_rms_epsilon", .make = edit },
    { .class = "G06", "width as a string", HEAD("0", "3") K_STR("general.architecture", "llama") K_U32("llama.block_count", "1") K_STR("llama.embedding_length", "64"), "llama.embedding_length" },
    { .class = "G06", "the tokenizer's model as a number", HEAD("0", "1") K_U32("tokenizer.ggml.model", "1"), "tokenizer.ggml.model", .command = TOKENIZE },
    { .class = "G06", "an alignment of 64 bits", HEAD("0", "1") "s:general.alignment 4:10 8:32", "general.alignment|u32" },
    { .class = "G06", "an unknown type of value", ONE_KEY("s:a 4:13 4:1") "z:8", "a: unknown value type|at byte 33" },
    { .class = "G06", "a boolean of 2", ONE_KEY("s:a 4:7 1:2") "z:8", "a: a boolean|at byte 37" },
    { .class = "G06", "a number where JSON belongs", HEAD("0", "1") K_U32("adze.tokenizer.pattern", "1"), "tokenizer", .command = TOKENIZE },

    { .class = "G06", "generation settings that are no JSON", ONE_KEY(K_STR("adze.generation_config", "{nope")) "pad", "case.gguf|JSON" },
    { .class = "G06", "an architecture that is not known", ONE_KEY(K_STR("general.architecture", "zebra9")) "pad", "zebra9" },
    { .class = "G06", "an architecture without its sizes", ONE_KEY(K_STR("general.architecture", "llama")) "pad", "llama." },

    { .class = "G07", "alignment 0", ONE_KEY(K_U32("general.alignment", "0")) "pad", "general.alignment|power of two" },
    { .class = "G07", "alignment 3", ONE_KEY(K_U32("general.alignment", "3")) "pad", "general.alignment|power of two" },
    { .class = "G07", "alignment 2^21", ONE_KEY(K_U32("general.alignment", "0x200000")) "pad", "general.alignment|power of two" },
    { .class = "G07", "alignment 2^31", ONE_KEY(K_U32("general.alignment", "0x80000000")) "pad", "general.alignment|power of two" },
    { .class = "G07", "alignment 2^63", ONE_KEY("s:general.alignment 4:10 8:" TWO63) " pad", "general.alignment|u32" },
    { .class = "G07", "alignment -32", ONE_KEY("s:general.alignment 4:5 4:-32") " pad", "general.alignment|u32" },
    { .class = "G07", "alignment as text", ONE_KEY(K_STR("general.alignment", "32")) "pad", "general.alignment|u32" },
    { .class = "G07", "alignment as an array", ONE_KEY(K_ARR("general.alignment", "4", "1") "4:32") " pad", "general.alignment|u32" },

    { .class = "G08", "5 dimensions", HEAD("1", "0") "s:a 4:5 8:32 8:1 8:1 8:1 8:1 4:0 8:0 pad z:128", "a: has more than 4|at byte 33" },
    { .class = "G08", "6 dimensions of zero", HEAD("1", "0") "s:a 4:6 z:64", "a: has more than 4|at byte 33" },
    { .class = "G08", "255 dimensions", HEAD("1", "0") "s:a 4:255 z:3000", "a: has more than 4|at byte 33" },
    { .class = "G08", "65536 dimensions", HEAD("1", "0") "s:a 4:65536 z:3000", "a: has more than 4|at byte 33" },
    { .class = "G08", "2^31 dimensions", HEAD("1", "0") "s:a 4:0x80000000 z:300", "a: has more than 4|at byte 33" },
    { .class = "G08", "2^32 - 1 dimensions", HEAD("1", "0") "s:a 4:0xffffffff z:300", "a: has more than 4|at byte 33" },

    { .class = "G09", "a negative dimension", ONE_TENSOR(T_1D("a", "-32", "0", "0"), "128"), "a: has a negative dimension|at byte 37" },
    { .class = "G09", "the least dimension", ONE_TENSOR(T_1D("a", TWO63, "0", "0"), "128"), "a: has a negative dimension|at byte 37" },
    { .class = "G09", "a second dimension of -1", ONE_TENSOR(T_2D("a", "32", "-1", "0", "0"), "128"), "a: has a negative dimension|at byte 45" },
    { .class = "G09", "a shape of no element", ONE_TENSOR(T_2D("a", "32", "0", "0", "0"), "0"), "case.gguf" },
    { .class = "G09", "a product of 2^80", ONE_TENSOR(T_2D("a", "0x10000000000", "0x10000000000", "0", "0"), "128"), "a: shape overflows" },
    { .class = "G09", "a product that wraps to 0", ONE_TENSOR(T_2D("a", "0x100000000", "0x100000000", "0", "0"), "128"), "a: shape overflows" },
    { .class = "G09", "four dimensions that wrap to 32", HEAD("1", "0") "s:a 4:4 8:32 8:0x1000000000000001 8:16 8:1 4:0 8:0 pad z:128", "a: shape overflows" },
    { .class = "G09", "half a block of q4_0", ONE_TENSOR(T_1D("a", "48", "2", "0"), "128"), "a: rows of 48|q4_0 blocks" },
    { .class = "G09", "half a block of q6_k", ONE_TENSOR(T_1D("a", "128", "14", "0"), "256"), "a: rows of 128|q6_k blocks" },
    { .class = "G09", "one element of mxfp4", ONE_TENSOR(T_1D("a", "1", "39", "0"), "256"), "a: rows of 1 |mxfp4 blocks" },

    { .class = "G10", "2^62 numbers of 8 bytes", ONE_TENSOR(T_2D("a", "0x80000000", "0x80000000", "28", "0"), "128"), "a: shape times element size overflows" },
    { .class = "G10", "2^61 numbers of 8 bytes", ONE_TENSOR(T_1D("a", TWO61, "27", "0"), "128"), "a: " },
    { .class = "G10", "2^62 floats", ONE_TENSOR(T_1D("a", TWO62, "0", "0"), "128"), "a: " },
    { .class = "G10", "2^62 floats in rows of 4", ONE_TENSOR(T_2D("a", "4", "0x1000000000000000", "0", "0"), "128"), "a: shape times element size overflows" },
    { .class = "G10", "q8_0 whose bytes pass 2^63", ONE_TENSOR(T_2D("a", "32", "0x400000000000000", "8", "0"), "128"), "a: shape" },
    { .class = "G10", "an exabyte over four megabytes", ONE_TENSOR(T_2D("a", "0x40000000", "0x10000000", "0", "0"), "4000000"), "a: |ends after the file" },
    { .class = "G10", "i64 that wraps to 8 bytes", ONE_TENSOR(T_1D("a", "0x2000000000000001", "27", "0"), "128"), "a: " },

    { .class = "G11", "three of 2^62 bytes", HEAD("3", "0") T_1D("a", "0x1000000000000000", "0", "0") T_1D("b", "0x1000000000000000", "0", TWO62) T_1D("c", "0x1000000000000000", "0", TWO63) "pad z:256", "b: tensor sizes overflow" },
    { .class = "G11", "a sum that wraps to 0", HEAD("4", "0") T_1D("a", "0x1000000000000000", "0", "0") T_1D("b", "0x1000000000000000", "0", TWO62) T_1D("c", "0x1000000000000000", "0", TWO63) T_1D("d", "0x1000000000000000", "0", "0xc000000000000000") "pad z:256", "overflow" },
    { .class = "G11", "padding that wraps", HEAD("1", "0") T_1D("a", "0x7fffffffffffffff", "24", "0") "pad z:256", "a: tensor sizes overflow" },
    { .class = "G11", "padding of a MiB that wraps", HEAD("1", "1") K_U32("general.alignment", "0x100000") T_1D("a", "0x7ffffffffff00001", "24", "0") "pad z:256", "a: tensor sizes overflow" },
    { .class = "G11", "a small one behind a huge one", HEAD("2", "0") T_1D("a", "0x7ffffffffffffff0", "24", "0") T_1D("b", "32", "0", "0x7ffffffffffffff0") "pad z:256", "overflow" },
    { .class = "G11", "a small one at the wrapped sum", HEAD("2", "0") T_1D("a", "0x7fffffffffffffe0", "24", "0") T_1D("b", "32", "0", "0x7fffffffffffffe0") "pad z:256", "b: tensor sizes overflow" },
    { .class = "G11", "sizes that end at 2^63 - 32", HEAD("1", "0") T_1D("a", "0x7fffffffffffffe0", "24", "0") "pad z:256", "a: |ends after the file" },

    { .class = "G12", "type -1", ONE_TENSOR(T_1D("a", "32", "0xffffffff", "0"), "128"), "a: has type id 4294967295|at byte 45" },
    { .class = "G12", "type 4, removed", ONE_TENSOR(T_1D("a", "32", "4", "0"), "128"), "a: has type id 4,|at byte 45" },
    { .class = "G12", "type 5, removed", ONE_TENSOR(T_1D("a", "32", "5", "0"), "128"), "a: has type id 5,|at byte 45" },
    { .class = "G12", "type 31, removed", ONE_TENSOR(T_1D("a", "32", "31", "0"), "128"), "a: has type id 31,|at byte 45" },
    { .class = "G12", "type 38, removed", ONE_TENSOR(T_1D("a", "32", "38", "0"), "128"), "a: has type id 38,|at byte 45" },
    { .class = "G12", "type 200", ONE_TENSOR(T_1D("a", "32", "200", "0"), "128"), "a: has type id 200,|at byte 45" },
    { .class = "G12", "type 2^31", ONE_TENSOR(T_1D("a", "32", "0x80000000", "0"), "128"), "a: has type id 2147483648|at byte 45" },

    { .class = "G13", "an offset past the end", ONE_TENSOR(T_1D("a", "32", "0", "4096"), "128"), "a: data offset is 4096|at byte 49" },
    { .class = "G13", "an offset of 2^63", ONE_TENSOR(T_1D("a", "32", "0", TWO63), "128"), "a: data offset is 9223372036854775808|at byte 49" },
    { .class = "G13", "an offset that wraps with its size", ONE_TENSOR(T_1D("a", "32", "0", "0xffffffffffffff80"), "128"), "a: data offset is|at byte 49" },
    { .class = "G13", "an offset that is not aligned", HEAD("2", "0") T_1D("a", "1", "0", "0") T_1D("b", "1", "0", "4") "pad z:64", "b: data offset is 4," },
    { .class = "G13", "an overlap", HEAD("2", "0") T_1D("a", "32", "0", "0") T_1D("b", "32", "0", "64") "pad z:256", "b: data offset is 64," },
    { .class = "G13", "the same bytes twice", HEAD("2", "0") T_1D("a", "32", "0", "0") T_1D("b", "32", "0", "0") "pad z:256", "b: data offset is 0," },
    { .class = "G13", "a hole", HEAD("2", "0") T_1D("a", "32", "0", "0") T_1D("b", "32", "0", "4096") "pad z:8192", "b: data offset is 4096," },
    { .class = "G13", "data that ends four bytes late", ONE_TENSOR(T_1D("a", "32", "0", "0"), "124"), "a: tensor of 128 bytes ends after" },
    { .class = "G13", "no data at all", HEAD("1", "0") T_1D("a", "32", "0", "0"), "a: tensor of 128 bytes ends after" },

    { .class = "G14", "a key twice", HEAD("0", "2") K_U32("a", "1") K_U32("a", "1"), "a: key appears twice" },
    { .class = "G14", "a key twice with other types", HEAD("0", "3") K_U32("a", "1") K_U32("b", "1") K_STR("a", "x"), "a: key appears twice" },
    { .class = "G14", "an alignment twice", HEAD("0", "2") K_U32("general.alignment", "32") K_U32("general.alignment", "64"), "general.alignment: key appears twice" },
    { .class = "G14", "a tensor's name twice", HEAD("2", "0") T_1D("a", "32", "0", "0") T_1D("a", "32", "0", "128") "pad z:256", "a: tensor appears twice" },
    { .class = "G14", "a name twice, once empty", HEAD("2", "0") T_1D("a", "0", "0", "0") T_1D("a", "32", "0", "0") "pad z:256", "a: tensor appears twice" },
    { .class = "G14", "8000 keys, read and told apart", "8000 1", "llama.", 0, many_keys },
    { .class = "G14", "10^6 keys", "1000000 1", "key count 1000001|at byte 16", 0, many_keys },
    { .class = "G14", "8000 times one key", "8000 0", "appears twice", 0, many_keys },
    { .class = "G14", "10^5 times one tensor", "100000 0", "t0000001: tensor appears twice", 0, many_tensors },
    { .class = "G14", "10^5 tensors", "100000 1", "case.gguf", 0, many_tensors },

    { .class = "G15", "a name of 64 bytes", HEAD("1", "0") "S:64 4:1 8:32 4:0 8:0 pad z:128", "1 to 63 bytes|at byte 24" },
    { .class = "G15", "a name of 64 kB", HEAD("1", "0") "S:65536 4:1 8:32 4:0 8:0 pad z:128", "1 to 63 bytes|at byte 24" },
    { .class = "G15", "no name", HEAD("1", "0") "s: 4:1 8:32 4:0 8:0 pad z:128", "1 to 63 bytes|at byte 24" },
    { .class = "G15", "a NUL in a name", HEAD("1", "0") T_1D("a%00b", "32", "0", "0") "pad z:128", "1 to 63 bytes|at byte 24" },
    { .class = "G15", "a name that leads elsewhere", HEAD("1", "1") K_STR("general.architecture", "llama") T_1D("../../etc/passwd", "32", "0", "0") "pad z:128", "case.gguf" },
    { .class = "G15", "a name with escapes for a terminal", HEAD("2", "0") T_1D("%1b[31mred", "32", "0", "0") T_1D("%1b[31mred", "32", "0", "128") "pad z:256", "[31mred|appears twice" },
    { .class = "G15", "no key", ONE_KEY(K_U32("", "1")) "pad", "key is empty|at byte 24" },
    { .class = "G15", "a NUL in a key", ONE_KEY(K_U32("a%00b", "1")) "pad", "NUL|at byte 24" },
    { .class = "G15", "a key with escapes for a terminal", ONE_KEY("s:%1b]0;x%07 4:99 4:1"), "unknown value type" },

    { .class = "G17", "no heads", "q8_0 llama.attention.head_count 4:4 4:0", "case.gguf|head_count", .make = edit },
    { .class = "G17", "2^31 heads", "q8_0 llama.attention.head_count 4:4 4:0x80000000", "case.gguf|head_count", .make = edit },
    { .class = "G17", "heads that do not divide", "q8_0 llama.attention.head_count_kv 4:4 4:3", "case.gguf|num_key_value_heads: 3 does not divide", .make = edit },
    { .class = "G17", "2^31 layers", "q8_0 llama.block_count 4:4 4:0x80000000", "case.gguf|block_count", .make = edit },
    { .class = "G17", "2^31 - 1 layers", "q8_0 llama.block_count 4:4 4:0x7fffffff", "case.gguf", .make = edit },
    { .class = "G17", "100000 layers", "q8_0 llama.block_count 4:4 4:100000", "case.gguf", .make = edit },
    { .class = "G17", "no layers", "q8_0 llama.block_count 4:4 4:0", "case.gguf|block_count", .make = edit },
    { .class = "G17", "another width", "q8_0 llama.embedding_length 4:4 4:96", "case.gguf|the config asks for", .make = edit },
    { .class = "G17", "a width of 2^32 - 1", "q8_0 llama.embedding_length 4:4 4:0xffffffff", "case.gguf", .make = edit },
    { .class = "G17", "another feed-forward", "q8_0 llama.feed_forward_length 4:4 4:160", "the config asks for", .make = edit },
    { .class = "G17", "no context", "q8_0 llama.context_length 4:4 4:0", "case.gguf|context_length", .make = edit },
    { .class = "G17", "an epsilon that is no number", "q8_0 llama.attention.layer_norm_rms_epsilon 4:6 4:0x7fc00000", "layer_norm_rms_epsilon", .make = edit },
    { .class = "G17", "a frequency of zero", "q8_0 llama.rope.freq_base 4:6 f4:0", "freq_base", .make = edit },
    { .class = "G17", "a rotation wider than a head", "q8_0 llama.rope.dimension_count 4:4 4:4096", "case.gguf|rope", .make = edit },
    { .class = "G17", "experts that a dense model lacks", HEAD("0", "8") K_STR("general.architecture", "llama") K_U32("llama.block_count", "1") K_U32("llama.embedding_length", "64") K_U32("llama.feed_forward_length", "64") K_U32("llama.attention.head_count", "1") "s:llama.attention.layer_norm_rms_epsilon 4:6 f4:1e-5 " K_U32("llama.expert_count", "0xffffffff") K_U32("llama.expert_used_count", "0"), "case.gguf" },

    { .class = "G18", "65535 parts, a name for none", HEAD("0", "1") "s:split.count 4:2 2:65535", "split.count" },
    { .class = "G18", "a part beyond the last", HEAD("0", "3") "s:split.count 4:2 2:3 s:split.no 4:2 2:3 s:split.tensors.count 4:5 4:0", "split.count" },
    { .class = "G18", "a negative number of tensors", HEAD("0", "3") "s:split.count 4:2 2:3 s:split.no 4:2 2:0 s:split.tensors.count 4:5 4:-1", "split.count" },
    { .class = "G18", "a set under another name", HEAD("0", "3") "s:split.count 4:2 2:3 s:split.no 4:2 2:0 s:split.tensors.count 4:5 4:0", "split.count|does not end in -00001-of-00003.gguf" },
    { .class = "G18", "a middle part", "whole", "split.no|give the first, m-00001-of-00006.gguf", 2, split_set, SET("2") },
    { .class = "G18", "a part that is missing", "missing", "m-00002-of-00006.gguf", 3, split_set, SET("1") },
    { .class = "G18", "a part that is the first again", "first", "m-00002-of-00006.gguf|split.no", 3, split_set, SET("1") },
    { .class = "G18", "a part that links to itself", "itself", "m-00002-of-00006.gguf", 1, split_set, SET("1") },
    { .class = "G18", "a part that links to another folder", "../good-f16.gguf", "outside its folder", 3, split_set, SET("1") },
    { .class = "G18", "a part that links to a secret", "/etc/passwd", "outside its folder", 3, split_set, SET("1") },
    { .class = "G18", "a part that is a pipe", "pipe", "regular file", 3, split_set, SET("1") },
    { .class = "G18", "a part that is a folder", "folder", "regular file", 3, split_set, SET("1") },
    { .class = "G18", "an empty part", "empty", "m-00002-of-00006.gguf|file is empty", 3, split_set, SET("1") },
    { .class = "G18", "a part of another set", "2 split.count 4:2 2:9", "m-00002-of-00006.gguf|split.no", 3, split_set, SET("1") },
    { .class = "G18", "too few tensors", "1 split.tensors.count 4:5 4:3", "split.tensors.count|says 3", 3, split_set, SET("1") },

    { .class = "G19", "queries the other way round", "q8_0 blk.0.ffn_up.weight 4:2 8:128 8:64", "blk.0.ffn_up.weight|the config asks for", .make = edit },
    { .class = "G19", "a norm of two dimensions", "f32 blk.0.attn_q.weight 4:2 8:4096 8:1", "blk.0.attn_q.weight|the config asks for", .make = edit },
    { .class = "G19", "an embedding the other way round", "f32 token_embd.weight 4:2 8:300 8:64", "token_embd.weight|the config asks for", .make = edit },
    { .class = "G19", "keys as queries", "f32 blk.0.attn_k.weight 4:2 8:32 8:64", "blk.0.attn_k.weight|the config asks for", .make = edit },
    { .class = "G19", "integers for weights", "f32 blk.0.attn_v.weight 4:2 8:64 8:32 4:26", "blk.0.attn_v.weight|i32", .make = edit },
    { .class = "G19", "a row where a column belongs", "f32 blk.0.attn_output.weight 4:2 8:1 8:4096", "blk.0.attn_output.weight|the config asks for", .make = edit },
    { .class = "G19", "rows of no column", "f32 blk.0.ffn_down.weight 4:2 8:0 8:8192", "case.gguf", .make = edit },

    { .class = "G20", "a scale of q8_0 that is no number", "q8_0 @blk.0.ffn_up.weight+0 2:0x7e00", "blk.0.ffn_up.weight: element 0 |is not a number", .make = edit },
    { .class = "G20", "an infinite scale of q8_0", "q8_0 @blk.0.ffn_up.weight+34 2:0x7c00", "blk.0.ffn_up.weight: element ", .make = edit },
    { .class = "G20", "a scale of q4_0 that is no number", "q4_0 @blk.0.ffn_down.weight+0 2:0x7fff", "blk.0.ffn_down.weight: element 0 |is not a number", .make = edit, .command = "convert CASE.gguf OUT/o.gguf -r q8_0" },
    { .class = "G20", "a minimum of q4_1 that is no number", "q4_1 @blk.0.ffn_down.weight+2 2:0xfe00", "blk.0.ffn_down.weight: element 0 |is not a number", .make = edit },
    { .class = "G20", "a negative infinite scale of q5_0", "q5_0 @blk.0.attn_q.weight+22 2:0xfc00", "blk.0.attn_q.weight: element ", .make = edit },
    { .class = "G20", "an infinite minimum of q5_1", "q5_1 @blk.0.attn_q.weight+26 2:0x7c00", "blk.0.attn_q.weight: element ", .make = edit },
    { .class = "G20", "an infinite scale of iq4_nl", "iq4_nl @blk.0.attn_v.weight+18 2:0xfc00", "blk.0.attn_v.weight: element ", .make = edit },
    { .class = "G20", "an f16 that is no number", "f16 @blk.0.attn_q.weight+128 2:0x7e01", "blk.0.attn_q.weight: element 64 |is not a number", .make = edit },
    { .class = "G20", "an f16 that is no number, run", "f16 @blk.0.attn_q.weight+128 2:0x7e01", "logits are not numbers", .make = edit, .command = "generate CASE.gguf -p a -n 2 --greedy" },
    { .class = "G20", "an infinite scale of q8_0, run", "q8_0 @blk.0.ffn_down.weight+0 2:0x7c00", "logits are not numbers", .make = edit, .command = "generate CASE.gguf -p a -n 2 --greedy" },
};
/* clang-format on */

/* --- G16 -------------------------------------------------------------------------------------------------- */

/* Little files of each kind: header only, keys of all types, tensors of several types, a set's part, a tokenizer. */
static const char *const little[] = {
    HEAD("0", "0"),
    HEAD("0", "4") K_STR("a", "text") K_U32("b", "1") "s:c 4:12 8:1 s:d 4:7 1:1",
    HEAD("0", "3")
        K_ARR("a", "8", "3") "s:x s: s:yz " K_ARR("b", "3", "2") "2:1 2:2 " K_ARR("c", "10", "0"),
    HEAD("1", "1") K_STR("general.architecture", "llama") T_1D("a", "32", "0", "0") "pad z:128",
    HEAD("2", "1") K_U32("general.alignment", "64") T_1D("a", "32", "8", "0")
        T_2D("b", "32", "2", "2", "64") "pad z:32 z:100",
    "'GGUF 4:2 8:1 8:0 " T_2D("a", "256", "1", "12", "0") "pad z:144",
    HEAD("0", "3") VOCAB("llama") K_ARR("tokenizer.ggml.scores", "6", "3") "z:12",
};

/* Cut anywhere, a file of these is not whole: opening it fails with its name, a place, and no model. */
static void cut_everywhere(void **state)
{
    const char *path = fx_path("case.gguf");

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(little); i++) {
        adze_error err = { .pos = ADZE_NOPOS };
        adze_model *m;
        size_t size;
        hs_write_spec(path, little[i]);
        if (adze_model_open(&m, fx_run, path, &err) < 0) fail_msg("file %zu: %s", i, err.msg);
        adze_model_close(m);
        az_free(fx_run, fx_read(path, &size));
        for (size_t n = size; n-- > 0;) {
            adze_status rc;
            err = (adze_error){ .pos = ADZE_NOPOS };
            assert_int_equal(truncate(path, (off_t)n), 0);
            rc = adze_model_open(&m, fx_run, path, &err);
            if (rc != ADZE_EFORMAT || m || !err.msg[0] || strcmp(err.path, path) != 0 ||
                (n && err.pos == ADZE_NOPOS) || (err.pos != ADZE_NOPOS && err.pos > size))
                fail_msg("file %zu cut to %zu bytes: status %d, %s at %lld", i, n, rc, err.msg,
                         (long long)err.pos);
        }
    }
}

static const hs_table table = { cases,  AZ_COUNT(cases), "G01",
                                "G20",  whole,           "convert CASE.gguf OUT/o.gguf -r q3_k_s",
                                INSPECT };

static void hostile_files(void **state)
{
    (void)state;
    hs_check_table(&table);
}

static void classes_are_complete(void **state)
{
    static const char *const cut[AZ_COUNT(little)] = { "G16", "G16", "G16", "G16",
                                                       "G16", "G16", "G16" };

    (void)state;
    hs_check_classes(&table, cut, AZ_COUNT(cut));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_are_complete),
        cmocka_unit_test(cut_everywhere),
        cmocka_unit_test(hostile_files),
    };

    return cmocka_run_group_tests(tests, fx_start, fx_stop);
}
