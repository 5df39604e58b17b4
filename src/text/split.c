/* Splitters for known patterns. In the comments L, N, M are letters, numbers, marks.
 *
 * Patterns: GPT-2 (encoder.py, 2019), cl100k and o200k shapes as published in the tokenizer.json of
 * Llama-3, Qwen2, Qwen3.5 and GPT-4o class models. Where a regular expression would back-track, the
 * comment says what that amounts to.
 */
#include "text/split.h"
#include "base/compiler.h"
#include "text/unicode.h"

#include <string.h>

#define CONTRACTIONS "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define SPACES       "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define O200K_UP     "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define O200K_LOW    "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define O200K_PRE    "[^\\r\\n\\p{L}\\p{N}]?"
#define O200K_TAIL   "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*" SPACES

const char az_pattern_gpt2[] =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

static unsigned class_at(const char *s, size_t n, size_t at, size_t *len)
{
    if (at >= n) {
        *len = 0;
        return 0;
    }
    return az_uc_class_of(az_utf8_next(s + at, n - at, len));
}

/* End of the run of characters from `at` that have any bit of `mask`. */
static size_t run_of(const char *s, size_t n, size_t at, unsigned mask)
{
    size_t len;

    while (at < n && (class_at(s, n, at, &len) & mask))
        at += len;
    return at;
}

/* End of the run from `at` that has no bit of `mask`. */
static size_t run_without(const char *s, size_t n, size_t at, unsigned mask)
{
    size_t len;

    while (at < n && !(class_at(s, n, at, &len) & mask))
        at += len;
    return at;
}

/* Bytes of an English contraction at s, or 0. any_case also takes U+017F, which folds to s. */
static size_t contraction(const char *s, size_t n, bool any_case)
{
    char a, b;

    if (n < 2 || s[0] != '\'') return 0;
    if (any_case && n >= 3 && s[1] == '\xc5' && s[2] == '\xbf') return 3;
    a = s[1];
    b = n >= 3 ? s[2] : 0;
    if (any_case && a >= 'A' && a <= 'Z') a = (char)(a + 32);
    if (any_case && b >= 'A' && b <= 'Z') b = (char)(b + 32);
    if (a == 's' || a == 't' || a == 'm' || a == 'd') return 2;
    if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l')) return 3;
    return 0;
}

/* \s+(?!\S)|\s+ at a run of white space [0, end): all of it at the end of the text, else all but its
 * last character, else that one character. */
static size_t trailing_space(const char *s, size_t n, size_t end)
{
    size_t last;

    if (end == n) return end;
    last = az_utf8_back(s, end);
    return last ? last : end;
}

static size_t split_gpt2(const char *s, size_t n)
{
    size_t len, at = s[0] == ' ', got = contraction(s, n, false);
    unsigned k;

    if (got) return got;
    k = class_at(s, n, at, &len);
    if (k & AZ_UC_L) return run_of(s, n, at + len, AZ_UC_L);
    if (k & AZ_UC_N) return run_of(s, n, at + len, AZ_UC_N);
    if (len && !(k & AZ_UC_SPACE))
        return run_without(s, n, at + len, AZ_UC_SPACE | AZ_UC_L | AZ_UC_N);
    return trailing_space(s, n, run_of(s, n, 0, AZ_UC_SPACE));
}

static size_t digits(const char *s, size_t n, size_t at, int most)
{
    size_t len;

    while (most-- > 0 && (class_at(s, n, at, &len) & AZ_UC_N))
        at += len;
    return at;
}

/* \s*[\r\n]+|\s+(?!\S)|\s+ : the first alternative backs off to the last CR or LF of the run. */
static size_t space_or_lines(const char *s, size_t n)
{
    size_t end = run_of(s, n, 0, AZ_UC_SPACE), line = end;

    while (line > 0 && s[line - 1] != '\n' && s[line - 1] != '\r')
        line--;
    return line ? line : trailing_space(s, n, end);
}

/* The branches that cl100k and o200k shapes share after words and numbers. */
static size_t symbols_or_space(const char *s, size_t n, unsigned word, bool slash)
{
    size_t len, at = s[0] == ' ';
    unsigned k = class_at(s, n, at, &len);

    if (!len || (k & (word | AZ_UC_N | AZ_UC_SPACE))) return space_or_lines(s, n);
    at = run_without(s, n, at + len, AZ_UC_SPACE | AZ_UC_N | word);
    while (at < n && (s[at] == '\r' || s[at] == '\n' || (slash && s[at] == '/')))
        at++;
    return at;
}

static size_t split_cl100k(const char *s, size_t n, int max_digits, unsigned word)
{
    size_t len, next_len, got = contraction(s, n, true);
    unsigned k;

    if (got) return got;
    k = class_at(s, n, 0, &len);
    if (k & word) return run_of(s, n, len, word);
    if (k & AZ_UC_N) return digits(s, n, 0, max_digits);
    if (!(k & AZ_UC_CRLF) && (class_at(s, n, len, &next_len) & word))
        return run_of(s, n, len + next_len, word);
    return symbols_or_space(s, n, word, false);
}

static size_t split_llama3(const char *s, size_t n)
{
    return split_cl100k(s, n, 3, AZ_UC_L);
}

static size_t split_qwen2(const char *s, size_t n)
{
    return split_cl100k(s, n, 1, AZ_UC_L);
}

static size_t split_qwen35(const char *s, size_t n)
{
    return split_cl100k(s, n, 1, AZ_UC_L | AZ_UC_M);
}

enum { UP = AZ_UC_UPPER | AZ_UC_NOCASE | AZ_UC_M, LOW = AZ_UC_LOWER | AZ_UC_NOCASE | AZ_UC_M };

/* UP*LOW+ from `at`: UP* takes its whole run; if no LOW follows it gives back characters down to the
 * last one that is LOW as well (a mark or a letter without case). 0: no match. */
static size_t up_low(const char *s, size_t n, size_t at)
{
    size_t up = run_of(s, n, at, UP), end = run_of(s, n, up, LOW);

    if (end > up) return end;
    while (up > at) {
        size_t len, back = at + az_utf8_back(s + at, up - at);
        if (class_at(s, n, back, &len) & LOW) return up;
        up = back;
    }
    return 0;
}

/* UP+LOW* from `at`; 0: no match. */
static size_t up_then_low(const char *s, size_t n, size_t at)
{
    size_t up = run_of(s, n, at, UP);

    return up > at ? run_of(s, n, up, LOW) : 0;
}

/* Both word branches, each first with its optional leading character, then without. */
static size_t o200k_word(const char *s, size_t n, size_t lead)
{
    size_t end = lead ? up_low(s, n, lead) : 0;

    if (!end) end = up_low(s, n, 0);
    if (!end && lead) end = up_then_low(s, n, lead);
    if (!end) end = up_then_low(s, n, 0);
    return end;
}

static size_t split_o200k_shape(const char *s, size_t n, int max_digits, bool contractions)
{
    size_t len, end;
    unsigned k = class_at(s, n, 0, &len);

    end = o200k_word(s, n, (k & (AZ_UC_L | AZ_UC_N | AZ_UC_CRLF)) ? 0 : len);
    if (end) return contractions ? end + contraction(s + end, n - end, true) : end;
    if (k & AZ_UC_N) return digits(s, n, 0, max_digits);
    return symbols_or_space(s, n, AZ_UC_L, true);
}

static size_t split_o200k(const char *s, size_t n)
{
    return split_o200k_shape(s, n, 3, true);
}

static size_t split_tekken(const char *s, size_t n)
{
    return split_o200k_shape(s, n, 1, false);
}

static const struct {
    const char *name, *pattern;
    az_split_fn *fn;
} known[] = {
    { "gpt2", az_pattern_gpt2, split_gpt2 },
    { "llama3",
      CONTRACTIONS
      "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*" SPACES,
      split_llama3 },
    { "qwen2",
      CONTRACTIONS "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*" SPACES,
      split_qwen2 },
    { "qwen35",
      CONTRACTIONS "|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| "
                   "?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*" SPACES,
      split_qwen35 },
    { "o200k",
      O200K_PRE O200K_UP "*" O200K_LOW "+" CONTRACTIONS "?|" O200K_PRE O200K_UP "+" O200K_LOW
                         "*" CONTRACTIONS "?|\\p{N}{1,3}" O200K_TAIL,
      split_o200k },
    { "tekken",
      O200K_PRE O200K_UP "*" O200K_LOW "+|" O200K_PRE O200K_UP "+" O200K_LOW "*|\\p{N}" O200K_TAIL,
      split_tekken },
};

az_split_fn *az_split_find(const char *pattern, size_t n)
{
    for (size_t i = 0; i < AZ_COUNT(known); i++)
        if (strlen(known[i].pattern) == n && memcmp(known[i].pattern, pattern, n) == 0)
            return known[i].fn;
    return NULL;
}

const char *az_split_pattern(size_t i, az_split_fn **fn, const char **name)
{
    if (i >= AZ_COUNT(known)) return NULL;
    *fn = known[i].fn;
    *name = known[i].name;
    return known[i].pattern;
}
