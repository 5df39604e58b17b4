/* Recipe: has every tensor the type that the recipe gives it by which the file says it was made?
 *
 * A tensor may also have the reference's own type. A file that another program wrote may have been made with options
 * that it does not record: there, another type is a note.
 */
#include "codec/recipe.h"
#include "measure/prove_parts.h"

#include <string.h>

static az_recipe_tensor *assign(const az_proving *v, const az_plan *ref, adze_status *rc,
                                adze_error *err)
{
    const az_config *c = &v->config;
    az_recipe_model m = { v->arch->gguf_name, c->n_layers, c->n_heads, c->n_kv_heads,
                          c->n_experts };
    az_recipe_tensor *t = az_calloc(v->run, ref->n_outputs + 1, sizeof *t);

    if (!t) *rc = az_fail_nomem(err, "comparing types");
    for (size_t i = 0; t && i < ref->n_outputs; i++) {
        const az_output *o = &ref->outputs[i];
        t[i] = (az_recipe_tensor){ .name = o->name, .n_dims = o->n_dims, .type = o->type };
        memcpy(t[i].shape, o->shape, sizeof t[i].shape);
    }
    if (t) *rc = az_recipe_assign(v->run, v->o->recipe, &m, t, ref->n_outputs, err);
    return t;
}

static const az_output *named(const az_plan *p, const char *name)
{
    for (size_t i = 0; i < p->n_outputs; i++)
        if (strcmp(p->outputs[i].name, name) == 0) return &p->outputs[i];
    return NULL;
}

static void compare(az_proving *v, const az_plan *ref, const az_plan *model,
                    const az_recipe_tensor *t, az_proof_item *it)
{
    for (size_t i = 0; i < ref->n_outputs; i++) {
        const az_output *a = &ref->outputs[i], *b = named(model, a->name);
        const az_tensor *src = b ? az_output_source(b) : NULL;
        az_type here = src ? src->type : AZ_F32;
        if (!b || !src || src->packed) continue;
        it->compared++;
        if (here == t[i].out || here == a->type) continue;
        if (it->differing++) continue;
        it->where = az_proof_text(v->p, "%s is %s, %s (general.file_type %u) makes it %s", a->name,
                                  az_type_get(here)->name, v->o->recipe->name,
                                  (unsigned)v->o->recipe->gguf_ftype, az_type_get(t[i].out)->name);
    }
}

adze_status az_prove_recipe(az_proving *v, const az_plan *ref, const az_plan *model,
                            adze_error *err)
{
    adze_error why = { .pos = ADZE_NOPOS };
    az_proof_item item = { .part = "weights", .name = "recipe", .bound = -1, .of = "types" };
    az_recipe_tensor *t;
    adze_status rc = ADZE_OK;

    if (v->o->recipe_wrong) {
        az_proof_add(v->p, "weights", "recipe", AZ_DIFFERENT)->where =
            az_proof_text(v->p, "%s", v->o->recipe_wrong);
        return ADZE_OK;
    }
    if (!v->o->recipe) return ADZE_OK;
    t = assign(v, ref, &rc, &why);
    if (rc == ADZE_OK) {
        compare(v, ref, model, t, &item);
        item.detail = v->o->recipe->name;
    }
    az_free(v->run, t);
    if (rc < 0 && !az_proof_soft(rc)) {
        if (err) *err = why;
        return rc;
    }
    if (rc < 0) { /* the file names a recipe that cannot be of this model */
        item.differing = 1;
        item.where = az_proof_text(v->p, "%s: %s", why.name, why.msg);
    }
    if (item.differing && v->o->recipe_binds)
        item.verdict = AZ_DIFFERENT;
    else if (item.differing)
        az_proof_note(v->p, az_proof_text(v->p, "the file was not made by its recipe alone: %s",
                                          item.where));
    if (!item.differing || v->o->recipe_binds)
        *az_proof_add(v->p, item.part, item.name, item.verdict) = item;
    return ADZE_OK;
}
