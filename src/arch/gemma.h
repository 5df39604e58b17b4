/* What the gemma family shares. */
#ifndef AZ_ARCH_GEMMA_H
#define AZ_ARCH_GEMMA_H

#include "arch/common.h"

extern const az_tensor_map az_gemma_tensors[];

/* Norms around both blocks, the embedding times the root of its width, softcaps, the scale of q.k by
 * query_pre_attn_scalar, biases. */
void az_gemma_configure(az_doc *d, az_config *c, double attn_softcap, double logit_softcap,
                        int layers_27b);
adze_status az_gemma_gguf_keys(const char *name, const az_config *c, az_kvs *out, adze_error *err);
/* Whether other programs scale q.k as this model does. */
bool az_gemma_usual_scale(const az_config *c, int layers_27b);

#endif
