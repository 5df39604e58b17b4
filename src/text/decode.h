/* Decoders of tokenizer.json: tokens as the vocabulary spells them back to text.
 *
 * Bytes that byte tokens stand for come out as they are; Hugging Face and SentencePiece replace what is not
 * UTF-8 among them by U+FFFD.
 */
#ifndef AZ_TEXT_DECODE_H
#define AZ_TEXT_DECODE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "core/kv.h"

typedef enum az_decoder_kind {
    AZ_DEC_BYTE_LEVEL,    /* the byte alphabet undone */
    AZ_DEC_BYTE_FALLBACK, /* <0xHH> is a byte */
    AZ_DEC_FUSE,          /* all tokens become one */
    AZ_DEC_STRIP,         /* `from`, up to start and stop times at the two ends */
    AZ_DEC_REPLACE,       /* `from` becomes `to` */
    AZ_DEC_METASPACE,     /* `from` becomes ' ', in the first token nothing (where `flag` is set) */
    AZ_DEC_WORDPIECE,     /* a space between words; `from` marks continuations, `flag`: clean up */
    AZ_DEC_BPE,           /* the suffix `from` becomes a space */
    AZ_DEC_CTC,           /* repeated tokens are one, `from` is no text, `to` a space if `flag` */
    AZ_DEC_SENTENCEPIECE /* bytes, U+2581 to ' ', in front of the text nothing if `flag`; all if `all` */
} az_decoder_kind;

typedef struct az_decoder {
    az_decoder_kind kind;
    az_str from, to;
    az_str unk, unk_text; /* SENTENCEPIECE: what the unknown token comes out as; .s NULL: itself */
    size_t start, stop;
    bool flag, all;
} az_decoder;

typedef struct az_decoders {
    az_decoder *items;
    size_t n;
} az_decoders;

/* Read the "decoder" value (NULL or null: none). Strings are copied into the arena. */
adze_status az_decoders_read(az_decoders *d, az_arena *arena, const json_t *j, const char *path,
                             adze_error *err);

/* Append the text of tokens[0..n). Without decoders they are joined with spaces. */
adze_status az_decoders_run(const az_decoders *d, adze_run *run, const az_str *tokens, size_t n,
                            az_buf *out, adze_error *err);
/* Append what one token stands for in the middle of a text. */
void az_decoders_token(const az_decoders *d, const char *s, size_t n, az_buf *out);
/* Says that they made text too long: out->full after az_decoders_token. */
adze_status az_decoders_fail(const char *path, adze_error *err);

/* Byte that a token named <0xHH> stands for; -1: no such name. */
int az_byte_token(const char *s, size_t n);

#endif
