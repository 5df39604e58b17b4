/* xlm-roberta, and roberta: bert with positions that start after the padding's id. A GGUF holds it as arch bert, positions
 * without the rows that come first.
 *
 * Source: transformers models/xlm_roberta (5.x, 2026-08).
 */
#include "arch/bert.h"

#include <string.h>

static const char *const hf_types[] = { "xlm-roberta", "roberta", NULL };
static const char *const prefixes[] = { "", "roberta.", NULL };

/* Positions count on from the padding's id: the first token has its successor. */
static void configure(az_doc *d, az_config *c)
{
    az_bert_configure(d, c);
    c->position_offset = az_doc_int(d, "pad_token_id", NULL, 0, 1 << 20, 1) + 1;
    if (c->context <= c->position_offset)
        az_doc_fail(d, ADZE_EFORMAT, "max_position_embeddings",
                    "%lld leaves no positions after %lld", (long long)c->context,
                    (long long)c->position_offset - 1);
    c->context -= c->position_offset;
}

static const az_hf_key keys[] = {
    AZ_HF_ROW("type_vocab_size", INT64, n_types),
    AZ_HF_TEXT_ROW("position_embedding_type", "absolute"),
    AZ_HF_CONST("pad_token_id", WHOLE, 1),
    AZ_HF_END,
};

/* llama.cpp's tools call every encoder of this kind bert; the tokenizer tells them apart. */
static bool is_roberta(const adze_model *m, const az_config *c)
{
    const char *tokenizer = az_kv_string(&m->kv, "tokenizer.ggml.model");

    (void)c;
    return tokenizer && strcmp(tokenizer, "bert") != 0;
}

const az_arch az_arch_xlm_roberta = {
    .name = "xlm-roberta",
    .hf_types = hf_types,
    .gguf_name = "bert",
    .defaults = &az_bert_defaults,
    .tensors = az_bert_tensors,
    .prefixes = prefixes,
    .ignored = az_bert_ignored,
    .hints = az_bert_hints,
    .form = { .class = "XLMRobertaModel", .keys = keys, .positions = 2, .is = is_roberta },
    .configure = configure,
    .gguf_keys = az_bert_gguf_keys,
    .build = az_bert_build,
};
