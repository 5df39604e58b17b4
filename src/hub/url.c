/* Addresses: encoding and comparing origins. */
#include "hub/http.h"

#include <ctype.h>
#include <curl/curl.h>
#include <string.h>
#include <strings.h>

void az_url_put(az_buf *b, const char *s, bool keep_slash)
{
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c < 0x80 && (isalnum(c) || strchr("-_.~", c) || (keep_slash && c == '/')))
            az_buf_putc(b, (char)c);
        else
            az_buf_printf(b, "%%%02X", c);
    }
}

bool az_url_same_origin(const char *a, const char *b)
{
    static const CURLUPart parts[] = { CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT };
    CURLU *u = curl_url(), *v = curl_url();
    bool same = u && v && curl_url_set(u, CURLUPART_URL, a, 0) == CURLUE_OK &&
                curl_url_set(v, CURLUPART_URL, b, 0) == CURLUE_OK;

    for (size_t i = 0; same && i < AZ_COUNT(parts); i++) {
        char *x = NULL, *y = NULL;
        same = curl_url_get(u, parts[i], &x, CURLU_DEFAULT_PORT) == CURLUE_OK &&
               curl_url_get(v, parts[i], &y, CURLU_DEFAULT_PORT) == CURLUE_OK &&
               strcasecmp(x, y) == 0;
        curl_free(x);
        curl_free(y);
    }
    curl_url_cleanup(u);
    curl_url_cleanup(v);
    return same;
}
