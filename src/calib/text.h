/* Text as chunks of tokens, and the digest by which a text is known again. */
#ifndef AZ_CALIB_TEXT_H
#define AZ_CALIB_TEXT_H

#include "base/run.h"

enum { AZ_TEXT_DIGEST_SIZE = 65, AZ_TEXT_MAX = 1 << 30 };

/* SHA-256 of the bytes as 64 hex digits. */
adze_status az_text_digest(const void *text, size_t n, char out[AZ_TEXT_DIGEST_SIZE],
                           adze_error *err);

#endif
