/* Hand-written splitters against the same patterns in PCRE2, on published splits and on random text. */
#include "tok_util.h"

#include "text/unicode_tables.h"

enum { LAST = 0x110000 };
static unsigned char
    differ[LAST / 8]; /* code points whose category the two Unicode tables disagree on */

static bool matches(az_regex *re, az_regex_scratch *s, const char *text, size_t n)
{
    size_t start, end;
    bool found;

    assert_int_equal(az_regex_next(re, s, text, n, 0, &start, &end, &found, NULL), ADZE_OK);
    return found;
}

/* PCRE2 may know an older Unicode than our tables, 16.0: only what is new there may differ. */
static void categories_agree(void **state)
{
    static const struct {
        const char *pattern;
        unsigned mask;
    } kinds[] = {
        { "\\p{L}", AZ_UC_L },      { "\\p{N}", AZ_UC_N },
        { "\\p{M}", AZ_UC_M },      { "\\p{P}", AZ_UC_P },
        { "\\p{S}", AZ_UC_S },      { "[\\p{Lu}\\p{Lt}]", AZ_UC_UPPER },
        { "\\p{Ll}", AZ_UC_LOWER }, { "[\\p{Lm}\\p{Lo}]", AZ_UC_NOCASE },
        { "\\s", AZ_UC_SPACE },
    };
    size_t n_differ = 0;

    (void)state;
    for (size_t k = 0; k < AZ_COUNT(kinds); k++) {
        az_regex *re;
        az_regex_scratch *s;

        assert_int_equal(az_regex_new(&re, run, kinds[k].pattern, strlen(kinds[k].pattern), "", "",
                                      NULL),
                         ADZE_OK);
        assert_int_equal(az_regex_scratch_new(&s, re, NULL), ADZE_OK);
        for (uint32_t c = 0; c < LAST; c++) {
            char utf8[4];
            if (c >= 0xd800 && c < 0xe000) continue;
            if (matches(re, s, utf8, az_utf8_put(utf8, c)) !=
                ((az_uc_class_of(c) & kinds[k].mask) != 0)) {
                if (c < 0x800) fail_msg("U+%04X differs for %s", (unsigned)c, kinds[k].pattern);
                n_differ += !(differ[c / 8] >> c % 8 & 1);
                differ[c / 8] |= (unsigned char)(1 << c % 8);
            }
        }
        az_regex_scratch_free(s);
        az_regex_free(re);
    }
    print_message("%zu code points differ between the two Unicode tables\n", n_differ);
    assert_true(n_differ < 11000); /* Unicode 15 added 4489, 15.1 627, 16 5185 */
}

static const uint32_t interesting[] = {
    ' ',     ' ',    ' ',    '\n',   '\r',   '\t',   '\'',   '\'',    's',   't',   'r',
    'e',     'v',    'm',    'l',    'd',    'S',    'L',    'E',     'R',   'A',   'z',
    '1',     '2',    '3',    '4',    '.',    '/',    '!',    '-',     '_',   0x17f, 0x85,
    0xa0,    0x3000, 0x2028, 0x180e, 0x200b, 0xfeff, 0x301,  0x308,   0x93f, 0x939, 0x4f60,
    0x597d,  0x2161, 0xbd,   0xb2,   0x1c5,  0x2b0,  0xe9,   0xc9,    0xdf,  0x130, 0x1f600,
    0x1f1e6, 0xe000, 0x378,  0,      0x1c,   0x661,  0x104f, 0x10ffff
};

static size_t random_text(az_prng *r, char *dst, size_t chars)
{
    size_t n = 0;

    for (size_t i = 0; i < chars; i++) {
        uint64_t v = az_prng_u64(r);
        uint32_t c =
            (v & 7) ? interesting[(v >> 8) % AZ_COUNT(interesting)] : (uint32_t)(v >> 8) % LAST;
        if ((v & 7) == 1 && i) c = (uint32_t)(v >> 8) % 0x3000;
        if ((c >= 0xd800 && c < 0xe000) || differ[c / 8] >> c % 8 & 1) c = 'x';
        n += az_utf8_put(dst + n, c);
    }
    return n;
}

static void splitters_equal_their_patterns(void **state)
{
    const char *pattern, *name;
    az_split_fn *fn;
    az_prng r;

    (void)state;
    az_prng_seed(&r, 20240601);
    for (size_t k = 0; (pattern = az_split_pattern(k, &fn, &name)); k++) {
        az_regex_scratch *s;
        az_regex *re;
        assert_int_equal(az_regex_new(&re, run, pattern, strlen(pattern), "", name, NULL), ADZE_OK);
        assert_int_equal(az_regex_scratch_new(&s, re, NULL), ADZE_OK);
        for (int round = 0; round < 20000; round++) {
            char text[4 * 32];
            size_t n = random_text(&r, text, 1 + az_prng_u64(&r) % 32);
            for (size_t at = 0; at < n;) {
                size_t start, end, got = fn(text + at, n - at);
                bool found;
                assert_int_equal(az_regex_next(re, s, text, n, at, &start, &end, &found, NULL),
                                 ADZE_OK);
                if (!found || start != at || end - start != got)
                    fail_msg("%s: round %d at byte %zu of %zu: %zu bytes, the pattern takes %zu",
                             name, round, at, n, got, end - start);
                at = end;
            }
        }
        az_regex_scratch_free(s);
        az_regex_free(re);
    }
    assert_true(az_split_find(az_pattern_gpt2, strlen(az_pattern_gpt2)) != NULL);
    assert_null(az_split_find("\\p{L}+", 6));
}

/* Cuts as Oniguruma made them; | between the pieces. */
static void published_splits(void **state)
{
    static const struct {
        const char *name, *pieces;
    } cases[] = {
        { "gpt2", "I|'|VE| | HelloWorld|'s| 12345| x" },
        { "llama3", "I|'VE| | HelloWorld|'s| |123|45| x" },
        { "qwen2", "I|'VE| | HelloWorld|'s| |1|2|3|4|5| x" },
        { "o200k", "I'VE| | Hello|World's| |123|45| x" },
        { "gpt2", "a|\n\n | b| \r\n\t|\t|c|  " },
        { "llama3", "a|\n\n| | b| \r\n|\t|\tc|  " },
        { "gpt2", "e|\xcc\x81|t\xc3\xa9| \xe0\xa4\xb9|\xe0\xa4\xbf|\xe0\xa4\xa8| v|2|.|0|//|\n" },
        { "llama3", "e|\xcc\x81t\xc3\xa9| \xe0\xa4\xb9|\xe0\xa4\xbf\xe0\xa4\xa8| v|2|.|0|//\n" },
        { "o200k", "e\xcc\x81t\xc3\xa9| \xe0\xa4\xb9\xe0\xa4\xbf\xe0\xa4\xa8| v|2|.|0|//\n" },
        { "qwen35", "e\xcc\x81t\xc3\xa9| \xe0\xa4\xb9\xe0\xa4\xbf\xe0\xa4\xa8| v|2|.|0|//\n" },
        { "gpt2", "HTTPServer| \xc2\xbd\xe2\x85\xa7| \xe4\xbd\xa0\xe5\xa5\xbd|!?|\n\n" },
        { "llama3", "HTTPServer| |\xc2\xbd\xe2\x85\xa7| \xe4\xbd\xa0\xe5\xa5\xbd|!?\n\n" },
        { "qwen2", "HTTPServer| |\xc2\xbd|\xe2\x85\xa7| \xe4\xbd\xa0\xe5\xa5\xbd|!?\n\n" },
        { "tekken", "Hello|World|'s| |1|2| x" },
    };

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(cases); i++) {
        char text[256], got[256];
        size_t n = 0, at = 0, out = 0, k;
        az_split_fn *fn = NULL;
        const char *name;

        for (const char *p = cases[i].pieces; *p; p++)
            if (*p != '|') text[n++] = *p;
        for (k = 0; az_split_pattern(k, &fn, &name) && strcmp(name, cases[i].name) != 0; k++)
            ;
        assert_non_null(fn);
        while (at < n) {
            size_t len = fn(text + at, n - at);
            if (at) got[out++] = '|';
            memcpy(got + out, text + at, len);
            out += len;
            at += len;
        }
        got[out] = 0;
        assert_string_equal(got, cases[i].pieces);
    }
}

static void patterns_that_mean_something_else_are_refused(void **state)
{
    static const struct {
        const char *pattern, *says;
        adze_status want;
    } cases[] = {
        { "[\\p{L}&&[^a]]", "class intersection", ADZE_EUNSUP },
        { "\\h+", "hexadecimal", ADZE_EUNSUP },
        { "\\p{N}{1,3}+", "{m,n}+", ADZE_EUNSUP },
        { "(?R)", "recursion", ADZE_EUNSUP },
        { "(*LIMIT_MATCH=1)a", "VERB", ADZE_EUNSUP },
        { "[^\\S]", "\\S inside", ADZE_EUNSUP },
        { "(a", "does not compile", ADZE_EFORMAT },
        { "[a", "does not compile", ADZE_EFORMAT },
        { "a{2,1}", "does not compile", ADZE_EFORMAT },
    };

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(cases); i++) {
        adze_error err = { 0 };
        az_regex *re;
        assert_int_equal(az_regex_new(&re, run, cases[i].pattern, strlen(cases[i].pattern), "file",
                                      "place", &err),
                         cases[i].want);
        assert_null(re);
        assert_string_equal(err.name, "place");
        if (!strstr(err.msg, cases[i].says)) fail_msg("%s: %s", cases[i].pattern, err.msg);
    }
}

static void limits_are_errors(void **state)
{
    az_regex_scratch *s;
    adze_error err = { 0 };
    size_t start, end;
    az_regex *re;
    bool found;
    char text[64];

    (void)state;
    memset(text, 'a', sizeof text);
    assert_int_equal(az_regex_new(&re, run, "^(a+)+[bc]$", 11, "", "slow", NULL), ADZE_OK);
    assert_int_equal(az_regex_scratch_new(&s, re, NULL), ADZE_OK);
    assert_int_equal(az_regex_next(re, s, text, sizeof text, 0, &start, &end, &found, &err),
                     ADZE_EUNSUP);
    assert_non_null(strstr(err.msg, "too much work"));
    assert_string_equal(err.name, "slow");
    az_regex_scratch_free(s);
    az_regex_free(re);
}

/* The ASCII table against the generated runs, and code points past the last block. */
static void tables_are_whole(void **state)
{
    (void)state;
    assert_int_equal(az_uc_class_of('A'), AZ_UC_L | AZ_UC_UPPER | AZ_UC_WORD);
    for (uint32_t c = 0; c < 128; c++) {
        uint32_t i = az_uc_n_runs - 1;
        while (az_uc_runs[i] >> 8 > c)
            i--;
        assert_int_equal(az_uc_class_of(c), az_uc_kinds[az_uc_runs[i] & 0xff]);
    }
    assert_int_equal(az_uc_class_of(0x10d71),
                     AZ_UC_L | AZ_UC_LOWER | AZ_UC_WORD | AZ_UC_NEW); /* new in 16.0 */
    assert_int_equal(az_uc_class_of(0x10ffff), 0);
    assert_int_equal(az_uc_class_of(0xffffffff), 0);
    for (int b = 0; b < 256; b++)
        assert_int_equal(az_char_byte(az_byte_char((unsigned char)b)), b);
    assert_int_equal(az_char_byte(' '), -1);
    assert_int_equal(az_char_byte(0x144), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_whole),
        cmocka_unit_test(categories_agree), /* first: fills `differ` */
        cmocka_unit_test(splitters_equal_their_patterns),
        cmocka_unit_test(published_splits),
        cmocka_unit_test(patterns_that_mean_something_else_are_refused),
        cmocka_unit_test(limits_are_errors),
    };

    return cmocka_run_group_tests(tests, start_run, stop_run);
}
