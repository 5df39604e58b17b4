/* The proof: that one model is still another one, item by item, with the first place where it is not.
 *
 * Parts: tokens, template, config, weights, logits. Everything goes through the generic interfaces (models, plans,
 * tokenizers, architectures, workers), so a new format, type or architecture is proven without a line here.
 * docs/proof.md says what each item compares and how its bound is made.
 */
#ifndef AZ_MEASURE_PROVE_H
#define AZ_MEASURE_PROVE_H

#include <jansson.h>
#include "base/arena.h"
#include "core/model.h"

typedef enum az_finding {
    AZ_EQUAL,
    AZ_WITHIN,    /* not equal, but no further away than the bound */
    AZ_ELSEWHERE, /* equal here; another program that reads the model does otherwise */
    AZ_UNCHECKED, /* could not be compared: neither a pass nor a failure */
    AZ_DIFFERENT
} az_finding;
const char *az_finding_name(az_finding v); /* "equal", "within bound", ... */

enum {
    AZ_PROVE_TOKENS = 1,
    AZ_PROVE_TEMPLATE = 2,
    AZ_PROVE_CONFIG = 4,
    AZ_PROVE_WEIGHTS = 8,
    AZ_PROVE_LOGITS = 16,
    AZ_PROVE_ALL = 31
};
/* "tokens", ... of a single bit; NULL: no such part. */
const char *az_prove_part_name(unsigned part);

typedef struct az_prove_opts {
    unsigned parts; /* AZ_PROVE_*; 0: all */
    bool sample;    /* weights: some rows of each tensor instead of all */
    const char
        *text; /* file to tokenize and to compute logits on beside the built-in texts; NULL: none */
    size_t chunks;                          /* logits: most chunks of text, 0: 16 */
    const struct az_importance *importance; /* that the model was made with; NULL: none */
    const struct az_recipe *recipe;         /* that the model says it was made by; NULL: none */
    bool recipe_binds;                      /* adze wrote it: types must be the recipe's */
    const char *recipe_wrong;               /* what the model says cannot be read: why; NULL */
    const char *with;        /* real frameworks to ask for their ids, a list with commas; NULL */
    const char *asked;       /* keys that were set as asked, left out of what is compared; NULL */
    const char *asked_wrong; /* one that was to be set and is not; NULL */
} az_prove_opts;

/* What was compared, and what came out. Strings live in the proof's arena or are static. */
typedef struct az_proof_item {
    const char *part; /* "tokens" */
    const char *name; /* "ids", "blk.0.attn_q.weight" */
    az_finding verdict;
    const char *detail;    /* what was compared, for people; may be NULL */
    const char *where;     /* the first (weights: the worst) place that differs; NULL: none */
    uint64_t compared;     /* how many things, of kind `of` */
    uint64_t differing;    /* how many of them are not equal */
    const char *of;        /* "texts", "values", ...; static */
    double largest, bound; /* in `unit`; meaningful where bound >= 0 */
    const char *unit;      /* "steps", "nats"; static */
} az_proof_item;

typedef struct az_proof {
    adze_run *run;
    az_arena arena;
    const char *ref, *model; /* paths as given */
    unsigned parts;
    bool sampled;
    az_proof_item *items; /* [n], part after part */
    size_t n, cap;
    const char **notes; /* [n_notes] what other programs are known to do differently */
    size_t n_notes, notes_cap;
    json_t *figures; /* object: measurements of the logits; may be empty */
    bool failed;     /* out of memory somewhere; spare takes what does not fit */
    az_proof_item spare;
} az_proof;

/* Compare `model` with `ref`. What cannot be used of `model` is a difference, not an error; errors are those of
 * reading `ref`, of files, memory and workers, and ADZE_ECANCEL. *out is NULL then. */
adze_status az_prove(az_proof **out, adze_run *run, adze_model *ref, adze_model *model,
                     const az_prove_opts *opts, adze_error *err);
void az_proof_free(az_proof *p); /* NULL is fine */

/* Is it the input's fault (and so a difference), not the machine's? */
bool az_proof_soft(adze_status s);
/* Worst verdict of all items, or of one part's (NULL: all). */
az_finding az_proof_worst(const az_proof *p, const char *part);
/* Nothing is different and nothing was left unchecked. */
bool az_proof_holds(const az_proof *p);
/* "proven", "inconclusive" or "different". */
const char *az_proof_verdict_name(const az_proof *p);
/* First item of a finding; NULL: none. */
const az_proof_item *az_proof_first(const az_proof *p, az_finding f);
/* The items, notes and figures of docs/proof.md. New reference; NULL: out of memory. */
json_t *az_proof_json(const az_proof *p);

#endif
