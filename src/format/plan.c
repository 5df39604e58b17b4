/* Plans: which tensors an output file holds, and in which type. format/rows.c makes their rows. */
#include "base/check.h"
#include "codec/codec.h"
#include "core/packed.h"
#include "format/format.h"
#include "format/parts.h"
#include "codec/repack.h"
#include "format/rows.h"
#include "text/tokenizer.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

typedef struct planner {
    az_plan *p;
    const az_arch *arch, *folder; /* of the model; of the folder that is written */
    bool mlx;                     /* it is an MLX folder */
    az_config config;
    az_graph graph;
    size_t cap;
    size_t repacked, plain; /* packed matrices: those that keep their codes, the others */
    float off;              /* most that a repacked number moves, in steps */
} planner;

const az_tensor *az_output_source(const az_output *o)
{
    return ((const az_producer *)o->producer)->src;
}

const az_tensor *az_output_second(const az_output *o)
{
    return ((const az_producer *)o->producer)->second;
}

void az_plan_note(az_plan *p, const char *text)
{
    if (text && p->n_notes < AZ_PLAN_NOTES) p->notes[p->n_notes++] = text;
}

static void set_shape(az_output *o, int n_dims, const int64_t *shape)
{
    o->n_dims = n_dims;
    o->rows = 1;
    for (int i = 0; i < AZ_MAX_DIMS; i++)
        o->shape[i] = i < n_dims ? shape[i] : 1;
    for (int i = 0; i + 1 < n_dims; i++)
        o->rows *= shape[i];
}

static int64_t cols_of(const az_output *o)
{
    return o->n_dims ? o->shape[o->n_dims - 1] : 1;
}

static adze_status add_output(planner *pl, const char *name, const az_output *like,
                              const az_producer *from, adze_error *err)
{
    az_plan *p = pl->p;
    az_output *o = &p->outputs[p->n_outputs];
    az_producer *pr = az_arena_alloc(&p->arena, sizeof *pr);

    if (!pr || p->n_outputs == pl->cap) return az_fail_nomem(err, "planning a conversion");
    *pr = *from;
    *o = *like;
    o->name = az_arena_strdup(&p->arena, name);
    o->producer = pr;
    if (!o->name) return az_fail_nomem(err, "planning a conversion");
    p->n_outputs++;
    return ADZE_OK;
}

/* Type that a tensor keeps when no recipe asks for another. */
static adze_status kept_type(const adze_model *m, const az_tensor *t, bool f32, az_type *out,
                             adze_error *err)
{
    *out = f32 || t->type == AZ_F64 ? AZ_F32 : t->type;
    if (az_is_decoded(t) && !f32) *out = AZ_BF16;
    if (az_codec_get(t->type) || t->type == AZ_F64) return ADZE_OK;
    if (*out == t->type && strcmp(m->format, "gguf") == 0) return ADZE_OK; /* copied */
    return az_fail_name(err, ADZE_EUNSUP, m->files[t->file].path, t->name, t->at_bytes,
                        "weights of type %s cannot be converted", az_type_get(t->type)->name);
}

/* The same for a folder: block types and packed tensors become bf16. */
static adze_status folder_type(const az_plan *p, const az_tensor *t, az_type *out, adze_error *err)
{
    *out = t->type == AZ_F64 ? AZ_F32 : t->type;
    if (az_type_get(t->type)->quantized || t->packed) *out = AZ_BF16;
    if (az_codec_get(t->type) || t->type == AZ_F64) return ADZE_OK;
    return az_fail_name(err, ADZE_EUNSUP, p->model->files[t->file].path, t->name, t->at_bytes,
                        "weights of type %s cannot be converted", az_type_get(t->type)->name);
}

static adze_status permutation(const planner *pl, const az_tensor *t, az_transform tr,
                               az_producer *pr, adze_error *err)
{
    if ((tr != AZ_TR_ROPE_Q && tr != AZ_TR_ROPE_K) || !(pl->arch->flags & AZ_ARCH_PERMUTED))
        return ADZE_OK;
    pr->heads = tr == AZ_TR_ROPE_Q ? pl->config.n_heads : pl->config.n_kv_heads;
    pr->permuted = t->n_dims == 1 ? t->shape[0] : az_tensor_rows(t);
    if (pr->heads <= 0 || pr->permuted % ((int64_t)2 * pr->heads) != 0)
        return az_fail_name(err, ADZE_EFORMAT, pl->p->model->files[t->file].path, t->name,
                            t->at_bytes, "%lld rows are not %d heads of an even size",
                            (long long)pr->permuted, pr->heads);
    pr->item_bytes = az_source_item_bytes(t, pr->permuted);
    return ADZE_OK;
}

/* Shape in the file: of a stack of experts [experts, rows, cols], of a vector [cols]. */
static void shape_of(const az_graph_weight *w, int64_t skipped, az_output *o)
{
    int64_t shape[3];
    int n = 0;

    if (w->experts) shape[n++] = w->experts;
    if (!w->vector || w->rows > 1) {
        int64_t rows = (w->experts ? w->rows / w->experts : w->rows) - skipped;
        if (!w->experts || !w->vector) shape[n++] = rows;
    }
    shape[n++] = w->cols;
    set_shape(o, n, shape);
}

/* The blocks that hold what the parts of w's tensors do, experts' alike. */
static adze_status find_blocks(planner *pl, const az_graph_weight *w, az_producer *pr, az_type *out,
                               adze_error *err)
{
    adze_model *m = pl->p->model;
    int n = pr->source.by_expert ? w->experts : 1;
    adze_status rc = ADZE_OK;

    pl->plain++;
    for (int e = 0; e < n && rc == ADZE_OK; e++) {
        const az_tensor *t = az_source_tensor(&pr->source, m, e);
        az_repack r = { .type = AZ_F32 };
        if (t && az_is_decoded(t)) rc = az_repack_find(m, t, &r, err);
        if (rc < 0 || r.type == AZ_F32 || (e && r.type != pr->as)) {
            pr->as = AZ_F32;
            return rc;
        }
        pr->as = r.type;
        if (r.off > pl->off) pl->off = r.off;
    }
    if (rc == ADZE_OK) {
        *out = pr->as;
        pl->repacked++;
        pl->plain--;
    }
    return rc;
}

/* What became of packed matrices, in one line. */
static void note_blocks(planner *pl)
{
    az_arena *a = &pl->p->arena;
    const char *kept = "", *moved = "", *plain = "";

    if (pl->off > 0)
        moved = az_arena_printf(a, ", at most 1/%.0f of a step off", 1 / (double)pl->off);
    if (pl->repacked)
        kept = az_arena_printf(a, "%zu packed matrices keep their codes%s%s", pl->repacked,
                               moved ? moved : "", pl->plain ? "; " : "");
    if (pl->plain)
        plain = az_arena_printf(a,
                                "%zu packed matrices that no GGUF type holds become bf16 (--recipe "
                                "q8_0 is half of that)",
                                pl->plain);
    if (kept && plain && pl->repacked + pl->plain)
        az_plan_note(pl->p, az_arena_printf(a, "%s%s", kept, plain));
}

static adze_status output_from_hf(planner *pl, const az_graph_weight *w, adze_error *err)
{
    adze_model *m = pl->p->model;
    az_source source = az_arch_source(pl->arch, m, w->name);
    az_producer pr = { .src = source.t, .source = source };
    az_output o = { .fallback = false };
    bool f32 = w->vector || source.map->flags & AZ_TENSOR_F32;
    adze_status rc;

    pr.items = az_source_items(&source, w);
    if (source.map->gguf == AZ_TR_ROWS) {
        pr.items.first = pl->config.position_offset;
        pr.items.part_items -= pl->config.position_offset;
    }
    if (source.map->gguf == AZ_TR_NORM && pl->config.norm_add_one) pr.add = 1;
    shape_of(w, source.map->gguf == AZ_TR_ROWS ? pl->config.position_offset : 0, &o);
    rc = kept_type(m, source.t, f32, &o.type, err);
    if (rc == ADZE_OK && az_is_decoded(source.t) && !f32 && pr.add == 0 &&
        !(source.map->flags & AZ_TENSOR_TRANSPOSED))
        rc = find_blocks(pl, w, &pr, &o.type, err);
    if (rc == ADZE_OK) rc = permutation(pl, source.t, source.map->gguf, &pr, err);
    return rc == ADZE_OK ? add_output(pl, w->name, &o, &pr, err) : rc;
}

static adze_status outputs_from_hf(planner *pl, adze_error *err)
{
    adze_model *m = pl->p->model;
    az_extra_tensor extra[AZ_MAX_EXTRA];
    size_t n_extra;
    adze_status rc = ADZE_OK;

    for (int i = 0; i < pl->graph.n_weights && rc == ADZE_OK; i++)
        rc = output_from_hf(pl, &pl->graph.weights[i], err);
    if (rc < 0) return rc;
    if (!pl->p->recipe) note_blocks(pl);
    rc = az_arch_extra_tensors(pl->arch, m, &pl->config, extra, &n_extra, err);
    for (size_t i = 0; i < n_extra && rc == ADZE_OK; i++) {
        az_producer pr = { .data = extra[i].data };
        az_output o = { .type = AZ_F32 };
        set_shape(&o, 1, &extra[i].n);
        rc = add_output(pl, extra[i].name, &o, &pr, err);
    }
    return rc;
}

static adze_status outputs_from_gguf(planner *pl, adze_error *err)
{
    adze_model *m = pl->p->model;
    adze_status rc = ADZE_OK;

    for (size_t i = 0; i < m->n_tensors && rc == ADZE_OK; i++) {
        az_producer pr = { .src = &m->tensors[i] };
        az_output o = { .fallback = false };
        set_shape(&o, pr.src->n_dims, pr.src->shape);
        pr.items = (az_items){ 1, o.rows, o.rows, 0, 1, cols_of(&o) };
        rc = kept_type(m, pr.src, false, &o.type, err);
        if (rc == ADZE_OK) rc = add_output(pl, pr.src->name, &o, &pr, err);
    }
    return rc;
}

static bool to_hf(const planner *pl)
{
    return strcmp(pl->p->format->name, "hf") == 0;
}

/* Do matrices in mxfp4 stay as they are? */
static bool keeps_blocks(const planner *pl, const az_tensor *t)
{
    return to_hf(pl) && !pl->p->recipe && t->type == AZ_MXFP4;
}

/* Whether what a GGUF does to a tensor can be undone. */
static adze_status can_go_back(const planner *pl, const az_tensor *t, const az_tensor_map *map,
                               adze_error *err)
{
    if (map->pick != AZ_PICK_FIRST && map->pick != AZ_PICK_SECOND) return ADZE_OK;
    return az_fail_name(err, ADZE_EUNSUP, pl->p->model->path, t->name, ADZE_NOPOS,
                        "tensor of architecture %s cannot be written under the names of a folder",
                        pl->folder->name);
}

/* The tensor with the odd rows (elements, of a bias) of the folder's, where t has the even ones. */
static adze_status find_second(const planner *pl, const az_tensor *t, const char *canonical,
                               const az_tensor_map *map, az_producer *pr, adze_error *err)
{
    const adze_model *m = pl->p->model;
    char name[192];

    if (!az_arch_other_half(pl->folder, map, canonical, name, sizeof name)) return ADZE_OK;
    pr->second = az_arch_tensor(pl->arch, m, name, NULL);
    if (pr->second == t) pr->second = NULL; /* it has both halves */
    if (!pr->second ? m->config != NULL : pr->second->type == t->type) return ADZE_OK;
    return az_fail_name(err, ADZE_EUNSUP, m->path, t->name, t->at_bytes,
                        "and its other half, %s, are not of one type", name);
}

/* Shape and order in a folder where they are not the source's. */
static adze_status reshape(const planner *pl, const az_tensor *t, const char *canonical,
                           const az_tensor_map *map, az_output *o, az_producer *pr, adze_error *err)
{
    int64_t shape[AZ_MAX_DIMS] = { o->shape[0], o->shape[1], o->shape[2], o->shape[3] };
    int n = o->n_dims;
    adze_status rc = find_second(pl, t, canonical, map, pr, err);

    if (rc < 0) return rc;
    if (pr->second) shape[1] *= 2; /* [experts, rows] or [experts, rows, columns] */
    if (pr->second && n == 2) pr->items.width = 1;
    if (map->flags & AZ_TENSOR_TRANSPOSED && n == 3) {
        int64_t rows = shape[1];
        pr->turn = true;
        shape[1] = shape[2];
        shape[2] = rows;
    }
    if (map->flags & AZ_TENSOR_TAPS) {
        shape[2] = pl->config.conv_kernel;
        shape[1] = 1;
        n = 3;
        pr->items = (az_items){ 1, shape[0], shape[0], 0, 1, shape[2] };
    }
    if (map->gguf == AZ_TR_ROWS && !pl->p->model->config)
        shape[0] += pr->empty = pl->folder->form.positions;
    set_shape(o, n, shape);
    return ADZE_OK;
}

/* One tensor of the source, or one expert's part of it. canonical, map: its name, and what the architecture says of the
 * folder's; NULL: the tensor stays as it is. */
static adze_status output_to_folder(planner *pl, const az_tensor *t, const char *canonical,
                                    const az_tensor_map *map, const char *name, int expert,
                                    adze_error *err)
{
    az_producer pr = { .src = t, .inverse = true };
    az_output o = { .fallback = false };
    int64_t rows;
    adze_status rc;

    if (expert < 0)
        set_shape(&o, t->n_dims, t->shape);
    else
        set_shape(&o, t->n_dims - 1, t->shape + 1);
    rows = o.rows;
    pr.items = (az_items){ 1, rows, rows, expert < 0 ? 0 : expert * rows, 1, cols_of(&o) };
    if (map && map->gguf == AZ_TR_NORM && pl->arch->flags & AZ_ARCH_ADD_ONE &&
        !pl->p->model->config)
        pr.add = -1;
    rc = folder_type(pl->p, t, &o.type, err);
    if (rc == ADZE_OK && map && !pl->p->model->config) rc = permutation(pl, t, map->gguf, &pr, err);
    if (rc == ADZE_OK && map) rc = reshape(pl, t, canonical, map, &o, &pr, err);
    if (rc == ADZE_OK && map && map->flags & AZ_TENSOR_BLOCKS) {
        o.type = AZ_MXFP4;
        rc = az_mxfp4_in_parts(pl->p, &o, name, err);
    }
    return rc == ADZE_OK ? add_output(pl, name, &o, &pr, err) : rc;
}

/* How a folder of this kind calls a tensor, which may be a stack of experts. */
static const az_tensor_map *row_of(const planner *pl, const az_tensor *t, const char *canonical)
{
    return az_arch_row(pl->folder, canonical,
                       pl->mlx               ? AZ_TENSOR_MLX
                       : keeps_blocks(pl, t) ? AZ_TENSOR_BLOCKS
                                             : 0);
}

/* A tensor under its canonical name; experts lie in one stack. */
static adze_status outputs_of_map(planner *pl, const az_tensor *t, const char *canonical,
                                  adze_error *err)
{
    const az_tensor_map *map = row_of(pl, t, canonical);
    bool apart = map && strstr(map->hf, "{e}");
    char name[192];
    adze_status rc = map ? can_go_back(pl, t, map, err) : ADZE_OK;

    if (!map || rc < 0 || map->pick == AZ_PICK_ODD)
        return rc; /* the even rows' tensor takes them */
    for (int e = 0; e < (apart ? (int)t->shape[0] : 1) && rc == ADZE_OK; e++) {
        if (!az_arch_source_name(pl->folder, map, canonical, e, name, sizeof name))
            return az_fail_name(err, ADZE_EUNSUP, pl->p->model->path, t->name, ADZE_NOPOS,
                                "its name is too long");
        rc = output_to_folder(pl, t, canonical, map, name, apart ? e : -1, err);
    }
    return rc;
}

/* Whether a folder of the other kind than this tensor's calls it otherwise. */
static bool is_foreign(const planner *pl, const char *canonical, const az_tensor_map *map)
{
    bool here = map->flags & AZ_TENSOR_MLX;

    return here != pl->mlx &&
           (here || az_arch_row(pl->folder, canonical, AZ_TENSOR_MLX)->flags & AZ_TENSOR_MLX);
}

/* A folder's tensor stays as it is, but experts where this kind of folder has them otherwise (experts_to_folder);
 * blocks that become floats get the name and order that floats have. */
static adze_status output_from_folder(planner *pl, const az_tensor *t, adze_error *err)
{
    const az_tensor_map *map = NULL;
    char canonical[192];

    if (az_arch_canonical(pl->arch, pl->p->model, t->name, canonical, sizeof canonical, &map)) {
        if (is_foreign(pl, canonical, map)) return ADZE_OK;
        if ((t->type == AZ_MXFP4 && to_hf(pl)) || map->flags & AZ_TENSOR_TAPS)
            return outputs_of_map(pl, t, canonical, err);
    }
    return output_to_folder(pl, t, NULL, NULL, t->name, -1, err);
}

/* Experts of a checkpoint, apart or in whichever stacks, as MLX has them. */
static adze_status output_stacked(planner *pl, const az_graph_weight *w, const az_source *source,
                                  adze_error *err)
{
    az_producer pr = { .src = source->t, .source = *source };
    const az_tensor_map *row = az_arch_row(pl->folder, w->name, AZ_TENSOR_MLX);
    az_output o = { .fallback = false };
    char name[192];
    adze_status rc = folder_type(pl->p, source->t, &o.type, err);

    pr.items = az_source_items(source, w);
    shape_of(w, 0, &o);
    if (rc == ADZE_OK && !az_arch_source_name(pl->folder, row, w->name, 0, name, sizeof name))
        rc = az_fail_name(err, ADZE_EUNSUP, pl->p->model->path, w->name, ADZE_NOPOS,
                          "its name is too long");
    return rc == ADZE_OK ? add_output(pl, name, &o, &pr, err) : rc;
}

static adze_status experts_to_folder(planner *pl, adze_error *err)
{
    adze_status rc = ADZE_OK;

    for (int i = 0; i < pl->graph.n_weights && rc == ADZE_OK; i++) {
        const az_graph_weight *w = &pl->graph.weights[i];
        az_source s = az_arch_source(pl->arch, pl->p->model, w->name);
        if (!w->experts || !is_foreign(pl, w->name, s.map)) continue;
        rc = pl->mlx ? output_stacked(pl, w, &s, err) : outputs_of_map(pl, s.t, w->name, err);
    }
    return rc;
}

/* Outputs of a folder have the checkpoint's own names. From a folder: all tensors as they are, but experts as this kind
 * of folder has them. From a GGUF: the names of the architecture's map, rows of heads put back; what is made from the
 * config is left out. */
static adze_status outputs_to_folder(planner *pl, adze_error *err)
{
    adze_model *m = pl->p->model;
    adze_status rc = ADZE_OK;

    pl->folder = az_arch_of_folder(pl->arch, m, &pl->config);
    pl->mlx = !to_hf(pl);
    for (size_t i = 0; i < m->n_tensors && rc == ADZE_OK; i++)
        rc = m->config ? output_from_folder(pl, &m->tensors[i], err)
                       : outputs_of_map(pl, &m->tensors[i], m->tensors[i].name, err);
    return rc == ADZE_OK && m->config ? experts_to_folder(pl, err) : rc;
}

static adze_status refuse_read_only(const az_plan *p, const az_output *o, az_type want, bool manual,
                                    adze_error *err)
{
    const az_codec *c = az_codec_get(want);

    if (c && c->pack) return ADZE_OK;
    return az_fail_name(err, ADZE_EUNSUP, p->model->path, o->name, ADZE_NOPOS,
                        "%s wants type %s here, which adze reads but does not write; "
                        "`adze recipes --types` lists what it writes",
                        manual ? "the command" : p->recipe->name, az_type_get(want)->name);
}

/* Importance of the columns of an output that is quantized. */
static adze_status find_importance(az_plan *p, az_output *o, size_t *with, adze_error *err)
{
    const az_importance *m = p->recipe->changes ? p->recipe->changes->importance : NULL;
    uint64_t mats = o->n_dims > 2 ? (uint64_t)o->shape[0] : 1, cols = (uint64_t)cols_of(o);
    const az_importance_entry *e = m ? az_importance_find(m, o->name) : NULL;
    float tag[2] = { 0 };

    if (!e || !az_type_get(o->type)->quantized || o->n_dims > 3) return ADZE_OK;
    if (!az_importance_fits(e, cols, mats))
        return az_fail_name(err, ADZE_EFORMAT, m->path, o->name, ADZE_NOPOS,
                            "holds %llu values for this tensor, which has %llu columns: the "
                            "importance matrix is another model's",
                            (unsigned long long)(e->cols * e->mats),
                            (unsigned long long)(cols * mats));
    o->importance = e;
    ++*with;
    for (uint64_t i = 0; i < e->cols * e->mats; i++) {
        uint64_t bits = 0;
        tag[0] = e->sums[i];
        tag[1] = e->counts[i / e->cols];
        memcpy(&bits, tag, sizeof bits);
        p->inputs_tag = (p->inputs_tag ^ bits) * 0x9e3779b97f4a7c15u;
        p->inputs_tag ^= p->inputs_tag >> 29;
    }
    return ADZE_OK;
}

/* Types by recipe. */
static adze_status assign(planner *pl, adze_error *err)
{
    az_plan *p = pl->p;
    az_recipe_model rm = { pl->arch->gguf_name, pl->config.n_layers, pl->config.n_heads,
                           pl->config.n_kv_heads, pl->config.n_experts };
    az_recipe_tensor *t = az_calloc(p->run, p->n_outputs + 1, sizeof *t);
    bool requantized = false;
    size_t with = 0;
    adze_status rc;

    if (!t) return az_fail_nomem(err, "planning a conversion");
    for (size_t i = 0; i < p->n_outputs; i++) {
        const az_output *o = &p->outputs[i];
        t[i] = (az_recipe_tensor){ .name = o->name, .n_dims = o->n_dims, .type = o->type };
        memcpy(t[i].shape, o->shape, sizeof t[i].shape);
    }
    rc = az_recipe_assign(p->run, p->recipe, &rm, t, p->n_outputs, err);
    for (size_t i = 0; i < p->n_outputs && rc == ADZE_OK; i++) {
        az_output *o = &p->outputs[i];
        if (t[i].out != o->type && az_type_get(o->type)->quantized) requantized = true;
        if (t[i].out != o->type && !az_codec_get(o->type))
            rc = az_fail_name(err, ADZE_EUNSUP, p->model->path, o->name, ADZE_NOPOS,
                              "weights of type %s cannot be converted", az_type_get(o->type)->name);
        else if (t[i].out != o->type)
            rc = refuse_read_only(p, o, t[i].out, t[i].manual, err);
        o->type = t[i].out;
        o->fallback = t[i].fallback;
        o->manual = t[i].manual;
        if (rc == ADZE_OK) rc = find_importance(p, o, &with, err);
    }
    if (rc == ADZE_OK && p->recipe->changes && p->recipe->changes->importance && !with)
        rc = az_fail(err, ADZE_EINVAL, p->recipe->changes->importance->path, ADZE_NOPOS,
                     "holds importance of none of this model's tensors that are quantized");
    if (requantized)
        az_plan_note(p, "the source is quantized already: its loss adds to the recipe's");
    az_free(p->run, t);
    return rc;
}

/* Layer of "blk.3.x" or "model.layers.3.x"; -1: before the layers, INT_MAX: after them. */
static long layer_of(const char *name)
{
    const char *at = strstr(name, "layers.");

    if (strncmp(name, "blk.", 4) == 0) return strtol(name + 4, NULL, 10);
    if (at && at[7] >= '0' && at[7] <= '9') return strtol(at + 7, NULL, 10);
    return strncmp(name, "lm_head", 7) == 0 || strcmp(name, "model.norm.weight") == 0 ? INT_MAX
                                                                                      : -1;
}

/* Tensors outside the layers first, then layer by layer, by name: as llama.cpp's tools write them. */
static int by_place(const void *a, const void *b)
{
    const az_output *x = a, *y = b;
    long i = layer_of(x->name), k = layer_of(y->name);

    return i != k ? (i < k ? -1 : 1) : strcmp(x->name, y->name);
}

static adze_status set_sizes(az_plan *p, adze_error *err)
{
    for (size_t i = 0; i < p->n_outputs; i++) {
        az_output *o = &p->outputs[i];
        uint64_t bytes;
        if (o->n_parts) {
            for (int k = 0; k < o->n_parts; k++)
                o->row_bytes += o->parts[k].row_bytes;
            if (!az_mul_u64(o->row_bytes, (uint64_t)o->rows, &bytes) ||
                !az_add_u64(p->total_bytes, bytes, &p->total_bytes))
                return az_fail_nomem(err, "planning a conversion");
            continue;
        }
        if (!az_type_row_bytes(o->type, (uint64_t)cols_of(o), &o->row_bytes) ||
            !az_mul_u64(o->row_bytes, (uint64_t)o->rows, &bytes) ||
            !az_add_u64(p->total_bytes, bytes, &p->total_bytes))
            return az_fail_name(err, ADZE_EFORMAT, p->model->path, o->name, ADZE_NOPOS,
                                "rows of %lld elements cannot be stored as %s",
                                (long long)cols_of(o), az_type_get(o->type)->name);
    }
    return ADZE_OK;
}

/* Tensors that a folder has beyond a GGUF's: each expert's. */
static size_t experts_of(const az_graph *g)
{
    size_t n = 0;

    for (int i = 0; i < g->n_weights; i++)
        n += (size_t)g->weights[i].experts;
    return n;
}

/* How a GGUF's text is split where that had to be assumed: a folder says it outright. */
static void note_pre(az_plan *p)
{
    const az_kvs *kv = &p->model->kv;
    const char *model = az_kv_string(kv, "tokenizer.ggml.model");
    const char *name = az_kv_string(kv, "tokenizer.ggml.pre");
    char text[AZ_PRE_WARNING_MAX];
    az_pre pre;

    if (!model || strcmp(model, "gpt2") != 0 || az_kv_find(kv, AZ_TOKENIZER_PATTERN_KEY)) return;
    if (!az_pre_resolve(name, &pre))
        az_plan_note(p, az_arena_strdup(&p->arena, az_pre_warning(name, text)));
    json_decref(pre.pipeline);
}

static adze_status fill(planner *pl, adze_error *err)
{
    az_plan *p = pl->p;
    adze_model *m = p->model;
    adze_status rc;

    bool folder = p->format->caps & AZ_FMT_FOLDER;

    if (!m->config && m->kv.n == 0)
        return az_fail(err, ADZE_EUNSUP, m->path, ADZE_NOPOS,
                       "has no config: give the folder that holds config.json");
    rc = az_arch_of(m, &pl->arch, &pl->config, err);
    if (rc < 0) return rc;
    az_plan_note(p, m->warning);
    if (folder && !m->config) note_pre(p);
    rc = az_arch_build(pl->arch, &pl->config, &p->arena, &pl->graph, err);
    if (rc < 0) return rc;
    rc = az_arch_check(pl->arch, m, &pl->graph, err);
    if (rc < 0) return rc;
    pl->cap = (size_t)pl->graph.n_weights + AZ_MAX_EXTRA + m->n_tensors + experts_of(&pl->graph);
    p->outputs = az_arena_array(&p->arena, pl->cap + 1, sizeof *p->outputs);
    if (!p->outputs) return az_fail_nomem(err, "planning a conversion");
    rc = folder      ? outputs_to_folder(pl, err)
         : m->config ? outputs_from_hf(pl, err)
                     : outputs_from_gguf(pl, err);
    if (rc < 0) return rc;
    if (folder)
        rc = p->format->assign(p, err);
    else if (p->recipe)
        rc = assign(pl, err);
    if (rc < 0) return rc;
    qsort(p->outputs, p->n_outputs, sizeof *p->outputs, by_place);
    return set_sizes(p, err);
}

adze_status az_plan_new(az_plan **out, adze_run *run, adze_model *m, const az_recipe *r,
                        const az_format *format, adze_error *err)
{
    az_plan *p = az_calloc(run, 1, sizeof *p);
    planner pl = { .p = p };
    adze_status rc;

    *out = NULL;
    if (!p) return az_fail_nomem(err, "planning a conversion");
    *p = (az_plan){ .run = run, .model = m, .format = format, .recipe = r };
    az_arena_init(&p->arena, run);
    p->kv.arena = &p->arena;
    rc = fill(&pl, err);
    if (rc < 0)
        az_plan_free(p);
    else
        *out = p;
    return rc;
}

void az_plan_free(az_plan *p)
{
    if (!p) return;
    az_arena_deinit(&p->arena);
    az_free(p->run, p);
}
