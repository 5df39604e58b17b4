/* How a checkpoint folder of an architecture is written where the source is a GGUF: rows of config.json, and which of a
 * tensor's names is its own. */
#ifndef AZ_ARCH_HF_CONFIG_H
#define AZ_ARCH_HF_CONFIG_H

#include "core/config.h"
#include "core/model.h"

/* What a row makes of the member at `at` of az_config. */
typedef enum az_hf_kind {
    AZ_HF_INT,            /* int */
    AZ_HF_INT64,          /* int64_t; null when 0 */
    AZ_HF_REAL,           /* double */
    AZ_HF_REAL_OR_NULL,   /* double; null when 0 */
    AZ_HF_INVERSE,        /* 1 / double */
    AZ_HF_INVERSE_SQUARE, /* 1 / double squared; a whole number without fraction */
    AZ_HF_FLAG,           /* bool */
    AZ_HF_GIVEN,          /* int64_t: whether it is not 0 */
    AZ_HF_NORMALIZED,     /* az_router: whether weights are divided by their sum */
    AZ_HF_SLIDES, /* flags: "sliding_attention" or "full_attention" a layer; nothing without a window */
    AZ_HF_PERIOD,    /* the same flags as the distance of full layers; nothing where it varies */
    AZ_HF_CONVOLVES, /* flags: "conv" or "full_attention" a layer */
    AZ_HF_ROTATES,   /* flags of what is not so: 1 or 0 a layer */
    AZ_HF_LAYERS,    /* flags: list of the layers that have it */
    AZ_HF_WHOLE,     /* constant `value` as a whole number */
    AZ_HF_NUMBER,    /* constant `value` */
    AZ_HF_TEXT,      /* constant `text` */
    AZ_HF_FALSE
} az_hf_kind;

/* The rows end with AZ_HF_END. */
typedef struct az_hf_key {
    const char *name; /* "attention_bias" */
    az_hf_kind kind;
    size_t at;
    double value;
    const char *text;
} az_hf_key;

#define AZ_HF_ROW(name, kind, member)                            \
    {                                                            \
        name, AZ_HF_##kind, offsetof(az_config, member), 0, NULL \
    }
#define AZ_HF_CONST(name, kind, value)     \
    {                                      \
        name, AZ_HF_##kind, 0, value, NULL \
    }
#define AZ_HF_TEXT_ROW(name, text)   \
    {                                \
        name, AZ_HF_TEXT, 0, 0, text \
    }
#define AZ_HF_END                   \
    {                               \
        NULL, AZ_HF_INT, 0, 0, NULL \
    }

typedef struct az_hf_form {
    const char *class;     /* for "architectures" */
    const az_hf_key *keys; /* beside those that all have; NULL: none */
    const char *const *
        names; /* parts of names: of a tensor's several names in the architecture's table, the first one with
                               * such a part is written; NULL: the first */
    int positions; /* that its table has before the first one, and a GGUF has not */
    /* Whether a GGUF whose general.architecture several architectures share is this one; NULL: when no other is. */
    bool (*is)(const adze_model *m, const az_config *c);
} az_hf_form;

#endif
