/* Looking for the data folder: environment, build tree, install tree. */
#include "base/datadir.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef ADZE_DATADIR
#define ADZE_DATADIR "/usr/local/share/adze"
#endif

/* Folder of the running program; "" when the system does not tell. */
static void program_dir(char *buf, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", buf, size - 1);
    char *slash;

    buf[n > 0 ? n : 0] = 0;
    slash = strrchr(buf, '/');
    if (slash) *slash = 0;
}

adze_status az_data_path(char **out, adze_run *run, const char *name, adze_error *err)
{
    static const char *const beside[] = { "data", "../data", "../../data", "../share/adze" };
    const char *env = getenv("ADZE_DATA");
    char dir[1024];

    *out = NULL;
    program_dir(dir, sizeof dir);
    for (size_t i = 0; i < AZ_COUNT(beside) + 2; i++) {
        char *path = NULL;

        if (i == 0) {
            if (!env || !env[0]) continue;
            path = az_asprintf(run, "%s/%s", env, name);
        } else if (i <= AZ_COUNT(beside)) {
            path = az_asprintf(run, "%s/%s/%s", dir, beside[i - 1], name);
        } else {
            path = az_asprintf(run, "%s/%s", ADZE_DATADIR, name);
        }
        if (!path) return az_fail_nomem(err, "looking for data");
        if (az_exists(run, path)) {
            *out = path;
            return ADZE_OK;
        }
        az_free(run, path);
    }
    return az_fail_name(err, ADZE_ENOENT, env && env[0] ? env : dir, name, ADZE_NOPOS,
                        "not found in $ADZE_DATA, beside the program, nor in " ADZE_DATADIR);
}
