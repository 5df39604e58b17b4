/* Quantized folders: what config.json says of GPTQ, AWQ, FP8, compressed-tensors, MXFP4 and MLX, and the parts that the header
 * names; first and last rows are decoded. */
#include "fuzz.h"
#include "model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    fuzz_begin();
    adze_model_close(fuzz_open(fuzz_folder(data, n), AZ_READ_ALL));
    fuzz_end();
    return 0;
}

typedef struct part {
    const char *name, *dtype;
    int64_t shape[4]; /* ends with 0 */
} part;

#define QC(text)   "{\"model_type\":\"llama\",\"quantization_config\":" text "}"
#define MLX(text)  "{\"model_type\":\"llama\",\"quantization\":" text "}"
#define GPTQ(text) QC("{\"quant_method\":\"gptq\"," text "}")
#define CT(text)   QC("{\"quant_method\":\"compressed-tensors\"," text "}")
#define PACKED(bits)                                                                       \
    CT("\"format\":\"pack-quantized\",\"config_groups\":{\"group_0\":{\"weights\":{\"num_" \
       "bits\":" bits "}}}")

static const struct {
    const char *config;
    part p[6];
} cases[] = {
    { GPTQ("\"bits\":4,\"group_size\":32"),
      { { "a.qweight", "I32", { 8, 16 } },
        { "a.qzeros", "I32", { 2, 2 } },
        { "a.scales", "F16", { 2, 16 } } } },
    { GPTQ("\"bits\":4,\"group_size\":32,\"checkpoint_format\":\"gptq_v2\",\"desc_act\":true"),
      { { "a.qweight", "I32", { 8, 16 } },
        { "a.qzeros", "I32", { 2, 2 } },
        { "a.scales", "BF16", { 2, 16 } },
        { "a.g_idx", "I32", { 64 } } } },
    { GPTQ("\"bits\":3,\"group_size\":32"),
      { { "a.qweight", "I32", { 3, 32 } },
        { "a.qzeros", "I32", { 1, 3 } },
        { "a.scales", "F16", { 1, 32 } } } },
    { GPTQ("\"bits\":8,\"group_size\":-1"),
      { { "a.qweight", "I32", { 16, 16 } },
        { "a.qzeros", "I32", { 1, 4 } },
        { "a.scales", "F32", { 1, 16 } } } },
    { GPTQ("\"bits\":2,\"group_size\":32,\"format\":\"gptq\""),
      { { "a.qweight", "I32", { 4, 16 } },
        { "a.qzeros", "I32", { 2, 1 } },
        { "a.scales", "F16", { 2, 16 } },
        { "a.bias", "F16", { 16 } } } },
    { GPTQ("\"bits\":5"), { { "a.x", "F32", { 1 } } } },
    { GPTQ("\"bits\":4,\"checkpoint_format\":\"marlin\""), { { "a.x", "F32", { 1 } } } },
    { GPTQ("\"bits\":4,\"group_size\":0"), { { "a.x", "F32", { 1 } } } },
    { QC("{\"quant_method\":\"awq\",\"bits\":4,\"group_size\":32,\"version\":\"gemm\"}"),
      { { "a.qweight", "I32", { 64, 2 } },
        { "a.qzeros", "I32", { 2, 2 } },
        { "a.scales", "F16", { 2, 16 } } } },
    { QC("{\"quant_method\":\"awq\",\"w_bit\":4,\"q_group_size\":-1}"),
      { { "a.qweight", "I32", { 64, 2 } },
        { "a.qzeros", "I32", { 1, 2 } },
        { "a.scales", "F16", { 1, 16 } } } },
    { QC("{\"quant_method\":\"awq\",\"bits\":8}"), { { "a.x", "F32", { 1 } } } },
    { QC("{\"quant_method\":\"awq\",\"version\":\"gemv\"}"), { { "a.x", "F32", { 1 } } } },
    { QC("{\"quant_method\":\"fp8\",\"weight_block_size\":[8,24]}"),
      { { "a.weight", "F8_E4M3", { 16, 64 } },
        { "a.weight_scale_inv", "F32", { 2, 3 } },
        { "a.input_scale", "F32", { 1 } } } },
    { QC("{\"quant_method\":\"fp8\"}"),
      { { "a.weight", "F8_E4M3", { 16, 64 } }, { "a.weight_scale", "F32", { 1 } } } },
    { QC("{\"quant_method\":\"fp8\"}"),
      { { "a.weight", "F8_E5M2", { 16, 64 } }, { "a.weight_scale", "BF16", { 16, 1 } } } },
    { CT("\"config_groups\":{}"),
      { { "a.weight", "F8_E4M3", { 16, 64 } }, { "a.weight_scale", "F32", { 16, 1 } } } },
    { CT("\"config_groups\":{\"g\":{\"weights\":{\"block_structure\":[8,32]}}}"),
      { { "a.weight", "F8_E4M3", { 16, 64 } }, { "a.weight_scale", "F32", { 2, 2 } } } },
    { CT("\"config_groups\":{}"),
      { { "a.weight", "I8", { 16, 64 } },
        { "a.weight_scale", "F32", { 16, 1 } },
        { "a.weight_zero_point", "I8", { 16, 1 } } } },
    { CT("\"config_groups\":{}"),
      { { "a.weight", "I8", { 16, 64 } }, { "a.weight_scale", "F32", { 16, 4 } } } },
    { CT("\"config_groups\":{}"),
      { { "a.weight", "I16", { 16, 64 } }, { "a.weight_scale", "F32", { 16, 4 } } } },
    { CT("\"config_groups\":{}"),
      { { "a.weight", "I8", { 64 } }, { "a.weight_scale", "F32", { 1 } } } },
    { CT("\"format\":\"pack-quantized\",\"config_groups\":{}"),
      { { "a.weight_packed", "I32", { 16, 8 } },
        { "a.weight_scale", "F32", { 16, 2 } },
        { "a.weight_shape", "I64", { 2 } } } },
    { PACKED("4"),
      { { "a.weight_packed", "I32", { 16, 8 } },
        { "a.weight_scale", "F32", { 16, 2 } },
        { "a.weight_shape", "I64", { 2 } } } },
    { PACKED("4"),
      { { "a.weight_packed", "I32", { 16, 8 } },
        { "a.weight_scale", "F32", { 16, 2 } },
        { "a.weight_shape", "I64", { 2 } },
        { "a.weight_zero_point", "I32", { 2, 2 } } } },
    { PACKED("4"),
      { { "a.weight_packed", "I32", { 16, 8 } },
        { "a.weight_scale", "F32", { 16, 2 } },
        { "a.weight_shape", "I64", { 2 } },
        { "a.weight_g_idx", "I32", { 64 } } } },
    { PACKED("3"),
      { { "a.weight_packed", "I32", { 16, 7 } },
        { "a.weight_scale", "F16", { 16, 2 } },
        { "a.weight_shape", "I64", { 2 } },
        { "a.weight_zero_point", "I32", { 2, 2 } } } },
    { PACKED("3"),
      { { "a.weight_packed", "I32", { 16, 6 } },
        { "a.weight_scale", "F16", { 16, 1 } },
        { "a.weight_shape", "I64", { 2 } } } },
    { PACKED("9"), { { "a.weight_packed", "I32", { 16, 6 } } } },
    { QC("{\"quant_method\":\"mxfp4\"}"),
      { { "e.down_proj_blocks", "U8", { 2, 8, 2, 16 } },
        { "e.down_proj_scales", "U8", { 2, 8, 2 } } } },
    { CT("\"config_groups\":{}"),
      { { "a.weight_packed", "U8", { 16, 32 } },
        { "a.weight_scale", "F8_E4M3", { 16, 4 } },
        { "a.weight_global_scale", "F32", { 1 } } } },
    { QC("{\"quant_method\":\"modelopt\"}"),
      { { "a.weight", "U8", { 16, 32 } },
        { "a.weight_scale", "F8_E4M3", { 16, 4 } },
        { "a.weight_scale_2", "F32", { 1 } } } },
    { MLX("{\"group_size\":32,\"bits\":4}"),
      { { "a.weight", "U32", { 16, 8 } },
        { "a.scales", "F16", { 16, 2 } },
        { "a.biases", "F16", { 16, 2 } } } },
    { MLX("{\"group_size\":32,\"bits\":4,\"a\":{\"group_size\":32,\"bits\":8,\"mode\":\"affine\"}"
          "}"),
      { { "a.weight", "U32", { 16, 16 } },
        { "a.scales", "BF16", { 16, 2 } },
        { "a.biases", "BF16", { 16, 2 } } } },
    { MLX("{\"mode\":\"mxfp4\",\"a\":false}"),
      { { "a.weight", "U32", { 16, 8 } }, { "a.scales", "U8", { 16, 2 } } } },
    { MLX("{\"mode\":\"mxfp8\"}"),
      { { "a.weight", "U32", { 16, 16 } }, { "a.scales", "U8", { 16, 2 } } } },
    { MLX("{\"mode\":\"nvfp4\"}"),
      { { "a.weight", "U32", { 16, 8 } }, { "a.scales", "F8_E4M3", { 16, 4 } } } },
    { MLX("{\"mode\":\"nvfp4\"}"),
      { { "a.weight", "U32", { 16, 8 } }, { "a.scales", "U8", { 16, 4 } } } },
    { MLX("{\"mode\":\"fp3\"}"),
      { { "a.weight", "U32", { 16, 8 } }, { "a.scales", "U8", { 16, 2 } } } },
    { MLX("{\"group_size\":64,\"bits\":3}"),
      { { "a.weight", "U32", { 2, 4, 6 } },
        { "a.scales", "F16", { 2, 4, 1 } },
        { "a.biases", "F16", { 2, 4, 1 } } } },
    { MLX("{\"group_size\":1099511627776,\"bits\":4}"),
      { { "a.weight", "U32", { 16, 8 } }, { "a.scales", "F16", { 16, 2 } } } },
    { QC("{\"quant_method\":\"bitsandbytes\"}"), { { "a.weight", "U8", { 16, 8 } } } },
    { QC("{\"quant_method\":\"hqq\"}"), { { "a.weight", "F32", { 16, 8 } } } },
};

static size_t bytes_of(const char *dtype)
{
    return strstr(dtype, "64") ? 8 : strstr(dtype, "32") ? 4 : strstr(dtype, "16") ? 2 : 1;
}

/* The folder of a case. Part `which` is changed: 1 left out, 2 to 5 of another type, from 6 on with one dimension less, more, ... */
static void put(const char *config, const part *p, int which, int change, bool random)
{
    static const char *const types[] = { "F32", "I32", "U8", "F16" };
    size_t at = 0, shape_at = SIZE_MAX;
    az_buf b;

    az_buf_init(&b, fuzz_run);
    for (int i = 0; i < 6 && p[i].name; i++) {
        const char *dtype =
            i == which && change >= 2 && change < 6 ? types[change - 2] : p[i].dtype;
        size_t n = bytes_of(dtype);
        if (i == which && change == 1) continue;
        if (strstr(p[i].name, "weight_shape") && (i != which || change > 7)) shape_at = at;
        az_buf_printf(&b, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[", b.size ? "," : "", p[i].name,
                      dtype);
        for (int k = 0; k < 4 && p[i].shape[k]; k++) {
            int64_t d = p[i].shape[k];
            if (i == which && change == 6 + k) d++;
            if (i == which && change == 9 + k) d = d > 1 ? d / 2 : 0;
            az_buf_printf(&b, "%s%lld", k ? "," : "", (long long)d);
            n *= (size_t)d;
        }
        if (i == which && change == 12) az_buf_puts(&b, ",1");
        az_buf_printf(&b, "],\"data_offsets\":[%zu,%zu]}", at, at + n);
        at += n;
    }
    char *text = az_buf_take(&b);
    if (shape_at == SIZE_MAX) {
        az_buf_printf(&b, "config.json\n%s" FUZZ_NEXT "model.safetensors%c%zu\n{%s}", config,
                      random ? '*' : '+', at, text);
    } else { /* the words' shape is data */
        az_buf_printf(&b, "config.json\n%s" FUZZ_NEXT "raw.safetensors\n", config);
        fuzz_le(&b, strlen(text) + 2, 8);
        az_buf_printf(&b, "{%s}", text);
        shape_at += b.size;
        for (size_t i = 0; i < at; i++)
            az_buf_putc(&b, random ? (char)(i * 7 % 11) : 0);
        for (int i = 0; i < 16; i++)
            b.data[shape_at + (size_t)i] = 0;
        b.data[shape_at] = change == 12 ? 15 : 16;
        b.data[shape_at + 8] = change == 11 ? 63 : 64;
        if (change == 10) b.data[shape_at + 7] = (char)0x80;
        if (change == 8) b.data[shape_at + 15] = 0x7f;
    }
    if (which < 0)
        fuzz_seed(b.data, b.size);
    else
        fuzz_variant(b.data, b.size);
    az_free(fuzz_run, text);
    az_buf_deinit(&b);
}

void fuzz_seeds(void)
{
    for (size_t i = 0; i < AZ_COUNT(cases); i++) {
        json_t *j = json_loads(cases[i].config, 0, NULL);
        put(cases[i].config, cases[i].p, -1, 0, false);
        put(cases[i].config, cases[i].p, -1, 0, true);
        for (int k = 0; k < 6 && cases[i].p[k].name; k++)
            for (int change = 1; change < 13; change++)
                put(cases[i].config, cases[i].p, k, change, change % 2);
        if (i % 4 == 0)
            fuzz_seed_json("config.json\n", j,
                           FUZZ_NEXT "model.safetensors+4\n{\"a.scales\":{\"dtype\":\"F16\","
                                     "\"shape\":[2],\"data_offsets\":[0,4]}}");
        json_decref(j);
    }
}
