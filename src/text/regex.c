/* PCRE2 with UTF, UCP and multi-line anchors (Oniguruma's ^ and $ always are), and \s written out because
 * PCRE2's includes U+180E. Syntax whose meaning differs is refused by name. Documentation: pcre2pattern(3),
 * pcre2api(3); Oniguruma's doc/RE. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/regex.h"
#include "base/buf.h"

#include <pcre2.h>
#include <string.h>

#define SPACE_SET                                                                                 \
    "\\x{09}-\\x{0d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}" \
    "\\x{205f}\\x{3000}"

enum { MAX_PATTERN = 64 * 1024, MATCH_LIMIT = 4 * 1000 * 1000, DEPTH_LIMIT = 1000 * 1000 };
enum { HEAP_LIMIT_KIB = 64 * 1024, JIT_STACK_BYTES = 8 * 1024 * 1024 };
/* Work of all matches through one scratch together, in items of the pattern tried and SCANNED bytes passed over: so
 * much, and as much again for each byte of text. Patterns of real tokenizers need 4 a byte. */
enum { WORK = 16 * 1000 * 1000, WORK_PER_BYTE = 256, SCANNED = 16 };

struct az_regex {
    adze_run *run;
    pcre2_general_context *mem;
    pcre2_code *code;
    char *path, *name;
};

struct az_regex_scratch {
    adze_run *run;
    pcre2_match_data *data;
    pcre2_match_context *ctx;
    pcre2_jit_stack *stack;
    uint64_t spent, allowed; /* work */
    size_t at;               /* where the last item was tried */
};

static void *regex_alloc(size_t n, void *run)
{
    return az_alloc(run, n);
}

static void regex_release(void *p, void *run)
{
    az_free(run, p);
}

/* One escape outside or inside a class: rewritten, refused, or copied. Returns bytes taken. */
static size_t put_escape(az_buf *b, const char *p, size_t n, bool in_class, const char **refused)
{
    size_t take = 2;

    if (n < 2) {
        az_buf_put(b, p, n);
        return n;
    }
    switch (p[1]) {
    case 's': az_buf_puts(b, in_class ? SPACE_SET : "[" SPACE_SET "]"); return 2;
    case 'S':
        if (in_class)
            *refused = "\\S inside a class";
        else
            az_buf_puts(b, "[^" SPACE_SET "]");
        return 2;
    case 'u':
        if (n < 6) break;
        az_buf_puts(b, "\\x{");
        az_buf_put(b, p + 2, 4);
        az_buf_putc(b, '}');
        return 6;
    case 'h':
    case 'H': *refused = "\\h (a hexadecimal digit for Oniguruma)"; return 2;
    case 'R':
    case 'X':
    case 'C':
    case 'K':
    case 'G':
    case 'g':
    case 'k':
    case 'Q':
    case 'E': *refused = "a \\R, \\X, \\C, \\K, \\G, \\g, \\k, \\Q or \\E escape"; return 2;
    case 'p':
    case 'P':
    case 'x':
        while (n > 2 && p[2] == '{' && take < n && p[take - 1] != '}')
            take++;
        break;
    default: break;
    }
    az_buf_put(b, p, take);
    return take;
}

/* Oniguruma's pattern to PCRE2's; *refused names syntax that cannot be carried over. */
static void translate(az_buf *b, const char *p, size_t n, const char **refused)
{
    bool in_class = false;

    for (size_t i = 0; i < n && !*refused;) {
        if (p[i] == '\\') {
            i += put_escape(b, p + i, n - i, in_class, refused);
            continue;
        }
        if (in_class && p[i] == '&' && i + 1 < n && p[i + 1] == '&')
            *refused = "class intersection &&";
        if (in_class && p[i] == '[' && !(i + 1 < n && p[i + 1] == ':')) *refused = "a nested class";
        if (!in_class && p[i] == '}' && i + 1 < n && p[i + 1] == '+') *refused = "{m,n}+";
        if (!in_class && p[i] == '(' && i + 1 < n && p[i + 1] == '*') *refused = "a (*VERB)";
        if (!in_class && p[i] == '(' && i + 2 < n && p[i + 1] == '?' &&
            strchr("CR&P0123456789+", p[i + 2]))
            *refused = "recursion or a call-out";
        if (p[i] == '[' && !in_class) {
            in_class = true;
            az_buf_putc(b, p[i++]);
            if (i < n && p[i] == '^') az_buf_putc(b, p[i++]);
            if (i < n && p[i] == ']') az_buf_putc(b, p[i++]);
            continue;
        }
        if (in_class && p[i] == '[') { /* [:name:] */
            az_buf_put(b, "[:", 2);
            i += 2;
            while (i < n && p[i] != ']')
                az_buf_putc(b, p[i++]);
            if (i < n) az_buf_putc(b, p[i++]);
            continue;
        }
        if (in_class && p[i] == ']') in_class = false;
        az_buf_putc(b, p[i++]);
    }
}

/* Called before each item of the pattern. */
static int count_work(pcre2_callout_block *b, void *scratch)
{
    az_regex_scratch *s = scratch;
    size_t at = b->current_position;

    s->spent += 1 + (at > s->at ? at - s->at : s->at - at) / SCANNED;
    s->at = at;
    return s->spent > s->allowed ? PCRE2_ERROR_MATCHLIMIT : 0;
}

static adze_status compile(az_regex *re, const az_buf *text, adze_error *err)
{
    uint32_t flags = PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NO_UTF_CHECK |
                     PCRE2_NEVER_BACKSLASH_C | PCRE2_AUTO_CALLOUT;
    pcre2_compile_context *cc = pcre2_compile_context_create(re->mem);
    PCRE2_SIZE at = 0;
    PCRE2_UCHAR msg[160];
    int code = 0;

    if (!cc) return az_fail_nomem(err, "compiling a tokenizer pattern");
    pcre2_set_newline(cc, PCRE2_NEWLINE_LF);
    re->code = pcre2_compile((PCRE2_SPTR)text->data, text->size, flags, &code, &at, cc);
    pcre2_compile_context_free(cc);
    if (!re->code && code == PCRE2_ERROR_HEAP_FAILED)
        return az_fail_nomem(err, "compiling a tokenizer pattern");
    if (!re->code) {
        pcre2_get_error_message(code, msg, sizeof msg);
        return az_fail_name(err, ADZE_EFORMAT, re->path, re->name, ADZE_NOPOS,
                            "pattern does not compile: %s (at character %zu of it)", (char *)msg,
                            (size_t)at);
    }
    pcre2_jit_compile(re->code, PCRE2_JIT_COMPLETE); /* without JIT the interpreter runs */
    return ADZE_OK;
}

adze_status az_regex_new(az_regex **out, adze_run *run, const char *pattern, size_t n,
                         const char *path, const char *name, adze_error *err)
{
    const char *refused = NULL;
    adze_status rc = ADZE_ENOMEM;
    az_regex *re;
    az_buf b;

    *out = NULL;
    az_buf_init(&b, run);
    re = az_calloc(run, 1, sizeof *re);
    if (!re) goto done;
    re->run = run;
    re->path = az_strdup(run, path ? path : "");
    re->name = az_strdup(run, name);
    re->mem = pcre2_general_context_create(regex_alloc, regex_release, run);
    if (!re->mem || !re->name || !re->path) goto done;
    if (n > MAX_PATTERN) {
        rc = az_fail_name(err, ADZE_EUNSUP, path, name, ADZE_NOPOS,
                          "pattern of %zu bytes; at most %d are supported", n, (int)MAX_PATTERN);
        goto done;
    }
    translate(&b, pattern, n, &refused);
    if (refused) {
        rc = az_fail_name(err, ADZE_EUNSUP, path, name, ADZE_NOPOS,
                          "pattern uses %s, which is not supported", refused);
        goto done;
    }
    az_buf_put(&b, "", 0);
    if (!az_buf_ok(&b)) goto done;
    if (!b.data) az_buf_putc(&b, 0), b.size = 0; /* an empty pattern still needs a pointer */
    if (!b.data) goto done;
    rc = compile(re, &b, err);
    if (rc < 0) goto done;
    *out = re;
    re = NULL;
done:
    if (rc == ADZE_ENOMEM) az_fail_nomem(err, "compiling a tokenizer pattern");
    az_buf_deinit(&b);
    az_regex_free(re);
    return rc;
}

void az_regex_free(az_regex *re)
{
    if (!re) return;
    pcre2_code_free(re->code);
    pcre2_general_context_free(re->mem);
    az_free(re->run, re->path);
    az_free(re->run, re->name);
    az_free(re->run, re);
}

adze_status az_regex_scratch_new(az_regex_scratch **out, const az_regex *re, adze_error *err)
{
    az_regex_scratch *s = az_calloc(re->run, 1, sizeof *s);

    *out = NULL;
    if (!s) return az_fail_nomem(err, "preparing a tokenizer pattern");
    s->run = re->run;
    s->data = pcre2_match_data_create(1, re->mem);
    s->ctx = pcre2_match_context_create(re->mem);
    s->stack = pcre2_jit_stack_create(32 * 1024, JIT_STACK_BYTES, re->mem);
    if (!s->data || !s->ctx) {
        az_regex_scratch_free(s);
        return az_fail_nomem(err, "preparing a tokenizer pattern");
    }
    pcre2_set_match_limit(s->ctx, MATCH_LIMIT);
    pcre2_set_depth_limit(s->ctx, DEPTH_LIMIT);
    pcre2_set_heap_limit(s->ctx, HEAP_LIMIT_KIB);
    pcre2_set_callout(s->ctx, count_work, s);
    s->allowed = WORK;
    if (s->stack) pcre2_jit_stack_assign(s->ctx, NULL, s->stack);
    *out = s;
    return ADZE_OK;
}

void az_regex_scratch_free(az_regex_scratch *s)
{
    if (!s) return;
    pcre2_match_data_free(s->data);
    pcre2_match_context_free(s->ctx);
    pcre2_jit_stack_free(s->stack);
    az_free(s->run, s);
}

adze_status az_regex_next(const az_regex *re, az_regex_scratch *s, const char *text, size_t n,
                          size_t from, size_t *start, size_t *end, bool *found, adze_error *err)
{
    PCRE2_UCHAR msg[160];
    PCRE2_SIZE *at;
    int rc;

    if (!from) s->allowed += (uint64_t)WORK_PER_BYTE * n; /* another text */
    s->at = from;
    rc = pcre2_match(re->code, (PCRE2_SPTR)text, n, from, PCRE2_NO_UTF_CHECK, s->data, s->ctx);
    *found = rc >= 0;
    if (rc == PCRE2_ERROR_NOMATCH) return ADZE_OK;
    if (rc == PCRE2_ERROR_NOMEMORY) return az_fail_nomem(err, "matching a tokenizer pattern");
    if (rc < 0) {
        pcre2_get_error_message(rc, msg, sizeof msg);
        return az_fail_name(err, ADZE_EUNSUP, re->path, re->name, ADZE_NOPOS,
                            "matching this pattern needs too much work: %s", (char *)msg);
    }
    at = pcre2_get_ovector_pointer(s->data);
    *start = at[0];
    *end = at[1];
    if (*end < *start || *end > n)
        return az_fail_name(err, ADZE_EUNSUP, re->path, re->name, ADZE_NOPOS,
                            "pattern matched outside the text");
    return ADZE_OK;
}
