/* A server's reply: its headers, and what its status means to the user. */
#ifndef AZ_HUB_REPLY_H
#define AZ_HUB_REPLY_H

#include "hub/http.h"

void az_reply_reset(az_http_reply *r);
/* One header line as it came, its end of line included. */
void az_reply_header(az_http_reply *r, const char *line, size_t n);
/* Whether a status that is no success is worth another attempt; `elsewhere`: not the endpoint's own host. */
bool az_reply_retry(const az_http_reply *r, bool elsewhere);
/* Fill err for a status that is no success. */
adze_status az_reply_fail(const az_http_reply *r, const az_hub_env *env, bool elsewhere,
                          const char *repo, const char *what, adze_error *err);

#endif
