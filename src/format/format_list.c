/* The set of formats; the only place that knows it. */
#include "format/format.h"

#include <string.h>

extern const az_format az_format_hf, az_format_mlx, az_format_safetensors, az_format_gguf;

const az_format *const az_formats[] = { &az_format_hf, &az_format_mlx, &az_format_safetensors,
                                        &az_format_gguf, NULL };

const az_format *az_format_find(const char *name)
{
    for (size_t i = 0; az_formats[i]; i++)
        if (strcmp(az_formats[i]->name, name) == 0) return az_formats[i];
    return NULL;
}

const az_format *az_format_of_path(const char *path)
{
    const char *dot = strrchr(path, '.');

    if (!dot || strchr(dot, '/') || path[strlen(path) - 1] == '/') return az_format_find("hf");
    for (size_t i = 0; az_formats[i]; i++)
        if (az_formats[i]->write && strcmp(az_formats[i]->name, dot + 1) == 0) return az_formats[i];
    /* "Llama-3.2-1B": a version is no extension */
    return dot[1] >= '0' && dot[1] <= '9' ? az_format_find("hf") : NULL;
}
