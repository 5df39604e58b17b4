/* Pre-tokenizers that llama.cpp knows, by what tokenizer.json says.
 *
 * A signature is the list of steps: the text of a Split's pattern; "@gpt2" for a ByteLevel that splits by
 * GPT-2's pattern; "@digit" for single digits, "@digits" for runs; "@punctuation". Several names mean the
 * same pattern in llama.cpp; the one here does not set a BOS or skip merges where the file does not.
 * Source: llama-vocab.cpp of llama.cpp, 2026-08-18, and the checkpoints' own tokenizer.json.
 */
#include "format/gguf_vocab.h"

#define CONTRACTION "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
#define TAIL        "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
#define LLAMA3 \
    CONTRACTION "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" TAIL
#define QWEN2 \
    CONTRACTION "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|" TAIL
#define QWEN35  \
    CONTRACTION \
    "|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|" TAIL
#define UPPER "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define LOWER "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define O200K(suffix, number)                                                                     \
    "[^\\r\\n\\p{L}\\p{N}]?" UPPER "*" LOWER "+" suffix "|[^\\r\\n\\p{L}\\p{N}]?" UPPER "+" LOWER \
    "*" suffix "|" number "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|" TAIL

const az_gguf_pre az_gguf_pres[] = {
    { "llama-bpe", LLAMA3, true },
    { "smaug-bpe", LLAMA3, false },
    { "qwen2", QWEN2, false },
    { "qwen35", QWEN35, false },
    { "gpt-4o", O200K(CONTRACTION "?", "\\p{N}{1,3}"), false },
    { "tekken", O200K("", "\\p{N}"), true },
    { "gpt-2", "@gpt2", false },
    { "starcoder", "@digit\n@gpt2", false },
    { "falcon", "@punctuation\n@gpt2\n@digits\n[0-9][0-9][0-9]", false },
    { "deepseek-v3",
      "\\p{N}{1,3}\n[\xe4\xb8\x80-\xe9\xbe\xa5\xe3\x81\x80-\xe3\x82\x9f\xe3\x82\xa0-\xe3\x83\xbf]+"
      "\n"
      "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?"
      "[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|" TAIL,
      false },
    { NULL, NULL, false },
};
