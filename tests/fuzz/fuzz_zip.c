/* pytorch_model.bin as a file: the zip's directory and records. */
#include "fuzz.h"
#include "model.h"
#include "zip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char config[] = "config.json\n{\"model_type\":\"llama\"}";

    fuzz_begin();
    fuzz_folder((const uint8_t *)config, sizeof config - 1);
    fuzz_file("m/pytorch_model.bin", data, n);
    adze_model_close(fuzz_open(fuzz_path("m"), AZ_READ_ALL));
    fuzz_end();
    return 0;
}

static void put(const char *first, const char *second, bool wide, bool damaged)
{
    static const char data[48] = { 1, 2, 3 };
    zip_maker z;

    zip_begin(&z);
    zip_record(&z, first, ZIP_PICKLE, sizeof ZIP_PICKLE - 1, wide);
    zip_record(&z, "archive/byteorder", "little", 6, wide);
    zip_record(&z, second, data, sizeof data, wide);
    zip_record(&z, "archive/version", "3\n", 2, wide);
    zip_end(&z, wide);
    if (damaged)
        fuzz_seed_damaged(z.all.data, z.all.size, 60, z.all.size);
    else
        fuzz_seed(z.all.data, z.all.size);
    zip_free(&z);
}

void fuzz_seeds(void)
{
    zip_maker z;

    put("archive/data.pkl", "archive/data/0", false, true);
    put("archive/data.pkl", "archive/data/0", true, true);
    put("archive/data.pkl", "archive/data.pkl", false, false);
    put("archive/none.pkl", "archive/data/0", false, false);
    put("data.pkl", "data/0", false, false);
    zip_begin(&z);
    zip_end(&z, false);
    fuzz_seed_damaged(z.all.data, z.all.size, z.all.size, z.all.size);
    az_buf_put(&z.all, z.all.data, z.all.size); /* a comment of 22 bytes that looks like an end */
    fuzz_seed(z.all.data, z.all.size);
    zip_free(&z);
    fuzz_seed("\x80\x02\x8a\x0a", 4);
    fuzz_seed("", 0);
}
