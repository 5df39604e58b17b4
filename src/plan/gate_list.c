/* The gates, in the order of reports. The first four are in force unless a gates file says otherwise. */
#include "plan/gates.h"

#include <string.h>

static const az_gate top1 = {
    .name = "top1",
    .title = "top-1 accuracy against the baseline",
    .key = AZ_EV_TOP1_RATIO,
    .at_least = true,
    .usual = true,
    .limit = 0.95,
    .unit = "ratio",
    .least_n = 10, /* chunks: they are what is resampled */
    .low = 0.5,
    .high = 1,
    .reason = "a smaller model that answers worse is no gain",
};

static const az_gate decode = {
    .name = "decode",
    .title = "decode speed against the baseline",
    .key = AZ_EV_DECODE_RATIO,
    .at_least = true,
    .usual = true,
    .limit = 2,
    .unit = "x",
    .least_n = 3,
    .low = 0.1,
    .high = 100,
    .reason = "the change must pay in speed",
};

static const az_gate memory = {
    .name = "memory",
    .title = "peak memory against the baseline",
    .key = AZ_EV_MEMORY_RATIO,
    .usual = true,
    .limit = 0.5,
    .unit = "ratio",
    .least_n = 1,
    .low = 0.01,
    .high = 2,
    .reason = "the change must pay in memory",
};

static const az_gate latency_cv = {
    .name = "latency_cv",
    .title = "variation of token latency",
    .key = AZ_EV_LATENCY_CV,
    .usual = true,
    .limit = 0.2,
    .unit = "ratio",
    .least_n = 3,
    .low = 0.001,
    .high = 2,
    .reason = "inconsistent latency is felt, and hides in a mean",
};

static const az_gate prefill = {
    .name = "prefill",
    .title = "prefill speed against the baseline",
    .key = AZ_EV_PREFILL_RATIO,
    .at_least = true,
    .unit = "x",
    .least_n = 3,
    .low = 0.1,
    .high = 100,
    .reason = "long prompts wait for prefill",
};

static const az_gate energy = {
    .name = "energy",
    .title = "energy of a token against the baseline",
    .key = AZ_EV_ENERGY_RATIO,
    .unit = "ratio",
    .least_n = 3,
    .low = 0.01,
    .high = 10,
    .reason = "a battery is the budget",
};

static const az_gate kl_mean = {
    .name = "kl_mean",
    .title = "mean divergence from the baseline",
    .key = AZ_EV_KL_MEAN,
    .unit = "nats",
    .least_n = 10, /* chunks: they are what is resampled */
    .low = 0,
    .high = 10,
    .reason = "whole distributions show damage that accuracy hides",
};

static const az_gate flips = {
    .name = "flips",
    .title = "answers that changed",
    .key = AZ_EV_FLIPS,
    .unit = "ratio",
    .least_n = 10, /* chunks: they are what is resampled */
    .low = 0,
    .high = 1,
    .reason = "equal accuracy can hide as many new errors as repaired ones",
};

static const az_gate ttft = {
    .name = "ttft",
    .title = "time to first token",
    .key = AZ_EV_TTFT_MS,
    .unit = "ms",
    .least_n = 3,
    .low = 0.001,
    .high = 1e7,
    .reason = "a person waits for it",
};

static const az_gate decode_rate = {
    .name = "decode_rate",
    .title = "decode speed",
    .key = AZ_EV_DECODE_TOK_S,
    .at_least = true,
    .unit = "tok/s",
    .least_n = 3,
    .low = 0.001,
    .high = 1e7,
    .reason = "below reading speed a stream stutters",
};

static const az_gate peak_bytes = {
    .name = "peak_bytes",
    .title = "peak memory",
    .key = AZ_EV_PEAK_BYTES,
    .unit = "bytes",
    .least_n = 1,
    .low = 1,
    .high = 1e15,
    .reason = "the device has no more",
};

const az_gate *const az_gate_list[] = { &top1,    &decode,      &memory,     &latency_cv,
                                        &prefill, &energy,      &kl_mean,    &flips,
                                        &ttft,    &decode_rate, &peak_bytes, NULL };

const az_gate *az_gate_find(const char *name)
{
    for (size_t i = 0; az_gate_list[i]; i++)
        if (!strcmp(az_gate_list[i]->name, name)) return az_gate_list[i];
    return NULL;
}
