/* Models on the hub: `hf:org/name[:revision]` loaded into the cache that huggingface_hub uses too.
 *
 * Nothing here goes online unless a caller hands in such a name. A pull resolves the revision to a commit
 * once and takes every file from that commit; files lie in the cache by their hash and get their names, as
 * links, only when all of them are there and right. docs/hub.md is the user's view.
 */
#ifndef AZ_HUB_HUB_H
#define AZ_HUB_HUB_H

#include "base/arena.h"
#include "base/run.h"

enum { AZ_HUB_COMMIT_HEX = 40, AZ_HUB_OID_MAX = 64 };

typedef struct az_hub_name {
    char repo[200];     /* "org/name", or "name" alone for the oldest ones */
    char revision[256]; /* branch, tag, commit or refs/pr/N; "main" when not given */
    char file[512];     /* pattern of the files that are wanted, "" for the usual choice */
} az_hub_name;

/* Whether `text` is an hf: name. */
bool az_hub_is_name(const char *text);
/* "[hf:]org/name[/FILE][:revision]". ADZE_EINVAL says what a name may hold. */
adze_status az_hub_name_parse(az_hub_name *out, const char *text, adze_error *err);
/* A name from the hub that becomes a path: relative, no "..", no control bytes, not too long; NULL when it is
 * fine, else what is wrong with it. */
const char *az_hub_bad_path(const char *path);

typedef struct az_hub_file {
    const char *name;             /* path in the repository */
    uint64_t size_bytes;          /* as the hub announces it */
    char oid[AZ_HUB_OID_MAX + 1]; /* hex: SHA-256 of large files, git's SHA-1 of small ones */
    bool chosen;
    bool cached;           /* was there before */
    uint64_t loaded_bytes; /* by this call */
} az_hub_file;

typedef struct az_hub_opts {
    const char *const *include; /* [n_include] patterns; none: what a model needs */
    size_t n_include;
    int connections; /* files loaded at once; 0: 8 */
    int retries;     /* attempts without progress before giving up; -1: 5 */
    bool
        cache_first; /* a complete model in the cache is enough, and stands in when the hub is away */
    bool list_only; /* choose and say what is cached, load nothing */
} az_hub_opts;

typedef struct az_hub_result {
    az_arena arena; /* holds what the fields point to */
    az_hub_name name;
    char commit[AZ_HUB_COMMIT_HEX + 1];
    const char
        *path; /* what to open: the snapshot folder, or the one GGUF in it; NULL with list_only */
    az_hub_file *files;
    size_t n_files;
    uint64_t bytes, loaded_bytes, resumed_bytes; /* of the chosen files */
    adze_error away; /* status < 0: the hub did not answer, so the cache's copy was taken */
} az_hub_result;

/**
 * Load a repository's files into the cache, or find them there.
 *
 * @param name  from az_hub_name_parse.
 * @param out   filled on success; az_hub_result_deinit in every case.
 * @return ADZE_ENOENT for a repository, revision or file that is not there; ADZE_EDENIED for no permission;
 *         ADZE_ENETWORK, ADZE_ETIMEOUT; ADZE_EFORMAT for a reply that makes no sense or bytes that are not those
 *         announced; ADZE_EUNSUP when a choice must be made; ADZE_ECANCEL keeps what was loaded.
 *
 * Safe for several processes, huggingface_hub's included, on one cache.
 */
adze_status az_hub_pull(adze_run *run, const az_hub_name *name, const az_hub_opts *opts,
                        az_hub_result *out, adze_error *err);
void az_hub_result_deinit(az_hub_result *r);

#endif
