/* Errors: text and exit codes from the one X-list, and the helpers that fill adze_error. */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ADZE_X(name, num, exit_code, text) { num, exit_code, text },
static const struct {
    int num, exit_code;
    const char *text;
} statuses[] = { ADZE_STATUS_MAP(ADZE_X) };
#undef ADZE_X

const char *adze_status_text(adze_status s)
{
    for (size_t i = 0; i < AZ_COUNT(statuses); i++)
        if (statuses[i].num == (int)s) return statuses[i].text;
    return "unknown status";
}

int adze_status_exit_code(adze_status s)
{
    for (size_t i = 0; i < AZ_COUNT(statuses); i++)
        if (statuses[i].num == (int)s) return statuses[i].exit_code;
    return 1;
}

/* Copy keeping the end of a long text, which is where paths differ. */
static void copy_tail(char *dst, size_t size, const char *src)
{
    size_t n;

    if (!src) src = "";
    n = strlen(src);
    if (n < size) {
        memcpy(dst, src, n + 1);
        return;
    }
    memcpy(dst, "...", 3);
    memcpy(dst + 3, src + n - (size - 4), size - 3);
}

static void fill(adze_error *err, adze_status s, const char *path, const char *name, uint64_t pos,
                 const char *fmt, va_list ap)
{
    err->status = s;
    err->pos = pos;
    copy_tail(err->path, sizeof err->path, path);
    copy_tail(err->name, sizeof err->name, name);
    vsnprintf(err->msg, sizeof err->msg, fmt, ap);
}

adze_status az_fail_in(adze_error *err, adze_status rc, const char *path)
{
    if (rc < 0 && err && path && !err->path[0]) copy_tail(err->path, sizeof err->path, path);
    return rc;
}

adze_status az_fail(adze_error *err, adze_status s, const char *path, uint64_t pos, const char *fmt,
                    ...)
{
    va_list ap;

    if (err) {
        va_start(ap, fmt);
        fill(err, s, path, NULL, pos, fmt, ap);
        va_end(ap);
    }
    return s;
}

adze_status az_fail_name(adze_error *err, adze_status s, const char *path, const char *name,
                         uint64_t pos, const char *fmt, ...)
{
    va_list ap;

    if (err) {
        va_start(ap, fmt);
        fill(err, s, path, name, pos, fmt, ap);
        va_end(ap);
    }
    return s;
}

/* What helps, where the error alone tells it. */
static const char *remedy(int errnum)
{
    switch (errnum) {
    case EACCES:
    case EPERM: return "; change its permissions, or take another place";
    case EROFS: return "; take another place";
    case ENOSPC:
    case EDQUOT: return "; free some space, or take another place";
    case EMFILE: return "; raise the limit of open files (ulimit -n)";
    default: return "";
    }
}

adze_status az_fail_errno(adze_error *err, const char *path, const char *doing, int errnum)
{
    adze_status s = ADZE_EIO;

    if (errnum == ENOENT || errnum == ENOTDIR)
        s = ADZE_ENOENT;
    else if (errnum == ENOMEM)
        s = ADZE_ENOMEM;
    return az_fail(err, s, path, ADZE_NOPOS, "cannot %s: %s%s", doing, strerror(errnum),
                   remedy(errnum));
}

adze_status az_fail_nomem(adze_error *err, const char *doing)
{
    return az_fail(err, ADZE_ENOMEM, NULL, ADZE_NOPOS, "out of memory while %s", doing);
}

/* Bytes of the printable UTF-8 sequence at s: 1 to 4; 0 for control characters (C0, DEL, C1) and for what is
 * not UTF-8 (RFC 3629, section 4: no overlong forms, no surrogates, nothing above U+10FFFF). */
static size_t printable_bytes(const unsigned char *s)
{
    static const struct {
        unsigned char first, last; /* of the lead byte */
        unsigned char low, high;   /* of the byte after it */
        size_t n;
    } forms[] = {
        { 0xc2, 0xc2, 0xa0, 0xbf, 2 }, { 0xc3, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
        { 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
        { 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
    };

    if (s[0] < 0x80) return s[0] >= 0x20 && s[0] != 0x7f;
    for (size_t i = 0; i < AZ_COUNT(forms); i++) {
        if (s[0] < forms[i].first || s[0] > forms[i].last) continue;
        if (s[1] < forms[i].low || s[1] > forms[i].high) return 0;
        for (size_t k = 2; k < forms[i].n; k++)
            if ((s[k] & 0xc0) != 0x80) return 0; /* also the terminating NUL */
        return forms[i].n;
    }
    return 0;
}

/* Append src to buf at *at; what is not printable UTF-8 as \xNN. Never cuts a character. */
static void put_escaped(char *buf, size_t size, size_t *at, const char *src)
{
    static const char hex[] = "0123456789abcdef";
    const unsigned char *s = (const unsigned char *)src;

    while (*s) {
        size_t n = printable_bytes(s);
        if (*at + (n ? n : 4) + 1 > size) return;
        if (n) {
            memcpy(buf + *at, s, n);
            *at += n;
            s += n;
        } else {
            buf[(*at)++] = '\\';
            buf[(*at)++] = 'x';
            buf[(*at)++] = hex[*s >> 4];
            buf[(*at)++] = hex[*s & 15];
            s++;
        }
    }
}

const char *az_escape_text(char *buf, size_t size, const char *src)
{
    size_t at = 0;

    if (!size) return buf;
    put_escaped(buf, size, &at, src);
    buf[at] = 0;
    return buf;
}

const char *adze_error_text(const adze_error *err, char *buf, unsigned size)
{
    size_t at = 0;
    char pos[48];

    if (!size) return buf;
    if (err->path[0]) {
        put_escaped(buf, size, &at, err->path);
        put_escaped(buf, size, &at, ": ");
    }
    if (err->name[0]) {
        put_escaped(buf, size, &at, err->name);
        put_escaped(buf, size, &at, ": ");
    }
    put_escaped(buf, size, &at, err->msg[0] ? err->msg : adze_status_text(err->status));
    if (err->pos != ADZE_NOPOS && err->path[0]) {
        snprintf(pos, sizeof pos, " (at byte %llu)", (unsigned long long)err->pos);
        put_escaped(buf, size, &at, pos);
    }
    buf[at] = 0;
    return buf;
}
