/* Calibration: running text through a model to see which columns of its matrices matter. */
#ifndef AZ_CALIB_CALIBRATE_H
#define AZ_CALIB_CALIBRATE_H

#include <adze/session.h>
#include "codec/importance.h"
#include "core/model.h"

typedef struct az_calibrate_opts {
    const char *const *texts; /* [n_texts] files, one after another */
    size_t n_texts;
    size_t chunk;      /* tokens evaluated together, each chunk from an empty context; 0: 512 */
    size_t max_chunks; /* 0: all */
    int threads;       /* 0: the run's */
} az_calibrate_opts;

/* The importance matrix of m on the texts: for each matrix of the layers, sums of the squares of its inputs. The
 * same bits for any number of threads. Needs memory for a session and for two numbers a column. ADZE_EFORMAT when the
 * texts together are shorter than one chunk; ADZE_EINVAL for a text given twice; ADZE_ECANCEL. */
adze_status az_calibrate(az_importance **out, adze_run *run, adze_model *m,
                         const az_calibrate_opts *opts, adze_error *err);

#endif
