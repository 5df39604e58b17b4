/* The sampler. Candidates are a heap by (score, lower id first), so that only those that survive are ever
 * sorted, however large the vocabulary is. */
#include "infer/sample.h"
#include "base/json.h"
#include "core/model.h"

#include <math.h>
#include <string.h>

static adze_status check(const adze_sampling *o, adze_error *err)
{
    static const char *const names[] = { "temperature", "top_p", "min_p", "repetition_penalty",
                                         "top_k" };
    const bool ok[] = { !o->do_sample || (o->temperature > 0 && isfinite(o->temperature)),
                        o->top_p >= 0 && o->top_p <= 1, o->min_p >= 0 && o->min_p <= 1,
                        o->repetition_penalty > 0 && isfinite(o->repetition_penalty),
                        o->top_k >= 0 };
    static const char *const wants[] = { "above 0 (greedy is do_sample off)", "between 0 and 1",
                                         "between 0 and 1", "above 0", "0 or more" };

    for (size_t i = 0; i < AZ_COUNT(ok); i++)
        if (!ok[i])
            return az_fail_name(err, ADZE_EINVAL, NULL, names[i], ADZE_NOPOS, "must be %s",
                                wants[i]);
    return ADZE_OK;
}

adze_status az_sampler_init(az_sampler *s, adze_run *run, const adze_sampling *opts, size_t vocab,
                            adze_error *err)
{
    adze_status rc;

    memset(s, 0, sizeof *s);
    s->run = run;
    s->opts = *opts;
    s->vocab = vocab;
    rc = check(opts, err);
    if (rc < 0) return rc;
    az_prng_seed(&s->rng, opts->seed);
    s->scores = az_alloc_array(run, vocab, sizeof *s->scores);
    s->order = az_alloc_array(run, vocab, sizeof *s->order);
    s->weights = az_alloc_array(run, vocab, sizeof *s->weights);
    s->seen = az_calloc(run, vocab, 1);
    if (!s->scores || !s->order || !s->weights || !s->seen)
        return az_fail_nomem(err, "preparing the sampler");
    return ADZE_OK;
}

void az_sampler_deinit(az_sampler *s)
{
    if (!s->run) return;
    az_free(s->run, s->scores);
    az_free(s->run, s->order);
    az_free(s->run, s->weights);
    az_free(s->run, s->seen);
}

void az_sampler_accept(az_sampler *s, int32_t token)
{
    if (token >= 0 && (size_t)token < s->vocab) s->seen[token] = 1;
}

/* Penalized scores; each token seen counts once, however often it came. */
static adze_status penalize(az_sampler *s, const float *logits, adze_error *err)
{
    float p = s->opts.repetition_penalty;
    bool finite = false;

    for (size_t i = 0; i < s->vocab; i++) {
        float x = logits[i];
        if (isnan(x))
            return az_fail(err, ADZE_EFORMAT, NULL, ADZE_NOPOS,
                           "the model's logits are not numbers (token %zu)", i);
        if (s->seen[i]) x = x < 0 ? x * p : x / p;
        s->scores[i] = x;
        finite = finite || isfinite(x);
    }
    if (finite) return ADZE_OK;
    return az_fail(err, ADZE_EFORMAT, NULL, ADZE_NOPOS, "the model's logits are all infinite");
}

/* Heap order: higher score first, the lower id among equals. */
static bool better(const float *score, int32_t a, int32_t b)
{
    return score[a] != score[b] ? score[a] > score[b] : a < b;
}

static void sift_down(const float *score, int32_t *heap, size_t n, size_t i)
{
    int32_t top = heap[i];
    size_t child;

    while ((child = 2 * i + 1) < n) {
        if (child + 1 < n && better(score, heap[child + 1], heap[child])) child++;
        if (!better(score, heap[child], top)) break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = top;
}

/* Sum of exp(score - max) over what top-k leaves: top-p is a share of that. */
static double total_mass(const az_sampler *s, const int32_t *ids, size_t n, float max, float least)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        if (s->scores[ids[i]] >= least) sum += exp((double)s->scores[ids[i]] - (double)max);
    return sum;
}

/* Move the best of the heap [0, *left) to its end. */
static void take(const float *score, int32_t *heap, size_t *left)
{
    int32_t top = heap[0];

    (*left)--;
    heap[0] = heap[*left];
    heap[*left] = top;
    if (*left) sift_down(score, heap, *left, 0);
}

static void reverse(int32_t *a, size_t n)
{
    for (size_t i = 0; i < n / 2; i++) {
        int32_t t = a[i];
        a[i] = a[n - 1 - i];
        a[n - 1 - i] = t;
    }
}

/* What top-k leaves, taken to the end of the heap, ties with the k-th included; returns the k-th score. */
static float take_top_k(az_sampler *s, size_t k, size_t *left)
{
    float kth;

    while (*left > s->vocab - k)
        take(s->scores, s->order, left);
    kth = s->scores[s->order[*left]];
    while (*left && s->scores[s->order[0]] >= kth)
        take(s->scores, s->order, left);
    return kth;
}

/* How many of the best make up top_p of `total`: one is kept while the mass before it falls short. Takes
 * from the heap what top-k has not taken; `limit` bounds the count. */
static size_t take_top_p(az_sampler *s, double total, size_t limit, size_t *left)
{
    double max = (double)s->scores[s->order[*left == s->vocab ? 0 : s->vocab - 1]], mass = 0;
    size_t n = 0;

    while (n < limit && (n == 0 || mass / total < (double)s->opts.top_p)) {
        if (n == s->vocab - *left) take(s->scores, s->order, left);
        mass += exp((double)s->scores[s->order[s->vocab - 1 - n]] - max);
        n++;
    }
    return n;
}

/* Candidates after top-k and top-p into order[0 .. n), best first where either is on; returns the best score. */
static float rank(az_sampler *s)
{
    size_t left = s->vocab, k = (size_t)s->opts.top_k;
    bool cut_k = k && k < s->vocab, cut_p = s->opts.top_p < 1;
    float max = s->scores[0], least = -INFINITY;

    for (size_t i = 0; i < s->vocab; i++) {
        s->order[i] = (int32_t)i;
        if (s->scores[i] > max) max = s->scores[i];
    }
    s->n = s->vocab;
    if (!cut_k && !cut_p) return max;
    for (size_t i = s->vocab / 2; i-- > 0;)
        sift_down(s->scores, s->order, s->vocab, i);
    if (cut_k) {
        least = take_top_k(s, k, &left);
        s->n = s->vocab - left;
    }
    if (cut_p) s->n = take_top_p(s, total_mass(s, s->order, s->vocab, max, least), s->n, &left);
    reverse(s->order, s->vocab);
    return max;
}

adze_status az_sampler_filter(az_sampler *s, const float *logits, adze_error *err)
{
    adze_status rc = penalize(s, logits, err);
    size_t n = 0;
    double max;

    if (rc < 0) return rc;
    for (size_t i = 0; i < s->vocab; i++)
        s->scores[i] /= s->opts.temperature;
    max = (double)rank(s);
    if (!isfinite(max))
        return az_fail_name(err, ADZE_EINVAL, NULL, "temperature", ADZE_NOPOS,
                            "is too small for this model's logits");
    /* min-p is relative to the best, whose weight is 1. */
    for (size_t i = 0; i < s->n; i++) {
        double w = exp((double)s->scores[s->order[i]] - max);
        if (w <= 0 || w < (double)s->opts.min_p) continue;
        s->order[n] = s->order[i];
        s->weights[n++] = w;
    }
    s->n = n;
    return ADZE_OK;
}

static int32_t best_of(const az_sampler *s)
{
    size_t best = 0;

    for (size_t i = 1; i < s->vocab; i++)
        if (s->scores[i] > s->scores[best]) best = i;
    return (int32_t)best;
}

adze_status az_sampler_next(az_sampler *s, const float *logits, int32_t *token, adze_error *err)
{
    double sum = 0, at;
    adze_status rc;
    size_t i;

    if (!s->opts.do_sample) {
        rc = penalize(s, logits, err);
        if (rc == ADZE_OK) *token = best_of(s);
        return rc;
    }
    rc = az_sampler_filter(s, logits, err);
    if (rc < 0) return rc;
    for (i = 0; i < s->n; i++)
        sum += s->weights[i];
    at = az_prng_unit(&s->rng) * sum;
    for (i = 0; i + 1 < s->n && at >= s->weights[i]; i++)
        at -= s->weights[i];
    *token = s->order[i];
    return ADZE_OK;
}

static void from_json(adze_sampling *s, const json_t *j)
{
    static const struct {
        const char *key;
        size_t at;
    } reals[] = { { "temperature", offsetof(adze_sampling, temperature) },
                  { "top_p", offsetof(adze_sampling, top_p) },
                  { "min_p", offsetof(adze_sampling, min_p) },
                  { "repetition_penalty", offsetof(adze_sampling, repetition_penalty) } };
    int64_t k;
    double v;
    bool b;

    for (size_t i = 0; i < AZ_COUNT(reals); i++)
        if (az_json_real(j, reals[i].key, &v))
            *(float *)(void *)((char *)s + reals[i].at) = (float)v;
    if (az_json_int(j, "top_k", &k)) s->top_k = k < 0 || k > INT32_MAX ? -1 : (int)k;
    if (az_json_bool(j, "do_sample", &b)) s->do_sample = b;
}

/* general.sampling.* of a GGUF; any of them means that the model wants to be sampled. */
static void from_kv(adze_sampling *s, const az_kvs *kv)
{
    static const struct {
        const char *key;
        size_t at;
    } reals[] = { { "general.sampling.temp", offsetof(adze_sampling, temperature) },
                  { "general.sampling.top_p", offsetof(adze_sampling, top_p) },
                  { "general.sampling.min_p", offsetof(adze_sampling, min_p) },
                  { "general.sampling.penalty_repeat",
                    offsetof(adze_sampling, repetition_penalty) } };
    int64_t k;
    double v;

    for (size_t i = 0; i < AZ_COUNT(reals); i++)
        if (az_kv_float(kv, reals[i].key, &v)) {
            *(float *)(void *)((char *)s + reals[i].at) = (float)v;
            s->do_sample = 1;
        }
    if (az_kv_int(kv, "general.sampling.top_k", &k)) {
        s->top_k = k <= 0 || k > INT32_MAX ? 0 : (int)k;
        s->do_sample = 1;
    }
    if (s->temperature <= 0) { /* there 0 means greedy */
        s->temperature = 1;
        s->do_sample = 0;
    }
}

void adze_sampling_defaults(adze_sampling *s, const adze_model *m)
{
    *s = (adze_sampling){ .temperature = 1, .top_k = 50, .top_p = 1, .repetition_penalty = 1 };
    if (m->generation_config)
        from_json(s, m->generation_config);
    else
        from_kv(s, &m->kv);
}

const char *az_sampling_ignored(const adze_model *m, char *buf, size_t size)
{
    static const struct {
        const char *key;
        double neutral;
    } keys[] = { { "num_beams", 1 },
                 { "typical_p", 1 },
                 { "epsilon_cutoff", 0 },
                 { "eta_cutoff", 0 },
                 { "top_h", 1 },
                 { "no_repeat_ngram_size", 0 },
                 { "min_length", 0 },
                 { "min_new_tokens", 0 },
                 { "guidance_scale", 1 },
                 { "bad_words_ids", 0 },
                 { "sequence_bias", 0 },
                 { "suppress_tokens", 0 },
                 { "begin_suppress_tokens", 0 },
                 { "forced_bos_token_id", -1 },
                 { "forced_eos_token_id", -1 },
                 { "penalty_alpha", 0 },
                 { "prompt_lookup_num_tokens", 0 } };
    size_t at = 0;

    if (size) buf[0] = 0;
    for (size_t i = 0; i < AZ_COUNT(keys); i++) {
        const json_t *v = json_object_get(m->generation_config, keys[i].key);
        size_t n = strlen(keys[i].key) + 2;
        if (!v || json_is_null(v) || (json_is_number(v) && json_number_value(v) == keys[i].neutral))
            continue;
        if ((json_is_array(v) && !json_array_size(v)) || at + n >= size) continue;
        memcpy(buf + at, at ? ", " : "", at ? 2 : 0);
        at += at ? 2 : 0;
        memcpy(buf + at, keys[i].key, n - 1);
        at += n - 2;
    }
    return buf;
}
