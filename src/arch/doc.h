/* The document that describes a model: config.json or GGUF metadata, behind one set of typed, range-checked
 * look-ups. Failure is sticky: readers read straight down and test d->rc once.
 */
#ifndef AZ_ARCH_DOC_H
#define AZ_ARCH_DOC_H

#include "core/model.h"

typedef struct az_doc {
    adze_model *m;
    const json_t *j;    /* config.json; NULL for a GGUF */
    const char *prefix; /* GGUF: "llama", put before ".key" */
    const char *path;
    adze_error *err;
    adze_status rc;
} az_doc;

/* Default that means: the key must be there. */
#define AZ_DOC_REQUIRED INT64_MIN

/* gguf_name: prefix of GGUF keys. */
adze_status az_doc_init(az_doc *d, adze_model *m, const char *gguf_name, adze_error *err);
static inline bool az_doc_is_gguf(const az_doc *d)
{
    return !d->j;
}

/* hf: key of config.json; gguf: key after the prefix; NULL where that kind of document has none, which
 * gives `def`. A null value counts as missing. Outside [min, max] is ADZE_EFORMAT. */
int64_t az_doc_int(az_doc *d, const char *hf, const char *gguf, int64_t min, int64_t max,
                   int64_t def);
double az_doc_real(az_doc *d, const char *hf, const char *gguf, double min, double max, double def);
bool az_doc_bool(az_doc *d, const char *hf, bool def);
const char *az_doc_str(az_doc *d, const char *hf, const char *gguf, const char *def);

/* The same in a JSON object inside config.json; `what` names it in messages. */
double az_doc_real_in(az_doc *d, const json_t *o, const char *key, double min, double max,
                      double def);
/* [n] positive numbers as f32 in the model's arena. */
const float *az_doc_floats_in(az_doc *d, const json_t *o, const char *key, int n);
/* A GGUF's f32 vector of n elements, all positive; NULL without failure when it is not there. */
const float *az_doc_vector(az_doc *d, const char *tensor, int n);

/* A GGUF's flag; def when it is missing. */
bool az_doc_flag(az_doc *d, const char *gguf, bool def);
/* Arrays of a value for each of n layers in the model's arena; NULL: missing, or failed. */
const int32_t *az_doc_gguf_ints(az_doc *d, const char *gguf, int n);
bool *az_doc_bools(az_doc *d, int n);
const bool *az_doc_gguf_flags(az_doc *d, const char *gguf, int n);

/* layer_types: which of n layers are of a kind; the others must be full_attention. False: the key is missing. */
bool az_doc_layer_types(az_doc *d, const char *kind, int n, bool *is);
/* A list of layers under a key: flags of those become v. False: the key is missing. */
bool az_doc_layer_list(az_doc *d, const char *key, int n, bool v, bool *flags);

/* Fail once; returns d->rc. */
adze_status az_doc_fail(az_doc *d, adze_status s, const char *key, const char *fmt, ...)
    AZ_PRINTF(4, 5);

#endif
