/* Defects inside one file, each written byte by byte here: safetensors headers and GGUF headers. Then every file
 * of a model cut off at every byte. */
#include "fixture.h"

#include "core/kv.h"

/* --- safetensors: a header, then n bytes of zeros ------------------------------------------------------- */

#define T(name, dtype, shape, from, to)                                                            \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" from "," to "]" \
    "}"

static const struct {
    const char *what, *header;
    size_t data;
    adze_status want; /* ADZE_OK: must be read */
    const char *says;
} headers[] = {
    { "one tensor", "{" T("a", "F32", "[2]", "0", "8") "}", 8, ADZE_OK, "" },
    { "no tensor, spaces after", "{}\r\n \t", 0, ADZE_OK, "" },
    { "an empty tensor", "{" T("a", "I32", "[2,0]", "0", "0") "}", 0, ADZE_OK, "" },
    { "a scalar", "{" T("a", "F32", "[]", "0", "4") "}", 4, ADZE_OK, "" },
    { "data in another order than names",
      "{" T("a", "F32", "[1]", "4", "8") "," T("b", "F32", "[1]", "0", "4") "}", 8, ADZE_OK, "" },
    { "metadata", "{\"__metadata__\":{\"format\":\"pt\",\"\\u00e9\":\"\\ud83d\\ude00\"}}", 0,
      ADZE_OK, "" },
    { "an empty header", "", 0, ADZE_EFORMAT, "JSON object" },
    { "a list", "[]", 0, ADZE_EFORMAT, "JSON object" },
    { "an open object", "{", 0, ADZE_EFORMAT, "string was expected" },
    { "a byte 0xff", "\xff", 0, ADZE_EFORMAT, "JSON object" },
    { "a name that is not UTF-8", "{\"\xc3\x28\":1}", 0, ADZE_EFORMAT, "UTF-8" },
    { "an overlong name", "{\"\xc0\x80\":1}", 0, ADZE_EFORMAT, "UTF-8" },
    { "a surrogate as UTF-8", "{\"\xed\xa0\x80\":1}", 0, ADZE_EFORMAT, "UTF-8" },
    { "half a surrogate pair", "{\"\\ud800\":1}", 0, ADZE_EFORMAT, "escape" },
    { "a NUL in a name", "{\"a\\u0000b\":1}", 0, ADZE_EFORMAT, "escape" },
    { "an unknown escape", "{\"\\x\":1}", 0, ADZE_EFORMAT, "escape" },
    { "a line break in a name", "{\"a\nb\":1}", 0, ADZE_EFORMAT, "control character" },
    { "text after the object", "{} {}", 0, ADZE_EFORMAT, "bytes after the object" },
    { "a name twice", "{" T("a", "F32", "[1]", "0", "4") "," T("a", "F32", "[1]", "4", "8") "}", 8,
      ADZE_EFORMAT, "appears twice" },
    { "a field twice",
      "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
      ADZE_EFORMAT, "appears twice" },
    { "an unknown field", "{\"a\":{\"dtype\":\"F32\",\"stride\":[1]}}", 4, ADZE_EFORMAT, "stride" },
    { "no dtype", "{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, ADZE_EFORMAT, "lacks" },
    { "an entry that is a number", "{\"a\":4}", 4, ADZE_EFORMAT, "must be an object" },
    { "a hole", "{" T("a", "F32", "[1]", "0", "4") "," T("b", "F32", "[1]", "8", "12") "}", 12,
      ADZE_EFORMAT, "hole" },
    { "a hole at the start", "{" T("a", "F32", "[1]", "4", "8") "}", 8, ADZE_EFORMAT, "hole" },
    { "an overlap", "{" T("a", "F32", "[2]", "0", "8") "," T("b", "F32", "[2]", "4", "12") "}", 12,
      ADZE_EFORMAT, "overlaps" },
    { "shared data", "{" T("a", "F32", "[2]", "0", "8") "," T("b", "F32", "[2]", "0", "8") "}", 8,
      ADZE_EFORMAT, "overlaps" },
    { "bytes after the data", "{" T("a", "F32", "[1]", "0", "4") "}", 5, ADZE_EFORMAT,
      "1 bytes after" },
    { "data beyond the file", "{" T("a", "F32", "[3]", "0", "12") "}", 10, ADZE_EFORMAT,
      "the file holds 10" },
    { "an end before its begin", "{" T("a", "F32", "[0]", "8", "4") "}", 8, ADZE_EFORMAT,
      "end before" },
    { "offsets that shape does not fill", "{" T("a", "I32", "[2,2]", "0", "4") "}", 4, ADZE_EFORMAT,
      "need 16" },
    { "a shape of 2^64", "{" T("a", "F32", "[2,18446744073709551615]", "0", "8") "}", 8,
      ADZE_EFORMAT, "overflows" },
    { "a shape whose product wraps to 0",
      "{" T("a", "F32", "[4294967296,4294967296]", "0", "0") "}", 0, ADZE_EFORMAT, "overflows" },
    { "a shape above 64 bits", "{" T("a", "F32", "[18446744073709551616]", "0", "8") "}", 8,
      ADZE_EFORMAT, "64 bits" },
    { "offsets that wrap",
      "{" T("a", "F32", "[2]", "18446744073709551608", "18446744073709551616") "}", 8, ADZE_EFORMAT,
      "64 bits" },
    { "five dimensions", "{" T("a", "F32", "[1,1,1,1,1]", "0", "4") "}", 4, ADZE_EUNSUP,
      "5 dimensions" },
    { "an offset 4.0", "{" T("a", "F32", "[1]", "0", "4.0") "}", 4, ADZE_EFORMAT, "whole number" },
    { "an offset 1e0", "{" T("a", "F32", "[1]", "0", "4e0") "}", 4, ADZE_EFORMAT, "whole number" },
    { "an offset -0", "{" T("a", "F32", "[1]", "-0", "4") "}", 4, ADZE_EFORMAT, "whole number" },
    { "an offset 04", "{" T("a", "F32", "[1]", "0", "04") "}", 4, ADZE_EFORMAT, "whole number" },
    { "three offsets", "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,4]}}", 4,
      ADZE_EFORMAT, "[begin, end]" },
    { "an unknown dtype", "{" T("a", "F31", "[1]", "0", "4") "}", 4, ADZE_EFORMAT, "F31" },
    { "a dtype of another kind", "{" T("a", "C64", "[4]", "0", "32") "}", 32, ADZE_EUNSUP, "C64" },
    { "metadata that is a list", "{\"__metadata__\":[]}", 0, ADZE_EFORMAT, "object of strings" },
    { "metadata with a number", "{\"__metadata__\":{\"a\":1}}", 0, ADZE_EFORMAT,
      "object of strings" },
    { "metadata twice", "{\"__metadata__\":{},\"__metadata__\":{}}", 0, ADZE_EFORMAT, "twice" },
    { "deep nesting", "[[[[[[[[[[[[[[[[[[[[[[[[", 0, ADZE_EFORMAT, "JSON object" },
};

static void write_safetensors(const char *path, uint64_t n, const char *header, size_t data)
{
    az_buf b;

    az_buf_init(&b, fx_run);
    for (int i = 0; i < 8; i++)
        az_buf_putc(&b, (char)(n >> 8 * i));
    az_buf_puts(&b, header);
    for (size_t i = 0; i < data; i++)
        az_buf_putc(&b, 0);
    fx_write(path, b.data, b.size);
    az_buf_deinit(&b);
}

/* Opening must give `want`; a failure must say `says` and name the file. */
static void check_open(const char *what, const char *path, adze_status want, const char *says)
{
    adze_error err = { .pos = ADZE_NOPOS };
    char line[1200];
    adze_model *m;
    adze_status rc = adze_model_open(&m, fx_run, path, &err);

    adze_error_text(&err, line, sizeof line);
    adze_model_close(m);
    if (rc != want) fail_msg("%s: status %d, want %d: %s", what, rc, want, line);
    if (rc == ADZE_OK) return;
    if (m) fail_msg("%s: a model in spite of the error", what);
    if (!strstr(line, says)) fail_msg("%s: \"%s\" does not say \"%s\"", what, line, says);
    if (!strstr(err.path, az_path_base(path))) fail_msg("%s: path is \"%s\"", what, err.path);
}

static void safetensors_headers(void **state)
{
    const char *path = fx_path("a.safetensors");
    FILE *f;

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(headers); i++) {
        write_safetensors(path, strlen(headers[i].header), headers[i].header, headers[i].data);
        check_open(headers[i].what, path, headers[i].want, headers[i].says);
    }
    write_safetensors(path, 3, "{}", 0);
    check_open("a header one byte longer than the file", path, ADZE_EFORMAT,
               "goes beyond the file");
    write_safetensors(path, UINT64_MAX, "{}", 0);
    check_open("a header of 2^64 - 1", path, ADZE_EFORMAT, "goes beyond the file");
    write_safetensors(path, 150000000, "{}", 0);
    f = fopen(path, "r+b");
    assert_non_null(f);
    assert_int_equal(ftruncate(fileno(f), 200000000), 0); /* sparse */
    fclose(f);
    check_open("a header above the limit", path, ADZE_EFORMAT, "above the limit");
    fx_write(path, "1234567", 7);
    check_open("seven bytes", path, ADZE_EFORMAT, "header length");
    fx_write(path, "", 0);
    check_open("no byte", path, ADZE_EFORMAT, "empty");
}

/* --- GGUF: headers put together from these pieces ------------------------------------------------------- */

static void le(az_buf *b, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        az_buf_putc(b, (char)(v >> 8 * i));
}

static void str(az_buf *b, const char *s)
{
    le(b, strlen(s), 8);
    az_buf_puts(b, s);
}

static void head(az_buf *b, const char *magic, uint32_t version, uint64_t tensors, uint64_t keys)
{
    az_buf_puts(b, magic);
    le(b, version, 4);
    le(b, tensors, 8);
    le(b, keys, 8);
}

static void key_str(az_buf *b, const char *key, const char *value)
{
    str(b, key);
    le(b, AZ_KV_STR, 4);
    str(b, value);
}

static void key_num(az_buf *b, const char *key, az_kv_type type, uint64_t value, int bytes)
{
    str(b, key);
    le(b, type, 4);
    le(b, value, bytes);
}

static void info(az_buf *b, const char *name, uint32_t dims, const uint64_t *ne, uint32_t type,
                 uint64_t offset)
{
    str(b, name);
    le(b, dims, 4);
    for (uint32_t i = 0; i < dims; i++)
        le(b, ne[i], 8);
    le(b, type, 4);
    le(b, offset, 8);
}

static void pad(az_buf *b, size_t data)
{
    while (b->size % 32)
        az_buf_putc(b, 0);
    for (size_t i = 0; i < data; i++)
        az_buf_putc(b, 0);
}

/* A whole little file: two keys, one tensor a[32] of f32 (data ends at the file's end). */
static void good(az_buf *b)
{
    head(b, "GGUF", 3, 1, 2);
    key_str(b, "general.architecture", "llama");
    key_num(b, "llama.block_count", AZ_KV_U32, 1, 4);
    info(b, "a", 1, (const uint64_t[]){ 32 }, 0, 0);
    pad(b, 128);
}

/* A header with one key, written by the caller, and no tensor. */
#define ONE_KEY(b, ...)           \
    do {                          \
        head(b, "GGUF", 3, 0, 1); \
        __VA_ARGS__;              \
        pad(b, 0);                \
    } while (0)
/* One tensor, written by the caller, then n bytes of data. */
#define ONE_TENSOR(b, n, ...)     \
    do {                          \
        head(b, "GGUF", 3, 1, 0); \
        info(b, __VA_ARGS__);     \
        pad(b, n);                \
    } while (0)
#define NE(...) ((const uint64_t[]){ __VA_ARGS__ })

typedef struct gguf_case {
    int id;
    const char *what;
    adze_status want;
    const char *says;
} gguf_case;

static const gguf_case ggufs[] = {
    { 0, "a good file", ADZE_OK, "" },
    { 1, "another magic", ADZE_EFORMAT, "magic" },
    { 2, "version 1", ADZE_EUNSUP, "version 1" },
    { 3, "version 4", ADZE_EUNSUP, "version 4" },
    { 4, "the other byte order", ADZE_EUNSUP, "big-endian" },
    { 5, "2^63 tensors", ADZE_EFORMAT, "tensor count" },
    { 6, "2^62 keys", ADZE_EFORMAT, "key count" },
    { 7, "a key of 2^64 - 1 bytes", ADZE_EFORMAT, "beyond the end" },
    { 8, "an empty key", ADZE_EFORMAT, "key is empty" },
    { 9, "a NUL in a key", ADZE_EFORMAT, "NUL" },
    { 10, "a key twice", ADZE_EFORMAT, "twice" },
    { 11, "an unknown value type", ADZE_EFORMAT, "unknown value type" },
    { 12, "an array of arrays", ADZE_EFORMAT, "arrays of arrays" },
    { 13, "an array whose size wraps", ADZE_EFORMAT, "beyond the end" },
    { 14, "an array longer than the file", ADZE_EFORMAT, "beyond the end" },
    { 15, "an array of an unknown type", ADZE_EFORMAT, "unknown element type" },
    { 16, "a string longer than the file", ADZE_EFORMAT, "beyond the end" },
    { 17, "a boolean 2", ADZE_EFORMAT, "boolean" },
    { 18, "alignment 3", ADZE_EFORMAT, "power of two" },
    { 19, "alignment 0", ADZE_EFORMAT, "power of two" },
    { 20, "alignment 2^31", ADZE_EFORMAT, "power of two" },
    { 21, "an alignment of another type", ADZE_EFORMAT, "u32" },
    { 22, "a name of 64 bytes", ADZE_EFORMAT, "1 to 63 bytes" },
    { 23, "no name", ADZE_EFORMAT, "1 to 63 bytes" },
    { 24, "five dimensions", ADZE_EFORMAT, "more than 4" },
    { 25, "2^32 - 1 dimensions", ADZE_EFORMAT, "more than 4" },
    { 26, "a negative dimension", ADZE_EFORMAT, "negative" },
    { 27, "a shape that overflows", ADZE_EFORMAT, "overflows" },
    { 28, "a shape whose bytes overflow", ADZE_EFORMAT, "overflows" },
    { 29, "half a block", ADZE_EFORMAT, "whole number of q4_0 blocks" },
    { 30, "a type that was removed", ADZE_EUNSUP, "type id 4" },
    { 31, "a type of the future", ADZE_EUNSUP, "type id 4000000000" },
    { 32, "an offset that is not the end before", ADZE_EFORMAT, "data offset is 64" },
    { 33, "tensors that overlap", ADZE_EFORMAT, "data offset is 0" },
    { 34, "data beyond the file", ADZE_EFORMAT, "ends after the file" },
    { 35, "sizes whose sum overflows", ADZE_EFORMAT, "overflow" },
    { 36, "a name twice", ADZE_EFORMAT, "twice" },
    { 37, "a part of a split file without its number", ADZE_EFORMAT, "split.count" },
    { 38, "generation settings that are no JSON", ADZE_EFORMAT, "JSON" },
    { 39, "a string in an array longer than the file", ADZE_EFORMAT, "beyond the end" },
    { 40, "a zero dimension", ADZE_OK, "" },
};

static void build(az_buf *b, int id)
{
    static const char name64[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    switch (id) {
    case 0: good(b); break;
    case 1: head(b, "GGUX", 3, 0, 0); break;
    case 2: head(b, "GGUF", 1, 0, 0); break;
    case 3: head(b, "GGUF", 4, 0, 0); break;
    case 4: head(b, "GGUF", 3u << 24, 0, 0); break;
    case 5: head(b, "GGUF", 3, (uint64_t)1 << 63, 0); break;
    case 6: head(b, "GGUF", 3, 0, (uint64_t)1 << 62); break;
    case 7: ONE_KEY(b, le(b, UINT64_MAX, 8), le(b, 0, 8)); break;
    case 8: ONE_KEY(b, key_num(b, "", AZ_KV_U32, 1, 4)); break;
    case 9:
        ONE_KEY(b, le(b, 3, 8), az_buf_put(b, "a\0b", 3), le(b, AZ_KV_U32, 4), le(b, 1, 4));
        break;
    case 10:
        head(b, "GGUF", 3, 0, 2);
        key_num(b, "a", AZ_KV_U32, 1, 4);
        key_num(b, "a", AZ_KV_U32, 1, 4);
        break;
    case 11: ONE_KEY(b, key_num(b, "a", (az_kv_type)13, 1, 4)); break;
    case 12: ONE_KEY(b, str(b, "a"), le(b, AZ_KV_ARR, 4), le(b, AZ_KV_ARR, 4), le(b, 0, 8)); break;
    case 13:
        ONE_KEY(b, str(b, "a"), le(b, AZ_KV_ARR, 4), le(b, AZ_KV_U64, 4),
                le(b, (uint64_t)1 << 61, 8));
        break;
    case 14:
        ONE_KEY(b, str(b, "a"), le(b, AZ_KV_ARR, 4), le(b, AZ_KV_U8, 4), le(b, 1000, 8));
        break;
    case 15: ONE_KEY(b, str(b, "a"), le(b, AZ_KV_ARR, 4), le(b, 99, 4), le(b, 1, 8)); break;
    case 16: ONE_KEY(b, str(b, "a"), le(b, AZ_KV_STR, 4), le(b, 1 << 30, 8)); break;
    case 17: ONE_KEY(b, key_num(b, "a", AZ_KV_BOOL, 2, 1)); break;
    case 18: ONE_KEY(b, key_num(b, "general.alignment", AZ_KV_U32, 3, 4)); break;
    case 19: ONE_KEY(b, key_num(b, "general.alignment", AZ_KV_U32, 0, 4)); break;
    case 20: ONE_KEY(b, key_num(b, "general.alignment", AZ_KV_U32, (uint64_t)1 << 31, 4)); break;
    case 21: ONE_KEY(b, key_num(b, "general.alignment", AZ_KV_U64, 32, 8)); break;
    case 22: ONE_TENSOR(b, 128, name64, 1, NE(32), 0, 0); break;
    case 23: ONE_TENSOR(b, 128, "", 1, NE(32), 0, 0); break;
    case 24: ONE_TENSOR(b, 128, "a", 5, NE(32, 1, 1, 1, 1), 0, 0); break;
    case 25:
        head(b, "GGUF", 3, 1, 0);
        str(b, "a");
        le(b, UINT32_MAX, 4);
        pad(b, 128);
        break;
    case 26: ONE_TENSOR(b, 128, "a", 1, NE((uint64_t)-32), 0, 0); break;
    case 27: ONE_TENSOR(b, 128, "a", 2, NE((uint64_t)1 << 40, (uint64_t)1 << 40), 0, 0); break;
    case 28: ONE_TENSOR(b, 128, "a", 2, NE((uint64_t)1 << 31, (uint64_t)1 << 31), 28, 0); break;
    case 29: ONE_TENSOR(b, 128, "a", 1, NE(48), 2, 0); break;
    case 30: ONE_TENSOR(b, 128, "a", 1, NE(32), 4, 0); break;
    case 31: ONE_TENSOR(b, 128, "a", 1, NE(32), 4000000000u, 0); break;
    case 32: ONE_TENSOR(b, 256, "a", 1, NE(32), 0, 64); break;
    case 33:
    case 36:
        head(b, "GGUF", 3, 2, 0);
        info(b, "a", 1, NE(32), 0, 0);
        info(b, id == 33 ? "b" : "a", 1, NE(32), 0, id == 33 ? 0 : 128);
        pad(b, 256);
        break;
    case 34: ONE_TENSOR(b, 124, "a", 1, NE(32), 0, 0); break;
    case 35:
        head(b, "GGUF", 3, 3, 0);
        for (uint64_t i = 0; i < 3; i++)
            info(b, i == 0 ? "a" : i == 1 ? "b" : "c", 1, NE((uint64_t)1 << 60), 0, i << 62);
        pad(b, 256);
        break;
    case 37: ONE_KEY(b, key_num(b, "split.count", AZ_KV_U16, 3, 2)); break;
    case 38: ONE_KEY(b, key_str(b, "adze.generation_config", "{nope")); break;
    case 39:
        ONE_KEY(b, str(b, "a"), le(b, AZ_KV_ARR, 4), le(b, AZ_KV_STR, 4), le(b, 1, 8),
                le(b, 1000, 8));
        break;
    case 40: ONE_TENSOR(b, 0, "a", 2, NE(32, 0), 0, 0); break;
    }
}

static void gguf_headers(void **state)
{
    az_buf b;

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(ggufs); i++) {
        az_buf_init(&b, fx_run);
        build(&b, ggufs[i].id);
        assert_true(az_buf_ok(&b));
        fx_write(fx_path("a.gguf"), b.data, b.size);
        az_buf_deinit(&b);
        check_open(ggufs[i].what, fx_path("a.gguf"), ggufs[i].want, ggufs[i].says);
    }
}

/* A GGUF that reads, but is no model that adze converts. */
static void gguf_models(void **state)
{
    const struct {
        const char *what, *arch;
        adze_status want;
        const char *says;
    } bad[] = {
        { "an unknown architecture", "zebra9", ADZE_EUNSUP, "zebra9" },
        { "an architecture without its sizes", "llama", ADZE_EFORMAT, "llama." },
    };
    az_buf b;

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(bad); i++) {
        az_buf_init(&b, fx_run);
        ONE_KEY(&b, key_str(&b, "general.architecture", bad[i].arch));
        fx_write(fx_path("a.gguf"), b.data, b.size);
        az_buf_deinit(&b);
        fx_refused(bad[i].what, fx_path("a.gguf"), "q8_0", bad[i].want, bad[i].says);
    }
}

/* --- truncation ------------------------------------------------------------------------------------------ */

static void cut_everywhere(const char *model, const char *file, size_t size)
{
    for (size_t n = size; n-- > 0;) {
        adze_error err = { .pos = ADZE_NOPOS };
        adze_model *m;
        adze_status rc;
        assert_int_equal(truncate(file, (off_t)n), 0);
        rc = adze_model_open(&m, fx_run, model, &err);
        adze_model_close(m);
        if (rc != ADZE_EFORMAT && rc != ADZE_EUNSUP)
            fail_msg("%s cut to %zu bytes: status %d %s", file, n, rc, err.msg);
        if (!err.msg[0]) fail_msg("%s cut to %zu bytes: no message", file, n);
    }
}

static void refuses_truncation_at_every_byte(void **state)
{
    static const char *const docs[] = { "config.json", "tokenizer.json", "tokenizer_config.json",
                                        "generation_config.json" };
    size_t n;
    az_buf b;

    (void)state;
    az_buf_init(&b, fx_run);
    good(&b);
    fx_write(fx_path("a.gguf"), b.data, b.size);
    cut_everywhere(fx_path("a.gguf"), fx_path("a.gguf"), b.size);
    az_buf_deinit(&b);
    write_safetensors(fx_path("a.safetensors"), strlen(headers[4].header), headers[4].header, 8);
    cut_everywhere(fx_path("a.safetensors"), fx_path("a.safetensors"),
                   8 + strlen(headers[4].header) + 8);
    for (size_t i = 0; i < AZ_COUNT(docs); i++) {
        char rel[64];
        char *text;
        fx_copy();
        snprintf(rel, sizeof rel, "case/%s", docs[i]);
        text = fx_read(fx_path(rel), &n);
        while (n && (text[n - 1] == '\n' || text[n - 1] == ' '))
            n--; /* without its last line break a document is still whole */
        az_free(fx_run, text);
        cut_everywhere(fx_path("case"), fx_path(rel), n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(safetensors_headers),
        cmocka_unit_test(gguf_headers),
        cmocka_unit_test(gguf_models),
        cmocka_unit_test(refuses_truncation_at_every_byte),
    };

    return cmocka_run_group_tests(tests, fx_start, fx_stop);
}
