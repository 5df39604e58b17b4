/* Character classes of Unicode 16.0: runs of code points with equal class bits. */
#ifndef AZ_TEXT_UNICODE_TABLES_H
#define AZ_TEXT_UNICODE_TABLES_H

#include <stdint.h>

extern const uint16_t az_uc_kinds[]; /* class bits (enum az_uc_class) of each kind */
extern const uint32_t az_uc_runs[];  /* first code point << 8 | kind, rising */
extern const uint16_t az_uc_first[]; /* [block of 256 code points] run that holds its first one */
extern const uint32_t az_uc_n_runs, az_uc_n_blocks;

#endif
