/* The main job: from a checkpoint to a chosen, measured, smaller model on this machine.
 *
 * az_optimize converts the checkpoint by every recipe, finds each artifact's best settings, measures all of
 * them beside the baseline in interleaved rounds, evaluates quality, applies the gates and chooses among the
 * candidates that passed. Every stage is kept in the registry by the digest of its inputs, so that a second
 * run, or one after an interruption, does only what is missing.
 */
#ifndef AZ_PLAN_OPTIMIZE_H
#define AZ_PLAN_OPTIMIZE_H

#include "arch/arch.h"
#include "job/convert.h"
#include "measure/bench.h"
#include "measure/eval.h"
#include "measure/probe.h"
#include "plan/assess.h"
#include "plan/gates.h"
#include "plan/pareto.h"
#include "plan/variant.h"
#include "store/store.h"

typedef struct az_optimize_opts {
    const char *src; /* checkpoint */
    const char *out_dir;
    const char *text;  /* held-out text; NULL: quality is not measured (inconclusive) */
    const char *gates; /* gates file; NULL: the usual ones */
    const char *const
        *recipes; /* [n_recipes] variants (plan/variant.h); 0: the formats' usual ones */
    size_t n_recipes;
    const char *const
        *formats; /* [n_formats] whose usual recipes are tried; 0 and no recipes: gguf,
                                   and mlx where MLX runs */
    size_t n_formats;
    const char *imatrix;   /* file of an importance matrix; NULL: none */
    const char *calibrate; /* text to make one from; NULL: none */
    az_weights prefer;
    double max_time_s;       /* 0: no limit */
    uint64_t max_disk_bytes; /* of the artifacts together; 0: what the disk has */
    bool keep;               /* losing artifacts stay */
    bool fresh;              /* measure again even where the registry has an answer */
    int threads;             /* 0: find the best */
    size_t prompt, generate; /* tokens of the benchmark */
    int rounds;              /* 0: 21 for a small model, 7 otherwise */
    size_t chunks;           /* of the evaluation; 0: as many as fit a minute or so */
    const char *command;     /* whole command line, for the registry and the report */
} az_optimize_opts;

extern const char *const az_optimize_recipes[]; /* the default recipes, NULL-terminated */

/* One setting that was tried for an artifact. */
typedef struct az_trial {
    int threads;
    az_figure prefill_tok_s, decode_tok_s;
} az_trial;

typedef enum az_candidate_status {
    AZ_CAND_MEASURED,
    AZ_CAND_FAILED,
    AZ_CAND_SKIPPED
} az_candidate_status;

enum { AZ_TRIALS_MAX = 4 };

typedef struct az_candidate {
    char id[AZ_VARIANT_MAX + 32]; /* "q4_k_m/native/t2" */
    const char *recipe;           /* the variant's text; the baseline's is "baseline" */
    az_variant variant;
    const char *format, *engine;
    az_candidate_status status;
    char reason[400]; /* why it failed or was skipped */
    az_engine_settings settings;
    az_trial trials[AZ_TRIALS_MAX];
    size_t n_trials;
    const char *path;
    char digest[AZ_DIGEST_SIZE];
    uint64_t bytes; /* of the file or files */
    double bits_per_weight, convert_s;
    bool made, kept; /* the file exists; it will stay */
    char proof[16];  /* verdict of the quick proof of the file; "": none */
    uint64_t type_bytes[AZ_TYPE_COUNT];
    az_prediction predicted; /* said before it was converted; 0: nothing was said */
    az_bench_result bench;
    az_eval_result eval;
    az_figure ratio_decode, ratio_prefill, ratio_memory; /* over the baseline */
    az_evidence evidence;
    az_gate_result gates[AZ_GATES_MAX];
    az_verdict verdict;
    bool pareto;
    int dominated_by; /* index, or -1 */
    double score;
} az_candidate;

enum { AZ_WARNINGS_MAX = 16 };

typedef struct az_optimization {
    adze_run *run;
    az_arena arena;
    const az_optimize_opts *opts;
    adze_model *model;
    const az_arch *arch;
    az_config config;
    char model_digest[AZ_DIGEST_SIZE], text_digest[AZ_DIGEST_SIZE];
    char build
        [AZ_DIGEST_SIZE]; /* of the running program: what another build made or measured is not reused */
    az_probe probe;
    bool busy; /* other work loaded the machine when the run began */
    /* Of the machine, its threads and the engine's build: figures hold for it alone. */
    char fingerprint[AZ_DIGEST_SIZE];
    const char *model_name;
    const char *imatrix; /* file that candidates with importance are made with; NULL: none */
    char imatrix_digest[AZ_DIGEST_SIZE];
    az_candidate *candidates; /* [n]; candidates[0] is the baseline */
    size_t n;
    size_t eval_chunks, eval_positions, text_tokens;
    const char *inconclusive; /* why quality proves nothing, or NULL */
    az_gates gates;
    az_choice choice; /* indices in candidates */
    json_t *profile;  /* of the chosen one, or NULL */
    uint64_t started_ms;
    double elapsed_s;
    int exit_code;
    int64_t run_id;
    size_t reused; /* stages that the registry answered */
    char warnings[AZ_WARNINGS_MAX][320];
    size_t n_warnings;
    /* private */
    az_store *store;
    uint64_t deadline_ns; /* 0: none */
    int rounds;
    int thread_choices[AZ_TRIALS_MAX];
    size_t n_thread_choices;
} az_optimization;

/* Run the whole job. On ADZE_OK the choice is made or no candidate passed (exit_code 5). The caller frees
 * with az_optimization_free in every case. */
adze_status az_optimize(adze_run *run, const az_optimize_opts *opts, az_optimization *out,
                        adze_error *err);
/* Record the end of the run in the registry: where the report is. */
adze_status az_optimize_finish(az_optimization *o, const char *report_path, adze_error *err);
void az_optimization_free(az_optimization *o);

/* Fill o->candidates (candidates.c). */
adze_status az_optimize_candidates(az_optimization *o, adze_error *err);

/* Stages, in the order they run (optimize_stages.c). */
adze_status az_optimize_predict(az_optimization *o, adze_error *err);
adze_status az_optimize_convert(az_optimization *o, adze_error *err);
adze_status az_optimize_tune(az_optimization *o, adze_error *err);
adze_status az_optimize_measure(az_optimization *o, adze_error *err);
adze_status az_optimize_evaluate(az_optimization *o, adze_error *err);
adze_status az_optimize_profile(az_optimization *o, adze_error *err);
/* The chosen file exists after this, made again if an earlier run had deleted it. */
adze_status az_optimize_keep_chosen(az_optimization *o, adze_error *err);
/* Key of a stage: kind, then fields up to NULL; the build is in it. */
adze_status az_optimize_key(az_optimization *o, char key[AZ_DIGEST_SIZE], adze_error *err,
                            const char *kind, ...);
/* What the registry keeps under a key; NULL: nothing, or all is made afresh. */
adze_status az_optimize_recall(az_optimization *o, const char *key, json_t **kept, adze_error *err);
void az_optimize_warn(az_optimization *o, const char *fmt, ...) AZ_PRINTF(2, 3);

#endif
