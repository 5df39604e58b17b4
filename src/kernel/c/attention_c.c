/* Scalar attention with the softmax computed on the way ("online"; Milakov and Gimelshein,
 * arXiv 1805.02867, 2018): positions are taken in tiles of AZ_ATTN_TILE that start at absolute multiples
 * of it, each tile rescales what was summed before to the largest score so far. An output row is one
 * query's and one head's alone, so batching cannot change it.
 */
#include "core/half.h"
#include "kernel/c/kernels_c.h"
#include "kernel/math.h"

static float load_k(const az_attn_args *a, size_t i)
{
    return a->k32 ? a->k32[i] : az_f16_to_f32(a->k[i]);
}

static float load_v(const az_attn_args *a, size_t i)
{
    return a->v32 ? a->v32[i] : az_f16_to_f32(a->v[i]);
}

/* Scores of positions [p0, p1) into s; returns the largest. */
static float tile_scores(const az_attn_args *a, const float *q, size_t p0, size_t p1, float *s)
{
    float top = az_bits_f32(0xff800000u);

    for (size_t p = p0; p < p1; p++) {
        float t[8] = { 0 }, v;

        for (size_t d = 0; d < a->head_dim; d++)
            t[d & 7] += q[d] * load_k(a, az_attn_key_at(p, a->head_dim) + d * AZ_ATTN_TILE);
        v = a->scale * (((t[0] + t[4]) + (t[2] + t[6])) + ((t[1] + t[5]) + (t[3] + t[7])));
        if (a->softcap > 0) v = a->softcap * az_tanhf(v / a->softcap);
        s[p - p0] = v;
        if (v > top) top = v;
    }
    return top;
}

static void attend(const az_attn_args *a, const float *q, const float *sink, float *out,
                   size_t first, size_t last)
{
    float top = sink ? *sink : az_bits_f32(0xff800000u), sum = sink ? 1 : 0, s[AZ_ATTN_TILE];

    for (size_t d = 0; d < a->head_dim; d++)
        out[d] = 0;
    for (size_t p0 = first, p1; p0 <= last; p0 = p1) {
        float before = top, shrink;

        p1 = (p0 / AZ_ATTN_TILE + 1) * AZ_ATTN_TILE;
        if (p1 > last + 1) p1 = last + 1;
        top = tile_scores(a, q, p0, p1, s);
        if (top < before) top = before;
        shrink = az_expf(before - top);
        sum *= shrink;
        for (size_t d = 0; d < a->head_dim; d++)
            out[d] *= shrink;
        for (size_t p = p0; p < p1; p++) {
            float e = az_expf(s[p - p0] - top);

            sum += e;
            for (size_t d = 0; d < a->head_dim; d++)
                out[d] += e * load_v(a, p * a->ld_v + d);
        }
    }
    for (size_t d = 0; d < a->head_dim; d++)
        out[d] *= 1.0f / sum;
}

void az_attention_c(const az_attn_args *a)
{
    for (size_t i = 0; i < a->n_tok; i++) {
        int64_t last = a->n_keys ? a->n_keys - 1 : a->pos + (int64_t)i;
        int64_t first = a->window ? last - a->window + 1 : 0;

        if (first < 0) first = 0;
        for (size_t h = 0; h < a->group; h++)
            attend(a, a->q + i * a->ld_q + h * a->head_dim, a->sinks ? a->sinks + h : NULL,
                   a->out + i * a->ld_out + h * a->head_dim, (size_t)first, (size_t)last);
    }
}
