/* Files of importance matrices, as llama.cpp's tools write and read them: a GGUF of sums and counts, and the
 * older .dat layout.
 */
#ifndef AZ_FORMAT_IMATRIX_H
#define AZ_FORMAT_IMATRIX_H

#include "codec/importance.h"

/* Read either kind. *out is freed with az_importance_free. ADZE_EFORMAT names what is wrong and where: sums without
 * counts, values that are no finite numbers or negative, an entry twice. */
adze_status az_imatrix_read(az_importance **out, adze_run *run, const char *path, adze_error *err);
/* Write whole or not at all: the older layout for names that end in .dat or .imatrix, else a GGUF. */
adze_status az_imatrix_write(adze_run *run, const az_importance *m, const char *path,
                             adze_error *err);

/* SHA-256 sums of the texts that a matrix was made from, when its maker kept them: a key in matrices and in models
 * that were quantized with one. */
#define AZ_CALIBRATION_KEY "adze.calibration.sha256"

#endif
