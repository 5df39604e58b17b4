/* Writing a GGUF: metadata, tensor infos, offsets; the data itself goes through stream.c. */
#include "arch/arch.h"
#include "base/buf.h"
#include "base/check.h"
#include "format/gguf.h"
#include "format/gguf_vocab.h"
#include "format/stream.h"

#include <stdio.h>
#include <string.h>

typedef struct writer {
    az_buf b;
} writer;

static void put(writer *w, uint64_t v, int bytes)
{
    uint8_t le[8];

    for (int i = 0; i < bytes; i++)
        le[i] = (uint8_t)(v >> 8 * i);
    az_buf_put(&w->b, le, (size_t)bytes);
}

static void put_string(writer *w, const char *s, size_t n)
{
    put(w, n, 8);
    az_buf_put(&w->b, s, n);
}

static void put_float(writer *w, double v, int bytes)
{
    float f = (float)v;
    uint64_t u = 0;

    if (bytes == 4)
        memcpy(&u, &f, sizeof f); /* little-endian hosts only, as for every file of weights */
    else
        memcpy(&u, &v, sizeof v);
    put(w, u, bytes);
}

static void put_array(writer *w, const az_kv *kv)
{
    const az_str *s = kv->v.arr.data;
    size_t bytes = az_kv_elem_bytes(kv->elem);

    put(w, (uint64_t)kv->elem, 4);
    put(w, kv->v.arr.n, 8);
    if (bytes) {
        az_buf_put(&w->b, kv->v.arr.data, (size_t)kv->v.arr.n * bytes);
        return;
    }
    for (uint64_t i = 0; i < kv->v.arr.n; i++)
        put_string(w, s[i].s, s[i].n);
}

static void put_kv(writer *w, const az_kv *kv)
{
    put_string(w, kv->key, strlen(kv->key));
    put(w, (uint64_t)kv->type, 4);
    switch (kv->type) {
    case AZ_KV_STR: put_string(w, kv->v.str.s, kv->v.str.n); break;
    case AZ_KV_ARR: put_array(w, kv); break;
    case AZ_KV_F32:
    case AZ_KV_F64: put_float(w, kv->v.f, (int)az_kv_elem_bytes(kv->type)); break;
    default: put(w, kv->v.u, (int)az_kv_elem_bytes(kv->type)); break;
    }
}

static uint64_t alignment(const az_plan *p)
{
    int64_t a;

    return az_kv_int(&p->kv, "general.alignment", &a) && a > 0 ? (uint64_t)a : AZ_GGUF_ALIGN;
}

/* The header as bytes, and where each output starts in the file; sets p->file_bytes. */
static adze_status layout(az_plan *p, writer *w, uint64_t *at, adze_error *err)
{
    uint64_t align = alignment(p), offset = 0, data_at;

    az_buf_put(&w->b, "GGUF", 4);
    put(w, AZ_GGUF_VERSION, 4);
    put(w, p->n_outputs, 8);
    put(w, p->kv.n, 8);
    for (size_t i = 0; i < p->kv.n; i++)
        put_kv(w, &p->kv.items[i]);
    for (size_t i = 0; i < p->n_outputs; i++) {
        const az_output *o = &p->outputs[i];
        put_string(w, o->name, strlen(o->name));
        put(w, (uint64_t)o->n_dims, 4);
        for (int k = o->n_dims; k-- > 0;)
            put(w, (uint64_t)o->shape[k], 8);
        put(w, az_type_get(o->type)->gguf_id, 4);
        put(w, offset, 8);
        at[i] = offset;
        if (!az_align_u64(offset + (uint64_t)o->rows * o->row_bytes, align, &offset))
            return az_fail(err, ADZE_EFORMAT, p->model->path, ADZE_NOPOS, "sizes overflow");
    }
    if (!az_buf_ok(&w->b)) return az_fail_nomem(err, "writing a GGUF header");
    if (!az_align_u64(w->b.size, align, &data_at) || !az_add_u64(data_at, offset, &p->file_bytes))
        return az_fail(err, ADZE_EFORMAT, p->model->path, ADZE_NOPOS, "sizes overflow");
    for (size_t i = 0; i < p->n_outputs; i++)
        at[i] += data_at;
    return ADZE_OK;
}

static const az_output *output_named(const az_plan *p, const char *name)
{
    for (size_t i = 0; i < p->n_outputs; i++)
        if (strcmp(p->outputs[i].name, name) == 0) return &p->outputs[i];
    return NULL;
}

/* general.file_type: the recipe's, else by the type that holds most bytes. */
static uint32_t file_type(const az_plan *p)
{
    static const struct {
        az_type type;
        uint32_t id;
    } ids[] = { { AZ_F32, 0 },   { AZ_F16, 1 },   { AZ_Q4_0, 2 },  { AZ_Q4_1, 3 },  { AZ_Q8_0, 7 },
                { AZ_Q5_0, 8 },  { AZ_Q5_1, 9 },  { AZ_Q2_K, 10 }, { AZ_Q3_K, 12 }, { AZ_Q4_K, 15 },
                { AZ_Q5_K, 17 }, { AZ_Q6_K, 18 }, { AZ_BF16, 32 } };
    uint64_t bytes[AZ_TYPE_COUNT] = { 0 };
    size_t best = 0;

    if (p->recipe) return p->recipe->gguf_ftype;
    for (size_t i = 0; i < p->n_outputs; i++)
        bytes[p->outputs[i].type] += (uint64_t)p->outputs[i].rows * p->outputs[i].row_bytes;
    for (size_t i = 1; i < AZ_COUNT(ids); i++)
        if (bytes[ids[i].type] > bytes[ids[best].type]) best = i;
    return ids[best].id;
}

/* "1.2B", "5.8M". */
static void size_label(uint64_t n, char *buf, size_t size)
{
    if (n >= 1000000000)
        snprintf(buf, size, "%.1fB", (double)n / 1e9);
    else if (n >= 1000000)
        snprintf(buf, size, "%.0fM", (double)n / 1e6);
    else
        snprintf(buf, size, "%.0fK", (double)n / 1e3);
}

/* Last part of the folder's path, "." and slashes at the end left out. */
static bool put_name(az_plan *p)
{
    const char *path = p->model->path;
    size_t n = strlen(path), start;

    while (n > 1 && (path[n - 1] == '/' || (path[n - 1] == '.' && path[n - 2] == '/')))
        n--;
    for (start = n; start && path[start - 1] != '/'; start--)
        ;
    if (n - start == 0 || path[start] == '.') return true; /* nothing that names it */
    return az_kv_put_str(&p->kv, "general.name", path + start, n - start);
}

/* llama.cpp looks for "phi3" in the name and then demands these tokens: a name that would keep a file from
 * loading is left out. */
static void check_name(az_plan *p)
{
    static const char *const demanded[] = { "</s>", "<unk>", "<s>", "<|endoftext|>" };
    const char *name = az_kv_string(&p->kv, "general.name");
    const az_kv *tokens = az_kv_find(&p->kv, "tokenizer.ggml.tokens");
    size_t found = 0;

    if (!name || !tokens || (!strcasestr(name, "phi3") && !strcasestr(name, "phi-3"))) return;
    for (size_t k = 0; k < AZ_COUNT(demanded); k++)
        for (uint64_t i = 0; i < tokens->v.arr.n; i++)
            if (strcmp(((const az_str *)tokens->v.arr.data)[i].s, demanded[k]) == 0) {
                found++;
                break;
            }
    if (found < AZ_COUNT(demanded)) az_kv_remove(&p->kv, "general.name");
}

static adze_status keys_from_hf(az_plan *p, const az_arch *arch, const az_config *c,
                                adze_error *err)
{
    const az_output *embd = output_named(p, "token_embd.weight");
    char label[16];
    adze_status rc;

    rc = az_arch_gguf_keys(arch, c, &p->kv, err);
    if (rc < 0) return rc;
    size_label(adze_model_parameters(p->model), label, sizeof label);
    if (!az_kv_put_str(&p->kv, "general.type", "model", 5) || !put_name(p) ||
        !az_kv_put_str(&p->kv, "general.size_label", label, strlen(label)))
        return az_fail_nomem(err, "writing GGUF keys");
    az_plan_note(p, az_arch_gguf_note(arch, c));
    if (!embd) return az_fail(err, ADZE_EFORMAT, p->model->path, ADZE_NOPOS, "has no embedding");
    rc = az_gguf_put_vocab(p, embd->rows, err);
    if (rc == ADZE_OK) check_name(p);
    return rc;
}

/* All keys of the source, unknown ones too; those of split files and of an earlier quantization go. */
static adze_status keys_from_gguf(az_plan *p, adze_error *err)
{
    const az_kvs *kv = &p->model->kv;

    for (size_t i = 0; i < kv->n; i++) {
        if (strncmp(kv->items[i].key, "split.", 6) == 0) continue;
        if (p->recipe && strncmp(kv->items[i].key, "quantize.imatrix.", 17) == 0) continue;
        if (!az_kv_put(&p->kv, &kv->items[i])) return az_fail_nomem(err, "writing GGUF keys");
    }
    return ADZE_OK;
}

adze_status az_gguf_plan(adze_run *run, adze_model *m, const az_recipe *r, az_plan **out,
                         adze_error *err)
{
    az_plan *p = NULL;
    uint64_t *at = NULL;
    const az_arch *arch;
    az_config c;
    adze_status rc;
    writer w;

    *out = NULL;
    az_buf_init(&w.b, run);
    rc = az_plan_new(&p, run, m, r, &az_format_gguf, err);
    if (rc < 0) goto done;
    for (size_t i = 0; i < p->n_outputs; i++)
        if (strlen(p->outputs[i].name) > AZ_GGUF_MAX_NAME) {
            rc = az_fail_name(err, ADZE_EUNSUP, m->path, p->outputs[i].name, ADZE_NOPOS,
                              "name is too long for a GGUF");
            goto done;
        }
    rc = az_arch_of(m, &arch, &c, err);
    if (rc < 0) goto done;
    rc = m->config ? keys_from_hf(p, arch, &c, err) : keys_from_gguf(p, err);
    if (rc < 0) goto done;
    if (!az_kv_put_u32(&p->kv, "general.file_type", file_type(p)) ||
        !az_kv_put_u32(&p->kv, "general.quantization_version", 2)) {
        rc = az_fail_nomem(err, "writing GGUF keys");
        goto done;
    }
    at = az_calloc(run, p->n_outputs + 1, sizeof *at);
    rc = at ? layout(p, &w, at, err) : az_fail_nomem(err, "planning a GGUF");
    if (rc < 0) goto done;
    *out = p;
    p = NULL;
done:
    az_free(run, at);
    az_buf_deinit(&w.b);
    az_plan_free(p);
    return rc;
}

adze_status az_gguf_write(adze_run *run, az_plan *p, const char *dst, adze_error *err)
{
    uint64_t *at = az_calloc(run, p->n_outputs + 1, sizeof *at);
    az_stream s = { .at = at };
    adze_status rc;
    writer w;

    az_buf_init(&w.b, run);
    rc = at ? layout(p, &w, at, err) : az_fail_nomem(err, "writing a GGUF");
    if (rc < 0) goto done;
    s.head = w.b.data;
    s.head_bytes = w.b.size;
    rc = az_stream_write(run, p, &s, dst, err);
done:
    az_free(run, at);
    az_buf_deinit(&w.b);
    return rc;
}
