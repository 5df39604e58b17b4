/* Real frameworks' own ids, from workers (data/workers/real_ids.py).
 *
 * tokenizers reads the side (or both) that is a folder with a tokenizer.json; llama.cpp a MODEL that is a GGUF, and is
 * held against the ids that adze says it gives.
 */
#include "base/datadir.h"
#include "base/json.h"
#include "measure/prove_ways.h"

#include <string.h>

static adze_status start(az_worker **out, adze_run *run, const char *name, const char *model,
                         adze_error *err)
{
    char *script = NULL;
    json_t *params, *r = NULL;
    adze_status rc = az_data_path(&script, run, "workers/real_ids.py", err);

    *out = NULL;
    if (rc == ADZE_OK) {
        const char *argv[] = { "/usr/bin/env", "python3", script, name, NULL };
        rc = az_worker_start(out, run, argv, err);
    }
    az_free(run, script);
    if (rc < 0) return rc;
    params = json_pack("{s:s}", "model", model);
    rc = params ? az_worker_call(*out, "open", params, NULL, 0, 120, &r, NULL, NULL, err)
                : az_fail(err, ADZE_EINVAL, model, ADZE_NOPOS, "this path is not UTF-8");
    json_decref(r);
    if (rc < 0) {
        az_worker_stop(*out);
        *out = NULL;
    }
    return rc;
}

static void report(const az_texts *t, const char *name, az_finding differs)
{
    az_proof_item *it = az_proof_add(t->v->p, "tokens", name, t->differing ? differs : AZ_EQUAL);

    it->compared = t->n;
    it->differing = t->differing;
    it->of = "texts";
    it->where = t->where;
}

/* A framework that refuses the model or a text is a finding, not the end. */
static adze_status refused(az_texts *t, const char *name, adze_status rc, const adze_error *why,
                           adze_error *err)
{
    if (rc == ADZE_EWORKER || rc == ADZE_ETIMEOUT) {
        az_proof_add(t->v->p, "tokens", name, AZ_DIFFERENT)->where =
            az_proof_text(t->v->p, "%s", why->msg);
        return ADZE_OK;
    }
    if (err) *err = *why;
    return rc;
}

static void not_for(az_proving *v, const char *name, const char *why)
{
    az_proof_add(v->p, "tokens", name, AZ_UNCHECKED)->where = why;
}

static bool is_folder(const adze_model *m)
{
    return m->tok.hf && strcmp(m->format, "gguf") != 0;
}

static adze_status prove_tokenizers(az_proving *v, adze_error *err)
{
    static const char item[] = "ids in tokenizers";
    az_texts t = { .v = v,
                   .ref = { .tok = v->ref_tok },
                   .here = { .tok = v->model_tok },
                   .ref_name =
                       is_folder(v->ref) ? "in tokenizers on the reference" : "in the reference",
                   .here_name = is_folder(v->model) ? "in tokenizers here" : "here" };
    adze_error why = { .pos = ADZE_NOPOS };
    adze_status rc = ADZE_OK;

    if (!is_folder(v->ref) && !is_folder(v->model)) {
        not_for(v, item, "neither model is a folder with a tokenizer.json");
        return ADZE_OK;
    }
    if (is_folder(v->ref)) rc = start(&t.ref.real, v->run, "tokenizers", v->ref->path, &why);
    if (rc == ADZE_OK && is_folder(v->model))
        rc = start(&t.here.real, v->run, "tokenizers", v->model->path, &why);
    if (rc == ADZE_OK) rc = az_texts_compare(&t, &why);
    if (rc == ADZE_OK)
        report(&t, item, AZ_DIFFERENT);
    else
        rc = refused(&t, item, rc, &why, err);
    az_worker_stop(t.ref.real);
    az_worker_stop(t.here.real);
    return rc;
}

static adze_status prove_llama_cpp(az_proving *v, adze_error *err)
{
    static const char item[] = "ids of llama.cpp itself";
    az_texts t = { .v = v,
                   .ref = { .tok = v->ref_tok },
                   .ref_name = "as adze reads its rules",
                   .here_name = "in the program",
                   .slow = true };
    az_llama_tok *rules = NULL;
    adze_error why = { .pos = ADZE_NOPOS };
    adze_status rc;

    if (strcmp(v->model->format, "gguf") != 0) {
        not_for(v, item, "the model is no GGUF");
        return ADZE_OK;
    }
    rc = az_llama_tok_new(&rules, v->run, v->model, &why);
    if (rc < 0 && !az_proof_soft(rc)) {
        if (err) *err = why;
        return rc;
    }
    t.ref.llama = rules; /* NULL: the reference's own ids are held against it */
    if (!rules) t.ref_name = "in the reference";
    rc = start(&t.here.real, v->run, "llama.cpp", v->model->path, &why);
    if (rc == ADZE_OK) rc = az_texts_compare(&t, &why);
    if (rc == ADZE_OK)
        report(&t, item, AZ_ELSEWHERE);
    else
        rc = refused(&t, item, rc, &why, err);
    az_worker_stop(t.here.real);
    az_llama_tok_free(rules);
    return rc;
}

static const struct {
    const char *name;
    adze_status (*prove)(az_proving *v, adze_error *err);
} frameworks[] = {
    { "tokenizers", prove_tokenizers },
    { "llama.cpp", prove_llama_cpp },
};

adze_status az_prove_real_ids(az_proving *v, adze_error *err)
{
    const char *list = v->o->with ? v->o->with : "";
    adze_status rc = ADZE_OK;

    while (*list && rc == ADZE_OK) {
        size_t n = strcspn(list, ","), i = 0;
        while (i < AZ_COUNT(frameworks) &&
               (strlen(frameworks[i].name) != n || strncmp(frameworks[i].name, list, n) != 0))
            i++;
        if (i == AZ_COUNT(frameworks))
            return az_fail_name(err, ADZE_EINVAL, NULL, "--with", ADZE_NOPOS,
                                "\"%.40s\" is no list of tokenizers, llama.cpp", list);
        rc = frameworks[i].prove(v, err);
        list += n + (list[n] == ',');
    }
    return rc;
}
