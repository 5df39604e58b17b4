/* Stages that look along the sequence without attention: short convolutions, and the pooling of an encoder. */
#include "infer/exec.h"

#include <math.h>
#include <string.h>

/* y = C * (sum of taps over B * x) for columns [c0, c1): B, C and x are thirds of the row. The last inputs
 * stay as the state; a row's sum runs from the oldest tap to the newest. */
void az_run_conv(const az_pass *p, const az_stage *st, size_t piece, size_t pieces)
{
    const adze_session *s = p->s;
    const az_node *n = &s->graph.nodes[st->node[0]];
    size_t width = (size_t)n->width, taps = (size_t)s->graph.states[n->state].taps, back = taps - 1;
    const float *w = s->weights[n->weight[0]].vec;
    const float *bias = n->weight[1] < 0 ? NULL : s->weights[n->weight[1]].vec;
    az_range c = az_share(width, 64, piece, pieces);

    for (size_t i = 0; i < p->m; i++) {
        const float *b = az_value_row(s, n->in[0], i), *x = b + 2 * width;
        float *y = az_value_row(s, st->node[0], i);
        float *state = az_span_of(p, i)->seq->taps[n->state];
        for (size_t j = c.from; j < c.to; j++) {
            float now = b[j] * x[j], sum = 0;
            for (size_t t = 0; t < back; t++)
                sum += w[j * taps + t] * state[t * width + j];
            sum += w[j * taps + back] * now;
            y[j] = b[width + j] * (bias ? sum + bias[j] : sum);
            for (size_t t = 0; t + 1 < back; t++)
                state[t * width + j] = state[(t + 1) * width + j];
            state[(back - 1) * width + j] = now;
        }
    }
}

static void pool(const az_pass *p, const az_node *n, const az_span *span, float *y)
{
    const adze_session *s = p->s;
    size_t width = (size_t)n->width;

    if (n->pooling != AZ_POOL_MEAN) {
        size_t row = span->first + (n->pooling == AZ_POOL_LAST ? span->n - 1 : 0);
        memcpy(y, az_value_row(s, n->in[0], row), width * sizeof *y);
        return;
    }
    memset(y, 0, width * sizeof *y);
    for (size_t i = 0; i < span->n; i++)
        s->kernels->add(y, az_value_row(s, n->in[0], span->first + i), width);
    for (size_t j = 0; j < width; j++)
        y[j] /= (float)span->n;
}

/* One sequence. A zero vector stays one. */
void az_run_pool(const az_pass *p, const az_stage *st, size_t piece)
{
    const az_node *n = &p->s->graph.nodes[st->node[0]];
    size_t width = (size_t)n->width;
    float *y = p->logits + piece * width;
    double sum = 0;

    pool(p, n, &p->s->spans[piece], y);
    if (!n->normalize) return;
    for (size_t j = 0; j < width; j++)
        sum += (double)y[j] * (double)y[j];
    for (size_t j = 0; j < width; j++)
        y[j] = (float)((double)y[j] / fmax(sqrt(sum), 1e-12));
}
