/* YAML documents checked against a declarative schema (libcyaml), for target and gate files.
 *
 * The input is hostile: its size is bounded, aliases are refused, unknown keys are errors, and all
 * memory goes through the run context. Errors carry the path, what was being read and the byte offset
 * of the place that libcyaml names.
 */
#ifndef AZ_PLAN_YAML_H
#define AZ_PLAN_YAML_H

#include <cyaml/cyaml.h>
#include "base/run.h"

/* Read the file at `path`, at most max_bytes, into a new object shaped by `schema`, whose top level
 * must be CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, ...). Free it with az_yaml_free and the same schema. */
adze_status az_yaml_load(adze_run *run, const char *path, size_t max_bytes,
                         const cyaml_schema_value_t *schema, void **out, adze_error *err);
/* Same for text in memory; `path` is only named in messages. */
adze_status az_yaml_parse(adze_run *run, const char *path, const char *text, size_t n,
                          const cyaml_schema_value_t *schema, void **out, adze_error *err);
void az_yaml_free(adze_run *run, const cyaml_schema_value_t *schema, void *object);

#endif
