/* SHA-256 of texts, by OpenSSL. */
#include "calib/text.h"

#include <openssl/evp.h>
#include <stdio.h>

adze_status az_text_digest(const void *text, size_t n, char out[AZ_TEXT_DIGEST_SIZE],
                           adze_error *err)
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned size = 0;

    if (EVP_Digest(text, n, sum, &size, EVP_sha256(), NULL) != 1 || size != 32)
        return az_fail_nomem(err, "computing a digest");
    for (int i = 0; i < 32; i++)
        snprintf(out + 2 * i, 3, "%02x", sum[i]);
    return ADZE_OK;
}
