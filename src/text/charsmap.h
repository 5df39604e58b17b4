/* Precompiled character maps of SentencePiece: a double-array trie from strings to their replacements.
 *
 * Bytes: u32 size of the trie in bytes, the trie as u32 units (Darts-clone), then NUL-terminated replacements; all
 * little-endian. Unit u: label u & 0x800000ff, bit 8: a value follows, offset (u >> 10) << ((u & 0x200) >> 6),
 * value u & 0x7fffffff. Sources: sentencepiece normalizer.cc, tokenizers' spm_precompiled (2025).
 */
#ifndef AZ_TEXT_CHARSMAP_H
#define AZ_TEXT_CHARSMAP_H

#include "base/arena.h"
#include "base/buf.h"
#include "text/trie.h"

typedef struct az_charsmap {
    const uint32_t *units; /* [n_units]; NULL: maps nothing */
    size_t n_units;
    const char *texts; /* [n_texts], the last byte is NUL */
    size_t n_texts;
    bool plain[128]; /* an ASCII character is left as it is, alone and in front of ASCII */
} az_charsmap;

/* Copies into the arena. No bytes at all make an empty map. `name` is for messages. */
adze_status az_charsmap_read(az_charsmap *m, az_arena *arena, const char *data, size_t n,
                             const char *path, const char *name, adze_error *err);

/* Replacement (NUL-terminated) of the longest key that s[0..n) starts with, and that key's length; NULL: none. */
const char *az_charsmap_longest(const az_charsmap *m, const char *s, size_t n, size_t *len);

/* As Hugging Face's normalizer Precompiled: whole grapheme clusters of under 6 bytes by their shortest match, else
 * character by character. */
adze_status az_charsmap_clusters(const az_charsmap *m, az_buf *out, const char *s, size_t n);

/* SentencePiece's own normalizer. */
typedef struct az_spm_rules {
    az_charsmap map;
    bool add_prefix;     /* a space in front (or behind) */
    bool prefix_always;  /* also for text behind a special token */
    bool remove_extra;   /* spaces at both ends and repeated ones go */
    bool escape;         /* a space becomes U+2581 */
    bool suffix;         /* the added space goes behind */
    const az_trie *user; /* pieces that stay as they are; NULL: none */
} az_spm_rules;

/* Bytes that are not UTF-8 become U+FFFD, one each. `first`: the text is not behind a special token. */
void az_spm_normalize(const az_spm_rules *r, az_buf *out, const char *s, size_t n, bool first);

#endif
