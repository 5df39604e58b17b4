/* The cache's folders, links, refs and locks. */
#include "hub/cache.h"
#include "hub/listing.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { LINK_MAX_BYTES = 4096, MAX_DEPTH = 33, MAX_ENTRIES = 50000 };

adze_status az_hub_cache_init(az_hub_cache *c, az_arena *a, const az_hub_env *env, const char *repo,
                              adze_error *err)
{
    const char *slash = strchr(repo, '/');
    const char *folder =
        slash ? az_arena_printf(a, "models--%.*s--%s", (int)(slash - repo), repo, slash + 1)
              : az_arena_printf(a, "models--%s", repo);

    *c = (az_hub_cache){ .run = a->run, .root = env->cache, .links = !env->no_symlinks };
    if (!folder) return az_fail_nomem(err, "naming the cache");
    c->repo = az_arena_printf(a, "%s/%s", c->root, folder);
    c->blobs = az_arena_printf(a, "%s/%s/blobs", c->root, folder);
    c->locks = az_arena_printf(a, "%s/.locks/%s", c->root, folder);
    return c->repo && c->blobs && c->locks ? ADZE_OK : az_fail_nomem(err, "naming the cache");
}

/* Tells backup programs that everything here can be loaded again. Source: bford.info/cachedir. */
static adze_status tag_root(az_hub_cache *c, adze_error *err)
{
    static const char tag[] = "Signature: 8a477f597d28d172789f06886806bc55\n"
                              "# Models that can be loaded again.\n";
    char *path = az_path_join(c->run, c->root, "CACHEDIR.TAG");
    adze_status rc = ADZE_OK;

    if (!path) return az_fail_nomem(err, "naming the cache");
    if (!az_exists(c->run, path)) rc = az_write_file(c->run, path, tag, sizeof tag - 1, err);
    az_free(c->run, path);
    return rc;
}

adze_status az_hub_cache_make(az_hub_cache *c, adze_error *err)
{
    adze_status rc = az_mkdirs(c->run, c->blobs, err);

    if (rc == ADZE_OK) rc = az_mkdirs(c->run, c->locks, err);
    return rc < 0 ? rc : tag_root(c, err);
}

char *az_hub_snapshot(const az_hub_cache *c, const char *commit)
{
    return az_asprintf(c->run, "%s/snapshots/%s", c->repo, commit);
}

static bool has_size(adze_run *run, const char *path, uint64_t size)
{
    az_stat st;

    return path && run->io.stat(run->io.user, -1, path, -1, &st) >= 0 && st.is_file &&
           st.size_bytes == size;
}

bool az_hub_cached(const az_hub_cache *c, const char *commit, const az_hub_file *f)
{
    char *path = az_path_join(c->run, c->blobs, f->oid), target[8];
    bool there = has_size(c->run, path, f->size_bytes);

    az_free(c->run, path);
    if (there) return true;
    path = az_asprintf(c->run, "%s/snapshots/%s/%s", c->repo, commit, f->name);
    there = path && has_size(c->run, path, f->size_bytes) &&
            c->run->io.readlink(c->run->io.user, path, target, sizeof target) < 0;
    az_free(c->run, path);
    return there;
}

/* Another name first and then a rename: a reader never finds the name missing or half made. */
static int replace_link(az_hub_cache *c, const char *target, const char *path)
{
    adze_run *run = c->run;
    uint32_t tag = 0;
    char *tmp;
    int e;

    if (az_random(run, &tag, sizeof tag, NULL) < 0) return -EIO;
    tmp = az_asprintf(run, "%s.%08x.tmp", path, tag);
    if (!tmp) return -ENOMEM;
    e = run->io.symlink(run->io.user, target, tmp);
    if (e >= 0) e = run->io.rename(run->io.user, tmp, path);
    if (e < 0) run->io.unlink(run->io.user, tmp);
    az_free(run, tmp);
    return e;
}

/* "../../blobs/OID", one more ".." for each folder in the name. */
static char *link_target(az_hub_cache *c, const az_hub_file *f)
{
    char up[3 * MAX_DEPTH + 1] = "";
    size_t n = 0;

    for (const char *s = f->name; (s = strchr(s, '/')) != NULL && n + 4 < sizeof up; s++, n += 3)
        memcpy(up + n, "../", 4);
    return az_asprintf(c->run, "%s../../blobs/%s", up, f->oid);
}

static adze_status place(az_hub_cache *c, const char *path, const az_hub_file *f, adze_error *err)
{
    adze_run *run = c->run;
    char *target = link_target(c, f), *blob = az_path_join(run, c->blobs, f->oid);
    char now[LINK_MAX_BYTES];
    int64_t n = run->io.readlink(run->io.user, path, now, sizeof now);
    int e = -EPERM;

    if (!target || !blob) {
        e = -ENOMEM;
    } else if (n == (int64_t)strlen(target) && memcmp(now, target, (size_t)n) == 0) {
        e = 0; /* as it was left */
    } else if (n < 0 && has_size(run, path, f->size_bytes) && !has_size(run, blob, f->size_bytes)) {
        e = 0; /* the file itself, on a disk without links */
    } else {
        if (c->links) e = replace_link(c, target, path);
        if (e == -EPERM || e == -ENOTSUP || e == -ENOSYS || e == -EOPNOTSUPP)
            e = run->io.rename(run->io.user, blob, path);
    }
    az_free(run, target);
    az_free(run, blob);
    return e < 0 ? az_fail_errno(err, path, "name the file", -e) : ADZE_OK;
}

adze_status az_hub_link(az_hub_cache *c, const char *commit, const az_hub_file *f, adze_error *err)
{
    char *path = az_asprintf(c->run, "%s/snapshots/%s/%s", c->repo, commit, f->name);
    char *dir = path ? az_path_dir(c->run, path) : NULL;
    adze_status rc = dir ? az_mkdirs(c->run, dir, err) : az_fail_nomem(err, "naming a file");

    if (rc == ADZE_OK) rc = place(c, path, f, err);
    az_free(c->run, path);
    az_free(c->run, dir);
    return rc;
}

adze_status az_hub_write_ref(az_hub_cache *c, const char *revision, const char *commit,
                             adze_error *err)
{
    char *path, *dir, *old = NULL;
    adze_status rc;
    size_t n = 0;

    if (strcmp(revision, commit) == 0) return ADZE_OK;
    path = az_asprintf(c->run, "%s/refs/%s", c->repo, revision);
    dir = path ? az_path_dir(c->run, path) : NULL;
    rc = dir ? az_mkdirs(c->run, dir, err) : az_fail_nomem(err, "naming a revision");
    if (rc == ADZE_OK && az_exists(c->run, path) &&
        az_read_file(c->run, path, 256, &old, &n, NULL) == ADZE_OK && strcmp(old, commit) == 0)
        goto done;
    if (rc == ADZE_OK) rc = az_write_file(c->run, path, commit, strlen(commit), err);
done:
    az_free(c->run, old);
    az_free(c->run, path);
    az_free(c->run, dir);
    return rc;
}

adze_status az_hub_read_ref(az_hub_cache *c, az_hub_result *r, adze_error *err)
{
    char *path, *text = NULL;
    adze_status rc;
    size_t n = 0;

    if (az_hub_is_hex(r->name.revision, AZ_HUB_COMMIT_HEX)) {
        memcpy(r->commit, r->name.revision, AZ_HUB_COMMIT_HEX + 1);
        return ADZE_OK;
    }
    path = az_asprintf(c->run, "%s/refs/%s", c->repo, r->name.revision);
    if (!path) return az_fail_nomem(err, "looking into the cache");
    rc = az_exists(c->run, path) ? az_read_file(c->run, path, 256, &text, &n, err) : ADZE_ENOENT;
    if (rc == ADZE_OK) {
        text[strcspn(text, "\r\n ")] = 0;
        if (az_hub_is_hex(text, AZ_HUB_COMMIT_HEX))
            memcpy(r->commit, text, AZ_HUB_COMMIT_HEX + 1);
        else
            rc = az_fail(err, ADZE_EFORMAT, path, 0, "does not hold a commit");
    } else if (rc == ADZE_ENOENT) {
        az_fail(err, ADZE_ENOENT, r->name.repo, ADZE_NOPOS, "revision %s is not in the cache %s",
                r->name.revision, c->root);
    }
    az_free(c->run, text);
    az_free(c->run, path);
    return rc;
}

typedef struct walk {
    az_hub_cache *c;
    az_hub_result *r;
    const char *top;
    size_t cap;
} walk;

static adze_status add_found(walk *w, const char *name, uint64_t size, adze_error *err)
{
    az_hub_result *r = w->r;
    az_hub_file *grown;

    if (r->n_files == MAX_ENTRIES)
        return az_fail(err, ADZE_EFORMAT, w->top, ADZE_NOPOS, "holds more than %d files",
                       MAX_ENTRIES);
    if (r->n_files == w->cap) {
        w->cap = w->cap ? w->cap * 2 : 32;
        grown = az_arena_array(&r->arena, w->cap, sizeof *grown);
        if (!grown) return az_fail_nomem(err, "looking into the cache");
        if (r->n_files) memcpy(grown, r->files, r->n_files * sizeof *grown);
        r->files = grown;
    }
    r->files[r->n_files] = (az_hub_file){ .name = az_arena_strdup(&r->arena, name),
                                          .size_bytes = size,
                                          .cached = true };
    return r->files[r->n_files++].name ? ADZE_OK : az_fail_nomem(err, "looking into the cache");
}

static adze_status walk_folder(walk *w, const char *rel, int depth, adze_error *err)
{
    adze_run *run = w->c->run;
    char *dir = rel[0] ? az_path_join(run, w->top, rel) : az_strdup(run, w->top), **names = NULL;
    adze_status rc = dir ? ADZE_OK : az_fail_nomem(err, "looking into the cache");
    size_t n = 0;

    if (rc == ADZE_OK) rc = az_list_dir(run, dir, &names, &n, err);
    for (size_t i = 0; rc == ADZE_OK && i < n; i++) {
        char *name = az_path_join(run, rel, names[i]);
        char *path = name ? az_path_join(run, w->top, name) : NULL;
        az_stat st;
        if (!path)
            rc = az_fail_nomem(err, "looking into the cache");
        else if (run->io.stat(run->io.user, -1, path, -1, &st) < 0)
            rc = ADZE_OK; /* a link whose blob is gone */
        else if (st.is_dir && depth < MAX_DEPTH)
            rc = walk_folder(w, name, depth + 1, err);
        else if (st.is_file)
            rc = add_found(w, name, st.size_bytes, err);
        az_free(run, path);
        az_free(run, name);
    }
    az_free_names(run, names, n);
    az_free(run, dir);
    return rc;
}

adze_status az_hub_read_snapshot(az_hub_cache *c, az_hub_result *r, adze_error *err)
{
    char *top = az_hub_snapshot(c, r->commit);
    walk w = { .c = c, .r = r, .top = top };
    adze_status rc;

    r->files = NULL;
    r->n_files = 0;
    if (!top) return az_fail_nomem(err, "looking into the cache");
    if (az_exists(c->run, top))
        rc = walk_folder(&w, "", 0, err);
    else
        rc = az_fail(err, ADZE_ENOENT, r->name.repo, ADZE_NOPOS, "commit %s is not in the cache %s",
                     r->commit, c->root);
    az_free(c->run, top);
    return rc < 0 ? rc : az_hub_sort_files(r, err);
}

adze_status az_hub_lock(az_hub_cache *c, const char *oid, int *fd, adze_error *err)
{
    char *path = az_asprintf(c->run, "%s/%s.lock", c->locks, oid);
    adze_status rc;
    az_stat mine, now;
    int e;

    *fd = -1;
    if (!path) return az_fail_nomem(err, "locking the cache");
    rc = az_open(c->run, path, AZ_OPEN_UPDATE, fd, err);
    if (rc == ADZE_OK) {
        e = c->run->io.lock(c->run->io.user, *fd);
        if (e >= 0 && az_fstat(c->run, *fd, path, &mine, NULL) == ADZE_OK &&
            (az_stat_path(c->run, path, &now, NULL) < 0 || now.ino != mine.ino))
            e = -EAGAIN; /* its owner deleted it meanwhile: a lock on no name locks nobody out */
        if (e < 0) {
            az_close(c->run, *fd);
            *fd = -1;
        }
        if (e < 0 && e != -EAGAIN && e != -EWOULDBLOCK)
            rc = az_fail(err, ADZE_EIO, path, ADZE_NOPOS,
                         "cannot be locked: %s; set HF_HUB_CACHE to a folder on a disk that has "
                         "locks",
                         strerror(-e));
    }
    az_free(c->run, path);
    return rc;
}
