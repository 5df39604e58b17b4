/* Writing a GGUF: metadata, tensor infos, offsets; the data itself goes through stream.c. */
#include "arch/arch.h"
#include "base/check.h"
#include "base/json.h"
#include "format/gguf.h"
#include "format/gguf_vocab.h"

#include <stdio.h>
#include <string.h>

static const az_output *output_named(const az_plan *p, const char *name)
{
    for (size_t i = 0; i < p->n_outputs; i++)
        if (strcmp(p->outputs[i].name, name) == 0) return &p->outputs[i];
    return NULL;
}

/* general.file_type: the recipe's, else the source's, else by the type that holds most bytes. */
static uint32_t file_type(const az_plan *p)
{
    static const struct {
        az_type type;
        uint32_t id;
    } ids[] = { { AZ_F32, 0 },   { AZ_F16, 1 },   { AZ_Q4_0, 2 },  { AZ_Q4_1, 3 },  { AZ_Q8_0, 7 },
                { AZ_Q5_0, 8 },  { AZ_Q5_1, 9 },  { AZ_Q2_K, 10 }, { AZ_Q3_K, 12 }, { AZ_Q4_K, 15 },
                { AZ_Q5_K, 17 }, { AZ_Q6_K, 18 }, { AZ_BF16, 32 }, { AZ_MXFP4, 38 } };
    uint64_t bytes[AZ_TYPE_COUNT] = { 0 };
    size_t best = 0;
    int64_t kept;

    if (p->recipe) return p->recipe->gguf_ftype;
    if (az_kv_int(&p->kv, "general.file_type", &kept) && kept >= 0 && kept <= UINT32_MAX)
        return (uint32_t)kept;
    for (size_t i = 0; i < p->n_outputs; i++)
        bytes[p->outputs[i].type] += (uint64_t)p->outputs[i].rows * p->outputs[i].row_bytes;
    for (size_t i = 1; i < AZ_COUNT(ids); i++)
        if (bytes[ids[i].type] > bytes[ids[best].type]) best = i;
    return ids[best].id;
}

/* "1.2B", "5.8M". */
static void size_label(uint64_t n, char *buf, size_t size)
{
    if (n >= 1000000000)
        snprintf(buf, size, "%.1fB", (double)n / 1e9);
    else if (n >= 1000000)
        snprintf(buf, size, "%.0fM", (double)n / 1e6);
    else
        snprintf(buf, size, "%.0fK", (double)n / 1e3);
}

/* Last part of the folder's path, "." and slashes at the end left out. */
static bool put_name(az_plan *p)
{
    const char *path = p->model->path;
    size_t n = strlen(path), start;

    while (n > 1 && (path[n - 1] == '/' || (path[n - 1] == '.' && path[n - 2] == '/')))
        n--;
    for (start = n; start && path[start - 1] != '/'; start--)
        ;
    if (n - start == 0 || path[start] == '.') return true; /* nothing that names it */
    return az_kv_put_str(&p->kv, "general.name", path + start, n - start);
}

/* llama.cpp looks for "phi3" in the name and then demands these tokens: a name that would keep a file from
 * loading is left out. */
static void check_name(az_plan *p)
{
    static const char *const demanded[] = { "</s>", "<unk>", "<s>", "<|endoftext|>" };
    const char *name = az_kv_string(&p->kv, "general.name");
    const az_kv *tokens = az_kv_find(&p->kv, "tokenizer.ggml.tokens");
    size_t found = 0;

    if (!name || !tokens || (!strcasestr(name, "phi3") && !strcasestr(name, "phi-3"))) return;
    for (size_t k = 0; k < AZ_COUNT(demanded); k++)
        for (uint64_t i = 0; i < tokens->v.arr.n; i++)
            if (strcmp(((const az_str *)tokens->v.arr.data)[i].s, demanded[k]) == 0) {
                found++;
                break;
            }
    if (found < AZ_COUNT(demanded)) az_kv_remove(&p->kv, "general.name");
}

/* What the folder's documents say beyond the keys, so that the folder can be made again. */
static adze_status put_document(az_plan *p, const char *key, const json_t *doc,
                                const char *const *without, adze_error *err)
{
    json_t *copy = json_copy((json_t *)(uintptr_t)doc);
    adze_status rc = ADZE_OK;
    size_t n = 0;
    char *text;

    for (; copy && *without; without++)
        json_object_del(copy, *without);
    text = copy ? az_json_text(p->run, copy, JSON_COMPACT, &n) : NULL;
    if (!text || !az_kv_put_str(&p->kv, key, text, n)) rc = az_fail_nomem(err, "writing GGUF keys");
    az_free(p->run, text);
    json_decref(copy);
    return rc;
}

static adze_status put_documents(az_plan *p, adze_error *err)
{
    static const char *const no_packing[] = { "quantization", "quantization_config", NULL };
    static const char *const no_template[] = { "chat_template", NULL }, *const none[] = { NULL };
    adze_status rc = put_document(p, "adze.config", p->model->config, no_packing, err);

    if (rc == ADZE_OK && p->model->tok.hf_config)
        rc = put_document(p, "adze.tokenizer_config", p->model->tok.hf_config, no_template, err);
    if (rc == ADZE_OK && p->model->sentence)
        rc = put_document(p, "adze.sentence_transformers", p->model->sentence, none, err);
    return rc;
}

static adze_status keys_from_hf(az_plan *p, const az_arch *arch, const az_config *c,
                                adze_error *err)
{
    const az_output *embd = output_named(p, "token_embd.weight");
    char label[16];
    adze_status rc;

    rc = az_arch_gguf_keys(arch, c, &p->kv, err);
    if (rc < 0) return rc;
    size_label(adze_model_parameters(p->model), label, sizeof label);
    if (!az_kv_put_str(&p->kv, "general.type", "model", 5) || !put_name(p) ||
        !az_kv_put_str(&p->kv, "general.size_label", label, strlen(label)))
        return az_fail_nomem(err, "writing GGUF keys");
    az_plan_note(p, az_arch_gguf_note(arch, c));
    if (!embd) return az_fail(err, ADZE_EFORMAT, p->model->path, ADZE_NOPOS, "has no embedding");
    rc = az_gguf_put_vocab(p, embd->rows, err);
    if (rc == ADZE_OK) rc = put_documents(p, err);
    if (rc == ADZE_OK) check_name(p);
    return rc;
}

/* All keys of the source, unknown ones too; those of split files and of an earlier quantization go. */
static adze_status keys_from_gguf(az_plan *p, adze_error *err)
{
    const az_kvs *kv = &p->model->kv;

    for (size_t i = 0; i < kv->n; i++) {
        if (strncmp(kv->items[i].key, "split.", 6) == 0) continue;
        if (p->recipe && strncmp(kv->items[i].key, "quantize.imatrix.", 17) == 0) continue;
        if (!az_kv_put(&p->kv, &kv->items[i])) return az_fail_nomem(err, "writing GGUF keys");
    }
    return ADZE_OK;
}

adze_status az_gguf_plan(adze_run *run, adze_model *m, const az_recipe *r, az_plan **out,
                         adze_error *err)
{
    az_gguf_layout l = { .run = run };
    az_plan *p = NULL;
    const az_arch *arch;
    az_config c;
    adze_status rc;

    *out = NULL;
    rc = az_plan_new(&p, run, m, r, &az_format_gguf, err);
    if (rc < 0) goto done;
    for (size_t i = 0; i < p->n_outputs; i++)
        if (strlen(p->outputs[i].name) > AZ_GGUF_MAX_NAME) {
            rc = az_fail_name(err, ADZE_EUNSUP, m->path, p->outputs[i].name, ADZE_NOPOS,
                              "name is too long for a GGUF");
            goto done;
        }
    rc = az_arch_of(m, &arch, &c, err);
    if (rc < 0) goto done;
    rc = m->config ? keys_from_hf(p, arch, &c, err) : keys_from_gguf(p, err);
    if (rc < 0) goto done;
    if (!az_kv_put_u32(&p->kv, "general.file_type", file_type(p)) ||
        !az_kv_put_u32(&p->kv, "general.quantization_version", 2)) {
        rc = az_fail_nomem(err, "writing GGUF keys");
        goto done;
    }
    rc = az_gguf_put_changes(p, err);
    if (rc < 0) goto done;
    rc = az_gguf_lay_out(&l, p, "", err); /* for the size */
    if (rc < 0) goto done;
    *out = p;
    p = NULL;
done:
    az_gguf_layout_deinit(&l);
    az_plan_free(p);
    return rc;
}

adze_status az_gguf_write(adze_run *run, az_plan *p, const char *dst, adze_error *err)
{
    az_gguf_layout l;
    adze_status rc = az_gguf_lay_out(&l, p, dst, err);
    az_stream s = { .files = l.files, .n_files = l.n_files, .place = l.place, .padded = true };

    if (rc == ADZE_OK) rc = az_stream_write(run, p, &s, dst, err);
    if (rc == ADZE_OK && l.n_files > 1 &&
        !(p->written = az_arena_strdup(&p->arena, l.files[0].name)))
        rc = az_fail_nomem(err, "writing a GGUF");
    az_gguf_layout_deinit(&l);
    return rc;
}
