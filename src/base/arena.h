/* Arena: many small objects freed together, one per model or plan. */
#ifndef AZ_BASE_ARENA_H
#define AZ_BASE_ARENA_H

#include "base/run.h"

typedef struct az_arena_chunk az_arena_chunk;
typedef struct az_arena {
    adze_run *run;
    az_arena_chunk *head;
    size_t used_bytes;
} az_arena;

void az_arena_init(az_arena *a, adze_run *run);
void az_arena_deinit(az_arena *a);
void *az_arena_alloc(az_arena *a, size_t n); /* zeroed, 16-byte aligned; NULL: out of memory */
void *az_arena_array(az_arena *a, size_t n, size_t size); /* checked n * size, zeroed */
/* n zeroed bytes and a NUL, anywhere: a vocabulary's hundred thousand strings lie one behind the other. */
char *az_arena_text(az_arena *a, size_t n);
char *az_arena_strndup(az_arena *a, const char *s, size_t n); /* NUL added */
char *az_arena_strdup(az_arena *a, const char *s);
char *az_arena_printf(az_arena *a, const char *fmt, ...) AZ_PRINTF(2, 3);

#endif
