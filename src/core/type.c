/* The table behind core/type.h. */
#include "core/type.h"
#include "base/check.h"
#include "base/compiler.h"

#include <string.h>

#define AZ_X(name, id, elems, bytes, text) { text, id, elems, bytes, (elems) > 1 },
static const az_type_info types[] = { AZ_TYPE_MAP(AZ_X) AZ_STORAGE_TYPE_MAP(AZ_X)
                                          AZ_AFFINE_TYPE_MAP(AZ_X) };
#undef AZ_X

const az_type_info *az_type_get(az_type t)
{
    return &types[t];
}

bool az_type_from_gguf(uint32_t id, az_type *out)
{
    for (size_t i = 0; i < AZ_COUNT(types); i++)
        if (types[i].gguf_id == id && id != AZ_NO_GGUF) {
            *out = (az_type)i;
            return true;
        }
    return false;
}

bool az_type_from_name(const char *name, az_type *out)
{
    for (size_t i = 0; i < AZ_COUNT(types); i++)
        if (strcmp(types[i].name, name) == 0) {
            *out = (az_type)i;
            return true;
        }
    return false;
}

double az_type_bits_per_weight(az_type t)
{
    return 8.0 * types[t].bytes / types[t].elems;
}

bool az_type_row_bytes(az_type t, uint64_t n, uint64_t *bytes)
{
    return n % types[t].elems == 0 && az_mul_u64(n / types[t].elems, types[t].bytes, bytes);
}
