/* A folder through a conversion to GGUF and back: what opens and converts must open again as
 * something known; what fails leaves nothing under the name. Rows are read, packed and written on the way. */
#include <unistd.h>

#include "arch.h"
#include "golden.h"
#include "job/convert.h"
#include "model.h"

#define MOST_BYTES ((uint64_t)1 << 20) /* of weights: more only takes longer */

/* Where the input brings none: 16 tokens. */
static const char tokenizer[] = "{\"added_tokens\":[{\"id\":0,\"content\":\"<s>\",\"special\":true}"
                                "],\"pre_tokenizer\":{\"type\":"
                                "\"ByteLevel\",\"add_prefix_space\":false},\"decoder\":{\"type\":"
                                "\"ByteLevel\"},\"model\":{\"type\":"
                                "\"BPE\",\"vocab\":{\"<s>\":0,\"a\":1,\"b\":2,\"c\":3,\"d\":4,"
                                "\"e\":5,\"f\":6,\"g\":7,\"ab\":8},"
                                "\"merges\":[\"a b\"]}}";

static void clear(void)
{
    az_remove_tree(fuzz_run, fuzz_path("out"), NULL);
}

/* Converted, or nothing there; the model that was written, or NULL. */
static adze_model *convert(adze_model *m, const char *name, const char *recipe)
{
    az_convert_opts opts = { .recipe = recipe };
    adze_error err = { .pos = ADZE_NOPOS };
    az_convert_result result;
    const char *path = fuzz_path(name);
    adze_model *made = NULL;
    adze_status rc = az_convert_model(fuzz_run, m, path, &opts, &result, &err);

    fuzz_status(rc, &err);
    fuzz_want((rc == ADZE_OK) == (access(path, F_OK) == 0) || fuzz_failing,
              "a file with success, and only then");
    if (rc == ADZE_OK) made = fuzz_open(path, AZ_READ_ALL);
    fuzz_want(rc < 0 || made || fuzz_failing, "what was written opens");
    return made;
}

static void there_and_back(adze_model *m, const char *recipe)
{
    adze_model *gguf = convert(m, "out/a.gguf", recipe), *back;

    if (!gguf) return;
    fuzz_want(adze_model_arch(gguf) != NULL, "its architecture is known");
    arch_use(gguf);
    back = convert(gguf, "out/back", NULL);
    if (back) arch_use(back); /* a model_type that nobody knows comes back as it was */
    adze_model_close(back);
    adze_model_close(gguf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const recipes[] = { NULL, "q8_0", "q4_k_m", "f16" };
    const char *dir;
    adze_model *m;
    fuzz_begin();
    dir = fuzz_folder(data, n);
    if (!az_exists(fuzz_run, fuzz_path("m/tokenizer.json")))
        fuzz_file("m/tokenizer.json", tokenizer, sizeof tokenizer - 1);
    clear();
    az_mkdirs(fuzz_run, fuzz_path("out"), NULL);
    m = fuzz_open(dir, AZ_READ_ALL);
    if (m && adze_model_bytes(m) <= MOST_BYTES) there_and_back(m, recipes[n % 4]);
    adze_model_close(m);
    fuzz_end();
    return 0;
}

void fuzz_seeds(void)
{
    for (size_t i = 0; i < AZ_COUNT(golden_archs); i++) {
        json_t *j = golden_read(golden_archs[i]);
        char *tensors, *config, *all;
        if (!j) continue;
        tensors = golden_tensors(json_object_get(j, "tensors"));
        config = json_dumps(json_object_get(j, "config"), JSON_COMPACT);
        all = malloc(strlen(config) + strlen(tensors) + 40);
        if (!all) abort();
        for (int k = 0; k < 4; k++) { /* each recipe: it hangs on the length */
            sprintf(all, "config.json\n%s%.*s%s", config, k, "   ", tensors);
            if (i % 4 == (size_t)k)
                fuzz_seed(all, strlen(all));
            else
                fuzz_variant(all, strlen(all));
        }
        free(all);
        free(config);
        free(tensors);
        json_decref(j);
    }
}
