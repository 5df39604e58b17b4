/* Shapes, config, weights. Weights are normal with a standard deviation of 1 / sqrt(columns) (norms: 1 plus
 * a tenth of that noise), drawn from a table of 65536 quantiles, so that gigabytes take seconds. */
#include "synth.h"

#include "base/buf.h"
#include "base/thread.h"
#include "core/half.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define LLAMA .arch = "llama", .eps = 1e-5, .theta = 500000
#define SMALL .hidden = 256, .ff = 512, .heads = 4, .head_dim = 64, .special = 8, .vocab = 512

const synth_shape synth_shapes[] = {
    { .name = "llama-1b",
      .like = "Llama-3.2-1B",
      LLAMA,
      .layers = 16,
      .hidden = 2048,
      .ff = 8192,
      .heads = 32,
      .kv_heads = 8,
      .head_dim = 64,
      .vocab = 128256,
      .special = 256,
      .context = 131072,
      .tied = true,
      .rope_llama3 = true },
    { .name = "phi3-mini",
      .like = "Phi-3-mini-4k",
      .arch = "phi3",
      .eps = 1e-5,
      .theta = 10000,
      .layers = 32,
      .hidden = 3072,
      .ff = 8192,
      .heads = 32,
      .kv_heads = 32,
      .head_dim = 96,
      .vocab = 32064,
      .special = 64,
      .context = 4096,
      .window = 2047 },
    { .name = "qwen2-0.5b",
      .like = "Qwen2-0.5B",
      .arch = "qwen2",
      .eps = 1e-6,
      .theta = 1000000,
      .layers = 24,
      .hidden = 896,
      .ff = 4864,
      .heads = 14,
      .kv_heads = 2,
      .head_dim = 64,
      .vocab = 151936,
      .special = 293,
      .context = 32768,
      .tied = true },
    { .name = "mistral-7b",
      .like = "Mistral-7B-v0.1",
      .arch = "mistral",
      .eps = 1e-5,
      .theta = 10000,
      .layers = 32,
      .hidden = 4096,
      .ff = 14336,
      .heads = 32,
      .kv_heads = 8,
      .head_dim = 128,
      .vocab = 32000,
      .special = 8,
      .context = 32768,
      .window = 4096 },
    { .name = "llama-5m",
      .like = "the demo",
      LLAMA,
      .layers = 6,
      .hidden = 256,
      .ff = 768,
      .heads = 4,
      .kv_heads = 2,
      .head_dim = 64,
      .vocab = 4096,
      .special = 8,
      .context = 2048,
      .tied = true },
    { .name = "llama-tiny",
      .like = "a test",
      LLAMA,
      SMALL,
      .layers = 2,
      .kv_heads = 2,
      .context = 512,
      .tied = true,
      .rope_llama3 = true },
    { .name = "mistral-tiny",
      .like = "a test",
      .arch = "mistral",
      .eps = 1e-5,
      .theta = 10000,
      SMALL,
      .layers = 2,
      .kv_heads = 2,
      .context = 512,
      .window = 64 },
    { .name = "qwen2-tiny",
      .like = "a test",
      .arch = "qwen2",
      .eps = 1e-6,
      .theta = 1000000,
      SMALL,
      .layers = 2,
      .kv_heads = 2,
      .context = 512,
      .tied = true },
    { .name = "phi3-tiny",
      .like = "a test",
      .arch = "phi3",
      .eps = 1e-5,
      .theta = 10000,
      SMALL,
      .layers = 2,
      .kv_heads = 2,
      .context = 512 },
    { .name = NULL },
};

const synth_shape *synth_find(const char *name)
{
    for (const synth_shape *s = synth_shapes; s->name; s++)
        if (strcmp(s->name, name) == 0) return s;
    return NULL;
}

typedef struct tensor {
    char name[96];
    int64_t rows, cols; /* rows 0: a vector of cols */
    uint64_t bytes, at; /* data offset in its file */
    uint32_t file;
} tensor;

typedef struct maker {
    adze_run *run;
    const synth_shape *s;
    const char *dir;
    uint64_t seed;
    az_buf tensors; /* of tensor */
    uint32_t n_files;
    float *quantile; /* [65536] of the standard normal */
    int *fds;
    char **paths;
    uint64_t *data_at;
    uint64_t total;
    atomic_uint_least64_t done;
    atomic_int failed;
} maker;

enum { CHUNK = 1 << 20 }; /* elements of one work item */

static void add(maker *mk, int layer, const char *name, int64_t rows, int64_t cols)
{
    tensor t = { .rows = rows, .cols = cols };

    if (layer < 0)
        snprintf(t.name, sizeof t.name, "%s", name);
    else
        snprintf(t.name, sizeof t.name, "model.layers.%d.%s", layer, name);
    t.bytes = (uint64_t)(rows ? rows : 1) * (uint64_t)cols * 2;
    az_buf_put(&mk->tensors, &t, sizeof t);
}

static void list_layer(maker *mk, int i)
{
    const synth_shape *s = mk->s;
    int64_t h = s->hidden, q = (int64_t)s->heads * s->head_dim,
            kv = (int64_t)s->kv_heads * s->head_dim;

    add(mk, i, "input_layernorm.weight", 0, h);
    if (strcmp(s->arch, "phi3") == 0) {
        add(mk, i, "mlp.down_proj.weight", h, s->ff);
        add(mk, i, "mlp.gate_up_proj.weight", 2 * (int64_t)s->ff, h);
        add(mk, i, "post_attention_layernorm.weight", 0, h);
        add(mk, i, "self_attn.o_proj.weight", h, q);
        add(mk, i, "self_attn.qkv_proj.weight", q + 2 * kv, h);
        return;
    }
    add(mk, i, "mlp.down_proj.weight", h, s->ff);
    add(mk, i, "mlp.gate_proj.weight", s->ff, h);
    add(mk, i, "mlp.up_proj.weight", s->ff, h);
    add(mk, i, "post_attention_layernorm.weight", 0, h);
    if (strcmp(s->arch, "qwen2") == 0) {
        add(mk, i, "self_attn.k_proj.bias", 0, kv);
        add(mk, i, "self_attn.q_proj.bias", 0, q);
        add(mk, i, "self_attn.v_proj.bias", 0, kv);
    }
    add(mk, i, "self_attn.k_proj.weight", kv, h);
    add(mk, i, "self_attn.o_proj.weight", h, q);
    add(mk, i, "self_attn.q_proj.weight", q, h);
    add(mk, i, "self_attn.v_proj.weight", kv, h);
}

static tensor *tensor_at(const maker *mk, size_t i)
{
    return (tensor *)(void *)mk->tensors.data + i;
}

static size_t n_tensors(const maker *mk)
{
    return mk->tensors.size / sizeof(tensor);
}

static adze_status list_tensors(maker *mk, uint64_t shard_bytes, adze_error *err)
{
    const synth_shape *s = mk->s;
    uint64_t at = 0;

    if (!s->tied) add(mk, -1, "lm_head.weight", s->vocab, s->hidden);
    add(mk, -1, "model.embed_tokens.weight", s->vocab, s->hidden);
    for (int i = 0; i < s->layers; i++)
        list_layer(mk, i);
    add(mk, -1, "model.norm.weight", 0, s->hidden);
    if (!az_buf_ok(&mk->tensors)) return az_fail_nomem(err, "listing tensors");
    mk->n_files = 1;
    for (size_t i = 0; i < n_tensors(mk); i++) {
        tensor *t = tensor_at(mk, i);
        if (shard_bytes && at && at + t->bytes > shard_bytes) {
            mk->n_files++;
            at = 0;
        }
        t->file = mk->n_files - 1;
        t->at = at;
        at += t->bytes;
        mk->total += t->bytes;
    }
    return ADZE_OK;
}

/* quantile[i] = x with Phi(x) = (i + 0.5) / 65536, by Newton steps outward from the middle. */
static adze_status make_quantiles(maker *mk, adze_error *err)
{
    double x = 0;

    mk->quantile = az_alloc(mk->run, 65536 * sizeof *mk->quantile);
    if (!mk->quantile) return az_fail_nomem(err, "making weights");
    for (int i = 32768; i < 65536; i++) {
        double upper = 1 - (i + 0.5) / 65536;
        double step = 1;
        for (int k = 0; k < 20 && fabs(step) > 1e-9; k++) {
            step = (0.5 * erfc(x * 0.70710678118654752) - upper) /
                   (0.39894228040143268 * exp(-0.5 * x * x));
            x += step;
        }
        mk->quantile[i] = (float)x;
        mk->quantile[65535 - i] = (float)-x;
    }
    return ADZE_OK;
}

static void fill(const maker *mk, const tensor *t, size_t index, uint64_t chunk, uint16_t *out,
                 size_t n)
{
    bool norm = strstr(t->name, "norm") != NULL;
    float scale = norm ? 0.1f : t->rows ? 1 / sqrtf((float)t->cols) : 0.1f, base = norm ? 1 : 0;
    az_prng r;

    az_prng_seed(&r, mk->seed * 0x9e3779b97f4a7c15u + index * 0x100000001b3u + chunk);
    for (size_t i = 0; i < n; i += 4) {
        uint64_t u = az_prng_u64(&r);
        for (size_t k = 0; k < 4 && i + k < n; k++)
            out[i + k] = az_f32_to_bf16(base + scale * mk->quantile[u >> 16 * k & 0xffff]);
    }
}

static void one_tensor_chunk(void *arg, size_t item, int thread)
{
    maker *mk = arg;
    size_t i = 0;
    uint64_t chunks;
    uint16_t *out;
    size_t n;
    tensor *t;

    (void)thread;
    if (atomic_load(&mk->failed) || az_cancelled(mk->run)) return;
    for (;; i++) {
        t = tensor_at(mk, i);
        chunks = (t->bytes / 2 + CHUNK - 1) / CHUNK;
        if (item < chunks) break;
        item -= chunks;
    }
    n = t->bytes / 2 - item * CHUNK < CHUNK ? (size_t)(t->bytes / 2 - item * CHUNK) : CHUNK;
    out = az_alloc(mk->run, n * 2);
    if (out) fill(mk, t, i, item, out, n);
    if (!out || az_pwrite_all(mk->run, mk->fds[t->file], out, n * 2,
                              mk->data_at[t->file] + t->at + item * CHUNK * 2, mk->paths[t->file],
                              NULL) < 0)
        atomic_store(&mk->failed, 1);
    az_free(mk->run, out);
    az_progress(mk->run, "synth", atomic_fetch_add(&mk->done, n * 2) + n * 2, mk->total, "B");
}

static adze_status write_headers(maker *mk, adze_error *err)
{
    adze_status rc = ADZE_OK;
    az_buf b;

    az_buf_init(&b, mk->run);
    for (uint32_t f = 0; f < mk->n_files && rc == ADZE_OK; f++) {
        uint64_t n;
        uint8_t head[8];
        az_buf_clear(&b);
        az_buf_puts(&b, "{\"__metadata__\":{\"format\":\"pt\"}");
        for (size_t i = 0; i < n_tensors(mk); i++) {
            const tensor *t = tensor_at(mk, i);
            if (t->file != f) continue;
            az_buf_printf(&b, ",\"%s\":{\"dtype\":\"BF16\",\"shape\":[", t->name);
            if (t->rows) az_buf_printf(&b, "%lld,", (long long)t->rows);
            az_buf_printf(&b, "%lld],\"data_offsets\":[%llu,%llu]}", (long long)t->cols,
                          (unsigned long long)t->at, (unsigned long long)(t->at + t->bytes));
        }
        az_buf_putc(&b, '}');
        while (b.size % 8 && az_buf_ok(&b))
            az_buf_putc(&b, ' ');
        if (!az_buf_ok(&b)) {
            rc = az_fail_nomem(err, "writing a header");
            break;
        }
        n = b.size;
        for (int i = 0; i < 8; i++)
            head[i] = (uint8_t)(n >> 8 * i);
        mk->data_at[f] = 8 + n;
        rc = az_open(mk->run, mk->paths[f], AZ_OPEN_CREATE, &mk->fds[f], err);
        if (rc == ADZE_OK) rc = az_pwrite_all(mk->run, mk->fds[f], head, 8, 0, mk->paths[f], err);
        if (rc == ADZE_OK)
            rc = az_pwrite_all(mk->run, mk->fds[f], b.data, b.size, 8, mk->paths[f], err);
    }
    az_buf_deinit(&b);
    return rc;
}

static adze_status name_files(maker *mk, adze_error *err)
{
    char name[64];

    mk->fds = az_calloc(mk->run, mk->n_files, sizeof *mk->fds);
    mk->paths = az_calloc(mk->run, mk->n_files, sizeof *mk->paths);
    mk->data_at = az_calloc(mk->run, mk->n_files, sizeof *mk->data_at);
    if (!mk->fds || !mk->paths || !mk->data_at) return az_fail_nomem(err, "naming files");
    for (uint32_t f = 0; f < mk->n_files; f++) {
        mk->fds[f] = -1;
        if (mk->n_files == 1)
            snprintf(name, sizeof name, "model.safetensors");
        else
            snprintf(name, sizeof name, "model-%05u-of-%05u.safetensors", f + 1, mk->n_files);
        mk->paths[f] = az_path_join(mk->run, mk->dir, name);
        if (!mk->paths[f]) return az_fail_nomem(err, "naming files");
    }
    return ADZE_OK;
}

static adze_status write_text(maker *mk, const char *name, az_buf *b, adze_error *err)
{
    char *path = az_path_join(mk->run, mk->dir, name);
    adze_status rc = path && az_buf_ok(b) ? az_write_file(mk->run, path, b->data, b->size, err)
                                          : az_fail_nomem(err, "writing a checkpoint");

    az_free(mk->run, path);
    az_buf_clear(b);
    return rc;
}

static adze_status write_index(maker *mk, adze_error *err)
{
    adze_status rc;
    az_buf b;

    az_buf_init(&b, mk->run);
    az_buf_printf(&b, "{\"metadata\": {\"total_size\": %llu}, \"weight_map\": {",
                  (unsigned long long)mk->total);
    for (size_t i = 0; i < n_tensors(mk); i++)
        az_buf_printf(&b, "%s\n  \"%s\": \"%s\"", i ? "," : "", tensor_at(mk, i)->name,
                      az_path_base(mk->paths[tensor_at(mk, i)->file]));
    az_buf_puts(&b, "}}\n");
    rc = write_text(mk, "model.safetensors.index.json", &b, err);
    az_buf_deinit(&b);
    return rc;
}

static const char *class_of(const char *arch)
{
    return strcmp(arch, "phi3") == 0      ? "Phi3ForCausalLM"
           : strcmp(arch, "qwen2") == 0   ? "Qwen2ForCausalLM"
           : strcmp(arch, "mistral") == 0 ? "MistralForCausalLM"
                                          : "LlamaForCausalLM";
}

static adze_status write_config(maker *mk, adze_error *err)
{
    const synth_shape *s = mk->s;
    int bos = s->vocab - s->special, eos = bos + 1;
    adze_status rc;
    az_buf b;

    az_buf_init(&b, mk->run);
    az_buf_printf(&b,
                  "{\n  \"architectures\": [\"%s\"],\n  \"model_type\": \"%s\",\n"
                  "  \"hidden_size\": %d,\n  \"intermediate_size\": %d,\n"
                  "  \"num_hidden_layers\": %d,\n  \"num_attention_heads\": %d,\n"
                  "  \"num_key_value_heads\": %d,\n  \"vocab_size\": %d,\n"
                  "  \"max_position_embeddings\": %d,\n  \"rms_norm_eps\": %g,\n"
                  "  \"rope_theta\": %.1f,\n  \"tie_word_embeddings\": %s,\n",
                  class_of(s->arch), s->arch, s->hidden, s->ff, s->layers, s->heads, s->kv_heads,
                  s->vocab, s->context, s->eps, s->theta, s->tied ? "true" : "false");
    if (strcmp(s->arch, "llama") == 0 || strcmp(s->arch, "mistral") == 0)
        az_buf_printf(&b, "  \"head_dim\": %d,\n", s->head_dim);
    if (strcmp(s->arch, "llama") == 0)
        az_buf_puts(&b, "  \"attention_bias\": false,\n  \"mlp_bias\": false,\n");
    if (s->rope_llama3)
        az_buf_printf(&b,
                      "  \"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 32.0, "
                      "\"low_freq_factor\": 1.0, \"high_freq_factor\": 4.0, "
                      "\"original_max_position_embeddings\": %d},\n",
                      s->context / 16);
    else if (strcmp(s->arch, "phi3") == 0)
        az_buf_printf(&b,
                      "  \"rope_scaling\": null,\n  \"original_max_position_embeddings\": %d,\n",
                      s->context);
    if (strcmp(s->arch, "qwen2") == 0)
        az_buf_puts(&b, "  \"use_sliding_window\": false,\n");
    else if (s->window)
        az_buf_printf(&b, "  \"sliding_window\": %d,\n", s->window);
    else if (strcmp(s->arch, "llama") != 0)
        az_buf_puts(&b, "  \"sliding_window\": null,\n");
    az_buf_printf(&b,
                  "  \"hidden_act\": \"silu\",\n  \"bos_token_id\": %d,\n  \"eos_token_id\": %d,\n"
                  "  \"torch_dtype\": \"bfloat16\"\n}\n",
                  bos, eos);
    rc = write_text(mk, "config.json", &b, err);
    if (rc < 0) goto done;
    az_buf_printf(&b, "{\"bos_token_id\": %d, \"eos_token_id\": %d, \"do_sample\": false}\n", bos,
                  eos);
    rc = write_text(mk, "generation_config.json", &b, err);
done:
    az_buf_deinit(&b);
    return rc;
}

static adze_status write_weights(maker *mk, adze_error *err)
{
    size_t items = 0;

    for (size_t i = 0; i < n_tensors(mk); i++)
        items += (tensor_at(mk, i)->bytes / 2 + CHUNK - 1) / CHUNK;
    az_parallel(mk->run, items, one_tensor_chunk, mk);
    if (az_cancelled(mk->run)) return az_check_cancel(mk->run, err);
    return atomic_load(&mk->failed)
               ? az_fail(err, ADZE_EIO, mk->dir, ADZE_NOPOS, "cannot write the weights")
               : ADZE_OK;
}

adze_status synth_write(adze_run *run, const synth_shape *s, const char *dir, uint64_t seed,
                        uint64_t shard_bytes, adze_error *err)
{
    maker mk = { .run = run, .s = s, .dir = dir, .seed = seed };
    adze_status rc;

    az_buf_init(&mk.tensors, run);
    rc = az_mkdirs(run, dir, err);
    if (rc < 0) goto done;
    rc = list_tensors(&mk, shard_bytes, err);
    if (rc < 0) goto done;
    rc = make_quantiles(&mk, err);
    if (rc < 0) goto done;
    rc = name_files(&mk, err);
    if (rc < 0) goto done;
    rc = write_headers(&mk, err);
    if (rc < 0) goto done;
    rc = write_weights(&mk, err);
    if (rc < 0) goto done;
    if (mk.n_files > 1) rc = write_index(&mk, err);
    if (rc < 0) goto done;
    rc = write_config(&mk, err);
    if (rc < 0) goto done;
    rc = synth_write_tokenizer(run, s, dir, err);
done:
    for (uint32_t f = 0; f < mk.n_files; f++) {
        if (mk.fds) az_close(run, mk.fds[f]);
        if (mk.paths) az_free(run, mk.paths[f]);
    }
    az_free(run, mk.fds);
    az_free(run, mk.paths);
    az_free(run, mk.data_at);
    az_free(run, mk.quantile);
    az_buf_deinit(&mk.tensors);
    return rc;
}
