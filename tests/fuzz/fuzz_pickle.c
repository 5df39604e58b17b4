/* The pickle inside a pytorch_model.bin: the input is the pickle, the rest of the file is right. */
#include "fuzz.h"
#include "model.h"
#include "zip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char config[] = "config.json\n{\"model_type\":\"llama\"}", zeros[48] = { 0 };
    zip_maker z;

    fuzz_begin();
    fuzz_folder((const uint8_t *)config, sizeof config - 1);
    zip_begin(&z);
    zip_record(&z, "archive/data.pkl", data, n, false);
    if (n % 4)
        zip_record(&z, "archive/byteorder", n % 16 == 5 ? "big" : "little", n % 16 == 5 ? 3 : 6,
                   false);
    zip_record(&z, "archive/data/0", zeros, 48, false);
    zip_record(&z, "archive/data/1", zeros, 6, false);
    zip_end(&z, false);
    if (az_buf_ok(&z.all) && az_buf_ok(&z.dir)) {
        fuzz_file("m/pytorch_model.bin", z.all.data, z.all.size);
        adze_model_close(fuzz_open(fuzz_path("m"), AZ_READ_ALL));
    }
    zip_free(&z);
    fuzz_end();
    return 0;
}

#define P(s) s, sizeof(s) - 1
#define T3   "ctorch._utils\n_rebuild_tensor_v3\n("
#define UNTYPED                                                      \
    "(X\x07\0\0\0storagectorch.storage\nUntypedStorage\nX\x01\0\0\0" \
    "0X\x03\0\0\0cpuK\x30tQ"
#define IN_DICT(value) "\x80\x02}(X\x01\0\0\0a" value "u."

static const struct {
    const char *s;
    size_t n;
} pickles[] = {
    { P("\x80\x02"
        "ccollections\nOrderedDict\n)Rq\x01(X\x01\0\0\0a" ZIP_TENSOR "q\x02X\x01\0\0\0b"
        "h\x02u}X\x09\0\0\0_metadata}sb.") },
    { P(IN_DICT(T3 UNTYPED "K\0K\x02K\x03\x86K\x03K\x01\x86\x89"
                           "ccollections\nOrderedDict\n)R"
                           "ctorch\nfloat32\ntR")) },
    { P(IN_DICT(T3 UNTYPED "K\0K\x02K\x03\x86K\x03K\x01\x86\x89"
                           "ccollections\nOrderedDict\n)R"
                           "ctorch\nfloat16\ntR")) },
    { P(IN_DICT(T3 UNTYPED "K\0K\x02K\x03\x86K\x03K\x01\x86\x89"
                           "ccollections\nOrderedDict\n)R"
                           "K\x01tR")) },
    { P(IN_DICT("ctorch._utils\n_rebuild_parameter\n(" ZIP_TENSOR "\x88"
                "ccollections\nOrderedDict\n)RtR")) },
    { P(IN_DICT("ctorch._utils\n_rebuild_parameter\n)R")) },
    { P(IN_DICT("ctorch._utils\n_rebuild_tensor_v2\n)R")) },
    { P(IN_DICT("ctorch\nSize\n(K\x02K\x03ltR")) },
    { P(IN_DICT("ctorch\nSize\n(K\x02K\x03t\x85R")) },
    { P(IN_DICT("ctorch\ndevice\nX\x03\0\0\0cpu\x85R")) },
    { P(IN_DICT("ctorch\nFloatStorage\n)R")) },
    { P(IN_DICT("](K\x01"
                "e")) },
    { P(IN_DICT("]K\x01"
                "a")) },
    { P(IN_DICT("K\x01M\x02\x01J\x01\0\0\0\x8a\x02\x01\x01\x8a\0\x8a\x08\xff\xff\xff\xff\xff\xff"
                "\xff\x7f\x8a\x01\xff"
                "000000")) },
    { P(IN_DICT("NG\x3f\xf0\0\0\0\0\0\0\x88\x89"
                "0000")) },
    { P(IN_DICT("(K\x01K\x02"
                "d")) },
    { P("\x80\x02}X\x01\0\0\0aK\x01s.") },
    { P("\x80\x02}K\x01K\x01s.") },
    { P("\x80\x02}q\xff"
        "r\xff\0\0\0h\xff"
        "0j\xff\0\0\0"
        "0.") },
    { P("\x80\x02}X\x01\0\0\0a}X\x01\0\0\0b" ZIP_TENSOR "ss.") },
    { P("\x80\x02}X\x0a\0\0\0state_dict}X\x01\0\0\0b" ZIP_TENSOR "ss.") },
    { P("\x80\x02"
        "cposix\nsystem\nX\x02\0\0\0ls\x85R.") },
    { P("\x80\x02X\x02\0\0\0osX\x06\0\0\0system\x93.") },
    { P("\x80\x04\x95.") },
    { P("\x80\x02"
        "ctorch\nSize\n)\x81.") },
    { P("\x80\x02K\x01)R.") },
    { P("\x80\x02.") },
    { P("\x80\x02}") },
    { P("\x80\x02].") },
    { P("\x80\x02h\x05.") },
    { P("\x80\x02}r\xff\xff\xff\xff.") },
    { P("\x80\x02X\xff\xff\xff\xff.") },
    { P("\x80\x02}t.") },
    { P("\x80\x02}\x87.") },
    { P("\x80\x02K\x01K\x02K\x03\x87.") },
    { P("\x80\x02}(K\x01u.") },
    { P("\x80\x02K\x01(K\x01K\x02u.") },
    { P("\x80\x02K\x01}b.") },
    { P("\x80\x02}b.") },
    { P("\x80\x02X\x01\0\0\0xQ.") },
    { P("\x80\x02\x8a\x09"
        "123456789.") },
    { P("\x80\x02"
        "ctorch") },
    { P("\x80\x02s.") },
    { P("\x80\x02"
        "e.") },
    { P("\x80\x02"
        "a.") },
    { P("\x80\x02(0.") },
    { P("\x80\x02}00.") },
    { P("\x80\x02}2.") },
    { P("\x80\x02}q\x05h\x03.") },
    { P("\x80\x02h\x05q\x01.") },
    { P("\x80\x02q\x01.") },
    { P("\x80\x02}U\x01"
        "aK\x01s.") },
    { P("\x80\x02}r\x01\0\0\0j\x01\0\0\0.") },
    { P("\x80\x02"
        "ccollections\nOrderedDict\n(K\x01tR.") },
    { P("\x80\x02"
        "ccollections\nOrderedDict\n)\x81.") },
    { P("\x80\x02"
        "ccollections\nOrderedDict\nK\x01\x81.") },
    { P("\x80\x02"
        "ccollections\nOrderedDict\n(K\x01t\x81.") },
    { P("\x80\x02K\x01)\x81.") },
    { P("\x80\x02\x81.") },
    { P("\x80\x02R.") },
    { P("\x80\x02"
        "b.") },
    { P("\x80\x02"
        "ctorch\nSize\nK\x01R.") },
    { P("\x80\x02"
        "ctorch\nSize\nK\x01\x85R.") },
    { P("\x80\x02"
        "caaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\nb\n.") },
    { P("\x80\x02}("
        "K\x01K\x02K\x03K\x04K\x05K\x06K\x07K\x08K\x09K\x0aK\x0bK\x0cK\x0dK\x0eK\x0fK\x10u.") },
    { P(IN_DICT("](K\x01K\x02K\x03K\x04K\x05K\x06K\x07K\x08K\x09"
                "e")) },
    { P("\x80\x02}(X\0\0\0\0" ZIP_TENSOR "u.") },
    { P("\x80\x02}(X\x03\0\0\0a\0b" ZIP_TENSOR "u.") },
    { P("\x80\x02}(K\x01" ZIP_TENSOR "u.") },
    { P("\x80\x02}(X\x01\0\0\0a" ZIP_TENSOR "X\x01\0\0\0a" ZIP_TENSOR "u.") },
    { P("\x80\x02(X\x07\0\0\0storageK\x01X\x01\0\0\0"
        "0X\x03\0\0\0cpuK\x0ctQ.") },
    { P("\x80\x02(X\x07\0\0\0storagectorch\nSize\nX\x01\0\0\0"
        "0X\x03\0\0\0cpuK\x0ctQ.") },
    { P("\x80\x02(X\x07\0\0\0storagectorch\nFloatStorage\nK\x01X\x03\0\0\0cpuK\x0ctQ.") },
    { P("\x80\x02(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0"
        "0X\x03\0\0\0cpuNtQ.") },
    { P("\x80\x02(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0"
        "0X\x03\0\0\0cpuJ\xff\xff\xff\xfftQ.") },
    { P("\x80\x02(X\x05\0\0\0otherctorch\nFloatStorage\nX\x01\0\0\0"
        "0X\x03\0\0\0cpuK\x0ctQ.") },
    { P(IN_DICT("ctorch._utils\n_rebuild_tensor_v2\n(" ZIP_STORAGE
                "J\xff\xff\xff\xffK\x02\x85K\x01\x85\x89)tR")) },
    { P(IN_DICT("ctorch._utils\n_rebuild_tensor_v2\n(" ZIP_STORAGE "NK\x02\x85K\x01\x85\x89)tR")) },
    { P(IN_DICT("ctorch._utils\n_rebuild_tensor_v2\n(" ZIP_STORAGE "K\0NK\x01\x85\x89)tR")) },
    { P(IN_DICT("ctorch._utils\n_rebuild_tensor_v2\n(" ZIP_STORAGE "K\0K\x02\x85N\x89)tR")) },
    { P(IN_DICT("ctorch._utils\n_rebuild_tensor_v2\n(" ZIP_STORAGE
                "K\0K\x02\x85K\x01K\x01\x86\x89)tR")) },
    { P(IN_DICT("ctorch._utils\n_rebuild_tensor_v2\n(" ZIP_STORAGE "K\0N\x85N\x85\x89)tR")) },
    { P(IN_DICT("ctorch._utils\n_rebuild_tensor_v2\n(" ZIP_STORAGE
                "K\0J\xff\xff\xff\xff\x85K\x01\x85\x89)tR")) },
    { P(IN_DICT("ctorch._utils\n_rebuild_tensor_v2\n(" ZIP_STORAGE
                "K\0\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x85K\x01\x85\x89)tR")) },
    { P(IN_DICT("ctorch._utils\n_rebuild_tensor_v2\n(" ZIP_STORAGE
                "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7fK\x01\x85K\x01\x85\x89)tR")) },
};

/* One tensor with these numbers. */
static void tensor(const char *class, char key, char count, char offset, const char *sizes,
                   size_t n, char dims)
{
    az_buf b;

    az_buf_init(&b, fuzz_run);
    az_buf_put(&b, P("\x80\x02}(X\x01\0\0\0a"
                     "ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\n"));
    az_buf_puts(&b, class);
    az_buf_put(&b, P("\nX\x01\0\0\0"));
    az_buf_putc(&b, key);
    az_buf_put(&b, P("X\x03\0\0\0cpuK"));
    az_buf_putc(&b, count);
    az_buf_puts(&b, "tQK"), az_buf_putc(&b, offset);
    for (int pass = 0; pass < 2; pass++) {
        az_buf_putc(&b, '(');
        for (char i = 0; i < dims; i++)
            az_buf_putc(&b, 'K'),
                az_buf_putc(&b, sizes[((size_t)pass * (size_t)dims + (size_t)i) % n]);
        az_buf_putc(&b, 't');
    }
    az_buf_put(&b, P("\x89"
                     "ccollections\nOrderedDict\n)RtRu."));
    fuzz_seed(b.data, b.size);
    az_buf_deinit(&b);
}

void fuzz_seeds(void)
{
    static const char *const classes[] = { "FloatStorage", "HalfStorage", "LongStorage",
                                           "ByteStorage",  "BoolStorage", "Size" };

    fuzz_seed_damaged(P(ZIP_PICKLE), 500, 500);
    for (size_t i = 0; i < AZ_COUNT(pickles); i++)
        fuzz_seed(pickles[i].s, pickles[i].n);
    for (size_t i = 0; i < AZ_COUNT(classes); i++)
        tensor(classes[i], '0', 12, 0, "\2\3\3\1", 4, 2);
    tensor("FloatStorage", '0', 12, 8, "\2\3\3\1", 4, 2);
    tensor("FloatStorage", '0', 13, 0, "\2\3\3\1", 4, 2);
    tensor("FloatStorage", '1', 12, 0, "\2\3\3\1", 4, 2);
    tensor("FloatStorage", '7', 12, 0, "\2\3\3\1", 4, 2);
    tensor("FloatStorage", '0', 12, 0, "\2\3\1\1", 4, 2);
    tensor("FloatStorage", '0', 12, 0, "\1", 1, 0);
    tensor("FloatStorage", '0', 12, 0, "\1", 1, 5);
    tensor("FloatStorage", '0', 12, 0, "\0\3\3\1", 4, 2);
}
