/* The native engine: a graph, its weights, buffers planned once, caches.
 *
 * A session runs in passes of up to `batch` tokens. A pass walks the stages: each is one operator, or several
 * that need not wait for each other, cut into pieces that the threads take one by one. A stage is over when
 * its pieces are done, not when every thread has arrived: one that was put aside holds nobody up.
 */
#ifndef AZ_INFER_SESSION_H
#define AZ_INFER_SESSION_H

#include <adze/session.h>
#include <stdatomic.h>
#include "arch/arch.h"
#include "base/thread.h"
#include "graph/graph.h"
#include "infer/pages.h"
#include "kernel/kernel.h"

/* A weight as a session uses it: a matrix where it lies in the mapped file, or a vector as f32. What products read are
 * panels in memory of the session's own, where the kernels have them (panels.c). */
typedef struct az_bound {
    const void *data;     /* [rows][cols] in `type`, may be unaligned; NULL for a vector */
    const float *vec;     /* [rows][cols]; NULL for a matrix */
    const void **experts; /* [n_experts] where each one's rows or panels start */
    int n_experts;
    az_type type;
    size_t row_bytes;  /* from a row to the next */
    size_t rows, cols; /* rows of all experts */
    size_t read_bytes; /* of one row: what the cost of a product is */
    az_matmul_fn *matmul;
    const void *product;      /* what matmul reads: data, or panels; experts: NULL */
    size_t product_row_bytes; /* there and in experts */
} az_bound;

/* Where a value lies. Slices, rotations and sums share the storage of their input. */
typedef struct az_value {
    int storage;             /* -1: the caller's logits */
    size_t at, ld;           /* first column in the storage, and its row length, in floats */
    float *p;                /* row 0; NULL for the caller's logits */
    int coded[AZ_ACT_TYPES]; /* which activation buffer holds it in a form, -1: none */
    int routing;             /* of a router: which of the session's */
} az_value;

typedef enum az_stage_kind {
    AZ_STAGE_EMBED,    /* by token: also the rotary tables of the pass */
    AZ_STAGE_NORM,     /* and quantize */
    AZ_STAGE_QUANTIZE, /* of a value whose producer cannot do it */
    AZ_STAGE_LINEAR,   /* all that read one value; with bias, and the sum that follows */
    AZ_STAGE_ROPE,     /* q and k, then k and v into the cache */
    AZ_STAGE_ATTENTION,
    AZ_STAGE_ACTIVATION, /* and quantize */
    AZ_STAGE_ADD,
    AZ_STAGE_ROUTE,   /* experts and weights of each row */
    AZ_STAGE_GROUP,   /* rows sorted by expert; one piece */
    AZ_STAGE_GATHER,  /* the sorted rows copied, where an expert has more than one */
    AZ_STAGE_EXPERTS, /* all that read one value */
    AZ_STAGE_MIX,     /* and quantize */
    AZ_STAGE_CONV,    /* then the state moves on */
    AZ_STAGE_POOL
} az_stage_kind;

enum { AZ_STAGE_NODES = 4, AZ_CODED_BUFFERS = 2 };

typedef struct az_stage {
    az_stage_kind kind;
    int n_nodes;
    int node[AZ_STAGE_NODES];
    int add[AZ_STAGE_NODES]; /* the sum fused into a linear, -1: none */
    bool last_only;
    uint64_t ns, calls, rows, experts; /* profile; experts: parts of the weights that were read */
} az_stage;

/* Who computes what in a mixture of experts: pairs (token row, slot), sorted by expert. Each router has its
 * own for the whole pass, so that a thread that comes late sees the pieces of its stage as the others did. */
typedef struct az_routing {
    int32_t *expert; /* [rows][slots] in order of preference */
    float *weight;   /* [rows][slots] */
    uint32_t *order; /* [pairs] sorted by expert: row * slots + slot */
    uint32_t *place; /* [rows][slots] place in `order` */
    uint32_t *start; /* [experts + 1] first place of each */
    int32_t *active; /* [n_active] experts that have any */
    size_t n_active;
} az_routing;

/* Pieces of one stage that are finished in one pass, on a cache line of its own. */
typedef struct az_stage_work {
    atomic_size_t done;
    char pad[64 - sizeof(atomic_size_t)];
} az_stage_work;

/* A run of rows of a pass that belong to one sequence, at positions that follow one another. */
typedef struct az_span {
    az_sequence *seq;
    size_t first, n; /* rows of the pass */
    size_t pos;      /* of the first row */
    size_t tile;     /* where the pages begin: an encoder puts several texts into one sequence */
} az_span;

/* Panels that were made of mapped matrices, in the order of the graph's weights, and those still to be made. */
enum { AZ_PANEL_PASSES = 8 };
typedef struct az_panels {
    char *memory, *free; /* NULL: products read the mapped files */
    uint64_t bytes;      /* of all */
    int next;            /* weight to look at next */
    uint64_t passes;
} az_panels;

/* Shown every row that goes into a product: x, for each of the weights (indices in the graph) of one stage, and for one
 * expert of those (0: they have none). Called by one thread at a time, in an order that does not depend on threads. */
typedef void az_watch_fn(void *arg, const int *weights, int n_weights, int expert, const float *x);

struct adze_session {
    adze_run *run;
    adze_model *model;
    az_arena arena;
    az_config config;
    az_graph graph;
    const az_kernels *kernels;
    az_pool *pool, *own_pool;
    size_t context, batch;
    az_pages pages;
    az_sequence
        *sequences; /* [n_sequences]; the first is the one that adze_session_eval continues */
    size_t n_sequences;
    az_span *spans;     /* [max_spans] of the pass under way */
    size_t max_spans;   /* two a sequence: rows without and with logits */
    uint32_t *row_span; /* [batch] */

    az_bound *weights; /* [graph.n_weights] */
    bool all_f32;      /* every matrix is */
    az_panels panels;
    az_value *values; /* [graph.n_nodes] */
    az_stage *stages;
    int n_stages;
    az_stage_work *work; /* [n_stages] */
    atomic_size_t *next; /* [threads][n_stages]: pieces that were taken of each thread's share */
    int n_buffers;
    float **buffers;                      /* [n_buffers] */
    size_t *buffer_columns;               /* floats a row of the pass needs in each */
    size_t coded_row_bytes[AZ_ACT_TYPES]; /* largest row of each form, 0: none */
    void *coded[AZ_ACT_TYPES][AZ_CODED_BUFFERS];
    float *inv_freq[2]; /* [dims / 2] of the config's rope and of its rope_sliding */
    float
        *rope_table[2]; /* [batch][dims / 2] pairs (cos, sin); [1]: NULL where there is one rope */
    az_routing *routings; /* [n_routings] */
    int n_routings;
    size_t slots, n_experts; /* largest of any router */
    size_t gather_row_bytes; /* of the widest row that experts share; 0: none */
    void *gathered;          /* [batch * slots] rows */
    uint64_t memory_bytes;
    bool profiling;
    az_watch_fn *watch; /* NULL: nobody looks on */
    void *watch_arg;
};

enum { AZ_ENCODER_TEXTS = 16 }; /* in one pass */

/* One call of the team: m tokens in the session's spans, logits of the last `want` rows. An encoder: whole
 * sequences, and `logits` gets one embedding for each span. */
typedef struct az_pass {
    adze_session *s;
    const int32_t *tokens; /* [m] */
    size_t m, want;
    float *logits;  /* [want][vocab]; encoder: [n_spans][hidden] */
    size_t n_spans; /* rows 0 .. m, in order */
} az_pass;

/* plan.c: stages, and buffers by liveness. Widths only; nothing is allocated but the plan itself. */
adze_status az_session_plan(adze_session *s, adze_error *err);
/* bind.c: every weight, checked. */
adze_status az_session_bind(adze_session *s, const az_arch *arch, adze_error *err);
/* panels.c: products' weights are to become panels, or stay where they are if the run's budget has no room for them. */
void az_session_interleave(adze_session *s);
/* At the beginning of a pass: a part of them does. */
void az_session_advance(adze_session *s);
/* exec.c: the pass whose spans are in p->s->spans. On an error (ADZE_ECANCEL, a file that changed) what it wrote into caches and
 * logits means nothing; convolutions must be restored. */
adze_status az_session_pass(az_pass *p, adze_error *err);

/* What adze_session_rewind says, for any sequence; and the states that have no positions, as they were before a call. */
adze_status az_sequence_rewind(adze_session *s, az_sequence *q, size_t n, adze_error *err);
void az_sequence_keep(const adze_session *s, az_sequence *q);
void az_sequence_restore(const adze_session *s, az_sequence *q);

/* A session on a given config instead of the model's own: what tests change to prove that the golden
 * values notice. No check that every tensor is used. */
adze_status az_session_new_config(adze_session **out, adze_run *run, adze_model *m,
                                  const adze_session_opts *opts, const az_arch *arch,
                                  const az_config *c, adze_error *err);

/* Evaluate tokens for what the products of the layers read alone: no logits. fn sees all rows. */
adze_status az_session_watch(adze_session *s, const int32_t *tokens, size_t n, az_watch_fn *fn,
                             void *arg, adze_error *err);

/* "auto", "f16", "f32", "q8_0", "q4_0"; false: no such name. */
bool az_kv_of_name(const char *name, adze_kv *kv);
const char *az_kv_name(adze_kv kv);

/* Bytes taken by caches and buffers; weights, in panels or mapped, take what the files take. */
uint64_t az_session_memory_bytes(const adze_session *s);

/* Time per kind of stage since az_session_profile_start, layers added up. */
typedef struct az_profile_row {
    az_op op;
    char kind[64];    /* "attn_q+attn_k+attn_v", "ffn_down", "" without weights */
    const char *type; /* "q4_k", "mixed", NULL without weights */
    uint64_t ns;      /* of thread 0, waiting included */
    uint64_t calls;   /* stages run */
    uint64_t bytes;   /* weight bytes read in all those calls */
    double ops;       /* operations of products in all those calls, a multiply-add is two */
} az_profile_row;
void az_session_profile_start(adze_session *s); /* forgets what was counted before */
/* Rows, most expensive first; in `arena`. Stops counting. */
adze_status az_session_profile_rows(adze_session *s, az_arena *arena, az_profile_row **rows,
                                    size_t *n, adze_error *err);

#endif
