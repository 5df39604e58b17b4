/* The kernel table: every hot loop has one slot. The scalar C version defines the numbers; an instruction
 * set's version may only reorder sums, and must give an output row the same bits whatever m, n0, n1.
 *
 * Weights are read as stored (GGUF blocks, or plain f32/f16/bf16 rows). Activations are quantized once per
 * layer input and shared by all weights that read it.
 */
#ifndef AZ_KERNEL_KERNEL_H
#define AZ_KERNEL_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/cpu.h"
#include "core/block.h"
#include "core/config.h"
#include "core/type.h"
#include "kernel/kv.h"
#include "kernel/panel.h"

/* Activation forms. */
typedef enum az_act_type {
    AZ_ACT_F32,      /* f32 rows */
    AZ_ACT_Q8,       /* int8 blocks of 32 with an f32 scale and sums */
    AZ_ACT_F32_BF16, /* f32 rows, rounded to bf16: what bf16 weights are multiplied with */
    AZ_ACT_BF16,     /* the same numbers as bf16, for instruction sets that multiply those */
    AZ_ACT_TYPES
} az_act_type;

/* 32 activations: x[i] ~ d * q[i]; d = max|x| / 127, q = x * (127 / max|x|) to the nearest even, so |q| <= 127.
 * A block that holds an infinity or a NaN gets a d that is one, so that it shows in every product. */
typedef struct az_q8_block {
    float d, dsum;  /* dsum = d * (sum[0] + sum[1]) */
    int16_t sum[2]; /* of q[0..16) and of q[16..32) */
    int8_t q[32];
} az_q8_block;

/* One row of k; for int8 blocks k % 32 == 0. bf16: to the nearest, ties to even; NaN stays. */
typedef void az_quantize_act_fn(void *a, const float *x, size_t k);

/* y[i * ldy + j] for i in [0, m), j in [n0, n1): row j of w ([n][k], row_bytes apart) times row i of a.
 * a: [m] rows, az_act_row_bytes apart. Threads split n; y must not alias. m >= 1 (1 is decode). k is a
 * multiple of the type's block. w may be unaligned; a and y are aligned to their elements. */
typedef void az_matmul_fn(float *y, size_t ldy, const void *w, size_t row_bytes, const void *a,
                          size_t m, size_t n0, size_t n1, size_t k);

typedef struct az_weight_kernel {
    az_act_type act;
    az_matmul_fn *matmul; /* NULL: the engine cannot multiply this type */
    /* The same on panels (kernel/panel.h): w holds them from row 0 on, n0 is a multiple of panel_rows, and the last one is whole.
     * The same bits as matmul's. NULL: rows are as good. */
    az_matmul_fn *panels;
} az_weight_kernel;

/* Softmax attention, causal unless n_keys is set, of n_tok queries, each with the `group` heads that share one KV head. Query i
 * stands at position pos + i and sees positions [max(0, pos + i - window + 1), pos + i], all of them with
 * window 0; their keys and values must be in the cache already. An output row's bits depend on its own
 * query, position and window only, not on n_tok or group.
 * A softcap c turns a score s into c * tanh(s / c); a sink is one more score of its head, whose value is 0.
 * With caches in q8_0 and q4_0 the queries are rounded to 8 bits, as activations are. */
typedef struct az_attn_args {
    float *out;          /* [n_tok] rows ld_out apart, each [group][head_dim]; not q */
    const float *q;      /* [n_tok] rows ld_q apart, each [group][head_dim], rotated, not scaled */
    size_t ld_out, ld_q; /* in elements */
    az_kv_view kv;       /* of this KV head, in the type that the kernel is for */
    size_t n_tok, group, head_dim;
    int64_t pos, window;
    int64_t n_keys;     /* > 0: every query sees positions [0, n_keys) instead */
    float scale;        /* multiplies q.k */
    float softcap;      /* 0: none */
    const float *sinks; /* [group], NULL: none */
} az_attn_args;

typedef struct az_kv_kernel {
    az_kv_store_fn *store; /* NULL: no caches of this type */
    void (*attention)(const az_attn_args *args);
} az_kv_kernel;

/* y = act(gate) * up; y may be either. up NULL: act(gate) alone, not for swiglu. */
typedef void az_act_mul_fn(float *y, const float *gate, const float *up, size_t n);

typedef void az_pack_fn(const float *x, const float *imp, size_t n, void *dst);

/* Groups of `group` values as scale * q + bias (kernel/pack_affine.h). */
typedef struct az_affine_spec {
    int bits;      /* 2, 3, 4, 5, 6 or 8 */
    int group;     /* 32, 64 or 128 */
    az_type store; /* what scale and bias are rounded to: AZ_F32, AZ_F16 or AZ_BF16 */
} az_affine_spec;

/* x: [n_groups][group] finite; scale, bias: [n_groups]; q: [n_groups][group] codes, a byte each. */
typedef void az_pack_affine_fn(const float *x, size_t n_groups, const az_affine_spec *spec,
                               float *scale, float *bias, uint8_t *q);

typedef struct az_kernels {
    unsigned cpu; /* flags that the table was made for */
    const char *
        isa; /* "c", "avx2", "avxvnni", "avx512", "avx512vnni", "avx512bf16"; "neon", "dotprod", "i8mm" */
    az_quantize_act_fn *quantize_q8;
    az_quantize_act_fn *quantize_bf16; /* to the form that weight[AZ_BF16] reads */
    az_weight_kernel weight[AZ_TYPE_COUNT];
    size_t panel_rows; /* 0: no panels */
    az_interleave_fn *interleave;
    void (*unpack[AZ_TYPE_COUNT])(const void *src, float *dst,
                                  size_t n); /* dequantize, exact; NULL: no */
    /* Encode n values (whole blocks) with the scale search of kernel/pack.h; imp: [n] or NULL. Every
     * instruction set writes the same bytes. NULL: adze does not write this type. */
    az_pack_fn *pack[AZ_TYPE_COUNT];
    az_pack_affine_fn *pack_affine; /* the same bytes from every instruction set */
    void (*rms_norm)(float *y, const float *x, const float *w, size_t n,
                     float eps); /* y may be x */
    /* (x - mean) / sqrt(variance + eps) * w + b; y may be x */
    void (*layer_norm)(float *y, const float *x, const float *w, const float *b, size_t n,
                       float eps);
    void (*add)(float *y, const float *x, size_t n);                 /* y += x */
    void (*add_scaled)(float *y, const float *x, float s, size_t n); /* y += s * x */
    void (*scale_cap)(float *y, float s, float cap, size_t n); /* s * y, softcapped where cap > 0 */
    az_act_mul_fn *act_mul[AZ_ACTIVATION_COUNT];
    /* In place on one head; cs: [dims / 2] pairs (cos, sin); adjacent: pairs (2j, 2j+1), else halves. */
    void (*rope)(float *x, const float *cs, size_t dims, bool adjacent);
    az_kv_kernel kv[AZ_TYPE_COUNT];
    void (*f32_to_f16)(az_f16 *dst, const float *src, size_t n);
    void (*f16_to_f32)(float *dst, const az_f16 *src, size_t n);
} az_kernels;

/* Fill the table: scalar first, then what `cpu` allows overwrites it. */
void az_kernels_init(az_kernels *k, unsigned cpu);
/* Table for this process (az_cpu_flags), made once. */
const az_kernels *az_kernels_default(void);

/* Bytes of one activation row of k values. */
static inline size_t az_act_row_bytes(az_act_type t, size_t k)
{
    if (t == AZ_ACT_Q8) return k / 32 * sizeof(az_q8_block);
    return k * (t == AZ_ACT_BF16 ? sizeof(az_bf16) : sizeof(float));
}

/* What makes a row of a form from f32; NULL for f32 itself. */
static inline az_quantize_act_fn *az_quantize_fn(const az_kernels *k, az_act_type t)
{
    if (t == AZ_ACT_F32) return NULL;
    return t == AZ_ACT_Q8 ? k->quantize_q8 : k->quantize_bf16;
}

#endif
