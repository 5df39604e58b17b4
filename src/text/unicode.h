/* UTF-8 and the character classes that tokenizers use.
 *
 * Classes come from tables of our own (Unicode 16.0, tools/unicode_tables.py), so that ids do not depend on the
 * Unicode version of an installed library. White space is the property White_Space.
 */
#ifndef AZ_TEXT_UNICODE_H
#define AZ_TEXT_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum az_uc_class {
    AZ_UC_L = 1 << 0,      /* letter, any of the next three */
    AZ_UC_UPPER = 1 << 1,  /* Lu, Lt */
    AZ_UC_LOWER = 1 << 2,  /* Ll */
    AZ_UC_NOCASE = 1 << 3, /* Lm, Lo */
    AZ_UC_N = 1 << 4,      /* Nd, Nl, No */
    AZ_UC_M = 1 << 5,      /* mark */
    AZ_UC_P = 1 << 6,      /* punctuation */
    AZ_UC_S = 1 << 7,      /* symbol */
    AZ_UC_SPACE = 1 << 8,  /* White_Space */
    AZ_UC_CRLF = 1 << 9,   /* U+000A, U+000D; SPACE is set too */
    AZ_UC_WORD = 1 << 10,  /* \w: Alphabetic, M, Nd, Pc, Join_Control (Unicode TR18 annex C) */
    AZ_UC_NEW =
        1 << 11 /* not in Unicode 15.1, whose tables llama.cpp has; set only with other bits */
};

/* Class bits of a code point; 0 for unassigned ones and controls. */
unsigned az_uc_class_of(uint32_t c);

/* Length of the valid UTF-8 sequence at s (1..4), or 0 when the bytes there are not valid (overlong
 * forms, surrogates and cut sequences included). n >= 1. */
size_t az_utf8_valid(const char *s, size_t n);
/* Length of the longest valid UTF-8 prefix. */
size_t az_utf8_prefix(const char *s, size_t n);
/* Write c as UTF-8; returns 1..4. */
size_t az_utf8_put(char *dst, uint32_t c);

/* Next code point of text that is known to be valid; never reads past n (n >= 1). */
static inline uint32_t az_utf8_next(const char *s, size_t n, size_t *len)
{
    const unsigned char *u = (const unsigned char *)s;

    if (u[0] < 0x80 || n < 2) {
        *len = 1;
        return u[0];
    }
    if (u[0] < 0xe0 || n < 3) {
        *len = 2;
        return (uint32_t)(u[0] & 0x1f) << 6 | (u[1] & 0x3f);
    }
    if (u[0] < 0xf0 || n < 4) {
        *len = 3;
        return (uint32_t)(u[0] & 0x0f) << 12 | (uint32_t)(u[1] & 0x3f) << 6 | (u[2] & 0x3f);
    }
    *len = 4;
    return (uint32_t)(u[0] & 0x07) << 18 | (uint32_t)(u[1] & 0x3f) << 12 |
           (uint32_t)(u[2] & 0x3f) << 6 | (u[3] & 0x3f);
}

/* Start of the character that ends at s + n (n >= 1), in valid text. */
static inline size_t az_utf8_back(const char *s, size_t n)
{
    size_t at = n - 1;

    while (at > 0 && n - at < 4 && ((unsigned char)s[at] & 0xc0) == 0x80)
        at--;
    return at;
}

/* The byte alphabet of byte-level BPE: bytes 21-7E, A1-AC, AE-FF stand for themselves, the other 68 in
 * order for U+0100..U+0143 (GPT-2's encoder.py, 2019). */
uint32_t az_byte_char(unsigned char b);
int az_char_byte(uint32_t c); /* -1: not in the alphabet */

#endif
