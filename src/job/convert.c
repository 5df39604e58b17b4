/* The conversion stage. */
#include "job/convert.h"
#include "format/mlx.h"
#include "job/changes.h"

#include <stdio.h>
#include <string.h>

static adze_status bad_option(const char *option, adze_error *err, const char *fmt,
                              const char *what)
{
    return az_fail_name(err, ADZE_EINVAL, NULL, option, ADZE_NOPOS, fmt, what);
}

static adze_status find_format(const az_convert_opts *o, const char *dst, const az_format **out,
                               adze_error *err)
{
    const char *to = o->to;

    *out = to ? az_format_find(to) : az_format_of_path(dst);
    if (!to && az_mlx_recipe_find(o->recipe)) *out = az_format_find("mlx");
    if (!*out && to)
        return bad_option("--to", err, "format \"%.40s\" is not known; see `adze formats`", to);
    if (!*out)
        return az_fail(err, ADZE_EINVAL, dst, ADZE_NOPOS,
                       "no format has this extension; give one with --to, see `adze formats`");
    if (!(*out)->write)
        return bad_option("--to", err, "adze reads format \"%s\" but does not write it",
                          (*out)->name);
    if (o->shard_bytes && !((*out)->caps & AZ_FMT_FOLDER))
        return bad_option("--shard-size", err, "is for folders; %s has --split-size", (*out)->name);
    if (o->split_bytes && strcmp((*out)->name, "gguf") != 0)
        return bad_option("--split-size", err, "is for gguf; %s has --shard-size", (*out)->name);
    if (o->group && strcmp((*out)->name, "mlx") != 0)
        return bad_option("--group", err, "is for format mlx, not %s", (*out)->name);
    return ADZE_OK;
}

static adze_status find_recipe(const az_format *format, const az_convert_opts *o,
                               az_mlx_recipe *mlx, const az_recipe **out, adze_error *err)
{
    const char *name = o->recipe;
    bool is_mlx = strcmp(format->name, "mlx") == 0;

    *out = NULL;
    if (name && strcmp(name, "keep") == 0) return ADZE_OK;
    if (!name && !is_mlx) return ADZE_OK;
    if (is_mlx) {
        const az_mlx_recipe *r = az_mlx_recipe_find(name ? name : AZ_MLX_DEFAULT);
        if (r) {
            *mlx = *r;
            *out = &mlx->base;
            return o->group ? az_mlx_set_group(mlx, o->group, err) : ADZE_OK;
        }
    }
    *out = az_recipe_find(name);
    if (*out) return ADZE_OK;
    return az_fail_name(err, ADZE_EINVAL, NULL, "--recipe", ADZE_NOPOS,
                        "recipe \"%.40s\" is not known; `adze recipes` lists them", name);
}

static void describe(const az_plan *p, const adze_model *m, az_convert_result *r)
{
    const char *arch = adze_model_arch(m);

    snprintf(r->from, sizeof r->from, "%s", m->format);
    snprintf(r->format, sizeof r->format, "%s", p->format->name);
    snprintf(r->arch, sizeof r->arch, "%s", arch ? arch : "");
    snprintf(r->recipe, sizeof r->recipe, "%s", p->recipe ? p->recipe->name : "keep");
    r->parameters = adze_model_parameters(m);
    r->source_bytes = adze_model_bytes(m);
    r->bytes = p->file_bytes;
    r->resumed_bytes = p->resumed_bytes;
    r->n_tensors = p->n_outputs;
    for (size_t i = 0; i < p->n_outputs; i++) {
        const az_output *o = &p->outputs[i];
        r->n_fallback += o->fallback;
        if (o->n_parts) {
            r->packed_tensors++;
            r->packed_bytes += (uint64_t)o->rows * o->row_bytes;
            continue;
        }
        r->type_tensors[o->type]++;
        r->type_bytes[o->type] += (uint64_t)o->rows * o->row_bytes;
    }
    for (; r->n_notes < p->n_notes; r->n_notes++)
        snprintf(r->notes[r->n_notes], sizeof r->notes[0], "%s", p->notes[r->n_notes]);
}

/* What a plan borrows while it lives. */
typedef struct planned {
    az_plan *plan;
    az_changed_recipe changed;
    az_mlx_recipe mlx;
} planned;

/* dst may be NULL where opts->to is given. p is to be passed to release in every case. */
static adze_status make_plan(planned *p, adze_run *run, adze_model *m, const char *dst,
                             const az_convert_opts *opts, const az_format **format, adze_error *err)
{
    const az_recipe *recipe;
    adze_status rc = find_format(opts, dst, format, err);

    p->plan = NULL;
    p->changed.importance = NULL;
    if (rc == ADZE_OK) rc = find_recipe(*format, opts, &p->mlx, &recipe, err);
    if (rc == ADZE_OK) rc = az_changes_read(run, m, *format, opts, &p->changed, &recipe, err);
    return rc == ADZE_OK ? (*format)->plan(run, m, recipe, &p->plan, err) : rc;
}

static void release(planned *p)
{
    az_plan_free(p->plan);
    az_changes_release(&p->changed);
}

adze_status az_convert_model(adze_run *run, adze_model *m, const char *dst,
                             const az_convert_opts *opts, az_convert_result *result,
                             adze_error *err)
{
    uint64_t began = az_now_ns(run);
    az_convert_opts none = { .to = NULL };
    const az_format *format;
    planned p;
    adze_status rc;

    if (result) memset(result, 0, sizeof *result);
    if (!opts) opts = &none;
    rc = make_plan(&p, run, m, dst, opts, &format, err);
    if (rc == ADZE_OK && (opts->shard_bytes || opts->split_bytes))
        p.plan->shard_bytes = opts->shard_bytes ? opts->shard_bytes : opts->split_bytes;
    if (rc == ADZE_OK) rc = format->write(run, p.plan, dst, err);
    if (rc == ADZE_OK && result) {
        describe(p.plan, m, result);
        snprintf(result->path, sizeof result->path, "%s", p.plan->written ? p.plan->written : dst);
        result->seconds = (double)(az_now_ns(run) - began) * 1e-9;
    }
    release(&p);
    return rc;
}

adze_status az_convert_bytes(adze_run *run, adze_model *m, const az_convert_opts *opts,
                             uint64_t *bytes, adze_error *err)
{
    const az_format *format;
    planned p;
    adze_status rc = make_plan(&p, run, m, NULL, opts, &format, err);

    *bytes = rc == ADZE_OK ? p.plan->total_bytes : 0;
    release(&p);
    return rc;
}

adze_status az_convert(adze_run *run, const char *src, const char *dst, const az_convert_opts *opts,
                       az_convert_result *result, adze_error *err)
{
    adze_model *m;
    adze_status rc = adze_model_open(&m, run, src, err);

    if (rc < 0) return rc;
    rc = az_convert_model(run, m, dst, opts, result, err);
    adze_model_close(m);
    return rc;
}
