/* Option parsing in GNU style: --name value, --name=value, -n value, -nvalue, joined flags -qv. */
#include "base/opt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool az_parse_size(const char *s, uint64_t *bytes)
{
    static const struct {
        const char *suffix;
        double scale;
    } units[] = {
        { "", 1 },
        { "k", 1e3 },
        { "K", 1e3 },
        { "M", 1e6 },
        { "G", 1e9 },
        { "T", 1e12 },
        { "Ki", 1024 },
        { "Mi", 1048576 },
        { "Gi", 1073741824 },
        { "Ti", 1099511627776 },
    };
    char *end;
    double v = strtod(s, &end);
    size_t n = strlen(end);

    if (end == s || !(v >= 0) || v > 1e18) return false;
    if (n && end[n - 1] == 'B') n--;
    for (size_t i = 0; i < AZ_COUNT(units); i++)
        if (strlen(units[i].suffix) == n && strncmp(units[i].suffix, end, n) == 0) {
            v *= units[i].scale;
            if (v > 9e18) return false;
            *bytes = (uint64_t)v;
            return true;
        }
    return false;
}

bool az_parse_time(const char *s, double *seconds)
{
    char *end;
    double v = strtod(s, &end), scale;

    if (end == s || !(v >= 0) || v > 1e9) return false;
    if (!*end || strcmp(end, "s") == 0)
        scale = 1;
    else if (strcmp(end, "m") == 0)
        scale = 60;
    else if (strcmp(end, "h") == 0)
        scale = 3600;
    else
        return false;
    *seconds = v * scale;
    return true;
}

static adze_status bad_value(adze_error *err, const az_opt *o, const char *text, const char *want)
{
    return az_fail(err, ADZE_EINVAL, NULL, ADZE_NOPOS, "option --%s: \"%s\" is not %s", o->name,
                   text, want);
}

static adze_status set(const az_opt *o, void *values, const char *text, adze_error *err)
{
    char *at = (char *)values + o->at, *end;
    az_opt_list *list;
    double real;
    uint64_t size;
    long long i;

    switch (o->kind) {
    case AZ_OPT_BOOL: *(bool *)at = strcmp(text, "0") != 0; return ADZE_OK;
    case AZ_OPT_STR: memcpy(at, &text, sizeof text); return ADZE_OK;
    case AZ_OPT_INT:
        errno = 0;
        i = strtoll(text, &end, 10);
        if (end == text || *end || errno) return bad_value(err, o, text, "a whole number");
        *(int64_t *)(void *)at = i;
        return ADZE_OK;
    case AZ_OPT_REAL:
        real = strtod(text, &end);
        if (end == text || *end || !(real - real == 0)) return bad_value(err, o, text, "a number");
        *(double *)(void *)at = real;
        return ADZE_OK;
    case AZ_OPT_SIZE:
        if (!az_parse_size(text, &size))
            return bad_value(err, o, text, "a size such as 500M or 2Gi");
        *(uint64_t *)(void *)at = size;
        return ADZE_OK;
    case AZ_OPT_TIME:
        if (!az_parse_time(text, &real))
            return bad_value(err, o, text, "a time such as 90s, 15m or 2h");
        *(double *)(void *)at = real;
        return ADZE_OK;
    case AZ_OPT_LIST:
        list = (az_opt_list *)(void *)at;
        if (list->n == AZ_OPT_LIST_MAX)
            return az_fail(err, ADZE_EINVAL, NULL, ADZE_NOPOS,
                           "option --%s may be given at most %d times", o->name, AZ_OPT_LIST_MAX);
        list->items[list->n++] = text;
        return ADZE_OK;
    }
    return ADZE_EINVAL;
}

static adze_status set_defaults(const az_opt *o, void *values, adze_error *err)
{
    for (; o && o->name; o++) {
        if (o->def) {
            adze_status rc = set(o, values, o->def, err);
            if (rc < 0) return rc;
        }
    }
    return ADZE_OK;
}

/* Letters to change, insert, leave out or swap with their neighbour: Damerau's distance, of adjacent letters. */
static size_t distance(const char *a, size_t n, const char *b, size_t m)
{
    enum { LONGEST = 40 };
    size_t row[3][LONGEST + 1], *two = row[0], *one = row[1], *now = row[2], *spare;

    if (n > LONGEST || m > LONGEST) return SIZE_MAX;
    for (size_t j = 0; j <= m; j++)
        one[j] = j;
    for (size_t i = 1; i <= n; i++) {
        now[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t best = one[j - 1] + (a[i - 1] != b[j - 1]);
            if (one[j] + 1 < best) best = one[j] + 1;
            if (now[j - 1] + 1 < best) best = now[j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                two[j - 2] + 1 < best)
                best = two[j - 2] + 1;
            now[j] = best;
        }
        spare = two;
        two = one;
        one = now;
        now = spare;
    }
    return one[m];
}

const char *az_nearest(const char *word, size_t length,
                       const char *(*name)(const void *list, size_t i), const void *list, size_t n)
{
    const char *best = NULL;
    size_t least = length / 3 + 1;

    for (size_t i = 0; i < n; i++) {
        const char *s = name(list, i);
        size_t d = s ? distance(word, length, s, strlen(s)) : SIZE_MAX;
        if (d < least) {
            least = d;
            best = s;
        }
    }
    return best;
}

typedef struct found {
    const az_opt *opt;
    void *values;
} found;

static found find_long(const az_opt *o, void *values, const char *name, size_t n)
{
    for (; o && o->name; o++)
        if (strlen(o->name) == n && memcmp(o->name, name, n) == 0) return (found){ o, values };
    return (found){ NULL, NULL };
}

static found find_letter(const az_opt *o, void *values, char c)
{
    for (; o && o->name; o++)
        if (o->letter && o->letter == c) return (found){ o, values };
    return (found){ NULL, NULL };
}

typedef struct parser {
    const az_opt *a, *b;
    void *va, *vb;
    int argc, i;
    char **argv;
    adze_error *err;
} parser;

static adze_status take_value(parser *p, found f, const char *text)
{
    if (!text && p->i + 1 >= p->argc)
        return az_fail(p->err, ADZE_EINVAL, NULL, ADZE_NOPOS, "option --%s needs a value (%s)",
                       f.opt->name, f.opt->arg ? f.opt->arg : "VALUE");
    if (!text) text = p->argv[++p->i];
    if (f.opt->def && strcmp(f.opt->def, AZ_OPT_UNSET) == 0 && *text == '-')
        return bad_value(p->err, f.opt, text, "0 or more");
    return set(f.opt, f.values, text, p->err);
}

static const char *option_name(const void *list, size_t i)
{
    return ((const az_opt *)list)[i].name;
}

static const char *nearest_option(const az_opt *o, const char *word, size_t length)
{
    size_t n = 0;

    while (o && o[n].name)
        n++;
    return az_nearest(word, length, option_name, o, n);
}

static adze_status unknown_option(const parser *p, const char *word, size_t n)
{
    const char *near = nearest_option(p->a, word, n);

    if (!near) near = nearest_option(p->b, word, n);
    if (near)
        return az_fail(p->err, ADZE_EINVAL, NULL, ADZE_NOPOS,
                       "unknown option --%.*s; did you mean --%s? --help lists the options", (int)n,
                       word, near);
    return az_fail(p->err, ADZE_EINVAL, NULL, ADZE_NOPOS,
                   "unknown option --%.*s; --help lists the options", (int)n, word);
}

static adze_status parse_long(parser *p, const char *word)
{
    const char *eq = strchr(word, '=');
    size_t n = eq ? (size_t)(eq - word) : strlen(word);
    found f = find_long(p->a, p->va, word, n);

    if (!f.opt) f = find_long(p->b, p->vb, word, n);
    if (!f.opt) return unknown_option(p, word, n);
    if (f.opt->kind != AZ_OPT_BOOL) return take_value(p, f, eq ? eq + 1 : NULL);
    if (eq)
        return az_fail(p->err, ADZE_EINVAL, NULL, ADZE_NOPOS, "option --%s takes no value",
                       f.opt->name);
    return set(f.opt, f.values, "1", p->err);
}

static adze_status parse_letters(parser *p, const char *s)
{
    for (; *s; s++) {
        found f = find_letter(p->a, p->va, *s);
        adze_status rc;
        if (!f.opt) f = find_letter(p->b, p->vb, *s);
        if (!f.opt)
            return az_fail(p->err, ADZE_EINVAL, NULL, ADZE_NOPOS,
                           "unknown option -%c; --help lists the options", *s);
        if (f.opt->kind != AZ_OPT_BOOL) return take_value(p, f, s[1] ? s + 1 : NULL);
        rc = set(f.opt, f.values, "1", p->err);
        if (rc < 0) return rc;
    }
    return ADZE_OK;
}

adze_status az_opt_parse(const az_opt *a, void *va, const az_opt *b, void *vb, int argc,
                         char **argv, const char **rest, int *n_rest, adze_error *err)
{
    parser p = { a, b, va, vb, argc, 0, argv, err };
    adze_status rc = set_defaults(a, va, err);

    *n_rest = 0;
    if (rc == ADZE_OK) rc = set_defaults(b, vb, err);
    for (; rc == ADZE_OK && p.i < argc; p.i++) {
        const char *w = argv[p.i];
        if (strcmp(w, "--") == 0) {
            while (++p.i < argc)
                rest[(*n_rest)++] = argv[p.i];
        } else if (strncmp(w, "--", 2) == 0) {
            rc = parse_long(&p, w + 2);
        } else if (w[0] == '-' && w[1]) {
            rc = parse_letters(&p, w + 1);
        } else {
            rest[(*n_rest)++] = w;
        }
    }
    return rc;
}
