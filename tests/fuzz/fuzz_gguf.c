/* GGUF files: header, keys, tensor table; several parts make a split model, "m-00001-of-00002.gguf" and so on. */
#include "fuzz.h"
#include "gguf.h"
#include "model.h"

static void check_key(const az_kvs *kvs, const az_kv *kv)
{
    const char *s = az_kv_string(kvs, kv->key);
    int64_t i = 0;
    double d = 0;
    bool b = false, is_int = az_kv_int(kvs, kv->key, &i);

    fuzz_want(az_kv_find(kvs, kv->key) == kv, "a key is found, and is there once");
    fuzz_want(!is_int || az_kv_float(kvs, kv->key, &d), "an integer is a number");
    fuzz_want(az_kv_bool(kvs, kv->key, &b) == (kv->type == AZ_KV_BOOL), "a flag is one");
    fuzz_want(!s || (kv->type == AZ_KV_STR && strlen(s) <= kv->v.str.n), "a text ends");
    if (kv->type != AZ_KV_ARR) return;
    fuzz_want(kv->elem == AZ_KV_STR || az_kv_elem_bytes(kv->elem) > 0, "elements have a size");
    for (uint64_t k = 0; kv->elem == AZ_KV_STR && k < kv->v.arr.n; k++) {
        const az_str *t = (const az_str *)kv->v.arr.data + k;
        fuzz_want(t->s[t->n] == 0, "strings of arrays end");
    }
}

/* All keys put into another list and looked at there. */
static void copy_keys(const az_kvs *kvs)
{
    az_arena arena;
    az_kvs to = { .arena = &arena };

    az_arena_init(&arena, fuzz_run);
    for (size_t i = 0; i < kvs->n; i++) {
        bool done = az_kv_put(&to, &kvs->items[i]);
        fuzz_want(done || fuzz_failing, "a key can be copied");
        if (!done) break;
        fuzz_want(to.items[to.n - 1].type == kvs->items[i].type && to.n == i + 1, "as it is");
    }
    while (to.n)
        az_kv_remove(&to, to.items[to.n / 2].key);
    az_arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    fuzz_part parts[5] = { 0 }, rest = { (const char *)data, n };
    const char *path = NULL;
    char name[40];
    adze_model *m;
    size_t count = 0;

    fuzz_begin();
    while (rest.s && count < 4)
        parts[count++] = fuzz_next(&rest);
    for (size_t i = count; i-- > 0;) {
        snprintf(name, sizeof name, count > 1 ? "m-%05zu-of-%05zu.gguf" : "m.gguf", i + 1, count);
        path = fuzz_file(name, parts[i].s ? parts[i].s : "", parts[i].n);
    }
    m = fuzz_open(path ? path : fuzz_file("m.gguf", "", 0), AZ_READ_ALL);
    for (size_t i = 0; m && i < m->kv.n; i++)
        check_key(&m->kv, &m->kv.items[i]);
    if (m) copy_keys(&m->kv);
    adze_model_close(m);
    fuzz_end();
    return 0;
}

static const uint64_t two[] = { 32, 2, 1, 1, 1 };

/* A key of every kind. */
static void all_kinds(az_buf *b)
{
    static const int bytes[] = { 1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8 };
    char key[16];

    gg_head(b, 3, 1, 26);
    for (int t = 0; t < 13; t++) {
        snprintf(key, sizeof key, "k%d", t);
        if (bytes[t])
            gg_num(b, key, (az_kv_type)t, 1, bytes[t]);
        else
            gg_text(b, key, "some text");
    }
    for (int t = 0; t < 13; t++) {
        az_kv_type elem = (az_kv_type)(t == AZ_KV_ARR ? AZ_KV_U8 : t);
        snprintf(key, sizeof key, "a%d", t);
        gg_list(b, key, elem, 2);
        for (int i = 0; i < 2; i++) {
            if (elem == AZ_KV_STR)
                gg_str(b, "s");
            else
                fuzz_le(b, 1, bytes[elem]);
        }
    }
    gg_tensor(b, "t", 2, two, 0, 0);
    gg_pad(b, 256);
}

static void documents(az_buf *b, const char *generation, const char *align_key, uint32_t align)
{
    gg_head(b, 3, 0, 5);
    gg_text(b, "general.architecture", "llama");
    gg_text(b, "tokenizer.chat_template", "{{ messages }}");
    gg_text(b, "adze.generation_config", generation);
    gg_num(b, align_key, AZ_KV_U32, align, 4);
    gg_text(b, "tokenizer.chat_template.tool_use", "{{ tools }}");
    gg_pad(b, 0);
}

static void one_tensor(az_buf *b, const char *name, uint32_t dims, const uint64_t *ne,
                       uint32_t type, uint64_t at, size_t data)
{
    gg_head(b, 3, 1, 0);
    gg_tensor(b, name, dims, ne, type, at);
    gg_pad(b, data);
}

/* One of `count` parts with one tensor. */
static void part(az_buf *b, uint64_t no, uint64_t count, uint64_t tensors, const char *name)
{
    gg_head(b, 3, 1, 3);
    gg_num(b, "split.no", AZ_KV_U16, no, 2);
    gg_num(b, "split.count", AZ_KV_U16, count, 2);
    gg_num(b, "split.tensors.count", AZ_KV_I32, tensors, 4);
    gg_tensor(b, name, 1, two, 0, 0);
    gg_pad(b, 128);
}

static void put(az_buf *b)
{
    fuzz_seed(b->data ? b->data : "", b->size);
    az_buf_clear(b);
}

static void tensors(az_buf *b)
{
    static const char name64[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    static const uint64_t negative[] = { (uint64_t)-32 }, wide[] = { (uint64_t)1 << 62, 4 },
                          none[] = { 32, 0 }, huge[] = { (uint64_t)1 << 40, (uint64_t)1 << 40, 0 },
                          odd[] = { 33 }, big[] = { (uint64_t)1 << 31, (uint64_t)1 << 31 },
                          empty[] = { (uint64_t)1 << 62, (uint64_t)1 << 62, 0, 8 };

    for (uint32_t type = 0; type < 42; type++) {
        one_tensor(b, "a", 2, (const uint64_t[]){ 256, 1 }, type, 0, 2048);
        put(b);
    }
    one_tensor(b, name64, 1, two, 0, 0, 128), put(b);
    one_tensor(b, "", 1, two, 0, 0, 128), put(b);
    one_tensor(b, "a", 0, two, 0, 0, 4), put(b);
    one_tensor(b, "a", 5, two, 0, 0, 256), put(b);
    one_tensor(b, "a", 1, negative, 0, 0, 128), put(b);
    one_tensor(b, "a", 2, wide, 0, 0, 128), put(b);
    one_tensor(b, "a", 2, none, 0, 0, 0), put(b);
    one_tensor(b, "a", 3, huge, 0, 0, 0), put(b);
    one_tensor(b, "a", 4, empty, 0, 0, 0), put(b);
    one_tensor(b, "a", 2, big, 28, 0, 0), put(b);
    one_tensor(b, "a", 1, odd, 2, 0, 64), put(b);
    one_tensor(b, "a", 1, two, 4000000000u, 0, 128), put(b);
    one_tensor(b, "a", 1, two, 0, 64, 256), put(b);
    one_tensor(b, "a", 1, two, 0, 0, 124), put(b);
    for (int same = 0; same < 3; same++) {
        gg_head(b, 3, 2, 0);
        gg_tensor(b, "a", 1, two, 0, 0);
        gg_tensor(b, same == 1 ? "a" : "b", 1, two, 0, same == 2 ? 0 : 128);
        gg_pad(b, 256);
        put(b);
    }
    gg_head(b, 3, 3, 0);
    for (uint64_t i = 0; i < 3; i++)
        gg_tensor(b,
                  i == 0   ? "a"
                  : i == 1 ? "b"
                           : "c",
                  1, (const uint64_t[]){ (uint64_t)1 << 60 }, 0, i << 62);
    gg_pad(b, 256);
    put(b);
}

static void keys(az_buf *b)
{
    static const struct {
        const char *key;
        az_kv_type type;
        uint64_t v;
        int bytes;
    } odd[] = { { "", AZ_KV_U32, 1, 4 },
                { "a", (az_kv_type)13, 1, 4 },
                { "a", AZ_KV_BOOL, 2, 1 },
                { "a", AZ_KV_STR, 1 << 30, 8 },
                { "general.alignment", AZ_KV_U64, 32, 8 },
                { "split.count", AZ_KV_U16, 3, 2 } };
    static const uint32_t aligns[] = { 32, 64, 3, 0, 1u << 31, 8 };
    static const char *const configs[] = { "{\"eos_token_id\":2}", "{nope", "[]" };

    for (size_t i = 0; i < AZ_COUNT(odd); i++) {
        gg_head(b, 3, 0, 1);
        gg_num(b, odd[i].key, odd[i].type, odd[i].v, odd[i].bytes);
        gg_pad(b, 0);
        put(b);
    }
    for (int i = 0; i < 5; i++) {
        gg_head(b, 3, 0, 1);
        gg_list(b, "a",
                i == 0   ? AZ_KV_ARR
                : i == 1 ? AZ_KV_U64
                : i == 2 ? AZ_KV_U8
                : i == 3 ? (az_kv_type)99
                         : AZ_KV_STR,
                i == 1 ? (uint64_t)1 << 61 : 1000);
        gg_pad(b, 0);
        put(b);
    }
    for (size_t i = 0; i < AZ_COUNT(aligns); i++)
        documents(b, configs[0], "general.alignment", aligns[i]), put(b);
    for (size_t i = 0; i < AZ_COUNT(configs); i++)
        documents(b, configs[i], "some.number", 1), put(b);
    documents(b, configs[0], "general.architecture", 1), put(b);
    gg_head(b, 3, 0, 1);
    fuzz_le(b, 3, 8), az_buf_put(b, "a\0b", 3), fuzz_le(b, AZ_KV_U32, 4), fuzz_le(b, 1, 4);
    put(b);
}

static void splits(az_buf *b)
{
    static const struct {
        uint64_t no, count, tensors;
        const char *name;
    } second[] = {
        { 1, 2, 2, "b" }, { 0, 2, 2, "b" }, { 1, 3, 2, "b" }, { 1, 2, 2, "a" }, { 1, 1, 2, "b" }
    };

    for (size_t i = 0; i < AZ_COUNT(second); i++) {
        part(b, 0, 2, 2, "a");
        az_buf_puts(b, FUZZ_NEXT);
        part(b, second[i].no, second[i].count, second[i].tensors, second[i].name);
        put(b);
    }
    for (int i = 0; i < 4; i++) {
        part(b, i == 1, i == 2 ? 3 : i == 3 ? 65535 : 2, i == 0 ? 5 : 2, "a");
        az_buf_puts(b, FUZZ_NEXT);
        part(b, 1, 2, 2, "b");
        put(b);
    }
    part(b, 0, 2, 2, "a"), put(b);
    part(b, 2, 2, 2, "a"), put(b);
}

void fuzz_seeds(void)
{
    static const uint32_t versions[] = { 2, 1, 4, 3u << 24, 0 };
    az_buf b;

    az_buf_init(&b, fuzz_run);
    all_kinds(&b);
    fuzz_seed_damaged(b.data, b.size, b.size, b.size);
    az_buf_clear(&b);
    for (size_t i = 0; i < AZ_COUNT(versions); i++)
        gg_head(&b, versions[i], 0, 0), gg_pad(&b, 0), put(&b);
    gg_head(&b, 3, (uint64_t)1 << 63, 0), put(&b);
    gg_head(&b, 3, 0, (uint64_t)1 << 62), put(&b);
    gg_head(&b, 3, 0, 2), gg_num(&b, "a", AZ_KV_U32, 1, 4), gg_num(&b, "a", AZ_KV_U32, 1, 4),
        put(&b);
    tensors(&b);
    keys(&b);
    splits(&b);
    az_buf_deinit(&b);
}
