/* Writing a Hugging Face folder: floats in safetensors, everything else of the source intact.
 *
 * From a folder, documents are copied byte for byte; config.json changes only where the weights did (its dtype;
 * what described an earlier quantization goes). From a GGUF they are made from its keys (hf_docs.c). Without a
 * recipe floats keep their type, and quantized weights become bf16.
 */
#include "base/json.h"
#include "core/packed.h"
#include "format/folder.h"
#include "format/hf.h"

#include <string.h>

#define SHARD_BYTES 5000000000u /* as huggingface_hub divides */

static bool is_float(az_type t)
{
    return t == AZ_F32 || t == AZ_F16 || t == AZ_BF16;
}

/* Integers (positions, masks) stay as they are. */
adze_status az_hf_assign(az_plan *p, adze_error *err)
{
    const az_recipe *r = p->recipe;

    if (!r) return p->model->config ? ADZE_OK : az_folder_narrow(p, az_folder_dtype(p), err);
    if (!is_float(r->base))
        return az_fail_name(err, ADZE_EINVAL, NULL, "--recipe", ADZE_NOPOS,
                            "%s is a recipe for GGUF files; format hf takes f32, f16 or bf16",
                            r->name);
    for (size_t i = 0; i < p->n_outputs; i++)
        if (is_float(p->outputs[i].type)) p->outputs[i].type = r->base;
    return ADZE_OK;
}

adze_status az_hf_plan(adze_run *run, adze_model *m, const az_recipe *r, az_plan **out,
                       adze_error *err)
{
    az_folder f = { .run = NULL };
    az_plan *p = NULL;
    adze_status rc = az_plan_new(&p, run, m, r, az_format_find("hf"), err);

    *out = NULL;
    if (rc < 0) return rc;
    p->shard_bytes = SHARD_BYTES;
    rc = az_folder_init(&f, p, "pt", err);
    az_folder_deinit(&f);
    if (rc < 0)
        az_plan_free(p);
    else
        *out = p;
    return rc;
}

/* Did any tensor get another type than the folder stored? */
static bool changed(const az_plan *p)
{
    for (size_t i = 0; i < p->n_outputs; i++) {
        const az_tensor *t = az_output_source(&p->outputs[i]);
        if (!t || az_is_decoded(t) || t->type != p->outputs[i].type) return true;
    }
    return false;
}

void az_hf_set_dtype(json_t *config, az_type t)
{
    const char *key = json_object_get(config, "dtype") ? "dtype" : "torch_dtype";

    json_object_set_new(config, key, json_string(az_dtype_name(t)));
}

/* What transformers must know of weights in blocks; nothing where there are none. */
static json_t *quantization(const az_plan *p)
{
    for (size_t i = 0; i < p->n_outputs; i++)
        if (p->outputs[i].n_parts)
            return json_pack("{s:s, s:[s, s, s, s]}", "quant_method", "mxfp4",
                             "modules_to_not_convert", "model.layers.*.self_attn",
                             "model.layers.*.mlp.router", "model.embed_tokens", "lm_head");
    return NULL;
}

static adze_status add_config(az_folder *f, adze_error *err)
{
    const az_plan *p = f->plan;
    json_t *config = NULL, *q = quantization(p);
    adze_status rc;

    if (!p->model->config) {
        rc = az_hf_config_from_gguf(p, &config, err);
    } else if (!changed(p)) {
        json_decref(q);
        return az_folder_copy(f, "config.json", err);
    } else {
        config = json_copy(p->model->config);
        rc = config ? ADZE_OK : az_fail_nomem(err, "writing config.json");
        json_object_del(config, "quantization_config");
        json_object_del(config, "quantization");
    }
    if (rc < 0) {
        json_decref(q);
        return rc;
    }
    if (q) json_object_set_new(config, "quantization_config", q);
    az_hf_set_dtype(config, az_folder_dtype(p));
    rc = az_folder_add_json(f, "config.json", config, JSON_INDENT(2), err);
    json_decref(config);
    return rc;
}

adze_status az_hf_write(adze_run *run, az_plan *p, const char *dst, adze_error *err)
{
    az_folder f;
    adze_status rc = az_folder_init(&f, p, "pt", err);

    (void)run;
    if (rc == ADZE_OK) rc = add_config(&f, err);
    if (rc == ADZE_OK)
        rc = p->model->config ? az_folder_copy_tokenizer(&f, err) : az_hf_add_docs(&f, err);
    if (rc == ADZE_OK) rc = az_hf_add_sentence(&f, err);
    if (rc == ADZE_OK && f.n_shards > 1) rc = az_folder_add_index(&f, NULL, err);
    if (rc == ADZE_OK) rc = az_folder_write(&f, dst, err);
    az_folder_deinit(&f);
    return rc;
}
