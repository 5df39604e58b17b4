/* Hand-written splitters for the pre-tokenizer patterns that most models use.
 *
 * Each is the leftmost-alternative semantics of its pattern, in one linear pass: every pattern here covers
 * all text, so a splitter only says where the match that starts at s ends.
 */
#ifndef AZ_TEXT_SPLIT_H
#define AZ_TEXT_SPLIT_H

#include <stddef.h>

/* Bytes of the match at the start of s[0..n), valid UTF-8, n >= 1. Returns 1 .. n. */
typedef size_t az_split_fn(const char *s, size_t n);

/* Pattern of GPT-2, which the ByteLevel pre-tokenizer also means with use_regex. */
extern const char az_pattern_gpt2[];

/* The splitter whose pattern text is `pattern`, or NULL if there is none. */
az_split_fn *az_split_find(const char *pattern, size_t n);
/* Known pattern number i, its splitter and a short name for messages; NULL past the end. */
const char *az_split_pattern(size_t i, az_split_fn **fn, const char **name);

#endif
