/* Rotary position: from a config to the frequencies and the factor on cos and sin. */
#ifndef AZ_ARCH_ROPE_H
#define AZ_ARCH_ROPE_H

#include "arch/doc.h"
#include "core/config.h"

/* What a class of transformers takes for keys that config.json leaves out. */
typedef struct az_rope_defaults {
    double theta;
    bool partial;             /* the class honours partial_rotary_factor */
    int64_t original_context; /* 0: the model's context */
    const char *layer_type;   /* whose part of rope_parameters counts where they differ by type */
} az_rope_defaults;

/* Read the rope part of a document into r; c's head_dim and context are set. */
void az_rope_configure(az_doc *d, const az_config *c, const az_rope_defaults *def, az_rope *r);
/* What has no value yet gets the one that follows from the others; checks. */
void az_rope_finish(az_doc *d, const az_config *c, az_rope *r);

/* Factor on cos and sin for a sequence of that length. */
double az_rope_factor(const az_rope *r, int64_t length);

/* inv[i] for i in [0, dims / 2): the angle of pair i at position p is p * inv[i]; f32 as transformers computes
 * it. length: tokens that the sequence is made for; longrope uses its long factors beyond the original
 * context, the others ignore it. */
void az_rope_frequencies(const az_rope *r, int64_t length, float *inv);

/* Divisor of each frequency [dims / 2] as a GGUF stores llama3 scaling (rope_freqs.weight). */
void az_rope_divisors(const az_rope *r, float *div);

/* yarn's own factor on cos and sin. */
double az_rope_yarn_attention(double factor);

#endif
