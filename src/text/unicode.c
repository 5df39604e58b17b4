/* UTF-8 and character classes. */
#include "text/unicode.h"

#include <utf8proc.h>

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

static bool is_wide_space(uint32_t c)
{
    return c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
           c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

/* Alphabetic beyond letters, marks and Nl (Other_Alphabetic of the UCD), and Join_Control. */
static bool is_other_word(uint32_t c)
{
    return (c >= 0x24b6 && c <= 0x24e9) || (c >= 0x1f130 && c <= 0x1f149) ||
           (c >= 0x1f150 && c <= 0x1f169) || (c >= 0x1f170 && c <= 0x1f189) || c == 0x200c ||
           c == 0x200d;
}

static unsigned category_class(uint32_t c)
{
    switch (utf8proc_category((utf8proc_int32_t)c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LT: return AZ_UC_L | AZ_UC_UPPER | AZ_UC_WORD;
    case UTF8PROC_CATEGORY_LL: return AZ_UC_L | AZ_UC_LOWER | AZ_UC_WORD;
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO: return AZ_UC_L | AZ_UC_NOCASE | AZ_UC_WORD;
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME: return AZ_UC_M | AZ_UC_WORD;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL: return AZ_UC_N | AZ_UC_WORD;
    case UTF8PROC_CATEGORY_NO: return AZ_UC_N;
    case UTF8PROC_CATEGORY_PC: return AZ_UC_P | AZ_UC_WORD;
    case UTF8PROC_CATEGORY_PD:
    case UTF8PROC_CATEGORY_PS:
    case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI:
    case UTF8PROC_CATEGORY_PF:
    case UTF8PROC_CATEGORY_PO: return AZ_UC_P;
    case UTF8PROC_CATEGORY_SM:
    case UTF8PROC_CATEGORY_SC:
    case UTF8PROC_CATEGORY_SK:
    case UTF8PROC_CATEGORY_SO: return AZ_UC_S;
    default: return 0;
    }
}

unsigned az_uc_class_of(uint32_t c)
{
    unsigned k;

    if (c < 128) return ascii[c];
    k = category_class(c);
    if (is_wide_space(c)) k |= AZ_UC_SPACE;
    if (is_other_word(c)) k |= AZ_UC_WORD;
    return k;
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
