/* adze inspect PATH: what a checkpoint holds, from its headers alone. */
#include <stdio.h>
#include <string.h>
#include "arch/arch.h"
#include "base/json.h"
#include "cli/cli.h"
#include "core/packed.h"
#include "format/format.h"

typedef struct inspect_opts {
    bool tensors, json;
} inspect_opts;

static const az_opt opts[] = {
    { 0, "tensors", AZ_OPT_BOOL, offsetof(inspect_opts, tensors), NULL, NULL, "list every tensor" },
    { 0, "json", AZ_OPT_BOOL, offsetof(inspect_opts, json), NULL, NULL, "print as JSON" },
    { 0, NULL, AZ_OPT_BOOL, 0, NULL, NULL, NULL },
};

/* Tensors that are stored in the same way. */
typedef struct kind {
    const char *name;
    uint32_t tensors;
    uint64_t bytes;
} kind;

enum { MAX_KINDS = AZ_TYPE_COUNT + 64 };

typedef struct view {
    adze_model *m;
    const az_arch *arch; /* NULL: not known, `why` says it */
    az_config config;
    adze_error why;
    kind kinds[MAX_KINDS]; /* types first, by number; the last takes what is left */
    size_t n_kinds;
} view;

static const char *stored_as(const az_tensor *t)
{
    return t->packed && t->packed->label ? t->packed->label : az_type_get(t->type)->name;
}

static void count(view *v, const az_tensor *t)
{
    const char *name = stored_as(t);
    size_t i = 0;

    while (i < v->n_kinds && strcmp(v->kinds[i].name, name) != 0)
        i++;
    if (i == MAX_KINDS) i--;
    if (i == v->n_kinds) v->kinds[v->n_kinds++].name = i + 1 < MAX_KINDS ? name : "others";
    v->kinds[i].tensors++;
    v->kinds[i].bytes += t->size_bytes;
}

static void look(view *v)
{
    v->why.pos = ADZE_NOPOS;
    if (!v->m->config && !v->m->kv.n) {
        v->arch = NULL;
        v->why.status = ADZE_EUNSUP;
        snprintf(v->why.msg, sizeof v->why.msg, "the file has no config");
    } else if (az_arch_of(v->m, &v->arch, &v->config, &v->why) < 0) {
        v->arch = NULL;
    }
    for (size_t t = 0; t < AZ_TYPE_COUNT; t++)
        v->kinds[v->n_kinds++].name = az_type_get((az_type)t)->name;
    for (size_t i = 0; i < v->m->n_tensors; i++)
        count(v, &v->m->tensors[i]);
}

static uint64_t file_bytes(const adze_model *m)
{
    uint64_t n = 0;

    for (size_t i = 0; i < m->n_files; i++)
        n += m->files[i].size_bytes;
    return n;
}

static void shape_text(const az_tensor *t, char *buf, size_t size)
{
    size_t n = 0;

    buf[0] = 0;
    for (int i = 0; i < t->n_dims && n < size; i++)
        n += (size_t)snprintf(buf + n, size - n, "%s%lld", i ? " x " : "", (long long)t->shape[i]);
    if (!t->n_dims) snprintf(buf, size, "scalar");
}

static json_t *tensors_json(const adze_model *m)
{
    json_t *list = json_array();

    for (size_t i = 0; i < m->n_tensors; i++) {
        const az_tensor *t = &m->tensors[i];
        json_t *shape = json_array();
        for (int k = 0; k < t->n_dims; k++)
            json_array_append_new(shape, json_integer(t->shape[k]));
        json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:s, s:I, s:I}", "name", t->name,
                                              "type", stored_as(t), "shape", shape, "file",
                                              az_path_base(m->files[t->file].path), "offset",
                                              (json_int_t)t->at_bytes, "bytes",
                                              (json_int_t)t->size_bytes));
    }
    return list;
}

static json_t *scalar_json(const az_kv *kv)
{
    switch (kv->type) {
    case AZ_KV_F32:
    case AZ_KV_F64: return json_real(kv->v.f);
    case AZ_KV_BOOL: return json_boolean(kv->v.u != 0);
    case AZ_KV_STR: return json_stringn(kv->v.str.s, kv->v.str.n);
    case AZ_KV_I8:
    case AZ_KV_I16:
    case AZ_KV_I32:
    case AZ_KV_I64: return json_integer(kv->v.i);
    default: return json_integer((json_int_t)kv->v.u);
    }
}

/* Scalars as they are, arrays as their length: a vocabulary is no header worth printing. */
static json_t *metadata_json(const adze_model *m)
{
    json_t *o = json_object(), *v;

    for (size_t i = 0; i < m->kv.n; i++) {
        const az_kv *kv = &m->kv.items[i];
        if (kv->type == AZ_KV_ARR)
            v = json_pack("{s:I}", "length", (json_int_t)kv->v.arr.n);
        else
            v = scalar_json(kv);
        json_object_set_new(o, kv->key, v ? v : json_null()); /* a string that is no UTF-8, a NaN */
    }
    return o;
}

static json_t *config_json(const view *v)
{
    const az_config *c = &v->config;

    if (!v->arch) return json_null();
    return json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:I, s:I, s:I, s:b}", "layers", c->n_layers,
                     "hidden", c->hidden, "feed_forward", c->ff, "heads", c->n_heads, "kv_heads",
                     c->n_kv_heads, "head_dim", c->head_dim, "vocab", (json_int_t)c->vocab,
                     "context", (json_int_t)c->context, "window", (json_int_t)c->window, "tied",
                     (int)c->tied);
}

static void print_json(az_cli *cli, const view *v, bool tensors)
{
    const adze_model *m = v->m;
    json_t *types = json_object(), *files = json_array(), *j;

    for (size_t i = 0; i < v->n_kinds; i++)
        if (v->kinds[i].tensors)
            json_object_set_new(types, v->kinds[i].name,
                                json_pack("{s:I, s:I}", "tensors", (json_int_t)v->kinds[i].tensors,
                                          "bytes", (json_int_t)v->kinds[i].bytes));
    for (size_t i = 0; i < m->n_files; i++)
        json_array_append_new(files, json_pack("{s:s, s:I}", "path", m->files[i].path, "bytes",
                                               (json_int_t)m->files[i].size_bytes));
    j = json_pack("{s:s, s:s, s:o, s:o, s:I, s:I, s:I, s:o, s:o, s:b}", "path", m->path, "format",
                  m->format, "architecture", v->arch ? json_string(v->arch->name) : json_null(),
                  "config", config_json(v), "parameters", (json_int_t)adze_model_parameters(m),
                  "weight_bytes", (json_int_t)adze_model_bytes(m), "tensors",
                  (json_int_t)m->n_tensors, "types", types, "files", files, "chat_template",
                  m->chat_template != NULL);
    if (!v->arch) json_object_set_new(j, "unsupported", json_string(v->why.msg));
    if (m->warning) json_object_set_new(j, "warning", json_string(m->warning));
    if (m->kv.n) json_object_set_new(j, "metadata", metadata_json(m));
    if (tensors) json_object_set_new(j, "tensor_list", tensors_json(m));
    az_cli_json(cli, j);
    json_decref(j);
}

static void print_config(az_cli *cli, const view *v)
{
    const az_config *c = &v->config;

    if (!v->arch) {
        az_cli_printf(cli, "architecture  not known: %s\n", v->why.msg);
        return;
    }
    az_cli_printf(
        cli, "architecture  %s: %d layers of %d, feed-forward %d, %d heads of %d (%d for keys)\n",
        v->arch->name, c->n_layers, c->hidden, c->ff, c->n_heads, c->head_dim, c->n_kv_heads);
    if (v->m->warning) az_cli_printf(cli, "warning       %s\n", v->m->warning);
    if (c->n_experts)
        az_cli_printf(cli, "experts       %d of width %d, %d for each token\n", c->n_experts,
                      c->expert_ff, c->n_experts_used);
    az_cli_printf(cli, "vocabulary    %lld%s\n", (long long)c->vocab,
                  c->tied ? ", output shares the embedding" : "");
    az_cli_printf(cli, "context       %lld tokens", (long long)c->context);
    if (c->window) az_cli_printf(cli, ", sliding window %lld", (long long)c->window);
    az_cli_printf(cli, "\n");
}

/* Keys and short values of a GGUF; control bytes are escaped. */
static void print_metadata(az_cli *cli, const adze_model *m)
{
    for (size_t i = 0; i < m->kv.n; i++) {
        const az_kv *kv = &m->kv.items[i];
        az_cli_printf(cli, "  %-42s ", kv->key);
        if (kv->type == AZ_KV_ARR) {
            az_cli_printf(cli, "%llu elements\n", (unsigned long long)kv->v.arr.n);
        } else if (kv->type == AZ_KV_STR) {
            size_t n = kv->v.str.n < 60 ? kv->v.str.n : 60;
            for (size_t k = 0; k < n; k++) {
                unsigned char c = (unsigned char)kv->v.str.s[k];
                az_cli_printf(cli, c < 0x20 || c == 0x7f ? "\\x%02x" : "%c", c);
            }
            az_cli_printf(cli, n < kv->v.str.n ? "... (%zu bytes)\n" : "\n", kv->v.str.n);
        } else if (kv->type == AZ_KV_F32 || kv->type == AZ_KV_F64) {
            az_cli_printf(cli, "%g\n", kv->v.f);
        } else if (kv->type == AZ_KV_BOOL) {
            az_cli_printf(cli, "%s\n", kv->v.u ? "true" : "false");
        } else {
            az_cli_printf(cli, "%lld\n", (long long)kv->v.i);
        }
    }
}

static void print_tensors(az_cli *cli, const adze_model *m, int width)
{
    char shape[96], size[32];

    for (size_t i = 0; i < m->n_tensors; i++) {
        const az_tensor *t = &m->tensors[i];
        shape_text(t, shape, sizeof shape);
        az_cli_printf(cli, "  %-48s %-*s %-16s %9s  %s:%llu\n", t->name, width, stored_as(t), shape,
                      az_cli_bytes(size, sizeof size, (double)t->size_bytes),
                      az_path_base(m->files[t->file].path), (unsigned long long)t->at_bytes);
    }
}

static void print_text(az_cli *cli, const view *v, bool tensors)
{
    const adze_model *m = v->m;
    char a[32], b[32];
    int width = 6;

    az_cli_printf(cli, "%s\n", m->path);
    az_cli_printf(cli, "format        %s, %zu file%s, %s\n", m->format, m->n_files,
                  m->n_files == 1 ? "" : "s", az_cli_bytes(a, sizeof a, (double)file_bytes(m)));
    print_config(cli, v);
    az_cli_printf(cli, "parameters    %llu in %zu tensors, %.2f bits each\n",
                  (unsigned long long)adze_model_parameters(m), m->n_tensors,
                  adze_model_parameters(m)
                      ? 8.0 * (double)adze_model_bytes(m) / (double)adze_model_parameters(m)
                      : 0.0);
    for (size_t i = 0; i < v->n_kinds; i++)
        if (v->kinds[i].tensors && (int)strlen(v->kinds[i].name) > width)
            width = (int)strlen(v->kinds[i].name);
    for (size_t i = 0; i < v->n_kinds; i++)
        if (v->kinds[i].tensors)
            az_cli_printf(cli, "  %-*s %4u tensors, %s\n", width < 11 ? 11 : width,
                          v->kinds[i].name, v->kinds[i].tensors,
                          az_cli_bytes(b, sizeof b, (double)v->kinds[i].bytes));
    if (m->chat_template) az_cli_printf(cli, "chat template %zu bytes\n", m->chat_template_n);
    if (m->kv.n) {
        az_cli_printf(cli, "metadata\n");
        print_metadata(cli, m);
    }
    if (tensors) {
        az_cli_printf(cli, "tensors\n");
        print_tensors(cli, m, width);
    }
}

static int inspect_run(az_cli *cli, const void *values, int argc, const char **argv)
{
    const inspect_opts *o = values;
    adze_error err = { .pos = ADZE_NOPOS };
    view v = { .m = NULL };
    adze_status rc;

    (void)argc;
    rc = az_model_open(&v.m, cli->run, argv[0], AZ_READ_NO_TOKENIZER, &err);
    if (rc < 0) return az_cli_fail(cli, rc, &err);
    look(&v);
    if (o->json)
        print_json(cli, &v, o->tensors);
    else
        print_text(cli, &v, o->tensors);
    adze_model_close(v.m);
    return az_cli_finish(cli);
}

const az_cmd az_cmd_inspect = {
    .name = "inspect",
    .group = AZ_CMD_MODEL,
    .args = "PATH",
    .min_args = 1,
    .max_args = 1,
    .summary = "print what a checkpoint holds, from its headers alone",
    .details =
        "Reads no weights, so it is quick for a file of any size. An architecture that adze does "
        "not know is shown with the reason; the rest is printed all the same.",
    .example = "adze inspect model.gguf --tensors",
    .opts = opts,
    .opts_size = sizeof(inspect_opts),
    .run = inspect_run,
};
