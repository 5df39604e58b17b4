/* Embeddings: texts go through an encoder in passes of as many as fit, each in rows and cache tiles of its own,
 * so that a text's vector does not depend on what it shares a pass with.
 */
#include "infer/session.h"

size_t adze_session_width(const adze_session *s)
{
    return (size_t)s->config.hidden;
}

static adze_status check_text(const adze_session *s, const int32_t *ids, size_t n, size_t number,
                              adze_error *err)
{
    if (n == 0)
        return az_fail(err, ADZE_EINVAL, NULL, ADZE_NOPOS, "text %zu has no tokens", number);
    if (n > s->context)
        return az_fail(err, ADZE_EFIT, NULL, ADZE_NOPOS,
                       "text %zu has %zu tokens, the model takes %zu", number, n, s->context);
    for (size_t i = 0; i < n; i++)
        if (ids[i] < 0 || ids[i] >= s->config.vocab)
            return az_fail(err, ADZE_EINVAL, NULL, ADZE_NOPOS,
                           "token %d (number %zu of text %zu) is not within 0 .. %lld", ids[i], i,
                           number, (long long)s->config.vocab - 1);
    return ADZE_OK;
}

/* Texts from `first` on into one pass; returns how many. */
static size_t fill_pass(az_pass *p, int32_t *tokens, const int32_t *const *ids, const size_t *n,
                        size_t first, size_t count)
{
    adze_session *s = p->s;
    size_t tile = 0;

    p->m = p->n_spans = 0;
    for (size_t i = first; i < count && p->n_spans < s->max_spans; i++) {
        if (p->m + n[i] > s->batch) break;
        s->spans[p->n_spans++] = (az_span){ &s->sequences[0], p->m, n[i], 0, tile };
        for (size_t k = 0; k < n[i]; k++)
            tokens[p->m++] = ids[i][k];
        tile += (n[i] + AZ_ATTN_TILE - 1) / AZ_ATTN_TILE;
    }
    p->want = p->m;
    return p->n_spans;
}

adze_status adze_session_embed(adze_session *s, const int32_t *const *ids, const size_t *n,
                               size_t count, float *out, adze_error *err)
{
    adze_status rc = ADZE_OK;
    int32_t *tokens;

    if (!s->config.encoder)
        return az_fail(err, ADZE_EUNSUP, s->model->path, ADZE_NOPOS,
                       "this model makes text, not embeddings");
    for (size_t i = 0; i < count && rc == ADZE_OK; i++)
        rc = check_text(s, ids[i], n[i], i, err);
    if (rc < 0) return rc;
    tokens = az_calloc(s->run, s->batch, sizeof *tokens);
    if (!tokens) return az_fail_nomem(err, "embedding");
    for (size_t i = 0, k; i < count; i += k) {
        az_pass p = { .s = s, .tokens = tokens, .logits = out + i * (size_t)s->config.hidden };
        rc = az_check_cancel(s->run, err);
        if (rc < 0) break;
        k = fill_pass(&p, tokens, ids, n, i, count);
        rc = az_session_pass(&p, err);
        if (rc < 0) break;
    }
    az_free(s->run, tokens);
    return rc;
}
