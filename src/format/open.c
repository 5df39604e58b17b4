/* Opening a checkpoint: every format looks at the path, the surest one reads it. */
#include "format/format.h"

#include <stdio.h>
#include <string.h>

static adze_status no_format(adze_run *run, const char *path, adze_error *err)
{
    az_stat st;
    adze_status rc = az_stat_path(run, path, &st, err);
    char names[160] = "";

    if (rc < 0) return rc;
    for (size_t i = 0; az_formats[i]; i++) {
        size_t n = strlen(names);
        snprintf(names + n, sizeof names - n, "%s%s", i ? ", " : "", az_formats[i]->name);
    }
    if (st.is_dir)
        return az_fail(err, ADZE_EUNSUP, path, ADZE_NOPOS,
                       "folder without a config.json: no checkpoint that adze knows (%s)", names);
    if (st.size_bytes == 0) return az_fail(err, ADZE_EFORMAT, path, 0, "file is empty");
    return az_fail(err, ADZE_EUNSUP, path, 0, "not a model file that adze knows (%s)", names);
}

adze_status az_model_open(adze_model **out, adze_run *run, const char *path, unsigned flags,
                          adze_error *err)
{
    const az_format *best = NULL;
    int most = flags & AZ_READ_NO_WEIGHTS ? 0 : AZ_PROBE_TOKENIZER;

    *out = NULL;
    if (!path || !path[0]) return az_fail(err, ADZE_EINVAL, path, ADZE_NOPOS, "no path was given");
    for (size_t i = 0; az_formats[i]; i++) {
        int score = az_formats[i]->read ? az_formats[i]->probe(run, path) : 0;
        if (score > most) {
            most = score;
            best = az_formats[i];
        }
    }
    if (!best) return no_format(run, path, err);
    return best->read(run, path, flags, out, err);
}

adze_status adze_model_open(adze_model **out, adze_run *run, const char *path, adze_error *err)
{
    return az_model_open(out, run, path, AZ_READ_ALL, err);
}
