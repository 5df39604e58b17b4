/* Headers that matter, and messages for statuses. Source: huggingface_hub's error handling, 2026-08. */
#include "hub/reply.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void az_reply_reset(az_http_reply *r)
{
    *r = (az_http_reply){ .length = AZ_HTTP_UNKNOWN,
                          .range_from = AZ_HTTP_UNKNOWN,
                          .range_total = AZ_HTTP_UNKNOWN };
}

/* Digits only, no sign, no overflow. */
static bool digits(const char **s, uint64_t *out)
{
    uint64_t v = 0;

    if (!isdigit((unsigned char)**s)) return false;
    for (; isdigit((unsigned char)**s); ++*s) {
        unsigned d = (unsigned)(**s - '0');
        if (v > (UINT64_MAX - 1 - d) / 10) return false;
        v = v * 10 + d;
    }
    *out = v;
    return true;
}

static void length(az_http_reply *r, const char *v)
{
    digits(&v, &r->length);
}

/* "bytes 100-199/1234", the total may be "*"; for a 416 "bytes * /1234". */
static void range(az_http_reply *r, const char *v)
{
    uint64_t to;

    if (strncasecmp(v, "bytes ", 6) != 0) return;
    v += 6;
    if (*v == '*')
        v++;
    else if (!digits(&v, &r->range_from) || *v++ != '-' || !digits(&v, &to))
        return;
    if (*v++ == '/') digits(&v, &r->range_total);
}

/* W/"abc" to abc. */
static void copy_etag(char *out, size_t size, const char *v)
{
    size_t n;

    if (strncmp(v, "W/", 2) == 0) v += 2;
    if (*v == '"') v++;
    n = strcspn(v, "\"");
    snprintf(out, size, "%.*s", (int)(n < size ? n : size - 1), v);
}

static void etag(az_http_reply *r, const char *v)
{
    copy_etag(r->etag, sizeof r->etag, v);
}

static void linked_etag(az_http_reply *r, const char *v)
{
    copy_etag(r->linked_etag, sizeof r->linked_etag, v);
}

static void error_code(az_http_reply *r, const char *v)
{
    snprintf(r->error_code, sizeof r->error_code, "%s", v);
}

static void error_message(az_http_reply *r, const char *v)
{
    snprintf(r->error_message, sizeof r->error_message, "%s", v);
}

/* <address>; rel="next", maybe among others */
static void link_next(az_http_reply *r, const char *v)
{
    while ((v = strchr(v, '<')) != NULL) {
        const char *end = strchr(v, '>'), *stop;
        if (!end) return;
        stop = strchr(end, '<');
        if (!stop) stop = end + strlen(end);
        for (const char *s = end; s < stop; s++)
            if (strncasecmp(s, "rel=\"next\"", 10) == 0 || strncasecmp(s, "rel=next", 8) == 0) {
                if ((size_t)(end - v) <= sizeof r->next)
                    snprintf(r->next, sizeof r->next, "%.*s", (int)(end - v - 1), v + 1);
                return;
            }
        v = end;
    }
}

/* "api";r=0;t=SECONDS */
static void rate_limit(az_http_reply *r, const char *v)
{
    const char *t = strstr(v, ";t=");
    uint64_t s;

    if (!t) return;
    t += 3;
    if (digits(&t, &s)) r->wait_s = (double)s;
}

void az_reply_header(az_http_reply *r, const char *line, size_t n)
{
    static const struct {
        const char *name;
        void (*set)(az_http_reply *r, const char *value);
    } known[] = {
        { "content-length", length },
        { "content-range", range },
        { "etag", etag },
        { "x-linked-etag", linked_etag },
        { "x-error-code", error_code },
        { "x-error-message", error_message },
        { "link", link_next },
        { "ratelimit", rate_limit },
    };
    char text[2200];
    const char *value;
    size_t name;

    if (n >= 5 && strncasecmp(line, "HTTP/", 5) == 0) {
        az_reply_reset(r); /* what came before was a 1xx, or a proxy's */
        return;
    }
    while (n && isspace((unsigned char)line[n - 1]))
        n--;
    if (n >= sizeof text) return;
    memcpy(text, line, n);
    text[n] = 0;
    name = strcspn(text, ":");
    if (!text[name]) return;
    value = text + name + 1;
    while (isspace((unsigned char)*value))
        value++;
    for (size_t i = 0; i < AZ_COUNT(known); i++)
        if (strlen(known[i].name) == name && strncasecmp(known[i].name, text, name) == 0)
            known[i].set(r, value);
}

bool az_reply_retry(const az_http_reply *r, bool elsewhere)
{
    switch (r->status) {
    case 408:
    case 429:
    case 500:
    case 502:
    case 503:
    case 504: return true;
    case 401:
    case 403: return elsewhere; /* a signed address that has run out */
    default: return false;
    }
}

/* How to get a permission: with a token, or with a better one. */
static void token_hint(const az_hub_env *env, char *buf, size_t size)
{
    if (env->token)
        snprintf(buf, size,
                 "the token that is set does not allow it: ask for access on the repository's "
                 "page, or set another token in HF_TOKEN");
    else
        snprintf(buf, size, "set a token that may read it in HF_TOKEN or in the file %s",
                 env->token_file ? env->token_file : "$HF_HOME/token");
}

static adze_status denied(const az_http_reply *r, const az_hub_env *env, const char *repo,
                          const char *what, adze_error *err)
{
    bool gated = strcmp(r->error_code, "GatedRepo") == 0;
    char hint[300];

    token_hint(env, hint, sizeof hint);
    if (strcmp(r->error_code, "RepoNotFound") == 0)
        return az_fail(err, ADZE_ENOENT, repo, ADZE_NOPOS,
                       "there is no such repository, or it is private; check the name; if it is "
                       "private, %s",
                       hint);
    return az_fail_name(err, ADZE_EDENIED, repo, what, ADZE_NOPOS, "no permission (%ld)%s; %s",
                        r->status,
                        gated ? ": access must be asked for on the repository's page"
                        : r->status == 401 && !env->token ? ": the repository is private or gated, "
                                                            "or does not exist"
                                                          : "",
                        hint);
}

adze_status az_reply_fail(const az_http_reply *r, const az_hub_env *env, bool elsewhere,
                          const char *repo, const char *what, adze_error *err)
{
    const char *code = r->error_code;

    if (!elsewhere && (r->status == 401 || r->status == 403))
        return denied(r, env, repo, what, err);
    if (r->status == 404 && strcmp(code, "RevisionNotFound") == 0)
        return az_fail(err, ADZE_ENOENT, repo, ADZE_NOPOS,
                       "there is no such revision; to choose among a repository's GGUF files use "
                       "--include '*q4_k_m*' or hf:org/name/FILE");
    if (r->status == 404 && strcmp(code, "EntryNotFound") == 0)
        return az_fail_name(err, ADZE_ENOENT, repo, what, ADZE_NOPOS, "there is no such file");
    if (r->status == 404)
        return az_fail_name(err, ADZE_ENOENT, repo, what, ADZE_NOPOS,
                            "not found: there is no such repository%s",
                            env->token ? "" : ", or it is private and HF_TOKEN is not set");
    return az_fail_name(err, ADZE_ENETWORK, repo, what, ADZE_NOPOS, "the server answers %ld%s%s",
                        r->status, r->error_message[0] ? ": " : "", r->error_message);
}
