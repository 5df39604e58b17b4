/* pytorch_model.bin: what torch.save writes is read value for value; every opcode, global and record that a plain
 * state dict does not need is refused; the file cut at every byte. */
#include "fixture.h"

static az_buf zip, dir, pkl;
static unsigned n_entries;

static void le(az_buf *b, uint64_t v, int n)
{
    for (int i = 0; i < n; i++)
        az_buf_putc(b, i < 8 ? (char)(v >> 8 * i) : 0);
}

static uint32_t crc_of(const void *data, size_t n)
{
    const unsigned char *p = data;
    uint32_t c = ~0u;

    for (size_t i = 0; i < n; i++) {
        c ^= p[i];
        for (int k = 0; k < 8; k++)
            c = c & 1 ? c >> 1 ^ 0xedb88320u : c >> 1;
    }
    return ~c;
}

/* A stored record; method and sizes are as given, for bad ones. */
static void record(const char *name, const void *data, size_t n, unsigned method, uint64_t says)
{
    uint64_t at = zip.size;
    uint32_t crc = crc_of(data, n);

    le(&zip, 0x04034b50, 4), le(&zip, 0, 4), le(&zip, method, 2), le(&zip, 0, 4);
    le(&zip, crc, 4), le(&zip, says, 4), le(&zip, says, 4);
    le(&zip, strlen(name), 2), le(&zip, 0, 2);
    az_buf_puts(&zip, name);
    az_buf_put(&zip, data, n);
    le(&dir, 0x02014b50, 4), le(&dir, 0, 6), le(&dir, method, 2), le(&dir, 0, 4);
    le(&dir, crc, 4), le(&dir, says, 4), le(&dir, says, 4);
    le(&dir, strlen(name), 2), le(&dir, 0, 12), le(&dir, at, 4);
    az_buf_puts(&dir, name);
    n_entries++;
}

static void begin(void)
{
    az_buf_clear(&zip);
    az_buf_clear(&dir);
    n_entries = 0;
}

static const char *end(void)
{
    uint64_t at = zip.size;

    az_buf_put(&zip, dir.data, dir.size);
    le(&zip, 0x06054b50, 4), le(&zip, 0, 4), le(&zip, n_entries, 2), le(&zip, n_entries, 2);
    le(&zip, dir.size, 4), le(&zip, at, 4), le(&zip, 0, 2);
    mkdir(fx_path("p"), 0777);
    fx_write(fx_path("p/config.json"), "{\"model_type\":\"llama\"}", 22);
    fx_write(fx_path("p/pytorch_model.bin"), zip.data, zip.size);
    return fx_path("p");
}

static void op(const char *bytes, size_t n)
{
    az_buf_put(&pkl, bytes, n);
}
#define OP(s) op(s, sizeof(s) - 1)

static void text(const char *s)
{
    az_buf_putc(&pkl, 'X');
    le(&pkl, strlen(s), 4);
    az_buf_puts(&pkl, s);
}

/* ("storage", class, key, "cpu", count) */
static void storage(const char *class, const char *key, unsigned count)
{
    OP("(");
    text("storage");
    OP("ctorch\n");
    az_buf_puts(&pkl, class);
    OP("\n");
    text(key);
    text("cpu");
    az_buf_putc(&pkl, 'K');
    az_buf_putc(&pkl, (char)count);
    OP("tQ");
}

/* Tensor of [rows][cols] at an offset, as torch.save spells it. */
static void tensor(const char *class, const char *key, unsigned count, int offset, int rows,
                   int cols, int stride)
{
    const char dims[] = { 'K', (char)rows,   'K', (char)cols, (char)0x86,
                          'K', (char)stride, 'K', 1,          (char)0x86 };

    OP("ctorch._utils\n_rebuild_tensor_v2\n(");
    storage(class, key, count);
    az_buf_putc(&pkl, 'K');
    az_buf_putc(&pkl, (char)offset);
    op(dims, sizeof dims);
    OP("\x89"
       "ccollections\nOrderedDict\n)RtR");
}

static void start(void)
{
    az_buf_clear(&pkl);
    OP("\x80\x02}q\x00(");
}

static const char *finish(size_t data_bytes)
{
    static const float data[12] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 };

    begin();
    record("archive/data.pkl", pkl.data, pkl.size, 0, pkl.size);
    record("archive/byteorder", "little", 6, 0, 6);
    record("archive/data/0", data, data_bytes, 0, data_bytes);
    record("archive/version", "3\n", 2, 0, 2);
    return end();
}

static const char *good(void)
{
    start();
    text("a");
    tensor("FloatStorage", "0", 12, 0, 2, 3, 3);
    text("b");
    tensor("FloatStorage", "0", 12, 6, 3, 2, 2);
    text("tied");
    tensor("FloatStorage", "0", 12, 0, 2, 3, 3);
    OP("u.");
    return finish(48);
}

static void reads_tensors(void **state)
{
    adze_error err = { .pos = ADZE_NOPOS };
    const az_tensor *t;
    float x[6];
    adze_model *m;

    (void)state;
    if (adze_model_open(&m, fx_run, good(), &err) < 0) fail_msg("%s %s", err.name, err.msg);
    assert_int_equal(m->n_tensors, 3);
    t = az_model_tensor(m, "b");
    assert_int_equal(t->type, AZ_F32);
    assert_int_equal(t->shape[0], 3);
    assert_int_equal(t->shape[1], 2);
    assert_int_equal(az_model_read(m, t, 0, x, sizeof x, &err), ADZE_OK);
    for (int i = 0; i < 6; i++)
        assert_true(x[i] == (float)(6 + i));
    assert_int_equal(az_model_tensor(m, "tied")->at_bytes, az_model_tensor(m, "a")->at_bytes);
    adze_model_close(m);
}

static void check(const char *what, const char *path, adze_status want, const char *says)
{
    adze_error err = { .pos = ADZE_NOPOS };
    char line[1200];
    adze_model *m;
    adze_status rc = adze_model_open(&m, fx_run, path, &err);

    adze_error_text(&err, line, sizeof line);
    adze_model_close(m);
    if (rc != want || !strstr(line, says))
        fail_msg("%s: status %d, want %d: %s", what, rc, want, line);
    if (!strstr(line, "pytorch_model.bin")) fail_msg("%s: no path: %s", what, line);
}

#define PICKLE(s) s, sizeof(s) - 1
static const struct {
    const char *what, *bytes;
    size_t n;
    adze_status want;
    const char *says;
} pickles[] = {
    { "a system call",
      PICKLE("\x80\x02"
             "cposix\nsystem\nX\x02\0\0\0ls\x85R."),
      ADZE_EUNSUP, "posix.system" },
    { "eval",
      PICKLE("\x80\x02"
             "c__builtin__\neval\n."),
      ADZE_EUNSUP, "eval" },
    { "a global of torch that runs code",
      PICKLE("\x80\x02"
             "ctorch\nload\n."),
      ADZE_EUNSUP, "torch.load" },
    { "a global on the stack", PICKLE("\x80\x02X\x02\0\0\0osX\x06\0\0\0system\x93."), ADZE_EUNSUP,
      "opcode 0x93" },
    { "an instance", PICKLE("\x80\x02(ios\nsystem\n."), ADZE_EUNSUP, "opcode 0x69" },
    { "an extension", PICKLE("\x80\x02\x82\x01."), ADZE_EUNSUP, "opcode 0x82" },
    { "protocol 4", PICKLE("\x80\x04\x95."), ADZE_EFORMAT, "protocol 2" },
    { "an object of a class",
      PICKLE("\x80\x02"
             "ctorch\nSize\n)\x81."),
      ADZE_EFORMAT, "no OrderedDict" },
    { "a type called",
      PICKLE("\x80\x02"
             "ctorch\nFloatStorage\n)R."),
      ADZE_EFORMAT, "type is called" },
    { "a number called", PICKLE("\x80\x02K\x01)R."), ADZE_EFORMAT, "no known constructor" },
    { "nothing", PICKLE("\x80\x02."), ADZE_EFORMAT, "holds nothing" },
    { "no end", PICKLE("\x80\x02}"), ADZE_EFORMAT, "no end" },
    { "a list", PICKLE("\x80\x02]."), ADZE_EFORMAT, "no dictionary" },
    { "a memo that is not there", PICKLE("\x80\x02h\x05."), ADZE_EFORMAT, "not stored" },
    { "a memo of 2^32 - 1", PICKLE("\x80\x02}r\xff\xff\xff\xff."), ADZE_EFORMAT, "memo" },
    { "a string of 4 GB", PICKLE("\x80\x02X\xff\xff\xff\xff."), ADZE_EFORMAT, "beyond the end" },
    { "a tuple without a mark", PICKLE("\x80\x02}t."), ADZE_EFORMAT, "no mark" },
    { "three values of nothing", PICKLE("\x80\x02}\x87."), ADZE_EFORMAT, "too short" },
    { "a key without a value", PICKLE("\x80\x02}(K\x01u."), ADZE_EFORMAT, "no value" },
    { "items into a number", PICKLE("\x80\x02K\x01(K\x01K\x02u."), ADZE_EFORMAT, "takes none" },
    { "a state for a number", PICKLE("\x80\x02K\x01}b."), ADZE_EFORMAT, "state" },
    { "a state for nothing", PICKLE("\x80\x02}b."), ADZE_EFORMAT, "state" },
    { "a persistent id that is text", PICKLE("\x80\x02X\x01\0\0\0xQ."), ADZE_EFORMAT,
      "no storage" },
    { "a number of 9 bytes",
      PICKLE("\x80\x02\x8a\x09"
             "123456789."),
      ADZE_EFORMAT, "64 bits" },
    { "a global without end",
      PICKLE("\x80\x02"
             "ctorch"),
      ADZE_EFORMAT, "no end" },
    { "a parameter of nothing",
      PICKLE("\x80\x02"
             "ctorch._utils\n_rebuild_parameter\n)R."),
      ADZE_EFORMAT, "no tensor" },
    { "a tensor of nothing",
      PICKLE("\x80\x02"
             "ctorch._utils\n_rebuild_tensor_v2\n)R."),
      ADZE_EFORMAT, "arguments" },
};

static void refuses_pickles(void **state)
{
    (void)state;
    for (size_t i = 0; i < AZ_COUNT(pickles); i++) {
        az_buf_clear(&pkl);
        op(pickles[i].bytes, pickles[i].n);
        check(pickles[i].what, finish(48), pickles[i].want, pickles[i].says);
    }
    /* a million marks, and a million tuples inside each other: no recursion */
    az_buf_clear(&pkl);
    OP("\x80\x02");
    for (int i = 0; i < 1000000; i++)
        OP("(");
    OP(".");
    check("a million marks", finish(48), ADZE_EFORMAT, "no dictionary");
    az_buf_clear(&pkl);
    OP("\x80\x02)");
    for (int i = 0; i < 300000; i++)
        OP("\x85");
    OP(".");
    check("deep tuples", finish(48), ADZE_EFORMAT, "no dictionary");
}

static void refuses_tensors(void **state)
{
    static const struct {
        const char *what, *class, *key;
        unsigned count;
        int offset, rows, cols, stride;
        adze_status want;
        const char *says;
    } bad[] = {
        { "a tensor beyond its storage", "FloatStorage", "0", 12, 8, 2, 3, 3, ADZE_EFORMAT,
          "does not fit" },
        { "a storage larger than its record", "FloatStorage", "0", 13, 0, 2, 3, 3, ADZE_EFORMAT,
          "does not fit" },
        { "a storage smaller than its record", "FloatStorage", "0", 11, 0, 2, 3, 3, ADZE_EFORMAT,
          "does not fit" },
        { "a storage of another type", "HalfStorage", "0", 12, 0, 2, 3, 3, ADZE_EFORMAT,
          "does not fit" },
        { "a record that is not there", "FloatStorage", "1", 12, 0, 2, 3, 3, ADZE_EFORMAT,
          "missing" },
        { "a record outside data", "FloatStorage", "../version", 12, 0, 2, 3, 3, ADZE_EFORMAT,
          "missing" },
        { "a transposed tensor", "FloatStorage", "0", 12, 0, 2, 3, 1, ADZE_EUNSUP, "row by row" },
        { "a storage of no class", "Size", "0", 12, 0, 2, 3, 3, ADZE_EFORMAT, "no storage" },
    };

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(bad); i++) {
        start();
        text("a");
        tensor(bad[i].class, bad[i].key, bad[i].count, bad[i].offset, bad[i].rows, bad[i].cols,
               bad[i].stride);
        OP("u.");
        check(bad[i].what, finish(48), bad[i].want, bad[i].says);
    }
    start();
    text("a");
    tensor("FloatStorage", "0", 12, 0, 2, 3, 3);
    text("a");
    tensor("FloatStorage", "0", 12, 0, 2, 3, 3);
    OP("u.");
    check("a name twice", finish(48), ADZE_EFORMAT, "twice");
}

static void refuses_zips(void **state)
{
    char *bytes;
    size_t n, at;

    (void)state;
    good();
    bytes = fx_read(fx_path("p/pytorch_model.bin"), &n);
    at = n - 22; /* the end record */
#define PATCH(what, where, v, k, want, says)                            \
    do {                                                                \
        char *copy = az_alloc(fx_run, n);                               \
        memcpy(copy, bytes, n);                                         \
        for (int b = 0; b < (k); b++)                                   \
            copy[(where) + (size_t)b] = (char)((uint64_t)(v) >> 8 * b); \
        fx_write(fx_path("p/pytorch_model.bin"), copy, n);              \
        az_free(fx_run, copy);                                          \
        check(what, fx_path("p"), want, says);                          \
    } while (0)
    size_t cd = (size_t)(unsigned char)bytes[at + 16] | (size_t)(unsigned char)bytes[at + 17] << 8;
    PATCH("no end", at, 0, 4, ADZE_EFORMAT, "directory is missing");
    PATCH("65534 entries", at + 10, 65534, 2, ADZE_EFORMAT, "does not fit");
    PATCH("zip64 without its record", at + 10, 65535, 2, ADZE_EFORMAT, "zip64");
    PATCH("a directory of 4 GB", at + 12, 0xfffffffe, 4, ADZE_EFORMAT, "does not fit");
    PATCH("a directory beyond the file", at + 16, 0xfffffff0, 4, ADZE_EFORMAT, "does not fit");
    PATCH("a damaged entry", cd, 0, 4, ADZE_EFORMAT, "damaged");
    PATCH("a compressed record", cd + 10, 8, 2, ADZE_EUNSUP, "compressed");
    PATCH("an encrypted record", cd + 8, 1, 2, ADZE_EUNSUP, "encrypted");
    PATCH("a packed size of its own", cd + 20, 5, 4, ADZE_EUNSUP, "compressed");
    PATCH("a record beyond the file", cd + 42, 0xfffffff0, 4, ADZE_EFORMAT, "outside the file");
    PATCH("a record inside another", cd + 42, 1, 4, ADZE_EFORMAT, "damaged");
    PATCH("a name as long as the directory", cd + 28, 60000, 2, ADZE_EFORMAT, "cut");
    PATCH("a damaged pickle", 80, 0x55, 1, ADZE_EFORMAT, "checksum");
    PATCH("a local header that is none", 0, 0, 4, ADZE_EFORMAT, "own header");
    for (size_t cut = 0; cut < n; cut++) {
        adze_error err = { .pos = ADZE_NOPOS };
        adze_model *m;
        fx_write(fx_path("p/pytorch_model.bin"), bytes, cut);
        if (adze_model_open(&m, fx_run, fx_path("p"), &err) != ADZE_EFORMAT)
            fail_msg("cut at %zu: %s", cut, err.msg);
    }
    az_free(fx_run, bytes);
    begin(); /* two records of one name, and two that share their bytes */
    record("archive/data.pkl", "}.", 2, 0, 2);
    record("archive/data.pkl", "}.", 2, 0, 2);
    check("a record twice", end(), ADZE_EFORMAT, "twice");
    begin();
    record("archive/data.pkl", "}.", 2, 0, 60);
    record("archive/data/0", pickles, 200, 0, 200);
    check("records that overlap", end(), ADZE_EFORMAT, "overlaps");
    fx_write(fx_path("p/pytorch_model.bin"), "\x80\x02\x8a\x0a", 4);
    check("a pickle without a zip", fx_path("p"), ADZE_EUNSUP, "before PyTorch 1.6");
}

static int setup(void **state)
{
    int rc = fx_start(state);

    az_buf_init(&zip, fx_run);
    az_buf_init(&dir, fx_run);
    az_buf_init(&pkl, fx_run);
    return rc;
}

static int stop(void **state)
{
    az_buf_deinit(&zip);
    az_buf_deinit(&dir);
    az_buf_deinit(&pkl);
    return fx_stop(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_tensors),
        cmocka_unit_test(refuses_pickles),
        cmocka_unit_test(refuses_tensors),
        cmocka_unit_test(refuses_zips),
    };

    return cmocka_run_group_tests(tests, setup, stop);
}
