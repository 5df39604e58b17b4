/* The cache on the disk: models--org--name/{blobs,refs,snapshots} and .locks beside them.
 * Source: huggingface_hub's cache layout, 2026-08. */
#ifndef AZ_HUB_CACHE_H
#define AZ_HUB_CACHE_H

#include "hub/env.h"
#include "hub/hub.h"

typedef struct az_hub_cache {
    adze_run *run;
    const char *root;
    const char *repo, *blobs, *locks; /* folders of this repository */
    bool links;                       /* snapshots are links; else the files themselves */
} az_hub_cache;

/* Paths only; nothing is made. Strings in the arena. */
adze_status az_hub_cache_init(az_hub_cache *c, az_arena *a, const az_hub_env *env, const char *repo,
                              adze_error *err);
adze_status az_hub_cache_make(az_hub_cache *c, adze_error *err); /* the folders */

char *az_hub_snapshot(const az_hub_cache *c, const char *commit); /* to be freed; NULL: no memory */
/* Whether a file's bytes are there: as a blob, or under its own name in the snapshot. */
bool az_hub_cached(const az_hub_cache *c, const char *commit, const az_hub_file *f);
/* Give a blob its name in the snapshot. */
adze_status az_hub_link(az_hub_cache *c, const char *commit, const az_hub_file *f, adze_error *err);
/* Remember which commit a branch or tag stands for. */
adze_status az_hub_write_ref(az_hub_cache *c, const char *revision, const char *commit,
                             adze_error *err);
/* r->commit of r->name.revision as the cache knows it; ADZE_ENOENT when it does not. */
adze_status az_hub_read_ref(az_hub_cache *c, az_hub_result *r, adze_error *err);
/* r->files of the snapshot r->commit: names and sizes, no hashes; broken links left out. */
adze_status az_hub_read_snapshot(az_hub_cache *c, az_hub_result *r, adze_error *err);

/* A lock that huggingface_hub takes too. *fd -1: another process has it. */
adze_status az_hub_lock(az_hub_cache *c, const char *oid, int *fd, adze_error *err);

#endif
