/* Numbers with units, and names made safe for a terminal. web/src/format.js does the same for the page. */
#include "report/units.h"

#include <math.h>
#include <string.h>

typedef struct scale {
    double size;
    const char *unit;
} scale;

static const scale bytes_scale[] = {
    { 1e12, "TB" }, { 1e9, "GB" }, { 1e6, "MB" }, { 1e3, "kB" }, { 1, "B" }
};
static const scale time_scale[] = { { 1e3, "s" }, { 1, "ms" } };

/* n significant digits, without exponent unless the value is below 0.001. */
static void put_digits(az_buf *out, double v, int n)
{
    double a = fabs(v);
    int e, decimals;

    if (a == 0) {
        az_buf_putc(out, '0');
        return;
    }
    e = (int)floor(log10(a));
    if (a * pow(10, -e) >= 10 - 0.5 * pow(10, 1 - n)) e++; /* 9.996 becomes 10.0 */
    if (e < -3) {
        az_buf_printf(out, "%.1e", v);
        return;
    }
    decimals = n - 1 - e;
    az_buf_printf(out, "%.*f", decimals > 0 ? decimals : 0, v);
}

static void put_scaled(az_buf *out, double v, const scale *s, size_t n)
{
    size_t i = 0;

    while (i + 1 < n && fabs(v) < s[i].size * 0.9995)
        i++;
    put_digits(out, v / s[i].size, 3);
    az_buf_printf(out, " %s", s[i].unit);
}

static void put_percent(az_buf *out, double v)
{
    double p = v * 100;

    if (fabs(p - round(p)) < 1e-9)
        az_buf_printf(out, "%.0f", p);
    else if (fabs(p) >= 10)
        az_buf_printf(out, "%.1f", p);
    else
        put_digits(out, p, 2);
    az_buf_puts(out, " %");
}

void az_units_put(az_buf *out, double v, const char *unit)
{
    if (!unit) unit = "";
    if (!isfinite(v)) {
        az_buf_putc(out, '-');
    } else if (strcmp(unit, "bytes") == 0 || strcmp(unit, "B") == 0) {
        put_scaled(out, v, bytes_scale, AZ_COUNT(bytes_scale));
    } else if (strcmp(unit, "ms") == 0) {
        put_scaled(out, v, time_scale, AZ_COUNT(time_scale));
    } else if (strcmp(unit, "ratio") == 0) {
        put_percent(out, v);
    } else if (strcmp(unit, "x") == 0) {
        az_buf_printf(out, "%.*fx", fabs(v) >= 100 ? 0 : 2, v);
    } else {
        put_digits(out, v, strcmp(unit, "1") == 0 ? 4 : 3);
        if (*unit && strcmp(unit, "1") != 0) az_buf_printf(out, " %s", unit);
    }
}

/* Length and value of the code point at s, which is valid UTF-8 (jansson checked it); a bad byte is one. */
static size_t code_point(const unsigned char *s, unsigned *c)
{
    size_t n = s[0] < 0x80 ? 1 : (s[0] & 0xe0) == 0xc0 ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 : 4;

    *c = n == 1 ? s[0] : s[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80) return 1;
        *c = *c << 6 | (s[i] & 0x3fu);
    }
    return n;
}

static bool is_unsafe(unsigned c)
{
    return c < 0x20 || (c >= 0x7f && c <= 0x9f) || (c >= 0x200e && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

void az_units_put_safe(az_buf *out, const char *utf8)
{
    const unsigned char *s = (const unsigned char *)(utf8 ? utf8 : "");
    unsigned c;
    size_t n;

    for (; *s; s += n) {
        n = code_point(s, &c);
        if (!is_unsafe(c))
            az_buf_put(out, s, n);
        else if (c < 0x80)
            az_buf_printf(out, "\\x%02x", c);
        else
            az_buf_printf(out, "\\u{%04x}", c);
    }
}

size_t az_units_columns(const char *utf8, size_t n)
{
    size_t columns = 0;

    for (size_t i = 0; i < n; i++)
        columns += ((unsigned char)utf8[i] & 0xc0) != 0x80;
    return columns;
}
