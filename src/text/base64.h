/* Base64 (RFC 4648), as tokenizer.json holds binary data. */
#ifndef AZ_TEXT_BASE64_H
#define AZ_TEXT_BASE64_H

#include "base/buf.h"

/* Append what s[0..n) stands for; line breaks are passed over. False: not base64. */
bool az_base64_decode(az_buf *out, const char *s, size_t n);
void az_base64_encode(az_buf *out, const void *data, size_t n);

#endif
