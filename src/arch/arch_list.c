/* The only place that knows the set of architectures. A GGUF's architecture name goes to the first that
 * claims it: mistral is stored as llama. */
#include "arch/arch.h"

extern const az_arch az_arch_llama, az_arch_mistral, az_arch_qwen2, az_arch_phi3;

const az_arch *const az_archs[] = {
    &az_arch_llama, &az_arch_mistral, &az_arch_qwen2, &az_arch_phi3, NULL,
};
