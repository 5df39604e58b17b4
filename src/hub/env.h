/* What the environment says about the hub: the variables of huggingface_hub, with its precedence. */
#ifndef AZ_HUB_ENV_H
#define AZ_HUB_ENV_H

#include "base/arena.h"

typedef struct az_hub_env {
    const char *endpoint; /* no slash at the end */
    const char *cache;    /* root of the cache */
    const char *token; /* NULL: none. A secret: it goes to the endpoint only and is never printed */
    const char *token_file; /* where it would be looked for */
    const char *ca_file;    /* NULL: the system's certificates */
    bool offline;
    bool no_symlinks;
    double api_timeout_s, file_timeout_s; /* without a byte */
} az_hub_env;

/* Strings live in `arena`. ADZE_EINVAL for an endpoint that is no http(s) address or a token that is none. */
adze_status az_hub_env_read(az_hub_env *e, az_arena *arena, adze_error *err);

#endif
