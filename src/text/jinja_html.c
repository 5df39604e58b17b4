/* Character references. Source: Python 3.11's html module, which follows the HTML standard's tokenizer. */
#include "text/jinja_html.h"
#include "text/unicode.h"

#include <string.h>

enum { MAX_NAME = 32 };

/* Numbers that stand for another character: those of Windows-1252, zero, a carriage return. 0: for itself. */
static uint32_t replaced(uint32_t c)
{
    static const uint16_t windows[32] = { 0x20ac, 0x81,   0x201a, 0x192,  0x201e, 0x2026, 0x2020,
                                          0x2021, 0x2c6,  0x2030, 0x160,  0x2039, 0x152,  0x8d,
                                          0x17d,  0x8f,   0x90,   0x2018, 0x2019, 0x201c, 0x201d,
                                          0x2022, 0x2013, 0x2014, 0x2dc,  0x2122, 0x161,  0x203a,
                                          0x153,  0x9d,   0x17e,  0x178 };

    if (c >= 0x80 && c <= 0x9f) return windows[c - 0x80];
    if (c == 0 || (c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff) return 0xfffd;
    return c;
}

/* Controls and noncharacters are dropped. */
static bool dropped(uint32_t c)
{
    return (c >= 1 && c <= 8) || c == 0x0b || (c >= 0x0e && c <= 0x1f) || c == 0x7f ||
           (c >= 0xfdd0 && c <= 0xfdef) || (c & 0xfffe) == 0xfffe;
}

static bool is_digit(char c, bool hex)
{
    return (c >= '0' && c <= '9') ||
           (hex && (((unsigned char)c | 32) >= 'a') && (((unsigned char)c | 32) <= 'f'));
}

/* "#123;" or "#x1f": how many bytes; 0: none. */
static size_t put_number(az_buf *out, const char *s, size_t n)
{
    bool hex = n > 1 && (s[1] == 'x' || s[1] == 'X');
    size_t at = hex ? 2 : 1, from = at;
    char utf8[4];
    uint32_t c = 0;

    for (; at < n && is_digit(s[at], hex); at++) {
        uint32_t d = s[at] <= '9' ? (uint32_t)(s[at] - '0') : (uint32_t)((s[at] | 32) - 'a' + 10);
        if (c < 0x110000) c = c * (hex ? 16 : 10) + d;
    }
    if (at == from) return 0;
    if (at < n && s[at] == ';') at++;
    c = replaced(c);
    if (!dropped(c)) az_buf_put(out, utf8, az_utf8_put(utf8, c));
    return at;
}

static bool is_alnum(char c)
{
    return is_digit(c, false) || (((unsigned char)c | 32) >= 'a' && ((unsigned char)c | 32) <= 'z');
}

/* The longest name at s, which may end in ';': how many bytes; 0: none. */
static size_t put_name(az_buf *out, const char *s, size_t n)
{
    size_t end = 0, len, best = 0;
    const char *text = NULL, *p;

    for (int chars = 0; chars < MAX_NAME && end < n && !memchr("\t\n\f <&#;", s[end], 8);
         chars++, end += len)
        az_utf8_next(s + end, n - end, &len);
    if (end < n && s[end] == ';') end++;
    if (!end || !is_alnum(s[0]) || is_digit(s[0], false)) return 0;
    for (p = az_html_names[s[0] >= 'a' ? s[0] - 'a' + 26 : s[0] - 'A']; *p; p += strlen(p) + 1) {
        bool closed;
        for (len = 0; is_alnum(p[len]); len++)
            ;
        closed = p[len] == ';';
        len += closed;
        if (1 + len > end || memcmp(p, s + 1, len) != 0) continue;
        closed = !closed && 1 + len < end && s[1 + len] == ';';
        if (1 + len + closed <= best) continue;
        best = 1 + len + closed;
        text = p + len;
    }
    if (text) az_buf_puts(out, text);
    return best;
}

void az_html_unescape(az_buf *out, const char *s, size_t n)
{
    const char *end, *amp;

    if (!n) return;
    end = s + n;
    while (s < end && (amp = memchr(s, '&', (size_t)(end - s)))) {
        size_t left = (size_t)(end - amp) - 1, used = 0;
        az_buf_put(out, s, (size_t)(amp - s));
        if (left)
            used = amp[1] == '#' ? put_number(out, amp + 1, left) : put_name(out, amp + 1, left);
        if (!used) az_buf_putc(out, '&');
        s = amp + 1 + used;
    }
    if (s < end) az_buf_put(out, s, (size_t)(end - s));
}
