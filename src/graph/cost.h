/* What running a graph costs: bytes read, operations, cache bytes. Exact counts, from shapes and types
 * alone; nothing here knows a machine's speed.
 */
#ifndef AZ_GRAPH_COST_H
#define AZ_GRAPH_COST_H

#include "graph/graph.h"

typedef enum az_arith { AZ_ARITH_INT8, AZ_ARITH_F32, AZ_ARITH_COUNT } az_arith;

typedef struct az_cost_in {
    /* Type of a weight by canonical name (as stored, or as a recipe would choose). */
    az_type (*type_of)(void *user, const char *name);
    void *user;
    int64_t n_tokens; /* evaluated in one call, >= 1 */
    int64_t n_past;   /* already in the caches */
    int64_t n_logits; /* rows of logits wanted, <= n_tokens */
} az_cost_in;

typedef struct az_op_cost {
    uint64_t nodes;
    uint64_t weight_bytes;        /* read once per call */
    uint64_t state_bytes;         /* cache read and written */
    uint64_t value_bytes;         /* activations read and written, f32 */
    double flops[AZ_ARITH_COUNT]; /* a multiply and an add count as two */
} az_op_cost;

typedef struct az_cost {
    az_op_cost op[AZ_OP_COUNT];
    az_op_cost all;
} az_cost;

/* One call of n_tokens tokens after n_past. Quantized weights multiply in int8, plain ones in f32. Of a mixture
 * of experts one token reads those that it takes, several those that they are expected to take if every expert is
 * as likely. */
void az_graph_cost(const az_graph *g, const az_cost_in *in, az_cost *out);

/* Bytes of all weights under these types; false when a row does not fit its type or the sum overflows. */
bool az_graph_weight_bytes(const az_graph *g, const az_cost_in *in, uint64_t *bytes);
/* Bytes that one more token adds to the caches, and what a whole context needs (f16 keys and values). */
uint64_t az_graph_state_bytes_per_token(const az_graph *g);
uint64_t az_graph_state_bytes(const az_graph *g, int64_t context);

#endif
