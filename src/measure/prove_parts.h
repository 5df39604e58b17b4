/* What the parts of a proof share; only prove*.c include it. */
#ifndef AZ_MEASURE_PROVE_PARTS_H
#define AZ_MEASURE_PROVE_PARTS_H

#include "arch/arch.h"
#include "format/format.h"
#include "measure/prove.h"
#include "text/tokenizer.h"

typedef struct az_proving {
    adze_run *run;
    az_proof *p;
    const az_prove_opts *o;
    adze_model *ref, *model;
    adze_tokenizer *ref_tok, *model_tok; /* NULL: could not be made; ref_why, model_why say why */
    adze_error ref_why, model_why;
    const az_arch *arch; /* of ref; NULL: not known */
    az_config config;
    bool lossy; /* some weights are within a bound, not equal */
} az_proving;

/* New item with everything but what is given zero; to be filled before the next one is added. Running out of memory
 * is remembered in p->failed. */
az_proof_item *az_proof_add(az_proof *p, const char *part, const char *name, az_finding v);
/* Formatted text in the proof's arena, control bytes escaped; "" and p->failed when out of memory. */
const char *az_proof_text(az_proof *p, const char *fmt, ...) AZ_PRINTF(2, 3);
void az_proof_note(az_proof *p, const char *text);
/* An item about `model` that could not be read: the error's text is the place. */
void az_proof_broken(az_proof *p, const char *part, const char *name, const adze_error *err);

adze_status az_prove_tokens(az_proving *v, adze_error *err);
adze_status az_prove_template(az_proving *v, adze_error *err);
adze_status az_prove_config(az_proving *v, adze_error *err);
adze_status az_prove_weights(az_proving *v, adze_error *err);
/* prove_recipe.c: one item, the types of all outputs against those that the recipe gives. */
adze_status az_prove_recipe(az_proving *v, const az_plan *ref, const az_plan *model,
                            adze_error *err);
adze_status az_prove_logits(az_proving *v, adze_error *err);
/* prove_known.c: notes by properties of the models. */
void az_prove_known(az_proving *v);

/* prove_texts.c */
typedef struct az_proof_string {
    const char *what; /* "combining marks" */
    const char *s;
    size_t n;
} az_proof_string;
extern const az_proof_string az_proof_strings[]; /* ends with what NULL */
extern const char az_proof_prose[];              /* for logits */

/* prove_step.c: how far apart two values of a type are. */
typedef struct az_step_rule {
    size_t group, block; /* values that share a scale; values whose scales share one */
    bool symmetric;
    double levels; /* a group's range, or its largest magnitude, by this is a step */
    double bound;  /* in steps: the furthest that a sound encoder goes */
} az_step_rule;
/* NULL: a float type, or one that is not known. */
const az_step_rule *az_step_rule_of(const az_tensor *t, az_step_rule *scratch);
/* steps[i] of value i of a row; x: [n] reference. */
void az_steps(const az_step_rule *r, az_type type, const float *x, size_t n, float *steps);

#endif
