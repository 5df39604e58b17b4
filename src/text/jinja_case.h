/* Tables of case mappings: runs of characters with the same distance to what they map to. */
#ifndef AZ_TEXT_JINJA_CASE_H
#define AZ_TEXT_JINJA_CASE_H

#include <stddef.h>
#include <stdint.h>

typedef struct az_case_run {
    uint32_t first, last;
    int32_t delta;
    uint32_t step; /* 1, or 2: every other character */
} az_case_run;

typedef struct az_case_special {
    uint32_t c, out[3]; /* 0: fewer */
} az_case_special;

extern const az_case_run az_case_upper[], az_case_lower[], az_case_title[];
extern const size_t az_case_upper_n, az_case_lower_n, az_case_title_n;
extern const az_case_special az_case_upper_special[], az_case_lower_special[],
    az_case_title_special[];
extern const size_t az_case_upper_special_n, az_case_lower_special_n, az_case_title_special_n;
extern const uint32_t az_case_title_same[];
extern const size_t az_case_title_same_n;

#endif
