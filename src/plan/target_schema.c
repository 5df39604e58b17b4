/* The shape of a target file, declared for libcyaml; docs/targets.md is its prose.
 * Ranges and cross references are checked afterwards, in plan/target.c.
 */
#include "plan/target_schema.h"

#define TEXT(key, flags, type, member, longest) \
    CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | (flags), type, member, 1, longest)
#define FIGURE(key, flags, type, member) \
    CYAML_FIELD_MAPPING(key, flags, type, member, figure_fields)
#define OPTIONAL CYAML_FLAG_OPTIONAL

enum { NAME_MAX_BYTES = 64, LINE_MAX_BYTES = 400 };

static const cyaml_strval_t from_names[] = { { "declared", AZ_DECLARED },
                                             { "estimated", AZ_ESTIMATED } };
const cyaml_strval_t az_target_kinds[] = {
    { "other", AZ_KIND_OTHER },       { "single-board", AZ_KIND_SINGLE_BOARD },
    { "mini-pc", AZ_KIND_MINI_PC },   { "laptop", AZ_KIND_LAPTOP },
    { "desktop", AZ_KIND_DESKTOP },   { "server", AZ_KIND_SERVER },
    { "phone", AZ_KIND_PHONE },       { "tablet", AZ_KIND_TABLET },
    { "embedded", AZ_KIND_EMBEDDED }, { "microcontroller", AZ_KIND_MICROCONTROLLER },
    { "research", AZ_KIND_RESEARCH },
};
const size_t az_target_kinds_count = CYAML_ARRAY_LEN(az_target_kinds);
const cyaml_strval_t az_os_names[] = {
    { "other", AZ_OS_OTHER },     { "none", AZ_OS_NONE },       { "linux", AZ_OS_LINUX },
    { "macos", AZ_OS_MACOS },     { "windows", AZ_OS_WINDOWS }, { "ios", AZ_OS_IOS },
    { "android", AZ_OS_ANDROID },
};
const size_t az_os_names_count = CYAML_ARRAY_LEN(az_os_names);

static const cyaml_schema_value_t word = { CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 1,
                                                              NAME_MAX_BYTES) };

static const cyaml_schema_field_t figure_fields[] = {
    CYAML_FIELD_FLOAT("value", CYAML_FLAG_STRICT, az_declared, value),
    CYAML_FIELD_ENUM("from", CYAML_FLAG_STRICT, az_declared, from, from_names,
                     CYAML_ARRAY_LEN(from_names)),
    TEXT("source", 0, az_declared, source, NAME_MAX_BYTES),
    TEXT("note", OPTIONAL, az_declared, note, LINE_MAX_BYTES), CYAML_FIELD_END
};

static const cyaml_schema_field_t list_fields[] = {
    CYAML_FIELD_SEQUENCE("list", CYAML_FLAG_POINTER, az_declared_list, list, &word, 0, 64),
    CYAML_FIELD_ENUM("from", CYAML_FLAG_STRICT, az_declared_list, from, from_names,
                     CYAML_ARRAY_LEN(from_names)),
    TEXT("source", 0, az_declared_list, source, NAME_MAX_BYTES),
    TEXT("note", OPTIONAL, az_declared_list, note, LINE_MAX_BYTES), CYAML_FIELD_END
};

static const cyaml_schema_field_t cpu_fields[] = {
    TEXT("vendor", 0, az_target_cpu, vendor, NAME_MAX_BYTES),
    TEXT("model", 0, az_target_cpu, model, LINE_MAX_BYTES),
    TEXT("isa", 0, az_target_cpu, isa, NAME_MAX_BYTES),
    CYAML_FIELD_MAPPING("features", OPTIONAL, az_target_cpu, features, list_fields),
    FIGURE("performance_cores", OPTIONAL, az_target_cpu, performance_cores),
    FIGURE("efficiency_cores", OPTIONAL, az_target_cpu, efficiency_cores),
    FIGURE("clock_ghz", OPTIONAL, az_target_cpu, clock_ghz),
    FIGURE("int8_gops", OPTIONAL, az_target_cpu, int8_gops),
    FIGURE("f32_gflops", OPTIONAL, az_target_cpu, f32_gflops),
    CYAML_FIELD_END
};

static const cyaml_schema_field_t memory_fields[] = {
    FIGURE("bytes", 0, az_target_memory, bytes),
    FIGURE("bandwidth_gb_s", OPTIONAL, az_target_memory, bandwidth_gb_s),
    FIGURE("usable_fraction", OPTIONAL, az_target_memory, usable_fraction),
    CYAML_FIELD_BOOL("unified", OPTIONAL, az_target_memory, unified), CYAML_FIELD_END
};

static const cyaml_schema_field_t accelerator_fields[] = {
    TEXT("kind", 0, az_accelerator, kind, NAME_MAX_BYTES),
    TEXT("vendor", 0, az_accelerator, vendor, NAME_MAX_BYTES),
    TEXT("name", 0, az_accelerator, name, LINE_MAX_BYTES),
    FIGURE("int8_tops", OPTIONAL, az_accelerator, int8_tops),
    FIGURE("f16_tflops", OPTIONAL, az_accelerator, f16_tflops),
    FIGURE("f32_tflops", OPTIONAL, az_accelerator, f32_tflops),
    FIGURE("memory_bytes", OPTIONAL, az_accelerator, memory_bytes),
    FIGURE("bandwidth_gb_s", OPTIONAL, az_accelerator, bandwidth_gb_s),
    FIGURE("watts", OPTIONAL, az_accelerator, watts),
    CYAML_FIELD_END
};
static const cyaml_schema_value_t accelerator = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, az_accelerator, accelerator_fields)
};

static const cyaml_schema_field_t storage_fields[] = {
    TEXT("kind", OPTIONAL, az_target_storage, kind, NAME_MAX_BYTES),
    FIGURE("bytes", OPTIONAL, az_target_storage, bytes), CYAML_FIELD_END
};

static const cyaml_schema_field_t power_fields[] = {
    CYAML_FIELD_BOOL("battery", OPTIONAL, az_target_power, battery),
    FIGURE("watts", OPTIONAL, az_target_power, watts), CYAML_FIELD_END
};

static const cyaml_schema_field_t app_fields[] = {
    FIGURE("bundle_mb", OPTIONAL, az_target_app, bundle_mb), CYAML_FIELD_END
};

static const cyaml_schema_field_t source_fields[] = {
    TEXT("id", 0, az_target_source, id, NAME_MAX_BYTES),
    TEXT("url", 0, az_target_source, url, LINE_MAX_BYTES),
    TEXT("title", 0, az_target_source, title, LINE_MAX_BYTES),
    TEXT("read", 0, az_target_source, read, NAME_MAX_BYTES), CYAML_FIELD_END
};
static const cyaml_schema_value_t source = { CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT,
                                                                 az_target_source, source_fields) };

static const cyaml_schema_field_t target_fields[] = {
    CYAML_FIELD_UINT("format", CYAML_FLAG_DEFAULT, az_target, format),
    TEXT("name", 0, az_target, name, NAME_MAX_BYTES),
    TEXT("title", 0, az_target, title, LINE_MAX_BYTES),
    CYAML_FIELD_ENUM("kind", CYAML_FLAG_STRICT, az_target, kind, az_target_kinds,
                     CYAML_ARRAY_LEN(az_target_kinds)),
    CYAML_FIELD_ENUM("os", CYAML_FLAG_STRICT, az_target, os, az_os_names,
                     CYAML_ARRAY_LEN(az_os_names)),
    CYAML_FIELD_MAPPING("cpu", CYAML_FLAG_DEFAULT, az_target, cpu, cpu_fields),
    CYAML_FIELD_MAPPING("memory", CYAML_FLAG_DEFAULT, az_target, memory, memory_fields),
    CYAML_FIELD_SEQUENCE("accelerators", CYAML_FLAG_POINTER | OPTIONAL, az_target, accelerators,
                         &accelerator, 0, 16),
    CYAML_FIELD_MAPPING("storage", OPTIONAL, az_target, storage, storage_fields),
    CYAML_FIELD_MAPPING("power", OPTIONAL, az_target, power, power_fields),
    CYAML_FIELD_SEQUENCE("connectivity", CYAML_FLAG_POINTER | OPTIONAL, az_target, connectivity,
                         &word, 0, 16),
    CYAML_FIELD_MAPPING("app", OPTIONAL, az_target, app, app_fields),
    CYAML_FIELD_SEQUENCE("sources", CYAML_FLAG_POINTER, az_target, sources, &source, 1, 32),
    CYAML_FIELD_END
};
const cyaml_schema_value_t az_target_schema = { CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, az_target,
                                                                    target_fields) };
