/* The GGUF entry of the format list. */
#include "format/gguf.h"

const az_format az_format_gguf = {
    .name = "gguf",
    .summary = "one file: metadata, tokenizer, block-quantized tensors (read, write)",
    .caps = AZ_FMT_WEIGHTS | AZ_FMT_TOKENIZER | AZ_FMT_QUANT,
    .probe = az_gguf_probe,
    .read = az_gguf_read,
    .plan = az_gguf_plan,
    .write = az_gguf_write,
};
