/* Sequences that join and leave (infer/batch.h). */
#include "infer/batch.h"
#include "infer/session.h"

#include <string.h>

/* A request, waiting (no sequence) or running. Its tokens are the prompt and what it wrote; those from seq->pos on are still to be
 * evaluated. */
typedef struct member {
    struct member *next;
    uint64_t id;
    az_sequence *seq;
    int32_t *tokens; /* [limit] */
    size_t n, limit, n_prompt;
    size_t rows;  /* of this pass */
    bool answers; /* this pass gives its logits */
    az_request r;
} member;

struct az_batch {
    adze_session *s;
    az_batch_opts opts;
    member *members; /* in order of arrival */
    uint64_t ids;
    int32_t *tokens; /* [batch] of the pass */
    float *logits;   /* [n_sequences][vocab] */
    bool shares;     /* every state of the model can serve several sequences */
    az_batch_stats stats;
};

adze_status az_batch_new(az_batch **out, adze_session *s, const az_batch_opts *opts,
                         adze_error *err)
{
    az_batch *b;

    *out = NULL;
    if (s->config.encoder)
        return az_fail(err, ADZE_EUNSUP, s->model->path, ADZE_NOPOS,
                       "this model makes embeddings, not text: use `adze embed`");
    b = az_calloc(s->run, 1, sizeof *b);
    if (!b) return az_fail_nomem(err, "making a batch");
    b->s = s;
    if (opts) b->opts = *opts;
    b->shares = !b->opts.forget;
    for (int i = 0; i < s->graph.n_states; i++)
        b->shares = b->shares && az_state_traits_of(s->graph.states[i].kind)->shareable;
    b->tokens = az_alloc_array(s->run, s->batch, sizeof *b->tokens);
    b->logits = az_alloc_array(s->run, s->n_sequences * (size_t)s->config.vocab, sizeof *b->logits);
    if (!b->tokens || !b->logits) {
        az_batch_free(b);
        return az_fail_nomem(err, "making a batch");
    }
    *out = b;
    return ADZE_OK;
}

static void free_member(az_batch *b, member *m)
{
    az_free(b->s->run, m->tokens);
    az_free(b->s->run, m);
}

void az_batch_free(az_batch *b)
{
    if (!b) return;
    for (member *m = b->members, *next; m; m = next) {
        next = m->next;
        if (m->seq) {
            az_sequence_rewind(b->s, m->seq, 0, NULL);
            m->seq->used = false;
        }
        free_member(b, m);
    }
    az_free(b->s->run, b->tokens);
    az_free(b->s->run, b->logits);
    az_free(b->s->run, b);
}

static size_t pages_for(size_t tokens)
{
    return (tokens + AZ_ATTN_TILE - 1) / AZ_ATTN_TILE;
}

static adze_status check_request(const az_batch *b, const az_request *r, adze_error *err)
{
    const adze_session *s = b->s;

    if (r->n_prompt == 0)
        return az_fail(err, ADZE_EINVAL, NULL, ADZE_NOPOS, "the prompt has no tokens");
    if (r->max_tokens == 0)
        return az_fail(err, ADZE_EINVAL, NULL, ADZE_NOPOS, "a request for no new tokens");
    for (size_t i = 0; i < r->n_prompt; i++)
        if (r->prompt[i] < 0 || r->prompt[i] >= s->config.vocab)
            return az_fail(err, ADZE_EINVAL, NULL, ADZE_NOPOS,
                           "token %d (number %zu) is not within 0 .. %lld", r->prompt[i], i,
                           (long long)s->config.vocab - 1);
    if (r->n_prompt > s->context || r->max_tokens > s->context - r->n_prompt)
        return az_fail(err, ADZE_EFIT, s->model->path, ADZE_NOPOS,
                       "%zu tokens and %zu new ones do not fit the context of %zu", r->n_prompt,
                       r->max_tokens, s->context);
    if (pages_for(r->n_prompt + r->max_tokens) > s->pages.n_pages)
        return az_fail(err, ADZE_EFIT, s->model->path, ADZE_NOPOS,
                       "%zu tokens and %zu new ones do not fit the cache of %zu", r->n_prompt,
                       r->max_tokens, s->pages.n_pages * (size_t)AZ_ATTN_TILE);
    return ADZE_OK;
}

adze_status az_batch_add(az_batch *b, const az_request *r, uint64_t *id, adze_error *err)
{
    adze_run *run = b->s->run;
    adze_status rc = check_request(b, r, err);
    member *m, **end = &b->members;

    if (rc < 0) return rc;
    m = az_calloc(run, 1, sizeof *m);
    if (m) m->tokens = az_alloc_array(run, r->n_prompt + r->max_tokens, sizeof *m->tokens);
    if (!m || !m->tokens) {
        az_free(run, m);
        return az_fail_nomem(err, "queueing a request");
    }
    memcpy(m->tokens, r->prompt, r->n_prompt * sizeof *m->tokens);
    m->r = *r;
    m->r.prompt = NULL;
    m->n = m->n_prompt = r->n_prompt;
    m->limit = r->n_prompt + r->max_tokens;
    m->id = ++b->ids;
    while (*end)
        end = &(*end)->next;
    *end = m;
    b->stats.waiting++;
    if (id) *id = m->id;
    return ADZE_OK;
}

static void leave(az_batch *b, member *m, az_leave why)
{
    member **at = &b->members;

    while (*at != m)
        at = &(*at)->next;
    *at = m->next;
    if (m->seq) {
        if (b->shares) az_pages_remember(&b->s->pages, m->seq, m->tokens);
        az_sequence_rewind(b->s, m->seq, 0, NULL);
        m->seq->used = false;
        b->stats.running--;
    } else {
        b->stats.waiting--;
    }
    if (m->r.left) m->r.left(m->r.user, why);
    free_member(b, m);
}

bool az_batch_cancel(az_batch *b, uint64_t id)
{
    for (member *m = b->members; m; m = m->next)
        if (m->id == id) {
            leave(b, m, AZ_LEAVE_CANCEL);
            return true;
        }
    return false;
}

/* Pages that those who run may still ask for. */
static size_t promised_pages(const az_batch *b)
{
    size_t n = 0;

    for (const member *m = b->members; m; m = m->next)
        if (m->seq) n += pages_for(m->limit) - m->seq->n_pages;
    return n;
}

static bool let_in(az_batch *b, member *m)
{
    adze_session *s = b->s;
    az_sequence *q = s->sequences;
    size_t known = 0;

    while (q < s->sequences + s->n_sequences && q->used)
        q++;
    if (q == s->sequences + s->n_sequences) return false;
    if (b->shares) known = az_pages_recall(&s->pages, q, m->tokens, m->n);
    if (az_pages_free(&s->pages) < promised_pages(b) + pages_for(m->limit) - q->n_pages) {
        az_pages_cut(&s->pages, q, 0);
        return false;
    }
    q->used = true;
    m->seq = q;
    b->stats.waiting--;
    b->stats.running++;
    b->stats.prompt_tokens += m->n;
    b->stats.recalled_tokens += known;
    return true;
}

/* Rows of each member in the next pass; returns their sum. */
static size_t share_rows(az_batch *b)
{
    size_t room = b->s->batch, prompts = b->opts.chunk ? b->opts.chunk : room, total;
    bool hold = false; /* those who write */

    for (const member *m = b->members; m && b->opts.prompts_first; m = m->next)
        hold = hold || (m->seq && m->seq->pos < m->n_prompt);
    for (member *m = b->members; m; m = m->next) {
        m->rows = m->seq && m->n - m->seq->pos == 1 && !(hold && m->seq->pos >= m->n_prompt);
        m->answers = m->rows == 1;
        room -= m->rows;
    }
    total = b->s->batch - room;
    if (prompts > room) prompts = room;
    for (member *m = b->members; m && prompts; m = m->next) {
        size_t rest = m->seq ? m->n - m->seq->pos : 0;

        if (rest < 2) continue;
        m->rows = rest < prompts ? rest : prompts;
        m->answers = m->rows == rest;
        prompts -= m->rows;
        total += m->rows;
    }
    return total;
}

/* n rows of a member, from its row `from` of this pass on, join the pass. */
static void put_rows(const az_batch *b, az_pass *p, const member *m, size_t from, size_t n)
{
    size_t pos = m->seq->pos + from;

    if (n == 0) return;
    b->s->spans[p->n_spans++] = (az_span){ m->seq, p->m, n, pos, 0 };
    memcpy(b->tokens + p->m, m->tokens + pos, n * sizeof *b->tokens);
    p->m += n;
}

/* Rows whose logits are wanted come last, in the order of the members. */
static az_pass compose(const az_batch *b)
{
    az_pass p = { .s = b->s, .tokens = b->tokens, .logits = b->logits };

    for (const member *m = b->members; m; m = m->next)
        if (m->rows) put_rows(b, &p, m, 0, m->rows - m->answers);
    for (const member *m = b->members; m; m = m->next)
        if (m->answers) put_rows(b, &p, m, m->rows - 1, 1);
    for (const member *m = b->members; m; m = m->next)
        p.want += m->answers;
    return p;
}

static adze_status run_pass(az_batch *b, adze_error *err)
{
    adze_session *s = b->s;
    az_pass p;
    adze_status rc = az_check_cancel(s->run, err);

    for (member *m = b->members; m && rc == ADZE_OK; m = m->next)
        if (m->rows) {
            rc = az_pages_grow(&s->pages, m->seq, m->seq->pos + m->rows, err);
            az_sequence_keep(s, m->seq);
        }
    if (rc < 0) return rc;
    p = compose(b);
    rc = az_session_pass(&p, err);
    for (member *m = b->members; m && rc < 0; m = m->next)
        if (m->rows) az_sequence_restore(s, m->seq);
    return rc;
}

/* A member's logits are there: its next token, or its end. */
static adze_status answer(az_batch *b, member *m, const float *logits, adze_error *err)
{
    int32_t token = -1;

    if (!m->r.next(m->r.user, logits, &token)) {
        leave(b, m, AZ_LEAVE_DONE);
        return ADZE_OK;
    }
    if (token < 0 || token >= b->s->config.vocab) {
        leave(b, m, AZ_LEAVE_DONE);
        return az_fail(err, ADZE_EINVAL, NULL, ADZE_NOPOS,
                       "chosen token %d is not within 0 .. %lld", token,
                       (long long)b->s->config.vocab - 1);
    }
    b->stats.new_tokens++;
    m->tokens[m->n++] = token;
    if (m->n == m->limit) leave(b, m, AZ_LEAVE_LENGTH);
    return ADZE_OK;
}

adze_status az_batch_step(az_batch *b, adze_error *err)
{
    size_t vocab = (size_t)b->s->config.vocab, rows, at = 0;
    adze_status rc, bad = ADZE_OK;

    for (member *m = b->members; m; m = m->next)
        if (!m->seq && !let_in(b, m)) break; /* in order: nobody overtakes */
    rows = share_rows(b);
    if (rows == 0) return ADZE_OK;
    rc = run_pass(b, err);
    if (rc < 0) return rc;
    b->stats.passes++;
    b->stats.rows += rows;
    for (member *m = b->members; m; m = m->next) {
        bool read = m->seq && m->seq->pos < m->n_prompt;

        if (m->rows) m->seq->pos += m->rows;
        if (read && b->shares && m->seq->pos >= m->n_prompt)
            az_pages_remember(&b->s->pages, m->seq, m->tokens);
    }
    for (member *m = b->members, *next; m; m = next) {
        next = m->next;
        if (m->answers) rc = answer(b, m, b->logits + at++ * vocab, bad < 0 ? NULL : err);
        if (rc < 0 && bad == ADZE_OK) bad = rc;
    }
    return bad;
}

az_batch_stats az_batch_state(const az_batch *b)
{
    return b->stats;
}
