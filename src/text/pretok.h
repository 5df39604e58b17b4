/* Pre-tokenizers of tokenizer.json: a chain of steps that cut text into pieces for the model.
 *
 * The steps run as a pipeline: each passes its pieces straight to the next, so memory does not grow with
 * the text. ByteLevel is special: the model works on raw bytes, so the byte alphabet is only written out
 * when a later step needs to see it.
 */
#ifndef AZ_TEXT_PRETOK_H
#define AZ_TEXT_PRETOK_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "text/regex.h"
#include "text/split.h"

typedef enum az_behavior {
    AZ_REMOVED,
    AZ_ISOLATED,
    AZ_MERGED_WITH_PREVIOUS,
    AZ_MERGED_WITH_NEXT,
    AZ_CONTIGUOUS
} az_behavior;

typedef enum az_match_kind {
    AZ_MATCH_KNOWN,       /* fn: covers all text */
    AZ_MATCH_REGEX,       /* regex */
    AZ_MATCH_STRING,      /* text */
    AZ_MATCH_CLASS,       /* one character that has any bit of class_bits */
    AZ_MATCH_WORD_OR_NOT, /* \w+|[^\w\s]+ */
    AZ_MATCH_PUNCT,       /* one character of punctuation, as tokenizers has it */
    AZ_MATCH_LENGTH       /* `length` characters */
} az_match_kind;

typedef enum az_prepend { AZ_PREPEND_NEVER, AZ_PREPEND_FIRST, AZ_PREPEND_ALWAYS } az_prepend;

typedef struct az_pretok {
    az_match_kind match;
    az_behavior behavior;
    bool invert;
    bool split;       /* false: the step cuts nothing (ByteLevel without its pattern) */
    bool add_space;   /* ByteLevel: a piece that does not start with ' ' gets one */
    bool to_alphabet; /* ByteLevel followed by other steps: rewrite bytes as the alphabet */
    bool metaspace;   /* ' ' becomes `text`, which is also put in front as `prepend` says */
    az_prepend prepend;
    unsigned class_bits;
    size_t length;
    az_split_fn *fn;
    az_regex *regex;
    const char *text;
    size_t text_n;
} az_pretok;

typedef struct az_pretoks {
    az_pretok *steps;
    size_t n;
    bool byte_level; /* a ByteLevel step is there */
    bool alphabet;   /* pieces arrive in the byte alphabet (see to_alphabet) */
    bool unicode_15; /* characters that Unicode 15.1 did not have are of no class */
} az_pretoks;

/* Read the "pre_tokenizer" value. no_known: tests, never use a hand-written splitter. keep_alphabet: the model
 * wants ByteLevel's pieces in the byte alphabet, not as raw bytes. */
adze_status az_pretoks_read(az_pretoks *p, az_arena *arena, const json_t *j, const char *path,
                            bool no_known, bool keep_alphabet, adze_error *err);
void az_pretoks_deinit(az_pretoks *p);

typedef adze_status az_piece_fn(void *arg, const char *s, size_t n, adze_error *err);

/* One thread's use of the steps. */
typedef struct az_pretok_run {
    const az_pretoks *p;
    az_regex_scratch **scratch; /* [p->n] */
    az_buf *bufs;               /* [2 * p->n]: what a step rewrites, what it sees */
    adze_run *run;
    az_piece_fn *piece;
    void *arg;
} az_pretok_run;

adze_status az_pretok_run_init(az_pretok_run *r, adze_run *run, const az_pretoks *p,
                               az_piece_fn *piece, void *arg, adze_error *err);
void az_pretok_run_deinit(az_pretok_run *r);
/* Cut valid UTF-8 and hand each non-empty piece to r->piece. `first`: s is where the text begins. */
adze_status az_pretok_text(az_pretok_run *r, const char *s, size_t n, bool first, adze_error *err);

#endif
