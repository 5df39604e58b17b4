/* Tokenizers for the golden models, whose vocabularies are too small for one of bytes. */
#ifndef AZ_TESTS_INFER_MADE_TOKENIZER_H
#define AZ_TESTS_INFER_MADE_TOKENIZER_H

#include "made_model.h"
#include "text/source.h"

/* Tokenizers of 64 ids of the kinds that a GGUF knows: letters, and words of two that begin with a. */
static inline void made_small_tokenizer(const char *folder, int kind)
{
    static const char *const mark = "\xe2\x96\x81";
    json_t *map = json_object(), *list = json_array(), *merges = json_array(), *doc, *added;
    char text[16], path[160];

    for (int i = 0; i < 64; i++) {
        if (i < 5)
            snprintf(text, sizeof text, "%s",
                     (const char *[]){ "[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]" }[i]);
        else if (i == 5)
            snprintf(text, sizeof text, "%s", kind == 2 ? "." : mark);
        else if (i < 32)
            snprintf(text, sizeof text, "%c", "abcdefghijklmnopqrstuvwxyz"[i - 6]);
        else
            snprintf(text, sizeof text, "%s%c",
                     i >= 58     ? "a"
                     : kind == 2 ? "##"
                                 : mark,
                     "abcdefghijklmnopqrstuvwxyz"[i % 26]);
        json_object_set_new(map, text, json_integer(i));
        json_array_append_new(list, json_pack("[s, f]", text, i < 5 ? 0.0 : -0.1 * i));
        if (i >= 32 && kind == 0) {
            char letter[2] = { text[strlen(text) - 1], 0 };
            json_array_append_new(merges, json_pack("[s, s]", i < 58 ? mark : "a", letter));
        }
    }
    added = json_pack("[{s:i, s:s, s:b, s:b, s:b, s:b, s:b}, {s:i, s:s, s:b, s:b, s:b, s:b, s:b}]",
                      "id", 1, "content", "[CLS]", "single_word", 0, "lstrip", 0, "rstrip", 0,
                      "normalized", 0, "special", 1, "id", 2, "content", "[SEP]", "single_word", 0,
                      "lstrip", 0, "rstrip", 0, "normalized", 0, "special", 1);
    if (kind == 0)
        doc =
            json_pack("{s:o, s:{s:s, s:[{s:s, s:s}, {s:s, s:{s:s}, s:s}]}, s:{s:s, s:s, s:O, s:O}}",
                      "added_tokens", added, "normalizer", "type", "Sequence", "normalizers",
                      "type", "Prepend", "prepend", mark, "type", "Replace", "pattern", "String",
                      " ", "content", mark, "model", "type", "BPE", "unk_token", "[UNK]", "vocab",
                      map, "merges", merges);
    else if (kind == 1)
        doc = json_pack("{s:o, s:{s:s, s:s, s:s}, s:{s:s, s:i, s:O}}", "added_tokens", added,
                        "pre_tokenizer", "type", "Metaspace", "replacement", mark, "prepend_scheme",
                        "always", "model", "type", "Unigram", "unk_id", 3, "vocab", list);
    else
        doc = json_pack(
            "{s:o, s:{s:s, s:b, s:b, s:n, s:b}, s:{s:s}, s:{s:s, s:s, s:s, s:i, s:O}, s:o}",
            "added_tokens", added, "normalizer", "type", "BertNormalizer", "clean_text", 1,
            "handle_chinese_chars", 1, "strip_accents", "lowercase", 1, "pre_tokenizer", "type",
            "BertPreTokenizer", "model", "type", "WordPiece", "unk_token", "[UNK]",
            "continuing_subword_prefix", "##", "max_input_chars_per_word", 100, "vocab", map,
            "post_processor", az_tok_around("[CLS]", 1, "[SEP]", 2));
    assert_non_null(doc);
    if (kind == 2) /* tokenizers wants it */
        json_object_set_new(json_object_get(doc, "post_processor"), "pair",
                            json_pack("[{s:{s:s, s:i}}, {s:{s:s, s:i}}]", "Sequence", "id", "A",
                                      "type_id", 0, "Sequence", "id", "B", "type_id", 1));
    snprintf(path, sizeof path, "%s/tokenizer.json", folder);
    assert_int_equal(json_dump_file(doc, path, 0), 0);
    json_decref(doc);
    doc = json_pack("{s:s, s:s, s:s, s:s, s:s}", "tokenizer_class", "PreTrainedTokenizerFast",
                    kind == 2 ? "cls_token" : "bos_token", "[CLS]",
                    kind == 2 ? "sep_token" : "eos_token", "[SEP]", "unk_token", "[UNK]",
                    "pad_token", "[PAD]");
    snprintf(path, sizeof path, "%s/tokenizer_config.json", folder);
    assert_int_equal(json_dump_file(doc, path, 0), 0);
    json_decref(doc);
    json_decref(map);
    json_decref(list);
    json_decref(merges);
}

#endif
