/* The tables behind plan/select.c. */
#ifndef AZ_PLAN_SELECT_TABLES_H
#define AZ_PLAN_SELECT_TABLES_H

#include "plan/select.h"

extern const az_rule *const az_rules[];                     /* NULL-terminated */
extern const az_rating az_ratings[AZ_FRAMEWORKS][AZ_NEEDS]; /* before what the device changes */

typedef struct az_framework_info {
    const char *name;   /* "llama.cpp" */
    const char *recipe; /* how it makes weights small */
    /* NULL when it runs on the device, else why not */
    const char *(*missing)(const az_device *d);
} az_framework_info;
extern const az_framework_info az_framework_infos[AZ_FRAMEWORKS];

/* What serves an accelerator. The first match counts; vendor NULL: any; framework -1: none, with the reason. */
typedef struct az_server {
    const char *kind, *vendor;
    int framework;
    const char *text;
} az_server;
extern const az_server az_servers[]; /* ends with kind NULL */

#endif
