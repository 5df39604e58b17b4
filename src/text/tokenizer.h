/* The tokenizer's insides: what tok_hf.c and tok_gguf.c fill in and tokenizer.c runs.
 *
 * Text goes: added tokens with normalized=false cut out -> each piece normalized -> added tokens with
 * normalized=true cut out -> pre-tokenizer -> model (BPE, Unigram or WordPiece); then what the post-processor puts
 * around it. Decoders lead back.
 */
#ifndef AZ_TEXT_TOKENIZER_H
#define AZ_TEXT_TOKENIZER_H

#include <adze/session.h>
#include "base/arena.h"
#include "core/model.h"
#include "text/added.h"
#include "text/bpe.h"
#include "text/decode.h"
#include "text/normalize.h"
#include "text/pretok.h"
#include "text/unigram.h"
#include "text/wordpiece.h"

enum { AZ_MAX_IDS = 1 << 21 }; /* largest vocabulary; each id takes some 100 bytes */

enum { AZ_TOK_ADDED = 1, AZ_TOK_SPECIAL = 2 };

/* Types of tokens, with GGUF's numbers. */
enum {
    AZ_TT_NORMAL = 1,
    AZ_TT_UNKNOWN = 2,
    AZ_TT_CONTROL = 3,
    AZ_TT_USER = 4,
    AZ_TT_UNUSED = 5,
    AZ_TT_BYTE = 6
};

typedef enum az_tok_kind { AZ_TOK_BPE, AZ_TOK_UNIGRAM, AZ_TOK_WORDPIECE } az_tok_kind;

struct adze_tokenizer {
    adze_run *run;
    az_arena arena;
    const char *path; /* of the model, for messages */
    size_t n_ids;
    az_str *text;   /* [n_ids] as the file spells it; .s NULL: no token has this id */
    az_str *bytes;  /* [n_ids] what it stands for */
    az_str *model;  /* [n_ids] what the model matches, .s NULL for tokens that it cannot produce */
    double *scores; /* [n_ids] or NULL */
    uint8_t *types; /* [n_ids] AZ_TT_*, or NULL: the source has none */
    az_index names; /* over `text` */
    uint8_t *flags; /* [n_ids] AZ_TOK_* */
    az_added_set raw, normal; /* found in raw text, and in normalized text */
    az_norms norms;
    az_pretoks pretoks;
    az_decoders decoders;
    az_tok_kind kind;
    bool byte_level; /* vocabulary and merges are spelled in the byte alphabet */
    bool keep_bytes; /* what is not UTF-8 goes to byte tokens, not to U+FFFD */
    az_bpe bpe;
    az_unigram unigram;
    az_wordpiece wordpiece;
    az_trie user;             /* pieces that SentencePiece's normalizer leaves alone */
    int32_t *prefix, *suffix; /* what the post-processor adds around the text */
    size_t n_prefix, n_suffix;
    int32_t bos, eos;    /* as the files name them; -1: none */
    const char *warning; /* what the user must know about how it was read, or NULL */
};

typedef struct az_tokenizer_opts {
    bool no_known_patterns; /* tests: PCRE2 for every pattern */
    bool unicode_15;        /* split by Unicode 15.1, as llama.cpp does */
} az_tokenizer_opts;

adze_status az_tokenizer_new(adze_tokenizer **out, adze_run *run, const adze_model *m,
                             const az_tokenizer_opts *opts, adze_error *err);

/* Tokenizer of a tokenizer.json's bytes, or (`spm`) of a tokenizer.model's, with nothing beside them. */
adze_status az_tokenizer_parse(adze_tokenizer **out, adze_run *run, const char *data, size_t n,
                               bool spm, adze_error *err);

/* Id of a token by its text, added ones included; -1: none. */
int32_t az_tokenizer_id(const adze_tokenizer *t, const char *text, size_t n);

/* Everything in tokenizer.json but the vocabulary and the merges, as compact JSON: what a GGUF keeps in
 * the key adze.tokenizer.pattern so that nothing of the pipeline is lost. NULL: out of memory or not a
 * tokenizer.json. Free with az_free. */
#define AZ_TOKENIZER_PATTERN_KEY "adze.tokenizer.pattern"
/* Scores as 64-bit floats where 32 bits do not hold them; true where add_bos and add_eos replace the source's
 * post-processor. */
#define AZ_TOKENIZER_SCORES_KEY "adze.tokenizer.scores"
#define AZ_TOKENIZER_FLAGS_KEY  "adze.tokenizer.add_flags"
char *az_tokenizer_pipeline(adze_run *run, const json_t *hf);

/* Name for tokenizer.ggml.pre whose meaning is this tokenizer.json's, or NULL when there is none. */
const char *az_tokenizer_pre_name(const json_t *hf);

/* What a tokenizer.ggml.pre name stands for; false: unknown name. */
typedef struct az_pre {
    json_t *pipeline; /* new reference: {"normalizer", "pre_tokenizer"}; NULL: out of memory */
    bool ignore_merges, add_bos;
} az_pre;
bool az_pre_find(const char *name, az_pre *out);
/* The same for any name that a file may hold (NULL: none): what llama.cpp takes the name for where there is nothing
 * more exact. false: *out is llama.cpp's default, because the name is missing or adze does not know it. */
bool az_pre_resolve(const char *name, az_pre *out);
enum { AZ_PRE_WARNING_MAX = 256 };
/* What to say when it is false; returns text. */
const char *az_pre_warning(const char *name, char text[AZ_PRE_WARNING_MAX]);

/* Used by the two readers. */
adze_status az_tok_alloc(adze_tokenizer *t, size_t n_ids, const char *path, adze_error *err);
/* Give an id its text; `is_model` decodes it from the byte alphabet if it can be. */
adze_status az_tok_put(adze_tokenizer *t, size_t id, const char *text, size_t n, bool is_model,
                       const char *path, adze_error *err);
/* Rank and result of one merge, halves as the file spells them. */
adze_status az_tok_merge(adze_tokenizer *t, az_str left, az_str right, size_t rank,
                         const char *path, adze_error *err);
/* One merge as "left right", split at the first space from byte `from` on. */
adze_status az_tok_merge_text(adze_tokenizer *t, const char *s, size_t n, size_t from, size_t rank,
                              const char *path, adze_error *err);
/* Register an added token for search. Needs the normalizers. */
adze_status az_tok_add(adze_tokenizer *t, const az_added *a, const char *content, size_t n,
                       adze_error *err);
/* Have t->names cover all that was put so far; call again after more. */
adze_status az_tok_index(adze_tokenizer *t, adze_error *err);
/* normalizer, pre_tokenizer and decoder of a tokenizer.json (or its pipeline). Before any token is put. */
adze_status az_tok_read_pipeline(adze_tokenizer *t, const json_t *hf, const az_tokenizer_opts *opts,
                                 const char *path, adze_error *err);
adze_status az_tok_read_post(adze_tokenizer *t, const json_t *j, int depth, const char *path,
                             adze_error *err);
adze_status az_tok_set_around(adze_tokenizer *t, int32_t first, int32_t last, adze_error *err);
/* The model of a tokenizer.json or pipeline, once all tokens (and scores, types) are there and az_tok_index was
 * called: everything but the merges. n_merges: at most so many follow. */
adze_status az_tok_read_model(adze_tokenizer *t, const json_t *model, size_t n_merges,
                              const char *path, adze_error *err);
/* After the merges: what the model can tell only then, and every token's bytes. */
adze_status az_tok_finish(adze_tokenizer *t, adze_error *err);
/* A Unigram score of tokenizer.json as tokenizers reads it. */
double az_tok_score(double v);
adze_status az_tok_read_hf(adze_tokenizer *t, const adze_model *m, const az_tokenizer_opts *opts,
                           adze_error *err);
adze_status az_tok_read_gguf(adze_tokenizer *t, const adze_model *m, const az_tokenizer_opts *opts,
                             adze_error *err);

#endif
