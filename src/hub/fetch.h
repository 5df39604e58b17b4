/* Loading the chosen files that the cache lacks. */
#ifndef AZ_HUB_FETCH_H
#define AZ_HUB_FETCH_H

#include "hub/cache.h"
#include "hub/http.h"

/* Every chosen file becomes a blob, whole and checked. Counts in r and its files. */
adze_status az_hub_fetch(az_http *h, az_hub_cache *c, const az_hub_env *env, az_hub_result *r,
                         int connections, adze_error *err);

#endif
