/* What the stages of a pass share; only the exec files include it. */
#ifndef AZ_INFER_EXEC_H
#define AZ_INFER_EXEC_H

#include "infer/session.h"

#define AZ_PIECES 4 /* a thread, so that a slow one does not hold up the rest */

typedef struct az_range {
    size_t from, to;
} az_range;
typedef az_range az_rows;

/* Piece i of n things cut into `pieces`, in whole units. */
static inline az_range az_share(size_t n, size_t unit, size_t i, size_t pieces)
{
    size_t units = (n + unit - 1) / unit, a = units * i / pieces * unit,
           b = units * (i + 1) / pieces * unit;

    return (az_range){ a < n ? a : n, b < n ? b : n };
}

static inline size_t az_first_row(const az_pass *p, bool last_only)
{
    return last_only ? p->m - p->want : 0;
}

static inline float *az_value_row(const adze_session *s, int value, size_t row)
{
    return s->values[value].p + row * s->values[value].ld;
}

/* A row in the form that a product reads. */
static inline void *az_act_row(const adze_session *s, int value, az_act_type act, size_t row)
{
    size_t width = (size_t)s->graph.nodes[value].width;

    if (act == AZ_ACT_F32) return az_value_row(s, value, row);
    return (char *)s->coded[act][s->values[value].coded[act]] + row * az_act_row_bytes(act, width);
}

/* Rows of a value that are computed: tokens, or the pairs of a mixture of experts from 0 on. */
az_rows az_rows_of(const az_pass *p, int value);
static inline const az_span *az_span_of(const az_pass *p, size_t row)
{
    return &p->s->spans[p->s->row_span[row]];
}

/* Position of a row in its sequence. */
size_t az_position(const az_pass *p, size_t row);

/* Rows where there are enough, else columns of all rows: fn does columns [c0, c1) of one row. */
typedef void az_piece_fn(const az_pass *p, int value, size_t row, size_t c0, size_t c1);
void az_by_pieces(const az_pass *p, const az_stage *st, size_t piece, size_t pieces,
                  az_piece_fn *fn);
/* Into every form that products want of it. */
void az_quantize_piece(const az_pass *p, int value, size_t row, size_t c0, size_t c1);

/* exec_attention.c */
void az_run_rope(const az_pass *p, const az_stage *st, size_t piece, size_t pieces);
size_t az_attention_pieces(const az_pass *p, const az_stage *st);
void az_run_attention(const az_pass *p, const az_stage *st, size_t piece);

/* exec_experts.c */
void az_run_route(const az_pass *p, const az_stage *st, size_t piece, size_t pieces);
void az_run_group(const az_pass *p, const az_stage *st);
void az_run_gather(const az_pass *p, const az_stage *st, size_t piece, size_t pieces);
size_t az_experts_pieces(const az_pass *p, const az_stage *st, int threads);
/* Each pair's row to the session's watch. */
void az_show_experts(const az_pass *p, const az_stage *st, const int *weights);
void az_run_experts(const az_pass *p, const az_stage *st, size_t piece, int threads);
/* Experts whose weights the stage read in this pass. */
size_t az_experts_active(const adze_session *s, const az_stage *st);
void az_mix_piece(const az_pass *p, int value, size_t row, size_t c0, size_t c1);

/* exec_state.c */
void az_run_conv(const az_pass *p, const az_stage *st, size_t piece, size_t pieces);
void az_run_pool(const az_pass *p, const az_stage *st, size_t piece);

#endif
