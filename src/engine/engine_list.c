/* The only place that knows the set of engines. */
#include "engine/engine.h"

#include <string.h>

extern const az_engine az_engine_native;

const az_engine *const az_engines[] = { &az_engine_native, NULL };

const az_engine *az_engine_find(const char *name)
{
    for (size_t i = 0; az_engines[i]; i++)
        if (strcmp(az_engines[i]->name, name) == 0) return az_engines[i];
    return NULL;
}
