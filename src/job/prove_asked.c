/* From options and from keys that adze (or llama-quantize) writes: general.file_type, adze.recipe.changes,
 * quantize.imatrix.*. */
#include "job/prove_asked.h"
#include "format/imatrix.h"

#include <stdio.h>
#include <string.h>

/* ---- the recipe ---- */

static const az_recipe *recipe_of_file_type(int64_t type)
{
    for (const az_recipe *r = az_recipes; r->name; r++)
        if ((int64_t)r->gguf_ftype == type) return r;
    return NULL;
}

/* "tensor-type PATTERN=TYPE" and the others of gguf_changes.c; false: none of them. */
static bool read_change(az_convert_opts *o, const char *text)
{
    static const char types[] = "tensor-type ", output[] = "output-tensor-type ",
                      embedding[] = "token-embedding-type ";

    if (strncmp(text, types, sizeof types - 1) == 0 && o->tensor_types.n < AZ_OPT_LIST_MAX)
        o->tensor_types.items[o->tensor_types.n++] = text + sizeof types - 1;
    else if (strncmp(text, output, sizeof output - 1) == 0)
        o->output_type = text + sizeof output - 1;
    else if (strncmp(text, embedding, sizeof embedding - 1) == 0)
        o->embedding_type = text + sizeof embedding - 1;
    else if (strcmp(text, "leave-output-tensor") == 0)
        o->leave_output = true;
    else if (strcmp(text, "pure") == 0)
        o->pure = true;
    else
        return false;
    return true;
}

static adze_status read_changes(const adze_model *m, az_convert_opts *o, adze_error *err)
{
    const az_kv *kv = az_kv_find(&m->kv, "adze.recipe.changes");
    bool ok = !kv || (kv->type == AZ_KV_ARR && kv->elem == AZ_KV_STR);

    for (size_t i = 0; kv && ok && i < kv->v.arr.n; i++) {
        az_str s = ((const az_str *)kv->v.arr.data)[i];
        ok = strlen(s.s) == s.n && read_change(o, s.s);
    }
    return ok ? ADZE_OK
              : az_fail_name(err, ADZE_EFORMAT, m->path, "adze.recipe.changes", ADZE_NOPOS,
                             "is no list of changes to a recipe");
}

/* An importance matrix changes some rules; which one it was does not. */
static adze_status assume_importance(az_asked *a, adze_run *run, const az_recipe **recipe,
                                     adze_error *err)
{
    az_changed_recipe *c = &a->changed;
    adze_status rc = az_importance_new(&c->importance, run, NULL, err);

    if (rc < 0) return rc;
    if (!(*recipe)->changes) {
        c->changes =
            (az_recipe_changes){ .output_type = AZ_TYPE_COUNT, .embedding_type = AZ_TYPE_COUNT };
        c->recipe = **recipe;
        c->recipe.changes = &c->changes;
        *recipe = &c->recipe;
    }
    c->changes.importance = c->importance;
    return ADZE_OK;
}

static bool own_file(const adze_model *m)
{
    for (size_t i = 0; i < m->kv.n; i++)
        if (strncmp(m->kv.items[i].key, "adze.", 5) == 0) return true;
    return false;
}

static adze_status read_recipe(az_asked *a, adze_run *run, const char *imatrix,
                               const adze_model *model, adze_error *err)
{
    az_convert_opts co = { .imatrix = imatrix };
    const az_recipe *recipe = NULL;
    adze_model scratch = { .run = run };
    int64_t type;
    adze_status rc;

    if (az_kv_int(&model->kv, "general.file_type", &type)) recipe = recipe_of_file_type(type);
    if (!recipe) {
        if (!imatrix) return ADZE_OK;
        rc = az_imatrix_read(&a->changed.importance, run, imatrix, err);
        a->o.importance = a->changed.importance;
        return rc;
    }
    rc = read_changes(model, &co, err);
    if (rc == ADZE_OK)
        rc = az_changes_read(run, &scratch, az_format_find("gguf"), &co, &a->changed, &recipe, err);
    if (rc == ADZE_OK && imatrix)
        a->o.importance = a->changed.importance;
    else if (rc == ADZE_OK && az_kv_find(&model->kv, "quantize.imatrix.entries_count"))
        rc = assume_importance(a, run, &recipe, err);
    a->o.recipe = recipe;
    a->o.recipe_binds = own_file(model);
    return rc;
}

/* ---- keys ---- */

static bool same_kv(const az_kv *a, const az_kv *b)
{
    if (a->type == AZ_KV_STR || b->type == AZ_KV_STR)
        return a->type == b->type && a->v.str.n == b->v.str.n &&
               memcmp(a->v.str.s, b->v.str.s, a->v.str.n) == 0;
    return a->type == b->type && a->type != AZ_KV_ARR && a->v.u == b->v.u;
}

/* One key: has it the value that was asked for? Then take it out of what is compared. */
static adze_status undo(az_asked *a, adze_model *model, const az_kvs *before, const az_kv *asked,
                        adze_error *err)
{
    const az_kv *now = az_kv_find(&model->kv, asked->key), *was = az_kv_find(before, asked->key);
    size_t at = strlen(a->keys);

    if (!now || !same_kv(now, asked)) {
        a->o.asked_wrong = asked->key;
        return ADZE_OK;
    }
    snprintf(a->keys + at, sizeof a->keys - at, "%s%s", at ? ", " : "", asked->key);
    if (was ? !az_kv_put(&model->kv, was) : (az_kv_remove(&model->kv, asked->key), false))
        return az_fail_nomem(err, "reading options");
    if (strcmp(asked->key, "tokenizer.chat_template") == 0) {
        now = az_kv_find(&model->kv, asked->key);
        model->chat_template = now && now->type == AZ_KV_STR ? now->v.str.s : NULL;
        model->chat_template_n = model->chat_template ? now->v.str.n : 0;
    }
    return ADZE_OK;
}

/* The keys that the reference would be written with are what those of `model` were before. */
static adze_status undo_overrides(az_asked *a, adze_run *run, const az_opt_list *list,
                                  adze_model *ref, adze_model *model, adze_error *err)
{
    az_convert_opts co = { .override_kv = *list };
    const az_format *gguf = az_format_find("gguf");
    az_changed_recipe none;
    const az_recipe *recipe = NULL;
    az_plan *plan = NULL;
    adze_status rc = gguf->plan(run, ref, NULL, &plan, err);

    if (rc == ADZE_OK) rc = az_changes_read(run, ref, gguf, &co, &none, &recipe, err);
    for (size_t i = 0; i < ref->overrides.n && rc == ADZE_OK; i++)
        rc = undo(a, model, &plan->kv, &ref->overrides.items[i], err);
    ref->overrides.n = 0;
    a->o.asked = a->keys;
    az_plan_free(plan);
    return rc;
}

adze_status az_asked_read(az_asked *a, adze_run *run, const az_prove_asked *said,
                          const az_prove_opts *from, adze_model *ref, adze_model *model,
                          adze_error *err)
{
    bool gguf = strcmp(model->format, "gguf") == 0;
    adze_status rc = ADZE_OK;
    adze_error why = { .pos = ADZE_NOPOS };

    memset(a, 0, sizeof *a);
    if (from) a->o = *from;
    if (said && said->override_kv && said->override_kv->n) {
        if (!gguf)
            return az_fail_name(err, ADZE_EINVAL, model->path, "--override-kv", ADZE_NOPOS,
                                "is for gguf, not %s", model->format);
        rc = undo_overrides(a, run, said->override_kv, ref, model, err);
    }
    if (rc < 0 || !gguf) return rc;
    rc = read_recipe(a, run, said ? said->imatrix : NULL, model, &why);
    if (rc < 0 && ((said && said->imatrix) || !az_proof_soft(rc))) {
        if (err) *err = why;
        return rc;
    }
    if (rc < 0) { /* what the file says of itself */
        snprintf(a->why, sizeof a->why, "%.100s: %.100s", why.name, why.msg);
        a->o.recipe_wrong = a->why;
    }
    return ADZE_OK;
}

void az_asked_release(az_asked *a)
{
    az_changes_release(&a->changed);
}
