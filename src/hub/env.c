/* The environment. Source: huggingface_hub's environment variables, 2026-08. */
#include "hub/env.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { TOKEN_MAX = 4096 };

static const char *get(const char *name)
{
    const char *s = getenv(name);

    return s && s[0] ? s : NULL;
}

static bool truth(const char *name)
{
    static const char *const yes[] = { "1", "on", "yes", "true" };
    const char *s = get(name);

    for (size_t i = 0; s && i < AZ_COUNT(yes); i++)
        if (strcasecmp(s, yes[i]) == 0) return true;
    return false;
}

static double seconds(const char *name, double def)
{
    const char *s = get(name);
    char *end;
    double v = s ? strtod(s, &end) : def;

    return s && (*end || !(v >= 1 && v <= 86400)) ? def : v;
}

/* A path with a leading "~" made whole. */
static const char *expand(az_arena *a, const char *path)
{
    const char *home = get("HOME");

    if (path[0] != '~' || (path[1] && path[1] != '/') || !home) return az_arena_strdup(a, path);
    return az_arena_printf(a, "%s%s", home, path + 1);
}

static const char *find_home(az_arena *a)
{
    const char *s = get("HF_HOME"), *home = get("HOME");

    if (s) return expand(a, s);
    s = get("XDG_CACHE_HOME");
    if (s) return az_arena_printf(a, "%s/huggingface", expand(a, s));
    return home ? az_arena_printf(a, "%s/.cache/huggingface", home) : NULL;
}

/* White space around it cut; any other byte that cannot be in a header makes it no token. */
static adze_status set_token(az_hub_env *e, az_arena *a, const char *s, size_t n, const char *where,
                             adze_error *err)
{
    char *t;

    while (n && isspace((unsigned char)s[0]))
        s++, n--;
    while (n && isspace((unsigned char)s[n - 1]))
        n--;
    if (n == 0) return ADZE_OK;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)s[i] <= 0x20 || (unsigned char)s[i] >= 0x7f)
            return az_fail(err, ADZE_EINVAL, where, ADZE_NOPOS, "does not hold a token");
    t = az_arena_strndup(a, s, n);
    e->token = t;
    return t ? ADZE_OK : az_fail_nomem(err, "reading the token");
}

static adze_status find_token(az_hub_env *e, az_arena *a, adze_error *err)
{
    const char *s = get("HF_TOKEN"), *name = "HF_TOKEN";
    adze_status rc;
    char *text;
    size_t n;

    if (truth("HF_HUB_DISABLE_IMPLICIT_TOKEN")) return ADZE_OK;
    if (!s) s = get(name = "HUGGING_FACE_HUB_TOKEN");
    if (s) return set_token(e, a, s, strlen(s), name, err);
    if (!e->token_file || !az_exists(a->run, e->token_file)) return ADZE_OK;
    rc = az_read_file(a->run, e->token_file, TOKEN_MAX, &text, &n, err);
    if (rc == ADZE_OK) rc = set_token(e, a, text, strlen(text), e->token_file, err);
    if (text) memset(text, 0, n);
    az_free(a->run, text);
    return rc;
}

static adze_status set_endpoint(az_hub_env *e, az_arena *a, adze_error *err)
{
    const char *s = get("HF_ENDPOINT");
    size_t n;

    if (!s) s = "https://huggingface.co";
    n = strlen(s);
    while (n && s[n - 1] == '/')
        n--;
    if (strncmp(s, "http://", 7) != 0 && strncmp(s, "https://", 8) != 0)
        return az_fail(err, ADZE_EINVAL, "HF_ENDPOINT", ADZE_NOPOS,
                       "must be an http:// or https:// address");
    e->endpoint = az_arena_strndup(a, s, n);
    return e->endpoint ? ADZE_OK : az_fail_nomem(err, "reading the environment");
}

adze_status az_hub_env_read(az_hub_env *e, az_arena *a, adze_error *err)
{
    static const char *const ca_names[] = { "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
                                            "SSL_CERT_FILE" };
    const char *home = find_home(a), *cache = get("HF_HUB_CACHE"), *token = get("HF_TOKEN_PATH");
    adze_status rc;

    memset(e, 0, sizeof *e);
    if (!cache) cache = get("HUGGINGFACE_HUB_CACHE");
    if (!cache && !home)
        return az_fail(err, ADZE_EINVAL, "HOME", ADZE_NOPOS,
                       "is not set; set HF_HOME or HF_HUB_CACHE to a folder for models");
    e->cache = cache ? expand(a, cache) : az_arena_printf(a, "%s/hub", home);
    e->token_file = token ? expand(a, token) : home ? az_arena_printf(a, "%s/token", home) : NULL;
    for (size_t i = 0; !e->ca_file && i < AZ_COUNT(ca_names); i++)
        e->ca_file = get(ca_names[i]);
    e->offline = truth("HF_HUB_OFFLINE") || truth("TRANSFORMERS_OFFLINE");
    e->no_symlinks = truth("HF_HUB_DISABLE_SYMLINKS");
    e->api_timeout_s = seconds("HF_HUB_ETAG_TIMEOUT", 10);
    e->file_timeout_s = seconds("HF_HUB_DOWNLOAD_TIMEOUT", 10);
    if (!e->cache) return az_fail_nomem(err, "reading the environment");
    rc = set_endpoint(e, a, err);
    return rc < 0 ? rc : find_token(e, a, err);
}
