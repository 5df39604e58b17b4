/* Requests to the hub: many at once on one thread, with redirects, time-outs and further attempts.
 *
 * Redirects are followed here and not by the library, so that one rule decides who gets the token: the
 * endpoint's own origin, nobody else. What a server may send is bounded by the owner's callbacks.
 */
#ifndef AZ_HUB_HTTP_H
#define AZ_HUB_HTTP_H

#include "base/buf.h"
#include "hub/env.h"

#define AZ_HTTP_UNKNOWN UINT64_MAX

typedef struct az_http_reply {
    long status;
    uint64_t length;                  /* of this body, AZ_HTTP_UNKNOWN when not said */
    uint64_t range_from, range_total; /* of Content-Range; AZ_HTTP_UNKNOWN */
    double wait_s;                    /* asked for by RateLimit; 0: not */
    char etag[128], linked_etag[128];
    char error_code[64], error_message[200];
    char next[2048]; /* Link with rel="next" */
} az_http_reply;

/* One thing to get. The owner fills the first part; callbacks may be NULL except `body`. A callback that returns
 * ADZE_ENETWORK asks for another attempt, any other failure ends the call. */
typedef struct az_http_call {
    const char *url;  /* borrowed */
    const char *what; /* for messages: a file's name; borrowed */
    bool small;       /* a reply of the API: bounded in time */
    void *user;
    uint64_t (*from)(void *user); /* first byte wanted; NULL: 0 */
    /* Headers of a 2xx reply are there (or of a 416), no byte has been handed on. */
    adze_status (*begin)(void *user, const az_http_reply *r, adze_error *err);
    adze_status (*body)(void *user, const void *data, size_t n, adze_error *err);
    adze_status (*end)(void *user, adze_error *err); /* the whole body was handed on */

    bool done;
    adze_status rc; /* once done */
    adze_error err;
    az_http_reply reply;
    struct az_http *http; /* the rest is http.c's */
    void *easy, *headers;
    char *at_url;
    int hops, tries;
    bool begun, running, failed_here;
    uint64_t not_before_ns, mark, junk_bytes;
} az_http_call;

typedef struct az_http az_http;

/* `retries`: attempts without progress after the first. `name` is the repository, for messages; env and name are
 * borrowed. */
adze_status az_http_new(az_http **out, adze_run *run, const az_hub_env *env, const char *name,
                        int retries, adze_error *err);
void az_http_free(az_http *h);
void az_http_set_retries(az_http *h, int retries);
void az_http_add(az_http *h, az_http_call *c);  /* c stays where it is until done or dropped */
void az_http_drop(az_http *h, az_http_call *c); /* stop it and free what http.c keeps in it */
/* Let everything go on for at most wait_ms. */
adze_status az_http_step(az_http *h, int wait_ms, adze_error *err);
/* A reply of at most max bytes into *body (to be deinited in every case); next page's URL, if any, in r->next. */
adze_status az_http_get(az_http *h, const char *url, const char *what, size_t max, az_buf *body,
                        az_http_reply *r, adze_error *err);

/* Append s percent-encoded; a '/' stays when keep_slash. */
void az_url_put(az_buf *b, const char *s, bool keep_slash);
/* Scheme, host and port are the same. */
bool az_url_same_origin(const char *a, const char *b);

#endif
