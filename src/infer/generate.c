/* Generation: the loop of evaluate, choose, deliver.
 *
 * Text is delivered as whole UTF-8 characters, and never a byte that may turn out to begin a stop string:
 * what could be either is held back until the next token decides.
 *
 * With guesses (infer/lookup.h) a pass evaluates the chosen token and what may follow it. Tokens are then chosen from the rows of
 * logits one by one, as without guesses, for as long as they turn out to be the guessed ones; what was guessed beyond is rolled
 * back.
 */
#include <adze/session.h>
#include "base/buf.h"
#include "infer/lookup.h"
#include "infer/sample.h"
#include "infer/session.h"
#include "text/unicode.h"

#include <string.h>

enum { MAX_EOS = 64 };

typedef struct generating {
    adze_session *s;
    const adze_tokenizer *t;
    const adze_generate_opts *opts;
    adze_generate_result *result;
    az_sampler sampler;
    float *logits; /* [1 + speculate][vocab] */
    size_t pos;    /* tokens that the text so far takes, the last one not counted */
    az_lookup lookup;
    int32_t *guess;      /* [1 + speculate] the last token and what may follow it */
    size_t guesses, row; /* row of the logits that is chosen from */
    az_buf held;         /* text not delivered yet */
    int32_t eos[MAX_EOS];
    size_t n_eos;
    bool stopped; /* on_text asked for it */
} generating;

static void add_eos(generating *g, int64_t id)
{
    if (id >= 0 && id <= INT32_MAX && g->n_eos < MAX_EOS) g->eos[g->n_eos++] = (int32_t)id;
}

/* eos_token_id of a document: a number or a list. */
static void add_eos_of(generating *g, const json_t *doc)
{
    const json_t *ids = json_object_get(doc, "eos_token_id"), *id;
    size_t i;

    if (json_is_integer(ids)) add_eos(g, json_integer_value(ids));
    json_array_foreach(ids, i, id)
    {
        if (json_is_integer(id)) add_eos(g, json_integer_value(id));
    }
}

/* generation_config decides; without one, config.json or the keys of a GGUF do. */
static void find_eos(generating *g)
{
    static const char *const keys[] = { "tokenizer.ggml.eos_token_id",
                                        "tokenizer.ggml.eot_token_id",
                                        "tokenizer.ggml.eom_token_id" };
    const adze_model *m = g->s->model;
    int64_t id;

    if (g->opts->ignore_eos) return;
    add_eos_of(g, m->generation_config);
    if (g->n_eos) return;
    add_eos_of(g, m->config);
    for (size_t i = 0; i < AZ_COUNT(keys); i++)
        if (az_kv_int(&m->kv, keys[i], &id)) add_eos(g, id);
}

static bool is_eos(const generating *g, int32_t token)
{
    for (size_t i = 0; i < g->n_eos; i++)
        if (g->eos[i] == token) return true;
    return false;
}

/* Call on_text, bytes that are not UTF-8 as U+FFFD. */
static void deliver(generating *g, const char *s, size_t n)
{
    size_t valid;

    while (n && !g->stopped) {
        valid = az_utf8_prefix(s, n);
        if (valid) {
            if (g->opts->on_text) g->stopped = g->opts->on_text(g->opts->user, s, valid) != 0;
        } else {
            valid = 1;
            if (g->opts->on_text)
                g->stopped = g->opts->on_text(g->opts->user, "\xef\xbf\xbd", 3) != 0;
        }
        s += valid;
        n -= valid;
    }
}

/* Remove the first n bytes of what is held. */
static void drop(az_buf *b, size_t n)
{
    memmove(b->data, b->data + n, b->size - n);
    b->size -= n;
    b->data[b->size] = 0;
}

/* First place of a stop string in what is held; SIZE_MAX: none. */
static size_t find_stop(const generating *g)
{
    size_t first = SIZE_MAX;

    for (size_t i = 0; i < g->opts->n_stop; i++) {
        const char *stop = g->opts->stop[i], *hit;
        hit = *stop ? memmem(g->held.data, g->held.size, stop, strlen(stop)) : NULL;
        if (hit && (size_t)(hit - g->held.data) < first) first = (size_t)(hit - g->held.data);
    }
    return first;
}

/* Bytes at the end of what is held that may begin a stop string. */
static size_t may_begin_stop(const generating *g)
{
    size_t most = 0;

    for (size_t i = 0; i < g->opts->n_stop; i++) {
        const char *stop = g->opts->stop[i];
        size_t n = strlen(stop), k = n ? n - 1 : 0;
        if (k > g->held.size) k = g->held.size;
        while (k > most && memcmp(g->held.data + g->held.size - k, stop, k) != 0)
            k--;
        if (k > most) most = k;
    }
    return most;
}

/* Bytes at the end that are a character cut short. */
static size_t cut_character(const char *s, size_t n)
{
    for (size_t k = 1; k <= 3 && k <= n; k++) {
        unsigned char c = (unsigned char)s[n - k];
        size_t want = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc2 ? 2 : 1;
        if ((c & 0xc0) == 0x80) continue;
        return want > k && c <= 0xf4 ? k : 0;
    }
    return 0;
}

/* Take a token's text. True when a stop string is complete; text before it is delivered. */
static bool take_text(generating *g, int32_t token)
{
    size_t n, stop, keep;
    const char *s = adze_token_bytes(g->t, token, &n);

    if (!s || adze_token_is_special(g->t, token)) return false;
    az_buf_put(&g->held, s, n);
    if (!az_buf_ok(&g->held) || !g->held.size) return false;
    stop = find_stop(g);
    if (stop != SIZE_MAX) {
        deliver(g, g->held.data, stop);
        az_buf_clear(&g->held);
        return true;
    }
    keep = may_begin_stop(g);
    n = g->held.size - keep;
    n -= cut_character(g->held.data, n);
    deliver(g, g->held.data, n);
    drop(&g->held, n);
    return false;
}

/* Everything that was held back, at the end. */
static void flush(generating *g)
{
    if (g->held.size) deliver(g, g->held.data, g->held.size);
    az_buf_clear(&g->held);
}

/* Why the token that was just chosen ends generation; false: it does not. */
static bool ends(generating *g, int32_t token)
{
    adze_generate_result *r = g->result;

    if (is_eos(g, token)) {
        r->finish = ADZE_FINISH_EOS;
        return true;
    }
    if (take_text(g, token)) {
        r->finish = ADZE_FINISH_STOP;
        return true;
    }
    if (g->stopped) {
        r->finish = ADZE_FINISH_USER;
        return true;
    }
    r->finish = ADZE_FINISH_LENGTH;
    if (g->opts->max_tokens) return r->new_tokens == g->opts->max_tokens;
    return g->pos == g->s->context;
}

/* Evaluate a token, and what it may be followed by. */
static adze_status go_on(generating *g, int32_t token, adze_error *err)
{
    size_t room = g->s->context - g->pos - 1, left = g->opts->max_tokens - g->result->new_tokens;
    size_t max = g->opts->speculate < room ? g->opts->speculate : room;
    adze_status rc;

    if (g->opts->max_tokens && left < max) max = left;
    g->guess[0] = token;
    g->guesses = max ? az_lookup_guess(&g->lookup, g->guess + 1, max) : 0;
    g->result->guessed_tokens += g->guesses;
    rc = adze_session_eval_all(g->s, g->guess, 1 + g->guesses, g->logits, err);
    g->row = 0;
    g->pos++;
    return rc;
}

/* The chosen token is the one that was guessed: its logits are there. */
static bool was_guessed(generating *g, int32_t token)
{
    bool right = g->row < g->guesses && g->guess[1 + g->row] == token;

    if (right) {
        g->row++;
        g->pos++;
        g->result->accepted_tokens++;
    } else if (g->guesses) {
        az_lookup_learn(&g->lookup, g->guesses, g->row);
    }
    return right;
}

/* Roll back what was guessed beyond the text. */
static adze_status forget_guesses(generating *g, adze_error *err)
{
    if (adze_session_pos(g->s) == g->pos) return ADZE_OK;
    return adze_session_rewind(g->s, g->pos, err);
}

static adze_status decode(generating *g, adze_error *err)
{
    adze_session *s = g->s;
    adze_status rc;
    int32_t token;

    for (;;) {
        rc = az_check_cancel(s->run, err);
        if (rc < 0) return rc;
        rc = az_sampler_next(&g->sampler, g->logits + g->row * adze_session_vocab(s), &token, err);
        if (rc < 0) return rc;
        az_lookup_add(&g->lookup, token);
        az_sampler_accept(&g->sampler, token);
        g->result->new_tokens++;
        if (g->opts->on_token) g->opts->on_token(g->opts->user, token);
        if (ends(g, token)) return ADZE_OK;
        if (!az_buf_ok(&g->held)) return az_fail_nomem(err, "generating text");
        if (g->pos == s->context)
            return az_fail(err, ADZE_EFIT, s->model->path, ADZE_NOPOS,
                           "the context of %zu tokens is full after %zu new tokens", s->context,
                           g->result->new_tokens);
        if (was_guessed(g, token)) continue;
        rc = forget_guesses(g, err);
        if (rc == ADZE_OK) rc = go_on(g, token, err);
        if (rc < 0) return rc;
    }
}

static adze_status check_args(const generating *g, size_t n_prompt, adze_error *err)
{
    if (!n_prompt) return az_fail(err, ADZE_EINVAL, NULL, ADZE_NOPOS, "the prompt has no tokens");
    if (n_prompt > adze_session_room(g->s))
        return az_fail(err, ADZE_EFIT, g->s->model->path, ADZE_NOPOS,
                       "the prompt has %zu tokens, the context has room for %zu", n_prompt,
                       adze_session_room(g->s));
    for (int i = 0; g->opts->speculate && i < g->s->graph.n_states; i++) {
        const az_state_traits *t = az_state_traits_of(g->s->graph.states[i].kind);
        if (!t->by_token)
            return az_fail(err, ADZE_EUNSUP, g->s->model->path, ADZE_NOPOS,
                           "this model cannot check guessed tokens: a state of kind %s cannot be "
                           "rolled back",
                           t->name);
    }
    return ADZE_OK;
}

/* Room for logits and guesses; what the session holds is not known but for opts->before. */
static adze_status make_room(generating *g, const int32_t *prompt, size_t n_prompt, adze_error *err)
{
    adze_run *run = g->s->run;
    size_t rows = 1 + g->opts->speculate;
    adze_status rc = az_lookup_init(&g->lookup, run, g->opts->n_before + g->s->context + 1, err);

    if (rc < 0) return rc;
    g->logits = az_alloc_array(run, rows, adze_session_vocab(g->s) * sizeof *g->logits);
    g->guess = az_alloc_array(run, rows, sizeof *g->guess);
    if (!g->logits || !g->guess) return az_fail_nomem(err, "generating text");
    for (size_t i = 0; i < g->opts->n_before; i++) {
        az_sampler_accept(&g->sampler, g->opts->before[i]);
        az_lookup_add(&g->lookup, g->opts->before[i]);
    }
    for (size_t i = 0; i < n_prompt; i++) {
        az_sampler_accept(&g->sampler, prompt[i]);
        az_lookup_add(&g->lookup, prompt[i]);
    }
    return ADZE_OK;
}

adze_status adze_generate(adze_session *s, const adze_tokenizer *t, const int32_t *prompt,
                          size_t n_prompt, const adze_generate_opts *opts,
                          adze_generate_result *result, adze_error *err)
{
    adze_generate_result ignored;
    generating g = { .s = s, .t = t, .opts = opts, .result = result ? result : &ignored };
    size_t vocab = adze_session_vocab(s);
    uint64_t begin;
    adze_status rc;

    *g.result = (adze_generate_result){ .prompt_tokens = n_prompt, .finish = ADZE_FINISH_LENGTH };
    az_buf_init(&g.held, s->run);
    rc = check_args(&g, n_prompt, err);
    if (rc < 0) goto done;
    rc = az_sampler_init(&g.sampler, s->run, &opts->sampling, vocab, err);
    if (rc < 0) goto done;
    rc = make_room(&g, prompt, n_prompt, err);
    if (rc < 0) goto done;
    find_eos(&g);
    begin = az_now_ns(s->run);
    rc = adze_session_eval(s, prompt, n_prompt, g.logits, err);
    g.result->prefill_s = (double)(az_now_ns(s->run) - begin) * 1e-9;
    if (rc < 0) goto done;
    g.pos = adze_session_pos(s);
    begin = az_now_ns(s->run);
    rc = decode(&g, err);
    if (forget_guesses(&g, rc < 0 ? NULL : err) < 0 && rc == ADZE_OK) rc = ADZE_EINVAL;
    g.result->decode_s = (double)(az_now_ns(s->run) - begin) * 1e-9;
    flush(&g);
done:
    az_sampler_deinit(&g.sampler);
    az_lookup_deinit(&g.lookup, s->run);
    az_free(s->run, g.guess);
    az_free(s->run, g.logits);
    az_buf_deinit(&g.held);
    return rc;
}
