/* The az_io slots on POSIX systems; only this file and map.c call the operating system for files. */
#include "base/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static int posix_open(void *user, int dirfd, const char *path, enum az_open_mode mode)
{
    static const int flags[] = {
        [AZ_OPEN_READ] = O_RDONLY | O_NONBLOCK, /* a pipe in a model's folder must not block */
        [AZ_OPEN_CREATE] = O_RDWR | O_CREAT | O_TRUNC, [AZ_OPEN_EXCL] = O_RDWR | O_CREAT | O_EXCL,
        [AZ_OPEN_UPDATE] = O_RDWR | O_CREAT,           [AZ_OPEN_DIR] = O_RDONLY | O_DIRECTORY,
    };
    int fd;

    (void)user;
    do {
        fd = openat(dirfd < 0 ? AT_FDCWD : dirfd, path, flags[mode] | O_CLOEXEC | O_NOCTTY, 0666);
    } while (fd < 0 && errno == EINTR);
    return fd < 0 ? -errno : fd;
}

static int posix_close(void *user, int fd)
{
    (void)user;
    return close(fd) < 0 ? -errno : 0;
}

static int64_t posix_pread(void *user, int fd, void *dst, size_t n, uint64_t at)
{
    ssize_t got;

    (void)user;
    if (at > INT64_MAX) return -EINVAL;
    do {
        got = pread(fd, dst, n, (off_t)at);
    } while (got < 0 && errno == EINTR);
    return got < 0 ? -errno : got;
}

static int64_t posix_pwrite(void *user, int fd, const void *src, size_t n, uint64_t at)
{
    ssize_t got;

    (void)user;
    if (at > INT64_MAX) return -EINVAL;
    do {
        got = pwrite(fd, src, n, (off_t)at);
    } while (got < 0 && errno == EINTR);
    return got < 0 ? -errno : got;
}

static int posix_fsync(void *user, int fd)
{
    (void)user;
    return fsync(fd) < 0 ? -errno : 0;
}

static int posix_truncate(void *user, int fd, uint64_t size)
{
    (void)user;
    return ftruncate(fd, (off_t)size) < 0 ? -errno : 0;
}

static int posix_lock(void *user, int fd)
{
    (void)user;
    return flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
}

static int posix_stat(void *user, int dirfd, const char *path, int fd, az_stat *out)
{
    struct stat st;
    int rc;

    (void)user;
    rc = path ? fstatat(dirfd < 0 ? AT_FDCWD : dirfd, path, &st, 0) : fstat(fd, &st);
    if (rc < 0) return -errno;
    *out = (az_stat){
        .size_bytes = (uint64_t)st.st_size,
        .dev = (uint64_t)st.st_dev,
        .ino = (uint64_t)st.st_ino,
        .mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec,
        .ctime_ns = (int64_t)st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec,
        .is_dir = S_ISDIR(st.st_mode),
        .is_file = S_ISREG(st.st_mode),
    };
    return 0;
}

static int posix_rename(void *user, const char *from, const char *to)
{
    (void)user;
    return rename(from, to) < 0 ? -errno : 0;
}

static int posix_unlink(void *user, const char *path)
{
    (void)user;
    return remove(path) < 0 ? -errno : 0;
}

static int posix_mkdir(void *user, const char *path)
{
    (void)user;
    return mkdir(path, 0777) < 0 ? -errno : 0;
}

static int posix_list(void *user, const char *path, int (*each)(void *arg, const char *name),
                      void *arg)
{
    DIR *d = opendir(path);
    struct dirent *e;
    int rc = 0;

    (void)user;
    if (!d) return -errno;
    while (rc == 0 && (errno = 0, e = readdir(d)) != NULL)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) rc = each(arg, e->d_name);
    if (rc == 0 && errno) rc = -errno;
    closedir(d);
    return rc;
}

static int posix_space(void *user, const char *path, az_space *sp)
{
    struct statvfs v;

    (void)user;
    if (statvfs(path, &v) < 0) return -errno;
    sp->free_bytes = (uint64_t)v.f_bavail * v.f_frsize;
    sp->total_bytes = (uint64_t)v.f_blocks * v.f_frsize;
    return 0;
}

static int posix_symlink(void *user, const char *target, const char *path)
{
    (void)user;
    return symlink(target, path) < 0 ? -errno : 0;
}

static int64_t posix_readlink(void *user, const char *path, char *buf, size_t size)
{
    ssize_t n = readlink(path, buf, size);

    (void)user;
    return n < 0 ? -errno : n;
}

void az_io_default(az_io_fns *io)
{
    *io = (az_io_fns){
        .open = posix_open,
        .close = posix_close,
        .pread = posix_pread,
        .pwrite = posix_pwrite,
        .fsync = posix_fsync,
        .truncate = posix_truncate,
        .lock = posix_lock,
        .stat = posix_stat,
        .rename = posix_rename,
        .unlink = posix_unlink,
        .mkdir = posix_mkdir,
        .list = posix_list,
        .space = posix_space,
        .symlink = posix_symlink,
        .readlink = posix_readlink,
    };
}
