/* Tensors in several parts: every layout is packed here by its published rule and must come back value for value; and
 * parts that do not fit each other are refused with the part's name. */
#include "fixture.h"

#include <math.h>

#include "codec/codec.h"
#include "core/half.h"
#include "codec/affine.h"
#include "core/packed.h"
#include "format/parts.h"
#include "codec/repack.h"
#include "kernel/kernel.h"

enum { N = 16, K = 64 };

/* --- a folder of given tensors --------------------------------------------------------------------------- */

static az_buf head, data;

static void begin(void)
{
    az_buf_deinit(&head);
    az_buf_deinit(&data);
    az_buf_init(&head, fx_run);
    az_buf_init(&data, fx_run);
    az_buf_putc(&head, '{');
}

static void add(const char *name, const char *dtype, const char *shape, const void *bytes, size_t n)
{
    az_buf_printf(&head, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%zu,%zu]}",
                  head.size > 1 ? "," : "", name, dtype, shape, data.size, data.size + n);
    az_buf_put(&data, bytes, n);
}

static const char *end(const char *quant)
{
    az_buf b;
    uint64_t n;

    az_buf_putc(&head, '}');
    n = head.size;
    az_buf_init(&b, fx_run);
    az_buf_put(&b, &n, 8);
    az_buf_put(&b, head.data, head.size);
    if (data.size) az_buf_put(&b, data.data, data.size);
    mkdir(fx_path("q"), 0777);
    fx_write(fx_path("q/model.safetensors"), b.data, b.size);
    az_buf_clear(&b);
    az_buf_printf(&b, "{\"model_type\":\"llama\",%s}", quant);
    fx_write(fx_path("q/config.json"), b.data, b.size);
    az_buf_deinit(&b);
    return fx_path("q");
}

static int engine_types[AZ_TYPE_COUNT]; /* tensors that were put into each */

/* Rows as the engine makes them hold the same values, but for the last bits of some scales. */
static void check_engine_rows(const char *what, const adze_model *m, const az_tensor *t,
                              const float *want)
{
    size_t rows = (size_t)az_tensor_rows(t), cols = (size_t)az_tensor_cols(t);
    const az_kernels *k = az_kernels_default();
    adze_error err = { 0 };
    az_affine_form f;
    az_codes c;

    if (!az_affine_form_of(t, &f)) return;
    assert_int_equal(az_codes_new(&c, m, t, (int64_t)rows, false, &err), ADZE_OK);
    assert_int_equal(t->packed->layout->codes(m, t, 0, (int64_t)rows, &c, &err), ADZE_OK);
    for (size_t r = 0; r < rows && az_codes_in_order(&c, t); r++) {
        uint8_t *row = az_alloc(fx_run, f.row_bytes);
        float *x = az_alloc(fx_run, cols * sizeof *x), top = 0;

        if (!az_affine_put(&f, &c, r, row)) fail_msg("%s: row %zu has no place", what, r);
        k->unpack[f.type](row, x, cols);
        for (size_t i = 0; i < cols; i++)
            top = fmaxf(top, fabsf(want[r * cols + i]));
        for (size_t i = 0; i < cols; i++)
            if (!(fabsf(x[i] - want[r * cols + i]) <= 0x1p-16f * top))
                fail_msg("%s as %s: value %zu of row %zu is %.9g, want %.9g", what,
                         az_type_get(f.type)->name, i, r, (double)x[i], (double)want[r * cols + i]);
        engine_types[f.type]++;
        az_free(fx_run, row);
        az_free(fx_run, x);
    }
    az_codes_free(&c);
}

static int gguf_types[AZ_TYPE_COUNT];

/* The blocks that a GGUF gets hold the same values, or are off by as much as is said. */
static void check_repacked(const char *what, const adze_model *m, const az_tensor *t,
                           const float *want)
{
    size_t cols = (size_t)az_tensor_cols(t), n = (size_t)az_tensor_rows(t) * cols;
    adze_error err = { 0 };
    az_repack r = { .type = AZ_F32 };
    uint8_t *blocks = az_alloc(fx_run, n * sizeof(float));
    float *x = az_alloc(fx_run, n * sizeof *x);

    if (az_is_decoded(t)) assert_int_equal(az_repack_find(m, t, &r, &err), ADZE_OK);
    gguf_types[r.type]++;
    if (r.type != AZ_F32) {
        float top = 0;
        assert_int_equal(az_repack_rows(m, t, r.type, 0, az_tensor_rows(t), blocks, &err), ADZE_OK);
        az_kernels_default()->unpack[r.type](blocks, x, n);
        for (size_t i = 0; i < n; i++)
            top = fmaxf(top, fabsf(want[i]));
        for (size_t i = 0; i < n; i++)
            if (!(fabsf(x[i] - want[i]) <= r.off * top))
                fail_msg("%s as %s: value %zu is %.9g, want %.9g (off %g)", what,
                         az_type_get(r.type)->name, i, (double)x[i], (double)want[i],
                         (double)r.off);
    }
    az_free(fx_run, blocks);
    az_free(fx_run, x);
}

/* Every type of the engine came up in the tests before. */
static void puts_all_into_rows(void **state)
{
    static const az_type types[] = { AZ_AFFINE2, AZ_AFFINE4, AZ_AFFINE8, AZ_NVFP4, AZ_FP8 };

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(types); i++)
        if (!engine_types[types[i]]) fail_msg("%s did not", az_type_get(types[i])->name);
    if (!gguf_types[AZ_F32] || !gguf_types[AZ_Q4_0] || !gguf_types[AZ_Q4_1] || !gguf_types[AZ_Q8_0])
        fail_msg("not all kinds of blocks came up: %d %d %d %d", gguf_types[AZ_F32],
                 gguf_types[AZ_Q4_0], gguf_types[AZ_Q4_1], gguf_types[AZ_Q8_0]);
}

/* What `adze inspect` calls what is stored. */
static const char *const labels[][2] = {
    { "gptq of 3 bits", "gptq 3 g32" },
    { "awq", "awq 4 g32" },
    { "fp8 by blocks", "fp8 e4m3 8x24" },
    { "fp8 with one scale", "fp8 e4m3 16x64" },
    { "int8 with zero points", "int8 1x64" },
    { "gpt-oss", "mxfp4" },
    { "mxfp4", "mxfp4" },
    { "nvfp4", "nvfp4" },
};

static void check_values(const char *what, const char *dir, const char *name, const float *want,
                         size_t n)
{
    adze_error err = { .pos = ADZE_NOPOS };
    const az_tensor *t;
    adze_model *m;
    float *x, *raw; /* rows as they are read */

    if (adze_model_open(&m, fx_run, dir, &err) < 0) fail_msg("%s: %s %s", what, err.name, err.msg);
    t = az_model_tensor(m, name);
    if (!t || !t->packed) fail_msg("%s: no tensor %s in parts", what, name);
    for (size_t i = 0; i < AZ_COUNT(labels); i++)
        if (strcmp(labels[i][0], what) == 0) assert_string_equal(t->packed->label, labels[i][1]);
    assert_int_equal(az_tensor_rows(t) * az_tensor_cols(t), n);
    x = az_calloc(fx_run, n, sizeof *x);
    raw = az_calloc(fx_run, n, sizeof *x);
    for (int64_t r = 0; r < az_tensor_rows(t);
         r += 3) { /* by runs of rows that do not divide them */
        int64_t rows = az_tensor_rows(t) - r < 3 ? az_tensor_rows(t) - r : 3;
        if (az_packed_rows(m, t, r, rows, raw, &err) < 0)
            fail_msg("%s: %s %s", what, err.name, err.msg);
        az_codec_get(t->type)->unpack(az_kernels_default(), raw, x + r * az_tensor_cols(t),
                                      (size_t)(rows * az_tensor_cols(t)));
    }
    for (size_t i = 0; i < n; i++)
        if (az_f32_bits(x[i]) != az_f32_bits(want[i]) && !(x[i] == 0 && want[i] == 0))
            fail_msg("%s: value %zu is %g, want %g", what, i, (double)x[i], (double)want[i]);
    check_engine_rows(what, m, t, want);
    check_repacked(what, m, t, want);
    az_free(fx_run, raw);
    az_free(fx_run, x);
    adze_model_close(m);
}

static az_prng prng;

static unsigned any(unsigned n)
{
    return (unsigned)(az_prng_u64(&prng) % n);
}

static float any_scale(void) /* one that f16 holds */
{
    return (float)(1 + any(1000)) / 4096.0f;
}

/* Put b bits at bit `at` of a stream. */
static void put_bits(uint8_t *p, size_t at, unsigned v, int b)
{
    for (int i = 0; i < b; i++)
        if (v >> i & 1) p[(at + (size_t)i) / 8] |= (uint8_t)(1u << (at + (size_t)i) % 8);
}

/* --- GPTQ -------------------------------------------------------------------------------------------------- */

typedef struct gptq_case {
    int bits, group;
    bool v2, order;
} gptq_case;

static const char *make_gptq(const gptq_case *c, float *want)
{
    static uint32_t q[K * N];
    static uint8_t zeros[64][N];
    static uint16_t scales[64][N];
    static int32_t order[K];
    int groups = c->group > 0 ? K / c->group : 1, group = c->group > 0 ? c->group : K;
    unsigned top = 1u << c->bits;
    char quant[200], shape[40];

    memset(q, 0, sizeof q);
    memset(zeros, 0, sizeof zeros);
    for (int k = 0; k < K; k++)
        order[k] = c->order ? (int32_t)any((unsigned)groups) : k / group;
    for (int n = 0; n < N; n++) {
        unsigned z[64];
        for (int g = 0; g < groups; g++) {
            z[g] = any(top);
            scales[g][n] = az_f32_to_f16(any_scale());
            put_bits((uint8_t *)zeros + (size_t)g * (size_t)(N * c->bits / 8),
                     (size_t)(n * c->bits), c->v2 ? z[g] : (z[g] - 1) & (top - 1), c->bits);
        }
        for (int k = 0; k < K; k++) {
            unsigned v = any(top), at = (unsigned)(k * c->bits);
            int g = order[k];
            for (int b = 0; b < c->bits; b++)
                if (v >> b & 1)
                    q[(at + (unsigned)b) / 32 * N + (unsigned)n] |= 1u << (at + (unsigned)b) % 32;
            want[n * K + k] = az_f16_to_f32(scales[g][n]) * (float)((int)v - (int)z[g]);
        }
    }
    begin();
    snprintf(shape, sizeof shape, "[%d,%d]", K * c->bits / 32, N);
    add("a.qweight", "I32", shape, q, (size_t)(K * c->bits / 32 * N) * 4);
    snprintf(shape, sizeof shape, "[%d,%d]", groups, N * c->bits / 32);
    add("a.qzeros", "I32", shape, zeros, (size_t)(groups * N * c->bits / 8));
    snprintf(shape, sizeof shape, "[%d,%d]", groups, N);
    add("a.scales", "F16", shape, scales, (size_t)(groups * N) * 2);
    if (c->order) add("a.g_idx", "I32", "[64]", order, sizeof order);
    snprintf(quant, sizeof quant,
             "\"quantization_config\":{\"quant_method\":\"gptq\",\"bits\":%d,\"group_size\":%d,"
             "\"checkpoint_format\":\"%s\"}",
             c->bits, c->group, c->v2 ? "gptq_v2" : "gptq");
    return end(quant);
}

static void reads_gptq(void **state)
{
    static const gptq_case cases[] = { { 4, 32, false, false }, { 4, 16, true, false },
                                       { 4, 16, false, true },  { 8, 32, false, false },
                                       { 2, 32, true, true },   { 4, -1, false, false },
                                       { 8, -1, true, false } };
    static float want[N * K];

    (void)state;
    az_prng_seed(&prng, 3);
    for (size_t i = 0; i < AZ_COUNT(cases); i++)
        check_values("gptq", make_gptq(&cases[i], want), "a.weight", want, N * K);
}

/* 3 bits straddle words: 32 values in 3 words, with 32 rows so that zeros fill words too. */
static void reads_gptq_of_three_bits(void **state)
{
    enum { ROWS = 32, COLS = 32 };
    static uint32_t q[3][ROWS], zeros[3];
    static uint16_t scales[ROWS];
    static float want[ROWS * COLS];

    (void)state;
    az_prng_seed(&prng, 4);
    for (int n = 0; n < ROWS; n++) {
        unsigned z = any(8);
        scales[n] = az_f32_to_f16(any_scale());
        put_bits((uint8_t *)zeros, (size_t)(n * 3), (z - 1) & 7, 3);
        for (int k = 0; k < COLS; k++) {
            unsigned v = any(8);
            for (int b = 0; b < 3; b++)
                if (v >> b & 1) q[(k * 3 + b) / 32][n] |= 1u << (k * 3 + b) % 32;
            want[n * COLS + k] = az_f16_to_f32(scales[n]) * (float)((int)v - (int)z);
        }
    }
    begin();
    add("a.qweight", "I32", "[3,32]", q, sizeof q);
    add("a.qzeros", "I32", "[1,3]", zeros, sizeof zeros);
    add("a.scales", "F16", "[1,32]", scales, sizeof scales);
    check_values(
        "gptq of 3 bits",
        end("\"quantization_config\":{\"quant_method\":\"gptq\",\"bits\":3,\"group_size\":32}"),
        "a.weight", want, ROWS * COLS);
}

/* --- AWQ --------------------------------------------------------------------------------------------------- */

static void reads_awq(void **state)
{
    static const int column_at[8] = { 0, 2, 4, 6, 1, 3, 5, 7 }; /* column of nibble i */
    static uint32_t q[K][N / 8], zeros[2][N / 8];
    static uint16_t scales[2][N];
    static float want[N * K];
    static uint8_t code[N][K], zero[N][2];

    (void)state;
    az_prng_seed(&prng, 5);
    for (int n = 0; n < N; n++) {
        for (int g = 0; g < 2; g++) {
            zero[n][g] = (uint8_t)any(16);
            scales[g][n] = az_f32_to_f16(any_scale());
        }
        for (int k = 0; k < K; k++) {
            code[n][k] = (uint8_t)any(16);
            want[n * K + k] =
                az_f16_to_f32(scales[k / 32][n]) * (float)((int)code[n][k] - (int)zero[n][k / 32]);
        }
    }
    for (int w = 0; w < N / 8; w++)
        for (int i = 0; i < 8; i++) {
            int n = w * 8 + column_at[i];
            for (int k = 0; k < K; k++)
                q[k][w] |= (uint32_t)code[n][k] << 4 * i;
            for (int g = 0; g < 2; g++)
                zeros[g][w] |= (uint32_t)zero[n][g] << 4 * i;
        }
    begin();
    add("a.qweight", "I32", "[64,2]", q, sizeof q);
    add("a.qzeros", "I32", "[2,2]", zeros, sizeof zeros);
    add("a.scales", "F16", "[2,16]", scales, sizeof scales);
    check_values(
        "awq",
        end("\"quantization_config\":{\"quant_method\":\"awq\",\"bits\":4,\"group_size\":32,"
            "\"version\":\"gemm\"}"),
        "a.weight", want, N * K);
}

/* --- 8 bits with scales -------------------------------------------------------------------------------------- */

#define FP8 "\"quantization_config\":{\"quant_method\":\"fp8\",\"weight_block_size\":[8,24]}"
#define CT  "\"quantization_config\":{\"quant_method\":\"compressed-tensors\",\"config_groups\":{}}"

static float e4m3(unsigned b) /* by the definition */
{
    int e = (int)(b >> 3 & 15), man = (int)(b & 7);
    float v = e ? ldexpf(1 + (float)man / 8, e - 7) : ldexpf((float)man / 8, -6);

    return b & 0x80 ? -v : v;
}

static void reads_scaled(void **state)
{
    static uint8_t w[N * K];
    static float scale[N * 4], want[N * K];
    static int8_t zero[N];

    (void)state;
    az_prng_seed(&prng, 6);
    for (int i = 0; i < N * K; i++) {
        do
            w[i] = (uint8_t)any(256);
        while ((w[i] & 0x7f) == 0x7f);
    }
    for (int i = 0; i < N * 4; i++)
        scale[i] = any_scale();
    for (int i = 0; i < N; i++)
        zero[i] = (int8_t)((int)any(200) - 100);
    /* blocks of 8 x 24: 2 x 3, the last column of them partial */
    begin();
    add("a.weight", "F8_E4M3", "[16,64]", w, sizeof w);
    add("a.weight_scale_inv", "F32", "[2,3]", scale, 24);
    add("a.input_scale", "F32", "[]", scale, 4);
    for (int i = 0; i < N * K; i++)
        want[i] = scale[i / K / 8 * 3 + i % K / 24] * e4m3(w[i]);
    check_values("fp8 by blocks", end(FP8), "a.weight", want, N * K);
    begin();
    add("a.weight", "F8_E4M3", "[16,64]", w, sizeof w);
    add("a.weight_scale", "F32", "[]", scale, 4);
    for (int i = 0; i < N * K; i++)
        want[i] = scale[0] * e4m3(w[i]);
    check_values("fp8 with one scale", end(FP8), "a.weight", want, N * K);
    begin();
    add("a.weight", "F8_E4M3", "[16,64]", w, sizeof w);
    add("a.weight_scale", "F32", "[16,1]", scale, 64);
    for (int i = 0; i < N * K; i++)
        want[i] = scale[i / K] * e4m3(w[i]);
    check_values("fp8 by rows", end(CT), "a.weight", want, N * K);
    begin();
    add("a.weight", "I8", "[16,64]", w, sizeof w);
    add("a.weight_scale", "F32", "[16,1]", scale, 64);
    add("a.weight_zero_point", "I8", "[16,1]", zero, sizeof zero);
    for (int i = 0; i < N * K; i++)
        want[i] = scale[i / K] * ((float)(int8_t)w[i] - (float)zero[i / K]);
    check_values("int8 with zero points", end(CT), "a.weight", want, N * K);
    begin();
    add("a.weight", "I8", "[16,64]", w, sizeof w);
    add("a.weight_scale", "F32", "[16,4]", scale, 256);
    for (int i = 0; i < N * K; i++)
        want[i] = scale[i / K * 4 + i % K / 16] * (float)(int8_t)w[i];
    check_values("int8 by groups", end(CT), "a.weight", want, N * K);
}

/* --- compressed-tensors, packed -------------------------------------------------------------------------------- */

static void check_packed(int bits, bool asymmetric, bool word_by_word)
{
    static uint8_t w[N][K * 4], zeros[N * 4][2][4];
    static uint8_t packed[N * K * 4];
    static float scale[N][2], want[N * K];
    static const int64_t shape[2] = { N, K };
    int per = 32 / bits, words = word_by_word ? (K + per - 1) / per : K * bits / 32;
    uint32_t z[N][2] = { { 0 } };
    char quant[240], text[40];

    memset(w, 0, sizeof w);
    memset(zeros, 0, sizeof zeros);
    for (int n = 0; n < N; n++) {
        unsigned zp[2];
        for (int g = 0; g < 2; g++) {
            zp[g] = asymmetric ? any(1u << bits) : 1u << (bits - 1);
            scale[n][g] = any_scale();
            for (int b = 0; b < bits; b++)
                if (zp[g] >> b & 1) z[(n * bits + b) / 32][g] |= 1u << (n * bits + b) % 32;
        }
        for (int k = 0; k < K; k++) {
            unsigned v = any(1u << bits);
            put_bits(w[n], (size_t)(word_by_word ? k / per * 32 + k % per * bits : k * bits), v,
                     bits);
            want[n * K + k] = scale[n][k / 32] * (float)((int)v - (int)zp[k / 32]);
        }
        memcpy(packed + n * words * 4, w[n], (size_t)words * 4);
    }
    begin();
    snprintf(text, sizeof text, "[%d,%d]", N, words);
    add("a.weight_packed", "I32", text, packed, (size_t)(N * words) * 4);
    add("a.weight_scale", "F32", "[16,2]", scale, sizeof scale);
    add("a.weight_shape", "I64", "[2]", shape, sizeof shape);
    snprintf(text, sizeof text, "[%d,2]", (N * bits + 31) / 32);
    if (asymmetric) add("a.weight_zero_point", "I32", text, z, (size_t)((N * bits + 31) / 32) * 8);
    snprintf(quant, sizeof quant,
             "\"quantization_config\":{\"quant_method\":\"compressed-tensors\",\"format\":"
             "\"pack-quantized\",\"config_groups\":{\"group_0\":{\"weights\":{\"num_bits\":%d}}}}",
             bits);
    check_values("pack-quantized", end(quant), "a.weight", want, N * K);
}

static void reads_packed(void **state)
{
    (void)state;
    az_prng_seed(&prng, 7);
    check_packed(4, false, false);
    check_packed(4, true, false);
    check_packed(8, true, false);
    check_packed(8, false, false);
    check_packed(2, false, false);
    check_packed(3, true, false);
    check_packed(3, true, true);
    check_packed(5, false, true);
    check_packed(6, true, false);
}

/* --- 4-bit floats ---------------------------------------------------------------------------------------------- */

static void reads_fp4(void **state)
{
    static const float e2m1[8] = { 0, 0.5f, 1, 1.5f, 2, 3, 4, 6 };
    static uint8_t w[N * K / 2], s[N * 4];
    static float want[N * K], all = 12.5f;

    (void)state;
    az_prng_seed(&prng, 8);
    for (int i = 0; i < N * K / 2; i++)
        w[i] = (uint8_t)any(256);
    for (int i = 0; i < N * 4; i++)
        s[i] = (uint8_t)(110 + any(16));
#define Q(i) ((w[(i) / 2] >> (i) % 2 * 4 & 8 ? -1.0f : 1.0f) * e2m1[w[(i) / 2] >> (i) % 2 * 4 & 7])
    for (int i = 0; i < N * K; i++)
        want[i] = ldexpf(Q(i), (int)s[i / 32] - 127);
    begin();
    add("e.down_proj_blocks", "U8", "[2,8,2,16]", w, sizeof w);
    add("e.down_proj_scales", "U8", "[2,8,2]", s, N * 2);
    check_values("gpt-oss", end("\"quantization_config\":{\"quant_method\":\"mxfp4\"}"),
                 "e.down_proj_blocks", want, N * K);
    begin();
    add("a.weight_packed", "U8", "[16,32]", w, sizeof w);
    add("a.weight_scale", "U8", "[16,2]", s, N * 2);
    check_values("mxfp4", end(CT), "a.weight", want, N * K);
    for (int i = 0; i < N * 4; i++)
        s[i] = (uint8_t)any(120);
    for (int i = 0; i < N * K; i++)
        want[i] = e4m3(s[i / 16]) / all * Q(i);
    begin();
    add("a.weight_packed", "U8", "[16,32]", w, sizeof w);
    add("a.weight_scale", "F8_E4M3", "[16,4]", s, N * 4);
    add("a.weight_global_scale", "F32", "[1]", &all, 4);
    check_values("nvfp4", end(CT), "a.weight", want, N * K);
    for (int i = 0; i < N * K; i++)
        want[i] = e4m3(s[i / 16]) * all * Q(i);
    begin();
    add("a.weight", "U8", "[16,32]", w, sizeof w);
    add("a.weight_scale", "F8_E4M3", "[16,4]", s, N * 4);
    add("a.weight_scale_2", "F32", "[]", &all, 4);
    check_values("modelopt", end("\"quantization_config\":{\"quant_method\":\"modelopt\"}"),
                 "a.weight", want, N * K);
#undef Q
}

/* Words of published examples. */
static void agrees_with_published_words(void **state)
{
    static const uint8_t three[] = { 0x88, 0xc6, 0xfa },
                         six[] = { 0x40, 0x22, 0x6d, 0x64, 0x6b, 0xff };
    static const uint8_t five[] = { 0xa0, 0xa8, 0x47, 0xb3, 0xff };
    static const unsigned fives[] = { 0, 5, 10, 15, 20, 25, 30, 31 };

    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(az_part_bits(three, 3, i * 3, 3), i);
        assert_int_equal(az_part_bits(five, 5, i * 5, 5), fives[i]);
        assert_int_equal(az_part_bits(six, 6, i * 6, 6), i * 9);
    }
    for (unsigned b = 0; b < 256; b++)
        if ((b & 0x7f) != 0x7f) assert_true(az_f8_e4m3_to_f32((uint8_t)b) == e4m3(b));
    assert_true(az_f8_e4m3_to_f32(0x7e) == 448 && isnan(az_f8_e4m3_to_f32(0xff)));
    assert_true(az_f8_e5m2_to_f32(0x7b) == 57344 && isinf(az_f8_e5m2_to_f32(0x7c)));
    assert_true(az_e8m0_to_f32(127) == 1 && az_e8m0_to_f32(0) == ldexpf(1, -127));
}

/* --- parts that do not fit ---------------------------------------------------------------------------------------- */

#define GPTQ "\"quantization_config\":{\"quant_method\":\"gptq\",\"bits\":4,\"group_size\":32}"
#define AWQ  "\"quantization_config\":{\"quant_method\":\"awq\",\"bits\":4,\"group_size\":32}"
#define MLX  "\"quantization\":{\"group_size\":32,\"bits\":4}"
#define PACK                                                                              \
    "\"quantization_config\":{\"quant_method\":\"compressed-tensors\",\"config_groups\":" \
    "{\"g\":{\"weights\":{\"num_bits\":4}}}}"
#define MXFP4 "\"quantization_config\":{\"quant_method\":\"mxfp4\"}"

typedef struct part {
    const char *name, *dtype, *shape;
    size_t bytes;
} part;

static const struct {
    const char *what, *quant;
    part p[5];
    adze_status want;
    const char *says;
} bad[] = {
    { "gptq without zeros",
      GPTQ,
      { { "a.qweight", "I32", "[8,16]", 512 }, { "a.scales", "F16", "[2,16]", 64 } },
      ADZE_EFORMAT,
      "qzeros" },
    { "gptq without scales",
      GPTQ,
      { { "a.qweight", "I32", "[8,16]", 512 }, { "a.qzeros", "I32", "[2,2]", 16 } },
      ADZE_EFORMAT,
      "scales" },
    { "gptq of floats",
      GPTQ,
      { { "a.qweight", "F32", "[8,16]", 512 },
        { "a.scales", "F16", "[2,16]", 64 },
        { "a.qzeros", "I32", "[2,2]", 16 } },
      ADZE_EFORMAT,
      "qweight" },
    { "gptq with scales of another width",
      GPTQ,
      { { "a.qweight", "I32", "[8,16]", 512 },
        { "a.scales", "F16", "[2,8]", 32 },
        { "a.qzeros", "I32", "[2,2]", 16 } },
      ADZE_EFORMAT,
      "a.scales" },
    { "gptq with too few groups",
      GPTQ,
      { { "a.qweight", "I32", "[8,16]", 512 },
        { "a.scales", "F16", "[1,16]", 32 },
        { "a.qzeros", "I32", "[1,2]", 8 } },
      ADZE_EFORMAT,
      "groups" },
    { "gptq with a short order",
      GPTQ,
      { { "a.qweight", "I32", "[8,16]", 512 },
        { "a.scales", "F16", "[2,16]", 64 },
        { "a.qzeros", "I32", "[2,2]", 16 },
        { "a.g_idx", "I32", "[8]", 32 } },
      ADZE_EFORMAT,
      "g_idx" },
    { "gptq of 5 bits",
      "\"quantization_config\":{\"quant_method\":\"gptq\",\"bits\":5}",
      { { "a.x", "F32", "[1]", 4 } },
      ADZE_EUNSUP,
      "bits" },
    { "gptq of another format",
      "\"quantization_config\":{\"quant_method\":\"gptq\",\"bits\":4,\"checkpoint_format\":"
      "\"marlin\"}",
      { { "a.x", "F32", "[1]", 4 } },
      ADZE_EUNSUP,
      "marlin" },
    { "gptq with groups of 0",
      "\"quantization_config\":{\"quant_method\":\"gptq\",\"bits\":4,\"group_size\":0}",
      { { "a.x", "F32", "[1]", 4 } },
      ADZE_EFORMAT,
      "group_size" },
    { "awq without zeros",
      AWQ,
      { { "a.qweight", "I32", "[64,2]", 512 }, { "a.scales", "F16", "[2,16]", 64 } },
      ADZE_EFORMAT,
      "qzeros" },
    { "awq with scales of another width",
      AWQ,
      { { "a.qweight", "I32", "[64,2]", 512 },
        { "a.scales", "F16", "[2,8]", 32 },
        { "a.qzeros", "I32", "[2,2]", 16 } },
      ADZE_EFORMAT,
      "a.scales" },
    { "awq with too few zeros",
      AWQ,
      { { "a.qweight", "I32", "[64,2]", 512 },
        { "a.scales", "F16", "[2,16]", 64 },
        { "a.qzeros", "I32", "[1,2]", 8 } },
      ADZE_EFORMAT,
      "a.qzeros" },
    { "awq of bytes",
      AWQ,
      { { "a.qweight", "U8", "[64,2]", 128 },
        { "a.scales", "F16", "[2,16]", 64 },
        { "a.qzeros", "I32", "[2,2]", 16 } },
      ADZE_EFORMAT,
      "a.qweight" },
    { "awq of 8 bits",
      "\"quantization_config\":{\"quant_method\":\"awq\",\"bits\":8}",
      { { "a.x", "F32", "[1]", 4 } },
      ADZE_EUNSUP,
      "AWQ with 8" },
    { "awq gemv",
      "\"quantization_config\":{\"quant_method\":\"awq\",\"version\":\"gemv\"}",
      { { "a.x", "F32", "[1]", 4 } },
      ADZE_EUNSUP,
      "gemv" },
    { "mlx scales alone", MLX, { { "a.scales", "F16", "[16,2]", 64 } }, ADZE_EFORMAT, "no weight" },
    { "mlx without biases",
      MLX,
      { { "a.weight", "U32", "[16,8]", 512 }, { "a.scales", "F16", "[16,2]", 64 } },
      ADZE_EFORMAT,
      "biases" },
    { "mlx biases of another type",
      MLX,
      { { "a.weight", "U32", "[16,8]", 512 },
        { "a.scales", "F16", "[16,2]", 64 },
        { "a.biases", "F32", "[16,2]", 128 } },
      ADZE_EFORMAT,
      "a.biases" },
    { "mlx of too many words",
      MLX,
      { { "a.weight", "U32", "[16,9]", 576 },
        { "a.scales", "F16", "[16,2]", 64 },
        { "a.biases", "F16", "[16,2]", 64 } },
      ADZE_EFORMAT,
      "words" },
    { "mlx with scales of other rows",
      MLX,
      { { "a.weight", "U32", "[16,8]", 512 },
        { "a.scales", "F16", "[8,2]", 32 },
        { "a.biases", "F16", "[8,2]", 32 } },
      ADZE_EFORMAT,
      "a.scales" },
    { "mlx of floats",
      MLX,
      { { "a.weight", "F32", "[16,8]", 512 },
        { "a.scales", "F16", "[16,2]", 64 },
        { "a.biases", "F16", "[16,2]", 64 } },
      ADZE_EFORMAT,
      "u32" },
    { "mlx of 7 bits",
      "\"quantization\":{\"group_size\":32,\"bits\":7}",
      { { "a.weight", "U32", "[16,8]", 512 }, { "a.scales", "F16", "[16,2]", 64 } },
      ADZE_EUNSUP,
      "7 bits" },
    { "mlx of another mode",
      "\"quantization\":{\"mode\":\"fp3\"}",
      { { "a.weight", "U32", "[16,8]", 512 }, { "a.scales", "F16", "[16,2]", 64 } },
      ADZE_EUNSUP,
      "fp3" },
    { "mlx groups of 2^40",
      "\"quantization\":{\"group_size\":1099511627776,\"bits\":4}",
      { { "a.weight", "U32", "[16,8]", 512 }, { "a.scales", "F16", "[16,2]", 64 } },
      ADZE_EUNSUP,
      "groups" },
    { "words without scales", MLX, { { "a.weight", "U32", "[16,8]", 512 } }, ADZE_EUNSUP, "U32" },
    { "fp8 without a scale",
      FP8,
      { { "a.weight", "F8_E4M3", "[16,64]", 1024 } },
      ADZE_EUNSUP,
      "F8_E4M3" },
    { "fp8 with scales that fit nothing",
      FP8,
      { { "a.weight", "F8_E4M3", "[16,64]", 1024 }, { "a.weight_scale_inv", "F32", "[3,3]", 36 } },
      ADZE_EFORMAT,
      "fits no groups" },
    { "fp8 with integers for scales",
      FP8,
      { { "a.weight", "F8_E4M3", "[16,64]", 1024 }, { "a.weight_scale_inv", "I32", "[2,3]", 24 } },
      ADZE_EFORMAT,
      "i32" },
    { "a scaled vector",
      FP8,
      { { "a.weight", "F8_E4M3", "[64]", 64 }, { "a.weight_scale", "F32", "[]", 4 } },
      ADZE_EFORMAT,
      "a.weight" },
    { "scaled 16-bit integers",
      CT,
      { { "a.weight", "I16", "[16,64]", 2048 }, { "a.weight_scale", "F32", "[]", 4 } },
      ADZE_EFORMAT,
      "8-bit" },
    { "zero points of another shape",
      CT,
      { { "a.weight", "I8", "[16,64]", 1024 },
        { "a.weight_scale", "F32", "[16,1]", 64 },
        { "a.weight_zero_point", "I8", "[8,1]", 8 } },
      ADZE_EFORMAT,
      "zero_point" },
    { "packed without a shape",
      PACK,
      { { "a.weight_packed", "I32", "[16,8]", 512 }, { "a.weight_scale", "F32", "[16,2]", 128 } },
      ADZE_EFORMAT,
      "weight_shape" },
    { "packed with a shape of 0",
      PACK,
      { { "a.weight_packed", "I32", "[16,8]", 512 },
        { "a.weight_scale", "F32", "[16,2]", 128 },
        { "a.weight_shape", "I64", "[2]", 16 } },
      ADZE_EFORMAT,
      "[0, 0]" },
    { "packed without a scale",
      PACK,
      { { "a.weight_packed", "I32", "[16,8]", 512 }, { "a.weight_shape", "I64", "[2]", 16 } },
      ADZE_EFORMAT,
      "weight_scale" },
    { "packed shape of three",
      PACK,
      { { "a.weight_packed", "I32", "[16,8]", 512 },
        { "a.weight_scale", "F32", "[16,2]", 128 },
        { "a.weight_shape", "I64", "[3]", 24 } },
      ADZE_EFORMAT,
      "two i64" },
    { "blocks without scales",
      MXFP4,
      { { "a_blocks", "U8", "[2,8,2,16]", 512 } },
      ADZE_EFORMAT,
      "no scales" },
    { "blocks of 8 bytes",
      MXFP4,
      { { "a_blocks", "U8", "[2,8,4,8]", 512 }, { "a_scales", "U8", "[2,8,4]", 64 } },
      ADZE_EFORMAT,
      "16" },
    { "too few scales for blocks",
      MXFP4,
      { { "a_blocks", "U8", "[2,8,2,16]", 512 }, { "a_scales", "U8", "[2,8,1]", 16 } },
      ADZE_EFORMAT,
      "a_scales" },
    { "a method that is not known",
      "\"quantization_config\":{\"quant_method\":\"bitsandbytes\"}",
      { { "a.weight", "U8", "[512,1]", 512 } },
      ADZE_EUNSUP,
      "bitsandbytes" },
};

static void refuses_bad_parts(void **state)
{
    static const uint8_t zeros[4096];

    (void)state;
    for (size_t i = 0; i < AZ_COUNT(bad); i++) {
        adze_error err = { .pos = ADZE_NOPOS };
        char line[1200];
        adze_model *m;
        adze_status rc;
        begin();
        for (int k = 0; k < 5 && bad[i].p[k].name; k++)
            add(bad[i].p[k].name, bad[i].p[k].dtype, bad[i].p[k].shape, zeros, bad[i].p[k].bytes);
        rc = adze_model_open(&m, fx_run, end(bad[i].quant), &err);
        adze_error_text(&err, line, sizeof line);
        if (rc != bad[i].want || !strstr(line, bad[i].says))
            fail_msg("%s: status %d, want %d: %s", bad[i].what, rc, bad[i].want, line);
        adze_model_close(m);
    }
}

/* An order of columns that names a group that is not there is found when rows are read. */
static void refuses_bad_orders(void **state)
{
    static const int32_t wrong[] = { -1, 2, 1 << 30, INT32_MIN, INT32_MAX, 3 };
    static float want[N * K], row[K];

    (void)state;
    az_prng_seed(&prng, 9);
    for (size_t i = 0; i < AZ_COUNT(wrong); i++) {
        gptq_case c = { 4, 32, false, true };
        adze_error err = { .pos = ADZE_NOPOS };
        const char *dir = make_gptq(&c, want);
        adze_model *m;
        size_t n;
        char *text = fx_read(fx_path("q/model.safetensors"), &n);
        memcpy(text + n - 4, &wrong[i], 4); /* the order lies last */
        fx_write(fx_path("q/model.safetensors"), text, n);
        az_free(fx_run, text);
        assert_int_equal(adze_model_open(&m, fx_run, dir, &err), ADZE_OK);
        assert_int_equal(az_packed_rows(m, az_model_tensor(m, "a.weight"), 0, 1, row, &err),
                         ADZE_EFORMAT);
        assert_string_equal(err.name, "a.g_idx");
        adze_model_close(m);
    }
}

static int stop(void **state)
{
    az_buf_deinit(&head);
    az_buf_deinit(&data);
    return fx_stop(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_gptq),         cmocka_unit_test(reads_gptq_of_three_bits),
        cmocka_unit_test(reads_awq),          cmocka_unit_test(reads_scaled),
        cmocka_unit_test(reads_packed),       cmocka_unit_test(reads_fp4),
        cmocka_unit_test(puts_all_into_rows), cmocka_unit_test(refuses_bad_parts),
        cmocka_unit_test(refuses_bad_orders), cmocka_unit_test(agrees_with_published_words),
    };

    return cmocka_run_group_tests(tests, fx_start, stop);
}
