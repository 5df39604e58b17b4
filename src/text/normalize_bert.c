/* One pass each; runs of plain ASCII are copied whole. */
#include "text/normalize_bert.h"
#include "text/bert_tables.h"
#include "text/unicode.h"

static size_t printable(const char *s, size_t n)
{
    size_t at = 0;

    while (at < n && s[at] >= ' ' && s[at] < 0x7f)
        at++;
    return at;
}

bool az_is_chinese(uint32_t c)
{
    return (c >= 0x4e00 && c <= 0x9fff) || (c >= 0x3400 && c <= 0x4dbf) ||
           (c >= 0x20000 && c <= 0x2a6df) || (c >= 0x2a700 && c <= 0x2b73f) ||
           (c >= 0x2b740 && c <= 0x2b81f) || (c >= 0x2b920 && c <= 0x2ceaf) ||
           (c >= 0xf900 && c <= 0xfaff) || (c >= 0x2f800 && c <= 0x2fa1f);
}

void az_norm_bert_clean(az_buf *out, const char *s, size_t n, bool clean, bool chinese)
{
    size_t len, plain;

    for (size_t at = 0; at < n; at += len) {
        uint32_t c;
        if ((plain = printable(s + at, n - at))) {
            az_buf_put(out, s + at, plain);
            len = plain;
            continue;
        }
        c = az_utf8_next(s + at, n - at, &len);
        if (clean && (!c || az_in_runs(az_bert_cleaned, az_bert_cleaned_n, c))) continue;
        if (clean && (az_uc_class_of(c) & AZ_UC_SPACE)) {
            az_buf_putc(out, ' ');
        } else if (chinese && az_is_chinese(c)) {
            az_buf_putc(out, ' ');
            az_buf_put(out, s + at, len);
            az_buf_putc(out, ' ');
        } else {
            az_buf_put(out, s + at, len);
        }
    }
}

void az_norm_bert_accents(az_buf *out, const char *s, size_t n)
{
    size_t len, plain;

    for (size_t at = 0; at < n; at += len) {
        if ((plain = printable(s + at, n - at))) {
            az_buf_put(out, s + at, plain);
            len = plain;
            continue;
        }
        if (!az_in_runs(az_bert_accents, az_bert_accents_n, az_utf8_next(s + at, n - at, &len)))
            az_buf_put(out, s + at, len);
    }
}

static bool nmt_drops(uint32_t c)
{
    return (c >= 1 && c <= 8) || c == 0x0b || (c >= 0x0e && c <= 0x1f) || c == 0x7f || c == 0x8f ||
           c == 0x9f;
}

static bool nmt_space(uint32_t c)
{
    return c == 0x09 || c == 0x0a || c == 0x0c || c == 0x0d || c == 0x1680 ||
           (c >= 0x200b && c <= 0x200f) || c == 0x2028 || c == 0x2029 || c == 0x2581 ||
           c == 0xfeff || c == 0xfffd;
}

void az_norm_nmt(az_buf *out, const char *s, size_t n)
{
    size_t len;

    for (size_t at = 0; at < n; at += len) {
        uint32_t c = az_utf8_next(s + at, n - at, &len);
        if (nmt_drops(c)) continue;
        if (nmt_space(c))
            az_buf_putc(out, ' ');
        else
            az_buf_put(out, s + at, len);
    }
}
