/* Caches of keys and values: pages of AZ_ATTN_TILE positions, of one head a tile, in four types.
 *
 * A tile holds the keys of its positions with a position a column, so that sixteen scores are computed side by side, then the values
 * with a position a row:
 *
 *     f32, f16   keys [head_dim][64]; values [64][head_dim]
 *     q8_0       keys: codes + 128, [head_dim / 4][64][4 dimensions], f16 scales [head_dim / 32][64];
 *                values: codes [64][head_dim], f16 scales [64][head_dim / 32]
 *     q4_0       keys: codes + 8, [head_dim / 8][64][4], byte j of dword i of a block of 32 holds dimension 4i + j and, above it,
 *                16 + 4i + j, f16 scales [head_dim / 32][64];
 *                values: [64][head_dim / 2], byte i of a block holds dimensions i and 16 + i, f16 scales [64][head_dim / 32]
 *
 * Blocks of 32 are those of GGUF's types: value = scale * code. What a tile holds of positions that were never stored is read, and not
 * used.
 */
#ifndef AZ_KERNEL_KV_H
#define AZ_KERNEL_KV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/block.h"
#include "core/type.h"

enum { AZ_ATTN_TILE = 64 }; /* positions that are summed before the softmax is rescaled */

/* One head's tiles: page[i] says which page holds positions [64 i, 64 i + 64). */
typedef struct az_kv_view {
    const void *base;     /* the head's tile in page 0 */
    const uint32_t *page; /* [tiles] */
    size_t page_bytes;    /* from a page to the next */
} az_kv_view;

static inline const void *az_kv_tile(const az_kv_view *v, size_t tile)
{
    return (const char *)v->base + v->page[tile] * v->page_bytes;
}

/* A type that caches can have, for heads of this width. */
static inline bool az_kv_fits(az_type t, size_t head_dim)
{
    return t == AZ_F32 || t == AZ_F16 ||
           ((t == AZ_Q8_0 || t == AZ_Q4_0) && head_dim % 32 == 0 && head_dim <= 2048);
}

/* Bytes of the codes of a tile's keys (or values), and of the whole. */
static inline size_t az_kv_code_bytes(az_type t, size_t head_dim)
{
    size_t n = AZ_ATTN_TILE * head_dim;

    return t == AZ_F32 ? n * 4 : t == AZ_F16 ? n * 2 : t == AZ_Q8_0 ? n : n / 2;
}
static inline size_t az_kv_half_bytes(az_type t, size_t head_dim)
{
    size_t scales =
        t == AZ_F32 || t == AZ_F16 ? 0 : AZ_ATTN_TILE * (head_dim / 32) * sizeof(az_f16);

    return az_kv_code_bytes(t, head_dim) + scales;
}
static inline size_t az_kv_tile_bytes(az_type t, size_t head_dim)
{
    return 2 * az_kv_half_bytes(t, head_dim);
}

/* The parts of a tile. */
static inline const az_f16 *az_kv_key_scales(az_type t, size_t head_dim, const void *tile)
{
    return (const az_f16 *)(const void *)((const char *)tile + az_kv_code_bytes(t, head_dim));
}
static inline const void *az_kv_values(az_type t, size_t head_dim, const void *tile)
{
    return (const char *)tile + az_kv_half_bytes(t, head_dim);
}
static inline const az_f16 *az_kv_value_scales(az_type t, size_t head_dim, const void *tile)
{
    return az_kv_key_scales(t, head_dim, az_kv_values(t, head_dim, tile));
}

/* Key and value [head_dim] of the tile's position p, in [0, AZ_ATTN_TILE). */
typedef void az_kv_store_fn(void *tile, size_t p, const float *key, const float *value,
                            size_t head_dim);

#endif
