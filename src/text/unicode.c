/* UTF-8 and character classes: a table for ASCII, runs of Unicode 16.0 for the rest. */
#include "text/unicode.h"
#include "text/unicode_tables.h"

#define L  AZ_UC_L | AZ_UC_WORD
#define SP AZ_UC_SPACE
#define NL AZ_UC_SPACE | AZ_UC_CRLF
#define N_ AZ_UC_N | AZ_UC_WORD
#define P  AZ_UC_P
#define S  AZ_UC_S
#define U  L | AZ_UC_UPPER
#define W  L | AZ_UC_LOWER

static const uint16_t ascii[128] = {
    0,  0,  0,  0,  0,  0,  0,  0,  0,  SP, NL, SP, SP, NL, 0, 0,              /* 00 */
    0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0, 0,              /* 10 */
    SP, P,  P,  P,  S,  P,  P,  P,  P,  P,  P,  S,  P,  P,  P, P,              /* 20 */
    N_, N_, N_, N_, N_, N_, N_, N_, N_, N_, P,  P,  S,  S,  S, P,              /* 30 */
    P,  U,  U,  U,  U,  U,  U,  U,  U,  U,  U,  U,  U,  U,  U, U,              /* 40 */
    U,  U,  U,  U,  U,  U,  U,  U,  U,  U,  U,  P,  P,  P,  S, P | AZ_UC_WORD, /* 50 */
    S,  W,  W,  W,  W,  W,  W,  W,  W,  W,  W,  W,  W,  W,  W, W,              /* 60 */
    W,  W,  W,  W,  W,  W,  W,  W,  W,  W,  W,  P,  S,  P,  S, 0,              /* 70 */
};

#undef L
#undef SP
#undef NL
#undef N_
#undef P
#undef S
#undef U
#undef W

unsigned az_uc_class_of(uint32_t c)
{
    uint32_t block = c >> 8, lo, hi, mid;

    if (c < 128) return ascii[c];
    if (block >= az_uc_n_blocks) block = az_uc_n_blocks - 1;
    lo = az_uc_first[block];
    hi = block + 1 < az_uc_n_blocks ? az_uc_first[block + 1] : az_uc_n_runs - 1;
    while (lo < hi) { /* the last run that begins at or before c */
        mid = (lo + hi + 1) / 2;
        if (az_uc_runs[mid] >> 8 <= c)
            lo = mid;
        else
            hi = mid - 1;
    }
    return az_uc_kinds[az_uc_runs[lo] & 0xff];
}

size_t az_utf8_valid(const char *s, size_t n)
{
    const unsigned char *u = (const unsigned char *)s;
    unsigned lo = 0x80, hi = 0xbf; /* bounds of the second byte (Unicode, table 3-7) */
    size_t len;

    if (u[0] < 0x80) return 1;
    if (u[0] < 0xc2 || u[0] > 0xf4) return 0;
    len = u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;
    if (n < len) return 0;
    if (u[0] == 0xe0) lo = 0xa0;
    if (u[0] == 0xed) hi = 0x9f;
    if (u[0] == 0xf0) lo = 0x90;
    if (u[0] == 0xf4) hi = 0x8f;
    if (u[1] < lo || u[1] > hi) return 0;
    for (size_t i = 2; i < len; i++)
        if ((u[i] & 0xc0) != 0x80) return 0;
    return len;
}

size_t az_utf8_prefix(const char *s, size_t n)
{
    size_t at = 0, len;

    while (at < n) {
        len = az_utf8_valid(s + at, n - at);
        if (!len) break;
        at += len;
    }
    return at;
}

size_t az_utf8_put(char *dst, uint32_t c)
{
    if (c < 0x80) {
        dst[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        dst[0] = (char)(0xc0 | c >> 6);
        dst[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        dst[0] = (char)(0xe0 | c >> 12);
        dst[1] = (char)(0x80 | (c >> 6 & 0x3f));
        dst[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    dst[0] = (char)(0xf0 | c >> 18);
    dst[1] = (char)(0x80 | (c >> 12 & 0x3f));
    dst[2] = (char)(0x80 | (c >> 6 & 0x3f));
    dst[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

/* Bytes outside the alphabet are 00-20, 7F-A0 and AD: 33 + 34 + 1, numbered from U+0100. */
uint32_t az_byte_char(unsigned char b)
{
    if (b <= 0x20) return 0x100u + b;
    if (b >= 0x7f && b <= 0xa0) return 0x121u + (b - 0x7fu);
    if (b == 0xad) return 0x143u;
    return b;
}

int az_char_byte(uint32_t c)
{
    if (c >= 0x100 && c <= 0x120) return (int)(c - 0x100);
    if (c >= 0x121 && c <= 0x142) return (int)(c - 0x121 + 0x7f);
    if (c == 0x143) return 0xad;
    if (c <= 0x20 || (c >= 0x7f && c <= 0xa0) || c == 0xad || c > 0xff) return -1;
    return (int)c;
}
