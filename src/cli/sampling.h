/* Sampling options that commands which generate text have in common. */
#ifndef AZ_CLI_SAMPLING_H
#define AZ_CLI_SAMPLING_H

#include <adze/session.h>
#include "cli/cli.h"

typedef struct az_sampling_opts {
    int64_t top_k, seed;
    double temperature, top_p, min_p, repetition_penalty;
    bool greedy, sample;
} az_sampling_opts;

/* clang-format off */
/* Rows of an option table whose struct `type` has an az_sampling_opts named `sampling`. */
#define AZ_SAMPLING_ROWS(type) \
    { 0, "greedy", AZ_OPT_BOOL, offsetof(type, sampling.greedy), NULL, NULL, "always take the most likely token" }, \
    { 0, "sample", AZ_OPT_BOOL, offsetof(type, sampling.sample), NULL, NULL, "draw tokens, whatever the model says" }, \
    { 0, "temperature", AZ_OPT_REAL, offsetof(type, sampling.temperature), AZ_OPT_UNSET, "T", "flatten (> 1) or sharpen (< 1)" }, \
    { 0, "top-k", AZ_OPT_INT, offsetof(type, sampling.top_k), AZ_OPT_UNSET, "K", "draw from the K most likely, 0 = all" }, \
    { 0, "top-p", AZ_OPT_REAL, offsetof(type, sampling.top_p), AZ_OPT_UNSET, "P", "draw from the most likely that make up P" }, \
    { 0, "min-p", AZ_OPT_REAL, offsetof(type, sampling.min_p), AZ_OPT_UNSET, "P", "leave out what is below P times the best" }, \
    { 0, "repetition-penalty", AZ_OPT_REAL, offsetof(type, sampling.repetition_penalty), AZ_OPT_UNSET, "R", \
      "make tokens that came before less likely (> 1)" }, \
    { 0, "seed", AZ_OPT_INT, offsetof(type, sampling.seed), AZ_OPT_UNSET, "N", "same seed, same text; default: another each time" }
/* clang-format on */

/* What is wrong with the options, for az_cli_usage; NULL: nothing. */
const char *az_sampling_check(const az_sampling_opts *o);
/* The model's settings with what was given in their place; draws a seed when one is needed. */
adze_status az_sampling_settings(az_cli *cli, const az_sampling_opts *o, const adze_model *m,
                                 adze_sampling *s, adze_error *err);

/* Text of a model to out. escape: out is a terminal, which control bytes must not reach. Non-zero: out failed. */
int az_cli_put_text(az_cli *cli, const char *text, size_t n, bool escape);

#endif
