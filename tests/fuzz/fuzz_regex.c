/* The pattern of a pre-tokenizer and a text: matches are found, in order, inside the text; work is bounded. */
#include "fuzz.h"
#include "text/regex.h"
#include "text/split.h"
#include "text/unicode.h"

static void match(const az_regex *re, const char *text, size_t n)
{
    adze_error err = { .pos = ADZE_NOPOS };
    size_t from = 0, start = 0, end = 0, steps = 0;
    az_regex_scratch *s;
    bool found = false;
    adze_status rc = az_regex_scratch_new(&s, re, &err);

    fuzz_status(rc, &err);
    while (rc == ADZE_OK && from <= n && steps++ < 64) {
        rc = az_regex_next(re, s, text, n, from, &start, &end, &found, &err);
        fuzz_status(rc, &err);
        if (rc < 0 || !found) break;
        fuzz_want(start <= end && end <= n, "a match lies in the text");
        from = end > from ? end : from + 1;
        while (from < n && ((unsigned char)text[from] & 0xc0) == 0x80)
            from++;
    }
    az_regex_scratch_free(s);
}

/* A pattern that has a splitter of its own: pieces cover all of the text. */
static void split(const char *pattern, size_t n, const char *text, size_t text_n)
{
    az_split_fn *fn = az_split_find(pattern, n);

    for (size_t at = 0; fn && at < text_n;) {
        size_t piece = fn(text + at, text_n - at);
        fuzz_want(piece >= 1 && piece <= text_n - at, "a piece lies in the text");
        at += piece;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    fuzz_part rest = { (const char *)data, n }, pattern = fuzz_next(&rest);
    adze_error err = { .pos = ADZE_NOPOS };
    az_regex *re;
    adze_status rc;

    if (n > 4096) return 0;
    fuzz_begin();
    if (az_utf8_prefix(pattern.s, pattern.n) == pattern.n) {
        rc = az_regex_new(&re, fuzz_run, pattern.s, pattern.n, "tokenizer.json", "Split", &err);
        fuzz_status(rc, &err);
        fuzz_want((rc == ADZE_OK) == (re != NULL), "a pattern with success, and only then");
        if (rest.n && az_utf8_prefix(rest.s, rest.n) == rest.n) {
            if (re) match(re, rest.s, rest.n);
            split(pattern.s, pattern.n, rest.s, rest.n);
        }
        az_regex_free(re);
    }
    fuzz_end();
    return 0;
}

void fuzz_seeds(void)
{
    static const char text[] =
        FUZZ_NEXT "Hello, World's 12345 \xc3\xa9\xe4\xbd\xa0\xe5\xa5\xbd\xf0\x9f\x98\x80\r\n\n  "
                  "aaaaaaaaaaaaaaaaaaaaaaaaaaaa!  don't \t";
    static const char *const patterns[] = {
        "\\s+",
        "[\\s\\d]+",
        "\\S+",
        "[\\S]",
        "\\u0041|\\u00e9",
        "\\u00",
        "\\h",
        "\\R",
        "\\X",
        "\\K",
        "\\Q",
        "\\p{L}+|\\P{N}",
        "\\pL",
        "\\p{L",
        "\\x{e9}",
        "\\x",
        "\\",
        "[a&&b]",
        "[a[b]]",
        "[[:alpha:]_]+",
        "[[:alpha",
        "a{1,2}+",
        "(*FAIL)",
        "(?R)",
        "(?C1)",
        "(?P<a>b)",
        "(?1)",
        "(?:a|b)(?=c)(?!d)",
        "(a+)+$",
        "(a|aa)+$",
        "[^]a]",
        "[]a]",
        "[^]",
        "(",
        "a**",
        "(?i:'s|'t)",
        "(?<=a)b",
        "^a$",
        "",
        "x*",
        "(?<!\\s)(?=\\S)",
        "((((((((((a))))))))))",
        "(.*)*b",
        "\\b",
    };
    char *all;
    size_t i;

    for (i = 0; i < AZ_COUNT(patterns); i++) {
        char buf[400];
        snprintf(buf, sizeof buf, "%s%s", patterns[i], text);
        fuzz_seed_text(buf);
    }
    for (i = 0;; i++) {
        const char *name, *p;
        az_split_fn *fn;
        p = az_split_pattern(i, &fn, &name);
        if (!p) break;
        all = malloc(strlen(p) + sizeof text);
        sprintf(all, "%s%s", p, text);
        fuzz_seed_text(all);
        free(all);
    }
    all = malloc(70000);
    memset(all, '(', 70000);
    fuzz_seed(all, 4000);
    memset(all, 'a', 70000);
    fuzz_seed(all, 70000);
    free(all);
}
