/* From a graph to stages and buffers, once per session.
 *
 * Stages: linears that read one value run together; a bias and the sum after a linear are done by whoever
 * made the columns; norms and gates quantize their rows for the linears that follow; rotations wait for
 * the attention that reads them. Buffers: a storage lives from the stage that makes it to the last that
 * reads it, and takes the best-fitting buffer that is free in between.
 */
#include "infer/session.h"

#include <string.h>

typedef struct storage {
    size_t columns;
    int from, to; /* stages; to -1: never read */
    int buffer;
} storage;

typedef struct planner {
    adze_session *s;
    const az_graph *g;
    int *uses;       /* [n_nodes] consumers of a value */
    int *last;       /* [n_nodes] last node that reads it */
    int *stage_of;   /* [n_nodes] -1 for slices */
    unsigned *wants; /* [n_nodes] forms of activations, a bit each, that products read */
    storage *storages;
    int n_storages;
    int turn[AZ_ACT_TYPES];
    int holder[AZ_ACT_TYPES][AZ_CODED_BUFFERS]; /* value that each holds, -1: none */
    int gathered;                               /* value whose rows the experts share */
    const char *why;                            /* what the engine cannot run, NULL: fine */
} planner;

static const az_node *node_at(const planner *p, int i)
{
    return &p->g->nodes[i];
}

static void count_uses(planner *p)
{
    for (int i = 0; i < p->g->n_nodes; i++) {
        const az_node *n = node_at(p, i);
        for (int j = 0; j < 3; j++) {
            if (n->in[j] < 0) continue;
            p->uses[n->in[j]]++;
            p->last[n->in[j]] = i;
        }
        if (n->op == AZ_OP_LINEAR || n->op == AZ_OP_EXPERTS) {
            az_act_type a = p->s->kernels->weight[p->s->weights[n->weight[0]].type].act;
            if (a != AZ_ACT_F32) p->wants[n->in[0]] |= 1u << a;
        }
    }
}

static az_stage *new_stage(planner *p, az_stage_kind kind, int node)
{
    az_stage *st = &p->s->stages[p->s->n_stages++];

    *st = (az_stage){ .kind = kind, .n_nodes = 1, .last_only = node_at(p, node)->last_only };
    for (int i = 0; i < AZ_STAGE_NODES; i++)
        st->node[i] = st->add[i] = -1;
    st->node[0] = node;
    p->stage_of[node] = p->s->n_stages - 1;
    return st;
}

/* Give a value an activation buffer for each form that is wanted of it; the buffers of a form take turns. */
static void take_buffers(planner *p, int value)
{
    const az_node *n = node_at(p, value);

    for (int a = 0; a < AZ_ACT_TYPES; a++) {
        size_t row =
            az_act_row_bytes((az_act_type)a, (size_t)n->width) * (size_t)(n->slots ? n->slots : 1);
        int *holder = &p->holder[a][p->turn[a]];

        if (!(p->wants[value] >> a & 1)) continue;
        if (*holder >= 0 && p->last[*holder] > value) p->why = "so many quantized values at once";
        *holder = value;
        p->s->values[value].coded[a] = p->turn[a];
        p->turn[a] = (p->turn[a] + 1) % AZ_CODED_BUFFERS;
        if (row > p->s->coded_row_bytes[a]) p->s->coded_row_bytes[a] = row;
    }
}

/* Whether products want a value in other forms, which nobody makes so far. */
static bool lacks_buffers(const planner *p, int value)
{
    for (int a = 0; a < AZ_ACT_TYPES; a++)
        if (p->wants[value] >> a & 1 && p->s->values[value].coded[a] < 0) return true;
    return false;
}

/* Its producer could not code it: a stage of its own. */
static void plan_coding(planner *p, int value)
{
    new_stage(p, AZ_STAGE_QUANTIZE, value);
    take_buffers(p, value);
}

static void plan_linear(planner *p, int i)
{
    const az_node *n = node_at(p, i);
    az_stage *st = p->s->n_stages ? &p->s->stages[p->s->n_stages - 1] : NULL;

    if (lacks_buffers(p, n->in[0])) {
        plan_coding(p, n->in[0]);
        st = NULL;
    }
    if (st && st->kind == AZ_STAGE_LINEAR && st->n_nodes < AZ_STAGE_NODES && st->add[0] < 0 &&
        node_at(p, st->node[0])->in[0] == n->in[0] && st->last_only == n->last_only) {
        st->node[st->n_nodes++] = i;
        p->stage_of[i] = p->s->n_stages - 1;
    } else {
        new_stage(p, AZ_STAGE_LINEAR, i);
    }
}

/* The sum right after the linear that makes its second input joins that linear's stage. */
static void plan_add(planner *p, int i)
{
    const az_node *n = node_at(p, i);
    az_stage *st = p->s->n_stages ? &p->s->stages[p->s->n_stages - 1] : NULL;

    if (p->last[n->in[0]] != i || n->in[0] == n->in[1])
        p->why = "a value that is read again after it was added to";
    if (st && st->kind == AZ_STAGE_LINEAR && st->n_nodes == 1 && st->node[0] == n->in[1] &&
        p->uses[n->in[1]] == 1 && st->last_only == n->last_only) {
        st->add[0] = i;
        p->stage_of[i] = p->s->n_stages - 1;
    } else {
        new_stage(p, AZ_STAGE_ADD, i);
    }
}

static void plan_attention(planner *p, int i)
{
    const az_node *n = node_at(p, i);
    az_stage *st = new_stage(p, AZ_STAGE_ROPE, i);

    st->last_only = false; /* keys and values of every row are kept */
    for (int j = 0; j < 2; j++)
        if (node_at(p, n->in[j])->op == AZ_OP_ROPE) p->stage_of[n->in[j]] = p->s->n_stages - 1;
    new_stage(p, AZ_STAGE_ATTENTION, i);
}

static void plan_router(planner *p, int i)
{
    const az_node *n = node_at(p, i);

    p->s->values[i].routing = p->s->n_routings++;
    new_stage(p, AZ_STAGE_ROUTE, i);
    new_stage(p, AZ_STAGE_GROUP, i);
    if ((size_t)n->slots > p->s->slots) p->s->slots = (size_t)n->slots;
    if ((size_t)n->n_experts > p->s->n_experts) p->s->n_experts = (size_t)n->n_experts;
}

/* Experts that read one value share a stage; rows of tokens are gathered first. */
static void plan_experts(planner *p, int i)
{
    const az_node *n = node_at(p, i), *from = node_at(p, n->in[0]);
    az_act_type act = p->s->kernels->weight[p->s->weights[n->weight[0]].type].act;
    az_stage *st = &p->s->stages[p->s->n_stages - 1];
    size_t row = az_act_row_bytes(act, (size_t)from->width);

    if (lacks_buffers(p, n->in[0])) {
        plan_coding(p, n->in[0]);
        st = NULL;
    }
    if (st && st->kind == AZ_STAGE_EXPERTS && st->n_nodes < AZ_STAGE_NODES &&
        node_at(p, st->node[0])->in[0] == n->in[0] && p->gathered == (int)act) {
        st->node[st->n_nodes++] = i;
        p->stage_of[i] = p->s->n_stages - 1;
        return;
    }
    p->gathered = (int)act;
    if (!from->slots) new_stage(p, AZ_STAGE_GATHER, i);
    if (!from->slots && row > p->s->gather_row_bytes) p->s->gather_row_bytes = row;
    new_stage(p, AZ_STAGE_EXPERTS, i);
}

static void plan_node(planner *p, int i)
{
    const az_node *n = node_at(p, i);

    switch (n->op) {
    case AZ_OP_EMBED: new_stage(p, AZ_STAGE_EMBED, i); break;
    case AZ_OP_NORM: new_stage(p, AZ_STAGE_NORM, i); break;
    case AZ_OP_LINEAR: plan_linear(p, i); break;
    case AZ_OP_SLICE: break;
    case AZ_OP_ROPE:
        if (p->uses[i] != 1 || node_at(p, p->last[i])->op != AZ_OP_ATTENTION ||
            p->last[n->in[0]] != i)
            p->why = "a rotation that is not for one attention alone";
        break;
    case AZ_OP_ATTENTION: plan_attention(p, i); break;
    case AZ_OP_ACTIVATION: new_stage(p, AZ_STAGE_ACTIVATION, i); break;
    case AZ_OP_ADD: plan_add(p, i); break;
    case AZ_OP_ROUTER: plan_router(p, i); break;
    case AZ_OP_EXPERTS: plan_experts(p, i); break;
    case AZ_OP_MIX: new_stage(p, AZ_STAGE_MIX, i); break;
    case AZ_OP_CONV:
        new_stage(p, AZ_STAGE_CONV, i)->last_only = false;
        break; /* all rows are kept */
    case AZ_OP_POOL: new_stage(p, AZ_STAGE_POOL, i); break;
    case AZ_OP_COUNT: break;
    }
    if (n->op == AZ_OP_NORM || n->op == AZ_OP_ACTIVATION || n->op == AZ_OP_MIX) take_buffers(p, i);
}

/* Storage and place of each value; aliases follow their input. */
static void place_values(planner *p)
{
    for (int i = 0; i < p->g->n_nodes; i++) {
        const az_node *n = node_at(p, i);
        az_value *v = &p->s->values[i];
        if (i == p->g->output || n->op == AZ_OP_ROUTER) {
            v->storage = -1;
            v->ld = (size_t)n->width;
        } else if (n->op == AZ_OP_SLICE || n->op == AZ_OP_ROPE || n->op == AZ_OP_ADD) {
            const az_value *from = &p->s->values[n->in[0]];
            v->storage = from->storage;
            v->ld = from->ld;
            v->at = from->at + (size_t)(n->op == AZ_OP_SLICE ? n->slice_at : 0);
        } else {
            v->storage = p->n_storages;
            v->ld = (size_t)n->width;
            v->at = 0;
            p->storages[p->n_storages++] =
                (storage){ (size_t)n->width * (size_t)(n->slots ? n->slots : 1), p->stage_of[i],
                           p->stage_of[i], -1 };
        }
    }
}

/* Stage in which node i reads its inputs; a slice reads nothing itself. */
static void extend_lives(planner *p)
{
    for (int i = 0; i < p->g->n_nodes; i++) {
        const az_node *n = node_at(p, i);
        int own = p->s->values[i].storage;
        if (p->stage_of[i] < 0) continue;
        if (own >= 0 && p->storages[own].to < p->stage_of[i]) p->storages[own].to = p->stage_of[i];
        for (int j = 0; j < 3; j++) {
            int st = n->in[j] < 0 ? -1 : p->s->values[n->in[j]].storage;
            if (st >= 0 && p->storages[st].to < p->stage_of[i]) p->storages[st].to = p->stage_of[i];
        }
    }
}

/* Storages come in order of their first stage. */
static void assign_buffers(planner *p, int *free_after)
{
    adze_session *s = p->s;

    for (int i = 0; i < p->n_storages; i++) {
        storage *st = &p->storages[i];
        int best = -1;
        for (int b = 0; b < s->n_buffers; b++) {
            if (free_after[b] >= st->from) continue;
            if (best < 0)
                best = b;
            else if (s->buffer_columns[best] < st->columns
                         ? s->buffer_columns[b] > s->buffer_columns[best]
                         : s->buffer_columns[b] >= st->columns &&
                               s->buffer_columns[b] < s->buffer_columns[best])
                best = b;
        }
        if (best < 0) {
            best = s->n_buffers++;
            s->buffer_columns[best] = 0;
        }
        if (s->buffer_columns[best] < st->columns) s->buffer_columns[best] = st->columns;
        free_after[best] = st->to;
        st->buffer = best;
    }
    for (int i = 0; i < p->g->n_nodes; i++)
        if (s->values[i].storage >= 0)
            s->values[i].storage = p->storages[s->values[i].storage].buffer;
}

adze_status az_session_plan(adze_session *s, adze_error *err)
{
    planner p = { .s = s, .g = &s->graph };
    size_t n = (size_t)s->graph.n_nodes;
    int *free_after;

    p.uses = az_arena_array(&s->arena, n, sizeof *p.uses);
    p.last = az_arena_array(&s->arena, n, sizeof *p.last);
    p.stage_of = az_arena_array(&s->arena, n, sizeof *p.stage_of);
    p.wants = az_arena_array(&s->arena, n, sizeof *p.wants);
    p.storages = az_arena_array(&s->arena, n, sizeof *p.storages);
    free_after = az_arena_array(&s->arena, n, sizeof *free_after);
    s->values = az_arena_array(&s->arena, n, sizeof *s->values);
    s->buffer_columns = az_arena_array(&s->arena, n, sizeof *s->buffer_columns);
    s->stages = az_arena_array(&s->arena, 3 * n, sizeof *s->stages);
    if (!p.uses || !p.last || !p.stage_of || !p.wants || !p.storages || !free_after || !s->values ||
        !s->buffer_columns || !s->stages)
        return az_fail_nomem(err, "planning a session");
    memset(p.holder, -1, sizeof p.holder);
    for (size_t i = 0; i < n; i++) {
        p.stage_of[i] = p.last[i] = -1;
        memset(s->values[i].coded, -1, sizeof s->values[i].coded);
    }
    count_uses(&p);
    for (int i = 0; i < s->graph.n_nodes; i++)
        plan_node(&p, i);
    if (p.why)
        return az_fail(err, ADZE_EUNSUP, s->model->path, ADZE_NOPOS, "the engine cannot run %s",
                       p.why);
    place_values(&p);
    extend_lives(&p);
    assign_buffers(&p, free_after);
    return ADZE_OK;
}
