/* Where the time of a session goes: per stage, added up over layers. */
#include "infer/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static az_op stage_op(az_stage_kind kind)
{
    switch (kind) {
    case AZ_STAGE_EMBED: return AZ_OP_EMBED;
    case AZ_STAGE_NORM: return AZ_OP_NORM;
    case AZ_STAGE_QUANTIZE:
    case AZ_STAGE_LINEAR: return AZ_OP_LINEAR;
    case AZ_STAGE_ROPE: return AZ_OP_ROPE;
    case AZ_STAGE_ATTENTION: return AZ_OP_ATTENTION;
    case AZ_STAGE_ACTIVATION: return AZ_OP_ACTIVATION;
    case AZ_STAGE_ADD: return AZ_OP_ADD;
    case AZ_STAGE_ROUTE:
    case AZ_STAGE_GROUP:
    case AZ_STAGE_GATHER: return AZ_OP_ROUTER;
    case AZ_STAGE_EXPERTS: return AZ_OP_EXPERTS;
    case AZ_STAGE_MIX: return AZ_OP_MIX;
    case AZ_STAGE_CONV: return AZ_OP_CONV;
    case AZ_STAGE_POOL: return AZ_OP_POOL;
    }
    return AZ_OP_COUNT;
}

/* "blk.3.ffn_up.weight" -> "ffn_up", appended with a plus. */
static void append_kind(char *kind, size_t size, const char *weight)
{
    const char *from = strncmp(weight, "blk.", 4) == 0 ? strchr(weight + 4, '.') : NULL, *to;
    size_t at = strlen(kind);

    from = from ? from + 1 : weight;
    to = strrchr(from, '.');
    snprintf(kind + at, size - at, "%s%.*s", at ? "+" : "", to ? (int)(to - from) : 40, from);
}

/* What stays the same over layers and calls (of experts: over the parts that were read); ns and calls are added
 * by the caller. */
static void describe(const adze_session *s, const az_stage *st, az_profile_row *row)
{
    *row = (az_profile_row){ .op = stage_op(st->kind) };
    if (st->kind == AZ_STAGE_QUANTIZE) snprintf(row->kind, sizeof row->kind, "activations");
    if (st->kind != AZ_STAGE_LINEAR && st->kind != AZ_STAGE_EMBED && st->kind != AZ_STAGE_EXPERTS)
        return;
    for (int i = 0; i < st->n_nodes; i++) {
        const az_node *n = &s->graph.nodes[st->node[i]];
        int weight = n->weight[0];
        const az_bound *w = &s->weights[weight];
        size_t rows = w->experts ? (size_t)n->width : w->rows;
        const char *type = az_type_get(w->type)->name;
        append_kind(row->kind, sizeof row->kind, s->graph.weights[weight].name);
        row->type = !row->type || strcmp(row->type, type) == 0 ? type : "mixed";
        row->bytes += (uint64_t)w->read_bytes * (st->kind == AZ_STAGE_EMBED ? 1 : rows);
        if (st->kind != AZ_STAGE_EMBED)
            row->ops += 2.0 * (double)rows * (double)w->cols * (n->slots ? n->slots : 1);
    }
}

static int by_time(const void *a, const void *b)
{
    uint64_t x = ((const az_profile_row *)a)->ns, y = ((const az_profile_row *)b)->ns;

    return x < y ? 1 : x > y ? -1 : 0;
}

void az_session_profile_start(adze_session *s)
{
    for (int i = 0; i < s->n_stages; i++)
        s->stages[i].ns = s->stages[i].calls = s->stages[i].rows = s->stages[i].experts = 0;
    s->profiling = true;
}

adze_status az_session_profile_rows(adze_session *s, az_arena *arena, az_profile_row **rows,
                                    size_t *n, adze_error *err)
{
    az_profile_row *list = az_arena_array(arena, (size_t)s->n_stages, sizeof *list), row;
    size_t count = 0, j;

    s->profiling = false;
    *n = 0;
    *rows = list;
    if (!list) return az_fail_nomem(err, "profiling");
    for (int i = 0; i < s->n_stages; i++) {
        const az_stage *st = &s->stages[i];
        describe(s, st, &row);
        for (j = 0; j < count; j++)
            if (list[j].op == row.op && strcmp(list[j].kind, row.kind) == 0) break;
        if (j == count) {
            list[count] = row;
            list[count].ops = 0;
            list[count++].bytes = 0;
        } else if (row.type && strcmp(list[j].type, row.type) != 0) {
            list[j].type = "mixed";
        }
        list[j].ns += st->ns;
        list[j].calls += st->calls;
        list[j].bytes += row.bytes * (st->kind == AZ_STAGE_EXPERTS ? st->experts : st->calls);
        list[j].ops += row.ops * (double)st->rows;
    }
    qsort(list, count, sizeof *list, by_time);
    *n = count;
    return ADZE_OK;
}
