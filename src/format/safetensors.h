/* Reading the header of one safetensors file. */
#ifndef AZ_FORMAT_SAFETENSORS_H
#define AZ_FORMAT_SAFETENSORS_H

#include "base/buf.h"
#include "core/model.h"

/* Append the az_tensors of m->files[file] to `tensors`, every range checked against the file's real size;
 * names are in m's arena. */
adze_status az_safetensors_header(adze_model *m, uint32_t file, az_buf *tensors, adze_error *err);
/* The format's name of an element type: "BF16"; NULL: it has none. */
const char *az_safetensors_dtype(az_type t);
/* Move a buffer of az_tensors into the model and call az_model_finish. */
adze_status az_model_take_tensors(adze_model *m, const az_buf *tensors, adze_error *err);

#endif
