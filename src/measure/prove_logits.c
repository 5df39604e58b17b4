/* Logits: both models on the same ids, in workers. What is found is evidence beside the weights: the bound catches
 * a model that is wired differently, not one that is a little worse; `adze eval` and gates judge quality. */
#include "measure/eval.h"
#include "measure/prove_parts.h"

#include <adze/session.h>
#include <string.h>

/* Largest mean KL divergence, in nats, of a sound model: all weights equal; equal, but the engine rounds the activations that
 * the codes of one are multiplied with, and not those of the other; by the least bits of a weight. */
static const double exact_bound = 1e-4, rounded_bound = 1e-2;
static const struct {
    double bits, bound;
} bounds[] = { { 8, 0.02 }, { 6, 0.1 }, { 5, 0.2 }, { 4, 0.5 }, { 3, 1.5 }, { 0, 4 } };

static double least_bits(const adze_model *m)
{
    double least = 32;

    for (size_t i = 0; i < m->n_tensors; i++) {
        const az_tensor *t = &m->tensors[i];
        double rows = (double)az_tensor_rows(t), cols = (double)az_tensor_cols(t);
        double bits = 8 * (double)t->size_bytes / (rows * cols);
        if (t->n_dims >= 2 && rows * cols > 0 && bits < least) least = bits;
    }
    return least;
}

static double bound_of(const az_proving *v)
{
    double bits = least_bits(v->model), ref = least_bits(v->ref);
    bool weights = v->p->parts & AZ_PROVE_WEIGHTS;

    /* Types as wide as the reference's, or weights that were found to be the same values. */
    if (weights ? !v->lossy && bits >= ref : bits >= ref)
        return ref < 15 && bits > ref ? rounded_bound : exact_bound;
    if (bits >= 15) return exact_bound * 10;
    for (size_t i = 0; i < AZ_COUNT(bounds); i++)
        if (bits >= bounds[i].bits) return bounds[i].bound;
    return bounds[AZ_COUNT(bounds) - 1].bound;
}

static void put_figures(az_proving *v, const az_eval_result *r)
{
    json_t *j = v->p->figures;

    json_object_set_new(j, "positions", json_integer((json_int_t)r->positions));
    json_object_set_new(j, "logit_difference_max", json_real(r->logit_diff_max));
    json_object_set_new(j, "logit_difference_mean", json_real(r->logit_diff_mean));
    json_object_set_new(j, "kl_mean", az_interval_json(&r->kl_mean, "nats"));
    json_object_set_new(j, "kl_p99", az_interval_json(&r->kl_p99, "nats"));
    json_object_set_new(j, "flips", az_interval_json(&r->flips, "ratio"));
}

static void judge(az_proving *v, const az_eval_result *r)
{
    az_proof_item *it = az_proof_add(v->p, "logits", "kl divergence", AZ_EQUAL);

    put_figures(v, r);
    it->compared = r->positions;
    it->of = "positions";
    it->largest = r->kl_mean.value;
    it->bound = bound_of(v);
    it->unit = "nats";
    it->detail = az_proof_text(v->p,
                               "mean KL %.3g [%.3g, %.3g], p99 %.3g; logits differ by %.3g at "
                               "most, %.3g on average; flips %.3g %% "
                               "[%.3g, %.3g]",
                               r->kl_mean.value, r->kl_mean.lo, r->kl_mean.hi, r->kl_p99.value,
                               r->logit_diff_max, r->logit_diff_mean, 100 * r->flips.value,
                               100 * r->flips.lo, 100 * r->flips.hi);
    if (r->logit_diff_max > 0)
        it->verdict = r->kl_mean.value <= it->bound ? AZ_WITHIN : AZ_DIFFERENT;
    else
        it->bound = -1;
    if (it->verdict == AZ_DIFFERENT)
        it->where = az_proof_text(v->p, "mean KL divergence %.3g nats, the bound is %.3g",
                                  r->kl_mean.value, it->bound);
}

static size_t chunk_of(const az_proving *v)
{
    int64_t context = v->config.context;

    if (context >= 257) return 128;
    return context < 16 ? 8 : (size_t)(context / 2);
}

adze_status az_prove_logits(az_proving *v, adze_error *err)
{
    az_bench_item items[2] = {
        { .label = "reference", .path = v->ref->path, .engine = "native" },
        { .label = "model", .path = v->model->path, .engine = "native" },
    };
    az_eval_opts o = { .chunk = chunk_of(v),
                       .max_chunks = v->o->chunks ? v->o->chunks : 16,
                       .seed = 1,
                       .text_path = v->o->text };
    az_eval_result r[2];
    adze_error why = { .pos = ADZE_NOPOS };
    adze_status rc;

    if (v->config.encoder) {
        az_proof_add(v->p, "logits", "logits", AZ_EQUAL)->detail = "an encoder has none";
        return ADZE_OK;
    }
    if (v->o->asked) {
        az_proof_add(v->p, "logits", "logits", AZ_EQUAL)->detail =
            "left out: overridden keys may change them";
        return ADZE_OK;
    }
    items[0].settings.threads = items[1].settings.threads = adze_run_threads(v->run);
    if (!v->o->text) {
        o.text = az_proof_prose;
        o.text_n = strlen(az_proof_prose);
    }
    rc = az_eval_run(v->run, items, 2, &o, r, &why);
    if (rc == ADZE_EFORMAT && v->o->text) { /* too short: the built-in text is not */
        o.text_path = NULL;
        o.text = az_proof_prose;
        o.text_n = strlen(az_proof_prose);
        rc = az_eval_run(v->run, items, 2, &o, r, &why);
    }
    if (rc < 0 && !az_proof_soft(rc)) {
        if (err) *err = why;
        return rc;
    }
    if (rc < 0) { /* the reference, or the text */
        az_proof_add(v->p, "logits", "reference", AZ_UNCHECKED)->where =
            az_proof_text(v->p, "%s", why.msg);
    } else if (r[1].status == ADZE_EUNSUP) {
        az_proof_add(v->p, "logits", "model", AZ_UNCHECKED)->where =
            az_proof_text(v->p, "%s", r[1].err.msg);
    } else if (r[1].status < 0) {
        az_proof_broken(v->p, "logits", "model", &r[1].err);
    } else {
        judge(v, &r[1]);
    }
    return ADZE_OK;
}
