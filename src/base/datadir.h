/* Where the program's own data lies: declared targets, schemas. */
#ifndef AZ_BASE_DATADIR_H
#define AZ_BASE_DATADIR_H

#include "base/run.h"

/* Path of `name` (a file or folder) in the data folder: the first that exists of $ADZE_DATA,
 * data/ beside the program or up to two folders above it, share/adze/ beside its folder, and the
 * folder that the build was installed to. ADZE_ENOENT lists them. Free *out with az_free. */
adze_status az_data_path(char **out, adze_run *run, const char *name, adze_error *err);

#endif
