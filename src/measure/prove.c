/* The proof as a whole: its list of items, its parts in order, its verdict, its JSON. */
#include "measure/prove.h"
#include "base/json.h"
#include "measure/prove_parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    unsigned bit;
    const char *name;
    adze_status (*prove)(az_proving *v, adze_error *err);
} parts[] = {
    { AZ_PROVE_TOKENS, "tokens", az_prove_tokens },
    { AZ_PROVE_TEMPLATE, "template", az_prove_template },
    { AZ_PROVE_CONFIG, "config", az_prove_config },
    { AZ_PROVE_WEIGHTS, "weights", az_prove_weights },
    { AZ_PROVE_LOGITS, "logits", az_prove_logits },
};

static const char *const verdicts[] = { "equal", "within bound", "differs elsewhere", "not checked",
                                        "different" };

const char *az_finding_name(az_finding v)
{
    return verdicts[v];
}

const char *az_prove_part_name(unsigned part)
{
    for (size_t i = 0; i < AZ_COUNT(parts); i++)
        if (parts[i].bit == part) return parts[i].name;
    return NULL;
}

const char *az_proof_text(az_proof *p, const char *fmt, ...)
{
    char raw[1024], safe[1400], *s;
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(raw, sizeof raw, fmt, ap);
    va_end(ap);
    s = az_arena_strdup(&p->arena, az_escape_text(safe, sizeof safe, raw));
    if (!s) p->failed = true;
    return s ? s : "";
}

/* Room for one more element in an array that is moved as it grows. */
static void *grow(az_proof *p, void *items, size_t n, size_t *cap, size_t size)
{
    size_t want = *cap ? *cap * 2 : 32;
    void *more;

    if (n < *cap) return items;
    more = az_realloc_array(p->run, items, want, size);
    if (more)
        *cap = want;
    else
        p->failed = true;
    return more ? more : items;
}

az_proof_item *az_proof_add(az_proof *p, const char *part, const char *name, az_finding v)
{
    az_proof_item *item;

    p->items = grow(p, p->items, p->n, &p->cap, sizeof *p->items);
    item = p->n < p->cap ? &p->items[p->n++] : &p->spare;
    *item = (az_proof_item){ .part = part, .name = name, .verdict = v, .bound = -1 };
    return item;
}

void az_proof_note(az_proof *p, const char *text)
{
    p->notes = grow(p, p->notes, p->n_notes, &p->notes_cap, sizeof *p->notes);
    if (p->n_notes < p->notes_cap) p->notes[p->n_notes++] = text;
}

bool az_proof_soft(adze_status s)
{
    return s == ADZE_EFORMAT || s == ADZE_EUNSUP || s == ADZE_EINVAL || s == ADZE_ENOENT;
}

void az_proof_broken(az_proof *p, const char *part, const char *name, const adze_error *err)
{
    az_proof_item *item = az_proof_add(p, part, name, AZ_DIFFERENT);
    char text[1100];

    item->where = az_proof_text(p, "%s", adze_error_text(err, text, sizeof text));
}

/* A tokenizer that cannot be made is not the end: *why keeps the reason. */
static adze_status tokenizer_of(az_proving *v, const adze_model *m, adze_tokenizer **out,
                                adze_error *why, adze_error *err)
{
    adze_status rc = adze_tokenizer_new(out, v->run, m, why);

    if (rc == ADZE_OK || az_proof_soft(rc)) return ADZE_OK;
    if (err) *err = *why;
    return rc;
}

static adze_status open_sides(az_proving *v, adze_error *err)
{
    adze_status rc;

    if (v->p->parts & (AZ_PROVE_CONFIG | AZ_PROVE_WEIGHTS | AZ_PROVE_LOGITS)) {
        rc = az_arch_of(v->ref, &v->arch, &v->config, err);
        if (rc < 0) return rc;
    }
    if (!(v->p->parts & (AZ_PROVE_TOKENS | AZ_PROVE_TEMPLATE))) return ADZE_OK;
    rc = tokenizer_of(v, v->ref, &v->ref_tok, &v->ref_why, err);
    return rc < 0 ? rc : tokenizer_of(v, v->model, &v->model_tok, &v->model_why, err);
}

static adze_status prove_all(az_proving *v, adze_error *err)
{
    adze_status rc = open_sides(v, err);

    for (size_t i = 0; i < AZ_COUNT(parts) && rc == ADZE_OK; i++) {
        if (!(v->p->parts & parts[i].bit)) continue;
        rc = az_check_cancel(v->run, err);
        if (rc == ADZE_OK) rc = parts[i].prove(v, err);
    }
    if (rc == ADZE_OK) az_prove_known(v);
    if (rc == ADZE_OK && v->p->failed) rc = az_fail_nomem(err, "proving");
    return rc;
}

adze_status az_prove(az_proof **out, adze_run *run, adze_model *ref, adze_model *model,
                     const az_prove_opts *opts, adze_error *err)
{
    az_prove_opts none = { .parts = 0 };
    az_proof *p = az_calloc(run, 1, sizeof *p);
    az_proving v = { .run = run, .p = p, .o = opts ? opts : &none, .ref = ref, .model = model };
    adze_status rc;

    *out = NULL;
    if (!p) return az_fail_nomem(err, "proving");
    *p = (az_proof){ .run = run };
    az_arena_init(&p->arena, run);
    p->ref = az_proof_text(p, "%s", ref->path);
    p->model = az_proof_text(p, "%s", model->path);
    p->parts = v.o->parts ? v.o->parts : AZ_PROVE_ALL;
    p->sampled = v.o->sample;
    p->figures = json_object();
    rc = p->figures ? prove_all(&v, err) : az_fail_nomem(err, "proving");
    adze_tokenizer_free(v.ref_tok);
    adze_tokenizer_free(v.model_tok);
    if (rc < 0)
        az_proof_free(p);
    else
        *out = p;
    return rc;
}

void az_proof_free(az_proof *p)
{
    if (!p) return;
    json_decref(p->figures);
    az_free(p->run, p->items);
    az_free(p->run, p->notes);
    az_arena_deinit(&p->arena);
    az_free(p->run, p);
}

az_finding az_proof_worst(const az_proof *p, const char *part)
{
    az_finding worst = AZ_EQUAL;

    for (size_t i = 0; i < p->n; i++)
        if ((!part || strcmp(part, p->items[i].part) == 0) && p->items[i].verdict > worst)
            worst = p->items[i].verdict;
    return worst;
}

bool az_proof_holds(const az_proof *p)
{
    return az_proof_worst(p, NULL) < AZ_UNCHECKED;
}

const char *az_proof_verdict_name(const az_proof *p)
{
    az_finding worst = az_proof_worst(p, NULL);

    return worst < AZ_UNCHECKED ? "proven" : worst == AZ_UNCHECKED ? "inconclusive" : "different";
}

const az_proof_item *az_proof_first(const az_proof *p, az_finding f)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->items[i].verdict == f) return &p->items[i];
    return NULL;
}

static json_t *item_json(const az_proof_item *it)
{
    json_t *j = json_pack("{s:s, s:s, s:s}", "part", it->part, "name", it->name, "verdict",
                          az_finding_name(it->verdict));

    if (it->detail) json_object_set_new(j, "detail", json_string(it->detail));
    if (it->where) json_object_set_new(j, "where", json_string(it->where));
    if (it->of) {
        json_object_set_new(j, "compared", json_integer((json_int_t)it->compared));
        json_object_set_new(j, "differing", json_integer((json_int_t)it->differing));
        json_object_set_new(j, "of", json_string(it->of));
    }
    if (it->bound >= 0) {
        json_object_set_new(j, "largest", json_real(it->largest));
        json_object_set_new(j, "bound", json_real(it->bound));
        json_object_set_new(j, "unit", json_string(it->unit));
    }
    return j;
}

json_t *az_proof_json(const az_proof *p)
{
    json_t *items = json_array(), *notes = json_array(), *names = json_array();

    for (size_t i = 0; i < p->n; i++)
        json_array_append_new(items, item_json(&p->items[i]));
    for (size_t i = 0; i < p->n_notes; i++)
        json_array_append_new(notes, json_string(p->notes[i]));
    for (size_t i = 0; i < AZ_COUNT(parts); i++)
        if (p->parts & parts[i].bit) json_array_append_new(names, json_string(parts[i].name));
    return json_pack("{s:i, s:s, s:o, s:b, s:o, s:O, s:o}", "proof", 1, "verdict",
                     az_proof_verdict_name(p), "parts", names, "weights_sampled", p->sampled,
                     "items", items, "figures", p->figures, "notes", notes);
}
