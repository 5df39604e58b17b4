/* The parts of BERT's normalizer, and Nmt. Sources: tokenizers normalizers/bert.rs, unicode.rs (2026). */
#ifndef AZ_TEXT_NORMALIZE_BERT_H
#define AZ_TEXT_NORMALIZE_BERT_H

#include "base/buf.h"

/* One of the CJK ideographs that BERT sets apart. */
bool az_is_chinese(uint32_t c);
/* `clean`: drop controls, turn white space into ' '; `chinese`: a space on both sides of CJK ideographs. */
void az_norm_bert_clean(az_buf *out, const char *s, size_t n, bool clean, bool chinese);
/* Drop non-spacing marks; text is in NFD. */
void az_norm_bert_accents(az_buf *out, const char *s, size_t n);
/* Drop some controls, turn some odd characters into ' '. */
void az_norm_nmt(az_buf *out, const char *s, size_t n);

#endif
