/* Checkpoints with random weights in real models' shapes, in Hugging Face layout: for speed measurements
 * and for tests that need a whole model without shipping one. */
#ifndef SYNTH_SYNTH_H
#define SYNTH_SYNTH_H

#include <stdbool.h>
#include "base/run.h"

typedef struct synth_shape {
    const char *name; /* "llama-1b" */
    const char *like; /* the model whose shape it is */
    const char *arch; /* model_type */
    int layers, hidden, ff, heads, kv_heads, head_dim;
    int vocab, special; /* the last `special` ids are control tokens */
    int context, window;
    double theta, eps;
    bool tied, rope_llama3;
} synth_shape;

extern const synth_shape synth_shapes[]; /* ends with name NULL */
const synth_shape *synth_find(const char *name);

/* Write the checkpoint into folder `dir` (made if missing). The same seed gives the same bytes for any
 * thread count. shard_bytes > 0: several files with an index, none with more data than that unless one
 * tensor has. */
adze_status synth_write(adze_run *run, const synth_shape *s, const char *dir, uint64_t seed,
                        uint64_t shard_bytes, adze_error *err);

/* tokenizer.c: tokenizer.json and tokenizer_config.json of a byte-level BPE with s->vocab ids. */
adze_status synth_write_tokenizer(adze_run *run, const synth_shape *s, const char *dir,
                                  adze_error *err);

#endif
