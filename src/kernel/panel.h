/* Panels: how the engine keeps a matrix of quantized weights in memory.
 *
 * A panel is `panel_rows` output rows (16 or 8: the lanes of a vector). It holds the bytes of their stored blocks, reordered so
 * that one load brings the same field of all rows, one row a lane, and so that a thread reads one stream:
 *
 *     stored rows (q4_k)                     panel
 *     row 0: d dmin scales[12] qs[128] | ..  d of rows 0..15, dmin of rows 0..15,
 *     row 1: d dmin scales[12] qs[128] | ..  scales[0..4) of rows 0..15, scales[4..8) .., scales[8..12) ..,
 *     ..                                     qs[0..4) of rows 0..15, qs[4..8) of rows 0..15, ..
 *     row 15: ..                             then the next block of all rows
 *
 * A panel takes the bytes that its rows took, and lies where they lay. The last one of a matrix is filled up with zeros.
 */
#ifndef AZ_KERNEL_PANEL_H
#define AZ_KERNEL_PANEL_H

#include <stddef.h>
#include <stdint.h>
#include "core/type.h"

/* A run of `count` units of `bytes` each in a stored block. */
typedef struct az_panel_field {
    uint8_t bytes, count;
} az_panel_field;

enum { AZ_PANEL_FIELDS = 4 };

/* The fields of a type's block in order; bytes 0 ends them, and at once for a type that has no panels. */
extern const az_panel_field az_panel_fields[AZ_TYPE_COUNT][AZ_PANEL_FIELDS + 1];

/* `rows` rows (at most panel_rows; the others become zeros) of `blocks` blocks of a type that has panels, `stride` bytes apart,
 * into one panel. dst: panel_rows * blocks * the block's bytes; not src. */
typedef void az_interleave_fn(az_type type, void *dst, const void *src, size_t stride, size_t rows,
                              size_t blocks);

/* The plain version for any number of lanes. */
void az_interleave_c(az_type type, size_t lanes, void *dst, const void *src, size_t stride,
                     size_t rows, size_t blocks);

#endif
