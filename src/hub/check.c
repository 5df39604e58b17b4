/* Hashes by OpenSSL's libcrypto. Source: git's object names, "blob SIZE\0" before the bytes. */
#include "hub/check.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

bool az_check_begin(az_check *c, const char *oid, uint64_t size)
{
    bool git = strlen(oid) == 40;
    char head[40];
    int n = snprintf(head, sizeof head, "blob %llu", (unsigned long long)size) + 1;

    if (!c->ctx) c->ctx = EVP_MD_CTX_new();
    c->ok = c->ctx && EVP_DigestInit_ex(c->ctx, git ? EVP_sha1() : EVP_sha256(), NULL) == 1;
    if (git) az_check_add(c, head, (size_t)n);
    return c->ok;
}

void az_check_add(az_check *c, const void *data, size_t n)
{
    c->ok = c->ok && EVP_DigestUpdate(c->ctx, data, n) == 1;
}

bool az_check_end(az_check *c, const char *oid)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char md[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    if (!c->ok || EVP_DigestFinal_ex(c->ctx, md, &n) != 1 || strlen(oid) != 2 * (size_t)n)
        return false;
    for (unsigned i = 0; i < n; i++)
        if (oid[2 * i] != hex[md[i] >> 4] || oid[2 * i + 1] != hex[md[i] & 15]) return false;
    return true;
}

void az_check_deinit(az_check *c)
{
    EVP_MD_CTX_free(c->ctx);
    c->ctx = NULL;
}
