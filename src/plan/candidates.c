/* The candidates of the main job: which variants of recipes are tried, the importance matrix that some of them need,
 * and which of them there is room for. */
#include "calib/calibrate.h"
#include "format/imatrix.h"
#include "plan/device.h"
#include "plan/optimize.h"
#include "base/json.h"

#include <stdio.h>
#include <string.h>

const char *const az_optimize_recipes[] = { "q8_0", "q6_k", "q5_k_m", "q4_k_m", "q4_0", NULL };
/* Tried besides where there is an importance matrix: what gains most by one. */
static const char *const with_importance[] = { "q4_k_m+imatrix", "iq4_xs+imatrix", "q3_k_m+imatrix",
                                               NULL };
static const char *const of_mlx[] = { "mlx-8bit", "mlx-4bit", NULL };

enum { VARIANTS_MAX = 64 };

typedef struct variants {
    az_variant *v; /* [VARIANTS_MAX] */
    size_t n;
} variants;

static adze_status add(az_optimization *o, variants *l, const char *text, adze_error *err)
{
    adze_status rc;

    if (l->n == VARIANTS_MAX)
        return az_fail_name(err, ADZE_EINVAL, NULL, text, ADZE_NOPOS, "is one recipe too many");
    rc = az_variant_parse(&l->v[l->n], &o->arena, text, err);
    if (rc < 0) return rc;
    for (size_t k = 0; k < l->n; k++)
        if (strcmp(text, l->v[k].text) == 0)
            return az_fail_name(err, ADZE_EINVAL, NULL, text, ADZE_NOPOS,
                                "this recipe was given twice");
    l->n++;
    return ADZE_OK;
}

static adze_status add_all(az_optimization *o, variants *l, const char *const *texts,
                           adze_error *err)
{
    adze_status rc = ADZE_OK;

    for (; *texts && rc == ADZE_OK; texts++)
        rc = add(o, l, *texts, err);
    return rc;
}

static bool asked_for(const az_optimize_opts *opts, const char *format)
{
    for (size_t i = 0; i < opts->n_formats; i++)
        if (strcmp(opts->formats[i], format) == 0) return true;
    return false;
}

static adze_status check_formats(const az_optimize_opts *opts, adze_error *err)
{
    for (size_t i = 0; i < opts->n_formats; i++)
        if (strcmp(opts->formats[i], "gguf") != 0 && strcmp(opts->formats[i], "mlx") != 0)
            return az_fail_name(err, ADZE_EINVAL, NULL, "--to", ADZE_NOPOS,
                                "candidates are of format gguf or mlx, not %.40s",
                                opts->formats[i]);
    return ADZE_OK;
}

/* Does MLX run here? */
static bool is_apple(const az_optimization *o)
{
    az_device d = { .memory_bytes = { 0 } };

    az_device_from_probe(&d, &o->probe);
    return d.maker == AZ_MAKER_APPLE;
}

/* What is asked for by name; else the usual ones of each format, which is gguf, and mlx where MLX runs. */
static adze_status list_variants(az_optimization *o, variants *l, adze_error *err)
{
    const az_optimize_opts *opts = o->opts;
    bool usual = !opts->n_recipes && !opts->n_formats;
    bool gguf = usual || asked_for(opts, "gguf"), mlx = asked_for(opts, "mlx");
    adze_status rc = check_formats(opts, err);

    if (usual && is_apple(o)) mlx = true;
    for (size_t i = 0; i < opts->n_recipes && rc == ADZE_OK; i++)
        rc = add(o, l, opts->recipes[i], err);
    if (rc == ADZE_OK && gguf) rc = add_all(o, l, az_optimize_recipes, err);
    if (rc == ADZE_OK && gguf && (opts->imatrix || opts->calibrate))
        rc = add_all(o, l, with_importance, err);
    if (rc == ADZE_OK && mlx) rc = add_all(o, l, of_mlx, err);
    return rc;
}

/* ---- the importance matrix ---- */

static adze_status check_importance(az_optimization *o, const variants *l, adze_error *err)
{
    const az_optimize_opts *opts = o->opts;
    const char *option = opts->imatrix ? "--imatrix" : "--calibrate", *user = NULL;

    for (size_t i = 0; i < l->n; i++)
        if (l->v[i].importance) user = l->v[i].text;
    if (opts->imatrix && opts->calibrate)
        return az_fail_name(err, ADZE_EINVAL, NULL, "--imatrix", ADZE_NOPOS,
                            "and --calibrate exclude each other");
    if (user && !opts->imatrix && !opts->calibrate)
        return az_fail_name(err, ADZE_EINVAL, NULL, user, ADZE_NOPOS,
                            "needs --imatrix FILE or --calibrate TEXT");
    if (!user && (opts->imatrix || opts->calibrate))
        return az_fail_name(err, ADZE_EINVAL, NULL, option, ADZE_NOPOS,
                            "no recipe uses it: add +imatrix to one, as in q4_k_m+imatrix");
    return ADZE_OK;
}

/* The one that an earlier run made of this model and text, where its file still is what it was. */
static bool recall_importance(az_optimization *o, const json_t *kept)
{
    const char *path = az_json_str(kept, "path"), *digest = az_json_str(kept, "digest");
    char now[AZ_DIGEST_SIZE];

    if (!path || !digest || !az_exists(o->run, path) ||
        az_store_digest(o->store, path, now, NULL) != ADZE_OK || strcmp(now, digest) != 0)
        return false;
    o->imatrix = az_arena_strdup(&o->arena, path);
    memcpy(o->imatrix_digest, now, sizeof now);
    return o->imatrix != NULL;
}

static adze_status make_importance(az_optimization *o, const char *path, adze_error *err)
{
    az_calibrate_opts co = { .texts = &o->opts->calibrate, .n_texts = 1 };
    az_importance *m = NULL;
    adze_status rc = az_calibrate(&m, o->run, o->model, &co, err);

    if (rc == ADZE_OK) rc = az_imatrix_write(o->run, m, path, err);
    if (rc == ADZE_OK) rc = az_store_digest(o->store, path, o->imatrix_digest, err);
    az_importance_free(m);
    o->imatrix = path;
    return rc;
}

static adze_status calibrate(az_optimization *o, adze_error *err)
{
    char key[AZ_DIGEST_SIZE], text[AZ_DIGEST_SIZE];
    const char *path =
        az_arena_printf(&o->arena, "%s/%s-imatrix.gguf", o->opts->out_dir, o->model_name);
    json_t *kept = NULL;
    adze_status rc = az_store_digest(o->store, o->opts->calibrate, text, err);

    if (rc == ADZE_OK && !path) rc = az_fail_nomem(err, "calibrating");
    if (rc == ADZE_OK && o->opts->text && strcmp(text, o->text_digest) == 0)
        rc = az_fail_name(err, ADZE_EINVAL, NULL, "--calibrate", ADZE_NOPOS,
                          "is the held-out text: quality measured on what was calibrated with "
                          "proves nothing");
    if (rc == ADZE_OK) rc = az_optimize_key(o, key, err, "calibrate", o->model_digest, text, NULL);
    if (rc == ADZE_OK) rc = az_optimize_recall(o, key, &kept, err);
    if (rc == ADZE_OK && kept && recall_importance(o, kept)) {
        o->reused++;
    } else if (rc == ADZE_OK) {
        rc = make_importance(o, path, err);
        json_decref(kept);
        kept =
            json_pack("{s:s, s:s, s:s}", "path", path, "digest", o->imatrix_digest, "text", text);
        if (rc == ADZE_OK) rc = az_store_put_stage(o->store, key, "calibrate", kept, err);
    }
    json_decref(kept);
    return rc;
}

static adze_status find_importance(az_optimization *o, const variants *l, adze_error *err)
{
    adze_status rc = check_importance(o, l, err);

    if (rc < 0 || (!o->opts->imatrix && !o->opts->calibrate)) return rc;
    if (o->opts->calibrate) return calibrate(o, err);
    o->imatrix = o->opts->imatrix;
    return az_store_digest(o->store, o->imatrix, o->imatrix_digest, err);
}

/* ---- room ---- */

static void fill_baseline(az_optimization *o)
{
    az_candidate *b = &o->candidates[0];

    b->recipe = "baseline";
    b->format = adze_model_format(o->model);
    b->engine = "native";
    b->path = o->opts->src;
    b->made = b->kept = true;
    b->bytes = adze_model_bytes(o->model);
    b->bits_per_weight = 8.0 * (double)b->bytes / (double)adze_model_parameters(o->model);
    b->dominated_by = -1;
    memcpy(b->digest, o->model_digest, sizeof b->digest);
    for (size_t i = 0; i < o->model->n_tensors; i++)
        b->type_bytes[o->model->tensors[i].type] += o->model->tensors[i].size_bytes;
}

static adze_status fill_candidate(az_optimization *o, az_candidate *c, const az_variant *v,
                                  adze_error *err)
{
    const char *name = az_variant_file(v, &o->arena);

    c->variant = *v;
    c->recipe = v->text;
    c->format = v->format;
    c->engine = "native";
    c->dominated_by = -1;
    if (name)
        c->path = az_arena_printf(&o->arena, "%s/%s-%s%s", o->opts->out_dir, o->model_name, name,
                                  strcmp(v->format, "gguf") == 0 ? ".gguf" : "");
    return c->path ? ADZE_OK : az_fail_nomem(err, "making candidates");
}

/* Room for artifacts: what --max-disk allows and the disk has. */
static uint64_t room_for(az_optimization *o)
{
    az_space space = { 0 };

    if (o->run->io.space(o->run->io.user, o->opts->out_dir, &space) < 0)
        space.free_bytes = UINT64_MAX;
    return o->opts->max_disk_bytes && o->opts->max_disk_bytes < space.free_bytes
               ? o->opts->max_disk_bytes
               : space.free_bytes;
}

/* Can it be made, and is there room? What the user wrote must make sense; what a model's shapes do not allow is said
 * of the candidate. */
static adze_status try_plan(az_optimization *o, az_candidate *c, uint64_t room, uint64_t *used,
                            adze_error *err)
{
    az_convert_opts co = az_variant_opts(&c->variant, o->imatrix);
    adze_error e = { .pos = ADZE_NOPOS };
    uint64_t bytes = 0;
    adze_status rc = az_convert_bytes(o->run, o->model, &co, &bytes, &e);

    if (rc == ADZE_EINVAL || rc == ADZE_ECANCEL ||
        (rc < 0 && c->variant.importance && rc != ADZE_EUNSUP)) {
        if (err) *err = e;
        return rc;
    }
    if (rc < 0) {
        c->status = AZ_CAND_FAILED;
        adze_error_text(&e, c->reason, sizeof c->reason);
    } else if (*used + bytes > room) {
        c->status = AZ_CAND_SKIPPED;
        snprintf(c->reason, sizeof c->reason,
                 "needs %.1f MB, and only %.1f MB are left of the disk or of --max-disk",
                 (double)bytes * 1e-6, (double)(room - *used) * 1e-6);
    } else {
        *used += bytes;
    }
    return ADZE_OK;
}

static adze_status make(az_optimization *o, const variants *l, adze_error *err)
{
    uint64_t used = 0, room = room_for(o);
    adze_status rc = ADZE_OK;

    o->n = l->n + 1;
    o->candidates = az_calloc(o->run, o->n, sizeof *o->candidates);
    if (!o->candidates) return az_fail_nomem(err, "making candidates");
    fill_baseline(o);
    for (size_t i = 0; i < l->n && rc == ADZE_OK; i++) {
        az_candidate *c = &o->candidates[i + 1];
        rc = fill_candidate(o, c, &l->v[i], err);
        if (rc == ADZE_OK) rc = try_plan(o, c, room, &used, err);
    }
    if (rc == ADZE_OK && !used)
        return az_fail(err, ADZE_EFIT, o->opts->out_dir, ADZE_NOPOS, "no candidate fits: %s",
                       o->n > 1 ? o->candidates[1].reason : "none given");
    return rc;
}

adze_status az_optimize_candidates(az_optimization *o, adze_error *err)
{
    variants l = { .v = az_calloc(o->run, VARIANTS_MAX, sizeof *l.v) };
    adze_status rc = l.v ? list_variants(o, &l, err) : az_fail_nomem(err, "making candidates");

    if (rc == ADZE_OK) rc = find_importance(o, &l, err);
    if (rc == ADZE_OK) rc = make(o, &l, err);
    az_free(o->run, l.v);
    return rc;
}
