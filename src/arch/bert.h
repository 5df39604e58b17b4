/* What encoders share: bert's parts, of which xlm-roberta is made too. */
#ifndef AZ_ARCH_BERT_H
#define AZ_ARCH_BERT_H

#include "arch/common.h"

extern const az_tensor_map az_bert_tensors[];
extern const az_defaults az_bert_defaults;
extern const char *const az_bert_ignored[], *const az_bert_hints[];

void az_bert_configure(az_doc *d, az_config *c);
adze_status az_bert_gguf_keys(const az_config *c, az_kvs *out, adze_error *err);
adze_status az_bert_build(const az_config *c, az_graph *g, adze_error *err);

#endif
