/* What a repository holds: the commit behind a revision, and that commit's files. */
#ifndef AZ_HUB_LISTING_H
#define AZ_HUB_LISTING_H

#include "hub/http.h"
#include "hub/hub.h"

bool az_hub_is_hex(const char *s, size_t digits); /* lower case */
/* Fill r->commit; asks the hub unless the revision is a commit. */
adze_status az_hub_find_commit(az_http *h, adze_run *run, const az_hub_env *env, az_hub_result *r,
                               adze_error *err);
/* Fill r->files with the files of r->commit, sorted by name; names are safe as paths afterwards. */
adze_status az_hub_list(az_http *h, adze_run *run, const az_hub_env *env, az_hub_result *r,
                        adze_error *err);
/* Sort, and refuse two files of one name. */
adze_status az_hub_sort_files(az_hub_result *r, adze_error *err);
/* Among the chosen: refuse names that differ by case alone, and a file where another has a folder. */
adze_status az_hub_check_clashes(adze_run *run, const az_hub_result *r, adze_error *err);

#endif
