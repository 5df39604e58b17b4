/* Scalar attention with the softmax computed on the way ("online"; Milakov and Gimelshein,
 * arXiv 1805.02867, 2018): positions are taken in tiles of AZ_ATTN_TILE that start at absolute multiples
 * of it, each tile rescales what was summed before to the largest score so far. An output row is one
 * query's and one head's alone, so batching cannot change it.
 */
#include "core/half.h"
#include "kernel/c/kernels_c.h"
#include "kernel/math.h"

/* The tile of one position, in a cache of a type. */
typedef struct view {
    az_type type;
    const az_attn_args *a;
    const void *tile;
} view;

static float load_k(const view *w, size_t d, size_t p)
{
    size_t at = d * AZ_ATTN_TILE + p;

    return w->type == AZ_F32 ? ((const float *)w->tile)[at]
                             : az_f16_to_f32(((const az_f16 *)w->tile)[at]);
}

static float load_v(const view *w, size_t d, size_t p)
{
    size_t width = w->a->head_dim, at = p * width + d;
    const void *v = az_kv_values(w->type, width, w->tile);
    float scale;
    uint8_t q;

    if (w->type == AZ_F32) return ((const float *)v)[at];
    if (w->type == AZ_F16) return az_f16_to_f32(((const az_f16 *)v)[at]);
    scale = az_f16_to_f32(az_kv_value_scales(w->type, width, w->tile)[p * (width / 32) + d / 32]);
    if (w->type == AZ_Q8_0) return (float)((const int8_t *)v)[at] * scale;
    q = ((const uint8_t *)v)[p * width / 2 + d / 32 * 16 + d % 16];
    return (float)((d % 32 < 16 ? q & 15 : q >> 4) - 8) * scale;
}

static float plain_score(const view *w, const float *q, size_t p)
{
    float t[8] = { 0 };

    for (size_t d = 0; d < w->a->head_dim; d++)
        t[d & 7] += q[d] * load_k(w, d, p);
    return ((t[0] + t[4]) + (t[2] + t[6])) + ((t[1] + t[5]) + (t[3] + t[7]));
}

/* Sum over a block of the codes, of which zero is taken away, and the rounded query's. */
static int block_dot(const view *w, const az_q8_block *q, size_t b, size_t p)
{
    const uint8_t *k = w->tile;
    int sum = 0;

    for (size_t d = 0; d < 32; d++)
        if (w->type == AZ_Q8_0)
            sum += (k[((8 * b + d / 4) * AZ_ATTN_TILE + p) * 4 + d % 4] - 128) * q->q[d];
        else {
            uint8_t c = k[((4 * b + d % 16 / 4) * AZ_ATTN_TILE + p) * 4 + d % 4];
            sum += ((d < 16 ? c & 15 : c >> 4) - 8) * q->q[d];
        }
    return sum;
}

static float block_score(const view *w, const az_q8_block *q, size_t p)
{
    const az_f16 *scales = az_kv_key_scales(w->type, w->a->head_dim, w->tile);
    float sum = 0;

    for (size_t b = 0; b < w->a->head_dim / 32; b++)
        sum += (float)block_dot(w, q + b, b, p) *
               (az_f16_to_f32(scales[b * AZ_ATTN_TILE + p]) * q[b].d);
    return sum;
}

/* Scores of n positions of the tile from p0 on into s; returns the largest. q8: the query's blocks, or NULL. */
static float tile_scores(const view *w, const float *q, const az_q8_block *q8, size_t p0, size_t n,
                         float *s)
{
    const az_attn_args *a = w->a;
    float top = az_bits_f32(0xff800000u);

    for (size_t i = 0; i < n; i++) {
        float v = a->scale * (q8 ? block_score(w, q8, p0 + i) : plain_score(w, q, p0 + i));
        if (a->softcap > 0) v = a->softcap * az_tanhf(v / a->softcap);
        s[i] = v;
        if (v > top) top = v;
    }
    return top;
}

enum { Q8_MAX = 64 }; /* blocks of the widest head that caches in blocks can have */

static void attend(az_type type, const az_attn_args *a, const float *q, const float *sink,
                   float *out, size_t first, size_t last)
{
    float top = sink ? *sink : az_bits_f32(0xff800000u), sum = sink ? 1 : 0, s[AZ_ATTN_TILE];
    bool blocks = type == AZ_Q8_0 || type == AZ_Q4_0;
    az_q8_block q8[Q8_MAX];

    if (blocks) az_quantize_q8_c(q8, q, a->head_dim);
    for (size_t d = 0; d < a->head_dim; d++)
        out[d] = 0;
    for (size_t p0 = first, p1; p0 <= last; p0 = p1) {
        const view w = { type, a, az_kv_tile(&a->kv, p0 / AZ_ATTN_TILE) };
        size_t in = p0 % AZ_ATTN_TILE;
        float before = top, shrink;

        p1 = (p0 / AZ_ATTN_TILE + 1) * AZ_ATTN_TILE;
        if (p1 > last + 1) p1 = last + 1;
        top = tile_scores(&w, q, blocks ? q8 : NULL, in, p1 - p0, s);
        if (top < before) top = before;
        shrink = az_expf(before - top);
        sum *= shrink;
        for (size_t d = 0; d < a->head_dim; d++)
            out[d] *= shrink;
        for (size_t i = 0; i < p1 - p0; i++) {
            float e = az_expf(s[i] - top);

            sum += e;
            for (size_t d = 0; d < a->head_dim; d++)
                out[d] += e * load_v(&w, d, in + i);
        }
    }
    for (size_t d = 0; d < a->head_dim; d++)
        out[d] *= 1.0f / sum;
}

void az_attention_c(az_type type, const az_attn_args *a)
{
    for (size_t i = 0; i < a->n_tok; i++) {
        int64_t last = a->n_keys ? a->n_keys - 1 : a->pos + (int64_t)i;
        int64_t first = a->window ? last - a->window + 1 : 0;

        if (first < 0) first = 0;
        for (size_t h = 0; h < a->group; h++)
            attend(type, a, a->q + i * a->ld_q + h * a->head_dim, a->sinks ? a->sinks + h : NULL,
                   a->out + i * a->ld_out + h * a->head_dim, (size_t)first, (size_t)last);
    }
}

#define FOR_TYPE(name, type)                            \
    static void attention_##name(const az_attn_args *a) \
    {                                                   \
        az_attention_c(type, a);                        \
    }
FOR_TYPE(f32, AZ_F32)
FOR_TYPE(f16, AZ_F16)
FOR_TYPE(q8_0, AZ_Q8_0)
FOR_TYPE(q4_0, AZ_Q4_0)

void az_attention_init_c(az_kernels *k)
{
    k->kv[AZ_F32].attention = attention_f32;
    k->kv[AZ_F16].attention = attention_f16;
    k->kv[AZ_Q8_0].attention = attention_q8_0;
    k->kv[AZ_Q4_0].attention = attention_q4_0;
    az_kv_init_c(k);
}
