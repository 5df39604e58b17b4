/* Requests over libcurl's multi interface.
 *
 * An attempt may lead through redirects; each hop is a transfer of its own. What is worth another attempt: a
 * connection that failed or stalled, 408, 429, 500, 502, 503, 504, and a refusal by another host than the
 * endpoint (a signed address that has run out). An attempt that brought 64 KiB counts as progress.
 * Source: the hub's protocol as huggingface_hub speaks it, 2026-08; RFC 9110.
 */
#include "hub/http.h"
#include "hub/reply.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum {
    MAX_HOPS = 10,
    MAX_CALLS = 64,
    PROGRESS_BYTES = 65536,
    JUNK_BYTES = 65536, /* of a body that nobody reads */
    SLOWEST_BYTES_S = 512,
    API_TOTAL_S = 60,
    LONGEST_WAIT_S = 300
};

struct az_http {
    adze_run *run;
    const az_hub_env *env;
    const char *name;
    int retries;
    CURLM *multi;
    struct curl_slist *auth; /* with the token; the endpoint only */
    az_http_call *calls[MAX_CALLS];
    size_t n_calls;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void init_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

static adze_status make_auth(az_http *h, adze_error *err)
{
    adze_status rc = ADZE_OK;
    char *line;

    if (!h->env->token) return ADZE_OK;
    line = az_asprintf(h->run, "Authorization: Bearer %s", h->env->token);
    if (line) h->auth = curl_slist_append(NULL, line);
    if (!h->auth) rc = az_fail_nomem(err, "starting the network");
    if (line) memset(line, 0, strlen(line));
    az_free(h->run, line);
    return rc;
}

adze_status az_http_new(az_http **out, adze_run *run, const az_hub_env *env, const char *name,
                        int retries, adze_error *err)
{
    az_http *h = az_calloc(run, 1, sizeof *h);
    adze_status rc;

    *out = NULL;
    if (!h) return az_fail_nomem(err, "starting the network");
    *h = (az_http){ .run = run, .env = env, .name = name, .retries = retries };
    pthread_once(&once, init_curl);
    h->multi = curl_multi_init();
    rc = h->multi ? make_auth(h, err) : az_fail_nomem(err, "starting the network");
    if (rc < 0) {
        az_http_free(h);
        return rc;
    }
    curl_multi_setopt(h->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
    *out = h;
    return ADZE_OK;
}

void az_http_free(az_http *h)
{
    if (!h) return;
    while (h->n_calls)
        az_http_drop(h, h->calls[0]);
    if (h->multi) curl_multi_cleanup(h->multi);
    curl_slist_free_all(h->auth);
    az_free(h->run, h);
}

void az_http_set_retries(az_http *h, int retries)
{
    h->retries = retries;
}

static void stop_transfer(az_http_call *c)
{
    if (c->easy) {
        curl_multi_remove_handle(c->http->multi, c->easy);
        curl_easy_cleanup(c->easy);
    }
    c->easy = NULL;
    c->running = false;
}

void az_http_drop(az_http *h, az_http_call *c)
{
    for (size_t i = 0; i < h->n_calls; i++)
        if (h->calls[i] == c) {
            h->calls[i] = h->calls[--h->n_calls];
            stop_transfer(c);
            az_free(h->run, c->at_url);
            c->at_url = NULL;
            return;
        }
}

static void finish(az_http_call *c, adze_status rc)
{
    c->rc = rc;
    c->done = true;
    az_http_drop(c->http, c);
}

static uint64_t position(const az_http_call *c)
{
    return c->from ? c->from(c->user) : 0;
}

static size_t on_header(char *data, size_t size, size_t n, void *user)
{
    az_http_call *c = user;

    az_reply_header(&c->reply, data, size * n);
    return size * n;
}

/* Headers are complete: tell the owner, once. */
static adze_status begin(az_http_call *c)
{
    adze_status rc;

    if (c->begun) return ADZE_OK;
    c->begun = true;
    curl_easy_getinfo((CURL *)c->easy, CURLINFO_RESPONSE_CODE, &c->reply.status);
    rc = c->begin ? c->begin(c->user, &c->reply, &c->err) : ADZE_OK;
    c->failed_here = rc < 0;
    if (rc < 0) c->rc = rc;
    return rc;
}

static size_t on_body(char *data, size_t size, size_t n, void *user)
{
    az_http_call *c = user;
    long status = 0;

    (void)size;
    curl_easy_getinfo((CURL *)c->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status < 200 || status > 299) { /* an error's page: not read, and not for ever */
        c->junk_bytes += n;
        return c->junk_bytes > JUNK_BYTES ? 0 : n;
    }
    if (begin(c) < 0) return 0;
    c->rc = c->body(c->user, data, n, &c->err);
    c->failed_here = c->rc < 0;
    return c->failed_here ? 0 : n;
}

static void set_limits(az_http_call *c, CURL *e)
{
    const az_hub_env *env = c->http->env;
    double stall = c->small ? env->api_timeout_s : env->file_timeout_s;

    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)(env->api_timeout_s * 1000));
    curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, c->small ? 1L : (long)SLOWEST_BYTES_S);
    curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, (long)stall);
    if (c->small) curl_easy_setopt(e, CURLOPT_TIMEOUT, (long)API_TOTAL_S);
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    curl_easy_setopt(e, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

static void start_transfer(az_http_call *c)
{
    az_http *h = c->http;
    CURL *e = curl_easy_init();
    uint64_t from = position(c);
    char range[32];

    c->easy = e;
    c->begun = c->failed_here = false;
    c->junk_bytes = 0;
    az_reply_reset(&c->reply);
    if (!e) {
        finish(c, az_fail_nomem(&c->err, "starting a request"));
        return;
    }
    snprintf(range, sizeof range, "%llu-", (unsigned long long)from);
    curl_easy_setopt(e, CURLOPT_URL, c->at_url);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_USERAGENT, "adze/" ADZE_VERSION);
    curl_easy_setopt(e, CURLOPT_BUFFERSIZE, 524288L);
    curl_easy_setopt(e, CURLOPT_PRIVATE, c);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, c);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, c);
    if (from) curl_easy_setopt(e, CURLOPT_RANGE, range);
    if (h->env->ca_file) curl_easy_setopt(e, CURLOPT_CAINFO, h->env->ca_file);
    if (h->auth && az_url_same_origin(c->at_url, h->env->endpoint))
        curl_easy_setopt(e, CURLOPT_HTTPHEADER, h->auth);
    set_limits(c, e);
    c->running = true;
    if (curl_multi_add_handle(h->multi, e) != CURLM_OK)
        finish(c, az_fail_nomem(&c->err, "starting a request"));
}

/* From the first address again: a signed one may have run out. */
static void start_attempt(az_http_call *c)
{
    stop_transfer(c);
    az_free(c->http->run, c->at_url);
    c->at_url = az_strdup(c->http->run, c->url);
    c->hops = 0;
    if (c->at_url)
        start_transfer(c);
    else
        finish(c, az_fail_nomem(&c->err, "starting a request"));
}

void az_http_add(az_http *h, az_http_call *c)
{
    c->http = h;
    c->done = c->running = false;
    c->easy = NULL;
    c->at_url = NULL;
    c->tries = 0;
    c->not_before_ns = 0;
    c->mark = position(c);
    c->err = (adze_error){ .pos = ADZE_NOPOS };
    if (h->n_calls == MAX_CALLS) {
        c->done = true;
        c->rc = az_fail(&c->err, ADZE_EINVAL, h->name, ADZE_NOPOS, "too many requests at once");
        return;
    }
    h->calls[h->n_calls++] = c;
}

/* c->err says why the attempt failed; wait_s is what the server asked for, or 0. */
static void retry(az_http_call *c, double wait_s)
{
    uint64_t at = position(c);
    double wait;
    size_t n;

    if (at > c->mark && at - c->mark >= PROGRESS_BYTES) c->tries = 0;
    c->mark = at;
    if (wait_s > LONGEST_WAIT_S) {
        finish(c, az_fail_name(&c->err, ADZE_ENETWORK, c->http->name, c->what, ADZE_NOPOS,
                               "the server asks to wait %.0f s; try again then", wait_s));
        return;
    }
    if (c->tries >= c->http->retries) {
        n = strlen(c->err.msg);
        if (c->tries)
            snprintf(c->err.msg + n, sizeof c->err.msg - n, "; %d attempts brought nothing more",
                     c->tries + 1);
        finish(c, c->err.status);
        return;
    }
    wait = wait_s > 0 ? wait_s : 0.5 * (1 << (c->tries < 6 ? c->tries : 6));
    c->tries++;
    stop_transfer(c);
    c->not_before_ns = az_now_ns(c->http->run) + (uint64_t)(wait * 1e9);
}

static void redirect(az_http_call *c)
{
    az_http *h = c->http;
    char *to = NULL, *copy;

    curl_easy_getinfo((CURL *)c->easy, CURLINFO_REDIRECT_URL, &to);
    if (!to || (strncmp(to, "http://", 7) != 0 && strncmp(to, "https://", 8) != 0)) {
        finish(c, az_fail_name(&c->err, ADZE_EFORMAT, h->name, c->what, ADZE_NOPOS,
                               "the server redirects to no http address"));
    } else if (++c->hops > MAX_HOPS) {
        finish(c, az_fail_name(&c->err, ADZE_EFORMAT, h->name, c->what, ADZE_NOPOS,
                               "the server redirects more than %d times", MAX_HOPS));
    } else if (strncmp(c->at_url, "https", 5) == 0 && strncmp(to, "https", 5) != 0) {
        finish(c, az_fail_name(&c->err, ADZE_EFORMAT, h->name, c->what, ADZE_NOPOS,
                               "the server redirects from https to http"));
    } else {
        copy = az_strdup(h->run, to);
        stop_transfer(c);
        az_free(h->run, c->at_url);
        c->at_url = copy;
        if (copy)
            start_transfer(c);
        else
            finish(c, az_fail_nomem(&c->err, "following a redirect"));
    }
}

/* Where an address names its host; what stands before it may be a password. */
static const char *host_of(const char *url)
{
    const char *s = strstr(url, "://"), *at;

    s = s ? s + 3 : url;
    at = memchr(s, '@', strcspn(s, "/?#"));
    return at ? at + 1 : s;
}

/* A transfer that ended without a reply. */
static void on_failure(az_http_call *c, CURLcode code)
{
    const char *name = c->http->name, *text = curl_easy_strerror(code);

    switch (code) {
    case CURLE_OUT_OF_MEMORY: finish(c, az_fail_nomem(&c->err, "loading")); break;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        finish(c, az_fail_name(&c->err, ADZE_EFORMAT, name, c->what, ADZE_NOPOS,
                               "the server's address is wrong: %s", text));
        break;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        finish(c, az_fail_name(&c->err, ADZE_ENETWORK, name, c->what, ADZE_NOPOS,
                               "%s; behind a proxy with certificates of its own set "
                               "REQUESTS_CA_BUNDLE to their file",
                               text));
        break;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
        az_fail_name(&c->err, ADZE_ENETWORK, name, c->what, ADZE_NOPOS,
                     "cannot reach %.*s (%s): check the network, or HF_ENDPOINT",
                     (int)strcspn(host_of(c->at_url), "/?#"), host_of(c->at_url), text);
        retry(c, 0);
        break;
    case CURLE_OPERATION_TIMEDOUT:
        az_fail_name(&c->err, ADZE_ETIMEOUT, name, c->what, ADZE_NOPOS,
                     "the server sent nothing, or next to nothing, for too long");
        retry(c, 0);
        break;
    default:
        if (code == CURLE_PARTIAL_FILE) text = "the connection ended too early";
        az_fail_name(&c->err, ADZE_ENETWORK, name, c->what, ADZE_NOPOS, "%s", text);
        retry(c, 0);
    }
}

static void on_status(az_http_call *c)
{
    curl_off_t after = 0;
    double wait_s = c->reply.wait_s;
    bool elsewhere = !az_url_same_origin(c->at_url, c->http->env->endpoint);

    curl_easy_getinfo((CURL *)c->easy, CURLINFO_RETRY_AFTER, &after);
    if (after > 0) wait_s = (double)after;
    az_reply_fail(&c->reply, c->http->env, elsewhere, c->http->name, c->what, &c->err);
    if (az_reply_retry(&c->reply, elsewhere))
        retry(c, wait_s);
    else
        finish(c, c->err.status);
}

/* The transfer is over, one way or another. */
static void on_done(az_http_call *c, CURLcode code)
{
    long status = 0;

    curl_easy_getinfo((CURL *)c->easy, CURLINFO_RESPONSE_CODE, &status);
    c->reply.status = status;
    if (c->failed_here) {
        /* a callback said no */
    } else if (status >= 300 && status <= 399 && (code == CURLE_OK || code == CURLE_WRITE_ERROR)) {
        redirect(c);
        return;
    } else if (status == 416 && position(c)) {
        begin(c); /* the owner starts over */
        if (!c->failed_here) {
            c->rc = az_fail_name(&c->err, ADZE_ENETWORK, c->http->name, c->what, ADZE_NOPOS,
                                 "the server does not have the bytes that are missing");
        }
    } else if (status >= 400 || (status && status < 200)) {
        on_status(c);
        return;
    } else if (code != CURLE_OK || status == 0) {
        on_failure(c, code == CURLE_OK ? CURLE_GOT_NOTHING : code);
        return;
    } else {
        c->rc = begin(c);
        if (c->rc == ADZE_OK && c->end) c->rc = c->end(c->user, &c->err);
    }
    if (c->rc == ADZE_ENETWORK)
        retry(c, 0);
    else
        finish(c, c->rc);
}

adze_status az_http_step(az_http *h, int wait_ms, adze_error *err)
{
    uint64_t now = az_now_ns(h->run);
    CURLMcode mc;
    CURLMsg *m;
    int running, left;

    for (size_t i = h->n_calls; i-- > 0;) /* from the end: a call may leave the list */
        if (!h->calls[i]->running && h->calls[i]->not_before_ns <= now) start_attempt(h->calls[i]);
    mc = curl_multi_perform(h->multi, &running);
    if (mc == CURLM_OK && running && wait_ms)
        mc = curl_multi_poll(h->multi, NULL, 0, wait_ms, NULL);
    else if (wait_ms && h->n_calls)
        az_sleep_ns(h->run, (uint64_t)(wait_ms < 20 ? wait_ms : 20) * 1000000);
    if (mc == CURLM_OK) mc = curl_multi_perform(h->multi, &running);
    while ((m = curl_multi_info_read(h->multi, &left)) != NULL)
        if (m->msg == CURLMSG_DONE) {
            char *c = NULL;
            CURLcode code = m->data.result;
            curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &c);
            if (c) on_done((az_http_call *)(void *)c, code);
        }
    return mc == CURLM_OK
               ? ADZE_OK
               : az_fail(err, ADZE_ENETWORK, h->name, ADZE_NOPOS, "%s", curl_multi_strerror(mc));
}

typedef struct small_reply {
    az_http_call call;
    az_buf *body;
} small_reply;

static adze_status small_begin(void *user, const az_http_reply *r, adze_error *err)
{
    small_reply *s = user;

    (void)r;
    (void)err;
    az_buf_clear(s->body); /* a further attempt starts over */
    return ADZE_OK;
}

static adze_status small_body(void *user, const void *data, size_t n, adze_error *err)
{
    small_reply *s = user;

    az_buf_put(s->body, data, n);
    if (az_buf_ok(s->body)) return ADZE_OK;
    return az_fail_name(err, ADZE_EFORMAT, s->call.http->name, s->call.what, ADZE_NOPOS,
                        "the server's reply is longer than the %zu bytes allowed", s->body->max);
}

adze_status az_http_get(az_http *h, const char *url, const char *what, size_t max, az_buf *body,
                        az_http_reply *r, adze_error *err)
{
    small_reply s = { .call = { .url = url,
                                .what = what,
                                .small = true,
                                .begin = small_begin,
                                .body = small_body },
                      .body = body };
    adze_status rc = ADZE_OK;

    az_buf_init(body, h->run);
    body->max = max;
    s.call.user = &s;
    az_http_add(h, &s.call);
    while (!s.call.done && rc == ADZE_OK) {
        rc = az_check_cancel(h->run, err);
        if (rc == ADZE_OK) rc = az_http_step(h, 100, err);
    }
    az_http_drop(h, &s.call);
    if (rc < 0) return rc;
    if (s.call.rc < 0 && err) *err = s.call.err;
    *r = s.call.reply;
    return s.call.rc;
}
