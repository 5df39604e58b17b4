/* Tables shared by plan/target.c and plan/target_schema.c. */
#ifndef AZ_PLAN_TARGET_SCHEMA_H
#define AZ_PLAN_TARGET_SCHEMA_H

#include "plan/target.h"
#include "plan/yaml.h"

extern const cyaml_schema_value_t az_target_schema;
extern const cyaml_strval_t az_target_kinds[], az_os_names[];
extern const size_t az_target_kinds_count, az_os_names_count;

#endif
