/* Digests by OpenSSL's libcrypto. */
#include "store/digest.h"

#include <openssl/evp.h>
#include <string.h>

struct az_hash {
    adze_run *run;
    EVP_MD_CTX *ctx;
    bool ok;
};

az_hash *az_hash_new(adze_run *run)
{
    az_hash *h = az_calloc(run, 1, sizeof *h);

    if (!h) return NULL;
    h->run = run;
    h->ctx = EVP_MD_CTX_new();
    h->ok = h->ctx && EVP_DigestInit_ex(h->ctx, EVP_sha256(), NULL) == 1;
    if (!h->ok) {
        EVP_MD_CTX_free(h->ctx);
        az_free(run, h);
        return NULL;
    }
    return h;
}

void az_hash_add(az_hash *h, const void *data, size_t n)
{
    h->ok = h->ok && EVP_DigestUpdate(h->ctx, data, n) == 1;
}

void az_hash_field(az_hash *h, const char *s)
{
    uint64_t n = strlen(s);
    uint8_t le[8];

    for (int i = 0; i < 8; i++)
        le[i] = (uint8_t)(n >> (8 * i));
    az_hash_add(h, le, sizeof le);
    az_hash_add(h, s, (size_t)n);
}

void az_hash_end(az_hash *h, char out[AZ_DIGEST_SIZE])
{
    static const char hex[] = "0123456789abcdef";
    unsigned char md[EVP_MAX_MD_SIZE] = { 0 };
    unsigned n = 0;

    if (h->ok) EVP_DigestFinal_ex(h->ctx, md, &n);
    memcpy(out, "sha256:", 7);
    for (int i = 0; i < 32; i++) {
        out[7 + 2 * i] = hex[md[i] >> 4];
        out[8 + 2 * i] = hex[md[i] & 15];
    }
    out[71] = 0;
    EVP_MD_CTX_free(h->ctx);
    az_free(h->run, h);
}

adze_status az_digest_file(adze_run *run, const char *path, const char *stage,
                           char out[AZ_DIGEST_SIZE], adze_error *err)
{
    enum { STEP = 1 << 20 };
    az_hash *h = NULL;
    char *buf = NULL;
    az_stat st = { 0 };
    adze_status rc;
    int fd;

    rc = az_open(run, path, AZ_OPEN_READ, &fd, err);
    if (rc < 0) return rc;
    rc = az_fstat(run, fd, path, &st, err);
    buf = az_alloc(run, STEP);
    h = az_hash_new(run);
    if (rc == ADZE_OK && (!buf || !h)) rc = az_fail_nomem(err, "computing a digest");
    for (uint64_t at = 0; rc == ADZE_OK && at < st.size_bytes;) {
        size_t n = st.size_bytes - at < STEP ? (size_t)(st.size_bytes - at) : STEP;
        rc = az_pread_all(run, fd, buf, n, at, path, err);
        if (rc == ADZE_OK) rc = az_check_cancel(run, err);
        if (rc == ADZE_OK) az_hash_add(h, buf, n);
        at += n;
        if (stage) az_progress(run, stage, at, st.size_bytes, "B");
    }
    if (h) az_hash_end(h, out);
    az_free(run, buf);
    az_close(run, fd);
    return rc;
}
