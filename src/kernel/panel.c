/* The fields of stored blocks, and the plain interleaving of rows. */
#include "kernel/panel.h"

#include <string.h>

const az_panel_field az_panel_fields[AZ_TYPE_COUNT][AZ_PANEL_FIELDS + 1] = {
    [AZ_Q4_0] = { { 2, 1 }, { 4, 4 } },
    [AZ_Q4_1] = { { 2, 2 }, { 4, 4 } },
    [AZ_Q8_0] = { { 2, 1 }, { 4, 8 } },
    [AZ_Q4_K] = { { 2, 2 }, { 4, 3 }, { 4, 32 } },
    [AZ_Q5_K] = { { 2, 2 }, { 4, 3 }, { 4, 8 }, { 4, 32 } },
    [AZ_Q6_K] = { { 4, 32 }, { 4, 16 }, { 4, 4 }, { 2, 1 } },
    [AZ_IQ4_NL] = { { 2, 1 }, { 4, 4 } },
    [AZ_IQ4_XS] = { { 2, 2 }, { 4, 1 }, { 4, 32 } },
    [AZ_MXFP4] = { { 1, 1 }, { 4, 4 } },
};

void az_interleave_c(az_type type, size_t lanes, void *dst, const void *src, size_t stride,
                     size_t rows, size_t blocks)
{
    uint8_t *to = dst;
    size_t at = 0;

    for (size_t b = 0; b < blocks; b++)
        for (const az_panel_field *f = az_panel_fields[type]; f->bytes; f++)
            for (size_t u = 0; u < f->count; u++, at += f->bytes)
                for (size_t r = 0; r < lanes; r++, to += f->bytes) {
                    if (r < rows)
                        memcpy(to, (const uint8_t *)src + r * stride + at, f->bytes);
                    else
                        memset(to, 0, f->bytes);
                }
}
