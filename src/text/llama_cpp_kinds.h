/* llama.cpp's own SentencePiece BPE ("llama"), Unigram ("t5") and WordPiece ("bert"), over the keys of a GGUF. */
#ifndef AZ_TEXT_LLAMA_CPP_KINDS_H
#define AZ_TEXT_LLAMA_CPP_KINDS_H

#include "base/arena.h"
#include "base/buf.h"
#include "core/model.h"
#include "text/charsmap.h"
#include "text/index.h"
#include "text/trie.h"

typedef struct az_llama_kind az_llama_kind;

/* A vocabulary as llama.cpp keeps it. */
typedef struct az_llama_vocab {
    adze_run *run;
    az_arena arena;
    const az_llama_kind *kind;
    az_str *text;         /* [n] */
    float *scores;        /* [n] */
    const int32_t *types; /* [n] AZ_TT_*, or NULL: all normal */
    size_t n, longest;    /* longest token in bytes */
    az_index names;
    az_trie words, user; /* what is matched in text; user-defined tokens */
    az_charsmap map;
    float unk_score;
    int32_t bos, eos, unk, sep; /* -1: none */
    bool add_bos, add_eos;
    bool add_prefix, remove_extra, lower, strip;
} az_llama_vocab;

/* Is this value of tokenizer.ggml.model one of these kinds? */
bool az_llama_kind_known(const char *model);
/* text, types: [n] the tokens of m, which stay. ADZE_EFORMAT: llama.cpp refuses the file. */
adze_status az_llama_vocab_init(az_llama_vocab *v, adze_run *run, const adze_model *m, az_str *text,
                                const int32_t *types, size_t n, adze_error *err);
void az_llama_vocab_deinit(az_llama_vocab *v);
/* Append the ids (int32) of a stretch of text between special tokens; `first`: it begins the text or follows one. An
 * id of -1 stands where llama.cpp ends with an error. */
adze_status az_llama_vocab_encode(const az_llama_vocab *v, const char *s, size_t n, bool first,
                                  az_buf *out, adze_error *err);
/* The ids in front (or behind); -1 in *id: none. False: llama.cpp ends with an error, as it lacks the token. */
bool az_llama_vocab_around(const az_llama_vocab *v, bool front, int32_t *id);

/* Bytes of the character at the start of s as llama.cpp takes it apart (it accepts surrogates and long forms); 0:
 * none. n >= 1. */
size_t az_llama_character(const char *s, size_t n);

#endif
