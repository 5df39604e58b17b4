/* Which of a repository's files a model needs. */
#ifndef AZ_HUB_CHOOSE_H
#define AZ_HUB_CHOOSE_H

#include "hub/hub.h"

/* Mark r->files. Patterns replace the usual choice. ADZE_EUNSUP when there are several GGUFs and nothing says
 * which, or no weights; ADZE_ENOENT when a pattern fits nothing. */
adze_status az_hub_choose(const az_hub_opts *o, az_hub_result *r, adze_error *err);
/* The only GGUF (its first part) among the chosen files when nothing else there is a model; NULL: none. */
const az_hub_file *az_hub_only_gguf(const az_hub_result *r);
/* A part of a split file that is missing among the chosen, as ADZE_EFORMAT. */
adze_status az_hub_check_parts(const az_hub_result *r, adze_error *err);
az_hub_file *az_hub_find(const az_hub_result *r, const char *name); /* NULL: not there */

#endif
