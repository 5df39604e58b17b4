/* Sampling: logits to a token, in the order and with the definitions of Hugging Face generation.
 *
 * repetition penalty -> (if sampling) temperature -> top-k -> top-p -> min-p -> softmax -> draw. Greedy takes
 * the lowest id among equal maxima. A seed gives the same tokens for the same logits on every machine.
 * Definitions: transformers generation/logits_process.py (5.23, 2026).
 */
#ifndef AZ_INFER_SAMPLE_H
#define AZ_INFER_SAMPLE_H

#include <adze/session.h>
#include "base/run.h"

typedef struct az_sampler {
    adze_run *run;
    adze_sampling opts;
    az_prng rng;
    size_t vocab;
    float *scores;       /* [vocab] */
    int32_t *order;      /* [vocab] candidates, best first as far as they are sorted */
    double *weights;     /* [vocab] exp(score - max) of order[i] */
    unsigned char *seen; /* [vocab] bit 0: token is in the prompt or the output */
    size_t n;            /* candidates left by the last call of az_sampler_filter */
} az_sampler;

/* ADZE_EINVAL names a setting that is out of range. */
adze_status az_sampler_init(az_sampler *s, adze_run *run, const adze_sampling *opts, size_t vocab,
                            adze_error *err);
void az_sampler_deinit(az_sampler *s);
/* Count a token of the prompt or the output for the repetition penalty; ids out of range are ignored. */
void az_sampler_accept(az_sampler *s, int32_t token);
/* Choose. logits: [vocab]. ADZE_EFORMAT when they hold NaN or no finite value. */
adze_status az_sampler_next(az_sampler *s, const float *logits, int32_t *token, adze_error *err);

/* The candidates that survive, in s->order[0 .. s->n), with s->weights; for az_sampler_next and tests. */
adze_status az_sampler_filter(az_sampler *s, const float *logits, adze_error *err);

/* Settings of generation_config.json that change the text and that adze does not do, as "num_beams,
 * typical_p"; "" when there are none. */
const char *az_sampling_ignored(const adze_model *m, char *buf, size_t size);

#endif
