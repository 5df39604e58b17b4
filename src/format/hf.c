/* A Hugging Face folder: config.json, tokenizer files, chat template, and safetensors in one file or in
 * shards named by model.safetensors.index.json.
 *
 * Every file is opened beneath the folder (plain names only, links may lead only into the folder or its
 * hub cache entry). The chat template is kept byte for byte; where several files hold one, the order is:
 * tokenizer_config.json, chat_template.jinja, chat_template.json.
 * Source: huggingface_hub's and transformers' layout, 2026-08-20; convert_hf_to_gguf's template order.
 */
#include "base/json.h"
#include "format/hf.h"
#include "format/hf_tokenizer.h"
#include "format/parts.h"
#include "format/safetensors.h"
#include "format/torch.h"

#include <stdio.h>
#include <string.h>

#define MAX_JSON     ((size_t)64 << 20)
#define MAX_TEMPLATE ((size_t)4 << 20)

/* No allocation: running out of memory must not look like a missing file. */
static bool holds(adze_run *run, const char *dir, const char *name)
{
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/%s", dir, name);

    return n > 0 && (size_t)n < sizeof path && az_exists(run, path);
}

static bool have(const adze_model *m, const char *name)
{
    return holds(m->run, m->path, name);
}

/* Whole file of the folder; *text is NULL when it is missing. */
static adze_status read_text(adze_model *m, const char *name, size_t max, char **text, size_t *n,
                             adze_error *err)
{
    char *path;
    adze_status rc;
    int fd;

    *text = NULL;
    *n = 0;
    if (!have(m, name)) return ADZE_OK;
    rc = az_open_beneath(m->run, m->path, name, &fd, err);
    if (rc < 0) return rc;
    path = az_path_join(m->run, m->path, name);
    rc = path ? az_read_fd(m->run, fd, path, max, text, n, err)
              : az_fail_nomem(err, "reading a model folder");
    az_free(m->run, path);
    az_close(m->run, fd);
    return rc;
}

static adze_status parse_object(adze_model *m, const char *name, const char *text, size_t n,
                                json_t **out, adze_error *err)
{
    char *path = az_path_join(m->run, m->path, name);
    adze_status rc;

    if (!path) return az_fail_nomem(err, "reading a model folder");
    if (n == 0)
        rc = az_fail(err, ADZE_EFORMAT, path, 0, "file is empty");
    else
        rc = az_json_parse(out, text, n, path, err);
    if (rc == ADZE_OK && !json_is_object(*out))
        rc = az_fail(err, ADZE_EFORMAT, path, 0, "must hold a JSON object");
    az_free(m->run, path);
    return rc;
}

/* *out stays NULL when the file is missing. */
static adze_status read_object(adze_model *m, const char *name, json_t **out, adze_error *err)
{
    adze_status rc;
    char *text;
    size_t n;

    rc = read_text(m, name, MAX_JSON, &text, &n, err);
    if (rc == ADZE_OK && text) rc = parse_object(m, name, text, n, out, err);
    az_free(m->run, text);
    return rc;
}

static adze_status set_template(adze_model *m, const char *s, size_t n, adze_error *err)
{
    m->chat_template = az_arena_strndup(&m->arena, s, n);
    m->chat_template_n = n;
    return m->chat_template ? ADZE_OK : az_fail_nomem(err, "reading a chat template");
}

/* The string, or of a list of {name, template} the one called "default". */
static const json_t *template_of(const json_t *doc)
{
    const json_t *t = json_object_get(doc, "chat_template");

    if (!json_is_array(t)) return t;
    for (size_t i = 0; i < json_array_size(t); i++) {
        const char *name = az_json_str(json_array_get(t, i), "name");
        if (name && strcmp(name, "default") == 0)
            return json_object_get(json_array_get(t, i), "template");
    }
    return NULL;
}

/* additional_chat_templates/NAME.jinja into m->chat_templates. */
static adze_status read_more_templates(adze_model *m, adze_error *err)
{
    static const char folder[] = "additional_chat_templates";
    char *dir = az_path_join(m->run, m->path, folder), **names = NULL;
    adze_status rc = dir ? ADZE_OK : az_fail_nomem(err, "reading chat templates");
    size_t n = 0;

    if (rc < 0 || !az_exists(m->run, dir)) goto done;
    rc = az_list_dir(m->run, dir, &names, &n, err);
    for (size_t i = 0; i < n && rc == ADZE_OK; i++) {
        size_t len = strlen(names[i]), size;
        char *text = NULL;
        int fd;
        if (len < 7 || strcmp(names[i] + len - 6, ".jinja") != 0) continue;
        rc = az_open_inside(m->run, m->path, folder, names[i], &fd, err);
        if (rc < 0) break;
        rc = az_read_fd(m->run, fd, names[i], MAX_TEMPLATE, &text, &size, err);
        az_close(m->run, fd);
        if (rc < 0) break;
        names[i][len - 6] = 0;
        if (!m->chat_templates) m->chat_templates = json_object();
        if (json_object_set_new(m->chat_templates, names[i], json_stringn(text, size)) != 0)
            rc = az_fail_name(err, ADZE_EFORMAT, dir, names[i], ADZE_NOPOS,
                              "is not UTF-8, or memory is short");
        az_free(m->run, text);
    }
done:
    az_free_names(m->run, names, n);
    az_free(m->run, dir);
    return rc;
}

/* Files first, as transformers reads them; then tokenizer_config.json. */
static adze_status read_template(adze_model *m, adze_error *err)
{
    const json_t *t = template_of(m->tok.hf_config);
    json_t *doc = NULL;
    char *text = NULL;
    size_t n;
    adze_status rc;

    rc = read_more_templates(m, err);
    if (rc < 0) return rc;
    rc = read_text(m, "chat_template.jinja", MAX_TEMPLATE, &text, &n, err);
    if (rc < 0) return rc;
    if (text) {
        m->template_is_file = true;
        rc = set_template(m, text, n, err);
        az_free(m->run, text);
        return rc;
    }
    if (m->chat_templates) return ADZE_OK;
    if (json_is_string(t)) return set_template(m, json_string_value(t), json_string_length(t), err);
    rc = read_object(m, "chat_template.json", &doc, err);
    t = template_of(doc);
    if (rc == ADZE_OK && json_is_string(t))
        rc = set_template(m, json_string_value(t), json_string_length(t), err);
    json_decref(doc);
    return rc;
}

static bool is_torch(const char *name)
{
    size_t n = strlen(name);

    return n > 4 && strcmp(name + n - 4, ".bin") == 0;
}

static adze_status add_shard(adze_model *m, const char *name, az_buf *tensors, uint32_t *file,
                             adze_error *err)
{
    adze_status rc;
    char *path = NULL;
    az_stat st;
    int fd;

    rc = az_open_beneath(m->run, m->path, name, &fd, err);
    if (rc < 0) return rc;
    path = az_path_join(m->run, m->path, name);
    rc = path ? az_fstat(m->run, fd, path, &st, err) : az_fail_nomem(err, "opening a model");
    if (rc < 0)
        az_close(m->run, fd);
    else
        rc = az_model_add_file(m, path, fd, st.size_bytes, file, err);
    if (rc == ADZE_OK)
        rc = is_torch(name) ? az_torch_header(m, *file, tensors, err)
                            : az_safetensors_header(m, *file, tensors, err);
    az_free(m->run, path);
    return rc;
}

/* Every tensor of the index lies in the shard that it names, and no shard holds another. */
static adze_status check_index(const adze_model *m, const json_t *map, const char *path,
                               adze_error *err)
{
    const char *name;
    json_t *v;

    json_object_foreach((json_t *)(uintptr_t)map, name, v)
    {
        const az_tensor *t = az_model_tensor(m, name);
        const char *shard = json_string_value(v);
        if (!t)
            return az_fail_name(err, ADZE_EFORMAT, path, name, ADZE_NOPOS,
                                "is in the index but not in its shard %s", shard);
        if (strcmp(az_path_base(m->files[t->file].path), shard) != 0)
            return az_fail_name(err, ADZE_EFORMAT, path, name, ADZE_NOPOS,
                                "is in %s, but the index says %s",
                                az_path_base(m->files[t->file].path), shard);
    }
    for (size_t i = 0; i < m->n_tensors; i++)
        if (!json_object_get(map, m->tensors[i].name))
            return az_fail_name(err, ADZE_EFORMAT, m->files[m->tensors[i].file].path,
                                m->tensors[i].name, m->tensors[i].at_bytes,
                                "is in the shard but not in the index");
    return ADZE_OK;
}

static adze_status read_shards(adze_model *m, const json_t *index, const char *path,
                               az_buf *tensors, adze_error *err)
{
    const json_t *map = json_object_get(index, "weight_map");
    json_t *seen = json_object(), *v;
    adze_status rc = ADZE_OK;
    const char *name;
    uint32_t file;

    if (!seen) return az_fail_nomem(err, "reading a shard index");
    if (!json_is_object(map) || json_object_size(map) == 0) {
        rc = az_fail_name(err, ADZE_EFORMAT, path, "weight_map", ADZE_NOPOS,
                          "must be an object of tensor names and files");
        goto done;
    }
    json_object_foreach((json_t *)(uintptr_t)map, name, v)
    {
        const char *shard = json_string_value(v);
        if (!shard) {
            rc = az_fail_name(err, ADZE_EFORMAT, path, name, ADZE_NOPOS,
                              "its file must be a string");
            goto done;
        }
        if (json_object_get(seen, shard)) continue;
        json_object_set_new(seen, shard, json_true());
        rc = add_shard(m, shard, tensors, &file, err);
        if (rc < 0) goto done;
    }
    rc = az_model_take_tensors(m, tensors, err);
    if (rc == ADZE_OK) rc = check_index(m, map, path, err);
done:
    json_decref(seen);
    return rc;
}

/* A pickle stores a tied output as one more name of the same bytes: it is the embedding. */
static void drop_tied_output(adze_model *m)
{
    const az_tensor *out = az_model_tensor(m, "lm_head.weight");
    const az_tensor *in = az_model_tensor(m, "model.embed_tokens.weight");
    size_t i;

    if (!out || !in || out->file != in->file || out->at_bytes != in->at_bytes) return;
    i = (size_t)(out - m->tensors);
    memmove(&m->tensors[i], &m->tensors[i + 1], (m->n_tensors - i - 1) * sizeof *m->tensors);
    m->n_tensors--;
}

/* One file, or an index and its shards; safetensors before pickles. *found: there were some. */
static adze_status read_kind(adze_model *m, const char *whole, const char *index_name, bool *found,
                             adze_error *err)
{
    json_t *index = NULL;
    char *path = NULL;
    az_buf tensors;
    adze_status rc;
    uint32_t file;

    az_buf_init(&tensors, m->run);
    *found = true;
    if (have(m, whole)) {
        rc = add_shard(m, whole, &tensors, &file, err);
        if (rc == ADZE_OK) rc = az_model_take_tensors(m, &tensors, err);
        goto done;
    }
    rc = read_object(m, index_name, &index, err);
    if (rc < 0) goto done;
    *found = index != NULL;
    if (!index) goto done;
    path = az_path_join(m->run, m->path, index_name);
    rc = path ? read_shards(m, index, path, &tensors, err) : az_fail_nomem(err, "opening a model");
done:
    az_free(m->run, path);
    json_decref(index);
    az_buf_deinit(&tensors);
    return rc;
}

static adze_status read_weights(adze_model *m, adze_error *err)
{
    static const char index_name[] = "model.safetensors.index.json";
    bool found;
    adze_status rc = read_kind(m, "model.safetensors", index_name, &found, err);

    if (rc < 0 || found) return rc;
    rc = read_kind(m, "pytorch_model.bin", "pytorch_model.bin.index.json", &found, err);
    if (rc == ADZE_OK && found) drop_tied_output(m);
    if (rc < 0 || found) return rc;
    return az_fail(err, ADZE_EFORMAT, m->path, ADZE_NOPOS,
                   "holds neither model.safetensors nor %s nor pytorch_model.bin", index_name);
}

static int hf_probe(adze_run *run, const char *path)
{
    if (holds(run, path, "config.json")) return 100;
    return az_hf_has_tokenizer(run, path) ? AZ_PROBE_TOKENIZER : 0;
}

static adze_status hf_read(adze_run *run, const char *path, unsigned flags, adze_model **out,
                           adze_error *err)
{
    adze_model *m = NULL;
    adze_status rc;

    *out = NULL;
    rc = az_model_new(&m, run, path, "hf", err);
    if (rc < 0) return rc;
    rc = read_object(m, "config.json", &m->config, err);
    if (rc < 0) goto done;
    rc = read_object(m, "generation_config.json", &m->generation_config, err);
    if (rc < 0) goto done;
    rc = read_object(m, "tokenizer_config.json", &m->tok.hf_config, err);
    if (rc < 0) goto done;
    if (!(flags & AZ_READ_NO_TOKENIZER)) rc = az_hf_read_tokenizer(m, err);
    if (rc < 0) goto done;
    rc = read_template(m, err);
    if (rc < 0) goto done;
    rc = az_hf_read_sentence(m, err);
    if (rc < 0) goto done;
    if (!(flags & AZ_READ_NO_WEIGHTS)) {
        rc = read_weights(m, err);
        if (rc == ADZE_OK) rc = az_parts_join(m, err);
    }
    if (rc < 0) goto done;
    if (json_is_object(json_object_get(m->config, "quantization"))) m->format = "mlx";
    *out = m;
    m = NULL;
done:
    adze_model_close(m);
    return rc;
}

const az_format az_format_hf = {
    .name = "hf",
    .summary = "Hugging Face folder: config.json, tokenizer, safetensors",
    .caps = AZ_FMT_WEIGHTS | AZ_FMT_TOKENIZER | AZ_FMT_FOLDER,
    .probe = hf_probe,
    .read = hf_read,
    .plan = az_hf_plan,
    .write = az_hf_write,
    .assign = az_hf_assign,
};
