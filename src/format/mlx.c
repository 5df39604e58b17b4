/* Writing an MLX folder: matrices in groups (format/parts_mlx.c), the rest in the model's own float type.
 *
 * What is quantized is what mlx-lm quantizes: every matrix whose rows are whole groups, embedding and output
 * included. config.json says how under "quantization" and, the same again, "quantization_config"; modules that
 * differ are listed there by their path. Source: mlx_lm/utils.py and convert.py, 2026-08-22.
 */
#include "format/mlx.h"
#include "arch/arch.h"
#include "base/json.h"
#include "format/folder.h"
#include "format/hf.h"
#include "format/parts.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SHARD_BYTES ((uint64_t)5 << 30) /* as mlx-lm divides */

#define MIXED(low, high)                                                                       \
    {                                                                                          \
        { "mlx-mixed_" #low "_" #high, #low " bits in groups of 64, sensitive tensors " #high, \
          AZ_BF16, 0, NULL },                                                                  \
            AZ_MLX_AFFINE, low, high, 64                                                       \
    }

const az_mlx_recipe az_mlx_recipes[] = {
    { { "mlx-8bit", "8 bits in groups of 64", AZ_BF16, 0, NULL }, AZ_MLX_AFFINE, 8, 0, 64 },
    { { "mlx-6bit", "6 bits in groups of 64", AZ_BF16, 0, NULL }, AZ_MLX_AFFINE, 6, 0, 64 },
    { { "mlx-5bit", "5 bits in groups of 64", AZ_BF16, 0, NULL }, AZ_MLX_AFFINE, 5, 0, 64 },
    { { "mlx-4bit", "4 bits in groups of 64", AZ_BF16, 0, NULL }, AZ_MLX_AFFINE, 4, 0, 64 },
    { { "mlx-3bit", "3 bits in groups of 64", AZ_BF16, 0, NULL }, AZ_MLX_AFFINE, 3, 0, 64 },
    { { "mlx-2bit", "2 bits in groups of 64", AZ_BF16, 0, NULL }, AZ_MLX_AFFINE, 2, 0, 64 },
    MIXED(4, 6),
    MIXED(3, 6),
    MIXED(3, 4),
    MIXED(2, 6),
    { { "mlx-mxfp4", "4-bit floats in groups of 32", AZ_BF16, 0, NULL }, AZ_MLX_MXFP4, 4, 0, 32 },
    { { NULL, NULL, AZ_F32, 0, NULL }, AZ_MLX_AFFINE, 0, 0, 0 },
};

const az_mlx_recipe *az_mlx_recipe_find(const char *name)
{
    for (const az_mlx_recipe *r = az_mlx_recipes; name && r->base.name; r++)
        if (strcasecmp(r->base.name, name) == 0) return r;
    return NULL;
}

adze_status az_mlx_set_group(az_mlx_recipe *r, int group, adze_error *err)
{
    bool ok = r->mode == AZ_MLX_MXFP4 ? group == 32 : group == 32 || group == 64 || group == 128;

    if (!ok)
        return az_fail_name(err, ADZE_EINVAL, NULL, "--group", ADZE_NOPOS,
                            r->mode == AZ_MLX_MXFP4 ? "%s has groups of 32"
                                                    : "%s takes groups of 32, 64 or 128",
                            r->base.name);
    r->group = group;
    return ADZE_OK;
}

/* The recipe when it is one of MLX's; NULL: floats. */
static const az_mlx_recipe *recipe_of(const az_plan *p)
{
    return p->recipe && az_mlx_recipe_find(p->recipe->name) ? (const az_mlx_recipe *)p->recipe
                                                            : NULL;
}

static int layer_of(const char *name)
{
    const char *at = strstr(name, "layers.");

    return at ? (int)strtol(at + 7, NULL, 10) : 0;
}

static int layers_of(const az_plan *p)
{
    int n = 0;

    for (size_t i = 0; i < p->n_outputs; i++)
        if (layer_of(p->outputs[i].name) >= n) n = layer_of(p->outputs[i].name) + 1;
    return n;
}

/* The weights that choose experts: every bit counts, and they are few. */
static bool is_router(const char *name)
{
    return strstr(name, "mlp.gate.weight") || strstr(name, "mlp.router.weight") ||
           strstr(name, "block_sparse_moe.gate.weight");
}

static int bits_of(const az_mlx_recipe *r, const char *name, int n)
{
    int i = layer_of(name);
    bool spread = i < n / 8 || i >= 7 * n / 8 || (i - n / 8) % 3 == 2;

    if (is_router(name)) return 8;
    if (!r->high_bits) return r->bits;
    if (spread && (strstr(name, "v_proj") || strstr(name, "down_proj"))) return r->high_bits;
    return strstr(name, "lm_head") ? r->high_bits : r->bits;
}

static bool is_matrix(const az_output *o)
{
    size_t n = strlen(o->name);

    return o->n_dims >= 2 && n > 7 && strcmp(o->name + n - 7, ".weight") == 0 &&
           !strstr(o->name, "norm");
}

static void set_part(az_output_part *part, const az_output *o, const char *name, az_type type,
                     int64_t cols)
{
    *part = (az_output_part){ .name = name, .type = type, .n_dims = o->n_dims };
    memcpy(part->shape, o->shape, sizeof part->shape);
    part->shape[o->n_dims - 1] = cols;
    part->row_bytes = (uint64_t)cols * az_type_get(type)->bytes;
}

/* weight, scales and, for affine groups, biases. */
static adze_status make_parts(az_plan *p, az_output *o, const az_mlx_recipe *r, int bits,
                              az_type scale, adze_error *err)
{
    az_output_part *part = az_arena_array(&p->arena, AZ_OUTPUT_PARTS, sizeof *part);
    az_packing *packing = az_arena_alloc(&p->arena, sizeof *packing);
    int base = (int)strlen(o->name) - (int)strlen(".weight");
    char *scales = az_arena_printf(&p->arena, "%.*s.scales", base, o->name);
    char *biases = az_arena_printf(&p->arena, "%.*s.biases", base, o->name);
    int64_t cols = o->shape[o->n_dims - 1];
    bool affine = r->mode == AZ_MLX_AFFINE;

    if (!part || !packing || !scales || !biases) return az_fail_nomem(err, "planning a conversion");
    set_part(&part[0], o, o->name, AZ_U32, cols * bits / 32);
    set_part(&part[1], o, scales, affine ? scale : AZ_U8, cols / r->group);
    if (affine) set_part(&part[2], o, biases, scale, cols / r->group);
    *packing = (az_packing){ .bits = bits,
                             .group = r->group,
                             .scale_type = scale,
                             .pack = affine ? az_mlx_pack_affine : az_mlx_pack_mxfp4 };
    o->parts = part;
    o->n_parts = affine ? 3 : 2;
    o->packing = packing;
    return ADZE_OK;
}

static adze_status mlx_assign(az_plan *p, adze_error *err)
{
    const az_mlx_recipe *r = recipe_of(p);
    int n = layers_of(p);
    adze_status rc = ADZE_OK;
    az_type scale;

    if (!r) return az_hf_assign(p, err);
    scale = az_folder_dtype(p);
    rc = p->model->config ? ADZE_OK : az_folder_narrow(p, scale, err);
    for (size_t i = 0; i < p->n_outputs && rc == ADZE_OK; i++) {
        az_output *o = &p->outputs[i];
        if (!is_matrix(o) || (r->mode != AZ_MLX_AFFINE && is_router(o->name))) continue;
        if (o->shape[o->n_dims - 1] % r->group)
            o->fallback = true;
        else
            rc = make_parts(p, o, r, bits_of(r, o->name, n), scale, err);
    }
    return rc;
}

static adze_status note_encoder(az_plan *p, adze_error *err)
{
    const az_arch *arch;
    az_config c;
    adze_status rc = az_arch_of(p->model, &arch, &c, err);

    if (rc == ADZE_OK && c.encoder)
        az_plan_note(p, "mlx-lm has no encoders: it does not load this folder, adze does");
    return rc;
}

static adze_status mlx_plan(adze_run *run, adze_model *m, const az_recipe *r, az_plan **out,
                            adze_error *err)
{
    az_folder f = { .run = NULL };
    az_plan *p = NULL;
    adze_status rc = az_plan_new(&p, run, m, r, az_format_find("mlx"), err);

    *out = NULL;
    if (rc < 0) return rc;
    p->shard_bytes = SHARD_BYTES;
    rc = note_encoder(p, err);
    if (rc == ADZE_OK) rc = az_folder_init(&f, p, "mlx", err);
    az_folder_deinit(&f);
    if (rc < 0)
        az_plan_free(p);
    else
        *out = p;
    return rc;
}

/* {"group_size", "bits", "mode", and by path what differs}. */
static json_t *quantization(const az_plan *p, const az_mlx_recipe *r)
{
    const char *mode = r->mode == AZ_MLX_AFFINE ? "affine" : "mxfp4";
    json_t *q = json_pack("{s:i, s:i, s:s}", "group_size", r->group, "bits", r->bits, "mode", mode);
    char path[512];

    for (size_t i = 0; q && i < p->n_outputs; i++) {
        const az_output *o = &p->outputs[i];
        size_t n = strlen(o->name) - strlen(".weight");
        if (!is_matrix(o) || n >= sizeof path) continue;
        memcpy(path, o->name, n);
        path[n] = 0;
        if (!o->n_parts)
            json_object_set_new(q, path, json_false());
        else if (o->packing->bits != r->bits)
            json_object_set_new(q, path,
                                json_pack("{s:i, s:i, s:s}", "group_size", r->group, "bits",
                                          o->packing->bits, "mode", mode));
    }
    return q;
}

/* mlx-lm does not have transformers' defaults, nor does it know all of 5.x's spellings: what config.json leaves out is
 * said. */
static adze_status spell_out(const az_plan *p, json_t *config, adze_error *err)
{
    json_t *all = NULL, *v, *scaling;
    const az_arch *arch;
    const char *key;
    az_config c;
    adze_status rc = az_arch_of(p->model, &arch, &c, err);

    if (rc == ADZE_OK)
        rc = az_arch_hf_config(az_arch_of_folder(arch, p->model, &c), p->model, &c, &all, err);
    if (rc < 0) return rc;
    json_object_foreach(all, key, v)
    {
        const json_t *old = json_object_get(config, key);
        if (!old || json_is_null(old)) json_object_set(config, key, v);
    }
    json_decref(all);
    scaling = json_object_get(config, "rope_scaling");
    if (json_is_object(scaling) && !json_object_get(scaling, "type") &&
        az_json_str(scaling, "rope_type")) {
        scaling = json_copy(scaling);
        json_object_set(scaling, "type", json_object_get(scaling, "rope_type"));
        json_object_set_new(config, "rope_scaling", scaling);
    }
    return ADZE_OK;
}

static adze_status add_config(az_folder *f, adze_error *err)
{
    const az_plan *p = f->plan;
    const az_mlx_recipe *r = recipe_of(p);
    json_t *config = NULL, *q;
    bool tied = false;
    adze_status rc;

    if (p->model->config)
        config = json_copy(p->model->config);
    else if ((rc = az_hf_config_from_gguf(p, &config, err)) < 0)
        return rc;
    if (!config) return az_fail_nomem(err, "writing config.json");
    rc = spell_out(p, config, err);
    if (rc < 0) {
        json_decref(config);
        return rc;
    }
    json_object_del(config, "quantization");
    json_object_del(config, "quantization_config");
    json_object_del(config, "_name_or_path");
    az_hf_set_dtype(config, az_folder_dtype(p));
    if (az_json_bool(config, "tie_word_embeddings", &tied) && tied)
        for (size_t i = 0; i < p->n_outputs;
             i++) /* a stored output wins: mlx-lm goes by the flag */
            if (strcmp(p->outputs[i].name, "lm_head.weight") == 0)
                json_object_set_new(config, "tie_word_embeddings", json_false());
    if (r) {
        q = quantization(p, r);
        json_object_set(config, "quantization", q);
        json_object_set_new(config, "quantization_config", q);
    }
    rc = az_folder_add_json(f, "config.json", config, JSON_INDENT(4) | JSON_SORT_KEYS, err);
    json_decref(config);
    return rc;
}

static adze_status mlx_write(adze_run *run, az_plan *p, const char *dst, adze_error *err)
{
    json_t *more = NULL;
    az_folder f;
    adze_status rc = az_folder_init(&f, p, "mlx", err);

    (void)run;
    if (rc == ADZE_OK) rc = add_config(&f, err);
    if (rc == ADZE_OK)
        rc = p->model->config ? az_folder_copy_tokenizer(&f, err) : az_hf_add_docs(&f, err);
    if (rc == ADZE_OK) {
        more = json_pack("{s:I}", "total_parameters", (json_int_t)adze_model_parameters(p->model));
        rc = az_folder_add_index(&f, more, err);
        json_decref(more);
    }
    if (rc == ADZE_OK) rc = az_folder_write(&f, dst, err);
    az_folder_deinit(&f);
    return rc;
}

/* Read as a Hugging Face folder, whose reader knows the parts. */
static int mlx_probe(adze_run *run, const char *path)
{
    (void)run;
    (void)path;
    return 0;
}

extern const az_format az_format_hf;

static adze_status mlx_read(adze_run *run, const char *path, unsigned flags, adze_model **out,
                            adze_error *err)
{
    return az_format_hf.read(run, path, flags, out, err);
}

const az_format az_format_mlx = {
    .name = "mlx",
    .summary = "MLX folder: as hf, with matrices quantized in groups",
    .caps = AZ_FMT_WEIGHTS | AZ_FMT_TOKENIZER | AZ_FMT_QUANT | AZ_FMT_FOLDER,
    .probe = mlx_probe,
    .read = mlx_read,
    .plan = mlx_plan,
    .write = mlx_write,
    .assign = mlx_assign,
};
