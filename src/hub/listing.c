/* The hub's listing, page by page. Everything in it is hostile: counts, sizes, hashes and above all names. */
#include "hub/listing.h"
#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_REPLY ((size_t)32 << 20)
enum { MAX_PAGES = 1000, MAX_FILES = 50000 };

bool az_hub_is_hex(const char *s, size_t digits)
{
    return s && strlen(s) == digits && strspn(s, "0123456789abcdef") == digits;
}

static adze_status get_json(az_http *h, const char *url, const char *repo, const char *what,
                            json_t **out, az_http_reply *r, adze_error *err)
{
    az_buf body;
    adze_status rc = az_http_get(h, url, what, MAX_REPLY, &body, r, err);

    *out = NULL;
    if (rc == ADZE_OK) {
        rc = az_json_parse(out, body.data ? body.data : "", body.size, what, err);
        if (rc == ADZE_EFORMAT) {
            char why[200];
            if (err) {
                memcpy(why, err->msg, sizeof why - 1);
                why[sizeof why - 1] = 0;
                az_fail_name(err, ADZE_EFORMAT, repo, what, ADZE_NOPOS, "the server's reply is %s",
                             why);
            }
        }
    }
    az_buf_deinit(&body);
    return rc;
}

adze_status az_hub_find_commit(az_http *h, adze_run *run, const az_hub_env *env, az_hub_result *r,
                               adze_error *err)
{
    const char *sha;
    az_http_reply reply;
    json_t *j = NULL;
    adze_status rc;
    az_buf url;

    if (az_hub_is_hex(r->name.revision, AZ_HUB_COMMIT_HEX)) {
        memcpy(r->commit, r->name.revision, AZ_HUB_COMMIT_HEX + 1);
        return ADZE_OK;
    }
    az_buf_init(&url, run);
    az_buf_printf(&url, "%s/api/models/%s/revision/", env->endpoint, r->name.repo);
    az_url_put(&url, r->name.revision, false);
    if (!az_buf_ok(&url)) {
        az_buf_deinit(&url);
        return az_fail_nomem(err, "asking the hub");
    }
    rc = get_json(h, url.data, r->name.repo, r->name.revision, &j, &reply, err);
    az_buf_deinit(&url);
    if (rc < 0) return rc;
    sha = az_json_str(j, "sha");
    if (az_hub_is_hex(sha, AZ_HUB_COMMIT_HEX))
        memcpy(r->commit, sha, AZ_HUB_COMMIT_HEX + 1);
    else
        rc = az_fail_name(err, ADZE_EFORMAT, r->name.repo, r->name.revision, ADZE_NOPOS,
                          "the server's reply names no commit");
    json_decref(j);
    return rc;
}

typedef struct list {
    az_hub_result *r;
    size_t cap;
} list;

static adze_status bad_entry(const list *l, const char *name, const char *why, adze_error *err)
{
    return az_fail_name(err, ADZE_EFORMAT, l->r->name.repo, name, ADZE_NOPOS,
                        "the hub's listing is refused: this file %s", why);
}

static adze_status add_file(list *l, const json_t *e, adze_error *err)
{
    const char *path = az_json_str(e, "path"), *type = az_json_str(e, "type");
    const json_t *lfs = json_object_get(e, "lfs");
    const char *oid = az_json_str(json_is_object(lfs) ? lfs : e, "oid"), *bad;
    az_hub_file *f, *grown;
    int64_t size, lfs_size;

    if (!path || !type) return bad_entry(l, "?", "has no path or no type", err);
    bad = az_hub_bad_path(path);
    if (bad) return bad_entry(l, path, bad, err);
    if (strcmp(type, "file") != 0) return ADZE_OK; /* folders, and links to other repositories */
    if (!az_hub_is_hex(oid, json_is_object(lfs) ? 64 : 40))
        return bad_entry(l, path, "has no proper hash", err);
    if (!az_json_int(e, "size", &size) || size < 0)
        return bad_entry(l, path, "has no proper size", err);
    if (json_is_object(lfs) && (!az_json_int(lfs, "size", &lfs_size) || lfs_size != size))
        return bad_entry(l, path, "has two sizes", err);
    if (l->r->n_files == MAX_FILES)
        return az_fail(err, ADZE_EFORMAT, l->r->name.repo, ADZE_NOPOS,
                       "the repository has more than %d files", MAX_FILES);
    if (l->r->n_files == l->cap) { /* grown copies stay in the arena: at most twice the list */
        l->cap = l->cap ? l->cap * 2 : 64;
        grown = az_arena_array(&l->r->arena, l->cap, sizeof *grown);
        if (!grown) return az_fail_nomem(err, "reading the hub's listing");
        if (l->r->n_files) memcpy(grown, l->r->files, l->r->n_files * sizeof *grown);
        l->r->files = grown;
    }
    f = &l->r->files[l->r->n_files++];
    *f = (az_hub_file){ .name = az_arena_strdup(&l->r->arena, path), .size_bytes = (uint64_t)size };
    memcpy(f->oid, oid, strlen(oid) + 1);
    return f->name ? ADZE_OK : az_fail_nomem(err, "reading the hub's listing");
}

static adze_status add_page(list *l, const json_t *page, adze_error *err)
{
    adze_status rc = ADZE_OK;

    if (!json_is_array(page))
        return az_fail(err, ADZE_EFORMAT, l->r->name.repo, ADZE_NOPOS,
                       "the hub's listing is no list");
    for (size_t i = 0; rc == ADZE_OK && i < json_array_size(page); i++)
        rc = add_file(l, json_array_get(page, i), err);
    return rc;
}

adze_status az_hub_list(az_http *h, adze_run *run, const az_hub_env *env, az_hub_result *r,
                        adze_error *err)
{
    char *url = az_asprintf(run, "%s/api/models/%s/tree/%s?recursive=true&expand=false",
                            env->endpoint, r->name.repo, r->commit);
    list l = { .r = r };
    az_http_reply reply;
    adze_status rc = url ? ADZE_OK : az_fail_nomem(err, "asking the hub");
    json_t *page;

    for (int n = 0; rc == ADZE_OK && url; n++) {
        if (n == MAX_PAGES) {
            rc = az_fail(err, ADZE_EFORMAT, r->name.repo, ADZE_NOPOS,
                         "the hub's listing has more than %d pages", MAX_PAGES);
            break;
        }
        rc = get_json(h, url, r->name.repo, "listing", &page, &reply, err);
        if (rc == ADZE_OK) rc = add_page(&l, page, err);
        json_decref(page);
        az_free(run, url);
        url = NULL;
        if (rc < 0 || !reply.next[0]) break;
        if (!az_url_same_origin(reply.next, env->endpoint))
            rc = az_fail(err, ADZE_EFORMAT, r->name.repo, ADZE_NOPOS,
                         "the hub's listing goes on at another server");
        else if (!(url = az_strdup(run, reply.next)))
            rc = az_fail_nomem(err, "asking the hub");
    }
    az_free(run, url);
    return rc < 0 ? rc : az_hub_sort_files(r, err);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const az_hub_file *)a)->name, ((const az_hub_file *)b)->name);
}

adze_status az_hub_sort_files(az_hub_result *r, adze_error *err)
{
    list l = { .r = r };

    if (r->n_files) qsort(r->files, r->n_files, sizeof *r->files, by_name);
    for (size_t i = 1; i < r->n_files; i++)
        if (strcmp(r->files[i].name, r->files[i - 1].name) == 0)
            return bad_entry(&l, r->files[i].name, "is named twice", err);
    return ADZE_OK;
}

static int by_folded(const void *a, const void *b)
{
    return strcasecmp(*(const char *const *)a, *(const char *const *)b);
}

static adze_status clash(const az_hub_result *r, const char *a, const char *b, adze_error *err)
{
    list l = { .r = (az_hub_result *)(uintptr_t)r };
    char why[256];

    snprintf(why, sizeof why, "and \"%.200s\" cannot both be on a disk", b);
    return bad_entry(&l, a, why, err);
}

/* Whether a folder of `name` is one of the names; *hit is that one. */
static bool folder_is_file(const char *name, const char **names, size_t n, const char **hit)
{
    char folder[1100];

    for (const char *s = strchr(name, '/'); s; s = strchr(s + 1, '/')) {
        const char *key = folder, **found;
        memcpy(folder, name, (size_t)(s - name));
        folder[s - name] = 0;
        found = bsearch(&key, names, n, sizeof *names, by_folded);
        if (found) {
            *hit = *found;
            return true;
        }
    }
    return false;
}

adze_status az_hub_check_clashes(adze_run *run, const az_hub_result *r, adze_error *err)
{
    const char **names = az_alloc_array(run, r->n_files + 1, sizeof *names), *hit;
    adze_status rc = ADZE_OK;
    size_t n = 0;

    if (!names) return az_fail_nomem(err, "comparing names");
    for (size_t i = 0; i < r->n_files; i++)
        if (r->files[i].chosen) names[n++] = r->files[i].name;
    qsort(names, n, sizeof *names, by_folded);
    for (size_t i = 0; rc == ADZE_OK && i < n; i++)
        if (i && strcasecmp(names[i], names[i - 1]) == 0)
            rc = clash(r, names[i], names[i - 1], err);
        else if (folder_is_file(names[i], names, n, &hit))
            rc = clash(r, names[i], hit, err);
    az_free(run, names);
    return rc;
}
