/* Python's case mappings of strings, and its classes of characters. */
#include "text/jinja_case.h"
#include "text/jinja_value.h"

#include <utf8proc.h>

static bool run_of(const az_case_run *t, size_t n, uint32_t c, uint32_t *out)
{
    size_t lo = 0, hi = n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (t[mid].first <= c)
            lo = mid + 1;
        else
            hi = mid;
    }
    /* runs of step 2 interleave, so the run may be the one before */
    for (size_t back = 0; back < 2 && back < lo; back++) {
        const az_case_run *r = &t[lo - 1 - back];
        if (c > r->last || (c - r->first) % r->step) continue;
        *out = (uint32_t)((int64_t)c + r->delta);
        return true;
    }
    return false;
}

static int map(const az_case_run *runs, size_t n, const az_case_special *special, size_t n_special,
               uint32_t c, uint32_t out[3])
{
    size_t lo = 0, hi = n_special;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (special[mid].c < c)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo < n_special && special[lo].c == c) {
        int k = 0;
        for (; k < 3 && special[lo].out[k]; k++)
            out[k] = special[lo].out[k];
        return k;
    }
    out[0] = c;
    run_of(runs, n, c, out);
    return 1;
}

int az_jcase_upper(uint32_t c, uint32_t out[3])
{
    if (c < 0x80) {
        out[0] = c >= 'a' && c <= 'z' ? c - 32 : c;
        return 1;
    }
    return map(az_case_upper, az_case_upper_n, az_case_upper_special, az_case_upper_special_n, c,
               out);
}

int az_jcase_lower(uint32_t c, uint32_t out[3])
{
    if (c < 0x80) {
        out[0] = c >= 'A' && c <= 'Z' ? c + 32 : c;
        return 1;
    }
    return map(az_case_lower, az_case_lower_n, az_case_lower_special, az_case_lower_special_n, c,
               out);
}

int az_jcase_title(uint32_t c, uint32_t out[3])
{
    int n;

    if (c < 0x80) return az_jcase_upper(c, out);
    for (size_t i = 0; i < az_case_title_same_n; i++)
        if (az_case_title_same[i] == c) {
            out[0] = c;
            return 1;
        }
    n = map(az_case_title, az_case_title_n, az_case_title_special, az_case_title_special_n, c, out);
    return n == 1 && out[0] == c ? az_jcase_upper(c, out) : n;
}

bool az_jspace(uint32_t c)
{
    return (c >= 0x1c && c <= 0x1f) || (az_uc_class_of(c) & AZ_UC_SPACE);
}

bool az_jalnum(uint32_t c)
{
    return (az_uc_class_of(c) & (AZ_UC_L | AZ_UC_N)) != 0;
}

static bool is_lower(uint32_t c)
{
    uint32_t up[3];

    return (az_uc_class_of(c) & AZ_UC_LOWER) || c == 0xaa || c == 0xba ||
           (az_jcase_upper(c, up) == 1 && up[0] != c && !(az_uc_class_of(c) & AZ_UC_UPPER));
}

static bool is_upper(uint32_t c)
{
    uint32_t low[3];

    return utf8proc_category((utf8proc_int32_t)c) == UTF8PROC_CATEGORY_LU ||
           (!(az_uc_class_of(c) & AZ_UC_L) && az_jcase_lower(c, low) == 1 && low[0] != c);
}

bool az_jcased(az_jval s, bool upper)
{
    bool any = false;
    size_t len;

    for (size_t i = 0; i < s.u.s->n; i += len) {
        uint32_t c = az_utf8_next(s.u.s->s + i, s.u.s->n - i, &len);
        bool title = utf8proc_category((utf8proc_int32_t)c) == UTF8PROC_CATEGORY_LT;
        if (title || (upper ? is_lower(c) : is_upper(c))) return false;
        any |= upper ? is_upper(c) : is_lower(c);
    }
    return any;
}

/* Has a case, is passed over when looking for one: what decides the form of a sigma. */
static bool cased(uint32_t c)
{
    return is_lower(c) || is_upper(c) ||
           utf8proc_category((utf8proc_int32_t)c) == UTF8PROC_CATEGORY_LT;
}

static bool ignorable(uint32_t c)
{
    utf8proc_category_t k = utf8proc_category((utf8proc_int32_t)c);

    return k == UTF8PROC_CATEGORY_MN || k == UTF8PROC_CATEGORY_ME || k == UTF8PROC_CATEGORY_CF ||
           k == UTF8PROC_CATEGORY_LM || k == UTF8PROC_CATEGORY_SK || c == '\'' || c == '.' ||
           c == ':' || c == 0xb7 || c == 0x2018 || c == 0x2019 || c == 0x2024 || c == 0x2027;
}

static bool final_sigma(const char *s, size_t n, size_t at)
{
    bool before = false;
    size_t len;
    uint32_t c;

    for (size_t i = at; i > 0;) {
        i = az_utf8_back(s, i);
        c = az_utf8_next(s + i, n - i, &len);
        if (ignorable(c)) continue;
        before = cased(c);
        break;
    }
    if (!before) return false;
    for (size_t i = at + 2; i < n; i += len) {
        c = az_utf8_next(s + i, n - i, &len);
        if (!ignorable(c)) return !cased(c);
    }
    return true;
}

/* The characters s[from..n) of a whole string mapped into b. first: how the first one is mapped, or NULL. */
static void put_mapped(az_buf *b, const char *s, size_t from, size_t n,
                       int (*first)(uint32_t, uint32_t *), int (*rest)(uint32_t, uint32_t *))
{
    size_t len;

    for (size_t i = from; i < n; i += len) {
        uint32_t c = az_utf8_next(s + i, n - i, &len), out[3];
        int (*f)(uint32_t, uint32_t *) = i == from && first ? first : rest, k;
        char utf8[4];
        k = f(c, out);
        if (c == 0x3a3 && out[0] == 0x3c3) out[0] = final_sigma(s, n, i) ? 0x3c2 : 0x3c3;
        for (int j = 0; j < k; j++)
            az_buf_put(b, utf8, az_utf8_put(utf8, out[j]));
    }
}

static az_jval mapped(az_jinja *J, az_jval s, int (*first)(uint32_t, uint32_t *),
                      int (*rest)(uint32_t, uint32_t *))
{
    bool markup = s.markup;
    az_buf b;

    if (az_jfailed(J) || !az_jstep(J, s.u.s->n / 64)) return AZ_JUNDEF;
    az_jbuf(J, &b);
    put_mapped(&b, s.u.s->s, 0, s.u.s->n, first, rest);
    s = az_jstr_of_buf(J, &b);
    s.markup = markup;
    return s;
}

az_jval az_jlower(az_jinja *J, az_jval s)
{
    return mapped(J, s, NULL, az_jcase_lower);
}

az_jval az_jupper(az_jinja *J, az_jval s)
{
    return mapped(J, s, NULL, az_jcase_upper);
}

az_jval az_jcapitalize(az_jinja *J, az_jval s)
{
    return mapped(J, s, az_jcase_title, az_jcase_lower);
}

/* Words by case: after a cased character lower, else title (str.title). */
az_jval az_jtitle_method(az_jinja *J, az_jval s)
{
    bool after = false, markup = s.markup;
    size_t len;
    az_buf b;

    if (!az_jstep(J, s.u.s->n / 64)) return AZ_JUNDEF;
    az_jbuf(J, &b);
    for (size_t i = 0; i < s.u.s->n; i += len) {
        uint32_t c = az_utf8_next(s.u.s->s + i, s.u.s->n - i, &len), out[3];
        int k = after ? az_jcase_lower(c, out) : az_jcase_title(c, out);
        char utf8[4];
        if (after && c == 0x3a3) out[0] = final_sigma(s.u.s->s, s.u.s->n, i) ? 0x3c2 : 0x3c3;
        for (int j = 0; j < k; j++)
            az_buf_put(&b, utf8, az_utf8_put(utf8, out[j]));
        after = cased(c);
    }
    s = az_jstr_of_buf(J, &b);
    s.markup = markup;
    return s;
}

/* The filter title: words begin after white space and - ( { [ <. */
az_jval az_jtitle_filter(az_jinja *J, az_jval s)
{
    const char *t = s.u.s->s;
    size_t n = s.u.s->n, i = 0, len;
    az_buf b;

    if (!az_jstep(J, n / 64)) return AZ_JUNDEF;
    az_jbuf(J, &b);
    while (i < n) {
        size_t from = i;
        bool between = false;
        for (; i < n; i += len) {
            uint32_t c = az_utf8_next(t + i, n - i, &len);
            bool sep = az_jspace(c) || (c < 0x80 && c && strchr("-({[<", (int)c));
            if (i > from && sep != between) break;
            between = sep;
        }
        if (i == from) break;
        az_utf8_next(t + from, n - from, &len); /* the rest is lowered on its own */
        put_mapped(&b, t + from, 0, len, NULL, az_jcase_upper);
        put_mapped(&b, t + from + len, 0, i - from - len, NULL, az_jcase_lower);
    }
    return az_jstr_of_buf(J, &b);
}

static int swap(uint32_t c, uint32_t *out)
{
    if (is_upper(c)) return az_jcase_lower(c, out);
    return is_lower(c) ? az_jcase_upper(c, out) : (out[0] = c, 1);
}

az_jval az_jswapcase(az_jinja *J, az_jval s)
{
    return mapped(J, s, NULL, swap);
}
