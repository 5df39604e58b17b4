/* tokenizer.model: SentencePiece's protobuf, with its character map; then text through what was read. */
#include "charsmap.h"
#include "tok.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    adze_error err = { .pos = ADZE_NOPOS };
    adze_tokenizer *t;
    adze_status rc;

    fuzz_begin();
    rc = az_tokenizer_parse(&t, fuzz_run, (const char *)data, n, true, &err);
    fuzz_status(rc, &err);
    fuzz_want((rc == ADZE_OK) == (t != NULL), "a tokenizer with success, and only then");
    if (t) tok_use(t, (const char *)data, n < 300 ? n : 300);
    adze_tokenizer_free(t);
    fuzz_end();
    return 0;
}

static void varint(az_buf *b, uint64_t v)
{
    for (;; v >>= 7) {
        az_buf_putc(b, (char)((v & 127) | (v > 127 ? 128 : 0)));
        if (v <= 127) return;
    }
}

static void field(az_buf *b, unsigned number, const void *data, size_t n)
{
    varint(b, number << 3 | 2);
    varint(b, n);
    if (n) az_buf_put(b, data, n);
}

static void number(az_buf *b, unsigned key, uint64_t v)
{
    varint(b, key << 3);
    varint(b, v);
}

static void piece(az_buf *out, const char *text, float score, unsigned type)
{
    uint32_t u;
    az_buf b;

    az_buf_init(&b, fuzz_run);
    field(&b, 1, text, strlen(text));
    memcpy(&u, &score, sizeof u);
    varint(&b, 2 << 3 | 5);
    fuzz_le(&b, u, 4);
    number(&b, 3, type);
    field(out, 1, b.data, b.size);
    az_buf_deinit(&b);
}

typedef struct options {
    unsigned model; /* 1 unigram, 2 BPE */
    bool bytes, suffix, plain, unk_text, variant;
    const void *map;
    size_t map_n;
} options;

static void put(const options *o, bool damaged)
{
    static const char space[] = "\xe2\x96\x81", space_ab[] = "\xe2\x96\x81\x61\x62";
    static const char *const pieces[] = { space, "a", "b", "ab", space_ab,   "abab",
                                          "l",   "o", "e", "H",  "\xc3\xa9", "1" };
    az_buf b, s;

    az_buf_init(&b, fuzz_run);
    az_buf_init(&s, fuzz_run);
    piece(&b, "<unk>", 0, 2);
    piece(&b, "<s>", 0, 3);
    piece(&b, "</s>", 0, 3);
    for (size_t i = 0; i < AZ_COUNT(pieces); i++)
        piece(&b, pieces[i], -(float)i, 1);
    piece(&b, "user", 0, 4);
    piece(&b, "unused", 0, 5);
    for (unsigned i = 0; o->bytes && i < 256; i++) {
        char text[8];
        snprintf(text, sizeof text, "<0x%02X>", i);
        piece(&b, text, 0, 6);
    }
    number(&s, 3, o->model);
    number(&s, 24, o->suffix);
    number(&s, 35, o->bytes);
    if (o->unk_text) field(&s, 44, "??", 2);
    field(&b, 2, s.data, s.size);
    az_buf_clear(&s);
    if (o->map_n) field(&s, 2, o->map, o->map_n);
    number(&s, 3, !o->plain);
    number(&s, 4, !o->plain);
    number(&s, 5, !o->plain);
    field(&b, 3, s.data, s.size);
    field(&b, 9, "x", 1);
    if (damaged)
        fuzz_seed_damaged(b.data, b.size, b.size, b.size < 400 ? b.size : 400);
    else if (o->variant)
        fuzz_variant(b.data, b.size);
    else
        fuzz_seed(b.data, b.size);
    az_buf_deinit(&s);
    az_buf_deinit(&b);
}

/* Golden models, whole. */
static void golden(void)
{
    static const char *const names[] = { "spm-bpe-map",       "spm-unigram", "spm-bpe",
                                         "spm-unigram-bytes", "llama",       "llama-legacy" };
    char path[100];
    size_t n;
    az_buf b;

    az_buf_init(&b, fuzz_run);
    for (size_t i = 0; i < AZ_COUNT(names); i++) {
        snprintf(path, sizeof path, "tests/data/golden/tokenizer/kinds/%s.json", names[i]);
        char *text = fuzz_read(path, &n);
        json_t *j = text ? json_loadb(text, n, JSON_ALLOW_NUL, NULL) : NULL;
        az_buf_clear(&b);
        if (tok_golden_spm(j, &b)) fuzz_variant(b.data, b.size);
        json_decref(j);
        free(text);
    }
    az_buf_deinit(&b);
}

void fuzz_seeds(void)
{
    static const struct {
        const char *s;
        size_t n;
    } wires[] = { { "", 0 },
                  { "\x12\x02\x18\x02", 4 },
                  { "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12 },
                  { "\x0a\x7f"
                    "abc",
                    5 },
                  { "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 10 },
                  { "\x0b\x0c", 2 },
                  { "\x02\x00", 2 },
                  { "\x0a\x00", 2 },
                  { "\x0d\x01\x02", 3 },
                  { "\x09\x01\x02\x03\x04\x05\x06\x07\x08", 9 },
                  { "\x0a\x02\x0a\x00", 4 },
                  { "\x0a\x03\x0a\x01\xff", 5 },
                  { "\x0a\x05\x0a\x01\x61\x18\x09", 7 },
                  { "\x0a\x08\x0a\x01\x61\x15\x00\x00\xc0\x7f", 10 } };
    options o = { .model = 1 };
    az_buf b;

    for (unsigned model = 0; model < 6; model++)
        for (int bytes = 0; bytes < 2; bytes++)
            put(&(options){ .model = model,
                            .bytes = bytes,
                            .suffix = model % 2 && bytes,
                            .plain = bytes },
                (model == 1 || model == 2) && !bytes);
    put(&(options){ .model = 1, .unk_text = true }, false);
    put(&(options){ .model = 2, .plain = true }, false);
    put(&(options){ .model = 2, .suffix = true }, false);
    for (size_t i = 0; i < AZ_COUNT(wires); i++)
        fuzz_seed(wires[i].s, wires[i].n);
    az_buf_init(&b, fuzz_run);
    charsmap_make(&b);
    o.map = b.data;
    for (o.model = 1; o.model < 3; o.model++) {
        o.map_n = b.size;
        o.variant = false;
        put(&o, false);
        o.variant = true;
        for (size_t cut = 1; cut < 12; cut++) {
            o.map_n = cut < 6 ? cut : b.size - (cut - 5);
            put(&o, false);
        }
    }
    az_buf_deinit(&b);
    golden();
}
