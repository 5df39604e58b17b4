/* Names: what the user types, and what may come from the hub and become a path. */
#include "hub/hub.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { PART_MAX = 96, PATH_BYTES_MAX = 1024, COMPONENT_MAX = 240, DEPTH_MAX = 32 };

bool az_hub_is_name(const char *text)
{
    return strncmp(text, "hf:", 3) == 0;
}

/* The hub's own rule for one part of a repository's name. It forbids "--", so that the cache's folder names
 * are unambiguous. */
static bool good_part(const char *s, size_t n)
{
    if (n == 0 || n > PART_MAX || strchr("-.", s[0]) || strchr("-.", s[n - 1])) return false;
    for (size_t i = 0; i < n; i++) {
        if (!isascii((unsigned char)s[i]) ||
            !(isalnum((unsigned char)s[i]) || strchr("-_.", s[i]) != NULL))
            return false;
        if (i && s[i] == s[i - 1] && (s[i] == '-' || s[i] == '.')) return false;
    }
    return true;
}

const char *az_hub_bad_path(const char *path)
{
    size_t n = strlen(path), start = 0, depth = 0;

    if (n == 0) return "is empty";
    if (n > PATH_BYTES_MAX) return "is longer than 1024 bytes";
    if (path[0] == '/') return "is absolute";
    for (size_t i = 0; i <= n; i++) {
        unsigned char c = (unsigned char)path[i];
        if (c && (c < 0x20 || c == 0x7f)) return "holds a control byte";
        if (c == 0xc2 && (unsigned char)path[i + 1] < 0xa0 && (unsigned char)path[i + 1] >= 0x80)
            return "holds a control character";
        if (c == '\\') return "holds a backslash";
        if (c && c != '/') continue;
        if (i == start) return "has an empty part";
        if (i - start > COMPONENT_MAX) return "has a part longer than 240 bytes";
        if ((i - start == 1 && path[start] == '.') ||
            (i - start == 2 && path[start] == '.' && path[start + 1] == '.'))
            return "leads out of its folder";
        start = i + 1;
        if (++depth > DEPTH_MAX) return "lies more than 32 folders deep";
    }
    return NULL;
}

static adze_status bad_name(adze_error *err, const char *text, const char *why)
{
    return az_fail_name(err, ADZE_EINVAL, NULL, text, ADZE_NOPOS,
                        "%s; a name on the hub is org/name, org/name:revision or "
                        "org/name/FILE[:revision]",
                        why);
}

adze_status az_hub_name_parse(az_hub_name *out, const char *text, adze_error *err)
{
    const char *s = az_hub_is_name(text) ? text + 3 : text, *colon = strchr(s, ':');
    const char *end = colon ? colon : s + strlen(s), *slash, *file = NULL, *bad;
    size_t n;

    memset(out, 0, sizeof *out);
    slash = memchr(s, '/', (size_t)(end - s));
    if (slash) file = memchr(slash + 1, '/', (size_t)(end - slash - 1));
    n = (size_t)((file ? file : end) - s);
    if (!good_part(s, slash ? (size_t)(slash - s) : n) ||
        (slash && !good_part(slash + 1, n - (size_t)(slash + 1 - s))))
        return bad_name(err, text, "is not the name of a repository");
    memcpy(out->repo, s, n);
    if (file) {
        n = (size_t)(end - file - 1);
        if (n >= sizeof out->file) return bad_name(err, text, "names a file that is too long");
        memcpy(out->file, file + 1, n);
        bad = az_hub_bad_path(out->file);
        if (bad) return bad_name(err, text, "names a file that cannot be");
    }
    if (colon && strlen(colon + 1) >= sizeof out->revision)
        return bad_name(err, text, "has a revision that is too long");
    snprintf(out->revision, sizeof out->revision, "%s", colon ? colon + 1 : "main");
    bad = az_hub_bad_path(out->revision);
    if (bad) return bad_name(err, text, "has a revision that cannot be");
    return ADZE_OK;
}
