/* File access: the az_io seam and the few whole-file helpers built on it.
 *
 * Every slot returns >= 0, or -errno. Paths are as the user gave them; names that come from a file go
 * through az_open_beneath only. Writers write beside the destination and rename (az_atomic_*), so a
 * reader sees the old file or the new one, whole.
 */
#ifndef AZ_BASE_IO_H
#define AZ_BASE_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

typedef struct adze_run adze_run;

typedef struct az_stat {
    uint64_t size_bytes;
    uint64_t dev, ino;
    int64_t mtime_ns, ctime_ns;
    bool is_dir, is_file;
} az_stat;

typedef struct az_space {
    uint64_t free_bytes, total_bytes;
} az_space;

enum az_open_mode {
    AZ_OPEN_READ,   /* existing file, read only */
    AZ_OPEN_CREATE, /* create or truncate, read and write */
    AZ_OPEN_EXCL,   /* create, fail if it exists, read and write */
    AZ_OPEN_UPDATE, /* create if missing, keep contents, read and write */
    AZ_OPEN_DIR     /* a folder, for az_open_beneath, listing and fsync */
};

typedef struct az_io_fns {
    int (*open)(void *user, int dirfd, const char *path, enum az_open_mode mode);
    /* dirfd: -1 for path as given, else a folder */
    int (*close)(void *user, int fd);
    int64_t (*pread)(void *user, int fd, void *dst, size_t n, uint64_t at); /* may be short */
    int64_t (*pwrite)(void *user, int fd, const void *src, size_t n,
                      uint64_t at); /* may be short */
    int (*fsync)(void *user, int fd);
    int (*truncate)(void *user, int fd, uint64_t size);
    int (*lock)(void *user, int fd); /* alone, until closed; -EWOULDBLOCK: another has it */
    int (*stat)(void *user, int dirfd, const char *path, int fd, az_stat *st); /* path NULL: fd */
    int (*rename)(void *user, const char *from, const char *to);
    int (*unlink)(void *user, const char *path); /* file or empty folder */
    int (*mkdir)(void *user, const char *path);
    int (*list)(void *user, const char *path, int (*each)(void *arg, const char *name), void *arg);
    int (*space)(void *user, const char *path, az_space *sp);
    int (*symlink)(void *user, const char *target, const char *path);
    int64_t (*readlink)(void *user, const char *path, char *buf, size_t size); /* length, no NUL */
    void *user;
} az_io_fns;

/* Fills in the functions of this operating system. */
void az_io_default(az_io_fns *io);

/* az_open for a file that is made beside the one that the user named, which the error speaks of. */
adze_status az_open_output(adze_run *run, const char *path, const char *stands_for,
                           enum az_open_mode mode, int *fd, adze_error *err);
/* Open a path that the user named. *fd is -1 on failure. */
adze_status az_open(adze_run *run, const char *path, enum az_open_mode mode, int *fd,
                    adze_error *err);
/* Open a file named by a file: `name` must be a plain file name and resolve to a regular file inside the
 * folder `dir` (or, in a hub cache snapshot, inside that cache's blobs folder). */
adze_status az_open_beneath(adze_run *run, const char *dir, const char *name, int *fd,
                            adze_error *err);
/* The same for folder/name in `dir`; both must be plain names. */
adze_status az_open_inside(adze_run *run, const char *dir, const char *folder, const char *name,
                           int *fd, adze_error *err);
void az_close(adze_run *run, int fd); /* -1 is fine */

/* All n bytes or an error; a short file is ADZE_EFORMAT with the offset where it ends. */
adze_status az_pread_all(adze_run *run, int fd, void *dst, size_t n, uint64_t at, const char *path,
                         adze_error *err);
adze_status az_pwrite_all(adze_run *run, int fd, const void *src, size_t n, uint64_t at,
                          const char *path, adze_error *err);
adze_status az_fstat(adze_run *run, int fd, const char *path, az_stat *st, adze_error *err);
/* ADZE_ENOENT when missing. */
adze_status az_stat_path(adze_run *run, const char *path, az_stat *st, adze_error *err);
bool az_exists(adze_run *run, const char *path);

/* Whole file into new memory, NUL added after it; refuses more than max_bytes. Free with az_free. */
adze_status az_read_file(adze_run *run, const char *path, size_t max_bytes, char **data, size_t *n,
                         adze_error *err);
/* Same for an already open descriptor. */
adze_status az_read_fd(adze_run *run, int fd, const char *path, size_t max_bytes, char **data,
                       size_t *n, adze_error *err);

/* First line of a small file of /proc or /sys, newline cut; false when it cannot be read. */
bool az_read_line(adze_run *run, const char *path, char *buf, size_t size);

/* Write a whole small file atomically: temporary beside it, fsync, rename, fsync of the folder. */
adze_status az_write_file(adze_run *run, const char *path, const void *data, size_t n,
                          adze_error *err);
/* fsync fd, close it, rename tmp to path, fsync the folder. Closes fd in every case. */
adze_status az_commit_file(adze_run *run, int fd, const char *tmp, const char *path,
                           adze_error *err);

adze_status az_mkdirs(adze_run *run, const char *path, adze_error *err); /* like mkdir -p */
/* Delete a file, or a folder with all in it (never follows links); missing is fine. */
adze_status az_remove_tree(adze_run *run, const char *path, adze_error *err);
/* Names in a folder, sorted, "." and ".." left out; free the list with az_free_names. */
adze_status az_list_dir(adze_run *run, const char *path, char ***names, size_t *n, adze_error *err);
void az_free_names(adze_run *run, char **names, size_t n);

/* New "dir/name" string; "name" alone when dir is "" or NULL. NULL: out of memory. */
char *az_path_join(adze_run *run, const char *dir, const char *name);
const char *az_path_base(const char *path);         /* part after the last '/' */
char *az_path_dir(adze_run *run, const char *path); /* part before it, "." if none */

/* Map a whole file read-only; *data NULL for an empty file. Only the engine maps files. */
adze_status az_map_file(adze_run *run, int fd, const char *path, const void **data, size_t *n,
                        adze_error *err);
void az_unmap(const void *data, size_t n);
/* Part of a mapped file is not needed in memory for now; it is read again when touched. */
void az_map_forget(const void *data, size_t n);
/* Was the file cut off since, and something read that is gone? What was read instead is zeros. */
bool az_map_lost(const void *data);

#endif
