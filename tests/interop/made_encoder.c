/* One of the golden encoders (tests/data/golden/embeddings) as a folder. Without the longest text of
 * sentence_bert_config.json, which llama.cpp does not know.
 *
 *   made_encoder NAME DIR           writes DIR; prints the golden texts that are not empty, a line each
 */
#include "infer/made_model.h"

#include <sys/stat.h>

static int refuse(const char *what)
{
    fprintf(stderr, "made_encoder: %s\n", what);
    return 1;
}

int main(int argc, char **argv)
{
    made_spec spec = { .j = NULL };
    adze_run *run = NULL;
    const char *file;
    json_t *doc;
    size_t i;

    if (argc != 3) {
        fputs("usage: made_encoder NAME DIR\n", stderr);
        return 2;
    }
    snprintf(spec.path, sizeof spec.path, "tests/data/golden/embeddings/%s.json", argv[1]);
    spec.j = json_load_file(spec.path, 0, NULL);
    if (!spec.j || adze_run_new(&run, NULL, NULL) != ADZE_OK) return refuse("no such model");
    if (mkdir(argv[2], 0777) != 0) return refuse("cannot make the folder");
    made_write(&spec, argv[2], NULL);
    json_object_foreach(json_object_get(spec.j, "files"), file, doc)
    {
        char path[512];
        if (strcmp(file, "sentence_bert_config.json") == 0) continue;
        snprintf(path, sizeof path, "%s/%s", argv[2], file);
        *strrchr(path, '/') = 0;
        mkdir(path, 0777);
        snprintf(path, sizeof path, "%s/%s", argv[2], file);
        if (json_dump_file(doc, path, 0) != 0) return refuse("cannot write");
    }
    json_array_foreach(json_object_get(spec.j, "texts"), i, doc)
    {
        if (json_string_length(doc)) puts(json_string_value(doc));
    }
    json_decref(spec.j);
    adze_run_free(run);
    return 0;
}
