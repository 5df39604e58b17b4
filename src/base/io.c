/* Whole-file helpers over the az_io seam: reading, atomic writing, listing, the one open-beneath. */
#include "base/io.h"
#include "base/run.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

adze_status az_open(adze_run *run, const char *path, enum az_open_mode mode, int *fd,
                    adze_error *err)
{
    *fd = run->io.open(run->io.user, -1, path, mode);
    if (*fd < 0) {
        int e = -*fd;
        *fd = -1;
        return az_fail_errno(err, path, mode == AZ_OPEN_READ ? "open" : "open for writing", e);
    }
    return ADZE_OK;
}

void az_close(adze_run *run, int fd)
{
    if (fd >= 0) run->io.close(run->io.user, fd);
}

/* Real path of the folder that may hold what a link in `real_dir` points to: the folder itself, or for
 * .../models--x/snapshots/COMMIT the blobs folder of the same hub cache entry. */
static bool allowed_target(const char *real_dir, const char *real_file)
{
    static const char mark[] = "/snapshots/";
    const char *snap = NULL, *at = real_dir;
    size_t n = strcmp(real_dir, "/") == 0 ? 0 : strlen(real_dir);

    if (strncmp(real_file, real_dir, n) == 0 && real_file[n] == '/') return true;
    while ((at = strstr(at, mark)) != NULL)
        snap = at++; /* the last one: folders above the cache may have that name too */
    if (!snap) return false;
    n = (size_t)(snap - real_dir);
    return strncmp(real_file, real_dir, n) == 0 && strncmp(real_file + n, "/blobs/", 7) == 0 &&
           !strchr(real_file + n + 7, '/');
}

static bool plain_name(const char *s)
{
    return s[0] && !strchr(s, '/') && !strchr(s, '\\') && strcmp(s, ".") != 0 &&
           strcmp(s, "..") != 0;
}

/* path lies in dir. */
static adze_status open_allowed(adze_run *run, const char *dir, const char *path, int *fd,
                                adze_error *err)
{
    char real_dir[PATH_MAX], real_file[PATH_MAX];
    adze_status rc = ADZE_OK;
    az_stat st;

    if (!realpath(dir, real_dir) || !realpath(path, real_file)) {
        return az_fail_errno(err, path, "open", errno);
    }
    if (!allowed_target(real_dir, real_file))
        return az_fail(err, ADZE_EFORMAT, path, ADZE_NOPOS, "links to a place outside its folder");
    rc = az_open(run, real_file, AZ_OPEN_READ, fd, err);
    if (rc < 0) return rc;
    rc = az_fstat(run, *fd, path, &st, err);
    if (rc == ADZE_OK && !st.is_file)
        rc = az_fail(err, ADZE_EFORMAT, path, ADZE_NOPOS, "is not a regular file");
    if (rc < 0) {
        az_close(run, *fd);
        *fd = -1;
    }
    return rc;
}

adze_status az_open_beneath(adze_run *run, const char *dir, const char *name, int *fd,
                            adze_error *err)
{
    adze_status rc;
    char *path;

    *fd = -1;
    if (!plain_name(name))
        return az_fail_name(err, ADZE_EFORMAT, dir, name, ADZE_NOPOS,
                            "a file of a model must be a plain file name in its folder");
    path = az_path_join(run, dir, name);
    rc = path ? open_allowed(run, dir, path, fd, err) : az_fail_nomem(err, "joining a path");
    az_free(run, path);
    return rc;
}

adze_status az_open_inside(adze_run *run, const char *dir, const char *folder, const char *name,
                           int *fd, adze_error *err)
{
    adze_status rc;
    char *path;

    *fd = -1;
    if (!plain_name(folder) || !plain_name(name))
        return az_fail_name(err, ADZE_EFORMAT, dir, folder, ADZE_NOPOS,
                            "a folder of a model must be a plain name in its folder");
    path = az_asprintf(run, "%s/%s/%s", dir, folder, name);
    rc = path ? open_allowed(run, dir, path, fd, err) : az_fail_nomem(err, "joining a path");
    az_free(run, path);
    return rc;
}

adze_status az_pread_all(adze_run *run, int fd, void *dst, size_t n, uint64_t at, const char *path,
                         adze_error *err)
{
    char *to = dst;

    while (n) {
        int64_t got = run->io.pread(run->io.user, fd, to, n, at);
        if (got < 0)
            return az_fail(err, ADZE_EIO, path, at, "cannot read: %s", strerror((int)-got));
        if (got == 0)
            return az_fail(err, ADZE_EFORMAT, path, at, "file ends here, %zu bytes short", n);
        to += got;
        at += (uint64_t)got;
        n -= (size_t)got;
    }
    return ADZE_OK;
}

adze_status az_pwrite_all(adze_run *run, int fd, const void *src, size_t n, uint64_t at,
                          const char *path, adze_error *err)
{
    const char *from = src;

    while (n) {
        int64_t put = run->io.pwrite(run->io.user, fd, from, n, at);
        if (put == 0) put = -EIO;
        if (put < 0)
            return az_fail(err, ADZE_EIO, path, at, "cannot write: %s", strerror((int)-put));
        from += put;
        at += (uint64_t)put;
        n -= (size_t)put;
    }
    return ADZE_OK;
}

adze_status az_fstat(adze_run *run, int fd, const char *path, az_stat *st, adze_error *err)
{
    int rc = run->io.stat(run->io.user, -1, NULL, fd, st);

    return rc < 0 ? az_fail_errno(err, path, "stat", -rc) : ADZE_OK;
}

adze_status az_stat_path(adze_run *run, const char *path, az_stat *st, adze_error *err)
{
    int rc = run->io.stat(run->io.user, -1, path, -1, st);

    return rc < 0 ? az_fail_errno(err, path, "open", -rc) : ADZE_OK;
}

bool az_exists(adze_run *run, const char *path)
{
    az_stat st;

    return run->io.stat(run->io.user, -1, path, -1, &st) >= 0;
}

adze_status az_read_fd(adze_run *run, int fd, const char *path, size_t max_bytes, char **data,
                       size_t *n, adze_error *err)
{
    adze_status rc;
    az_stat st;
    char *p;

    *data = NULL;
    *n = 0;
    rc = az_fstat(run, fd, path, &st, err);
    if (rc < 0) return rc;
    if (!st.is_file) return az_fail(err, ADZE_EFORMAT, path, ADZE_NOPOS, "is not a regular file");
    if (st.size_bytes > max_bytes)
        return az_fail(err, ADZE_EFORMAT, path, ADZE_NOPOS,
                       "is %llu bytes long, more than the %zu allowed for this kind of file",
                       (unsigned long long)st.size_bytes, max_bytes);
    p = az_alloc(run, (size_t)st.size_bytes + 1);
    if (!p) return az_fail_nomem(err, "reading a file");
    rc = az_pread_all(run, fd, p, (size_t)st.size_bytes, 0, path, err);
    if (rc < 0) {
        az_free(run, p);
        return rc;
    }
    p[st.size_bytes] = 0;
    *data = p;
    *n = (size_t)st.size_bytes;
    return ADZE_OK;
}

adze_status az_read_file(adze_run *run, const char *path, size_t max_bytes, char **data, size_t *n,
                         adze_error *err)
{
    adze_status rc;
    int fd;

    *data = NULL;
    *n = 0;
    rc = az_open(run, path, AZ_OPEN_READ, &fd, err);
    if (rc < 0) return rc;
    rc = az_read_fd(run, fd, path, max_bytes, data, n, err);
    az_close(run, fd);
    return rc;
}

bool az_read_line(adze_run *run, const char *path, char *buf, size_t size)
{
    int fd = run->io.open(run->io.user, -1, path, AZ_OPEN_READ);
    int64_t n;

    buf[0] = 0;
    if (fd < 0) return false;
    n = run->io.pread(run->io.user, fd, buf, size - 1, 0);
    az_close(run, fd);
    if (n < 0) return false;
    buf[n] = 0;
    buf[strcspn(buf, "\n")] = 0;
    return true;
}

adze_status az_commit_file(adze_run *run, int fd, const char *tmp, const char *path,
                           adze_error *err)
{
    adze_status rc = ADZE_OK;
    char *dir = NULL;
    int e, dir_fd = -1;

    e = run->io.fsync(run->io.user, fd);
    if (e < 0) rc = az_fail_errno(err, tmp, "flush", -e);
    e = run->io.close(run->io.user, fd);
    if (e < 0 && rc == ADZE_OK) rc = az_fail_errno(err, tmp, "close", -e);
    /* What can fail comes before the file has its name. */
    if (rc == ADZE_OK && !(dir = az_path_dir(run, path)))
        rc = az_fail_nomem(err, "splitting a path");
    if (rc == ADZE_OK) rc = az_open(run, dir, AZ_OPEN_DIR, &dir_fd, err);
    if (rc == ADZE_OK) {
        e = run->io.rename(run->io.user, tmp, path);
        if (e < 0) rc = az_fail_errno(err, path, "rename to its final name", -e);
    }
    if (rc == ADZE_OK)
        run->io.fsync(run->io.user, dir_fd); /* some file systems refuse it for folders */
    az_close(run, dir_fd);
    az_free(run, dir);
    return rc;
}

adze_status az_open_output(adze_run *run, const char *path, const char *stands_for,
                           enum az_open_mode mode, int *fd, adze_error *err)
{
    adze_error e = { .pos = ADZE_NOPOS };
    adze_status rc = az_open(run, path, mode, fd, &e);

    if (rc == ADZE_ENOENT)
        return az_fail(err, rc, stands_for, ADZE_NOPOS,
                       "cannot be written: its folder does not exist; make that first");
    return rc < 0 ? az_fail(err, rc, stands_for, e.pos, "%s", e.msg) : ADZE_OK;
}

adze_status az_write_file(adze_run *run, const char *path, const void *data, size_t n,
                          adze_error *err)
{
    adze_status rc;
    uint64_t tag;
    char *tmp;
    int fd;

    rc = az_random(run, &tag, sizeof tag, err);
    if (rc < 0) return rc;
    tmp = az_asprintf(run, "%s.%08x.tmp", path, (unsigned)tag);
    if (!tmp) return az_fail_nomem(err, "naming a temporary file");
    rc = az_open_output(run, tmp, path, AZ_OPEN_EXCL, &fd, err);
    if (rc < 0) goto done;
    rc = az_pwrite_all(run, fd, data, n, 0, tmp, err);
    if (rc == ADZE_OK)
        rc = az_commit_file(run, fd, tmp, path, err);
    else
        az_close(run, fd);
    if (rc < 0) run->io.unlink(run->io.user, tmp);
done:
    az_free(run, tmp);
    return rc;
}

adze_status az_mkdirs(adze_run *run, const char *path, adze_error *err)
{
    adze_status rc = ADZE_OK;
    char *p = az_strdup(run, path), *s;
    az_stat st;
    int e;

    if (!p) return az_fail_nomem(err, "making a folder");
    for (s = p + 1; rc == ADZE_OK; s++) {
        char c = *s;
        if (c != '/' && c != 0) continue;
        *s = 0;
        e = run->io.mkdir(run->io.user, p);
        if (e == -EEXIST) {
            rc = az_stat_path(run, p, &st, err);
            if (rc == ADZE_OK && !st.is_dir)
                rc = az_fail(err, ADZE_EIO, p, ADZE_NOPOS, "exists and is not a folder");
        } else if (e < 0 && run->io.stat(run->io.user, -1, p, -1, &st) < 0) {
            rc = az_fail_errno(err, p, "make the folder", -e);
        }
        *s = c;
        if (!c) break;
    }
    az_free(run, p);
    return rc;
}

typedef struct name_list {
    adze_run *run;
    char **names;
    size_t n, cap;
} name_list;

static int add_name(void *arg, const char *name)
{
    name_list *l = arg;

    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 32;
        char **p = az_realloc(l->run, l->names, cap * sizeof *p);
        if (!p) return -ENOMEM;
        l->names = p;
        l->cap = cap;
    }
    l->names[l->n] = az_strdup(l->run, name);
    return l->names[l->n] ? (l->n++, 0) : -ENOMEM;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

adze_status az_list_dir(adze_run *run, const char *path, char ***names, size_t *n, adze_error *err)
{
    name_list l = { .run = run };
    int e = run->io.list(run->io.user, path, add_name, &l);

    *names = NULL;
    *n = 0;
    if (e < 0) {
        az_free_names(run, l.names, l.n);
        return az_fail_errno(err, path, "list the folder", -e);
    }
    if (l.n) qsort(l.names, l.n, sizeof *l.names, by_name);
    *names = l.names;
    *n = l.n;
    return ADZE_OK;
}

void az_free_names(adze_run *run, char **names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        az_free(run, names[i]);
    az_free(run, names);
}

adze_status az_remove_tree(adze_run *run, const char *path, adze_error *err)
{
    adze_status rc = ADZE_OK;
    char **names = NULL;
    size_t n = 0;
    int e = run->io.unlink(run->io.user, path); /* files, links, empty folders */

    if (e >= 0 || e == -ENOENT) return ADZE_OK;
    if (e != -ENOTEMPTY && e != -EEXIST) return az_fail_errno(err, path, "remove", -e);
    rc = az_list_dir(run, path, &names, &n, err);
    for (size_t i = 0; rc == ADZE_OK && i < n; i++) {
        char *p = az_path_join(run, path, names[i]);
        rc = p ? az_remove_tree(run, p, err) : az_fail_nomem(err, "removing a folder");
        az_free(run, p);
    }
    az_free_names(run, names, n);
    if (rc < 0) return rc;
    e = run->io.unlink(run->io.user, path);
    return e < 0 ? az_fail_errno(err, path, "remove", -e) : ADZE_OK;
}

char *az_path_join(adze_run *run, const char *dir, const char *name)
{
    size_t n = dir ? strlen(dir) : 0;

    if (!n) return az_strdup(run, name);
    return az_asprintf(run, dir[n - 1] == '/' ? "%s%s" : "%s/%s", dir, name);
}

const char *az_path_base(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

char *az_path_dir(adze_run *run, const char *path)
{
    const char *slash = strrchr(path, '/');

    if (!slash) return az_strdup(run, ".");
    return az_strndup(run, path, slash == path ? 1 : (size_t)(slash - path));
}
