/* Guesses of what comes next: what followed the last time that the text went like this ("prompt lookup"; the idea of assisted
 * generation without a second model). Right or wrong, the engine checks them; a wrong one costs its row of a pass. */
#ifndef AZ_INFER_LOOKUP_H
#define AZ_INFER_LOOKUP_H

#include "base/run.h"

typedef struct az_lookup {
    int32_t *tokens; /* [room] all that came before */
    size_t n, room;
    size_t trust; /* tokens to guess: more after right guesses, fewer after wrong ones */
} az_lookup;

adze_status az_lookup_init(az_lookup *l, adze_run *run, size_t room, adze_error *err);
void az_lookup_deinit(az_lookup *l, adze_run *run);
void az_lookup_add(az_lookup *l, int32_t token); /* beyond `room` nothing is kept */
/* Up to max tokens that may follow; returns how many, 0 when the end of the text is new. */
size_t az_lookup_guess(const az_lookup *l, int32_t *out, size_t max);
/* What became of a guess of n tokens. */
void az_lookup_learn(az_lookup *l, size_t n, size_t right);

#endif
