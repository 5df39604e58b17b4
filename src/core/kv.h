/* Typed key-value list: the metadata of a GGUF file, kept whole so that unknown keys survive.
 *
 * Strings may hold any bytes; arrays are stored packed (numbers) or as string slices. All memory is in
 * the arena given to az_kv_add*.
 */
#ifndef AZ_CORE_KV_H
#define AZ_CORE_KV_H

#include "base/arena.h"

typedef enum az_kv_type { /* numbers are GGUF's */
                          AZ_KV_U8,
                          AZ_KV_I8,
                          AZ_KV_U16,
                          AZ_KV_I16,
                          AZ_KV_U32,
                          AZ_KV_I32,
                          AZ_KV_F32,
                          AZ_KV_BOOL,
                          AZ_KV_STR,
                          AZ_KV_ARR,
                          AZ_KV_U64,
                          AZ_KV_I64,
                          AZ_KV_F64
} az_kv_type;

typedef struct az_str {
    const char *s; /* not NUL-terminated unless said */
    size_t n;
} az_str;

typedef struct az_kv {
    const char *key; /* NUL-terminated */
    az_kv_type type;
    az_kv_type elem; /* element type when type is AZ_KV_ARR */
    union {
        uint64_t u; /* unsigned kinds and bool */
        int64_t i;  /* signed kinds */
        double f;   /* f32 (exact) and f64 */
        az_str str; /* NUL-terminated as well */
        struct {
            uint64_t n;
            const void *data; /* packed little-endian elements, or az_str[n] */
        } arr;
    } v;
} az_kv;

typedef struct az_kvs {
    az_arena *arena;
    az_kv *items;
    size_t n, cap;
} az_kvs;

const az_kv *az_kv_find(const az_kvs *kvs, const char *key);
/* False when the key is missing or not a number of that kind (any width and sign that holds it). */
bool az_kv_int(const az_kvs *kvs, const char *key, int64_t *out);
bool az_kv_float(const az_kvs *kvs, const char *key, double *out); /* f32, f64 or an integer */
bool az_kv_bool(const az_kvs *kvs, const char *key, bool *out);
const char *az_kv_string(const az_kvs *kvs, const char *key); /* NULL: missing or not a string */
/* Bytes of one element; 0 for strings and arrays. */
size_t az_kv_elem_bytes(az_kv_type t);

/* Add or replace; false when out of memory. Strings and arrays are copied into the arena. */
bool az_kv_put_u32(az_kvs *kvs, const char *key, uint32_t v);
bool az_kv_put_f32(az_kvs *kvs, const char *key, float v);
bool az_kv_put_bool(az_kvs *kvs, const char *key, bool v);
bool az_kv_put_str(az_kvs *kvs, const char *key, const char *s, size_t n);
bool az_kv_put_arr(az_kvs *kvs, const char *key, az_kv_type elem, const void *data, uint64_t n);
bool az_kv_put_strs(az_kvs *kvs, const char *key, const az_str *s, uint64_t n);
bool az_kv_put(az_kvs *kvs, const az_kv *kv); /* deep copy */
void az_kv_remove(az_kvs *kvs, const char *key);

#endif
