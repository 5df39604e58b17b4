/* The documents of a sentence-transformers folder: modules.json, which lists what is done one after the other, a config.json in
 * a folder of each module, and settings beside them. They are kept whole, in a GGUF as one JSON object by file name.
 *
 * Source: sentence-transformers 6.2 (load and save of base/model.py), 2026.
 */
#include "arch/arch.h"
#include "base/json.h"
#include "format/folder.h"
#include "format/hf.h"

#include <stdio.h>
#include <string.h>

#define MAX_JSON ((size_t)1 << 20)
enum { MAX_MODULES = 16, MAX_NAME = 200 };

/* Text of a file of the folder, or of one in a folder within; *text is NULL when it is missing. */
static adze_status read_text(const adze_model *m, const char *folder, const char *name, char **text,
                             size_t *n, adze_error *err)
{
    char *path = folder ? az_asprintf(m->run, "%s/%s/%s", m->path, folder, name)
                        : az_path_join(m->run, m->path, name);
    adze_status rc = path ? ADZE_OK : az_fail_nomem(err, "reading a model folder");
    int fd = -1;

    *text = NULL;
    if (rc == ADZE_OK && az_exists(m->run, path)) {
        rc = folder ? az_open_inside(m->run, m->path, folder, name, &fd, err)
                    : az_open_beneath(m->run, m->path, name, &fd, err);
        if (rc == ADZE_OK) rc = az_read_fd(m->run, fd, path, MAX_JSON, text, n, err);
        az_close(m->run, fd);
    }
    az_free(m->run, path);
    return rc;
}

/* Into m->sentence under its name; nothing where it is missing. */
static adze_status read_one(adze_model *m, const char *folder, const char *name, adze_error *err)
{
    char key[MAX_NAME], *text;
    json_t *doc = NULL;
    size_t n;
    int len = snprintf(key, sizeof key, "%s%s%s", folder ? folder : "", folder ? "/" : "", name);
    adze_status rc;

    if (len < 0 || len >= MAX_NAME)
        return az_fail_name(err, ADZE_EFORMAT, m->path, name, ADZE_NOPOS,
                            "its folder's name is too long");
    rc = read_text(m, folder, name, &text, &n, err);
    if (rc < 0 || !text) return rc;
    rc = n ? az_json_parse(&doc, text, n, key, err)
           : az_fail_name(err, ADZE_EFORMAT, m->path, key, 0, "file is empty");
    az_free(m->run, text);
    if (rc == ADZE_OK && json_object_set_new(m->sentence, key, doc) < 0)
        rc = az_fail_nomem(err, "reading a model folder");
    return rc;
}

static const char *const settings[] = { "sentence_bert_config.json",
                                        "config_sentence_transformers.json" };

adze_status az_hf_read_sentence(adze_model *m, adze_error *err)
{
    const json_t *modules, *module;
    adze_status rc;
    size_t i;

    m->sentence = json_object();
    if (!m->sentence) return az_fail_nomem(err, "reading a model folder");
    rc = read_one(m, NULL, "modules.json", err);
    modules = json_object_get(m->sentence, "modules.json");
    if (rc == ADZE_OK && modules &&
        (!json_is_array(modules) || json_array_size(modules) > MAX_MODULES))
        rc = az_fail_name(err, ADZE_EFORMAT, m->path, "modules.json", ADZE_NOPOS,
                          "must be a list of at most %d modules", MAX_MODULES);
    if (rc == ADZE_OK && modules) json_array_foreach(modules, i, module)
        {
            const char *path = az_json_str(module, "path");
            if (rc == ADZE_OK && path && path[0]) rc = read_one(m, path, "config.json", err);
        }
    for (size_t k = 0; k < AZ_COUNT(settings) && modules && rc == ADZE_OK; k++)
        rc = read_one(m, NULL, settings[k], err);
    if (rc == ADZE_OK && !modules) {
        json_decref(m->sentence);
        m->sentence = NULL;
    }
    return rc;
}

static adze_status copy_one(az_folder *f, const char *key, adze_error *err)
{
    const char *slash = strchr(key, '/');
    char folder[MAX_NAME] = "", *text;
    adze_status rc;
    size_t n;

    if (slash) snprintf(folder, sizeof folder, "%.*s", (int)(slash - key), key);
    rc = read_text(f->plan->model, slash ? folder : NULL, slash ? slash + 1 : key, &text, &n, err);
    return rc == ADZE_OK && text ? az_folder_add(f, key, text, n, err) : rc;
}

/* What an encoder of another program's GGUF does, in sentence-transformers' words. */
static json_t *made(const az_config *c)
{
    static const char *const mode[] = { "mean", "cls", "lasttoken" };
    json_t *modules =
        json_pack("[{s:i, s:s, s:s, s:s}, {s:i, s:s, s:s, s:s}]", "idx", 0, "name", "0", "path", "",
                  "type", "sentence_transformers.models.Transformer", "idx", 1, "name", "1", "path",
                  "1_Pooling", "type", "sentence_transformers.models.Pooling");

    json_array_append_new(modules, json_pack("{s:i, s:s, s:s, s:s}", "idx", 2, "name", "2", "path",
                                             "2_Normalize", "type",
                                             "sentence_transformers.models.Normalize"));
    return json_pack("{s:o, s:{s:i, s:b, s:b, s:b}}", "modules.json", modules,
                     "1_Pooling/config.json", "word_embedding_dimension", c->hidden,
                     "pooling_mode_cls_token", (int)(strcmp(mode[c->pooling], "cls") == 0),
                     "pooling_mode_mean_tokens", (int)(strcmp(mode[c->pooling], "mean") == 0),
                     "pooling_mode_lasttoken", (int)(strcmp(mode[c->pooling], "lasttoken") == 0));
}

/* One of the names that a folder's documents have; a GGUF could hold any other. */
static bool is_name(const char *s)
{
    const char *slash = strchr(s, '/');

    for (size_t i = 0; i < AZ_COUNT(settings); i++)
        if (strcmp(s, settings[i]) == 0) return true;
    return strcmp(s, "modules.json") == 0 ||
           (slash && slash != s && s[0] != '.' && !strchr(s, '\\') && strlen(s) < MAX_NAME &&
            strcmp(slash, "/config.json") == 0);
}

adze_status az_hf_add_sentence(az_folder *f, adze_error *err)
{
    adze_model *m = f->plan->model;
    json_t *docs = json_incref(m->sentence), *doc;
    adze_status rc = ADZE_OK;
    const az_arch *arch;
    const char *key;
    az_config c;

    if (!docs && !m->config) {
        rc = az_arch_of(m, &arch, &c, err);
        if (rc == ADZE_OK && c.encoder && !(docs = made(&c)))
            rc = az_fail_nomem(err, "writing a folder");
    }
    json_object_foreach(docs, key, doc)
    {
        if (rc < 0) break;
        if (m->config)
            rc = copy_one(f, key, err);
        else if (!is_name(key) || json_object_size(docs) > MAX_MODULES + 3)
            rc = az_fail_name(err, ADZE_EFORMAT, m->path, "adze.sentence_transformers", ADZE_NOPOS,
                              "\"%.60s\" is not a file's name", key);
        else
            rc = az_folder_add_json(f, key, doc, JSON_INDENT(2), err);
    }
    json_decref(docs);
    return rc;
}
