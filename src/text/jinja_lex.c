/* Lexer of templates: text, tags and the tokens in them, with whitespace control.
 *
 * trim_blocks and lstrip_blocks are on, keep_trailing_newline is off. Every newline is \n inside.
 * Source: jinja2 3.1 lexer.py.
 */
#include "text/jinja_ast.h"

#include <stdlib.h>

typedef struct lexer {
    az_jinja *J;
    const char *s;
    size_t n, at;
    uint32_t line, col;
    size_t counted; /* line and col are of this byte */
    bool line_starting;
    az_jtok *t;
    size_t count, cap;
    char *open; /* closing brackets that are due, innermost last */
    size_t n_open, open_cap;
} lexer;

static const struct {
    char text[3];
    az_jtok_kind kind;
} operators[] = {
    { "**", AZ_JT_POW },     { "//", AZ_JT_FLOORDIV }, { "==", AZ_JT_EQ },    { "!=", AZ_JT_NE },
    { ">=", AZ_JT_GE },      { "<=", AZ_JT_LE },       { "+", AZ_JT_ADD },    { "-", AZ_JT_SUB },
    { "/", AZ_JT_DIV },      { "*", AZ_JT_MUL },       { "%", AZ_JT_MOD },    { "~", AZ_JT_TILDE },
    { "[", AZ_JT_LBRACKET }, { "]", AZ_JT_RBRACKET },  { "(", AZ_JT_LPAREN }, { ")", AZ_JT_RPAREN },
    { "{", AZ_JT_LBRACE },   { "}", AZ_JT_RBRACE },    { ">", AZ_JT_GT },     { "<", AZ_JT_LT },
    { "=", AZ_JT_ASSIGN },   { ".", AZ_JT_DOT },       { ":", AZ_JT_COLON },  { "|", AZ_JT_PIPE },
    { ",", AZ_JT_COMMA },    { ";", AZ_JT_SEMICOLON },
};

/* Move the line and column to byte `at`, which never goes back. */
static void locate(lexer *L, size_t at)
{
    for (; L->counted < at; L->counted++) {
        unsigned char c = (unsigned char)L->s[L->counted];
        if (c == '\n') {
            L->line++;
            L->col = 1;
        } else if ((c & 0xc0) != 0x80)
            L->col++;
    }
    L->J->line = L->line;
    L->J->col = L->col;
}

static bool put(lexer *L, az_jtok_kind kind, size_t at, az_jval value)
{
    if (L->count == L->cap) {
        size_t cap = L->cap ? L->cap * 2 : 256;
        az_jtok *t = az_jarray(L->J, cap, sizeof *t);
        if (!t) return false;
        if (L->count) memcpy(t, L->t, L->count * sizeof *t);
        L->t = t;
        L->cap = cap;
    }
    locate(L, at);
    L->t[L->count++] = (az_jtok){ kind, L->line, L->col, value };
    return !az_jfailed(L->J);
}

static bool is(const lexer *L, size_t at, const char *text)
{
    size_t n = strlen(text);

    return at + n <= L->n && memcmp(L->s + at, text, n) == 0;
}

static size_t space_from(const lexer *L, size_t at)
{
    size_t len;

    while (at < L->n && az_jspace(az_utf8_next(L->s + at, L->n - at, &len)))
        at += len;
    return at;
}

/* End of `{%` sign? raw -?%}` at `at`, 0 when it is not one. */
static size_t raw_begin(const lexer *L, size_t at)
{
    size_t p = at + 2;

    if (p < L->n && (L->s[p] == '-' || L->s[p] == '+')) p++;
    p = space_from(L, p);
    if (!is(L, p, "raw")) return 0;
    p = space_from(L, p + 3);
    if (is(L, p, "-%}")) return space_from(L, p + 3);
    return is(L, p, "%}") ? p + 2 : 0;
}

/* End of `{% sign? endraw sign? %}` at `at`, 0 when it is not one. */
static size_t raw_end(const lexer *L, size_t at)
{
    size_t p = at + 2;

    if (p < L->n && (L->s[p] == '-' || L->s[p] == '+')) p++;
    p = space_from(L, p);
    if (!is(L, p, "endraw")) return 0;
    p = space_from(L, p + 6);
    if (is(L, p, "+%}")) return p + 3;
    if (is(L, p, "-%}")) return space_from(L, p + 3);
    if (!is(L, p, "%}")) return 0;
    return p + 2 + is(L, p + 2, "\n");
}

/* Text s[from..to) before a tag with this sign, cut as the sign and lstrip_blocks say. */
static bool put_data(lexer *L, size_t from, size_t to, char sign, bool is_variable)
{
    size_t end = to, len;

    if (sign == '-') {
        while (end > from) {
            size_t p = az_utf8_back(L->s + from, end - from) + from;
            if (!az_jspace(az_utf8_next(L->s + p, end - p, &len))) break;
            end = p;
        }
    } else if (sign != '+' && !is_variable) {
        size_t line = to;
        while (line > from && L->s[line - 1] != '\n')
            line--;
        if ((line > from || L->line_starting) && line < to && space_from(L, line) >= to) end = line;
    }
    return end == from || put(L, AZ_JT_DATA, from, az_jstrn(L->J, L->s + from, end - from));
}

static bool comment(lexer *L, size_t at)
{
    for (size_t p = at; p + 1 < L->n; p++) {
        if (is(L, p, "+#}"))
            L->at = p + 3;
        else if (is(L, p, "-#}"))
            L->at = space_from(L, p + 3);
        else if (is(L, p, "#}"))
            L->at = p + 2 + is(L, p + 2, "\n");
        else
            continue;
        return true;
    }
    locate(L, at);
    az_jfail(L->J, "missing end of comment tag");
    return false;
}

static bool raw(lexer *L, size_t at)
{
    for (size_t p = at; p + 1 < L->n; p++) {
        size_t end = is(L, p, "{%") ? raw_end(L, p) : 0;
        if (!end) continue;
        /* the sign sits right after {%; line_starting is what it was after the opening tag */
        L->line_starting = L->s[at - 1] == '\n';
        if (!put_data(L, at, p, p + 2 < L->n ? L->s[p + 2] : 0, false)) return false;
        L->at = end;
        return true;
    }
    locate(L, at);
    az_jfail(L->J, "missing end of raw directive");
    return false;
}

/* An escape of a string literal, Python's unicode-escape; returns the bytes read. */
static size_t escape(lexer *L, const char *s, size_t n, az_buf *b)
{
    static const char from[] = "nrtabfv\\'\"", to[] = "\n\r\t\a\b\f\v\\'\"";
    const char *hit = memchr(from, s[1], sizeof from - 1);
    size_t want = s[1] == 'x' ? 2 : s[1] == 'u' ? 4 : s[1] == 'U' ? 8 : 0, k = 2, len;
    uint32_t c = 0;
    char utf8[4];

    if (hit) {
        az_buf_putc(b, to[hit - from]);
        return 2;
    }
    if (s[1] == '\n') return 2;
    if (s[1] >= '0' && s[1] <= '7') {
        for (k = 1; k < 4 && k < n && s[k] >= '0' && s[k] <= '7'; k++)
            c = c * 8 + (uint32_t)(s[k] - '0');
    } else if (want) {
        for (; k < 2 + want; k++) {
            const char *digit = k < n && s[k] ? strchr("0123456789abcdef", s[k] | 0x20) : NULL;
            if (!digit) {
                az_jfail(L->J, "truncated \\%c escape in a string", s[1]);
                return 0;
            }
            c = c << 4 | (uint32_t)(digit - "0123456789abcdef") % 16;
        }
    } else if (s[1] == 'N') {
        az_jfail_status(L->J, ADZE_EUNSUP, "\\N escapes in strings are not supported");
        return 0;
    } else if ((unsigned char)s[1] < 0x80) {
        az_buf_put(b, s, 2); /* unknown escapes stay as they are */
        return 2;
    } else {
        /* what comes of encoding with backslashreplace before unescaping */
        c = az_utf8_next(s + 1, n - 1, &len);
        az_buf_printf(b, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
        return 1 + len;
    }
    if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) {
        az_jfail(L->J, "escape in a string is not a character");
        return 0;
    }
    az_buf_put(b, utf8, az_utf8_put(utf8, c));
    return k;
}

static bool string(lexer *L)
{
    size_t start = L->at, p = start + 1, end, n;
    char quote = L->s[start];
    az_buf b;

    while (p < L->n && L->s[p] != quote)
        p += L->s[p] == '\\' ? 2 : 1;
    locate(L, start);
    if (p >= L->n) {
        az_jfail(L->J, "string is not closed");
        return false;
    }
    end = p;
    az_jbuf(L->J, &b);
    for (p = start + 1; p < end; p += n) {
        const char *slash = memchr(L->s + p, '\\', end - p);
        n = slash ? (size_t)(slash - L->s) - p : end - p;
        az_buf_put(&b, L->s + p, n);
        p += n;
        if (p == end) break;
        n = escape(L, L->s + p, end - p, &b);
        if (!n) {
            az_buf_deinit(&b);
            return false;
        }
    }
    L->at = end + 1;
    return put(L, AZ_JT_STRING, start, az_jstr_of_buf(L->J, &b));
}

static bool digit(const lexer *L, size_t at)
{
    return at < L->n && L->s[at] >= '0' && L->s[at] <= '9';
}

/* End of (\d+_)*\d+ at `at`; `at` itself when there is none. */
static size_t digits(const lexer *L, size_t at)
{
    while (digit(L, at)) {
        while (digit(L, at))
            at++;
        if (at < L->n && L->s[at] == '_' && digit(L, at + 1)) at++;
    }
    return at;
}

/* End of a float at `at`, or 0. */
static size_t float_end(const lexer *L, size_t at)
{
    size_t p = digits(L, at), q, e;
    bool has_point = false;

    if (p == at || (at > 0 && L->s[at - 1] == '.')) return 0;
    if (p < L->n && L->s[p] == '.' && digit(L, p + 1)) {
        p = digits(L, p + 1);
        has_point = true;
    }
    if (p < L->n && (L->s[p] | 0x20) == 'e') {
        q = p + 1;
        if (q < L->n && (L->s[q] == '+' || L->s[q] == '-')) q++;
        e = digits(L, q);
        if (e > q) return e;
    }
    return has_point ? p : 0;
}

static bool float_token(lexer *L, size_t end)
{
    char text[512];
    size_t n = 0;
    double f = 0;

    for (size_t p = L->at; p < end; p++)
        if (L->s[p] != '_' && n < sizeof text) text[n++] = L->s[p];
    locate(L, L->at);
    if (n == sizeof text || !az_jparse_float(text, n, &f)) {
        az_jfail(L->J, "number has too many digits");
        return false;
    }
    if (!put(L, AZ_JT_FLOAT, L->at, az_jfloat(f))) return false;
    L->at = end;
    return true;
}

static int digit_value(char c)
{
    return c >= '0' && c <= '9'                     ? c - '0'
           : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                    : 99;
}

static bool int_token(lexer *L)
{
    size_t p = L->at, start = p;
    int base = 10;
    uint64_t v = 0;

    if (L->s[p] == '0' && p + 1 < L->n) {
        char c = (char)(L->s[p + 1] | 0x20);
        base = c == 'x' ? 16 : c == 'o' ? 8 : c == 'b' ? 2 : 10;
        if (base != 10) {
            size_t q = p + 2 + (p + 2 < L->n && L->s[p + 2] == '_');
            if (q < L->n && digit_value(L->s[q]) < base)
                p = q;
            else
                base = 10;
        }
    }
    locate(L, start);
    if (base == 10 && L->s[p] == '0') { /* only zeros */
        for (p++; p < L->n &&
                  (L->s[p] == '0' || (L->s[p] == '_' && p + 1 < L->n && L->s[p + 1] == '0'));)
            p++;
    } else {
        for (; p < L->n; p++) {
            if (L->s[p] == '_' && p + 1 < L->n && digit_value(L->s[p + 1]) < base) continue;
            if (digit_value(L->s[p]) >= base) break;
            if (v > ((uint64_t)INT64_MAX - (uint64_t)digit_value(L->s[p])) / (uint64_t)base) {
                az_jfail_status(L->J, ADZE_EUNSUP, "integers beyond 64 bits are not supported");
                return false;
            }
            v = v * (uint64_t)base + (uint64_t)digit_value(L->s[p]);
        }
    }
    L->at = p;
    return put(L, AZ_JT_INT, start, az_jint((int64_t)v));
}

static bool name_char(uint32_t c)
{
    return c == '_' ||
           (c < 0x80 ? (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')
                     : (az_uc_class_of(c) & AZ_UC_WORD) != 0);
}

static bool bracket(lexer *L, az_jtok_kind kind)
{
    static const char closers[] = "])}";
    char c = L->s[L->at];

    if (kind == AZ_JT_LBRACKET || kind == AZ_JT_LPAREN || kind == AZ_JT_LBRACE) {
        if (L->n_open == L->open_cap) {
            size_t cap = L->open_cap ? L->open_cap * 2 : 64;
            char *open = az_jarray(L->J, cap, 1);
            if (!open) return false;
            if (L->n_open) memcpy(open, L->open, L->n_open);
            L->open = open;
            L->open_cap = cap;
        }
        L->open[L->n_open++] = c == '[' ? ']' : c == '(' ? ')' : '}';
    } else if (strchr(closers, c)) {
        locate(L, L->at);
        if (!L->n_open || L->open[L->n_open - 1] != c) {
            az_jfail(L->J, "unexpected '%c'", c);
            return false;
        }
        L->n_open--;
    }
    return true;
}

static bool operator_token(lexer *L)
{
    for (size_t i = 0; i < AZ_COUNT(operators); i++) {
        if (!is(L, L->at, operators[i].text)) continue;
        if (strlen(operators[i].text) == 1 && !bracket(L, operators[i].kind)) return false;
        if (!put(L, operators[i].kind, L->at, AZ_JNONE)) return false;
        L->at += strlen(operators[i].text);
        return true;
    }
    locate(L, L->at);
    az_jfail(L->J, "unexpected character in a tag");
    return false;
}

/* One token inside a tag. */
static bool token(lexer *L)
{
    char c = L->s[L->at];
    size_t end, len;

    end = space_from(L, L->at);
    if (end > L->at) {
        L->at = end;
        return true;
    }
    if (c >= '0' && c <= '9') {
        end = float_end(L, L->at);
        return end ? float_token(L, end) : int_token(L);
    }
    end = L->at;
    while (end < L->n && name_char(az_utf8_next(L->s + end, L->n - end, &len)))
        end += len;
    if (end > L->at) {
        size_t start = L->at;
        L->at = end;
        return put(L, AZ_JT_NAME, start, az_jstrn(L->J, L->s + start, end - start));
    }
    return c == '\'' || c == '"' ? string(L) : operator_token(L);
}

/* The inside of {% %} or {{ }}, up to and with its end. */
static bool tag(lexer *L, bool is_block)
{
    const char *end = is_block ? "%}" : "}}";
    az_jtok_kind kind = is_block ? AZ_JT_BLOCK_END : AZ_JT_VAR_END;

    while (L->at < L->n) {
        size_t at = L->at;
        if (!L->n_open) {
            if (L->s[at] == '-' && is(L, at + 1, end))
                L->at = space_from(L, at + 3);
            else if (is_block && L->s[at] == '+' && is(L, at + 1, end))
                L->at = at + 3;
            else if (is(L, at, end))
                L->at = at + 2 + (is_block && is(L, at + 2, "\n"));
            if (L->at > at) return put(L, kind, at, AZ_JNONE);
        }
        if (!token(L)) return false;
    }
    return true; /* the parser says what is missing */
}

static bool lex(lexer *L)
{
    L->line_starting = true;
    while (L->at < L->n) {
        size_t from = L->at, p = from, end;
        char sign;
        while (p < L->n && !(is(L, p, "{%") || is(L, p, "{{") || is(L, p, "{#")))
            p++;
        if (p == L->n) return put(L, AZ_JT_DATA, from, az_jstrn(L->J, L->s + from, p - from));
        sign = p + 2 < L->n ? L->s[p + 2] : 0;
        if (!put_data(L, from, p, sign, L->s[p + 1] == '{')) return false;
        end = p + 2 + (sign == '-' || sign == '+');
        L->at = end;
        if (L->s[p + 1] == '#') {
            if (!comment(L, end)) return false;
        } else if (L->s[p + 1] == '%' && raw_begin(L, p)) {
            if (!raw(L, raw_begin(L, p))) return false;
        } else {
            bool is_block = L->s[p + 1] == '%';
            if (!put(L, is_block ? AZ_JT_BLOCK_BEGIN : AZ_JT_VAR_BEGIN, p, AZ_JNONE)) return false;
            if (!tag(L, is_block)) return false;
        }
        L->line_starting = L->s[L->at - 1] == '\n';
    }
    return true;
}

bool az_jlex(az_jinja *J, const char *s, size_t n, az_jtok **tokens, size_t *n_tokens)
{
    lexer L = { .J = J, .line = 1, .col = 1 };
    char *text = az_jalloc(J, n + 1);

    if (!text) return false;
    for (size_t i = 0; i < n; i++) { /* \r\n and \r become \n */
        if (s[i] == '\r') {
            text[L.n++] = '\n';
            if (i + 1 < n && s[i + 1] == '\n') i++;
        } else
            text[L.n++] = s[i];
    }
    if (L.n && text[L.n - 1] == '\n') L.n--;
    L.s = text;
    if (!lex(&L) || !put(&L, AZ_JT_EOF, L.n, AZ_JNONE)) return false;
    *tokens = L.t;
    *n_tokens = L.count;
    return true;
}
