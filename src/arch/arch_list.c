/* The only place that knows the set of architectures. A GGUF's architecture name goes to the first that
 * claims it (mistral is stored as llama), and so does a model of an unknown type that fits several. */
#include "arch/arch.h"

extern const az_arch az_arch_llama, az_arch_mistral, az_arch_mixtral, az_arch_qwen2, az_arch_qwen3,
    az_arch_qwen3_moe, az_arch_phi3, az_arch_phimoe, az_arch_granite, az_arch_smollm3,
    az_arch_gemma2, az_arch_gemma3, az_arch_olmoe, az_arch_gpt_oss, az_arch_lfm2, az_arch_bert,
    az_arch_xlm_roberta;

const az_arch *const az_archs[] = {
    &az_arch_llama,   &az_arch_mistral,     &az_arch_mixtral,
    &az_arch_qwen2,   &az_arch_qwen3,       &az_arch_qwen3_moe,
    &az_arch_phi3,    &az_arch_phimoe,      &az_arch_granite,
    &az_arch_smollm3, &az_arch_gemma2,      &az_arch_gemma3,
    &az_arch_olmoe,   &az_arch_gpt_oss,     &az_arch_lfm2,
    &az_arch_bert,    &az_arch_xlm_roberta, NULL,
};
