/* How far apart neighbouring values of a weight type are, from the values that were to be stored.
 *
 * A step is made from the reference alone, so that a damaged scale cannot widen its own bound. For block types it
 * is the range of the values that share a scale by the number of levels; scales that are themselves quantized over
 * a larger block add a quarter of that block's step. For float types it is the distance between two neighbouring
 * numbers. Bounds are the furthest that llama-quantize's encoders (with and without importance) were seen to go,
 * with room to spare: docs/proof.md.
 */
#include "core/packed.h"
#include "measure/prove_parts.h"

#include <math.h>
#include <string.h>

static const struct {
    az_type type;
    az_step_rule rule;
} rules[] = {
    { AZ_Q8_0, { 32, 32, true, 127, 4 } },   { AZ_Q4_0, { 32, 32, true, 8, 5 } },
    { AZ_Q4_1, { 32, 32, false, 15, 5 } },   { AZ_Q5_0, { 32, 32, true, 16, 5 } },
    { AZ_Q5_1, { 32, 32, false, 31, 5 } },   { AZ_Q2_K, { 16, 256, false, 3, 5 } },
    { AZ_Q3_K, { 16, 256, true, 4, 5 } },    { AZ_Q4_K, { 32, 256, false, 15, 5 } },
    { AZ_Q5_K, { 32, 256, false, 31, 5 } },  { AZ_Q6_K, { 16, 256, true, 32, 8 } },
    { AZ_IQ4_NL, { 32, 32, true, 5, 5 } },   { AZ_IQ4_XS, { 32, 256, true, 5, 5 } },
    { AZ_MXFP4, { 32, 32, true, 3, 5 } },    { AZ_IQ3_S, { 32, 256, true, 3, 5 } },
    { AZ_IQ3_XXS, { 32, 256, true, 3, 5 } }, { AZ_IQ2_S, { 16, 256, true, 2, 5 } },
    { AZ_IQ2_XS, { 16, 256, true, 2, 5 } },  { AZ_IQ2_XXS, { 32, 256, true, 2, 5 } },
    { AZ_IQ1_M, { 16, 256, true, 1, 5 } },   { AZ_IQ1_S, { 32, 256, true, 1, 5 } },
    { AZ_TQ1_0, { 256, 256, true, 1, 5 } },  { AZ_TQ2_0, { 256, 256, true, 1, 5 } },
};

const az_step_rule *az_step_rule_of(const az_tensor *t, az_step_rule *scratch)
{
    if (t->packed) {
        size_t group = t->packed->group > 0 ? (size_t)t->packed->group : (size_t)az_tensor_cols(t);
        int bits = t->packed->bits > 0 && t->packed->bits < 16 ? t->packed->bits : 4;
        *scratch = (az_step_rule){ group, group, false, ldexp(1, bits) - 1, bits >= 8 ? 3 : 2 };
        return scratch;
    }
    for (size_t i = 0; i < AZ_COUNT(rules); i++)
        if (rules[i].type == t->type) return &rules[i].rule;
    return NULL;
}

/* Distance from a number to the next one with `bits` of fraction, no smaller than `least`. */
static float ulp(float x, int bits, double least)
{
    int e;
    double step;

    if (!isfinite(x) || x == 0) return (float)least;
    frexp((double)x, &e);
    step = ldexp(1, e - 1 - bits);
    return (float)(step > least ? step : least);
}

static float group_step(const az_step_rule *r, const float *x, size_t n)
{
    double lo = 0, hi = 0, d;

    for (size_t i = 0; i < n; i++) {
        if ((double)x[i] < lo) lo = (double)x[i];
        if ((double)x[i] > hi) hi = (double)x[i];
    }
    d = r->symmetric ? (hi > -lo ? hi : -lo) : hi - lo;
    return (float)(d / r->levels);
}

void az_steps(const az_step_rule *r, az_type type, const float *x, size_t n, float *steps)
{
    if (!r) {
        int bits = type == AZ_BF16 ? 7 : type == AZ_F16 ? 10 : 23;
        double least = type == AZ_F16 ? 0x1p-24 : type == AZ_BF16 ? 0x1p-133 : 0x1p-149;
        for (size_t i = 0; i < n; i++)
            steps[i] = ulp(x[i], bits, least);
        return;
    }
    for (size_t b = 0; b < n; b += r->block) {
        size_t end = b + r->block < n ? b + r->block : n;
        float widest = 0;
        for (size_t g = b; g < end; g += r->group) {
            size_t stop = g + r->group < end ? g + r->group : end;
            float s = group_step(r, x + g, stop - g);
            if (s > widest) widest = s;
            for (size_t i = g; i < stop; i++)
                steps[i] = s;
        }
        if (r->block == r->group) continue;
        for (size_t i = b; i < end; i++)
            if (steps[i] < widest / 4) steps[i] = widest / 4;
    }
}
