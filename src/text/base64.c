/* Four letters, three bytes. */
#include "text/base64.h"

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool az_base64_decode(az_buf *out, const char *s, size_t n)
{
    size_t count = 0, pad = 0;
    uint32_t bits = 0;

    for (size_t i = 0; i < n; i++) {
        int v = value_of(s[i]);
        if (s[i] == '\n' || s[i] == '\r') continue;
        if (s[i] == '=') {
            pad++;
            continue;
        }
        if (v < 0 || pad) return false;
        bits = bits << 6 | (uint32_t)v;
        count++;
        if (count % 4 == 2) az_buf_putc(out, (char)(bits >> 4));
        if (count % 4 == 3) az_buf_putc(out, (char)(bits >> 2));
        if (count % 4 == 0) az_buf_putc(out, (char)bits);
    }
    return pad <= 2 && count % 4 != 1;
}

void az_base64_encode(az_buf *out, const void *data, size_t n)
{
    const unsigned char *p = data;

    for (size_t i = 0; i < n; i += 3) {
        uint32_t v = (uint32_t)p[i] << 16 | (i + 1 < n ? (uint32_t)p[i + 1] << 8 : 0) |
                     (i + 2 < n ? p[i + 2] : 0);
        az_buf_putc(out, letters[v >> 18]);
        az_buf_putc(out, letters[v >> 12 & 63]);
        az_buf_putc(out, i + 1 < n ? letters[v >> 6 & 63] : '=');
        az_buf_putc(out, i + 2 < n ? letters[v & 63] : '=');
    }
}
