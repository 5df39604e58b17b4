/* Checkpoint folders: how tensors are dealt to shards, safetensors headers, the index, documents.
 *
 * A header is padded with spaces to a multiple of 8 bytes, and a shard holds its widest elements first, so that
 * every tensor is aligned to its elements. Source: safetensors README, 2026-05-12; huggingface_hub's names of
 * shards, 2026-08-20.
 */
#include "format/folder.h"
#include "base/check.h"
#include "base/json.h"
#include "codec/codec.h"
#include "core/half.h"
#include "format/parts.h"
#include "format/safetensors.h"

#include <stdio.h>
#include <string.h>

enum { MAX_DOCUMENTS = 32, HEADER_AT = 8, MAX_SHARDS = 99999 };
#define MAX_COPY     ((size_t)256 << 20)
#define MAX_NARROWED ((size_t)16 << 20) /* of a matrix: routers and positions are f32 in a GGUF */

static int parts_of(const az_output *o)
{
    return o->n_parts ? o->n_parts : 1;
}

/* Part k of an output; an output that is stored whole is its own part. */
static az_output_part part_of(const az_output *o, int k)
{
    az_output_part p;

    if (o->n_parts) return o->parts[k];
    p = (az_output_part){ o->name, o->type, o->n_dims, { 0 }, o->row_bytes };
    memcpy(p.shape, o->shape, sizeof p.shape);
    return p;
}

static uint64_t size_of(const az_output *o)
{
    return (uint64_t)o->rows * o->row_bytes;
}

/* The shard of each output, in order; one that is larger than a shard has its own. */
static size_t divide(az_folder *f)
{
    const az_plan *p = f->plan;
    uint64_t used = 0;
    size_t n = 1;

    for (size_t i = 0; i < p->n_outputs; i++) {
        uint64_t size = size_of(&p->outputs[i]);
        if (p->shard_bytes && used && (used > p->shard_bytes || size > p->shard_bytes - used)) {
            used = 0;
            n++;
        }
        for (size_t k = 0; k < AZ_OUTPUT_PARTS; k++)
            f->place[i * AZ_OUTPUT_PARTS + k].file = (uint32_t)(n - 1);
        used += size;
    }
    return n;
}

static void put_string(az_buf *b, const char *s)
{
    az_buf_putc(b, '"');
    for (; *s; s++) {
        if (*s == '"' || *s == '\\') az_buf_putc(b, '\\');
        if ((unsigned char)*s < 0x20)
            az_buf_printf(b, "\\u%04x", (unsigned)*s);
        else
            az_buf_putc(b, *s);
    }
    az_buf_putc(b, '"');
}

static void put_entry(az_buf *b, const az_output_part *p, uint64_t at, uint64_t size)
{
    az_buf_putc(b, ',');
    put_string(b, p->name);
    az_buf_printf(b, ":{\"dtype\":\"%s\",\"shape\":[", az_safetensors_dtype(p->type));
    for (int i = 0; i < p->n_dims; i++)
        az_buf_printf(b, "%s%lld", i ? "," : "", (long long)p->shape[i]);
    az_buf_printf(b, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)at,
                  (unsigned long long)(at + size));
}

/* Header and places of one shard. */
static adze_status lay_out(az_folder *f, size_t shard, const char *maker, adze_error *err)
{
    const az_plan *p = f->plan;
    uint64_t at = 0, n;
    az_buf b;

    az_buf_init(&b, f->run);
    az_buf_put(&b, "\0\0\0\0\0\0\0\0", HEADER_AT);
    az_buf_printf(&b, "{\"__metadata__\":{\"format\":\"%s\"}", maker);
    for (uint32_t width = 8; width; width /= 2)
        for (size_t i = 0; i < p->n_outputs; i++) {
            const az_output *o = &p->outputs[i];
            if (f->place[i * AZ_OUTPUT_PARTS].file != shard) continue;
            for (int k = 0; k < parts_of(o); k++) {
                az_output_part part = part_of(o, k);
                uint64_t size = (uint64_t)o->rows * part.row_bytes;
                if (az_type_get(part.type)->bytes != width) continue;
                put_entry(&b, &part, at, size);
                f->place[i * AZ_OUTPUT_PARTS + (size_t)k].at = at;
                at += size;
            }
        }
    az_buf_putc(&b, '}');
    while (b.size % 8 && az_buf_ok(&b))
        az_buf_putc(&b, ' ');
    if (!az_buf_ok(&b)) {
        az_buf_deinit(&b);
        return az_fail_nomem(err, "writing a safetensors header");
    }
    n = b.size - HEADER_AT;
    for (int i = 0; i < HEADER_AT; i++)
        b.data[i] = (char)(n >> 8 * i);
    for (size_t i = 0; i < p->n_outputs * AZ_OUTPUT_PARTS; i++)
        if (f->place[i].file == shard) f->place[i].at += b.size;
    f->files[shard].head_bytes = b.size;
    f->files[shard].file_bytes = b.size + at;
    f->files[shard].head = az_buf_take(&b);
    return ADZE_OK;
}

adze_status az_folder_init(az_folder *f, az_plan *plan, const char *maker, adze_error *err)
{
    adze_status rc = ADZE_OK;

    *f = (az_folder){ .run = plan->run, .plan = plan };
    f->place = az_calloc(f->run, (plan->n_outputs + 1) * AZ_OUTPUT_PARTS, sizeof *f->place);
    if (!f->place) return az_fail_nomem(err, "planning a folder");
    f->n_shards = f->n_files = divide(f);
    if (f->n_shards > MAX_SHARDS) {
        f->n_files = 0;
        return az_fail(err, ADZE_EINVAL, plan->model->path, ADZE_NOPOS,
                       "would be divided into %zu files; give a larger --shard-size", f->n_shards);
    }
    f->cap = f->n_shards + MAX_DOCUMENTS;
    f->files = az_calloc(f->run, f->cap, sizeof *f->files);
    if (!f->files) return az_fail_nomem(err, "planning a folder");
    plan->file_bytes = 0;
    for (size_t i = 0; i < f->n_shards && rc == ADZE_OK; i++) {
        f->files[i].name =
            f->n_shards == 1
                ? az_strdup(f->run, "model.safetensors")
                : az_asprintf(f->run, "model-%05zu-of-%05zu.safetensors", i + 1, f->n_shards);
        rc = f->files[i].name ? lay_out(f, i, maker, err) : az_fail_nomem(err, "planning a folder");
        plan->file_bytes += f->files[i].file_bytes;
    }
    return rc;
}

void az_folder_deinit(az_folder *f)
{
    if (!f->run) return;
    for (size_t i = 0; f->files && i < f->n_files; i++) {
        az_free(f->run, (char *)(uintptr_t)f->files[i].name);
        az_free(f->run, (char *)(uintptr_t)f->files[i].head);
    }
    az_free(f->run, f->files);
    az_free(f->run, f->place);
}

adze_status az_folder_add(az_folder *f, const char *name, char *text, size_t n, adze_error *err)
{
    char *copy = az_strdup(f->run, name);

    if (!text || !copy || f->n_files == f->cap) {
        az_free(f->run, text);
        az_free(f->run, copy);
        return az_fail_nomem(err, "writing a folder");
    }
    f->files[f->n_files++] =
        (az_stream_file){ .name = copy, .head = text, .head_bytes = n, .file_bytes = n };
    return ADZE_OK;
}

adze_status az_folder_add_json(az_folder *f, const char *name, const json_t *j, size_t flags,
                               adze_error *err)
{
    size_t n;
    /* 16 digits: 0.8 stays 0.8 */
    char *text = az_json_text(f->run, j, flags | JSON_REAL_PRECISION(16), &n), *line;

    if (!text) return az_fail_nomem(err, "writing a folder");
    line = az_realloc(f->run, text, n + 2);
    if (!line) {
        az_free(f->run, text);
        return az_fail_nomem(err, "writing a folder");
    }
    line[n] = '\n';
    line[n + 1] = 0;
    return az_folder_add(f, name, line, n + 1, err);
}

adze_status az_folder_copy(az_folder *f, const char *name, adze_error *err)
{
    const adze_model *m = f->plan->model;
    char *path = az_path_join(f->run, m->path, name), *text = NULL;
    adze_status rc = ADZE_OK;
    size_t n;
    int fd;

    if (!path) return az_fail_nomem(err, "copying a file");
    if (az_exists(f->run, path)) {
        rc = az_open_beneath(f->run, m->path, name, &fd, err);
        if (rc == ADZE_OK) {
            rc = az_read_fd(f->run, fd, path, MAX_COPY, &text, &n, err);
            az_close(f->run, fd);
        }
        if (rc == ADZE_OK) rc = az_folder_add(f, name, text, n, err);
    }
    az_free(f->run, path);
    return rc;
}

adze_status az_folder_copy_tokenizer(az_folder *f, adze_error *err)
{
    static const char *const names[] = { "tokenizer.json",
                                         "tokenizer_config.json",
                                         "tokenizer.model",
                                         "special_tokens_map.json",
                                         "added_tokens.json",
                                         "vocab.json",
                                         "vocab.txt",
                                         "merges.txt",
                                         "chat_template.jinja",
                                         "chat_template.json",
                                         "generation_config.json" };
    adze_status rc = ADZE_OK;

    for (size_t i = 0; i < AZ_COUNT(names) && rc == ADZE_OK; i++)
        rc = az_folder_copy(f, names[i], err);
    return rc;
}

adze_status az_folder_add_index(az_folder *f, json_t *more, adze_error *err)
{
    const az_plan *p = f->plan;
    json_t *map = json_object(), *meta = json_object(), *doc = NULL;
    adze_status rc = ADZE_OK;

    json_object_set_new(meta, "total_size", json_integer((json_int_t)p->total_bytes));
    if (more) json_object_update(meta, more);
    for (size_t i = 0; i < p->n_outputs; i++)
        for (int k = 0; k < parts_of(&p->outputs[i]); k++)
            json_object_set_new(map, part_of(&p->outputs[i], k).name,
                                json_string(f->files[f->place[i * AZ_OUTPUT_PARTS].file].name));
    doc = json_pack("{s:o, s:o}", "metadata", meta, "weight_map", map);
    rc = doc ? az_folder_add_json(f, "model.safetensors.index.json", doc,
                                  JSON_INDENT(2) | JSON_SORT_KEYS, err)
             : az_fail_nomem(err, "writing an index");
    json_decref(doc);
    return rc;
}

/* "DST/" is DST. */
adze_status az_folder_write(az_folder *f, const char *dst, adze_error *err)
{
    az_stream s = { .files = f->files, .n_files = f->n_files, .place = f->place, .folder = true };
    size_t n = strlen(dst);
    adze_status rc;
    char *path;

    while (n > 1 && dst[n - 1] == '/')
        n--;
    path = az_strndup(f->run, dst, n);
    rc = path ? az_stream_write(f->run, f->plan, &s, path, err)
              : az_fail_nomem(err, "writing a folder");
    az_free(f->run, path);
    return rc;
}

az_type az_folder_dtype(const az_plan *p)
{
    static const az_type types[] = { AZ_BF16, AZ_F16, AZ_F32 };
    uint64_t bytes[AZ_TYPE_COUNT] = { 0 };
    az_type best = AZ_BF16;

    for (size_t i = 0; i < p->n_outputs; i++) {
        const az_output *o = &p->outputs[i];
        az_type t = o->n_parts ? o->packing->scale_type : o->type;
        if (o->n_dims > 1) /* sizes may not be known yet */
            bytes[t] +=
                (uint64_t)o->rows * (uint64_t)o->shape[o->n_dims - 1] * az_type_get(t)->bytes;
    }
    for (size_t i = 1; i < AZ_COUNT(types); i++)
        if (bytes[types[i]] > bytes[best]) best = types[i];
    return best;
}

const char *az_dtype_name(az_type t)
{
    return t == AZ_BF16 ? "bfloat16" : t == AZ_F16 ? "float16" : "float32";
}

/* Can every element be stored as `to`? */
static adze_status fits(const az_plan *p, const az_tensor *t, az_type to, bool *yes,
                        adze_error *err)
{
    size_t n = (size_t)(t->size_bytes / sizeof(float));
    float *x = az_alloc(p->run, t->size_bytes + 1);
    adze_status rc = x ? az_model_read(p->model, t, 0, x, n * sizeof *x, err)
                       : az_fail_nomem(err, "reading weights");

    *yes = rc == ADZE_OK;
    for (size_t i = 0; i < n && *yes; i++) {
        float back = to == AZ_BF16 ? az_bf16_to_f32(az_f32_to_bf16(x[i]))
                                   : az_f16_to_f32(az_f32_to_f16(x[i]));
        *yes = az_f32_bits(back) == az_f32_bits(x[i]);
    }
    az_free(p->run, x);
    return rc;
}

adze_status az_folder_narrow(az_plan *p, az_type to, adze_error *err)
{
    adze_status rc = ADZE_OK;

    for (size_t i = 0; i < p->n_outputs && rc == ADZE_OK && to != AZ_F32; i++) {
        az_output *o = &p->outputs[i];
        const az_tensor *t = az_output_source(o);
        bool yes = false;
        const az_tensor *second = az_output_second(o);
        if (o->type != AZ_F32 || !t || t->type != AZ_F32 || t->packed ||
            (o->n_dims > 1 && t->size_bytes > MAX_NARROWED))
            continue;
        rc = fits(p, t, to, &yes, err);
        if (yes && second) rc = fits(p, second, to, &yes, err);
        if (yes) o->type = to;
    }
    return rc;
}
